"""What packs in parallel allow together.

The bank may draw what overloads no pack: each carries `share x current + offset` (`bank_share`),
so the smallest (own limit - own offset) / own share binds. As long as a share is in doubt, more
than the current at which the packs were seen last is counted with the largest share the pack may
have, and less with the smallest. Then there is who counts:

- A pack whose FET is open carries nothing: it is left out, its capacity too.
- A pack that must not be charged while its FET conducts stops the charging of the whole bank:
  in parallel there is no other way to spare it. The same holds for discharging.
- A full pack takes but a trickle at the charge voltage: "full" is no stop until all are full or
  the bank floats; its other limits hold on.
- A pack that is just joining is not counted on, but spared like the others; if it must not be used
  at all, it stops the bank.
- A lost pack may still hang on the bus: it adds nothing, and what it forbade or bounded when it
  was last heard holds on. So a loss never raises a limit. What rested on a cell's voltage ends
  once the bank's own voltage has moved well away, for it takes the lost pack along.
- How slowly a single pack's limit rises is its own affair: the bank rises slowly itself.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from operator import attrgetter
from typing import NamedTuple

from cellwarden.engine.bank_members import CARRIES_C, Part
from cellwarden.engine.limit_rules import FULL
from cellwarden.engine.ramp import RISING, START_UP
from cellwarden.model import AlarmKind, Limit, PackPhase, PackState, Reading, Reason, Standing

LOST = "the pack is lost"
WAITED_FOR = "the pack is waited for"
HOLDING = "holding the limits of a lost pack"
TRIPPED = "a pack is lost and the whole bank stops"
JOINING = "the pack is joining"
IDLE = "the pack carries no current"
OUT = "the pack is taken out, but carries current"
NOBODY = "no pack takes part"
UNPROVEN = "how the packs share is not seen yet"
BEFORE_LOSS = "before it was lost"
WHILE_JOINING = "while it is joining"

OTHERS_TOLD = 8
"""So many packs beside the one that binds are in a chain of reasons, the tightest first (ours)."""

_BY_VOLTAGE = frozenset(
    (
        *(kind.value for kind in AlarmKind if "voltage" in kind.value),
        *(f"BMS: {kind.value}" for kind in AlarmKind if "voltage" in kind.value),
        "cell voltage taper",
        "cells out of balance",
        "over-voltage ahead",
        "under-voltage ahead",
        "deeply discharged cell",
        "dead cell",
        "state of charge",  # it moves with the bank too
    )
)
"""Rules that rest on the voltage of a cell, or move with it."""

_OWN_AFFAIR = frozenset((FULL, RISING, START_UP))
_RAMPS = frozenset((RISING, START_UP))
_LEAST_SHARE = 1e-6
_MEANS_NOTHING = 0.001
"""A doubt that lowers a limit by less is not told, and not counted."""


class Direction(NamedTuple):
    """Charging or discharging."""

    limit: Callable[[PackState], Limit]
    fet_on: Callable[[Reading], bool | None]
    sign: float
    """Of a current in this direction."""


CHARGE = Direction(attrgetter("limits.charge_current"), attrgetter("charge_fet_on"), 1.0)
DISCHARGE = Direction(attrgetter("limits.discharge_current"), attrgetter("discharge_fet_on"), -1.0)


class Member(NamedTuple):
    """One pack, and what the bank knows of it."""

    pack: PackState
    part: Part
    weight: float
    """Its conductance; only ratios count."""
    offset_a: float
    """What it carries beside its share, positive while charging."""
    size_ah: float
    most: float = 1.0
    """It may have so many times its share: 1 once that is known."""
    lead_a: float = 0.0
    """What it takes over until the next decision is obeyed, positive while charging."""


class Shared(NamedTuple):
    """The limit of one direction, and how it is carried."""

    limit: Limit
    names: tuple[str, ...] = ()
    """Of the packs that carry."""
    shares: tuple[float, ...] = ()
    offsets_a: tuple[float, ...] = ()
    """In this direction, positive."""

    def carried_a(self, total_a: float) -> dict[str, float]:
        """Return what each pack is expected to carry of a current in this direction."""
        if total_a == 0.0:
            return {}
        return {
            name: share * total_a + offset_a
            for name, share, offset_a in zip(self.names, self.shares, self.offsets_a, strict=True)
        }


class _Carrier(NamedTuple):
    name: str
    chain: tuple[Reason, ...]
    """What holds for the bank, tightest first."""
    share: float
    most: float
    """The largest share it may have."""
    offset_a: float
    pivot_a: float
    """A bank current at which is known what it carries, ..."""
    there_a: float
    """... and what that is, with what it is about to take over."""
    lost: bool = False

    def bank_a(self, own_a: float) -> float:
        """Return the bank current at which this pack carries so much; 0 stays 0."""
        if own_a == 0.0:
            return 0.0
        room_a = own_a - self.there_a
        return max(self.pivot_a + room_a / max(self.share, _LEAST_SHARE), 0.0)

    def sure_a(self, own_a: float) -> float:
        """Return the bank current at which it carries no more than this for sure."""
        if own_a == 0.0 or self.most <= self.share:
            return self.bank_a(own_a)
        room_a = own_a - self.there_a
        if room_a >= 0.0:
            return self.pivot_a + room_a / max(self.most, _LEAST_SHARE)
        least = max(self.share * self.share / self.most, _LEAST_SHARE)
        return max(self.pivot_a + room_a / least, 0.0)

    def for_bank(self, reason: Reason) -> Reason:
        """Return its reason with the bank current at which it has this much."""
        return reason.of(self.name, self.bank_a(reason.value))


def current_wish(
    direction: Direction, members: Sequence[Member], *, floating: bool, pivot_a: float = 0.0
) -> Shared:
    """Return what the packs allow together in one direction, before any ramp.

    `pivot_a` is the current, positive while charging, at which is known what each carries.
    """
    takers: list[tuple[Member, Limit]] = []
    beside: list[Member] = []
    aside: list[Reason] = []
    own_limit, fet_on = direction.limit, direction.fet_on
    if len(members) == 1 and (alone := _alone(direction, members[0], floating=floating)):
        return alone
    all_in = True
    for member in members:
        pack, part = member.pack, member.part
        reading = pack.reading
        if part.standing is Standing.IN and reading is not None and fet_on(reading) is not False:
            takers.append((member, own_limit(pack)))  # as most do
            continue
        limit, why = _takes(direction, member)
        if limit is not None:
            takers.append((member, limit))
        elif why is not None:
            aside.append(why)
        standing = part.standing
        all_in = all_in and standing is Standing.IN
        if (standing is Standing.LOST and part.last is not None) or (
            standing is Standing.JOINING and not part.apart
        ):
            beside.append(member)
    others = [] if all_in else [*_others(members)]
    if not takers:
        return Shared(_nothing(aside, others))
    full = floating or all(map(_is_full, [limit for _, limit in takers]))
    carriers = _carriers(direction, takers, full=full, pivot_a=pivot_a)
    limit = _tightest(carriers, () if all_in else [*_absent(members)])
    if beside:
        bearing = _bearing(direction, beside)
        limit = _bounded(limit, _carriers(direction, bearing, full=False, beside=takers))
    if aside or others:
        extra = [r.of(r.pack or "", max(r.value, limit.value)) for r in (*aside, *others)]
        limit = Limit(value=limit.value, reasons=(*limit.reasons, *extra))
    return Shared(
        limit,
        tuple([c.name for c in carriers]),
        tuple([c.share for c in carriers]),
        tuple([c.offset_a for c in carriers]),
    )


def _alone(direction: Direction, member: Member, *, floating: bool) -> Shared | None:
    """Return the same of a bank of one pack that is simply in: it carries all, and is known."""
    pack, reading = member.pack, member.pack.reading
    if member.part.standing is not Standing.IN or reading is None:
        return None
    if direction.fet_on(reading) is False:
        return None
    limit = direction.limit(pack)
    own = _own(limit.reasons, full=floating or _is_full(limit))
    reasons = tuple([r.of(pack.pack, r.value) for r in own])
    return Shared(Limit(value=own[0].value, reasons=reasons), (pack.pack,), (1.0,), (0.0,))


def _takes(direction: Direction, member: Member) -> tuple[Limit | None, Reason | None]:
    """Return the limit of a pack that carries in this direction, or why it does not."""
    pack, part = member.pack, member.part
    reading = pack.reading
    if part.standing is Standing.HELD and part.last is not None:
        return direction.limit(part.last), None
    if pack.phase is not PackPhase.ONLINE or reading is None:
        return None, None
    limit = direction.limit(pack)
    if direction.fet_on(reading) is False:
        return None, limit.binding.of(pack.pack, limit.value)
    if part.standing is Standing.IN:  # as most are
        return limit, None
    return _takes_aside(member, limit, abs(reading.current_a or 0.0))


def _takes_aside(
    member: Member, limit: Limit, current_a: float
) -> tuple[Limit | None, Reason | None]:
    """Return the same of a pack that is not simply in."""
    pack, part = member.pack.pack, member.part
    if part.standing is Standing.OUT:
        # Out or not: if it hangs on the bus and must not be used, the bus must not be.
        binds = limit.value == 0.0 and current_a > CARRIES_C * member.size_ah
        return (limit if binds else None), None
    if part.standing is Standing.IDLE or part.apart:
        rule = IDLE if part.standing is Standing.IDLE else JOINING
        return None, Reason(rule=rule, value=0.0, pack=pack, source=part.why)
    if part.standing is Standing.JOINING and _own(limit.reasons, full=True)[0].value > 0.0:
        return None, limit.binding.of(pack, limit.value)
    return limit, None


def _is_full(limit: Limit) -> bool:
    return FULL in [r.rule for r in limit.reasons]


def _own(chain: tuple[Reason, ...], *, full: bool) -> tuple[Reason, ...]:
    """Return what of a pack's chain holds for the bank; never empty, it ends with the setting."""
    dropped = _RAMPS if full else _OWN_AFFAIR
    for reason in chain:
        if reason.rule in dropped:
            return tuple([r for r in chain if r.rule not in dropped])
    return chain


