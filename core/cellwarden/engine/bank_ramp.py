"""How fast the bank's limits move.

Currents fall at once and rise slowly. The charge voltage moves by less than 50 mV in any minute,
up and down, whatever the cycle: an inverter must not hunt after it. Only what protects a pack lets
it fall at once.
"""

import math
from typing import NamedTuple

from cellwarden.engine.limit_rules import CELL_HELD
from cellwarden.engine.limits import RISE_A_PER_S, RISE_PART_PER_S
from cellwarden.engine.ramp import CONFIRM, FIRST_STEP_A, HELD, RISING, START_UP
from cellwarden.model import Limit, Limits, Reason

MOST_V = 0.045
"""The charge voltage moves by at most this in any minute while nothing is wrong (ours)."""
MINUTE_S = 60.0
SLOT_S = 5.0
"""Moves are remembered in slots of this length (ours)."""
FLOAT_RULE = "float"
DROP_RULE = "raised by what the cables drop"
UNHURRIED = frozenset((CELL_HELD, FLOAT_RULE, DROP_RULE, RISING, CONFIRM, START_UP, HELD))
"""Rules that may wait: a controller, a plan or a ramp wants them, no protection does."""


class Wanted(NamedTuple):
    """What the limits should be, before any ramp."""

    charge: Limit
    discharge: Limit
    voltage: Limit
    urgent_v: float
    """The charge voltage falls to this at once."""
    lowest: Limit
    packs: int
    """So many online packs it rests on."""


class Moves(NamedTuple):
    """By how much the charge voltage moved of late."""

    slots: tuple[tuple[float, float], ...] = ()
    """(end of the slot in s, V moved either way), oldest first."""

    def left_v(self, now_s: float) -> float:
        """Return by how much it may still move."""
        return MOST_V - sum(moved_v for _, moved_v in self._recent(now_s))

    def and_now(self, by_v: float, now_s: float) -> "Moves":
        """Return the moves with one more."""
        slots = self._recent(now_s)
        end_s = SLOT_S * math.ceil(now_s / SLOT_S)
        if slots and slots[-1][0] == end_s:
            slots[-1] = (end_s, slots[-1][1] + by_v)
        else:
            slots.append((end_s, by_v))
        return Moves(tuple(slots))

    def _recent(self, now_s: float) -> list[tuple[float, float]]:
        # A slot that ends long after now is from before a clock went back.
        return [s for s in self.slots if now_s - MINUTE_S < s[0] < now_s + SLOT_S]


STILL = Moves()


def moved(
    before: Limits | None,
    wanted: Wanted,
    moves: Moves,
    now_s: float,
    passed_s: float,
    *,
    held: bool,
) -> tuple[Limits, Moves]:
    """Return the limits: what the packs allow, moving no faster than a bank of its size may.

    `held`: nothing rises now.
    """
    rise_s = 0.0 if held else passed_s
    if before is None:
        charge = _current(_ZERO, wanted.charge, rise_s, wanted.packs)
        discharge = _current(_ZERO, wanted.discharge, rise_s, wanted.packs)
        return Limits(
            charge_voltage=wanted.voltage,
            charge_current=charge,
            discharge_current=discharge,
            discharge_voltage=wanted.lowest,
        ), moves
    charge = _current(before.charge_current, wanted.charge, rise_s, wanted.packs)
    discharge = _current(before.discharge_current, wanted.discharge, rise_s, wanted.packs)
    voltage = wanted.voltage
    was_v = before.charge_voltage.value
    if voltage.value != was_v:
        step_v = min(MOST_V / MINUTE_S * passed_s, max(moves.left_v(now_s), 0.0))
        voltage = _voltage(was_v, voltage, wanted.urgent_v, step_v, held=held)
        by_v = min(abs(voltage.value - was_v), step_v)
        if by_v:
            moves = moves.and_now(by_v, now_s)
    if (
        charge is before.charge_current
        and discharge is before.discharge_current
        and voltage is before.charge_voltage
        and wanted.lowest is before.discharge_voltage
    ):
        return before, moves
    return Limits(
        charge_voltage=voltage,
        charge_current=charge,
        discharge_current=discharge,
        discharge_voltage=wanted.lowest,
    ), moves


def urgent_v(chain: tuple[Reason, ...]) -> float:
    """Return what of a charge voltage's chain may not wait; it ends with the setting."""
    if len(chain) == 1:
        return chain[0].value
    return min([r.value for r in chain if r.rule not in UNHURRIED], default=chain[0].value)


def _voltage(was_v: float, wish: Limit, at_once_v: float, step_v: float, *, held: bool) -> Limit:
    if wish.value > was_v:
        most_v = was_v if held else was_v + step_v
        return wish if wish.value <= most_v else _rising(wish, most_v)
    now_v = min(was_v - step_v, at_once_v)
    if wish.value >= now_v:
        return wish
    # On its way down no rule has more to say than what is told.
    reasons = [r if r.value >= now_v else r.of(r.pack, now_v) for r in wish.reasons]
    return Limit(value=now_v, reasons=tuple(reasons))


def _current(before: Limit, wish: Limit, rise_s: float, packs: int) -> Limit:
    if wish.value <= before.value:
        return wish
    rise_a = max(RISE_A_PER_S * packs, RISE_PART_PER_S * wish.value) * rise_s
    if before.value == 0.0 and rise_s:
        rise_a = max(rise_a, FIRST_STEP_A)
    most_a = before.value + rise_a
    return wish if wish.value <= most_a else _rising(wish, most_a)


def _rising(wish: Limit, value: float) -> Limit:
    return Limit(value=value, reasons=(Reason(rule=RISING, value=value), *wish.reasons))


_ZERO = Limit(value=0.0, reasons=(Reason(rule=RISING, value=0.0),))
