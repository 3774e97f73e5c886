"""The balancing planner on debts given as numbers: both sides of every bound.

Four cells of 100 Ah: 0.6 Ah apart begin, 0.4 Ah end, 0.3 Ah is known well, 2 A are moved.
"""

import pytest

from cellwarden.engine.alarms import gather
from cellwarden.engine.balance_debt import Debts
from cellwarden.engine.balance_leads import disturbed_by, ends_of, moved_by, undisturbed
from cellwarden.engine.balance_ledger import Ledger
from cellwarden.engine.balance_measure import Measured
from cellwarden.engine.balance_plan import STUCK, Plan, Planner, _doubt_ah, _surest, _turned, _unfit
from cellwarden.engine.protection import Watch
from cellwarden.engine.soc import Gauge
from cellwarden.engine.soc_estimator import Moved
from cellwarden.engine.view import View, look
from cellwarden.model import CHEMISTRIES, Alarm, AlarmKind, Balancing, Severity, preset
from support.packs import reading

LFP = CHEMISTRIES["LiFePO4"]
FOUR = preset(
    "LiFePO4",
    cell_count=4,
    design_capacity_ah=100,
    overrides={
        "balance_current_max_a": 2.0,
        "balance_start_v": 3.4,
        "balance_trigger_v": 0.01,
    },
)
FLAT = (3.33, 3.32, 3.31, 3.30)
QUIET = gather(())
FULLER = Debts((1.0, 0.5, -0.5, -1.0), (0.1, 0.2, 0.3, 0.1))
BEGUN = Plan(measured=Measured(Ledger(ah=(0.0,) * 4, sigma_ah=(0.0,) * 4)))
WORKS = Balancing(wanted=True, active=None, why="works")
RESTS = Balancing(wanted=False, active=None, why="rests")


def ordered() -> Planner:
    """Of a balancer that takes orders of single cells."""
    return Planner(LFP, FOUR, by_cell=True)


def switched() -> Planner:
    """Of a balancer that only has a switch."""
    return Planner(LFP, FOUR, by_cell=False)


def seen(volts: tuple[float | None, ...] = FLAT, **changes: object) -> View:
    return look(reading(0.0, **{"cell_voltages_v": volts, "voltage_v": None, **changes}))  # type: ignore[arg-type]


def heard(plan: Plan, gap_s: float | None = 10.0, view: View | None = None, **more: object) -> Plan:
    planner = more.pop("planner", ordered())
    told: dict[str, object] = {"alarms": QUIET, **more}
    known = told.pop("gauge", Gauge(soc_percent=60.0))
    assert isinstance(planner, Planner)
    return planner.hear(plan, view or seen(), known, gap_s, **told)  # type: ignore[arg-type]


# Who gives to whom


def pair(
    ah: tuple[float, ...],
    sigma_ah: tuple[float, ...] = (0.1,) * 4,
    plan: Plan = BEGUN,
    *,
    steep: bool = False,
) -> tuple[int, int] | None:
    return ordered()._by_debt(plan, Debts(ah, sigma_ah), (0, 3), steep=steep)


def test_the_fullest_gives_to_the_emptiest() -> None:
    assert pair((0.5, -1.0, 2.0, -1.5)) == (2, 3)
    assert pair((2.0, -2.0, 0.5, -0.5)) == (0, 1)


@pytest.mark.parametrize(
    ("apart_ah", "going", "worth"),
    [(0.6, False, True), (0.59, False, False), (0.4, True, True), (0.39, True, False)],
)
def test_it_begins_at_six_and_ends_at_four_in_a_thousand(
    apart_ah: float, going: bool, worth: bool
) -> None:
    told = pair((0.0, apart_ah, 0.0, 0.0), plan=BEGUN._replace(going=going))
    assert told == ((1, 0) if worth else None)


@pytest.mark.parametrize(("apart_ah", "worth"), [(1.0, True), (0.99, False)])
def test_the_order_must_be_beyond_two_sigma(apart_ah: float, worth: bool) -> None:
    """0.3 and 0.4 Ah are 0.5 Ah together."""
    told = pair((apart_ah, 0.0, 0.0, 0.0), (0.3, 0.4, 0.4, 0.4))
    assert told == ((0, 1) if worth else None)


