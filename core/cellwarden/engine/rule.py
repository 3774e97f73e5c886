"""What a row of the protection table is."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from cellwarden.engine.view import Quantity, View
from cellwarden.model import AlarmKind, Parameters, Severity

Level = str | float | Callable[[Parameters], float | None]
"""A parameter's name, a number, or something worked out from the parameters."""


class Scene(NamedTuple):
    """All that a signal may look at."""

    view: View
    ccl_a: float
    """Charge current limit as given out last."""
    blocked: tuple[bool, bool]
    """Whether an alarm blocked charging, discharging at the last step."""
    parameters: Parameters
    stands_v: float
    """Highest voltage that a cell of this chemistry stands."""


class Signal(NamedTuple):
    """What a signal works out; `value` is held against the row's threshold."""

    value: float
    where: str = ""
    shown: float | None = None
    """For people, in the row's unit, where `value` is not what was measured."""
    limit: float | None = None
    """The threshold that belongs to `shown`."""


SignalOf = Callable[[Scene], Signal | None]
"""None where nothing can be said: the row stays as it is."""
GOOD = Signal(0.0)
"""Below every threshold."""
LATCH_WINDOW_S = 600.0
"""F17, R17: trips further apart do not count together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One row."""

    name: str
    """Stable: saved records name it."""
    kind: AlarmKind
    severity: Severity = Severity.PROTECTION
    quantity: Quantity | None = None
    signal: "SignalOf | None" = None
    """In place of a quantity: works out what is watched from the whole scene."""
    unit: str
    above: bool = True
    """True: trips above the threshold; False: below."""
    at: Level
    """The threshold; None switches the row off."""
    reaches: bool = False
    """True: the threshold itself trips."""
    release: Level | None = None
    """Released beyond this on the safe side, by two readings in a row."""
    release_s: Level | None = None
    """Released after this time in s, counted from the alarm, whatever is measured (R15)."""
    waits: bool = False
    """True: `release_s` alone is not enough, the quantity must be good again too."""
    latched: bool = False
    """Never released by itself: somebody must ask for it (F23, F25)."""
    latches_after: int | None = None
    """Released by itself at most this often within `LATCH_WINDOW_S`, then latched (F17, F18)."""
    inverse: bool = False
    """Inverse time above 1.2 of the threshold: an I²t budget beside the delay (R19)."""
    delay: Level
    """Unbroken time beyond the threshold in s; at least two readings, so that one bad frame
    never trips."""
    immediate: float | None = None
    """This far beyond the threshold one reading is enough."""
    blocks_charge: bool = False
    blocks_discharge: bool = False
    blocks_balance: bool = False
    releases: str
    """What ends it, `{}` being the release value."""


def between(low: str, high: str, part: float) -> Callable[[Parameters], float | None]:
    """Return the level at a part (0..1) of the way from one parameter to another.

    None where one of them is switched off.
    """

    def level(parameters: Parameters) -> float | None:
        start, end = getattr(parameters, low), getattr(parameters, high)
        if start is None or end is None:
            return None
        return float(start + part * (end - start))

    return level


TEMPERATURE_DELAY_S = 5.0
"""Sensors are slow and so is a battery; foxBMS takes 5 s too (C3)."""
WARNING_DELAY_S = 2.0
VOLTAGE_IMMEDIATE_OVER_V = 0.10  # R12
VOLTAGE_IMMEDIATE_UNDER_V = 0.20  # R12
