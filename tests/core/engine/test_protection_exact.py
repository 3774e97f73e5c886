"""What a row of the protection table remembers from reading to reading.

A pack of 100 Ah: over-voltage 3.60 V (one reading at 3.70 V), over-current 50 A for 30 s, which
latches with the fourth trip within ten minutes.
"""

import pytest

from cellwarden.engine.overload import Heat
from cellwarden.engine.protection import IDLE, Protection, Row, Watch
from cellwarden.engine.rule import Scene, Signal
from cellwarden.engine.view import look
from support.packs import parameters, reading, with_cell

PARAMS = parameters()
TABLE = Protection("left", PARAMS)
NAMES = [row.rule.name for row in TABLE.rows]


def row(name: str) -> Row:
    return TABLE.rows[NAMES.index(name)]


def scene(heard_s: float, **changes: object) -> Scene:
    return Scene(look(reading(heard_s, **changes)), 50.0, (False, False), PARAMS, 3.65)


class Desk:
    """The table, and a row of it that is looked at."""

    def __init__(self, name: str, watch: Watch = IDLE) -> None:
        self.n = NAMES.index(name)
        watches = list(TABLE.idle)
        watches[self.n] = watch
        self.watches = TABLE.idle if watch is IDLE else tuple(watches)

    def hear(self, heard_s: float, **changes: object) -> Watch:
        self.watches = TABLE.hear(self.watches, scene(heard_s, **changes), 60.0, heard_s)
        return self.watches[self.n]

    def wait(self, now_s: float) -> Watch:
        self.watches = TABLE.wait(self.watches, now_s)
        return self.watches[self.n]


# The numbers of a row


def test_a_row_above_its_threshold() -> None:
    high = row("cell over-voltage")
    assert (high.sign, high.threshold, high.shown_threshold) == (1.0, 3.6, 3.6)
    assert (high.immediate, high.release) == (pytest.approx(3.7), 3.4)
    assert (high.release_s, high.delay_s) == (None, 1)
    assert high.releases == "all cells are below 3.400 V"


def test_a_row_below_its_threshold_turns_the_signs() -> None:
    low = row("cell under-voltage")
    assert (low.sign, low.threshold, low.shown_threshold) == (-1.0, -2.7, 2.7)
    assert (low.immediate, low.release) == (pytest.approx(-2.5), -3.0)


def test_a_row_that_reaches_its_threshold_trips_at_it() -> None:
    shutdown = row("automatic shutdown")
    assert shutdown.threshold < -2.5
    assert shutdown.threshold == pytest.approx(-2.5)
    assert shutdown.shown_threshold == 2.5


def test_a_row_that_time_releases_says_how_long() -> None:
    current = row("charge over-current")
    assert (current.release, current.release_s) == (None, 60)
    assert current.releases == "60 s have passed since the alarm"
    assert row("charge over-current peak").delay_s == 0.0


def test_a_parameter_that_is_off_takes_its_row_out() -> None:
    assert "discharge under-temperature" not in NAMES
    cold = Protection(
        "left",
        parameters(discharge_undertemperature_c=-20.0, discharge_undertemperature_recovery_c=-15.0),
    )
    assert len(cold.rows) > len(TABLE.rows)
    assert "discharge under-temperature" in [r.rule.name for r in cold.rows]


# Trips


def test_a_healthy_reading_leaves_the_very_same_idle_watches() -> None:
    assert TABLE.hear(TABLE.idle, scene(1000.0), 60.0, 1000.0) is TABLE.idle
    desk = Desk("cell over-voltage", Watch(beyond_since_s=999.0))
    desk.hear(1000.0)
    assert desk.watches is TABLE.idle


def test_the_first_reading_beyond_starts_the_delay_and_the_next_trips() -> None:
    desk = Desk("cell over-voltage")
    assert desk.hear(1000.0, **with_cell(7, 3.61)) == Watch(beyond_since_s=1000.0)
    assert desk.hear(1000.9, **with_cell(7, 3.62)) == Watch(beyond_since_s=1000.0)
    tripped = desk.hear(1001.0, **with_cell(7, 3.63))
    assert tripped.alarm is not None
    assert (tripped.alarm.value, tripped.alarm.where) == (3.63, "cell 7")
    assert (tripped.alarm.threshold, tripped.alarm.unit) == (3.6, "V")
    assert (tripped.alarm.since_s, tripped.alarm.pack) == (1001.0, "left")
    assert (tripped.alarm.blocks_charge, tripped.alarm.blocks_discharge) == (True, False)
    assert tripped.beyond_since_s is None
    assert tripped.confirmed


