"""How far cells are apart by the slopes of a day, on four cells of 100 Ah and numbers by hand.

A pack of 100 Ah makes a look of three readings every 1.5 Ah. Its typical resistance is 1.25 mΩ for
each cell, so 20 A drop 25 mV.
"""

import math
from collections.abc import Callable

import pytest

from cellwarden.engine.balance_slopes import (
    Gathered,
    Look,
    Slopes,
    SlopeWatch,
    _inverse,
)
from cellwarden.engine.soc_estimator import Moved
from cellwarden.engine.view import View, look
from cellwarden.model import CHEMISTRIES, preset
from support.packs import reading

LFP = CHEMISTRIES["LiFePO4"]
ALIKE = (3.3, 3.3, 3.3, 3.3)
NONE_MOVED = (0.0, 0.0, 0.0, 0.0)


def four() -> SlopeWatch:
    return SlopeWatch(LFP, preset("LiFePO4", cell_count=4, design_capacity_ah=100))


def seen(
    volts: tuple[float | None, ...], current_a: float | None = 0.0, at_c: float = 25.0
) -> View:
    return look(
        reading(
            0.0,
            cell_voltages_v=volts,
            voltage_v=None,
            current_a=current_a,
            temperatures_c=(at_c, at_c),
        )
    )


def near(*values: float) -> object:
    return pytest.approx(values, rel=1e-6, abs=1e-12)


# What makes a look


def test_three_readings_make_one_look_of_their_means() -> None:
    first = four().hear(Slopes(), seen((3.30, 3.30, 3.30, 3.34), 10.0), 7.0, ())
    assert first.looks == ()
    assert first.gathered == Gathered(1, 10.0, 0.0125, (3.30, 3.30, 3.30, 3.34))
    second = four().hear(first, seen((3.30, 3.30, 3.32, 3.32), 20.0), 7.0, ())
    assert second.looks == ()
    assert second.gathered.readings == 2
    assert second.gathered.current_a == 30.0
    assert second.gathered.drop_v == pytest.approx(0.0375)
    assert second.gathered.volts == near(6.60, 6.60, 6.62, 6.66)
    third = four().hear(second, seen((3.27, 3.30, 3.30, 3.33), 30.0), 7.5, ())
    assert third.gathered == Gathered()
    (told,) = third.looks
    # 9.87, 9.90, 9.92 and 9.99 V in sum: 9.92 V in the mean, less 75 mV of resistance, a third.
    assert told.counted_ah == 7.5
    assert told.current_a == 20.0
    assert told.mean_v == pytest.approx((9.92 - 0.075) / 3)
    assert told.above_v == near(-0.05 / 3, -0.02 / 3, 0.0, 0.07 / 3)
    assert told.moved_ah == NONE_MOVED
    assert third.square == (0.0,) * 6


def test_a_cold_pack_drops_more() -> None:
    """exp(2500 K · (1/273.15 K - 1/298.15 K)) = 2.15 times at freezing."""
    cold = four().hear(Slopes(), seen(ALIKE, 10.0, 0.0), 0.0, ())
    assert cold.gathered.drop_v == pytest.approx(0.0125 * 2.1541, rel=1e-4)


def test_a_larger_pack_drops_less_and_waits_longer() -> None:
    watch = SlopeWatch(LFP, preset("LiFePO4", cell_count=4, design_capacity_ah=200))
    heard = watch.hear(Slopes(), seen(ALIKE, 10.0), 0.0, ())
    assert heard.gathered.drop_v == pytest.approx(0.00625)
    before = Slopes(looks=(Look(0.0, 0.0, 3.3, NONE_MOVED, NONE_MOVED),))
    assert watch.hear(before, seen(ALIKE), 2.9, ()) is before
    assert watch.hear(before, seen(ALIKE), 3.1, ()).gathered.readings == 1


