"""What a JK BMS would say of a simulated pack, by the names of the "4E 57" table.

The codec rounds to what the identifiers can carry: 1 mV, 10 mV, 10 mA, 1 %, 1 °C, 1 Ah.
"""

from cellwarden.model import AlarmKind, Parameters, preset
from cellwarden_hardware.codecs.jk_4e57_table import ALARMS, SETTINGS, Identifier, Value
from cellwarden_hardware.simulator.snapshot import PackSnapshot

# Kinds that two bits stand for set the first: a battery, not a box, over temperature.
_BIT = {row.alarm.kind: row.bit for row in reversed(ALARMS.rows) if row.alarm is not None}
_BIT[AlarmKind.SHORT_CIRCUIT] = _BIT[AlarmKind.DISCHARGE_OVERCURRENT]  # has no bit of its own

_BATTERY_TYPE = {"LiFePO4": 0, "Li-ion": 1, "LTO": 2}

# What no parameter of ours carries, as the captured 16-cell device has it; the password is the
# one that every new device has.
_AS_CAPTURED: dict[str, Value] = {
    "box_otp": 80,
    "box_otp_release": 70,
    "temperature_difference_protection": 20,
    "discharge_utp": -20,
    "discharge_utp_release": -10,
    "current_calibration": 1.048,
    "device_address": 1,
    "sleep_wait_time": 10,
    "parameter_password": "123456",
    "dedicated_charger_switch": False,
    "manufacturing_date": "2401",
    "software_version": "11.XW_S11.26___",
    "current_calibration_active": False,
    "protocol_version": 1,
}
_MOST_A = 327.67  # 15 bits of 10 mA
_MODEL = "JK_B2A24S20P"


def settings_values(
    snapshot: PackSnapshot, parameters: Parameters | None, name: str
) -> dict[str, Value]:
    """Return what does not change while the device runs."""
    cells = len(snapshot.cell_voltages_v)
    if parameters is None:
        parameters = preset(
            snapshot.chemistry, cell_count=cells, design_capacity_ah=snapshot.design_capacity_ah
        )
    values = dict(_AS_CAPTURED)
    for row in SETTINGS:
        value = getattr(parameters, row.parameter) if row.parameter else None
        if value is not None:
            values[row.name] = _within(row, value)
    return values | {
        "pack_ovp": cells * parameters.cell_overvoltage_v,
        "pack_uvp": cells * parameters.cell_undervoltage_v,
        "battery_type": _BATTERY_TYPE[snapshot.chemistry],
        "device_id": name[:8],
        "manufacturer_id": f"{name:<12.12}{_MODEL}",
    }


def _within(row: Identifier, value: float) -> float:
    """Return the nearest value that the identifier takes."""
    if row.span is None:
        return value
    low, high = (float(row.value(count)) for count in row.span)
    return min(max(value, low), high)


def snapshot_values(snapshot: PackSnapshot) -> dict[str, Value | tuple[float, ...]]:
    """Return what changes from poll to poll, the switches included."""
    sensors = (*snapshot.temperatures_c, 0.0, 0.0)
    return {
        "cell_voltages": snapshot.cell_voltages_v,
        "mos_temperature": snapshot.mos_temperature_c,
        "temperature_1": sensors[0],
        "temperature_2": sensors[1],
        "voltage": snapshot.voltage_v,
        "current": max(-_MOST_A, min(snapshot.current_a, _MOST_A)),
        "soc": snapshot.soc_percent,
        "temperature_sensor_count": min(2, len(snapshot.temperatures_c)),
        "cycle_count": snapshot.cycles,
        "cycle_capacity": snapshot.cycle_charge_ah,
        "cell_count": len(snapshot.cell_voltages_v),
        "alarms": alarm_bits(snapshot.protections),
        "status_bits": snapshot.charge_fet_on
        | snapshot.discharge_fet_on << 1
        | snapshot.balancing << 2,
        "charge_switch": snapshot.charge_switch_on,
        "discharge_switch": snapshot.discharge_switch_on,
        "balance_switch": snapshot.balance_switch_on,
        "runtime": snapshot.runtime_s // 60 * 60,
        "actual_capacity": snapshot.capacity_ah,
    }


def alarm_bits(protections: frozenset[AlarmKind]) -> int:
    """Return the bits of 8B for protections; kinds that the device does not know set none."""
    bits = 0
    for kind in protections:
        if kind in _BIT:
            bits |= 1 << _BIT[kind]
    return bits
