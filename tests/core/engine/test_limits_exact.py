"""The limits of one pack as a whole: what is remembered, when a trend is followed, the phases."""

from functools import cache

import pytest

from cellwarden.engine.limit_facts import Facts, bounds
from cellwarden.engine.limit_trend import NO_TREND, Trend, follow
from cellwarden.engine.limits import (
    NO_STOPS,
    LimitDecider,
    LimitMemory,
    Stops,
    hold_cell,
    rise_a_per_s,
)
from cellwarden.engine.ramp import Moment
from cellwarden.engine.view import look
from cellwarden.model import CHEMISTRIES, ChargePhase, Reason
from support.packs import all_cells, parameters, reading, with_cell

WAITING = Reason(rule="nothing heard", value=0.0)
MOMENT = Moment(fresh=True, started=True, held=False, passed_s=1.0)


@cache
def decider() -> LimitDecider:
    return LimitDecider(CHEMISTRIES["LiFePO4"], parameters())


def facts(heard_s: float = 1001.0, **changes: object) -> Facts:
    view = look(reading(heard_s, **changes))
    return Facts(view=view, capacity_ah=100.0, full=False, overvoltage=False, overdue=())


def settled(**changes: object) -> LimitMemory:
    memory = decider().start(WAITING)
    for second in range(60):
        memory = decider().decide(memory, facts(1000.0 + second, **changes), NO_STOPS, MOMENT)
    return memory


# The numbers of a pack


def test_the_numbers_of_a_pack_come_from_its_parameters_and_its_chemistry() -> None:
    of = bounds(
        CHEMISTRIES["LiFePO4"],
        parameters(
            charge_overtemperature_c=60.0,
            charge_overtemperature_recovery_c=50.0,
            discharge_overtemperature_c=58.0,
            mos_overtemperature_c=90.0,
            mos_overtemperature_recovery_c=60.0,
        ),
    )
    assert (of.warm_c, of.hot_c) == (55.0, 58.0)
    assert (of.mos_warm_c, of.mos_hot_c) == (75.0, 90.0)
    assert (of.nominal_v, of.tail_a, of.float_v) == (pytest.approx(51.2), 5.0, 3.375)
    assert (of.cvl.value, of.dvl.value) == (pytest.approx(55.2), 48.0)


def test_the_float_voltage_is_never_above_the_target() -> None:
    params = parameters(charge_voltage_v=3.36, balance_start_v=3.3)
    assert bounds(CHEMISTRIES["LiFePO4"], params).float_v == 3.36


# Start and stop


def test_at_the_start_the_currents_are_0_for_the_reason_given_and_the_voltages_as_set() -> None:
    memory = decider().start(WAITING)
    limits = memory.limits
    assert limits.charge_current.value == limits.discharge_current.value == 0.0
    assert limits.charge_current.reasons == limits.discharge_current.reasons == (WAITING,)
    assert limits.cvl_v == pytest.approx(55.2)
    assert limits.dvl_v == 48.0
    assert memory.voltage.value == memory.voltage.newest == memory.voltage.before
    assert memory.trend == NO_TREND
    assert memory.yield_v == 0.0


def test_a_stop_leaves_the_charge_voltage_where_it_was_and_the_currents_start_from_0() -> None:
    memory = settled()
    stopped = decider().stop(memory, WAITING)
    assert stopped.limits.charge_voltage is memory.limits.charge_voltage
    assert stopped.voltage is memory.voltage
    assert stopped.limits.ccl_a == stopped.limits.dcl_a == 0.0
    assert (stopped.charge.value, stopped.charge.newest, stopped.charge.before) == (0, 0, 0)
    assert (stopped.discharge.value, stopped.discharge.newest) == (0, 0)


# One step


def test_while_nothing_changes_the_very_same_memory_is_given() -> None:
    memory = settled()
    assert decider().decide(memory, facts(1100.0), NO_STOPS, MOMENT) is memory


def test_what_changes_leaves_the_other_limits_the_very_same() -> None:
    memory = settled()
    cold = decider().decide(memory, facts(1100.0, temperatures_c=(8.0, 25.0)), NO_STOPS, MOMENT)
    assert cold.limits.ccl_a == 20.0
    assert cold.limits.discharge_current.reasons[0].rule == "temperature"
    assert cold.limits.charge_voltage is memory.limits.charge_voltage
    again = decider().decide(cold, facts(1101.0, temperatures_c=(8.0, 25.0)), NO_STOPS, MOMENT)
    assert again.limits is cold.limits


