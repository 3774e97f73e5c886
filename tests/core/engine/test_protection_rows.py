"""The truth table of every row: alone, and beside every other one.

`test_protection` and `test_protection_faults` say with literal values what the rows of a LiFePO4
pack do; here each row of the table is held against what a row is: below, at, above, how long,
release, again, two at once. A row that is new is in here, or the first test fails.
"""

from dataclasses import replace
from itertools import combinations

import pytest

from cellwarden.engine.protection import Protection, Row, Watch
from cellwarden.engine.protection_rules import RULES
from cellwarden.engine.rule import Scene
from cellwarden.engine.view import Quantity, look
from support.packs import parameters, reading
from support.trips import QUIET, SIGNALS, STEP, Drive, beyond, far, free, harmless, keeping

PARAMS = parameters(discharge_undertemperature_c=-20.0, discharge_undertemperature_recovery_c=-15.0)
TABLE = Protection("left", PARAMS)


class Bench:
    """The table with quantities that are set by hand, one reading a second."""

    def __init__(self, table: Protection = TABLE) -> None:
        self.table = table
        self.watches = table.idle
        self.now_s = 1000.0

    def hear(self, drive: Drive) -> None:
        self.now_s += 1.0
        quantities = [drive.quantities.get(q) for q in Quantity]
        view = look(reading(self.now_s, **drive.changes))
        view = view._replace(quantities=tuple(quantities[:-1]))
        scene = Scene(view, drive.ccl_a, (False, False), PARAMS, 3.65)
        self.watches = self.table.hear(self.watches, scene, quantities[-1], self.now_s)
        self.watches = self.table.wait(self.watches, self.now_s)

    def trip(self, row: Row) -> int:
        """Drive a row until it trips; return the seconds from the first reading beyond."""
        for seconds in range(700):
            self.hear(beyond(row))
            if self.tripped(row):
                return seconds
        raise AssertionError(f"{row.rule.name} never tripped")

    def watch(self, row: Row) -> Watch:
        return self.watches[self.table.rows.index(row)]

    def tripped(self, row: Row) -> bool:
        return self.watch(row).alarm is not None


def delay_s(row: Row) -> float:
    """From the first reading beyond to the trip, at one reading a second."""
    at_once = row.rule.immediate == 0.0  # what hardware is sure of
    return 0.0 if at_once else max(row.delay_s, 1.0)


ROWS = pytest.mark.parametrize("row", TABLE.rows, ids=lambda row: row.rule.name)
PASSING = pytest.mark.parametrize(
    "row", [r for r in TABLE.rows if not r.rule.latched], ids=lambda row: row.rule.name
)
"""Rows that are released without anybody's help."""


def test_every_row_can_be_driven_and_every_drive_has_a_row() -> None:
    assert {rule.name for rule in RULES if rule.signal is not None} == set(SIGNALS)
    assert {rule.name for rule in RULES} == {row.rule.name for row in TABLE.rows}


@ROWS
def test_just_below_and_at_the_threshold_nothing_trips(row: Row) -> None:
    bench = Bench()
    for drive in harmless(row):
        for _ in range(120):
            bench.hear(drive)
            assert not bench.tripped(row)


@ROWS
def test_beyond_the_threshold_it_trips_when_the_delay_is_over(row: Row) -> None:
    assert Bench().trip(row) == delay_s(row)


@ROWS
def test_a_good_reading_on_the_way_starts_the_delay_anew(row: Row) -> None:
    bench = Bench()
    for _ in range(3):
        for _ in range(int(delay_s(row))):
            bench.hear(beyond(row))
            assert not bench.tripped(row)
        bench.hear(harmless(row)[0])


@pytest.mark.parametrize(
    "row",
    [r for r in TABLE.rows if r.rule.immediate and r.rule.quantity is not None],
    ids=lambda row: row.rule.name,
)
def test_far_enough_beyond_one_reading_is_enough(row: Row) -> None:
    assert row.rule.quantity is not None
    step = STEP[row.rule.unit]
    near = Bench()
    near.hear(Drive(quantities={row.rule.quantity: row.sign * (row.immediate - step)}))
    assert not near.tripped(row)
    there = Bench()
    there.hear(Drive(quantities={row.rule.quantity: row.sign * (row.immediate + step)}))
    assert there.tripped(row)


def seconds_to_release(bench: Bench, row: Row) -> float:
    tripped_s = bench.now_s
    while bench.tripped(row):
        bench.hear(free(row))
        assert bench.now_s - tripped_s < 700
    return bench.now_s - tripped_s


@PASSING
def test_it_is_released_as_its_row_says_and_trips_again(row: Row) -> None:
    bench = Bench()
    for _ in range(2):
        assert bench.trip(row) == delay_s(row)
        if row.release_s is not None:
            assert seconds_to_release(bench, row) == row.release_s
            continue
        kept = keeping(row)
        for _ in range(5):  # the release value itself is not enough
            bench.hear(beyond(row) if kept is None else kept)
            assert bench.tripped(row)
        assert seconds_to_release(bench, row) == 2.0  # nor is one reading


@PASSING
def test_one_good_reading_and_then_a_bad_one_release_nothing(row: Row) -> None:
    bench = Bench()
    bench.trip(row)
    for _ in range(20):
        bench.hear(free(row))
        assert bench.tripped(row)
        bench.hear(keeping(row) or beyond(row))
        assert bench.tripped(row)


@pytest.mark.parametrize(
    "row", [r for r in TABLE.rows if r.rule.waits], ids=lambda row: row.rule.name
)
def test_what_waits_for_its_cause_to_end_is_not_released_by_time_alone(row: Row) -> None:
    bench = Bench()
    bench.trip(row)
    for _ in range(300):
        bench.hear(beyond(row))
        assert bench.tripped(row)
    assert seconds_to_release(bench, row) == 2.0


