"""The simulated BMS: protections, balancer, counting. Fed by hand, as by its own sensors."""

from dataclasses import replace

import pytest

from cellwarden.model import HARDWARE_MODELS, AlarmKind, Parameters, preset
from cellwarden_hardware.simulator.balancer import Balancer
from cellwarden_hardware.simulator.bms import SimulatedBms, Switch

# LiFePO4, 100 Ah: OVP 3.6/3.4 V, UVP 2.7/3.0 V, shutdown 2.5 V, 50 A charge, 100 A discharge
PARAMETERS = preset("LiFePO4", cell_count=4, design_capacity_ah=100.0)


def device(parameters: Parameters = PARAMETERS, **options: float) -> SimulatedBms:
    options.setdefault("soc_percent", 50.0)
    return SimulatedBms(parameters, HARDWARE_MODELS["JK-B2A20S20P"], "LiFePO4", **options)  # type: ignore[arg-type]


def see(
    bms: SimulatedBms,
    seconds: float,
    *,
    cells: tuple[float, ...] = (3.3,) * 4,
    amps: float = 0.0,
    celsius: tuple[float, ...] = (25.0, 25.0),
    mos: float = 25.0,
) -> tuple[bool, bool]:
    """Show it the same values each second; return (charge FET, discharge FET)."""
    for _ in range(round(seconds)):
        bms.observe(1.0, cells, amps, celsius, mos)
    return bms.charge_fet_on, bms.discharge_fet_on


def test_one_high_cell_opens_the_charge_fet_only_and_all_must_fall_to_close_it() -> None:
    bms = device()
    assert see(bms, 1, cells=(3.3, 3.3, 3.61, 3.3)) == (True, True)  # its delay of 1 s runs
    assert see(bms, 1, cells=(3.3, 3.3, 3.61, 3.3)) == (False, True)
    assert bms.held == {AlarmKind.CELL_OVERVOLTAGE}
    assert see(bms, 60, cells=(3.3, 3.3, 3.41, 3.3)) == (False, True)
    assert see(bms, 1, cells=(3.3, 3.3, 3.39, 3.3)) == (True, True)
    assert bms.held == frozenset()


def test_one_low_cell_opens_the_discharge_fet_only_and_all_must_rise_to_close_it() -> None:
    bms = device()
    assert see(bms, 2, cells=(3.3, 2.69, 3.3, 3.3)) == (True, False)
    assert AlarmKind.CELL_UNDERVOLTAGE in bms.held
    assert see(bms, 60, cells=(3.3, 2.99, 3.3, 3.3)) == (True, False)
    assert see(bms, 1, cells=(3.3, 3.01, 3.3, 3.3)) == (True, True)


def test_a_voltage_beyond_its_limit_for_less_than_the_delay_does_nothing() -> None:
    bms = device(replace(PARAMETERS, cell_overvoltage_delay_s=5.0))
    for _ in range(10):
        assert see(bms, 4, cells=(3.7,) * 4) == (True, True)
        assert see(bms, 1) == (True, True)


def test_too_much_charge_current_trips_after_30_s_and_releases_after_60_s() -> None:
    bms = device()
    assert see(bms, 30, amps=51.0) == (True, True)
    assert see(bms, 1, amps=51.0) == (False, True)
    assert bms.held == {AlarmKind.CHARGE_OVERCURRENT}
    assert see(bms, 59) == (False, True)
    assert see(bms, 1) == (True, True)


def test_a_dip_below_the_limit_starts_the_over_current_delay_again() -> None:
    bms = device()
    assert see(bms, 29, amps=-101.0) == (True, True)
    assert see(bms, 1, amps=-99.0) == (True, True)
    assert see(bms, 30, amps=-101.0) == (True, True)
    assert see(bms, 1, amps=-101.0) == (True, False)
    assert bms.held == {AlarmKind.DISCHARGE_OVERCURRENT}


@pytest.mark.parametrize(
    ("celsius", "amps", "kind", "fets"),
    [
        (55.5, 10.0, AlarmKind.CHARGE_OVERTEMPERATURE, (False, True)),
        (-0.5, 10.0, AlarmKind.CHARGE_UNDERTEMPERATURE, (False, True)),
        (55.5, -10.0, AlarmKind.DISCHARGE_OVERTEMPERATURE, (True, False)),
    ],
)
def test_temperature_stops_the_direction_of_the_current(
    celsius: float, amps: float, kind: AlarmKind, fets: tuple[bool, bool]
) -> None:
    bms = device()
    assert see(bms, 60, celsius=(25.0, celsius)) == (True, True)  # nothing flows: nothing to stop
    assert see(bms, 3, celsius=(25.0, celsius), amps=amps) == fets
    assert bms.held == {kind}


def test_cold_charging_comes_back_above_5_degrees() -> None:
    bms = device()
    see(bms, 3, celsius=(-1.0, 3.0), amps=5.0)
    assert see(bms, 60, celsius=(4.9, 6.0)) == (False, True)
    assert see(bms, 1, celsius=(5.1, 6.0)) == (True, True)


def test_discharging_in_the_cold_is_stopped_only_where_that_is_set() -> None:
    assert see(device(), 60, celsius=(-25.0, -25.0), amps=-5.0) == (True, True)
    cautious = replace(PARAMETERS, discharge_undertemperature_c=-20.0)
    assert see(device(cautious), 60, celsius=(-25.0, -25.0), amps=-5.0) == (True, False)


def test_a_hot_mosfet_opens_both_fets_until_65_degrees() -> None:
    bms = device()
    assert see(bms, 3, mos=75.5) == (False, False)
    assert bms.held == {AlarmKind.MOS_OVERTEMPERATURE}
    assert see(bms, 30, mos=65.5) == (False, False)
    assert see(bms, 1, mos=64.5) == (True, True)