def test_a_value_that_is_low_is_told_as_it_was_measured() -> None:
    desk = Desk("cell under-voltage")
    desk.hear(1000.0, **with_cell(3, 2.65))
    alarm = desk.hear(1001.0, **with_cell(3, 2.64)).alarm
    assert alarm is not None
    assert (alarm.value, alarm.where, alarm.threshold) == (2.64, "cell 3", 2.7)
    assert (alarm.blocks_charge, alarm.blocks_discharge) == (False, True)


@pytest.mark.requirement("R12")
def test_one_reading_far_beyond_trips_and_is_confirmed_by_the_next() -> None:
    desk = Desk("cell over-voltage")
    alone = desk.hear(1000.0, **with_cell(7, 3.71))
    assert alone.alarm is not None
    assert alone.beyond_since_s == 1000.0  # the only one
    assert not alone.confirmed
    agreed = desk.hear(1001.0, **with_cell(7, 3.61))
    assert agreed.alarm == alone.alarm
    assert agreed.beyond_since_s is None
    assert agreed.confirmed


def test_a_reading_at_the_threshold_does_not_confirm_it() -> None:
    desk = Desk("cell over-voltage")
    alone = desk.hear(1000.0, **with_cell(7, 3.71))
    assert desk.hear(1001.0, **with_cell(7, 3.60)) == alone


def test_exactly_so_far_beyond_one_reading_is_not_enough() -> None:
    desk = Desk("cell over-voltage")
    assert desk.hear(1000.0, **with_cell(7, 3.60 + 0.10)).alarm is None


# Signals: what a row works out itself


def test_a_signal_says_where_it_was_seen() -> None:
    short = row("short circuit")
    signal = Signal(1.0, "the BMS")
    alarm = TABLE._next(short, IDLE, 1.0, scene(1000.0), signal, 1000.0).alarm
    assert alarm is not None
    assert (alarm.value, alarm.where, alarm.threshold) == (1.0, "the BMS", 0.5)


def test_a_signal_may_show_another_number_and_its_own_limit() -> None:
    short = row("short circuit")
    signal = Signal(1.0, "cell 3", shown=0.0, limit=6.0)
    alarm = TABLE._next(short, IDLE, 1.0, scene(1000.0), signal, 1000.0).alarm
    assert alarm is not None
    assert (alarm.value, alarm.where, alarm.threshold) == (0.0, "cell 3", 6.0)


# The budget of an over-current


def test_heat_grows_with_every_reading_above_the_limit_until_the_delay() -> None:
    desk = Desk("charge over-current")
    first = desk.hear(1000.0, current_a=55.0)
    assert first == Watch(beyond_since_s=1000.0, heat=Heat(0.0, (1.0, 1.1), 1000.0))
    second = desk.hear(1010.0, current_a=55.0)
    assert second.beyond_since_s == 1000.0
    assert second.heat is not None
    assert second.heat.filled == pytest.approx(2.1)  # (1.1² - 1) · 10 s
    third = desk.hear(1020.0, current_a=55.0)
    assert third.heat is not None
    assert third.heat.filled == pytest.approx(4.2)
    assert desk.hear(1029.9, current_a=55.0).alarm is None
    assert desk.hear(1030.0, current_a=55.0).alarm is not None


def test_a_dip_keeps_the_heat_but_not_the_delay() -> None:
    desk = Desk("charge over-current")
    for heard_s in (1000.0, 1010.0, 1020.0):
        desk.hear(heard_s, current_a=55.0)
    dipped = desk.hear(1021.0, current_a=50.0)
    assert dipped.beyond_since_s is None
    assert dipped.heat is not None
    assert desk.hear(1022.0, current_a=55.0).beyond_since_s == 1022.0


# Latching


def test_the_fourth_trip_within_ten_minutes_waits_for_a_person() -> None:
    desk = Desk("charge over-current peak")
    at_s = 1000.0
    for count in (1, 2, 3):
        desk.hear(at_s, current_a=90.0)
        tripped = desk.hear(at_s + 1, current_a=90.0)
        assert tripped.alarm is not None
        assert (len(tripped.trips_s), tripped.latched) == (count, False)
        assert desk.wait(at_s + 60.9).alarm is not None
        released = desk.wait(at_s + 61.0)
        assert (released.alarm, len(released.trips_s)) == (None, count)
        at_s += 100.0
    desk.hear(1300.0, current_a=90.0)
    last = desk.hear(1301.0, current_a=90.0)
    assert last.trips_s == (1001.0, 1101.0, 1201.0, 1301.0)
    assert last.latched
    assert last.alarm is not None
    assert last.alarm.releases == "somebody releases it: it tripped 4 times"
    assert desk.wait(9000.0) == last
    assert TABLE.release(desk.watches)[desk.n] is IDLE


