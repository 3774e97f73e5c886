"""What each rule says, to the last word of its reason: 16 LiFePO4 cells, 100 Ah, 50 A and 100 A.

The pack's numbers: cell target 3.45 V, over-voltage 3.60 V, low 3.00 V, under-voltage 2.70 V,
shutdown 2.50 V, float 3.375 V, CVL 55.2 V, MOSFETs warm at 70 °C and hot at 75 °C, battery warm at
52.5 °C and hot at 55 °C, balance trigger 5 mV.
"""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from cellwarden.engine.limit_facts import Bounds, Facts, LimitRule, bounds
from cellwarden.engine.limit_rules import CHARGE, DISCHARGE, VOLTAGE
from cellwarden.engine.limit_trend import Trend
from cellwarden.engine.plausibility import CELL_COUNT, CURRENT, MOS_SENSOR, ONE_SENSOR, Missing
from cellwarden.engine.view import look
from cellwarden.model import CHEMISTRIES, Identity, Reason
from support.packs import all_cells, parameters, reading, with_cell

BOUNDS = bounds(CHEMISTRIES["LiFePO4"], parameters())
FACTS = (
    "capacity_ah",
    "full",
    "overvoltage",
    "overdue",
    "soc_percent",
    "trend",
    "yield_v",
    "joint",
)


def said(
    table: Sequence[LimitRule], of: Bounds = BOUNDS, **changes: object
) -> list[tuple[str, float, str, float | None, float | None, str, str]]:
    """Return rule, value, source, measured, threshold, unit and clears of each reason given."""
    facts: dict[str, object] = {
        "capacity_ah": 100.0, "full": False, "overvoltage": False, "overdue": (),
        "soc_percent": 60.0,
    }  # fmt: skip
    facts |= {name: changes.pop(name) for name in FACTS if name in changes}
    view = look(reading(1000.0, **changes))
    found = [rule(of, Facts(view=view, **facts)) for rule in table]  # type: ignore[arg-type]
    return [
        (r.rule, near(r.value), r.source, near(r.measured), near(r.threshold), r.unit, r.clears)
        for r in found
        if isinstance(r, Reason)
    ]


def near(value: float | None) -> float | None:
    return None if value is None else pytest.approx(value)


BEYOND = "no cell is beyond the threshold"


def test_of_a_healthy_pack_no_rule_says_anything() -> None:
    assert said(CHARGE) == []
    assert said(DISCHARGE) == []
    assert said(VOLTAGE) == []


# What is unknown


def test_half_the_current_is_left_where_an_essential_is_unknown() -> None:
    gone = (Missing(MOS_SENSOR, "MOSFET", 0.0, bad=False),)
    row = (
        "MOSFET temperature is unknown",
        25.0,
        "MOSFET",
        None,
        None,
        "",
        "the MOSFET temperature is known again",
    )
    assert said(CHARGE, overdue=gone) == [row]
    assert said(DISCHARGE, overdue=gone) == [(*row[:1], 50.0, *row[2:])]


def test_what_blocks_by_its_alarm_gives_no_second_reason_and_one_sensor_of_two_costs_nothing() -> (
    None
):
    for essential in (CELL_COUNT, ONE_SENSOR):
        gone = (Missing(essential, "here", 0.0, bad=False),)
        assert said(CHARGE, overdue=gone) == []
        assert said(DISCHARGE, overdue=gone) == []


def test_of_several_unknown_the_one_that_leaves_least_speaks() -> None:
    one = Missing(ONE_SENSOR, "T1", 0.0, bad=False)
    gone = (one, Missing(CURRENT, "", 0.0, bad=True))
    assert [r[0] for r in said(CHARGE, overdue=gone)] == ["current is unknown"]
    assert [r[0] for r in said(DISCHARGE, overdue=gone)] == ["current is unknown"]


# What the BMS has switched off