@pytest.mark.parametrize(
    ("sigma_ah", "well"),
    [((0.3, 0.1), True), ((0.1, 0.3), True), ((0.31, 0.1), False), ((0.1, 0.31), False)],
)
def test_on_the_flat_part_both_must_be_known_well_until_cells_were_compared(
    sigma_ah: tuple[float, float], well: bool
) -> None:
    sigmas = (*sigma_ah, 5.0, 5.0)
    ah = (2.0, -2.0, 0.0, 0.0)
    assert pair(ah, sigmas, Plan()) == ((0, 1) if well else None)
    assert pair(ah, sigmas, Plan(), steep=True) == (0, 1)
    assert pair(ah, sigmas, BEGUN) == (0, 1)


def test_where_the_fullest_is_doubtful_the_surest_gives() -> None:
    """2 Ah to 1.6 Ah, and 1.5 Ah to 0.1 Ah: the one is surely below 0, the other above 1.3."""
    assert pair((2.0, 1.5, -1.0, -1.0), (1.6, 0.1, 0.1, 0.1)) == (1, 2)


def test_where_the_emptiest_is_doubtful_the_next_takes() -> None:
    assert pair((2.0, 0.0, -2.0, -1.0), (0.1, 0.1, 3.0, 0.1)) == (0, 3)


def test_a_device_with_a_switch_goes_from_end_to_end_or_not_at_all() -> None:
    def told(*ah: float) -> tuple[int, int] | None:
        return switched()._by_debt(BEGUN, Debts(ah, (0.1,) * 4), (0, 3), steep=False)

    assert told(0.6, 9.0, -9.0, 0.0) == (0, 3)
    assert told(0.5, 9.0, -9.0, 0.0) is None
    assert told(0.0, 9.0, -9.0, 0.6) is None


def test_the_surest_cells_by_two_sigma() -> None:
    known = Debts((2.0, 1.5, -1.0, -2.0), (0.5, 0.1, 0.1, 0.8))
    assert _surest(known) == (1, 2)
    assert _surest(Debts((2.0, 1.5, -1.0, -2.0), (0.1,) * 4)) == (0, 3)
    assert _doubt_ah(Debts((0.0, 0.0, 0.0), (3.0, 9.0, 4.0)), 0, 2) == 5.0


@pytest.mark.parametrize(
    ("ah", "sigma_ah", "settled"),
    [
        ((0.3, -0.29, 0.0, 0.0), 0.1, True),
        ((0.6, 0.0, 0.0, 0.0), 0.1, False),
        ((0.59, 0.0, 0.0, 0.0), 0.3, True),
        ((0.59, 0.0, 0.0, 0.0), 0.31, False),
    ],
)
def test_cells_are_balanced_within_six_in_a_thousand_if_that_is_known(
    ah: tuple[float, ...], sigma_ah: float, settled: bool
) -> None:
    assert ordered()._settled(Debts(ah, (0.1, 0.1, sigma_ah, 0.1))) is settled


# By voltage


@pytest.mark.parametrize(
    ("volts", "current_a", "why"),
    [
        ((3.4, 3.3, 3.3, 3.3), 5.0, "waits for the end of a charge: highest cell below 3.400 V"),
        ((3.401, 3.392, 3.393, 3.394), 5.0, "the cells are within 10 mV"),
        ((3.401, 3.3, 3.3, 3.3), None, "waits for less than 10 A: voltages show resistances"),
        ((3.401, 3.3, 3.3, 3.3), 10.1, "waits for less than 10 A: voltages show resistances"),
        ((3.401, 3.3, 3.3, 3.3), -10.1, "waits for less than 10 A: voltages show resistances"),
        ((3.401, 3.3, 3.3, 3.3), 10.0, None),
        ((3.401, 3.390, 3.393, 3.394), -10.0, None),
    ],
)
def test_by_voltage_it_waits_for_the_end_of_a_charge(
    volts: tuple[float, ...], current_a: float | None, why: str | None
) -> None:
    assert ordered()._against_voltage(seen(volts, current_a=current_a), None, (0, 1)) == why