@pytest.mark.parametrize(
    ("counted_ah", "heard"),
    [(10.0, 0), (11.4, 0), (8.6, 0), (11.5, 1), (8.5, 1), (11.6, 1), (8.4, 1)],
)
def test_the_next_look_waits_until_an_ah_and_a_half_has_flowed_either_way(
    counted_ah: float, heard: int
) -> None:
    before = Slopes(
        looks=(
            Look(0.0, 0.0, 3.3, NONE_MOVED, NONE_MOVED),
            Look(10.0, 0.0, 3.3, NONE_MOVED, NONE_MOVED),
        )
    )
    assert four().hear(before, seen(ALIKE), counted_ah, ()).gathered.readings == heard


@pytest.mark.parametrize(
    ("view", "disturbed"),
    [
        (seen(ALIKE), {2}),
        (seen(ALIKE, None), ()),
        (seen((3.3, None, 3.3, 3.3)), ()),
        (seen((3.3, 3.3, 3.3)), ()),
        (seen((3.3,) * 5), ()),
    ],
)
def test_what_is_not_whole_begins_the_look_anew(view: View, disturbed: set[int]) -> None:
    begun = four().hear(Slopes(), seen(ALIKE), 0.0, ())
    assert begun.gathered.readings == 1
    assert four().hear(begun, view, 0.0, disturbed) == Slopes()
    assert four().hear(begun, view, 0.0, disturbed).gathered == Gathered()
    nothing = Slopes()
    assert four().hear(nothing, view, 0.0, disturbed) is nothing


# What a balancer moves


def test_what_a_balancer_brings_is_summed_by_cell_in_ah() -> None:
    once = four().moved(Slopes(), Moved(1, 3600.0))
    assert once.moved_ah == (0.0, 1.0, 0.0, 0.0)
    twice = four().moved(once, Moved(1, -900.0))
    assert twice.moved_ah == (0.0, 0.75, 0.0, 0.0)
    assert four().moved(twice, Moved(3, 7200.0)).moved_ah == (0.0, 0.75, 0.0, 2.0)
    assert four().moved(twice, Moved(0, 7200.0)).moved_ah == (2.0, 0.75, 0.0, 0.0)


def test_a_look_keeps_what_was_moved_until_then_above_the_mean() -> None:
    slopes = Slopes(moved_ah=(4.0, 0.0, 0.0, -2.0))
    for _ in range(3):
        slopes = four().hear(slopes, seen(ALIKE), 0.0, ())
    assert slopes.looks[0].moved_ah == (3.5, -0.5, -0.5, -2.5)
    assert slopes.moved_ah == (4.0, 0.0, 0.0, -2.0)


# What five looks say


Height = tuple[float, float, float, float]


def five(
    volts: Callable[[float], float],
    above_v: Height = NONE_MOVED,
    moved_ah: Height = NONE_MOVED,
    amps: tuple[float, ...] = (20.0,) * 5,
    ways: tuple[float, ...] = (0.0, 2.0, 4.0, 6.0, 8.0),
) -> Slopes:
    """Four looks remembered and the fifth heard; `volts`: the mean by what was counted."""
    looks = tuple(
        Look(ah, a, volts(ah), above_v, moved_ah) for ah, a in zip(ways[:4], amps, strict=False)
    )
    slopes = Slopes(looks=looks, moved_ah=moved_ah)
    shown = (volts(ways[4]) + 0.00125 * amps[4],) * 4
    for _ in range(3):
        slopes = four().hear(slopes, seen(shown, amps[4]), ways[4], ())
    return slopes


def rising(ah: float) -> float:
    """2 mV for each Ah."""
    return 3.2 + 0.002 * ah


def test_the_fifth_look_tells_slope_and_current_of_the_one_in_the_middle() -> None:
    """2 mV/Ah is 2 units, 20 A are 2 units: squares and products of 2, 1 and 2."""
    after = five(rising)
    assert after.square == near(4.0, 2.0, 4.0, 1.0, 2.0, 4.0)
    assert [told.counted_ah for told in after.looks] == [2.0, 4.0, 6.0, 8.0]


def test_the_slope_is_that_from_the_first_to_the_last_look() -> None:
    """8 mV over the whole way of 8 Ah, however it went between."""
    bent = {0.0: 3.300, 2.0: 3.310, 4.0: 3.290, 6.0: 3.330, 8.0: 3.308}
    after = five(bent.__getitem__, amps=(10.0, 12.0, 30.0, 8.0, 10.0))
    assert after.square == near(1.0, 1.0, 3.0, 1.0, 3.0, 9.0)


