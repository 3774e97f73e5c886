"""The JBD codec and `cellwarden decode jbd`."""

import json
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellwarden.cli import main
from cellwarden.errors import CommandRefused, ConfigError, FrameError
from cellwarden.model import PARAMETERS, AlarmKind, Severity
from cellwarden_hardware.codecs import jbd
from cellwarden_hardware.codecs.jbd_table import (
    ALARMS,
    BY_NAME,
    COMMANDS,
    REGISTERS,
    SETTINGS,
    Form,
    date_count,
    date_text,
)
from cellwarden_hardware.codecs.scanner import BadFrame
from cellwarden_hardware.protocol_jbd import JbdProtocol
from support.tools import require_shared
from support.wire import check_cuts, check_row, check_truncations, events, flips, good

ROWS = json.loads(Path(__file__).with_name("jbd_frames.json").read_text())
FRAMES = {row["id"]: bytes.fromhex(row.get("frame_hex", "")) for row in ROWS}
BASIC, CELLS = FRAMES["jbd-4s-basic"], FRAMES["jbd-4s-cells"]
PROTOCOL = JbdProtocol()


# ------------------------------------------------------------------ captures


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["id"])
def test_every_captured_frame_is_shown_as_expected(row: dict[str, object]) -> None:
    check_row(PROTOCOL, row)


@pytest.mark.parametrize("row", [r for r in ROWS if "request_hex" in r], ids=lambda row: row["id"])
def test_a_frame_that_answers_its_request_is_shown_the_same(row: dict[str, object]) -> None:
    check_row(PROTOCOL, row, with_request=True)


@pytest.mark.shared
def test_every_shared_vector_is_shown_as_expected() -> None:
    rows = json.loads(require_shared("vectors", "jbd.json").read_text())
    assert len(rows) >= 17
    for row in rows:
        check_row(PROTOCOL, row)


def test_an_answer_of_another_register_than_the_request_is_refused() -> None:
    with pytest.raises(FrameError, match="04 was asked, 03 came") as caught:
        PROTOCOL.decode([BASIC.hex()], request=jbd.read_request(4))
    assert caught.value.kind == "wrong_frame_type"


def test_a_request_that_is_no_frame_is_the_callers_mistake() -> None:
    with pytest.raises(ConfigError, match="the request is no good frame"):
        PROTOCOL.decode([BASIC.hex()], request=b"\xdd\xa5")


def test_the_command_line_prints_the_kind_of_an_error_and_its_facts(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["decode", "jbd", "dd008100000077", "--json"]) == 1
    told = capsys.readouterr()
    assert json.loads(told.out) == {"error": "device_error", "status": 129}
    assert "refuses register 00 with status 81" in told.err


def test_protections_are_named() -> None:
    (shown,) = PROTOCOL.decode([FRAMES["jbd-sp04s034-cell-overvoltage"].hex()])
    assert shown["protections"] == ["cell overvoltage"]


def test_a_longer_reply_carries_fields_that_are_passed_over() -> None:
    data = jbd.decode_frame(BASIC)
    assert isinstance(data, jbd.Reply)
    longer = jbd.build_reply(3, data.data + b"\x01\x02\x03")
    assert PROTOCOL.decode([longer.hex()]) == PROTOCOL.decode([BASIC.hex()])


@pytest.mark.parametrize(
    ("frame", "shown"),
    [
        (jbd.read_request(3), {"action": "read", "register": 3}),
        (jbd.build_reply(0xE1), {"command": 0xE1, "done": True}),
        (
            jbd.setting_request("cell_ovp", 3.65),
            {
                "action": "write",
                "register": 0x24,
                "data_hex": "0e42",
                "name": "cell_ovp",
                "value": 3.65,
            },
        ),
        (
            jbd.build_reply(0x2D, b"\0\x05"),
            {"command": 0x2D, "function_bits": 5, "functions": ["switch", "balance"]},
        ),
        (
            jbd.build_reply(0xA2, b"\x04AB12"),
            {"command": 0xA2, "barcode": "AB12"},
        ),
        (jbd.build_reply(0x99, b"\1"), {"command": 0x99, "data_hex": "01"}),
        (
            jbd.module_login_request("000000"),
            {"module_command": 0x15, "data_hex": "303030303030"},
        ),
    ],
)
def test_requests_settings_and_modules_are_shown(frame: bytes, shown: dict[str, object]) -> None:
    assert PROTOCOL.decode([frame.hex()]) == [shown]


