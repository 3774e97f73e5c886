"""What follows from a trip, for every row and every cause: limits, events with evidence, codes.

The thresholds and times of the rows are those of `test_protection_rows`; here the whole engine
hears what a BMS would tell.
"""

from dataclasses import dataclass
from functools import cache
from itertools import combinations

import pytest

from cellwarden.engine.protection import Protection, Row
from cellwarden.engine.view import Quantity
from cellwarden.model import (
    Alarm,
    AlarmKind,
    AlarmSource,
    DeviceAlarm,
    PackState,
    Severity,
    quantity_text,
)
from support.packs import Bench, parameters
from support.trips import STEP, as_told, beyond, free

PARAMS = parameters(
    discharge_undertemperature_c=-20.0,
    discharge_undertemperature_recovery_c=-15.0,
    # The pack's limits stand where no cell trips yet, to be seen alone.
    pack_overvoltage_v=56.8,
    pack_overvoltage_recovery_v=54.4,
    pack_undervoltage_v=46.4,
    pack_undervoltage_recovery_v=48.0,
    balance_current_max_a=2.0,
)
ROWS = Protection("left", PARAMS).rows
EVERY_ROW = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.rule.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """A row that tripped, was released, and what was seen on the way."""

    alarm: Alarm
    tripped: PackState
    told: tuple[str, ...]
    """Events up to the trip."""
    ended: tuple[str, ...]
    """Events after its cause had passed."""
    after: PackState
    """Three minutes later."""


@cache
def settled(*, cold: bool = False) -> Bench:
    """A healthy pack whose limits have risen; copies of it are cheap."""
    bench = Bench(params=PARAMS)
    bench.settle(40, **({"temperatures_c": (-5.0, -5.0)} if cold else {}))
    return bench


def copy(bench: Bench) -> Bench:
    return Bench(params=PARAMS, memory=bench.memory, now_s=bench.now_s)


@cache
def story(row_name: str) -> Story:
    """Let a row trip, and let its cause pass; a person helps where it waits for one."""
    row = next(r for r in ROWS if r.rule.name == row_name)
    is_soc = row.rule.quantity is Quantity.SOC  # it is counted, and does not jump
    cold = row.rule.kind is AlarmKind.CHARGER_IGNORES_LIMIT
    bench = Bench(params=PARAMS) if is_soc else copy(settled(cold=cold))
    around = {"temperatures_c": (-5.0, -5.0)} if cold else {}
    if row.rule.quantity is None:
        changes = {**around, **beyond(row).changes}
    else:
        worse = row.shown_threshold + row.sign * 2 * STEP[row.rule.unit]
        changes = dict(as_told(row.rule.quantity, worse))
    told: list[str] = []
    alarm: Alarm | None = None
    for _ in range(60):
        tripped = bench.hear(**changes)
        told += [e.text for e in tripped.events]
        if (alarm := found(tripped, row)) is not None:
            break
    assert alarm is not None, "it never tripped"
    if is_soc:
        bench.memory = bench.engine.reset_soc(bench.memory, 50.0, "test")
    passed = free(row).changes if row.rule.quantity is None else {}
    ended = [e.text for _ in range(70) for e in bench.hear(**passed).events]
    bench.memory = bench.engine.release(bench.memory, "test")
    ended += [e.text for e in bench.hear().events]
    return Story(
        alarm=alarm,
        tripped=tripped,
        told=tuple(told),
        ended=tuple(ended),
        after=bench.settle(110),
    )


def found(state: PackState, row: Row) -> Alarm | None:
    """Return the alarm of this very row, which people see."""
    same = (row.rule.kind, row.rule.severity, row.releases)
    own = (a for a in state.alarms if a.source is AlarmSource.ENGINE)
    return next((a for a in own if (a.kind, a.severity, a.releases) == same), None)


@EVERY_ROW
def test_a_trip_blocks_what_its_row_says_and_a_warning_nothing(row: Row) -> None:
    told, rule = story(row.rule.name), row.rule
    alarm, limits = told.alarm, told.tripped.limits
    blocks = (alarm.blocks_charge, alarm.blocks_discharge, alarm.blocks_balance)
    assert blocks == (rule.blocks_charge, rule.blocks_discharge, rule.blocks_balance)
    assert any(blocks) is (rule.severity is Severity.PROTECTION)
    for blocked, limit in (
        (rule.blocks_charge, limits.charge_current),
        (rule.blocks_discharge, limits.discharge_current),
    ):
        if blocked:
            assert limit.value == 0
            assert (rule.kind.value, alarm.releases) in {(r.rule, r.clears) for r in limit.reasons}


@EVERY_ROW
def test_a_trip_is_an_event_with_what_was_measured_and_the_limit(row: Row) -> None:
    told = story(row.rule.name)
    event = told.alarm.text.removeprefix("left: ")
    assert event in told.told
    assert event.startswith(row.rule.kind.value)
    assert told.alarm.value is not None
    assert told.alarm.threshold is not None
    if row.rule.unit:
        assert quantity_text(told.alarm.value, row.rule.unit) in event
        assert f"(limit {quantity_text(told.alarm.threshold, row.rule.unit)})" in event


@EVERY_ROW
def test_a_release_is_an_event_that_says_what_ended_it(row: Row) -> None:
    ended, kind = story(row.rule.name).ended, row.rule.kind.value
    by_hand = f"released by test: {kind}"
    assert (by_hand if row.rule.latched else f"{kind} is over: {row.releases}") in ended


@EVERY_ROW
def test_after_its_cause_has_passed_nothing_of_it_is_left(row: Row) -> None:
    after = story(row.rule.name).after
    left = {a.kind for a in after.alarms}
    # A cell at its lower limit is empty, whatever was counted: that much is learned of a trip.
    assert left <= {AlarmKind.LOW_SOC}
    for limit in (after.limits.charge_current, after.limits.discharge_current):
        assert limit.value > 0
        assert row.rule.kind.value not in {r.rule for r in limit.reasons}


