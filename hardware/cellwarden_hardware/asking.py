"""Questions and answers on a line, for any protocol that the scanner understands.

Several packs may share the line: a question and its answer are never interrupted by another's.
"""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Generic, Protocol, TypeVar

from cellwarden.errors import LinkTimeout
from cellwarden.links.shared import SharedLine
from cellwarden_hardware.codecs.scanner import BadFrame, Framing, Scanner

Frame = TypeVar("Frame")

# On a wire a frame has no gaps of its own; a gateway on a radio network may pause in the middle.
_SILENCE_S = 0.15
_GATEWAY_SILENCE_S = 0.5


class Stream(Protocol):
    """Bytes both ways; see `SerialLink`."""

    async def write(self, data: bytes) -> None:
        """Send all bytes."""

    async def read(self, timeout_s: float, *, at_least: int, silence_s: float) -> bytes:
        """Return what comes."""

    def discard(self) -> None:
        """Throw away what has come so far."""


class Line(Protocol):
    """What is asked on; see `SharedLine`."""

    name: str
    url: str

    @property
    def holders(self) -> int:
        """How many share it."""

    async def open(self) -> None:
        """Open it."""

    async def close(self) -> None:
        """Close it."""

    def turn(self, spacing_s: float = 0.0) -> AbstractAsyncContextManager[Stream]:
        """Have it alone."""


class Asker(Generic[Frame]):
    """What one driver asks on a line. May be opened again after `close()`."""

    def __init__(
        self,
        line: Line,
        *,
        framing: Framing[Frame],
        spacing_s: float = 0.0,
        silence_s: float = _SILENCE_S,
    ) -> None:
        """Keep `spacing_s` of silence between an answer and the next question.

        A line that is silent for `silence_s` in the middle of an answer has ended it.
        """
        self._line = line
        self._framing = framing
        self._spacing_s = spacing_s
        self._silence_s = silence_s
        self._free_s = 0.0  # loop time from which the line may be used again
        self._usual: dict[bytes, int] = {}  # bytes that answer a request, its echo included

    @classmethod
    def on_port(
        cls, url: str, *, baudrate: int, name: str, framing: Framing[Frame], spacing_s: float = 0.0
    ) -> "Asker[Frame]":
        """Return one on a serial port or behind a gateway, which others may share."""
        return cls(
            SharedLine(url, baudrate=baudrate, name=name),
            framing=framing,
            spacing_s=spacing_s,
            silence_s=_GATEWAY_SILENCE_S if "://" in url else _SILENCE_S,
        )

    async def open(self) -> None:
        """Open the line. LinkError if that fails."""
        self._usual.clear()
        await self._line.open()

    async def close(self) -> None:
        """Close the line, unless others use it; may be called twice."""
        await self._line.close()

    async def ask(
        self,
        request: bytes,
        accept: Callable[[Frame], bool],
        *,
        wait_s: float,
        count: int = 1,
        size: int = 0,
        tries: int = 1,
    ) -> list[Frame]:
        """Return the frames that answer a request; where one is wanted, exactly one.

        Echoes, the answers of others and noise in front are skipped. A series may be longer than
        the `count` that is needed: `size` is how many bytes to wait for the first time.
        LinkTimeout when nothing came, after as many `tries`; FrameError for a bad answer;
        LinkError at once when the port goes away.
        """
        async with self._line.turn() as link:
            for _ in range(tries):
                expected = self._usual.get(request, size)
                answer = _Answer(self._framing, accept, count, expected)
                await self._exchange(link, request, answer, wait_s)
                if answer.done or answer.bad is not None:
                    break
        if answer.done:
            self._usual[request] = answer.heard
            return answer.frames if count > 1 else answer.frames[:1]  # it may come twice
        if answer.bad is not None:
            raise answer.bad.error()
        raise LinkTimeout(self._line.name, f"no answer on {self._line.url} in {wait_s:g} s")

    async def _exchange(
        self, link: Stream, request: bytes, answer: "_Answer[Frame]", wait_s: float
    ) -> None:
        loop = asyncio.get_running_loop()
        shared = self._line.holders > 1
        pause_s = self._spacing_s if shared else self._free_s - loop.time()
        if pause_s > 0:
            await asyncio.sleep(pause_s)
        link.discard()
        await link.write(request)
        try:
            await self._hear(link, answer, loop.time() + wait_s)
        finally:
            self._free_s = loop.time() + self._spacing_s

    async def _hear(self, link: Stream, answer: "_Answer[Frame]", until_s: float) -> None:
        loop = asyncio.get_running_loop()
        while (left_s := until_s - loop.time()) > 0:
            # Once bytes have come, silence says more than the time that is left.
            wait_s = min(left_s, self._silence_s) if answer.begun else left_s
            at_least = answer.missing
            try:
                data = await link.read(wait_s, at_least=at_least, silence_s=self._silence_s)
            except LinkTimeout:
                data = b""
            answer.add(data, silent=len(data) < at_least)
            if answer.done or answer.refused or not data:
                return


class _Answer(Generic[Frame]):
    """What has been heard of one answer."""

    def __init__(
        self, framing: Framing[Frame], accept: Callable[[Frame], bool], count: int, expected: int
    ) -> None:
        self.frames: list[Frame] = []
        self.bad: BadFrame | None = None
        self.heard = 0
        self._scanner = Scanner(framing)
        self._accept = accept
        self._count = count
        self._expected = expected

    @property
    def begun(self) -> bool:
        return bool(self.frames) or self.bad is not None or self._scanner.unfinished

    @property
    def missing(self) -> int:
        """How many bytes are worth waiting for together."""
        return max(self._scanner.missing, self._expected - self.heard)

    @property
    def done(self) -> bool:
        """Whether all is there; of a series that has a bad frame nothing is used."""
        return len(self.frames) >= self._count and (self._count == 1 or self.bad is None)

    @property
    def refused(self) -> bool:
        """Whether the device said no; nothing more will come."""
        return self.bad is not None and self.bad.kind in ("device_error", "modbus_exception")

    def add(self, data: bytes, *, silent: bool) -> None:
        self.heard += len(data)
        events = self._scanner.feed(data)
        if silent:
            events += self._scanner.reset()
        for event in events:
            if isinstance(event, BadFrame):
                if event.kind != "header":
                    self.bad = self.bad or event
            elif self._accept(event):
                self.frames.append(event)
