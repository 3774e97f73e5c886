"""CVL, CCL, DCL and DVL: what sets them, in which order the reasons stand, how they move."""

import pytest

from cellwarden.model import CHEMISTRIES, AlarmKind, DeviceAlarm, Severity, preset
from support.packs import Bench, all_cells, parameters, with_cell


def settled(**changes: object) -> Bench:
    bench = Bench()
    bench.settle(120, **changes)
    return bench


def rules(limit) -> list[str]:
    return [r.rule for r in limit.reasons]


def test_a_healthy_pack_is_given_its_settings() -> None:
    limits = settled().state.limits
    assert limits.cvl_v == pytest.approx(55.2)
    assert (limits.ccl_a, limits.dcl_a, limits.dvl_v) == (50, 100, 48)
    assert rules(limits.charge_voltage) == ["charge voltage setting"]
    assert rules(limits.charge_current) == ["charge current setting"]
    assert rules(limits.discharge_current) == ["discharge current setting"]
    assert rules(limits.discharge_voltage) == ["discharge voltage setting"]


def test_while_nothing_changes_the_very_same_limits_are_given() -> None:
    bench = settled()
    before = bench.state.limits
    assert bench.hear(current_a=3.0).limits is before
    assert bench.wait(0.5).limits is before


@pytest.mark.parametrize("chemistry", CHEMISTRIES)
def test_the_charge_voltage_never_exceeds_what_the_chemistry_stands(chemistry: str) -> None:
    most = CHEMISTRIES[chemistry].absolute_max_v
    params = preset(
        chemistry,
        cell_count=16,
        design_capacity_ah=100,
        overrides={
            "charge_voltage_v": 4.34,
            "cell_overvoltage_v": 4.35,
            "discharge_voltage_v": 1.0,
        },
    )
    bench = Bench(chemistry, params)
    limits = bench.hear(**all_cells(CHEMISTRIES[chemistry].nominal_v)).limits
    assert limits.cvl_v == pytest.approx(16 * most)
    assert limits.charge_voltage.binding.rule == f"highest voltage of {chemistry}"
    assert limits.dvl_v == pytest.approx(16 * CHEMISTRIES[chemistry].absolute_min_v)


# Highest cell, and the charge current that is left of 50 A: straight from 3.45 V to 3.60 V.
@pytest.mark.parametrize(
    ("cell_v", "ccl_a"), [(3.45, 50), (3.48, 40), (3.525, 25), (3.585, 5), (3.6, 0), (3.65, 0)]
)
def test_the_charge_current_falls_with_the_highest_cell(cell_v: float, ccl_a: float) -> None:
    bench = settled(current_a=10.0, **all_cells(3.40))
    state = bench.hear(current_a=10.0, **with_cell(7, cell_v, cell_v - 0.01))
    assert state.limits.ccl_a == pytest.approx(ccl_a)
    assert state.charge_allowed is (ccl_a > 0)
    assert state.limits.dcl_a == 100
    if ccl_a < 50:
        assert state.limits.charge_current.binding.source == "cell 7"


@pytest.mark.parametrize(
    ("cell_v", "dcl_a"), [(3.0, 100), (2.94, 80), (2.85, 50), (2.73, 10), (2.7, 0), (2.6, 0)]
)
def test_the_discharge_current_falls_with_the_lowest_cell(cell_v: float, dcl_a: float) -> None:
    bench = settled(**all_cells(3.1))
    state = bench.hear(**with_cell(3, cell_v, 3.1))
    assert state.limits.dcl_a == pytest.approx(dcl_a)
    assert state.discharge_allowed is (dcl_a > 0)
    assert state.limits.ccl_a == 50


# Beyond 3.51 V, 40 % of the way from the target to over-voltage, CVL gives way at once by half the
# excess times the cells (0.32 V for 40 mV), at most 2 %, but stays within 0.2 V of the voltage that
# the pack has. Below that it moves by 45 mV a minute.
@pytest.mark.parametrize(
    ("cell_v", "others_v", "cvl_v"),
    [
        (3.45, 3.40, 55.2),
        (3.50, 3.30, 55.19925),
        (3.55, 3.30, 54.88),
        (3.59, 3.30, 54.56),
        (3.59, 3.45, 55.14),
        (3.65, 3.30, 53.15),  # above the over-voltage limit: no more than the pack has
        (3.65, 3.10, 51.2),  # but never below the nominal voltage
    ],
)
def test_a_runaway_cell_lowers_the_charge_voltage(cell_v, others_v, cvl_v) -> None:
    bench = settled(current_a=10.0, **all_cells(others_v))
    bench.hear(current_a=10.0, **with_cell(7, cell_v, others_v))
    assert bench.state.limits.cvl_v == pytest.approx(cvl_v)


def test_without_a_pack_voltage_the_runaway_cell_still_lowers_the_charge_voltage() -> None:
    bench = settled()
    cells = (None, 3.55) + (3.3,) * 14
    assert bench.hear(cell_voltages_v=cells, voltage_v=None).limits.cvl_v == pytest.approx(54.88)
    cells = (None, 3.70) + (3.3,) * 14
    assert bench.hear(cell_voltages_v=cells, voltage_v=None).limits.cvl_v == pytest.approx(54.096)


