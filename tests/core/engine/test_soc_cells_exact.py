"""What a cell's filter makes of what it hears, worked out by hand.

The curve here rises by 1 V from empty to full, so a volt is a state of charge and nothing is bent.
"""

import math

import pytest

from cellwarden.engine.kalman import diagonal
from cellwarden.engine.soc_cells import Cell, CellFilter, mean_soc, pack
from cellwarden.engine.soc_curve import OcvCurve
from cellwarden.engine.soc_mean import Climate, Mean

LINE = OcvCurve(((0.0, 3.0), (100.0, 4.0)))
MILD = Climate(1.0, 1.0, 0.0)
SURE = CellFilter(LINE, 0.1, trusted=True)
ROUGH = CellFilter(LINE, 0.1, trusted=False)
LONG_S = 1200.0
"""One witness."""


def known(soc: float = 0.5, **changes: object) -> Mean:
    """A mean of which everything is known."""
    plain = Mean((soc, 0.0, 1.0, 0.1, 1.0, 0.0, 0.0), diagonal((0.0,) * 7))
    return plain._replace(**changes)


def cell(
    apart: float = 0.0, ohmic: float = 0.0, less_ah: float = 0.0, sensor_v: float = 0.0, *,
    p: tuple[float, float, float, float] = (1e-4, 0.0, 0.0, 0.0), odd: int = 0,
) -> Cell:  # fmt: skip
    return Cell((apart, ohmic, less_ah, sensor_v), diagonal(p), odd)


def heard(
    above_v: tuple[float, ...],
    cells: tuple[Cell, ...] | None = None,
    *,
    by: CellFilter = SURE,
    of_mean: Mean | None = None,
    rate_c: float = 0.0,
    climate: Climate = MILD,
    seconds: float = LONG_S,
) -> tuple[Cell, ...]:
    every = (cell(),) * len(above_v) if cells is None else cells
    return by.hear(every, above_v, of_mean or known(), rate_c, climate, seconds)


def apart(cells: tuple[Cell, ...]) -> list[float]:
    return [each.x[0] for each in cells]


# Start, count, shift


def test_at_first_a_cell_is_like_the_mean_within_1_percent_of_charge() -> None:
    first = SURE.start()
    assert first.x == (0.0, 0.0, 0.0, 0.0)
    # 1 % of charge, 15 % of the resistance of 0.1 V per C, 1.3 % of capacity, 1 mV
    assert [first.p[n][n] for n in range(4)] == pytest.approx([1e-4, 2.25e-4, 1.69e-4, 1e-6])
    assert first.odd == 0


def test_a_smaller_cell_runs_ahead_of_the_mean_and_its_doubt_with_it() -> None:
    small = cell(0.01, 0.002, 0.1, 0.003, p=(1e-4, 2e-4, 4e-4, 1e-6), odd=3)
    (after,) = SURE.count((small,), 0.2, 1.0)
    assert after.x == pytest.approx((0.03, 0.002, 0.1, 0.003))  # 0.2 of charge, 10 % of it more
    assert after.odd == 3
    # 0.2² of the capacity's variance, and the walks of an hour
    assert after.p[0][0] == pytest.approx(1e-4 + 1.6e-5 + 1e-10, rel=1e-9)
    assert after.p[0][2] == after.p[2][0] == pytest.approx(8e-5)
    assert after.p[1][1] == pytest.approx(2e-4 + 2.5e-7, rel=1e-9)
    assert (after.p[2][2], after.p[3][3]) == (4e-4, 1e-6)


def test_the_walks_grow_with_the_time() -> None:
    (after,) = SURE.count((cell(p=(0.0, 0.0, 0.0, 0.0)),), 0.0, 4.0)
    assert [after.p[n][n] for n in range(4)] == pytest.approx([4e-10, 1e-6, 0.0, 0.0])


def test_the_doubts_about_many_transfers_of_a_balancer_add_up() -> None:
    moved = SURE.shift((cell(odd=2), cell(0.02)), (0.1, -0.04), 0.05)
    assert apart(tuple(moved)) == pytest.approx([0.1, -0.02])
    # sigmas: 1 % and 5 % of what was moved, added
    assert [math.sqrt(c.p[0][0]) for c in moved] == pytest.approx([0.015, 0.012])
    assert moved[0].odd == 2
    (twice,) = SURE.shift((moved[0],), (-0.1,), 0.05)
    assert twice.x[0] == pytest.approx(0.0)
    assert math.sqrt(twice.p[0][0]) == pytest.approx(0.02)