def _carriers(
    direction: Direction,
    takers: Sequence[tuple[Member, Limit]],
    *,
    full: bool,
    pivot_a: float = 0.0,
    beside: Sequence[tuple[Member, Limit]] = (),
) -> list[_Carrier]:
    """Return packs with their shares among themselves and those that carry `beside` them."""
    total = excess_a = 0.0
    for member, _ in takers:
        total += member.weight
        excess_a += member.offset_a
    for member, _ in beside:
        total += member.weight
    sign = direction.sign
    # Known is what they carry of what flows; it flows in one direction only.
    there_a = max(sign * pivot_a, 0.0)
    found = []
    for member, limit in takers:
        share = member.weight / total if total else 1.0 / len(takers)
        # All offsets together are nothing; one that was seen growing is not shrunk for that.
        offset_a = 0.0 if beside else sign * (member.offset_a - share * excess_a)
        most_a = 0.0 if beside else max(offset_a, sign * member.offset_a)
        found.append(
            _Carrier(
                member.pack.pack,
                _own(limit.reasons, full=full),
                share,
                min(share * member.most, 1.0),
                offset_a,
                there_a,
                share * there_a + most_a + max(sign * member.lead_a, 0.0),
                member.part.standing is Standing.LOST,
            )
        )
    return found