def test_error_counters_are_named() -> None:
    frame = jbd.build_reply(0xAA, struct.pack(">11H", *range(1, 12)))
    (shown,) = PROTOCOL.decode([frame.hex()])
    assert shown["short_circuit_count"] == 1
    assert shown["cell_ovp_count"] == 4
    assert shown["pack_uvp_count"] == 11


def test_an_echo_before_the_answer_is_left_out() -> None:
    shown = PROTOCOL.decode([jbd.read_request(4).hex(), CELLS.hex()])
    assert [frame["command"] for frame in shown] == [4]


def test_there_is_no_variant_and_nothing_to_encode() -> None:
    with pytest.raises(ConfigError, match="no variant '4S'"):
        PROTOCOL.decode([BASIC.hex()], variant="4S")
    with pytest.raises(CommandRefused, match="nothing to send"):
        PROTOCOL.encode({})
    with pytest.raises(ConfigError, match="no bytes"):
        PROTOCOL.decode([""])
    with pytest.raises(ConfigError, match="is not hex"):
        PROTOCOL.decode(["dd0"])


# ------------------------------------------------------------------ damage


@pytest.mark.parametrize("frame", [BASIC, CELLS, FRAMES["jbd-enter-factory"]], ids=len)
def test_every_truncation_is_incomplete(frame: bytes) -> None:
    check_truncations(jbd.decode_frame, frame)


def test_a_wrong_bit_is_refused_unless_it_is_in_the_register_which_no_sum_covers() -> None:
    for at, wrong in flips(BASIC):
        if at == 1:
            frame = jbd.decode_frame(wrong)
            assert isinstance(frame, jbd.Reply)
            assert frame.register != 3
        else:
            with pytest.raises(FrameError):
                jbd.decode_frame(wrong)


def test_a_wrong_bit_in_a_request_never_makes_another_write() -> None:
    request = FRAMES["jbd-fet-discharge-off"]
    for at, wrong in flips(request):
        if at == 1:
            # Neither read nor write: it looks like a reply with status E1.
            with pytest.raises(FrameError):
                jbd.decode_frame(wrong)
        else:
            with pytest.raises(FrameError):
                jbd.decode_frame(wrong)


def test_a_bms_that_refuses_is_told_with_its_status() -> None:
    with pytest.raises(FrameError, match="refuses register 05 with status 80") as caught:
        jbd.decode_frame(jbd.build_reply(5, status=0x80))
    assert caught.value.kind == "device_error"
    assert caught.value.facts == {"status": 0x80}


@pytest.mark.parametrize(
    ("frame", "kind"),
    [
        (b"", "incomplete"),
        (b"\xdc" + BASIC[1:], "header"),
        (BASIC[:-1] + b"\x76", "tail"),
        (BASIC + b"\0", "length"),
    ],
)
def test_damage_has_its_kind(frame: bytes, kind: str) -> None:
    with pytest.raises(FrameError) as caught:
        jbd.decode_frame(frame)
    assert caught.value.kind == kind


@pytest.mark.parametrize(
    ("register", "data"),
    [(3, bytes(22)), (3, bytes(22) + b"\x02" + bytes(3)), (4, b""), (4, bytes(3)), (0xAA, b"\0"),
     (0x24, b"\1"), (0xA0, b"\5ab")],
)  # fmt: skip
def test_data_that_do_not_fit_their_register_are_a_wrong_length(register: int, data: bytes) -> None:
    if register == 0xA0 or data:
        with pytest.raises(FrameError) as caught:
            PROTOCOL.decode([jbd.build_reply(register, data).hex()])
        assert caught.value.kind == "length"
    else:
        with pytest.raises(FrameError):
            jbd.decode_cells(data)