# One look


def test_a_cell_that_shows_10_mv_more_is_a_percent_fuller_as_far_as_that_is_believed() -> None:
    # Believed: 1e-4. The look: 0.8 mV and 0.2 % of charge: 6.4e-7 + 4e-6 = 4.64e-6.
    after = heard((0.010, 0.0, -0.010))
    gain = 1e-4 / 1.0464e-4
    assert apart(after) == pytest.approx([0.01 * gain, 0.0, -0.01 * gain])
    assert after[0].p[0][0] == pytest.approx(1e-4 * 4.64e-6 / 1.0464e-4)


def test_what_all_cells_share_is_the_means() -> None:
    assert apart(heard((0.015, 0.005, -0.005))) == pytest.approx(apart(heard((0.01, 0.0, -0.01))))


def test_a_cell_is_held_against_where_it_was_believed() -> None:
    fuller = (cell(0.01), cell(), cell(-0.01))
    assert apart(heard((0.01, 0.0, -0.01), fuller)) == pytest.approx([0.01, 0.0, -0.01])


@pytest.mark.parametrize(
    ("seconds", "noise"),
    [(600.0, 9.28e-6), (1199.0, 4.64e-6 * 1200 / 1199), (1200.0, 4.64e-6), (3000.0, 4.64e-6)],
)
def test_looks_within_20_minutes_are_one_witness(seconds: float, noise: float) -> None:
    after = heard((0.01, 0.0, -0.01), seconds=seconds)
    assert after[0].x[0] == pytest.approx(0.01 * 1e-4 / (1e-4 + noise), rel=1e-9)


def test_a_typical_curve_tells_half_a_percent_at_best() -> None:
    after = heard((0.01, 0.0, -0.01), by=ROUGH)
    noise = 6.4e-7 + 2.5e-5
    assert after[0].x[0] == pytest.approx(0.01 * 1e-4 / (1e-4 + noise))


def test_what_a_current_leaves_behind_makes_the_curve_uncertain() -> None:
    # Lags of 4 %, 15 % of which are wrong: 0.006² = 3.6e-5.
    after = heard((0.01, 0.0, -0.01), of_mean=known(lags=(0.03, 0.02, -0.01)))
    assert after[0].x[0] == pytest.approx(0.01 * 1e-4 / (1e-4 + 4.64e-6 + 3.6e-5))


def test_under_current_a_part_of_it_is_resistance_and_sense_input() -> None:
    # 0.2 C at a resistance 1.5 times as high: 0.3 V per unit of it.
    one = cell(0.0, 0.01, 0.0, 0.001, p=(1e-4, 4e-4, 1e-4, 1e-6))
    after = heard(
        (0.012, -0.006, -0.006), (one, cell(), cell()),
        rate_c=0.2, climate=Climate(1.5, 1.0, 0.0),
    )  # fmt: skip
    # 12 mV less 3 mV of the resistance, less 1 mV of the sense input: 8 mV to be explained by
    # charge 1e-4, resistance 0.3² · 4e-4, sense input 1e-6, or noise, where 3 % of the drop of
    # 30 mV may be wrong: 8.1e-7.
    total = 1e-4 + 3.6e-5 + 1e-6 + 4.64e-6 + 8.1e-7
    assert after[0].x == pytest.approx(
        (0.008e-4 / total, 0.01 + 0.008 * 1.2e-4 / total, 0.0, 0.001 + 0.008e-6 / total)
    )


