"""The Daly A5 protocol without I/O, both directions.

A frame is always 13 bytes: A5, address, command, 08, 8 data bytes, sum of the first 12. A request
carries the host's address (40 is a PC that speaks to board 1, 41 to board 2 ...; 80 Bluetooth,
20 GPRS), a reply the number of the board that answers. Some commands are answered with a series
of frames. Over Bluetooth one notification may hold several.

The newer D2 dialect is another protocol: `daly_d2`.
"""

import re
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cellwarden.errors import FrameError
from cellwarden_hardware.codecs import daly_table as table
from cellwarden_hardware.codecs.daly_table import FIELDS, ZERO_C, Value
from cellwarden_hardware.codecs.scanner import Framing, Scanner
from cellwarden_hardware.codecs.text import ascii_text

SIZE = 13
MOST_BOARDS = 16
_BEGIN, _DATA_SIZE = 0xA5, 8
_FIRST_BOARD = 0x40
BLUETOOTH, GPRS = 0x80, 0x20
_HOSTS = frozenset((BLUETOOTH, GPRS, *range(_FIRST_BOARD, _FIRST_BOARD + MOST_BOARDS)))
_CELLS_A_FRAME, _SENSORS_A_FRAME = 3, 7
_INVALID_FRAME, _INVALID_CELL, _INVALID_SENSOR = 0xFF, 0xFFFF, 0xFF


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a host asks, or its echo."""

    host: int
    command: int
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """One frame of an answer."""

    board: int
    command: int
    data: bytes


Frame = Request | Reply


# ---------------------------------------------------------------- from bytes


def _size(head: bytes) -> int:
    if head[3] != _DATA_SIZE:
        raise FrameError("length", f"a frame carries 8 bytes, this one says {head[3]}")
    return SIZE


def _decode(frame: bytes) -> Frame:
    is_, said = sum(frame[:-1]) & 0xFF, frame[-1]
    if is_ != said:
        raise FrameError("checksum", f"the sum is {is_:02X}, the frame says {said:02X}")
    address, command, data = frame[1], frame[2], frame[4:-1]
    if 1 <= address <= MOST_BOARDS:
        return Reply(board=address, command=command, data=data)
    if address in _HOSTS:
        return Request(host=address, command=command, data=data)
    raise FrameError("wrong_address", f"{address:02X} is neither a host nor a board")


FRAMING: Framing[Frame] = Framing(
    start=re.compile(rb"\xa5"), header_text="A5", head=4, size=_size, decode=_decode
)
decode_frame = FRAMING.only


def decoder() -> Scanner[Frame]:
    """Return what finds frames in a stream or in Bluetooth notifications."""
    return Scanner(FRAMING)


def frame_count(command: int, *, cells: int, sensors: int) -> int:
    """Return how many frames a full answer needs; more may come."""
    if command == table.CELLS:
        return max(1, -(-cells // _CELLS_A_FRAME))
    if command == table.TEMPERATURES:
        return max(1, -(-sensors // _SENSORS_A_FRAME))
    return 5 if command == table.CODE else 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """The frames of one answer in their order."""

    numbers: tuple[int, ...]
    payloads: tuple[bytes, ...]
    """Seven bytes of each frame."""

    @property
    def cells_mv(self) -> tuple[int, ...]:
        """Cell voltages in mV as sent, with what stands beyond the last cell."""
        return tuple(mv for part in self.payloads for mv in struct.unpack_from(">3H", part))

    @property
    def sensor_bytes(self) -> tuple[int, ...]:
        """Temperatures as sent, °C + 40, with what stands beyond the last sensor."""
        return tuple(count for part in self.payloads for count in part)

    @property
    def text(self) -> str:
        """Characters."""
        return ascii_text(b"".join(self.payloads))

    def cell_voltages_v(self, count: int) -> tuple[float | None, ...]:
        """Return as many cells as reply 94 says there are. FrameError `incomplete`."""
        cells = self._first(self.cells_mv, count)
        return tuple([None if mv == _INVALID_CELL else mv / 1000 for mv in cells])

    def temperatures_c(self, count: int) -> tuple[float | None, ...]:
        """Return as many sensors as reply 94 says there are. FrameError `incomplete`."""
        sensors = self._first(self.sensor_bytes, count)
        return tuple([None if c == _INVALID_SENSOR else c - ZERO_C for c in sensors])

    def _first(self, counts: tuple[int, ...], count: int) -> tuple[int, ...]:
        if len(counts) < count:
            raise FrameError("incomplete", f"{len(counts)} values came, there are {count}")
        return counts[:count]


def series(frames: Sequence[Reply], first: int | None = None) -> Series:
    """Return the frames of one answer, put in order by the number in each.

    The document counts from 0, captures from 1: whichever it is, none may be missing. `first`
    says it where it is known. A frame that was repeated counts once. FrameError `incomplete`, or
    `length` where one number carries two contents.
    """
    good = [frame for frame in frames if frame.data[0] != _INVALID_FRAME]
    numbered = sorted({(frame.data[0], frame.data[1:]) for frame in good})
    numbers = tuple(number for number, _ in numbered)
    if len(set(numbers)) < len(numbers):
        raise FrameError("length", "a frame of the answer came twice, not alike")
    starts = (0, 1) if first is None else (first,)
    if not numbers or numbers[0] not in starts or numbers[-1] - numbers[0] >= len(numbers):
        raise FrameError("incomplete", f"of the frames of the answer only {numbers} came")
    return Series(numbers=numbers, payloads=tuple(payload for _, payload in numbered))


def values_of(command: int, data: bytes) -> dict[str, Value]:
    """Return what the data of a single frame say, by the names of the table.

    A command that is not known has `data_hex`.
    """
    if command in FIELDS:
        return {row.name: row.read(data) for row in FIELDS[command]}
    if command == table.BALANCE:
        return {"balance_mask": balance_mask(data)}
    if command == table.FAULTS:
        return {"alarms": fault_bits(data), "fault_code": data[7]}
    if command == table.BATTERY:
        year, month, day = data[2:5]
        return {
            "battery_type_raw": int.from_bytes(data[:2]),
            "production_date": f"{2000 + year}-{month:02d}-{day:02d}" if month else None,
            "sleep_time_raw": int.from_bytes(data[5:7]),
        }
    return {"data_hex": data.hex()}


def balance_mask(data: bytes) -> int:
    """Return which cells are being balanced (reply 97); bit 0 is cell 1."""
    return int.from_bytes(data[:6], "little")


def fault_bits(data: bytes) -> int:
    """Return the fault bits (reply 98); bit 0 is bit 0 of byte 0."""
    return int.from_bytes(data[:7], "little")


# ------------------------------------------------------------------ to bytes


def build_frame(address: int, command: int, data: bytes) -> bytes:
    """Return a frame."""
    counted = struct.pack(">4B8s", _BEGIN, address, command, _DATA_SIZE, data)
    return counted + bytes((sum(counted) & 0xFF,))


def request(command: int, *, board: int = 1, fill: int = 0) -> bytes:
    """Return the question of a PC to a board.

    `fill` stands in the unused data bytes: with AA the boards' UART finds into step more easily
    than with noughts (mr-manuel/venus-os_dbus-serialbattery, fl4p/batmon-ha issue 398).
    """
    return build_frame(_FIRST_BOARD + board - 1, command, bytes((fill,)) * _DATA_SIZE)


def mos_request(command: int, *, on: bool, board: int = 1) -> bytes:
    """Return the command that switches one MOS: `CHARGE_MOS` or `DISCHARGE_MOS`."""
    return build_frame(_FIRST_BOARD + board - 1, command, bytes((on,)) + bytes(7))


def clock_and_soc_request(values: Mapping[str, Value], *, board: int = 1) -> bytes:
    """Return the command that sets clock and SOC, by the names of `CLOCK_AND_SOC`.

    KeyError for a missing name, struct.error for what does not fit.
    """
    data = bytearray(_DATA_SIZE)
    for row in table.CLOCK_AND_SOC:
        row.write(values[row.name], data)
    return build_frame(_FIRST_BOARD + board - 1, table.SET_CLOCK_AND_SOC, bytes(data))


def clock_and_soc_of(data: bytes) -> dict[str, Value]:
    """Return what a request 21 sets."""
    return {row.name: row.read(data) for row in table.CLOCK_AND_SOC}


def build_reply(command: int, data: bytes, *, board: int = 1) -> bytes:
    """Return one frame of an answer."""
    return build_frame(board, command, data)


def build_values(command: int, values: Mapping[str, Value]) -> bytes:
    """Return the data of a reply that is a row of numbers; names that are missing are nought."""
    data = bytearray(_DATA_SIZE)
    for row in FIELDS[command]:
        if row.name in values:
            row.write(values[row.name], data)
    return bytes(data)


def build_series(
    command: int, payload: bytes, *, first: int = 1, frames: int = 0, board: int = 1
) -> bytes:
    """Return the frames that carry a payload, at least `frames` of them, the rest noughts."""
    size = _CELLS_A_FRAME * 2 if command == table.CELLS else 7
    count = max(frames, -(-len(payload) // size))
    parts = [payload[n * size : (n + 1) * size] for n in range(count)]
    return b"".join(
        build_reply(command, bytes((first + n,)) + part.ljust(7, b"\0"), board=board)
        for n, part in enumerate(parts)
    )
