"""The RS485 protocol's frames and tables against captured frames, in both directions."""

import json
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cellwarden.errors import FrameError
from cellwarden_can_inverter.pylontech_ascii import (
    LONGEST,
    DamagedFrame,
    Frame,
    Receiver,
    Return,
    checksum,
    encode_frame,
    length_field,
    parse,
)
from cellwarden_can_inverter.pylontech_ascii_commands import COMMANDS
from cellwarden_can_inverter.pylontech_ascii_rows import Number
from cellwarden_can_inverter.pylontech_ascii_scaling import PACE, PYLONTECH, TEN_MILLIAMPERES
from support.tools import require_shared

ROWS = json.loads(Path(__file__).with_name("pylontech_rs485_frames.json").read_text())
GOOD = [row for row in ROWS if row["error"] is None]
BAD = [row for row in ROWS if row["error"] is not None]
SAYING = [row for row in GOOD if "says" in row]


def body(row: dict[str, Any]) -> bytes:
    return bytes(row["frame"].removeprefix("~").encode())


def contains(said: Any, wanted: Any) -> bool:
    """Whether everything wanted is said; what is said besides does not matter."""
    if isinstance(wanted, dict):
        return all(key in said and contains(said[key], wanted[key]) for key in wanted)
    if isinstance(wanted, list) and wanted and isinstance(wanted[0], dict):
        return len(said) == len(wanted) and all(map(contains, said, wanted))
    return bool(said == wanted)


@pytest.mark.parametrize("row", GOOD, ids=lambda row: row["frame"][:20])
def test_a_captured_frame_has_the_header_it_has(row: dict[str, Any]) -> None:
    frame = parse(body(row))
    said = f"{frame.version:02X}", f"{frame.address:02X}", f"{frame.device:02X}"
    length = len(frame.info) * 2
    assert [*said, f"{frame.code:02X}", f"{length_field(length):04X}", length] == row["header"]


@pytest.mark.parametrize("row", GOOD, ids=lambda row: row["frame"][:20])
def test_its_parts_give_the_captured_frame(row: dict[str, Any]) -> None:
    assert encode_frame(parse(body(row))) == row["frame"].encode() + b"\r"


@pytest.mark.parametrize("row", BAD, ids=lambda row: row["frame"][:20])
def test_a_frame_whose_sums_are_wrong_is_refused(row: dict[str, Any]) -> None:
    with pytest.raises(DamagedFrame) as refused:
        parse(body(row))
    assert refused.value.kind == row["error"]
    assert refused.value.address == 2


@pytest.mark.parametrize("row", SAYING, ids=lambda row: row["frame"][:20])
def test_a_captured_answer_says_what_it_said_and_is_made_again_from_it(
    row: dict[str, Any],
) -> None:
    command = COMMANDS[int(row["answers"], 16)]
    info = parse(body(row)).info
    said = command.decode(info)
    assert contains(said, row["says"])
    assert command.encode(said) == info


@pytest.mark.shared
def test_every_reference_vector_reads_and_writes_as_it_says() -> None:
    path = require_shared("vectors", "pylontech-rs485.json")
    vectors = json.loads(path.read_text())["vectors"]
    assert len(vectors) >= 36
    for vector in vectors:
        expected = vector["expected"]
        (heard,) = Receiver().feed(vector["frame_ascii"].encode())
        if not (expected["checksum_ok"] and expected["length_ok"]):
            assert isinstance(heard, DamagedFrame), vector["id"]
            continue
        assert isinstance(heard, Frame), vector["id"]
        assert heard.info.hex().upper() == expected.get("info_hex", "")
        assert encode_frame(heard) == vector["frame_ascii"].encode()
        if "decoded" in expected:
            command = COMMANDS[int(vector["answers_cid2"], 16)]
            said = command.decode(heard.info)
            assert contains(said, expected["decoded"]), vector["id"]
            assert command.encode(said) == heard.info, vector["id"]


# -- arithmetic ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("characters", "field"),
    [(0, 0x0000), (2, 0xE002), (18, 0xD012), (98, 0x8062), (0x88, 0x0088), (0xFFF, 0x3FFF)],
)
def test_the_length_carries_its_check_nibble(characters: int, field: int) -> None:
    assert length_field(characters) == field


