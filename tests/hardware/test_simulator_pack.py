"""One simulated pack, from cells to snapshot."""

import math
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cellwarden.model import AlarmKind
from cellwarden_hardware.simulator.pack import PackDesign, SimulatedPack


def even_pack(soc_percent: float = 50.0, **options: object) -> SimulatedPack:
    """100 Ah LiFePO4, sixteen cells exactly alike, a BMS that draws nothing.

    16 times 0.7 mΩ, 0.47 mΩ of board and 0.8 mΩ of leads are 12.47 mΩ.
    """
    even: dict[str, object] = {
        "capacity_ah": 100.0,
        "capacity_spread": 0.0,
        "resistance_spread": 0.0,
        "soc_spread_percent": 0.0,
        "supply_current_a": 0.0,
        "start_soc_percent": soc_percent,
    }
    return SimulatedPack(PackDesign(**(even | options)))  # type: ignore[arg-type]


def test_at_rest_every_cell_shows_its_ocv() -> None:
    pack = even_pack(50.0)
    pack.step(60.0, 0.0)
    assert pack.snapshot().cell_voltages_v == pytest.approx((3.298,) * 16)
    assert pack.terminal_voltage_v == pytest.approx(52.768)


def test_a_load_step_drops_the_terminal_by_current_times_resistance() -> None:
    pack = even_pack()
    pack.step(5.0, 0.0)
    before_v = pack.terminal_voltage_v
    pack.step(1e-6, -80.0)
    assert before_v - pack.terminal_voltage_v == pytest.approx(80.0 * 0.01247, rel=1e-4)
    assert pack.resistance_ohm == pytest.approx(0.01247)


def test_charge_moved_is_current_times_time() -> None:
    pack = even_pack(60.0)
    pack.step(1800.0, -20.0)
    assert pack.cells.charge_ah == pytest.approx([50.0] * 16)
    snapshot = pack.snapshot()
    assert snapshot.true_soc_percent == pytest.approx(50.0)
    assert snapshot.soc_percent == pytest.approx(50.0)
    assert snapshot.cycle_charge_ah == pytest.approx(10.0)
    assert (snapshot.at_s, snapshot.runtime_s) == (1800.0, 1800.0)


def test_the_bms_feeds_itself_from_the_cells_unseen_by_its_sensor() -> None:
    pack = even_pack(supply_current_a=0.01)
    pack.step(36_000.0, 0.0)
    assert pack.cells.charge_ah == pytest.approx([49.9] * 16)
    assert pack.snapshot().soc_percent == pytest.approx(50.0)


def test_steps_of_1_and_of_5_seconds_tell_the_same_story() -> None:
    fine, coarse = SimulatedPack(PackDesign()), SimulatedPack(PackDesign())
    for demand_a in (90.0, -140.0, 0.0, 60.0, -30.0):
        for _ in range(1800):
            fine.step(1.0, demand_a)
        coarse.step(1800.0, demand_a)
        a, b = fine.snapshot(), coarse.snapshot()
        assert a.cell_voltages_v == pytest.approx(b.cell_voltages_v, abs=2e-4)
        assert a.temperatures_c == pytest.approx(b.temperatures_c, abs=0.01)
        assert a.true_soc_percent == pytest.approx(b.true_soc_percent, abs=1e-6)


def test_charging_into_over_voltage_opens_the_charge_fet_only() -> None:
    pack = even_pack(98.0)
    pack.step(1200.0, 40.0)
    snapshot = pack.snapshot()
    assert AlarmKind.CELL_OVERVOLTAGE in snapshot.protections
    assert (snapshot.charge_fet_on, snapshot.discharge_fet_on) == (False, True)
    assert snapshot.current_a == 0.0
    assert pack.true_soc_percent < 101.5
    pack.step(10.0, -20.0)
    assert pack.current_a == -20.0
    # The charge FET's body diode carries that current.
    assert pack.emf_v - 20.0 * pack.resistance_ohm - 0.7 == pytest.approx(pack.terminal_voltage_v)


def test_after_over_voltage_a_discharge_releases_the_charge_fet() -> None:
    pack = even_pack(98.0)
    pack.step(1200.0, 40.0)
    pack.step(600.0, -20.0)
    assert pack.snapshot().charge_fet_on
    pack.step(5.0, 10.0)
    assert pack.current_a == 10.0


