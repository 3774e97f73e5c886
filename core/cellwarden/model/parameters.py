"""The parameter page of the manual as one table (R5), the presets (R6) and the ordering rules (R8).

A row gives name, unit, range, the default for each chemistry, and whether anybody may write it to a
device. Where the manual contradicts itself the resolution of the requirement sheet (X1..X26) was
taken; rows marked "ours" are not in the manual.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from itertools import pairwise

from cellwarden.model.catalog import CHEMISTRIES, Chemistry, HardwareModel
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """The settings that the engine works with, one pack's.

    Build it with `preset()`, which gives every field its default by chemistry.
    """

    cell_count: int
    design_capacity_ah: float
    charge_voltage_v: float
    discharge_voltage_v: float
    cell_overvoltage_v: float
    cell_overvoltage_recovery_v: float
    cell_overvoltage_delay_s: float
    cell_undervoltage_v: float
    cell_undervoltage_recovery_v: float
    cell_undervoltage_delay_s: float
    shutdown_v: float
    pack_overvoltage_v: float
    pack_overvoltage_recovery_v: float
    pack_undervoltage_v: float
    pack_undervoltage_recovery_v: float
    cell_difference_max_v: float
    charge_current_max_a: float
    charge_overcurrent_delay_s: float
    charge_overcurrent_release_s: float
    charge_current_peak_a: float
    discharge_current_max_a: float
    discharge_overcurrent_delay_s: float
    discharge_overcurrent_release_s: float
    discharge_current_peak_a: float
    short_circuit_delay_s: float
    short_circuit_release_s: float
    charge_overtemperature_c: float
    charge_overtemperature_recovery_c: float
    charge_undertemperature_c: float
    charge_undertemperature_recovery_c: float
    discharge_overtemperature_c: float
    discharge_overtemperature_recovery_c: float
    discharge_undertemperature_c: float | None
    discharge_undertemperature_recovery_c: float | None
    mos_overtemperature_c: float
    mos_overtemperature_recovery_c: float
    temperature_difference_max_c: float
    balance_trigger_v: float
    balance_start_v: float
    balance_current_max_a: float
    box_wire_resistance_ohm: float
    low_soc_warning_percent: float


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
    _row("mos_overtemperature_recovery_c", "its recovery", "°C", (45, 105), (65, 65, 65),
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

CHEMISTRY_COLUMN = {"Li-ion": 0, "LiFePO4": 1, "LTO": 2}

_FALLING: tuple[tuple[str, ...], ...] = (
    # R8: each must be greater than the next.
    (
        "cell_overvoltage_v",
        "cell_overvoltage_recovery_v",
        "cell_undervoltage_recovery_v",
        "cell_undervoltage_v",
        "shutdown_v",
    ),
    (
        "pack_overvoltage_v",
        "pack_overvoltage_recovery_v",
        "pack_undervoltage_recovery_v",
        "pack_undervoltage_v",
    ),
    (
        "charge_overtemperature_c",
        "charge_overtemperature_recovery_c",
        "charge_undertemperature_recovery_c",
        "charge_undertemperature_c",
    ),
    ("discharge_overtemperature_c", "discharge_overtemperature_recovery_c"),
    ("discharge_overtemperature_recovery_c", "discharge_undertemperature_recovery_c"),
    ("discharge_undertemperature_recovery_c", "discharge_undertemperature_c"),
    ("mos_overtemperature_c", "mos_overtemperature_recovery_c"),
    # Ours: charging must end before it trips, discharging before it trips.
    ("cell_overvoltage_v", "charge_voltage_v"),
    ("charge_voltage_v", "discharge_voltage_v"),
    ("discharge_voltage_v", "cell_undervoltage_v"),
)
_NOT_ABOVE: tuple[tuple[str, str], ...] = (
    ("charge_current_max_a", "charge_current_peak_a"),
    ("discharge_current_max_a", "discharge_current_peak_a"),
    ("balance_start_v", "cell_overvoltage_v"),  # X13
)
"""The first must not be greater than the second."""

BOARD_CURRENT_A = 200.0
"""Continuous current of the largest board (R1), where none is named."""
BOARD_BALANCE_A = 2.0
PEAK_PART = 1.75
"""Peak over continuous current of the largest board: 350 A over 200 A (R1)."""


def preset(
    chemistry: str,
    *,
    cell_count: int,
    design_capacity_ah: float,
    overrides: Mapping[str, float] | None = None,
    board: HardwareModel | None = None,
    cell: Chemistry | None = None,
) -> Parameters:
    """Return all parameters for a chemistry, as the manual's one-click buttons do (R6).

    Currents default to 0.5 C charge and 1 C discharge within what the board carries, by default
    the largest. What is derived follows the overrides, which are taken as they are: check the
    result with `broken_rules()`. With a data sheet's `cell` no voltage goes beyond what it stands.
    KeyError for a chemistry that is not in the catalogue.
    """
    column = CHEMISTRY_COLUMN[CHEMISTRIES[chemistry].name]
    values: dict[str, float | None] = {spec.name: spec.defaults[column] for spec in PARAMETERS}
    values["cell_count"] = cell_count
    values["design_capacity_ah"] = design_capacity_ah
    if cell is not None:
        values.update(_within(values, cell))
    values.update(_currents(design_capacity_ah, board))
    values["balance_trigger_v"] = 0.005 if design_capacity_ah >= 50 else 0.010  # R27, X23
    given = dict(overrides or {})
    values.update(given)
    values.update(_peaks(values, board) | _pack_voltages(values, cell_count) | given)
    return Parameters(**values)  # type: ignore[arg-type]  # one table gives every field its value


def _within(values: Mapping[str, float | None], cell: Chemistry) -> dict[str, float]:
    """Return the voltages that a data sheet's limits move (ours).

    They move by as much as the limit that the chemistry itself stands at.
    """
    usual = CHEMISTRIES[cell.name]
    high_v = round(cell.absolute_max_v - usual.absolute_max_v, 4)
    low_v = round(cell.absolute_min_v - usual.absolute_min_v, 4)
    moved = {
        **dict.fromkeys(_HIGH, high_v),
        **dict.fromkeys(_LOW, low_v),
    }
    return {name: round((values[name] or 0.0) + by_v, 4) for name, by_v in moved.items() if by_v}


_HIGH = ("cell_overvoltage_v", "cell_overvoltage_recovery_v", "charge_voltage_v")
_LOW = (
    "cell_undervoltage_v",
    "cell_undervoltage_recovery_v",
    "shutdown_v",
    "discharge_voltage_v",
)


def _currents(capacity_ah: float, board: HardwareModel | None) -> dict[str, float]:
    most_a = BOARD_CURRENT_A if board is None else board.continuous_current_a
    balance_a = BOARD_BALANCE_A if board is None else board.balance_current_a
    return {
        "charge_current_max_a": max(1.0, min(0.5 * capacity_ah, most_a)),
        "discharge_current_max_a": max(1.0, min(capacity_ah, most_a)),
        "balance_current_max_a": max(0.3, min(0.1 * capacity_ah, balance_a)),  # R28
    }


def _peaks(values: Mapping[str, float | None], board: HardwareModel | None) -> dict[str, float]:
    """Return the second over-current level: the board's peak, else in the same proportion."""
    charge_a, discharge_a = values["charge_current_max_a"], values["discharge_current_max_a"]
    assert charge_a is not None
    assert discharge_a is not None
    peak_a = None if board is None else board.peak_current_a
    return {
        "charge_current_peak_a": PEAK_PART * charge_a
        if peak_a is None
        else max(min(PEAK_PART * charge_a, peak_a), charge_a),
        "discharge_current_peak_a": PEAK_PART * discharge_a if peak_a is None else peak_a,
    }