@pytest.mark.parametrize(("less_ah", "wrong"), [(0.99, False), (1.0, False), (1.01, True)])
def test_never_knowingly_from_an_emptier_cell(less_ah: float, wrong: bool) -> None:
    """Two sigma of 0.3 and 0.4 Ah."""
    known = Debts((-less_ah, 0.0, 9.0, -9.0), (0.3, 0.4, 9.0, 9.0))
    why = ordered()._against_voltage(seen((3.45, 3.3, 3.3, 3.3)), known, (0, 1))
    assert why == ("the highest cell is not the fullest" if wrong else None)


@pytest.mark.parametrize(
    ("highest_v", "current_a", "steep"),
    [
        (3.3621, 0.0, True),
        (3.3619, 0.0, False),
        (3.3746, 10.0, True),  # 12.5 mV at a tenth of C are set aside
        (3.3744, 10.0, False),
        (3.3496, -10.0, True),
        (3.40, None, False),
    ],
)
def test_20_mv_above_its_flat_part_a_curve_shows_charge(
    highest_v: float, current_a: float | None, steep: bool
) -> None:
    assert ordered()._steep(seen((3.3, highest_v, 3.3, 3.3), current_a=current_a)) is steep
    assert not ordered()._steep(seen((None,) * 4, current_a=current_a))


# Work and pauses


def works(plan: Plan, *, steep: bool, planner: Planner | None = None) -> Plan:
    return (planner or ordered())._work(plan, seen(), None, (2, 1), "by charge", steep=steep)


@pytest.mark.parametrize(
    ("worked_s", "steep", "pauses"),
    [(479.9, True, False), (480.0, True, True), (1799.9, False, False), (1800.0, False, True)],
)
def test_it_pauses_after_eight_minutes_or_on_the_flat_part_after_thirty(
    worked_s: float, steep: bool, pauses: bool
) -> None:
    after = works(Plan(worked_s=worked_s, harm=True, pair=(0, 3)), steep=steep)
    assert after.shown is not None
    assert after.going
    assert after.worked_s == worked_s
    assert not after.harm
    if pauses:
        assert (after.shown.why, after.paused_s, after.pair) == ("pauses to measure", 0.0, None)
        assert (after.shown.wanted, after.shown.giving, after.shown.taking) == (False, None, None)
    else:
        assert (after.shown.why, after.paused_s, after.pair) == ("by charge", None, (2, 1))
        assert (after.shown.wanted, after.shown.giving, after.shown.taking) == (True, 3, 2)


@pytest.mark.parametrize(("paused_s", "goes_on"), [(0.0, False), (79.9, False), (80.0, True)])
def test_a_pause_lasts_80_s_and_the_work_is_counted_anew(paused_s: float, goes_on: bool) -> None:
    after = works(Plan(worked_s=500.0, paused_s=paused_s), steep=True)
    assert after.shown is not None
    assert after.shown.wanted is goes_on
    assert after.going
    assert (after.worked_s, after.paused_s) == ((0.0, None) if goes_on else (500.0, paused_s))


@pytest.mark.parametrize("plan", [Plan(paused_s=5.0), Plan(worked_s=500.0), Plan()])
def test_what_is_known_is_shown_at_work_and_in_pauses(plan: Plan) -> None:
    after = ordered()._work(plan, seen(), FULLER, (0, 3), "by charge", steep=True)
    assert after.shown is not None
    assert after.shown.debt_ah == (1.0, 0.5, -0.5, -1.0)


def test_of_a_bms_the_ends_of_before_and_of_now_are_disturbed() -> None:
    view = seen((3.385, 3.385, 3.380, 3.400), current_a=5.0, balance_current_a=-1.0)
    assert ends_of(view) == (3, 2)
    told = {}
    for ends in ((0, 0), (3, 2)):
        climb = heard(Plan(ends=ends), view=view, planner=switched()).measured.ledger.climb
        assert climb is not None
        told[ends] = [v is None for v in climb.volts]
    assert told == {(0, 0): [True] * 4, (3, 2): [False, True, True, True]}