def test_an_alarm_stops_its_own_direction_and_stands_before_the_rules() -> None:
    stop = Reason(rule="over-temperature", value=0.0)
    memory = settled()
    state = decider().decide(memory, facts(1100.0), Stops(charge=(stop,)), MOMENT)
    assert state.limits.charge_current.binding == stop
    assert state.limits.dcl_a == 100
    state = decider().decide(memory, facts(1100.0), Stops(discharge=(stop,)), MOMENT)
    assert state.limits.discharge_current.binding == stop
    assert state.limits.ccl_a == 50


def test_the_charge_voltage_gives_way_only_when_something_new_was_heard() -> None:
    memory = settled(**all_cells(3.40))
    high = facts(1100.0, **with_cell(7, 3.48, 3.44))
    heard = decider().decide(memory, high, NO_STOPS, MOMENT)
    assert heard.yield_v == pytest.approx(0.0006)  # 0.02 a second of 30 mV
    assert heard.limits.cvl_v == pytest.approx(55.1994)
    waited = decider().decide(
        memory, high, NO_STOPS, Moment(fresh=False, started=True, held=False, passed_s=1.0)
    )
    assert waited.yield_v == 0.0
    unknown = decider().decide(heard, facts(1101.0, cell_voltages_v=()), NO_STOPS, MOMENT)
    assert unknown.yield_v == heard.yield_v


def test_it_gives_way_by_2_percent_of_itself_at_most() -> None:
    memory = settled(**all_cells(3.40))
    for second in range(40):
        high = facts(1100.0 + 60 * second, **with_cell(7, 3.50, 3.44))
        memory = decider().decide(
            memory, high, NO_STOPS, Moment(fresh=True, started=True, held=False, passed_s=60.0)
        )
    assert memory.yield_v == pytest.approx(0.02 * 55.2)


# When a trend is followed: 50 mV or 5 K from where it would count


@pytest.mark.parametrize(
    ("changes", "followed"),
    [
        (with_cell(7, 3.4001), True),
        (with_cell(7, 3.3999), False),
        (with_cell(7, 3.0499), True),
        (with_cell(7, 3.0501), False),
        ({"temperatures_c": (25.0, 47.6)}, True),
        ({"temperatures_c": (25.0, 47.5)}, False),
        ({"mos_temperature_c": 65.1}, True),
        ({"mos_temperature_c": 65.0}, False),
        ({"mos_temperature_c": None, "temperatures_c": (), "cell_voltages_v": ()}, False),
    ],
)
def test_a_trend_is_followed_where_a_protection_is_near(changes, followed: bool) -> None:
    memory = decider().decide(settled(), facts(1100.0, **changes), NO_STOPS, MOMENT)
    assert (memory.trend.heard_s == 1100.0) is followed


def test_between_readings_the_trend_stands_and_is_forgotten_once_nothing_is_near() -> None:
    memory = decider().decide(settled(), facts(1100.0, **with_cell(7, 3.42)), NO_STOPS, MOMENT)
    waited = decider().decide(
        memory,
        facts(1100.0, **with_cell(7, 3.42)),
        NO_STOPS,
        Moment(fresh=False, started=True, held=False, passed_s=1.0),
    )
    assert waited.trend is memory.trend
    calm = decider().decide(memory, facts(1101.0), NO_STOPS, MOMENT)
    assert calm.trend == NO_TREND


# Trends


def seen(heard_s: float, cell_v: float | None = 3.30, **changes: object) -> object:
    cells = () if cell_v is None else (cell_v, 3.30)
    return look(reading(heard_s, cell_voltages_v=cells, voltage_v=None, **changes))


def after(*moments: tuple[float, float | None]) -> Trend:
    trend = NO_TREND
    for heard_s, cell_v in moments:
        trend = follow(trend, seen(heard_s, cell_v))  # type: ignore[arg-type]
    return trend


def test_of_three_differences_the_middle_one_counts_smoothed_over_20_s() -> None:
    # 10 mV/s: nothing after the first difference (the two before it are 0) ...
    trend = after((0.0, 3.40), (1.0, 3.41))
    assert trend.rates == (0.0, 0.0, 0.0, 0.0)
    assert trend.raw[0] == (0.0, pytest.approx(0.01))
    # ... then a 21st of the rest at each step of 1 s.
    trend = after((0.0, 3.40), (1.0, 3.41), (2.0, 3.42))
    assert trend.cell_max_v_per_s == pytest.approx(0.01 / 21)
    trend = after((0.0, 3.40), (1.0, 3.41), (2.0, 3.42), (3.0, 3.43))
    assert trend.cell_max_v_per_s == pytest.approx(0.01 / 21 + (0.01 - 0.01 / 21) / 21)
    assert trend.values == (3.43, 3.30, 25.0, 30.0)
    assert trend.heard_s == 3.0


