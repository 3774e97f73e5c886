"""The Daly codecs (A5 and D2) and `cellwarden decode daly`."""

import json
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellwarden.errors import CommandRefused, ConfigError, FrameError
from cellwarden.model import AlarmKind, Severity
from cellwarden_hardware.codecs import daly, daly_d2
from cellwarden_hardware.codecs import daly_table as table
from cellwarden_hardware.codecs.crc import crc16_modbus
from cellwarden_hardware.codecs.daly_table import FAULT_WORD, FIELDS, faults_of
from cellwarden_hardware.codecs.scanner import BadFrame
from cellwarden_hardware.protocol_daly import DalyProtocol
from support.tools import require_shared
from support.wire import check_cuts, check_row, check_truncations, events, flips, good

ROWS = json.loads(Path(__file__).with_name("daly_frames.json").read_text())
FRAMES = {row["id"]: bytes.fromhex(row["frame_hex"]) for row in ROWS}
SUMS, CELLS, STATE = FRAMES["daly-90-0"], FRAMES["daly-95-0"], FRAMES["daly-d2-info"]
PROTOCOL = DalyProtocol()


def replies(frames: bytes) -> list[daly.Reply]:
    return [event for event in events(daly.FRAMING, frames) if isinstance(event, daly.Reply)]


def show(frame: bytes, request: bytes | None = None) -> dict[str, object]:
    (shown,) = PROTOCOL.decode([frame.hex()], request=request)
    return shown


# ------------------------------------------------------------------ captures


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["id"])
def test_every_captured_frame_is_shown_as_expected(row: dict[str, object]) -> None:
    check_row(PROTOCOL, row)


@pytest.mark.parametrize("row", [r for r in ROWS if "request_hex" in r], ids=lambda row: row["id"])
def test_a_frame_that_answers_its_request_is_shown_the_same(row: dict[str, object]) -> None:
    check_row(PROTOCOL, row, with_request=True)


@pytest.mark.shared
def test_every_shared_vector_is_shown_as_expected() -> None:
    rows = json.loads(require_shared("vectors", "daly.json").read_text())
    assert len(rows) >= 13
    for row in rows:
        check_row(PROTOCOL, row)


def test_an_answer_to_another_command_is_refused() -> None:
    with pytest.raises(FrameError, match="93 was asked, 90 came") as caught:
        show(SUMS, daly.request(0x93))
    assert caught.value.kind == "wrong_frame_type"


def test_several_frames_in_one_notification_are_split() -> None:
    shown = PROTOCOL.decode([(FRAMES["daly-91-0"] + FRAMES["daly-94-0"]).hex()])
    assert [frame["command"] for frame in shown] == [0x91, 0x94]


def test_an_echo_is_left_out_and_alone_it_is_a_request() -> None:
    request = daly.request(0x90, fill=0xAA)
    assert show(request + SUMS)["voltage"] == 52.8
    assert show(request) == {"command": 0x90, "host_address": 0x40, "data_hex": "aa" * 8}


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        (daly.build_reply(0x50, bytes.fromhex("000445c000000c80")),
         {"command": 0x50, "board": 1, "rated_capacity": 280.0, "nominal_cell_voltage": 3.2}),
        (daly.build_reply(0x53, bytes.fromhex("000118081a0e1000")),
         {"command": 0x53, "board": 1, "battery_type_raw": 1, "production_date": "2024-08-26",
          "sleep_time_raw": 3600}),
        (daly.build_reply(0x92, bytes.fromhex("4001250200000000")),
         {"command": 0x92, "board": 1, "temperature_max": 24, "temperature_max_number": 1,
          "temperature_min": -3, "temperature_min_number": 2}),
        (daly.build_reply(0x97, bytes.fromhex("0580000000000000")),
         {"command": 0x97, "board": 1, "balance_mask": 0x8005}),
        (daly.build_reply(0x98, bytes.fromhex("0200000000000107")),
         {"command": 0x98, "board": 1, "alarms": 0x01_00_00_00_00_00_02, "fault_code": 7,
          "faults": ["cell voltage high level 2", "current module"]}),
        (daly.build_reply(0xDA, b"\1"),
         {"command": 0xDA, "board": 1, "value_raw": 1, "charge": True}),
        (daly.mos_request(0xD9, on=False, board=3),
         {"command": 0xD9, "host_address": 0x42, "value_raw": 0, "discharge": False}),
        (daly.build_reply(0x21, b"\1", board=2), {"command": 0x21, "board": 2, "value_raw": 1}),
        (daly.build_reply(0x60, b"\1\2"),
         {"command": 0x60, "board": 1, "data_hex": "0102000000000000"}),
        (daly.build_series(0x57, b"ABC-0042 of a customer", frames=5),
         {"command": 0x57, "board": 1, "frame_numbers": [1, 2, 3, 4, 5],
          "battery_code": "ABC-0042 of a customer"}),
    ],
    ids=lambda value: value.hex() if isinstance(value, bytes) else "",
)  # fmt: skip
def test_what_no_capture_has_is_shown_by_the_documents(
    data: bytes, shown: dict[str, object]
) -> None:
    assert show(data) == shown


