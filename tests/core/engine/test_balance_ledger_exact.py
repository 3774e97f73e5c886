"""The ledger of the cells on the knee, on four cells of 100 Ah and numbers by hand.

The typical knee begins 18 mV above the end of the flat part, at 3.360 V. Its first two steps of
20 mV take 0.5 Ah each, the other five 0.2 Ah. A cell drops 1.25 mV for each ampere.
"""

import math

import pytest

from cellwarden.engine.balance_debt import Debts
from cellwarden.engine.balance_ledger import (
    Climb,
    Ledger,
    LedgerKeeper,
    Mark,
    Width,
)
from cellwarden.engine.resistance import Steps
from cellwarden.engine.soc_estimator import Moved
from cellwarden.engine.view import View, look
from cellwarden.model import CHEMISTRIES, preset
from support.packs import reading

LFP = CHEMISTRIES["LiFePO4"]
FOUR = preset("LiFePO4", cell_count=4, design_capacity_ah=100)
UNSEEN = Width(4.0, 1.0)
"""Half of a step is doubted."""
Volts = tuple[float | None, ...]
LOW = 3.365
"""On the knee, and stays there."""


def typical() -> LedgerKeeper:
    return LedgerKeeper(LFP, FOUR, None)


def seen(volts: Volts, current_a: float | None = 5.0, at_c: float = 25.0) -> View:
    """Cells that would show `volts` without a current at 25 °C."""
    drop_v = 0.00125 * (current_a or 0.0)
    return look(
        reading(
            0.0,
            cell_voltages_v=tuple(v if v is None else v + drop_v for v in volts),
            voltage_v=None,
            current_a=current_a,
            temperatures_c=(at_c, at_c),
        )
    )


def heard(
    ledger: Ledger,
    volts: Volts,
    counted_ah: float = 0.0,
    current_a: float | None = 5.0,
    disturbed: tuple[int, ...] = (),
    passed_s: float = 10.0,
    steps: Steps = Steps(),  # noqa: B008  # a value
) -> Ledger:
    return typical().hear(ledger, seen(volts, current_a), steps, counted_ah, disturbed, passed_s)


def near(*values: float) -> object:
    return pytest.approx(values, rel=1e-6, abs=1e-9)


# The knee by a curve


def test_the_typical_knee_in_steps() -> None:
    assert typical().knee_v == pytest.approx(3.360)
    assert typical()._edges == near(3.36, 3.38, 3.40, 3.42, 3.44, 3.46, 3.48, 3.50)
    assert typical()._widths_ah == near(0.5, 0.5, 0.2, 0.2, 0.2, 0.2, 0.2)
    assert typical()._unseen == (UNSEEN,) * 7


def test_a_curve_of_the_very_cell_is_doubted_by_a_tenth() -> None:
    own = ((0.0, 3.0), (95.0, 3.340), (97.0, 3.358), (98.0, 3.378), (100.0, 3.418))
    keeper = LedgerKeeper(LFP, FOUR, own)
    assert keeper.knee_v == pytest.approx(3.358)
    assert keeper._edges == near(3.358, 3.378, 3.398, 3.418)
    assert keeper._widths_ah == near(1.0, 1.0, 1.0)
    assert keeper._unseen[0].weight == pytest.approx(100.0)
    assert keeper._unseen[0].ratio == 1.0
    assert len(keeper._unseen) == 3


@pytest.mark.parametrize(("top_v", "count"), [(3.36, 2), (3.40, 2), (3.42, 3), (3.52, 8), (3.7, 8)])
def test_a_knee_has_two_to_eight_steps(top_v: float, count: int) -> None:
    keeper = LedgerKeeper(LFP, FOUR, ((0.0, 3.0), (95.0, 3.342), (100.0, top_v)))
    assert len(keeper._widths_ah) == count
    assert len(keeper._edges) == count + 1


def test_no_step_is_steeper_than_a_twentieth_of_an_ah() -> None:
    """One in two thousand of the capacity."""
    wall = ((0.0, 3.0), (95.0, 3.342), (98.0, 3.36), (98.001, 3.5))
    assert LedgerKeeper(LFP, FOUR, wall)._widths_ah == near(*(0.05,) * 7)
    large = preset("LiFePO4", cell_count=4, design_capacity_ah=200)
    assert LedgerKeeper(LFP, large, wall)._widths_ah == near(*(0.1,) * 7)
    assert LedgerKeeper(LFP, large, None)._widths_ah == near(1.0, 1.0, *(0.4,) * 5)


