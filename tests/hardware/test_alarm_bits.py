"""Every bit of every alarm word: what it is to us, which code of the manual, what it blocks."""

import pytest

from cellwarden.model import AlarmKind, Severity
from cellwarden_hardware.codecs import daly_table, jbd_table, jk_4e57_table, jk_ble_alarms
from cellwarden_hardware.codecs import jk_can_alarms as can
from cellwarden_hardware.codecs.alarm_bits import AlarmWord

WORDS: dict[str, tuple[AlarmWord, int]] = {
    # name: (table, bits of the word)
    "jk-ble and jk-modbus": (jk_ble_alarms.ALARMS, 32),
    "jk-rs485": (jk_4e57_table.ALARMS, 16),
    "jk-can": (can.FAULTS, 24),
    "jbd": (jbd_table.ALARMS, 16),
    "daly": (daly_table.FAULT_WORD, 64),
}
SILENT = {
    "jbd": {12},  # somebody switched a MOS off by command
    "daly": set(range(56, 64)),  # a fault code of its own
}
EVERY_BIT = [(name, bit) for name, (_, width) in WORDS.items() for bit in range(width)]


@pytest.mark.parametrize(("name", "bit"), EVERY_BIT)
def test_every_bit_is_an_alarm_or_a_notice_and_never_dropped(name: str, bit: int) -> None:
    word, _ = WORDS[name]
    alarms, notices = word.alarms_of(1 << bit), word.notices_of(1 << bit)
    assert (alarms or notices) or bit in SILENT[name]
    for alarm in alarms:
        assert alarm.text
        blocks = alarm.blocks_charge or alarm.blocks_discharge
        assert (alarm.severity is Severity.PROTECTION) == blocks


@pytest.mark.parametrize("bit", range(32))
def test_every_level_of_jks_can_alarms_is_told(bit: int) -> None:
    assert can.alarms_of(1 << bit, 0) or can.notices_of(1 << bit, 0)


@pytest.mark.parametrize("name", WORDS)
def test_no_bit_set_says_nothing(name: str) -> None:
    word, _ = WORDS[name]
    assert (word.alarms_of(0), word.notices_of(0)) == ((), ())


@pytest.mark.parametrize(
    ("name", "bit", "notice"),
    [
        ("jk-ble and jk-modbus", 18, "GPS disconnected"),
        ("jk-ble and jk-modbus", 19, "default password not changed"),
        ("jk-ble and jk-modbus", 29, "alarm bit 29 is set; its meaning is not known"),
        ("jk-rs485", 15, "alarm bit 15 is set; its meaning is not known"),
        ("jk-can", 19, "alarm bit 19 is set; its meaning is not known"),
        ("jbd", 13, "alarm bit 13 is set; its meaning is not known"),
        ("daly", 20, "SOC high level 1"),
        ("daly", 52, "alarm bit 52 is set; its meaning is not known"),
    ],
)
def test_what_is_no_danger_or_not_known_is_a_notice(name: str, bit: int, notice: str) -> None:
    word, _ = WORDS[name]
    assert word.notices_of(1 << bit) == (notice,)
    assert word.alarms_of(1 << bit) == ()


def test_the_fault_code_of_daly_is_shown() -> None:
    assert daly_table.notices_of(7 << 56) == ("fault code 7",)


def test_alarms_of_can_that_are_no_danger_or_not_known_are_notices() -> None:
    assert can.notices_of(1 << 26, 0) == ("external communication",)
    assert can.notices_of(1 << 30, 1 << 20) == (
        "alarm bit 30 is set; its meaning is not known",
        "alarm bit 20 is set; its meaning is not known",
    )


@pytest.mark.requirement("R48")
@pytest.mark.parametrize(
    ("code", "bits"),
    [
        # code of the manual: the bits of each word that mean it
        (1, {"jk-ble and jk-modbus": {11, 12}, "jk-rs485": {3, 11}, "jk-can": {11, 12},
             "jbd": {1, 3}, "daly": {2, 3, 6, 7, 51}}),
        (2, {"jk-ble and jk-modbus": {4, 5}, "jk-rs485": {2, 10}, "jk-can": {4, 5},
             "jbd": {0, 2}, "daly": {0, 1, 4, 5}}),
        (3, {"jk-ble and jk-modbus": {6, 13, 25, 26}, "jk-rs485": {5, 6}, "jk-can": {6, 13},
             "jbd": {8, 9}, "daly": {16, 17, 18, 19}}),
        (4, {"jk-ble and jk-modbus": {1}, "jk-rs485": {1}, "jk-can": {1}, "jbd": set(),
             "daly": {32, 33}}),
        (5, {"jk-ble and jk-modbus": {8, 15, 21}, "jk-rs485": {4, 8}, "jk-can": {8, 15},
             "jbd": {4, 6}, "daly": {8, 9, 12, 13}}),
        (6, {"jk-ble and jk-modbus": {7, 14, 24}, "jk-rs485": set(), "jk-can": {7, 14},
             "jbd": {10}, "daly": {50}}),
        (7, {"jk-ble and jk-modbus": {10, 23, 28}, "jk-rs485": {12, 13}, "jk-can": {10},
             "jbd": {11}, "daly": {40, 43, 44, 45, 46, 47, 49}}),
        (8, {"jk-ble and jk-modbus": {0}, "jk-rs485": set(), "jk-can": {0}, "jbd": set(),
             "daly": set()}),
        (9, {"jk-ble and jk-modbus": {2}, "jk-rs485": set(), "jk-can": {2}, "jbd": set(),
             "daly": {41}}),
    ],
)  # fmt: skip
def test_the_codes_of_the_manual(code: int, bits: dict[str, set[int]]) -> None:
    for name, (word, width) in WORDS.items():
        found = {
            bit
            for bit in range(width)
            if any(alarm.kind.manual_code == code for alarm in word.alarms_of(1 << bit))
        }
        assert found == bits[name], name


@pytest.mark.parametrize(
    ("name", "bit", "kind"),
    [
        ("jk-ble and jk-modbus", 0, AlarmKind.BALANCE_WIRE),
        ("jk-ble and jk-modbus", 3, AlarmKind.CURRENT_SENSOR),
        ("jk-ble and jk-modbus", 16, AlarmKind.FET_STUCK),
        ("jk-ble and jk-modbus", 20, AlarmKind.FET_STUCK),
        ("jk-can", 17, AlarmKind.FET_STUCK),
        ("daly", 36, AlarmKind.FET_STUCK),
        ("daly", 41, AlarmKind.BALANCE_WIRE_OPEN),
        ("daly", 48, AlarmKind.CURRENT_SENSOR),
    ],
)
def test_faults_of_the_hardware_have_a_kind_of_their_own(
    name: str, bit: int, kind: AlarmKind
) -> None:
    (alarm,) = WORDS[name][0].alarms_of(1 << bit)
    assert alarm.kind is kind


def test_a_bit_of_can_whose_numbering_is_disputed_blocks_what_either_meaning_would() -> None:
    for bit in (16, 17, 18):
        (alarm,) = can.FAULTS.alarms_of(1 << bit)
        assert (alarm.blocks_charge, alarm.blocks_discharge) == (True, True)
