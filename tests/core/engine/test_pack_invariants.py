"""What must hold for one pack whatever its BMS says: one property a test, over random lives.

Lives have every chemistry, faults, gaps, clocks that jump, NaN and huge numbers, cells that come
and go, and restarts from a record in the middle (`support.histories`).
"""

import math
from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cellwarden.engine import protection as protection_module
from cellwarden.model import (
    CHEMISTRIES,
    AlarmSource,
    Limit,
    PackPhase,
    PackState,
    Severity,
)
from support.histories import MAX_AGE_S, Seen, lives, play


def all_limits(state: PackState) -> tuple[Limit, ...]:
    limits = state.limits
    return (
        limits.charge_voltage,
        limits.charge_current,
        limits.discharge_current,
        limits.discharge_voltage,
    )


def highest_and_lowest(state: PackState) -> tuple[float, float]:
    """Return the ends of the cells that are believed; inside everything where none is."""
    cells = () if state.reading is None else state.reading.cell_voltages_v
    known = [v for v in cells if v is not None]
    return (max(known), min(known)) if known else (-math.inf, math.inf)


# -- never allowed what may not be ---------------------------------------------------------------


@settings(max_examples=30)
@given(lives())
def test_charging_is_never_allowed_with_a_cell_at_or_above_its_limit(life) -> None:
    limit_v = life[0].parameters.cell_overvoltage_v
    for seen in play(life):
        highest_v, _ = highest_and_lowest(seen.state)
        assert highest_v < limit_v or not seen.state.charge_allowed


@settings(max_examples=30)
@given(lives())
def test_discharging_is_never_allowed_with_a_cell_at_or_below_its_limit(life) -> None:
    limit_v = life[0].parameters.cell_undervoltage_v
    for seen in play(life):
        _, lowest_v = highest_and_lowest(seen.state)
        assert lowest_v > limit_v or not seen.state.discharge_allowed


@settings(max_examples=30)
@given(lives())
def test_nothing_is_allowed_with_a_cell_unknown_for_longer_than_its_hold(life) -> None:
    """One age for the cell and one for the reading that told it last."""
    unknown_s = 0.0
    for seen in play(life):
        reading = seen.state.reading
        cells = () if reading is None else reading.cell_voltages_v
        known = len(cells) == life[0].cells and None not in cells
        unknown_s = 0.0 if known else unknown_s + max(seen.passed_s, 0.0)
        if unknown_s > 2 * MAX_AGE_S:
            assert not seen.state.charge_allowed
            assert not seen.state.discharge_allowed


@settings(max_examples=30)
@given(lives())
def test_what_a_bms_tells_twice_of_a_cell_beyond_its_limit_stops_that_direction(life) -> None:
    """Whatever else those readings say: told, not believed, is what counts here."""
    kind = life[0]
    p, before = kind.parameters, (False, False)
    newest_s = -math.inf
    for seen in play(life):
        told = seen.told
        if seen.passed_s < 0 or seen.restarted:
            newest_s, before = -math.inf, (False, False)
        if told is None or not told.heard_s > newest_s or seen.passed_s < 0.8:
            continue
        newest_s = told.heard_s
        cells = told.cell_voltages_v
        whole = len(cells) == kind.cells and all(v is not None and 1 <= v <= 5 for v in cells)
        over = whole and max(cells) > p.cell_overvoltage_v
        under = whole and min(cells) < p.cell_undervoltage_v
        if over and before[0]:
            assert not seen.state.charge_allowed
        if under and before[1]:
            assert not seen.state.discharge_allowed
        before = (over, under)


@settings(max_examples=30)
@given(lives())
def test_without_a_pack_that_answers_nothing_is_allowed_and_nothing_shown(life) -> None:
    for seen in play(life):
        state = seen.state
        if state.phase is not PackPhase.ONLINE:
            assert (state.limits.ccl_a, state.limits.dcl_a) == (0, 0)
            assert state.reading is None
            assert state.soc_percent is None
        else:
            assert state.age_s <= MAX_AGE_S


# -- limits ----------------------------------------------------------------------------------------


@settings(max_examples=30)
@given(lives())
def test_a_limit_never_rises_faster_than_its_rate(life) -> None:
    p = life[0].parameters
    before: PackState | None = None
    for seen in play(life):
        limits = seen.state.limits
        if before is not None and seen.passed_s >= 0 and not seen.restarted:
            passed_s = min(seen.passed_s, MAX_AGE_S)
            for now_a, was_a, most_a in (
                (limits.ccl_a, before.limits.ccl_a, p.charge_current_max_a),
                (limits.dcl_a, before.limits.dcl_a, p.discharge_current_max_a),
            ):
                rate_a_per_s = max(5.0, 0.02 * most_a)
                assert now_a <= was_a + max(rate_a_per_s * passed_s, 1.0) + 1e-9
            assert limits.cvl_v <= before.limits.cvl_v + 0.045 / 60 * seen.passed_s + 1e-9
        if seen.restarted:
            assert (limits.ccl_a, limits.dcl_a) == (0, 0)
        before = seen.state


@settings(max_examples=30)
@given(lives())
def test_every_limit_is_within_what_pack_and_settings_stand(life) -> None:
    kind = life[0]
    p, cell = kind.parameters, CHEMISTRIES[kind.chemistry]
    for seen in play(life):
        limits = seen.state.limits
        assert 0.9 * kind.cells * p.charge_voltage_v <= limits.cvl_v
        assert limits.cvl_v <= kind.cells * min(p.charge_voltage_v, cell.absolute_max_v) + 1e-9
        assert 0 <= limits.ccl_a <= p.charge_current_max_a
        assert 0 <= limits.dcl_a <= p.discharge_current_max_a