@pytest.mark.parametrize(("by", "least"), [(SURE, 0.002), (ROUGH, 0.0115)])
def test_a_distance_is_never_known_better_than_a_part_of_it(by: CellFilter, least: float) -> None:
    # 0.1 % and 5 % of 2 %; with a typical curve 0.15 % and half of it
    sure = cell(0.02, p=(1e-10, 2e-6, 0.0, 0.0))
    after = heard((0.02, 0.0, 0.0), (sure, cell(), cell()), by=by)
    assert math.sqrt(after[0].p[0][0]) == pytest.approx(least)
    assert after[0].p[1][1] == pytest.approx(2e-6)
    minus = heard((-0.02, 0.0, 0.0), (cell(-0.02, p=(1e-10, 0, 0, 0)), cell(), cell()), by=by)
    assert math.sqrt(minus[0].p[0][0]) == pytest.approx(least)


BEND = OcvCurve(((0.0, 3.0), (50.0, 3.5), (100.0, 5.0)))
"""1 V a unit below the middle, 3 above."""


@pytest.mark.parametrize(
    ("sigma", "soc", "more"),
    [
        # 2 V of slope more within 1.5 sigma above, times half a percent that a cell may be off
        (0.05, 0.45, 1e-4),
        (0.20, 0.45, 1e-4),  # further than 7.5 % nobody looks
        (0.20, 0.41, 0.0),
        (0.02, 0.45, 0.0),
        (0.03, 0.44, 0.0),
    ],
)
def test_near_a_knee_a_mean_that_is_not_known_tells_no_slope(
    sigma: float, soc: float, more: float
) -> None:
    unsure = known(soc, p=diagonal((sigma**2, 0, 0, 0, 0, 0, 0)))
    after = heard((0.005, 0.0, 0.0), by=CellFilter(BEND, 0.1, trusted=True), of_mean=unsure,
                  cells=(cell(p=(1.6e-5, 0, 0, 0)),) * 3)  # fmt: skip
    off = 0.005 - 0.005 / 3  # the mean of all three is taken out
    assert after[0].x[0] == pytest.approx(off * 1.6e-5 / (1.6e-5 + 4.64e-6 + more), rel=1e-6)


def test_the_doubt_of_a_slope_grows_with_how_far_a_cell_is_apart() -> None:
    unsure = known(0.44, p=diagonal((0.0025, 0, 0, 0, 0, 0, 0)))
    every = (cell(0.01, p=(1.6e-5, 0, 0, 0)), *(cell(p=(1.6e-5, 0, 0, 0)),) * 2)
    after = heard((0.013, 0.0, 0.0), every, by=CellFilter(BEND, 0.1, trusted=True), of_mean=unsure)
    # 3 mV more than expected, 1 mV of it shared; (2 V · 1 %)² of doubt
    assert after[0].x[0] == pytest.approx(0.01 + 0.002 * 1.6e-5 / (1.6e-5 + 4.64e-6 + 4e-4))


# Odd cells


def four(first: Cell) -> tuple[Cell, ...]:
    return (first, cell(), cell(), cell())


def looks(count: int, above_v: tuple[float, ...], cells: tuple[Cell, ...], **how: object):
    for _ in range(count):
        cells = heard(above_v, cells, **how)  # type: ignore[arg-type]
    return cells


SHOWN = (0.1, 0.0, 0.0, 0.0)


def test_a_little_too_far_off_is_learned_but_slowly() -> None:
    tight = four(cell(p=(1e-6, 0.0, 0.0, 0.0)))
    after = heard((0.02, 0.0, 0.0, 0.0), tight)
    # Four cells share 5 mV of it, the rest counts as no more than three sigma.
    assert after[0].x[0] == pytest.approx(0.015 * 1e-6 / (0.015**2 / 9))
    assert after[0].odd == 0


def test_a_cell_that_cannot_be_where_it_is_believed_is_moved_after_five_looks() -> None:
    unsure = known(p=diagonal((1e-4, 0, 0, 0, 0, 0, 0)))
    first = cell(p=(1e-6, 0.0, 0.0, 1e-6))
    after = looks(4, SHOWN, four(first), of_mean=unsure)
    assert after[0] == first._replace(odd=4)  # nothing is learned of it meanwhile
    after = heard(SHOWN, after, of_mean=unsure)
    assert after[0].odd == 0
    # The place is known to 0.8 mV, 1 mV of the sense input, 4 mV of coming to rest, 0.2 % of
    # charge and what the mean is not known: 1.2164e-4. Half the distance is the new sigma.
    sigma2 = 6.4e-7 + 1e-6 + 1.6e-5 + 4e-6 + 1e-4
    assert after[0].x[0] == pytest.approx(0.1 * (1 - sigma2 / 0.0025))
    assert after[0].x[0] == pytest.approx(0.09513, abs=1e-5)
    assert after[0].p[0][0] == pytest.approx((0.0025 - sigma2) * sigma2 / 0.0025)
    assert after[1].x[0] == pytest.approx(0.0)


