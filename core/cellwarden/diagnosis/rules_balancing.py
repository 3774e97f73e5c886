"""Balancer and heater: not at work, at work in vain, never ending."""

from collections.abc import Iterator

from cellwarden.diagnosis import procedures
from cellwarden.diagnosis.memory import HIGH
from cellwarden.diagnosis.rule import Clue, Look, Rule, by_size
from cellwarden.diagnosis.rules_cells import low_capacities
from cellwarden.model import AlarmKind, Urgency

# All thresholds are ours where no requirement is named.
IDLE_TIMES = 3.0
"""The cells are this many triggers apart, and at least IDLE_V."""
IDLE_V = 0.02
APART_PERCENT = 3.0
CLOSES_PERCENT = 0.15
"""A day; faster than this it is being cured."""
EFFICIENCY, DUTY = 0.9, 0.5
"""Of a balancer that takes and gives in turn (C2)."""
WAIT_S = 2400.0
WARMS_K = 1.0  # R36a: 1 K in 30 min
DRAWS_A = 0.3
OVER_K = 5.0


def _idle(look: Look) -> Iterator[Clue]:
    state, reading, settings = look.state, look.reading, look.reading.settings or {}
    apart_v, highest = state.cell_difference_v, state.cell_max
    if reading.balancing is not False or apart_v is None or highest is None:
        return
    parameters = look.facts.parameters
    trigger_v = settings.get("balance_trigger_v", parameters.balance_trigger_v)
    start_v = settings.get("balance_start_v", parameters.balance_start_v)
    if apart_v < max(IDLE_V, IDLE_TIMES * trigger_v) or highest.voltage_v < start_v + 0.01:
        return
    off = reading.balance_switch_on is False
    yield Clue(
        "balancing is switched off while the cells are apart"
        if off
        else "the balancer does not work though it should",
        f"cells are {1000 * apart_v:.0f} mV apart, the highest at {highest.voltage_v:.3f} V;"
        f" it should start above {1000 * trigger_v:.0f} mV and {start_v:.2f} V",
        0.9 if off else 0.7,
        by_size(apart_v, 0.05, 0.3),
    )


def _not_cured(look: Look) -> Iterator[Clue]:
    spread, region = look.stats.spread, look.stats.regions[HIGH]
    fit = spread.fit()
    if fit is None or spread.n < 8.0 or spread.spread_x < 1.0 or not region.cells:
        return
    if next(low_capacities(look), None) is not None:
        return  # a smaller cell is apart at the top however long it is balanced
    days = (look.now_s - look.stats.origin_s) / 86_400.0
    apart = fit.at(days)
    if apart < APART_PERCENT or fit.slope < -CLOSES_PERCENT or look.stats.seen_s < 86_400.0:
        return
    apart_ah = apart * look.facts.capacity_ah / 100.0
    hours_a_day = look.stats.balancing_s / look.stats.seen_s * 24.0
    amps = _balance_a(look)
    text = f"nearly full the cells are {apart:.1f} % ({apart_ah:.1f} Ah) apart, {fit.slope:+.2f} %"
    text += f" a day over {3.5 * spread.spread_x:.0f} days, balancing {hours_a_day:.1f} h a day"
    if amps:
        need_h = 0.5 * apart_ah / (amps * DUTY * EFFICIENCY)
        text += f"; {need_h:.0f} h at {amps:g} A would be needed"
        if hours_a_day > 0.1:
            text += f", {need_h / hours_a_day:.0f} days at this duty"
        else:
            text += ", none at this duty"
    yield Clue(
        "the balancer does not bring the cells together",
        text,
        0.75 if fit.slope_sigma < CLOSES_PERCENT else 0.6,
        by_size(apart, 2 * APART_PERCENT, 15.0),
    )


def _balance_a(look: Look) -> float | None:
    told = (look.reading.settings or {}).get("balance_current_max_a")
    return told if told and told > 0 else None


