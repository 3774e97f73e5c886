"""A Bluetooth module that passes bytes on, used like a serial line: questions and answers."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from cellwarden.errors import LinkTimeout
from cellwarden_hardware.ble import BleLink

SILENCE_S = 0.5
"""Notifications come with every connection interval, which a busy radio stretches."""
_KEPT_BYTES = 4096


class BleLine:
    """One device; what it notifies is read as a stream. May be opened again after `close()`."""

    def __init__(
        self,
        address: str,
        *,
        service: str,
        notify: str,
        write: str,
        name: str,
        adapter: str | None,
    ) -> None:
        """Describe the link; see `BleLink`."""
        self.url = address
        self.name = name
        self.holders = 1
        self._link = BleLink(
            address,
            service=service,
            notify=notify,
            write=write,
            name=name,
            adapter=adapter,
            heard=self._hear,
            ended=self._wake,
        )
        self._heard = bytearray()
        self._news = asyncio.Event()

    async def open(self) -> None:
        """Connect and listen."""
        self.discard()
        await self._link.open()

    async def close(self) -> None:
        """Disconnect; may be called twice."""
        await self._link.close()
        self._wake()

    @asynccontextmanager
    async def turn(self, spacing_s: float = 0.0) -> AsyncIterator["BleLine"]:  # noqa: ARG002
        """Have the line; a device has one master only."""
        self._link.check()
        yield self

    async def write(self, data: bytes) -> None:
        """Send bytes."""
        await self._link.write(data)

    async def read(self, timeout_s: float, *, at_least: int = 1, silence_s: float = 0.0) -> bytes:
        """Return what comes, as `SerialLink.read` does."""
        loop = asyncio.get_running_loop()
        until_s = loop.time() + timeout_s
        while len(self._heard) < at_least:
            before = len(self._heard)
            await self._wait(until_s - loop.time())
            if len(self._heard) > before:
                until_s = loop.time() + silence_s
            elif loop.time() >= until_s:
                break
        if not self._heard:
            raise LinkTimeout(self.name, f"no answer from {self.url} within {timeout_s:g} s")
        heard = bytes(self._heard)
        self._heard.clear()
        return heard

    def discard(self) -> None:
        """Throw away what has come so far."""
        self._heard.clear()

    async def _wait(self, for_s: float) -> None:
        self._news.clear()
        self._link.check()
        try:
            async with asyncio.timeout(max(0.0, for_s)):
                await self._news.wait()
        except TimeoutError:
            return
        self._link.check()

    def _hear(self, data: bytes) -> None:
        if len(self._heard) > _KEPT_BYTES:
            self._heard.clear()  # nobody reads
        self._heard += data
        self._wake()

    def _wake(self) -> None:
        self._news.set()
