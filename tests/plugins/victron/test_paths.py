"""The table of published items, and what it makes of a state. No bus."""

import re
from dataclasses import replace
from math import inf, isfinite, nan

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cellwarden.model import (
    Alarm,
    AlarmKind,
    Balancing,
    BankPhase,
    BankState,
    ChargePhase,
    Counters,
    Estimated,
    Extreme,
    Heating,
    Identity,
    Limit,
    Membership,
    Order,
    Orders,
    PackPhase,
    Prediction,
    Reason,
    Severity,
    Standing,
    preset,
)
from cellwarden_victron.faults import ERROR_CODES
from cellwarden_victron.items import Items
from cellwarden_victron.paths import (
    ALARM_PATHS,
    FIXED,
    PRODUCT_ID,
    Shape,
    moving_rows,
    own_rows,
    shape_of,
)
from cellwarden_victron.rows import About, Own
from cellwarden_victron.views import as_bank, silenced
from support.states import bank_state, limits, pack_state

ABOUT = About(product_name="P", custom_name="C", connection="L", device_instance=3)
BANK_OF_TWO = Shape(bms=True, packs=2)
SHAPES = {
    "bank of two": BANK_OF_TWO,
    "bank of one": Shape(bms=True, packs=1, cells=16, sensors=5),
    "pack": Shape(bms=False, packs=1, cells=24, sensors=2),
    "nothing known": Shape(bms=True, packs=1),
    "bank of sixteen": Shape(bms=True, packs=16),
}
BY_PATH = Items(BANK_OF_TWO).rows


def moving_values(state, own=None):
    return Items(shape_of(state, bms=True)).moving(state, own or Own())


def fixed_values(about):
    return Items(BANK_OF_TWO).fixed(about)


PYTHON_TYPE = {"d": float, "i": int, "s": str}

MEASURED = (
    "voltage_v",
    "current_a",
    "power_w",
    "soc_percent",
    "soh_percent",
    "capacity_ah",
    "remaining_ah",
    "installed_ah",
    "temperature_c",
)

EMPTY = BankState(
    name="empty",
    at_s=0.0,
    phase=BankPhase.LIVE,
    packs=(),
    limits=None,
    charge_allowed=True,
    discharge_allowed=True,
)
KNOWS_LITTLE = bank_state(
    packs=(pack_state("left", reading=None, identity=None, phase=PackPhase.WAITING),),
    **dict.fromkeys((*MEASURED, "cell_min", "cell_max", "temperature_min", "temperature_max")),
    cycles=None,
)
STATES = {
    "live": bank_state(),
    "silent": silenced(bank_state(), "silence"),
    "stopping": bank_state(phase=BankPhase.STOPPING),
    "knows little": KNOWS_LITTLE,
    "empty": EMPTY,
}

# Product ids for which Venus changes limits or forces settings, and those of other projects.
SPECIAL_PRODUCT_IDS = {
    0xB004, 0xB005, 0xB009, 0xB00A, 0xB014, 0xB015, 0xB016, 0xB019, 0xB01A, 0xB01B, 0xB01D, 0xB01E,
    0xB01F, 0xB020, 0xB021, 0xB024, 0xB028, 0xB029, 0xB02A, 0xB02B, 0xB02E, 0xB02F, 0xB038, 0xB051,
    0xB052, 0xB054, 0xB055, 0xA3E3, 0xA3E4, 0xA3E5, 0xA3E6, 0xA3E7, 0xBA77, 0xBA44,
}  # fmt: skip


def alarm(kind: AlarmKind, severity: Severity) -> Alarm:
    return Alarm(kind=kind, severity=severity, pack="left", since_s=1.0)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_no_path_stands_twice_and_each_is_an_object_path(shape):
    paths = [row.path for rows in (FIXED, moving_rows(shape), own_rows(shape)) for row in rows]
    assert sorted(set(paths)) == sorted(paths)
    assert [p for p in paths if not re.fullmatch(r"(/[A-Za-z0-9_]+)+", p)] == []


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_no_leaf_is_a_branch_as_well(shape):
    paths = Items(shape).rows
    assert [p for p in paths if any(other.startswith(f"{p}/") for other in paths)] == []


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_every_row_names_known_readers_and_only_doubles_have_digits(shape):
    rows = Items(shape).rows.values()
    assert [r.path for r in rows if set(r.readers) - set("SGMC")] == []
    assert [r.path for r in rows if r.digits and r.kind != "d"] == []


