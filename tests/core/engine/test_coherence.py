"""Values against each other and their own past: current and voltage, frozen values, open wires."""

import math
import random

import pytest

from cellwarden.model import (
    Alarm,
    AlarmKind,
    ExternalMeasurement,
    Inputs,
    PackPhase,
    PackState,
    Severity,
    preset,
)
from support.packs import Bench, all_cells, parameters, under


def found(state: PackState | None, kind: AlarmKind) -> Alarm | None:
    assert state is not None
    alarms = [a for a in state.alarms if a.kind is kind]
    return alarms[0] if alarms else None


def settled(**changes: object) -> Bench:
    bench = Bench()
    bench.settle(30, **changes)
    return bench


def limits(bench: Bench) -> tuple[float, float]:
    assert bench.state is not None
    return bench.state.limits.ccl_a, bench.state.limits.dcl_a


# -- the current against the voltage (F12, F13) ------------------------------------------------


def pulses(bench: Bench, count: int, *, told: object, true_a: float = -30.0) -> None:
    """Let a load come and go; `told(true current)` is what the sensor says."""
    for _ in range(count):
        for current_a in (true_a, 0.0):
            for _ in range(5):
                bench.hear(**{**under(current_a), "current_a": told(current_a)})  # type: ignore[operator]


def test_a_sensor_that_tells_what_the_voltage_shows_is_believed() -> None:
    bench = settled()
    pulses(bench, 20, told=lambda a: a)
    assert bench.state.alarms == ()
    assert bench.state.reading.current_a == 0.0


@pytest.mark.parametrize("stuck_a", [0.0, -12.0])
def test_a_current_that_is_stuck_while_the_voltage_steps_is_no_current(stuck_a: float) -> None:
    bench = settled(**under(0.0))
    pulses(bench, 1, told=lambda _: stuck_a, true_a=-60.0)
    assert found(bench.state, AlarmKind.CURRENT_SENSOR) is None  # two steps may be a coincidence
    pulses(bench, 1, told=lambda _: stuck_a, true_a=-60.0)
    alarm = found(bench.state, AlarmKind.CURRENT_SENSOR)
    assert alarm is not None
    assert (alarm.severity, alarm.blocks_discharge) == (Severity.WARNING, False)
    assert bench.state.reading.current_a is None
    assert limits(bench) == (25, 50)  # over-current can't be judged
    assert "the voltage moves without it" in bench.state.quarantined[-1].why


def test_the_soc_band_grows_while_the_current_is_not_known() -> None:
    bench = settled()
    before = bench.state.soc_sigma_percent
    pulses(bench, 30, told=lambda _: 0.0, true_a=-60.0)
    assert bench.state.soc_sigma_percent > before


def test_a_current_that_moves_no_voltage_is_no_current() -> None:
    bench = settled()
    for _ in range(4):
        for current_a in (-30.0, 0.0):
            bench.settle(5, current_a=current_a)
    assert found(bench.state, AlarmKind.CURRENT_SENSOR) is not None
    assert bench.state.reading.current_a is None


def test_a_current_sensor_that_comes_to_its_senses_is_believed_after_three_good_steps() -> None:
    bench = settled()
    pulses(bench, 3, told=lambda _: 0.0, true_a=-60.0)
    assert bench.state.reading.current_a is None
    pulses(bench, 1, told=lambda a: a, true_a=-60.0)
    assert bench.state.reading.current_a is None
    pulses(bench, 1, told=lambda a: a, true_a=-60.0)
    assert bench.state.reading.current_a == 0.0
    assert found(bench.state, AlarmKind.CURRENT_SENSOR) is None


def test_a_reversed_current_is_a_wiring_fault_and_nothing_closes() -> None:
    bench = settled()
    pulses(bench, 1, told=lambda a: -a)
    assert found(bench.state, AlarmKind.WIRING) is None
    pulses(bench, 1, told=lambda a: -a)
    alarm = found(bench.state, AlarmKind.WIRING)
    assert alarm is not None
    assert (alarm.blocks_charge, alarm.blocks_discharge) == (True, True)
    assert limits(bench) == (0, 0)
    pulses(bench, 2, told=lambda a: a)
    assert found(bench.state, AlarmKind.WIRING) is None


