"""The JBD (Xiaoxiang, LLT) protocol without I/O, both directions; also some very old JK boards.

A request is DD, A5 (read) or 5A (write), register, length, data, sum, 77. A reply is DD, register,
status (0 good), length, data, sum, 77. The sum is 0x10000 minus the bytes after DD and the second
byte: a reply's register is not in it, so who asked must compare it.

Over Bluetooth the same frames come in pieces of about 20 bytes (service FF00, notify FF01, write
FF02): feed the pieces to the scanner. Modules with a login of their own are spoken to in frames
that begin with FF AA.
"""

import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from cellwarden.errors import CommandRefused, FrameError
from cellwarden_hardware.codecs.jbd_table import (
    BY_NAME,
    ERROR_COUNTERS,
    REGISTERS,
    SOFTWARE_LOCK,
    ZERO_C,
    Value,
    temperature_c,
)
from cellwarden_hardware.codecs.scanner import Framing, Scanner
from cellwarden_hardware.codecs.text import ascii_text

SERVICE = "0000ff00-0000-1000-8000-00805f9b34fb"
NOTIFY = "0000ff01-0000-1000-8000-00805f9b34fb"
WRITE_TO = "0000ff02-0000-1000-8000-00805f9b34fb"
"""Bluetooth: the module's service, and its characteristics."""

READ, WRITE = 0xA5, 0x5A
_BEGIN, _END = 0xDD, 0x77
_OVERHEAD = 7

BASIC, CELLS, NAME, BARCODE, COUNTERS, MOS = 0x03, 0x04, 0x05, 0xA2, 0xAA, 0xE1
ENTER_FACTORY, LEAVE_FACTORY, USE_PASSWORD = 0x00, 0x01, 0x06


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a master asks, or its echo."""

    write: bool
    register: int
    data: bytes = field(default=b"", repr=False)
    """What would be written; may be a password."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A good answer: the bytes of a register, none after a write."""

    register: int
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """A frame of the Bluetooth module itself."""

    command: int
    data: bytes = field(default=b"", repr=False)
    """May be a password."""


Frame = Request | Reply | Module


# ---------------------------------------------------------------- from bytes


def _size(head: bytes) -> int:
    return head[3] + (_OVERHEAD if head[0] == _BEGIN else 5)


def _decode(frame: bytes) -> Frame:
    if frame[0] != _BEGIN:
        return _decode_module(frame)
    if frame[-1] != _END:
        raise FrameError("tail", f"the end mark is {frame[-1]:02X}, expected 77")
    is_request = frame[1] in (READ, WRITE)
    register, status = (frame[2], 0) if is_request else (frame[1], frame[2])
    is_, said = check_sum(frame[2:-3]), int.from_bytes(frame[-3:-1])
    # A board that wants a password first says so with a sum of 0000 (captured).
    if is_ != said and not (status and said == 0 and len(frame) == _OVERHEAD):
        raise FrameError("checksum", f"the sum is {is_:04X}, the frame says {said:04X}")
    if status:
        message = f"the BMS refuses register {register:02X} with status {status:02X}"
        raise FrameError("device_error", message, status=status)
    if is_request:
        return Request(write=frame[1] == WRITE, register=register, data=frame[4:-3])
    return Reply(register=register, data=frame[4:-3])


def _decode_module(frame: bytes) -> Module:
    is_, said = sum(frame[2:-1]) & 0xFF, frame[-1]
    if is_ != said:
        raise FrameError("checksum", f"the sum is {is_:02X}, the frame says {said:02X}")
    return Module(command=frame[2], data=frame[4:-1])


def check_sum(counted: bytes) -> int:
    """Return the 16-bit sum that stands in a frame."""
    return -sum(counted) & 0xFFFF


FRAMING: Framing[Frame] = Framing(
    start=re.compile(rb"\xdd|\xff(?:\xaa|\Z)"),
    header_text="DD",
    head=4,
    size=_size,
    decode=_decode,
)
decode_frame = FRAMING.only


