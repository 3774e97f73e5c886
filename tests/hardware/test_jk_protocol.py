"""`jk-rs485` as `decode` and `encode` offer it."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellwarden.errors import CommandRefused, ConfigError, FrameError
from cellwarden.host import Host
from cellwarden_hardware import plugin
from cellwarden_hardware.kinds import all_drivers
from cellwarden_hardware.protocols import Jk4e57Protocol
from support.tools import require_shared

ROWS = json.loads(Path(__file__).with_name("jk_4e57_frames.json").read_text())
PROTOCOL = Jk4e57Protocol()


def check(row: dict[str, object]) -> None:
    chunks = row.get("chunks_hex") or [row["frame_hex"]]
    expected = row["expected"]
    if "error" in expected:
        with pytest.raises(FrameError) as caught:
            PROTOCOL.decode(chunks)
        assert caught.value.kind == expected["error"]
        return
    (shown,) = PROTOCOL.decode(chunks)
    assert {name: shown.get(name) for name in expected} == expected
    assert json.loads(json.dumps(shown)) == shown


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["id"])
def test_every_captured_frame_is_shown_as_expected(row: dict[str, object]) -> None:
    check(row)


@pytest.mark.shared
def test_every_shared_vector_is_shown_as_expected() -> None:
    rows = json.loads(require_shared("vectors", "jk-rs485.json").read_text())
    assert len(rows) >= 16
    for row in rows:
        check(row)


READ_ALL = "4e5700130000000006030000000000006800000129"
ACKNOWLEDGE = "4e57001300000000020001ab0000000068000001ce"


def test_an_echo_alone_is_shown_as_the_request_it_is() -> None:
    assert PROTOCOL.decode([READ_ALL]) == [{"command": 6, "frame_source": 3, "register": 0}]


def test_an_echo_before_an_answer_is_left_out() -> None:
    assert PROTOCOL.decode([READ_ALL + ACKNOWLEDGE]) == [
        {"command": 2, "frame_source": 0, "transport_type": 1, "register": 0xAB}
    ]


def test_noise_around_a_good_frame_is_left_out() -> None:
    assert len(PROTOCOL.decode(["00ff", ACKNOWLEDGE, "4e"])) == 1


def test_blanks_colons_and_capitals_are_read() -> None:
    spaced = ":".join(READ_ALL[n : n + 2] for n in range(0, len(READ_ALL), 2)).upper()
    assert PROTOCOL.decode([f" {spaced}\n"]) == PROTOCOL.decode([READ_ALL])


def test_a_current_of_unknown_sign_is_shown_as_sent() -> None:
    alone = "4e5700150000000003000184 07d0 0000000068000002 81".replace(" ", "")
    frame = bytes.fromhex(alone)
    counted = frame[:-4]
    whole = counted + b"\0\0" + (sum(counted) & 0xFFFF).to_bytes(2)
    (shown,) = PROTOCOL.decode([whole.hex()])
    assert shown["current_raw"] == 0x07D0
    assert "current" not in shown


@pytest.mark.parametrize("text", ["xyz", "4e5", "4e 57 0"])
def test_what_is_no_hex_is_said_so(text: str) -> None:
    with pytest.raises(ConfigError, match="is not hex: two digits"):
        PROTOCOL.decode([text])


def test_nothing_to_decode_is_said_so() -> None:
    with pytest.raises(ConfigError, match="no bytes to decode"):
        PROTOCOL.decode(["", " "])


def test_a_variant_is_refused() -> None:
    with pytest.raises(ConfigError, match="no variant '32S'"):
        PROTOCOL.decode([READ_ALL], variant="32S")


def test_there_is_nothing_to_encode() -> None:
    with pytest.raises(CommandRefused, match="nothing to send"):
        PROTOCOL.encode({})


@given(st.lists(st.binary(min_size=1, max_size=60), min_size=1, max_size=4))
def test_random_bytes_give_only_frame_errors(chunks: list[bytes]) -> None:
    with pytest.raises(FrameError):
        PROTOCOL.decode([chunk.hex() for chunk in chunks])


def test_the_plugin_offers_driver_and_protocol() -> None:
    (kind,) = (kind for kind in plugin.cellwarden_protocols() if kind.name == "jk-rs485")
    assert not kind.encodes
    assert isinstance(kind.load(), Jk4e57Protocol)
    assert "jk-rs485" in [kind.name for kind in plugin.cellwarden_drivers()]
    assert "jk-rs485" in [kind.name for kind in all_drivers()]


def test_the_host_finds_the_plugin() -> None:
    host = Host()
    assert "jk-rs485" in host.drivers()
    assert "jk-rs485" in host.protocols()
