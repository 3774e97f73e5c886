"""Sense wires, overload budgets and switches, both sides of every number."""

import pytest

from cellwarden.engine.overload import Heat, heated
from cellwarden.engine.switching import ALL_CLOSED, Opened, switches
from cellwarden.engine.wiring import open_wires, paired, swapped
from cellwarden.model import Alarm, AlarmKind, AlarmSource, Severity, Switches
from support.packs import reading

EVEN = (3.3, 3.3, 3.3, 3.3, 3.3)


def pair(up_v: float, down_v: float | None = None, n: int = 1) -> tuple[float, ...]:
    """Five cells of which two neighbours jumped apart."""
    cells = list(EVEN)
    cells[n] = 3.3 + up_v
    cells[n + 1] = 3.3 - (up_v if down_v is None else down_v)
    return tuple(cells)


# Open wires


@pytest.mark.parametrize(
    ("apart_v", "found"), [(0.101, (1,)), (0.1001, (1,)), (0.0999, ()), (-0.2, (1,))]
)
def test_a_pair_that_jumps_apart_by_200_mv_has_an_open_wire(apart_v: float, found) -> None:
    assert open_wires(pair(apart_v), EVEN, ()) == found


@pytest.mark.parametrize("n", [0, 1, 2, 3])
def test_the_first_cell_of_the_pair_is_named_wherever_it_is(n: int) -> None:
    assert open_wires(pair(0.15, n=n), EVEN, ()) == (n,)


@pytest.mark.parametrize(("down_v", "found"), [(0.239, (1,)), (0.261, ())])
def test_their_mean_must_stay_within_30_mv_of_the_others(down_v: float, found) -> None:
    assert open_wires(pair(0.18, down_v), EVEN, ()) == ((1,) if found else ())


def test_both_must_jump_by_100_mv_in_opposite_directions() -> None:
    apart = pair(0.15)
    before = (3.3, 3.40, 3.20, 3.3, 3.3)
    assert open_wires(apart, before, ()) == ()
    assert open_wires(apart, (3.3, 3.34, 3.26, 3.3, 3.3), ()) == (1,)
    assert open_wires(apart, (3.3, 3.36, 3.3, 3.3, 3.3), ()) == ()  # one jumped by 90 mV


def test_what_all_cells_did_does_not_count_as_a_jump() -> None:
    # All sank by 0.12 V, and the pair moved by 0.15 V beside that.
    cells = tuple(v - 0.12 for v in pair(0.15))
    assert open_wires(cells, EVEN, ()) == (1,)
    # A pair that only followed the others has not jumped: it was apart before.
    assert open_wires(cells, pair(0.15), ()) == ()


def test_a_pair_closer_than_200_mv_has_none_however_far_another_cell_is() -> None:
    assert open_wires((3.36, 3.24, 3.3, 3.3, 3.6), (3.25, 3.35, 3.3, 3.3, 3.6), ()) == ()


def test_cells_closer_than_200_mv_are_not_looked_at() -> None:
    assert open_wires(pair(0.0999), EVEN, ()) == ()
    assert open_wires((3.3, 3.3, 3.3, 3.3, 3.51), EVEN, ()) == ()


# Around 0 V sums of these numbers are exact, so a cell can stand on the very number.
ZEROS = (0.0,) * 4


def test_exactly_100_mv_each_is_an_open_wire_and_less_is_none() -> None:
    assert open_wires((0.1, -0.1, 0.0, 0.0), ZEROS, ()) == (0,)
    assert open_wires((0.0999, -0.1001, 0.0, 0.0), ZEROS, ()) == ()
    assert open_wires((0.1001, -0.0999, 0.0, 0.0), ZEROS, ()) == ()


def test_while_a_balancer_works_it_takes_350_mv() -> None:
    assert open_wires((0.35, -0.35, 0.0, 0.0), ZEROS, (), working=True) == (0,)
    assert open_wires((0.349, -0.351, 0.0, 0.0), ZEROS, (), working=True) == ()
    assert open_wires((0.349, -0.351, 0.0, 0.0), ZEROS, ()) == (0,)


def test_exactly_30_mv_beside_the_others_is_still_measured_right() -> None:
    assert open_wires((0.5, -0.44, 0.0, 0.0), ZEROS, ()) == (0,)
    assert open_wires((0.5, -0.43, 0.0, 0.0), ZEROS, ()) == ()
    assert open_wires((-0.5, 0.44, 0.0, 0.0), ZEROS, ()) == (0,)
    assert open_wires((-0.5, 0.43, 0.0, 0.0), ZEROS, ()) == ()


def test_exactly_100_mv_apart_a_wire_is_still_open() -> None:
    assert open_wires((0.1, 0.0, 0.0, 0.0), ZEROS, (0,)) == (0,)
    assert open_wires((0.0, 0.1, 0.0, 0.0), ZEROS, (0,)) == (0,)
    assert open_wires((0.0999, 0.0, 0.0, 0.0), ZEROS, (0,)) == ()


