"""Settings of JK BMS (frame type 01) in their three layouts.

Both integer layouts share the fields up to offset 141. Register 0x1000 + (offset - 6) of Modbus is
the same field.
"""

from functools import lru_cache
from types import MappingProxyType

from cellwarden_hardware.codecs.jk_ble_cells import Layout
from cellwarden_hardware.codecs.jk_ble_fields import Block, Field, Form, Value


def _f(
    at: int, name: str, unit: str = "", per: int = 1, code: str = "I", parameter: str = ""
) -> Field:
    return Field(at=at, code=code, name=name, unit=unit, per=per, parameter=parameter)


def _v(at: int, name: str, parameter: str = "") -> Field:
    return _f(at, name, "V", 1000, parameter=parameter)


def _a(at: int, name: str, parameter: str = "") -> Field:
    return _f(at, name, "A", 1000, parameter=parameter)


def _s(at: int, name: str, parameter: str = "") -> Field:
    return _f(at, name, "s", parameter=parameter)


def _c(at: int, name: str, parameter: str = "") -> Field:
    return _f(at, name, "°C", 10, code="i", parameter=parameter)


def _b(at: int, name: str, code: str = "I") -> Field:
    return Field(at=at, code=code, name=name, form=Form.SWITCH)


_JK02 = (
    _v(6, "smart_sleep_voltage"),  # software 14 and newer
    _v(10, "cell_uvp", "cell_undervoltage_v"),
    _v(14, "cell_uvpr", "cell_undervoltage_recovery_v"),
    _v(18, "cell_ovp", "cell_overvoltage_v"),
    _v(22, "cell_ovpr", "cell_overvoltage_recovery_v"),
    _v(26, "balance_trigger_voltage", "balance_trigger_v"),
    _v(30, "soc_100_voltage"),
    _v(34, "soc_0_voltage"),
    _v(38, "cell_rcv", "charge_voltage_v"),  # requested charge voltage; 0 where not supported
    _v(42, "cell_rfv"),  # requested float voltage
    _v(46, "power_off_voltage", "shutdown_v"),
    _a(50, "max_charge_current", "charge_current_max_a"),
    _s(54, "charge_ocp_delay", "charge_overcurrent_delay_s"),
    _s(58, "charge_ocp_release", "charge_overcurrent_release_s"),
    _a(62, "max_discharge_current", "discharge_current_max_a"),
    _s(66, "discharge_ocp_delay", "discharge_overcurrent_delay_s"),
    _s(70, "discharge_ocp_release", "discharge_overcurrent_release_s"),
    _s(74, "scp_release", "short_circuit_release_s"),
    _a(78, "max_balance_current", "balance_current_max_a"),
    _c(82, "charge_otp", "charge_overtemperature_c"),
    _c(86, "charge_otp_release", "charge_overtemperature_recovery_c"),
    _c(90, "discharge_otp", "discharge_overtemperature_c"),
    _c(94, "discharge_otp_release", "discharge_overtemperature_recovery_c"),
    _c(98, "charge_utp", "charge_undertemperature_c"),
    _c(102, "charge_utp_release", "charge_undertemperature_recovery_c"),
    _c(106, "mos_otp", "mos_overtemperature_c"),
    _c(110, "mos_otp_release", "mos_overtemperature_recovery_c"),
    _f(114, "cell_count", parameter="cell_count"),
    _b(118, "charge_switch"),
    _b(122, "discharge_switch"),
    _b(126, "balance_switch"),
    _f(130, "nominal_capacity", "Ah", 1000, parameter="design_capacity_ah"),
    _f(134, "scp_delay", "s", 1_000_000, parameter="short_circuit_delay_s"),
    _v(138, "balance_start_voltage", "balance_start_v"),
)
# The unit is not proven: micro-ohm in the vendor's table, milli-ohm in one project, 0 in captures.
_WIRES_24S = (_f(158, "wire_resistance_settings_raw", code="24I"),)
_ONLY_32S = (
    _f(142, "wire_resistance_settings_raw", code="32I"),
    _f(270, "device_address", code="B"),
    _f(274, "precharge_time", "s", code="B"),
    _f(282, "control_bits", code="H"),
    _f(284, "heating_start", "°C", code="b"),
    _f(285, "heating_stop", "°C", code="b"),
    _f(286, "smart_sleep_delay", "h", 1, code="B"),
    _f(287, "data_field_bits", code="B"),
    # Software 19 and newer; 0 and 0 before.
    _f(296, "discharge_utp", "°C", code="b", parameter="discharge_undertemperature_c"),
    _f(297, "discharge_utp_release", "°C", code="b",
       parameter="discharge_undertemperature_recovery_c"),
)  # fmt: skip
_JK04 = (
    _f(34, "cell_count", code="B", parameter="cell_count"),
    _f(38, "power_off_voltage", "V", code="f", parameter="shutdown_v"),
    _f(74, "voltage_calibration", "V", code="f"),
    _f(98, "balance_start_voltage", "V", code="f", parameter="balance_start_v"),
    _f(106, "balance_trigger_voltage", "V", code="f", parameter="balance_trigger_v"),
    _f(110, "max_balance_current", "A", code="f", parameter="balance_current_max_a"),
    _b(114, "balance_switch", code="B"),
)

SETTINGS: dict[Layout, Block] = {
    Layout.JK04: Block(_JK04),
    Layout.JK02_24S: Block((*_JK02, *_WIRES_24S)),
    Layout.JK02_32S: Block((*_JK02, *_ONLY_32S)),
}

CONTROL_BITS = (
    "heating", "temperature_sensors_disabled", "gps_heartbeat", "port_switch_rs485",
    "display_always_on", "special_charger", "smart_sleep", "parallel_limiter_disabled",
    "timed_data_storing", "charging_float_mode", "button_triggers_emergency",
    "dry_alarm_intermittent", "discharge_ocp_2", "discharge_ocp_3", "gps_locked_charging",
    "gps_locked_discharging",
)  # fmt: skip
"""The bits of `control_bits`, from bit 0; 0 to 9 confirmed, the others from one source."""


def read_settings(frame: bytes, layout: Layout) -> MappingProxyType[str, Value]:
    """Return the settings of a frame of type 01; equal ones are the same object."""
    return _read(frame[6:-1], layout)


@lru_cache(maxsize=64)  # they rarely change; frames differ in counter and sum only
def _read(body: bytes, layout: Layout) -> MappingProxyType[str, Value]:
    return MappingProxyType(SETTINGS[layout].read(bytes(6) + body + b"\0"))
