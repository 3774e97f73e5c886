"""Over-current with inverse time, its second level, and what happens when the load stays."""

import pytest

from cellwarden.engine.overload import heated
from cellwarden.model import Alarm, AlarmKind, Severity
from support.packs import Bench, parameters, under

CHARGE, DISCHARGE = AlarmKind.CHARGE_OVERCURRENT, AlarmKind.DISCHARGE_OVERCURRENT
# 50 A charge and 87.5 A at once, 100 A discharge and 175 A at once; 30 s delay, 60 s release.


def tripped(bench: Bench, kind: AlarmKind) -> Alarm | None:
    assert bench.state is not None
    found = [a for a in bench.state.alarms if a.kind is kind and a.severity is Severity.PROTECTION]
    return found[0] if found else None


def seconds_to_trip(current_a: float, kind: AlarmKind, most_s: int = 40) -> int | None:
    bench = Bench()
    bench.settle(3)
    for second in range(most_s):
        bench.hear(current_a=current_a)
        if tripped(bench, kind) is not None:
            return second
    return None


@pytest.mark.requirement("X6")
@pytest.mark.requirement("R15")
@pytest.mark.requirement("R16")
@pytest.mark.requirement("R19")
@pytest.mark.parametrize(
    ("part", "seconds"),
    [
        (1.0, None),  # at the limit, however long
        (1.01, 30),  # the configured delay
        (1.2, 30),
        (1.3, 20),  # 13.2 s / (1.3² - 1) = 19.1 s
        (1.5, 11),  # 10.6 s
        (1.74, 7),  # 6.5 s
        (1.76, 1),  # beyond the peak: two readings
        (3.9, 1),
    ],
)
@pytest.mark.parametrize(("kind", "limit_a"), [(CHARGE, 50.0), (DISCHARGE, -100.0)])
def test_the_more_current_the_sooner_it_trips(kind, limit_a, part, seconds) -> None:
    assert seconds_to_trip(part * limit_a, kind) == seconds


@pytest.mark.requirement("R18")
@pytest.mark.parametrize(
    ("kind", "at_a", "over_a"), [(CHARGE, 87.5, 88.0), (DISCHARGE, -175.0, -176.0)]
)
def test_beyond_the_peak_the_second_reading_trips_and_at_it_not_yet(kind, at_a, over_a) -> None:
    bench = Bench()
    bench.settle(3)
    bench.settle(2, current_a=at_a)
    assert tripped(bench, kind) is None
    bench = Bench()
    bench.settle(3)
    bench.hear(current_a=over_a)
    assert tripped(bench, kind) is None
    bench.hear(current_a=over_a)
    alarm = tripped(bench, kind)
    assert alarm is not None
    assert alarm.threshold == at_a


def test_a_spike_of_one_sample_fills_no_budget() -> None:
    bench = Bench()
    bench.settle(3)
    for _ in range(60):  # a spike of four times the limit every five seconds
        bench.hear(current_a=-390.0)
        assert tripped(bench, DISCHARGE) is None
        for _ in range(4):
            bench.hear(current_a=-10.0)
            assert tripped(bench, DISCHARGE) is None


@pytest.mark.requirement("R16")
@pytest.mark.requirement("R19")
def test_a_load_pulsed_around_the_limit_trips_by_what_it_heats() -> None:
    """Five seconds at 1.5, five at 0.5: 1.12 times the limit as a root mean square (F16)."""
    bench = Bench()
    bench.settle(3)
    seconds = 0
    while tripped(bench, DISCHARGE) is None:
        assert seconds < 120
        bench.hear(**under(-150.0 if seconds % 10 < 5 else -50.0))
        seconds += 1
    assert 30 < seconds < 80