def test_a_bms_is_never_paused_and_told_no_pair() -> None:
    after = works(Plan(worked_s=1e6), steep=True, planner=switched())
    assert after.shown is not None
    assert (after.shown.wanted, after.shown.giving, after.pair) == (True, 3, None)
    assert after.worked_s == 1e6


# What is shown


def shown(known: Debts | None, of: tuple[int, int] | None = (0, 1), **changes: object) -> Balancing:
    return ordered()._show(seen((3.3,) * 4, **changes), known, "so", of)


def test_time_and_loss_are_told_of_what_is_to_move() -> None:
    """0.8 and 0.3 Ah above the margin of 0.2 Ah: at 1 A in the mean, and 80 s for each 480 s."""
    told = shown(FULLER, balancing=True, balance_current_a=-1.5)
    assert told.done_in_s == pytest.approx(3600 * 1.1 * 7 / 6)
    assert told.loss_wh == pytest.approx(1.1 * 0.1 * 3.3)
    assert (told.debt_ah, told.debt_sigma_ah) == ((1.0, 0.5, -0.5, -1.0), 0.3)
    assert (told.wanted, told.active, told.why) == (True, True, "so")
    assert (told.giving, told.taking, told.current_a) == (1, 2, -1.5)


def test_while_it_rests_no_time_is_told_unless_nothing_is_to_move() -> None:
    rests = shown(FULLER, None)
    assert rests.done_in_s is None
    assert rests.loss_wh == pytest.approx(1.1 * 0.1 * 3.3)
    assert (rests.wanted, rests.giving, rests.taking) == (False, None, None)
    within = shown(Debts((0.2, -0.2, 0.0, 0.0), (0.1,) * 4), None)
    assert (within.done_in_s, within.loss_wh) == (0.0, 0.0)


@pytest.mark.parametrize(("sigma_ah", "told"), [(0.89, True), (0.91, False)])
def test_nothing_is_foretold_of_debts_known_to_more_than_nine_in_a_thousand(
    sigma_ah: float, told: bool
) -> None:
    of = shown(Debts((1.0, 0.5, -0.5, -1.0), (0.1, 0.1, 0.1, sigma_ah)))
    assert (of.done_in_s is not None, of.loss_wh is not None) == (told, told)
    assert of.debt_sigma_ah == sigma_ah


def test_without_debts_or_a_voltage_little_is_told() -> None:
    told = shown(None)
    assert (told.debt_ah, told.debt_sigma_ah) == ((), None)
    assert (told.done_in_s, told.loss_wh) == (None, None)
    unknown = ordered()._show(seen((None,) * 4), FULLER, "so", None)
    assert unknown.loss_wh == 0.0


@pytest.mark.parametrize(
    ("most_a", "capacity_ah", "current_a"), [(2.0, 100, 2.0), (2.0, 15, 1.5), (0.5, 100, 0.5)]
)
def test_the_current_is_the_setting_or_a_tenth_of_c(
    most_a: float, capacity_ah: float, current_a: float
) -> None:
    small = preset(
        "LiFePO4",
        cell_count=4,
        design_capacity_ah=capacity_ah,
        overrides={"balance_current_max_a": most_a},
    )
    assert Planner(LFP, small, by_cell=True).current_a == pytest.approx(current_a)


# What passes between two thoughts


def test_working_time_and_age_pass_and_the_rest_stays() -> None:
    before = Plan(
        WORKS, (1, 2), True, 2.0, 5.0, None, (3, 1), True, True, True, 7.0, 9.0, BEGUN.measured
    )
    after = heard(before, 3.0, seen(balance_current_a=-1.0))
    assert after == before._replace(age_s=5.0, worked_s=8.0, stuck_s=0.0)
    assert heard(before, None, seen(balance_current_a=-1.0)) == before._replace(stuck_s=0.0)


def test_a_pause_passes_while_it_rests_only() -> None:
    after = heard(Plan(RESTS, paused_s=7.0, worked_s=480.0), 3.0)
    assert (after.paused_s, after.worked_s) == (10.0, 480.0)
    assert heard(Plan(RESTS, worked_s=480.0), 3.0).paused_s is None
    assert heard(Plan(WORKS, paused_s=7.0), 3.0).paused_s == 7.0


