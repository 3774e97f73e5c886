"""How people write a CAN frame."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellwarden.errors import FrameError
from cellwarden.links.can_frame import CanFrame, parse_frame

LIMITS = CanFrame(0x351, bytes.fromhex("1402740E740ECC01"))


@pytest.mark.parametrize(
    "line",
    [
        "351#1402740E740ECC01",
        "351#14.02.74.0e.74.0e.cc.01\n",
        "can0 351#1402740E740ECC01",
        "(1700000000.123456) can0 351#1402740E740ECC01",
        "(1700000000.123456) can0 351#1402740E740ECC01 R",
        "  can0  351   [8]  14 02 74 0E 74 0E CC 01",
        "  can0  351   [8]  14 02 74 0E 74 0E CC 01   '..t.t...'",
        " (000.001234)  can0  TX - -  351   [8]  14 02 74 0E 74 0E CC 01",
    ],
)
def test_every_way_to_write_a_frame_gives_that_frame(line: str) -> None:
    assert parse_frame(line) == LIMITS


def test_eight_digits_make_a_29_bit_identifier() -> None:
    assert parse_frame("00000305#") == CanFrame(0x305, b"", extended=True)
    assert parse_frame("can1  18FF50E5   [1]  AA") == CanFrame(0x18FF50E5, b"\xaa", extended=True)
    assert parse_frame("305#") == CanFrame(0x305, b"")


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("", "header"),
        ("351", "header"),
        ("351#R", "header"),
        ("351##1AABB", "header"),
        ("can0  351   [0]  remote request", "header"),
        ("zz1#00", "header"),
        ("800#00", "header"),
        ("4210#00", "header"),
        ("20000004#00", "header"),
        ("351#1", "incomplete"),
        ("351#00112233445566778899", "length"),
        ("can0  351   [8]  14 02", "length"),
    ],
)
def test_a_line_that_is_no_frame_is_refused_with_its_kind(line: str, kind: str) -> None:
    with pytest.raises(FrameError) as caught:
        parse_frame(line)
    assert caught.value.kind == kind


@given(st.text(max_size=40))
def test_no_text_raises_anything_but_the_frame_error(text: str) -> None:
    with suppress(FrameError):
        parse_frame(text)


@given(st.integers(0, 0x7FF), st.binary(max_size=8), st.booleans())
def test_a_frame_reads_back_from_its_own_text(can_id: int, data: bytes, extended: bool) -> None:
    frame = CanFrame(can_id, data, extended)
    assert parse_frame(frame.text) == frame