@pytest.mark.parametrize(
    ("table", "told", "what"),
    [
        (CHARGE, "charge_switch_on", "charge switch"),
        (CHARGE, "charge_fet_on", "charge MOSFET"),
        (DISCHARGE, "discharge_switch_on", "discharge switch"),
        (DISCHARGE, "discharge_fet_on", "discharge MOSFET"),
    ],
)
def test_what_is_off_in_the_bms_gives_0(table, told: str, what: str) -> None:
    row = (f"the {what} is off in the BMS", 0.0, "BMS", None, None, "", "it is on")
    assert said(table, **{told: False}) == [row]
    assert said(table, **{told: None}) == []
    other = DISCHARGE if table is CHARGE else CHARGE
    assert said(other, **{told: False}) == []


def test_a_switch_that_is_off_speaks_before_its_mosfet() -> None:
    off = {"charge_switch_on": False, "charge_fet_on": False}
    assert [r[0] for r in said(CHARGE, **off)] == ["the charge switch is off in the BMS"]
    off = {"discharge_switch_on": False, "discharge_fet_on": False}
    assert [r[0] for r in said(DISCHARGE, **off)] == ["the discharge switch is off in the BMS"]


# Deeply discharged cells: at or below 2.5 V gently, below 2.0 V not at all


@pytest.mark.parametrize(
    ("cell_v", "rule", "value", "threshold_v"),
    [
        (2.5, "deeply discharged cell", 5.0, 2.5),
        (2.0, "deeply discharged cell", 5.0, 2.5),
        (1.999, "dead cell", 0.0, 2.0),
    ],
)
def test_a_deeply_discharged_cell_is_charged_gently_or_not_at_all(
    cell_v: float, rule: str, value: float, threshold_v: float
) -> None:
    assert said(CHARGE, **with_cell(3, cell_v)) == [
        (rule, value, "cell 3", cell_v, threshold_v, "V", BEYOND)
    ]


def test_just_above_shutdown_the_charge_current_is_left_alone() -> None:
    assert said(CHARGE, **with_cell(3, 2.501)) == []


def test_gently_is_never_more_than_the_setting() -> None:
    small = bounds(CHEMISTRIES["LiFePO4"], parameters(charge_current_max_a=4.0))
    assert [r[1] for r in said(CHARGE, small, **with_cell(3, 2.4))] == [4.0]


# Tapers


@pytest.mark.parametrize(
    ("cell_v", "left_a"), [(3.4505, 49.83333), (3.525, 25.0), (3.6, 0.0), (3.7, 0.0)]
)
def test_the_charge_current_goes_down_in_a_line_to_over_voltage(
    cell_v: float, left_a: float
) -> None:
    row = ("cell voltage taper", left_a, "cell 7", cell_v, 3.45, "V", BEYOND)
    assert said(CHARGE, **with_cell(7, cell_v, cell_v - 0.01)) == [row]


@pytest.mark.parametrize(
    ("cell_v", "left_a"), [(2.9999, 99.96667), (2.85, 50.0), (2.7, 0.0), (2.6, 0.0)]
)
def test_the_discharge_current_goes_down_in_a_line_to_under_voltage(
    cell_v: float, left_a: float
) -> None:
    row = ("cell voltage taper", left_a, "cell 3", cell_v, 3.0, "V", BEYOND)
    assert said(DISCHARGE, **with_cell(3, cell_v)) == [row]


def test_at_its_target_a_cell_tapers_nothing() -> None:
    assert said(CHARGE, **all_cells(3.45)) == []
    assert said(DISCHARGE, **with_cell(3, 3.0)) == []


# Temperature: the tighter of what the coldest and the warmest sensor allow


