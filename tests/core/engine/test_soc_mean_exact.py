"""What the mean's filter makes of a voltage that cannot be, worked out by hand.

The curve here rises by 1 V from empty to full, so a volt is a state of charge and nothing is bent.
The cells have 0.1 V per C and no hysteresis; only the states named are in doubt.
"""

import math

import pytest

from cellwarden.engine.kalman import diagonal
from cellwarden.engine.soc_curve import OcvCurve
from cellwarden.engine.soc_kinds import CellKind
from cellwarden.engine.soc_mean import Climate, Mean, MeanFilter, middle_of, variance_of, widening

LINE = OcvCurve(((0.0, 3.0), (100.0, 4.0)))
KIND = CellKind(0.1, (0.06, 0.03, 0.01), 2500, 4000, 0.0, 0.0, 0.015)
FILTER = MeanFilter(KIND, LINE, 0.003, 0.001)
MILD = Climate(1.0, 1.0, 0.0)
LEAN = math.sqrt(2.0)
"""How much a bias counts: 1 and, sideways, 3 mV of 3 mV."""
TEN_MINUTES = 600 / 3600


def known(
    soc: float = 0.5,
    soc_sigma: float = 0.001,
    *,
    lags: tuple[float, ...] = (0.0, 0.0, 0.0),
    zero: float = 0.0,
    loop: float = 0.0,
    lost_s: float = 0.0,
    **variances: float,
) -> Mean:
    names = ("soc", "zero", "per_ah", "ohmic", "surface", "half_loop", "bias")
    p = {"soc": soc_sigma**2, **variances}
    return Mean(
        (soc, zero, 1.0, 0.1, 1.0, 0.0, 0.0),
        diagonal([p.get(name, 0.0) for name in names]),
        lags,
        loop,
        lost_s,
    )


def heard(
    mean: Mean, volts: float, rate_c: float = 0.0, hours: float = TEN_MINUTES,
    climate: Climate = MILD,
) -> Mean:  # fmt: skip
    return FILTER.hear_volts(mean, (volts,), (0.0,), (rate_c, hours), climate)


# A voltage that fits


def test_a_voltage_corrects_as_far_as_it_is_believed() -> None:
    # The look: 1.5 mV and 0.2 % of charge: 2.25e-6 + 4e-6 = 6.25e-6.
    after = heard(known(soc_sigma=0.01), 3.51)
    assert after.soc == pytest.approx(0.5 + 0.01 * 1e-4 / (1e-4 + 6.25e-6))
    assert after.p[0][0] == pytest.approx(1e-4 * 6.25e-6 / 1.0625e-4)
    assert after.lost_s == 0.0


@pytest.mark.parametrize(("seconds", "witnesses"), [(10, 20), (100, 2), (200, 1), (900, 1)])
def test_looks_within_200_s_are_one_witness(seconds: float, witnesses: float) -> None:
    after = heard(known(soc_sigma=0.01), 3.51, hours=seconds / 3600)
    assert after.soc == pytest.approx(0.5 + 0.01 * 1e-4 / (1e-4 + witnesses * 6.25e-6))


def test_the_drop_of_the_current_is_taken_out_and_a_tenth_of_it_may_be_wrong() -> None:
    # 0.2 C less a zero of 0.05 C: 15 mV in the mild, 30 mV at twice the resistance.
    mild = heard(known(soc_sigma=0.01, zero=0.05), 3.525, 0.2)
    assert mild.soc == pytest.approx(0.5 + 0.01 * 1e-4 / (1e-4 + 6.25e-6 + 2.25e-6))
    cold = heard(known(soc_sigma=0.01, zero=0.05), 3.54, 0.2, climate=Climate(2.0, 1.0, 0.0))
    assert cold.soc == pytest.approx(0.5 + 0.01 * 1e-4 / (1e-4 + 6.25e-6 + 9e-6))


def test_a_strange_temperature_makes_drop_and_lags_less_sure() -> None:
    # 0.5 e-folds: 15 % of both. Drop 15 mV, lags 4 %.
    mean = known(soc_sigma=0.01, lags=(0.02, 0.03, -0.01))
    after = heard(mean, 3.565, 0.15, climate=Climate(1.0, 1.0, 0.5))
    drop = (0.1**2 + 0.15**2) * 0.015**2
    lags = (0.15**2 + 0.15**2) * 0.04**2
    assert after.soc == pytest.approx(0.5 + 0.01 * 1e-4 / (1e-4 + 6.25e-6 + drop + lags))


