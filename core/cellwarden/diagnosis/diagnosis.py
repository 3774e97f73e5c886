"""The step of the diagnosis: what was known + the newest decision -> findings.

Pure, like the engine: no clock, no I/O. It looks at each pack at most every `EVERY_S`, so that its
cost does not grow with the poll rate; in between it gives back what it found last.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from cellwarden.diagnosis import calibration
from cellwarden.diagnosis import record as records
from cellwarden.diagnosis import report as reports
from cellwarden.diagnosis.bank_rules import BANK_RULES, BankRule
from cellwarden.diagnosis.facts import InverseCurve, PackFacts
from cellwarden.diagnosis.memory import DiagnosisMemory, Held, PackStats, Run
from cellwarden.diagnosis.observe import observe
from cellwarden.diagnosis.rule import Clue, Look, Rule
from cellwarden.diagnosis.table import RULES
from cellwarden.model import BankPhase, BankState, Finding, PackPhase

EVERY_S = 7.0
"""Prime to what balancers do in turns of 5, 10 or 20 s: none of their turns goes unseen."""
LINGER_S = 60.0
"""A clue that is gone for less than this is still the same one."""

Key = tuple[str, str, str]
Candidate = tuple[Key, float, Finding]
"""Whose it is, how long it must have been there, and what it says."""


class Diagnosis:
    """Diagnoses one bank. Holds prepared tables only; what it knows is in `DiagnosisMemory`."""

    def __init__(self, packs: Sequence[PackFacts]) -> None:
        self.packs = tuple(packs)
        self._inverse = [InverseCurve(facts.curve) for facts in packs]

    def start(self, now_s: float) -> DiagnosisMemory:
        """Return the memory of a bank of which nothing is known."""
        return DiagnosisMemory(packs=tuple(PackStats(origin_s=now_s) for _ in self.packs))

    def report(self, memory: DiagnosisMemory, state: BankState) -> dict[str, object]:
        """Return what is known, for people and programs, in JSON types."""
        return reports.report(self.packs, memory, state)

    def record(self, memory: DiagnosisMemory, now_s: float) -> dict[str, dict[str, object]]:
        """Return by pack what must survive a restart, in JSON types."""
        return {
            facts.name: records.write(
                facts.name,
                stats,
                [item for key, item in memory.held.items() if key[0] == facts.name],
                now_s,
            )
            for facts, stats in zip(self.packs, memory.packs, strict=True)
        }

    def restore(
        self,
        memory: DiagnosisMemory,
        pack: str,
        record: Mapping[str, object],
        now_s: float,
        off_for_s: float | None,
    ) -> DiagnosisMemory:
        """Return the memory with one pack as it was before a restart.

        ValueError, with the reason, for a record that cannot be used.
        """
        stats, held = records.read(record, pack, now_s, off_for_s)
        n = next(n for n, facts in enumerate(self.packs) if facts.name == pack)
        packs = (*memory.packs[:n], stats, *memory.packs[n + 1 :])
        kept = {(pack, i.finding.code, i.finding.where): i for i in held}
        return memory._replace(packs=packs, held={**memory.held, **kept})

    def step(
        self, memory: DiagnosisMemory, state: BankState, now_s: float
    ) -> tuple[DiagnosisMemory, tuple[Finding, ...]]:
        """Return what is known now and every finding that holds, the most urgent first.

        Never raises for anything a state holds.
        """
        if state.phase is BankPhase.STOPPING:
            return memory, memory.findings
        due = [n for n, stats in enumerate(memory.packs) if _due(stats.looked_s, now_s)]
        bank = _due(memory.at_s, now_s)
        if not due and not bank:
            return memory, memory.findings
        # Packs take turns, so that many of them never make one long look.
        due = sorted(due, key=lambda n: memory.packs[n].looked_s or -math.inf)
        due = due[: max(2, -(-len(self.packs) // 4))]
        by_name = {pack.pack: pack for pack in state.packs}
        stats, found = list(memory.packs), list[Candidate]()
        for n in due:
            facts = self.packs[n]
            pack = by_name.get(facts.name)
            if pack is None:
                continue
            after = observe(stats[n], facts, self._inverse[n], pack, now_s)
            stats[n] = after._replace(looked_s=now_s)
            found.extend(_of_pack(Look(facts, pack, after, now_s)))
        seen = {self.packs[n].name for n in due}
        runs = memory.runs
        if bank:
            runs = calibration.listen(runs, state)
            found.extend(_of_bank(state, runs))
            seen.add("")
        held = _hold(memory.held, found, seen, now_s)
        shown = [item.finding for item in held.values() if item.shown]
        findings = tuple(sorted(shown, key=lambda f: (-f.urgency, -f.confidence)))
        at_s = now_s if bank else memory.at_s
        return DiagnosisMemory(at_s, tuple(stats), runs, held, findings), findings


def _due(looked_s: float | None, now_s: float) -> bool:
    return looked_s is None or not 0.0 <= now_s - looked_s < EVERY_S


def attach(state: BankState, findings: Iterable[Finding]) -> BankState:
    """Return a decision with findings added to the packs they are of, or to the bank."""
    by_pack: dict[str, list[Finding]] = {}
    for finding in findings:
        by_pack.setdefault(finding.pack, []).append(finding)
    if not by_pack:
        return state
    packs = tuple(
        replace(pack, findings=(*pack.findings, *by_pack[pack.pack]))
        if pack.pack in by_pack
        else pack
        for pack in state.packs
    )
    return replace(state, packs=packs, findings=(*state.findings, *by_pack.get("", ())))


def _of_pack(look: Look) -> Iterator[Candidate]:
    heard = look.state.phase is PackPhase.ONLINE and look.state.reading is not None
    for rule in RULES:
        if heard or rule.unheard:
            for clue in rule.find(look):
                yield _candidate(rule, clue, look.facts.name)


def _of_bank(state: BankState, runs: Sequence[Run]) -> Iterator[Candidate]:
    for rule in BANK_RULES:
        for clue in rule.find(state):
            yield _candidate(rule, clue, "")
    for rule in calibration.RULES:
        for clue in calibration.find(runs, state, rule):
            yield _candidate(rule, clue, "")


def _candidate(rule: Rule | BankRule, clue: Clue, pack: str) -> Candidate:
    finding = Finding(
        code=rule.code,
        what=clue.what,
        evidence=clue.evidence,
        confidence=clue.confidence,
        pack=pack,
        where=clue.where,
        urgency=clue.urgency,
        procedure=rule.procedure if clue.procedure is None else clue.procedure,
        manual_code=rule.manual_code,
    )
    return (pack, rule.code, clue.where), rule.hold_s, finding


def _hold(
    before: dict[Key, Held], found: Iterable[Candidate], seen: set[str], now_s: float
) -> dict[Key, Held]:
    """Return the clues with how long they have been there; one that came back is the same one.

    Those of packs that were not looked at now (not in `seen`) stay as they are.
    """
    after: dict[Key, Held] = {}
    for key, hold_s, finding in found:
        old = before.get(key)
        since_s = now_s if old is None else min(old.since_s, now_s)
        shown = now_s - since_s >= hold_s or (old is not None and old.shown)
        after[key] = Held(since_s, now_s, shown, replace(finding, since_s=since_s))
    for key, old in before.items():
        lingers = key[0] not in seen or 0.0 <= now_s - old.seen_s < LINGER_S
        if key not in after and lingers:
            after[key] = old
    return after
