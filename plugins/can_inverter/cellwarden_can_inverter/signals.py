"""The rows of a dialect's tables: where a number, text, flag or pair stands in a frame. Pure.

A row names the signal (with its unit as the suffix), its place, its type and scale, and which
field of the battery view it tells. Whatever a view holds, what comes out fits the field: values
beyond it are clamped, never wrapped.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from cellwarden.model import AlarmKind
from cellwarden_can_inverter.view import BatteryView


def _untold(_: BatteryView) -> None:
    """Stand for a signal that only the other side sends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """A number: value = count / per, in the unit that ends `name`."""

    name: str
    at: int
    """First byte, from 0."""
    code: str
    """struct code, byte order included."""
    per: int
    """Counts in one unit."""
    low: int
    high: int
    """What may be sent, in counts; at most what the field can hold."""
    of: Callable[[BatteryView], float | None] = _untold
    """The value to tell; None leaves the whole frame out, unless `missing` stands in."""
    magnitude: bool = False
    """The sign is never sent."""
    zero: int = 0
    """The count that means nought: value = (count - zero) / per."""
    missing: int | None = None
    """The count that tells this inverter "not known"; None where there is none."""

    def nearest(self, value: float) -> int:
        """Return the nearest count, fitting or not; ValueError for NaN and infinity."""
        if not math.isfinite(value):
            raise ValueError(f"{self.name} = {value} cannot be sent")
        return math.floor((abs(value) if self.magnitude else value) * self.per + 0.5) + self.zero

    def count(self, value: float) -> int:
        """Return the nearest count that may be sent; ValueError for NaN and infinity."""
        return min(max(self.nearest(value), self.low), self.high)

    def value(self, count: int) -> float:
        """Return what a count means; whole numbers stay whole."""
        return count - self.zero if self.per == 1 else (count - self.zero) / self.per


def u16(
    name: str,
    at: int,
    per: int,
    of: Callable[[BatteryView], float | None] = _untold,
    *,
    low: int = 0,
    high: int = 0xFFFF,
    zero: int = 0,
    missing: int | None = None,
) -> Number:
    """Return an unsigned 16-bit row, little-endian."""
    return Number(
        name=name, at=at, code="<H", per=per, low=low, high=high, of=of, zero=zero, missing=missing
    )


def s16(
    name: str,
    at: int,
    per: int,
    of: Callable[[BatteryView], float | None] = _untold,
    *,
    low: int = -0x8000,
    high: int = 0x7FFF,
    magnitude: bool = False,
    missing: int | None = None,
) -> Number:
    """Return a signed 16-bit row, little-endian."""
    return Number(
        name=name,
        at=at,
        code="<h",
        per=per,
        low=low,
        high=high,
        of=of,
        magnitude=magnitude,
        missing=missing,
    )


def u8(
    name: str,
    at: int,
    of: Callable[[BatteryView], float | None] = _untold,
    *,
    low: int = 0,
    high: int = 0xFF,
    missing: int | None = None,
) -> Number:
    """Return a row of one byte."""
    return Number(name=name, at=at, code="<B", per=1, low=low, high=high, of=of, missing=missing)


def u32(name: str, at: int, per: int) -> Number:
    """Return an unsigned 32-bit row, little-endian, that is read but not told."""
    return Number(name=name, at=at, code="<I", per=per, low=0, high=0xFFFF_FFFF)


@dataclass(frozen=True, slots=True)
class Bits:
    """A small whole number inside one byte."""

    name: str
    byte: int
    bit: int
    """The lowest of its bits."""
    width: int
    of: Callable[[BatteryView], int]

    @property
    def mask(self) -> int:
        """The bits that it may use, not yet shifted."""
        return (1 << self.width) - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """ASCII, left aligned, padded to `size` bytes."""

    name: str
    at: int
    size: int
    of: Callable[[BatteryView], str | None] = _untold
    """The text to tell; None leaves the whole frame out."""
    default: str = ""
    """Sent where no other text is given."""
    pad: bytes = b" "


@dataclass(frozen=True, slots=True)
class Flag:
    """One bit."""

    name: str
    byte: int
    bit: int
    on: Callable[[BatteryView], bool]


@dataclass(frozen=True, slots=True)
class Pair:
    """Two bits of 0x35A: 1 is active, 2 is fine, 0 is "this battery cannot tell"."""

    name: str
    place: int
    """Number of the pair from the start of the frame: byte `place // 4`."""
    on: Callable[[BatteryView], bool] | None
    """None: sent as 0."""


def never(_: BatteryView) -> bool:
    """Stand for a bit of the sheet that is decoded but not sent."""
    return False


def protection(*kinds: AlarmKind) -> Callable[[BatteryView], bool]:
    """Return the test for a bit that says: one of these protections acted."""
    wanted = frozenset(kinds)
    return lambda view: not wanted.isdisjoint(view.protections)


def warning(*kinds: AlarmKind) -> Callable[[BatteryView], bool]:
    """Return the test for a bit that says: one of these is near."""
    wanted = frozenset(kinds)
    return lambda view: not wanted.isdisjoint(view.warnings)


def any_of(*tests: Callable[[BatteryView], bool]) -> Callable[[BatteryView], bool]:
    """Return the test for a bit that has several causes."""
    return lambda view: any(test(view) for test in tests)
