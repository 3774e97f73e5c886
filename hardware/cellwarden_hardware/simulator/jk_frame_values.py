"""What a JK BMS would say of a simulated pack in its 300-byte frames, as Bluetooth and Modbus have.

The places and the rounding are those of the codec's tables: 1 mV, 1 mA, 0.1 °C, 1 %.
"""

from collections.abc import Mapping, Sequence
from zlib import crc32

from cellwarden.model import AlarmKind, Parameters, preset
from cellwarden_hardware.codecs import jk_ble
from cellwarden_hardware.codecs import jk_ble_cells as cells
from cellwarden_hardware.codecs.jk_ble_alarms import ALARMS
from cellwarden_hardware.codecs.jk_ble_cells import Layout
from cellwarden_hardware.codecs.jk_ble_device import DEVICE_32S, LogEntry, write_logbook
from cellwarden_hardware.codecs.jk_ble_fields import FRAME_SIZE, Block, Value
from cellwarden_hardware.codecs.jk_ble_settings import SETTINGS
from cellwarden_hardware.simulator.snapshot import PackSnapshot

# Kinds that several bits stand for set the first, but for what a short circuit is mostly of.
_BIT = {row.alarm.kind: row.bit for row in reversed(ALARMS.rows) if row.alarm is not None}
_BIT[AlarmKind.SHORT_CIRCUIT] = 14
_NO_BIT = frozenset({AlarmKind.BMS_INTERNAL})

_BATTERY_TYPE = {"LiFePO4": 0, "Li-ion": 1, "LTO": 2}
_WIRE_OHM = 0.08  # as in captures of healthy packs
_SENSORS = 0b111  # MOSFETs, T1, T2

CELL_INFO = Block(
    (*cells.CELLS, *cells.SCALED, *cells.PLAIN, *cells.SWITCHES, *cells.ONLY_32S_SCALED,
     *cells.ONLY_32S)
)  # fmt: skip


def cell_values(snapshot: PackSnapshot) -> dict[str, Value]:
    """Return what changes from frame to frame, by the names of the codec's tables."""
    volts = snapshot.cell_voltages_v
    sensors = (*snapshot.temperatures_c, -200.0, -200.0)
    return {
        "cell_voltages": volts,
        "wire_resistances": (_WIRE_OHM,) * len(volts),
        "cell_mask": (1 << len(volts)) - 1,
        "cell_voltage_average": sum(volts) / len(volts),
        "cell_voltage_delta": max(volts) - min(volts),
        "cell_max_number": volts.index(max(volts)) + 1,
        "cell_min_number": volts.index(min(volts)) + 1,
        "mos_temperature": snapshot.mos_temperature_c,
        "temperature_1": sensors[0],
        "temperature_2": sensors[1],
        "temperature_at_254": snapshot.mos_temperature_c,
        "temperature_sensor_present": _SENSORS,
        "voltage": snapshot.voltage_v,
        "voltage_coarse": snapshot.voltage_v,
        "power_magnitude": abs(snapshot.voltage_v * snapshot.current_a),
        "current": snapshot.current_a,
        "alarms": alarm_bits(snapshot.protections),
        "balance_state": 2 if snapshot.balancing else 0,
        "balancer_working": snapshot.balancing,
        "soc": snapshot.soc_percent,
        "soh": min(100.0, 100.0 * snapshot.capacity_ah / snapshot.design_capacity_ah),
        "remaining_capacity": snapshot.capacity_ah * snapshot.soc_percent / 100.0,
        "full_capacity": snapshot.capacity_ah,
        "cycle_count": snapshot.cycles,
        "cycle_capacity": snapshot.cycle_charge_ah,
        "runtime": int(snapshot.runtime_s),
        "charge_mos": snapshot.charge_fet_on,
        "discharge_mos": snapshot.discharge_fet_on,
        "battery_type": _BATTERY_TYPE[snapshot.chemistry],
        "voltage_correction": 1.0,
    }


def settings_values(
    snapshot: PackSnapshot, parameters: Parameters | None, address: int
) -> dict[str, Value]:
    """Return the settings: those of `parameters`, None for the chemistry's preset."""
    if parameters is None:
        parameters = preset(
            snapshot.chemistry,
            cell_count=len(snapshot.cell_voltages_v),
            design_capacity_ah=snapshot.design_capacity_ah,
        )
    values: dict[str, Value] = {
        "device_address": address,
        "charge_switch": snapshot.charge_switch_on,
        "discharge_switch": snapshot.discharge_switch_on,
        "balance_switch": snapshot.balance_switch_on,
        "scp_delay": 0.0015,
        "scp_release": 5,
    }
    for field in SETTINGS[Layout.JK02_32S].fields:
        value = getattr(parameters, field.parameter) if field.parameter else None
        if value is not None:
            values[field.name] = value
    return values


def serial_number_of(name: str) -> str:
    """Return a serial number as JK has, another for every name."""
    return f"4011{crc32(name.encode()) % 10**7:07}"


def device_values(name: str, address: int, serial_number: str = "") -> dict[str, Value]:
    """Return who the device is; the passcodes are those that every new device has."""
    return {
        "model": "JK_PB2A16S20P",
        "hardware_version": "15A",
        "software_version": "15.38",
        "power_on_count": 1,
        "device_name": name[:16],
        "device_passcode": "1234",
        "setup_passcode": "123456",
        "manufacturing_date": "240516",
        "serial_number": serial_number or f"4011048{address:04}",
        "user_data": "Input Userdata",
        "uart1_protocol": 1,
    }


def cell_frame(
    snapshot: PackSnapshot,
    counter: int = 0,
    log_entries: int = 0,
    gains: Mapping[str, float] | None = None,
    extra: Mapping[str, Value] | None = None,
) -> bytes:
    """Return the cell-info frame of a pack, layout with 32 cells.

    `gains` are factors of calibrated values by their names, `extra` replaces values.
    """
    values = cell_values(snapshot) | {"log_entries": log_entries} | dict(extra or {})
    for name, gain in (gains or {}).items():
        values[name] = float(str(values[name])) * gain
    body = CELL_INFO.pack(values)
    return jk_ble.build_frame(jk_ble.FrameType.CELL_INFO, body, counter)


def settings_frame(values: Mapping[str, Value], counter: int = 0) -> bytes:
    """Return a settings frame, layout with 32 cells."""
    body = SETTINGS[Layout.JK02_32S].pack(values)
    return jk_ble.build_frame(jk_ble.FrameType.SETTINGS, body, counter)


def device_frame(values: Mapping[str, Value], counter: int = 0) -> bytes:
    """Return a device-info frame, layout with 32 cells."""
    return jk_ble.build_frame(jk_ble.FrameType.DEVICE_INFO, DEVICE_32S.pack(values), counter)


def logbook_frame(entries: Sequence[LogEntry], counter: int = 0) -> bytes:
    """Return a logbook frame."""
    body = bytearray(FRAME_SIZE)
    write_logbook(entries, body)
    return jk_ble.build_frame(jk_ble.FrameType.LOGBOOK, body, counter)


def alarm_bits(protections: frozenset[AlarmKind]) -> int:
    """Return the alarm word for protections; kinds that the device does not know set none."""
    bits = 0
    for kind in protections - _NO_BIT:
        if kind in _BIT:
            bits |= 1 << _BIT[kind]
    return bits