@pytest.mark.parametrize(
    ("sensors_c", "left_a", "source", "measured_c", "clears"),
    [
        ((0.0, 25.0), 10.0, "T1", 0.0, "it is warmer"),
        ((-0.1, 25.0), 0.0, "T1", -0.1, "it is warmer"),
        ((25.0, 7.0), 20.0, "T2", 7.0, "it is warmer"),
        ((12.5, 48.0), 35.0, "T1", 12.5, "it is warmer"),
        ((12.5, 49.0), 28.0, "T2", 49.0, "it is cooler"),
        ((10.0, 50.0), 10.0, "T2", 50.0, "it is cooler"),
        ((55.0, 55.1), 0.0, "T2", 55.1, "it is cooler"),
    ],
)
def test_the_charge_current_follows_the_worse_sensor(
    sensors_c: tuple[float, float], left_a: float, source: str, measured_c: float, clears: str
) -> None:
    row = ("temperature", left_a, source, measured_c, None, "°C", clears)
    assert said(CHARGE, temperatures_c=sensors_c) == [row]


def test_of_two_ends_alike_the_cold_one_is_named() -> None:
    # 10 A at 0 °C and at 55 °C.
    assert said(CHARGE, temperatures_c=(55.0, 0.0))[0][1:3] == (10.0, "T2")


def test_the_discharge_current_follows_its_own_curve() -> None:
    row = ("temperature", 50.0, "T1", 0.0, None, "°C", "it is warmer")
    assert said(DISCHARGE, temperatures_c=(0.0, 25.0)) == [row]
    row = ("temperature", 20.0, "T2", 55.0, None, "°C", "it is cooler")
    assert said(DISCHARGE, temperatures_c=(25.0, 55.0)) == [row]
    assert said(DISCHARGE, temperatures_c=(-20.0, 25.0))[0][1] == 20.0
    assert said(DISCHARGE, temperatures_c=(-20.1, 25.0))[0][1] == 0.0


def test_where_the_curve_allows_the_setting_it_says_nothing() -> None:
    assert said(CHARGE, temperatures_c=(15.0, 47.0)) == []  # 0.5 C is just the 50 A of the setting
    assert said(DISCHARGE, temperatures_c=(10.0, 50.0)) == []
    assert said(CHARGE, temperatures_c=(15.0, 25.0), capacity_ah=90.0)[0][1] == 45.0


def test_without_a_battery_sensor_the_curve_says_nothing() -> None:
    assert said(CHARGE, temperatures_c=(None, None)) == []


# MOSFETs


@pytest.mark.parametrize(("mos_c", "left_a"), [(70.5, 45.0), (72.5, 25.0), (75.0, 0.0), (80, 0.0)])
def test_hot_mosfets_take_both_currents_down(mos_c: float, left_a: float) -> None:
    row = ("MOSFET temperature", left_a, "", mos_c, 70.0, "°C", "it is at the threshold or below")
    assert said(CHARGE, mos_temperature_c=mos_c) == [row]
    assert said(DISCHARGE, mos_temperature_c=mos_c) == [(*row[:1], 2 * left_a, *row[2:])]


def test_mosfets_at_their_warm_mark_or_unknown_cost_nothing() -> None:
    for mos_c in (70.0, None):
        assert said(CHARGE, mos_temperature_c=mos_c) == []
        assert said(DISCHARGE, mos_temperature_c=mos_c) == []


# The board


@pytest.mark.parametrize("told", ["JK-B1A8S10P", "JK_B1A8S10P"])
def test_a_board_that_carries_less_than_the_setting_says_so(told: str) -> None:
    board = Identity(manufacturer="JK", model=told)
    strong = replace(BOUNDS, ccl=Reason(rule="x", value=120.0), dcl=Reason(rule="x", value=120.0))
    row = ("what the board carries", 100.0, "JK-B1A8S10P", None, None, "", "")
    assert said(CHARGE, strong, identity=board, capacity_ah=300.0) == [row]
    assert said(DISCHARGE, strong, identity=board, capacity_ah=300.0) == [row]
    fits = replace(BOUNDS, ccl=Reason(rule="x", value=100.0))
    assert said(CHARGE, fits, identity=board) == []
    assert said(DISCHARGE, identity=board) == []


@pytest.mark.parametrize("told", [None, "SmartShunt"])
def test_an_unknown_board_says_nothing(told: str | None) -> None:
    assert said(CHARGE, identity=Identity(manufacturer="JK", model=told)) == []


