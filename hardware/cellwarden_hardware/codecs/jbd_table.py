"""The JBD protocol as tables: registers, protection bits, error counters.

Numbers are big endian. Register numbers agree in several public lists, some scales stand in one
source only (marked so in the row): read before you write. Sources: the vendor's protocol V4 in
syssi/esphome-jk-bms, syssi/esphome-jbd-bms, simat/BatteryMonitor, patman15/aiobmsble.
"""

import struct
from dataclasses import dataclass
from enum import Enum, auto

from cellwarden.model import AlarmKind
from cellwarden_hardware.codecs.alarm_bits import BOTH, CHARGE, DISCHARGE, AlarmWord, alarm_bit
from cellwarden_hardware.codecs.text import ascii_text

Value = int | float | bool | str | None


class Form(Enum):
    """How the bytes of a register become a value: SI value = count / per."""

    NUMBER = auto()
    SIGNED = auto()
    KELVIN = auto()
    """0.1 K: °C = (count - 2731) / 10."""
    DATE = auto()
    """Day in bits 0..4, month in 5..8, year - 2000 in 9..15."""
    TEXT = auto()
    """A length byte, then ASCII."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Register:
    """One register of the settings memory; reachable in factory mode only."""

    number: int
    name: str
    form: Form = Form.NUMBER
    unit: str = ""
    per: int = 1
    """Counts in one unit; negative where the board keeps the opposite sign."""
    parameter: str = ""
    """The name of this setting in `cellwarden.model.parameters`, where it exists there."""

    def value(self, data: bytes) -> Value:
        """Return the value of a register's bytes; ValueError if they are not of its size."""
        if self.form is Form.TEXT:
            if not data or len(data) != data[0] + 1:
                raise ValueError(f"{self.name} is a length and as many characters")
            return ascii_text(data[1:])
        if len(data) != 2:
            raise ValueError(f"{self.name} has 2 bytes, not {len(data)}")
        count = int.from_bytes(data, signed=self.form is Form.SIGNED)
        if self.form is Form.KELVIN:
            return temperature_c(count)
        if self.form is Form.DATE:
            return date_text(count)
        return count if self.per == 1 else count / self.per

    def data(self, value: Value) -> bytes:
        """Return the bytes that carry a value; ValueError if they cannot."""
        if self.form is Form.TEXT:
            raw = str(value).encode("ascii")
            return bytes((len(raw),)) + raw
        if self.form is Form.DATE:
            return struct.pack(">H", date_count(str(value)))
        if not isinstance(value, int | float):
            raise ValueError(f"{self.name} is a number, not {value!r}")  # noqa: TRY004  # its words
        per, zero = (10, ZERO_C) if self.form is Form.KELVIN else (self.per, 0)
        count = round(value * per) + zero
        try:
            return struct.pack(">h" if self.form is Form.SIGNED else ">H", count)
        except struct.error as error:
            raise ValueError(f"{self.name} cannot be {value!r}: {error}") from error


ZERO_C = 2731
"""0 °C in 0.1 K."""


def temperature_c(count: int) -> float:
    """Return °C."""
    return (count - ZERO_C) / 10


def date_text(count: int) -> str | None:
    """Return `2022-03-28`; None where no date was set."""
    day, month, year = count & 31, count >> 5 & 15, 2000 + (count >> 9)
    return f"{year}-{month:02d}-{day:02d}" if day and 1 <= month <= 12 else None


def date_count(date: str) -> int:
    """Return the count of `2022-03-28`; ValueError for what is no date of 2000..2127."""
    year, month, day = (int(part) for part in date.split("-"))
    if not (2000 <= year <= 2127 and 1 <= month <= 12 and 1 <= day <= 31):
        raise ValueError(f"{date} is not a date of 2000..2127")
    return year - 2000 << 9 | month << 5 | day


def _number(number: int, name: str, unit: str = "", per: int = 1, parameter: str = "") -> Register:
    return Register(number=number, name=name, unit=unit, per=per, parameter=parameter)


def _kelvin(number: int, name: str, parameter: str) -> Register:
    return Register(number=number, name=name, form=Form.KELVIN, unit="°C", parameter=parameter)


def _text(number: int, name: str) -> Register:
    return Register(number=number, name=name, form=Form.TEXT)


