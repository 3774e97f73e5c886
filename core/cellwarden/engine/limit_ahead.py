"""Rules that take a current down before a protection would trip, by where the pack is heading."""

from cellwarden.engine.limit_facts import Bounds, Facts
from cellwarden.engine.view import Quantity
from cellwarden.model import Reason

AHEAD_S = 60.0
"""A trip of a cell that is due within this is averted by taking the current down (ours)."""
AHEAD_HEAT_S = 600.0
"""The same for heat, which follows the current slowly (ours)."""
LEAST_RATE_V_PER_S = 0.0002
LEAST_RATE_K_PER_S = 0.002
"""Slower than this is noise (ours)."""


def charge_ahead(b: Bounds, f: Facts) -> Reason | None:
    """Take the current down before a cell that runs away, or heat, trips a protection."""
    highest, rate = f.view.cell_max, f.trend.cell_max_v_per_s
    current_a = f.view.quantities[Quantity.CURRENT]
    if current_a is None or current_a <= 0.0:
        return None
    if highest is not None and highest.voltage_v > b.cell_target_v and rate > LEAST_RATE_V_PER_S:
        due_s = max((b.cell_overvoltage_v - highest.voltage_v) / rate, 0.0)
        if due_s < AHEAD_S:
            return _ahead("over-voltage ahead", current_a, due_s, AHEAD_S, f"cell {highest.cell}")
    return _heat_ahead(b, f, current_a)


def discharge_ahead(b: Bounds, f: Facts) -> Reason | None:
    """The same for discharging."""
    lowest, rate = f.view.cell_min, -f.trend.cell_min_v_per_s
    current_a = f.view.quantities[Quantity.CURRENT]
    if current_a is None or current_a >= 0.0:
        return None
    if lowest is not None and lowest.voltage_v < b.cell_low_v and rate > LEAST_RATE_V_PER_S:
        due_s = max((lowest.voltage_v - b.cell_undervoltage_v) / rate, 0.0)
        if due_s < AHEAD_S:
            return _ahead("under-voltage ahead", -current_a, due_s, AHEAD_S, f"cell {lowest.cell}")
    return _heat_ahead(b, f, -current_a)


def _heat_ahead(b: Bounds, f: Facts, current_a: float) -> Reason | None:
    warmest, rate = f.view.temperature_max, f.trend.warmest_k_per_s
    if warmest is not None and warmest.temperature_c > b.warm_c and rate > LEAST_RATE_K_PER_S:
        due_s = max((b.hot_c - warmest.temperature_c) / rate, 0.0)
        if due_s < AHEAD_HEAT_S:
            return _ahead("over-temperature ahead", current_a, due_s, AHEAD_HEAT_S, warmest.sensor)
    mos_c, rate = f.view.quantities[Quantity.MOS_TEMPERATURE], f.trend.mos_k_per_s
    if mos_c is not None and mos_c > b.mos_warm_c and rate > LEAST_RATE_K_PER_S:
        due_s = max((b.mos_hot_c - mos_c) / rate, 0.0)
        if due_s < AHEAD_S:
            return _ahead("over-temperature ahead", current_a, due_s, AHEAD_S, "MOSFET")
    return None


def _ahead(rule: str, current_a: float, due_s: float, within_s: float, source: str) -> Reason:
    return Reason(
        rule=rule,
        value=current_a * due_s / within_s,
        source=source,
        measured=due_s,
        threshold=within_s,
        unit="s",
        clears="it moves more slowly",
    )
