"""The rules that lower a pack's limits, as three tables in tie order.

A rule looks at the facts of a step and returns a reason where it is tighter than the setting,
else None.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from cellwarden.engine.plausibility import Missing
from cellwarden.engine.soc import REBULK_PERCENT
from cellwarden.engine.view import Quantity, View
from cellwarden.model import CellExtreme, Chemistry, Parameters, Reason
from cellwarden.model.catalog import Curve, interpolate

CVL_GAIN = 0.5
"""Part of the highest cell's excess, times the cell count, by which CVL gives way (ours)."""
CVL_YIELD = 0.02
"""CVL gives way by at most this part of itself ..."""
CVL_MARGIN_V = 0.2
"""... and to at most this far below the voltage that the pack has: lower, and an inverter would
discharge the pack to get there."""
RECOVERY_C = 0.05
"""Charge rate in C while a cell is at or below the shutdown voltage (F24)."""
DEEP_PART = 0.8
"""A cell below this part of the shutdown voltage is not charged at all (ours: 2.0 V for LiFePO4,
where others refuse too)."""
FULL = "full"
"""Rule: charged to the end. The bank treats it apart."""


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


class Facts(NamedTuple):
    """What the rules look at in one step."""

    view: View
    capacity_ah: float
    full: bool
    overvoltage: bool
    """An over-voltage alarm blocks charging."""
    overdue: tuple[Missing, ...]
    """Essentials that are unknown past their hold time."""


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
    )


def _charge_unknown(b: Bounds, f: Facts) -> Reason | None:
    if not f.overdue:
        return None
    return _unknown(min(f.overdue, key=lambda m: m.essential.charge), b.ccl, charge=True)


def _discharge_unknown(b: Bounds, f: Facts) -> Reason | None:
    if not f.overdue:
        return None
    return _unknown(min(f.overdue, key=lambda m: m.essential.discharge), b.dcl, charge=False)


def _unknown(missing: Missing, setting: Reason, *, charge: bool) -> Reason | None:
    essential = missing.essential
    part = essential.charge if charge else essential.discharge
    if part in {0.0, 1.0}:  # 0: the alarm of the same cause blocks by itself
        return None
    return Reason(
        rule=f"{essential.name} is unknown",
        value=part * setting.value,
        source=missing.where,
        clears=essential.returns,
    )


_CHARGE_SWITCH_OFF, _CHARGE_FET_OFF, _DISCHARGE_SWITCH_OFF, _DISCHARGE_FET_OFF = (
    Reason(rule=f"the {what} is off in the BMS", value=0.0, source="BMS", clears="it is on")
    for what in ("charge switch", "charge MOSFET", "discharge switch", "discharge MOSFET")
)


def _charge_switch(_: Bounds, f: Facts) -> Reason | None:
    reading = f.view.reading
    if reading.charge_switch_on is False:
        return _CHARGE_SWITCH_OFF
    return _CHARGE_FET_OFF if reading.charge_fet_on is False else None


def _discharge_switch(_: Bounds, f: Facts) -> Reason | None:
    reading = f.view.reading
    if reading.discharge_switch_on is False:
        return _DISCHARGE_SWITCH_OFF
    return _DISCHARGE_FET_OFF if reading.discharge_fet_on is False else None


def _deep(b: Bounds, f: Facts) -> Reason | None:
    lowest = f.view.cell_min
    if lowest is None or lowest.voltage_v > b.shutdown_v:
        return None
    dead_v = DEEP_PART * b.shutdown_v
    if lowest.voltage_v < dead_v:
        return _by_cell("dead cell", 0.0, lowest, dead_v)
    gentle_a = min(RECOVERY_C * f.capacity_ah, b.ccl.value)
    return _by_cell("deeply discharged cell", gentle_a, lowest, b.shutdown_v)


def _charge_taper(b: Bounds, f: Facts) -> Reason | None:
    highest = f.view.cell_max
    if highest is None or highest.voltage_v <= b.cell_target_v:
        return None
    part = _part(highest.voltage_v, b.cell_overvoltage_v, b.cell_target_v)
    return _by_cell("cell voltage taper", part * b.ccl.value, highest, b.cell_target_v)


def _discharge_taper(b: Bounds, f: Facts) -> Reason | None:
    lowest = f.view.cell_min
    if lowest is None or lowest.voltage_v >= b.cell_low_v:
        return None
    part = _part(lowest.voltage_v, b.cell_undervoltage_v, b.cell_low_v)
    return _by_cell("cell voltage taper", part * b.dcl.value, lowest, b.cell_low_v)