def test_what_the_others_jumped_by_is_taken_from_each_cell_of_the_pair() -> None:
    # All jumped up by 50 mV, then the pair by 125 mV up and down: 175 and -75 mV are measured.
    assert open_wires((0.175, -0.075, 0.05, 0.05), ZEROS, ()) == (0,)
    assert open_wires((0.125, -0.125, 0.0, 0.0), (0.0, 0.0, -0.05, -0.05), ()) == ()


@pytest.mark.parametrize(("cell_v", "found"), [(11.0, (3,)), (11.01, ()), (9.0, (3,)), (8.99, ())])
def test_exactly_a_tenth_off_twice_the_others_is_still_two_cells_in_one(
    cell_v: float, found: tuple[int, ...]
) -> None:
    assert swapped((5.0, 5.0, 5.0, cell_v, 5.0)) == found


def test_a_wire_between_the_last_two_cells_may_be_open_too() -> None:
    assert open_wires((0.0, 0.0, 0.2, -0.2), ZEROS, ()) == (2,)


def test_without_a_reading_before_no_wire_opens() -> None:
    assert open_wires(pair(0.15), (), ()) == ()
    assert open_wires(pair(0.15), (*EVEN[:4], None), ()) == ()
    assert open_wires(pair(0.15), EVEN[:4], ()) == ()


def test_less_than_four_cells_or_an_unknown_one_change_nothing() -> None:
    assert open_wires((3.45, 3.15, 3.3), (3.3,) * 3, (0,)) == (0,)
    assert open_wires((3.3, 3.45, 3.15, 3.3), (3.3,) * 4, ()) == (1,)
    assert open_wires((3.3, 3.45, 3.15, None), (3.3,) * 4, (2,)) == (2,)


@pytest.mark.parametrize(("apart_v", "still"), [(0.101, True), (0.099, False)])
def test_an_open_wire_stays_until_its_cells_are_within_100_mv(apart_v: float, still) -> None:
    cells = pair(apart_v / 2)
    assert open_wires(cells, cells, (1,)) == ((1,) if still else ())


def test_a_second_wire_is_found_beside_the_first() -> None:
    cells = (3.5, 3.1, 3.3, 3.3, 3.15, 3.45)
    assert open_wires(cells, (3.5, 3.1, 3.3, 3.3, 3.3, 3.3), (0,)) == (0, 4)


def test_a_pair_is_given_its_mean() -> None:
    assert paired((3.3, 3.5, 3.1, 3.2), (1,)) == (3.3, pytest.approx(3.3), pytest.approx(3.3), 3.2)
    assert paired((3.3, None, 3.1), (1,)) == (3.3, None, 3.1)
    assert paired((3.3, 3.1, None), (1,)) == (3.3, 3.1, None)


# Swapped wires


@pytest.mark.parametrize(
    ("cell_v", "found"),
    [
        (-0.11, True), (-0.1, False), (-99.9, True), (-100.0, False),
        (5.95, True), (5.93, False), (7.25, True), (7.27, False), (6.6, True),
    ],
)  # fmt: skip
def test_a_cell_that_is_negative_or_two_in_one_hangs_on_the_wrong_wire(
    cell_v: float, found: bool
) -> None:
    assert swapped((3.3, cell_v, 3.3, 3.3, None, 3.3)) == ((1,) if found else ())


def test_with_few_cells_or_none_above_0_nothing_is_said_of_the_wires() -> None:
    assert swapped((3.3, 6.6, 3.3)) == ()
    assert swapped((3.3, 6.6, 3.3, 3.3)) == (1,)
    assert swapped((3.3, 6.6, 3.3, 100.5)) == ()
    assert swapped((3.3, 3.3, 3.3, 3.3, -100.5)) == ()
    assert swapped((0.0, -3.3, 0.0, 0.0)) == ()
    assert swapped((-3.3, -3.3, -3.3, 3.3)) == ()
    assert swapped((0.5, -0.3, 0.5, 0.5)) == (1,)


# Overload: a delay of 30 s at 1.2 times the limit is a budget of 13.2


def test_the_budget_begins_with_the_first_reading_above_the_limit() -> None:
    assert heated(None, 1.0, 30.0, 100.0) == (None, False)
    assert heated(None, 1.01, 30.0, 100.0) == (Heat(0.0, (1.0, 1.01), 100.0), False)


def test_it_fills_with_the_square_of_the_middle_of_three_readings() -> None:
    heat, hot = heated(Heat(1.0, (1.5, 2.0), 100.0), 3.0, 30.0, 102.0)
    assert heat == Heat(7.0, (2.0, 3.0), 102.0)  # 1 + (2² - 1) · 2 s
    assert not hot
    heat, _ = heated(Heat(1.0, (1.5, 1.2), 100.0), 3.0, 30.0, 101.0)
    assert heat == Heat(2.25, (1.2, 3.0), 101.0)


