"""How readings become windows and windows what the filters hear; 16 LiFePO4 cells, 100 Ah.

The typical curve is flat from 25 % (3.265 V) to 95 % (3.342 V); it is asked only below 3.165 V and
above 3.357 V.
"""

import math

import pytest

from cellwarden.engine.soc_cells import Pack
from cellwarden.engine.soc_estimator import Estimate, Estimator, Moved, Window
from cellwarden.engine.view import View, look
from cellwarden.model import CHEMISTRIES
from support.packs import all_cells, parameters, reading

LFP = CHEMISTRIES["LiFePO4"]
ROUGH = Estimator(LFP, parameters(), None)
SURE = Estimator(LFP, parameters(), LFP.ocv_v)
OFF = {"charge_fet_on": False, "discharge_fet_on": False}


def start(soc: float = 0.6, sigma: float = 0.15, by: Estimator = ROUGH) -> Estimate:
    return by.start(soc, sigma, 97.0)


def seen(volts: float = 3.3, **changes: object) -> View:
    return look(reading(1000.0, **{**all_cells(volts), **changes}))  # type: ignore[arg-type]


def one_differs(volts: float, others_v: float) -> View:
    cells = (volts, *(others_v,) * 15)
    return seen(cell_voltages_v=cells, voltage_v=sum(cells))


def window(
    estimate: Estimate, view: View, current_a: float = 0.0, by: Estimator = ROUGH
) -> Estimate:
    """Let one reading of 10 s be a window."""
    return by.hear(estimate, view, current_a, 10.0)


# Windows


def test_a_window_gathers_ten_seconds() -> None:
    once = ROUGH.hear(start(), seen(3.30), 6.0, 4.0)
    assert once.window == Window(4.0, 24.0, 1, (3.30,) * 16, off=False)
    twice = ROUGH.hear(once, seen(3.31), -2.0, 5.9)
    assert (twice.window.seconds, twice.window.readings) == (pytest.approx(9.9), 2)
    assert twice.window.charge_as == pytest.approx(12.2)
    assert twice.window.cells_v[3] == pytest.approx(6.61)
    closed = ROUGH.hear(twice, seen(3.31), 0.0, 0.1)
    assert closed.window == Window()
    assert closed.unheard_s == pytest.approx(10.0)


@pytest.mark.parametrize(
    "changes",
    [
        {"cell_voltages_v": (3.3,) * 15},
        {"cell_voltages_v": (*(3.3,) * 15, None)},
        {"balance_current_a": 1.0},
    ],
)
def test_a_reading_without_quiet_voltages_spoils_those_of_the_window(changes) -> None:
    once = ROUGH.hear(start(), seen(), 0.0, 1.0)
    spoiled = ROUGH.hear(once, seen(**changes), 0.0, 1.0)
    assert spoiled.window.cells_v == ()
    assert ROUGH.hear(spoiled, seen(), 0.0, 1.0).window.cells_v == ()
    assert ROUGH.hear(start(), seen(**changes), 0.0, 1.0).window.cells_v == ()


def test_what_a_balancer_moves_is_summed_by_cell() -> None:
    once = ROUGH.hear(start(), seen(), 0.0, 1.0, Moved(3, 2.0))
    assert once.window.moved_as == (0.0, 0.0, 0.0, 2.0, *(0.0,) * 12)
    twice = ROUGH.hear(once, seen(), 0.0, 1.0, Moved(3, 2.5))
    thrice = ROUGH.hear(twice, seen(), 0.0, 1.0, Moved(0, -4.5))
    assert thrice.window.moved_as == (-4.5, 0.0, 0.0, 4.5, *(0.0,) * 12)


def test_a_charge_that_is_moved_changes_both_cells_and_what_is_lost_the_mean() -> None:
    estimate = start(by=SURE)
    # 360 As are 0.1 Ah; of 18 more taken than given the mean of 16 cells loses 1.125 As.
    one = SURE.hear(estimate, seen(), 0.0, 1.0, Moved(0, -378.0))
    other = SURE.hear(one, seen(balance_current_a=1.0), 0.0, 9.0, Moved(5, 360.0))
    per_as = estimate.mean.x[2] / 360_000
    assert other.mean.soc == pytest.approx(estimate.mean.soc - 1.125 * per_as)
    assert other.cells[0].x[0] == pytest.approx((-378 + 1.125) * per_as)
    assert other.cells[5].x[0] == pytest.approx((360 + 1.125) * per_as)
    assert other.cells[1].x[0] == pytest.approx(1.125 * per_as)


