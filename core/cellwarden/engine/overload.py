"""Inverse time: an overload's I²t budget (R19), so that a pulsed or a huge one trips too (F16).

The configured delay is the time at 1.2 times the limit. Above the limit the budget fills with
the square of the current, below it empties likewise, as a conductor warms and cools.
"""

from typing import NamedTuple

AT_PART = 1.2
"""R19: up to this part of the limit the configured delay holds, above it less."""
BUDGET_PER_S = AT_PART * AT_PART - 1
"""What fills the budget in a second at that part."""


class Heat(NamedTuple):
    """How far the budget is filled."""

    filled: float
    """In s at a surplus of one limit squared."""
    before: tuple[float, float]
    """The last two currents as parts of the limit."""
    at_s: float


def heated(
    heat: Heat | None, part: float, delay_s: float, heard_s: float
) -> tuple[Heat | None, bool]:
    """Return the budget after a reading of `part` times the limit, and whether it is used up.

    Each interval counts with the middle of three readings, so that a spike of one sample counts
    nothing (F15). None once it is empty and the current is within its limit.
    """
    if heat is None:
        return (Heat(0.0, (1.0, part), heard_s) if part > 1 else None), False
    middle = max(sorted((*heat.before, part))[1], 0.0)
    filled = max(heat.filled + (middle * middle - 1) * (heard_s - heat.at_s), 0.0)
    if filled == 0.0 and part <= 1 and middle <= 1:
        return None, False
    hot = filled >= BUDGET_PER_S * delay_s and part > 1 and heat.before[1] > 1
    return Heat(filled, (heat.before[1], part), heard_s), hot
