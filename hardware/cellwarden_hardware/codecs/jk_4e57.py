"""The JK "4E 57" protocol (UART, RS485, GPS socket) without I/O, both directions.

A frame is 4E 57, a length (total minus 2), terminal number, command, source, kind, a body of
identifiers with their data, record number, 68, two unused bytes and a 16-bit sum of everything up
to and including the 68.

The parameter password (B2) travels in the clear in every full reply. It is left out of what is
decoded unless `secrets=True` asks for it.
"""

import re
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from functools import cache, partial
from typing import NamedTuple
from zlib import adler32

from cellwarden.errors import CommandRefused, FrameError
from cellwarden_hardware.codecs.jk_4e57_body import (
    Measurements,
    Settings,
    build_body,
    decode_body,
)
from cellwarden_hardware.codecs.jk_4e57_table import BY_NAME, Value
from cellwarden_hardware.codecs.scanner import BadFrame, Framing, Scanner

HEADER = b"\x4e\x57"
END_MARK = 0x68
_HEAD = struct.Struct(">2sHIBBB")
_FOOT = struct.Struct(">IBHH")  # record number, end mark, unused, sum
MIN_FRAME = _HEAD.size + _FOOT.size
MAX_FRAME = 512
"""Every identifier once and 32 cells make 339 bytes; the rest is room for a newer firmware. A
damaged length thus never waits for more than 45 ms of line time at 115200 baud."""


class Command(IntEnum):
    """What a frame asks for or answers."""

    ACTIVATE = 1
    WRITE = 2
    READ_ONE = 3
    PASSWORD = 5
    READ_ALL = 6


class Source(IntEnum):
    """Who sent a frame."""

    BMS = 0
    BLUETOOTH = 1
    GPS = 2
    PC = 3


class Kind(IntEnum):
    """The direction of a frame."""

    REQUEST = 0
    REPLY = 1
    PUSHED = 2


_ANSWERS = frozenset(map(int, (Kind.REPLY, Kind.PUSHED)))
_READS = frozenset(map(int, (Command.READ_ONE, Command.READ_ALL)))