def test_heights_are_summed_in_the_same_units() -> None:
    """3 mV above are 3 units, times slope 2, one 1, current 2 and itself."""
    after = five(rising, (0.003, -0.001, 0.0, -0.002))
    assert after.cells[0] == near(3000 * 0.002, 3.0, 3000 * 0.002, 3000 * 0.003)
    assert after.cells[1] == near(-1000 * 0.002, -1.0, -1000 * 0.002, 1000 * 0.001)
    assert after.cells[2] == (0.0, 0.0, 0.0, 0.0)
    assert after.cells[3] == near(-4.0, -2.0, -4.0, 4.0)


def test_slope_and_current_are_told_apart() -> None:
    """A slope of 3 mV/Ah at 50 A: 3, 1 and 5 units; the cell 2 mV above."""
    after = five(lambda ah: 3.2 + 0.003 * ah, (0.002, 0.0, 0.0, -0.002), amps=(50.0,) * 5)
    assert after.square == near(9.0, 3.0, 15.0, 1.0, 5.0, 25.0)
    assert after.cells[0] == near(6.0, 2.0, 10.0, 4.0)


def test_what_a_balancer_brought_is_taken_off_the_height() -> None:
    """1.5 Ah too much at 2 mV/Ah: of the 3 mV nothing is left of the cell's own."""
    after = five(rising, (0.003, 0.0, 0.0, 0.0), (1.5, -0.5, -0.5, -0.5))
    assert after.cells[0] == near(0.0, 0.0, 0.0, 0.0)
    assert after.cells[1] == near(2.0, 1.0, 2.0, 1.0)


@pytest.mark.parametrize(
    ("amps", "weight"),
    [
        ((20.0, 20.0, 20.0, 20.0, 20.0), 1.0),
        # 30 % of 1.25 mΩ at 2 A: 0.75 mV of 0.5 mV known is 1.5 sigma.
        ((20.0, 20.0, 20.0, 20.0, 22.0), 1 / 3.25),
        ((22.0, 20.0, 20.0, 20.0, 20.0), 1 / 3.25),
        ((20.0, 20.0, 20.0, 20.0, 23.5), 1 / (1 + 2.625**2)),
        ((20.0, 20.0, 20.0, 20.0, 23.7), None),
        ((23.7, 20.0, 20.0, 20.0, 20.0), None),
        ((20.0, 50.0, 20.0, 50.0, 20.0), 1.0),
    ],
)
def test_a_current_that_changed_makes_a_slope_doubtful(
    amps: tuple[float, ...], weight: float | None
) -> None:
    after = five(rising, (0.001, 0.0, 0.0, -0.001), amps=amps)
    if weight is None:
        assert (after.square, after.cells) == ((0.0,) * 6, ())
        assert len(after.looks) == 4
    else:
        parts = (4.0, 2.0, 4.0, 1.0, 2.0, 4.0)
        assert after.square == near(*[weight * part for part in parts])
        assert after.cells[0] == near(*[weight * part for part in (2.0, 1.0, 2.0, 1.0)])


@pytest.mark.parametrize(("changed_a", "steady"), [(9.0, True), (9.25, False)])
def test_a_change_of_nine_amperes_is_steady_for_250_ah(changed_a: float, steady: bool) -> None:
    watch = SlopeWatch(LFP, preset("LiFePO4", cell_count=4, design_capacity_ah=250))
    slopes = Slopes(looks=tuple(Look(4.0 * n, 9.0, 3.3, NONE_MOVED, NONE_MOVED) for n in range(4)))
    for _ in range(3):
        slopes = watch.hear(slopes, seen(ALIKE, 9.0 + changed_a), 16.0, ())
    assert (slopes.square[3] > 0.0) is steady


