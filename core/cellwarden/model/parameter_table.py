"""The parameter page of the manual as one table (R5).

A row gives name, unit, range, the default for each chemistry, and whether anybody may write it to a
device. Where the manual contradicts itself the resolution of the requirement sheet (X1..X26) was
taken; rows marked "ours" are not in the manual.
"""

from dataclasses import dataclass
from enum import Enum, auto

from cellwarden.model.request import RequestKind


class Form(Enum):
    """What kind of thing a row of the page is."""

    NUMBER = auto()
    """A working parameter: a field of `Parameters`."""
    SWITCH = auto()
    TEXT = auto()
    CALIBRATION = auto()
    """The true value is told, and the device corrects itself; nothing is kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterSpec:
    """One row of the parameter page."""

    name: str
    """Of a number: a field of `Parameters`; the unit is in it."""
    text: str
    unit: str
    minimum: float
    """Of a text: its fewest characters."""
    maximum: float
    defaults: tuple[float | None, float | None, float | None]
    """Li-ion, LiFePO4, LTO; None where the person must say, or where `preset()` derives it."""
    optional: bool = False
    """None is a valid value: the protection is off."""
    writable: bool = True
    """False: a device may hold it, but nobody changes it there (R23)."""
    form: Form = Form.NUMBER
    asked_by: RequestKind = RequestKind.PARAMETERS
    """The request that changes it."""


Defaults = tuple[float | None, float | None, float | None]


def _row(
    name: str,
    text: str,
    unit: str,
    span: tuple[float, float],
    defaults: Defaults,
    *,
    optional: bool = False,
    writable: bool = True,
) -> ParameterSpec:
    return ParameterSpec(
        name=name,
        text=text,
        unit=unit,
        minimum=span[0],
        maximum=span[1],
        defaults=defaults,
        optional=optional,
        writable=writable,
    )


_V = (1.2, 4.35)  # V, range of every cell voltage setting (R5)
_PACK_V = (2.4, 150.0)  # V, two cells at 1.2 V up to what the 4E57 protocol's own settings hold
_DELAY = (2.0, 600.0)  # s, range of the over-current times (R5, X11)
_ASK = (None, None, None)
_DERIVED = (None, None, None)

# fmt: off
PARAMETERS: tuple[ParameterSpec, ...] = (
    _row("cell_count", "cells in series", "", (2, 32), _ASK),
    _row("design_capacity_ah", "design capacity", "Ah", (5, 2000), _ASK),
    # Ours: what the inverter is asked to charge to, below the release of the over-voltage
    # protection so that a full charge never ends in a trip; and where it should stop discharging.
    _row("charge_voltage_v", "charge voltage of a cell", "V", _V, (4.10, 3.45, 2.55)),
    _row("discharge_voltage_v", "lowest discharge voltage of a cell", "V", _V, (3.20, 3.00, 2.00)),
    _row("cell_overvoltage_v", "cell over-voltage", "V", _V, (4.2, 3.6, 2.7)),
    _row("cell_overvoltage_recovery_v", "its recovery", "V", _V, (4.1, 3.4, 2.4)),
    # R12: the manual gives no delay for voltage trips; 1 s is two readings at 1 Hz.
    _row("cell_overvoltage_delay_s", "its delay", "s", (0, 60), (1, 1, 1)),
    _row("cell_undervoltage_v", "cell under-voltage", "V", _V, (2.9, 2.7, 1.8)),
    _row("cell_undervoltage_recovery_v", "its recovery", "V", _V, (3.2, 3.0, 2.0)),
    _row("cell_undervoltage_delay_s", "its delay", "s", (0, 60), (1, 1, 1)),
    _row("shutdown_v", "automatic shutdown", "V", _V, (2.8, 2.5, 1.7)),
    # Not in the manual, but in the devices: a second opinion from the pack's own voltage. The
    # preset takes the cell's value times the count.
    _row("pack_overvoltage_v", "pack over-voltage", "V", _PACK_V, _DERIVED),
    _row("pack_overvoltage_recovery_v", "its recovery", "V", _PACK_V, _DERIVED),
    _row("pack_undervoltage_v", "pack under-voltage", "V", _PACK_V, _DERIVED),
    _row("pack_undervoltage_recovery_v", "its recovery", "V", _PACK_V, _DERIVED),
    # Ours: range and default as the 4E57 protocol's own setting has them (0.3 V in captures).
    _row("cell_difference_max_v", "cell difference warning", "V", (0.01, 1.0), (0.3, 0.3, 0.3)),
    # X26: 25 A is a start value; the preset takes min(0.5 C, the board).
    _row("charge_current_max_a", "highest charge current", "A", (1, 1000), _DERIVED),
    _row("charge_overcurrent_delay_s", "its delay", "s", _DELAY, (30, 30, 30)),
    _row("charge_overcurrent_release_s", "its release time", "s", _DELAY, (60, 60, 60)),
    # R18, R19: second level of the over-current protection, acting within a second.
    _row("charge_current_peak_a", "charge current that is cut at once", "A", (1, 2000), _DERIVED),
    _row("discharge_current_max_a", "highest discharge current", "A", (1, 1000), _DERIVED),
    _row("discharge_overcurrent_delay_s", "its delay", "s", _DELAY, (30, 30, 30)),
    _row("discharge_overcurrent_release_s", "its release time", "s", _DELAY, (60, 60, 60)),
    _row("discharge_current_peak_a", "discharge current that is cut at once", "A", (1, 2000),
         _DERIVED),
    # R17: the device's own; 0 switches it off there.
    _row("short_circuit_delay_s", "short-circuit delay of the BMS, 0 = off", "s", (0, 1),
         (0.0015, 0.0015, 0.0015)),
    _row("short_circuit_release_s", "short-circuit release time", "s", _DELAY, (60, 60, 60)),
    _row("charge_overtemperature_c", "charge over-temperature", "°C", (30, 80), (60, 55, 60)),
    _row("charge_overtemperature_recovery_c", "its recovery", "°C", (30, 80), (55, 50, 55)),
    _row("charge_undertemperature_c", "charge under-temperature", "°C", (-30, 20), (0, 0, -20)),
    _row("charge_undertemperature_recovery_c", "its recovery", "°C", (-30, 20), (5, 5, -10)),
    _row("discharge_overtemperature_c", "discharge over-temperature", "°C", (30, 80), (60, 55, 60)),
    _row("discharge_overtemperature_recovery_c", "its recovery", "°C", (30, 80), (55, 50, 55)),
    # R24: not in the manual; off unless set.
    _row("discharge_undertemperature_c", "discharge under-temperature", "°C", (-40, 20), _ASK,
         optional=True),
    _row("discharge_undertemperature_recovery_c", "its recovery", "°C", (-40, 25), _ASK,
         optional=True),
    # X10: range 50..110; 75 trips, 65 recovers. R23: nobody changes the pair in a device.
    _row("mos_overtemperature_c", "MOSFET over-temperature", "°C", (50, 110), (75, 75, 75),
         writable=False),
    _row("mos_overtemperature_recovery_c", "its recovery", "°C", (50, 110), (65, 65, 65),
         writable=False),
    # Ours: as the 4E57 protocol has it (5..20 °C), 15 as Battery-Emulator takes it.
    _row("temperature_difference_max_c", "battery sensors differ warning", "°C", (5, 40),
         (15, 15, 15)),
    _row("balance_trigger_v", "balance trigger difference", "V", (0.003, 1.0), _DERIVED),
    # X13: up to the over-voltage limit, which may lie above the 4.25 V of the page.
    _row("balance_start_v", "balance start voltage", "V", _V, (3.9, 3.40, 2.4)),
    _row("balance_current_max_a", "highest balance current", "A", (0.3, 10), _DERIVED),
    _row("box_wire_resistance_ohm", "wire resistance between boxes", "ohm", (0, 2000), (0, 0, 0)),
    # Ours: a warning only; 0 switches it off.
    _row("low_soc_warning_percent", "low SoC warning", "%", (0, 80), (10, 10, 10)),
)
# fmt: on
"""The working parameters, in the order of the fields of `Parameters`."""


def _other(
    name: str,
    text: str,
    form: Form,
    asked_by: RequestKind,
    unit: str = "",
    span: tuple[float, float] = (0, 1),
) -> ParameterSpec:
    return ParameterSpec(
        name=name,
        text=text,
        unit=unit,
        minimum=span[0],
        maximum=span[1],
        defaults=(1, 1, 1) if form is Form.SWITCH else _ASK,
        optional=True,
        form=form,
        asked_by=asked_by,
    )


_K = RequestKind
OTHER_SETTINGS: tuple[ParameterSpec, ...] = (
    _other("charge_switch", "charge switch", Form.SWITCH, _K.CHARGE_SWITCH),
    _other("discharge_switch", "discharge switch", Form.SWITCH, _K.DISCHARGE_SWITCH),
    _other("balance_switch", "balance switch", Form.SWITCH, _K.BALANCE_SWITCH),
    # R46: 13 characters; R45: ASCII letters and digits.
    _other("user_private_data", "user private data", Form.TEXT, _K.NAME, span=(0, 13)),
    _other("device_name", "name of the device", Form.TEXT, _K.NAME, span=(1, 16)),
    # R42, R43: ranges are those of the boards' supply (R3) and of their currents (R1).
    _other(
        "voltage_calibration_v",
        "true pack voltage",
        Form.CALIBRATION,
        _K.CALIBRATE_VOLTAGE,
        "V",
        (2.4, 150.0),
    ),
    _other(
        "current_calibration_a",
        "true current, + charging",
        Form.CALIBRATION,
        _K.CALIBRATE_CURRENT,
        "A",
        (-1000.0, 1000.0),
    ),
)
"""What else stands on the page (R5, R42..R47): kept by the device alone."""

PAGE: tuple[ParameterSpec, ...] = (*PARAMETERS, *OTHER_SETTINGS)
"""The whole parameter page."""