def test_an_over_voltage_alarm_of_the_bms_holds_the_charge_voltage_at_what_the_pack_has() -> None:
    told = DeviceAlarm(
        kind=AlarmKind.PACK_OVERVOLTAGE, severity=Severity.PROTECTION, blocks_charge=True
    )
    state = settled().hear(alarms=(told,), **all_cells(3.4))
    assert state.limits.cvl_v == pytest.approx(54.4)
    assert state.limits.ccl_a == 0
    state = settled().hear(alarms=(told,), **all_cells(3.46))
    assert state.limits.cvl_v == pytest.approx(55.1998)


def test_the_charge_voltage_rises_by_45_mv_a_minute() -> None:
    bench = settled(current_a=10.0)
    bench.settle(2, current_a=10.0, **with_cell(7, 3.55))
    assert bench.state.limits.cvl_v == pytest.approx(54.88)
    bench.hear(current_a=10.0)
    assert bench.state.limits.cvl_v == pytest.approx(54.88)  # one reading is not enough
    bench.settle(60, current_a=10.0)
    assert bench.state.limits.cvl_v == pytest.approx(54.925)
    assert bench.state.limits.charge_voltage.binding.rule == "rising slowly"
    bench.settle(400, current_a=10.0)
    assert bench.state.limits.cvl_v == pytest.approx(55.2)


@pytest.mark.requirement("X9")
@pytest.mark.requirement("R26")
# LiFePO4, 100 Ah, largest settings 50 A and 100 A.
@pytest.mark.parametrize(
    ("temperature_c", "ccl_a", "dcl_a"),
    [
        (-20.1, 0, 0),
        (-0.1, 0, 49.9),
        (0.0, 10, 50),
        (5.0, 20, 75),
        (10.0, 20, 100),
        (12.5, 35, 100),
        (15.0, 50, 100),
        (45.0, 50, 100),
        (50.0, 10, 100),
        (52.5, 10, 60),
        (55.1, 0, 0),
    ],
)
def test_temperature_derates_by_the_curve_of_the_chemistry(temperature_c, ccl_a, dcl_a) -> None:
    bench = Bench()
    bench.settle(60, temperatures_c=(temperature_c, temperature_c))
    assert bench.state.limits.ccl_a == pytest.approx(ccl_a)
    assert bench.state.limits.dcl_a == pytest.approx(dcl_a, rel=0.01)


def test_the_worst_of_two_sensors_rules() -> None:
    bench = Bench()
    bench.settle(60, temperatures_c=(5.0, 25.0))
    assert bench.state.limits.charge_current.binding.text == (
        "temperature, T1 at 5.0 °C; clears when it is warmer"
    )
    bench.settle(60, temperatures_c=(30.0, 49.0))
    assert bench.state.limits.charge_current.binding.text == (
        "temperature, T2 at 49.0 °C; clears when it is cooler"
    )


@pytest.mark.parametrize(("mos_c", "part"), [(70.0, 1.0), (72.5, 0.5), (74.0, 0.2), (75.0, 0.0)])
def test_a_hot_mosfet_takes_both_currents_down(mos_c: float, part: float) -> None:
    state = settled().hear(mos_temperature_c=mos_c)
    assert state.limits.ccl_a == pytest.approx(50 * part)
    assert state.limits.dcl_a == pytest.approx(100 * part)


@pytest.mark.parametrize(
    ("changes", "ccl_a", "dcl_a", "rule"),
    [
        ({"charge_switch_on": False}, 0, 100, "the charge switch is off in the BMS"),
        ({"charge_fet_on": False}, 0, 100, "the charge MOSFET is off in the BMS"),
        ({"discharge_switch_on": False}, 50, 0, "the discharge switch is off in the BMS"),
        ({"discharge_fet_on": False}, 50, 0, "the discharge MOSFET is off in the BMS"),
    ],
)
def test_what_is_off_in_the_bms_is_0_with_that_reason(changes, ccl_a, dcl_a, rule) -> None:
    state = settled().hear(**changes)
    assert (state.limits.ccl_a, state.limits.dcl_a) == (ccl_a, dcl_a)
    assert (state.charge_allowed, state.discharge_allowed) == (ccl_a > 0, dcl_a > 0)
    bound = state.limits.charge_current if ccl_a == 0 else state.limits.discharge_current
    assert bound.binding.rule == rule


def test_a_device_that_tells_nothing_of_its_switches_is_not_held_against_it() -> None:
    bench = settled(
        charge_switch_on=None, charge_fet_on=None, discharge_switch_on=None, discharge_fet_on=None
    )
    assert (bench.state.limits.ccl_a, bench.state.limits.dcl_a) == (50, 100)