class Reply(NamedTuple):
    """Values that a BMS answered or pushed."""

    command: int
    source: int
    kind: int
    measured: Measurements
    settings: Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledge:
    """The short answer to anything but a read; whether it was done shows only in a read."""

    command: int
    source: int
    register: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a master asks, or its echo."""

    command: int
    source: int
    register: int | None
    data: bytes = field(default=b"", repr=False)
    """What would be written; may be a password."""

    @property
    def value_raw(self) -> int | None:
        """The data as one number, None if there is none."""
        return int.from_bytes(self.data) if self.data else None


Frame = Reply | Acknowledge | Request
Event = Frame | BadFrame


# ---------------------------------------------------------------- from bytes


def _size(head: bytes) -> int:
    total = (head[2] << 8 | head[3]) + 2
    if not MIN_FRAME <= total <= MAX_FRAME:
        raise FrameError("length", f"a frame of {total} bytes is not possible")
    return total


def byte_sum(data: bytes) -> int:
    """Return the sum of at most 512 bytes, three times as fast as `sum()`.

    The lower half of an Adler-32 that starts from 0 is the sum modulo 65521, which 256 bytes
    cannot reach.
    """
    return (adler32(data[:256], 0) & 0xFFFF) + (adler32(data[256:], 0) & 0xFFFF)


def _decode(frame: bytes, *, secrets: bool) -> Frame:
    if frame[-5] != END_MARK:
        raise FrameError("tail", f"the end mark is {frame[-5]:02X}, expected 68")
    is_, said = byte_sum(frame[:-4]) & 0xFFFF, frame[-2] << 8 | frame[-1]
    if is_ != said:
        raise FrameError("checksum", f"the sum is {is_:04X}, the frame says {said:04X}")
    command, source, kind = frame[8:11]
    if kind in _ANSWERS:
        if command in _READS:
            measured, settings = decode_body(frame[_HEAD.size : -_FOOT.size], secrets=secrets)
            return Reply(command, source, kind, measured, settings)
        register = frame[11] if len(frame) > MIN_FRAME else None
        return Acknowledge(command=command, source=source, register=register)
    if kind != Kind.REQUEST:
        raise FrameError("unknown_frame_type", f"frames of kind {kind} are not known")
    body = frame[_HEAD.size : -_FOOT.size]
    return Request(
        command=command, source=source, register=body[0] if body else None, data=body[1:]
    )


@cache
def framing(*, secrets: bool = False) -> Framing[Frame]:
    """Return how frames look; the parameter password is left out, unless `secrets`."""
    return Framing(
        start=re.compile(rb"\x4e(?:\x57|\Z)"),
        header_text="4E 57",
        start_size=len(HEADER),
        head=4,
        shortest=MIN_FRAME,
        size=_size,
        decode=partial(_decode, secrets=secrets),
    )


def decode_frame(data: bytes, *, secrets: bool = False) -> Frame:
    """Return what exactly one frame says. FrameError with its kind for anything else."""
    return framing(secrets=secrets).only(data)


class Decoder(Scanner[Frame]):
    """Finds frames in a stream, whatever its pieces, and finds its way back after garbage."""

    def __init__(self, *, secrets: bool = False) -> None:
        """Leave the parameter password out, unless `secrets`."""
        super().__init__(framing(secrets=secrets))


# ------------------------------------------------------------------ to bytes


def build_frame(
    command: int, source: int, kind: int, body: bytes, *, record: int = 0, terminal: int = 0
) -> bytes:
    """Return a frame; the parts are taken as they are."""
    length = MIN_FRAME + len(body) - 2
    head = _HEAD.pack(HEADER, length, terminal, command, source, kind)
    counted = head + body + struct.pack(">IB", record, END_MARK)
    return counted + struct.pack(">HH", 0, sum(counted) & 0xFFFF)


def read_all_request(source: int = Source.PC) -> bytes:
    """Return the request for everything."""
    return build_frame(Command.READ_ALL, source, Kind.REQUEST, b"\x00")


def read_request(register: int, source: int = Source.PC) -> bytes:
    """Return the request for one identifier."""
    return build_frame(Command.READ_ONE, source, Kind.REQUEST, bytes((register,)))


def activate_request(source: int = Source.PC) -> bytes:
    """Return the request that wakes a sleeping BMS."""
    return build_frame(Command.ACTIVATE, source, Kind.REQUEST, b"\x00")


def password_request(source: int = Source.PC) -> bytes:
    """Return the frame that one client sends 150 ms before a write (syssi/esphome-jk-bms).

    How a password would be carried is not published; two zero bytes work on the boards tried.
    """
    return build_frame(Command.PASSWORD, source, Kind.REQUEST, b"\x00\x00")


def write_request(name: str, value: Value, source: int = Source.PC) -> bytes:
    """Return the request that sets an identifier, by its name in the table.

    CommandRefused if it cannot be written or the value is outside the vendor's range. The BMS
    may ignore it: read it back.
    """
    row = BY_NAME[name]
    if not row.writable:
        raise CommandRefused(f"{name} cannot be written")
    try:
        data = row.data(value)
    except ValueError as error:
        raise CommandRefused(str(error)) from error
    if row.span:
        (count,) = struct.unpack(f">{row.code}", data)
        low, high = row.span
        if not low <= count <= high:
            raise CommandRefused(
                f"{name} = {value} is outside {row.value(low)}..{row.value(high)} {row.unit}"
            )
    return build_frame(Command.WRITE, source, Kind.REQUEST, bytes((row.id,)) + data)


def acknowledge(command: int, register: int) -> bytes:
    """Return a BMS's short answer to a write: the identifier without a value."""
    return build_frame(command, Source.BMS, Kind.REPLY, bytes((register,)))


def build_reply(
    values: Mapping[str, Value | tuple[float, ...]],
    *,
    only: Iterable[int] | None = None,
    command: int = Command.READ_ALL,
    kind: int = Kind.REPLY,
) -> bytes:
    """Return what a BMS with these values answers; see `build_body`."""
    return build_frame(command, Source.BMS, kind, build_body(values, only))
