"""Runs the diagnosis beside the bank's decisions and keeps what it learned."""

import logging
from collections.abc import Mapping

from cellwarden.clock import Clock
from cellwarden.diagnosis import Diagnosis, PackFacts, attach
from cellwarden.model import BankState
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

    def examined(self, state: BankState, now_s: float) -> BankState:
        """Return the decision with what is found now; as it was if the diagnosis fails."""
        memory = self._memory
        self._memory, found = attempt(
            "diagnosis",
            lambda: self._diagnosis.step(memory, state, now_s),
            lambda _: (memory, memory.findings),
        )
        return attach(state, found)

    def report(self, state: BankState) -> dict[str, object]:
        """Return what is known now, in JSON types."""
        return self._diagnosis.report(self._memory, state)

    def records(self) -> dict[str, Mapping[str, object]]:
        """Return what must survive a restart, for the store."""
        records = self._diagnosis.record(self._memory, self._clock.now_s())
        return {PREFIX + name: record for name, record in records.items()}
