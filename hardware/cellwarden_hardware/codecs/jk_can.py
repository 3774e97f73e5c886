"""JK's own CAN broadcast (CAN protocol 0 at 250 kbit/s, 6 at 500 kbit/s), without I/O.

V1 sends four frames with 11-bit identifiers, V2 the same and more with 29 bits. An identifier is a
base plus the device's address. Low byte first, but for the charger request. V2 may send fewer
bytes than V1: what is missing at the end of a frame and marked optional is left out.
"""

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cellwarden.errors import FrameError
from cellwarden.links.can_frame import CanFrame

Value = Any
Values = dict[str, Value]

MAX_ADDRESS = 15
CONTROL = 0x18F0F428
CELLS_PER_FRAME = 4
_NO_SENSOR = 0xFF
_ZERO_C = 50  # the count that means 0 °C


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One number of a frame: SI value = (count - zero) / per."""

    name: str
    at: int
    code: str
    unit: str = ""
    per: int = 1
    zero: int = 0
    switch: bool = False
    optional: bool = False

    def read(self, data: bytes) -> Value:
        """Return the SI value; FrameError if the frame is too short."""
        try:
            (count,) = struct.unpack_from(self.code, data, self.at)
        except struct.error as error:
            raise FrameError(
                "incomplete", f"{self.name} needs more than {len(data)} bytes"
            ) from error
        if self.switch:
            return count != 0
        count -= self.zero
        return count / self.per if self.per != 1 else count

    def fits(self, data: bytes) -> bool:
        """Return whether the frame is long enough for it."""
        return self.at + struct.calcsize(self.code) <= len(data)


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One kind of frame; `id` is that of address 0."""

    id: int
    name: str
    fields: tuple[Field, ...] = ()
    then: Callable[[Values, bytes], Values] | None = None
    """What is made of the fields where a table cannot say it."""

    @property
    def extended(self) -> bool:
        """Whether its identifier has 29 bits."""
        return self.id > 0x7FF

    def read(self, data: bytes) -> Values:
        """Return the values; FrameError `incomplete` for too few bytes."""
        values = {
            field.name: field.read(data)
            for field in self.fields
            if not field.optional or field.fits(data)
        }
        return self.then(values, data) if self.then else values


ALARMS = (
    "cell_overvoltage", "cell_undervoltage", "pack_overvoltage", "pack_undervoltage",
    "cell_difference", "discharge_overcurrent", "charge_overcurrent", "temperature_high",
    "temperature_low", "temperature_difference", "soc_low", "insulation", "interlock",
    "external_communication", "internal_communication",
)  # fmt: skip
"""Two bits each, from bit 0: 0 none, 1 serious, 2 important, 3 general."""

FAULTS = (
    "wire resistance", "MOS over temperature", "cell count", "current sensor",
    "cell overvoltage", "pack overvoltage", "charge overcurrent", "charge short circuit",
    "charge over temperature", "charge under temperature", "internal communication",
    "cell undervoltage", "pack undervoltage", "discharge overcurrent",
    "discharge short circuit", "discharge over temperature", "charge MOS", "discharge MOS",
)  # fmt: skip
"""One bit each, from bit 0, as one source numbers them, equal to the BLE alarm word. The printed
example of the vendor leaves a gap of one bit behind "internal communication": not settled."""

SWITCHES = ("charge_mos", "discharge_mos", "balancing", "heating", "charger_plugged", "acc")
CONTROLS = ("charge", "discharge", "balance")


def _alarms(values: Values, _: bytes) -> Values:
    bits = values["alarm_bits"]
    levels = {name: bits >> 2 * place & 3 for place, name in enumerate(ALARMS)}
    return values | {"alarm_levels": {name: level for name, level in levels.items() if level}}


def _faults(values: Values, data: bytes) -> Values:
    if len(data) < 3:
        raise FrameError("incomplete", f"the faults need 3 bytes, not {len(data)}")
    bits = int.from_bytes(data[:4], "little")
    return values | {
        "fault_bits_raw": bits,
        "fault_bits": [place for place in range(bits.bit_length()) if bits >> place & 1],
    }


def _temperatures(values: Values, data: bytes) -> Values:
    sensors = [None if count == _NO_SENSOR else count - _ZERO_C for count in data[1:6]]
    return values | {"temperatures": sensors}


def _switches(values: Values, _: bytes) -> Values:
    bits = values["switch_bits"]
    return values | {name: bits >> place & 1 != 0 for place, name in enumerate(SWITCHES)}


def _control(values: Values, _: bytes) -> Values:
    mask = values["mask"]
    return values | {"applied": [name for place, name in enumerate(CONTROLS) if mask >> place & 1]}


def _cells(first: int) -> Callable[[Values, bytes], Values]:
    def read(values: Values, data: bytes) -> Values:
        counts = struct.unpack_from(f"<{len(data) // 2}H", data)
        if not counts:
            raise FrameError("incomplete", "a cell needs 2 bytes")
        return values | {"first_cell": first, "cell_voltages": [c / 1000 for c in counts]}

    return read


def _unsettled(values: Values, data: bytes) -> Values:
    return values | {"data_hex": data.hex()}