def test_it_is_moved_to_where_it_shows_from_wherever_it_was_believed() -> None:
    first = cell(0.05, p=(1e-6, 0.0, 0.0, 1e-6))
    after = looks(5, (-0.03, 0.0, 0.0, 0.0), four(first))
    sigma2 = 6.4e-7 + 1e-6 + 1.6e-5 + 4e-6
    assert after[0].x[0] == pytest.approx(0.05 - 0.08 * (1 - sigma2 / 0.0016))


def test_a_look_that_fits_in_between_starts_the_five_anew() -> None:
    every = looks(4, SHOWN, four(cell(p=(1e-6, 0.0, 0.0, 1e-6))))
    every = heard((0.0,) * 4, every)
    assert every[0].odd == 0
    every = looks(4, SHOWN, every)
    assert every[0].odd == 4


def odd_after_a_look(above_v: tuple[float, ...] = SHOWN, **how: object) -> int:
    every = (cell(p=(1e-6, 0.0, 0.0, 1e-6)), *(cell(),) * (len(above_v) - 1))
    return looks(1, above_v, every, **how)[0].odd


@pytest.mark.parametrize(("above_v", "odd"), [(0.0601, 1), (-0.0601, 1), (0.0599, 0), (-0.0599, 0)])
def test_less_than_3_percent_off_is_no_odd_charge(above_v: float, odd: int) -> None:
    double = CellFilter(OcvCurve(((0.0, 3.0), (100.0, 5.0))), 0.1, trusted=True)
    assert odd_after_a_look((above_v, 0.0, 0.0, 0.0), by=double) == odd


@pytest.mark.parametrize(("rate_c", "odd"), [(0.05, 1), (-0.05, 1), (0.051, 0), (-0.051, 0)])
def test_a_bad_contact_under_current_is_no_odd_charge(rate_c: float, odd: int) -> None:
    assert odd_after_a_look(rate_c=rate_c) == odd


@pytest.mark.parametrize(("slope_v", "odd"), [(4.9, 1), (5.1, 0)])
def test_where_the_mean_itself_is_at_a_knee_no_cell_is_odd(slope_v: float, odd: int) -> None:
    steep = CellFilter(OcvCurve(((0.0, 3.0), (100.0, 3.0 + slope_v))), 0.1, trusted=True)
    assert odd_after_a_look((0.4, 0.0, 0.0, 0.0), by=steep) == odd


@pytest.mark.parametrize(
    ("above_v", "odd"),
    [
        ((0.1, 0.0, 0.0), 0),
        ((0.1, 0.0, 0.0, 0.0), 1),
        ((0.1, 0.1, *(0.0,) * 6), 1),
        ((0.1, 0.1, -0.1, *(0.0,) * 5), 0),
        ((0.1, 0.1, -0.0299, *(0.0,) * 5), 1),
    ],
)
def test_if_more_than_a_quarter_is_odd_it_is_the_mean(above_v, odd: int) -> None:
    assert odd_after_a_look(above_v) == odd


def test_while_the_mean_itself_is_lost_no_cell_is_odd() -> None:
    assert odd_after_a_look(of_mean=known(lost_s=0.0)) == 1
    assert odd_after_a_look(of_mean=known(lost_s=10.0)) == 0


@pytest.mark.parametrize(("sigma", "odd"), [(0.031, 1), (0.035, 0)])
def test_a_cell_within_three_sigma_of_a_mean_not_well_known_is_not_odd(sigma, odd: int) -> None:
    # 0.1 are three times 0.0333; the cell and the look have 0.0047 of their own.
    unsure = known(p=diagonal((sigma**2, 0, 0, 0, 0, 0, 0)))
    assert odd_after_a_look(of_mean=unsure) == odd


