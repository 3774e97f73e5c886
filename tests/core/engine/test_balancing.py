"""The balancing planner: by charge where it is known, by voltage where that shows it, else not."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellwarden.engine.alarms import Alarms, gather
from cellwarden.engine.balance_debt import debts
from cellwarden.engine.balance_plan import Plan, Planner
from cellwarden.engine.kalman import diagonal
from cellwarden.engine.protection import Watch
from cellwarden.engine.soc import Gauge, SocCounter
from cellwarden.engine.soc_cells import Cell
from cellwarden.engine.soc_estimator import Estimator, Moved
from cellwarden.engine.view import look
from cellwarden.model import CHEMISTRIES, Alarm, AlarmKind, Balancing, Parameters, Severity
from support.packs import Bench, all_cells, parameters, reading

LFP = CHEMISTRIES["LiFePO4"]
FLAT = (3.330,) * 16
TOP = (3.390,) * 16


def with_volts(base: tuple[float, ...], **cells: float) -> tuple[float, ...]:
    """`with_volts(TOP, c3=3.45)`: cell 3 differs."""
    volts = list(base)
    for name, value in cells.items():
        volts[int(name[1:]) - 1] = value
    return tuple(volts)


def gauge(apart: dict[int, float] | None = None, sigma: float = 0.1, soc: float = 60.0) -> Gauge:
    """A gauge that knows each cell's SoC above the mean, in %, to a sigma in %; 100 Ah."""
    estimator = Estimator(LFP, parameters(), None)
    estimate = estimator.start(soc / 100, 0.02, 100.0)
    p = diagonal([(sigma / 100) ** 2, 1e-9, 1e-12, 1e-9])
    cells = tuple(Cell(((apart or {}).get(n, 0.0) / 100, 0.0, 0.0, 0.0), p) for n in range(1, 17))
    mean = estimate.mean._replace(x=(soc / 100, 0.0, 1.0, *estimate.mean.x[3:]))
    return Gauge(soc_percent=soc, estimate=estimate._replace(mean=mean, cells=cells))


def plan(
    known: Gauge | None = None,
    volts: tuple[float, ...] = FLAT,
    *,
    by_cell: bool = True,
    before: Plan = Plan(),  # noqa: B008  # a value
    after_s: float = 10.0,
    alarms: Alarms = gather(()),  # noqa: B008  # a value
    params: Parameters | None = None,
    **changes: object,
) -> Plan:
    planner = Planner(LFP, params or parameters(), by_cell=by_cell)
    heard = look(reading(0.0, cell_voltages_v=volts, voltage_v=sum(volts), **changes))
    return planner.hear(before, heard, known or Gauge(), after_s, alarms=alarms)


def alarm(kind: AlarmKind, **changes: bool) -> Alarms:
    raised = Alarm(
        kind=kind, severity=Severity.PROTECTION, pack="left", since_s=0.0, blocks_charge=True,
        **changes,
    )  # fmt: skip
    return gather((Watch(alarm=raised),))


def told(*arguments: object, **changes: object) -> Balancing:
    shown = plan(*arguments, **changes).shown  # type: ignore[arg-type]
    assert shown is not None
    return shown


# -- by voltage, as the manual ---------------------------------------------------------------


@pytest.mark.requirement("R27")
@pytest.mark.parametrize(
    ("highest_v", "others_v", "wanted"),
    [
        (3.401, 3.390, True),
        (3.400, 3.390, False),  # the start voltage must be passed
        (3.406, 3.4005, True),
        (3.405, 3.400, False),  # the trigger difference must be passed
    ],
)
def test_with_nothing_known_it_starts_as_the_manual_says(
    highest_v: float, others_v: float, wanted: bool
) -> None:
    volts = with_volts((others_v,) * 16, c4=highest_v)
    assert told(volts=volts, params=parameters(balance_trigger_v=0.005)).wanted is wanted


@pytest.mark.requirement("R27")
def test_it_goes_from_the_highest_cell_to_the_lowest() -> None:
    shown = told(volts=with_volts(TOP, c4=3.45, c11=3.37))
    assert (shown.wanted, shown.giving, shown.taking) == (True, 4, 11)
    assert shown.why == "by voltage"


def test_by_voltage_it_waits_for_a_small_current() -> None:
    volts = with_volts(TOP, c4=3.45)
    shown = told(volts=volts, current_a=11.0)
    assert (shown.wanted, shown.why) == (
        False,
        "waits for less than 10 A: voltages show resistances",
    )


@pytest.mark.requirement("R27")
def test_on_the_flat_part_a_voltage_difference_starts_nothing() -> None:
    shown = told(volts=with_volts(FLAT, c4=3.36))
    assert not shown.wanted
    assert shown.why == "waits for the end of a charge: highest cell below 3.400 V"