def test_the_product_id_is_an_integer_that_venus_treats_as_any_other():
    assert BY_PATH["/ProductId"].kind == "i"
    assert type(fixed_values(ABOUT)["/ProductId"]) is int
    assert PRODUCT_ID == 0xCE11
    assert PRODUCT_ID not in SPECIAL_PRODUCT_IDS


def test_what_venus_demands_of_a_battery_is_there_and_valid():
    values = fixed_values(ABOUT)
    assert values["/ProductName"] == "P"
    assert values["/CustomName"] == "C"
    assert values["/Mgmt/Connection"] == "L"
    assert values["/Mgmt/ProcessName"] == "cellwarden"
    assert values["/Mgmt/InsecureConnection"] == 0
    assert values["/DeviceInstance"] == 3
    assert values["/Connected"] == 1
    assert None not in values.values()


@pytest.mark.parametrize("name", STATES)
def test_every_value_is_invalid_or_of_its_rows_type(name):
    values = moving_values(STATES[name])
    assert list(values) != []
    rows = Items(shape_of(STATES[name], bms=True)).rows
    assert sorted(values) == sorted(set(rows) - {row.path for row in FIXED})
    wrong = {
        path: value
        for path, value in values.items()
        if value is not None and type(value) is not PYTHON_TYPE[rows[path].kind]
    }
    assert wrong == {}


def test_a_healthy_bank_of_two():
    values = moving_values(bank_state())
    others = ("/Alarms/", "/Diagnostics/", "/History/", "/Settings/")
    assert {p: v for p, v in values.items() if not p.startswith(others)} == {
        "/HardwareVersion": None,
        "/Manufacturer": "JK",
        "/DeviceName": "JK-B2A20S20P",
        "/Serial": None,
        "/Dc/0/Voltage": 52.92,
        "/Dc/0/Current": 12.0,
        "/Dc/0/Power": 635.0,
        "/Dc/0/Temperature": 22.0,
        "/Soc": 64.0,
        "/Soh": 98.0,
        "/InstalledCapacity": 200.0,
        "/Capacity": 128.0,
        "/ConsumedAmphours": -72.0,
        "/TimeToGo": None,
        "/Info/MaxChargeVoltage": 55.2,
        "/Info/MaxChargeCurrent": 100.0,
        "/Info/MaxDischargeCurrent": 200.0,
        "/Info/BatteryLowVoltage": 48.0,
        "/Info/MaxChargeCellVoltage": 3.45,
        "/Info/ChargeRequest": 0,
        "/Info/FullChargeRequest": 0,
        "/Info/ChargeMode": "charge voltage",
        "/Info/ChargeModeDebug": "charge voltage",
        "/Info/HeatingPower": None,
        "/Info/HeatingCurrent": None,
        "/Info/HeatingTemperatureStart": None,
        "/Info/HeatingTemperatureStop": None,
        "/CurrentAvg": None,
        "/Info/ChargeLimitation": "charge current setting",
        "/Info/DischargeLimitation": "discharge current setting",
        "/System/MinCellVoltage": 3.3,
        "/System/MinVoltageCellId": "M1C1",
        "/System/MaxCellVoltage": 3.315,
        "/System/MaxVoltageCellId": "M2C16",
        "/System/MinCellTemperature": 21.0,
        "/System/MinTemperatureCellId": "M1T1",
        "/System/MaxCellTemperature": 23.0,
        "/System/MaxTemperatureCellId": "M2T2",
        "/System/MOSTemperature": 28.0,
        "/Voltages/Diff": 0.015,
        "/System/NrOfCellsPerBattery": 16,
        "/System/NrOfBatteries": 2,
        "/System/BatteriesParallel": 2,
        "/System/BatteriesSeries": 1,
        "/System/NrOfModulesOnline": 2,
        "/System/NrOfModulesOffline": 0,
        "/System/NrOfModulesBlockingCharge": 0,
        "/System/NrOfModulesBlockingDischarge": 0,
        "/Balancing": 0,
        "/Heating": None,
        "/Io/AllowToCharge": 1,
        "/Io/AllowToDischarge": 1,
        "/Io/AllowToBalance": 1,
        "/Io/AllowToHeat": None,
        "/DeviceState": 0x100,
        "/ErrorCode": 0,
        "/State": 9,
        "/ConnectionInformation": "2 of 2 packs",
    }
    assert {v for p, v in values.items() if p.startswith("/Alarms/")} == {0}
    history = {p: v for p, v in values.items() if p.startswith("/History/") and v is not None}
    assert history == {"/History/ChargeCycles": 12}
    assert values["/Diagnostics/Module1/Id"] == "right"
    assert values["/Diagnostics/Module1/Standing"] == "online"
    assert values["/Diagnostics/Module1/Current"] == 6.0