def test_a_length_beyond_twelve_bits_is_refused() -> None:
    with pytest.raises(ValueError, match="4096 characters do not fit"):
        length_field(4096)


def test_the_checksum_is_that_of_the_characters() -> None:
    assert checksum(b"1203400456ABCEFE") == 0xFC71  # the sheet prints FC72


def test_the_two_worked_examples_that_print_wrong_sums_would_be_right_with_these() -> None:
    printed = next(row for row in ROWS if row["error"] == "checksum")
    assert checksum(body(printed)[:-4]) == 0xE27A


# -- damage ----------------------------------------------------------------------------------

WIRE = encode_frame(Frame(address=2, code=0, info=bytes.fromhex("02D002AFC80000FCE040")))


def test_every_truncation_is_no_frame() -> None:
    for length in range(len(WIRE)):
        assert Receiver().feed(WIRE[:length]) == []
        cut = Receiver().feed(WIRE[:length].rstrip(b"\r") + b"\r")
        if length < len(WIRE) - 1:
            assert not any(isinstance(heard, Frame) for heard in cut)


def test_every_changed_character_is_refused_or_shown_harmless() -> None:
    (whole,) = Receiver().feed(WIRE)
    harmless = set()
    for place in range(len(WIRE)):
        for value in range(256):
            if value == WIRE[place]:
                continue
            changed = WIRE[:place] + bytes([value]) + WIRE[place + 1 :]
            for heard in Receiver().feed(changed):
                if isinstance(heard, Frame):
                    assert heard == whole
                    harmless.add((place, value))
    # Only the case of a letter of the checksum itself: F93F, F93f, f93F.
    assert harmless == {(len(WIRE) - 5, ord("f")), (len(WIRE) - 2, ord("f"))}


def test_what_damage_should_be_answered_with() -> None:
    def answer(text: bytes) -> Return | None:
        with pytest.raises(DamagedFrame) as refused:
            parse(text)
        return refused.value.answer

    assert answer(b"20024642E002020000") is Return.CHECKSUM
    assert answer(b"20024642E00302FD32") is Return.LENGTH
    short = b"20024642C00402"
    assert answer(short + b"%04X" % checksum(short)) is Return.FORMAT
    assert answer(b"20024642C004020000") is None  # half a frame, perhaps of somebody else
    odd = b"20024642D003021"
    assert answer(odd + b"%04X" % checksum(odd)) is Return.FORMAT
    assert answer(b"2002G642E00202FD2D") is None


# -- a shared line ---------------------------------------------------------------------------

STREAM = (
    b"D3\x00\xff~2002"  # the end of something, noise, and a frame that breaks off
    b"~20024642E00202FD33\r"
    b"~20034600B01403D002AFC80000FE8E40F933\r\r"
    b"~20024642E002020000\r"
    b"~0002464f0000FD7A\r"
)


def test_one_byte_at_a_time_gives_what_all_at_once_gives() -> None:
    def shown(heard: list[Frame | DamagedFrame]) -> list[object]:
        return [h if isinstance(h, Frame) else h.kind for h in heard]

    at_once = shown(Receiver().feed(STREAM))
    receiver = Receiver()
    singly = [heard for n in range(len(STREAM)) for heard in receiver.feed(STREAM[n : n + 1])]
    assert shown(singly) == at_once
    codes = [h.code if isinstance(h, Frame) else h for h in at_once]
    assert codes == [0x42, 0x00, "checksum", 0x4F]  # the last one in lower case
    assert receiver.idle


def test_a_receiver_says_how_much_to_wait_for() -> None:
    receiver = Receiver()
    assert receiver.missing() == 18  # the shortest request
    receiver.feed(b"~20024642")
    assert receiver.missing() == 9
    receiver.feed(b"E002")
    assert receiver.missing() == 7  # 20 characters in all
    receiver.feed(b"02FD2D")
    assert receiver.missing() == 1
    receiver.discard()
    assert receiver.idle
    receiver.feed(b"~200346003FFF")
    assert receiver.missing() == 64  # and not 4095: a length may lie