@pytest.mark.parametrize(
    ("soc", "part"), [(0.041, 0.15), (0.04, 1.0), (0.959, 0.15), (0.96, 1.0), (0.5, 0.15)]
)
def test_at_the_ends_the_lags_may_be_all_wrong(soc: float, part: float) -> None:
    mean = known(soc - 0.02, 0.001, lags=(0.02, 0.0, 0.0))
    after = heard(mean, 3.0 + soc + 0.003)
    noise = 6.25e-6 + (part * 0.02) ** 2
    assert after.soc == pytest.approx(soc - 0.02 + 0.003e-6 / (1e-6 + noise), abs=1e-9)


def test_hysteresis_and_bias_are_taken_out_too() -> None:
    mean = known(soc_sigma=0.01, loop=0.5)
    x = (*mean.x[:5], 0.008, 0.002)
    after = heard(mean._replace(x=x), 3.51 + 0.004 + LEAN * 0.002)
    assert after.soc == pytest.approx(0.5 + 0.01 * 1e-4 / (1e-4 + 6.25e-6))


def test_each_cell_is_asked_at_its_own_place() -> None:
    mean = known(soc_sigma=0.01)
    after = FILTER.hear_volts(mean, (3.49, 3.53), (-0.02, 0.02), (0.0, TEN_MINUTES), MILD)
    assert after.soc == pytest.approx(0.5 + 0.01 * 1e-4 / (1e-4 + 6.25e-6))


# A voltage that cannot be


def test_a_little_too_far_off_counts_as_three_sigma_at_most() -> None:
    # Less than 5 % away: learned, slowly.
    after = heard(known(), 3.53)
    assert after.soc == pytest.approx(0.5 + 0.03 * 1e-6 / (0.03**2 / 9))
    assert after.lost_s == 0.0


def test_only_after_ten_minutes_of_contradiction_the_belief_is_given_up() -> None:
    mean = known()
    waiting = heard(mean, 3.6, hours=300 / 3600)
    assert waiting == mean._replace(lost_s=300.0)  # nothing is learned meanwhile
    still = heard(waiting, 3.6, hours=299 / 3600)
    assert still.lost_s == pytest.approx(599.0)
    given_up = heard(waiting, 3.6, hours=300 / 3600)
    # The place: 1.5 mV and 0.2 % of charge; half the distance is the new sigma.
    assert given_up.soc == pytest.approx(0.5 + 0.1 * (1 - 6.25e-6 / 0.0025))
    assert given_up.lost_s == 0.0


def test_a_voltage_that_fits_again_ends_the_contradiction() -> None:
    assert heard(known(lost_s=500.0), 3.5).lost_s == 0.0


@pytest.mark.parametrize(("volts", "lost"), [(3.551, True), (3.549, False), (3.449, True),
                                             (3.451, False)])  # fmt: skip
def test_less_than_5_percent_off_is_never_a_wrong_belief(volts: float, lost: bool) -> None:
    assert (heard(known(), volts, hours=0.01).lost_s > 0) is lost


@pytest.mark.parametrize(("sigma", "lost"), [(0.032, True), (0.034, False)])
def test_what_is_within_three_sigma_is_no_contradiction(sigma: float, lost: bool) -> None:
    # 0.1 are three times 0.0333; the look has 0.0025 of its own.
    assert (heard(known(soc_sigma=sigma), 3.6, hours=0.01).lost_s > 0) is lost


@pytest.mark.parametrize(("sigma", "lost"), [(0.132, True), (0.134, False)])
def test_a_mean_that_may_be_anywhere_is_not_lost(sigma: float, lost: bool) -> None:
    # On a shelf, where a voltage tells nothing, 3.15 V would be 10 %: 0.4 are three times 0.1333.
    shelf = OcvCurve(((0.0, 3.0), (20.0, 3.3), (80.0, 3.32), (100.0, 4.0)))
    after = MeanFilter(KIND, shelf, 0.003, 0.001).hear_volts(
        known(soc_sigma=sigma), (3.15,), (0.0,), (0.0, 0.01), MILD
    )
    assert (after.lost_s > 0) is lost