@pytest.mark.parametrize(
    ("ways", "told"),
    [
        ((0.0, 2.0, 4.0, 6.0, 8.0), True),
        ((8.0, 6.0, 4.0, 2.0, 0.0), True),
        ((0.0, 2.0, 0.0, 2.0, 4.0), False),
        ((8.0, 6.0, 4.0, 6.0, 4.0), False),
    ],
)
def test_only_one_way_tells_a_slope(ways: tuple[float, ...], told: bool) -> None:
    after = five(rising, (0.003, 0.0, 0.0, -0.003), ways=ways)
    assert (after.square != (0.0,) * 6) is told
    if told:
        assert after.square == near(4.0, 2.0, 4.0, 1.0, 2.0, 4.0)
        assert after.cells[0] == near(6.0, 3.0, 6.0, 9.0)


def test_four_looks_are_too_few() -> None:
    slopes = Slopes(looks=tuple(Look(2.0 * n, 20.0, 3.3, NONE_MOVED, NONE_MOVED) for n in range(3)))
    for _ in range(3):
        slopes = four().hear(slopes, seen(ALIKE, 20.0), 6.0, ())
    assert (len(slopes.looks), slopes.square, slopes.cells) == (4, (0.0,) * 6, ())


def test_older_looks_fade_by_three_halves_of_a_percent() -> None:
    before = Slopes(
        looks=tuple(
            Look(2.0 * n, 20.0, rising(2.0 * n), (0.003, 0.0, 0.0, -0.003), NONE_MOVED)
            for n in range(4)
        ),
        square=(100.0, 10.0, 20.0, 50.0, 30.0, 200.0),
        cells=((10.0, 20.0, 30.0, 40.0), *((0.0,) * 4,) * 3),
    )
    for _ in range(3):
        before = four().hear(before, seen((rising(8.0) + 0.025,) * 4, 20.0), 8.0, ())
    assert before.square == near(102.5, 11.85, 23.7, 50.25, 31.55, 201.0)
    assert before.cells[0] == near(15.85, 22.7, 35.55, 48.4)
    assert before.cells[3] == near(-6.0, -3.0, -6.0, 9.0)


# What the sums come to


def test_a_matrix_times_its_inverse_is_one() -> None:
    told = _inverse((4.0, 2.0, 1.0, 5.0, 3.0, 6.0))
    assert told is not None
    assert [67 * v for v in told[0]] == pytest.approx([21.0, -9.0, 1.0])
    assert [67 * v for v in told[1]] == pytest.approx([-9.0, 23.0, -10.0])
    assert [67 * v for v in told[2]] == pytest.approx([1.0, -10.0, 16.0])


@pytest.mark.parametrize(
    "square",
    [
        (0.0,) * 6,
        (4.0, 2.0, 2.0, 1.0, 1.0, 1.0),  # the slope never changed
        (1.0, 1.0, 2.0, 1.0, 2.0, 4.0),
        (1.0, 0.0, 0.0, 1.0, 1.0, 1.0 + 0.9e-9),
    ],
)
def test_where_two_unknowns_go_together_nothing_is_told(square: tuple[float, ...]) -> None:
    assert _inverse(square) is None
    many = tuple(1e3 * v for v in square)
    assert four().debts(Slopes(square=many, cells=((0.0,) * 4,) * 4)) is None


def test_what_hardly_differs_is_enough() -> None:
    assert _inverse((2.0, 0.0, 0.0, 2.0, 2.0, 2.0 * (1 + 1.2e-9))) is not None
    assert _inverse((2.0, 0.0, 0.0, 2.0, 2.0, 2.0 * (1 + 0.8e-9))) is None


APART = Slopes(
    square=(4.0, 0.0, 0.0, 20.0, 0.0, 5.0),
    cells=((8.0, 0.0, 0.0, 16.0), (0.0,) * 4, (-4.0, 0.0, 0.0, 4.0), (-4.0, 0.0, 0.0, 4.0)),
)
"""Heights of exactly 2, 0, -1 and -1 Ah times the slope."""


def test_a_height_that_follows_the_slope_is_charge() -> None:
    """Sigma: a quarter of a percent of the capacity, and a fifth of the distance."""
    told = four().debts(APART)
    assert told is not None
    assert told.ah == (2.0, 0.0, -1.0, -1.0)
    one = math.hypot(0.25, 0.2)
    assert told.sigma_ah == near(math.hypot(0.25, 0.4), 0.25, one, one)


