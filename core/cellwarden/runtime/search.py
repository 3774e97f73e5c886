"""A pack that is found by its serial number, on whichever port it is now.

For adapters without a stable name: after a re-plug or a reboot they come back under another one.
"""

import asyncio
from collections.abc import Callable
from weakref import WeakKeyDictionary

from cellwarden.errors import FrameError, LinkError, LinkTimeout
from cellwarden.interfaces import Driver
from cellwarden.links.ports import matching, serial_ports
from cellwarden.model import Reading
from cellwarden.runtime.identity import NotToldYet, OnlyThisPack

_SILENT_POLLS = 2
"""Polls without an answer after which a port is not the one; the first may only wake a BMS."""
_TELL_S = 15.0
"""Real s in which a BMS that answers must have said who it is: with many packs on a line they are
asked one after the other."""

_SEARCHING: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()
"""One search at a time: two would find each other's ports in use."""


class SearchedPack:
    """A driver whose port is searched for when it is opened, the last good one first."""

    def __init__(
        self, build: Callable[[str], Driver], *, pattern: str, pack: str, serial_number: str
    ) -> None:
        """Build a driver for each port that is tried; `pattern` says which may be."""
        self._build = build
        self._pattern = pattern
        self._pack = pack
        self._serial_number = serial_number
        self._last = ""
        self._found: OnlyThisPack | None = None
        self._idle = build(pattern)
        """Never opened: it says what such a driver can do while the pack is nowhere."""

    @property
    def driver(self) -> Driver:
        """The driver of the port where the pack is, for what else it can do."""
        return self._found.driver if self._found else self._idle

    @property
    def port(self) -> str:
        """Where the pack was found last; empty before."""
        return self._last

    async def open(self) -> None:
        """Try every port that fits. LinkError, with what each said, if the pack is on none."""
        await self.close()
        async with _SEARCHING.setdefault(asyncio.get_running_loop(), asyncio.Lock()):
            tried = []
            for port in self._candidates():
                driver = OnlyThisPack(self._build(port), self._pack, self._serial_number)
                try:
                    await driver.open()
                    await _say_who(driver)
                except (LinkError, FrameError) as error:
                    tried.append(f"{port} ({_short(error, self._pack)})")
                    await driver.close()
                except BaseException:
                    await driver.close()
                    raise
                else:
                    self._found, self._last = driver, port
                    return
        raise LinkError(self._pack, self._nowhere(tried))

    async def close(self) -> None:
        """Close the port; may be called twice."""
        found, self._found = self._found, None
        if found is not None:
            await found.close()

    async def poll(self) -> Reading:
        """Ask the pack that was found."""
        if self._found is None:
            raise LinkError(self._pack, f"it was not found on {self._pattern}")
        return await self._found.poll()

    def _candidates(self) -> list[str]:
        ports = matching(self._pattern)
        return sorted(ports, key=lambda port: port != self._last)

    def _nowhere(self, tried: list[str]) -> str:
        if not tried:
            there_is = ", ".join(serial_ports()) or "no serial port is plugged in"
            return f"no port fits {self._pattern}; there is: {there_is}"
        return f"the pack with serial number {self._serial_number} is on none of {'; '.join(tried)}"


async def _say_who(driver: OnlyThisPack) -> None:
    """Poll until the BMS has told the right number; LinkError where it does not."""
    loop = asyncio.get_running_loop()
    until_s = loop.time() + _TELL_S
    silent = 0
    while True:
        try:
            await driver.poll()
        except NotToldYet:
            if loop.time() > until_s:
                raise
        except (LinkTimeout, FrameError):
            silent += 1
            if silent >= _SILENT_POLLS:
                raise
        else:
            return


def _short(error: LinkError | FrameError, pack: str) -> str:
    return str(error).removeprefix(f"{pack}: ")