def test_a_steep_chemistry_has_no_knee() -> None:
    keeper = LedgerKeeper(
        CHEMISTRIES["Li-ion"], preset("Li-ion", cell_count=4, design_capacity_ah=100), None
    )
    assert (keeper.knee_v, keeper._edges, keeper._widths_ah) == (math.inf, (), ())
    assert not keeper.rising(seen((4.1,) * 4))
    assert keeper.hear(Ledger(), seen((4.1,) * 4), Steps(), 0.0, (), 10.0) == Ledger()


# What rises


@pytest.mark.parametrize(
    ("volts", "current_a", "rises"),
    [
        (3.3601, 5.0, True),
        (3.3599, 5.0, False),
        (3.40, 0.2, True),
        (3.40, 0.19, False),
        (3.40, 0.0, False),
        (3.40, -5.0, False),
        (3.40, 10.0, True),
        (3.40, 10.01, False),
    ],
)
def test_cells_rise_calmly_on_the_knee_from_two_thousandths_to_a_tenth_of_c(
    volts: float, current_a: float, rises: bool
) -> None:
    view = seen((3.3, volts, 3.3, 3.3), current_a)
    assert typical().rising(view) is rises
    assert (heard(Ledger(), (3.3, volts, 3.3, 3.3), current_a=current_a).ah != ()) is rises


def test_nothing_rises_while_current_or_cells_are_unknown() -> None:
    assert not typical().rising(seen((3.4,) * 4, None))
    assert not typical().rising(seen((None,) * 4))
    assert typical().rising(seen((3.4, None, 3.3, 3.3)))
    assert heard(Ledger(), (3.4,) * 4, current_a=None) == Ledger()
    assert heard(Ledger(), (None,) * 4) == Ledger()
    assert heard(Ledger(), (3.4, None, 3.3, 3.3)) == Ledger()


def test_in_the_cold_more_is_set_aside() -> None:
    """At freezing 2.15 times: 13.5 mV at 5 A, not 6.25 mV."""
    assert typical().rising(seen((3.362,) * 4))
    assert not typical().rising(seen((3.362,) * 4, at_c=0.0))
    assert typical().rising(seen((3.368,) * 4, at_c=0.0))


# Where a cell is on the knee


def places(*volts: float) -> Debts:
    first = heard(Ledger(), volts)
    return Debts(first.ah, first.sigma_ah)


def test_a_place_on_the_knee_is_the_sum_of_the_steps_below_it() -> None:
    assert places(3.370, 3.390, 3.410, 3.490).ah == near(0.25, 0.75, 1.10, 1.90)


def test_above_the_last_step_it_goes_on_as_the_last() -> None:
    """3.55 V is three and a half times its 0.2 Ah above 3.48 V."""
    assert places(3.370, 3.390, 3.510, 3.550).ah == near(0.25, 0.75, 2.10, 2.50)


def test_the_doubt_of_the_knee_is_shared_but_for_what_they_are_apart() -> None:
    """Half of each place, less the half of the third of four; at least 0.06 Ah."""
    told = places(3.370, 3.390, 3.410, 3.490)
    assert told.sigma_ah == near(
        math.hypot(0.06, 0.55 - 0.125), math.hypot(0.06, 0.55 - 0.375), 0.06, math.hypot(0.06, 0.4)
    )


def test_below_the_knee_a_cell_misses_more_at_most_2_2_ah() -> None:
    """8 mV below the knee 1 - 1/e of that; half is doubted and nothing of it shared."""
    told = places(3.352, 3.340, 3.390, 3.2)
    eight, twenty = 2.2 * (1 - math.exp(-1)), 2.2 * (1 - math.exp(-2.5))
    assert told.ah == near(-eight, -twenty, 0.75, -2.2)
    assert told.sigma_ah == near(
        math.hypot(0.06, eight / 2), math.hypot(0.06, twenty / 2), 0.06, math.hypot(0.06, 1.1)
    )


