"""A GPIO chip as the kernel offers it: the ioctls of linux/gpio.h, version 2.

Stands where the machine ends: what is above it is the real library.
"""

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from support.tools import missing

GET_CHIPINFO, GET_LINEINFO, GET_LINE = 0x8044B401, 0xC100B405, 0xC250B407
GET_VALUES, SET_VALUES = 0xC010B40E, 0xC010B40F
ACTIVE_LOW, INPUT, OUTPUT = 0x2, 0x4, 0x8


class FakeChip:
    """Lines with names and physical levels; an open chip gives each line to one holder."""

    def __init__(self, path: Path, names: tuple[str, ...]) -> None:
        self.path = path
        self.path.touch()
        self.names = names
        self.high: dict[int, bool] = {}
        """Physical levels, by line."""
        self.seen: list[tuple[int, bool]] = []
        """Every level that an output was given, in order."""
        self.broken = 0
        """errno that whatever is asked of a line fails with; 0: nothing fails."""
        self.busy: set[int] = set()
        self.consumers: dict[int, str] = {}
        """Who last asked for a line."""
        self._held: dict[int, tuple[int, bool]] = {}
        """By file number: the line, and whether it is active while low."""

    def ioctl(self, number: int, code: int, data: Any) -> int:
        if code == GET_CHIPINFO:
            data.lines = len(self.names)
        elif code == GET_LINEINFO:
            data.name = self.names[data.offset].encode()
        elif code == GET_LINE:
            data.fd = self._take(data.offsets[0], data.config)
            self.consumers[data.offsets[0]] = data.consumer.decode()
        else:
            if self.broken:
                raise OSError(self.broken, os.strerror(self.broken))
            line, low = self._held[number]
            if code == SET_VALUES:
                self._set(line, bool(data.bits & 1) is not low)
            elif code == GET_VALUES:
                data.bits = int(self.high.get(line, False) is not low)
            else:
                raise OSError(errno.ENOTTY, "no such request")
        return 0

    def _take(self, line: int, config: Any) -> int:
        if line >= len(self.names):
            raise OSError(errno.EINVAL, "Invalid argument")
        if line in self.busy:
            raise OSError(errno.EBUSY, "Device or resource busy")
        low = bool(config.flags & ACTIVE_LOW)
        if config.flags & OUTPUT:
            self._set(line, bool(config.attrs[0].attr.data.values & 1) is not low)
        number = os.open(os.devnull, os.O_RDWR)
        self._held[number] = line, low
        return number

    def _set(self, line: int, high: bool) -> None:
        self.high[line] = high
        self.seen.append((line, high))


@pytest.fixture
def gpio_chip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeChip:
    """A chip with the lines GPIO0 to GPIO27."""
    try:
        import periphery.gpio_cdev2 as library
    except ModuleNotFoundError:
        missing("python-periphery (the extra gpio)")
    chip = FakeChip(tmp_path / "gpiochip0", tuple(f"GPIO{n}" for n in range(28)))
    monkeypatch.setattr(library, "fcntl", chip)
    return chip