@pytest.mark.parametrize(
    ("cell_v", "ccl_a", "rule"),
    [(2.51, 50, None), (2.50, 5, "deeply discharged cell"), (1.99, 0, "dead cell")],
)
def test_a_deeply_discharged_cell_is_charged_gently_or_not_at_all(cell_v, ccl_a, rule) -> None:
    bench = Bench()
    bench.settle(60, **with_cell(3, cell_v, 2.9))
    assert bench.state.limits.ccl_a == ccl_a
    if rule is not None:
        assert bench.state.limits.charge_current.binding.rule == rule


def test_the_chain_stands_tightest_first_and_ends_with_the_setting() -> None:
    bench = settled()
    bench.hear(temperatures_c=(12.5, 25.0), mos_temperature_c=74.0, **with_cell(7, 3.525, 3.5))
    chain = bench.state.limits.charge_current.reasons
    assert [(r.rule, pytest.approx(r.value)) for r in chain] == [
        ("MOSFET temperature", 10.0),
        ("cell voltage taper", 25.0),
        ("temperature", 35.0),
        ("charge current setting", 50.0),
    ]


def test_ties_stand_in_table_order() -> None:
    state = settled().hear(
        charge_switch_on=False, mos_temperature_c=75.0, **with_cell(7, 3.65, 3.64)
    )
    assert rules(state.limits.charge_current) == [
        "the charge switch is off in the BMS",
        "cell voltage taper",
        "MOSFET temperature",
        "charge current setting",
    ]


def test_nothing_is_allowed_before_two_readings_agree() -> None:
    bench = Bench()
    state = bench.hear()
    assert (state.limits.ccl_a, state.limits.dcl_a) == (0, 0)
    assert rules(state.limits.charge_current) == ["start-up", "charge current setting"]
    state = bench.hear()
    assert (state.limits.ccl_a, state.limits.dcl_a) == (5, 5)


def test_currents_rise_by_5_a_a_second() -> None:
    bench = Bench()
    given = [bench.hear().limits.ccl_a for _ in range(13)]
    assert given == [0, 5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 50, 50]


def test_a_large_bank_rises_by_2_percent_a_second() -> None:
    params = parameters(discharge_current_max_a=1000.0)
    bench = Bench(params=params)
    bench.settle(2)
    assert bench.state.limits.dcl_a == 20


def test_between_readings_a_limit_goes_on_rising() -> None:
    bench = Bench()
    bench.settle(2)
    assert bench.wait(0.5).limits.ccl_a == 7.5


def test_limits_fall_at_once() -> None:
    assert settled().hear(mos_temperature_c=74.0).limits.ccl_a == pytest.approx(10)


def test_one_good_reading_among_bad_ones_raises_nothing() -> None:
    bench = settled()
    bench.hear(mos_temperature_c=74.0)
    state = bench.hear()
    assert state.limits.ccl_a == pytest.approx(10)
    assert state.limits.charge_current.binding.rule == "waiting for a second reading that agrees"
    assert bench.hear(mos_temperature_c=74.0).limits.ccl_a == pytest.approx(10)
    bench.hear()
    assert bench.hear().limits.ccl_a == pytest.approx(15)


def test_a_current_too_small_to_follow_is_0() -> None:
    state = settled().hear(mos_temperature_c=74.96)  # 0.4 A
    assert state.limits.ccl_a == 0
    assert state.limits.charge_current.binding.rule == "too little to be of use"
    assert not state.charge_allowed


def test_from_0_a_limit_starts_again_only_when_it_is_worth_it() -> None:
    bench = settled()
    bench.hear(mos_temperature_c=75.0)
    bench.settle(5, mos_temperature_c=74.92)  # 0.8 A of 50, 1.6 A of 100
    assert (bench.state.limits.ccl_a, bench.state.limits.dcl_a) == (0, 0)
    bench.settle(5, mos_temperature_c=74.85)  # 1.5 A of 50, 3 A of 100
    assert bench.state.limits.ccl_a == pytest.approx(1.5)
    assert bench.state.limits.dcl_a == pytest.approx(3.0)


def test_the_first_step_from_0_is_1_a_however_short_the_time() -> None:
    bench = Bench()
    bench.hear()
    assert bench.hear(0.01).limits.ccl_a == 1.0


def test_a_full_pack_takes_no_more_until_it_was_used() -> None:
    bench = Bench()
    bench.settle(70, current_a=4.0, **all_cells(3.45))
    limits = bench.state.limits
    assert limits.ccl_a == 0
    assert limits.charge_current.binding.rule == "full"
    assert limits.cvl_v == pytest.approx(55.2)
    assert limits.dcl_a == 100
    bench.settle(70, current_a=-100.0, **all_cells(3.33))  # 1.9 %
    assert bench.state.limits.ccl_a == 5  # it floats
    bench.settle(60, current_a=-100.0, **all_cells(3.33))
    assert bench.state.limits.ccl_a == 50


def test_a_full_pack_whose_cells_have_sunk_takes_charge_again() -> None:
    bench = Bench()
    bench.settle(70, current_a=0.0, **all_cells(3.45))
    assert bench.state.limits.ccl_a == 0
    bench.settle(30, **all_cells(3.29))
    assert bench.state.limits.ccl_a == 50
