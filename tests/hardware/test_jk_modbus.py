"""The codec of JK's Modbus: both ways of reading, streams and damage."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellwarden.errors import CommandRefused
from cellwarden_hardware.codecs import jk_ble, jk_modbus
from cellwarden_hardware.codecs.jk_modbus_registers import MAPS, read_registers
from cellwarden_hardware.codecs.scanner import BadFrame
from support.jk_frames import frame

STATUS = frame("jk_modbus", "modbus-pb2a16s15p-1510-status")
SETTINGS = frame("jk_modbus", "modbus-pb2a16s15p-1510-settings")
ABOUT = frame("jk_modbus", "modbus-pb2a16s15p-1510-about")
MASTER = frame("jk_modbus", "modbus-pb-master-broadcast-status")
PADDED = frame("jk_modbus", "modbus-55aa-with-echo-and-padding")
TRIGGER = jk_modbus.trigger_request(1)
READ = jk_modbus.read_request(1, 0x1290, 2)
WORDS = jk_modbus.registers(1, (0, 53224))
REFUSAL = jk_modbus.refusal(1, jk_modbus.WRITE, 3)


def heard(data: bytes) -> list[jk_modbus.Event]:
    decoder = jk_modbus.Decoder()
    return decoder.feed(data) + decoder.reset()


def names(events: list[jk_modbus.Event]) -> list[str]:
    return [e.kind if isinstance(e, BadFrame) else type(e).__name__ for e in events]


def sound(events: list[jk_modbus.Event]) -> list[jk_modbus.Event]:
    return [event for event in events if not isinstance(event, BadFrame)]


# ------------------------------------------------------------------ messages


@pytest.mark.parametrize(
    ("request_", "hex_"),
    [
        (jk_modbus.trigger_request(1, jk_modbus.DEVICE_INFO), "0110161c0001020000d3cd"),
        (jk_modbus.trigger_request(1, jk_modbus.SETTINGS), "0110161e0001020000d22f"),
        (jk_modbus.trigger_request(1), "011016200001020000d6f1"),
        (jk_modbus.trigger_request(15), "0f10162000010200009a91"),
        (jk_modbus.read_request(1, 0x1290, 2), "010312900002c15e"),
        (jk_modbus.registers(1, (0x1122, 0x3344)), "010304112233444bc6"),
        (jk_modbus.acknowledge(1, 0x1620), "011016200001044b"),
        (jk_modbus.refusal(1, 0x10, 3), "0190030c01"),
    ],
)
def test_messages_are_the_published_bytes(request_: bytes, hex_: str) -> None:
    assert request_.hex() == hex_


@pytest.mark.parametrize("count", [0, 41, 0x70])
def test_more_registers_than_are_answered_cannot_be_asked_for(count: int) -> None:
    with pytest.raises(CommandRefused, match="1 to 40 registers"):
        jk_modbus.read_request(1, 0x1000, count)


def test_the_acknowledgement_says_who_answered() -> None:
    (answer,) = heard(STATUS)
    assert isinstance(answer, jk_modbus.Answer)
    assert (answer.address, answer.register) == (1, jk_modbus.STATUS)
    assert isinstance(answer.body, jk_ble.Cells)
    assert answer.body.info.current_a == 17.841
    (answer,) = heard(MASTER)
    assert isinstance(answer, jk_modbus.Answer)
    assert answer.address == 0


def test_all_three_triggers_are_answered_with_their_own_frame() -> None:
    bodies = [type(event.body) for event in heard(STATUS + SETTINGS + ABOUT)]
    assert bodies == [jk_ble.Cells, jk_ble.Settings, jk_ble.DeviceInfo]


@pytest.mark.parametrize("padding", [b"", b"\0", b"\0\0"])
@pytest.mark.parametrize("address", [0, 1, 15])
def test_zeros_before_the_acknowledgement_are_skipped(padding: bytes, address: int) -> None:
    whole = STATUS[:300] + padding + jk_modbus.acknowledge(address, jk_modbus.STATUS) + b"\0"
    (answer,) = sound(heard(whole + TRIGGER))[:1]
    assert isinstance(answer, jk_modbus.Answer)
    assert answer.address == address


def test_more_zeros_than_anybody_measured_are_refused() -> None:
    whole = STATUS[:300] + b"\0\0\0" + jk_modbus.acknowledge(1, jk_modbus.STATUS)
    assert names(heard(whole))[0] == "crc"


def test_a_frame_that_its_acknowledgement_does_not_name_is_refused() -> None:
    other = STATUS[:300] + jk_modbus.acknowledge(1, jk_modbus.SETTINGS)
    assert names(heard(other))[0] == "wrong_frame_type"


def test_the_passcodes_are_left_out_unless_asked_for() -> None:
    (kept,) = heard(ABOUT)
    (told,) = jk_modbus.Decoder(secrets=True).feed(ABOUT)
    assert "4096" not in repr(kept)
    assert "4096" in repr(told)


def test_an_exception_carries_its_code() -> None:
    (event,) = heard(REFUSAL)
    assert isinstance(event, jk_modbus.Refused)
    error = event.error()
    assert (error.kind, error.facts) == ("modbus_exception", {"code": 3})
    assert str(error) == "exception 3: the value is not allowed"


def test_requests_and_their_answers_are_told_apart() -> None:
    write = bytes.fromhex("0110100c00020400000e103b96")
    ack = jk_modbus.acknowledge(1, 0x100C, 2)
    assert names(heard(READ + WORDS + write + ack)) == [
        "ReadRequest", "Registers", "WriteRequest", "Acknowledge"
    ]  # fmt: skip


# ------------------------------------------------------------------ registers


def test_a_register_is_named_by_base_and_byte_offset() -> None:
    assert read_registers(0x1290, (0, 53224)) == {"voltage": 53.224}
    assert read_registers(0x1000 + 0x0C, (0, 3600)) == {"cell_ovp": 3.6}
    assert read_registers(0x1298, (0xFFFF, 0xFC18)) == {"current": -1.0}


def test_of_two_bytes_in_a_register_the_first_is_the_high_one() -> None:
    assert read_registers(0x12A6, (0x0255,)) == {"balance_state": 2, "soc": 85}
    assert read_registers(0x14B2, (0x0104,)) == {"uart1_protocol": 1, "can_protocol": 4}


def test_single_cells_stand_alone() -> None:
    assert read_registers(0x1202, (3301, 3302)) == {
        "cell_voltages_2": 3.301,
        "cell_voltages_3": 3.302,
    }


def test_half_a_field_is_none() -> None:
    assert read_registers(0x1292, (53224,)) == {}
    assert read_registers(0x1800, (1, 2)) == {}


def test_passcodes_are_no_registers_unless_asked_for() -> None:
    words = (0x3132, 0x3334, 0, 0, 0, 0, 0, 0)
    assert read_registers(0x1438, words) == {}
    assert read_registers(0x1438, words, secrets=True) == {"device_passcode": "1234"}


def test_the_write_numbers_of_ble_are_the_registers() -> None:
    # register 0x1000 + 4 (n - 1), n = 1 to 0x22
    assert [field.at - 6 for field in MAPS[0x1000] if field.at < 142] == [
        4 * (n - 1) for n in range(1, 0x23)
    ]


# ------------------------------------------------------------------ damage


@pytest.mark.parametrize("whole", [STATUS, SETTINGS, TRIGGER, READ, WORDS, REFUSAL])
def test_no_truncation_is_a_message(whole: bytes) -> None:
    for size in range(len(whole)):
        assert sound(heard(whole[:size])) == [], size


def test_a_cut_answer_is_incomplete() -> None:
    for size in (4, 287, 299, 300, 307):
        assert names(heard(STATUS[:size])) == ["incomplete"], size


@pytest.mark.parametrize("whole", [STATUS, TRIGGER, READ, WORDS, REFUSAL])
def test_no_flipped_bit_leaves_an_answer(whole: bytes) -> None:
    for at in range(len(whole)):
        for bit in range(8):
            flipped = bytearray(whole)
            flipped[at] ^= 1 << bit
            left = sound(heard(bytes(flipped)))
            # A bare acknowledgement may be left over; it says nothing about a pack.
            assert all(isinstance(event, jk_modbus.Acknowledge) for event in left), (at, bit)


@given(st.binary(max_size=400))
def test_random_bytes_are_noise(data: bytes) -> None:
    assert all(isinstance(event, BadFrame) for event in heard(data))


def test_an_answer_after_a_bad_one_is_found() -> None:
    bad = frame("jk_modbus", "modbus-55aa-bad-sum")
    assert names(heard(bad + STATUS)) == ["checksum", "Acknowledge", "Answer"]


def test_noise_is_named_once_and_the_answer_found() -> None:
    assert names(heard(b"\xff\x55\xaa" * 20 + STATUS)) == ["header", "Answer"]


# ------------------------------------------------------------------ streams

PIECES = [STATUS, ABOUT, TRIGGER, READ, WORDS, REFUSAL, PADDED, b"\x55", b"\x01\x03", b"\x00",
          STATUS[:200], frame("jk_modbus", "modbus-55aa-bad-ack-crc")]  # fmt: skip


@given(
    st.lists(st.sampled_from(PIECES) | st.binary(max_size=6), max_size=4).map(b"".join),
    st.lists(st.integers(1, 320), min_size=1, max_size=30),
)
def test_how_a_stream_is_cut_makes_no_difference(stream: bytes, sizes: list[int]) -> None:
    in_pieces, events, at = jk_modbus.Decoder(), [], 0
    while at < len(stream):
        for size in sizes:
            events += in_pieces.feed(stream[at : at + size])
            at += size
    assert events + in_pieces.reset() == heard(stream)


def test_a_byte_at_a_time_is_the_same_as_all_at_once() -> None:
    stream = TRIGGER + STATUS + PADDED + WORDS
    decoder = jk_modbus.Decoder()
    events = [event for n in range(len(stream)) for event in decoder.feed(stream[n : n + 1])]
    assert names(sound(events)) == [
        "WriteRequest", "Answer", "WriteRequest", "Answer", "Registers"
    ]  # fmt: skip
    assert events + decoder.reset() == heard(stream)


def test_the_decoder_says_how_much_is_missing() -> None:
    decoder = jk_modbus.Decoder()
    assert decoder.missing == 1
    decoder.feed(STATUS[:100])
    assert decoder.missing == 208
    assert decoder.unfinished
    decoder.feed(STATUS[100:])
    assert decoder.missing == 1
    assert not decoder.unfinished