SHELF = OcvCurve(((0.0, 3.0), (20.0, 3.3), (80.0, 3.32), (100.0, 4.0)))
"""Nearly flat in its middle: a voltage that is far off says nothing there."""


@pytest.mark.parametrize(("sigma", "odd"), [(0.132, 1), (0.134, 0)])
def test_a_cell_that_may_be_anywhere_is_not_odd(sigma: float, odd: int) -> None:
    # At 50 % believed it shows 3.15 V, 10 %: 0.4 are three times 0.1333.
    every = four(cell(p=(sigma**2, 0.0, 0.0, 0.0)))
    after = heard((-0.16, 0.0, 0.0, 0.0), every, by=CellFilter(SHELF, 0.1, trusted=True))
    assert after[0].odd == odd


def test_a_charge_that_flowed_since_tells_how_much_of_it_is_the_capacitys() -> None:
    # Believed 1 % apart and 1 % of capacity, fully correlated: both took part in it alike.
    p = ((1e-4, 0.0, 1e-4, 0.0), (0.0,) * 4, (1e-4, 0.0, 1e-4, 0.0), (0.0,) * 4)
    after = looks(5, SHOWN, four(Cell((0.0, 0.0, 0.0, 0.0), p)))
    sigma2 = 6.4e-7 + 1.6e-5 + 4e-6
    shift = 0.1 * (1 - sigma2 / 0.0025)
    assert after[0].x == pytest.approx((shift, 0.0, shift, 0.0))


def test_what_is_made_of_a_cells_capacity_stays_between_a_quarter_and_twice_the_means() -> None:
    p = ((1e-4, 0.0, 1e-4, 0.0), (0.0,) * 4, (1e-4, 0.0, 1e-4, 0.0), (0.0,) * 4)
    up = looks(5, SHOWN, four(Cell((0.0, 0.0, 2.95, 0.0), p)))
    assert up[0].x[2] == 3.0
    down = looks(5, (-0.1, 0.0, 0.0, 0.0), four(Cell((0.0, 0.0, -0.45, 0.0), p)))
    assert down[0].x[2] == -0.5


# The pack


CERTAIN = (0.0, 0.0, 0.0, 0.0)


def of(soc: float, *cells: Cell, top: float = 1.0, per_ah: float = 1.0):
    mean = known(x=(soc, 0.0, per_ah, 0.1, 1.0, 0.0, 0.0))
    return pack(mean, cells, top)


def test_the_weakest_cell_gives_and_the_fullest_takes() -> None:
    made = of(0.5, cell(p=CERTAIN), cell(0.1, p=CERTAIN), cell(-0.2, p=CERTAIN))
    assert (made.usable, made.soc) == (pytest.approx(0.7), pytest.approx(0.3 / 0.7))
    assert made.sigma == 0.0
    assert made.usable_sigma == pytest.approx(0.007)  # nothing is known better than to 1 %


def test_a_small_cell_is_weakest_and_fullest_at_once() -> None:
    made = of(0.4, cell(p=CERTAIN), cell(0.0, 0.0, 0.25, p=CERTAIN), per_ah=1.25)
    # 0.8 of the design; the small cell has 0.64: 40 % of it given, 60 % taken
    assert (made.usable, made.soc) == (pytest.approx(0.64), pytest.approx(0.4))


def test_full_is_what_the_charge_voltage_reaches() -> None:
    made = of(0.45, cell(p=CERTAIN), top=0.9)
    assert (made.usable, made.soc) == (pytest.approx(0.9), pytest.approx(0.5))


def test_unless_told_otherwise_full_is_the_curves_end() -> None:
    alone = (cell(p=CERTAIN),)
    assert pack(known(0.5), alone).soc == pytest.approx(0.5)
    assert mean_soc(0.5, known(), alone) == pytest.approx(0.5)


def test_an_empty_pack_gives_nothing_and_a_full_one_takes_nothing() -> None:
    assert of(0.02, cell(-0.05, p=CERTAIN), cell(p=CERTAIN)).soc == 0.0
    assert of(0.98, cell(0.05, p=CERTAIN), cell(p=CERTAIN)).soc == 1.0
    hopeless = of(0.5, cell(-0.5, p=CERTAIN), cell(0.5, p=CERTAIN))
    assert (hopeless.usable, hopeless.soc) == (0.05, 0.0)