# fmt: off
MESSAGES: tuple[Message, ...] = (
    Message(id=0x2F4, name="battery_status", fields=(
        Field(name="voltage", at=0, code="<H", unit="V", per=10),
        # Sources disagree whether positive is charging or discharging.
        Field(name="current_document_sign", at=2, code="<H", unit="A", per=10, zero=4000),
        Field(name="soc", at=4, code="B", unit="%"),
        Field(name="discharge_time_hours", at=6, code="<H", unit="h", optional=True),  # V1
    )),
    Message(id=0x4F4, name="cell_voltage", fields=(
        Field(name="cell_voltage_max", at=0, code="<H", unit="V", per=1000),
        Field(name="cell_max_number", at=2, code="B"),
        Field(name="cell_voltage_min", at=3, code="<H", unit="V", per=1000),
        Field(name="cell_min_number", at=5, code="B"),
    )),
    Message(id=0x5F4, name="cell_temperature", fields=(
        Field(name="temperature_max", at=0, code="B", unit="°C", zero=_ZERO_C),
        Field(name="temperature_max_number", at=1, code="B"),
        Field(name="temperature_min", at=2, code="B", unit="°C", zero=_ZERO_C),
        Field(name="temperature_min_number", at=3, code="B"),
        Field(name="temperature_average", at=4, code="B", unit="°C", zero=_ZERO_C),
    )),
    # Sent while an alarm stands.
    Message(id=0x7F4, name="alarms", then=_alarms, fields=(
        Field(name="alarm_bits", at=0, code="<I"),
    )),
    Message(id=0x18F128F4, name="battery_status_2", fields=(
        Field(name="remaining_capacity", at=0, code="<H", unit="Ah", per=10),
        Field(name="full_capacity", at=2, code="<H", unit="Ah", per=10),
        Field(name="cycle_capacity", at=4, code="<H", unit="Ah", per=10),  # wraps at 6553.5 Ah
        Field(name="cycle_count", at=6, code="<H"),
    )),
    Message(id=0x18F228F4, name="all_temperatures", then=_temperatures, fields=(
        Field(name="sensor_mask", at=0, code="B"),
    )),
    Message(id=0x18F328F4, name="faults", then=_faults),
    Message(id=0x18F428F4, name="bms_info", fields=(
        Field(name="runtime", at=0, code="<I", unit="s"),
        Field(name="heating_current", at=4, code="<H", unit="A", per=1000),
        Field(name="soh", at=6, code="B", unit="%", optional=True),
    )),
    Message(id=0x18F528F4, name="switches", then=_switches, fields=(
        Field(name="switch_bits", at=0, code="B"),
    )),
    *(Message(id=0x18E028F4 + 0x10000 * block, name=f"cells_{block}",
              then=_cells(CELLS_PER_FRAME * block + 1)) for block in range(7)),
    Message(id=0x1806E5F4, name="charge_request", fields=(
        Field(name="charge_voltage", at=0, code=">H", unit="V", per=10),
        Field(name="charge_current", at=2, code=">H", unit="A", per=10),
        Field(name="charger_off", at=4, code="B", switch=True),
        # Byte 6 in one source.
        Field(name="heating_mode", at=5, code="B", switch=True, optional=True),
    )),
    Message(id=CONTROL, name="control", then=_control, fields=(
        Field(name="mask", at=0, code="B"),
        Field(name="charge", at=1, code="B", switch=True),
        Field(name="discharge", at=2, code="B", switch=True),
        Field(name="balance", at=3, code="B", switch=True),
    )),
    # Seen on a real bus; its meaning is not settled.
    Message(id=0x01F21400, name="unsettled", then=_unsettled),
)
# fmt: on

BY_NAME: Mapping[str, Message] = {message.name: message for message in MESSAGES}


def _by_id() -> dict[tuple[int, bool], tuple[Message, int]]:
    """Return what every identifier means; the lower address where two would be the same."""
    known: dict[tuple[int, bool], tuple[Message, int]] = {}
    for address in range(MAX_ADDRESS + 1):
        for message in MESSAGES:
            can_id = message.id + address
            if can_id <= (0x1FFF_FFFF if message.extended else 0x7FF):
                known.setdefault((can_id, message.extended), (message, address))
    return known


_KNOWN = _by_id()


def message_of(frame: CanFrame) -> tuple[Message, int] | None:
    """Return which message a frame is and the address of its device, None if it is none of JK's."""
    return _KNOWN.get((frame.can_id, frame.extended))


def decode(frame: CanFrame) -> tuple[Message, int, Values]:
    """Return message, address and values.

    FrameError `unknown_frame_type` for an identifier that is not JK's, `incomplete` for too few
    bytes.
    """
    known = message_of(frame)
    if known is None:
        raise FrameError("unknown_frame_type", f"{frame.text}: not an identifier of JK's CAN")
    message, address = known
    return message, address, message.read(frame.data)


def control_request(address: int = 0, **switches: bool) -> CanFrame:
    """Return the frame that sets `charge`, `discharge` or `balance`; what is not named stays."""
    mask = sum(1 << place for place, name in enumerate(CONTROLS) if name in switches)
    states = [int(switches.get(name, False)) for name in CONTROLS]
    return CanFrame(CONTROL + address, bytes((mask, *states, 0, 0, 0, 0)), extended=True)