def test_the_clock_is_set_together_with_the_soc() -> None:
    values = {
        "year": 2026, "month": 11, "day": 23, "hour": 16, "minute": 30, "second": 5, "soc": 87.5,
    }  # fmt: skip
    request = daly.clock_and_soc_request(values)
    assert request[4:12].hex() == "1a0b17101e05036b"
    assert show(request) == {"command": 0x21, "host_address": 0x40, **values}


def test_variants_may_be_named() -> None:
    assert PROTOCOL.decode([SUMS.hex()], variant="A5") == PROTOCOL.decode([SUMS.hex()])
    assert PROTOCOL.decode(["00" + STATE.hex()], variant="d2")[0]["soc"] == 90.0
    with pytest.raises(ConfigError, match="no variant 'd3', only a5 and d2"):
        PROTOCOL.decode([SUMS.hex()], variant="d3")


def test_there_is_nothing_to_encode() -> None:
    with pytest.raises(CommandRefused, match="nothing to send"):
        PROTOCOL.encode({})
    with pytest.raises(ConfigError, match="no bytes"):
        PROTOCOL.decode([""])


# ------------------------------------------------------------------ damage


@pytest.mark.parametrize("frame", [SUMS, FRAMES["daly-cmd-charge-off"]])
def test_every_truncation_is_incomplete(frame: bytes) -> None:
    check_truncations(daly.decode_frame, frame)


def test_every_wrong_bit_is_refused() -> None:
    for _, wrong in flips(SUMS):
        with pytest.raises(FrameError):
            daly.decode_frame(wrong)


def test_an_address_that_is_nobodys_is_refused() -> None:
    for address in (0, 17, 0x30, 0x50, 0xFF):
        with pytest.raises(FrameError) as caught:
            daly.decode_frame(daly.build_frame(address, 0x90, b""))
        assert caught.value.kind == "wrong_address"


def test_how_a_stream_is_cut_makes_no_difference() -> None:
    stream = b"\x00\xa5" + SUMS + CELLS[:40] + SUMS + b"\xa5\x01\x90\x08\x00"
    check_cuts(daly.FRAMING, stream)
    assert len(good(events(daly.FRAMING, stream))) == 5


@given(st.lists(st.binary(min_size=1, max_size=60), min_size=1, max_size=4))
def test_random_bytes_give_only_frame_errors(chunks: list[bytes]) -> None:
    with pytest.raises(FrameError):
        PROTOCOL.decode([chunk.hex() for chunk in chunks])


@given(st.integers(0, 255), st.binary(min_size=8, max_size=8), st.integers(1, 16))
def test_any_data_of_any_command_give_values_or_frame_errors(
    command: int, data: bytes, board: int
) -> None:
    try:
        shown = show(daly.build_reply(command, data, board=board))
    except FrameError:
        assert command in table.SEVERAL_FRAMES
    else:
        assert shown["command"] == command
        assert shown["board"] == board


# ------------------------------------------------------------------ series


def test_cells_are_cut_to_their_count() -> None:
    series = daly.series(replies(CELLS))
    assert series.cell_voltages_v(4) == (3.325, 3.326, 3.326, 3.326)
    assert len(series.cell_voltages_v(16)) == 16


def test_temperatures_are_cut_to_their_count() -> None:
    series = daly.series(replies(FRAMES["daly-96-0"]))
    assert series.temperatures_c(1) == (15,)


@pytest.mark.parametrize("first", [0, 1])
def test_frames_are_put_in_order_by_their_number(first: int) -> None:
    payload = struct.pack(">7H", 3301, 3302, 3303, 3304, 3305, 3306, 3307)
    frames = replies(daly.build_series(table.CELLS, payload, first=first))
    expected = (3.301, 3.302, 3.303, 3.304, 3.305, 3.306, 3.307)
    assert daly.series(frames[::-1]).cell_voltages_v(7) == expected
    assert daly.series([*frames, frames[1]]).cell_voltages_v(7) == expected
    assert daly.series(frames, first).cell_voltages_v(7) == expected


