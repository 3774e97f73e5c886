"""The charge voltage under control, and currents that fall before a protection would trip."""

import pytest

from cellwarden.engine.limits import hold_cell
from cellwarden.model import ChargePhase, Identity, Parameters
from support.packs import Bench, all_cells, parameters, with_cell

RISE_V = 0.045 / 60


def settled(**changes: object) -> Bench:
    bench = Bench()
    bench.settle(120, **changes)
    return bench


def rules(limit) -> list[str]:
    return [r.rule for r in limit.reasons]


# The integrator


def test_a_cell_at_its_target_leaves_the_charge_voltage_where_it_is() -> None:
    assert hold_cell(0.3, 0.0, 1.0, 60.0) == 0.3
    assert hold_cell(0.3, 0.0015, 1.0, 60.0) == 0.3


def test_a_cell_above_its_target_takes_the_charge_voltage_down_a_little_each_second() -> None:
    assert hold_cell(0.3, 0.010, 1.0, 1.0) == pytest.approx(0.3002)


def test_it_never_moves_faster_than_45_mv_a_minute_and_ends_at_2_percent() -> None:
    assert hold_cell(0.3, 0.2, 1.0, 60.0) == pytest.approx(0.345)
    assert hold_cell(0.3, -0.2, 1.0, 60.0) == pytest.approx(0.255)
    assert hold_cell(0.99, 0.2, 1.0, 600.0) == 1.0
    assert hold_cell(0.01, -0.2, 1.0, 600.0) == 0.0


class Knee:
    """A pack in absorption: one cell in the knee follows the charge voltage, the rest hardly."""

    def __init__(
        self, *, overshoot_v: float = 0.0, delay_s: int = 10, others_v: float = 3.43
    ) -> None:
        self.others_v = others_v
        self.bench = Bench()
        self.overshoot_v = overshoot_v
        self.told_v = [55.2] * delay_s
        self.high_v = 3.40

    def minutes(self, count: int) -> list[tuple[float, float]]:
        """Return (CVL, highest cell) of every second."""
        seen = []
        for _ in range(60 * count):
            charger_v = self.told_v.pop(0) + self.overshoot_v
            target_v = charger_v - 15 * self.others_v
            self.high_v += (target_v - self.high_v) / 60.0
            cells = with_cell(7, self.high_v, self.others_v)
            state = self.bench.hear(current_a=8.0, **cells)
            self.told_v.append(state.limits.cvl_v)
            seen.append((state.limits.cvl_v, self.high_v))
        return seen


@pytest.mark.parametrize("delay_s", [1, 10, 20])
def test_the_highest_cell_is_held_at_its_target_without_oscillation(delay_s: int) -> None:
    knee = Knee(delay_s=delay_s)
    knee.minutes(60)
    settled = knee.minutes(20)
    assert all(v == pytest.approx(3.45, abs=0.004) for _, v in settled)
    assert max(cvl for cvl, _ in settled) - min(cvl for cvl, _ in settled) < 0.01


@pytest.mark.requirement("R44")
def test_a_charger_that_overshoots_is_told_less_until_the_cell_is_right() -> None:
    knee = Knee(overshoot_v=0.4)
    knee.minutes(60)
    for cvl_v, high_v in knee.minutes(5):
        assert high_v == pytest.approx(3.45, abs=0.004)
        assert cvl_v == pytest.approx(3.45 + 15 * 3.43 - 0.4, abs=0.02)


def test_while_the_integrator_works_the_charge_voltage_moves_less_than_50_mv_a_minute() -> None:
    seen = [cvl_v for cvl_v, _ in Knee(others_v=3.447).minutes(40)]
    assert seen[-1] == pytest.approx(3.45 + 15 * 3.447, abs=0.02)
    for n in range(len(seen) - 60):
        window = seen[n : n + 60]
        assert max(window) - min(window) < 0.05


# Before a protection trips


def rising(bench: Bench, v_per_s: float, seconds: int, current_a: float = 40.0):
    """Let every cell rise together from 3.44 V; return the last state."""
    for n in range(seconds):
        state = bench.hear(current_a=current_a, **all_cells(3.44 + v_per_s * n))
    return state


def test_a_cell_that_would_trip_within_a_minute_takes_the_current_down() -> None:
    bench = settled(current_a=40.0, **all_cells(3.44))
    state = rising(bench, 0.004, 20)  # 3.516 V, 84 mV from the trip
    binding = state.limits.charge_current.binding
    assert binding.rule == "over-voltage ahead"
    assert binding.measured < 60
    assert state.limits.ccl_a == pytest.approx(40.0 * binding.measured / 60)


def test_a_slow_end_of_charge_is_left_alone() -> None:
    bench = settled(current_a=40.0, **all_cells(3.44))
    state = rising(bench, 0.0005, 60)
    assert "over-voltage ahead" not in rules(state.limits.charge_current)


def test_a_load_step_is_no_runaway() -> None:
    bench = settled(current_a=40.0, **all_cells(3.44))
    state = bench.hear(current_a=48.0, **all_cells(3.47))
    assert "over-voltage ahead" not in rules(state.limits.charge_current)


