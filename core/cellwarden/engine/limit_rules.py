"""The rules that lower a pack's limits, as three tables in tie order.

A rule looks at the facts of a step and returns a reason where it is tighter than the setting,
else None.
"""

from cellwarden.engine.essentials import Missing
from cellwarden.engine.joint import charge_joint, discharge_joint
from cellwarden.engine.limit_ahead import charge_ahead, discharge_ahead
from cellwarden.engine.limit_facts import Bounds, Facts, LimitRule
from cellwarden.engine.soc import REBULK_PERCENT
from cellwarden.engine.view import Quantity
from cellwarden.model import HARDWARE_MODELS, CellExtreme, Reason
from cellwarden.model.catalog import Curve, interpolate

CVL_GAIN = 0.5
"""Part of the highest cell's excess, times the cell count, by which CVL gives way at once once the
cell is far above its target (ours)."""
CVL_FAR_PART = 0.4
"""Far: this part of the way from the target to over-voltage (ours). Up to there CVL gives way
slowly (`limits.hold_cell`)."""
CVL_YIELD = 0.02
"""CVL gives way by at most this part of itself ..."""
CVL_MARGIN_V = 0.2
"""... and to at most this far below the voltage that the pack has: lower, and an inverter would
discharge the pack to get there."""
LOW_SOC_PERCENT = 5.0
"""Below this SoC the discharge current goes down, to LOW_PART of its setting at 0 % (ours)."""
LOW_PART = 0.2
UNBALANCED_PART = 0.4
"""With the highest cell this part of the way from the target to over-voltage, and as far from the
lowest as the balance trigger allows ten times over, only the balancer's pace is left; up to there
the current falls in a straight line (ours)."""
UNBALANCED_C = 0.05
RECOVERY_C = 0.05
"""Charge rate in C while a cell is at or below the shutdown voltage (F24)."""
DEEP_PART = 0.8
"""A cell below this part of the shutdown voltage is not charged at all (ours: 2.0 V for LiFePO4,
where others refuse too)."""
FLOAT_MARGIN_V = 0.01
"""A cell this little above the float voltage still floats (ours)."""
CELL_HELD = "highest cell held at its target"
"""Rule: a controller that moves slowly."""
FULL = "full"
"""Rule: charged to the end. The bank treats it apart."""


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


_FULL_CLEARS = f"the SoC is below {REBULK_PERCENT:g} % or the cells have sunk"
_FULL = Reason(rule=FULL, value=0.0, clears=_FULL_CLEARS)


def _full(b: Bounds, f: Facts) -> Reason | None:
    """Take nothing until the cells have sunk to the float voltage, then what holds them there."""
    if not f.full:
        return None
    highest = f.view.cell_max
    if highest is None or highest.voltage_v > b.float_v + FLOAT_MARGIN_V:
        return _FULL
    return Reason(rule=FULL, value=min(b.tail_a, b.ccl.value), clears=_FULL_CLEARS)


def _charge_board(b: Bounds, f: Facts) -> Reason | None:
    return _board(f, b.ccl)


def _discharge_board(b: Bounds, f: Facts) -> Reason | None:
    return _board(f, b.dcl)


def _board(f: Facts, setting: Reason) -> Reason | None:
    """Return what the board carries for long, where it is of a known model (R1, R18)."""
    identity = f.view.reading.identity
    board = None if identity is None or identity.model is None else _BOARDS.get(identity.model)
    if board is None or board[1] >= setting.value:
        return None
    name, most_a = board
    return Reason(rule="what the board carries", value=most_a, source=name)


_BOARDS = {
    alias: (name, board.continuous_current_a)
    for name, board in HARDWARE_MODELS.items()
    for alias in (name, name.replace("-", "_"))
}
"""By the name as boards tell it, with either dash."""


def _unbalanced(b: Bounds, f: Facts) -> Reason | None:
    """Leave the balancer time: more current would only lift the highest cell further."""
    highest, spread_v = f.view.cell_max, f.view.quantities[Quantity.CELL_DIFFERENCE]
    if highest is None or spread_v is None or spread_v < 10 * b.balance_trigger_v:
        return None
    limit_v = b.cell_target_v + UNBALANCED_PART * (b.cell_overvoltage_v - b.cell_target_v)
    if highest.voltage_v <= b.cell_target_v:
        return None
    pace_a = min(UNBALANCED_C * f.capacity_ah, b.ccl.value)
    part = _part(highest.voltage_v, limit_v, b.cell_target_v)
    value = pace_a + part * (b.ccl.value - pace_a)
    return _by_cell("cells out of balance", value, highest, b.cell_target_v)


def _low_soc(b: Bounds, f: Facts) -> Reason | None:
    soc = f.soc_percent
    if soc is None or soc >= LOW_SOC_PERCENT:
        return None
    part = LOW_PART + (1.0 - LOW_PART) * soc / LOW_SOC_PERCENT
    return Reason(
        rule="state of charge",
        value=part * b.dcl.value,
        measured=soc,
        threshold=LOW_SOC_PERCENT,
        unit="%",
        clears="it is at the threshold or above",
    )


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
    """Let CVL give way at once where the highest cell is far above its target."""
    highest, voltage_v = f.view.cell_max, f.view.voltage_v
    if highest is None:
        return None
    near_v = b.cell_target_v + CVL_FAR_PART * (b.cell_overvoltage_v - b.cell_target_v)
    if highest.voltage_v <= near_v:
        return None
    setting_v = b.cvl.value
    excess_v = CVL_GAIN * b.cells * (highest.voltage_v - near_v)
    value = setting_v - min(excess_v, CVL_YIELD * setting_v)
    if voltage_v is not None:
        value = min(max(value, voltage_v - CVL_MARGIN_V), setting_v)
    return _by_cell("highest cell far above its target", value, highest, near_v)


def _cell_held(b: Bounds, f: Facts) -> Reason | None:
    """Hold the highest cell at its target by what CVL has given way so far."""
    highest = f.view.cell_max
    if highest is None or f.yield_v <= 0.0:
        return None
    value = b.cvl.value - f.yield_v
    return _by_cell(CELL_HELD, value, highest, b.cell_target_v)


CHARGE: tuple[LimitRule, ...] = (
    _charge_unknown,
    _charge_switch,
    _deep,
    _charge_taper,
    _charge_temperature,
    _charge_mos,
    _charge_board,
    charge_ahead,
    charge_joint,
    _unbalanced,
    _full,
)
DISCHARGE: tuple[LimitRule, ...] = (
    _discharge_unknown,
    _discharge_switch,
    _discharge_taper,
    _discharge_temperature,
    _discharge_mos,
    _discharge_board,
    discharge_ahead,
    discharge_joint,
    _low_soc,
)
VOLTAGE: tuple[LimitRule, ...] = (_overvoltage, _cell_excess, _cell_held)
