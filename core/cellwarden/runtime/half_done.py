"""What a transaction left half done on a device, and how a person settles it."""

import asyncio
import logging
import sqlite3
from collections.abc import Awaitable, Callable, Mapping

from cellwarden.model import SWITCHES, Outcome, Request, RequestKind, Verdict
from cellwarden.runtime.audit import Audit, Entry
from cellwarden.runtime.doubts import Doubts
from cellwarden.runtime.outcomes import refused, together
from cellwarden.runtime.writing import Desk

LOG = logging.getLogger(__name__)

_HALF_DONE = (
    "a change of its parameters was left half done: first finish or undo it,"
    " `cellwarden params finish {pack}` or `cellwarden params undo {pack}`"
)


class HalfDone:
    """The half-done changes of all packs. Their desks take no further change until settled."""

    def __init__(
        self,
        audit: Audit,
        desks: Mapping[str, Desk],
        ask: Callable[[Request], Awaitable[Outcome]],
        doubts: Doubts,
    ) -> None:
        """`ask` carries out a request, as the gate does; `doubts` are told what is left."""
        self._audit = audit
        self._desks = desks
        self._ask = ask
        self._doubts = doubts

    def left(self) -> tuple[Entry, ...]:
        """Return what was left half done; reads the audit log's file."""
        try:
            return self._audit.unsettled() if self._audit.path.exists() else ()
        except (OSError, sqlite3.Error) as error:
            LOG.error("the audit log %s cannot be read (%s)", self._audit.path, error)
            return ()

    def note(self, left: tuple[Entry, ...]) -> None:
        """Keep further changes from these packs, and say so."""
        for entry in left:
            desk = self._desks.get(entry.pack)
            if desk is None or desk.unsettled:
                continue
            desk.unsettled = _HALF_DONE.format(pack=entry.pack)
            self._doubts.left(entry.pack, entry.steps)
            LOG.warning(
                "%s: %s of %s by %s (%s) was left half done: `cellwarden params finish %s` or"
                " `cellwarden params undo %s`",
                entry.pack, entry.kind, entry.asked, entry.who, entry.verdict, entry.pack,
                entry.pack,
            )  # fmt: skip

    async def look(self) -> None:
        """Look for what was left half done just now."""
        self.note(await asyncio.to_thread(self.left))

    async def settle(self, pack: str, who: str, *, finish: bool) -> Outcome:
        """Finish or undo what was left half done on a pack."""
        left = await asyncio.to_thread(self.left)
        entry = next((e for e in left if e.pack == pack), None)
        if entry is None:
            return refused("nothing was left half done on this pack")
        changes = {
            step.what: value
            for step in entry.steps
            if isinstance(value := step.wanted if finish else step.before, int | float)
            and step.register
        }
        desk = self._desks[pack]
        desk.unsettled = ""
        if not changes:
            await asyncio.to_thread(self._audit.settle, entry.id)
            return Outcome(
                verdict=Verdict.APPLIED,
                reason="what was left half done cannot be repeated; it is taken as settled: look at"
                " the device",
            )
        switches = {kind: changes.pop(name) for kind, name in SWITCHES.items() if name in changes}
        asked = [
            Request(kind=kind, pack=pack, value=bool(on), who=who) for kind, on in switches.items()
        ]
        if changes:
            asked.append(Request(kind=RequestKind.PARAMETERS, pack=pack, changes=changes, who=who))
        desk.restoring = {} if finish else changes
        outcome = together([await self._ask(request) for request in asked])
        desk.restoring = {}
        if outcome.good:
            await asyncio.to_thread(self._audit.settle, entry.id)
        await self.look()
        return outcome