def test_what_is_left_unexplained_makes_doubt() -> None:
    """34 too much of its own over 17 free looks, four fold as looks overlap, over the squares 4."""
    cells = ((8.0, 0.0, 0.0, 16.0 + 34.0), *APART.cells[1:])
    told = four().debts(APART._replace(cells=cells))
    assert told is not None
    assert told.ah[0] == 2.0
    assert told.sigma_ah[0] == pytest.approx(math.sqrt(4 * 2.0 / 4 + 0.25**2 + 0.4**2))
    assert told.sigma_ah[1] == pytest.approx(0.25)


def test_less_left_than_nothing_is_rounding() -> None:
    cells = ((8.0, 0.0, 0.0, 15.9), *APART.cells[1:])
    told = four().debts(APART._replace(cells=cells))
    assert told is not None
    assert told.sigma_ah[0] == pytest.approx(math.hypot(0.25, 0.4))


def test_what_was_moved_since_is_added_less_its_mean() -> None:
    told = four().debts(APART._replace(moved_ah=(-2.0, 1.0, 0.0, 3.0)))
    assert told is not None
    assert told.ah == (2.0 - 2.5, 0.5, -1.5, 1.5)


@pytest.mark.parametrize(("looks", "known"), [(9.9, False), (10.0, True), (10.1, True)])
def test_ten_looks_are_needed(looks: float, known: bool) -> None:
    slopes = APART._replace(square=(4.0, 0.0, 0.0, looks, 0.0, 5.0))
    assert (four().debts(slopes) is not None) is known


def test_offset_and_resistance_are_no_charge() -> None:
    """Least squares by hand: the cell's 3 Ah, 2 mV of offset and 0.4 mΩ, that is 4 units."""
    a, b, c, d, e, f = 60.0, 20.0, 30.0, 20.0, 10.0, 40.0
    by_slope, by_one = 3 * a + 2 * b + 4 * c, 3 * b + 2 * d + 4 * e
    by_current = 3 * c + 2 * e + 4 * f
    own = 3 * by_slope + 2 * by_one + 4 * by_current
    assert (by_slope, by_one, by_current, own) == (340.0, 140.0, 270.0, 2380.0)
    slopes = Slopes(
        square=(a, b, c, d, e, f), cells=((340.0, 140.0, 270.0, 2380.0), *((0.0,) * 4,) * 3)
    )
    told = four().debts(slopes)
    assert told is not None
    assert told.ah == near(3.0, 0.0, 0.0, 0.0)
    assert told.sigma_ah[0] == pytest.approx(math.hypot(0.25, 0.6))


def test_a_day_over_a_bend_tells_what_cells_have_sense_and_resist() -> None:
    """Cells of +2, 0, -1 and -1 Ah, misread by +3, -1, -2 and 0 mV, of +0.2 to -0.2 mΩ."""
    has_ah, off_v = (2.0, 0.0, -1.0, -1.0), (0.003, -0.001, -0.002, 0.0)
    more_ohm = (0.0002, 0.0001, -0.0001, -0.0002)
    slopes = Slopes()
    for n in range(60):
        counted_ah = 2.0 * n
        # A parabola, whose slope in the middle is that from end to end.
        mean_v, slope = 3.2 + 1e-5 * counted_ah**2, 2e-5 * counted_ah
        current_a = 10.0 + 0.2 * (n % 20)
        volts = tuple(
            mean_v + 0.00125 * current_a + ah * slope + off + ohm * current_a
            for ah, off, ohm in zip(has_ah, off_v, more_ohm, strict=True)
        )
        for _ in range(3):
            slopes = four().hear(slopes, seen(volts, current_a), counted_ah, ())
    told = four().debts(slopes)
    assert told is not None
    assert told.ah == pytest.approx(has_ah, abs=1e-6)
    assert told.sigma_ah == pytest.approx(
        (math.hypot(0.25, 0.4), 0.25, math.hypot(0.25, 0.2), math.hypot(0.25, 0.2)), abs=1e-5
    )
