"""The codec of the JK "4E 57" protocol: captures, streams, damage, and back to bytes."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellwarden.errors import CommandRefused, FrameError
from cellwarden_hardware.codecs import jk_4e57 as jk
from cellwarden_hardware.codecs import jk_4e57_body as body
from cellwarden_hardware.codecs.jk_4e57_table import (
    BY_NAME,
    IDENTIFIERS,
    MEASURED,
    SETTINGS,
    Form,
    Identifier,
    current_a,
    temperature_c,
)

ROWS = json.loads(Path(__file__).with_name("jk_4e57_frames.json").read_text())
FRAMES = {row["id"]: bytes.fromhex(row.get("frame_hex", "")) for row in ROWS}
WHOLE = FRAMES["16s-b2a20s20p"]
REQUEST = FRAMES["cmd-read-all"]


def good(data: bytes) -> jk.Reply:
    frame = jk.decode_frame(data)
    assert isinstance(frame, jk.Reply)
    return frame


def refusal(decode: Callable[..., object], data: bytes, **options: object) -> str:
    """Return why the data is refused, nothing if it is not."""
    try:
        decode(data, **options)
    except FrameError as error:
        return error.kind
    return ""


def reply_with(*identifiers: bytes, command: int = 6) -> bytes:
    return jk.build_frame(command, 0, 1, b"".join(identifiers))


# ------------------------------------------------------------------ one frame


def test_a_captured_frame_decodes() -> None:
    reply = good(WHOLE)
    assert (reply.command, reply.source, reply.kind) == (6, 0, 1)
    assert reply.measured == body.Measurements(
        cell_voltages_v=(
            *(3.27, 3.262, 3.271, 3.271, 3.271, 3.269, 3.27, 3.271),
            *(3.266, 3.266, 3.266, 3.266, 3.265, 3.265, 3.265, 3.265),
        ),
        mos_temperature_c=22,
        temperature_1_c=21,
        temperature_2_c=22,
        voltage_v=52.28,
        current_a=0.0,
        soc_percent=60,
        temperature_sensor_count=2,
        cycle_count=0,
        cycle_charge_ah=0,
        cell_count=16,
        alarm_bits=0,
        status_bits=3,
        current_raw=0,
    )
    assert reply.settings["cell_ovp"] == 3.45
    assert reply.settings["discharge_utp"] == -20
    assert reply.settings["charge_switch"] is True
    assert reply.settings["runtime"] == 3717 * 60
    assert reply.settings["software_version"] == "11.XW_S11.26___"


def test_the_password_is_left_out_unless_asked_for() -> None:
    reply = good(WHOLE)
    assert "parameter_password" not in reply.settings
    assert "123456" not in repr(reply)
    told = jk.decode_frame(WHOLE, secrets=True)
    assert isinstance(told, jk.Reply)
    assert told.settings["parameter_password"] == "123456"
    assert told.measured == reply.measured


def test_a_request_to_write_does_not_show_its_data_by_accident() -> None:
    frame = jk.decode_frame(jk.write_request("parameter_password", "hunter2"))
    assert isinstance(frame, jk.Request)
    assert "hunter2" not in repr(frame)


def test_settings_cannot_be_changed_by_who_gets_them() -> None:
    with pytest.raises(TypeError):
        good(WHOLE).settings["soc"] = 1


def test_the_oldest_firmware_has_no_version_and_counts_current_from_10000() -> None:
    reply = good(FRAMES["protocol0-discharge"])
    assert reply.measured.current_a == -10.0
    assert reply.settings["protocol_version"] == 0


def test_a_current_alone_does_not_tell_its_sign() -> None:
    reply = good(reply_with(b"\x84\x07\xd0", command=3))
    assert reply.measured.current_a is None
    assert reply.measured.current_raw == 0x07D0


def test_a_single_value_leaves_everything_else_unknown() -> None:
    reply = good(reply_with(b"\x83\x14\x6c", command=3))
    assert reply.measured.voltage_v == 52.28
    assert reply.measured.cell_voltages_v is None
    assert reply.measured.alarm_bits is None
    assert reply.settings == {}


def test_identifiers_may_come_in_any_order() -> None:
    reply = good(reply_with(b"\xc0\x01", b"\x84\x87\xd0", b"\x79\x06\x02\x0c\xe5\x01\x0c\xe4"))
    assert reply.measured.current_a == 20.0
    assert reply.measured.cell_voltages_v == (3.300, 3.301)


def test_data_that_looks_like_identifiers_is_data() -> None:
    reply = good(reply_with(b"\x83\x84\x85", b"\x85\x83", b"\x87\x79\x83"))
    assert reply.measured.voltage_v == 339.25
    assert reply.measured.soc_percent == 0x83
    assert reply.measured.cycle_count == 0x7983
    assert reply.measured.current_a is None


@pytest.mark.parametrize(
    "identifiers",
    [
        pytest.param(b"\x85\x32\x88\x00\x01", id="an unknown identifier"),
        pytest.param(b"\x85\x32\xbb\x01", id="a command in a reply"),
        pytest.param(b"\x85\x32\x85\x33", id="an identifier twice"),
        pytest.param(b"\x83\x14", id="data cut short"),
        pytest.param(b"\x79", id="a cell list without length"),
        pytest.param(b"\x79\x06\x01\x0c\xe4", id="a cell list cut short"),
        pytest.param(b"\x79\x04\x01\x0c\xe4\x02", id="a cell list of a third too much"),
        pytest.param(b"\x79\x06\x01\x0c\xe4\x03\x0c\xe4", id="a gap in the cells"),
        pytest.param(b"\x79\x06\x01\x0c\xe4\x01\x0c\xe4", id="a cell twice"),
        pytest.param(b"\x79\x06\x00\x0c\xe4\x01\x0c\xe4", id="cell 0"),
        pytest.param(
            b"\x79\x63" + b"".join(bytes((n, 0x0C, 0xE4)) for n in range(1, 34)), id="33 cells"
        ),
    ],
)
def test_a_body_that_does_not_fit_the_table_is_refused(identifiers: bytes) -> None:
    with pytest.raises(FrameError) as caught:
        jk.decode_frame(reply_with(identifiers))
    assert caught.value.kind == "length"


def test_a_measured_value_again_among_the_settings_is_refused() -> None:
    with pytest.raises(FrameError, match="twice") as caught:
        jk.decode_frame(jk.build_frame(6, 0, 1, WHOLE[11:-9] + b"\x83\x14\x6c"))
    assert caught.value.kind == "length"


def test_a_frame_of_unknown_kind_is_refused() -> None:
    with pytest.raises(FrameError) as caught:
        jk.decode_frame(jk.build_frame(6, 0, 3, b"\x00"))
    assert caught.value.kind == "unknown_frame_type"


def test_an_answer_to_a_write_has_no_values() -> None:
    assert jk.decode_frame(jk.acknowledge(2, 0xAB)) == jk.Acknowledge(
        command=2, source=0, register=0xAB
    )
    assert jk.decode_frame(jk.build_frame(1, 0, 1, b"")) == jk.Acknowledge(
        command=1, source=0, register=None
    )


def test_a_pushed_frame_is_a_reply() -> None:
    reply = good(jk.build_frame(6, 0, 2, WHOLE[11:-9]))
    assert reply.kind == jk.Kind.PUSHED
    assert reply.measured == good(WHOLE).measured


def test_two_frames_are_not_one() -> None:
    with pytest.raises(FrameError) as caught:
        jk.decode_frame(WHOLE + REQUEST)
    assert caught.value.kind == "length"


def test_a_wrong_end_mark_is_named_even_if_the_sum_fits() -> None:
    counted = WHOLE[:-5] + b"\x69"
    frame = counted + b"\x00\x00" + (sum(counted) & 0xFFFF).to_bytes(2)
    with pytest.raises(FrameError) as caught:
        jk.decode_frame(frame)
    assert caught.value.kind == "tail"


@given(st.binary(max_size=512))
def test_the_fast_sum_is_the_sum(data: bytes) -> None:
    assert jk.byte_sum(data) == sum(data)


def test_the_fast_sum_holds_for_the_largest_bytes() -> None:
    assert jk.byte_sum(b"\xff" * 512) == 512 * 255


# ------------------------------------------------------------------ damage


@pytest.mark.parametrize("name", ["16s-b2a20s20p", "14s-h6x", "cmd-charge-on", "cmd-read-all"])
def test_every_truncation_is_incomplete(name: str) -> None:
    frame = FRAMES[name]
    for size in range(len(frame)):
        with pytest.raises(FrameError) as caught:
            jk.decode_frame(frame[:size])
        assert caught.value.kind == "incomplete", size


@pytest.mark.parametrize("name", ["16s-b2a20s20p", "14s-h6x", "cmd-charge-on"])
def test_every_flipped_bit_is_refused_but_for_the_unused_half_of_the_check_field(
    name: str,
) -> None:
    frame = FRAMES[name]
    whole = jk.decode_frame(frame)
    unused = range(len(frame) - 4, len(frame) - 2)
    for at in range(len(frame)):
        for bit in range(8):
            flipped = bytearray(frame)
            flipped[at] ^= 1 << bit
            decoder = jk.Decoder()
            heard = decoder.feed(bytes(flipped)) + decoder.reset()
            if at in unused:
                assert heard == [whole]
            else:
                assert heard, (at, bit)
                assert all(isinstance(event, jk.BadFrame) for event in heard), (at, bit)
                with pytest.raises(FrameError):
                    jk.decode_frame(bytes(flipped))


@given(st.binary(max_size=400))
def test_random_bytes_give_only_frame_errors(data: bytes) -> None:
    with pytest.raises(FrameError):
        jk.decode_frame(data)


@given(st.integers(0, 255), st.integers(0, 255), st.integers(0, 3), st.binary(max_size=300))
def test_random_bodies_in_sound_frames_give_only_frame_errors(
    command: int, source: int, kind: int, content: bytes
) -> None:
    frame = jk.build_frame(command, source, kind, content)
    assert refusal(jk.decode_frame, frame) in ("", "length", "unknown_frame_type")


@given(st.binary(min_size=1, max_size=40).map(lambda tail: b"\x4e\x57" + tail))
def test_a_stream_of_nonsense_gives_only_bad_frames(data: bytes) -> None:
    decoder = jk.Decoder()
    events = decoder.feed(data * 20) + decoder.reset()
    assert all(isinstance(event, jk.BadFrame) for event in events)


# ------------------------------------------------------------------ streams


def kinds(events: list[jk.Event]) -> list[str]:
    return [e.kind if isinstance(e, jk.BadFrame) else type(e).__name__ for e in events]


def test_the_stream_may_be_cut_at_every_byte() -> None:
    stream = REQUEST + WHOLE
    expected = [jk.decode_frame(REQUEST), jk.decode_frame(WHOLE)]
    for cut in range(len(stream) + 1):
        decoder = jk.Decoder()
        assert decoder.feed(stream[:cut]) + decoder.feed(stream[cut:]) == expected


PIECES = [
    WHOLE,
    REQUEST,
    FRAMES["bad-sum"],
    FRAMES["truncated"],
    FRAMES["20s-printed-example-bad-sum"],  # carries 4E 57 in its version text
    b"\x00\xff\x4e",
    b"\x4e\x57\xff\xff",
    b"\x4e",
]


@given(
    st.lists(st.sampled_from(PIECES) | st.binary(max_size=6), max_size=5).map(b"".join),
    st.lists(st.integers(1, 60), min_size=1, max_size=40),
)
def test_how_a_stream_is_cut_makes_no_difference(stream: bytes, sizes: list[int]) -> None:
    at_once = jk.Decoder()
    expected = at_once.feed(stream) + at_once.reset()
    in_pieces, events, at = jk.Decoder(), [], 0
    while at < len(stream):
        for size in sizes:
            events += in_pieces.feed(stream[at : at + size])
            at += size
    assert events + in_pieces.reset() == expected


def test_a_byte_at_a_time_is_the_same_as_all_at_once() -> None:
    stream = b"".join(PIECES) + WHOLE
    decoder, at_once = jk.Decoder(), jk.Decoder()
    events = [event for n in range(len(stream)) for event in decoder.feed(stream[n : n + 1])]
    assert events + decoder.reset() == at_once.feed(stream) + at_once.reset()


def test_garbage_before_a_frame_is_named_once_and_the_frame_found() -> None:
    decoder = jk.Decoder()
    assert kinds(decoder.feed(b"\x00\x4e\x00" * 30 + WHOLE)) == ["header", "Reply"]


def test_a_frame_after_a_bad_one_is_found() -> None:
    decoder = jk.Decoder()
    assert kinds(decoder.feed(FRAMES["bad-sum"] + WHOLE)) == ["checksum", "Reply"]


def test_a_sound_frame_with_an_unknown_identifier_is_refused_as_a_whole() -> None:
    decoder = jk.Decoder()
    assert kinds(decoder.feed(reply_with(b"\x88\x4e\x57\x00\x13") + WHOLE)) == ["length", "Reply"]


def test_an_absurd_length_waits_for_nothing() -> None:
    decoder = jk.Decoder()
    assert kinds(decoder.feed(b"\x4e\x57\xff\xff" + WHOLE)) == ["length", "Reply"]
    assert kinds(decoder.feed(b"\x4e\x57\x00\x00" + WHOLE)) == ["length", "Reply"]


def test_every_possible_reply_fits_the_largest_frame() -> None:
    largest = 20 + 1 + 1 + 3 * 32 + sum(1 + row.size for row in (*MEASURED[1:], *SETTINGS))
    assert largest == 339
    assert largest <= jk.MAX_FRAME


def test_silence_ends_a_frame_and_frees_a_good_one_behind_a_false_start() -> None:
    decoder = jk.Decoder()
    assert decoder.feed(b"\x4e\x57\x01\xf0" + WHOLE) == []
    assert decoder.unfinished
    assert kinds(decoder.reset()) == ["incomplete", "Reply"]
    assert not decoder.unfinished
    assert decoder.reset() == []
    assert kinds(decoder.feed(WHOLE)) == ["Reply"]


def test_the_decoder_says_how_much_is_missing() -> None:
    decoder = jk.Decoder()
    assert decoder.missing == 20
    decoder.feed(WHOLE[:3])
    assert decoder.missing == 17
    decoder.feed(WHOLE[3:100])
    assert decoder.missing == 191
    decoder.feed(WHOLE[100:])
    assert decoder.missing == 20


def test_the_password_is_left_out_of_streams_unless_asked_for() -> None:
    (kept,) = jk.Decoder().feed(WHOLE)
    (told,) = jk.Decoder(secrets=True).feed(WHOLE)
    assert isinstance(kept, jk.Reply)
    assert isinstance(told, jk.Reply)
    assert dict(kept.settings) | {"parameter_password": "123456"} == dict(told.settings)


# ------------------------------------------------------------------ to bytes


@pytest.mark.parametrize(
    ("frame", "hex_"),
    [
        (jk.read_all_request(), "4e5700130000000006030000000000006800000129"),
        (jk.read_request(0x83), "4e57001300000000030300830000000068000001a9"),
        (
            jk.write_request("charge_switch", True, jk.Source.GPS),
            "4e57001400000000020200ab010000000068000001d1",
        ),
        (jk.password_request(jk.Source.GPS), "4e570014000000000502000000000000006800000128"),
        (jk.activate_request(), "4e5700130000000001030000000000006800000124"),
        (jk.acknowledge(2, 0xAB), "4e57001300000000020001ab0000000068000001ce"),
    ],
)
def test_requests_are_the_published_bytes(frame: bytes, hex_: str) -> None:
    assert frame.hex() == hex_


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("voltage", 52.0),
        ("start_update", 1),
        ("cell_ovp", 4.501),
        ("charge_utp", -46),
        ("charge_utp", 26),
        ("charge_switch", 2),
        ("nominal_capacity", -1),
        ("device_id", "nine char"),
        ("device_id", "Zürich"),
    ],
)
def test_writes_that_the_vendor_does_not_allow_are_refused(name: str, value: object) -> None:
    with pytest.raises(CommandRefused):
        jk.write_request(name, value)


def test_a_write_carries_its_value() -> None:
    frame = jk.decode_frame(jk.write_request("charge_utp", -20))
    assert frame == jk.Request(command=2, source=3, register=0xA5, data=b"\xff\xec")


@pytest.mark.parametrize("name", ["14s-h6x", "13s-b2a24s20p", "16s-b2a20s20p"])
def test_a_capture_is_built_again_byte_for_byte(name: str) -> None:
    frame = FRAMES[name]
    values = {key: tuple(v) if isinstance(v, list) else v for key, v in EXPECTED[name].items()}
    for key in ("command", "frame_source", "transport_type"):
        del values[key]
    if name == "16s-b2a20s20p":  # it parts name and model by a NUL, which is shown as a blank
        frame = frame.replace(b"BMS\x00JK", b"BMS JK")
        frame = jk.build_frame(6, 0, 1, frame[11:-9])
    assert jk.build_reply(values) == frame


EXPECTED = {row["id"]: row["expected"] for row in ROWS}


def test_an_unknown_name_is_a_mistake_of_ours() -> None:
    with pytest.raises(KeyError):
        jk.build_reply({"nonsense": 1})


def value_of(row: Identifier) -> st.SearchStrategy[object]:
    if row.form is Form.TEXT:
        printable = st.characters(min_codepoint=0x20, max_codepoint=0x7E)
        return st.text(printable, max_size=row.size).map(str.strip)
    if row.form is Form.CELLS:
        return st.lists(st.integers(0, 65535).map(lambda mv: mv / 1000), max_size=32).map(tuple)
    counts = st.integers(0, 256**row.size - 1)
    return {
        Form.NUMBER: counts.map(row.value),
        Form.SWITCH: st.booleans(),
        Form.SIGNED: st.integers(-(2**15), 2**15 - 1),
        Form.TEMPERATURE: counts.map(temperature_c),
        Form.CURRENT: counts.map(lambda count: current_a(count, 0)),
    }[row.form]


READABLE = [row for row in IDENTIFIERS.values() if row.readable and row.name != "protocol_version"]


@given(st.fixed_dictionaries({}, optional={row.name: value_of(row) for row in READABLE}))
def test_what_was_built_decodes_to_the_same_values_under_version_0(
    values: dict[str, object],
) -> None:
    assert decoded(jk.build_reply(values | {"protocol_version": 0})) == values


@given(st.integers(-32767, 32767), st.fixed_dictionaries({"soc": st.integers(0, 255)}))
def test_what_was_built_decodes_to_the_same_current_under_version_1(
    centiamps: int, values: dict[str, object]
) -> None:
    values |= {"current": centiamps / 100}
    assert decoded(jk.build_reply(values | {"protocol_version": 1})) == values


def decoded(frame: bytes) -> dict[str, object]:
    reply = jk.decode_frame(frame, secrets=True)
    assert isinstance(reply, jk.Reply)
    values = {
        row.name: value
        for row, value in zip(MEASURED, reply.measured, strict=False)
        if value is not None
    }
    values |= reply.settings
    del values["protocol_version"]
    return values


@pytest.mark.parametrize("row", READABLE, ids=lambda row: row.name)
def test_every_identifier_can_be_read_alone(row: Identifier) -> None:
    values = {name: value for name, value in EXPECTED["14s-h6x"].items() if name in BY_NAME}
    values["cell_voltages"] = tuple(values["cell_voltages"])
    reply = jk.decode_frame(jk.build_reply(values, only=[row.id], command=3), secrets=True)
    assert isinstance(reply, jk.Reply)
    known = [value for value in reply.measured[:13] if value is not None]
    if row.form is Form.CURRENT:
        assert reply.measured.current_raw == 0x80D0
    else:
        assert [*known, *reply.settings.values()] == [values[row.name]]


# ------------------------------------------------------------------ fast and slow


@st.composite
def usual_bodies(draw: st.DrawFn) -> bytes:
    cells = draw(st.integers(1, 32))
    parts = [bytes((0x79, 3 * cells))]
    parts += [bytes((n,)) + draw(st.binary(min_size=2, max_size=2)) for n in range(1, cells + 1)]
    rest = draw(st.lists(st.sampled_from(SETTINGS), unique=True))
    for row in (*MEASURED[1:], *rest):
        parts.append(bytes((row.id,)) + draw(st.binary(min_size=row.size, max_size=row.size)))
    return b"".join(parts)


@given(usual_bodies())
def test_the_fast_way_gives_what_the_walk_gives(content: bytes) -> None:
    fast = body._in_usual_order(content)
    assert fast is not None
    assert fast == body._by_walk(content, secrets=False)


@given(usual_bodies(), st.data())
def test_the_fast_way_never_takes_what_the_walk_refuses(
    content: bytes, data: st.DataObject
) -> None:
    changed = bytearray(content)
    for _ in range(data.draw(st.integers(1, 3))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    changed = bytes(changed[: data.draw(st.integers(0, len(changed)))])
    refused = refusal(body.decode_body, changed)
    assert refused == refusal(body._by_walk, changed, secrets=False)
    assert refused in ("", "length")
    if not refused:
        assert body.decode_body(changed) == body._by_walk(changed, secrets=False)