def test_warnings_block_nothing() -> None:
    bms = device(soc_percent=5.0)
    assert see(bms, 3, cells=(3.0, 3.35, 3.3, 3.3)) == (True, True)
    assert bms.held == {AlarmKind.LOW_SOC, AlarmKind.CELL_DIFFERENCE}


@pytest.mark.requirement("R13")
@pytest.mark.requirement("R37")
def test_under_the_shutdown_voltage_it_switches_itself_off_until_activated() -> None:
    bms = device()
    see(bms, 2, cells=(2.6,) * 4, amps=-1.0)
    assert bms.awake
    assert see(bms, 1, cells=(2.5,) * 4, amps=-1.0) == (False, False)
    assert bms.held == {AlarmKind.SHUTDOWN}
    asleep_s = bms.runtime_s
    see(bms, 10)
    bms.activate()
    assert (bms.charge_fet_on, bms.discharge_fet_on) == (True, False)
    # A cell that low stays awake while it is being charged.
    assert see(bms, 30, cells=(2.45,) * 4, amps=5.0) == (True, False)
    assert bms.held == {AlarmKind.CELL_UNDERVOLTAGE, AlarmKind.LOW_SOC}
    assert bms.runtime_s == asleep_s + 40.0


def test_a_protection_stands_above_the_switch() -> None:
    bms = device()
    see(bms, 2, cells=(3.7,) * 4)
    bms.set_switch(Switch.CHARGE, on=True)
    assert not bms.charge_fet_on
    bms.set_switch(Switch.CHARGE, on=False)
    assert see(bms, 1) == (False, True)  # released, but switched off
    bms.set_switch(Switch.CHARGE, on=True)
    assert bms.charge_fet_on


def test_the_count_follows_the_current_and_the_sensors_zero() -> None:
    bms = device(current_offset_a=0.5)
    see(bms, 3600, amps=10.0)
    assert bms.soc_percent == pytest.approx(60.5)
    see(bms, 3600, amps=-10.0)
    assert bms.soc_percent == pytest.approx(51.0)
    assert bms.cycle_charge_ah == pytest.approx(9.5)


def test_the_count_never_leaves_0_to_100() -> None:
    bms = device(soc_percent=99.0)
    see(bms, 7200, amps=40.0)
    assert bms.soc_percent == 100.0
    bms = device(soc_percent=1.0)
    see(bms, 7200, amps=-40.0)
    assert bms.soc_percent == 0.0


def test_a_tail_current_at_the_charge_voltage_is_full_and_one_cycle_however_long_it_floats() -> (
    None
):
    bms = device(soc_percent=70.0, cycles=7)
    see(bms, 5, cells=(3.45,) * 4, amps=30.0)
    assert bms.soc_percent == pytest.approx(70.0, abs=0.1)
    for _ in range(20):
        see(bms, 5, cells=(3.45,) * 4, amps=4.0)
        see(bms, 5, cells=(3.40,) * 4)
    assert (bms.soc_percent, bms.cycles) == (100.0, 8)
    see(bms, 3600, amps=-11.0)
    see(bms, 5, cells=(3.45,) * 4, amps=4.0)
    assert bms.cycles == 9


def test_capacity_is_learned_from_empty_to_full_only() -> None:
    bms = device(soc_percent=80.0)
    see(bms, 5, cells=(3.45,) * 4, amps=1.0)
    assert bms.capacity_ah == 100.0
    see(bms, 3, cells=(2.6,) * 4, amps=-1.0)
    assert bms.soc_percent == 0.0
    see(bms, 2 * 3600, amps=45.0)
    see(bms, 5, cells=(3.45,) * 4, amps=1.0)
    assert bms.capacity_ah == pytest.approx(90.0, abs=0.1)
    assert bms.soc_percent == 100.0


def test_the_balancer_takes_from_the_highest_then_gives_to_the_lowest() -> None:
    balancer = Balancer(trigger_v=0.01, start_v=3.4, current_a=2.0)
    seen = []
    for _ in range(21):
        balancer.update(1.0, (3.42, 3.45, 3.40, 3.41), allowed=True)
        seen.append((balancer.cell, balancer.current_a))
    assert seen[0:10] == [(1, -2.0)] * 10
    assert seen[10:20] == [(2, pytest.approx(1.8))] * 10
    assert seen[20] == (1, -2.0)


@pytest.mark.parametrize(
    ("cells", "allowed"),
    [
        ((3.42, 3.45, 3.40, 3.41), False),  # switched off
        ((3.30, 3.39, 3.20, 3.25), True),  # highest cell not above the start voltage
        ((3.445, 3.45, 3.441, 3.442), True),  # spread below the trigger
    ],
)
def test_the_balancer_rests_without_all_three_conditions(
    cells: tuple[float, ...], allowed: bool
) -> None:
    balancer = Balancer(trigger_v=0.01, start_v=3.4, current_a=2.0)
    balancer.update(1.0, (3.42, 3.45, 3.40, 3.41), allowed=True)
    assert balancer.cell == 1
    balancer.update(1.0, cells, allowed=allowed)
    assert (balancer.cell, balancer.current_a) == (None, 0.0)


def test_the_balance_current_stays_within_board_and_a_tenth_of_the_capacity() -> None:
    small = preset("LiFePO4", cell_count=4, design_capacity_ah=10.0)
    assert device(small).balancer.max_current_a == 1.0
    assert device().balancer.max_current_a == 2.0


def test_balancing_goes_on_while_over_voltage_blocks_charging() -> None:
    bms = device()
    see(bms, 3, cells=(3.40, 3.65, 3.40, 3.40))
    assert (bms.charge_fet_on, bms.balancer.cell) == (False, 1)
