"""The parameter page of the manual as one table (R5), the presets (R6) and the ordering rules (R8).

A row gives name, unit, range and the default for each chemistry. Where the manual contradicts
itself the resolution of the requirement sheet (X1..X26) was taken; rows marked "ours" are not in
the manual.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

from cellwarden.model.catalog import CHEMISTRIES


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterSpec:
    """One row of the parameter page."""

    name: str
    """A field of `Parameters`; the unit is in it."""
    text: str
    unit: str
    minimum: float
    maximum: float
    defaults: tuple[float | None, float | None, float | None]
    """Li-ion, LiFePO4, LTO; None where the person must say or a rule derives it."""
    optional: bool = False
    """None is a valid value: the protection is off."""


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
    cell_difference_max_v: float
    charge_current_max_a: float
    charge_overcurrent_delay_s: float
    charge_overcurrent_release_s: float
    discharge_current_max_a: float
    discharge_overcurrent_delay_s: float
    discharge_overcurrent_release_s: float
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
    balance_trigger_v: float
    balance_start_v: float
    low_soc_warning_percent: float


def _row(
    name: str,
    text: str,
    unit: str,
    span: tuple[float, float],
    defaults: tuple[float | None, float | None, float | None],
    *,
    optional: bool = False,
) -> ParameterSpec:
    return ParameterSpec(
        name=name,
        text=text,
        unit=unit,
        minimum=span[0],
        maximum=span[1],
        defaults=defaults,
        optional=optional,
    )


_V = (1.2, 4.35)  # V, range of every cell voltage setting (R5)
_DELAY = (2.0, 600.0)  # s, range of the over-current times (R5, X11)
_ASK = (None, None, None)

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
    # Ours: range and default as the 4E57 protocol's own setting has them (0.3 V in captures).
    _row("cell_difference_max_v", "cell difference warning", "V", (0.01, 1.0), (0.3, 0.3, 0.3)),
    # X26: 25 A is a start value; the preset takes min(25 A or more by capacity, 0.5 C).
    _row("charge_current_max_a", "highest charge current", "A", (1, 1000), _ASK),
    _row("charge_overcurrent_delay_s", "its delay", "s", _DELAY, (30, 30, 30)),
    _row("charge_overcurrent_release_s", "its release time", "s", _DELAY, (60, 60, 60)),
    _row("discharge_current_max_a", "highest discharge current", "A", (1, 1000), _ASK),
    _row("discharge_overcurrent_delay_s", "its delay", "s", _DELAY, (30, 30, 30)),
    _row("discharge_overcurrent_release_s", "its release time", "s", _DELAY, (60, 60, 60)),
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
    # X10: range 50..110; 75 trips, 65 recovers.
    _row("mos_overtemperature_c", "MOSFET over-temperature", "°C", (50, 110), (75, 75, 75)),
    _row("mos_overtemperature_recovery_c", "its recovery", "°C", (45, 105), (65, 65, 65)),
    _row("balance_trigger_v", "balance trigger difference", "V", (0.003, 1.0), (0.01, 0.01, 0.01)),
    _row("balance_start_v", "balance start voltage", "V", (1.2, 4.25), (3.9, 3.40, 2.4)),
    # Ours: a warning only; 0 switches it off.
    _row("low_soc_warning_percent", "low SoC warning", "%", (0, 80), (10, 10, 10)),
)
# fmt: on

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
        "charge_overtemperature_c",
        "charge_overtemperature_recovery_c",
        "charge_undertemperature_recovery_c",
        "charge_undertemperature_c",
    ),
    ("discharge_overtemperature_c", "discharge_overtemperature_recovery_c"),
    ("discharge_undertemperature_recovery_c", "discharge_undertemperature_c"),
    ("mos_overtemperature_c", "mos_overtemperature_recovery_c"),
    # Ours: charging must end before it trips, discharging before it trips.
    ("cell_overvoltage_v", "charge_voltage_v"),
    ("charge_voltage_v", "discharge_voltage_v"),
    ("discharge_voltage_v", "cell_undervoltage_v"),
)


def preset(
    chemistry: str,
    *,
    cell_count: int,
    design_capacity_ah: float,
    overrides: Mapping[str, float] | None = None,
) -> Parameters:
    """Return all parameters for a chemistry, as the manual's one-click buttons do (R6).

    Currents default to 0.5 C charge and 1 C discharge within 200 A, the largest board. Overrides
    are taken as they are: check the result with `broken_rules()`. KeyError for a chemistry that
    is not in the catalogue.
    """
    column = CHEMISTRY_COLUMN[CHEMISTRIES[chemistry].name]
    values: dict[str, float | None] = {spec.name: spec.defaults[column] for spec in PARAMETERS}
    values["cell_count"] = cell_count
    values["design_capacity_ah"] = design_capacity_ah
    values["charge_current_max_a"] = max(1.0, min(0.5 * design_capacity_ah, 200.0))
    values["discharge_current_max_a"] = max(1.0, min(design_capacity_ah, 200.0))
    if design_capacity_ah >= 50:
        values["balance_trigger_v"] = 0.005  # R27, X23
    values.update(overrides or {})
    return Parameters(**values)  # type: ignore[arg-type]  # one table gives every field its value


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
    if parameters.discharge_undertemperature_c is not None and (
        parameters.discharge_undertemperature_recovery_c is None
    ):
        problems.append("discharge_undertemperature_c needs discharge_undertemperature_recovery_c")
    return tuple(problems)