@pytest.mark.parametrize(
    ("heard_s", "trips_s"), [(1601.0, (1001.0, 1500.0)), (1601.1, (1500.0,)), (2100.1, ())]
)
def test_trips_of_more_than_ten_minutes_ago_are_forgotten(heard_s: float, trips_s) -> None:
    desk = Desk("charge over-current peak", Watch(trips_s=(1001.0, 1500.0)))
    assert desk.hear(heard_s).trips_s == trips_s


def test_only_what_is_latched_is_released_by_a_person() -> None:
    desk = Desk("charge over-current peak")
    desk.hear(1000.0, current_a=90.0)
    desk.hear(1001.0, current_a=90.0)
    assert TABLE.release(desk.watches) is desk.watches


# Release


def tripped(name: str, **changes: object) -> Desk:
    desk = Desk(name)
    desk.hear(1000.0, **changes)
    desk.hear(1006.0, **changes)
    assert desk.watches[desk.n].alarm is not None
    return desk


def test_two_readings_below_the_recovery_release() -> None:
    desk = tripped("cell over-voltage", **with_cell(7, 3.61, 3.35))
    held = desk.watches[desk.n]
    assert desk.hear(1010.0, **with_cell(7, 3.40, 3.35)) == held  # the value itself is not enough
    assert desk.hear(1011.0, **with_cell(7, 3.39, 3.35)).clear_since_s == 1011.0
    assert desk.hear(1012.0, **with_cell(7, 3.40, 3.35)) == held  # and starts it anew
    assert desk.hear(1013.0, **with_cell(7, 3.39, 3.35)).clear_since_s == 1013.0
    assert desk.hear(1014.0, **with_cell(7, 3.39, 3.35)) == IDLE
    assert desk.watches is TABLE.idle


# A short circuit is released after 60 s, and once the BMS tells of none any more.


@pytest.mark.parametrize(("over", "released"), [(0.0, True), (-0.1, True), (0.1, False)])
def test_such_a_row_is_good_again_at_its_threshold(over: float, released: bool) -> None:
    each = row("short circuit")
    alarm = TABLE.alarm(each, 1.0, "", 1000.0)
    watch = Watch(alarm=alarm, clear_since_s=1000.5)
    late_s = 1060.0
    after = TABLE._next(each, watch, each.threshold + over, scene(late_s), None, late_s)
    assert after == (IDLE if released else Watch(alarm=alarm))


def test_such_a_row_is_not_released_before_its_time_nor_by_time_alone() -> None:
    each = row("short circuit")
    watch = Watch(alarm=TABLE.alarm(each, 1.0, "", 1000.0), clear_since_s=1000.5)
    early_s, late_s = 1059.9, 1060.0
    good = each.threshold - 1.0
    assert TABLE._next(each, watch, good, scene(early_s), None, early_s) == watch
    assert TABLE._next(each, watch, good, scene(late_s), None, late_s) == IDLE
    watches = [*TABLE.idle]
    watches[TABLE.rows.index(each)] = watch
    assert TABLE.wait(tuple(watches), 1e6) == tuple(watches)


# A gap


def test_after_a_gap_what_had_not_tripped_starts_again_and_trips_stay() -> None:
    alarm = TABLE.alarm(row("cell over-voltage"), 3.61, "cell 7", 1000.0)
    watches = list(TABLE.idle)
    watches[0] = Watch(alarm=alarm, clear_since_s=1001.0, beyond_since_s=1000.0, latched=True)
    watches[1] = Watch(beyond_since_s=1000.0)
    watches[5] = Watch(trips_s=(900.0,), heat=Heat(1.0, (1.0, 1.1), 1000.0))
    after = TABLE.forget(tuple(watches))
    assert after[0] == Watch(alarm=alarm, latched=True)
    assert after[1] is IDLE
    assert after[5] == Watch(trips_s=(900.0,))
    assert TABLE.forget((IDLE, Watch(beyond_since_s=1.0), *TABLE.idle[2:])) is TABLE.idle


def test_an_unknown_value_changes_nothing() -> None:
    desk = tripped("cell over-voltage", **with_cell(7, 3.61))
    before = desk.watches[desk.n]
    assert desk.hear(1010.0, cell_voltages_v=(), voltage_v=None) == before


# The value at which no row is beyond


@pytest.mark.parametrize(
    ("changes", "calm"),
    [
        ({"current_a": 50.0}, True),
        ({"current_a": 50.1}, False),
        ({"current_a": -100.0}, True),
        ({"current_a": -100.1}, False),
        ({"temperatures_c": (25.0, None)}, True),
        ({"mos_temperature_c": None}, True),
    ],
)
def test_within_all_thresholds_nothing_begins(changes: dict[str, object], calm: bool) -> None:
    watches = TABLE.hear(TABLE.idle, scene(1000.0, **changes), 60.0, 1000.0)
    assert (watches is TABLE.idle) is calm