# Open switches


@pytest.mark.parametrize(
    ("changes", "current_a", "off"),
    [
        (OFF, 0.99, True), (OFF, -0.99, True), (OFF, 1.0, False), (OFF, -1.0, False),
        ({"charge_fet_on": False}, 0.1, False), ({"discharge_fet_on": False}, 0.1, False),
        ({**OFF, "charge_fet_on": None}, 0.1, False),
        ({**OFF, "discharge_fet_on": None}, 0.1, False),
    ],
)  # fmt: skip
def test_with_both_switches_open_less_than_1_percent_of_c_is_the_sensors_zero(
    changes, current_a: float, off: bool
) -> None:
    view = seen(**changes)
    assert ROUGH.hear(start(), view, current_a, 1.0).window.off is off
    assert (ROUGH.counted(start(), view, current_a, 10.0) == 0.0) is off


def test_one_reading_at_closed_switches_makes_a_window_that_counts() -> None:
    once = ROUGH.hear(start(), seen(**OFF), 0.5, 1.0)
    assert not ROUGH.hear(once, seen(), 0.5, 1.0).window.off


def test_the_zero_is_learned_from_open_switches_as_sure_as_the_readings_allow() -> None:
    # 0.5 A read as none: believed 0.12 A, one reading 0.1 A.
    after = window(start(), seen(**OFF), 0.5)
    assert 100 * after.mean.x[1] == pytest.approx(0.5 * 0.0144 / (0.0144 + 0.01))
    assert after.mean.soc == pytest.approx(start().mean.soc)  # nothing flowed


# Between windows


def test_what_flowed_since_the_last_window_is_counted_on() -> None:
    estimate = start()
    waiting = estimate._replace(window=Window(5.0, 3600.0, 5, (), off=False))
    # 1 Ah of 97 usable ones
    assert ROUGH.soc(waiting) == pytest.approx(0.6 + 1 / 97, abs=1e-4)
    assert ROUGH.soc(waiting._replace(window=Window(5.0, 3600.0, 5))) == pytest.approx(0.6)
    assert ROUGH.counted(estimate, seen(), 36.0, 100.0) == pytest.approx(1 / 97, abs=1e-4)


def test_the_sensors_zero_is_taken_out() -> None:
    mean = start().mean
    off = start()._replace(mean=mean._replace(x=(mean.x[0], 0.01, *mean.x[2:])))  # 1 A
    assert ROUGH.counted(off, seen(), 37.0, 100.0) == pytest.approx(1 / 97, abs=1e-4)
    waiting = off._replace(window=Window(100.0, 3700.0, 5, (), off=False))
    assert ROUGH.soc(waiting) == pytest.approx(0.6 + 1 / 97, abs=1e-4)


# Where only the typical curve is known


@pytest.mark.parametrize(
    ("volts", "told"), [(3.164, True), (3.166, False), (3.356, False), (3.358, True)]
)
def test_the_typical_curve_is_asked_only_well_beyond_its_flat_part(volts, told: bool) -> None:
    after = window(start(), seen(volts))
    assert (after.mean.soc != pytest.approx(start().mean.soc, abs=1e-6)) is told


@pytest.mark.parametrize(("current_a", "told"), [(10.0, True), (10.1, False), (-10.1, False)])
def test_and_only_near_rest(current_a: float, told: bool) -> None:
    drop_v = 0.00125 * current_a
    after = window(start(), seen(3.0 + drop_v), current_a)
    assert (after.mean.soc < 0.5) is told


@pytest.mark.parametrize(("lags", "told"), [(0.0199, True), (0.0205, False), (-0.0205, False)])
def test_and_when_what_flowed_before_has_faded(lags: float, told: bool) -> None:
    # The slowest lag loses 1 % of itself in 10 s.
    before = start()
    before = before._replace(mean=before.mean._replace(lags=(0.0, 0.0, lags)))
    assert (window(before, seen(3.0)).mean.soc < 0.5) is told


def high_v() -> float:
    """15 mV above the end of the flat part, to the last bit."""
    return ROUGH.curve.volts(0.95) + 0.015


def low_v() -> float:
    return ROUGH.curve.volts(0.25) - 0.10


