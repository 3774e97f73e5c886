"""The Victron list and our own map, number by number; and what any state does to all maps."""

import re
from collections.abc import Callable
from dataclasses import replace
from math import isclose
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cellwarden.model import (
    Alarm,
    AlarmKind,
    BankPhase,
    BankState,
    CellExtreme,
    Limit,
    PackPhase,
    Reason,
    Severity,
)
from cellwarden_modbus import own, sunspec, victron
from cellwarden_modbus.moment import Moment, Status, moment_of, status_of
from cellwarden_modbus.own import OnePack
from cellwarden_modbus.reasons import ALARM_NUMBERS, RULES, reason_code
from cellwarden_modbus.sunspec_tables import BATTERY_BASE, COMMON
from cellwarden_modbus.table import Table
from cellwarden_modbus.units import Absent, bank_unit, pack_unit
from support.states import bank_state, limit, pack_state
from support.tools import REPOSITORY

MakeBank = Callable[..., BankState]


def live(state: BankState) -> Moment:
    return moment_of(state, Status.LIVE, 7)


def values(table: Table[Any], source: Any) -> dict[str, Any]:
    words = table.image(source)
    return {
        row.name: row.decode(tuple(words[row.at - table.start :][: row.size])) for row in table.rows
    }


def victron_registers(moment: Moment) -> dict[int, int]:
    return {
        table.start + n: word
        for table in victron.TABLES
        for n, word in enumerate(table.image(moment))
    }


# -- tables ----------------------------------------------------------------------------------


@pytest.mark.parametrize("table", [*victron.TABLES, own.BANK, own.PACK])
def test_rows_rise_and_do_not_overlap(table: Table[Any]) -> None:
    at = table.start
    for row in table.rows:
        assert row.at >= at, row
        at = row.at + row.size
    assert at <= table.start + table.size


@pytest.mark.parametrize("table", [own.BANK, own.PACK])
def test_no_name_stands_twice(table: Table[Any]) -> None:
    names = [row.name for row in table.rows]
    assert len(names) == len(set(names))


def test_our_own_map_leaves_the_registers_of_others_alone() -> None:
    taken = {
        *range(256, 331), *range(1282, 1344), *range(840, 900), *range(40_000, 45_000)
    }  # fmt: skip
    for table in (own.BANK, own.PACK):
        assert taken.isdisjoint(range(table.start, table.start + table.size))


# -- Victron ---------------------------------------------------------------------------------


def test_victron_registers_of_a_healthy_bank(make_bank: MakeBank) -> None:
    found = victron_registers(live(make_bank(current_a=-12.0, power_w=-635.0)))
    expected = {
        256: 0xFFFF, 257: 0x10000 - 635,
        258: 0x10000 - 635,
        259: 5292,
        261: 0x10000 - 120,
        262: 220,
        265: 720,  # 72 Ah are missing: the list counts them without a sign
        266: 640,
        267: 0,
        284: 12,
        303: 384,  # 128 Ah / 12 A = 10.67 h = 38400 s, in counts of 100 s
        304: 980,
        305: 552,
        306: 480,
        307: 1000,
        308: 2000,
        309: 1280,
        318: 210,
        319: 230,
        1282: 9,
        1286: 2,
        1288: 1,
        1289: 16,
        1290: 330,
        1291: 332,
        1297: 1, 1298: 1,
        1302: 0, 1303: 2, 1304: 0, 1305: 0,
        1306: 0x4D31, 1307: 0x4331,  # M1C1
        1310: 0x4D32, 1311: 0x4331, 1312: 0x3600,  # M2C16
    }  # fmt: skip
    assert {at: found[at] for at in expected} == expected


def test_what_victron_does_not_know_reads_0_and_what_is_reserved_65535(make_bank: MakeBank) -> None:
    found = victron_registers(live(make_bank(soc_percent=None, temperature_c=None)))
    assert (found[266], found[262]) == (0, 0)  # invalid values
    assert (found[260], found[281], found[310]) == (0, 0, 0)  # never known here
    assert found[328] == 0
    assert min(found) == 256
    assert max(found) == 1343