def test_a_disturbed_cell_is_not_seen_so_a_first_look_tells_nothing() -> None:
    first = heard(Ledger(), (LOW, LOW, 3.39, LOW), disturbed=(2,))
    assert (first.ah, first.sigma_ah) == ((), ())
    assert first.climb is not None
    assert first.climb.volts[2] is None
    assert first.climb.volts[1] == pytest.approx(LOW)
    assert first.moved_ah == (0.0,) * 4
    assert first.widths == (UNSEEN,) * 7


def test_steps_that_are_known_set_each_resistance_aside() -> None:
    """1.0, 1.2, 1.4 and 1.6 mΩ: at 5 A 1.5 mV less to 1.5 mV more than the mean."""
    steps = Steps(drops=(10.0, 12.0, 14.0, 16.0), squares=10_000.0)
    first = heard(Ledger(), (3.37,) * 4, steps=steps)
    assert first.climb is not None
    assert first.climb.volts == near(3.3715, 3.3705, 3.3695, 3.3685)
    ten = heard(Ledger(), (3.37,) * 4, steps=steps, current_a=10.0).climb
    assert ten is not None
    assert ten.volts == near(3.373, 3.371, 3.369, 3.367)


# The knee measured by the cells themselves


def one(volts: float) -> Volts:
    """The second cell moves, the others stay."""
    return (LOW, volts, LOW, LOW)


def climbed(*looks: tuple[float, float], **more: float) -> Ledger:
    """The second cell's volts and what is counted, look by look."""
    ledger = Ledger()
    for volts, counted_ah in looks:
        ledger = heard(ledger, one(volts), counted_ah, **more)  # type: ignore[arg-type]
    return ledger


def test_an_edge_is_marked_where_a_straight_line_crosses_it() -> None:
    """From 3.355 to 3.375 V a quarter of the way is 3.360 V."""
    after = climbed((3.355, 2.0), (3.375, 2.4))
    assert after.climb is not None
    _, mark, *_ = after.climb.marks
    assert mark is not None
    assert mark == (0, pytest.approx(2.1), 5.0)
    assert after.climb.counted_ah == (2.4,) * 4
    assert after.climb.marks[0] is after.climb.marks[2] is None
    assert after.widths == (UNSEEN,) * 7


def test_a_step_passed_is_learned_with_a_weight_of_its_own() -> None:
    """3.36 V at 0.1, 3.38 V at 0.3 Ah: 0.2 of 0.5 Ah, known to 15 %, against 1 known to 50 %."""
    after = climbed((3.350, 0.0), (3.370, 0.2), (3.390, 0.4))
    weight = 1 / 0.15**2
    assert after.widths[0] == near(4 + weight, (4 + weight * 0.4) / (4 + weight))
    assert after.widths[1:] == (UNSEEN,) * 6
    assert after.climb is not None
    assert after.climb.marks[1] == (1, pytest.approx(0.3), 5.0)


def test_a_cell_from_far_below_the_knee_has_passed_only_its_foot() -> None:
    """From 3.30 V six sevenths of the way to 3.37 V is the foot."""
    after = climbed((3.300, 0.0), (3.370, 0.7))
    assert after.widths == (UNSEEN,) * 7
    assert after.climb is not None
    assert after.climb.marks[1] == (0, pytest.approx(0.6), 5.0)


def test_several_edges_passed_at_once_are_all_learned() -> None:
    """3.35 to 3.41 V in 0.6 Ah: 0.2 Ah a step; the third has only begun."""
    after = climbed((3.350, 0.0), (3.410, 0.6))
    weight = 1 / 0.0225
    for width in after.widths[:2]:
        assert width == near(4 + weight, (4 + weight * 0.4) / (4 + weight))
    assert after.widths[2:] == (UNSEEN,) * 5
    assert after.climb is not None
    assert after.climb.marks[1] == (2, pytest.approx(0.5), 5.0)


def test_what_was_learned_tells_where_cells_are() -> None:
    after = climbed((3.350, 0.0), (3.370, 0.2), (3.390, 0.4))
    ratio = after.widths[0].ratio
    fresh = typical().hear(Ledger(widths=after.widths), seen(one(3.390)), Steps(), 0.0, (), 10.0)
    assert fresh.ah[1] == pytest.approx(0.5 * ratio + 0.25)
    assert fresh.ah[0] == pytest.approx(0.125 * ratio)
    # 4 + 44.4 of weight are known to 14.4 %; of the second step half is doubted.
    part = (4 + 1 / 0.0225) ** -0.5
    apart_ah = 0.375 * ratio * part + 0.125
    assert fresh.sigma_ah[1] == pytest.approx(math.hypot(0.06, apart_ah))


