"""Values against their own past, both sides of every number: four cells, 100 Ah."""

from dataclasses import replace

import pytest

from cellwarden.engine.coherence import NOTHING_SEEN, Coherence, Steps, Still, Track
from cellwarden.engine.view import look
from cellwarden.model import Reading
from support.packs import reading


def watch() -> Coherence:
    return Coherence(4, 100.0)


def heard(
    at_s: float, mean_v: float | None, current_a: float | None = 0.0, **more: object
) -> Reading:
    cells = () if mean_v is None else (mean_v,) * 4
    return reading(at_s, cell_voltages_v=cells, voltage_v=None, current_a=current_a, **more)


def run(
    *moments: tuple[float, float | None], gap_s: float = 1.0, track: Track = NOTHING_SEEN
) -> Track:
    """The track after mean voltages and currents, `gap_s` apart."""
    for n, (mean_v, current_a) in enumerate(moments):
        view = look(heard(100.0 + n * gap_s, mean_v, current_a))
        track = watch().follow(track, view, gap_s if n else None)
    return track


def step(volts: float, amps: float, more_v: float = 0.0) -> Steps:
    """What is thought after one step that was looked at for three seconds."""
    first = 3.3 + volts - more_v
    return run((3.3, 0.0), (first, amps), *[(3.3 + volts, amps)] * 3).steps


# A step of one without the other


@pytest.mark.parametrize(
    ("volts", "amps", "stuck"),
    [
        (0.008, 0.0, 1),
        (0.0079, 0.0, 0),
        (-0.008, 0.0, 1),
        (0.010, 0.49, 1),  # less than half an ampere is none
        (0.010, 0.51, 0),
        (0.0009, 20.0, 1),
        (0.0011, 20.0, 0),
        (0.0009, 19.9, 0),
        (-0.0009, -20.0, 1),
    ],
)
def test_a_step_of_voltage_or_current_alone_counts_against_the_current(
    volts: float, amps: float, stuck: int
) -> None:
    assert step(volts, amps).stuck == stuck


@pytest.mark.parametrize(("more_v", "stuck"), [(0.003, 1), (0.0041, 0)])
def test_a_voltage_that_moves_on_is_a_ramp_and_no_step(more_v: float, stuck: int) -> None:
    # The first 9 mV at once, then more: beyond half of it, it is a ramp.
    steps = run((3.3, 0.0), (3.309, 0.0), *[(3.309 + more_v * 1.1, 0.0)] * 3).steps
    assert steps.stuck == stuck


@pytest.mark.parametrize(
    ("volts", "amps", "good", "turned"),
    [
        (0.003, 10.0, 1, 0),
        (0.0029, 10.0, 0, 0),
        (0.010, 9.9, 0, 0),
        (-0.003, -10.0, 1, 0),
        (-0.0051, 10.0, 0, 1),
        (-0.0049, 10.0, 0, 0),
        (0.0051, -10.0, 0, 1),
    ],
)
def test_a_step_that_the_voltage_answers_is_good_and_one_against_it_is_reversed(
    volts: float, amps: float, good: int, turned: int
) -> None:
    steps = step(volts, amps)
    assert (steps.good, steps.reversed, steps.stuck) == (good, turned, 0)


def judged(before: Steps, volts: float, amps: float) -> Steps:
    track = NOTHING_SEEN._replace(steps=before)
    return run((3.3, 0.0), *[(3.3 + volts, amps)] * 4, track=track).steps


def test_the_third_in_a_row_condemns() -> None:
    lame, turned = (0.02, 0.0), (-0.02, 20.0)
    assert judged(Steps(stuck=1), *lame)[3:8] == (2, 0, 0, False, False)
    assert judged(Steps(stuck=2, good=1), *lame)[3:8] == (3, 0, 0, True, False)
    assert judged(Steps(reversed=1), *turned)[3:8] == (0, 2, 0, False, False)
    assert judged(Steps(reversed=2, good=1), *turned)[3:8] == (0, 3, 0, False, True)


def test_what_is_condemned_stays_so_until_the_third_good_one_in_a_row() -> None:
    condemned = Steps(stuck=3, reversed=3, current_bad=True, sign_bad=True)
    assert judged(condemned, 0.02, 0.0)[3:8] == (4, 3, 0, True, True)
    assert judged(condemned, -0.02, 20.0)[3:8] == (3, 4, 0, True, True)
    once = judged(condemned, 0.02, 20.0)
    assert once[3:8] == (0, 0, 1, True, True)
    twice = judged(once, 0.02, 20.0)
    assert twice[3:8] == (0, 0, 2, True, True)
    assert judged(twice, 0.02, 20.0)[3:8] == (0, 0, 3, False, False)