def test_it_is_corrected_to_where_the_mean_is_not_to_where_its_surface_shows() -> None:
    # 4 % ahead: the surface shows 70 %, the mean is at 66 %.
    after = heard(known(lags=(0.02, 0.03, -0.01)), 3.70)
    sigma2 = 6.25e-6 + (0.15 * 0.04) ** 2
    assert after.soc == pytest.approx(0.5 + 0.16 * (1 - sigma2 / 0.0064))


def test_what_else_is_in_doubt_makes_the_place_less_sure() -> None:
    # A bias of 2 mV counts LEAN times; half the loop of 3 mV, on its side; 10 % of 4 % of lags.
    mean = known(
        lags=(0.02, 0.03, -0.01), loop=-0.5, half_loop=9e-6, bias=4e-6, surface=0.01
    )  # fmt: skip
    after = heard(mean, 3.70)
    sigma2 = 6.25e-6 + (0.15 * 0.04) ** 2 + 2 * 4e-6 + 0.25 * 9e-6 + 0.0016 * 0.01
    assert after.soc == pytest.approx(0.5 + 0.16 * (1 - sigma2 / 0.0064), abs=1e-6)


def test_a_doubtful_resistance_counts_with_the_current_that_flows() -> None:
    # 0.02 C at 0.1 V per C known to 0.05: 2 mV of drop, 1 mV of doubt.
    after = heard(known(ohmic=0.0025), 3.602, 0.02)
    sigma2 = 6.25e-6 + 0.01 * 0.002**2 + 1e-6
    assert after.soc == pytest.approx(0.5 + 0.1 * (1 - sigma2 / 0.0025), abs=1e-7)


def test_an_empty_cell_is_not_emptier_than_empty_nor_a_full_one_fuller() -> None:
    # 10 % behind its surface, which shows 0 %: -10 % would be told.
    empty = heard(known(0.1, lags=(0.1, 0.0, 0.0)), 3.0)
    sigma2 = 6.25e-6 + (0.15 * 0.1) ** 2
    assert empty.soc == pytest.approx(0.1 - 0.1 * (1 - sigma2 / 0.0025))
    full = heard(known(0.9, lags=(-0.1, 0.0, 0.0)), 4.0)
    assert full.soc == pytest.approx(0.9 + 0.1 * (1 - sigma2 / 0.0025))


# The same under load


@pytest.mark.parametrize(("rate_c", "lost"), [(0.02, True), (-0.02, True), (0.021, False),
                                              (-0.021, False)])  # fmt: skip
def test_under_more_than_a_50th_of_c_it_is_the_resistance(rate_c: float, lost: bool) -> None:
    assert (heard(known(), 3.65, rate_c, 0.01).lost_s > 0) is lost


def test_a_resistance_is_doubted_until_it_explains_half_of_what_is_odd() -> None:
    # At -0.5 C 50 mV of drop, 200 mV beyond it: 0.1 V of them for 0.5 C is a sigma of 0.2 V per C.
    after = heard(known(0.5, 0.0, ohmic=0.0001), 3.5 - 0.05 - 0.2, -0.5)
    noise = 6.25e-6 + 0.01 * 0.05**2
    share = 0.04 * 0.25 / (0.04 * 0.25 + noise)
    assert after.x[3] == pytest.approx(0.1 + 0.4 * share)
    assert after.soc == 0.5


def test_a_resistance_is_never_doubted_by_more_than_three_times_the_typical_one() -> None:
    # 0.4 V beyond at -0.5 C would be 0.4 V per C; three times 0.1 are allowed.
    after = heard(known(0.5, 0.0, ohmic=0.0001), 3.5 - 0.05 - 0.4, -0.5)
    noise = 6.25e-6 + 0.01 * 0.05**2
    assert after.x[3] == pytest.approx(0.1 + 0.8 * 0.09 * 0.25 / (0.09 * 0.25 + noise))


