"""The Pylontech LV table against captured frames, in both directions."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellwarden.errors import FrameError
from cellwarden.links.can_frame import parse_frame
from cellwarden.model import AlarmKind
from cellwarden_can_inverter.dialects import PYLONTECH_LV
from cellwarden_can_inverter.dialects.pylontech_lv import (
    CHARGE,
    HEARTBEAT,
    LIMITS,
    MANUFACTURER,
    MEASUREMENTS,
    REQUESTS,
    STATUS,
)
from cellwarden_can_inverter.frames import Frame, decode, encode
from support.tools import require_shared

FRAMES = json.loads(Path(__file__).with_name("pylontech_lv_frames.json").read_text())


def table(text: str) -> tuple[Frame, bytes]:
    can = parse_frame(text)
    frame = PYLONTECH_LV.find(can.can_id, extended=can.extended)
    assert frame is not None
    return frame, can.data


@pytest.mark.parametrize("row", FRAMES, ids=lambda row: row["frame"])
def test_a_captured_frame_says_what_it_said(row: dict[str, Any]) -> None:
    assert decode(*table(row["frame"])).items() >= row["says"].items()


@pytest.mark.parametrize("row", [r for r in FRAMES if r["reproduced"]], ids=lambda r: r["frame"])
def test_what_it_said_gives_the_captured_frame(row: dict[str, Any]) -> None:
    frame, data = table(row["frame"])
    assert encode(frame, row["says"]) == data


def test_the_lengths_are_those_of_real_packs() -> None:
    lengths = {frame.can_id: frame.length for frame in PYLONTECH_LV.frames}
    assert lengths == {0x351: 8, 0x355: 4, 0x356: 6, 0x359: 7, 0x35C: 2, 0x35E: 8}


def test_the_limits_come_first_and_their_flags_next() -> None:
    order = [frame.can_id for frame in PYLONTECH_LV.frames]
    assert order == [0x351, 0x359, 0x35C, 0x355, 0x356, 0x35E]


@pytest.mark.parametrize("frame", [*PYLONTECH_LV.frames, HEARTBEAT], ids=lambda f: f.meaning)
def test_no_two_rows_share_a_bit_or_a_name(frame: Frame) -> None:
    import struct

    used = [
        8 * number.at + bit
        for number in frame.numbers
        for bit in range(8 * struct.calcsize(number.code))
    ]
    used += [8 * text.at + bit for text in frame.texts for bit in range(8 * text.size)]
    used += [8 * flag.byte + flag.bit for flag in frame.flags]
    names = [row.name for row in (*frame.numbers, *frame.texts, *frame.flags)]
    assert len(used) == len(set(used))
    assert max(used) < 8 * frame.length
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("frame", "shortest"),
    [(LIMITS, 6), (STATUS, 5), (REQUESTS, 1), (CHARGE, 4), (MEASUREMENTS, 6), (HEARTBEAT, 8)],
)
def test_a_frame_cut_short_is_refused(frame: Frame, shortest: int) -> None:
    for length in range(shortest):
        with pytest.raises(FrameError) as caught:
            decode(frame, bytes(length))
        assert caught.value.kind == "length"


def test_what_stands_beyond_the_end_of_a_frame_is_absent() -> None:
    assert decode(LIMITS, bytes.fromhex("1402740E740E")) == {
        "charge_voltage_limit_V": 53.2,
        "charge_current_limit_A": 370.0,
        "discharge_current_limit_A": 370.0,
    }
    assert decode(STATUS, bytes.fromhex("000000080A")) == {
        "module_count": 10,
        "flags_set": ["alarm_internal_comm_fail"],
    }


def test_bits_without_a_name_are_shown_and_not_lost() -> None:
    said = decode(STATUS, bytes.fromhex("0210001002504E"))
    assert said["flags_set"] == ["prot_cell_over_voltage"]
    assert said["unknown_bits"] == ["byte1_bit4", "byte3_bit4"]
    assert decode(REQUESTS, b"\xc1\x00")["unknown_bits"] == ["byte0_bit0"]


def test_a_name_with_odd_bytes_is_shown_with_escapes() -> None:
    assert decode(MANUFACTURER, b"B\xffD\0\0\0\0\0") == {"manufacturer_text": "B\\xffD"}


@pytest.mark.parametrize(
    ("name", "frame", "value", "data"),
    [
        ("charge_current_limit_A", LIMITS, 4000.0, "0000FF7F00000000"),
        ("discharge_current_limit_A", LIMITS, 4000.0, "00000000FF7F0000"),
        ("charge_voltage_limit_V", LIMITS, 7000.0, "FFFF000000000000"),
        ("charge_voltage_limit_V", LIMITS, -1.0, "0000000000000000"),
        ("charge_current_limit_A", LIMITS, -10.0, "0000000000000000"),
        ("discharge_current_limit_A", LIMITS, -10.0, "0000000064000000"),
        ("soc_pct", CHARGE, 180.0, "64000000"),
        ("current_A", MEASUREMENTS, -4000.0, "000000800000"),
        ("temperature_C", MEASUREMENTS, 99999.0, "00000000FF7F"),
    ],
)
def test_a_value_beyond_its_field_is_clamped_and_never_wraps(
    name: str, frame: Frame, value: float, data: str
) -> None:
    values = {number.name: 0.0 for number in frame.numbers} | {name: value}
    assert encode(frame, values).hex().upper() == data


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_what_is_no_number_is_never_sent(value: float) -> None:
    with pytest.raises(ValueError, match="soc_pct"):
        encode(CHARGE, {"soc_pct": value, "soh_pct": 100})


def test_a_missing_number_and_an_unknown_flag_are_refused() -> None:
    with pytest.raises(KeyError):
        encode(CHARGE, {"soc_pct": 50})
    with pytest.raises(ValueError, match="charge_enabel"):
        encode(REQUESTS, {"flags_set": ["charge_enabel"]})


# -- flipped and random bytes ----------------------------------------------------------------

NORMAL = {
    LIMITS: "2802F4012003E001",
    MEASUREMENTS: "6C140400DC00",
    CHARGE: "3C006400",
}


@pytest.mark.parametrize("frame", NORMAL, ids=lambda f: f.meaning)
def test_a_flipped_bit_changes_one_signal_and_no_other(frame: Frame) -> None:
    good = bytes.fromhex(NORMAL[frame])
    before = decode(frame, good)
    for bit in range(8 * len(good)):
        bad = bytearray(good)
        bad[bit // 8] ^= 1 << bit % 8
        after = decode(frame, bytes(bad))
        changed = [name for name in before if after[name] != before[name]]
        (number,) = (n for n in frame.numbers if n.at <= bit // 8 < n.at + 2)
        assert changed == [number.name]


@given(st.integers(0, 0x7FF), st.binary(max_size=8), st.booleans())
def test_random_bytes_raise_nothing_but_the_frame_error(
    can_id: int, data: bytes, extended: bool
) -> None:
    frame = PYLONTECH_LV.find(can_id, extended=extended)
    if frame is not None:
        with suppress(FrameError):
            decode(frame, data)


@given(st.sampled_from(PYLONTECH_LV.frames), st.binary(min_size=8, max_size=8))
def test_what_was_decoded_encodes_to_the_same_meaning(frame: Frame, data: bytes) -> None:
    said = decode(frame, data[: frame.length])
    if any(v < 0 for k, v in said.items() if k.endswith("limit_A")):
        return  # negative limits are read but never written
    if any(v > 100 for k, v in said.items() if k.endswith("_pct")):
        return
    if not all(v.isascii() and "\\" not in v for k, v in said.items() if k.endswith("_text")):
        return
    assert decode(frame, encode(frame, said)) == {
        k: v for k, v in said.items() if k != "unknown_bits"
    }


# -- the shared vectors, when they are at hand ------------------------------------------------


def shared_vectors() -> list[dict[str, Any]]:
    path = require_shared("vectors", "pylontech-can.json")
    return json.loads(path.read_text())["vectors"]  # type: ignore[no-any-return]


@pytest.mark.shared
def test_every_shared_vector_decodes_as_expected() -> None:
    for vector in shared_vectors():
        frame = PYLONTECH_LV.find(int(vector["can_id"], 16), extended=vector["extended"])
        assert frame is not None, vector["id"]
        said = decode(frame, bytes.fromhex(vector["data_hex"]))
        assert said.items() >= vector["expected"].items(), vector["id"]


@pytest.mark.shared
def test_every_shared_vector_without_a_note_is_reproduced() -> None:
    checked = 0
    for vector in shared_vectors():
        if vector["kind"] not in ("capture", "constructed") or "note" in vector:
            continue
        frame = PYLONTECH_LV.find(int(vector["can_id"], 16), extended=False)
        assert frame is not None
        ours = encode(frame, vector["expected"]).ljust(8, b"\0")
        theirs = bytes.fromhex(vector["data_hex"]).ljust(8, b"\0")
        assert ours == theirs, vector["id"]
        checked += 1
    assert checked == 29


# -- alarms ----------------------------------------------------------------------------------


def flags_for(kind: AlarmKind, *, protection: bool) -> list[str]:
    from cellwarden.model import Alarm, Severity
    from cellwarden_can_inverter.view import Manners, view_of
    from support.states import bank_state

    alarm = Alarm(
        kind=kind,
        severity=Severity.PROTECTION if protection else Severity.WARNING,
        pack="left",
        since_s=0.0,
    )
    view = view_of(bank_state(alarms=(alarm,)), 0.0, Manners())
    assert view is not None
    data = STATUS.encode_view(view)
    assert data is not None
    return decode(STATUS, data)["flags_set"]  # type: ignore[no-any-return]


@pytest.mark.parametrize("kind", AlarmKind)
def test_every_protection_has_a_bit(kind: AlarmKind) -> None:
    expected = "alarm_internal_comm_fail" if kind is AlarmKind.BMS_LOST else "prot_"
    (flag,) = flags_for(kind, protection=True)
    assert flag.startswith(expected)


@pytest.mark.parametrize("kind", set(AlarmKind) - {AlarmKind.CELL_DIFFERENCE})
def test_every_warning_but_one_has_a_bit(kind: AlarmKind) -> None:
    (flag,) = flags_for(kind, protection=False)
    assert flag.startswith("alarm_")


def test_a_warning_of_cell_difference_has_no_bit_in_the_sheet() -> None:
    assert flags_for(AlarmKind.CELL_DIFFERENCE, protection=False) == []


@pytest.mark.parametrize(
    ("kind", "flag"),
    [
        (AlarmKind.CELL_OVERVOLTAGE, "prot_cell_over_voltage"),
        (AlarmKind.PACK_UNDERVOLTAGE, "prot_cell_under_voltage"),
        (AlarmKind.MOS_OVERTEMPERATURE, "prot_over_temperature"),
        (AlarmKind.CHARGE_UNDERTEMPERATURE, "prot_under_temperature"),
        (AlarmKind.SHORT_CIRCUIT, "prot_discharge_over_current"),
        (AlarmKind.CHARGE_OVERCURRENT, "prot_charge_over_current"),
        (AlarmKind.BMS_INTERNAL, "prot_system_error"),
        (AlarmKind.BMS_LOST, "alarm_internal_comm_fail"),
    ],
)
def test_a_protection_sets_its_own_bit(kind: AlarmKind, flag: str) -> None:
    assert flags_for(kind, protection=True) == [flag]