# -- R28, R30, R31 ---------------------------------------------------------------------------


@pytest.mark.requirement("R28")
@pytest.mark.parametrize(
    ("capacity_ah", "most_a", "amps"), [(20.0, 5.0, 2.0), (100.0, 2.0, 2.0), (100.0, 0.4, 0.4)]
)
def test_the_current_is_neither_above_the_setting_nor_a_tenth_of_the_capacity(
    capacity_ah: float, most_a: float, amps: float
) -> None:
    params = parameters(balance_current_max_a=most_a, design_capacity_ah=capacity_ah)
    assert Planner(LFP, params, by_cell=True).current_a == amps


@pytest.mark.requirement("R30")
def test_after_an_over_voltage_trip_it_goes_on_whatever_is_known() -> None:
    volts = with_volts(FLAT, c6=3.61, c9=3.32)
    shown = told(gauge(), volts, alarms=alarm(AlarmKind.CELL_OVERVOLTAGE), current_a=50.0)
    assert (shown.wanted, shown.giving, shown.taking) == (True, 6, 9)


@pytest.mark.requirement("R31")
@pytest.mark.parametrize(
    ("why", "wanted"),
    [
        (gather(()), True),
        (alarm(AlarmKind.BALANCE_WIRE, blocks_balance=True), False),
        (alarm(AlarmKind.BALANCE_WIRE_OPEN), False),
        (alarm(AlarmKind.WIRING), False),
        (alarm(AlarmKind.CHARGE_OVERTEMPERATURE), True),
    ],
)
def test_what_is_wrong_with_a_lead_locks_the_balancer(why: Alarms, wanted: bool) -> None:
    assert told(volts=with_volts(TOP, c4=3.45), alarms=why).wanted is wanted


@pytest.mark.requirement("R31")
@pytest.mark.parametrize(("ohm", "wanted"), [(0.12, True), (0.21, False)])
def test_a_lead_of_much_resistance_locks_and_says_which(ohm: float, wanted: bool) -> None:
    bench = Bench()
    volts = with_volts(TOP, c4=3.45)
    state = bench.settle(
        30,
        cell_voltages_v=volts,
        voltage_v=sum(volts),
        wire_resistances_ohm=(*(0.06,) * 15, ohm),
    )
    assert state.balancing.wanted is wanted
    assert ("balance lead resistance" in state.balancing.why) is not wanted


def test_a_cell_that_is_unknown_stops_it() -> None:
    volts = with_volts(TOP, c4=3.45)
    heard = look(reading(0.0, cell_voltages_v=(None, *volts[1:])))
    planner = Planner(LFP, parameters(), by_cell=True)
    shown = planner.hear(Plan(), heard, Gauge(), 10.0, alarms=gather(())).shown
    assert (shown.wanted, shown.why) == (False, "a cell is unknown")


def test_nothing_is_spent_on_balancing_an_empty_pack() -> None:
    assert told(gauge({3: 2.0, 4: -2.0}, soc=9.0)).why == "SoC below 10 %"


# -- by charge -------------------------------------------------------------------------------


def test_on_the_flat_part_known_debts_are_enough() -> None:
    shown = told(gauge({3: 2.0, 12: -1.5}, sigma=0.25))
    assert (shown.wanted, shown.giving, shown.taking, shown.why) == (True, 3, 12, "by charge")


def test_on_the_flat_part_debts_known_to_more_than_three_in_a_thousand_are_not() -> None:
    assert not told(gauge({3: 2.0, 12: -1.5}, sigma=0.31)).wanted


def test_where_voltage_shows_charge_doubtful_debts_are_enough_if_their_order_is_sure() -> None:
    volts = with_volts(FLAT, c3=3.45)
    assert told(gauge({3: 2.0, 12: -1.5}, sigma=0.8), volts).wanted
    assert not told(gauge({3: 2.0, 12: -0.2}, sigma=0.8), with_volts(FLAT, c3=3.39)).wanted


def test_a_high_current_does_not_make_the_flat_part_look_steep() -> None:
    volts = (3.375,) * 16
    assert told(gauge({3: 2.0, 12: -1.5}, sigma=0.8), volts, current_a=0.0).wanted
    assert not told(gauge({3: 2.0, 12: -1.5}, sigma=0.8), volts, current_a=50.0).wanted


def test_it_begins_at_six_in_a_thousand_and_ends_at_four() -> None:
    between = gauge({3: 0.25, 12: -0.25}, sigma=0.05)
    assert told(between).why == "the cells are balanced"
    going = plan(gauge({3: 2.0, 12: -2.0}, sigma=0.05))
    assert going.shown.wanted
    assert told(between, before=going).wanted
    assert not told(gauge({3: 0.15, 12: -0.15}, sigma=0.05), before=going).wanted