def test_highest_and_lowest_are_those_of_when_no_balance_current_flowed() -> None:
    before = Plan(RESTS, ends=(2, 1))
    assert heard(before, 1.0).ends == (0, 3)
    assert heard(before, 1.0, seen(balance_current_a=0.0)).ends == (0, 3)
    assert heard(before, 1.0, seen(balance_current_a=0.5)).ends == (2, 1)
    assert heard(before, 1.0, seen((None,) * 4)).ends == (2, 1)


@pytest.mark.parametrize(("age_s", "thinks"), [(6.9, False), (7.0, True)])
def test_it_thinks_every_ten_seconds(age_s: float, thinks: bool) -> None:
    before = Plan(RESTS, age_s=age_s, ends=(0, 3))
    after = heard(before, 3.0)
    assert (after.shown is not RESTS) is thinks
    assert after.age_s == pytest.approx(0.0 if thinks else 9.9)


def test_an_over_voltage_is_thought_of_at_once() -> None:
    raised = Alarm(
        kind=AlarmKind.CELL_OVERVOLTAGE, severity=Severity.PROTECTION, pack="left", since_s=0.0,
        blocks_charge=True,
    )  # fmt: skip
    trip = gather((Watch(alarm=raised),))
    assert trip.overvoltage
    after = heard(Plan(RESTS), 1.0, alarms=trip, gauge=Gauge(soc_percent=5.0))
    assert after.shown is not None
    assert (after.shown.wanted, after.pair) == (True, (0, 3))
    assert after.shown.why == "over-voltage: balancing is the cure"


def test_it_begins_to_measure_where_the_ends_were_never_seen_at_rest() -> None:
    after = heard(Plan(), 1.0, seen(balance_current_a=1.0))
    assert after.shown is not None
    assert (after.shown.wanted, after.shown.why, after.harm) == (False, "measures", False)


@pytest.mark.parametrize(
    ("soc_percent", "why"), [(9.9, "SoC below 10 %"), (10.0, "waits"), (None, "waits")]
)
def test_nothing_is_spent_below_ten_percent(soc_percent: float | None, why: str) -> None:
    after = heard(Plan(), gauge=Gauge(soc_percent=soc_percent))
    assert after.shown is not None
    assert after.shown.why.startswith(why)
    assert after.harm is (why == "SoC below 10 %")


def test_an_unknown_cell_stops_it_and_is_no_harm() -> None:
    after = heard(Plan(pair=(0, 3)), view=seen((3.4, None, 3.3, 3.3)))
    assert after.shown is not None
    assert (after.shown.wanted, after.shown.why) == (False, "a cell is unknown")
    assert (after.harm, after.pair) == (False, None)


def test_from_the_emptiest_cell_a_device_would_do_harm() -> None:
    known = Measured(Ledger(ah=(-3.0, 0.0, 0.0, 0.0), sigma_ah=(0.1,) * 4))
    after = heard(Plan(measured=known), view=seen((3.45, 3.3, 3.3, 3.29)), planner=switched())
    assert after.shown is not None
    assert (after.shown.wanted, after.shown.why) == (False, "the highest cell is not the fullest")
    assert after.harm
    waits = heard(Plan(measured=known), view=seen((3.38, 3.3, 3.3, 3.29)), planner=switched())
    assert not waits.harm


def test_by_the_ledger_it_works_rests_and_comes_to_an_end() -> None:
    known = Measured(Ledger(ah=(0.7, 0.0, 0.0, 0.0), sigma_ah=(0.1,) * 4))
    after = heard(Plan(measured=known))
    assert after.shown is not None
    assert (after.shown.why, after.pair, after.going) == ("by charge", (0, 1), True)
    near = Measured(Ledger(ah=(0.3, 0.0, 0.0, 0.0), sigma_ah=(0.1,) * 4))
    done = heard(Plan(measured=near, going=True, pair=(0, 1)))
    assert done.shown is not None
    assert (done.shown.why, done.pair, done.going) == ("the cells are balanced", None, False)


