"""What the bank tells besides numbers: alarms of every pack as the bank's, and events."""

from collections.abc import Sequence
from dataclasses import replace

from cellwarden.engine.bank_findings import Watch
from cellwarden.engine.bank_members import Part
from cellwarden.model import Alarm, Event, PackPhase, PackState, Severity, Standing

_BAD = frozenset((Standing.LOST, Standing.HELD, Standing.IDLE))


def alarms(
    packs: Sequence[PackState], told: Sequence[tuple[Alarm, ...]], *, eased: bool
) -> tuple[Alarm, ...]:
    """Return every pack's alarms, the most severe first.

    `eased`: a lost pack is a warning for the bank and blocks nothing while others work.
    """
    found: list[Alarm] = []
    for pack, own in zip(packs, told, strict=True):
        if eased and pack.phase is PackPhase.LOST:
            found += map(_eased, own)
        else:
            found += own
    return tuple(sorted(found, key=lambda a: -a.severity))


def _eased(alarm: Alarm) -> Alarm:
    return replace(alarm, severity=Severity.WARNING, blocks_charge=False, blocks_discharge=False)


def part_events(
    names: Sequence[str], before: Sequence[Part], after: Sequence[Part], now_s: float
) -> list[Event]:
    """Return which packs play another part now."""
    events = []
    for name, old, new in zip(names, before, after, strict=True):
        if new.standing is old.standing:
            continue
        text = f"{new.standing.value}: {new.why}" if new.why else new.standing.value
        severity = Severity.WARNING if new.standing in _BAD else None
        events.append(Event(at_s=now_s, pack=name, text=text, severity=severity))
    return events


def finding_events(bank: str, before: Watch, after: Watch, now_s: float) -> list[Event]:
    """Return what was found that was not before."""
    known = {(f.code, f.pack) for f in before.findings}
    return [
        Event(at_s=now_s, pack=f.pack or bank, text=f.what, severity=Severity.WARNING)
        for f in after.findings
        if (f.code, f.pack) not in known
    ]