@pytest.mark.parametrize("lag", [-3, -2, -1, 1, 2, 3])
def test_a_voltage_some_seconds_ahead_or_behind_is_no_contradiction(lag: int) -> None:
    """Devices measure cells and current at different times, and tell them together."""
    bench = settled()
    currents = ([-60.0] * 8 + [0.0] * 8) * 10
    for n in range(3, len(currents) - 3):
        bench.hear(**{**under(currents[n]), "current_a": currents[n + lag]})
    assert found(bench.state, AlarmKind.CURRENT_SENSOR) is None
    assert found(bench.state, AlarmKind.WIRING) is None


def test_cells_that_relax_after_a_load_are_no_contradiction() -> None:
    bench = settled()
    for _ in range(5):
        bench.settle(20, **under(-60.0))
        for second in range(120):
            bench.hear(current_a=0.0, **all_cells(3.300 - 0.030 * 0.97**second))
    assert bench.state.alarms == ()


# -- the same where a BMS is asked every few seconds only -------------------------------------


def slowly(bench: Bench, count: int, *, every_s: float, told: object) -> None:
    """Let a load of 0.6 C come and go, one reading each; `told(true current)` is what is said."""
    for n in range(count):
        true_a = -60.0 if n % 2 else 0.0
        bench.hear(every_s, **{**under(true_a), "current_a": told(true_a)})  # type: ignore[operator]


@pytest.mark.parametrize("every_s", [6.0, 15.0, 30.0, 60.0])
def test_a_stuck_current_is_found_by_the_seventh_turn_of_the_voltage(every_s: float) -> None:
    bench = Bench(max_age_s=130.0)
    slowly(bench, 7, every_s=every_s, told=lambda _: 0.0)
    assert found(bench.state, AlarmKind.CURRENT_SENSOR) is None
    slowly(bench, 3, every_s=every_s, told=lambda _: 0.0)
    assert found(bench.state, AlarmKind.CURRENT_SENSOR) is not None
    slowly(bench, 5, every_s=every_s, told=lambda a: a)
    assert found(bench.state, AlarmKind.CURRENT_SENSOR) is None


@pytest.mark.parametrize("every_s", [6.0, 15.0, 30.0, 60.0])
def test_a_reversed_current_is_found_by_its_sixth_step(every_s: float) -> None:
    bench = Bench(max_age_s=130.0)
    slowly(bench, 6, every_s=every_s, told=lambda a: -a)
    assert found(bench.state, AlarmKind.WIRING) is None
    slowly(bench, 2, every_s=every_s, told=lambda a: -a)
    assert found(bench.state, AlarmKind.WIRING) is not None
    slowly(bench, 5, every_s=every_s, told=lambda a: a)
    assert found(bench.state, AlarmKind.WIRING) is None


def test_cells_that_relax_between_slow_readings_are_no_contradiction() -> None:
    """After a load they rise for a minute, but they never turn."""
    bench = Bench(max_age_s=60.0)
    for _ in range(20):
        bench.hear(15.0, **under(-60.0))
        for second in (0, 15, 30, 45, 60):
            bench.hear(15.0, current_a=0.0, **all_cells(3.300 - 0.030 * 0.97**second))
    assert bench.state.alarms == ()


def test_a_current_that_answers_late_between_slow_readings_is_no_contradiction() -> None:
    """Told as it was a reading ago."""
    bench = Bench(max_age_s=60.0)
    draw = random.Random(3)
    currents = [-10.0 * draw.randrange(7) for _ in range(200)]
    for n in range(1, len(currents)):
        bench.hear(15.0, **{**under(currents[n]), "current_a": currents[n - (n % 3 == 0)]})
    assert found(bench.state, AlarmKind.CURRENT_SENSOR) is None


def test_readings_more_than_a_minute_apart_are_not_compared() -> None:
    bench = Bench(max_age_s=130.0)
    slowly(bench, 40, every_s=61.0, told=lambda _: 0.0)
    assert found(bench.state, AlarmKind.CURRENT_SENSOR) is None


# -- frozen values (F1, F2, F19) ---------------------------------------------------------------


def lively(bench: Bench, seconds: int, *, frozen: int | None = None, seed: int = 1) -> int | None:
    """A load that varies between 0.1 and 0.3 C; one cell, from 1, may stand still.

    Returns after how many seconds an alarm came.
    """
    draw = random.Random(seed)
    current_a = -20.0
    for second in range(seconds):
        if second % 7 == 0:
            current_a = -10.0 - 20.0 * draw.random()
        cells = [
            round(3.3 + 0.0005 * (1 + 0.02 * n) * current_a + draw.gauss(0, 0.0004), 3)
            for n in range(16)
        ]
        if frozen is not None:
            cells[frozen - 1] = 3.288
        bench.hear(cell_voltages_v=tuple(cells), voltage_v=sum(cells), current_a=current_a)
        if bench.state.alarms:
            return second
    return None