def decoder() -> Scanner[Frame]:
    """Return what finds frames in a stream or in Bluetooth notifications."""
    return Scanner(FRAMING)


# ------------------------------------------------------------- what replies say


class Basic(NamedTuple):
    """Register 03; the names are those that `cellwarden decode jbd` prints."""

    voltage: float
    """V"""
    current: float
    """A, + charging"""
    remaining_capacity: float
    """Ah; boards above 655 Ah overflow or count in another unit."""
    nominal_capacity: float
    """Ah"""
    cycle_count: int
    production_date_raw: int
    balance_mask: int
    """Bit 0 is cell 1. One public test counts from the other end on a 4-cell board."""
    alarms: int
    software_version_raw: int
    """High nibble . low nibble."""
    soc: int
    """%"""
    charge_mos: bool
    discharge_mos: bool
    cell_count: int
    temperatures: tuple[float, ...]
    """°C"""

    @property
    def software_version(self) -> str:
        """`8.0`."""
        return f"{self.software_version_raw >> 4}.{self.software_version_raw & 15}"

    @property
    def locked(self) -> bool:
        """Whether a MOS was switched off by command."""
        return self.alarms & SOFTWARE_LOCK != 0


def switch_of(basic: Basic, *, fet_on: bool) -> bool | None:
    """Return what its owner wants of a MOS; None where a protection may hold it open as well."""
    if not basic.locked or fet_on:
        return True
    return None if basic.alarms & ~SOFTWARE_LOCK else False


_BASIC = struct.Struct(">HhHHHHHHHBBBBB")


def decode_basic(data: bytes) -> Basic:
    """Return register 03; longer replies carry fields that are not known. FrameError `length`."""
    if len(data) < _BASIC.size or len(data) < _BASIC.size + 2 * data[22]:
        raise FrameError("length", f"{len(data)} bytes are too short for register 03")
    (
        voltage, current, remaining, nominal, cycles, date, balance_low, balance_high, alarms,
        version, soc, mos, cells, sensors,
    ) = _BASIC.unpack_from(data)  # fmt: skip
    return Basic(
        voltage=voltage / 100,
        current=current / 100,
        remaining_capacity=remaining / 100,
        nominal_capacity=nominal / 100,
        cycle_count=cycles,
        production_date_raw=date,
        balance_mask=balance_high << 16 | balance_low,
        alarms=alarms,
        software_version_raw=version,
        soc=soc,
        charge_mos=mos & 1 != 0,
        discharge_mos=mos & 2 != 0,
        cell_count=cells,
        temperatures=tuple(
            map(temperature_c, struct.unpack_from(f">{sensors}H", data, _BASIC.size))
        ),
    )


def decode_cells(data: bytes) -> tuple[float, ...]:
    """Return register 04, the cell voltages in V, cell 1 first. FrameError `length`."""
    if not data or len(data) % 2:
        raise FrameError("length", f"{len(data)} bytes are no list of cells")
    return tuple([count / 1000 for count in struct.unpack(f">{len(data) // 2}H", data)])


def decode_counters(data: bytes) -> dict[str, int]:
    """Return register AA, how often each protection acted. FrameError `length`."""
    if len(data) != 2 * len(ERROR_COUNTERS):
        raise FrameError("length", f"{len(data)} bytes are no list of {len(ERROR_COUNTERS)}")
    counts = struct.unpack(f">{len(ERROR_COUNTERS)}H", data)
    return dict(zip(ERROR_COUNTERS, counts, strict=True))


def decode_name(data: bytes) -> str:
    """Return register 05, the hardware name."""
    return ascii_text(data)


def decode_setting(register: int, data: bytes) -> Value:
    """Return the value of a settings register. FrameError `length`, KeyError if not known."""
    row = REGISTERS[register]
    try:
        return row.value(data)
    except ValueError as error:
        raise FrameError("length", str(error)) from error