def test_discharging_into_under_voltage_opens_the_discharge_fet_only() -> None:
    pack = even_pack(3.0)
    pack.step(600.0, -50.0)
    snapshot = pack.snapshot()
    assert AlarmKind.CELL_UNDERVOLTAGE in snapshot.protections
    assert (snapshot.charge_fet_on, snapshot.discharge_fet_on) == (True, False)
    assert (snapshot.current_a, snapshot.soc_percent) == (0.0, 0.0)
    pack.step(10.0, 5.0)
    assert pack.terminal_voltage_v == pytest.approx(pack.emf_v + 5.0 * pack.resistance_ohm + 0.7)
    pack.step(1800.0, 20.0)
    assert pack.snapshot().discharge_fet_on


def test_drained_by_its_own_bms_it_shuts_down_and_a_charger_wakes_it() -> None:
    pack = even_pack(1.0, supply_current_a=2.0)
    pack.step(3600.0, 0.0)
    asleep = pack.snapshot()
    assert asleep.protections == {AlarmKind.SHUTDOWN}
    assert not asleep.charge_fet_on
    pack.step(3600.0, -10.0)
    assert pack.snapshot().cell_voltages_v == pytest.approx(asleep.cell_voltages_v, abs=1e-3)
    pack.step(60.0, 10.0)
    assert pack.current_a == 10.0


@pytest.mark.parametrize(
    ("switch", "demand_a", "flows_a"),
    [
        ("charge", 10.0, 0.0),
        ("charge", -10.0, -10.0),
        ("discharge", -10.0, 0.0),
        ("discharge", 10.0, 10.0),
    ],
)
def test_a_switch_blocks_its_own_direction(switch: str, demand_a: float, flows_a: float) -> None:
    pack = even_pack()
    pack.set_switch(switch, False)
    pack.step(5.0, demand_a)
    assert pack.current_a == flows_a


def test_a_switch_cuts_the_running_current_at_once() -> None:
    pack = even_pack()
    pack.step(5.0, 30.0)
    pack.set_switch("charge", False)
    snapshot = pack.snapshot()
    assert (snapshot.current_a, snapshot.charge_fet_on) == (0.0, False)
    assert (snapshot.charge_switch_on, snapshot.discharge_switch_on) == (False, True)


def test_a_constant_current_warms_the_pack_to_ambient_plus_its_heat_times_its_resistance() -> None:
    pack = even_pack(50.0, chemistry="LTO", cells=20)
    pack.battery.time_constant_s = 60.0  # an hour is then 60 time constants
    pack.step(3600.0, 40.0)
    # 20 cells of 0.25 + 0.20 mΩ at 25 °C; each degree lowers them, so solve for the fixed point.
    heat_w = pack.cells.heat_w
    assert 40.0**2 * 20 * 0.00045 * 0.7 < heat_w < 40.0**2 * 20 * 0.00045
    expected_c = 25.0 + heat_w * 10_800.0 / (26.0 * 100.0 * 20)
    assert pack.battery.temperature_c == pytest.approx(expected_c, abs=0.1)
    t1, t2 = pack.temperatures_c
    assert t1 > 26.0
    assert t2 > 26.0


def test_the_mosfets_warm_with_the_current_and_more_through_a_body_diode() -> None:
    through_both = even_pack()
    through_both.step(1800.0, -90.0)
    # 90 A squared, 0.47 mΩ, 0.8 K/W
    assert through_both.mos.temperature_c == pytest.approx(28.0, abs=0.1)
    through_diode = even_pack(90.0)
    through_diode.set_switch("charge", False)
    through_diode.step(60.0, -90.0)
    assert through_diode.mos.temperature_c > 38.0
    for _ in range(200):
        through_diode.step(5.0, -90.0)
        if through_diode.current_a == 0.0:
            break
    assert through_diode.snapshot().protections == {AlarmKind.MOS_OVERTEMPERATURE}


def test_cold_cells_drop_more_voltage() -> None:
    warm, cold = even_pack(), even_pack(start_temperature_c=0.0)
    warm.step(1e-6, -50.0)
    cold.step(1e-6, -50.0)
    assert cold.terminal_voltage_v < warm.terminal_voltage_v - 0.6


