"""What packs in series behind one inverter allow together: the weakest decides.

One current flows through all of them: its limit is the smallest, and a pack that is not there
leaves the string open, so that nothing may flow. Voltages and their limits add up.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from cellwarden.engine.bank_limits import CHARGE, Direction, Member, Shared
from cellwarden.engine.bank_ramp import urgent_v
from cellwarden.engine.bank_voltages import Voltage, extreme
from cellwarden.engine.limit_rules import FULL
from cellwarden.engine.ramp import RISING
from cellwarden.model import Limit, PackState, Reason, Standing

BROKEN = "the string is open without this pack"


def current_wish(direction: Direction, members: Sequence[Member], *, floating: bool) -> Shared:
    """Return the smallest limit of all packs; 0 unless every pack takes part."""
    absent = tuple(
        Reason(rule=BROKEN, value=0.0, pack=m.pack.pack, source=m.part.standing.value)
        for m in members
        if m.part.standing in _NOT_THERE
    )
    if absent:
        return Shared(Limit(value=0.0, reasons=absent))
    limits = [(m.pack.pack, direction.limit(m.pack)) for m in members]
    full = floating or all(any(r.rule == FULL for r in x.reasons) for _, x in limits)
    kept = [(name, _own(limit, full=full or direction is not CHARGE)) for name, limit in limits]
    names = tuple(m.pack.pack for m in members)
    limit = extreme(kept, sign=1.0)
    # Every pack carries the whole current.
    return Shared(limit, names, (1.0,) * len(names), (0.0,) * len(names))


_NOT_THERE = frozenset((Standing.WAITING, Standing.LOST, Standing.OUT))


def _own(limit: Limit, *, full: bool) -> Limit:
    """Return what of a pack's limit holds for the string: fullness only where all are full."""
    dropped = {RISING} if full else {RISING, FULL}
    kept = tuple(r for r in limit.reasons if r.rule not in dropped)
    return Limit(value=kept[0].value, reasons=kept)


def charge_voltage_wish(members: Sequence[Member]) -> Voltage:
    """Return the sum of the packs' charge voltages, with what lowers each."""
    packs = [m.pack for m in members]
    limit = _sum(packs, lambda p: p.limits.charge_voltage)
    urgent = sum(urgent_v(p.limits.charge_voltage.reasons) for p in packs)
    settings = sum(p.limits.charge_voltage.reasons[-1].value for p in packs)
    return Voltage(limit, urgent, trouble=urgent < settings)


def discharge_voltage(members: Sequence[Member]) -> Limit:
    """Return the sum of the packs' lowest discharge voltages."""
    return _sum([m.pack for m in members], lambda p: p.limits.discharge_voltage)


def _sum(packs: Sequence[PackState], limit: Callable[[PackState], Limit]) -> Limit:
    limits = [(p.pack, limit(p)) for p in packs]
    value = sum(x.value for _, x in limits)
    reasons = [
        replace(reason, pack=name, value=value + reason.value - x.value)
        for name, x in limits
        for reason in x.reasons
    ]
    # A pack in trouble stands first: its chain is longer than the plain setting.
    troubled = {name for name, x in limits if len(x.reasons) > 1}
    reasons.sort(key=lambda r: (r.value, r.pack not in troubled))
    return Limit(value=value, reasons=tuple(reasons))