def mos_of(data: bytes) -> tuple[bool, bool]:
    """Return (charge, discharge) that a write of register E1 leaves on: its bits switch off."""
    off = data[-1] if data else 0
    return not off & 1, not off & 2


# ------------------------------------------------------------------ to bytes


def _frame(second: int, third: int, data: bytes) -> bytes:
    """Return a frame; the sum covers what follows the second byte."""
    counted = bytes((third, len(data))) + data
    return bytes((_BEGIN, second)) + counted + struct.pack(">HB", check_sum(counted), _END)


def read_request(register: int) -> bytes:
    """Return the request for a register."""
    return _frame(READ, register, b"")


def write_request(register: int, data: bytes) -> bytes:
    """Return the request that writes a register; the bytes are taken as they are."""
    return _frame(WRITE, register, data)


def mos_request(*, charge: bool, discharge: bool) -> bytes:
    """Return the request that says which MOS may be on; always both at once.

    It only sets and lifts the software lock: protections stay.
    """
    return write_request(MOS, bytes((0, (not charge) | (not discharge) << 1)))


def enter_factory_request() -> bytes:
    """Return the request that opens the settings registers; do not stay inside."""
    return write_request(ENTER_FACTORY, b"\x56\x78")


def leave_factory_request(*, save: bool) -> bytes:
    """Return the request that closes the settings registers."""
    return write_request(LEAVE_FACTORY, b"\x28\x28" if save else b"\0\0")


def setting_request(name: str, value: Value) -> bytes:
    """Return the request that writes a setting, by its name in the table; in factory mode only.

    CommandRefused for a value that the register cannot carry, KeyError for an unknown name.
    """
    row = BY_NAME[name]
    try:
        return write_request(row.number, row.data(value))
    except ValueError as error:
        raise CommandRefused(str(error)) from error


def password_request(password: str) -> bytes:
    """Return the login of boards that want one; digits as numbers, as captured [one source]."""
    return write_request(USE_PASSWORD, bytes((6, *_six_digits(password))))


def module_login_request(password: str) -> bytes:
    """Return the login of Bluetooth modules that have one of their own [one source]."""
    return _module(0x15, bytes(0x30 + digit for digit in _six_digits(password)))


def module_login_answer(*, good: bool) -> bytes:
    """Return what a module answers to its login."""
    return _module(0x15, b"\0" if good else b"\1")


def module_login_good(answer: Module) -> bool:
    """Return whether a module's answer to the login says yes."""
    return answer.command == 0x15 and answer.data == b"\0"


def _module(command: int, data: bytes) -> bytes:
    counted = bytes((command, len(data))) + data
    return b"\xff\xaa" + counted + bytes((sum(counted) & 0xFF,))


def _six_digits(password: str) -> Sequence[int]:
    if not re.fullmatch("[0-9]{6}", password):
        raise CommandRefused("a password has six digits")  # and is not repeated in a message
    return [int(digit) for digit in password]


def build_reply(register: int, data: bytes = b"", *, status: int = 0) -> bytes:
    """Return what a board answers."""
    return _frame(register, status, data)


def build_basic(values: Basic) -> bytes:
    """Return the data of register 03; struct.error for what does not fit."""
    head = _BASIC.pack(
        round(values.voltage * 100),
        round(values.current * 100),
        round(values.remaining_capacity * 100),
        round(values.nominal_capacity * 100),
        values.cycle_count,
        values.production_date_raw,
        values.balance_mask & 0xFFFF,
        values.balance_mask >> 16,
        values.alarms,
        values.software_version_raw,
        values.soc,
        values.charge_mos | values.discharge_mos << 1,
        values.cell_count,
        len(values.temperatures),
    )
    counts = [round(t * 10) + ZERO_C for t in values.temperatures]
    return head + struct.pack(f">{len(counts)}H", *counts)


def build_cells(cell_voltages_v: Sequence[float]) -> bytes:
    """Return the data of register 04."""
    return struct.pack(f">{len(cell_voltages_v)}H", *(round(v * 1000) for v in cell_voltages_v))