def _pack_voltages(values: Mapping[str, float | None], cells: int) -> dict[str, float]:
    return {
        f"pack_{name}": round(cells * (values[f"cell_{name}"] or 0.0), 3)
        for name in (
            "overvoltage_v",
            "overvoltage_recovery_v",
            "undervoltage_v",
            "undervoltage_recovery_v",
        )
    }


def broken_rules(parameters: Parameters) -> tuple[str, ...]:
    """Return one sentence for each range or ordering rule that a set of parameters breaks.

    The resulting set is judged as a whole (R5, R8); an empty tuple means it is good.
    """
    problems = []
    for spec in PARAMETERS:
        value = getattr(parameters, spec.name)
        if value is None:
            if not spec.optional:
                problems.append(f"{spec.name} is missing")
        elif not spec.minimum <= value <= spec.maximum:  # also refuses NaN
            problems.append(
                f"{spec.name} = {value:g} is outside {spec.minimum:g}..{spec.maximum:g}"
                f" {spec.unit}".rstrip()
            )
    for chain in _FALLING:
        for higher, lower in pairwise(chain):
            above, below = getattr(parameters, higher), getattr(parameters, lower)
            if above is not None and below is not None and not above > below:
                problems.append(f"{higher} = {above:g} must be greater than {lower} = {below:g}")
    for lower, higher in _NOT_ABOVE:
        below, above = getattr(parameters, lower), getattr(parameters, higher)
        if below > above:
            problems.append(f"{lower} = {below:g} must not be greater than {higher} = {above:g}")
    problems += _pair(parameters)
    problems += _pack_rules(parameters)
    return tuple(problems)


def _pair(parameters: Parameters) -> list[str]:
    """Return what is wrong where the protection that may be off has only one of its values."""
    names = ("discharge_undertemperature_c", "discharge_undertemperature_recovery_c")
    given = [name for name in names if getattr(parameters, name) is not None]
    if len(given) != 1:
        return []
    other = names[1] if given[0] == names[0] else names[0]
    return [f"{given[0]} needs {other}"]


def _pack_rules(parameters: Parameters) -> list[str]:
    """Return what is wrong with the pack's voltages beside those of its cells (ours).

    A full charge must not end in a trip of the pack, nor an ordinary discharge.
    """
    p, problems = parameters, []
    highest_v = p.cell_count * p.charge_voltage_v
    if not p.pack_overvoltage_v > highest_v:
        problems.append(
            f"pack_overvoltage_v = {p.pack_overvoltage_v:g} must be greater than cell_count x"
            f" charge_voltage_v = {highest_v:g}"
        )
    lowest_v = p.cell_count * p.discharge_voltage_v
    if not p.pack_undervoltage_v < lowest_v:
        problems.append(
            f"pack_undervoltage_v = {p.pack_undervoltage_v:g} must be less than cell_count x"
            f" discharge_voltage_v = {lowest_v:g}"
        )
    return problems