def test_a_device_with_a_switch_only_is_let_loose_when_it_would_do_right() -> None:
    known = gauge({3: 2.0, 12: -1.5}, sigma=0.25)
    right = told(known, with_volts(FLAT, c3=3.334, c12=3.326), by_cell=False)
    wrong = told(known, with_volts(FLAT, c12=3.334, c3=3.326), by_cell=False)
    assert right.wanted
    assert not wrong.wanted


def test_by_voltage_it_never_works_against_what_is_known() -> None:
    known = gauge({3: 2.0, 12: -1.5}, sigma=0.5)
    shown = told(known, with_volts((3.38,) * 16, c12=3.41, c3=3.37), by_cell=False)
    assert (shown.wanted, shown.why) == (False, "the highest cell is not the fullest")


def test_it_pauses_to_measure_and_goes_on() -> None:
    known, volts = gauge({3: 2.0, 12: -1.5}, sigma=0.25), with_volts(FLAT, c3=3.45)
    wanted, before = [], Plan()
    for _ in range(70):
        before = plan(known, volts, before=before)
        wanted.append(before.shown.wanted)
    assert wanted == [True] * 48 + [False] * 8 + [True] * 14


def test_on_the_flat_part_it_pauses_seldom() -> None:
    before = Plan()
    for _ in range(180):
        before = plan(gauge({3: 2.0, 12: -1.5}, sigma=0.25), before=before)
        assert before.shown.wanted


@pytest.mark.parametrize("after_s", [1.0, 9.0])
def test_between_its_thoughts_it_stays_with_what_it_said(after_s: float) -> None:
    before = plan(gauge({3: 2.0, 12: -1.5}, sigma=0.25))
    later = plan(gauge(), before=before, after_s=after_s)
    assert later.shown is before.shown


def test_it_predicts_time_and_loss() -> None:
    """One cell 5 Ah above the rest, 2 A taken half of the time: some 5 h (C2)."""
    shown = told(gauge({3: 4.6875, **dict.fromkeys([*range(1, 3), *range(4, 17)], -0.3125)}))
    assert shown.done_in_s == pytest.approx(3600 * 4.49 * 7 / 6, rel=0.01)
    assert shown.done_in_s <= 1.2 * 3600 * 4.6875
    assert shown.loss_wh == pytest.approx(0.1 * 4.49 * 3.33, rel=0.01)
    assert shown.debt_ah[2] == pytest.approx(4.6875)
    assert shown.debt_sigma_ah == pytest.approx(0.1, rel=0.01)


def test_nothing_is_predicted_while_little_is_known() -> None:
    shown = told(gauge({3: 4.0}, sigma=1.5))
    assert (shown.done_in_s, shown.loss_wh) == (None, None)


cells = st.lists(st.floats(-3, 3), min_size=16, max_size=16)


@given(
    apart=cells,
    sigma=st.floats(0.01, 2.0),
    volts=st.lists(st.floats(3.0, 3.6), min_size=16, max_size=16),
    by_cell=st.booleans(),
    going=st.booleans(),
)
def test_charge_never_goes_knowingly_the_wrong_way(
    apart: list[float], sigma: float, volts: list[float], by_cell: bool, going: bool
) -> None:
    known = gauge(dict(enumerate(apart, start=1)), sigma)
    shown = told(known, tuple(volts), by_cell=by_cell, before=Plan(going=going))
    if not shown.wanted:
        return
    assert shown.giving != shown.taking
    owed = shown.debt_ah[shown.giving - 1] - shown.debt_ah[shown.taking - 1]
    doubt = 2 * math.sqrt(2) * shown.debt_sigma_ah
    if shown.why == "by charge":
        assert owed >= doubt * 0.999
    else:
        assert shown.why == "by voltage"
        assert owed > -doubt
        assert max(volts) > 3.4


# -- what a balancer did is counted ----------------------------------------------------------


@pytest.mark.requirement("R29")
def test_a_negative_balance_current_is_of_the_cell_that_gives() -> None:
    planner = Planner(LFP, parameters(), by_cell=True)
    ordered = Plan(pair=(2, 11))
    taking = look(reading(0.0, balance_current_a=-2.0))
    giving = look(reading(0.0, balance_current_a=1.8))
    assert planner.moved(ordered, taking, 5.0) == Moved(2, -10.0)
    assert planner.moved(ordered, giving, 5.0) == Moved(11, 9.0)
    assert planner.moved(ordered, look(reading(0.0, balance_current_a=0.0)), 5.0) is None
    assert planner.moved(ordered, look(reading(0.0)), 5.0) is None


