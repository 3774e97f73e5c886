"""How the history is found in the packs' counters. Pure; used by the table in `paths`.

A sum is told only when every pack counts: a part of it would look like the whole. Charge drawn is
negative, as Venus has it.
"""

from collections.abc import Callable

from cellwarden.model import AlarmKind, BankState, Counters
from cellwarden_victron.sources import Read, Value

SINCE_FULL_GRAIN_S = 600
"""Modbus carries this one in counts of 100 s, the GX shows hours."""


def _counters(state: BankState) -> list[Counters]:
    """Return every pack's counters, nothing if any pack has none."""
    counters = [pack.counters for pack in state.packs if pack.counters is not None]
    return counters if len(counters) == len(state.packs) else []


def _sum(state: BankState, of: Callable[[Counters], float]) -> float | None:
    counters = _counters(state)
    return sum(map(of, counters)) if counters else None


def drawn_ah(state: BankState) -> Value:
    """Return all charge ever drawn, 0 or negative."""
    drawn = _sum(state, lambda c: c.discharged_ah)
    return None if drawn is None else -abs(drawn)


def discharged_kwh(state: BankState) -> Value:
    """Return all energy ever drawn."""
    energy = _sum(state, lambda c: c.discharged_wh)
    return None if energy is None else energy / 1000


def charged_kwh(state: BankState) -> Value:
    """Return all energy ever charged."""
    energy = _sum(state, lambda c: c.charged_wh)
    return None if energy is None else energy / 1000


def full_charges(state: BankState) -> Value:
    """Return how often the least charged pack was full: each time its SoC is set right."""
    return min((c.full_charges for c in _counters(state)), default=None)


def since_full_s(state: BankState) -> Value:
    """Return the time since the last full charge of the pack that waits longest for one."""
    times = [c.since_full_s for c in _counters(state)]
    known = [t for t in times if t is not None]
    if not known or len(known) < len(times):
        return None
    return round(max(known) / SINCE_FULL_GRAIN_S) * SINCE_FULL_GRAIN_S


def trips(*kinds: AlarmKind) -> Read:
    """Return how often these alarms came, over all packs."""

    def read(state: BankState) -> Value:
        counters = _counters(state)
        if not counters:
            return None
        return sum(c.alarms.get(kind.value, 0) for c in counters for kind in kinds)

    return read


def lowest(name: str) -> Read:
    """Return the lowest a value ever was, of every pack that knows."""
    return lambda state: min(_extremes(state, name), default=None)


def highest(name: str) -> Read:
    """Return the highest, likewise."""
    return lambda state: max(_extremes(state, name), default=None)


def deepest_ah(state: BankState) -> Value:
    """Return the charge that was missing at the lowest SoC ever, 0 or negative."""
    lowest_percent = min(_extremes(state, "soc_min_percent"), default=None)
    if lowest_percent is None or state.capacity_ah is None:
        return None
    return -state.capacity_ah * max(0.0, 100.0 - lowest_percent) / 100


def _extremes(state: BankState, name: str) -> list[float]:
    return [
        pack.counters.extremes[name].value
        for pack in state.packs
        if pack.counters is not None and name in pack.counters.extremes
    ]