def test_a_balancer_adds_to_what_a_cell_took() -> None:
    """0.2 Ah counted and 0.1 Ah by the balancer, one after the other."""
    ledger = climbed((3.350, 0.0), (3.370, 0.2))
    ledger = typical().moved(ledger, Moved(1, 360.0))
    assert ledger.moved_ah == near(0.0, 0.1, 0.0, 0.0)
    ledger = heard(ledger, one(3.390), 0.4)
    assert ledger.climb is not None
    assert ledger.climb.counted_ah == near(0.4, 0.5, 0.4, 0.4)
    # 3.36 V at 0.1 Ah, 3.38 V half way from 0.2 to 0.5 Ah.
    assert ledger.climb.marks[1] == (1, pytest.approx(0.35), 5.0)
    weight = 1 / 0.15**2
    assert ledger.widths[0].ratio == pytest.approx((4 + weight * 0.5) / (4 + weight))


def test_a_current_that_changed_makes_a_sample_doubtful() -> None:
    """30 % of 1.25 mΩ at 8 A is 3 mV, 15 % of a step, beside the 15 % of every sample."""
    ledger = climbed((3.350, 0.0), (3.370, 0.2), current_a=1.0)
    ledger = heard(ledger, one(3.390), 0.4, current_a=9.0)
    weight = 1 / (2 * 0.15**2)
    assert ledger.widths[0] == near(4 + weight, (4 + weight * 0.4) / (4 + weight))


def test_an_edge_passed_again_is_not_marked_again() -> None:
    """3.375, 3.355, 3.375 V: the mark of the first time stays."""
    after = climbed((3.355, 0.0), (3.375, 0.4), (3.355, 0.5), (3.375, 0.9))
    assert after.climb is not None
    assert after.climb.marks[1] == (0, pytest.approx(0.1), 5.0)


def test_a_step_without_its_lower_edge_is_not_learned() -> None:
    after = climbed((3.370, 0.0), (3.390, 0.2))
    assert after.widths == (UNSEEN,) * 7
    assert after.climb is not None
    assert after.climb.marks[1] == (1, pytest.approx(0.1), 5.0)


def test_of_a_cell_that_a_balancer_disturbs_the_mark_is_forgotten() -> None:
    ledger = climbed((3.350, 0.0), (3.370, 0.2))
    ledger = heard(ledger, one(3.375), 0.25, disturbed=(1,))
    assert ledger.climb is not None
    assert ledger.climb.marks == (None,) * 4
    ledger = heard(ledger, one(3.390), 0.4)
    assert ledger.widths == (UNSEEN,) * 7


def test_other_cells_go_on_beside_a_disturbed_one() -> None:
    ledger = heard(Ledger(), (LOW, 3.350, LOW, LOW), 0.0)
    ledger = heard(ledger, (LOW, 3.370, LOW, LOW), 0.2, disturbed=(0,))
    assert ledger.climb is not None
    assert ledger.climb.marks[1] == (0, pytest.approx(0.1), 5.0)


@pytest.mark.parametrize(
    ("ratio", "learned"), [(0.19, False), (0.21, True), (4.9, True), (5.1, False)]
)
def test_a_sample_far_from_the_curve_is_no_knee(ratio: float, learned: bool) -> None:
    """From a fifth to five times 0.5 Ah."""
    step_ah = 0.5 * ratio
    after = climbed((3.350, 0.0), (3.370, step_ah), (3.390, 2 * step_ah))
    assert (after.widths[0] != UNSEEN) is learned


def test_the_weight_of_a_step_ends_at_400_and_the_new_counts_on() -> None:
    known = typical()._learned(Width(390.0, 2.0), 1.0, 0.0)
    weight = 1 / 0.0225
    assert known == near(400.0, (780.0 + weight) / (390.0 + weight))


@pytest.mark.parametrize(
    ("weight", "part"),
    [(0.0, 1.0), (1.0, 1.0), (2.0, 0.5**0.5), (4.0, 0.5), (100.0, 0.1), (400.0, 0.08)],
)
def test_a_step_is_known_to_one_by_the_root_of_its_weight(weight: float, part: float) -> None:
    assert Width(weight, 1.0).part == pytest.approx(part)