def test_it_empties_below_the_limit_and_is_forgotten_once_it_is_empty() -> None:
    heat, _ = heated(Heat(2.0, (0.5, 0.5), 100.0), 0.5, 30.0, 101.0)
    assert heat == Heat(1.25, (0.5, 0.5), 101.0)
    assert heated(Heat(0.5, (0.5, 0.5), 100.0), 0.5, 30.0, 101.0) == (None, False)
    heat, _ = heated(Heat(0.5, (0.5, 0.5), 100.0), 1.5, 30.0, 101.0)
    assert heat == Heat(0.0, (0.5, 1.5), 101.0)
    heat, _ = heated(Heat(0.0, (1.2, 1.0), 100.0), 0.9, 30.0, 100.0)
    assert heat is None
    heat, _ = heated(Heat(0.0, (1.2, 1.5), 100.0), 0.9, 30.0, 100.0)
    assert heat == Heat(0.0, (1.5, 0.9), 100.0)


def test_a_current_the_other_way_cools_like_none() -> None:
    heat, _ = heated(Heat(5.0, (-3.0, -2.0), 100.0), -4.0, 30.0, 101.0)
    assert heat == Heat(4.0, (-2.0, -4.0), 101.0)


@pytest.mark.parametrize(("filled", "hot"), [(13.2, True), (13.19, False)])
def test_it_trips_once_the_budget_is_used_up(filled: float, hot: bool) -> None:
    assert heated(Heat(filled, (1.1, 1.1), 100.0), 1.1, 30.0, 100.0)[1] is hot


def test_it_trips_only_while_two_readings_in_a_row_are_above_the_limit() -> None:
    full = Heat(20.0, (1.5, 1.0), 100.0)
    assert heated(full, 1.5, 30.0, 100.0)[1] is False
    assert heated(full._replace(before=(1.5, 1.01)), 1.0, 30.0, 100.0)[1] is False
    assert heated(full._replace(before=(0.5, 1.01)), 1.01, 30.0, 100.0)[1] is True


# Switches


def alarm(*, charge: bool = False, discharge: bool = False, device: bool = False) -> Alarm:
    return Alarm(
        kind=AlarmKind.SHORT_CIRCUIT,
        severity=Severity.PROTECTION,
        pack="left",
        since_s=0.0,
        blocks_charge=charge,
        blocks_discharge=discharge,
        source=AlarmSource.DEVICE if device else AlarmSource.ENGINE,
    )


def wanted(before: Opened, *alarms: Alarm, charge: bool | None, discharge: bool | None):
    told = reading(0.0, charge_switch_on=charge, discharge_switch_on=discharge)
    return switches(before, alarms, told)


def test_an_alarm_opens_the_switch_of_its_direction() -> None:
    assert wanted(ALL_CLOSED, alarm(charge=True), charge=True, discharge=True) == (
        Opened(charge=True), Switches(charge=False, discharge=None),
    )  # fmt: skip
    assert wanted(ALL_CLOSED, alarm(discharge=True), charge=True, discharge=True) == (
        Opened(discharge=True), Switches(charge=None, discharge=False),
    )  # fmt: skip
    both = (alarm(charge=True), alarm(discharge=True))
    assert wanted(ALL_CLOSED, *both, charge=None, discharge=None) == (
        Opened(charge=True, discharge=True), Switches(charge=False, discharge=False),
    )  # fmt: skip


def test_an_alarm_of_the_bms_itself_is_its_own_affair() -> None:
    told = alarm(charge=True, discharge=True, device=True)
    assert wanted(ALL_CLOSED, told, charge=True, discharge=True) == (ALL_CLOSED, Switches())


def test_a_switch_that_its_owner_opened_is_left_alone() -> None:
    assert wanted(ALL_CLOSED, charge=False, discharge=False) == (ALL_CLOSED, Switches())
    every = alarm(charge=True, discharge=True)
    assert wanted(ALL_CLOSED, every, charge=False, discharge=False) == (ALL_CLOSED, Switches())


def test_a_switch_that_was_opened_here_is_closed_again_and_then_forgotten() -> None:
    opened = Opened(charge=True, discharge=True)
    still = alarm(charge=True, discharge=True)
    assert wanted(opened, still, charge=False, discharge=False) == (
        opened, Switches(charge=False, discharge=False),
    )  # fmt: skip
    assert wanted(opened, charge=False, discharge=False) == (
        opened, Switches(charge=True, discharge=True),
    )  # fmt: skip
    assert wanted(opened, charge=True, discharge=True) == (ALL_CLOSED, Switches())
    assert wanted(opened, charge=None, discharge=None) == (ALL_CLOSED, Switches())