def test_what_was_moved_is_counted_in_full_and_doubted_by_what_is_known_of_the_cell() -> None:
    before = Plan(RESTS, measured=Measured(Ledger((1.0, 0.0, 0.0, 0.0), (0.1,) * 4)))
    ordered = heard(before, 1.0, moved=Moved(0, -3600.0))
    assert ordered.measured.ledger.ah == (0.0, 0.0, 0.0, 0.0)
    assert ordered.measured.ledger.sigma_ah[0] == pytest.approx(0.15)
    assert ordered.measured.slopes.moved_ah == (-1.0, 0.0, 0.0, 0.0)
    guessed = heard(before, 1.0, moved=Moved(0, -3600.0), planner=switched())
    assert guessed.measured.ledger.ah == (0.0, 0.0, 0.0, 0.0)
    assert guessed.measured.ledger.sigma_ah[0] == pytest.approx(1.1)
    assert guessed.measured.slopes.moved_ah == ()


# A balancer that does not obey, and the switch of one that thinks for itself


@pytest.mark.parametrize(
    ("changes", "shown", "by_cell", "stuck"),
    [
        ({"balancing": True}, RESTS, True, True),
        ({"balancing": True}, WORKS, True, False),
        ({"balancing": True}, None, True, False),
        ({"balancing": True}, RESTS, False, False),
        ({"balancing": True, "balance_switch_on": False}, WORKS, False, True),
        ({"balancing": True, "balance_switch_on": True}, RESTS, False, False),
        ({"balancing": False, "balance_current_a": 0.11}, RESTS, True, True),
        ({"balancing": False, "balance_current_a": -0.11}, RESTS, True, True),
        ({"balancing": False, "balance_current_a": 0.1}, RESTS, True, False),
        ({"balance_switch_on": False}, RESTS, True, False),
    ],
)
def test_a_balancer_that_works_when_it_should_not_is_stuck_after_a_minute(
    changes: dict[str, object], shown: Balancing | None, by_cell: bool, stuck: bool
) -> None:
    planner = ordered() if by_cell else switched()
    after = heard(Plan(shown, stuck_s=58.0), 2.0, seen(**changes), planner=planner)
    assert after.stuck_s == (60.0 if stuck else 0.0)
    assert planner.faults(after) == ((STUCK,) if stuck else ())
    assert planner.faults(Plan(stuck_s=59.9)) == ()


@pytest.mark.parametrize(
    ("before", "passed_s", "closed", "after"),
    [
        (Plan(), 5.0, None, Plan()),
        (Plan(turn_s=7.0), 5.0, None, Plan()),
        (Plan(harm=True), 5.0, True, Plan(harm=True, turn_s=5.0)),
        (Plan(harm=True, turn_s=54.9), 5.0, True, Plan(harm=True, turn_s=59.9)),
        (Plan(harm=True, turn_s=55.0), 5.0, True, Plan(harm=True, vetoed=True)),
        (Plan(harm=True, vetoed=True, turn_s=9.0), 5.0, False, Plan(harm=True, vetoed=True)),
        (Plan(vetoed=True, turn_s=594.0), 5.0, False, Plan(vetoed=True, turn_s=599.0)),
        (Plan(vetoed=True, turn_s=595.0), 5.0, False, Plan(restoring=True)),
        (Plan(restoring=True), 5.0, False, Plan(restoring=True)),
        (Plan(restoring=True), 5.0, True, Plan()),
        (Plan(restoring=True), 5.0, None, Plan()),
    ],
)
def test_harm_for_a_minute_opens_the_switch_and_ten_minutes_without_close_it(
    before: Plan, passed_s: float, closed: bool | None, after: Plan
) -> None:
    assert _turned(before, passed_s, closed) == after


def test_what_is_wanted_of_the_switch() -> None:
    assert switched().switch(Plan(WORKS)) is None
    assert switched().switch(Plan(WORKS, vetoed=True)) is False
    assert switched().switch(Plan(WORKS, restoring=True)) is True
    assert switched().switch(Plan(vetoed=True, restoring=True)) is False
    assert ordered().switch(Plan(WORKS, vetoed=True)) is True
    assert ordered().switch(Plan(RESTS)) is False
    assert ordered().switch(Plan()) is None