def test_a_bank_of_one_has_its_packs_serial_number_and_plain_cell_names():
    values = moving_values(bank_state(packs=(pack_state("left"),)))
    assert values["/Serial"] == "SNleft"
    assert values["/System/MinVoltageCellId"] == "C1"
    assert values["/System/MinTemperatureCellId"] == "T1"


def test_packs_of_two_makers_have_no_maker_together():
    other = pack_state("right", identity=Identity(manufacturer="JBD", model="JK-B2A20S20P"))
    values = moving_values(bank_state(packs=(pack_state("left"), other)))
    assert values["/Manufacturer"] is None
    assert values["/DeviceName"] == "JK-B2A20S20P"


# -- limits ----------------------------------------------------------------------------------


def test_a_blocked_direction_is_0_whatever_the_limit_says():
    values = moving_values(bank_state(charge_allowed=False))
    assert values["/Info/MaxChargeCurrent"] == 0.0
    assert values["/Info/MaxDischargeCurrent"] == 200.0
    assert values["/Io/AllowToCharge"] == 0


@pytest.mark.parametrize("phase", [p for p in BankPhase if p is not BankPhase.LIVE])
def test_only_a_live_bank_allows_any_current(phase):
    values = moving_values(bank_state(phase=phase))
    assert values["/Info/MaxChargeCurrent"] == 0.0
    assert values["/Info/MaxDischargeCurrent"] == 0.0
    assert values["/Io/AllowToDischarge"] == 0


def test_currents_that_are_no_number_are_0_because_invalid_means_no_limit():
    for bad in (nan, inf, -1.0):
        values = moving_values(bank_state(limits=limits(55.2, bad, bad, 48.0)))
        assert values["/Info/MaxChargeCurrent"] == 0.0
        assert values["/Info/MaxDischargeCurrent"] == 0.0
    assert moving_values(EMPTY)["/Info/MaxChargeCurrent"] == 0.0
    assert moving_values(EMPTY)["/Info/MaxDischargeCurrent"] == 0.0


def test_a_charge_voltage_of_0_is_never_published():
    for bad in (0.0, 0.004, -1.0, nan, inf):
        values = moving_values(bank_state(limits=limits(bad, 10.0, 10.0, 48.0)))
        assert values["/Info/MaxChargeVoltage"] is None


def test_the_reason_of_a_limit_names_pack_rule_and_cell_but_not_the_measured_value():
    reason = Reason(
        rule="cell voltage taper",
        value=20.0,
        source="cell 7",
        measured=3.472,
        threshold=3.45,
        unit="V",
        pack="left",
    )
    state = bank_state()
    narrow = replace(state.limits, charge_current=Limit(value=20.0, reasons=(reason,)))
    values = moving_values(replace(state, limits=narrow))
    assert values["/Info/ChargeLimitation"] == "left: cell voltage taper, cell 7"


# -- measurements ----------------------------------------------------------------------------


def test_time_to_go_is_in_whole_minutes_while_discharging_and_in_tens_beyond_two_hours():
    values = moving_values(bank_state(current_a=-100.0, power_w=-5300.0, remaining_ah=128.0))
    assert values["/TimeToGo"] == 4620  # 4608 s
    values = moving_values(bank_state(current_a=-10.3, power_w=-545.0, remaining_ah=128.0))
    assert values["/TimeToGo"] == 45000  # 44737 s


def test_a_predicted_time_to_empty_goes_before_the_sum():
    prediction = Prediction(time_to_empty_s=Estimated(value=3000.0, sigma=200.0))
    state = bank_state(current_a=-10.0, power_w=-530.0, prediction=prediction)
    assert moving_values(state)["/TimeToGo"] == 3000
    assert moving_values(bank_state(prediction=prediction))["/TimeToGo"] is None


def test_time_to_go_is_invalid_when_idle_charging_or_too_long_for_modbus():
    for current_a, power_w, remaining_ah in ((-0.5, -26.0, 128.0), (5.0, 265.0, 128.0),
                                             (-1.0, -53.0, 2000.0)):  # fmt: skip
        state = bank_state(current_a=current_a, power_w=power_w, remaining_ah=remaining_ah)
        assert moving_values(state)["/TimeToGo"] is None