def test_of_sixteen_cells_known_to_1_percent_the_weakest_is_1_8_percent_weaker() -> None:
    made = of(0.5, *(cell(),) * 16)
    # 0.75 · sqrt(2 · ln 16) = 1.7661 sigma at either end
    assert made.usable == pytest.approx(1 - 2 * 0.017661, abs=1e-6)
    assert made.soc == pytest.approx(0.5)
    # A quarter of 1e-4 for each end
    assert made.sigma == pytest.approx(math.sqrt(5e-5) / made.usable)


def test_what_is_known_of_the_weakest_counts_near_empty_and_of_the_fullest_near_full() -> None:
    weak, full = cell(-0.1, p=(4e-4, 0, 0, 0)), cell(0.1, p=(1e-4, 0, 0, 0))
    made = of(0.3, weak, full)
    # 0.75 · sqrt(2 · ln 2) = 0.88305 sigma: 0.2 of distance and 0.0177 or 0.0088 beside it
    give = 0.3 - math.hypot(0.1, 0.88305 * 0.02)
    take = 0.7 - math.hypot(0.1, 0.88305 * 0.01)
    part = give / (give + take)
    assert made.usable == pytest.approx(give + take, abs=1e-6)
    assert made.soc == pytest.approx(part, abs=1e-6)
    variance = (1 - part) ** 2 * 4e-4 + part**2 * 1e-4
    assert made.sigma == pytest.approx(math.sqrt(variance) / (give + take), rel=1e-4)


def test_of_two_cells_that_are_alike_the_first_is_looked_at() -> None:
    for soc in (0.2, 0.8):
        one = of(soc, cell(p=(4e-4, 0, 0, 0)), cell(p=(1e-4, 0, 0, 0)))
        assert one.sigma == pytest.approx(
            math.sqrt(((1 - one.soc) ** 2 + one.soc**2) * 4e-4) / one.usable
        )


def test_the_capacity_is_known_as_well_as_the_mean_and_the_ends_are() -> None:
    # A lone cell of 0.8 at 40 %, its charge (1e-4) and capacity (4e-4) correlated by 2e-5.
    p = ((1e-4, 0.0, 2e-5, 0.0), (0.0,) * 4, (2e-5, 0.0, 4e-4, 0.0), (0.0,) * 4)
    made = of(0.4, Cell((0.0, 0.0, 0.25, 0.0), p))
    assert made.usable == pytest.approx(0.8)
    # To empty 0.4 / 1.25 = 0.32 of it, to full 0.48:
    empty = (1e-4 - 2 * 0.32 * 2e-5 + 0.32**2 * 4e-4) / 1.25**2
    full = (1e-4 + 2 * 0.48 * 2e-5 + 0.48**2 * 4e-4) / 1.25**2
    assert made.usable_sigma == pytest.approx(math.hypot(math.sqrt(empty + full), 0.008))
    mean = known(x=(0.4, 0.0, 1.25, 0.1, 1.0, 0.0, 0.0), p=diagonal((9e-4, 0, 1e-4, 0, 0, 0, 0)))
    sole = pack(mean, (cell(p=CERTAIN),))
    # 1 % of 1.25 is 0.8 % of 0.8 design capacities: 0.0064
    assert sole.usable_sigma == pytest.approx(math.hypot(0.0064, 0.008))
    assert sole.sigma == pytest.approx(0.03)


@pytest.mark.parametrize(
    ("part", "top", "soc"), [(0.0, 1.0, 0.1), (0.5, 1.0, 0.5), (1.0, 1.0, 0.9), (0.5, 0.9, 0.45)]
)
def test_the_mean_is_where_the_pack_is_that_full(part: float, top: float, soc: float) -> None:
    cells = (cell(0.1, p=CERTAIN), cell(-0.1, p=CERTAIN))
    found = mean_soc(part, known(), cells, top)
    made = of(found, *cells, top=top)
    assert made.soc == pytest.approx(part, abs=1e-9)
    if 0 < part < 1:
        assert found == pytest.approx(soc)
