"""The JK "4E 57" protocol: every identifier and alarm bit as a table.

Numbers are big endian. The lengths of 79..BA and C0 were confirmed by walking captures to their
exact end (syssi/esphome-jk-bms, ArminJo/JK-BMSToPylontechCAN); 88 and 8D are never sent. The
names are those that `cellwarden decode jk-rs485` prints.
"""

import struct
from dataclasses import dataclass
from enum import Enum, auto

from cellwarden.model import AlarmKind
from cellwarden_hardware.codecs.alarm_bits import BOTH, CHARGE, DISCHARGE, AlarmWord, alarm_bit

Value = int | float | bool | str
"""One decoded value; `cell_voltages` is a tuple of float instead."""

MAX_CELLS = 32
"""The largest cell count setting (A9)."""


class Form(Enum):
    """How the bytes of an identifier become a value."""

    CELLS = auto()
    """A length byte (3n), then n times cell number (u8) and mV (u16)."""
    NUMBER = auto()
    SIGNED = auto()
    SWITCH = auto()
    TEXT = auto()
    TEMPERATURE = auto()
    """0..100 are plus degrees; above 100 the excess is minus degrees (101 = -1, 140 = -40)."""
    CURRENT = auto()
    """Its meaning hangs on the protocol version: see `current_a`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identifier:
    """One identifier: SI value = count * times / per."""

    id: int
    name: str
    size: int
    """Bytes; 0 for the cell list, which carries its own length."""
    form: Form = Form.NUMBER
    unit: str = ""
    per: int = 1
    times: int = 1
    writable: bool = False
    readable: bool = True
    """False for commands dressed as identifiers: they are never in a reply."""
    span: tuple[int, int] | None = None
    """Smallest and largest count that may be written, where the vendor gives them."""
    parameter: str = ""
    """The name of this setting in `cellwarden.model.parameters`, where it exists there."""
    secret: bool = False

    @property
    def code(self) -> str:
        """The struct code of the data, without byte order; empty for the cell list."""
        if self.form is Form.TEXT:
            return f"{self.size}s"
        code = {0: "", 1: "B", 2: "H", 4: "I"}[self.size]
        return code.lower() if self.form is Form.SIGNED else code

    def value(self, count: int | bytes) -> Value:
        """Return the value of what was unpacked; current and cells need more than a count."""
        if isinstance(count, bytes):
            return text(count)
        if self.form is Form.SWITCH:
            return count != 0
        if self.form is Form.TEMPERATURE:
            return temperature_c(count)
        return count / self.per if self.per != 1 else count * self.times

    def data(self, value: Value) -> bytes:
        """Return the bytes that carry a value; ValueError if they cannot."""
        if self.form is Form.TEXT:
            raw: int | bytes = str(value).encode("ascii")
            if len(str(value)) > self.size:
                raise ValueError(f"{self.name} holds {self.size} characters")
        else:
            count = round(float(value) * self.per / self.times)
            if self.form is Form.TEMPERATURE and count < 0:
                count = 100 - count
            raw = count
        try:
            return struct.pack(f">{self.code}", raw)
        except struct.error as error:
            raise ValueError(f"{self.name} cannot be {value!r}: {error}") from error


_BLANK_UNPRINTABLE = bytes(
    0x20 if n == 0 else n if 0x20 <= n <= 0x7E else ord("?") for n in range(256)
)


def text(raw: bytes) -> str:
    """Return a text field: NUL is a blank, blanks around are cut, what is not ASCII becomes `?`.

    A name that a person typed must never make a frame unusable, nor reach a terminal as control
    codes.
    """
    return raw.translate(_BLANK_UNPRINTABLE).decode("ascii").strip()


def temperature_c(count: int) -> int:
    """Return °C by the vendor's rule, which has no gap: 100 is 100 °C, 101 is -1 °C."""
    return count if count <= 100 else 100 - count