def test_a_frame_that_is_missing_is_noticed_where_it_was() -> None:
    frames = replies(CELLS)[:6]
    for missing in range(6):
        rest = frames[:missing] + frames[missing + 1 :]
        with pytest.raises(FrameError) as caught:
            daly.series(rest, 1).cell_voltages_v(16)
        assert caught.value.kind == "incomplete"
    with pytest.raises(FrameError):
        daly.series([])


def test_the_first_frame_is_missed_even_if_its_number_would_fit_the_other_way_to_count() -> None:
    payload = struct.pack(">9H", *range(3301, 3310))
    frames = replies(daly.build_series(table.CELLS, payload, first=0))
    with pytest.raises(FrameError):
        daly.series(frames[1:], 0)


def test_two_frames_of_one_number_that_differ_are_refused() -> None:
    frames = replies(daly.build_series(table.CELLS, bytes(12)))
    other = daly.Reply(board=1, command=table.CELLS, data=b"\x01" + b"\x0c" * 7)
    with pytest.raises(FrameError, match="not alike"):
        daly.series([*frames, other])


def test_invalid_values_are_none_and_invalid_frames_are_left_out() -> None:
    frames = replies(daly.build_series(table.CELLS, bytes.fromhex("0ce4ffff0ce6")))
    invalid = daly.Reply(board=1, command=table.CELLS, data=b"\xff" * 8)
    assert daly.series([*frames, invalid]).cell_voltages_v(3) == (3.3, None, 3.302)
    sensors = replies(daly.build_series(table.TEMPERATURES, b"\x41\xff"))
    assert daly.series(sensors).temperatures_c(2) == (25, None)


@pytest.mark.parametrize(("command", "count"), [(0x95, 6), (0x96, 1), (0x57, 5), (0x90, 1)])
def test_how_many_frames_are_needed(command: int, count: int) -> None:
    assert daly.frame_count(command, cells=16, sensors=2) == count


@given(st.lists(st.integers(0, 65534), min_size=1, max_size=48), st.integers(0, 1))
def test_cells_go_there_and_back(cells_mv: list[int], first: int) -> None:
    payload = struct.pack(f">{len(cells_mv)}H", *cells_mv)
    frames = replies(daly.build_series(table.CELLS, payload, first=first))
    back = daly.series(frames).cell_voltages_v(len(cells_mv))
    assert back == tuple(mv / 1000 for mv in cells_mv)


# ------------------------------------------------------------------ both directions


@given(st.sampled_from(sorted(FIELDS)), st.data())
def test_rows_of_numbers_go_there_and_back(command: int, data: st.DataObject) -> None:
    values = {}
    for row in FIELDS[command]:
        if row.words:
            values[row.name] = data.draw(st.sampled_from(row.words))
        elif row.code == "?":
            values[row.name] = data.draw(st.booleans())
        else:
            most = {"B": 255, "H": 65535, "I": 2**32 - 1}[row.code]
            count = data.draw(st.integers(0, most)) - row.zero
            values[row.name] = count if row.per == 1 else count / row.per
    if command in (table.CHARGE_MOS, table.DISCHARGE_MOS):
        values["value_raw"] = int(values["charge" if command == table.CHARGE_MOS else "discharge"])
    assert daly.values_of(command, daly.build_values(command, values)) == values


def test_the_captured_requests_are_built_to_the_byte() -> None:
    assert daly.request(0x90) == FRAMES["daly-cmd-soc"]
    assert daly.mos_request(table.CHARGE_MOS, on=False) == FRAMES["daly-cmd-charge-off"]
    assert daly.request(0x90, board=3)[1] == 0x42
    for row in ROWS:
        if "request_hex" in row and row["request_hex"].startswith("a5"):
            command = row["expected"]["command"]
            assert daly.request(command).hex() == row["request_hex"]


# ------------------------------------------------------------------ the fault table


def test_every_fault_bit_is_named_once_and_warns_before_it_blocks() -> None:
    bits = [row.bit for row in FAULT_WORD.rows]
    assert len(set(bits)) == len(bits)
    assert set(range(28)) | set(range(32, 52)) == set(bits)
    for row in FAULT_WORD.rows:
        if row.alarm is not None and "level 1" in row.text:
            assert row.alarm.severity is Severity.WARNING
            assert not row.alarm.blocks_charge
            assert not row.alarm.blocks_discharge


