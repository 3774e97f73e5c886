"""What packs in parallel allow together.

Packs share a current by their size: one with a quarter of the capacity carries a quarter of it
(design capacities; sharing by resistance comes later). The bank may draw what overloads no pack,
so the smallest (own limit / own share) binds. Then there is who counts:

- A pack whose FET is open carries nothing: it is left out, its capacity too.
- A pack that must not be charged while its FET conducts stops the charging of the whole bank:
  in parallel there is no other way to spare it. The same holds for discharging.
- A full pack takes but a trickle at the charge voltage: "full" is no stop until all are full, its
  other limits hold on.
- A pack that is just joining is not counted on; if it must not be used at all, it stops the bank.
- How slowly a single pack's limit rises is its own affair: the bank rises slowly itself.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

from cellwarden.engine.limit_rules import FULL
from cellwarden.engine.ramp import RISING, START_UP
from cellwarden.model import Limit, PackState, Reading, Reason

LOST = "the pack is lost"
WAITED_FOR = "the pack is waited for"
HOLDING = "holding the limits of a lost pack"
TRIPPED = "a pack is lost and the whole bank stops"

_OWN_AFFAIR = frozenset((FULL, RISING, START_UP))


class Direction(NamedTuple):
    """Charging or discharging."""

    limit: Callable[[PackState], Limit]
    fet_on: Callable[[Reading], bool | None]


CHARGE = Direction(lambda p: p.limits.charge_current, lambda r: r.charge_fet_on)
DISCHARGE = Direction(lambda p: p.limits.discharge_current, lambda r: r.discharge_fet_on)


class Members(NamedTuple):
    """Who is where in one step."""

    used: Sequence[PackState]
    """Online packs, and lost ones whose last limits are held."""
    held: Sequence[PackState]
    lost: Sequence[PackState]
    waiting: Sequence[PackState]


class _Carrier(NamedTuple):
    pack: PackState
    chain: tuple[Reason, ...]
    """What holds for the bank, tightest first."""
    ah: float
    full: bool


def current_wish(direction: Direction, members: Members, sizes_ah: dict[str, float]) -> Limit:
    """Return what the packs allow together in one direction, before any ramp."""
    carriers, blocked = [], []
    for pack in members.used:
        limit = direction.limit(pack)
        if pack.reading is not None and direction.fet_on(pack.reading) is False:
            blocked.append(limit.of_pack(pack.pack))
            continue
        # Never empty: a pack's chain ends with its setting.
        rules = {r.rule for r in limit.reasons}
        chain = tuple(r for r in limit.reasons if r.rule not in _OWN_AFFAIR)
        if START_UP in rules and chain[0].value > 0:
            blocked.append(limit.of_pack(pack.pack))
            continue
        carriers.append(_Carrier(pack, chain, sizes_ah[pack.pack], FULL in rules))
    if not carriers or all(c.full for c in carriers):
        stopped = [direction.limit(c.pack).of_pack(c.pack.pack) for c in carriers]
        return Limit(value=0.0, reasons=tuple(x.binding for x in (*stopped, *blocked)))
    return _shared(carriers, members)


def _shared(carriers: Sequence[_Carrier], members: Members) -> Limit:
    total_ah = sum(c.ah for c in carriers)

    def allowed_a(carrier: _Carrier) -> float:
        return carrier.chain[0].value * total_ah / carrier.ah

    ranked = sorted(carriers, key=allowed_a)
    tightest = ranked[0]
    value = allowed_a(tightest)
    chain = [_scaled(r, tightest, total_ah) for r in tightest.chain]
    others = [_scaled(c.chain[0], c, total_ah) for c in ranked[1:]]
    absent = list(_absent(members, value))
    # A lost pack is why the limit is lower, unless a rule of the tightest pack is.
    reasons = [*absent, *chain] if len(chain) == 1 else [*chain, *absent]
    return Limit(value=value, reasons=(*reasons, *others, *_awaited(members, value)))


def _scaled(reason: Reason, carrier: _Carrier, total_ah: float) -> Reason:
    """Return a pack's reason with the bank current at which the pack has this much."""
    return replace(reason, pack=carrier.pack.pack, value=reason.value * total_ah / carrier.ah)


def _absent(members: Members, value: float) -> Iterable[Reason]:
    for pack in members.lost:
        yield Reason(rule=LOST, value=value, pack=pack.pack, clears="it answers again")
    for pack in members.held:
        yield Reason(rule=HOLDING, value=value, pack=pack.pack, clears="it answers again")


def _awaited(members: Members, value: float) -> Iterable[Reason]:
    for pack in members.waiting:
        yield Reason(rule=WAITED_FOR, value=value, pack=pack.pack, clears="it answers")


def charge_voltage_wish(members: Members) -> Limit:
    """Return the lowest CVL of the packs in use: one in trouble lowers it for all."""
    return _extreme([(p, p.limits.charge_voltage) for p in members.used], sign=1.0)


def discharge_voltage(members: Members) -> Limit:
    """Return the highest DVL of the packs in use."""
    return _extreme([(p, p.limits.discharge_voltage) for p in members.used], sign=-1.0)


def _extreme(limits: list[tuple[PackState, Limit]], sign: float) -> Limit:
    ranked = sorted(limits, key=lambda item: sign * item[1].value)
    pack, tightest = ranked[0]
    others = (limit.of_pack(p.pack).binding for p, limit in ranked[1:])
    return Limit(value=tightest.value, reasons=(*tightest.of_pack(pack.pack).reasons, *others))


def stopped(packs: Sequence[PackState], rule: str | None = None) -> Limit:
    """Return 0 A because these packs are lost; `rule` is a policy that stands before."""
    reasons = tuple(replace(p.limits.charge_current.binding, pack=p.pack, value=0.0) for p in packs)
    if rule is not None:
        reasons = (Reason(rule=rule, value=0.0, clears="every pack answers"), *reasons)
    return Limit(value=0.0, reasons=reasons)