def test_one_that_is_in_greater_doubt_already_stays_so() -> None:
    after = heard(known(0.5, 0.0, ohmic=0.0064), 3.5 - 0.05 - 0.15, -0.5)
    wanted = 0.0225 * 0.25  # half of 150 mV: 0.15 V per C; 0.08 are known
    noise = 6.25e-6 + 0.01 * 0.05**2
    assert after.x[3] == pytest.approx(0.1 + 0.3 * wanted / (wanted + noise))
    wide = heard(known(0.5, 0.0, ohmic=0.04), 3.5 - 0.05 - 0.15, -0.5)
    assert wide.x[3] == pytest.approx(0.1 + 0.3 * 0.01 / (0.01 + noise))


# Anchors


def test_an_anchor_that_agrees_with_a_better_belief_says_nothing() -> None:
    # A sigma of 1/64, so that twice of it is an exact number.
    mean = known(0.5, 0.015625)
    assert FILTER.hear_soc(mean, 0.53125, 0.015625) is mean
    assert FILTER.hear_soc(mean, 0.46875, 0.015625) is mean
    assert FILTER.hear_soc(mean, 0.5313, 0.015625).soc > 0.51
    assert FILTER.hear_soc(mean, 0.4687, 0.015625).soc < 0.49
    better = FILTER.hear_soc(mean, 0.51, 0.0156)
    assert better.soc == pytest.approx(0.5 + 0.01 * 0.015625**2 / (0.015625**2 + 0.0156**2))


def test_an_anchor_that_contradicts_wins_by_half_the_distance() -> None:
    after = FILTER.hear_soc(known(0.5, 0.001), 0.9, 0.01)
    assert after.soc == pytest.approx(0.5 + 0.4 * (1 - 1e-4 / 0.04))
    assert after.p[0][0] == pytest.approx((0.04 - 1e-4) * 1e-4 / 0.04)


def test_no_anchor_leads_beyond_full_or_empty() -> None:
    assert FILTER.hear_soc(known(0.5, 0.1), 1.3, 0.001).soc == 1.0
    assert FILTER.hear_soc(known(0.5, 0.1), -0.3, 0.001).soc == 0.0


# Tools


def test_a_cell_30_mv_from_the_middle_still_belongs_to_it() -> None:
    assert middle_of((0.0, 0.0, 0.03)) == pytest.approx(0.01)
    assert middle_of((0.0, 0.0, 0.0301)) == 0.0
    assert middle_of((-0.03, 0.0, 0.0)) == pytest.approx(-0.01)
    assert middle_of((-0.0301, 0.0, 0.0)) == 0.0
    assert middle_of((-0.03, 0.0, 0.0, 0.5)) == pytest.approx(-0.01)
    assert middle_of((-0.5, 0.0, 0.0, 0.03)) == pytest.approx(0.01)


def test_a_variance_adds_what_states_do_alone_and_together() -> None:
    assert variance_of((1.0, -2.0), ((4.0, 1.0), (1.0, 9.0))) == 4.0 - 4.0 + 36.0


def test_a_sigma_that_is_wide_enough_is_not_made_smaller() -> None:
    p = ((0.01, 0.01), (0.01, 0.01))
    assert widening(p, 0, 0.04, ((1, 0.05),)) == [2.0, 1.0]
    assert widening(p, 0, 0.01, ()) == [1.0, 1.0]
    assert widening(p, 1, 0.04, ((0, 9.0),)) == pytest.approx([2.0, 2.0])
    opposed = ((0.01, -0.005), (-0.005, 0.01))
    assert widening(opposed, 0, 0.09, ((1, 9.0),)) == pytest.approx([3.0, 2.0])


def test_what_rounding_made_of_a_covariance_widens_nothing_beyond_measure() -> None:
    beyond_one = ((0.01, 0.02), (0.02, 0.01))
    assert widening(beyond_one, 0, 0.04, ((1, 9.0),)) == pytest.approx([2.0, 2.0])
    assert widening(((0.0,),), 0, 4e-12, ()) == pytest.approx([2.0])
    assert widening(((-1e-20, 0.0), (0.0, -1e-20)), 0, 4e-12, ((1, 9.0),)) == [2.0, 1.0]
    assert widening(p=((0.01,),), n=0, variance=0.001, others=()) == [1.0]