def test_only_of_a_bms_is_the_switch_thought_of() -> None:
    before = Plan(RESTS, harm=True, turn_s=59.0)
    assert heard(before, 2.0, planner=switched()).vetoed
    assert not heard(before, 2.0).vetoed


@pytest.mark.parametrize(
    ("kind", "severity", "blocks", "unfit"),
    [
        (AlarmKind.WIRING, Severity.PROTECTION, False, True),
        (AlarmKind.BALANCE_WIRE_OPEN, Severity.PROTECTION, False, True),
        (AlarmKind.CELL_FAILURE, Severity.PROTECTION, False, True),
        (AlarmKind.WIRING, Severity.WARNING, False, False),
        (AlarmKind.CELL_OVERVOLTAGE, Severity.PROTECTION, False, False),
        (AlarmKind.CELL_OVERVOLTAGE, Severity.WARNING, True, True),
    ],
)
def test_what_is_wrong_with_a_lead_or_blocks_balancing_stops_it(
    kind: AlarmKind, severity: Severity, blocks: bool, unfit: bool
) -> None:
    raised = Alarm(kind=kind, severity=severity, pack="left", since_s=0.0, blocks_balance=blocks)
    why = _unfit(seen(), gather((Watch(alarm=raised),)))
    assert (why is not None) is unfit
    assert why is None or not why.startswith("left")
    assert _unfit(seen((None,) * 4), QUIET) == "a cell is unknown"


# Leads


def test_the_ends_are_from_zero() -> None:
    assert ends_of(seen((3.31, 3.34, 3.30, 3.33))) == (1, 2)
    assert ends_of(seen((None,) * 4)) is None


def test_without_an_order_it_was_the_highest_or_the_lowest() -> None:
    assert moved_by(seen(balance_current_a=-2.0), None, 5.0) == Moved(0, -10.0)
    assert moved_by(seen(balance_current_a=0.5), None, 4.0) == Moved(3, 2.0)
    assert moved_by(seen((None,) * 4, balance_current_a=0.5), None, 4.0) is None
    at_work, gives = Plan(pair=(1, 2), ends=(0, 3)), seen(balance_current_a=-1.0)
    assert ordered().moved(at_work, gives, 3.0) == Moved(1, -3.0)
    assert switched().moved(at_work, gives, 3.0) == Moved(0, -3.0)


def test_cells_beside_those_at_work_are_disturbed_too() -> None:
    works = seen(balance_current_a=0.1)
    assert set(disturbed_by(works, (1, 5), (9, 9))) == {0, 1, 2, 4, 5, 6, 8, 9, 10}
    assert set(disturbed_by(works, None)) == set()
    assert disturbed_by(seen(balance_current_a=None), (1, 5)) == ()


def test_an_unknown_cell_stays_unknown_and_its_neighbour_is_mended() -> None:
    leads = (0.05, 0.06, 0.07, 0.08)
    view = seen((3.3, None, 3.3, 3.3), balance_current_a=2.0, wire_resistances_ohm=leads)
    cells = undisturbed(view, (0, 2)).reading.cell_voltages_v
    assert cells[1] is None
    assert cells[0] == 3.3
    assert cells[2:] == pytest.approx((3.3 - 2 * 0.13, 3.3 + 2 * 0.07))
    assert switched().undisturbed(Plan(pair=(0, 2)), view) is view
    assert ordered().undisturbed(Plan(), view) is view


def test_a_mended_view_keeps_how_far_pack_and_cells_disagree() -> None:
    told = reading(0.0, cell_voltages_v=FLAT, voltage_v=None, balance_current_a=2.0)
    view = look(told, 7.0)
    assert undisturbed(view, (0, 2)) is view
    with_leads = seen(balance_current_a=2.0, wire_resistances_ohm=(0.05,) * 4)
    mended = undisturbed(look(with_leads.reading, 7.0), (0, 2))
    assert mended.mismatch_percent == 7.0
    assert mended.reading.cell_voltages_v[2] == pytest.approx(3.31 - 0.2)