def test_level_2_blocks_the_direction_that_hurts() -> None:
    (alarm,) = FAULT_WORD.alarms_of(1 << 3)
    assert alarm.kind is AlarmKind.CELL_UNDERVOLTAGE
    assert (alarm.blocks_charge, alarm.blocks_discharge) == (False, True)
    (alarm,) = FAULT_WORD.alarms_of(1 << 51)  # byte 6 bit 3
    assert (alarm.blocks_charge, alarm.blocks_discharge) == (True, False)


def test_a_full_battery_is_no_alarm_but_stays_named() -> None:
    assert list(FAULT_WORD.alarms_of(3 << 20)) == []
    assert list(faults_of(3 << 20)) == ["SOC high level 1", "SOC high level 2"]


# ------------------------------------------------------------------ the D2 dialect


def test_the_block_of_the_state_has_its_details() -> None:
    shown = show(STATE, daly_d2.read_request(daly_d2.STATE))
    assert shown["cell_count"] == 4
    assert shown["cell_voltage_max"] == 4.157
    assert shown["alarms"] == 0


def test_other_blocks_are_known_by_their_length_or_request() -> None:
    mos = daly_d2.build_reply(bytes(8) + b"\x00\x41" + bytes(8))
    assert show(mos) == {"mos_temperature": 25}
    none = daly_d2.build_reply(bytes(8) + b"\xff\xff" + bytes(8))
    assert show(none, daly_d2.read_request(daly_d2.MOS_TEMPERATURE)) == {"mos_temperature": None}
    versions = daly_d2.build_reply(b"NK_1.0".ljust(16, b"\0") + b"DL-R16".ljust(48, b"\0"))
    assert show(versions) == {"software_version": "NK_1.0", "hardware_version": "DL-R16"}
    assert show(daly_d2.build_reply(b"\1\2")) == {"data_hex": "0102"}


def test_d2_requests_are_built_and_shown() -> None:
    assert daly_d2.read_request(daly_d2.STATE).hex() == "d2030000003ed7b9"
    assert daly_d2.read_request(daly_d2.MOS_TEMPERATURE).hex() == "d203003e0009f7a3"
    assert daly_d2.read_request(daly_d2.VERSIONS).hex() == "d20300a900208791"
    assert show(daly_d2.read_request(daly_d2.STATE)) == {
        "action": "read", "register": 0, "words": 62,
    }  # fmt: skip
    written = b"\xd2\x06\x00\xa5\x00\x01"
    written += crc16_modbus(written).to_bytes(2, "little")
    assert show(written) == {"action": "write", "register": 0xA5, "value_raw": 1}


def test_a_d2_answer_of_another_size_than_asked_is_refused() -> None:
    with pytest.raises(FrameError) as caught:
        show(STATE, daly_d2.read_request(daly_d2.VERSIONS))
    assert caught.value.kind == "length"


def test_a_d2_refusal_carries_its_code() -> None:
    refused = b"\xd2\x83\x02"
    refused += crc16_modbus(refused).to_bytes(2, "little")
    with pytest.raises(FrameError) as caught:
        show(refused)
    assert (caught.value.kind, caught.value.facts) == ("modbus_exception", {"code": 2})


def test_d2_damage_has_its_kind() -> None:
    check_truncations(daly_d2.decode_frame, STATE)
    for at, wrong in flips(STATE):
        with pytest.raises(FrameError) as caught:
            daly_d2.decode_frame(wrong)
        if at >= 3:
            assert caught.value.kind == "crc"
    check_cuts(daly_d2.FRAMING, b"\x00\xd2" + STATE + STATE[:30] + daly_d2.read_request((0, 62)))


def test_an_unknown_d2_function_is_named() -> None:
    with pytest.raises(FrameError, match="function 10") as caught:
        show(b"\xd2\x10\x00\x00\x00\x01\x00\x00")
    assert caught.value.kind == "unknown_frame_type"


def test_d2_counts_that_cannot_be_are_refused() -> None:
    data = bytearray(STATE[3:-2])
    data[99] = 33
    with pytest.raises(FrameError, match="33 cells"):
        show(daly_d2.build_reply(bytes(data)))


@given(st.binary(max_size=80).map(lambda tail: b"\xd2" + tail))
def test_random_d2_frames_give_only_events(data: bytes) -> None:
    for event in events(daly_d2.FRAMING, data):
        assert isinstance(event, BadFrame | daly_d2.Request | daly_d2.Write | daly_d2.Reply)