# Out of balance: from ten times the balance trigger, 50 mV, down to 5 A at 3.51 V


@pytest.mark.parametrize(
    ("cell_v", "left_a"), [(3.4525, 48.125), (3.48, 27.5), (3.51, 5.0), (3.55, 5.0)]
)
def test_cells_out_of_balance_leave_the_balancers_pace(cell_v: float, left_a: float) -> None:
    rows = said(CHARGE, **with_cell(7, cell_v, 3.40))
    assert rows[-1] == ("cells out of balance", left_a, "cell 7", cell_v, 3.45, "V", BEYOND)


def test_cells_that_are_close_or_below_their_target_are_in_balance() -> None:
    assert [r[0] for r in said(CHARGE, **with_cell(7, 3.5, 3.4501))] == ["cell voltage taper"]
    assert [r[0] for r in said(CHARGE, **with_cell(7, 3.5, 3.4499))] == [
        "cell voltage taper", "cells out of balance",
    ]  # fmt: skip
    assert said(CHARGE, **with_cell(7, 3.45, 3.30)) == []


def test_the_balancers_pace_is_never_more_than_the_setting() -> None:
    small = bounds(CHEMISTRIES["LiFePO4"], parameters(charge_current_max_a=4.0))
    assert said(CHARGE, small, **with_cell(7, 3.55, 3.40))[-1][1] == 4.0


# Full


def test_a_full_pack_takes_nothing_until_its_cells_have_sunk() -> None:
    clears = "the SoC is below 97 % or the cells have sunk"
    assert said(CHARGE, full=True, **all_cells(3.3851)) == [
        ("full", 0.0, "", None, None, "", clears)
    ]
    assert said(CHARGE, full=True, **all_cells(3.385)) == [
        ("full", 5.0, "", None, None, "", clears)
    ]
    assert said(CHARGE, full=True, cell_voltages_v=()) == [
        ("full", 0.0, "", None, None, "", clears)
    ]
    small = bounds(CHEMISTRIES["LiFePO4"], parameters(charge_current_max_a=4.0))
    assert said(CHARGE, small, full=True)[0][1] == 4.0


# Low SoC


@pytest.mark.parametrize(("soc", "left_a"), [(4.99, 99.84), (2.5, 60.0), (0.0, 20.0)])
def test_below_5_percent_the_discharge_current_goes_down_to_a_fifth(
    soc: float, left_a: float
) -> None:
    row = ("state of charge", left_a, "", soc, 5.0, "%", "it is at the threshold or above")
    assert said(DISCHARGE, soc_percent=soc) == [row]


def test_at_5_percent_or_unknown_the_soc_costs_nothing() -> None:
    assert said(DISCHARGE, soc_percent=5.0) == []
    assert said(DISCHARGE, soc_percent=None) == []


# Ahead of a trip: rates of highest cell, lowest cell, warmest sensor, MOSFETs


def heading(high: float = 0.0, low: float = 0.0, warm: float = 0.0, mos: float = 0.0) -> Trend:
    return Trend(heard_s=1000.0, rates=(high, low, warm, mos))


SLOWER = "it moves more slowly"


def test_a_cell_that_is_due_at_over_voltage_within_a_minute_takes_the_current_down() -> None:
    cells = with_cell(7, 3.48, 3.44)
    rows = said(CHARGE, current_a=40.0, trend=heading(high=0.004), **cells)
    assert rows[-1] == ("over-voltage ahead", 20.0, "cell 7", 30.0, 60.0, "s", SLOWER)
    rows = said(CHARGE, current_a=40.0, trend=heading(high=0.003), **with_cell(7, 3.7, 3.66))
    assert rows[-1] == ("over-voltage ahead", 0.0, "cell 7", 0.0, 60.0, "s", SLOWER)