def test_over_two_seconds_a_difference_counts_twice_as_much() -> None:
    trend = after((0.0, 3.40), (2.0, 3.42), (4.0, 3.44))
    assert trend.cell_max_v_per_s == pytest.approx(0.01 * 2 / 22)


def test_the_lowest_cell_and_the_temperatures_have_rates_of_their_own() -> None:
    trend = NO_TREND
    for second in range(4):
        view = look(
            reading(
                float(second),
                cell_voltages_v=(3.30, 3.0 - 0.01 * second),
                temperatures_c=(25.0, 50.0 + 0.5 * second),
                mos_temperature_c=70.0 + second,
            )
        )
        trend = follow(trend, view)
    once = 1 / 121
    twice = once + (1 - once) / 121
    assert trend.cell_max_v_per_s == 0.0
    assert trend.cell_min_v_per_s == pytest.approx(-(0.01 / 21 + (0.01 - 0.01 / 21) / 21))
    assert trend.warmest_k_per_s == pytest.approx(0.5 * twice)
    assert trend.mos_k_per_s == pytest.approx(twice)


def test_a_gap_or_an_unknown_value_starts_a_rate_anew() -> None:
    moving = ((0.0, 3.40), (1.0, 3.41), (2.0, 3.42))
    gap = after(*moving, (22.1, 3.60))
    assert gap.cell_max_v_per_s == 0.0
    assert gap.raw[0] == (0.0, 0.0)
    just = after(*moving, (22.0, 3.62))
    assert just.cell_max_v_per_s > 0.0
    lost = after(*moving, (3.0, None))
    assert lost.cell_max_v_per_s == 0.0
    assert lost.values[0] is None
    back = after(*moving, (3.0, None), (4.0, 3.44))
    assert back.cell_max_v_per_s == 0.0


def test_a_reading_that_is_not_newer_changes_no_trend() -> None:
    trend = after((0.0, 3.40), (1.0, 3.41))
    assert follow(trend, seen(1.0, 3.60)) is trend  # type: ignore[arg-type]
    assert follow(trend, seen(0.5, 3.60)) is trend  # type: ignore[arg-type]


# Holding the highest cell


@pytest.mark.parametrize(
    ("excess_v", "after_v"),
    [
        (0.002, 0.3),
        (0.00201, 0.3000402),
        (-0.002, 0.3),
        (-0.00201, 0.2999598),
        (0.030, 0.3006),
        (0.0376, 0.30075),
        (-0.0376, 0.29925),
    ],
)
def test_by_the_second_it_gives_way_by_2_percent_of_the_excess(
    excess_v: float, after_v: float
) -> None:
    assert hold_cell(0.3, excess_v, 1.0, 1.0) == pytest.approx(after_v, rel=1e-9)


def test_what_has_not_given_way_stays_where_it_is_below_the_target() -> None:
    assert hold_cell(0.0, -0.2, 1.0, 1.0) == 0.0
    assert hold_cell(0.0, 0.01, 1.0, 1.0) == pytest.approx(0.0002)


# Phases


@pytest.mark.parametrize(
    ("cell_v", "full", "blocked", "phase"),
    [
        (3.30, False, False, ChargePhase.BULK),
        (3.435, False, False, ChargePhase.ABSORPTION),
        (3.4349, False, False, ChargePhase.BULK),
        (3.50, True, False, ChargePhase.FLOAT),
        (3.50, True, True, ChargePhase.BLOCKED),
        (3.50, False, True, ChargePhase.BLOCKED),
    ],
)
def test_the_charge_phase(cell_v: float, full: bool, blocked: bool, phase: ChargePhase) -> None:
    view = look(reading(1000.0, **with_cell(7, cell_v)))
    assert decider().charge_phase(view, full=full, blocked=blocked) is phase


def test_without_cells_the_phase_is_bulk() -> None:
    view = look(reading(1000.0, cell_voltages_v=()))
    assert decider().charge_phase(view, full=False, blocked=False) is ChargePhase.BULK


def test_currents_rise_by_5_a_a_second_or_by_2_percent_of_their_setting() -> None:
    assert rise_a_per_s(100.0) == 5.0
    assert rise_a_per_s(250.0) == 5.0
    assert rise_a_per_s(300.0) == 6.0
