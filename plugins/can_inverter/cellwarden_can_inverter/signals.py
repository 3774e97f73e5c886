"""The rows of a dialect's tables: where a number, a text or a flag stands in a frame. Pure.

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
    """The value to tell; None leaves the whole frame out."""
    magnitude: bool = False
    """The sign is never sent."""

    def count(self, value: float) -> int:
        """Return the nearest count that may be sent; ValueError for NaN and infinity."""
        if not math.isfinite(value):
            raise ValueError(f"{self.name} = {value} cannot be sent")
        count = math.floor((abs(value) if self.magnitude else value) * self.per + 0.5)
        return min(max(count, self.low), self.high)


def u16(
    name: str,
    at: int,
    per: int,
    of: Callable[[BatteryView], float | None] = _untold,
    *,
    high: int = 0xFFFF,
) -> Number:
    """Return an unsigned 16-bit row, little-endian."""
    return Number(name=name, at=at, code="<H", per=per, low=0, high=high, of=of)


def s16(
    name: str,
    at: int,
    per: int,
    of: Callable[[BatteryView], float | None] = _untold,
    *,
    low: int = -0x8000,
    magnitude: bool = False,
) -> Number:
    """Return a signed 16-bit row, little-endian."""
    return Number(
        name=name, at=at, code="<h", per=per, low=low, high=0x7FFF, of=of, magnitude=magnitude
    )


def u8(name: str, at: int, of: Callable[[BatteryView], float | None] = _untold) -> Number:
    """Return a row of one byte."""
    return Number(name=name, at=at, code="<B", per=1, low=0, high=0xFF, of=of)


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """ASCII, left aligned, padded with spaces to `size` bytes."""

    name: str
    at: int
    size: int
    of: Callable[[BatteryView], str]
    default: str = ""
    """Sent where no other text is given."""


@dataclass(frozen=True, slots=True)
class Flag:
    """One bit."""

    name: str
    byte: int
    bit: int
    on: Callable[[BatteryView], bool]


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
