"""Alarms of one pack brought together: engine protections, unknown inputs, the BMS's own."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from cellwarden.engine.essentials import Missing
from cellwarden.engine.limits import NO_STOPS, Stops
from cellwarden.engine.protection import Watch
from cellwarden.model import (
    Alarm,
    AlarmKind,
    AlarmSource,
    DeviceAlarm,
    Event,
    Reason,
    Severity,
)


class Fault(NamedTuple):
    """Something that is wrong with a device that the engine uses."""

    kind: AlarmKind
    where: str
    releases: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarms:
    """The active alarms by origin, and what follows from them."""

    watches: tuple[Watch, ...]
    """By row of the protection table."""
    missing: tuple[Alarm, ...] = ()
    device: tuple[Alarm, ...] = ()
    lost: Alarm | None = None
    """Present while nothing is heard."""
    own: tuple[Alarm, ...] = ()
    """What is wrong with heater or balancer."""
    shown: tuple[Alarm, ...] = ()
    stops: Stops = NO_STOPS
    overvoltage: bool = False
    """An over-voltage alarm blocks charging."""


def gather(
    watches: tuple[Watch, ...],
    missing: tuple[Alarm, ...] = (),
    device: tuple[Alarm, ...] = (),
    lost: Alarm | None = None,
    own: tuple[Alarm, ...] = (),
) -> Alarms:
    """Return the alarms of every origin and what follows from them."""
    tripped = tuple(w.alarm for w in watches if w.alarm is not None)
    every = (*tripped, *missing, *device, *own) if lost is None else (lost, *tripped)
    return Alarms(
        watches=watches,
        missing=missing,
        device=device,
        lost=lost,
        own=own,
        shown=_shown(every),
        stops=Stops(
            charge=tuple(_reason(a) for a in every if a.blocks_charge),
            discharge=tuple(_reason(a) for a in every if a.blocks_discharge),
        ),
        overvoltage=any(a.blocks_charge and a.kind in _OVERVOLTAGE for a in every),
    )


_OVERVOLTAGE = {AlarmKind.CELL_OVERVOLTAGE, AlarmKind.PACK_OVERVOLTAGE}


def renewed(
    pack: str,
    before: Alarms,
    watches: tuple[Watch, ...],
    overdue: tuple[Missing, ...],
    told: tuple[DeviceAlarm, ...],
    faults: tuple[Fault, ...],
    now_s: float,
) -> Alarms:
    """Return all alarms of a pack that answers; the same object if nothing changed."""
    missing = of_missing(pack, before.missing, overdue, now_s) if overdue else ()
    device = of_device(pack, before.device, told, now_s) if told else ()
    own = of_faults(pack, before.own, faults, now_s) if faults else ()
    if (
        watches is before.watches
        and missing == before.missing
        and device == before.device
        and own == before.own
        and before.lost is None
    ):
        return before
    return gather(watches, missing, device, own=own)


def of_silence(pack: str, now_s: float, *, never: bool) -> Alarm:
    """Return the alarm of a pack that is not heard; `never`: it never was."""
    return Alarm(
        kind=AlarmKind.BMS_LOST,
        severity=Severity.WARNING if never else Severity.PROTECTION,
        pack=pack,
        since_s=now_s,
        blocks_charge=True,
        blocks_discharge=True,
        releases="the BMS answers",
    )


def of_failure(pack: str, since_s: float, reason: str) -> Alarm:
    """Return the alarm of a pack whose step raised (F48)."""
    return Alarm(
        kind=AlarmKind.BMS_INTERNAL,
        severity=Severity.PROTECTION,
        pack=pack,
        since_s=since_s,
        blocks_charge=True,
        blocks_discharge=True,
        where=reason,
        releases="the engine works again",
    )


def of_missing(
    pack: str, before: tuple[Alarm, ...], overdue: tuple[Missing, ...], now_s: float
) -> tuple[Alarm, ...]:
    """Return the alarms of the essentials that are unknown, old ones kept with their age."""
    known = {(a.kind, a.blocks_charge): a for a in before}
    alarms = []
    for missing in overdue:
        essential = missing.essential
        blocks_charge, blocks_discharge = essential.charge == 0, essential.discharge == 0
        old = known.get((essential.kind, blocks_charge))
        if old is not None and old.where == missing.where:
            alarms.append(old)
            continue
        blocks = blocks_charge or blocks_discharge
        alarms.append(
            Alarm(
                kind=essential.kind,
                severity=Severity.PROTECTION if blocks else Severity.WARNING,
                pack=pack,
                since_s=old.since_s if old else now_s,
                blocks_charge=blocks_charge,
                blocks_discharge=blocks_discharge,
                blocks_balance=essential.kind in _NO_BALANCING,
                where=missing.where,
                releases=essential.returns,
            )
        )
    return tuple(alarms)


_NO_BALANCING = {
    AlarmKind.BALANCE_WIRE_OPEN,
    AlarmKind.WIRING,
    AlarmKind.CELL_COUNT,
    AlarmKind.IMPLAUSIBLE_DATA,
}
"""Nobody balances by voltages that are not known."""


def of_faults(
    pack: str, before: tuple[Alarm, ...], faults: Sequence[Fault], now_s: float
) -> tuple[Alarm, ...]:
    """Return warnings of what is wrong with the engine's own helpers, old ones with their age."""
    known = {(a.kind, a.where): a for a in before}
    return tuple(
        known.get((f.kind, f.where))
        or Alarm(
            kind=f.kind,
            severity=Severity.WARNING,
            pack=pack,
            since_s=now_s,
            where=f.where,
            releases=f.releases,
        )
        for f in faults
    )