@pytest.mark.parametrize(
    "row", [r for r in TABLE.rows if r.rule.latched], ids=lambda row: row.rule.name
)
def test_what_is_latched_stays_until_somebody_releases_it_and_trips_again(row: Row) -> None:
    bench = Bench()
    for _ in range(2):
        bench.trip(row)
        for _ in range(700):
            bench.hear(free(row))
            assert bench.tripped(row)
        bench.watches = bench.table.release(bench.watches)
        assert not bench.tripped(row)


@pytest.mark.parametrize(
    "row",
    [r for r in TABLE.rows if r.rule.latches_after is not None],
    ids=lambda row: row.rule.name,
)
def test_after_too_many_releases_within_ten_minutes_it_latches(row: Row) -> None:
    bench = Bench()
    for _ in range(3):
        bench.trip(row)
        seconds_to_release(bench, row)
    bench.trip(row)
    assert bench.watch(row).latched
    for _ in range(700):
        bench.hear(free(row))
        assert bench.tripped(row)


@ROWS
def test_an_alarm_says_what_was_measured_where_the_limit_is_and_what_ends_it(row: Row) -> None:
    bench = Bench()
    bench.trip(row)
    alarm = bench.watch(row).alarm
    assert alarm is not None
    assert alarm.kind is row.rule.kind
    assert alarm.severity is row.rule.severity
    assert alarm.since_s == bench.now_s
    assert alarm.value is not None
    assert alarm.threshold is not None
    assert alarm.releases
    assert "{" not in alarm.releases
    if row.rule.quantity is not None:
        (value,) = beyond(row).quantities.values()
        assert (alarm.value, alarm.threshold) == (value, row.shown_threshold)


def test_two_rows_at_once_trip_both_and_neither_waits_for_the_other() -> None:
    """Rows of one quantity are left out: both ends of it cannot be, one end is the test below."""
    tried = 0
    for first, second in combinations(TABLE.rows, 2):
        both = far(first).beside(far(second))
        if both is None:
            assert first.rule.quantity is second.rule.quantity
            assert first.rule.quantity is not None
            continue
        bench = Bench()
        longest_s = max(delay_s(first), delay_s(second))
        for _ in range(int(longest_s) + 1):
            bench.hear(both)
        names = (first.rule.name, second.rule.name)
        assert bench.tripped(first), names
        assert bench.tripped(second), names
        tried += 1
    assert tried > 600


def test_two_rows_on_the_same_side_of_one_quantity_both_trip_beyond_the_farther_one() -> None:
    for first, second in combinations(TABLE.rows, 2):
        quantity = first.rule.quantity
        if quantity is None or quantity is not second.rule.quantity or first.sign != second.sign:
            continue
        worst = max(first, second, key=lambda row: row.threshold)
        bench = Bench()
        for _ in range(int(max(delay_s(first), delay_s(second))) + 1):
            bench.hear(far(worst))
        assert bench.tripped(first)
        assert bench.tripped(second)


def test_of_two_that_tripped_the_one_that_is_over_leaves_and_the_other_one_stays() -> None:
    by_level = [r for r in TABLE.rows if r.release is not None and r.rule.quantity is not None]
    for first, second in combinations(by_level, 2):
        both = far(first).beside(far(second))
        one = free(first).beside(far(second))
        if both is None or one is None:
            continue
        bench = Bench()
        for _ in range(int(max(delay_s(first), delay_s(second))) + 1):
            bench.hear(both)
        bench.hear(one)
        bench.hear(one)
        assert not bench.tripped(first)
        assert bench.tripped(second)


@pytest.mark.parametrize(
    "row", [r for r in TABLE.rows if r.rule.quantity is not None], ids=lambda row: row.rule.name
)
def test_a_quantity_that_is_unknown_trips_and_releases_nothing(row: Row) -> None:
    fresh = Bench()
    for _ in range(100):
        fresh.hear(QUIET)
    assert fresh.watches is TABLE.idle
    bench = Bench()
    bench.trip(row)
    if row.release_s is None:
        for _ in range(100):
            bench.hear(QUIET)
        assert bench.tripped(row)


@ROWS
def test_time_alone_releases_only_what_its_row_says(row: Row) -> None:
    bench = Bench()
    bench.trip(row)
    since_s = bench.now_s
    by_time = row.release_s is not None and not row.rule.waits
    for later_s in (0.0, (row.release_s or 0.0) - 0.1, row.release_s or 0.0, 1e6):
        bench.watches = TABLE.wait(bench.watches, since_s + later_s)
        over = by_time and later_s >= (row.release_s or 0.0)
        assert bench.tripped(row) is not over


@pytest.mark.parametrize(
    "row", [r for r in TABLE.rows if delay_s(r) > 1.0], ids=lambda row: row.rule.name
)
def test_the_delay_counts_seconds_not_readings(row: Row) -> None:
    """F32: ten readings a second trip no sooner than one a second, one in five seconds no later."""
    for every_s in (0.1, 5.0):
        bench = Bench()
        bench.hear(beyond(row))
        begun_s = bench.now_s
        while not bench.tripped(row):
            bench.now_s += every_s - 1.0
            bench.hear(beyond(row))
        assert bench.now_s - begun_s == pytest.approx(delay_s(row), abs=1.001 * every_s)


def test_the_numbers_of_a_row_are_those_of_its_pack() -> None:
    other = replace(PARAMS, cell_overvoltage_v=3.55, cell_overvoltage_delay_s=7.0)
    rows = {row.rule.name: row for row in Protection("left", other).rows}
    assert rows["cell over-voltage"].shown_threshold == 3.55
    assert rows["cell over-voltage"].delay_s == 7.0