@pytest.mark.parametrize(
    ("cell_v", "current_a", "rate"),
    [
        (3.48, 40.0, 0.0019),  # due in more than 60 s
        (3.48, 0.0, 0.004),
        (3.48, -1.0, 0.004),
        (3.48, None, 0.004),
        (3.45, 40.0, 0.004),  # not above its target
        (3.599, 40.0, 0.0002),  # noise
    ],
)
def test_otherwise_no_over_voltage_is_ahead(cell_v: float, current_a, rate: float) -> None:
    cells = with_cell(7, cell_v, cell_v - 0.01)
    rows = said(CHARGE, current_a=current_a, trend=heading(high=rate), **cells)
    assert "over-voltage ahead" not in [r[0] for r in rows]


def test_exactly_a_minute_is_far_enough() -> None:
    at_bound = replace(BOUNDS, cell_overvoltage_v=3.75, cell_target_v=3.25)
    for rate, due in ((0.0041666666, False), (0.0041666667, True)):
        cells = all_cells(3.5)
        rows = said(CHARGE, at_bound, current_a=40.0, trend=heading(high=rate), **cells)
        assert ("over-voltage ahead" in [r[0] for r in rows]) is due


def test_a_cell_that_is_due_at_under_voltage_within_a_minute_takes_the_current_down() -> None:
    cells = with_cell(3, 2.82, 3.10)
    rows = said(DISCHARGE, current_a=-80.0, trend=heading(low=-0.004), **cells)
    assert rows[-1] == ("under-voltage ahead", 40.0, "cell 3", 30.0, 60.0, "s", SLOWER)
    cells = with_cell(3, 2.6, 3.10)
    rows = said(DISCHARGE, current_a=-80.0, trend=heading(low=-0.004), **cells)
    assert rows[-1] == ("under-voltage ahead", 0.0, "cell 3", 0.0, 60.0, "s", SLOWER)


@pytest.mark.parametrize(
    ("cell_v", "current_a", "rate"),
    [
        (2.82, -80.0, -0.0019),
        (2.82, -80.0, 0.004),  # it recovers
        (2.82, 0.0, -0.004),
        (2.82, 1.0, -0.004),
        (2.82, None, -0.004),
        (3.0, -80.0, -0.01),
        (2.701, -80.0, -0.0002),
    ],
)
def test_otherwise_no_under_voltage_is_ahead(cell_v: float, current_a, rate: float) -> None:
    cells = with_cell(3, cell_v, 3.10)
    rows = said(DISCHARGE, current_a=current_a, trend=heading(low=rate), **cells)
    assert "under-voltage ahead" not in [r[0] for r in rows]


def test_heat_that_is_due_within_ten_minutes_takes_both_currents_down() -> None:
    warm = {"temperatures_c": (25.0, 53.0), "trend": heading(warm=0.01)}
    row = ("over-temperature ahead", 10.0, "T2", 200.0, 600.0, "s", SLOWER)
    assert said(CHARGE, current_a=30.0, **warm)[-1] == row
    assert said(DISCHARGE, current_a=-30.0, **warm)[-1] == row
    hot = {"temperatures_c": (25.0, 56.0), "trend": heading(warm=0.01)}
    assert said(CHARGE, current_a=30.0, **hot)[-1][1:4] == (0.0, "T2", 0.0)


@pytest.mark.parametrize(
    ("warm_c", "rate"), [(52.5, 0.01), (53.0, 0.002), (53.0, 0.0033), (53.5, 0.0025), (None, 0.01)]
)
def test_otherwise_no_heat_is_ahead(warm_c: float | None, rate: float) -> None:
    rows = said(DISCHARGE, current_a=-30.0, temperatures_c=(warm_c,), trend=heading(warm=rate))
    assert "over-temperature ahead" not in [r[0] for r in rows]


def test_mosfets_that_are_due_within_a_minute_take_both_currents_down() -> None:
    warm = {"mos_temperature_c": 72.0, "trend": heading(mos=0.1)}
    row = ("over-temperature ahead", 15.0, "MOSFET", 30.0, 60.0, "s", SLOWER)
    assert said(CHARGE, current_a=30.0, **warm)[-1] == row
    assert said(DISCHARGE, current_a=-30.0, **warm)[-1] == row
    hot = {"mos_temperature_c": 76.0, "trend": heading(mos=0.1)}
    assert said(CHARGE, current_a=30.0, **hot)[-1][1:4] == (0.0, "MOSFET", 0.0)