def test_how_a_stream_is_cut_makes_no_difference() -> None:
    module = jbd.module_login_request("123456")
    stream = b"\x00\xff" + BASIC + b"\xff" + module + CELLS[:9] + BASIC + b"\xdd\x03"
    check_cuts(jbd.FRAMING, stream)
    assert len(good(events(jbd.FRAMING, stream))) == 3


def test_a_good_frame_after_a_bad_one_is_found() -> None:
    wrong = BASIC[:10] + bytes((BASIC[10] ^ 1,)) + BASIC[11:]
    bad, frame = events(jbd.FRAMING, wrong + CELLS)
    assert isinstance(bad, BadFrame)
    assert bad.kind == "checksum"
    assert frame == jbd.decode_frame(CELLS)


@given(st.lists(st.binary(min_size=1, max_size=60), min_size=1, max_size=4))
def test_random_bytes_give_only_frame_errors(chunks: list[bytes]) -> None:
    with pytest.raises(FrameError):
        PROTOCOL.decode([chunk.hex() for chunk in chunks])


@given(st.binary(max_size=80).map(lambda tail: b"\xdd" + tail))
def test_random_frames_give_only_frame_errors_or_values(data: bytes) -> None:
    for event in events(jbd.FRAMING, data):
        assert isinstance(event, BadFrame | jbd.Reply | jbd.Request | jbd.Module)


# ------------------------------------------------------------------ both directions

CENTI = st.integers(0, 65535).map(lambda count: count / 100)

BASICS = st.builds(
    jbd.Basic,
    voltage=CENTI,
    current=st.integers(-32768, 32767).map(lambda count: count / 100),
    remaining_capacity=CENTI,
    nominal_capacity=CENTI,
    cycle_count=st.integers(0, 65535),
    production_date_raw=st.integers(0, 65535),
    balance_mask=st.integers(0, 2**32 - 1),
    alarms=st.integers(0, 65535),
    software_version_raw=st.integers(0, 255),
    soc=st.integers(0, 255),
    charge_mos=st.booleans(),
    discharge_mos=st.booleans(),
    cell_count=st.integers(0, 255),
    temperatures=st.lists(
        st.integers(0, 65535).map(lambda count: (count - 2731) / 10), max_size=16
    ).map(tuple),
)


@given(BASICS)
def test_basic_information_goes_there_and_back(basic: jbd.Basic) -> None:
    frame = jbd.decode_frame(jbd.build_reply(3, jbd.build_basic(basic)))
    assert isinstance(frame, jbd.Reply)
    assert jbd.decode_basic(frame.data) == basic


@given(st.lists(st.integers(0, 65535).map(lambda mv: mv / 1000), min_size=1, max_size=32))
def test_cells_go_there_and_back(cells: list[float]) -> None:
    frame = jbd.decode_frame(jbd.build_reply(4, jbd.build_cells(cells)))
    assert isinstance(frame, jbd.Reply)
    assert list(jbd.decode_cells(frame.data)) == cells


@given(st.booleans(), st.integers(0, 255), st.binary(max_size=40))
def test_requests_go_there_and_back(write: bool, register: int, data: bytes) -> None:
    if write:
        raw, expected = jbd.write_request(register, data), data
    else:
        raw, expected = jbd.read_request(register), b""
    assert jbd.decode_frame(raw) == jbd.Request(write=write, register=register, data=expected)


@given(
    st.sampled_from([r for r in SETTINGS if r.form is not Form.TEXT]),
    st.binary(min_size=2, max_size=2),
)
def test_settings_go_there_and_back(row: object, data: bytes) -> None:
    value = row.value(data)
    if value is not None:  # a date that is none
        assert row.data(value) == data


def test_the_captured_commands_are_built_to_the_byte() -> None:
    assert jbd.mos_request(charge=True, discharge=False) == FRAMES["jbd-fet-discharge-off"]
    assert jbd.enter_factory_request() == FRAMES["jbd-enter-factory"]
    assert jbd.password_request("333333") == FRAMES["jbd-password-333333"]
    assert jbd.leave_factory_request(save=True).hex() == "dd5a01022828ffad77"
    assert jbd.leave_factory_request(save=False).hex() == "dd5a01020000fffd77"
    assert [jbd.read_request(r).hex() for r in (3, 4, 5)] == [
        "dda50300fffd77",
        "dda50400fffc77",
        "dda50500fffb77",
    ]