def current_a(count: int, version: object) -> float | None:
    """Return the current in A, + charging; None if the protocol version is not known.

    Version 1: bit 15 set means charging, bits 0..14 are 10 mA; nought comes as 0000 or 8000.
    Version 0: 10000 is nought and smaller counts charge.
    """
    if version == 1:
        return (count - 0x8000) / 100 if count >= 0x8000 else -count / 100
    return (10_000 - count) / 100 if version == 0 else None


def current_count(value_a: float, version: object) -> int:
    """Return the count that carries a current in A; ValueError if it does not fit."""
    count = round(abs(value_a) * 100)
    largest = 0x7FFF
    if version == 1:
        sign = 0x8000 if value_a > 0 else 0
    else:
        sign, count, largest = 0, 10_000 - round(value_a * 100), 0xFFFF
    if version not in (0, 1) or not 0 <= count <= largest:
        raise ValueError(f"a current of {value_a} A does not fit protocol version {version}")
    return sign | count


def _rw(
    id_: int,
    name: str,
    size: int,
    unit: str = "",
    *,
    form: Form = Form.NUMBER,
    per: int = 1,
    times: int = 1,
    span: tuple[int, int] | None = None,
    parameter: str = "",
) -> Identifier:
    return Identifier(
        id=id_, name=name, size=size, unit=unit, form=form, per=per, times=times,
        writable=True, span=span, parameter=parameter,
    )  # fmt: skip


_BOOL, _TEXT, _SIGNED, _HEAT = Form.SWITCH, Form.TEXT, Form.SIGNED, Form.TEMPERATURE

# fmt: off
MEASURED: tuple[Identifier, ...] = (
    Identifier(id=0x79, name="cell_voltages", size=0, form=Form.CELLS, unit="V", per=1000),
    Identifier(id=0x80, name="mos_temperature", size=2, form=_HEAT, unit="°C"),
    Identifier(id=0x81, name="temperature_1", size=2, form=_HEAT, unit="°C"),
    Identifier(id=0x82, name="temperature_2", size=2, form=_HEAT, unit="°C"),
    Identifier(id=0x83, name="voltage", size=2, unit="V", per=100),
    Identifier(id=0x84, name="current", size=2, form=Form.CURRENT, unit="A", per=100),
    Identifier(id=0x85, name="soc", size=1, unit="%"),
    Identifier(id=0x86, name="temperature_sensor_count", size=1),
    Identifier(id=0x87, name="cycle_count", size=2),
    Identifier(id=0x89, name="cycle_capacity", size=4, unit="Ah"),
    Identifier(id=0x8A, name="cell_count", size=2),
    Identifier(id=0x8B, name="alarms", size=2),
    Identifier(id=0x8C, name="status_bits", size=2),
)
"""What changes from poll to poll, in the order in which every capture sends it."""

