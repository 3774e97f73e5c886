"""The gauge of a LiFePO4 pack of 100 Ah, on both sides of every bound.

Full: 3.435 V and less than 5 A for a minute. A trip is believed after a minute if the cell then
stands at its end: 3.342 V (95 %) or 3.200 V (10 %). Idle is less than 0.5 A.
"""

from dataclasses import replace

import pytest

from cellwarden.engine.soc import Gauge, SocCounter
from cellwarden.engine.soc_estimator import Estimate
from cellwarden.engine.view import View, look
from cellwarden.model import CHEMISTRIES, BmsSoc
from support.packs import all_cells, parameters, reading, with_cell

LFP = CHEMISTRIES["LiFePO4"]
COUNTER = SocCounter(LFP, parameters(), 30.0)
SURE = SocCounter(LFP, parameters(), 30.0, ocv_v=LFP.ocv_v)
TRUST = SocCounter(LFP, parameters(), 30.0, bms_soc=BmsSoc.TRUST)
IGNORE = SocCounter(LFP, parameters(), 30.0, bms_soc=BmsSoc.IGNORE)


def at(percent: float, sigma: float = 2.0, **changes: object) -> Gauge:
    """A gauge whose estimate is at a SoC, known to a sigma, both in %."""
    estimate = COUNTER._estimator.start(percent / 100, sigma / 100, 97.0)
    plain = Gauge(
        soc_percent=percent, sigma_percent=sigma, basis="x", current_a=0.0, estimate=estimate
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


def told(gauge: Gauge, sigma: float) -> Gauge:
    """The gauge with a sigma, in %, that is exactly this number."""
    estimate = gauge.estimate
    assert estimate is not None
    return replace(gauge, estimate=estimate._replace(pack=estimate.pack._replace(sigma=sigma)))


def seen(heard_s: float = 1000.0, **changes: object) -> View:
    return look(reading(heard_s, **{"soc_percent": None, **changes}))  # type: ignore[arg-type]


def percent(estimate: Estimate | None) -> float:
    assert estimate is not None
    return 100 * estimate.pack.soc


# What it rests on


@pytest.mark.parametrize(("sigma", "basis"), [(0.03, "start"), (0.0299, "voltage")])
@pytest.mark.parametrize(
    "start", ["counting since the BMS's own SoC", "counting since a guess from the voltage"]
)
def test_below_3_percent_of_sigma_it_rests_on_the_voltage(start, sigma, basis: str) -> None:
    heard = COUNTER.hear(told(at(60.0, basis=start), sigma), seen(), None)
    assert heard.basis == (start if basis == "start" else "counting and cell voltages")


def test_what_somebody_stated_stays_what_it_rests_on() -> None:
    assert COUNTER.hear(told(at(60.0, basis="stated"), 0.001), seen(), None).basis == "stated"


@pytest.mark.parametrize(("sigma", "taken"), [(0.20, False), (0.201, True)])
def test_beyond_20_percent_of_sigma_the_bms_is_asked(sigma: float, taken: bool) -> None:
    heard = COUNTER.hear(told(at(60.0), sigma), seen(soc_percent=33.0), None)
    assert (percent(heard.estimate) == pytest.approx(33.0)) is taken
    assert heard.basis == ("counting since the BMS's own SoC" if taken else "x")


@pytest.mark.parametrize("end", ["full", "empty"])
def test_at_an_end_that_was_seen_nobody_is_asked(end: str) -> None:
    gauge = told(at(60.0, **{end: True}), 0.25)
    assert percent(COUNTER.hear(gauge, seen(soc_percent=33.0), None).estimate) == pytest.approx(60)


@pytest.mark.parametrize(("sigma", "held"), [(0.0501, True), (0.05, False)])
def test_a_trusted_bms_holds_an_estimate_that_is_worse_than_5_percent(sigma, held: bool) -> None:
    heard = TRUST.hear(told(at(60.0, sigma=5.0), sigma), seen(soc_percent=90.0), None)
    assert (heard.basis == "counting, held by the BMS's own SoC") is held
    assert (percent(heard.estimate) > 65) is held
    silent = TRUST.hear(told(at(60.0, sigma=5.0), sigma), seen(), None)
    assert silent.basis == "x"


def test_a_bms_that_is_ignored_is_not_even_asked_at_the_start() -> None:
    first = IGNORE.hear(Gauge(), seen(soc_percent=33.0, **all_cells(3.298)), None)
    assert first.soc_percent == pytest.approx(50.0)
    assert first.basis == "counting since a guess from the voltage"


# Capacity and health


def learned(usable: float) -> Gauge:
    gauge = at(60.0)
    assert gauge.estimate is not None
    known = gauge.estimate.pack._replace(usable=usable)
    return replace(gauge, estimate=gauge.estimate._replace(pack=known, capacity_known=True))


def test_a_capacity_is_the_learned_one_else_the_bmss_else_the_design() -> None:
    assert COUNTER.capacity_ah(learned(0.85), seen(capacity_ah=93.0)) == pytest.approx(85.0)
    assert COUNTER.capacity_ah(at(60.0), seen(capacity_ah=93.0)) == 93.0
    assert COUNTER.capacity_ah(Gauge(), seen(capacity_ah=None)) == 100


def test_what_the_charge_voltage_leaves_unused_is_no_fade() -> None:
    # 3.45 V is 99.5 % on the curve.
    health = COUNTER.soh_percent(learned(0.796), seen(capacity_ah=93.0))
    assert health == pytest.approx(80.0)
    assert COUNTER.soh_percent(learned(1.2), seen()) == 100.0
    assert COUNTER.soh_percent(at(60.0), seen(capacity_ah=93.0, soh_percent=91.0)) == 93.0
    assert COUNTER.soh_percent(at(60.0), seen(capacity_ah=None, soh_percent=91.0)) == 91.0


# Trips


def test_a_trip_is_remembered_with_its_time() -> None:
    high = COUNTER.tripped(at(60.0), 1000.0, high=True)
    assert (high.high_since_s, high.low_since_s) == (1000.0, None)
    low = COUNTER.tripped(at(60.0), 1000.0, high=False)
    assert (low.high_since_s, low.low_since_s) == (None, 1000.0)


@pytest.mark.parametrize(
    ("heard_s", "volts", "since_s", "full"),
    [
        (1059.9, 3.50, 1000.0, False),
        (1060.0, 3.50, None, True),
        (1060.0, 3.343, None, True),
        (1010.0, 3.343, 1000.0, False),
        (1010.0, 3.341, None, False),
        (1060.0, 3.341, None, False),
    ],
)
def test_an_over_voltage_means_full_if_the_cell_stands_high_a_minute_later(
    heard_s: float, volts: float, since_s: float | None, full: bool
) -> None:
    gauge = at(60.0, high_since_s=1000.0)
    after = COUNTER.hear(gauge, seen(heard_s, **with_cell(7, volts)), None)
    assert (after.high_since_s, after.full) == (since_s, full)
    assert after.basis == ("counting since over-voltage" if full else "x")
    assert (percent(after.estimate) > 95) is full


@pytest.mark.parametrize(
    ("heard_s", "volts", "since_s", "empty"),
    [
        (1059.9, 3.00, 1000.0, False),
        (1060.0, 3.00, None, True),
        (1060.0, 3.199, None, True),
        (1010.0, 3.199, 1000.0, False),
        (1010.0, 3.201, None, False),
        (1060.0, 3.201, None, False),
    ],
)
def test_an_under_voltage_means_empty_if_the_cell_stands_low_a_minute_later(
    heard_s: float, volts: float, since_s: float | None, empty: bool
) -> None:
    gauge = at(60.0, full=False, low_since_s=1000.0)
    after = COUNTER.hear(gauge, seen(heard_s, **all_cells(volts)), None)
    assert (after.low_since_s, after.empty) == (since_s, empty)
    assert after.basis == ("counting since empty (under-voltage)" if empty else "x")
    assert (percent(after.estimate) < 30) is empty


def test_a_trip_without_cells_to_look_at_goes_on_waiting() -> None:
    gauge = at(60.0, low_since_s=1000.0, high_since_s=1000.0)
    after = COUNTER.hear(gauge, seen(1060.0, cell_voltages_v=(), voltage_v=None), None)
    assert (after.high_since_s, after.low_since_s) == (1000.0, 1000.0)


def test_one_weak_cell_is_empty_but_says_nothing_of_the_others() -> None:
    gauge = at(60.0, low_since_s=1000.0)
    after = COUNTER.hear(gauge, seen(1060.0, **with_cell(3, 2.9)), None)
    assert (after.empty, after.basis) == (True, "counting since empty (under-voltage)")
    assert percent(after.estimate) == pytest.approx(60.0)


def test_a_full_pack_with_a_cell_that_is_empty_is_not_full() -> None:
    gauge = at(98.0, full=True, low_since_s=1000.0)
    after = COUNTER.hear(gauge, seen(1060.0, **with_cell(3, 2.9)), None)
    assert (after.full, after.empty) == (False, True)


def test_the_pack_is_empty_if_its_middle_cell_is_at_the_end() -> None:
    cells = (3.1,) * 9 + (3.3,) * 7
    gauge = at(60.0, low_since_s=1000.0)
    after = COUNTER.hear(gauge, seen(1060.0, cell_voltages_v=cells, voltage_v=sum(cells)), None)
    assert percent(after.estimate) < 30
    cells = (3.1,) * 8 + (3.3,) * 8  # of sixteen the ninth
    after = COUNTER.hear(gauge, seen(1060.0, cell_voltages_v=cells, voltage_v=sum(cells)), None)
    assert percent(after.estimate) == pytest.approx(60.0)


@pytest.mark.parametrize(
    ("soc", "sigma", "empty"),
    [
        (10.0, 0.029, False),
        (10.0, 0.031, True),  # not sure enough
        (26.0, 0.0201, False),  # 20 % and three sigma
        (26.0, 0.0199, True),
    ],
)
def test_where_the_curve_is_known_a_sure_estimate_knows_better(soc, sigma, empty: bool) -> None:
    estimate = SURE._estimator.start(soc / 100, 0.02, 97.0)
    gauge = told(at(soc, low_since_s=1000.0, full=True, estimate=estimate), sigma)
    after = SURE.hear(gauge, seen(1060.0, **all_cells(3.1)), None)
    assert (after.empty, after.low_since_s) == (empty, None)
    assert after.basis == ("counting since empty (under-voltage)" if empty else "x")
    assert not after.full


@pytest.mark.parametrize(("current_a", "empty"), [(0.5, True), (0.51, False), (-20.0, True)])
def test_a_pack_that_is_charged_already_is_not_empty(current_a: float, empty: bool) -> None:
    gauge = at(60.0, low_since_s=1000.0)
    after = COUNTER.hear(gauge, seen(1060.0, current_a=current_a, **all_cells(2.9)), None)
    assert after.empty is empty


@pytest.mark.parametrize(("current_a", "empty"), [(0.5, True), (0.51, False), (None, True)])
def test_an_empty_pack_stays_empty_until_it_is_charged(current_a, empty: bool) -> None:
    assert COUNTER.hear(at(5.0, empty=True), seen(current_a=current_a), None).empty is empty


@pytest.mark.parametrize(("current_a", "full"), [(-0.5, True), (-0.51, False), (20.0, True)])
def test_a_pack_that_is_discharged_already_is_not_full(current_a: float, full: bool) -> None:
    # 5 A and more are no tail current: it is the trip that tells.
    gauge = at(60.0, high_since_s=1000.0)
    after = COUNTER.hear(gauge, seen(1060.0, current_a=current_a, **all_cells(3.55)), None)
    assert after.full is full
    assert after.basis == "counting since over-voltage"


# Full


@pytest.mark.parametrize(
    ("volts", "current_a", "begins"),
    [
        (3.435, 4.99, True), (3.434, 4.99, False), (3.436, 5.0, False), (3.436, -20.0, True),
        (3.436, None, False),
    ],
)  # fmt: skip
def test_charge_voltage_and_tail_current_begin_the_minute(volts, current_a, begins: bool) -> None:
    after = COUNTER.hear(at(60.0), seen(current_a=current_a, **all_cells(volts)), None)
    assert (after.full_since_s == 1000.0) is begins


@pytest.mark.parametrize(("heard_s", "full"), [(1059.9, False), (1060.0, True)])
def test_after_a_minute_it_is_full(heard_s: float, full: bool) -> None:
    gauge = at(60.0, full_since_s=1000.0, empty=True, current_a=1.0)
    after = COUNTER.hear(gauge, seen(heard_s, current_a=0.4, **all_cells(3.45)), None)
    assert (after.full, after.empty) == (full, not full)
    assert after.basis == ("counting since a full charge" if full else "x")


@pytest.mark.parametrize(
    ("soc", "volts", "full"),
    [(98.0, 3.30, True), (97.2, 3.30, True), (96.8, 3.30, False), (98.0, 3.297, False)],
)
def test_it_stays_full_down_to_97_percent_and_the_rebulk_voltage(soc, volts, full: bool) -> None:
    after = COUNTER.hear(at(soc, full=True), seen(current_a=0.0, **all_cells(volts)), None)
    assert after.full is full


# What is shown


def test_somebodys_word_is_shown_at_once_and_ends_what_was_seen() -> None:
    gauge = at(60.0, full=True, empty=True, full_since_s=1.0, high_since_s=2.0, low_since_s=3.0)
    after = COUNTER.reset(gauge, 75.0, "stated by the owner")
    assert (after.soc_percent, after.basis) == (75.0, "stated by the owner")
    assert percent(after.estimate) == pytest.approx(75.0)
    assert after.sigma_percent == pytest.approx(3.0, abs=0.01)
    assert (after.full, after.empty) == (False, False)
    assert (after.full_since_s, after.high_since_s, after.low_since_s) == (None, None, None)
    assert percent(COUNTER.reset(Gauge(), 40.0, "x").estimate) == pytest.approx(40.0)


@pytest.mark.parametrize(
    ("shown", "after"),
    # 0.8 % a minute are 0.1333 % in 10 s
    [(60.0, 60.0), (50.0, 50.13333), (70.0, 69.86667), (60.1, 60.0), (59.9, 60.0)],
)
def test_what_is_shown_follows_by_less_than_1_percent_a_minute(shown, after: float) -> None:
    heard = COUNTER.hear(at(60.0, soc_percent=shown), seen(), 10.0)
    assert heard.soc_percent == pytest.approx(after, abs=1e-4)


def test_over_a_gap_it_follows_no_further_than_over_the_longest_reading() -> None:
    # 30 s: 0.4 %
    heard = COUNTER.hear(at(60.0, soc_percent=50.0), seen(), 3600.0)
    assert heard.soc_percent == pytest.approx(50.4, abs=1e-4)


def test_two_sigma_of_what_is_shown_reach_to_the_estimate() -> None:
    heard = COUNTER.hear(at(60.0, soc_percent=70.0), seen(), None)
    assert heard.sigma_percent == pytest.approx((2.0**2 + 5.0**2) ** 0.5, abs=1e-3)
    near = COUNTER.hear(told(at(60.0), 0.001), seen(), None)
    assert near.sigma_percent == pytest.approx(0.6)
    far = COUNTER.hear(at(60.0, soc_percent=0.0), seen(), None)
    assert far.sigma_percent == 30.0


@pytest.mark.parametrize(("soc", "shown"), [(99.9, 99.0), (0.2, 1.0)])
def test_counting_shows_neither_full_nor_empty(soc: float, shown: float) -> None:
    gauge = at(soc, soc_percent=min(max(soc, 1.0), 99.0))
    assert COUNTER.hear(gauge, seen(), 10.0).soc_percent == pytest.approx(shown)


def test_silence_may_have_cost_a_tenth_of_the_capacity_an_hour() -> None:
    after = COUNTER.after_silence(at(60.0), 1800.0)
    assert after.estimate is not None
    assert 100 * after.estimate.pack.sigma == pytest.approx(2.0 + 5.0, abs=0.2)
    assert COUNTER.after_silence(Gauge(), 1800.0) == Gauge()


def test_charge_is_counted_apart_from_discharge() -> None:
    # From 0 to 36 A over 10 s: 180 As, 0.05 Ah
    into = COUNTER.hear(at(60.0), seen(current_a=36.0), 10.0)
    assert (into.charged_ah, into.discharged_ah) == (pytest.approx(0.05), 0.0)
    out = COUNTER.hear(at(60.0), seen(current_a=-36.0), 10.0)
    assert (out.charged_ah, out.discharged_ah) == (0.0, pytest.approx(0.05))
    by_shunt = COUNTER.hear(at(60.0), seen(current_a=-36.0), 10.0, None, 72.0)
    assert (by_shunt.charged_ah, by_shunt.current_a) == (pytest.approx(0.1), 72.0)


@pytest.mark.parametrize(("gap_s", "counted"), [(30.0, True), (30.1, False)])
def test_over_more_than_30_s_nothing_is_counted(gap_s: float, counted: bool) -> None:
    after = COUNTER.hear(at(60.0), seen(current_a=36.0), gap_s)
    assert (after.charged_ah > 0) is counted