def test_a_line_that_never_ends_is_forgotten() -> None:
    receiver = Receiver()
    assert receiver.feed(b"~" + b"0" * (LONGEST + 10)) == []
    assert receiver.idle
    assert receiver.feed(b"~" + b"0" * (LONGEST + 10) + b"\r" + WIRE) == [parse(WIRE.strip(b"~\r"))]


@given(st.lists(st.binary(max_size=60) | st.sampled_from([WIRE, b"~", b"\r", b"E002"])))
@settings(max_examples=60)
def test_whatever_comes_only_frames_and_damage_come_out(pieces: list[bytes]) -> None:
    receiver = Receiver()
    for piece in pieces:
        for heard in receiver.feed(piece):
            assert isinstance(heard, Frame | DamagedFrame)
            if isinstance(heard, Frame) and heard.code in COMMANDS:
                assert encode_frame(heard).lower().startswith(b"~")
    assert receiver.missing() >= 1


@given(
    st.builds(
        Frame,
        address=st.integers(0, 255),
        code=st.integers(0, 255),
        info=st.binary(max_size=300),
        version=st.integers(0, 255),
        device=st.integers(0, 255),
    )
)
@settings(max_examples=60)
def test_any_frame_comes_back_as_it_was(frame: Frame) -> None:
    assert Receiver().feed(b"noise" + encode_frame(frame)) == [frame]


# -- tables ----------------------------------------------------------------------------------


def test_every_command_of_the_sheet_is_there() -> None:
    wanted = "42 44 47 4F 51 60 61 62 63 64 92 93 94 95 96"
    assert " ".join(f"{code:02X}" for code in COMMANDS) == wanted


@given(st.sampled_from(sorted(COMMANDS)), st.binary(max_size=120))
@settings(max_examples=200)
def test_any_payload_is_read_or_refused(code: int, info: bytes) -> None:
    for read in (COMMANDS[code].decode, COMMANDS[code].decode_request):
        with suppress(FrameError):
            read(info)


@pytest.mark.parametrize("row", SAYING, ids=lambda row: row["frame"][:20])
def test_every_truncated_answer_is_refused(row: dict[str, Any]) -> None:
    command, info = COMMANDS[int(row["answers"], 16)], parse(body(row)).info
    whole_blocks = set()
    for length in range(len(info)):
        try:
            command.decode(info[:length])
        except FrameError:
            continue
        whole_blocks.add(length)
    # A 42H or 44H answer that ends after a whole block, or before the first, is one of fewer packs.
    assert len(whole_blocks) <= (4 if command.code in (0x42, 0x44) else 0)
    with pytest.raises(FrameError):
        command.decode(info + b"\0")


@pytest.mark.parametrize(
    ("code", "values", "info"),
    [
        (0x42, {"command_value": 0xFF}, "FF"),
        (0x61, {}, ""),
        (0x92, {"command_value": 3}, "03"),
        (0x95, {"command_value": 2}, "02"),
        (
            0x94,
            {
                "command_value": 2,
                "charge_voltage_limit_V": 53.25,
                "discharge_voltage_limit_V": 45.0,
                "charge_current_limit_A": 37.0,
                "discharge_current_limit_A": -80.0,
            },
            "02D002AFC80172FCE0",
        ),
    ],
)
def test_requests_both_ways(code: int, values: dict[str, Any], info: str) -> None:
    command = COMMANDS[code]
    assert command.encode_request(values).hex().upper() == info
    assert command.decode_request(bytes.fromhex(info)) == values


def test_names_serial_numbers_and_versions_both_ways() -> None:
    maker = {"device_name": "US5000", "software_version": "1.3", "manufacturer": "Pylon"}
    info = COMMANDS[0x51].encode(maker)
    assert info == b"US5000\0\0\0\0" + b"\x01\x03" + b"Pylon".ljust(20, b"\0")
    assert COMMANDS[0x51].decode(info) == maker
    basics = {**maker, "serial_numbers": ["K1", "0123456789ABCDEF"]}
    info = COMMANDS[0x60].encode(basics)
    assert info[30:33] == b"\x01\x03\x02"
    assert len(info) == 33 + 2 * 16
    assert COMMANDS[0x60].decode(info) == basics
    serial = {"command_value": 2, "serial_number": "0123456789ABCDEF"}
    assert COMMANDS[0x93].decode(COMMANDS[0x93].encode(serial)) == serial
    software = {"command_value": 2, "maker_version": "1.3", "mainline_version": "2.0.7"}
    assert COMMANDS[0x96].encode(software).hex() == "020103020007"
    assert COMMANDS[0x96].decode(bytes.fromhex("020103020007")) == software