SETTINGS: tuple[Identifier, ...] = (
    _rw(0x8E, "pack_ovp", 2, "V", per=100, span=(1000, 15000), parameter="pack_overvoltage_v"),
    _rw(0x8F, "pack_uvp", 2, "V", per=100, span=(1000, 15000), parameter="pack_undervoltage_v"),
    _rw(0x90, "cell_ovp", 2, "V", per=1000, span=(1000, 4500), parameter="cell_overvoltage_v"),
    _rw(0x91, "cell_ovpr", 2, "V", per=1000, span=(1000, 4500),
        parameter="cell_overvoltage_recovery_v"),
    _rw(0x92, "cell_ovp_delay", 2, "s", span=(1, 60), parameter="cell_overvoltage_delay_s"),
    _rw(0x93, "cell_uvp", 2, "V", per=1000, span=(1000, 4500), parameter="cell_undervoltage_v"),
    _rw(0x94, "cell_uvpr", 2, "V", per=1000, span=(1000, 4500),
        parameter="cell_undervoltage_recovery_v"),
    _rw(0x95, "cell_uvp_delay", 2, "s", span=(1, 60), parameter="cell_undervoltage_delay_s"),
    _rw(0x96, "cell_delta_protection", 2, "V", per=1000, span=(0, 1000),
        parameter="cell_difference_max_v"),
    _rw(0x97, "discharge_ocp", 2, "A", span=(1, 1000), parameter="discharge_current_max_a"),
    _rw(0x98, "discharge_ocp_delay", 2, "s", parameter="discharge_overcurrent_delay_s"),
    _rw(0x99, "charge_ocp", 2, "A", span=(1, 1000), parameter="charge_current_max_a"),
    _rw(0x9A, "charge_ocp_delay", 2, "s", parameter="charge_overcurrent_delay_s"),
    _rw(0x9B, "balance_start_voltage", 2, "V", per=1000, span=(2000, 4500),
        parameter="balance_start_v"),
    _rw(0x9C, "balance_trigger_voltage", 2, "V", per=1000, span=(10, 1000),
        parameter="balance_trigger_v"),
    _rw(0x9D, "balance_switch", 1, form=_BOOL, span=(0, 1)),
    _rw(0x9E, "mos_otp", 2, "°C", span=(0, 100), parameter="mos_overtemperature_c"),
    _rw(0x9F, "mos_otp_release", 2, "°C", span=(0, 100),
        parameter="mos_overtemperature_recovery_c"),
    _rw(0xA0, "box_otp", 2, "°C", span=(40, 100)),
    _rw(0xA1, "box_otp_release", 2, "°C", span=(40, 100)),
    _rw(0xA2, "temperature_difference_protection", 2, "°C", span=(5, 20),
        parameter="temperature_difference_max_c"),
    _rw(0xA3, "charge_otp", 2, "°C", span=(0, 100), parameter="charge_overtemperature_c"),
    _rw(0xA4, "discharge_otp", 2, "°C", span=(0, 100), parameter="discharge_overtemperature_c"),
    _rw(0xA5, "charge_utp", 2, "°C", form=_SIGNED, span=(-45, 25),
        parameter="charge_undertemperature_c"),
    _rw(0xA6, "charge_utp_release", 2, "°C", form=_SIGNED, span=(-45, 25),
        parameter="charge_undertemperature_recovery_c"),
    _rw(0xA7, "discharge_utp", 2, "°C", form=_SIGNED, span=(-45, 25),
        parameter="discharge_undertemperature_c"),
    _rw(0xA8, "discharge_utp_release", 2, "°C", form=_SIGNED, span=(-45, 25),
        parameter="discharge_undertemperature_recovery_c"),
    _rw(0xA9, "cell_count_setting", 1, span=(3, MAX_CELLS), parameter="cell_count"),
    _rw(0xAA, "nominal_capacity", 4, "Ah", parameter="design_capacity_ah"),
    _rw(0xAB, "charge_switch", 1, form=_BOOL, span=(0, 1)),
    _rw(0xAC, "discharge_switch", 1, form=_BOOL, span=(0, 1)),
    _rw(0xAD, "current_calibration", 2, "A", per=1000, span=(100, 20000)),
    _rw(0xAE, "device_address", 1),
    _rw(0xAF, "battery_type", 1, span=(0, 2)),  # 0 LiFePO4, 1 ternary, 2 LTO
    _rw(0xB0, "sleep_wait_time", 2, "s"),
    _rw(0xB1, "low_soc_alarm", 1, "%", span=(0, 80), parameter="low_soc_warning_percent"),
    Identifier(id=0xB2, name="parameter_password", size=10, form=_TEXT, writable=True,
               secret=True),
    _rw(0xB3, "dedicated_charger_switch", 1, form=_BOOL, span=(0, 1)),
    _rw(0xB4, "device_id", 8, form=_TEXT),
    _rw(0xB5, "manufacturing_date", 4, form=_TEXT),  # yymm
    _rw(0xB6, "runtime", 4, "s", times=60),  # minutes on the wire
    Identifier(id=0xB7, name="software_version", size=15, form=_TEXT),
    _rw(0xB8, "current_calibration_active", 1, form=_BOOL, span=(0, 1)),
    _rw(0xB9, "actual_capacity", 4, "Ah"),
    _rw(0xBA, "manufacturer_id", 24, form=_TEXT),
    Identifier(id=0xC0, name="protocol_version", size=1),
)
"""What a person sets and who the device is; rarely changes, but for `runtime` once a minute."""