CODES = {
    AlarmKind.CELL_UNDERVOLTAGE: 1,
    AlarmKind.PACK_UNDERVOLTAGE: 1,
    AlarmKind.CELL_OVERVOLTAGE: 2,
    AlarmKind.PACK_OVERVOLTAGE: 2,
    AlarmKind.CHARGE_OVERCURRENT: 3,
    AlarmKind.DISCHARGE_OVERCURRENT: 3,
    AlarmKind.MOS_OVERTEMPERATURE: 4,
    AlarmKind.CHARGE_OVERTEMPERATURE: 5,
    AlarmKind.DISCHARGE_OVERTEMPERATURE: 5,
    AlarmKind.SHORT_CIRCUIT: 6,
    AlarmKind.BMS_INTERNAL: 7,
    AlarmKind.BALANCE_WIRE: 8,
    AlarmKind.CELL_COUNT: 9,
    AlarmKind.BALANCE_WIRE_OPEN: 9,
}
"""R48: the manual's number of each cause that has one."""


@pytest.mark.requirement("R48")
@pytest.mark.requirement("X19")
@EVERY_ROW
def test_the_error_code_of_a_trip_is_the_manual_s_or_none(row: Row) -> None:
    told, code = story(row.rule.name), CODES.get(row.rule.kind)
    others = {a.kind for a in told.tripped.alarms} - {row.rule.kind}
    expected = {CODES[kind] for kind in others if kind in CODES} | ({code} - {None})
    assert told.tripped.error_codes == tuple(sorted(expected))
    assert told.after.error_codes == ()


def test_every_error_code_of_the_manual_comes_of_something() -> None:
    assert set(CODES.values()) == set(range(1, 10))


# -- what the BMS reports ------------------------------------------------------------------------

BLOCKS = [(False, False), (True, False), (False, True), (True, True)]


def told(kind: AlarmKind, severity: Severity, blocks: tuple[bool, bool]) -> DeviceAlarm:
    charge, discharge = blocks
    return DeviceAlarm(
        kind=kind,
        severity=severity,
        blocks_charge=charge,
        blocks_discharge=discharge,
        text="its bit",
    )


def of_device(state: PackState, kind: AlarmKind) -> Alarm | None:
    found = [a for a in state.alarms if a.source is AlarmSource.DEVICE and a.kind is kind]
    return found[0] if found else None


@pytest.mark.parametrize("severity", Severity)
@pytest.mark.parametrize("kind", sorted(set(AlarmKind) - {AlarmKind.SHORT_CIRCUIT}, key=repr))
def test_what_the_bms_reports_counts_at_once_until_it_reports_it_no_more(kind, severity) -> None:
    for blocks in BLOCKS:
        bench, alarms = copy(settled()), (told(kind, severity, blocks),)
        state = bench.hear(alarms=alarms)
        alarm = of_device(state, kind)
        assert alarm is not None
        assert (alarm.where, alarm.releases) == ("its bit", "the BMS clears it")
        limits = state.limits
        assert (limits.ccl_a, limits.dcl_a) == (0 if blocks[0] else 50, 0 if blocks[1] else 100)
        for limit, blocked in zip(
            (limits.charge_current, limits.discharge_current), blocks, strict=True
        ):
            assert (f"BMS: {kind.value}" in {r.rule for r in limit.reasons}) is blocked
        assert [e.text for e in state.events] == [f"{kind.value}, its bit"]
        state = bench.hear(alarms=alarms)
        assert of_device(state, kind) == alarm  # its age is that of the first report
        assert state.events == ()
        state = bench.hear()
        assert of_device(state, kind) is None
        assert [e.text for e in state.events] == [f"{kind.value} is over: the BMS clears it"]


def test_two_that_the_bms_reports_at_once_both_count_and_leave_each_by_itself() -> None:
    protection, kinds = Severity.PROTECTION, set(AlarmKind) - {AlarmKind.SHORT_CIRCUIT}
    for first, second in combinations(sorted(kinds, key=repr), 2):
        bench = copy(settled())
        one = told(first, protection, (True, False))
        other = told(second, protection, (False, True))
        state = bench.hear(alarms=(one, other))
        assert of_device(state, first) is not None
        assert of_device(state, second) is not None
        assert (state.limits.ccl_a, state.limits.dcl_a) == (0, 0)
        state = bench.hear(alarms=(other,))
        assert of_device(state, first) is None
        assert of_device(state, second) is not None
        assert state.limits.dcl_a == 0


def test_a_short_circuit_that_the_bms_reports_is_the_engine_s_own_from_then_on() -> None:
    """R17: it stops both for the release time, whatever the BMS says of it."""
    for severity in Severity:
        for blocks in BLOCKS:
            bench = copy(settled())
            state = bench.hear(alarms=(told(AlarmKind.SHORT_CIRCUIT, severity, blocks),))
            assert (state.limits.ccl_a, state.limits.dcl_a) == (0, 0)
            own = [a for a in state.alarms if a.kind is AlarmKind.SHORT_CIRCUIT]
            assert AlarmSource.ENGINE in {a.source for a in own}


@pytest.mark.requirement("R48")
@pytest.mark.parametrize("kind", AlarmKind)
def test_the_error_code_of_what_the_bms_reports_is_the_manual_s_or_none(kind: AlarmKind) -> None:
    bench = Bench()
    state = bench.settle(3, alarms=(told(kind, Severity.PROTECTION, (True, True)),))
    code = CODES.get(kind)
    assert state.error_codes == (() if code is None else (code,))