@pytest.mark.parametrize("seed", range(4))
def test_a_cell_that_stands_still_while_the_others_move_is_found_within_a_minute(seed: int) -> None:
    bench = Bench()
    bench.settle(5)
    seconds = lively(bench, 120, frozen=5, seed=seed)
    assert seconds is not None
    assert seconds <= 60
    alarm = found(bench.state, AlarmKind.IMPLAUSIBLE_DATA)
    assert alarm is not None
    assert (alarm.where, alarm.severity) == ("cell 5", Severity.WARNING)
    assert bench.state.limits.ccl_a <= 25
    assert bench.state.limits.dcl_a <= 50


@pytest.mark.parametrize("seed", range(4))
def test_cells_that_all_move_are_not_frozen(seed: int) -> None:
    bench = Bench()
    bench.settle(5)
    assert lively(bench, 900, seed=seed) is None


def test_a_frozen_cell_that_moves_again_is_believed() -> None:
    bench = Bench()
    bench.settle(5)
    lively(bench, 120, frozen=5)
    assert found(bench.state, AlarmKind.IMPLAUSIBLE_DATA) is not None
    lively(bench, 3)
    bench.settle(2)
    assert found(bench.state, AlarmKind.IMPLAUSIBLE_DATA) is None


def test_a_pack_at_rest_is_not_frozen() -> None:
    bench = Bench()
    assert bench.settle(900).alarms == ()


SAME = {"current_a": 20.0, "runtime_s": 5.0, **all_cells(3.32)}


def test_a_device_that_repeats_itself_while_current_flows_is_lost_after_a_minute() -> None:
    """F2: frames still come, and nothing in them lives."""
    bench = settled()
    bench.settle(58, **SAME)
    assert bench.state.phase is PackPhase.ONLINE
    bench.settle(8, **SAME)
    assert bench.state.phase is PackPhase.LOST
    assert limits(bench) == (0, 0)
    assert bench.state.quarantined[-1].why == "not a digit of it has changed for too long"
    bench.settle(30)
    assert bench.state.phase is PackPhase.ONLINE
    assert bench.state.limits.dcl_a > 0