def test_what_is_neither_changes_nothing() -> None:
    before = Steps(stuck=2, reversed=1, good=1)
    assert judged(before, -0.004, 20.0)[3:8] == before[3:8]
    assert judged(before, 0.0, 15.0)[3:8] == before[3:8]
    assert judged(before, 0.009, 5.0)[3:8] == before[3:8]


def test_a_step_is_looked_at_for_three_seconds() -> None:
    waiting = run((3.3, 0.0), (3.32, 0.0), (3.32, 0.0), (3.32, 0.0))
    assert waiting.steps.stuck == 0
    assert waiting.steps.base == (3.3, 0.0)
    assert waiting.steps.begun == (101.0, 3.32)
    assert run((3.3, 0.0), *[(3.32, 0.0)] * 4).steps.stuck == 1


def test_the_current_may_come_up_to_three_seconds_later() -> None:
    steps = run((3.3, 0.0), (3.32, 0.0), (3.32, 0.0), (3.32, 0.0), (3.32, 30.0)).steps
    assert (steps.stuck, steps.good) == (0, 1)


def test_readings_more_than_five_seconds_apart_are_not_compared() -> None:
    assert run((3.3, 0.0), (3.32, 0.0), (3.32, 0.0), gap_s=5.0).steps.stuck == 1
    assert run((3.3, 0.0), (3.32, 0.0), (3.32, 0.0), gap_s=5.1).steps.stuck == 0


def test_what_is_unknown_ends_a_step() -> None:
    lost = run((3.3, 0.0), (3.32, 0.0), (3.32, None))
    assert lost.steps == Steps()
    lost = run((3.3, 0.0), (3.32, 0.0), (None, 0.0))
    assert lost.steps == Steps()


# What stands still


def standing(*rows: tuple[float, float, float, float], every_s: float = 2.0) -> Still:
    track = NOTHING_SEEN
    for n, row in enumerate(rows):
        told = reading(100.0 + n * every_s, cell_voltages_v=row, voltage_v=None)
        track = watch().follow(track, look(told), every_s)
    return track.still


def moving(by_v: float, count: int) -> list[tuple[float, float, float, float]]:
    """One cell stands still while the others move by this much in all."""
    return [(3.3, *(3.3 + by_v * n / (count - 1),) * 3) for n in range(count)]


def test_a_cell_that_stands_still_while_the_others_move_is_frozen() -> None:
    # 5 mV, of the cells between the highest and the lowest.
    assert standing(*moving(0.0051, 7)).frozen == (0,)
    assert standing(*moving(0.0049, 7)).frozen == ()


def test_it_takes_ten_seconds_and_five_readings_before() -> None:
    assert standing(*moving(0.02, 6)).frozen == ()
    assert standing(*moving(0.02, 7)).frozen == (0,)
    assert standing(*moving(0.02, 7), every_s=1.0).frozen == ()
    assert standing(*moving(0.02, 11), every_s=1.0).frozen == (0,)
    assert standing(*moving(0.02, 10), every_s=1.0).frozen == ()


def test_half_of_the_cells_that_stand_still_are_no_fault() -> None:
    rows = [(3.3, 3.3, 3.3 + 0.004 * n, 3.3 + 0.004 * n) for n in range(8)]
    assert standing(*rows).frozen == ()
    assert standing(*rows).unmoved == (0, 1)


def test_a_cell_that_moved_once_is_alive() -> None:
    rows = moving(0.02, 8)
    rows[2] = (3.301, *rows[2][1:])
    assert standing(*rows).frozen == ()


def test_a_frozen_cell_is_forgiven_when_it_moves() -> None:
    rows = [*moving(0.02, 8), (3.301, 3.32, 3.32, 3.32)]
    still = standing(*rows)
    assert (still.frozen, still.unmoved) == ((), ())
    again = standing(*rows, (3.301, 3.32, 3.32, 3.32))
    assert (again.anchor, again.readings, again.unmoved) == (
        (3.301, 3.32, 3.32, 3.32), 0, (0, 1, 2, 3),
    )  # fmt: skip


def test_after_two_minutes_a_new_comparison_begins_unless_something_is_frozen() -> None:
    at_rest = [(3.3, 3.3, 3.3, 3.3)] * 61
    assert standing(*at_rest).since_s == 100.0
    later = standing(*at_rest, at_rest[0])
    assert (later.since_s, later.readings) == (222.0, 0)
    frozen = standing(*moving(0.02, 8), *[(3.3, 3.32, 3.32, 3.32)] * 60)
    assert (frozen.since_s, frozen.frozen) == (100.0, (0,))


