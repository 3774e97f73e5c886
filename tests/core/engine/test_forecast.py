"""Power for seconds, hours to full and empty, energy left; and the resistances they rest on."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellwarden.engine.resistance import Steps, StepWatch
from cellwarden.engine.soc_kinds import KINDS, at_25c
from cellwarden.engine.view import look
from cellwarden.model import Estimated, PackState, Prediction
from support.packs import Bench, all_cells, parameters, reading

OHM = 0.0005


def bench_at(soc: float, current_a: float, volts: float = 3.30, for_s: int = 30) -> PackState:
    bench = Bench(params=parameters())
    bench.hear(soc_percent=soc)
    bench.memory = bench.engine.reset_soc(bench.memory, soc, "a test")
    return bench.settle(for_s, current_a=current_a, soc_percent=soc, **all_cells(volts))


def foretold(state: PackState) -> Prediction:
    assert state.prediction is not None
    return state.prediction


# -- time and energy -------------------------------------------------------------------------


def test_half_a_pack_at_a_quarter_c_lasts_two_hours() -> None:
    said = foretold(bench_at(50.0, -25.0))
    assert said.time_to_empty_s.value == pytest.approx(2 * 3600, rel=0.05)
    assert said.time_to_empty_s.sigma >= 0.03 * 7000
    assert said.time_to_full_s is None


def test_half_a_pack_is_full_in_two_hours_at_a_quarter_c() -> None:
    said = foretold(bench_at(50.0, 25.0))
    assert said.time_to_full_s.value == pytest.approx(2 * 3600, rel=0.05)
    assert said.time_to_empty_s is None


@pytest.mark.parametrize("current_a", [0.0, 0.4, -0.4])
def test_at_rest_it_lasts_for_nobody_knows_how_long(current_a: float) -> None:
    said = foretold(bench_at(50.0, current_a))
    assert (said.time_to_full_s, said.time_to_empty_s) == (None, None)


def test_the_energy_left_is_charge_times_the_voltage_on_the_way() -> None:
    said = foretold(bench_at(50.0, 0.0))
    assert said.energy_left_wh.value == pytest.approx(49 * 16 * 3.24, rel=0.04)
    under_load = foretold(bench_at(50.0, -50.0))
    assert under_load.energy_left_wh.value < said.energy_left_wh.value


def test_what_is_not_sure_of_the_soc_is_not_sure_of_the_energy() -> None:
    bench = Bench()
    doubtful = foretold(bench.settle(30, soc_percent=50.0)).energy_left_wh
    sure = foretold(bench_at(50.0, 0.0)).energy_left_wh
    assert doubtful.sigma > 2 * sure.sigma
    assert doubtful.sigma == pytest.approx(0.15 * 97 * 51.8, rel=0.25)


# -- power -----------------------------------------------------------------------------------


def test_the_power_for_ten_seconds_is_not_less_than_that_for_a_minute() -> None:
    said = foretold(bench_at(50.0, -10.0))
    assert said.discharge_power_10s_w.value >= said.discharge_power_60s_w.value
    assert said.charge_power_10s_w.value >= said.charge_power_60s_w.value


def test_for_a_minute_the_current_stays_below_the_over_current_protection() -> None:
    said = foretold(bench_at(60.0, 0.0))
    assert said.discharge_power_60s_w.value == pytest.approx(100 * 16 * 3.15, rel=0.06)
    assert said.charge_power_60s_w.value == pytest.approx(50 * 16 * 3.37, rel=0.06)


def test_a_protection_that_holds_leaves_no_power() -> None:
    bench = Bench()
    bench.settle(5)
    state = bench.settle(20, temperatures_c=(-5.0, -5.0))
    nothing = Estimated(value=0.0, sigma=0.0)
    assert foretold(state).charge_power_10s_w == nothing
    assert foretold(state).charge_power_60s_w == nothing
    assert foretold(state).discharge_power_10s_w.value > 0


def test_with_a_cell_unknown_there_is_no_power_to_tell() -> None:
    bench = Bench()
    bench.settle(30)
    state = bench.settle(12, cell_voltages_v=(None, *(3.3,) * 15))
    assert foretold(state).charge_power_10s_w is None
    assert foretold(state).discharge_power_60s_w is None


def test_what_is_foretold_is_ten_seconds_old_at_most() -> None:
    bench = Bench()
    bench.settle(30, current_a=-25.0)
    first = bench.hear(current_a=-25.0).prediction
    seen = [bench.hear(current_a=-25.0).prediction is first for _ in range(12)]
    assert False in seen
    assert seen.index(False) <= 10


@given(
    soc=st.floats(0, 100),
    volts=st.floats(2.5, 3.65),
    current_a=st.floats(-100, 50),
    celsius=st.floats(-25, 60),
)
def test_whatever_is_heard_every_number_is_finite_and_not_negative(
    soc: float, volts: float, current_a: float, celsius: float
) -> None:
    bench = Bench()
    state = bench.settle(
        14, soc_percent=soc, current_a=current_a, temperatures_c=(celsius,), **all_cells(volts)
    )
    said = foretold(state)
    for name in said.__slots__:
        number = getattr(said, name)
        if number is not None:
            assert math.isfinite(number.value), name
            assert math.isfinite(number.sigma), name
            assert number.value >= 0, name
            assert number.sigma >= 0, name


# -- resistance from steps -------------------------------------------------------------------


def stepped(
    amps: list[float], ohms: tuple[float, ...], celsius: float = 25.0, gap_s: float = 1.0
) -> Steps:
    watch = StepWatch(KINDS["LiFePO4"], 100.0)
    steps = Steps()
    for current_a in amps:
        cells_v = tuple(3.3 + ohm * current_a for ohm in ohms)
        heard = reading(
            0.0, current_a=current_a, cell_voltages_v=cells_v, temperatures_c=(celsius,)
        )
        steps = watch.hear(steps, look(heard), gap_s)
    return steps


def test_the_resistance_of_each_cell_shows_in_steps_of_the_current() -> None:
    ohms = (0.0005,) * 15 + (0.0008,)
    steps = stepped([0.0, 40.0] * 10, ohms)
    assert [steps.ohm(n) for n in range(16)] == pytest.approx(ohms)


def test_in_the_cold_it_is_brought_to_25_degrees() -> None:
    kelvin = 273.15
    cold = OHM * at_25c(KINDS["LiFePO4"], kelvin)
    assert cold > 1.8 * OHM
    steps = stepped([0.0, 40.0] * 10, (cold,) * 16, celsius=0.0)
    assert steps.ohm(3) == pytest.approx(OHM)


def test_small_steps_and_slow_polls_teach_nothing() -> None:
    assert stepped([0.0, 2.9] * 20, (OHM,) * 16).ohm(0) is None
    assert stepped([0.0, 40.0] * 20, (OHM,) * 16, gap_s=6.0).ohm(0) is None


def test_one_step_of_a_small_current_is_not_enough() -> None:
    assert stepped([0.0, 5.0], (OHM,) * 16).ohm(0) is None
    assert stepped([0.0, 5.0] * 40, (OHM,) * 16).ohm(0) == pytest.approx(OHM)


def test_a_resistance_that_seems_negative_is_none() -> None:
    assert stepped([0.0, 40.0] * 10, (-OHM,) * 16).ohm(0) is None


def test_a_resistance_that_changes_is_followed() -> None:
    watch, steps = StepWatch(KINDS["LiFePO4"], 100.0), Steps()
    for ohm, times in ((0.0005, 200), (0.0007, 200)):
        for n in range(times):
            current_a = 40.0 * (n % 2)
            cells_v = (3.3 + ohm * current_a,) * 16
            heard = reading(0.0, current_a=current_a, cell_voltages_v=cells_v)
            steps = watch.hear(steps, look(heard), 1.0)
    assert steps.ohm(0) == pytest.approx(0.0007, rel=0.03)


def test_resistances_are_told_with_what_is_known_of_the_cells() -> None:
    bench = Bench()
    for n in range(140):
        current_a = -30.0 * (n % 2)
        bench.hear(current_a=current_a, **all_cells(3.3 + OHM * current_a))
    assert bench.state.cells[4].resistance_ohm == pytest.approx(OHM, rel=0.01)
