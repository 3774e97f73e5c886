"""The Daly A5 protocol as tables: what each command's 8 bytes carry, and the fault bits.

Numbers are big endian. Sources: jblance/mpp-solar and fl4p/batmon-ha (captures),
mr-manuel/venus-os_dbus-serialbattery, dreadnought/python-daly-bms.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from cellwarden.model import AlarmKind
from cellwarden_hardware.codecs.alarm_bits import (
    BOTH,
    CHARGE,
    DISCHARGE,
    NEITHER,
    AlarmBit,
    AlarmWord,
    alarm_bit,
)

Value = int | float | bool | str | None


_STRUCTS = {code: struct.Struct(f">{code}") for code in "?BHIQ"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One number of a reply: SI value = (count - zero) / per."""

    name: str
    at: int
    """Byte offset in the 8 data bytes."""
    code: str
    """struct code without byte order."""
    unit: str = ""
    per: int = 1
    zero: int = 0
    words: tuple[str, ...] = ()
    """What the counts from 0 on mean, where they are no number."""

    def read(self, data: bytes) -> Value:
        """Return the value."""
        count: Any
        (count,) = _STRUCTS[self.code].unpack_from(data, self.at)
        if count is True or count is False:
            return count
        if self.words:
            return self.words[count] if count < len(self.words) else str(count)
        count -= self.zero
        return int(count) if self.per == 1 else count / self.per

    def write(self, value: Value, data: bytearray) -> None:
        """Put a value in its place; struct.error if it does not fit."""
        if isinstance(value, str):
            count = self.words.index(value)
        else:
            count = round((value or 0) * self.per) + self.zero
        _STRUCTS[self.code].pack_into(data, self.at, count)


ZERO_CURRENT = 30_000
"""Count of 0 A; the sign of what differs from it is not the same on all boards."""
ZERO_C = 40
"""Count of 0 °C."""
MODES = ("idle", "charge", "discharge")

RATED, BATTERY, CODE = 0x50, 0x53, 0x57
SUMS, CELL_EXTREMES, TEMPERATURE_EXTREMES, SWITCHES, STATUS = 0x90, 0x91, 0x92, 0x93, 0x94
CELLS, TEMPERATURES, BALANCE, FAULTS = 0x95, 0x96, 0x97, 0x98
SET_CLOCK_AND_SOC, DISCHARGE_MOS, CHARGE_MOS = 0x21, 0xD9, 0xDA

# fmt: off
FIELDS: dict[int, tuple[Field, ...]] = {
    RATED: (
        Field(name="rated_capacity", at=0, code="I", unit="Ah", per=1000),
        Field(name="nominal_cell_voltage", at=6, code="H", unit="V", per=1000),
    ),
    SUMS: (
        Field(name="voltage", at=0, code="H", unit="V", per=10),
        Field(name="gather_voltage", at=2, code="H", unit="V", per=10),
        Field(name="current_wire_sign", at=4, code="H", unit="A", per=10, zero=ZERO_CURRENT),
        Field(name="soc", at=6, code="H", unit="%", per=10),
    ),
    CELL_EXTREMES: (
        Field(name="cell_voltage_max", at=0, code="H", unit="V", per=1000),
        Field(name="cell_max_number", at=2, code="B"),
        Field(name="cell_voltage_min", at=3, code="H", unit="V", per=1000),
        Field(name="cell_min_number", at=5, code="B"),
    ),
    TEMPERATURE_EXTREMES: (
        Field(name="temperature_max", at=0, code="B", unit="°C", zero=ZERO_C),
        Field(name="temperature_max_number", at=1, code="B"),
        Field(name="temperature_min", at=2, code="B", unit="°C", zero=ZERO_C),
        Field(name="temperature_min_number", at=3, code="B"),
    ),
    SWITCHES: (
        Field(name="mode", at=0, code="B", words=MODES),
        Field(name="charge_mos", at=1, code="?"),
        Field(name="discharge_mos", at=2, code="?"),
        Field(name="bms_life", at=3, code="B"),
        Field(name="remaining_capacity", at=4, code="I", unit="Ah", per=1000),
    ),
    STATUS: (
        Field(name="cell_count", at=0, code="B"),
        Field(name="temperature_sensor_count", at=1, code="B"),
        Field(name="charger_connected", at=2, code="?"),
        Field(name="load_connected", at=3, code="?"),
        Field(name="io_bits", at=4, code="B"),  # DI 1..4 in bits 0..3, DO 1..4 in 4..7
        Field(name="cycle_count", at=5, code="H"),
    ),
    SET_CLOCK_AND_SOC: (Field(name="value_raw", at=0, code="B"),),
    DISCHARGE_MOS: (
        Field(name="value_raw", at=0, code="B"),
        Field(name="discharge", at=0, code="?"),
    ),
    CHARGE_MOS: (
        Field(name="value_raw", at=0, code="B"),
        Field(name="charge", at=0, code="?"),
    ),
}
"""The replies that are a row of numbers. The requests of D9 and DA have the same form."""

CLOCK_AND_SOC: tuple[Field, ...] = (
    Field(name="year", at=0, code="B", zero=-2000),
    Field(name="month", at=1, code="B"),
    Field(name="day", at=2, code="B"),
    Field(name="hour", at=3, code="B"),
    Field(name="minute", at=4, code="B"),
    Field(name="second", at=5, code="B"),
    Field(name="soc", at=6, code="H", unit="%", per=10),
)
"""What a request 21 sets; its reply has 1 in byte 0 [one source]."""

