"""Protections against faults of cells, wires, MOSFETs, chargers and settings."""

import json

import pytest

from cellwarden.model import (
    Alarm,
    AlarmKind,
    AlarmSource,
    DeviceAlarm,
    PackState,
    Severity,
)
from support.packs import Bench, all_cells, parameters, reading, with_cell

FAILED = dict(with_cell(1, 3.62))
FAILED["cell_voltages_v"] = (3.62, 2.65, *(3.3,) * 14)
FAILED["voltage_v"] = sum(FAILED["cell_voltages_v"])  # type: ignore[arg-type]


def found(state: PackState | None, kind: AlarmKind, severity: Severity) -> Alarm | None:
    assert state is not None
    alarms = [a for a in state.alarms if a.kind is kind and a.severity is severity]
    return alarms[0] if alarms else None


def tripped(state: PackState | None, kind: AlarmKind) -> Alarm | None:
    return found(state, kind, Severity.PROTECTION)


def warned(state: PackState | None, kind: AlarmKind) -> Alarm | None:
    return found(state, kind, Severity.WARNING)


def calm() -> Bench:
    bench = Bench()
    bench.settle(60)
    return bench


def test_a_cell_too_high_and_another_too_low_stop_both_and_stay() -> None:
    """F23: no auto-release."""
    bench = calm()
    bench.settle(3, **FAILED)
    alarm = tripped(bench.state, AlarmKind.CELL_FAILURE)
    assert alarm is not None
    assert alarm.where == "cells 1 and 2"
    assert alarm.releases == "somebody has looked at the cells and releases it"
    state = bench.settle(300)
    assert [a.kind for a in state.alarms if a.severity is Severity.PROTECTION] == [
        AlarmKind.CELL_FAILURE
    ]
    assert (state.limits.ccl_a, state.limits.dcl_a) == (0, 0)
    bench.memory = bench.engine.release(bench.memory, "test")
    assert bench.settle(60).limits.ccl_a == 50


@pytest.mark.parametrize(
    "cells", [(3.62, 2.71, *(3.3,) * 14), (3.60, 2.65, *(3.3,) * 14)], ids=["only high", "only low"]
)
def test_one_cell_beyond_its_limit_is_no_cell_failure(cells: tuple[float, ...]) -> None:
    bench = calm()
    bench.settle(10, cell_voltages_v=cells, voltage_v=sum(cells))
    assert tripped(bench.state, AlarmKind.CELL_FAILURE) is None


SHORT = DeviceAlarm(
    kind=AlarmKind.SHORT_CIRCUIT,
    severity=Severity.PROTECTION,
    blocks_discharge=True,
    text="short circuit",
)


@pytest.mark.requirement("R17")
@pytest.mark.requirement("R48")
def test_a_short_circuit_that_the_bms_reports_once_stops_both_for_the_release_time() -> None:
    bench = calm()
    state = bench.hear(alarms=(SHORT,))  # hardware is sure: one reading is enough
    assert (state.limits.ccl_a, state.limits.dcl_a) == (0, 0)
    assert state.error_codes == (6,)
    for _ in range(59):
        assert tripped(bench.hear(), AlarmKind.SHORT_CIRCUIT) is not None
    assert tripped(bench.hear(), AlarmKind.SHORT_CIRCUIT) is None


def test_a_short_circuit_is_not_over_while_the_bms_reports_it() -> None:
    bench = calm()
    bench.settle(200, alarms=(SHORT,))
    own = [a for a in bench.state.alarms if a.source is AlarmSource.ENGINE]
    assert [a.kind for a in own] == [AlarmKind.SHORT_CIRCUIT]
    assert tripped(bench.hear(), AlarmKind.SHORT_CIRCUIT) is not None
    assert tripped(bench.hear(), AlarmKind.SHORT_CIRCUIT) is None


