"""What the rules that lower a pack's limits look at: its numbers, and the facts of a step."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from cellwarden.engine.essentials import Missing
from cellwarden.engine.limit_trend import NO_TREND, Trend
from cellwarden.engine.view import View
from cellwarden.model import Chemistry, Parameters, Reason
from cellwarden.model.catalog import Curve


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """The numbers of one pack that rules compare with."""

    cells: int
    cvl: Reason
    """The settings as reasons; their values are the highest limits."""
    ccl: Reason
    dcl: Reason
    dvl: Reason
    cell_target_v: float
    cell_overvoltage_v: float
    cell_low_v: float
    cell_undervoltage_v: float
    shutdown_v: float
    nominal_v: float
    """Of the pack: CVL is never below."""
    mos_warm_c: float
    mos_hot_c: float
    charge_curve: Curve
    discharge_curve: Curve
    float_v: float
    """Of a cell."""
    tail_a: float
    """What a full pack may take while it floats."""
    warm_c: float
    """Where heat begins to count: half way between recovery and over-temperature."""
    hot_c: float
    """Over-temperature, of charging or discharging, whichever is lower."""
    balance_trigger_v: float


class Facts(NamedTuple):
    """What the rules look at in one step."""

    view: View
    capacity_ah: float
    full: bool
    overvoltage: bool
    """An over-voltage alarm blocks charging."""
    overdue: tuple[Missing, ...]
    """Essentials that are unknown past their hold time."""
    soc_percent: float | None = None
    """As shown."""
    trend: Trend = NO_TREND
    yield_v: float = 0.0
    """By how much CVL has given way to hold the highest cell at its target."""
    joint: tuple[int, float] | None = None
    """Cell, and excess resistance in ohm, of a joint that stands out."""


LimitRule = Callable[[Bounds, Facts], Reason | None]


def bounds(cell: Chemistry, parameters: Parameters) -> Bounds:
    """Return the numbers of a pack."""
    p = parameters
    target_v = min(p.charge_voltage_v, cell.absolute_max_v)
    lowest_v = max(p.discharge_voltage_v, cell.absolute_min_v)
    chosen = target_v == p.charge_voltage_v
    return Bounds(
        cells=p.cell_count,
        cvl=Reason(
            rule="charge voltage setting" if chosen else f"highest voltage of {cell.name}",
            value=target_v * p.cell_count,
        ),
        ccl=Reason(rule="charge current setting", value=p.charge_current_max_a),
        dcl=Reason(rule="discharge current setting", value=p.discharge_current_max_a),
        dvl=Reason(rule="discharge voltage setting", value=lowest_v * p.cell_count),
        cell_target_v=target_v,
        cell_overvoltage_v=p.cell_overvoltage_v,
        cell_low_v=p.discharge_voltage_v,
        cell_undervoltage_v=p.cell_undervoltage_v,
        shutdown_v=p.shutdown_v,
        nominal_v=cell.nominal_v * p.cell_count,
        mos_warm_c=0.5 * (p.mos_overtemperature_c + p.mos_overtemperature_recovery_c),
        mos_hot_c=p.mos_overtemperature_c,
        charge_curve=cell.charge_c_by_temperature,
        discharge_curve=cell.discharge_c_by_temperature,
        float_v=min(cell.float_v, target_v),
        tail_a=cell.full_current_c * p.design_capacity_ah,
        warm_c=0.5 * (p.charge_overtemperature_c + p.charge_overtemperature_recovery_c),
        hot_c=min(p.charge_overtemperature_c, p.discharge_overtemperature_c),
        balance_trigger_v=p.balance_trigger_v,
    )