def test_the_balancer_brings_the_cells_of_a_full_pack_together() -> None:
    pack = even_pack(99.3, soc_spread_percent=0.2, seed=5)

    def spread_ah() -> float:
        return max(pack.cells.charge_ah) - min(pack.cells.charge_ah)

    before_ah = spread_ah()
    total_ah = sum(pack.cells.charge_ah)
    pack.step(2 * 3600.0, 0.0)
    assert spread_ah() < 0.5 * before_ah
    # It costs charge: a tenth of what is moved.
    assert total_ah - 0.5 < sum(pack.cells.charge_ah) < total_ah


def test_below_its_start_voltage_the_balancer_never_moves_charge() -> None:
    pack = even_pack(50.0, soc_spread_percent=5.0)
    charge_ah = list(pack.cells.charge_ah)
    pack.step(6 * 3600.0, 0.0)
    assert pack.cells.charge_ah == charge_ah


def test_with_its_switch_off_the_balancer_never_moves_charge() -> None:
    pack = even_pack(99.3, soc_spread_percent=0.2)
    pack.set_switch("balance", False)
    charge_ah = list(pack.cells.charge_ah)
    pack.step(3600.0, 0.0)
    assert pack.cells.charge_ah == charge_ah
    assert not pack.snapshot().balancing


def test_the_same_seed_builds_the_same_pack_and_another_seed_another() -> None:
    one, same, other = (SimulatedPack(PackDesign(seed=s)) for s in (3, 3, 4))
    for pack in (one, same, other):
        pack.step(600.0, 50.0)
    assert one.snapshot() == same.snapshot()
    assert one.snapshot().cell_voltages_v != other.snapshot().cell_voltages_v


def test_the_bms_works_by_the_settings_it_is_given_and_by_the_boards_limit_otherwise() -> None:
    small_board = even_pack(board="JK-BD4A20S4P")
    assert small_board.bms.parameters.discharge_current_max_a == 40.0
    given = replace(small_board.bms.parameters, cell_overvoltage_v=3.55)
    pack = even_pack(99.9, parameters=given)
    pack.step(120.0, 20.0)
    assert 3.4 < max(pack.snapshot().cell_voltages_v) < 3.6
    assert not pack.snapshot().charge_fet_on


def test_a_design_that_cannot_be_built_says_why() -> None:
    with pytest.raises(ValueError, match="30 cells: JK-B2A24S20P takes 1 to 24"):
        PackDesign(cells=30)
    with pytest.raises(ValueError, match="start_soc_percent must be 0 to 100"):
        PackDesign(start_soc_percent=101)
    with pytest.raises(ValueError, match="capacity"):
        PackDesign(capacity_ah=0)
    with pytest.raises(KeyError, match="Unobtainium"):
        PackDesign(chemistry="Unobtainium")


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from([("LiFePO4", 16), ("Li-ion", 14), ("LTO", 24)]),
    st.floats(min_value=0, max_value=100),
    st.floats(min_value=-20, max_value=45),
    st.lists(
        st.tuples(
            st.floats(min_value=0.1, max_value=4000), st.floats(min_value=-200, max_value=200)
        ),
        max_size=6,
    ),
)
def test_whatever_is_asked_of_it_a_pack_stays_physical(
    kind: tuple[str, int], soc: float, celsius: float, demands: list[tuple[float, float]]
) -> None:
    chemistry, cells = kind
    pack = SimulatedPack(
        PackDesign(
            chemistry=chemistry,
            cells=cells,
            capacity_ah=100.0,
            start_soc_percent=soc,
            start_temperature_c=celsius,
        )
    )
    for seconds, demand_a in demands:
        pack.step(seconds, demand_a)
        snapshot = pack.snapshot()
        assert snapshot.current_a in (0.0, demand_a)
        assert 0.0 <= snapshot.soc_percent <= 100.0
        assert -5.0 < snapshot.true_soc_percent < 110.0
        for volts in snapshot.cell_voltages_v:
            assert 0.0 < volts < 5.0
        for sensor_c in (*snapshot.temperatures_c, snapshot.mos_temperature_c):
            assert celsius - 0.01 <= sensor_c < 120.0
        assert math.isfinite(pack.terminal_voltage_v)