def _tightest(carriers: Sequence[_Carrier], absent: Sequence[Reason]) -> Limit:
    """Return the limit of the pack that binds, with its whole chain and the others' first."""
    values = [c.bank_a(c.chain[0].value) for c in carriers]
    ranked = sorted(range(len(values)), key=values.__getitem__)
    tightest, value = carriers[ranked[0]], values[ranked[0]]
    reasons = [tightest.for_bank(r) for r in tightest.chain]
    if absent:
        gone = [r.of(r.pack, value) for r in absent]
        # A lost pack is why the limit is lower, unless a rule of the tightest pack is.
        reasons = [*gone, *reasons] if len(reasons) == 1 else [*reasons, *gone]
    doubted = [(c.sure_a(c.chain[0].value), c.name) for c in carriers if c.most > c.share]
    if doubted:
        sure_a, name = min(doubted)
        if sure_a < (1.0 - _MEANS_NOTHING) * value:
            value = sure_a
            reasons.insert(0, _IN_DOUBT.of(name, value))
    for n in ranked[1 : OTHERS_TOLD + 1]:
        carrier = carriers[n]
        reasons.append(carrier.chain[0].of(carrier.name, values[n]))
    return Limit(value=value, reasons=tuple(reasons))


_IN_DOUBT = Reason(rule=UNPROVEN, value=0.0, clears="load steps have shown it")


