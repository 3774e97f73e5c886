"""Cells of the simulator: open-circuit voltage, resistance, the RC pair, heat."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellwarden.model import CHEMISTRIES
from cellwarden.model.catalog import interpolate
from cellwarden_hardware.simulator.cell import CELL_KINDS, CellString, OcvTable, resistance_factor
from cellwarden_hardware.simulator.thermal import Lump, rise_by_cell, sensor_cells


def one_cell(soc: float = 0.5, chemistry: str = "LiFePO4") -> CellString:
    """One typical cell of 100 Ah: LiFePO4 has R0 0.7 mΩ and R1 0.9 mΩ."""
    return CellString(chemistry, capacity_ah=[100.0], soc=[soc], resistance_scale=[1.0])


@pytest.mark.parametrize("chemistry", CHEMISTRIES)
def test_a_cell_at_rest_shows_the_ocv_of_the_catalogue(chemistry: str) -> None:
    curve = CHEMISTRIES[chemistry].ocv_v
    for percent, volts in curve:
        cell = one_cell(percent / 100, chemistry)
        cell.advance(3600.0, 0.0)
        assert cell.voltages_v[0] == pytest.approx(volts, abs=1e-9)


@given(st.floats(min_value=0, max_value=1), st.sampled_from(sorted(CHEMISTRIES)))
def test_the_table_reads_as_the_curve_does(soc: float, chemistry: str) -> None:
    curve = CHEMISTRIES[chemistry].ocv_v
    assert OcvTable(curve).voltage_v(soc) == pytest.approx(interpolate(curve, 100 * soc), abs=1e-9)


@pytest.mark.parametrize("chemistry", CHEMISTRIES)
def test_beyond_full_and_empty_the_voltage_leaves_by_a_tenth_of_a_volt_for_a_percent(
    chemistry: str,
) -> None:
    table = OcvTable(CHEMISTRIES[chemistry].ocv_v)
    assert table.voltage_v(1.01) - table.voltage_v(1.0) >= 0.0999
    assert table.voltage_v(0.0) - table.voltage_v(-0.01) >= 0.0999
    assert table.voltage_v(1.10) - table.voltage_v(1.0) >= 0.999


@given(st.floats(min_value=-0.3, max_value=1.3), st.floats(min_value=-0.3, max_value=1.3))
def test_more_charge_is_never_less_voltage(one: float, other: float) -> None:
    table = OcvTable(CHEMISTRIES["LiFePO4"].ocv_v)
    low, high = sorted((one, other))
    assert table.voltage_v(low) <= table.voltage_v(high) + 1e-12


def test_a_load_step_drops_the_voltage_by_current_times_r0_at_once() -> None:
    cell = one_cell()
    cell.settle(-100.0)
    # 100 A through 0.7 mΩ below the 3.298 V of half charge
    assert cell.voltages_v[0] == pytest.approx(3.298 - 0.070)


def test_the_rc_pair_rises_and_falls_with_its_time_constant() -> None:
    cell = one_cell(0.4)
    cell.advance(1e-6, 0.0)
    rest_v = cell.emf_v[0]
    cell.advance(120.0, 1.0)  # one time constant, 1 A through 0.9 mΩ; 0.03 Ah move the OCV too
    ocv_v = cell.ocv.voltage_v(cell.charge_ah[0] / 100.0)
    assert cell.emf_v[0] - ocv_v == pytest.approx(0.0009 * (1 - math.exp(-1)), rel=1e-6)
    cell.advance(240.0, 0.0)
    assert cell.emf_v[0] - ocv_v == pytest.approx(
        0.0009 * (1 - math.exp(-1)) * math.exp(-2), rel=1e-6
    )
    assert rest_v == pytest.approx(3.293)


def test_many_small_steps_of_a_constant_current_equal_one_large_step() -> None:
    small, large = one_cell(), one_cell()
    for _ in range(600):
        small.advance(1.0, 40.0)
    large.advance(600.0, 40.0)
    assert small.charge_ah[0] == pytest.approx(large.charge_ah[0], rel=1e-12)
    assert small.voltages_v[0] == pytest.approx(large.voltages_v[0], abs=1e-9)


def test_charge_put_in_is_counted_less_the_coulombic_loss() -> None:
    cell = one_cell(0.5)
    cell.advance(3600.0, 10.0)
    assert cell.charge_ah[0] == pytest.approx(50.0 + 10.0 * 0.999)
    cell.advance(3600.0, -10.0)
    assert cell.charge_ah[0] == pytest.approx(49.99)


def test_an_extra_current_concerns_its_own_cell_only() -> None:
    pair = CellString("LTO", capacity_ah=[50.0] * 2, soc=[0.5] * 2, resistance_scale=[1.0] * 2)
    pair.extra_a[1] = -2.0
    pair.advance(1800.0, 0.0)
    assert pair.charge_ah == pytest.approx([25.0, 24.0])


def test_the_steady_heat_is_current_squared_times_both_resistances() -> None:
    cell = one_cell()
    for _ in range(2000):
        cell.advance(1.0, 50.0)
    assert cell.heat_w == pytest.approx(50.0**2 * 0.0016, rel=1e-3)


def test_resistance_doubles_from_25_to_0_degrees_and_is_as_stated_at_25() -> None:
    assert resistance_factor(25.0, 2500.0) == pytest.approx(1.0)
    assert resistance_factor(0.0, 2500.0) == pytest.approx(2.15, abs=0.01)
    cell = one_cell()
    cell.set_temperature(0.0)
    assert cell.r0_ohm[0] == pytest.approx(0.0007 * 2.154, rel=1e-3)
    assert cell.total_r0_ohm == cell.r0_ohm[0]


def test_every_chemistry_of_the_catalogue_can_be_simulated() -> None:
    assert set(CELL_KINDS) == set(CHEMISTRIES)


def test_usable_charge_is_what_the_weakest_gives_and_the_fullest_takes() -> None:
    cells = CellString(
        "Li-ion", capacity_ah=[100.0, 90.0], soc=[0.5, 0.6], resistance_scale=[1.0, 1.0]
    )
    assert cells.usable() == pytest.approx((50.0, 36.0))


def test_a_lump_reaches_ambient_plus_heat_times_resistance_whatever_the_step() -> None:
    coarse = Lump(start_c=20.0, time_constant_s=600.0, k_per_w=0.5)
    fine = Lump(start_c=20.0, time_constant_s=600.0, k_per_w=0.5)
    coarse.advance(600.0, heat_w=40.0, ambient_c=10.0)
    for _ in range(600):
        fine.advance(1.0, heat_w=40.0, ambient_c=10.0)
    # from 20 to the final 10 + 40 * 0.5 = 30 °C: one time constant is 63 % of the way
    assert coarse.temperature_c == pytest.approx(30.0 - 10.0 * math.exp(-1))
    assert fine.temperature_c == pytest.approx(coarse.temperature_c)


def test_inner_cells_are_warmer_and_their_mean_is_the_packs() -> None:
    rise = rise_by_cell(16)
    assert sum(rise) / 16 == pytest.approx(1.0)
    assert rise[0] == rise[15] == pytest.approx(0.85)
    assert rise[7] == rise[8] == max(rise)
    assert rise_by_cell(2) == (1.0, 1.0)


def test_sensors_sit_on_cells_4_and_12_of_16() -> None:
    assert sensor_cells(16) == (3, 11)
    assert sensor_cells(1) == (0, 0)