@pytest.mark.parametrize(
    ("mos_c", "rate"), [(70.0, 0.2), (74.9, 0.002), (72.0, 0.0499), (None, 0.1)]
)
def test_otherwise_no_heat_of_mosfets_is_ahead(mos_c: float | None, rate: float) -> None:
    rows = said(CHARGE, current_a=30.0, mos_temperature_c=mos_c, trend=heading(mos=rate))
    assert "over-temperature ahead" not in [r[0] for r in rows]


# Joints: 10 W at most


def test_a_joint_of_high_resistance_is_kept_cool() -> None:
    clears = "its resistance is near that of the others"
    row = ("heat in a joint", 31.622777, "cell 4", 0.01, None, "ohm", clears)
    assert said(CHARGE, joint=(4, 0.01)) == [row]
    assert said(DISCHARGE, joint=(4, 0.01)) == [row]
    assert said(CHARGE, joint=(4, 0.004)) == []  # 50 A, the setting


# CVL


def test_above_over_voltage_the_charge_voltage_is_what_the_pack_has() -> None:
    row = ("over-voltage", 52.8, "cell 7", 3.61, 3.6, "V", BEYOND)
    assert said(VOLTAGE, voltage_v=52.8, cell_voltages_v=(3.3,) * 6 + (3.61,))[0] == row
    assert said(VOLTAGE, voltage_v=52.8, cell_voltages_v=(3.3,) * 6 + (3.6,))[0][0] != row[0]


def test_an_alarm_does_the_same_and_it_is_never_below_the_nominal_voltage() -> None:
    row = ("over-voltage", 52.8, "cell 1", 3.3, 3.6, "V", BEYOND)
    assert said(VOLTAGE, overvoltage=True) == [row]
    assert said(VOLTAGE, overvoltage=True, **all_cells(3.1))[0][1] == 51.2
    assert said(VOLTAGE, overvoltage=True, voltage_v=55.2) == []
    assert said(VOLTAGE, overvoltage=True, voltage_v=None, cell_voltages_v=(3.3, None)) == []


def test_far_above_its_target_a_cell_takes_the_charge_voltage_down_at_once() -> None:
    # From 3.51 V, half the excess of 20 mV times 16 cells.
    cells = {"cell_voltages_v": (3.3,) * 6 + (3.53,)}
    row = ("highest cell far above its target", 55.04, "cell 7", 3.53, 3.51, "V", BEYOND)
    assert said(VOLTAGE, voltage_v=52.8, **cells) == [row]
    assert said(VOLTAGE, voltage_v=None, **cells) == [row]
    assert said(VOLTAGE, voltage_v=55.3, **cells)[0][1] == 55.1  # 0.2 V below what the pack has
    assert said(VOLTAGE, voltage_v=56.0, **cells)[0][1] == 55.2
    cells = {"cell_voltages_v": (3.3,) * 6 + (3.509,)}
    assert said(VOLTAGE, voltage_v=52.8, **cells) == []


def test_it_gives_way_by_2_percent_at_most() -> None:
    cells = {"cell_voltages_v": (3.3,) * 6 + (3.72,)}
    assert said(VOLTAGE, voltage_v=55.2, overvoltage=True, **cells)[-1][1] == 55.0
    assert said(VOLTAGE, voltage_v=None, **cells)[-1][1] == 54.096


def test_what_has_given_way_to_hold_the_highest_cell_comes_off_the_charge_voltage() -> None:
    row = ("highest cell held at its target", 55.0, "cell 1", 3.3, 3.45, "V", BEYOND)
    assert said(VOLTAGE, yield_v=0.2) == [row]
    assert said(VOLTAGE, yield_v=0.0) == []
    assert said(VOLTAGE, yield_v=0.2, cell_voltages_v=()) == []