@pytest.mark.parametrize(
    ("celsius", "raw"), [(25.5, 2986), (-12.4, 2607), (0.0, 2731), (-0.1, 2730), (None, 0xFFFF)]
)
def test_temperatures_count_from_2731(celsius: float | None, raw: int) -> None:
    row = Number("t", 2, per=10, zero=2731, optional=True)
    assert row.field(celsius) == raw.to_bytes(2, "big")
    assert row.value(raw.to_bytes(2, "big")) == celsius


def test_a_capacity_of_up_to_65_ah_may_stand_in_two_bytes() -> None:
    pack = {
        "cells_V": [3.3], "temperatures_C": [], "current_A": -4.0, "voltage_V": 3.3, "cycles": 1,
        "user_items": 2, "remaining_Ah": 25.0, "total_Ah": 50.0,
    }  # fmt: skip
    said = {"info_flag": 0, "command_value": 2, "modules": [pack]}
    info = COMMANDS[0x42].encode(said)
    assert info.hex().upper() == "0002" + "010CE4" + "00" + "FFD8" + "0CE4" + "61A802C350" + "0001"
    assert COMMANDS[0x42].decode(info) == said


def test_clones_count_otherwise() -> None:
    limits = {
        "charge_voltage_limit_V": 56.0, "discharge_voltage_limit_V": 44.0,
        "charge_current_limit_A": 25.0, "discharge_current_limit_A": 25.0,
    }  # fmt: skip
    assert COMMANDS[0x63].encode(limits, PYLONTECH)[4:8].hex() == "00fa00fa"
    assert COMMANDS[0x63].encode(limits, TEN_MILLIAMPERES)[4:8].hex() == "09c409c4"
    block = COMMANDS[0x42].decode(parse(body(SAYING[0])).info, PACE)["modules"][1]
    assert (block["current_A"], block["total_Ah"]) == (-0.68, 740.0)


@given(
    size=st.sampled_from([1, 2, 3]),
    per=st.sampled_from([1, 10, 100, 1000]),
    signed=st.booleans(),
    value=st.floats(allow_nan=False, allow_infinity=False),
)
@settings(max_examples=150)
def test_a_number_comes_back_within_half_a_count_or_at_its_border_never_wrapped(
    size: int, per: int, signed: bool, value: float
) -> None:
    row = Number("x", size, per=per, signed=signed)
    back = row.value(row.field(value))
    low, high = (
        (-(1 << 8 * size - 1), (1 << 8 * size - 1) - 1) if signed else (0, (1 << 8 * size) - 1)
    )
    assert back is not None
    wanted = min(max(value, low / per), high / per)
    assert abs(back - wanted) <= 0.5 / per + 1e-9 * abs(wanted)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), None])
def test_what_is_no_number_is_not_sent_as_one(value: float | None) -> None:
    with pytest.raises(ValueError, match="cannot be sent"):
        Number("x", 2).field(value)
    assert Number("x", 2, optional=True).field(value) == b"\xff\xff"


def test_a_value_too_high_to_tell_is_not_told_as_unknown() -> None:
    assert Number("x", 1, optional=True).field(300.0) == b"\xfe"


def test_no_name_stands_twice_in_the_alarm_table() -> None:
    from cellwarden_can_inverter.pylontech_ascii_commands import SYSTEM_FLAGS
    from cellwarden_can_inverter.rs485_alarms import SYSTEM

    names = [name for _, _, name in SYSTEM_FLAGS.bits]
    places = [(byte, bit) for byte, bit, _ in SYSTEM_FLAGS.bits]
    assert len(set(names)) == len(names)
    assert all(a != b for a, b in pairwise(sorted(places)))
    assert {name for name, _ in SYSTEM} == set(names) - {"alarm_cell_temp_inconsistent"}