@pytest.mark.parametrize(
    ("charge", "discharge", "sent"),
    [(True, True, 0), (False, True, 1), (True, False, 2), (False, False, 3)],
)
def test_the_mos_command_says_what_is_off(charge: bool, discharge: bool, sent: int) -> None:
    request = jbd.decode_frame(jbd.mos_request(charge=charge, discharge=discharge))
    assert isinstance(request, jbd.Request)
    assert request.data == bytes((0, sent))
    assert jbd.mos_of(request.data) == (charge, discharge)


def test_a_module_login_is_built_and_its_answer_understood() -> None:
    assert jbd.module_login_request("123456").hex() == "ffaa1506313233343536" + "50"
    good_answer = jbd.decode_frame(bytes.fromhex("ffaa15010016"))
    bad_answer = jbd.decode_frame(bytes.fromhex("ffaa15010117"))
    assert isinstance(good_answer, jbd.Module)
    assert isinstance(bad_answer, jbd.Module)
    assert jbd.module_login_good(good_answer)
    assert not jbd.module_login_good(bad_answer)
    with pytest.raises(FrameError):
        jbd.decode_frame(bytes.fromhex("ffaa15010117"[:-2] + "18"))


def test_a_password_is_never_shown() -> None:
    request = jbd.decode_frame(jbd.password_request("987654"))
    module = jbd.decode_frame(jbd.module_login_request("987654"))
    assert "9" not in repr(request) + repr(module)
    with pytest.raises(CommandRefused, match="six digits") as caught:
        jbd.password_request("98765x")
    assert "98765x" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"), [("cell_ovp", 70.0), ("cell_ovp", "high"), ("cell_ovp", -1)]
)
def test_what_a_register_cannot_carry_is_refused(name: str, value: object) -> None:
    with pytest.raises(CommandRefused):
        jbd.setting_request(name, value)


# ------------------------------------------------------------------ the tables


@pytest.mark.parametrize(
    ("name", "data", "value"),
    [
        ("design_capacity", "6d60", 280.0),
        ("charge_otp", "0cb7", 52.4),
        ("charge_utp", "0a47", -10.0),
        ("pack_ovp", "05b4", 14.6),
        ("cell_uvp", "09c4", 2.5),
        ("charge_ocp", "3a98", 150.0),
        ("discharge_ocp", "c568", 150.0),
        ("shunt_resistance", "000a", 0.001),
        ("production_date", "2c7c", "2022-03-28"),
        ("manufacturer", "034a4244", "JBD"),
    ],
)
def test_settings_have_their_scale(name: str, data: str, value: object) -> None:
    row = BY_NAME[name]
    assert row.value(bytes.fromhex(data)) == value
    assert row.data(value).hex() == data


def test_registers_and_names_are_unique_and_parameters_exist() -> None:
    assert len(REGISTERS) == len(SETTINGS) == len(BY_NAME)
    assert not REGISTERS.keys() & COMMANDS.keys()
    assert {row.parameter for row in SETTINGS if row.parameter} <= {p.name for p in PARAMETERS}


def test_every_protection_bit_is_an_alarm_that_blocks() -> None:
    assert [row.bit for row in ALARMS.rows] == list(range(12))
    alarms = list(ALARMS.alarms_of(0x0FFF))
    assert len(alarms) == 12
    assert all(a.severity is Severity.PROTECTION for a in alarms)
    assert all(a.blocks_charge or a.blocks_discharge for a in alarms)
    assert [a.kind for a in ALARMS.alarms_of(1 << 10)] == [AlarmKind.SHORT_CIRCUIT]
    assert list(ALARMS.alarms_of(0xF000)) == []


def test_dates_that_were_never_set_are_none() -> None:
    assert date_text(0) is None
    assert date_text(date_count("2127-12-31")) == "2127-12-31"
    for text in ("1999-01-01", "2024-13-01", "2024-01-32"):
        with pytest.raises(ValueError, match="not a date"):
            date_count(text)