@pytest.mark.requirement("R17")
def test_the_fourth_short_circuit_within_ten_minutes_stays() -> None:
    """F18: limited retries."""
    bench = calm()
    for _ in range(3):
        bench.hear(alarms=(SHORT,))
        assert tripped(bench.settle(62), AlarmKind.SHORT_CIRCUIT) is None
    bench.hear(alarms=(SHORT,))
    alarm = tripped(bench.settle(300), AlarmKind.SHORT_CIRCUIT)
    assert alarm is not None
    assert alarm.releases == "somebody releases it: it tripped 4 times"


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"charge_fet_on": False, "current_a": 5.0}, "charge MOSFET"),
        ({"discharge_fet_on": False, "current_a": -5.0}, "discharge MOSFET"),
    ],
)
def test_a_mosfet_that_conducts_while_off_stops_both_for_good(changes, where: str) -> None:
    """F25: highest alarm, inverter told 0, keep telling."""
    bench = calm()
    bench.settle(10, **changes)
    assert tripped(bench.state, AlarmKind.FET_STUCK) is None
    alarm = tripped(bench.hear(**changes), AlarmKind.FET_STUCK)
    assert alarm is not None
    assert alarm.where == where
    state = bench.settle(600)
    assert (state.limits.ccl_a, state.limits.dcl_a) == (0, 0)
    assert tripped(state, AlarmKind.FET_STUCK) == alarm


@pytest.mark.parametrize(
    "changes",
    [
        {"charge_fet_on": False, "current_a": 1.0},  # noise of a sensor
        {"charge_fet_on": False, "current_a": -50.0},  # through the body diode
        {"discharge_fet_on": False, "current_a": 50.0},
        {"current_a": 50.0},
        {"charge_fet_on": None, "discharge_fet_on": None, "current_a": 50.0},
    ],
)
def test_what_an_open_mosfet_lets_through_is_no_weld(changes) -> None:
    bench = calm()
    bench.settle(60, **changes)
    assert tripped(bench.state, AlarmKind.FET_STUCK) is None


def test_a_mosfet_that_stays_off_without_a_reason_is_a_warning() -> None:
    """F26."""
    bench = calm()
    off = {"charge_fet_on": False}
    bench.settle(10, **off)
    assert warned(bench.state, AlarmKind.FET_STUCK) is None
    alarm = warned(bench.hear(**off), AlarmKind.FET_STUCK)
    assert alarm is not None
    assert (alarm.where, alarm.blocks_charge) == ("charge MOSFET", False)
    bench.settle(3)
    assert warned(bench.state, AlarmKind.FET_STUCK) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"charge_fet_on": False, "charge_switch_on": False},
        {
            "charge_fet_on": False,
            "alarms": (
                DeviceAlarm(
                    kind=AlarmKind.CELL_OVERVOLTAGE,
                    severity=Severity.PROTECTION,
                    blocks_charge=True,
                ),
            ),
        },
        {"discharge_fet_on": False, **with_cell(3, 2.65)},
    ],
    ids=["its owner switched it off", "the BMS says why", "the engine knows why"],
)
def test_a_mosfet_that_is_off_for_a_reason_is_no_fault(changes) -> None:
    bench = calm()
    bench.settle(60, **changes)
    assert warned(bench.state, AlarmKind.FET_STUCK) is None


def test_a_charger_that_ignores_0_a_is_cut_off_after_30_s() -> None:
    """F40."""
    bench = calm()
    cold = {"temperatures_c": (-5.0, -5.0), "current_a": 20.0}
    bench.settle(2, **cold)  # a jump of 30 K is believed the second time
    assert bench.state.limits.ccl_a == 0
    bench.settle(30, **cold)
    assert tripped(bench.state, AlarmKind.CHARGER_IGNORES_LIMIT) is None
    alarm = tripped(bench.settle(1, **cold), AlarmKind.CHARGER_IGNORES_LIMIT)
    assert alarm is not None
    assert alarm.value == 20.0
    assert bench.state.switches.charge is False


@pytest.mark.parametrize("current_a", [6.0, -20.0, 0.0])
def test_the_tail_of_a_full_pack_is_no_charger_that_ignores(current_a: float) -> None:
    bench = calm()
    bench.settle(120, temperatures_c=(-5.0, -5.0), current_a=current_a)
    assert tripped(bench.state, AlarmKind.CHARGER_IGNORES_LIMIT) is None


