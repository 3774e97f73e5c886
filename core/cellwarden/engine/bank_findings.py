"""What is wrong between the packs: circulating current, idle packs, resistance, bad contacts.

Looked at every ten seconds: none of it is urgent to the second, and all of it is a conclusion from
minutes. A finding stays until what it rests on has been gone for as long as it took to appear.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from cellwarden.engine.bank_contacts import SETTLE_STEPS, Contact
from cellwarden.engine.bank_members import Part
from cellwarden.model import Finding, PackState, Standing, Urgency

EVERY_S = 10.0
PERSIST_S = 300.0
"""How long something must last until it is told, and be gone until it is not (ours)."""
QUIET_C = 0.005
"""The bank rests while less than this flows in or out, in C (ours)."""
CIRCULATING_C = 0.02
"""What a pack gives or takes while the bank rests, in C: more is circulating (ours)."""
STIFF = 0.7
"""A pack that conducts less than this, compared with its size, has a high resistance (ours)."""
WORSE_OHM = 0.0005
"""A contact that gained this much ..."""
WORSE_FACTOR = 1.5
"""... and this factor of its usual resistance is getting worse (ours)."""


class Scene(NamedTuple):
    """What the rules look at."""

    packs: Sequence[PackState]
    parts: Sequence[Part]
    sizes_ah: Sequence[float]
    conductances: Sequence[float]
    contacts: Sequence[Contact]
    proven: bool
    """The sharing is known from load steps."""
    total_a: float | None


class Watch(NamedTuple):
    """What was found, and what may be about to be."""

    looked_s: float = float("-inf")
    findings: tuple[Finding, ...] = ()
    seen: tuple[tuple[str, str, float, float], ...] = ()
    """(code, pack, first seen, last seen), times of the controller in s."""


NOTHING = Watch()


def due(watch: Watch, now_s: float) -> bool:
    """Whether it is time for another look."""
    return now_s - watch.looked_s >= EVERY_S


def look(watch: Watch, scene: Scene, now_s: float) -> Watch:
    """Return what is found now; the same object between two looks."""
    if not due(watch, now_s):
        return watch
    suspected = {(f.code, f.pack): f for f in _suspicions(scene)}
    before = {(code, pack): (first, last) for code, pack, first, last in watch.seen}
    known = {(f.code, f.pack): f for f in watch.findings}
    seen, found = [], []
    for key in sorted(suspected.keys() | before.keys()):
        first_s, last_s = before.get(key, (now_s, now_s))
        if key in suspected:
            last_s = now_s
        elif now_s - last_s > PERSIST_S:
            continue
        seen.append((*key, first_s, last_s))
        if last_s - first_s < PERSIST_S:
            continue
        finding = known.get(key) or suspected.get(key)
        if finding is not None:
            since_s = first_s if finding.since_s is None else finding.since_s
            found.append(_since(finding, since_s))
    findings = tuple(found)
    if findings == watch.findings:
        findings = watch.findings
    return Watch(now_s, findings, tuple(seen))


def _since(finding: Finding, since_s: float) -> Finding:
    if finding.since_s == since_s:
        return finding
    return Finding(
        code=finding.code,
        what=finding.what,
        evidence=finding.evidence,
        confidence=finding.confidence,
        pack=finding.pack,
        urgency=finding.urgency,
        since_s=since_s,
    )


def _suspicions(scene: Scene) -> Iterable[Finding]:
    yield from _circulating(scene)
    yield from _idle(scene)
    if scene.proven:
        yield from _stiff(scene)
    yield from _worse(scene)


def _circulating(scene: Scene) -> Iterable[Finding]:
    """Find packs that charge each other while the bank as a whole rests."""
    total_a = scene.total_a
    size_ah = sum(scene.sizes_ah)
    if total_a is None or abs(total_a) > QUIET_C * size_ah:
        return
    flows = [
        (p.reading.current_a, p.pack, p.reading.current_a / ah)
        for p, ah in zip(scene.packs, scene.sizes_ah, strict=True)
        if p.reading is not None and p.reading.current_a is not None
    ]
    if len(flows) < 2:
        return
    gives, takes = min(flows), max(flows)
    if gives[2] < -CIRCULATING_C and takes[2] > CIRCULATING_C:
        yield Finding(
            code="circulating-current",
            what=f"{gives[1]} charges {takes[1]} while the bank rests",
            evidence=f"{gives[1]} {gives[0]:+.1f} A, {takes[1]} {takes[0]:+.1f} A,"
            f" all together {total_a:+.1f} A",
            confidence=0.9,
            pack=gives[1],
            urgency=Urgency.NOTE,
        )


def _idle(scene: Scene) -> Iterable[Finding]:
    """Find packs that let current through and take no part all the same."""
    for pack, part in zip(scene.packs, scene.parts, strict=True):
        if part.standing is Standing.IDLE:
            evidence = (
                "its BMS lets current through, but load steps of the bank leave it out"
                f" (all together {scene.total_a or 0.0:+.1f} A)"
            )
        elif part.apart and not (part.charge_fet_on is part.discharge_fet_on is False):
            evidence = f"its BMS lets current through, but {part.why}"
        else:
            continue
        yield Finding(
            code="idle-pack",
            what=f"{pack.pack} takes no part: its breaker, fuse or a lug is open",
            evidence=evidence,
            confidence=0.9,
            pack=pack.pack,
            urgency=Urgency.NOW,
        )


def _stiff(scene: Scene) -> Iterable[Finding]:
    """Find packs that conduct much less than their size asks for, compared with the others."""
    here = [n for n, part in enumerate(scene.parts) if part.counts]
    if len(here) < 2:
        return
    ranked = sorted(scene.conductances[n] for n in here)
    usual = ranked[len(ranked) // 2]  # of two, the better one
    for n in here:
        part = scene.conductances[n] / usual if usual else 1.0
        if part >= STIFF:
            continue
        pack, contact = scene.packs[n].pack, scene.contacts[n]
        ohm = contact.resistance_ohm
        measured = "" if ohm is None else f", {1000 * ohm:.1f} mΩ in load steps"
        yield Finding(
            code="higher-resistance",
            what=f"{pack} carries less than its share: its resistance is higher",
            evidence=f"{100 * part:.0f} % of what its size and the other packs let expect"
            f"{measured}",
            confidence=0.8,
            pack=pack,
        )


def _worse(scene: Scene) -> Iterable[Finding]:
    for pack, contact in zip(scene.packs, scene.contacts, strict=True):
        now, usual = contact.extra_ohm, contact.usual_ohm
        if now is None or usual is None or contact.steps <= SETTLE_STEPS:
            continue
        if now > usual + WORSE_OHM and now > WORSE_FACTOR * usual:
            yield Finding(
                code="worsening-contact",
                what=f"a contact or cable of {pack.pack} is getting worse",
                evidence=f"{1000 * now:.2f} mΩ outside the cells beyond the best pack's,"
                f" {1000 * usual:.2f} mΩ at first",
                confidence=0.7,
                pack=pack.pack,
                urgency=Urgency.SOON,
            )