SEVERAL_FRAMES = {CODE: 5, CELLS: 16, TEMPERATURES: 2}
"""Commands that are answered with a series of frames, each with its number in front, and how many
came in captures, whatever the count of cells."""
# fmt: on


def _bit(
    byte: int, bit: int, text: str, kind: AlarmKind | None, blocks: tuple[bool, bool] = NEITHER
) -> AlarmBit:
    return alarm_bit(8 * byte + bit, kind, text, blocks)


def _levels(
    byte: int, bit: int, text: str, kind: AlarmKind, blocks: tuple[bool, bool]
) -> tuple[AlarmBit, ...]:
    """Return the two bits of a fault: level 1 warns, level 2 acts."""
    return (
        _bit(byte, bit, f"{text} level 1", kind),
        _bit(byte, bit + 1, f"{text} level 2", kind, blocks),
    )


_K = AlarmKind

FAULT_CODE_AT = 56
"""The bit where byte 7 begins."""

# fmt: off
# Level 2 of a cell difference and of a low SOC do not block by themselves: what the BMS cut is
# seen in reply 93.
FAULT_WORD = AlarmWord((
    *_levels(0, 0, "cell voltage high", _K.CELL_OVERVOLTAGE, CHARGE),
    *_levels(0, 2, "cell voltage low", _K.CELL_UNDERVOLTAGE, DISCHARGE),
    *_levels(0, 4, "pack voltage high", _K.PACK_OVERVOLTAGE, CHARGE),
    *_levels(0, 6, "pack voltage low", _K.PACK_UNDERVOLTAGE, DISCHARGE),
    *_levels(1, 0, "charge temperature high", _K.CHARGE_OVERTEMPERATURE, CHARGE),
    *_levels(1, 2, "charge temperature low", _K.CHARGE_UNDERTEMPERATURE, CHARGE),
    *_levels(1, 4, "discharge temperature high", _K.DISCHARGE_OVERTEMPERATURE, DISCHARGE),
    *_levels(1, 6, "discharge temperature low", _K.DISCHARGE_UNDERTEMPERATURE, DISCHARGE),
    *_levels(2, 0, "charge current high", _K.CHARGE_OVERCURRENT, CHARGE),
    *_levels(2, 2, "discharge current high", _K.DISCHARGE_OVERCURRENT, DISCHARGE),
    # A full battery is no fault.
    _bit(2, 4, "SOC high level 1", None),
    _bit(2, 5, "SOC high level 2", None),
    *_levels(2, 6, "SOC low", _K.LOW_SOC, NEITHER),
    *_levels(3, 0, "cell difference", _K.CELL_DIFFERENCE, NEITHER),
    *_levels(3, 2, "temperature difference", _K.TEMPERATURE_SENSOR, NEITHER),
    _bit(4, 0, "charge MOS over temperature", _K.MOS_OVERTEMPERATURE, CHARGE),
    _bit(4, 1, "discharge MOS over temperature", _K.MOS_OVERTEMPERATURE, DISCHARGE),
    _bit(4, 2, "charge MOS temperature sensor", _K.TEMPERATURE_SENSOR),
    _bit(4, 3, "discharge MOS temperature sensor", _K.TEMPERATURE_SENSOR),
    # A MOS that cannot open protects nothing any more: the other direction is no way out either.
    _bit(4, 4, "charge MOS adhesion", _K.FET_STUCK, BOTH),
    _bit(4, 5, "discharge MOS adhesion", _K.FET_STUCK, BOTH),
    _bit(4, 6, "charge MOS open circuit", _K.FET_STUCK, CHARGE),
    _bit(4, 7, "discharge MOS open circuit", _K.FET_STUCK, DISCHARGE),
    _bit(5, 0, "AFE chip", _K.BMS_INTERNAL, BOTH),
    _bit(5, 1, "voltage line off", _K.BALANCE_WIRE_OPEN, BOTH),
    _bit(5, 2, "temperature sensor", _K.TEMPERATURE_SENSOR, CHARGE),
    _bit(5, 3, "EEPROM", _K.BMS_INTERNAL, BOTH),
    _bit(5, 4, "clock", _K.BMS_INTERNAL),
    _bit(5, 5, "precharge", _K.BMS_INTERNAL, DISCHARGE),
    _bit(5, 6, "communication", _K.BMS_INTERNAL),
    _bit(5, 7, "internal communication", _K.BMS_INTERNAL, BOTH),
    _bit(6, 0, "current module", _K.CURRENT_SENSOR, BOTH),
    _bit(6, 1, "pack voltage measurement", _K.BMS_INTERNAL, BOTH),
    _bit(6, 2, "short circuit", _K.SHORT_CIRCUIT, BOTH),
    _bit(6, 3, "low voltage forbids charging", _K.CELL_UNDERVOLTAGE, CHARGE),
), silent=0xFF << FAULT_CODE_AT)
# fmt: on
"""Reply 98; byte 7 is a fault code of its own."""


def notices_of(bits: int) -> tuple[str, ...]:
    """Return what the fault bits say that is no alarm, and the fault code."""
    code = bits >> FAULT_CODE_AT & 0xFF
    return (*FAULT_WORD.notices_of(bits), *((f"fault code {code}",) if code else ()))


def faults_of(bits: int) -> Iterator[str]:
    """Yield the maker's words for the fault bits."""
    return (row.text for row in FAULT_WORD.rows if bits >> row.bit & 1)