def test_a_charger_that_pauses_in_time_did_not_ignore() -> None:
    bench = calm()
    for _ in range(5):
        bench.settle(29, temperatures_c=(-5.0, -5.0), current_a=20.0)
        bench.settle(2, temperatures_c=(-5.0, -5.0))
    assert tripped(bench.state, AlarmKind.CHARGER_IGNORES_LIMIT) is None


def wires(worst_ohm: float, other_ohm: float = 0.060) -> dict[str, object]:
    return {"wire_resistances_ohm": (*(other_ohm,) * 4, worst_ohm, *(other_ohm,) * 11)}


@pytest.mark.requirement("R31")
@pytest.mark.requirement("X22")
@pytest.mark.parametrize(
    ("told", "severity"),
    [
        (wires(0.120), None),  # at twice the median
        (wires(0.121), Severity.WARNING),
        (wires(0.160, 0.155), Severity.WARNING),  # all of them above 150 mΩ
        (wires(0.150, 0.145), None),
        (wires(0.200), Severity.WARNING),  # three times the median, but no more than 200 mΩ
        (wires(0.201), Severity.PROTECTION),
        (wires(0.160, 0.050), Severity.WARNING),  # three times the median is not enough alone
        (wires(0.029, 0.005), None),  # too little to be told from noise
        ({"wire_resistances_ohm": ()}, None),
        ({"wire_resistances_ohm": (None,) * 16}, None),
    ],
)
def test_a_balance_lead_is_held_against_the_others(told, severity) -> None:
    bench = Bench(params=parameters(balance_current_max_a=0.6))
    state = bench.settle(60, **told)
    alarms = [a for a in state.alarms if a.kind is AlarmKind.BALANCE_WIRE]
    assert [a.severity for a in alarms] == ([] if severity is None else [severity])
    assert all(a.blocks_balance is (severity is Severity.PROTECTION) for a in alarms)
    assert (state.limits.ccl_a, state.limits.dcl_a) == (50, 100)


@pytest.mark.requirement("R31")
@pytest.mark.requirement("R48")
def test_a_bad_balance_lead_is_named_with_its_resistance() -> None:
    bench = Bench(params=parameters(balance_current_max_a=0.6))
    state = bench.settle(10, **wires(0.25))
    alarm = tripped(state, AlarmKind.BALANCE_WIRE)
    assert alarm is not None
    assert alarm.text == (
        "left: balance lead resistance too high, wire 5 at 0.250 ohm (limit 0.200 ohm)"
    )
    assert state.error_codes == (8,)
    assert bench.settle(3, **wires(0.06)).alarms == ()


@pytest.mark.requirement("R31")
def test_a_lead_that_would_lose_a_quarter_of_a_volt_while_balancing_locks() -> None:
    bench = Bench(params=parameters(balance_current_max_a=2.0))
    bench.settle(10, **wires(0.125, 0.1))  # 2 A x 0.125 ohm is 0.25 V
    assert tripped(bench.state, AlarmKind.BALANCE_WIRE) is None
    bench.settle(10, **wires(0.126, 0.1))
    assert tripped(bench.state, AlarmKind.BALANCE_WIRE) is not None
    bench.settle(10, **wires(0.126, 0.1), settings={"balance_current_max_a": 0.4})
    assert tripped(bench.state, AlarmKind.BALANCE_WIRE) is None


def test_settings_of_another_chemistry_in_the_bms_stop_charging() -> None:
    """F38: factory settings (ternary) on a LiFePO4 pack."""
    bench = calm()
    bench.settle(3, settings={"cell_overvoltage_v": 4.2})
    alarm = tripped(bench.state, AlarmKind.SETTINGS)
    assert alarm is not None
    assert (alarm.value, alarm.threshold) == (4.2, 3.65)
    assert (bench.state.limits.ccl_a, bench.state.limits.dcl_a) == (0, 100)
    bench.settle(3, settings={"cell_overvoltage_v": 3.65})
    assert bench.state.alarms == ()


@pytest.mark.parametrize(
    "held", [None, {}, {"cell_overvoltage_v": 3.69}, {"cell_overvoltage_v": 1e9}]
)
def test_settings_within_what_the_cells_stand_are_good(held) -> None:
    bench = calm()
    assert bench.settle(3, settings=held).alarms == ()