def test_at_the_very_ends_of_its_flat_part_it_is_not_asked() -> None:
    mean = start().mean
    assert ROUGH._roughly(mean, low_v(), 0.0) is mean
    assert ROUGH._roughly(mean, math.nextafter(low_v(), 0.0), 0.0) is not mean
    assert ROUGH._roughly(mean, high_v(), 0.0) is mean
    assert ROUGH._roughly(mean, math.nextafter(high_v(), 9.0), 0.0) is not mean


@pytest.mark.parametrize(
    ("cell_v", "told"),
    [
        (high_v(), True), (math.nextafter(high_v(), 0.0), False), (high_v() + 0.02, True),
        (low_v(), True), (math.nextafter(low_v(), 9.0), False), (low_v() - 0.02, True),
    ],
)  # fmt: skip
def test_cells_are_compared_once_one_of_them_is_at_a_knee(cell_v: float, told: bool) -> None:
    after = window(start(), one_differs(cell_v, 3.3))
    assert bool(after.span.above_v) is told
    if told:
        assert after.span.above_v[0] == pytest.approx(cell_v - 3.3)


@pytest.mark.parametrize(("current_a", "told"), [(10.0, True), (10.1, False)])
def test_and_that_too_only_near_rest(current_a: float, told: bool) -> None:
    after = window(start(), one_differs(3.45, 3.3), current_a)
    assert bool(after.span.above_v) is told


def test_the_drop_of_the_current_is_taken_out_first() -> None:
    # 10 A at 0.125 V per C: 12.5 mV
    at = high_v() + 0.0125
    assert window(start(), one_differs(at + 0.001, 3.3), 10.0).span.above_v
    assert not window(start(), one_differs(at - 0.001, 3.3), 10.0).span.above_v


def test_cells_are_compared_where_the_typical_curve_shows_their_voltages() -> None:
    begun = with_lags(0.3, (0.02, 0.01, 0.0))
    cells = (begun.cells[0]._replace(x=(0.02, 0.0, 0.0, 0.0)), *begun.cells[1:])
    relaxed = [ROUGH.curve.volts(0.09), *[ROUGH.curve.volts(0.07)] * 15]
    there = ROUGH._where_it_shows(begun.mean, cells, relaxed)
    assert there.soc == pytest.approx(0.07, abs=3e-4)
    assert there.sigma == pytest.approx(0.005)
    assert (there.x[1:], there.lags) == (begun.mean.x[1:], (0.0, 0.0, 0.0))
    assert there.p[0][1:] == begun.mean.p[0][1:]
    assert there.p[1:] == begun.mean.p[1:]
    beyond = ROUGH._where_it_shows(begun.mean, begun.cells, [ROUGH.curve.volts(1.06)] * 16)
    assert beyond.soc == pytest.approx(1.06, abs=3e-4)
    below = ROUGH._where_it_shows(begun.mean, begun.cells, [ROUGH.curve.volts(-0.06)] * 16)
    assert below.soc == pytest.approx(-0.06, abs=3e-4)


# Spans


def test_cells_are_heard_once_a_minute() -> None:
    estimate = start(by=SURE)
    for count in range(1, 6):
        estimate = window(estimate, seen(3.306), 5.0, SURE)
        assert (estimate.span.windows, estimate.unheard_s) == (count, 10.0 * count)
    assert estimate.span.hours == pytest.approx(50 / 3600)
    assert estimate.span.rate_hours == pytest.approx(0.05 * 50 / 3600, rel=0.01)
    heard = window(estimate, seen(3.306), 5.0, SURE)
    assert (heard.span.windows, heard.unheard_s) == (0, 0.0)


def test_and_not_a_hundredth_of_a_second_before() -> None:
    estimate = start(by=SURE)
    for gap_s in (10.0, 10.0, 10.0, 10.0, 19.99):
        estimate = SURE.hear(estimate, seen(3.306), 5.0, gap_s)
    assert (estimate.span.windows, estimate.unheard_s) == (5, pytest.approx(59.99))


def test_a_window_without_voltages_spoils_the_span() -> None:
    bad = seen(balance_current_a=1.0)
    one = window(start(by=SURE), bad, 0.0, SURE)
    assert (one.span.windows, one.span.above_v) == (1, ())
    # A good one begins a span of its own: it does not wait for one that is spoiled.
    two = window(one, seen(3.306), 0.0, SURE)
    assert (two.span.windows, len(two.span.above_v)) == (1, 16)
    assert two.unheard_s == 20.0
    three = window(two, bad, 0.0, SURE)
    assert (three.span.windows, three.span.above_v) == (2, ())