@settings(max_examples=30)
@given(lives())
def test_every_limit_names_its_reason_and_the_tightest_binds(life) -> None:
    for seen in play(life):
        for limit in all_limits(seen.state):
            assert limit.binding.value == limit.value
            assert all(limit.value <= reason.value for reason in limit.reasons)
            assert all(reason.text for reason in limit.reasons)


# -- trips -----------------------------------------------------------------------------------------


@settings(max_examples=30)
@given(lives())
def test_a_trip_always_has_a_reason_and_a_release_condition(life) -> None:
    for seen in play(life):
        state = seen.state
        for alarm in state.alarms:
            assert alarm.text
            assert alarm.releases
            for blocks, limit in (
                (alarm.blocks_charge, state.limits.charge_current),
                (alarm.blocks_discharge, state.limits.discharge_current),
            ):
                if blocks:
                    assert limit.value == 0
        for limit in (state.limits.charge_current, state.limits.discharge_current):
            if limit.value == 0:
                assert limit.binding.rule


@settings(max_examples=30)
@given(lives())
def test_every_alarm_that_comes_or_goes_is_an_event(life) -> None:
    """The first state after a restart shows what was saved, which is no news."""
    before: tuple = ()
    for seen in play(life):
        state = seen.state
        texts = {event.text for event in state.events}
        kinds = {alarm.kind for alarm in state.alarms}
        if not seen.restarted and seen.passed_s >= 0:
            was = {alarm.kind for alarm in before}
            for alarm in state.alarms:
                if alarm.kind not in was:
                    assert any(text.startswith(alarm.kind.value) for text in texts)
            for alarm in before:
                if alarm.kind not in kinds:
                    assert any(text.startswith(f"{alarm.kind.value} is over") for text in texts)
        before = state.alarms


@settings(max_examples=30)
@given(lives())
def test_the_engine_closes_no_switch_while_an_alarm_of_its_own_blocks(life) -> None:
    for seen in play(life):
        own = [a for a in seen.state.alarms if a.source is AlarmSource.ENGINE]
        if seen.state.switches.charge is True:
            assert not any(a.blocks_charge for a in own)
        if seen.state.switches.discharge is True:
            assert not any(a.blocks_discharge for a in own)


@settings(max_examples=30)
@given(lives())
def test_a_restart_at_any_moment_keeps_every_trip_of_the_table(life) -> None:
    before: PackState | None = None
    for seen in play(life):
        if seen.restarted and before is not None and before.phase is PackPhase.ONLINE:
            blocked = _own_trips(before)
            assert _own_trips(seen.state) >= {
                kind for kind in blocked if kind not in _released(seen.state)
            }
        before = seen.state


def _own_trips(state: PackState) -> set:
    """Return the protections of the table, which have a value; what is unknown is seen anew."""
    return {
        a.kind
        for a in state.alarms
        if a.source is AlarmSource.ENGINE
        and a.severity is Severity.PROTECTION
        and a.value is not None
    }


def _released(state: PackState) -> set:
    over = {text.text.split(" is over")[0] for text in state.events if " is over" in text.text}
    return {kind for kind in {a.kind for a in state.alarms} if kind.value in over}


# -- the step --------------------------------------------------------------------------------------


def numbers(state: PackState) -> Iterator[float | None]:
    reading = state.reading
    yield from (
        state.soc_percent, state.soc_sigma_percent, state.remaining_ah, state.soh_percent,
        state.capacity_ah, state.power_w, state.cell_sum_v,
    )  # fmt: skip
    for limit in all_limits(state):
        yield limit.value
    if reading is not None:
        yield from reading.cell_voltages_v
        yield from reading.temperatures_c
        yield from (
            reading.voltage_v, reading.current_a, reading.mos_temperature_c, reading.runtime_s,
            reading.remaining_ah, reading.capacity_ah, reading.cycle_charge_ah,
        )  # fmt: skip


@settings(max_examples=100)
@given(lives())
def test_step_never_raises_and_gives_only_finite_numbers(life) -> None:
    for seen in play(life):
        assert all(n is None or math.isfinite(n) for n in numbers(seen.state))
        assert seen.state.soc_percent is None or 0 <= seen.state.soc_percent <= 100


@settings(max_examples=30)
@given(lives())
def test_the_same_input_gives_the_same_output(life) -> None:
    first = [repr(seen.state) for seen in play(life)]
    assert first == [repr(seen.state) for seen in play(life)]


def outcome(seen: Seen) -> tuple:
    """Return what counts of a state, without the order in which it is told."""
    state = seen.state
    return (
        {(a.kind, a.severity, a.where, a.value, a.since_s, a.releases) for a in state.alarms},
        [limit.value for limit in all_limits(state)],
        state.switches,
        state.soc_percent,
    )


@settings(max_examples=30)
@given(lives(most=12), st.randoms(use_true_random=False))
def test_the_order_of_simultaneous_faults_does_not_matter(life, draw) -> None:
    """Neither the order in which a BMS lists its alarms nor that of our own table."""
    kind, history = life
    straight = [outcome(seen) for seen in play(life)]
    turned = []
    for moment in history:
        changes = dict(moment.changes or {})
        if alarms := changes.get("alarms"):
            changes["alarms"] = tuple(reversed(alarms))  # type: ignore[call-overload]
        turned.append(moment if moment.changes is None else replace(moment, changes=changes))
    rules = list(protection_module.RULES)
    draw.shuffle(rules)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(protection_module, "RULES", tuple(rules))
        other = [outcome(seen) for seen in play((kind, turned))]
    assert other == straight
