"""JK's Modbus on RS485 (PB and newer B series), without I/O: requests, answers, and frames.

Two ways share the bus. Plain Modbus reads (03) and writes (10) registers. A write to one of three
trigger registers is answered with a 300-byte frame as on Bluetooth and then the ordinary
acknowledgement; the frame names no sender, so only that acknowledgement proves who answered.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from cellwarden.errors import CommandRefused, FrameError
from cellwarden_hardware.codecs import jk_ble
from cellwarden_hardware.codecs.crc import crc16_modbus
from cellwarden_hardware.codecs.jk_ble_cells import Layout
from cellwarden_hardware.codecs.jk_ble_fields import FRAME_SIZE
from cellwarden_hardware.codecs.scanner import BadFrame

READ, WRITE = 0x03, 0x10
_FAILED = 0x80
"""Added to the function in an exception."""
MAX_REGISTERS = 40
"""More in one request are not answered."""
TRIGGERS = {0x161C: jk_ble.FrameType.DEVICE_INFO, 0x161E: jk_ble.FrameType.SETTINGS,
            0x1620: jk_ble.FrameType.CELL_INFO}  # fmt: skip
"""Which frame a write to these registers brings."""
DEVICE_INFO, SETTINGS, STATUS = TRIGGERS
MAX_ADDRESS = 247

_ACK = struct.Struct(">BBHH")
ACK_SIZE = 8
_ANSWER_SIZE = FRAME_SIZE + ACK_SIZE
_PADDING = 2
"""Zero bytes between frame and acknowledgement that are accepted; one source measured one."""
_EXCEPTION_SIZE = 5
_FUNCTIONS = frozenset({READ, WRITE, READ | _FAILED, WRITE | _FAILED})
EXCEPTIONS = {1: "the function is not known", 2: "there is no such register",
              3: "the value is not allowed", 4: "the CRC was wrong"}  # fmt: skip


def _sealed(data: bytes) -> bytes:
    return data + crc16_modbus(data).to_bytes(2, "little")


def _sound(data: bytes) -> bool:
    return crc16_modbus(data[:-2]) == data[-2] | data[-1] << 8


# ------------------------------------------------------------------ messages


class Answer(NamedTuple):
    """A frame with the acknowledgement that names its sender; a tuple because it comes often."""

    address: int
    register: int
    body: jk_ble.Body


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadRequest:
    """Function 03: what a master asks."""

    address: int
    register: int
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteRequest:
    """Function 10 with data: a write, or a trigger."""

    address: int
    register: int
    count: int
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Registers:
    """Function 03: what a slave answers, 16 bits each."""

    address: int
    words: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledge:
    """Function 10: a slave has heard a write."""

    address: int
    register: int
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """An exception: a slave does not do what it was asked."""

    address: int
    function: int
    code: int

    def error(self) -> FrameError:
        """Return the same as an exception."""
        why = EXCEPTIONS.get(self.code, "for a reason that is not known")
        return FrameError("modbus_exception", f"exception {self.code}: {why}", code=self.code)


Message = Answer | ReadRequest | WriteRequest | Registers | Acknowledge | Refused
Event = Message | BadFrame


# ------------------------------------------------------------------ from bytes


class Decoder:
    """Finds the messages of both directions in a stream, whatever its pieces.

    Between frames the bus carries no marks: whatever has a function of ours in its second byte and
    a good CRC is a message, and all else is noise.
    """

    def __init__(self, *, secrets: bool = False) -> None:
        """Leave passcodes out unless `secrets`."""
        self._secrets = secrets
        self._tail = b""
        self._skipped = 0
        self._after_bad = False

    def feed(self, data: bytes) -> list[Event]:
        """Return what became complete with these bytes; the unfinished rest is kept."""
        return self._scan(self._tail + data if self._tail else data, final=False)

    def reset(self) -> list[Event]:
        """Forget the unfinished rest; returns what was wrong with it, and what it had hidden."""
        events = self._scan(self._tail, final=True)
        self._skipped, self._after_bad = 0, False
        return events

    @property
    def missing(self) -> int:
        """How many bytes an answer that has begun still needs; 1 where none has."""
        if self._tail.startswith(jk_ble.HEADER):
            return max(1, _ANSWER_SIZE - len(self._tail))
        return 1

    @property
    def unfinished(self) -> bool:
        """Whether something has begun."""
        return bool(self._tail)

    def _scan(self, data: bytes, *, final: bool) -> list[Event]:
        events: list[Event] = []
        at, size = 0, len(data)
        while at < size:
            event: Event | None = None
            try:
                event, end = self._message(data, at, final=final)
            except FrameError as error:
                end = at + len(jk_ble.HEADER)  # a good frame may follow inside
                if not self._after_bad:
                    self._report_skipped(events)
                    events.append(BadFrame(kind=error.kind, message=str(error)))
                self._skipped, self._after_bad = 0, True
            if end == at:
                break  # more must come
            if event is not None:
                self._report_skipped(events)
                events.append(event)
                self._after_bad = False
            elif not self._after_bad:
                self._skipped += end - at
            at = end
        self._tail = data[at:]
        if final:
            self._report_skipped(events)
        return events

    def _message(self, data: bytes, at: int, *, final: bool) -> tuple[Message | None, int]:
        """Return the message at a place and where it ends.

        No message and the next place for noise; no message and the same place where more must
        come. FrameError for a frame of 300 bytes that is bad.
        """
        if data.startswith(jk_ble.HEADER, at):
            return self._answer(data, at, final=final)
        have = len(data) - at
        if have < 4 and jk_ble.HEADER.startswith(data[at:]):
            return None, at + have if final else at
        if have > 1 and data[at] <= MAX_ADDRESS and data[at + 1] in _FUNCTIONS:
            waiting = False
            for size, read in _CANDIDATES[data[at + 1]]:
                total = size if isinstance(size, int) else size(data, at)
                if total is None or total > have:
                    waiting = True
                elif total and _sound(data[at : at + total]):
                    return read(data[at : at + total]), at + total
            if waiting and not final:
                return None, at
        elif have == 1 and not final and data[at] <= MAX_ADDRESS:
            return None, at
        return None, at + 1

    def _answer(self, data: bytes, at: int, *, final: bool) -> tuple[Answer | None, int]:
        have = len(data) - at
        if have < FRAME_SIZE:
            if final:
                raise FrameError("incomplete", f"the line fell silent after {have} of 308 bytes")
            return None, at
        frame = data[at : at + FRAME_SIZE]
        jk_ble.check_frame(frame)
        for padding in range(_PADDING + 1):
            start = at + FRAME_SIZE + padding
            if any(data[at + FRAME_SIZE : start]):
                break
            if have < _ANSWER_SIZE + padding:
                if final:
                    raise FrameError("incomplete", "the acknowledgement behind the frame is cut")
                return None, at
            tail = data[start : start + ACK_SIZE]
            if tail[1] == WRITE and _sound(tail):
                address, _, register, _ = _ACK.unpack_from(tail)
                if TRIGGERS.get(register) != frame[4]:
                    raise FrameError(
                        "wrong_frame_type", f"register {register:04X} is answered with {frame[4]}"
                    )
                body = jk_ble.read_body(frame, Layout.JK02_32S, secrets=self._secrets)
                return Answer(address=address, register=register, body=body), start + ACK_SIZE
        raise FrameError("crc", "no good acknowledgement behind the frame: its sender is unknown")

    def _report_skipped(self, events: list[Event]) -> None:
        # The rest of a frame that was refused is part of that refusal.
        if self._skipped and not self._after_bad:
            events.append(BadFrame(kind="header", message=f"{self._skipped} bytes of noise"))
        self._skipped = 0


def _sized_by(place: int, besides: int, data: bytes, at: int) -> int | None:
    """Return the size told by a byte of a message, 0 if it is impossible, None if not yet here."""
    if len(data) <= at + place:
        return None
    size = data[at + place]
    return 0 if size % 2 or not 0 < size <= 2 * MAX_REGISTERS else size + besides


def _registers_size(data: bytes, at: int) -> int | None:
    return _sized_by(2, 5, data, at)


def _write_size(data: bytes, at: int) -> int | None:
    return _sized_by(6, 9, data, at)


def _read_request(data: bytes) -> ReadRequest:
    address, _, register, count = _ACK.unpack_from(data)
    return ReadRequest(address=address, register=register, count=count)


def _acknowledge(data: bytes) -> Acknowledge:
    address, _, register, count = _ACK.unpack_from(data)
    return Acknowledge(address=address, register=register, count=count)


def _write_request(data: bytes) -> WriteRequest:
    address, _, register, count = _ACK.unpack_from(data)
    return WriteRequest(address=address, register=register, count=count, data=data[7:-2])


def _registers(data: bytes) -> Registers:
    return Registers(address=data[0], words=struct.unpack(f">{data[2] // 2}H", data[3:-2]))


def _refused(data: bytes) -> Refused:
    return Refused(address=data[0], function=data[1] & ~_FAILED, code=data[2])


_Size = int | Callable[[bytes, int], int | None]
_CANDIDATES: dict[int, tuple[tuple[_Size, Callable[[bytes], Message]], ...]] = {
    READ: ((ACK_SIZE, _read_request), (_registers_size, _registers)),
    WRITE: ((ACK_SIZE, _acknowledge), (_write_size, _write_request)),
    READ | _FAILED: ((_EXCEPTION_SIZE, _refused),),
    WRITE | _FAILED: ((_EXCEPTION_SIZE, _refused),),
}
"""What a function may be the beginning of: its size, and what reads it."""


# ------------------------------------------------------------------ to bytes


def trigger_request(address: int, register: int = STATUS) -> bytes:
    """Return the write that makes a pack send a frame, `STATUS`, `SETTINGS` or `DEVICE_INFO`."""
    return _sealed(struct.pack(">BBHHBH", address, WRITE, register, 1, 2, 0))


def write_request(address: int, register: int, data: bytes) -> bytes:
    """Return the write of whole registers, high byte first; CommandRefused if they are none."""
    if not data or len(data) % 2 or len(data) > 2 * MAX_REGISTERS:
        raise CommandRefused(f"{len(data)} bytes are not 1 to {MAX_REGISTERS} registers")
    head = struct.pack(">BBHHB", address, WRITE, register, len(data) // 2, len(data))
    return _sealed(head + data)


def read_request(address: int, register: int, count: int) -> bytes:
    """Return the request for registers; CommandRefused for more than are answered at once.

    Numbers of registers count bytes, `count` counts words: 10 from 0x1290 end at 0x12A3.
    """
    if not 0 < count <= MAX_REGISTERS:
        raise CommandRefused(f"1 to {MAX_REGISTERS} registers can be read at once, not {count}")
    return _sealed(struct.pack(">BBHH", address, READ, register, count))


def registers(address: int, words: tuple[int, ...]) -> bytes:
    """Return a slave's answer to `read_request`."""
    return _sealed(struct.pack(f">BBB{len(words)}H", address, READ, 2 * len(words), *words))


def acknowledge(address: int, register: int, count: int = 1) -> bytes:
    """Return a slave's answer to a write."""
    return _sealed(_ACK.pack(address, WRITE, register, count))


def refusal(address: int, function: int, code: int) -> bytes:
    """Return an exception."""
    return _sealed(bytes((address, function | _FAILED, code)))


def answer(address: int, frame: bytes) -> bytes:
    """Return what a pack sends after a trigger: the frame, then who it is."""
    register = next(register for register, kind in TRIGGERS.items() if kind == frame[4])
    return frame + acknowledge(address, register)