def test_a_cell_that_falls_towards_its_limit_takes_the_discharge_down() -> None:
    bench = settled(current_a=-80.0, **all_cells(3.05))
    for n in range(25):
        state = bench.hear(current_a=-80.0, **all_cells(3.05 - 0.008 * n))
    assert "under-voltage ahead" in rules(state.limits.discharge_current)
    assert state.limits.dcl_a < 45


def test_heat_that_would_trip_within_ten_minutes_takes_the_current_down() -> None:
    bench = settled(current_a=20.0, temperatures_c=(45.0, 45.0))
    for n in range(400):
        warm_c = 45.0 + 0.02 * n
        state = bench.hear(current_a=20.0, temperatures_c=(warm_c, warm_c))
    assert "over-temperature ahead" in rules(state.limits.charge_current)


def test_heat_that_comes_slowly_is_left_to_the_curve_of_the_chemistry() -> None:
    bench = settled(current_a=20.0, temperatures_c=(52.0, 52.0))
    for n in range(300):
        warm_c = 52.0 + 0.0025 * n  # 52.75 °C in the end, 2.25 K and a quarter of an hour away
        state = bench.hear(current_a=20.0, temperatures_c=(warm_c, warm_c))
    assert "over-temperature ahead" not in rules(state.limits.charge_current)


def test_hot_mosfets_that_warm_fast_take_both_currents_down() -> None:
    bench = settled(current_a=40.0, mos_temperature_c=66.0)
    for n in range(60):
        state = bench.hear(current_a=40.0, mos_temperature_c=66.0 + 0.12 * n)
    assert "over-temperature ahead" in rules(state.limits.charge_current)


# Balance, charge, board


def test_cells_out_of_balance_at_the_top_leave_only_the_balancers_pace() -> None:
    state = settled(current_a=10.0).hear(current_a=10.0, **with_cell(7, 3.48, 3.40))
    assert state.limits.charge_current.binding.rule == "cells out of balance"
    assert state.limits.ccl_a == pytest.approx(27.5)  # half way from 50 A to 5 A
    state = settled(current_a=10.0).hear(current_a=10.0, **with_cell(7, 3.51, 3.40))
    assert state.limits.ccl_a == pytest.approx(5.0)


def test_cells_that_differ_below_the_top_limit_nothing() -> None:
    state = settled(current_a=10.0).hear(current_a=10.0, **with_cell(7, 3.44, 3.35))
    assert state.limits.ccl_a == 50


@pytest.mark.parametrize(("soc_percent", "dcl_a"), [(5.0, 100), (2.5, 60), (1.0, 36)])
def test_the_last_of_the_charge_is_given_slowly(soc_percent: float, dcl_a: float) -> None:
    bench = Bench()
    bench.settle(60, soc_percent=soc_percent)
    assert bench.state.limits.dcl_a == pytest.approx(dcl_a)


def big() -> Parameters:
    return parameters(
        design_capacity_ah=400.0, charge_current_max_a=200.0, discharge_current_max_a=300.0
    )


@pytest.mark.requirement("R1")
@pytest.mark.parametrize("model", ["JK-B2A20S20P", "JK_B2A20S20P"])
def test_a_board_of_a_known_model_is_not_asked_for_more_than_it_carries(model: str) -> None:
    bench = Bench(params=big())
    bench.settle(120, capacity_ah=400.0, identity=Identity(model=model))
    assert (bench.state.limits.ccl_a, bench.state.limits.dcl_a) == (200, 200)
    binding = bench.state.limits.discharge_current.binding
    assert (binding.rule, binding.source) == ("what the board carries", "JK-B2A20S20P")


def test_an_unknown_board_is_taken_at_its_settings() -> None:
    bench = Bench(params=big())
    bench.settle(120, capacity_ah=400.0, identity=Identity(model="of my own"))
    assert bench.state.limits.dcl_a == 300


# Phases of one pack


def test_a_pack_goes_from_bulk_over_absorption_to_float() -> None:
    bench = settled(current_a=40.0, **all_cells(3.40))
    assert bench.state.charge_phase is ChargePhase.BULK
    bench.settle(5, current_a=30.0, **all_cells(3.44))
    assert bench.state.charge_phase is ChargePhase.ABSORPTION
    bench.settle(70, current_a=3.0, **all_cells(3.445))
    assert bench.state.charge_phase is ChargePhase.FLOAT
    bench.settle(5, **with_cell(3, 3.63, 3.445))
    assert bench.state.charge_phase is ChargePhase.BLOCKED


def test_a_full_pack_takes_a_trickle_once_its_cells_have_sunk() -> None:
    bench = settled(current_a=3.0, **all_cells(3.445))
    assert bench.state.limits.ccl_a == 0
    bench.settle(10, current_a=0.0, **all_cells(3.37))
    assert bench.state.limits.ccl_a == 5.0
    assert bench.state.limits.charge_current.binding.rule == "full"
