"""The working parameters of one pack, and the presets by chemistry (R6)."""

from collections.abc import Mapping
from dataclasses import dataclass

from cellwarden.model.catalog import CHEMISTRIES, Chemistry, HardwareModel
from cellwarden.model.parameter_table import PARAMETERS


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


CHEMISTRY_COLUMN = {"Li-ion": 0, "LiFePO4": 1, "LTO": 2}

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
    result with `model.broken_rules()`. With a data sheet's `cell` no voltage goes beyond what it
    stands. KeyError for a chemistry that is not in the catalogue.
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