def _by_cell(rule: str, value: float, cell: CellExtreme, threshold_v: float) -> Reason:
    return Reason(
        rule=rule,
        value=value,
        source=f"cell {cell.cell}",
        measured=cell.voltage_v,
        threshold=threshold_v,
        unit="V",
        clears="no cell is beyond the threshold",
    )


def _part(x: float, nothing_at: float, all_at: float) -> float:
    """Return 0..1, falling in a straight line from `all_at` to `nothing_at`."""
    return min(max((x - nothing_at) / (all_at - nothing_at), 0.0), 1.0)


def _charge_temperature(b: Bounds, f: Facts) -> Reason | None:
    return _by_temperature(b.charge_curve, f, b.ccl)


def _discharge_temperature(b: Bounds, f: Facts) -> Reason | None:
    return _by_temperature(b.discharge_curve, f, b.dcl)


def _by_temperature(curve: Curve, f: Facts, setting: Reason) -> Reason | None:
    """Return the tighter of what the coldest and the warmest sensor allow (F20)."""
    coldest, warmest = f.view.temperature_min, f.view.temperature_max
    if coldest is None or warmest is None:
        return None
    low = _rate_c(curve, coldest.temperature_c)
    high = _rate_c(curve, warmest.temperature_c)
    at, rate_c = (coldest, low) if low <= high else (warmest, high)
    if rate_c * f.capacity_ah >= setting.value:
        return None
    return Reason(
        rule="temperature",
        value=rate_c * f.capacity_ah,
        source=at.sensor,
        measured=at.temperature_c,
        unit="°C",
        clears="it is warmer" if at.temperature_c < _BEST_C else "it is cooler",
    )


_BEST_C = 25.0
"""Between the cold and the warm end of every curve of the catalogue."""


def _rate_c(curve: Curve, temperature_c: float) -> float:
    if curve[0][0] <= temperature_c <= curve[-1][0]:
        return interpolate(curve, temperature_c)
    return 0.0


def _charge_mos(b: Bounds, f: Facts) -> Reason | None:
    return _mos(b, f, b.ccl)


def _discharge_mos(b: Bounds, f: Facts) -> Reason | None:
    return _mos(b, f, b.dcl)


def _mos(b: Bounds, f: Facts, setting: Reason) -> Reason | None:
    mos_c = f.view.quantities[Quantity.MOS_TEMPERATURE]
    if mos_c is None or mos_c <= b.mos_warm_c:
        return None
    return Reason(
        rule="MOSFET temperature",
        value=_part(mos_c, b.mos_hot_c, b.mos_warm_c) * setting.value,
        measured=mos_c,
        threshold=b.mos_warm_c,
        unit="°C",
        clears="it is at the threshold or below",
    )


_FULL = Reason(
    rule=FULL, value=0.0, clears=f"the SoC is below {REBULK_PERCENT:g} % or the cells have sunk"
)


def _full(_: Bounds, f: Facts) -> Reason | None:
    return _FULL if f.full else None


def _overvoltage(b: Bounds, f: Facts) -> Reason | None:
    """Hold CVL at the voltage the pack has: a charger that ignores CCL must stop too."""
    highest, voltage_v = f.view.cell_max, f.view.voltage_v
    if highest is None or voltage_v is None:
        return None
    if not f.overvoltage and highest.voltage_v <= b.cell_overvoltage_v:
        return None
    value = max(voltage_v, b.nominal_v)
    if value >= b.cvl.value:
        return None
    return _by_cell("over-voltage", value, highest, b.cell_overvoltage_v)


def _cell_excess(b: Bounds, f: Facts) -> Reason | None:
    highest, voltage_v = f.view.cell_max, f.view.voltage_v
    if highest is None or highest.voltage_v <= b.cell_target_v:
        return None
    setting_v = b.cvl.value
    excess_v = CVL_GAIN * b.cells * (highest.voltage_v - b.cell_target_v)
    value = setting_v - min(excess_v, CVL_YIELD * setting_v)
    if voltage_v is not None:
        value = min(max(value, voltage_v - CVL_MARGIN_V), setting_v)
    return _by_cell("highest cell", value, highest, b.cell_target_v)


CHARGE: tuple[LimitRule, ...] = (
    _charge_unknown,
    _charge_switch,
    _deep,
    _charge_taper,
    _charge_temperature,
    _charge_mos,
    _full,
)
DISCHARGE: tuple[LimitRule, ...] = (
    _discharge_unknown,
    _discharge_switch,
    _discharge_taper,
    _discharge_temperature,
    _discharge_mos,
)
VOLTAGE: tuple[LimitRule, ...] = (_overvoltage, _cell_excess)
