"""Numbers become registers and back."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellwarden_modbus.registers import KINDS, decode, decode_text, encode, encode_text


@pytest.mark.parametrize(
    ("kind", "value", "per", "words"),
    [
        ("uint16", 52.92, 100, (5292,)),
        ("uint16", 0, 1, (0,)),
        ("uint16", 65_534, 1, (0xFFFE,)),
        ("int16", -45.5, 10, (0xFE39,)),
        ("int32", -12_345.67, 100, (0xFFED, 0x2979)),
        ("uint32", 120, 1, (0x0000, 0x0078)),
        ("enum16", 99, 1, (99,)),
        ("bitfield32", 0x2880, 1, (0x0000, 0x2880)),
        ("sunssf", -2, 1, (0xFFFE,)),
    ],
)
def test_a_number_and_its_registers(
    kind: str, value: float, per: float, words: tuple[int, ...]
) -> None:
    assert encode(KINDS[kind], value, per) == words
    assert decode(KINDS[kind], words, per) == value


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("uint16", (0xFFFF,)),
        ("int16", (0x8000,)),
        ("uint32", (0xFFFF, 0xFFFF)),
        ("int32", (0x8000, 0x0000)),
        ("enum16", (0xFFFF,)),
        ("bitfield32", (0xFFFF, 0xFFFF)),
        ("sunssf", (0x8000,)),
        ("pad", (0x8000,)),
    ],
)
def test_the_unknown_is_the_marker_of_its_type(kind: str, words: tuple[int, ...]) -> None:
    assert encode(KINDS[kind], None) == words
    assert encode(KINDS[kind], math.nan) == words
    assert encode(KINDS[kind], math.inf) == words
    assert decode(KINDS[kind], words) is None


@pytest.mark.parametrize(
    ("kind", "value", "words"),
    [
        ("uint16", 1e9, (0xFFFE,)),
        ("uint16", -1, (0,)),
        ("int16", 1e9, (0x7FFF,)),
        ("int16", -1e9, (0x8001,)),
        ("uint32", 1e20, (0xFFFF, 0xFFFE)),
        ("int32", -1e20, (0x8000, 0x0001)),
        ("bitfield32", 0xFFFF_FFFF, (0x7FFF, 0xFFFF)),
    ],
)
def test_what_does_not_fit_is_the_nearest_and_never_the_marker(
    kind: str, value: float, words: tuple[int, ...]
) -> None:
    assert encode(KINDS[kind], value) == words


@given(st.sampled_from(sorted(KINDS)), st.floats(allow_nan=False), st.sampled_from([1, 10, 1000]))
def test_any_number_reads_back_within_half_a_count_or_at_the_end_of_its_range(
    kind: str, value: float, per: int
) -> None:
    if not math.isfinite(value):
        return
    row = KINDS[kind]
    words = encode(row, value, per)
    read = decode(row, words, per)
    assert len(words) == row.words
    assert all(0 <= word <= 0xFFFF for word in words)
    assert read is not None
    clamped = min(max(value, row.lowest / per), row.highest / per)
    assert abs(read - clamped) <= 0.5000001 / per


def test_text_is_two_characters_a_register() -> None:
    assert encode_text("SN1", 3) == (0x534E, 0x3100, 0)
    assert decode_text((0x534E, 0x3100, 0)) == "SN1"
    assert encode_text(None, 2) == (0, 0)
    assert decode_text((0, 0)) is None


def test_text_that_is_too_long_is_cut_and_what_is_no_ascii_is_marked() -> None:
    assert decode_text(encode_text("Müller & Co", 4)) == "M?ller &"
