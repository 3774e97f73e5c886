"""How one number becomes registers and back, for every map. Pure.

All numbers are big-endian, high word first. A number that is not known becomes its type's marker
for "not implemented", which is SunSpec's; the Victron map, which has none, asks for another one.
"""

import math
from dataclasses import dataclass

Value = float | int | str | None
"""What a point holds; None is unknown."""
Words = tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A register type."""

    name: str
    words: int
    lowest: int
    highest: int
    """Both are what a known number can be: the marker lies outside."""
    missing: int
    """The marker, as the unsigned number on the wire."""


KINDS = {
    kind.name: kind
    for kind in (
        Kind(name="uint16", words=1, lowest=0, highest=0xFFFE, missing=0xFFFF),
        Kind(name="int16", words=1, lowest=-0x7FFF, highest=0x7FFF, missing=0x8000),
        Kind(name="uint32", words=2, lowest=0, highest=0xFFFF_FFFE, missing=0xFFFF_FFFF),
        Kind(name="int32", words=2, lowest=-0x7FFF_FFFF, highest=0x7FFF_FFFF, missing=0x8000_0000),
        Kind(name="enum16", words=1, lowest=0, highest=0xFFFE, missing=0xFFFF),
        # Bit 31 set means that the whole word is invalid.
        Kind(name="bitfield32", words=2, lowest=0, highest=0x7FFF_FFFF, missing=0xFFFF_FFFF),
        Kind(name="sunssf", words=1, lowest=-10, highest=10, missing=0x8000),
        Kind(name="pad", words=1, lowest=0, highest=0, missing=0x8000),
    )
}
"""SunSpec's types; `string` has no fixed length and functions of its own."""


def encode(
    kind: Kind, value: float | None, per: float = 1.0, *, missing: int | None = None
) -> Words:
    """Return the registers of a value, of which one unit is `per` counts.

    What does not fit is the nearest number that does; NaN and infinity are unknown.
    """
    if value is None or not math.isfinite(value):
        count = kind.missing if missing is None else missing
    else:
        count = math.floor(min(max(value * per, kind.lowest), kind.highest) + 0.5)
    if kind.words == 1:
        return (count & 0xFFFF,)
    return (count >> 16 & 0xFFFF, count & 0xFFFF)


def decode(kind: Kind, words: Words, per: float = 1.0) -> float | int | None:
    """Return the value in the registers, None for the marker; whole where `per` is 1."""
    count = words[0] if kind.words == 1 else words[0] << 16 | words[1]
    if count == kind.missing:
        return None
    if kind.lowest < 0 and count >> (16 * kind.words - 1):
        count -= 1 << 16 * kind.words
    return count if per == 1 else count / per


def encode_text(text: str | None, words: int) -> Words:
    """Return two ASCII characters a register, the first in the high byte, padded with NUL."""
    plain = (text or "").encode("ascii", errors="replace")[: 2 * words].ljust(2 * words, b"\0")
    return tuple(plain[n] << 8 | plain[n + 1] for n in range(0, 2 * words, 2))


def decode_text(words: Words) -> str | None:
    """Return the text up to the first NUL, None for an empty one."""
    plain = b"".join(word.to_bytes(2, "big") for word in words)
    return plain.partition(b"\0")[0].decode("ascii", errors="replace") or None
