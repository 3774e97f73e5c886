"""Every row of the protection table alone and with every other one, driven by its number only.

`test_protection` says with literal values what the rows of a LiFePO4 pack do; here each row, those
of the other tests included, is held against what a row is: below, at, above, how long, release,
again, two at once.
"""

from itertools import combinations

import pytest

from cellwarden.engine.protection import Protection, Row, Watch
from cellwarden.engine.rule import Scene
from cellwarden.engine.view import Quantity, look
from support.packs import parameters, reading

PARAMS = parameters(discharge_undertemperature_c=-20.0, discharge_undertemperature_recovery_c=-15.0)
TABLE = Protection("left", PARAMS)
MEASURED = [row for row in TABLE.rows if row.rule.quantity is not None]
STEP = {"V": 0.001, "A": 0.1, "°C": 0.1, "K": 0.1, "%": 0.1}


class Bench:
    """The table with quantities that are set by hand, one reading a second."""

    def __init__(self) -> None:
        self.watches = TABLE.idle
        self.now_s = 1000.0

    def hear(self, values: dict[Quantity, float], after_s: float = 1.0) -> None:
        self.now_s += after_s
        quantities = [values.get(q) for q in Quantity]
        view = look(reading(self.now_s))._replace(quantities=tuple(quantities[:-1]))
        scene = Scene(view, 50.0, (False, False), PARAMS, 3.65)
        self.watches = TABLE.hear(self.watches, scene, quantities[-1], self.now_s)
        self.watches = TABLE.wait(self.watches, self.now_s)

    def watch(self, row: Row) -> Watch:
        return self.watches[TABLE.rows.index(row)]

    def tripped(self, row: Row) -> bool:
        return self.watch(row).alarm is not None


def value(row: Row, beyond: float) -> dict[Quantity, float]:
    """Return the quantity at a distance beyond the threshold, in steps of its unit."""
    assert row.rule.quantity is not None
    at = row.shown_threshold + row.sign * beyond * STEP[row.rule.unit]
    return {row.rule.quantity: at}


def released_value(row: Row) -> dict[Quantity, float]:
    """Return the quantity just on the good side of the release."""
    assert row.rule.quantity is not None
    if row.release is None:
        return value(row, -100)
    return {row.rule.quantity: row.sign * (row.release - STEP[row.rule.unit])}


def names(row: Row) -> str:
    return row.rule.name


@pytest.mark.parametrize("row", MEASURED, ids=names)
def test_just_below_and_at_the_threshold_nothing_trips(row: Row) -> None:
    bench = Bench()
    for beyond in (-1, 0):
        for _ in range(700):
            bench.hear(value(row, beyond if not row.rule.reaches else beyond - 1))
            assert not bench.tripped(row)


@pytest.mark.parametrize("row", MEASURED, ids=names)
def test_beyond_the_threshold_it_trips_when_the_delay_is_over(row: Row) -> None:
    bench = Bench()
    seconds = 0
    while not bench.tripped(row):
        bench.hear(value(row, 0 if row.rule.reaches else 1))
        seconds += 1
        assert seconds < 700
    assert seconds - 1 == max(row.delay_s, 1.0)


@pytest.mark.parametrize("row", MEASURED, ids=names)
def test_a_good_reading_on_the_way_starts_the_delay_anew(row: Row) -> None:
    bench = Bench()
    for _ in range(3):
        for _ in range(int(max(row.delay_s, 1.0))):
            bench.hear(value(row, 1))
            assert not bench.tripped(row)
        bench.hear(value(row, -1))


@pytest.mark.parametrize("row", MEASURED, ids=names)
def test_it_is_released_as_its_row_says_and_trips_again(row: Row) -> None:
    bench = Bench()
    for _ in range(2):
        while not bench.tripped(row):
            bench.hear(value(row, 1))
        tripped_s = bench.now_s
        if row.release_s is not None:
            while bench.tripped(row):
                bench.hear(released_value(row))
            assert bench.now_s - tripped_s == row.release_s
            continue
        assert row.release is not None
        assert row.rule.quantity is not None
        for _ in range(5):  # the release value itself is not enough
            bench.hear({row.rule.quantity: row.sign * row.release})
            assert bench.tripped(row)
        bench.hear(released_value(row))
        assert bench.tripped(row)  # nor is one reading
        bench.hear(released_value(row))
        assert not bench.tripped(row)


@pytest.mark.parametrize("row", MEASURED, ids=names)
def test_an_alarm_says_what_was_measured_where_the_limit_is_and_what_ends_it(row: Row) -> None:
    bench = Bench()
    while not bench.tripped(row):
        bench.hear(value(row, 1))
    alarm = bench.watch(row).alarm
    assert alarm is not None
    assert alarm.value == pytest.approx(row.shown_threshold + row.sign * STEP[row.rule.unit])
    assert alarm.threshold == row.shown_threshold
    assert alarm.releases
    assert "{" not in alarm.releases
    assert alarm.kind is row.rule.kind


def test_two_rows_at_once_trip_both_and_neither_waits_for_the_other() -> None:
    for first, second in combinations(MEASURED, 2):
        if first.rule.quantity is second.rule.quantity:
            continue
        bench = Bench()
        for _ in range(32):
            bench.hear({**value(first, 1), **value(second, 1)})
        assert bench.tripped(first), (first.rule.name, second.rule.name)
        assert bench.tripped(second), (first.rule.name, second.rule.name)


def test_a_protection_and_its_own_warning_trip_both() -> None:
    for warning, protection in combinations(reversed(MEASURED), 2):
        same = warning.rule.quantity is protection.rule.quantity
        if not same or warning.rule.kind is not protection.rule.kind:
            continue
        if warning.sign != protection.sign or "peak" in protection.rule.name:
            continue
        worst = max(warning, protection, key=lambda row: row.threshold)
        bench = Bench()
        for _ in range(32):
            bench.hear(value(worst, 1))
        assert bench.tripped(warning)
        assert bench.tripped(protection)


def test_unknown_quantities_trip_and_release_nothing() -> None:
    bench = Bench()
    for row in MEASURED:
        while not bench.tripped(row):
            bench.hear(value(row, 1))
        if row.release_s is None:
            for _ in range(100):
                bench.hear({})
            assert bench.tripped(row)
    fresh = Bench()
    for _ in range(100):
        fresh.hear({})
    assert fresh.watches is TABLE.idle
