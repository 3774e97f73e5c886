"""Runs the diagnosis beside the bank's decisions and keeps what it learned."""

import logging
from collections.abc import Mapping, Sequence

from cellwarden.clock import Clock
from cellwarden.diagnosis import Diagnosis, DiagnosisMemory, PackFacts, attach
from cellwarden.model import BankState, Finding, Urgency
from cellwarden.runtime.recognition import off_for_s
from cellwarden.runtime.store import Saved
from cellwarden.runtime.supervisor import attempt

LOG = logging.getLogger(__name__)

PREFIX = "diagnosis of "
"""Before the pack's name in the store; no pack's name has a blank in it."""


class Examiner:
    """The diagnosis of one running bank."""

    def __init__(
        self, packs: list[PackFacts], clock: Clock, saved: Mapping[str, Saved] | None = None
    ) -> None:
        self._clock = clock
        self._diagnosis = Diagnosis(packs)
        now_s = clock.now_s()
        memory = self._diagnosis.start(now_s)
        for facts in packs:
            found = (saved or {}).get(PREFIX + facts.name)
            if found is None:
                continue
            try:
                memory = self._diagnosis.restore(
                    memory, facts.name, found.record, now_s, off_for_s(found)
                )
            except ValueError as error:
                LOG.warning(
                    "%s: the saved diagnosis is not used (%s): it learns anew", facts.name, error
                )
        self._memory = memory
        self._reported: tuple[DiagnosisMemory, dict[str, object]] | None = None
        self._told: frozenset[tuple[str, str, str]] = frozenset()

    def marked(self, state: BankState) -> BankState:
        """Return the decision with what was found so far."""
        return attach(state, self._memory.findings)

    def examine(self, state: BankState, now_s: float) -> None:
        """Look at a decision; what is found stands in the next one."""
        memory = self._memory
        self._memory, found = attempt(
            "diagnosis",
            lambda: self._diagnosis.step(memory, state, now_s),
            lambda _: (memory, memory.findings),
        )
        self._tell(found)

    def _tell(self, found: Sequence[Finding]) -> None:
        """Log each finding once, when it is new."""
        now = frozenset((f.pack, f.code, f.where) for f in found)
        if now == self._told:
            return
        for finding in found:
            if (finding.pack, finding.code, finding.where) not in self._told:
                LOG.log(
                    logging.INFO if finding.urgency is Urgency.NOTE else logging.WARNING,
                    "%s: %s (%s)",
                    finding.pack or "bank",
                    finding.what,
                    finding.evidence,
                )
        self._told = now

    def report(self, state: BankState) -> dict[str, object]:
        """Return what is known now, in JSON types; made anew only after another look."""
        if self._reported is None or self._reported[0] is not self._memory:
            self._reported = self._memory, self._diagnosis.report(self._memory, state)
        return self._reported[1]

    def records(self) -> dict[str, Mapping[str, object]]:
        """Return what must survive a restart, for the store."""
        records = self._diagnosis.record(self._memory, self._clock.now_s())
        return {PREFIX + name: record for name, record in records.items()}