# fmt: off
SETTINGS: tuple[Register, ...] = (
    _number(0x10, "design_capacity", "Ah", 100, "design_capacity_ah"),
    _number(0x11, "cycle_capacity", "Ah", 100),
    _number(0x12, "cell_voltage_at_100_percent", "V", 1000),
    _number(0x13, "cell_voltage_at_0_percent", "V", 1000),
    _number(0x14, "self_discharge", "%", 10),
    Register(number=0x15, name="production_date", form=Form.DATE),
    _number(0x16, "serial_number"),
    _number(0x17, "cycle_count"),
    _kelvin(0x18, "charge_otp", "charge_overtemperature_c"),
    _kelvin(0x19, "charge_otp_release", "charge_overtemperature_recovery_c"),
    _kelvin(0x1A, "charge_utp", "charge_undertemperature_c"),
    _kelvin(0x1B, "charge_utp_release", "charge_undertemperature_recovery_c"),
    _kelvin(0x1C, "discharge_otp", "discharge_overtemperature_c"),
    _kelvin(0x1D, "discharge_otp_release", "discharge_overtemperature_recovery_c"),
    _kelvin(0x1E, "discharge_utp", "discharge_undertemperature_c"),
    _kelvin(0x1F, "discharge_utp_release", "discharge_undertemperature_recovery_c"),
    _number(0x20, "pack_ovp", "V", 100, "pack_overvoltage_v"),
    _number(0x21, "pack_ovp_release", "V", 100, "pack_overvoltage_recovery_v"),
    _number(0x22, "pack_uvp", "V", 100, "pack_undervoltage_v"),
    _number(0x23, "pack_uvp_release", "V", 100, "pack_undervoltage_recovery_v"),
    _number(0x24, "cell_ovp", "V", 1000, "cell_overvoltage_v"),
    _number(0x25, "cell_ovp_release", "V", 1000, "cell_overvoltage_recovery_v"),
    _number(0x26, "cell_uvp", "V", 1000, "cell_undervoltage_v"),
    _number(0x27, "cell_uvp_release", "V", 1000, "cell_undervoltage_recovery_v"),
    _number(0x28, "charge_ocp", "A", 100, "charge_current_max_a"),
    Register(number=0x29, name="discharge_ocp", form=Form.SIGNED, unit="A", per=-100,
             parameter="discharge_current_max_a"),
    _number(0x2A, "balance_start_voltage", "V", 1000, "balance_start_v"),
    _number(0x2B, "balance_window", "V", 1000, "balance_trigger_v"),
    _number(0x2C, "shunt_resistance", "ohm", 10_000),
    _number(0x2D, "function_bits"),
    _number(0x2E, "sensor_mask"),
    _number(0x2F, "cell_count_setting", parameter="cell_count"),
    _number(0x30, "fet_time", "s"),
    _number(0x31, "led_time", "s"),
    # The points of the voltage curve between 100 and 0 %.
    *(_number(n, f"cell_voltage_point_{n:02x}", "V", 1000) for n in (*range(0x32, 0x36),
                                                                     *range(0x42, 0x47))),
    _number(0x36, "hardware_ovp", "V", 1000),
    _number(0x37, "hardware_uvp", "V", 1000),
    # Coded thresholds and pairs of delays (one in each byte), shown as they are.
    _number(0x38, "short_circuit_raw"),
    _number(0x39, "hardware_delays_raw"),
    *(_number(n, f"delays_{n:02x}_raw") for n in range(0x3A, 0x40)),
    _text(0xA0, "manufacturer"),
    _text(0xA1, "model"),
    _text(0xA2, "barcode"),
    _number(0xAD, "calibrate_zero_current"),
    _number(0xAE, "calibrate_charge_current", "A", 100),
    Register(number=0xAF, name="calibrate_discharge_current", form=Form.SIGNED, unit="A", per=100),
    *(_number(0xB0 + n, f"calibrate_cell_{n + 1}", "V", 1000) for n in range(32)),
    *(_kelvin(0xD0 + n, f"calibrate_temperature_{n + 1}", "") for n in range(8)),
    _number(0xE0, "set_remaining_capacity", "Ah", 100),
)
"""Names of the settings, in the order of their numbers but for the voltage curve."""

COMMANDS: dict[int, str] = {
    0x00: "enter_factory_mode",
    0x01: "leave_factory_mode",
    0x06: "use_password",
    0x07: "set_password",
    0x09: "clear_password",
    0x0A: "factory_reset",
    0xE1: "switch_mos",
    0xE2: "balance_test",
    0xE3: "reset",
}
"""What can only be written."""

ERROR_COUNTERS: tuple[str, ...] = (
    "short_circuit_count", "charge_ocp_count", "discharge_ocp_count", "cell_ovp_count",
    "cell_uvp_count", "charge_otp_count", "charge_utp_count", "discharge_otp_count",
    "discharge_utp_count", "pack_ovp_count", "pack_uvp_count",
)
"""The u16 of register AA, in their order [one source]."""

FUNCTION_BITS: tuple[str, ...] = (
    "switch", "load_lock", "balance", "balance_only_while_charging", "led", "led_count", "history",
    "full_capacity_update", "gps", "buzzer",
)
"""The bits of register 2D from bit 0."""
# fmt: on

REGISTERS: dict[int, Register] = {row.number: row for row in SETTINGS}
BY_NAME: dict[str, Register] = {row.name: row for row in SETTINGS}


SOFTWARE_LOCK = 1 << 12
"""Somebody switched a MOS off by command (register E1); no fault, so no alarm."""

# fmt: off
ALARMS = AlarmWord((
    alarm_bit(0, AlarmKind.CELL_OVERVOLTAGE, "cell overvoltage", CHARGE),
    alarm_bit(1, AlarmKind.CELL_UNDERVOLTAGE, "cell undervoltage", DISCHARGE),
    alarm_bit(2, AlarmKind.PACK_OVERVOLTAGE, "pack overvoltage", CHARGE),
    alarm_bit(3, AlarmKind.PACK_UNDERVOLTAGE, "pack undervoltage", DISCHARGE),
    alarm_bit(4, AlarmKind.CHARGE_OVERTEMPERATURE, "charge over temperature", CHARGE),
    alarm_bit(5, AlarmKind.CHARGE_UNDERTEMPERATURE, "charge under temperature", CHARGE),
    alarm_bit(6, AlarmKind.DISCHARGE_OVERTEMPERATURE, "discharge over temperature", DISCHARGE),
    alarm_bit(7, AlarmKind.DISCHARGE_UNDERTEMPERATURE, "discharge under temperature", DISCHARGE),
    alarm_bit(8, AlarmKind.CHARGE_OVERCURRENT, "charge overcurrent", CHARGE),
    alarm_bit(9, AlarmKind.DISCHARGE_OVERCURRENT, "discharge overcurrent", DISCHARGE),
    alarm_bit(10, AlarmKind.SHORT_CIRCUIT, "short circuit", BOTH),
    alarm_bit(11, AlarmKind.BMS_INTERNAL, "front-end IC", BOTH),
), silent=SOFTWARE_LOCK)
# fmt: on
"""What each protection bit of register 03 means; from 13 on nothing is known."""