def test_consumed_charge_is_never_positive():
    values = moving_values(bank_state(capacity_ah=100.0, remaining_ah=101.0))
    assert values["/ConsumedAmphours"] == 0.0


def test_values_are_rounded_and_a_negative_zero_is_a_zero():
    values = moving_values(bank_state(voltage_v=52.92499, current_a=-0.001, power_w=-0.4))
    assert values["/Dc/0/Voltage"] == 52.92
    assert str(values["/Dc/0/Current"]) == "0.0"
    assert str(values["/Dc/0/Power"]) == "0.0"


def test_a_measurement_that_is_no_number_is_invalid():
    assert moving_values(bank_state(voltage_v=nan))["/Dc/0/Voltage"] is None
    assert moving_values(bank_state(voltage_v=inf))["/Dc/0/Voltage"] is None


def test_packs_that_block_and_packs_that_are_away_are_counted():
    packs = (
        pack_state("a", charge_allowed=False),
        pack_state("b", discharge_allowed=False),
        pack_state("c", phase=PackPhase.LOST, reading=None, charge_allowed=False),
        pack_state("d", phase=PackPhase.WAITING, reading=None),
    )
    values = moving_values(bank_state(packs=packs))
    assert values["/System/NrOfBatteries"] == 4
    assert values["/System/NrOfModulesOnline"] == 2
    assert values["/System/NrOfModulesOffline"] == 2
    assert values["/System/NrOfModulesBlockingCharge"] == 1
    assert values["/System/NrOfModulesBlockingDischarge"] == 1
    assert values["/ConnectionInformation"] == "2 of 4 packs, lost: c"


# -- cells, sensors, balancer, heater ----------------------------------------------------------


def test_a_bank_of_one_shows_every_cell_and_sensor():
    balancing = Balancing(wanted=True, active=True, why="", giving=16, taking=1)
    values = moving_values(bank_state(packs=(pack_state("left", balancing=balancing),)))
    assert values["/Voltages/Cell1"] == 3.3
    assert values["/Voltages/Cell16"] == 3.315
    assert "/Voltages/Cell17" not in values
    assert values["/Voltages/Sum"] == 52.92
    assert [values[f"/Balances/Cell{n}"] for n in (1, 2, 16)] == [1, 0, 1]
    assert values["/Balancing"] == 1
    assert (values["/System/Temperature1"], values["/System/Temperature2"]) == (21.0, 23.0)
    assert values["/System/Temperature2Name"] == "T2"


def test_a_bank_of_several_shows_no_cells_for_they_would_be_anybodys():
    assert [p for p in moving_values(bank_state()) if p.startswith("/Voltages/Cell")] == []


def test_cells_once_seen_keep_their_place_while_the_pack_is_silent():
    seen = shape_of(bank_state(packs=(pack_state("left"),)), bms=True)
    silent = bank_state(packs=(pack_state("left", reading=None),))
    assert shape_of(silent, bms=True, known=seen) == seen
    assert Items(seen).moving(silent, Own())["/Voltages/Cell16"] is None


def test_the_heater_shows_what_it_draws_and_when_it_works():
    heating = Heating(wanted=True, active=True, why="", power_w=106.0)
    parameters = preset("LiFePO4", cell_count=16, design_capacity_ah=100)
    pack = pack_state("left", heating=heating, parameters=parameters)
    values = moving_values(bank_state(packs=(pack,)))
    assert values["/Heating"] == 1
    assert values["/Info/HeatingPower"] == 106.0
    assert values["/Info/HeatingCurrent"] == 2.0
    assert values["/Info/HeatingTemperatureStart"] == 0.0
    assert values["/Info/HeatingTemperatureStop"] == 5.0


def test_the_charge_phase_stands_before_the_rule():
    values = moving_values(bank_state(charge_phase=ChargePhase.ABSORPTION))
    assert values["/Info/ChargeMode"] == "absorption: charge voltage"


def test_the_debug_text_names_every_rule_once():
    rules = ("wire drop", "cell too high", "wire drop")
    chain = Limit(value=55.0, reasons=tuple(Reason(rule=r, value=55.0, pack="left") for r in rules))
    state = bank_state()
    values = moving_values(replace(state, limits=replace(state.limits, charge_voltage=chain)))
    assert values["/Info/ChargeModeDebug"] == "left: wire drop; left: cell too high"


