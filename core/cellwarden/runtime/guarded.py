"""A pack's driver with one user at a time: the poller that reads, or the gate that writes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from cellwarden.errors import LinkError, LinkTimeout
from cellwarden.interfaces import Driver, Writer
from cellwarden.model import Reading

_TURN_S = 5.0
"""Real s to wait for the turn; a poll takes 2 s at most. Who opens a link has it for longer: then
there is none."""


class Guarded:
    """A driver as the poller uses it; `turn()` is how anybody else comes in between.

    Both sides talk one after the other, so that there are never two talkers on a line.
    """

    def __init__(self, driver: Driver, pack: str) -> None:
        self.pack = pack
        self.driver = driver
        """The driver within."""
        self._lock = asyncio.Lock()
        self._heard = False

    @property
    def writer(self) -> Writer | None:
        """The driver's writing side, None if it has none."""
        writer = getattr(innermost(self.driver), "writer", None)
        return writer if isinstance(writer, Writer) else None

    @property
    def why_read_only(self) -> str:
        """Why a driver without a writing side has none, for a person."""
        text = getattr(innermost(self.driver), "why_read_only", "")
        return text or "the driver of this pack only reads"

    @property
    def ready(self) -> bool:
        """Whether the link is up and the pack that is meant has answered on it."""
        return self._heard

    async def open(self) -> None:
        """Open the link."""
        async with self._lock:
            self._heard = False
            await self.driver.open()

    async def poll(self) -> Reading:
        """Ask once; see `Driver`."""
        async with self._lock:
            reading = await self.driver.poll()
            self._heard = True
            return reading

    async def close(self) -> None:
        """Close the link, after whatever is being written has come to its end."""
        async with self._lock:
            self._heard = False
            await self.driver.close()

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[Writer]:
        """Wait for the turn and have the writing side alone.

        LinkError where the link is down, LinkTimeout where the turn does not come.
        """
        writer = self.writer
        if writer is None:
            raise LinkError(self.pack, self.why_read_only)
        try:
            async with asyncio.timeout(_TURN_S):
                await self._lock.acquire()
        except TimeoutError as error:
            raise LinkTimeout(self.pack, "its line is busy") from error
        try:
            if not self._heard:
                raise LinkError(self.pack, "there is no connection to its BMS now")
            yield writer
        finally:
            self._lock.release()


def innermost(driver: Driver) -> object:
    """Return the driver within its wrappers; each of them keeps the next as `driver`."""
    inner: object = driver
    while (wrapped := getattr(inner, "driver", None)) is not None:
        inner = wrapped
    return inner