def test_victron_shows_no_old_value_but_the_zero_limits(make_bank: MakeBank) -> None:
    found = victron_registers(moment_of(make_bank(), Status.SILENT, 1))
    assert (found[259], found[261], found[266], found[1290]) == (0, 0, 0, 0)
    assert (found[305], found[307], found[308]) == (552, 0, 0)
    assert (found[327], found[1282], found[1297], found[1298]) == (2, 10, 0, 0)


def test_every_alarm_of_ours_but_the_general_has_its_victron_register() -> None:
    shown = {kind for _, _, kinds in victron.ALARMS for kind in kinds}
    assert shown == set(AlarmKind)


@pytest.mark.parametrize(("severity", "level"), [(Severity.WARNING, 1), (Severity.PROTECTION, 2)])
def test_a_victron_alarm_is_1_as_a_warning_and_2_as_a_protection(
    make_bank: MakeBank, severity: Severity, level: int
) -> None:
    alarm = Alarm(kind=AlarmKind.CELL_UNDERVOLTAGE, severity=severity, pack="left", since_s=0)
    found = victron_registers(live(make_bank(alarms=(alarm,))))
    assert (found[326], found[267], found[268]) == (level, level, 0)


# -- our own ---------------------------------------------------------------------------------


def test_our_own_map_of_a_healthy_bank(make_bank: MakeBank) -> None:
    found = values(own.BANK, live(make_bank()))
    expected = {
        "map_version": 1, "status": 1, "sequence": 7, "packs": 2, "packs_online": 2,
        "packs_lost": 0, "charge_allowed": 1, "voltage_v": 52.92, "current_a": 12.0,
        "power_w": 635, "soc_percent": 64.0, "soc_sigma_percent": 1.4, "soh_percent": 98.0,
        "capacity_ah": 200.0, "remaining_ah": 128.0, "installed_ah": 200.0, "temperature_c": 22.0,
        "cycles": 12, "cell_min_v": 3.3, "cell_min_pack": 1, "cell_min_cell": 1,
        "cell_max_v": 3.315, "cell_max_pack": 2, "cell_max_cell": 16, "temperature_max_c": 23.0,
        "temperature_max_pack": 2, "temperature_max_sensor": 2, "cvl_v": 55.2, "ccl_a": 100.0,
        "dcl_a": 200.0, "dvl_v": 48.0, "cvl_reason": 999, "ccl_reason": 2, "dcl_reason": 3,
        "ccl_reason_pack": 0, "warnings": 0, "protections": 0, "charge_switch": 1,
        "name": "Battery",
    }  # fmt: skip
    assert {name: found[name] for name in expected} == expected


def test_our_own_map_of_a_pack_has_its_cells(make_bank: MakeBank) -> None:
    found = values(own.PACK, OnePack(moment=live(make_bank()), number=2))
    expected = {
        "status": 1, "number": 2, "phase": 1, "cells": 16, "voltage_v": 52.92, "current_a": 6.0,
        "soc_percent": 64.0, "cell_1_v": 3.3, "cell_16_v": 3.315, "cell_17_v": None,
        "cell_32_v": None, "temperature_1_c": 21.0, "temperature_2_c": 23.0,
        "temperature_3_c": None, "mos_temperature_c": 28.0, "charge_fet": 1, "balancing": 0,
        "charge_switch": 1, "asked": 100, "answered": 99, "cycle_charge_ah": 1234.0,
        "name": "right", "serial_number": "SNright", "wire_1_ohm": None,
    }  # fmt: skip
    assert {name: found[name] for name in expected} == expected


def test_a_pack_that_is_lost_shows_no_value_of_before(make_bank: MakeBank) -> None:
    lost = replace(pack_state("left"), phase=PackPhase.LOST, reading=None, cell_min=None)
    found = values(own.PACK, OnePack(moment=live(make_bank(packs=(lost,))), number=1))
    assert (found["phase"], found["voltage_v"], found["cell_1_v"]) == (2, None, None)


def test_switches_of_a_bank_are_on_only_if_they_are_on_everywhere(make_bank: MakeBank) -> None:
    left, right = pack_state("left"), pack_state("right")
    assert left.reading is not None
    off = replace(left, reading=replace(left.reading, charge_switch_on=False))
    unknown = replace(left, reading=replace(left.reading, charge_switch_on=None))
    for first, shown in ((left, 1), (off, 0), (unknown, None)):
        found = values(own.BANK, live(make_bank(packs=(first, right))))
        assert found["charge_switch"] == shown