@pytest.mark.requirement("R29")
def test_of_a_device_that_chooses_itself_it_is_the_highest_as_it_was_before_it_began() -> None:
    planner = Planner(LFP, parameters(), by_cell=False)
    quiet = plan(volts=with_volts(FLAT, c5=3.36, c8=3.31), by_cell=False, balance_current_a=0.0)
    disturbed = reading(0.0, cell_voltages_v=with_volts(FLAT, c5=3.20), balance_current_a=-2.0)
    assert planner.moved(quiet, look(disturbed), 5.0) == Moved(4, -10.0)


def test_what_was_moved_changes_the_debts_and_their_doubt() -> None:
    counter = SocCounter(LFP, parameters(), 3.0)
    now = gauge({3: 2.0, 12: -2.0}, sigma=0.1)
    heard = look(reading(0.0, balance_current_a=-2.0))
    for _ in range(1800):
        now = counter.hear(now, heard, 1.0, Moved(2, -2.0))
        now = counter.hear(now, heard, 1.0, Moved(11, 1.8))
    known = debts(now.estimate, 100.0)
    assert known.ah[2] == pytest.approx(1.0, abs=0.02)
    assert known.ah[11] == pytest.approx(-1.1, abs=0.02)
    assert known.sigma_ah[2] == pytest.approx(0.15, abs=0.01)
    assert known.sigma_ah[5] == pytest.approx(0.10, abs=0.01)


def test_while_it_works_the_voltages_of_the_cells_are_not_listened_to() -> None:
    def after(balance_a: float) -> tuple[float, ...]:
        bench = Bench()
        bench.settle(70, **all_cells(3.40))
        for _ in range(600):
            cells_v = with_volts((3.40,) * 16, c3=3.20)
            bench.hear(cell_voltages_v=cells_v, voltage_v=sum(cells_v), balance_current_a=balance_a)
        return debts(bench.memory.gauge.estimate, 100.0).ah

    assert after(0.0)[2] < -0.5
    assert after(1e-9)[2] == pytest.approx(0.0, abs=0.01)


def test_hardware_without_a_mind_is_switched_as_planned() -> None:
    planner = Planner(LFP, parameters(), by_cell=True)
    assert planner.switch(plan(gauge({3: 2.0, 12: -1.5}))) is True
    assert planner.switch(plan(gauge())) is False
    assert planner.switch(Plan()) is None


@pytest.mark.requirement("R30")
def test_the_switch_of_a_bms_is_left_as_its_owner_has_it_while_it_does_no_harm() -> None:
    bench = Bench()
    volts = with_volts(TOP, c4=3.45)
    for on in (False, True):
        state = bench.settle(100, cell_voltages_v=volts, voltage_v=sum(volts), balance_switch_on=on)
        assert state.balancing.wanted
        assert state.switches.balance is None


@pytest.mark.requirement("R31")
def test_it_is_opened_while_a_lead_locks_and_closed_again_ten_minutes_after() -> None:
    bench = Bench()
    volts = with_volts(TOP, c4=3.45)
    told = {"cell_voltages_v": volts, "voltage_v": sum(volts)}
    bad = {"wire_resistances_ohm": (*(0.06,) * 15, 0.3)}
    good = {"wire_resistances_ohm": (0.06,) * 16}
    assert bench.settle(50, balance_switch_on=True, **told, **bad).switches.balance is None
    assert bench.settle(60, balance_switch_on=True, **told, **bad).switches.balance is False
    assert bench.settle(590, balance_switch_on=False, **told, **good).switches.balance is False
    assert bench.settle(40, balance_switch_on=False, **told, **good).switches.balance is True
    assert bench.settle(2, balance_switch_on=True, **told, **good).switches.balance is None
    assert bench.settle(2, balance_switch_on=False, **told, **good).switches.balance is None


def test_a_bms_is_not_paused_by_its_switch_for_that_lives_in_its_flash() -> None:
    before, known = Plan(), gauge({3: 2.0, 12: -1.5}, sigma=0.25)
    for _ in range(400):
        before = plan(known, with_volts(FLAT, c3=3.45, c12=3.32), before=before, by_cell=False)
        assert before.shown.wanted


def test_a_pack_that_is_not_heard_wants_nothing_of_its_balancer() -> None:
    bench = Bench()
    volts = with_volts(TOP, c4=3.45)
    bench.settle(20, cell_voltages_v=volts, voltage_v=sum(volts))
    state = bench.wait(60.0)
    assert (state.balancing, state.switches.balance) == (None, None)