def of_device(
    pack: str, before: tuple[Alarm, ...], told: tuple[DeviceAlarm, ...], now_s: float
) -> tuple[Alarm, ...]:
    """Return the BMS's own alarms in our words, old ones kept with their age."""
    known = {(a.kind, a.severity, a.where, a.blocks_charge, a.blocks_discharge): a for a in before}
    return tuple(
        known.get((d.kind, d.severity, d.text, d.blocks_charge, d.blocks_discharge))
        or Alarm(
            kind=d.kind,
            severity=d.severity,
            pack=pack,
            since_s=now_s,
            blocks_charge=d.blocks_charge,
            blocks_discharge=d.blocks_discharge,
            source=AlarmSource.DEVICE,
            where=d.text,
            releases="the BMS clears it",
        )
        for d in told
    )


_OWN = {AlarmSource.ENGINE}


def _shown(alarms: tuple[Alarm, ...]) -> tuple[Alarm, ...]:
    """Return the alarms for people, protections first; a warning gives way to its protection."""
    tripped = {a.kind for a in alarms if a.severity is Severity.PROTECTION}
    where = {(a.kind, a.where) for a in alarms if a.severity is Severity.PROTECTION}
    own = {a.kind for a in alarms if a.severity is Severity.PROTECTION and a.source in _OWN}
    kept: list[Alarm] = []
    for alarm in alarms:
        if alarm.severity is not Severity.PROTECTION:
            hidden = alarm.kind in tripped
            if hidden and alarm.value is None and alarm.source in _OWN:
                # Of an unknown input: another sensor that is lost too is no milder form of it.
                hidden = (alarm.kind, alarm.where) in where
        elif alarm.source in _OWN:  # the second level of an over-current beside the first
            hidden = any(k.kind is alarm.kind and k.where == alarm.where for k in kept)
        else:
            hidden = alarm.kind in own and not (alarm.blocks_charge or alarm.blocks_discharge)
        if not hidden:
            kept.append(alarm)
    return tuple(sorted(kept, key=lambda a: -a.severity))


def changes(before: tuple[Alarm, ...], after: tuple[Alarm, ...], now_s: float) -> list[Event]:
    """Return what came and what went, with the evidence.

    A warning that gives way to its protection is not over: it got worse.
    """
    worse = {a.kind for a in after if a.severity is Severity.PROTECTION and a not in before}
    events = [
        Event(at_s=now_s, pack=a.pack, text=_without_pack(a), severity=a.severity)
        for a in after
        if a not in before
    ]
    events += [
        Event(at_s=now_s, pack=a.pack, text=f"{a.kind.value} is over: {a.releases}")
        for a in before
        if a not in after and (a.severity is Severity.PROTECTION or a.kind not in worse)
    ]
    return events


def _without_pack(alarm: Alarm) -> str:
    return alarm.text.removeprefix(f"{alarm.pack}: ")


def _reason(alarm: Alarm) -> Reason:
    by_device = alarm.source is AlarmSource.DEVICE
    return Reason(
        rule=f"BMS: {alarm.kind.value}" if by_device else alarm.kind.value,
        value=0.0,
        source=alarm.where,
        measured=alarm.value,
        threshold=alarm.threshold,
        unit=alarm.unit,
        clears=alarm.releases,
    )