def test_lowest_and_highest_sum_between_the_ends_are_kept() -> None:
    still = standing((3.3,) * 4, (3.3, 3.31, 3.31, 3.31), (3.3, 3.29, 3.29, 3.29))
    assert (still.low_v, still.high_v) == (pytest.approx(6.58), pytest.approx(6.62))


# Sensors


def sensed(*rows: tuple[float | None, ...]) -> Still:
    track = NOTHING_SEEN
    for n, row in enumerate(rows):
        told = reading(100.0 + n, temperatures_c=row, cell_voltages_v=(3.3,) * 4, voltage_v=None)
        track = watch().follow(track, look(told), 1.0)
    return track.still


@pytest.mark.parametrize(("now_c", "frozen"), [(30.0, (1,)), (29.9, ()), (10.0, (1,)), (10.1, ())])
def test_a_sensor_that_stands_still_while_another_moves_by_10_k_is_frozen(now_c, frozen) -> None:
    assert sensed((20.0, 20.0), (now_c, 20.0)).frozen_sensors == frozen


def test_a_frozen_sensor_is_forgiven_when_it_moves_or_the_other_comes_back() -> None:
    assert sensed((20.0, 20.0), (30.0, 20.0), (30.0, 20.1)).frozen_sensors == ()
    assert sensed((20.0, 20.0), (30.0, 20.0), (20.0, 20.0)).frozen_sensors == ()
    assert sensed((20.0, 20.0), (30.0, 20.0), (25.0, 20.0)).frozen_sensors == ()


def test_when_all_moved_the_comparison_begins_anew() -> None:
    still = sensed((20.0, 20.0), (25.0, 21.0), (32.0, 21.0))
    assert still.sensors_c == (25.0, 21.0)
    assert still.frozen_sensors == ()
    assert sensed((20.0, 20.0), (25.0, 21.0), (35.0, 21.0)).frozen_sensors == (1,)


def test_one_sensor_alone_or_an_unknown_one_is_not_compared() -> None:
    assert sensed((20.0,), (35.0,)).frozen_sensors == ()
    assert sensed((20.0, 20.0), (None, 20.0), (35.0, 20.0)).frozen_sensors == ()
    assert sensed((20.0, 20.0), (35.0, 20.0, 20.0)).frozen_sensors == ()
    lost = sensed((20.0, 20.0), (30.0, 20.0), (None, 20.0))
    assert (lost.frozen_sensors, lost.sensors_c) == ((), (None, 20.0))


# A device that repeats itself


def repeated(
    count: int, current_a: float = 0.0, every_s: float = 1.0, *, clock: bool = False
) -> bool:
    """Whether a device is found stale that says the same so many times after the first."""
    track = NOTHING_SEEN
    before = heard(100.0, 3.3, current_a, runtime_s=5.0)
    if clock:
        track = watch().repeats(track, replace(before, runtime_s=4.0), before)
    for n in range(1, count + 1):
        told = replace(before, heard_s=100.0 + n * every_s)
        track = watch().repeats(track, before, told)
        before = told
    return watch().stale(track, before)


@pytest.mark.parametrize(
    ("count", "current_a", "stale"),
    [(60, 2.0, True), (59, 2.0, False), (60, 1.99, False), (60, -2.0, True), (60, 0.0, False)],
)
def test_while_current_flows_a_minute_of_the_same_is_too_long(count, current_a, stale) -> None:
    assert repeated(count, current_a) is stale


@pytest.mark.parametrize(("count", "stale"), [(180, True), (179, False)])
def test_at_rest_three_minutes_are_where_a_clock_was_seen_running(count: int, stale: bool) -> None:
    assert repeated(count, clock=True) is stale
    assert repeated(count) is False


def test_it_takes_ten_readings() -> None:
    assert repeated(9, 5.0, every_s=30.0) is False
    assert repeated(10, 5.0, every_s=30.0) is True


@pytest.mark.parametrize(
    "change",
    [
        {"cell_voltages_v": (3.3, 3.3, 3.3, 3.301)}, {"current_a": 0.1}, {"voltage_v": 13.3},
        {"temperatures_c": (25.0, 25.1)}, {"mos_temperature_c": 30.1}, {"soc_percent": 61.0},
        {"remaining_ah": 60.0}, {"cycle_charge_ah": 1.0}, {"runtime_s": 6.0},
        {"balance_current_a": 0.1}, {"wire_resistances_ohm": (0.1,)},
    ],
)  # fmt: skip
def test_one_digit_that_changes_begins_the_run_anew(change: dict[str, object]) -> None:
    before = heard(100.0, 3.3, 0.0, runtime_s=5.0)
    track = Track(same_since_s=40.0, same=30)
    after = watch().repeats(track, before, replace(before, heard_s=101.0, **change))  # type: ignore[arg-type]
    assert (after.same_since_s, after.same) == (None, 0)
    assert after.clock_runs is ("runtime_s" in change)