def test_an_empty_bank_that_may_be_charged_asks_for_it():
    empty = Alarm(
        kind=AlarmKind.CELL_UNDERVOLTAGE, severity=Severity.PROTECTION, pack="left", since_s=1.0,
        blocks_discharge=True,
    )  # fmt: skip
    assert moving_values(bank_state(alarms=(empty,)))["/Info/ChargeRequest"] == 1
    frozen = moving_values(bank_state(alarms=(empty,), charge_allowed=False))
    assert frozen["/Info/ChargeRequest"] == 0
    low = replace(empty, severity=Severity.WARNING, blocks_discharge=False)
    assert moving_values(bank_state(alarms=(low,)))["/Info/ChargeRequest"] == 0


def test_an_order_for_a_full_charge_is_shown():
    orders = Orders(full_charge=Order(value=1.0, who="web"))
    assert moving_values(bank_state(orders=orders))["/Info/FullChargeRequest"] == 1


def test_the_members_that_do_not_carry_their_part_are_named():
    members = (
        Membership(pack="left", standing=Standing.IN),
        Membership(pack="right", standing=Standing.JOINING, why="its voltage is 0.6 V higher"),
    )
    values = moving_values(bank_state(members=members))
    assert values["/ConnectionInformation"] == "2 of 2 packs, right: joining"
    assert values["/Diagnostics/Module0/Standing"] == "in"
    assert values["/Diagnostics/Module1/Standing"] == "joining: its voltage is 0.6 V higher"


# -- history -----------------------------------------------------------------------------------

COUNTERS = Counters(
    discharged_ah=1500.0,
    charged_wh=82_040.0,
    discharged_wh=78_000.0,
    full_charges=7,
    since_full_s=90_000.0,
    extremes={
        "cell_voltage_min_v": Extreme(value=2.812, where="cell 3", runtime_s=1.0),
        "cell_voltage_max_v": Extreme(value=3.581, where="cell 9", runtime_s=1.0),
        "temperature_min_c": Extreme(value=-4.5, where="T1", runtime_s=1.0),
        "temperature_max_c": Extreme(value=41.2, where="T2", runtime_s=1.0),
        "soc_min_percent": Extreme(value=12.0, where="", runtime_s=1.0),
    },
    alarms={"cell over-voltage": 2, "pack over-voltage": 1, "cell under-voltage": 4},
)


def test_the_history_is_that_of_all_packs_and_charge_drawn_is_negative():
    packs = (
        pack_state("left", counters=COUNTERS),
        pack_state("right", counters=replace(COUNTERS, full_charges=5, since_full_s=180_100.0)),
    )
    values = moving_values(bank_state(packs=packs))
    assert {p: v for p, v in values.items() if p.startswith("/History/")} == {
        "/History/ChargeCycles": 12,
        "/History/AutomaticSyncs": 5,
        "/History/DeepestDischarge": -176.0,  # of 200 Ah
        "/History/TotalAhDrawn": -3000.0,
        "/History/TimeSinceLastFullCharge": 180_000,
        "/History/MinimumCellVoltage": 2.812,
        "/History/MaximumCellVoltage": 3.581,
        "/History/MinimumTemperature": -4.5,
        "/History/MaximumTemperature": 41.2,
        "/History/LowVoltageAlarms": 8,
        "/History/HighVoltageAlarms": 6,
        "/History/DischargedEnergy": 156.0,
        "/History/ChargedEnergy": 164.1,
    }


def test_a_pack_that_does_not_count_leaves_the_sums_unknown():
    packs = (pack_state("left", counters=COUNTERS), pack_state("right"))
    values = moving_values(bank_state(packs=packs))
    assert values["/History/TotalAhDrawn"] is None
    assert values["/History/AutomaticSyncs"] is None
    assert values["/History/MinimumCellVoltage"] == 2.812


# -- errors ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "code", "device_state"),
    [
        (AlarmKind.CELL_OVERVOLTAGE, 13, 0x104),
        (AlarmKind.PACK_UNDERVOLTAGE, 14, 0x105),
        (AlarmKind.MOS_OVERTEMPERATURE, 15, 0x101),
        (AlarmKind.CHARGE_UNDERTEMPERATURE, 16, 0x104),
        (AlarmKind.SHORT_CIRCUIT, 27, 0x104),
        (AlarmKind.FET_STUCK, 26, 0x104),
        (AlarmKind.BMS_INTERNAL, 11, 0x104),
    ],
)
def test_a_protection_that_acted_has_victrons_error_number(kind, code, device_state):
    values = moving_values(bank_state(alarms=(alarm(kind, Severity.PROTECTION),)))
    assert (values["/ErrorCode"], values["/DeviceState"]) == (code, device_state)


