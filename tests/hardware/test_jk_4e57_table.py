"""The tables of the JK "4E 57" protocol agree with themselves and with the model."""

import dataclasses

import pytest

from cellwarden.model import PARAMETERS, AlarmKind
from cellwarden_hardware.codecs.jk_4e57_body import Measurements
from cellwarden_hardware.codecs.jk_4e57_table import (
    ALARMS,
    BY_NAME,
    COMMANDS,
    IDENTIFIERS,
    MEASURED,
    SETTINGS,
    current_a,
    current_count,
    temperature_c,
    text,
)


def test_every_identifier_from_79_to_c0_is_there_once() -> None:
    never_sent = {0x88, 0x8D}
    known = {0x79, *range(0x80, 0xC1)} - never_sent
    assert set(IDENTIFIERS) == known
    assert len(MEASURED) + len(SETTINGS) + len(COMMANDS) == len(known)
    assert len(BY_NAME) == len(known)


def test_lengths_are_those_of_the_captures() -> None:
    sizes = {
        number: row.size for number, row in IDENTIFIERS.items() if row.size != 2 and number != 0x79
    }
    one = dict.fromkeys((0x85, 0x86, 0x9D, 0xA9, 0xAB, 0xAC, 0xAE, 0xAF, 0xB1, 0xB3, 0xB8), 1)
    one |= dict.fromkeys((0xBB, 0xBC, 0xBD, 0xC0), 1)
    four = dict.fromkeys((0x89, 0xAA, 0xB5, 0xB6, 0xB9), 4)
    assert sizes == one | four | {0xB2: 10, 0xB4: 8, 0xB7: 15, 0xBA: 24}


def test_measured_rows_and_the_measurements_stand_in_the_same_order() -> None:
    pairs = list(zip((row.name for row in MEASURED), Measurements._fields, strict=False))
    assert pairs == [
        ("cell_voltages", "cell_voltages_v"),
        ("mos_temperature", "mos_temperature_c"),
        ("temperature_1", "temperature_1_c"),
        ("temperature_2", "temperature_2_c"),
        ("voltage", "voltage_v"),
        ("current", "current_a"),
        ("soc", "soc_percent"),
        ("temperature_sensor_count", "temperature_sensor_count"),
        ("cycle_count", "cycle_count"),
        ("cycle_capacity", "cycle_charge_ah"),
        ("cell_count", "cell_count"),
        ("alarms", "alarm_bits"),
        ("status_bits", "status_bits"),
    ]


def test_settings_name_parameters_of_the_model_once_and_in_their_unit() -> None:
    units = {spec.name: spec.unit for spec in PARAMETERS}
    carried = [row for row in IDENTIFIERS.values() if row.parameter]
    assert {row.parameter: row.unit for row in carried} == {
        row.parameter: units[row.parameter] for row in carried
    }
    assert len({row.parameter for row in carried}) == len(carried) == 27


def test_only_the_password_is_a_secret() -> None:
    assert [row.id for row in IDENTIFIERS.values() if row.secret] == [0xB2]


def test_rows_are_frozen() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        MEASURED[0].size = 3


@pytest.mark.parametrize(
    ("count", "degrees"), [(0, 0), (99, 99), (100, 100), (101, -1), (105, -5), (140, -40)]
)
def test_temperatures_above_100_are_minus_degrees(count: int, degrees: int) -> None:
    assert temperature_c(count) == degrees


@pytest.mark.parametrize(
    ("version", "count", "amps"),
    [
        (1, 0x07D0, -20.0),
        (1, 0x87D0, 20.0),
        (1, 0x0000, 0.0),
        (1, 0x8000, 0.0),
        (1, 0xFFFF, 327.67),
        (0, 11000, -10.0),
        (0, 9500, 5.0),
        (0, 10000, 0.0),
        (0, 0, 100.0),
    ],
)
def test_the_current_depends_on_the_protocol_version(version: int, count: int, amps: float) -> None:
    assert current_a(count, version) == amps
    assert str(current_a(count, version)) != "-0.0"


@pytest.mark.parametrize("version", [None, 2, 255])
def test_the_current_of_an_unknown_version_is_unknown(version: int | None) -> None:
    assert current_a(0x07D0, version) is None


@pytest.mark.parametrize(
    ("amps", "version"), [(327.68, 1), (-327.68, 1), (100.01, 0), (-556, 0), (1.0, 2)]
)
def test_a_current_that_does_not_fit_is_no_count(amps: float, version: int) -> None:
    with pytest.raises(ValueError, match="does not fit"):
        current_count(amps, version)


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (b"123456\x00\x00\x00\x00", "123456"),
        (b"Armins__BMS\x00JK_B2A20S20P", "Armins__BMS JK_B2A20S20P"),
        (b"2307", "2307"),
        (b"\x00\x00", ""),
        (b"   a   ", "a"),
        (b"\x1b[31m\xff\x7f", "?[31m??"),
    ],
)
def test_text_is_cleaned(raw: bytes, shown: str) -> None:
    assert text(raw) == shown


def test_each_alarm_bit_says_what_it_blocks() -> None:
    rows = [
        (row.bit, row.alarm.kind, row.alarm.blocks_charge, row.alarm.blocks_discharge)
        for row in ALARMS.rows
    ]
    assert rows == [
        (0, AlarmKind.LOW_SOC, False, False),
        (1, AlarmKind.MOS_OVERTEMPERATURE, True, True),
        (2, AlarmKind.PACK_OVERVOLTAGE, True, False),
        (3, AlarmKind.PACK_UNDERVOLTAGE, False, True),
        (4, AlarmKind.CHARGE_OVERTEMPERATURE, True, False),
        (4, AlarmKind.DISCHARGE_OVERTEMPERATURE, False, True),
        (5, AlarmKind.CHARGE_OVERCURRENT, True, False),
        (6, AlarmKind.DISCHARGE_OVERCURRENT, False, True),
        (7, AlarmKind.CELL_DIFFERENCE, False, False),
        (8, AlarmKind.CHARGE_OVERTEMPERATURE, True, False),
        (8, AlarmKind.DISCHARGE_OVERTEMPERATURE, False, True),
        (9, AlarmKind.CHARGE_UNDERTEMPERATURE, True, False),
        (9, AlarmKind.DISCHARGE_UNDERTEMPERATURE, False, True),
        (10, AlarmKind.CELL_OVERVOLTAGE, True, False),
        (11, AlarmKind.CELL_UNDERVOLTAGE, False, True),
        (12, AlarmKind.BMS_INTERNAL, True, True),
        (13, AlarmKind.BMS_INTERNAL, True, True),
    ]