def _bearing(direction: Direction, beside: Sequence[Member]) -> list[tuple[Member, Limit]]:
    """Return the packs that carry without being counted on, with what they bear.

    Lost ones that carried when they were last heard, with their limits of then; joining ones.
    """
    found = []
    for member in beside:
        pack = member.part.last or member.pack
        if pack.reading is not None and direction.fet_on(pack.reading) is not False:
            limit = direction.limit(pack)
            if member.part.last is not None:
                limit = _eased(direction, member.part, limit)
            found.append((member, limit))
    return found


def _eased(direction: Direction, part: Part, limit: Limit) -> Limit:
    """Return a lost pack's limit without what its voltage cannot forbid any more."""
    if not (part.sunk if direction is CHARGE else part.risen):
        return limit
    kept = tuple(r for r in limit.reasons if r.rule not in _BY_VOLTAGE)
    return Limit(value=kept[0].value, reasons=kept) if kept else limit


def _bounded(limit: Limit, bearing: Sequence[_Carrier]) -> Limit:
    """Return the limit under what packs bear that are not counted on."""
    tighter = []
    for carrier in bearing:
        own = carrier.chain[0]
        value = carrier.sure_a(own.value)
        if value < limit.value:
            if carrier.lost:
                text, clears = f"{own.rule}, {BEFORE_LOSS}", "it answers again or is taken out"
            else:
                text, clears = f"{own.rule}, {WHILE_JOINING}", "its readings agree"
            reason = own.of(carrier.name, value)
            tighter.append(replace(reason, rule=text, clears=clears))
    if not tighter:
        return limit
    tighter.sort(key=lambda r: r.value)
    return Limit(value=tighter[0].value, reasons=(*tighter, *limit.reasons))


def _nothing(aside: Sequence[Reason], others: Sequence[Reason]) -> Limit:
    reasons = tuple(replace(r, value=0.0) for r in (*aside, *others))
    return Limit(value=0.0, reasons=reasons or (Reason(rule=NOBODY, value=0.0),))


def _absent(members: Sequence[Member]) -> Iterable[Reason]:
    for pack, part, *_ in members:
        if part.standing is Standing.LOST:
            yield Reason(rule=LOST, value=0.0, pack=pack.pack, clears="it answers again")
    for pack, part, *_ in members:
        if part.standing is Standing.HELD:
            yield Reason(rule=HOLDING, value=0.0, pack=pack.pack, clears="it answers again")


def _others(members: Sequence[Member]) -> Iterable[Reason]:
    for pack, part, *_ in members:
        if part.standing is Standing.WAITING:
            yield Reason(rule=WAITED_FOR, value=0.0, pack=pack.pack, clears="it answers")


def stopped(packs: Sequence[PackState], rule: str | None = None) -> Limit:
    """Return 0 A because these packs are lost; `rule` is a policy that stands before."""
    reasons = tuple(replace(p.limits.charge_current.binding, pack=p.pack, value=0.0) for p in packs)
    if rule is not None:
        reasons = (Reason(rule=rule, value=0.0, clears="every pack answers"), *reasons)
    return Limit(value=0.0, reasons=reasons or (Reason(rule=NOBODY, value=0.0),))