# The capacity to be shown


@pytest.mark.parametrize(
    ("usable", "sigma", "already", "known"),
    [
        (0.99, 0.0296, False, True),  # 3 % of it
        (0.99, 0.0298, False, False),
        (0.9, 0.0379, False, True),  # the label, 99.5 %, is 2.5 sigma away
        (0.9, 0.0381, False, False),
        (1.09, 0.0379, False, True),
        (1.09, 0.0381, False, False),
        (0.9, 0.107, True, True),  # 12 % of it
        (0.9, 0.109, True, False),
    ],
)
def test_a_capacity_is_shown_once_it_is_known_or_the_label_is_wrong(
    usable: float, sigma: float, already: bool, known: bool
) -> None:
    made = Pack(0.5, 0.01, usable, sigma)
    assert ROUGH._known(made, already=already) is known


# Ends


def with_lags(soc: float, lags: tuple[float, float, float]) -> Estimate:
    estimate = start(soc, 0.15)
    return estimate._replace(mean=estimate.mean._replace(lags=lags))


def test_at_an_under_voltage_trip_the_mean_has_left_what_it_is_behind_its_surface() -> None:
    made = ROUGH.at_empty(with_lags(0.1, (-0.02, -0.02, 0.0)), 0.001)
    assert made.pack.soc == pytest.approx(0.04, abs=0.003)
    ahead = ROUGH.at_empty(with_lags(0.1, (0.02, 0.02, 0.0)), 0.001)
    assert ahead.pack.soc == pytest.approx(0.0, abs=0.003)


def test_further_than_30_percent_from_its_end_no_pack_is_empty() -> None:
    made = ROUGH.at_empty(with_lags(0.9, (-0.3, -0.3, 0.0)), 0.001)
    most = ROUGH.anchor(with_lags(0.9, (-0.3, -0.3, 0.0)), 0.3, math.hypot(0.001, 0.21))
    assert made.pack.soc == most.pack.soc


def test_a_current_at_the_charge_voltage_keeps_the_cells_from_being_full() -> None:
    rest = SURE.at_full(start(0.95, 0.15, SURE), seen(3.45), 0.001)
    assert rest.pack.soc == pytest.approx(1.0, abs=1e-3)
    # 20 A at 1.25 mΩ: 25 mV below 3.45 V is 99.25 % of the curve, where 3.45 V is 99.5 %.
    full = SURE.at_full(start(0.95, 0.15, SURE), seen(3.45, current_a=20.0), 0.0001)
    same = SURE.anchor(start(0.95, 0.15, SURE), 1 - 0.0025 / 0.995, 0.7 * 0.0025 / 0.995)
    assert full.pack.soc == pytest.approx(same.pack.soc, abs=1e-4)


def test_what_a_cell_shows_without_its_current() -> None:
    assert ROUGH.relaxed_v(start(), seen(current_a=40.0), 3.40) == pytest.approx(3.35)
    assert ROUGH.relaxed_v(start(), seen(current_a=-40.0), 3.20) == pytest.approx(3.25)
    assert ROUGH.relaxed_v(start(), seen(current_a=None), 3.20) == 3.20


def test_full_is_the_charge_voltage_on_the_curve_and_never_more() -> None:
    assert SURE.top == pytest.approx(0.995)
    high = Estimator(LFP, parameters(charge_voltage_v=3.55, cell_overvoltage_v=3.65), None)
    assert high.top == 1.0


def test_an_estimate_begins_at_the_usable_soc_and_capacity_that_are_stated() -> None:
    begun = ROUGH.start(0.4, 0.15, 90.0)
    assert (begun.pack.soc, begun.pack.sigma) == (pytest.approx(0.4), pytest.approx(0.15))
    assert begun.pack.usable == pytest.approx(0.9, abs=1e-3)
    assert (begun.capacity_known, begun.unheard_s, len(begun.cells)) == (False, 0.0, 16)
    moved = ROUGH.at(begun, 0.7, 0.05)
    assert (moved.pack.soc, moved.pack.sigma) == (pytest.approx(0.7), pytest.approx(0.05))
    assert moved.mean.p[0][1:] == (0.0,) * 6
    sure = ROUGH.at(begun, 0.7, 0.0)  # what the cells hide is never surer than they are
    assert sure.mean.p[0][0] == 0.0
    assert sure.pack.sigma > 0.005