def test_above_a_tenth_of_c_the_knee_is_measured_and_nothing_compared() -> None:
    after = climbed((3.350, 0.0), (3.370, 0.2), (3.390, 0.4), current_a=20.0)
    assert after.widths[0] != UNSEEN
    assert after.ah == ()


@pytest.mark.parametrize(("current_a", "measured"), [(10.0, True), (34.9, True), (35.1, False)])
def test_above_35_a_nothing_is_measured(current_a: float, measured: bool) -> None:
    assert (climbed((LOW, 0.0), current_a=current_a).climb is not None) is measured


# When a climb ends


@pytest.mark.parametrize(("passed_s", "goes_on"), [(10.0, True), (60.0, True), (60.1, False)])
def test_after_a_gap_of_more_than_a_minute_a_climb_begins_anew(
    passed_s: float, goes_on: bool
) -> None:
    before = typical().moved(climbed((3.350, 0.0), (3.370, 0.2)), Moved(1, 360.0))
    after = heard(before, one(3.390), 0.4, passed_s=passed_s)
    if goes_on:
        assert after.widths[0] != UNSEEN
        assert after.moved_ah[1] == pytest.approx(0.1)
    else:
        assert (after.climb, after.moved_ah, after.widths) == (None, (), (UNSEEN,) * 7)


def test_when_nothing_rises_any_more_the_climb_is_forgotten_and_the_ledger_kept() -> None:
    before = climbed((3.350, 0.0), (3.370, 0.2))
    rest = heard(before, one(3.360), 0.2, current_a=0.0, passed_s=0.0)
    assert (rest.climb, rest.moved_ah) == (None, ())
    assert (rest.ah, rest.sigma_ah, rest.widths) == (before.ah, before.sigma_ah, before.widths)
    assert heard(rest, one(3.360), 0.2, current_a=0.0, passed_s=0.0) is rest
    again = heard(rest, one(3.390), 0.4)
    assert again.moved_ah == (0.0,) * 4
    assert again.climb is not None
    assert again.climb.marks == (None,) * 4


def test_other_numbers_of_cells_or_steps_begin_anew() -> None:
    known = Ledger(
        widths=(Width(9.0, 2.0),),
        moved_ah=(0.0,) * 4,
        climb=Climb((3.35,) * 3, (0.0,) * 3, (Mark(0, 0.0, 5.0),) * 3),
    )
    after = heard(known, one(3.39), 0.4)
    assert after.widths == (UNSEEN,) * 7
    assert after.climb is not None
    assert after.climb.marks == (None,) * 4
    assert after.climb.volts == near(LOW, 3.39, LOW, LOW)


def test_a_day_adds_two_in_ten_thousand_of_the_capacity_to_each_doubt() -> None:
    known = Ledger(ah=(1.0, 0.0, 0.0, 0.0), sigma_ah=(0.1, 0.2, 0.3, 0.4))
    after = heard(known, one(3.3), current_a=0.0, passed_s=43_200.0)
    assert after.sigma_ah == near(0.11, 0.21, 0.31, 0.41)
    assert after.ah == known.ah
    assert heard(Ledger(), one(3.3), current_a=0.0, passed_s=43_200.0).sigma_ah == ()


# What a balancer moves


def test_a_transfer_is_counted_in_ah_and_doubted_by_a_part() -> None:
    known = Ledger((1.0, 2.0, 3.0, 4.0), (0.1, 0.2, 0.3, 0.4), (), (0.0, 0.5, 0.0, 0.0))
    gives = typical().moved(known, Moved(1, -7200.0))
    assert gives.ah == (1.0, 0.0, 3.0, 4.0)
    assert gives.sigma_ah == near(0.1, 0.3, 0.3, 0.4)
    assert gives.moved_ah == (0.0, -1.5, 0.0, 0.0)
    guessed = typical().moved(known, Moved(3, 1800.0), 1.0)
    assert guessed.ah == (1.0, 2.0, 3.0, 4.5)
    assert guessed.sigma_ah == near(0.1, 0.2, 0.3, 0.9)
    assert typical().moved(known, Moved(0, 3600.0)).ah == (2.0, 2.0, 3.0, 4.0)
    assert typical().moved(Ledger(), Moved(0, 3600.0)) == Ledger()


