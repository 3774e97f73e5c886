"""The Daly D2 dialect of newer boards, without I/O: Modbus RTU in form, address D2.

Read so far: 62 words from 0 (the state), 9 words from 3E (the MOS temperature), 32 words from A9
(versions). Source: patman15/aiobmsble. Writing (function 06) is known in form only: the numbers of
the switch registers are not confirmed.
"""

import re
import struct
from dataclasses import dataclass

from cellwarden.errors import FrameError
from cellwarden_hardware.codecs.crc import crc16_modbus
from cellwarden_hardware.codecs.daly_table import ZERO_C, ZERO_CURRENT, Field, Value
from cellwarden_hardware.codecs.scanner import Framing
from cellwarden_hardware.codecs.text import ascii_text

ADDRESS = 0xD2
_READ, _WRITE, _REFUSED = 0x03, 0x06, 0x80

STATE, MOS_TEMPERATURE, VERSIONS = (0x00, 62), (0x3E, 9), (0xA9, 32)
"""First word and count of words of the blocks that are understood."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A question, or its echo."""

    start: int
    words: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """One word that is written; the answer is the same frame."""

    register: int
    value: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """Words that were asked for; from where, only the question says."""

    data: bytes


Frame = Request | Write | Reply


def _size(head: bytes) -> int:
    function, third = head[1], head[2]
    if function == _READ:
        # No known block starts above word FF, and no answer is empty.
        return 8 if third == 0 else 5 + third
    if function == _WRITE:
        return 8
    if function & _REFUSED:
        return 5
    raise FrameError("unknown_frame_type", f"function {function:02X} is not known")


def _decode(frame: bytes) -> Frame:
    is_, said = crc16_modbus(frame[:-2]), int.from_bytes(frame[-2:], "little")
    if is_ != said:
        raise FrameError("crc", f"the CRC is {is_:04X}, the frame says {said:04X}")
    function = frame[1]
    if function & _REFUSED:
        message = f"the BMS refuses function {function & 0x7F:02X} with code {frame[2]:02X}"
        raise FrameError("modbus_exception", message, code=frame[2])
    if function == _WRITE:
        register, value = struct.unpack_from(">HH", frame, 2)
        return Write(register=register, value=value)
    if frame[2] == 0:
        start, words = struct.unpack_from(">HH", frame, 2)
        return Request(start=start, words=words)
    return Reply(data=frame[3:-2])


FRAMING: Framing[Frame] = Framing(
    start=re.compile(rb"\xd2"), header_text="D2", head=3, size=_size, decode=_decode
)
decode_frame = FRAMING.only


# fmt: off
STATE_FIELDS: tuple[Field, ...] = (
    Field(name="voltage", at=80, code="H", unit="V", per=10),
    Field(name="current_wire_sign", at=82, code="H", unit="A", per=10, zero=ZERO_CURRENT),
    Field(name="soc", at=84, code="H", unit="%", per=10),
    Field(name="cell_voltage_max", at=86, code="H", unit="V", per=1000),
    Field(name="cell_voltage_min", at=88, code="H", unit="V", per=1000),
    Field(name="remaining_capacity", at=96, code="H", unit="Ah", per=10),
    Field(name="cell_count", at=98, code="H"),
    Field(name="temperature_sensor_count", at=100, code="H"),
    Field(name="cycle_count", at=102, code="H"),
    Field(name="balancing", at=105, code="?"),
    Field(name="charge_mos", at=107, code="?"),
    Field(name="discharge_mos", at=109, code="?"),
    Field(name="cell_voltage_average", at=110, code="H", unit="V", per=1000),
    Field(name="cell_voltage_delta", at=112, code="H", unit="V", per=1000),
    Field(name="alarms", at=116, code="Q"),
)
"""The state behind 32 cells and 8 sensors."""
# fmt: on
_MOST_CELLS, _MOST_SENSORS, _SENSORS_AT = 32, 8, 64


def decode_reply(data: bytes, start: int | None = None) -> dict[str, Value | tuple[float, ...]]:
    """Return what a block says; which it is shows in its length where `start` is not known.

    FrameError `length` for a block of another size than the one that was asked for.
    """
    blocks = dict((STATE, MOS_TEMPERATURE, VERSIONS))
    if start is None:
        start = next((s for s, words in blocks.items() if 2 * words == len(data)), -1)
    elif start in blocks and 2 * blocks[start] != len(data):
        raise FrameError("length", f"{len(data)} bytes came for {blocks[start]} words")
    if start == STATE[0]:
        return _state(data)
    if start == MOS_TEMPERATURE[0]:
        (count,) = struct.unpack_from(">H", data, 8)
        return {"mos_temperature": None if count in (0, 0xFFFF) else count - ZERO_C}
    if start == VERSIONS[0]:
        return {
            "software_version": ascii_text(data[:16]),
            "hardware_version": ascii_text(data[16:32]),
        }
    return {"data_hex": data.hex()}


def _state(data: bytes) -> dict[str, Value | tuple[float, ...]]:
    values = {row.name: row.read(data) for row in STATE_FIELDS}
    cells, sensors = struct.unpack_from(">HH", data, 98)
    if cells > _MOST_CELLS or sensors > _MOST_SENSORS:
        raise FrameError("length", f"{cells} cells and {sensors} sensors are not possible")
    voltages = struct.unpack_from(f">{cells}H", data)
    counts = struct.unpack_from(f">{sensors}H", data, _SENSORS_AT)
    return {
        "cell_voltages": tuple(mv / 1000 for mv in voltages),
        "temperatures": tuple(count - ZERO_C for count in counts),
        **values,
    }


def read_request(block: tuple[int, int]) -> bytes:
    """Return the question for a block: first word, count of words."""
    return _with_crc(struct.pack(">BBHH", ADDRESS, _READ, *block))


def build_reply(data: bytes) -> bytes:
    """Return what a board answers to a question."""
    return _with_crc(bytes((ADDRESS, _READ, len(data))) + data)


def _with_crc(frame: bytes) -> bytes:
    return frame + crc16_modbus(frame).to_bytes(2, "little")