COMMANDS: tuple[Identifier, ...] = (
    Identifier(id=0xBB, name="restart", size=1, writable=True, readable=False, span=(1, 1)),
    Identifier(id=0xBC, name="factory_reset", size=1, writable=True, readable=False, span=(1, 1)),
    # Starts a remote firmware update: known, so that it can be named, and never sent.
    Identifier(id=0xBD, name="start_update", size=1, readable=False),
    Identifier(id=0xBE, name="gps_off_voltage", size=2, unit="V", per=1000, writable=True,
               readable=False),
    Identifier(id=0xBF, name="gps_on_voltage", size=2, unit="V", per=1000, writable=True,
               readable=False),
)
"""What can only be written."""
# fmt: on

IDENTIFIERS: dict[int, Identifier] = {row.id: row for row in (*MEASURED, *SETTINGS, *COMMANDS)}
BY_NAME: dict[str, Identifier] = {row.name: row for row in IDENTIFIERS.values()}


# Only of this protocol: BLE and Modbus number their bits differently. One temperature bit stands
# for both directions. A cell difference does not block by itself: at either end of the charge the
# way out is the other direction, and what the BMS really cut is seen in 8C.
# fmt: off
ALARMS = AlarmWord((
    alarm_bit(0, AlarmKind.LOW_SOC, "low SOC"),
    alarm_bit(1, AlarmKind.MOS_OVERTEMPERATURE, "MOS over temperature", BOTH),
    alarm_bit(2, AlarmKind.PACK_OVERVOLTAGE, "charge overvoltage", CHARGE),
    alarm_bit(3, AlarmKind.PACK_UNDERVOLTAGE, "discharge undervoltage", DISCHARGE),
    alarm_bit(4, AlarmKind.CHARGE_OVERTEMPERATURE, "battery over temperature", CHARGE),
    alarm_bit(4, AlarmKind.DISCHARGE_OVERTEMPERATURE, "battery over temperature", DISCHARGE),
    alarm_bit(5, AlarmKind.CHARGE_OVERCURRENT, "charge overcurrent", CHARGE),
    alarm_bit(6, AlarmKind.DISCHARGE_OVERCURRENT, "discharge overcurrent", DISCHARGE),
    alarm_bit(7, AlarmKind.CELL_DIFFERENCE, "cell difference"),
    alarm_bit(8, AlarmKind.CHARGE_OVERTEMPERATURE, "box over temperature", CHARGE),
    alarm_bit(8, AlarmKind.DISCHARGE_OVERTEMPERATURE, "box over temperature", DISCHARGE),
    alarm_bit(9, AlarmKind.CHARGE_UNDERTEMPERATURE, "battery under temperature", CHARGE),
    alarm_bit(9, AlarmKind.DISCHARGE_UNDERTEMPERATURE, "battery under temperature", DISCHARGE),
    alarm_bit(10, AlarmKind.CELL_OVERVOLTAGE, "cell overvoltage", CHARGE),
    alarm_bit(11, AlarmKind.CELL_UNDERVOLTAGE, "cell undervoltage", DISCHARGE),
    alarm_bit(12, AlarmKind.BMS_INTERNAL, "AFE protection 309_A", BOTH),
    alarm_bit(13, AlarmKind.BMS_INTERNAL, "AFE protection 309_B", BOTH),
))
# fmt: on
"""What each bit of identifier 8B means; 14 and 15 are reserved."""