def test_a_clock_runs_only_if_it_was_told_twice_and_moved() -> None:
    first = heard(100.0, 3.3, 0.0, runtime_s=5.0)
    for before, runtime_s in ((None, 6.0), (replace(first, runtime_s=None), 6.0), (first, None)):
        now = replace(first, heard_s=101.0, runtime_s=runtime_s, current_a=1.0)
        assert watch().repeats(NOTHING_SEEN, before, now).clock_runs is False
    running = Track(clock_runs=True)
    now = replace(first, heard_s=101.0, current_a=1.0)
    assert watch().repeats(running, first, now).clock_runs is True


def test_a_run_begins_with_the_reading_that_was_repeated() -> None:
    before = heard(100.0, 3.3)
    track = watch().repeats(NOTHING_SEEN, before, replace(before, heard_s=101.0))
    assert (track.same_since_s, track.same) == (100.0, 1)
    track = watch().repeats(track, before, replace(before, heard_s=102.0))
    assert (track.same_since_s, track.same) == (100.0, 2)


def test_a_clock_that_goes_back_moves_all_times_and_nothing_else() -> None:
    track = Track(Steps(begun=(50.0, 3.3), stuck=1), Still(since_s=40.0, readings=3), 30.0, 7, True)
    moved = track.later(-10.0)
    assert moved == Track(
        Steps(begun=(40.0, 3.3), stuck=1), Still(since_s=30.0, readings=3), 20.0, 7, True
    )
    assert NOTHING_SEEN.later(-10.0) == NOTHING_SEEN._replace(still=Still(since_s=-10.0))


# Readings further apart: the battery may have relaxed


def slowly(before: Steps, *moments: tuple[float, float], gap_s: float = 20.0) -> Steps:
    track = NOTHING_SEEN._replace(steps=before._replace(last=(3.3, 0.0)))
    for n, (mean_v, current_a) in enumerate(moments):
        view = look(heard(100.0 + n * gap_s, mean_v, current_a))
        track = watch().follow(track, view, gap_s)
    return track.steps


def test_slowly_a_voltage_that_goes_to_and_fro_without_the_current_counts_against_it() -> None:
    there, back = (3.309, 0.0), (3.3, 0.0)
    assert slowly(Steps(), there)[3:] == (0, 0, 0, False, False, 1)
    assert slowly(Steps(), there, back)[3:] == (1, 0, 0, False, False, -1)
    assert slowly(Steps(good=2), there, back, there)[3:] == (2, 0, 0, False, False, 1)
    assert slowly(Steps(swing=1), back, gap_s=60.1).swing == 0
    assert slowly(Steps(swing=1), (3.309, 0.0), (3.3, 0.0), gap_s=60.0)[3:] == (
        1,
        0,
        0,
        False,
        False,
        -1,
    )
    on = (3.318, 0.0)
    assert slowly(Steps(), there, on)[3:] == (0, 0, 0, False, False, 1)


@pytest.mark.parametrize(
    ("volts", "amps", "swing"),
    [(0.0081, 0.49, 1), (-0.0081, -0.49, -1), (0.0079, 0.0, 0), (0.0081, 0.51, 0)],
)
def test_slowly_a_swing_is_8_mv_with_less_than_half_an_ampere(volts, amps, swing: int) -> None:
    assert slowly(Steps(), (3.3 + volts, amps)).swing == swing


@pytest.mark.parametrize(
    ("volts", "amps", "turned", "good"),
    [
        (0.0101, 10.0, 0, 1),
        (0.0101, 9.9, 0, 0),
        (0.0099, 20.0, 0, 0),
        (-0.0101, 20.0, 1, 0),
        (0.0101, -20.0, 1, 0),
        (-0.0101, -20.0, 0, 1),
    ],
)
def test_slowly_a_step_must_move_the_voltage_by_10_mv_to_be_judged(
    volts, amps, turned, good
) -> None:
    steps = slowly(Steps(stuck=2, swing=1), (3.3 + volts, amps))
    assert (steps.reversed, steps.good, steps.stuck, steps.swing) == (turned, good, 0, 0)
