"""One serial line for several drivers, as on RS485 with many packs: who is on it, and whose turn.

The first to open a port opens it, the last to close it closes it. Whoever has the turn has the
line alone; the others wait in the order in which they came. What breaks the line for one breaks
it for all: each finds out at its next turn, and the first to open again opens it for everybody.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakKeyDictionary

from cellwarden.errors import LinkError, LinkTimeout
from cellwarden.links.serial import SerialLink

_OVERHEARD_BYTES = 8192
"""What is kept for a listener that does not fetch it."""


class _Line:
    """An open port and who holds it."""

    def __init__(self, url: str, baudrate: int, name: str) -> None:
        self.link = SerialLink(url, baudrate=baudrate, name=name)
        self.baudrate = baudrate
        self.turn = asyncio.Lock()
        self.members: list[SharedLine] = []
        self.is_open = False
        self.begun_s = float("-inf")
        """Loop time at which the last turn began."""
        self.read_s = float("-inf")
        """Loop time of the last read that a listener passed on."""

    async def shut(self) -> None:
        self.is_open = False
        await self.link.close()


_LINES: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, _Line]] = WeakKeyDictionary()
"""The lines that are open, or being opened, on each loop by port."""


class SharedLine:
    """One driver's hold on a serial line. May be opened again after `close()`."""

    def __init__(self, url: str, *, baudrate: int, name: str) -> None:
        """Take a device path or gateway; `name` is what errors of this holder call it."""
        self.url = url
        self.name = name
        self._baudrate = baudrate
        self._line: _Line | None = None
        self._overheard = bytearray()

    async def open(self) -> None:
        """Join the line; LinkError if the port cannot be opened, or is open at another speed."""
        await self.close()
        lines = _LINES.setdefault(asyncio.get_running_loop(), {})
        key = self._key()
        line = lines.get(key)
        if line is None:
            line = lines[key] = _Line(self.url, self._baudrate, self.name)
        if line.baudrate != self._baudrate:
            raise LinkError(
                self.name,
                f"{self.url} is open at {line.baudrate} baud for {line.members[0].name}: give"
                " every pack on it the same baudrate",
            )
        line.members.append(self)
        self._line = line
        try:
            async with line.turn:
                if not line.is_open:
                    line.link.name = self.name
                    await line.link.open()
                    line.is_open = True
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Leave the line; the last one out closes the port. May be called twice."""
        line, self._line = self._line, None
        self._overheard.clear()
        if line is None:
            return
        line.members.remove(self)
        if not line.members:
            lines = _LINES[asyncio.get_running_loop()]
            for key in [key for key, open_ in lines.items() if open_ is line]:
                del lines[key]
            await line.shut()

    @property
    def holders(self) -> int:
        """How many hold the line, this one included; 0 while it is not open."""
        return len(self._line.members) if self._line else 0

    @asynccontextmanager
    async def turn(self, spacing_s: float = 0.0) -> AsyncIterator[SerialLink]:
        """Wait for the turn and have the line alone; LinkError if it is no longer open.

        A turn begins at least `spacing_s` after the one before it began.
        """
        line = self._opened()
        loop = asyncio.get_running_loop()
        async with line.turn:
            if not line.is_open or self._line is not line:
                raise LinkError(self.name, f"{self.url} is closed")
            wait_s = line.begun_s + spacing_s - loop.time()
            if wait_s > 0:
                await asyncio.sleep(wait_s)
            line.begun_s = loop.time()
            line.link.name = self.name
            try:
                yield line.link
            except LinkTimeout:
                raise
            except LinkError:
                await line.shut()
                raise

    def asks_again(self) -> None:
        """Space the next turn from now: within this one something more is asked."""
        self._opened().begun_s = asyncio.get_running_loop().time()

    async def listen(self, timeout_s: float) -> bytes:
        """Return what came in since the last call here, whoever read it, b"" after the timeout.

        For those who only listen: every holder hears every byte. Bytes that came while nobody
        listened for more than a second are thrown away, for nobody could say how old they are.
        """
        line = self._opened()
        loop = asyncio.get_running_loop()
        if not self._overheard:
            async with self.turn() as link:
                if not self._overheard:  # nobody read while we waited for the turn
                    if loop.time() - line.read_s > _UNHEARD_S:
                        link.discard()
                    try:
                        heard = await link.read(timeout_s)
                    except LinkTimeout:
                        heard = b""
                    line.read_s = loop.time()
                    for member in line.members:
                        member.overhear(heard)
        heard = bytes(self._overheard)
        self._overheard.clear()
        return heard

    def overhear(self, data: bytes) -> None:
        """Keep what another holder read."""
        if len(self._overheard) + len(data) > _OVERHEARD_BYTES:
            self._overheard.clear()  # nobody fetches it; half a story is worse than none
        self._overheard += data

    def _opened(self) -> _Line:
        if self._line is None:
            raise LinkError(self.name, f"{self.url} is not open")
        return self._line

    def _key(self) -> str:
        # Two names of one port are one line.
        return self.url if "://" in self.url else os.path.realpath(self.url)


_UNHEARD_S = 1.5
"""Polls once a second keep a line heard; longer, and what the kernel kept may be old."""