def test_a_warning_is_no_error_and_warmth_is_a_state_of_its_own():
    values = moving_values(
        bank_state(alarms=(alarm(AlarmKind.MOS_OVERTEMPERATURE, Severity.WARNING),))
    )
    assert (values["/ErrorCode"], values["/DeviceState"]) == (0, 0x102)


def test_every_kind_of_alarm_has_an_error_number():
    assert set(ERROR_CODES) == set(AlarmKind)


def test_a_silent_bank_is_no_batteries():
    values = moving_values(bank_state(phase=BankPhase.SILENT))
    assert (values["/ErrorCode"], values["/DeviceState"]) == (2, 0x103)


# -- modules -----------------------------------------------------------------------------------


def test_each_of_several_packs_has_its_own_alarms():
    packs = (
        pack_state("left", alarms=(alarm(AlarmKind.CELL_OVERVOLTAGE, Severity.PROTECTION),)),
        pack_state("right", phase=PackPhase.LOST, reading=None),
    )
    values = moving_values(bank_state(packs=packs))
    assert values["/Diagnostics/Module0/Alarms/HighCellVoltage"] == 2
    assert values["/Diagnostics/Module1/Alarms/HighCellVoltage"] == 0
    assert values["/Diagnostics/Module0/Alarms/BmsCable"] == 0
    assert values["/Diagnostics/Module1/Alarms/BmsCable"] == 2
    assert values["/Diagnostics/Module1/Voltage"] is None


# -- alarms ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", AlarmKind)
def test_every_kind_of_alarm_has_a_path_and_raises_it(kind):
    path = ALARM_PATHS[kind]
    values = moving_values(bank_state(alarms=(alarm(kind, Severity.WARNING),)))
    assert {p: v for p, v in values.items() if p.startswith("/Alarms/") and v} == {path: 1}
    alone = as_bank(pack_state("left", alarms=(alarm(kind, Severity.WARNING),)), bank_state())
    assert moving_values(alone)[path] == 1


def test_the_worst_of_several_alarms_on_one_path_shows():
    alarms = (
        alarm(AlarmKind.PACK_UNDERVOLTAGE, Severity.WARNING),
        alarm(AlarmKind.SHUTDOWN, Severity.PROTECTION),
    )
    assert moving_values(bank_state(alarms=alarms))["/Alarms/LowVoltage"] == 2


def test_the_cable_alarm_warns_of_one_lost_pack_and_alarms_when_all_are_silent():
    lost = alarm(AlarmKind.BMS_LOST, Severity.PROTECTION)
    packs = (pack_state("left"), pack_state("right", phase=PackPhase.LOST, reading=None))
    assert moving_values(bank_state(packs=packs, alarms=(lost,)))["/Alarms/BmsCable"] == 1
    assert moving_values(bank_state(packs=packs))["/Alarms/BmsCable"] == 1
    assert moving_values(bank_state(phase=BankPhase.SILENT))["/Alarms/BmsCable"] == 2
    assert moving_values(bank_state(phase=BankPhase.STOPPING))["/Alarms/BmsCable"] == 0


# -- whatever comes --------------------------------------------------------------------------


@settings(max_examples=150, deadline=None)
@given(
    measured=st.dictionaries(st.sampled_from(MEASURED), st.none() | st.floats()),
    limited=st.tuples(st.floats(), st.floats(), st.floats(), st.floats()),
    phase=st.sampled_from(BankPhase),
    allowed=st.booleans(),
)
def test_no_state_ever_lifts_a_limit_or_breaks_a_type(measured, limited, phase, allowed):
    state = bank_state(
        limits=limits(*limited), phase=phase, charge_allowed=allowed, discharge_allowed=allowed,
        **measured,
    )  # fmt: skip
    values = moving_values(state)
    for path in ("/Info/MaxChargeCurrent", "/Info/MaxDischargeCurrent"):
        assert type(values[path]) is float
        assert 0.0 <= values[path] < inf
    assert values["/Info/MaxChargeVoltage"] is None or values["/Info/MaxChargeVoltage"] > 0
    assert values["/ConsumedAmphours"] is None or values["/ConsumedAmphours"] <= 0
    for path, value in values.items():
        assert value is None or type(value) is PYTHON_TYPE[BY_PATH[path].kind]
        assert not isinstance(value, float) or isfinite(value)
