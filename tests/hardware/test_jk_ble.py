"""The codec of JK's Bluetooth frames: layouts, streams, damage, and back to bytes."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellwarden.errors import CommandRefused, FrameError
from cellwarden_hardware.codecs import jk_ble
from cellwarden_hardware.codecs import jk_ble_cells as cells
from cellwarden_hardware.codecs.jk_ble_alarms import LOG_CODES, log_text
from cellwarden_hardware.codecs.jk_ble_cells import CellInfo, Layout, read_cells
from cellwarden_hardware.codecs.jk_ble_device import DEVICE_32S, layout_of
from cellwarden_hardware.codecs.jk_ble_fields import Block, Field, text
from cellwarden_hardware.codecs.jk_ble_settings import CONTROL_BITS, SETTINGS
from cellwarden_hardware.codecs.scanner import BadFrame
from cellwarden_hardware.codecs.text import made_on
from support.jk_frames import frame, rows

CELL_32S = frame("jk_ble", "ble-32s-pb-1538-cell")
CELL_24S = frame("jk_ble", "ble-24s-b1a20s15p-1007-cell")
CELL_JK04 = frame("jk_ble", "ble-jk04-b2a16s-cell")
DEVICE = frame("jk_ble", "ble-32s-pb-1538-devinfo")
SETTING = frame("jk_ble", "ble-32s-b2a8s20p-1117-settings")
LOGBOOK = frame("jk_ble", "ble-32s-logbook")
READY = frame("jk_ble", "ble-ready-ack")
AT = b"AT\r\n"


def changed(whole: bytes, at: int, data: bytes) -> bytes:
    """Return the frame with other bytes and a sum that fits."""
    counted = bytearray(whole[:-1])
    counted[at : at + len(data)] = data
    return bytes(counted) + bytes((sum(counted) & 0xFF,))


def names(events: list[jk_ble.Event]) -> list[str]:
    return [e.kind if isinstance(e, BadFrame) else type(e).__name__ for e in events]


# ------------------------------------------------------------------ which layout


@pytest.mark.parametrize(
    ("model", "software", "layout"),
    [
        ("JK-B2A16S", "3.3.0", Layout.JK04),
        ("JK-B5A24S", "8.0.3M", Layout.JK04),
        ("JK-BD6A17S6P", "7.1.0H", Layout.JK02_24S),
        ("JK-B1A20S15P", "10.07", Layout.JK02_24S),
        ("JK_B2A8S20P", "11.17", Layout.JK02_32S),
        ("JK_PB2A16S20P", "19.05", Layout.JK02_32S),
        ("JK_B2A8S20P", "", None),
        ("JK_B2A8S20P", "2.0", None),
        ("JK_B2A8S20P", "beta", None),
    ],
)
def test_model_and_software_tell_the_layout(
    model: str, software: str, layout: Layout | None
) -> None:
    assert layout_of(model, software) is layout


def test_nothing_is_read_before_the_layout_is_known() -> None:
    decoder = jk_ble.Decoder()
    assert decoder.feed(CELL_32S + SETTING) == [
        jk_ble.Unread(counter=0xAC, type=jk_ble.FrameType.CELL_INFO),
        jk_ble.Unread(counter=0x8B, type=jk_ble.FrameType.SETTINGS),
    ]
    assert names(decoder.feed(DEVICE + CELL_32S)) == ["DeviceInfo", "Cells"]
    assert decoder.layout is Layout.JK02_32S


def test_a_device_that_is_not_known_leaves_its_frames_unread() -> None:
    decoder = jk_ble.Decoder()
    unknown = changed(DEVICE, 30, b"beta\0")
    assert names(decoder.feed(unknown + CELL_32S)) == ["DeviceInfo", "Unread"]


@pytest.mark.parametrize(
    ("whole", "layout"),
    [
        (CELL_32S, Layout.JK02_24S),
        (CELL_24S, Layout.JK02_32S),
        (CELL_32S, Layout.JK04),
        (CELL_24S, Layout.JK04),
        (CELL_JK04, Layout.JK02_24S),
        (CELL_JK04, Layout.JK02_32S),
    ],
)
def test_a_frame_of_another_layout_is_refused(whole: bytes, layout: Layout) -> None:
    with pytest.raises(FrameError) as caught:
        read_cells(whole, layout)
    assert caught.value.kind == "wrong_frame_type"


# ------------------------------------------------------------------ cell information


def test_a_captured_frame_decodes() -> None:
    (event,) = jk_ble.Decoder(Layout.JK02_32S).feed(CELL_32S)
    assert isinstance(event, jk_ble.Cells)
    info = event.info
    assert (event.counter, event.layout) == (0xAC, Layout.JK02_32S)
    assert info.cell_voltages_v[:3] == (3.333, 3.326, 3.326)
    assert len(info.cell_voltages_v) == len(info.wire_resistances_ohm) == 16
    assert (info.cell_max_number, info.cell_min_number) == (16, 13)
    assert (info.voltage_v, info.current_a) == (53.224, 31.881)
    assert (info.temperature_1_c, info.temperature_2_c, info.mos_temperature_c) == (
        13.4,
        12.8,
        12.9,
    )
    assert (info.soc_percent, info.soh_percent, info.alarms) == (25, 100, 0)
    assert (info.remaining_capacity_ah, info.full_capacity_ah) == (49.286, 200.0)
    assert (info.charge_mos, info.discharge_mos, info.heating) == (True, True, False)
    assert info.runtime_s == 24530060


def test_what_only_32s_has_is_unknown_in_24s() -> None:
    info = read_cells(CELL_24S, Layout.JK02_24S)
    assert info.system_ticks_s is None
    assert info.charge_status is None
    assert info.current_a == -2.4
    assert info.soc_percent == 97


def test_jk04_knows_neither_current_nor_soc() -> None:
    info = read_cells(CELL_JK04, Layout.JK04)
    assert info.current_a is None
    assert info.soc_percent is None
    assert info.voltage_v == pytest.approx(53.691, abs=0.001)
    assert len(info.cell_voltages_v) == 16


def test_a_gap_in_the_cells_is_an_unknown_cell() -> None:
    # cell 2 is not there: nor has it a voltage
    gap = changed(changed(CELL_32S, 70, b"\xfd\xff\x00\x00"), 8, b"\0\0")
    info = read_cells(gap, Layout.JK02_32S)
    assert info.cell_voltages_v[:3] == (3.333, None, 3.326)
    assert info.wire_resistances_ohm[1] is None


def test_a_cell_that_is_there_may_have_no_voltage() -> None:
    broken = changed(CELL_32S, 8, b"\0\0")
    assert read_cells(broken, Layout.JK02_32S).cell_voltages_v[1] == 0.0


def test_a_sensor_that_is_not_there_is_unknown() -> None:
    absent = changed(CELL_32S, 162, struct.pack("<h", -2000))
    info = read_cells(absent, Layout.JK02_32S)
    assert info.temperature_1_c is None
    assert info.temperature_2_c == 12.8


def test_a_current_that_looks_like_an_absent_sensor_is_a_current() -> None:
    strong = changed(CELL_32S, 158, struct.pack("<i", -200_000))
    assert read_cells(strong, Layout.JK02_32S).current_a == -200.0


def test_temperatures_below_nought_are_plain_numbers() -> None:
    cold = changed(CELL_32S, 162, struct.pack("<hh", -31, -1))
    info = read_cells(cold, Layout.JK02_32S)
    assert (info.temperature_1_c, info.temperature_2_c) == (-3.1, -0.1)


@pytest.mark.parametrize(("at", "byte"), [(173, 101), (172, 3), (78, 32), (79, 255)])
def test_impossible_values_are_refused_even_if_the_sum_fits(at: int, byte: int) -> None:
    with pytest.raises(FrameError) as caught:
        read_cells(changed(CELL_32S, at, bytes((byte,))), Layout.JK02_32S)
    assert caught.value.kind == "checksum"


def test_all_32_cells_and_all_24_fit() -> None:
    full = changed(changed(CELL_32S, 6, b"\xe4\x0c" * 32), 70, b"\xff" * 4)
    assert read_cells(full, Layout.JK02_32S).cell_voltages_v == (3.3,) * 32
    full = changed(changed(CELL_24S, 6, b"\xe4\x0c" * 24), 54, b"\xff\xff\xff\x00")
    assert read_cells(full, Layout.JK02_24S).cell_voltages_v == (3.3,) * 24


def test_more_cells_than_the_layout_has_are_refused() -> None:
    with pytest.raises(FrameError, match="another layout"):
        read_cells(changed(CELL_24S, 54, b"\xff\xff\xff\x01"), Layout.JK02_24S)


# ------------------------------------------------------------------ tables


def test_the_names_of_the_tables_are_the_fields_of_the_type() -> None:
    assert len(cells.NAMES) == len(CellInfo._fields) == len(set(cells.NAMES))
    for name, field in zip(cells.NAMES, CellInfo._fields, strict=True):
        assert field.startswith(name), (field, name)


def test_places_of_24s_are_those_of_the_sheet() -> None:
    fields = {field.name: field for field in cells._READERS[Layout.JK02_24S].block.fields}
    assert {name: fields[name].at for name in (
        "cell_mask", "cell_voltage_average", "wire_resistances", "wire_warning_mask", "voltage",
        "current", "temperature_1", "mos_temperature", "alarms", "balance_current", "soc",
        "cycle_capacity", "charge_mos", "temperature_sensor_present", "heating",
        "voltage_correction", "heating_current", "charger_plugged", "temperature_at_254",
        "time_until_sleep", "parallel_limiter",
    )} == {
        "cell_mask": 54, "cell_voltage_average": 58, "wire_resistances": 64,
        "wire_warning_mask": 114, "voltage": 118, "current": 126, "temperature_1": 130,
        "mos_temperature": 134, "alarms": 136, "balance_current": 138, "soc": 141,
        "cycle_capacity": 154, "charge_mos": 166, "temperature_sensor_present": 182,
        "heating": 183, "voltage_correction": 194, "heating_current": 204,
        "charger_plugged": 213, "temperature_at_254": 222, "time_until_sleep": 238,
        "parallel_limiter": 242,
    }  # fmt: skip


def test_overlapping_fields_are_refused() -> None:
    with pytest.raises(ValueError, match="second overlaps"):
        Block((Field(at=6, code="I", name="first"), Field(at=8, code="H", name="second")))


def test_a_text_ends_at_its_first_nul_and_is_printable() -> None:
    assert text(b"JK\0garbage") == "JK"
    assert text(b" \x1b[2J\xff ") == "?[2J?"


def test_settings_of_both_integer_layouts_share_their_fields() -> None:
    old = {f.name: f.at for f in SETTINGS[Layout.JK02_24S].fields if f.at < 142}
    new = {f.name: f.at for f in SETTINGS[Layout.JK02_32S].fields if f.at < 142}
    assert old == new
    assert len(new) == 34


@pytest.mark.parametrize(
    ("told", "date"),
    [
        ("240516", "2024-05-16"),
        ("2405", "2024-05"),
        ("", None),
        ("000000", None),
        ("241301", None),
        ("Input Us", None),
    ],
)
def test_the_date_of_making_is_told_where_it_is_one(told: str, date: str | None) -> None:
    assert made_on(told) == date


def test_the_logbook_codes_of_the_sheet() -> None:
    assert LOG_CODES[0x01] == "boot"
    assert log_text(0xFE) == "code FE; its meaning is not known"
    assert LOG_CODES[0x26] == "discharge over temperature ended"
    assert LOG_CODES[0x44] == "preset LiFePO4"
    assert LOG_CODES[0x83] == "overcharge of cell 32"
    assert LOG_CODES[0xC8] == "over discharge of cell 1"
    assert len(LOG_CODES) == 0x49 + 64
    assert len(CONTROL_BITS) == 16


# ------------------------------------------------------------------ settings, device, logbook


def test_equal_settings_are_the_same_object_whatever_the_counter() -> None:
    decoder = jk_ble.Decoder(Layout.JK02_32S)
    first, second = decoder.feed(SETTING + changed(SETTING, 5, b"\x01"))
    assert isinstance(first, jk_ble.Settings)
    assert isinstance(second, jk_ble.Settings)
    assert first.counter != second.counter
    assert first.values is second.values
    with pytest.raises(TypeError):
        first.values["cell_ovp"] = 5.0  # type: ignore[index]


def test_passcodes_are_left_out_unless_asked_for() -> None:
    (kept,) = jk_ble.Decoder().feed(DEVICE)
    (told,) = jk_ble.Decoder(secrets=True).feed(DEVICE)
    assert isinstance(kept, jk_ble.DeviceInfo)
    assert isinstance(told, jk_ble.DeviceInfo)
    assert "123457" not in repr(kept)
    assert dict(kept.values) | {"device_passcode": "1234", "setup_passcode": "123457"} == dict(
        told.values
    )


def test_a_logbook_that_announces_more_than_a_frame_carries() -> None:
    (event,) = jk_ble.Decoder().feed(changed(LOGBOOK, 6, struct.pack("<I", 1000)))
    assert isinstance(event, jk_ble.Logbook)
    assert event.count == 1000
    assert len(event.entries) == 50
    assert event.entries[1] == (238, 68)


# ------------------------------------------------------------------ damage


@pytest.mark.parametrize("whole", [CELL_32S, CELL_24S, CELL_JK04, SETTING, DEVICE, LOGBOOK])
def test_every_truncation_is_incomplete(whole: bytes) -> None:
    for size in range(1, len(whole)):
        decoder = jk_ble.Decoder(Layout.JK02_32S)
        assert decoder.feed(whole[:size]) == []
        assert names(decoder.reset()) == ["incomplete"], size


@pytest.mark.parametrize("whole", [CELL_32S, DEVICE, READY])
def test_every_flipped_bit_is_refused(whole: bytes) -> None:
    for at in range(len(whole)):
        for bit in range(8):
            flipped = bytearray(whole)
            flipped[at] ^= 1 << bit
            decoder = jk_ble.Decoder(Layout.JK02_32S)
            heard = decoder.feed(bytes(flipped)) + decoder.reset()
            assert heard, (at, bit)
            assert all(isinstance(event, BadFrame) for event in heard), (at, bit)


@given(st.binary(max_size=400))
def test_random_bytes_give_only_bad_frames(data: bytes) -> None:
    decoder = jk_ble.Decoder(Layout.JK02_32S)
    events = decoder.feed(data) + decoder.reset()
    assert all(isinstance(event, BadFrame) for event in events)


@given(
    st.sampled_from(list(Layout)),
    st.sampled_from(list(jk_ble.FrameType)),
    st.binary(min_size=294, max_size=294),
)
def test_random_bodies_with_a_good_sum_give_only_frame_errors(
    layout: Layout, kind: jk_ble.FrameType, content: bytes
) -> None:
    whole = jk_ble.build_frame(kind, bytearray(6) + bytearray(content))
    (event, *rest) = jk_ble.Decoder(layout).feed(whole)
    if isinstance(event, BadFrame):
        assert event.kind in {"wrong_frame_type", "checksum"}
    else:
        assert rest == []


# ------------------------------------------------------------------ streams

PIECES = [CELL_32S, DEVICE, READY, AT, b"\x55", b"\xaa\x55\x90", CELL_32S[:200], SETTING[100:]]


@given(
    st.lists(st.sampled_from(PIECES) | st.binary(max_size=6), max_size=4).map(b"".join),
    st.lists(st.integers(1, 300), min_size=1, max_size=30),
)
def test_how_a_stream_is_cut_makes_no_difference(stream: bytes, sizes: list[int]) -> None:
    at_once = jk_ble.Decoder()
    expected = at_once.feed(stream) + at_once.reset()
    in_pieces, events, at = jk_ble.Decoder(), [], 0
    while at < len(stream):
        for size in sizes:
            events += in_pieces.feed(stream[at : at + size])
            at += size
    assert events + in_pieces.reset() == expected


@pytest.mark.parametrize("size", [1, 19, 20, 128, 244, 300, 320])
def test_notifications_of_any_size_are_put_together(size: int) -> None:
    stream = DEVICE + READY + AT + CELL_32S + SETTING
    decoder = jk_ble.Decoder()
    events = [e for at in range(0, len(stream), size) for e in decoder.feed(stream[at : at + size])]
    sound = [event for event in events if not isinstance(event, BadFrame)]
    assert names(sound) == ["DeviceInfo", "Command", "Cells", "Settings"]


def test_a_lost_notification_costs_one_frame() -> None:
    decoder = jk_ble.Decoder(Layout.JK02_32S)
    assert names(decoder.feed(CELL_32S[:128] + CELL_32S[256:] + CELL_32S)) == ["checksum", "Cells"]


# ------------------------------------------------------------------ commands


@pytest.mark.parametrize(
    ("command", "hex_"),
    [
        (jk_ble.build_command(0x97), "aa5590eb97000000000000000000000000000011"),
        (jk_ble.build_command(0x96), "aa5590eb96000000000000000000000000000010"),
        (
            jk_ble.build_command(0x31, b"\x01\0\0\0"),
            "aa5590eb310401000000000000000000000000b0",
        ),
        (jk_ble.build_command(0xC8, b"\x01"), "aa5590ebc8010100000000000000000000000044"),
    ],
)
def test_commands_are_the_published_bytes(command: bytes, hex_: str) -> None:
    assert command.hex() == hex_


def test_a_value_longer_than_a_command_holds_is_refused_both_ways() -> None:
    with pytest.raises(CommandRefused):
        jk_ble.build_command(0x9F, bytes(14))
    counted = READY[:5] + b"\x0e" + READY[6:-1]
    (event,) = jk_ble.Decoder().feed(counted + bytes((sum(counted) & 0xFF,)))
    assert isinstance(event, BadFrame)
    assert event.kind == "length"


def test_a_frame_that_is_built_again_says_the_same() -> None:
    block = cells._READERS[Layout.JK02_32S].block
    values = block.read(CELL_32S)
    rebuilt = jk_ble.build_frame(jk_ble.FrameType.CELL_INFO, block.pack(values), 0xAC)
    assert block.read(rebuilt) == values
    # a float is shown with six digits, so its last bits are not the same
    rebuilt_info, info = (
        read_cells(each, Layout.JK02_32S)._replace(voltage_correction=None)
        for each in (rebuilt, CELL_32S)
    )
    assert rebuilt_info == info
    device = DEVICE_32S.read(DEVICE, secrets=True)
    assert DEVICE_32S.read(bytes(DEVICE_32S.pack(device)), secrets=True) == device


def test_every_vector_is_of_a_device_that_is_named() -> None:
    assert len(rows("jk_ble")) == 47
    assert all(row["source"] and row["device"] for row in rows("jk_ble"))
