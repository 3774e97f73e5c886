"""A pack is known by its serial number, not by its port: its record follows it.

Records are saved by the pack's name, each with the serial number that its BMS told. When another
serial number answers under a name (swapped cables, a pack that was exchanged or renamed), the
record of the one that left is put aside, and the one that came gets its own back, or starts afresh.
After a gap nobody knows who answers: until the BMS has told it, its readings count for nobody.
"""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from cellwarden.engine import Engine, PackMemory
from cellwarden.model import Identity
from cellwarden.runtime.store import Saved

LOG = logging.getLogger(__name__)

ASIDE = "serial:"
"""Before a serial number: the saved record of a pack that nobody is called after now."""
CONFIRM_S = 30.0
"""A pack whose number is known and that answers for so long, in controller time, without telling
it is taken for the one it was: boards lose the answer to that one question (ours)."""
KEY = "serial_number"
SINCE = "aside_since_s"
"""Of a record: who it is of, and the wall clock at which it was put aside."""


@dataclass(slots=True)
class _Known:
    serial_number: str | None
    """As its BMS told it, None until it did."""
    remembered: bool
    """There was a record."""
    identity: Identity | None = None
    unsure_since_s: float | None = None
    """It answers since then without telling who it is."""
    complained: bool = False


class Recognition:
    """Gives every engine the memory of the pack that really answers."""

    def __init__(self, saved: Mapping[str, Saved]) -> None:
        self._saved = saved
        self._aside: dict[str, Saved] = {}
        """By serial number."""
        for found in saved.values():
            serial_number, since_s = found.record.get(KEY), found.record.get(SINCE)
            if isinstance(since_s, float):
                found = Saved(record=found.record, saved_s=since_s)  # noqa: PLW2901  # its own age
            if isinstance(serial_number, str) and serial_number:
                newer = self._aside.get(serial_number)
                if newer is None or newer.saved_s < found.saved_s:
                    self._aside[serial_number] = found
        self._known: dict[str, _Known] = {}

    def memory(self, engine: Engine, now_s: float, serial_number: str | None) -> PackMemory:
        """Return what is known of a pack at start; `serial_number` where it is configured."""
        pack = engine.pack
        found = self._saved.get(pack)
        told = None if found is None else found.record.get(KEY)
        if serial_number is not None and told != serial_number:
            mine = self._aside.get(serial_number)
            found = mine if mine is not None or told is not None else found
            told = serial_number if mine is not None else None
        self._known[pack] = _Known(told if isinstance(told, str) else None, found is not None)
        return _restored(engine, found, now_s)

    def confirmed(self, pack: str, identity: Identity | None, now_s: float) -> bool:
        """Return whether it is known whose reading this is: a port may carry another pack now."""
        known = self._known[pack]
        if identity is not None or known.serial_number is None:
            known.unsure_since_s, known.complained = None, False
            return True
        if known.unsure_since_s is None:
            known.unsure_since_s = now_s
        if now_s - known.unsure_since_s < CONFIRM_S:
            return False
        if not known.complained:
            known.complained = True
            LOG.warning(
                "%s: it answers but does not tell its serial number: taken for %s, as before",
                pack,
                known.serial_number,
            )
        return True

    def heard(
        self,
        engine: Engine,
        memory: PackMemory,
        identity: Identity,
        now_s: float,
        of_others: Callable[[str], Mapping[str, object] | None],
    ) -> PackMemory:
        """Return the memory of the pack that tells this identity.

        `of_others` gives the record of the pack with a serial number if it answers elsewhere.
        """
        known = self._known[engine.pack]
        if identity is known.identity:
            return memory
        known.identity = identity
        told = (identity.serial_number or "").strip()
        if not told or told == known.serial_number:
            return memory
        before, known.serial_number = known.serial_number, told
        if before is None and known.remembered:
            return memory  # a record of before serial numbers were kept
        elsewhere = of_others(told)
        if before is not None:
            self._aside[before] = Saved(
                record={**engine.record(memory, now_s), KEY: before}, saved_s=time.time()
            )
        mine = self._aside.get(told)
        if elsewhere is not None:
            mine = Saved(record=elsewhere, saved_s=time.time())
        if before is None and mine is None:
            return memory
        LOG.warning(
            "%s: serial number %s answers now%s: %s",
            engine.pack,
            told,
            f", {before} before" if before else "",
            "what is known of it was found" if mine else "nothing is known of it yet",
        )
        known.remembered = mine is not None
        return _restored(engine, mine, now_s)

    def serial_number(self, pack: str) -> str | None:
        """Return the serial number that a pack told, None until it did."""
        known = self._known.get(pack)
        return None if known is None else known.serial_number

    def records(
        self, records: Mapping[str, Mapping[str, object]]
    ) -> dict[str, Mapping[str, object]]:
        """Return what to save: every record with its serial number, and those put aside."""
        named = {
            pack: {**record, KEY: self.serial_number(pack)} for pack, record in records.items()
        }
        here = {self.serial_number(pack) for pack in records}
        aside = {
            f"{ASIDE}{number}": {**saved.record, SINCE: saved.saved_s}
            for number, saved in self._aside.items()
            if number not in here
        }
        return {**aside, **named}


def _restored(engine: Engine, saved: Saved | None, now_s: float) -> PackMemory:
    if saved is None:
        return engine.start(now_s)
    off_s = off_for_s(saved)
    record = {**saved.record, "pack": engine.pack}
    try:
        return engine.restore(record, now_s, off_s)
    except ValueError as error:
        LOG.error("%s: the saved state is not used (%s): starting afresh", engine.pack, error)
    memory = engine.start(now_s)
    try:
        return engine.keep_counters(memory, record, off_s)
    except ValueError as error:
        LOG.error("%s: its counters begin anew (%s)", engine.pack, error)
        return memory


def off_for_s(saved: Saved) -> float | None:
    """Return how long ago something was saved; None where the wall clock ran backwards."""
    off_s = time.time() - saved.saved_s
    return off_s if off_s >= 0 else None