def test_alarms_are_bits_by_severity(make_bank: MakeBank) -> None:
    alarms = (
        Alarm(kind=AlarmKind.LOW_SOC, severity=Severity.WARNING, pack="left", since_s=0),
        Alarm(kind=AlarmKind.SHORT_CIRCUIT, severity=Severity.PROTECTION, pack="left", since_s=0),
    )
    found = values(own.BANK, live(make_bank(alarms=alarms)))
    assert (found["warnings"], found["protections"]) == (1 << 13, 1 << 6)


def test_every_alarm_has_a_bit_of_its_own_below_31() -> None:
    assert set(ALARM_NUMBERS) == set(AlarmKind)
    assert len(set(ALARM_NUMBERS.values())) == len(ALARM_NUMBERS)
    assert max(ALARM_NUMBERS.values()) < 31


# -- reasons ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        ("charge current setting", 2),
        ("cell voltage taper", 7),
        ("cell over-voltage", 100),
        ("BMS: cell over-voltage", 200),
        ("no data from the BMS", 118),
        ("highest voltage of LiFePO4", 17),
        ("current is unknown", 25),
        ("something new", 999),
    ],
)
def test_the_binding_rule_has_a_number(rule: str, code: int) -> None:
    assert reason_code(limit(1.0, rule)) == code


def test_every_rule_that_the_engine_names_has_a_number() -> None:
    """The names are read out of the engine's own source, so that a new rule is missed here."""
    engine = REPOSITORY / "core" / "cellwarden" / "engine"
    text = "".join(path.read_text() for path in engine.glob("*.py"))
    rules = set(re.findall(r'rule="([^"]+)"', text))
    rules |= set(re.findall(r'_by_cell\("([^"]+)"', text))
    for name in ("FULL", "START_UP", "CONFIRM", "RISING", "HELD", "TOO_LITTLE", "LOST",
                 "WAITED_FOR", "HOLDING", "TRIPPED"):  # fmt: skip
        rules |= set(re.findall(rf'^{name} = "([^"]+)"', text, re.MULTILINE))
    assert len(rules) > 20
    assert rules - set(RULES) == set()


# -- phases ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("phase", "age_s", "status"),
    [
        (BankPhase.STARTING, 0.1, Status.STARTING),
        (BankPhase.LIVE, 10.0, Status.LIVE),
        (BankPhase.LIVE, 10.1, Status.STALE),
        (BankPhase.LIVE, 60.1, Status.GONE),
        (BankPhase.SILENT, 0.1, Status.SILENT),
        (BankPhase.SILENT, 60.1, Status.GONE),
        (BankPhase.GONE, 0.1, Status.GONE),
        (BankPhase.STOPPING, 99.0, Status.STOPPING),
    ],
)
def test_what_a_decision_is_worth(phase: BankPhase, age_s: float, status: Status) -> None:
    assert status_of(bank_state(phase=phase), age_s, 10.0, 60.0) is status


def test_a_controller_that_hangs_is_named_as_the_reason(make_bank: MakeBank) -> None:
    found = values(own.BANK, moment_of(make_bank(), Status.STALE, 1))
    assert (found["status"], found["ccl_a"], found["ccl_reason"]) == (2, 0.0, 41)
    assert (found["cvl_v"], found["voltage_v"]) == (55.2, None)


@pytest.mark.parametrize("status", [Status.STARTING, Status.GONE])
def test_without_a_battery_only_our_own_map_answers(make_bank: MakeBank, status: Status) -> None:
    moment = moment_of(make_bank(), status, 1)
    unit = bank_unit(1, sunspec.layout_of(make_bank()), lambda words, moment: None)
    assert unit.read(2001, 1, moment) == [status]
    for address in (259, 1290, 40_000):
        with pytest.raises(Absent):
            unit.read(address, 1, moment)


# -- any state, any request ------------------------------------------------------------------

numbers = st.none() | st.floats(-1e6, 1e6, allow_nan=False)
percents = st.none() | st.floats(0, 100)
volts = st.none() | st.floats(0, 600)