def test_one_digit_that_changes_is_enough_to_be_alive() -> None:
    bench = settled()
    for n in range(300):
        bench.hear(**{**SAME, "mos_temperature_c": 30.0 + 0.1 * (n // 50)})
    assert bench.state.phase is PackPhase.ONLINE


def test_a_device_at_rest_whose_clock_stands_is_lost_after_three_minutes() -> None:
    bench = settled()  # its clock was seen to run
    bench.settle(175, runtime_s=5.0)
    assert bench.state.phase is PackPhase.ONLINE
    bench.settle(12, runtime_s=5.0)
    assert bench.state.phase is PackPhase.LOST


def test_a_device_at_rest_without_a_clock_may_stay_the_same_for_ever() -> None:
    bench = Bench()
    bench.settle(900, runtime_s=None)
    assert bench.state.phase is PackPhase.ONLINE


def other(voltage_v: float, source: str = "inverter") -> Inputs:
    told = ExternalMeasurement(source=source, voltage_v=voltage_v, current_a=None, heard_s=0.0)
    return Inputs(external=(told,))


def test_a_device_at_rest_is_lost_when_an_inverter_sees_the_voltage_move() -> None:
    """F2: without a clock of its own nothing in a frozen reading says that it is frozen."""
    bench = Bench()
    bench.settle(100, runtime_s=None)
    bench.inputs = other(52.8)
    bench.settle(60, runtime_s=None)
    assert bench.state.phase is PackPhase.ONLINE
    bench.inputs = other(52.95)
    bench.settle(60, runtime_s=None)
    assert bench.state.phase is PackPhase.ONLINE  # 15 mV a cell of 16 are not enough
    bench.inputs = other(53.0)
    bench.settle(5, runtime_s=None)
    assert bench.state.phase is PackPhase.LOST


@pytest.mark.parametrize(
    ("changes", "seen_v"),
    [
        ({}, (math.nan, 53.5, math.inf)),  # nonsense is no witness
        ({"charge_fet_on": False, "discharge_fet_on": False}, (52.0, 53.5, 52.0)),
        ({}, (52.80, 52.84, 52.79)),  # a device's own noise
    ],
)
def test_what_an_inverter_sees_does_not_always_concern_a_pack(changes, seen_v) -> None:
    bench = Bench()
    for n in range(300):
        bench.inputs = other(seen_v[n % 3])
        bench.hear(runtime_s=None, **changes)
    assert bench.state.phase is PackPhase.ONLINE


def test_the_noise_of_an_inverter_is_none_of_a_pack_of_four_cells() -> None:
    """Such packs stand in series, and it measures all of them."""
    bench = Bench(params=preset("LiFePO4", cell_count=4, design_capacity_ah=100))
    for n in range(300):
        bench.inputs = other(52.8 + (0.14 if n % 2 else 0.0))
        bench.hear(runtime_s=None, cell_voltages_v=(3.3,) * 4, voltage_v=13.2)
    assert bench.state.phase is PackPhase.ONLINE


def test_each_witness_is_compared_with_itself() -> None:
    bench = Bench()
    for n in range(300):
        two = other(52.8).external + other(54.8, "charger").external
        bench.inputs = Inputs(external=two if n % 2 else two[::-1])
        bench.hear(runtime_s=None)
    assert bench.state.phase is PackPhase.ONLINE


def test_a_sensor_that_stands_still_while_another_one_warms_is_named() -> None:
    bench = settled(temperatures_c=(20.0, 21.0))
    for tenth in range(100):
        bench.hear(temperatures_c=(20.0, 21.0 + 0.1 * tenth))
    assert found(bench.state, AlarmKind.TEMPERATURE_SENSOR) is None
    bench.settle(2, temperatures_c=(20.0, 31.1))
    bench.settle(2, temperatures_c=(20.0, 31.2))
    alarm = found(bench.state, AlarmKind.TEMPERATURE_SENSOR)
    assert alarm is not None
    assert (alarm.where, alarm.severity) == ("T1", Severity.WARNING)
    bench.settle(2, temperatures_c=(20.1, 31.2))
    assert found(bench.state, AlarmKind.TEMPERATURE_SENSOR) is None


# -- sense wires (F5, F6, F7) ------------------------------------------------------------------


def pair(first_v: float, second_v: float, at: int = 6) -> dict[str, object]:
    cells = [3.3] * 16
    cells[at - 1], cells[at] = first_v, second_v
    return {"cell_voltages_v": tuple(cells), "voltage_v": round(sum(cells), 3)}


def test_cells_that_jump_apart_with_the_sum_right_have_an_open_wire_between() -> None:
    bench = settled()
    bench.settle(2, **pair(3.9, 2.71))
    alarm = found(bench.state, AlarmKind.BALANCE_WIRE_OPEN)
    assert alarm is not None
    assert (alarm.where, alarm.blocks_balance) == ("wire 6", True)
    assert bench.state.error_codes == (9,)
    # the mean of the pair is safe: on at half
    assert bench.state.reading.cell_voltages_v[5:7] == pytest.approx((3.305, 3.305))
    assert limits(bench) == (25, 50)
    assert {q.what for q in bench.state.quarantined} == {"cell 6 beside it", "cell 7 beside it"}


WORKS = {"balancing": True, "balance_current_a": -2.0}
RESTS = {"balancing": False, "balance_current_a": 0.0}


@pytest.mark.requirement("R31")
@pytest.mark.parametrize("drop_v", [0.11, 0.24])
@pytest.mark.parametrize("late", [-1, 0, 1])
def test_what_a_balancer_drops_over_a_bad_lead_is_no_open_wire(drop_v: float, late: int) -> None:
    """2 A through 0.12 ohm show as 0.24 V in both cells beside, one up and one down."""
    bench = settled(**RESTS)
    for second in range(60):
        works, told = 10 <= second % 30 < 20, 10 + late <= second % 30 < 20 + late
        cells = pair(3.3 + drop_v, 3.3 - drop_v) if works else {}
        bench.hear(**cells, **(WORKS if told else RESTS))
        lost = found(bench.state, AlarmKind.BALANCE_WIRE_OPEN)
        assert lost is None or late == 1  # one reading, before the device said that it balances
        if second % 30 > 12:
            assert lost is None
    bench.settle(3, **RESTS)
    assert bench.state.alarms == ()


@pytest.mark.requirement("R31")
def test_a_wire_that_opens_while_a_balancer_works_is_named_all_the_same() -> None:
    bench = settled(**WORKS)
    bench.settle(2, **pair(3.9, 2.7), **WORKS)
    alarm = found(bench.state, AlarmKind.BALANCE_WIRE_OPEN)
    assert alarm is not None
    assert alarm.where == "wire 6"
    bench.settle(30, **pair(3.9, 2.7), **RESTS)
    assert found(bench.state, AlarmKind.BALANCE_WIRE_OPEN) == alarm


def test_a_pair_whose_mean_is_not_safe_stops() -> None:
    bench = Bench()
    bench.settle(30, **all_cells(3.58))
    cells = [3.59] * 16
    cells[5], cells[6] = 4.1, 3.14
    bench.settle(4, cell_voltages_v=tuple(cells), voltage_v=sum(cells))
    assert bench.state.limits.ccl_a == 0


def test_the_pair_is_believed_again_once_it_agrees() -> None:
    bench = settled()
    bench.settle(10, **pair(3.9, 2.71))
    bench.settle(10, **pair(3.4, 3.2))
    assert found(bench.state, AlarmKind.BALANCE_WIRE_OPEN) is not None
    state = bench.settle(60)
    assert state.alarms == ()
    assert limits(bench) == (50, 100)


@pytest.mark.parametrize(
    ("first_v", "second_v"),
    [(3.9, 3.3), (3.55, 3.25), (3.3, 2.6)],
    ids=["one only", "sum wrong", "one low"],
)
def test_what_an_open_wire_does_not_look_like_is_believed_as_it_is(first_v, second_v) -> None:
    bench = settled()
    bench.settle(4, **pair(first_v, second_v))
    assert bench.state.reading.cell_voltages_v[5:7] == (first_v, second_v)


def test_cells_apart_that_a_step_of_the_current_moves_alike_are_no_open_wire() -> None:
    """As at the end of a cold discharge, where weak cells stand beside strong ones."""
    bench = Bench()
    apart = [2.75] * 16
    apart[10], apart[11] = 2.91, 2.59
    for lift in (0.0, 0.0, 0.0, 0.12, 0.12, 0.12):
        cells = tuple(round(v + lift, 3) for v in apart)
        bench.hear(cell_voltages_v=cells, voltage_v=round(sum(cells), 3))
    assert found(bench.state, AlarmKind.BALANCE_WIRE_OPEN) is None


def test_a_cold_cell_may_answer_a_small_step_with_much() -> None:
    """Five milliohm at -6 °C: 1.8 A of 100 Ah move it by 9 mV."""
    bench = settled()
    for n in range(20):
        current_a = -0.6 if n % 2 else 1.2
        bench.settle(8, current_a=current_a, **all_cells(3.15 + 0.005 * current_a))
    assert found(bench.state, AlarmKind.CURRENT_SENSOR) is None


def test_cells_that_drift_apart_slowly_are_no_open_wire() -> None:
    bench = settled()
    for n in range(130):
        bench.hear(**pair(3.3 + 0.005 * n, 3.3 - 0.005 * n))
    assert found(bench.state, AlarmKind.BALANCE_WIRE_OPEN) is None
    assert found(bench.state, AlarmKind.CELL_FAILURE) is not None


def test_a_negative_cell_beside_a_double_one_is_a_wiring_fault_and_nothing_closes() -> None:
    bench = settled()
    bench.hear(**pair(6.6, -3.3))
    assert found(bench.state, AlarmKind.WIRING) is None
    bench.hear(**pair(6.6, -3.3))
    alarm = found(bench.state, AlarmKind.WIRING)
    assert alarm is not None
    assert alarm.where == "cell 6, cell 7"
    assert limits(bench) == (0, 0)


@pytest.mark.parametrize("cells_v", [(4.1, -0.02), (0.0, 3.3), (5.5, 3.3)])
def test_a_lost_cell_alone_is_no_swapped_wire(cells_v: tuple[float, float]) -> None:
    bench = settled()
    bench.settle(3, **pair(*cells_v))
    assert found(bench.state, AlarmKind.WIRING) is None
    assert found(bench.state, AlarmKind.BALANCE_WIRE_OPEN) is not None


def test_a_clock_that_goes_back_confuses_no_watcher() -> None:
    bench = Bench(params=parameters())
    bench.settle(5)
    lively(bench, 5, frozen=5)
    bench.now_s -= 3600
    seconds = lively(bench, 120, frozen=5)
    assert seconds is not None
    assert seconds <= 60
