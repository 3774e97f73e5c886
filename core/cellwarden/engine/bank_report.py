"""What the bank tells besides numbers: alarms of every pack as the bank's, parts, events."""

import operator
from collections.abc import Sequence
from dataclasses import replace

from cellwarden.engine.bank_allow import Allowed
from cellwarden.engine.bank_charge import Plan
from cellwarden.engine.bank_limits import Member
from cellwarden.engine.bank_members import UNSEEN, Part
from cellwarden.engine.bank_memory import BankMemory
from cellwarden.engine.bank_ramp import FLOAT_RULE
from cellwarden.engine.bank_wish import Wishes
from cellwarden.model import (
    Alarm,
    AlarmKind,
    BankPhase,
    BankState,
    ChargeMode,
    ChargePhase,
    Event,
    Limit,
    Limits,
    Membership,
    Orders,
    PackPhase,
    PackState,
    Reason,
    Severity,
    Standing,
)

_BAD = frozenset((Standing.LOST, Standing.HELD, Standing.IDLE))


def alarms(
    before: BankMemory, packs: Sequence[PackState], parts: Sequence[Part], *, eased: bool
) -> tuple[tuple[tuple[Alarm, ...], ...], tuple[Alarm, ...]]:
    """Return what each pack tells, and all of it as the bank's, the most severe first.

    The same objects while nothing changed. A pack that is out tells nothing. `eased`: a lost pack
    is a warning for the bank and blocks nothing while others work.
    """
    told = tuple(
        [
            () if part.standing is Standing.OUT else p.alarms
            for p, part in zip(packs, parts, strict=True)
        ]
    )
    old = before.pack_alarms
    if eased is before.eased and len(told) == len(old) and all(map(operator.is_, told, old)):
        return old, before.alarms
    found: list[Alarm] = []
    for pack, own in zip(packs, told, strict=True):
        if eased and pack.phase is PackPhase.LOST:
            found += map(_eased, own)
        else:
            found += own
    return told, tuple(sorted(found, key=lambda a: -a.severity))


def _eased(alarm: Alarm) -> Alarm:
    return replace(alarm, severity=Severity.WARNING, blocks_charge=False, blocks_discharge=False)


def members(
    names: Sequence[str], before: BankMemory, now: BankMemory, allowed: Allowed
) -> tuple[Membership, ...]:
    """Return each pack's part for people; the same tuple while nothing changed."""
    limits, wish = allowed.limits, allowed.wish
    if (
        limits is before.limits
        and before.members
        and now.parts is before.parts
        and wish is before.wish
        and now.contacts is before.contacts
    ):
        return before.members
    charge: dict[str, float] = {}
    discharge: dict[str, float] = {}
    if limits is not None and wish is not None:
        charge = wish.charge.carried_a(limits.charge_current.value)
        discharge = wish.discharge.carried_a(limits.discharge_current.value)
    return tuple(
        [
            Membership(
                pack=name,
                standing=part.standing,
                why=part.why,
                charge_share_a=charge.get(name, 0.0),
                discharge_share_a=discharge.get(name, 0.0),
                resistance_ohm=contact.resistance_ohm,
            )
            for name, part, contact in zip(names, now.parts, now.contacts, strict=True)
        ]
    )


def events(
    bank: str, names: Sequence[str], before: BankMemory, now: BankMemory, news: Sequence[str]
) -> tuple[Event, ...]:
    """Return what changed: charge phases, parts of packs, findings."""
    found = now.watch.findings is not before.watch.findings
    if not news and now.parts is before.parts and not found:
        return ()
    told = [Event(at_s=now.at_s, pack=bank, text=text) for text in news]
    for name, old, new in zip(names, before.parts, now.parts, strict=True):
        if new.standing is not old.standing:
            text = f"{new.standing.value}: {new.why}" if new.why else new.standing.value
            severity = Severity.WARNING if new.standing in _BAD else None
            told.append(Event(at_s=now.at_s, pack=name, text=text, severity=severity))
    if found:
        known = {(f.code, f.pack) for f in before.watch.findings}
        told += [
            Event(at_s=now.at_s, pack=f.pack or bank, text=f.what, severity=Severity.WARNING)
            for f in now.watch.findings
            if (f.code, f.pack) not in known
        ]
    return tuple(told)


def held_open(packs: tuple[PackState, ...], parts: tuple[Part, ...]) -> tuple[PackState, ...]:
    """Return the packs; open ones that are apart from the bank are not to close onto it (F43).

    A pack that is apart with closed MOSFETs has an open breaker, or a voltage that is not true:
    neither is mended by opening them.
    """
    apart = [
        n
        for n, part in enumerate(parts)
        if part.apart_since_s is not None
        and part.apart
        and part.charge_fet_on is part.discharge_fet_on is False
    ]
    if not apart:
        return packs
    held = list(packs)
    for n in apart:
        wanted = replace(packs[n].switches, charge=False, discharge=False)
        held[n] = replace(packs[n], switches=wanted)
    return tuple(held)


def data_age_s(packs: Sequence[PackState], answering: Sequence[PackState]) -> float | None:
    """Return the age of the oldest reading in use, else of the newest ever heard."""
    if answering:
        return max([p.age_s or 0.0 for p in answering])
    return min((p.age_s for p in packs if p.age_s is not None), default=None)


def shown_phase(plan: Plan, limits: Limits | None, orders: Orders) -> ChargePhase | None:
    """Return where charging stands, as people are told."""
    if limits is None:
        return None
    if plan.phase is ChargePhase.FLOAT:
        return ChargePhase.FLOAT
    if limits.charge_current.value == 0.0:
        return ChargePhase.BLOCKED
    floats = orders.mode is ChargeMode.FLOAT and any(
        r.rule == FLOAT_RULE for r in limits.charge_voltage.reasons
    )
    return ChargePhase.FLOAT if floats else plan.phase


def stopping(state: BankState, wishes: Wishes, now_s: float) -> BankState:
    """Return the last state that outputs get: nothing allowed, the controller stops."""
    nothing = Limit(value=0.0, reasons=(Reason(rule="the controller stops", value=0.0),))
    limits = state.limits
    if limits is not None:
        limits = replace(limits, charge_current=nothing, discharge_current=nothing)
    elif state.packs:
        members = [Member(p, UNSEEN, 1.0, 0.0, 1.0) for p in state.packs]
        limits = Limits(
            charge_voltage=wishes.voltage(members).limit,
            charge_current=nothing,
            discharge_current=nothing,
            discharge_voltage=wishes.lowest(members),
        )
    return replace(
        state,
        at_s=now_s,
        phase=BankPhase.STOPPING,
        limits=limits,
        charge_allowed=False,
        discharge_allowed=False,
    )


def failure(bank: str, since_s: float, reason: str) -> tuple[Limit, Alarm]:
    """Return 0 A and the alarm of a bank whose step raised (F48)."""
    why = Reason(rule="the bank failed", value=0.0, source=reason)
    alarm = Alarm(
        kind=AlarmKind.BMS_INTERNAL,
        severity=Severity.PROTECTION,
        pack=bank,
        since_s=since_s,
        blocks_charge=True,
        blocks_discharge=True,
        where=reason,
        releases="the bank works again",
    )
    return Limit(value=0.0, reasons=(why,)), alarm
