"""What is made of the frames that JK sends alike over Bluetooth and Modbus."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

from cellwarden.model import AlarmKind, DeviceAlarm, Identity, LogEntry, Reading
from cellwarden_hardware.codecs.jk_ble import Cells, DeviceInfo, Logbook, Settings
from cellwarden_hardware.codecs.jk_ble_alarms import ALARMS, log_text
from cellwarden_hardware.codecs.jk_ble_cells import CellInfo
from cellwarden_hardware.codecs.jk_ble_fields import Value, parameters_of
from cellwarden_hardware.codecs.jk_ble_settings import CONTROL_BITS, SETTINGS
from cellwarden_hardware.codecs.text import made_on

# Nought here means that the firmware does not have the setting.
_OPTIONAL = frozenset({"charge_voltage_v", "shutdown_v"})
_UNDERTEMPERATURE = ("discharge_undertemperature_c", "discharge_undertemperature_recovery_c")
_NOT_SET = "Input Us"  # what the vendor's app leaves in the texts nobody changed


@dataclass(frozen=True, slots=True, kw_only=True)
class Lasting:
    """What settings and device info tell; kept from one reading to the next."""

    parameters: Mapping[str, float] | None = None
    charge_switch_on: bool | None = None
    discharge_switch_on: bool | None = None
    balance_switch_on: bool | None = None
    heating_switch_on: bool | None = None


def lasting_of(settings: Settings) -> Lasting:
    """Return what is made of a settings frame."""
    values = settings.values
    parameters = parameters_of(SETTINGS[settings.layout].fields, values)
    for name in _OPTIONAL:
        if parameters.get(name) == 0:
            del parameters[name]
    if not any(parameters.get(name) for name in _UNDERTEMPERATURE):  # firmware before 19
        for name in _UNDERTEMPERATURE:
            parameters.pop(name, None)
    return Lasting(
        parameters=parameters,
        charge_switch_on=_switch(values.get("charge_switch")),
        discharge_switch_on=_switch(values.get("discharge_switch")),
        balance_switch_on=_switch(values.get("balance_switch")),
        heating_switch_on=_control_bit(values.get("control_bits"), "heating"),
    )


def identity_of(device: DeviceInfo) -> Identity:
    """Return who answered."""
    values = {name: str(value) for name, value in device.values.items()}
    model = values["model"].replace("_", "-")
    name = values["device_name"]
    unnamed = name.startswith(_NOT_SET) or name.replace("_", "-") == model
    return Identity(
        manufacturer="JK",
        model=model or None,
        serial_number=values["serial_number"] or None,
        hardware_version=values["hardware_version"] or None,
        firmware_version=values["software_version"] or None,
        name=None if unnamed else name or None,
        production_date=made_on(values["manufacturing_date"]),
    )


def logbook_of(logbook: Logbook) -> tuple[LogEntry, ...]:
    """Return what the device remembers, newest first."""
    entries = sorted(logbook.entries, key=lambda entry: -entry.time_since_start_s)
    return tuple(
        LogEntry(
            runtime_s=float(entry.time_since_start_s), code=entry.code, text=log_text(entry.code)
        )
        for entry in entries
    )


def reading_of(
    pack: str,
    heard_s: float,
    cells: Cells,
    lasting: Lasting,
    identity: Identity | None,
    logbook: tuple[LogEntry, ...] = (),
    warnings: tuple[str, ...] = (),
) -> Reading:
    """Return the reading that a cell-info frame makes, with what is known from before.

    `warnings` are notices that do not come from the frame.
    """
    info = cells.info
    return Reading(
        pack=pack,
        heard_s=heard_s,
        cell_voltages_v=info.cell_voltages_v,
        voltage_v=info.voltage_v,
        current_a=info.current_a,
        temperatures_c=temperatures_of(info),
        mos_temperature_c=info.mos_temperature_c,
        soc_percent=info.soc_percent,
        soh_percent=info.soh_percent or None,  # nought where the board does not estimate it
        capacity_ah=info.full_capacity_ah or None,
        remaining_ah=info.remaining_capacity_ah,
        cycles=info.cycle_count,
        cycle_charge_ah=info.cycle_capacity_ah,
        runtime_s=info.runtime_s,
        charge_fet_on=info.charge_mos,
        discharge_fet_on=info.discharge_mos,
        balancing=None if info.balance_state is None else info.balance_state != 0,
        heating=info.heating,
        heating_current_a=info.heating_current_a,
        charge_switch_on=lasting.charge_switch_on,
        discharge_switch_on=lasting.discharge_switch_on,
        balance_switch_on=lasting.balance_switch_on,
        heating_switch_on=lasting.heating_switch_on,
        balance_current_a=info.balance_current_a,
        wire_resistances_ohm=info.wire_resistances_ohm,
        alarms=_alarms(info.alarms or 0, info.wire_warning_mask or 0),
        alarm_bits=info.alarms,
        notices=ALARMS.notices_of(info.alarms or 0) + warnings,
        logbook=logbook,
        settings=lasting.parameters,
        identity=identity,
    )


@lru_cache(maxsize=64)
def _alarms(bits: int, wires: int) -> tuple[DeviceAlarm, ...]:
    """Return the alarms; that of the balance wires names them."""
    numbers = ", ".join(str(bit + 1) for bit in range(wires.bit_length()) if wires >> bit & 1)
    return tuple(
        replace(alarm, text=f"{alarm.text}: {numbers}")
        if numbers and alarm.kind is AlarmKind.BALANCE_WIRE
        else alarm
        for alarm in ALARMS.alarms_of(bits)
    )


def temperatures_of(info: CellInfo) -> tuple[float | None, ...]:
    """Return the battery sensors that the board says are fitted.

    Of the three whose numbers sources dispute, the first repeats the MOSFETs' on most boards and is
    left out.
    """
    present = info.temperature_sensor_present or 0b110
    sensors = (
        (1, info.temperature_1_c),
        (2, info.temperature_2_c),
        (4, info.temperature_at_256_c),
        (5, info.temperature_at_258_c),
    )
    return tuple(celsius for bit, celsius in sensors if present >> bit & 1)


def _control_bit(word: Value | None, name: str) -> bool | None:
    """Return one of the control bits; None on layouts that have none."""
    return bool(word >> CONTROL_BITS.index(name) & 1) if isinstance(word, int) else None


def _switch(value: Value | None) -> bool | None:
    return None if value is None else bool(value)