def test_a_load_pulsed_around_the_limit_that_heats_no_more_than_the_limit_never_trips() -> None:
    """Five seconds at 1.2, five at 0.7: 0.98 times the limit as a root mean square."""
    bench = Bench()
    for second in range(600):
        bench.hear(**under(-120.0 if second % 10 < 5 else -70.0))
        assert tripped(bench, DISCHARGE) is None


def test_the_budget_empties_below_the_limit() -> None:
    heat = None
    for second in range(10):
        heat, hot = heated(heat, 1.2, 30.0, float(second))
        assert not hot
    assert heat is not None
    assert heat.filled == pytest.approx(9 * 0.44, abs=0.45)
    for second in range(10, 20):
        heat, hot = heated(heat, 0.5, 30.0, float(second))
        assert not hot
    assert heat is None


@pytest.mark.parametrize("poll_s", [0.1, 0.5, 1.0, 2.0])
def test_the_budget_does_not_know_the_poll_rate(poll_s: float) -> None:
    bench = Bench(max_age_s=60.0)
    bench.hear(poll_s)
    bench.hear(poll_s, current_a=-140.0)
    start_s = bench.now_s
    while tripped(bench, DISCHARGE) is None:
        bench.hear(poll_s, current_a=-140.0)
        assert bench.now_s < start_s + 30
    assert bench.now_s - start_s == pytest.approx(13.75, abs=poll_s + 0.01)  # 13.2 / (1.4² - 1)


def until_latched(bench: Bench) -> int:
    """Keep the load on; return the trips until one is latched."""
    trips, before = 0, None
    for _ in range(900):
        bench.hear(current_a=-110.0)
        now = tripped(bench, DISCHARGE)
        trips += now is not None and before is None
        before = now
        if now is not None and "somebody" in now.releases:
            return trips
    raise AssertionError("it never latched")


def test_a_load_that_stays_latches_after_three_releases() -> None:
    """F17."""
    bench = Bench()
    bench.settle(3)
    assert until_latched(bench) == 4
    alarm = tripped(bench, DISCHARGE)
    assert alarm is not None
    assert alarm.releases == "somebody releases it: it tripped 4 times"
    bench.settle(700)
    assert tripped(bench, DISCHARGE) == alarm
    assert bench.state.limits.dcl_a == 0
    assert bench.state.limits.ccl_a == 50


def test_a_latched_trip_is_released_by_a_person_and_says_so() -> None:
    bench = Bench()
    bench.settle(3)
    until_latched(bench)
    bench.settle(5)
    bench.memory = bench.engine.release(bench.memory, "the owner")
    state = bench.hear()
    assert state.alarms == ()
    assert "released by the owner: discharge over-current" in {e.text for e in state.events}
    assert bench.settle(60).limits.dcl_a == 100


def test_what_is_still_wrong_after_a_release_trips_again() -> None:
    bench = Bench()
    bench.settle(3)
    until_latched(bench)
    bench.memory = bench.engine.release(bench.memory, "the owner")
    bench.settle(32, current_a=-110.0)
    assert tripped(bench, DISCHARGE) is not None


def test_with_nothing_latched_a_release_changes_nothing() -> None:
    bench = Bench()
    bench.settle(35, current_a=-110.0)
    assert bench.engine.release(bench.memory, "the owner") is bench.memory


def test_trips_more_than_ten_minutes_apart_do_not_count_together() -> None:
    bench = Bench()
    for _ in range(6):
        bench.settle(31, **under(-110.0))
        alarm = tripped(bench, DISCHARGE)
        assert alarm is not None
        assert alarm.releases == "60 s have passed since the alarm"
        bench.settle(200)
    assert tripped(bench, DISCHARGE) is None


def test_both_levels_at_once_are_one_alarm() -> None:
    bench = Bench(params=parameters(discharge_overcurrent_delay_s=2.0))
    bench.settle(3)
    bench.settle(6, current_a=-300.0)
    of_kind = [a for a in bench.state.alarms if a.kind is DISCHARGE]
    assert len(of_kind) == 1