@pytest.mark.requirement("X10")
def test_a_device_whose_mosfets_trip_at_90_degrees_is_not_called_faulty() -> None:
    bench = calm()
    held = {"mos_overtemperature_c": 90.0, "mos_overtemperature_recovery_c": 70.0}
    assert bench.settle(10, settings=held).alarms == ()


@pytest.mark.requirement("R7")
@pytest.mark.parametrize("told", [15.0, 17.0, 0.0])
def test_a_cell_count_setting_that_is_not_what_is_wired_stops_both(told: float) -> None:
    """F39."""
    bench = calm()
    state = bench.settle(3, settings={"cell_count": told})
    alarm = tripped(state, AlarmKind.CELL_COUNT)
    assert alarm is not None
    assert (alarm.value, alarm.threshold) == (told, 16)
    assert (state.limits.ccl_a, state.limits.dcl_a) == (0, 0)
    assert 9 in state.error_codes
    assert bench.settle(3, settings={"cell_count": 16.0}).alarms == ()


@pytest.mark.requirement("R20")
@pytest.mark.requirement("R22")
def test_sensors_that_differ_by_25_kelvin_warn_and_the_worse_one_rules() -> None:
    """F20."""
    bench = calm()
    bench.settle(120, temperatures_c=(25.0, 50.5))
    alarm = warned(bench.state, AlarmKind.TEMPERATURE_SENSOR)
    assert alarm is not None
    assert (alarm.where, alarm.value) == ("T1 and T2", 25.5)
    assert bench.state.limits.charge_current.binding.source == "T2"


@pytest.mark.requirement("R48")
@pytest.mark.parametrize(
    ("code", "changes"),
    [
        (1, with_cell(3, 2.65)),
        (2, with_cell(3, 3.72)),
        (3, {"current_a": 88.0}),
        (4, {"mos_temperature_c": 80.0}),
        (5, {"temperatures_c": (56.0, 56.0)}),
        (6, {"alarms": (SHORT,)}),
        (
            7,
            {
                "alarms": (
                    DeviceAlarm(
                        kind=AlarmKind.BMS_INTERNAL,
                        severity=Severity.PROTECTION,
                        blocks_charge=True,
                        text="AFE",
                    ),
                )
            },
        ),
        (8, wires(0.4)),
        (9, {"cell_voltages_v": (3.3,) * 15, "voltage_v": 49.5}),
    ],
)
def test_every_error_code_of_the_manual_comes_from_its_protection(code: int, changes) -> None:
    bench = Bench()
    state = bench.settle(10, **changes)
    assert code in state.error_codes


@pytest.mark.requirement("R48")
@pytest.mark.requirement("X19")
def test_charging_in_the_cold_has_no_code_but_a_cause_of_its_own() -> None:
    bench = Bench()
    state = bench.settle(10, temperatures_c=(-1.0, -1.0))
    assert state.error_codes == ()
    assert tripped(state, AlarmKind.CHARGE_UNDERTEMPERATURE) is not None


def fets(state: PackState) -> tuple[bool | None, bool | None]:
    """What is wanted of the charge and of the discharge switch."""
    return state.switches.charge, state.switches.discharge


@pytest.mark.requirement("R11")
def test_the_engine_opens_the_charge_switch_and_closes_it_again_itself() -> None:
    bench = Bench()
    bench.settle(10, **all_cells(3.5))
    assert fets(bench.state) == (None, None)
    bench.settle(2, **with_cell(7, 3.61, 3.5))
    assert fets(bench.state) == (False, None)
    bench.hear(**with_cell(7, 3.61, 3.5), charge_switch_on=False, charge_fet_on=False)
    assert fets(bench.state) == (False, None)
    off = {"charge_switch_on": False, "charge_fet_on": False}
    bench.settle(2, **all_cells(3.38), **off)
    assert fets(bench.state) == (True, None)
    bench.hear(**all_cells(3.38))
    assert fets(bench.state) == (None, None)