def _no_heat(look: Look) -> Iterator[Clue]:
    heat = look.stats.heat
    if heat is None or not heat.on or look.now_s - heat.since_s < WAIT_S:
        return
    rose_k = heat.highest_c - heat.start_c
    hours = (look.now_s - heat.since_s) / 3600.0
    if rose_k >= WARMS_K * min(hours / 0.5, 4.0) or rose_k >= 4.0 * WARMS_K:
        return
    draws = heat.step_a is None or abs(heat.step_a) >= DRAWS_A
    yield Clue(
        "the heater warms nothing" if draws else "the heater draws no current",
        f"on for {60 * hours:.0f} min, the coldest sensor rose by {max(rose_k, 0.0):.1f} K from"
        f" {heat.start_c:.1f} °C"
        + ("" if heat.step_a is None else f"; the current changed by {heat.step_a:+.1f} A"),
        0.7 if draws else 0.85,
        Urgency.SOON,
    )


def _never_stops(look: Look) -> Iterator[Clue]:
    heat, wanted = look.stats.heat, look.state.heating
    if heat is None or not heat.on:
        return
    known = [t for t in look.reading.temperatures_c if t is not None]
    limit_c = look.facts.parameters.charge_undertemperature_recovery_c + OVER_K
    against = wanted is not None and not wanted.wanted and look.state.switches.heat is not None
    if known and (min(known) > limit_c or against):
        yield Clue(
            "the heater does not stop",
            f"on for {(look.now_s - heat.since_s) / 60:.0f} min, the coldest sensor is at"
            f" {min(known):.1f} °C, it should end at {limit_c - OVER_K:.1f} °C",
            0.85,
            by_size(min(known), limit_c, 45.0),
        )


def _told_by_engine(look: Look) -> Iterator[Clue]:
    """Yield what the engine finds of a heater that it switches: it gives up before others see."""
    for alarm in look.state.alarms:
        if alarm.kind is AlarmKind.HEATER:
            yield Clue(alarm.where, alarm.text, 0.9, Urgency.SOON)


RULES: tuple[Rule, ...] = (
    Rule(
        code="balancer-idle",
        means="the balancer does not work",
        rests_on=f"cells {IDLE_TIMES:g} triggers and {1000 * IDLE_V:g} mV apart, the highest above"
        " the start voltage, and no balancing for 30 min (R27)",
        found_within="35 min",
        procedure=procedures.BALANCING,
        find=_idle,
        hold_s=1800.0,
    ),
    Rule(
        code="imbalance-not-cured",
        means="balancing does not cure the imbalance",
        rests_on="the cells' distance in charge nearly full, over days: more than"
        f" {APART_PERCENT:g} % and not closing by {CLOSES_PERCENT:g} % a day",
        found_within="5 days with full charges",
        procedure=procedures.BALANCING,
        find=_not_cured,
        hold_s=600.0,
    ),
    Rule(
        code="heater-without-effect",
        means="the heater draws no current or warms nothing",
        rests_on=f"on for {WAIT_S / 60:g} min and less than {WARMS_K:g} K in 30 min (R36a); the"
        f" current's change when it was switched on, {DRAWS_A:g} A",
        found_within="45 min of heating",
        procedure=procedures.HEATER,
        find=_no_heat,
    ),
    Rule(
        code="heater-fault",
        means="the heater does not do what the engine wants of it",
        rests_on="the alarm: it does not warm by 1 K in 30 min, its relay is not where it was told"
        " to be or is not heard for 1 min, or it warms while it should be off (R36a)",
        found_within="31 min; a relay: 2 min",
        procedure=procedures.HEATER,
        find=_told_by_engine,
    ),
    Rule(
        code="heater-never-stops",
        means="the heater does not stop",
        rests_on=f"on while the coldest sensor is {OVER_K:g} K above the end of heating (R35), or"
        " against what is wanted, for 10 min",
        found_within="15 min after it should have stopped",
        procedure=procedures.HEATER,
        find=_never_stops,
        hold_s=600.0,
    ),
)