@st.composite
def any_bank(draw: st.DrawFn) -> BankState:
    cells = tuple(draw(st.lists(st.none() | st.floats(0, 5), min_size=1, max_size=32)))
    packs = []
    for name in ("left", "right")[: draw(st.integers(1, 2))]:
        pack = pack_state(name)
        assert pack.reading is not None
        reading = replace(
            pack.reading,
            cell_voltages_v=cells,
            voltage_v=draw(volts),
            current_a=draw(numbers),
            temperatures_c=tuple(draw(st.lists(st.none() | st.floats(-40, 120), max_size=5))),
            balancing=draw(st.sampled_from([None, True, False])),
        )
        heard = draw(st.booleans())
        packs.append(
            replace(
                pack,
                reading=reading if heard else None,
                phase=PackPhase.ONLINE if heard else PackPhase.LOST,
                soc_percent=draw(percents),
                cell_max=draw(st.none() | st.builds(
                    CellExtreme, pack=st.just(name), cell=st.integers(1, 32),
                    voltage_v=st.floats(0, 5))),
            )
        )  # fmt: skip
    return bank_state(
        packs=tuple(packs),
        limits=replace(
            bank_state().limits,
            charge_current=Limit(
                value=draw(st.floats(0, 5000)), reasons=(Reason(rule="temperature", value=0),)
            ),
        ),
        charge_allowed=draw(st.booleans()),
        voltage_v=draw(volts),
        current_a=draw(numbers),
        power_w=draw(numbers),
        soc_percent=draw(percents),
        soh_percent=draw(percents),
    )


def near(shown: Any, value: float | None, step: float, ends: tuple[float, float]) -> bool:
    if value is None:
        return shown is None
    clamped = min(max(value, ends[0]), ends[1])
    return shown is not None and isclose(shown, clamped, rel_tol=0, abs_tol=step * 0.5001)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(any_bank())
def test_any_state_gives_registers_that_decode_back_to_it(state: BankState) -> None:
    moment = live(state)
    found = values(own.BANK, moment)
    assert near(found["voltage_v"], state.voltage_v, 0.01, (0, 655.34))
    assert near(found["current_a"], state.current_a, 0.01, (-2.1e7, 2.1e7))
    assert near(found["power_w"], state.power_w, 1, (-2.1e9, 2.1e9))
    assert near(found["soc_percent"], state.soc_percent, 0.01, (0, 100))
    assert state.limits is not None
    ccl_a = state.limits.ccl_a if state.charge_allowed else 0.0
    assert near(found["ccl_a"], ccl_a, 0.1, (0, 6553.4))
    for number, pack in enumerate(state.packs, start=1):
        one = values(own.PACK, OnePack(moment=moment, number=number))
        told = pack.reading.cell_voltages_v if pack.reading else ()
        for n in range(32):
            cell_v = told[n] if n < len(told) else None
            assert near(one[f"cell_{n + 1}_v"], cell_v, 0.001, (0, 5))
    layout = sunspec.layout_of(state)
    words = tuple(sunspec.image(moment, layout, 1))
    assert len(words) == layout.words
    start = 2 + COMMON.length() + 2
    head, _ = BATTERY_BASE.decode(words[start : start + BATTERY_BASE.length() + 2])
    assert near(head["V"], state.voltage_v, 0.01, (0, 655.34))
    assert near(head["A"], state.current_a, 0.1, (-3276.7, 3276.7))
    assert near(head["SoC"], state.soc_percent, 0.1, (0, 100))
    assert near(head["AChaMax"], ccl_a, 0.1, (0, 6553.4))


UNITS = {
    1: bank_unit(1, sunspec.layout_of(bank_state()), lambda words, moment: None),
    2: pack_unit(1, lambda words, moment: None),
}
SERVED = {
    1: ((256, 332), (1282, 1344), (2000, 2080), (40_000, 40_581)),
    2: ((3000, 3182),),
}


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from([1, 2]),
    st.integers(0, 65_535) | st.integers(250, 340) | st.integers(1990, 2090)
    | st.integers(39_990, 40_600) | st.integers(2990, 3190),
    st.integers(1, 125),
)  # fmt: skip
def test_any_range_gives_all_of_it_or_nothing(unit: int, address: int, count: int) -> None:
    moment = live(bank_state())
    words = UNITS[unit].read(address, count, moment)
    inside = any(start <= address and address + count <= end for start, end in SERVED[unit])
    assert (words is not None) == inside
    assert words is None or len(words) == count