@pytest.mark.requirement("R10")
def test_a_switch_that_its_owner_opened_is_left_alone() -> None:
    bench = Bench()
    off = {"discharge_switch_on": False, "discharge_fet_on": False}
    bench.settle(5, **off)
    bench.settle(3, **with_cell(3, 2.65), **off)
    assert tripped(bench.state, AlarmKind.CELL_UNDERVOLTAGE) is not None
    assert fets(bench.state) == (None, None)
    assert fets(bench.settle(5, **off)) == (None, None)


@pytest.mark.requirement("R23")
def test_a_hot_mosfet_opens_both_switches() -> None:
    bench = Bench()
    bench.settle(10, mos_temperature_c=76.0)
    assert fets(bench.state) == (False, False)


def test_an_alarm_of_the_bms_itself_moves_no_switch() -> None:
    told = DeviceAlarm(
        kind=AlarmKind.BMS_INTERNAL, severity=Severity.PROTECTION, blocks_charge=True
    )
    assert fets(Bench().settle(5, alarms=(told,))) == (None, None)


def restarted(bench: Bench) -> Bench:
    record = json.loads(json.dumps(bench.engine.record(bench.memory, bench.now_s)))
    again = Bench(now_s=5.0)
    again.memory = again.engine.restore(record, 5.0, 10.0)
    return again


def test_what_is_latched_stays_so_over_a_restart() -> None:
    """F36."""
    bench = calm()
    bench.settle(12, charge_fet_on=False, current_a=5.0)
    again = restarted(bench)
    state = again.settle(300)
    alarm = tripped(state, AlarmKind.FET_STUCK)
    assert alarm is not None
    assert alarm.where == "charge MOSFET"
    again.memory = again.engine.release(again.memory, "test")
    assert again.settle(60).limits.ccl_a == 50


def test_trips_before_a_restart_count_after_it() -> None:
    bench = calm()
    for _ in range(3):
        bench.hear(alarms=(SHORT,))
        bench.settle(62)
    again = restarted(bench)
    again.settle(3)
    again.hear(alarms=(SHORT,))
    alarm = tripped(again.settle(300), AlarmKind.SHORT_CIRCUIT)
    assert alarm is not None
    assert alarm.releases.startswith("somebody releases it")


def test_a_switch_that_the_engine_opened_is_closed_after_a_restart_too() -> None:
    bench = Bench()
    bench.settle(10, **all_cells(3.5))
    bench.settle(2, **with_cell(7, 3.61, 3.5))
    off = {"charge_switch_on": False, "charge_fet_on": False}
    bench.settle(2, **with_cell(7, 3.61, 3.5), **off)
    again = restarted(bench)
    again.settle(3, **all_cells(3.38), **off)
    assert again.state.switches.charge is True


@pytest.mark.parametrize(
    "damage",
    [
        {"opened": [1, 2]},
        {"opened": None},
        {"tripped_before_s": []},
        {"tripped_before_s": {"no such row": [1.0]}},
        {"tripped_before_s": {"short circuit": 3}},
        {"tripped_before_s": {"short circuit": ["x"]}},
        {"tripped_before_s": {"short circuit": [-1.0]}},
    ],
)
def test_a_damaged_record_is_refused(damage: dict[str, object]) -> None:
    bench = calm()
    record = bench.engine.record(bench.memory, bench.now_s) | damage
    with pytest.raises(ValueError, match=r"opened|tripped|short circuit"):
        bench.engine.restore(record, 5.0, 10.0)


def test_a_record_of_an_older_version_has_no_latches() -> None:
    bench = calm()
    record = bench.engine.record(bench.memory, bench.now_s)
    del record["opened"], record["tripped_before_s"]
    assert bench.engine.restore(record, 5.0, 10.0).opened == (False, False)


def test_a_clock_that_goes_back_keeps_latches_and_trips() -> None:
    """F30."""
    bench = calm()
    bench.hear(alarms=(SHORT,))
    bench.settle(20, current_a=-110.0)
    bench.now_s -= 3600
    bench.settle(35, current_a=-110.0)
    assert tripped(bench.state, AlarmKind.SHORT_CIRCUIT) is not None
    bench.step(reading(bench.now_s))
    assert tripped(bench.settle(10), AlarmKind.SHORT_CIRCUIT) is None