def test_debts_are_against_the_mean() -> None:
    known = Ledger(ah=(1.0, 2.0, 3.0, 6.0), sigma_ah=(0.1, 0.2, 0.3, 0.4))
    assert known.debts() == Debts((-2.0, -1.0, 0.0, 3.0), (0.1, 0.2, 0.3, 0.4))
    assert Ledger().debts() is None


# One look after another


def told(
    ah: tuple[float, ...],
    sigma: tuple[float, ...],
    seen_ah: tuple[float, ...],
    by: tuple[float, ...],
) -> Ledger:
    return typical().told(Ledger(ah=ah, sigma_ah=sigma), Debts(seen_ah, by))


def test_the_first_that_is_told_is_taken() -> None:
    assert told((), (), (1.0, -1.0), (0.3, 0.4))[:2] == ((1.0, -1.0), (0.3, 0.4))
    assert told((5.0,), (0.1,), (1.0, -1.0), (0.3, 0.4))[:2] == ((1.0, -1.0), (0.3, 0.4))


def test_a_better_look_counts_by_its_variance() -> None:
    """0.16 against 0.09: 64 % of the way, and as sure as the look."""
    after = told((0.0, 0.0), (0.4, 0.4), (1.0, -1.0), (0.3, 0.3))
    assert after.ah == near(0.64, -0.64)
    assert after.sigma_ah == (0.3, 0.3)


@pytest.mark.parametrize(("off_ah", "kept"), [(1.49, True), (1.51, False)])
def test_a_worse_look_counts_only_beyond_three_sigma(off_ah: float, kept: bool) -> None:
    """0.3 and 0.4 Ah are 0.5 Ah together."""
    after = told((0.0, 0.0), (0.3, 0.3), (off_ah, -off_ah), (0.4, 0.4))
    if kept:
        assert (after.ah, after.sigma_ah) == (near(0.0, 0.0), (0.3, 0.3))
    else:
        ah = off_ah**3 / (off_ah**2 + 0.16)
        assert (after.ah, after.sigma_ah) == (near(ah, -ah), (0.4, 0.4))


def test_a_look_no_better_than_what_is_known_changes_nothing() -> None:
    after = told((0.0, 0.0), (0.3, 0.3), (1.0, -1.0), (0.3, 0.3))
    assert after[:2] == ((0.0, 0.0), (0.3, 0.3))


def test_what_all_went_up_by_is_no_difference() -> None:
    """Of variances 0.25 and 1.0 the shift is four parts of 1 Ah and one of 6 Ah: 2 Ah."""
    after = told((0.0, 0.0), (0.3, 0.6), (1.0, 6.0), (0.4, 0.8))
    # The first is 1 Ah off, within 1.5 Ah; the second 4 Ah, more than its 3 Ah.
    assert after.ah == near(2.0, 2.0 + 4.0 * 16 / 16.64)
    assert after.sigma_ah == (0.3, 0.8)


def test_the_shift_is_from_where_the_cells_were() -> None:
    after = told((10.0, 8.0), (0.4, 0.4), (3.0, -1.0), (0.3, 0.3))
    # 7 and 9 Ah down: 8 Ah, and 1 Ah off either way.
    assert after.ah == near(2.0 + 0.64, 0.0 - 0.64)


def test_a_cell_that_is_not_seen_goes_with_the_others() -> None:
    known = Ledger(ah=(0.0, 5.0, 0.0, 0.0), sigma_ah=(9.0, 0.7, 9.0, 9.0))
    after = heard(known, (3.37, 3.39, 3.37, 3.37), disturbed=(1,), passed_s=0.0)
    assert after.ah == near(0.25, 5.25, 0.25, 0.25)
    assert after.sigma_ah == near(0.06, 0.7, 0.06, 0.06)


def test_while_no_cell_is_seen_nothing_is_joined() -> None:
    known = Ledger(ah=(0.0, 5.0, 0.0, 0.0), sigma_ah=(9.0, 0.7, 9.0, 9.0))
    after = heard(known, (3.37,) * 4, disturbed=(0, 1, 2, 3), passed_s=0.0)
    assert (after.ah, after.sigma_ah) == (known.ah, known.sigma_ah)
