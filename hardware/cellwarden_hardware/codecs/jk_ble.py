"""The JK protocol of Bluetooth, without I/O: frames of the BMS and commands to it.

The BMS sends 55 AA EB 90, a type, a counter, a body and in byte 299 the sum of all before; it is
sent commands AA 55 90 EB of 20 bytes, and answers some with one of the same form. Which layout a
body has, only the device-info frame tells: nothing of another frame is read before that.
"""

import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import IntEnum
from typing import NamedTuple

from cellwarden.errors import CommandRefused, FrameError
from cellwarden_hardware.codecs.jk_4e57 import byte_sum
from cellwarden_hardware.codecs.jk_ble_cells import CellInfo, Layout, read_cells
from cellwarden_hardware.codecs.jk_ble_device import (
    SECRETS,
    LogEntry,
    read_device,
    read_logbook,
)
from cellwarden_hardware.codecs.jk_ble_fields import FRAME_SIZE, Value
from cellwarden_hardware.codecs.jk_ble_settings import read_settings
from cellwarden_hardware.codecs.scanner import BadFrame, Framing, Scanner

SERVICE = "0000ffe0-0000-1000-8000-00805f9b34fb"
CHARACTERISTIC = "0000ffe1-0000-1000-8000-00805f9b34fb"
"""To write and to notify; older radio modules have it twice, once for each."""

HEADER = b"\x55\xaa\xeb\x90"
COMMAND_HEADER = b"\xaa\x55\x90\xeb"
COMMAND_SIZE = 20
MAX_DATA = 13
"""Bytes of a value in a command."""


class FrameType(IntEnum):
    """What a frame of the BMS is."""

    SETTINGS = 1
    CELL_INFO = 2
    DEVICE_INFO = 3
    LOGBOOK = 5


class Register(IntEnum):
    """Commands that read."""

    SETTINGS_AND_STREAM = 0x96
    DEVICE_INFO = 0x97
    LOGBOOK = 0xA1
    READY = 0xC8
    """Sent by the BMS: it is ready, or has taken a command."""


class Cells(NamedTuple):
    """Cell information; a tuple because it is built several times a second on slow machines."""

    counter: int
    layout: Layout
    info: CellInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a person sets."""

    counter: int
    layout: Layout
    values: Mapping[str, Value]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceInfo:
    """Who answers; `layout` is None for a device that is not known."""

    counter: int
    layout: Layout | None
    values: Mapping[str, Value]


@dataclass(frozen=True, slots=True, kw_only=True)
class Logbook:
    """What happened; `count` may be more than a frame carries."""

    counter: int
    count: int
    entries: tuple[LogEntry, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """A sound frame that came before the layout was known."""

    counter: int
    type: FrameType


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What a client asks or sets, or the BMS's `READY`."""

    register: int
    data: bytes = b""

    @property
    def value_raw(self) -> int:
        """The data as one number."""
        return int.from_bytes(self.data, "little")


Body = Cells | Settings | DeviceInfo | Logbook | Unread
Frame = Body | Command
Event = Frame | BadFrame

_TYPES = frozenset(map(int, FrameType))
_CELL_INFO = int(FrameType.CELL_INFO)


def check_frame(frame: bytes) -> None:
    """Raise FrameError if 300 bytes with the right header are no sound frame of a known type."""
    said = frame[FRAME_SIZE - 1]
    is_ = byte_sum(frame[: FRAME_SIZE - 1]) & 0xFF
    if is_ != said:
        raise FrameError("checksum", f"the sum is {is_:02X}, the frame says {said:02X}")
    if frame[4] not in _TYPES:
        raise FrameError("unknown_frame_type", f"frames of type {frame[4]:02X} are not known")


def read_body(frame: bytes, layout: Layout | None, *, secrets: bool = False) -> Body:
    """Return what a checked frame says, in a layout that is known from elsewhere."""
    kind, counter = frame[4], frame[5]
    if kind == _CELL_INFO and layout is not None:
        return Cells(counter, layout, read_cells(frame, layout))
    if kind == FrameType.DEVICE_INFO:
        told, values = read_device(frame, secrets=secrets)
        return DeviceInfo(counter=counter, layout=told, values=values)
    if kind == FrameType.LOGBOOK:
        count, entries = read_logbook(frame)
        return Logbook(counter=counter, count=count, entries=entries)
    if layout is None:
        return Unread(counter=counter, type=FrameType(kind))
    return Settings(counter=counter, layout=layout, values=read_settings(frame, layout))


def without_secrets(device: DeviceInfo) -> DeviceInfo:
    """Return a device info as it may be kept and shown."""
    values = {name: value for name, value in device.values.items() if name not in SECRETS}
    return replace(device, values=values)


def _size(head: bytes) -> int:
    return FRAME_SIZE if head[0] == HEADER[0] else COMMAND_SIZE


# Either header, or as much of one as the end of a piece holds.
_START = re.compile(
    b"|".join(
        re.escape(header[:size]) + (b"" if size == 4 else rb"\Z")
        for header in (HEADER, COMMAND_HEADER)
        for size in (4, 3, 2, 1)
    )
)


class Decoder:
    """Finds frames in a stream, whatever its pieces, and finds its way back after garbage."""

    def __init__(self, layout: Layout | None = None, *, secrets: bool = False) -> None:
        """Start with a layout, if it is known; leave passcodes out unless `secrets`."""
        self.layout = layout
        """As given or as the last device info told."""
        self._secrets = secrets
        self._scanner: Scanner[Frame] = Scanner(
            Framing(
                start=_START,
                header_text="55 AA EB 90 or AA 55 90 EB",
                head=len(HEADER),
                size=_size,
                decode=self._decode,
            )
        )

    def feed(self, data: bytes) -> list[Event]:
        """Return what became complete with these bytes; the unfinished rest is kept."""
        return self._scanner.feed(data)

    def reset(self) -> list[Event]:
        """Forget the unfinished rest; returns what was wrong with it, and what it had hidden."""
        return self._scanner.reset()

    def _decode(self, frame: bytes) -> Frame:
        if len(frame) == COMMAND_SIZE:
            return read_command(frame)
        check_frame(frame)
        body = read_body(frame, self.layout, secrets=self._secrets)
        if isinstance(body, DeviceInfo) and body.layout is not None:
            self.layout = body.layout
        return body


def read_command(frame: bytes) -> Command:
    """Return what 20 bytes with the command header say; FrameError if they are not sound."""
    said, is_ = frame[-1], sum(frame[:-1]) & 0xFF
    if said != is_:
        raise FrameError("checksum", f"the sum is {is_:02X}, the command says {said:02X}")
    register, size = frame[4], frame[5]
    if size > MAX_DATA:
        raise FrameError("length", f"a value of {size} bytes does not fit a command")
    return Command(register=register, data=frame[6 : 6 + size])


def build_command(register: int, data: bytes = b"") -> bytes:
    """Return a command; CommandRefused for more than 13 bytes of data."""
    if len(data) > MAX_DATA:
        raise CommandRefused(f"a command carries {MAX_DATA} bytes, not {len(data)}")
    counted = struct.pack("<4sBB13s", COMMAND_HEADER, register, len(data), data)
    return counted + bytes((sum(counted) & 0xFF,))


def build_frame(kind: FrameType, body: bytearray, counter: int = 0) -> bytes:
    """Return a frame of the BMS with this body, as `Block.pack` gives it, head and sum added."""
    body[:6] = struct.pack("<4sBB", HEADER, kind, counter & 0xFF)
    body[-1] = byte_sum(bytes(body[:-1])) & 0xFF
    return bytes(body)
