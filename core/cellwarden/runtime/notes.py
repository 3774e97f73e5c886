"""Keeps the audit log small and the flash whole: what comes again and again is noted seldom."""

import re
from dataclasses import dataclass
from typing import NamedTuple

from cellwarden.model import Outcome, Request

_NUMBER = re.compile(r"[0-9.]+")
EVERY_S = 300.0
"""Real s between two notes of the same kind by the same asker (F35)."""


class Noted(NamedTuple):
    """One note: the newest of so many."""

    request: Request
    outcome: Outcome
    times: int


@dataclass(slots=True)
class _Kind:
    """What somebody asks for again and again."""

    noted_s: float
    waiting: Noted | None = None


class FewNotes:
    """Orders that an automation gives every few seconds, refusals that a program runs into."""

    def __init__(self) -> None:
        self._kinds: dict[tuple[object, ...], _Kind] = {}

    def take(self, request: Request, outcome: Outcome, now_s: float) -> tuple[Noted, ...]:
        """Return what is to be noted now: the first at once, then one for many."""
        # Numbers in a reason do not make it another one.
        reason = _NUMBER.sub("", outcome.reason)
        key = request.who, request.kind, request.pack, outcome.verdict, reason
        kind = self._kinds.get(key)
        if kind is None:
            self._kinds[key] = _Kind(now_s)
            return (Noted(request, outcome, 1),)
        times = 1 if kind.waiting is None else kind.waiting.times + 1
        kind.waiting = Noted(request, outcome, times)
        if now_s - kind.noted_s < EVERY_S:
            return ()
        noted, kind.waiting, kind.noted_s = kind.waiting, None, now_s
        return (noted,)

    def rest(self) -> tuple[Noted, ...]:
        """Return what has not been noted yet, at the end."""
        waiting = [kind.waiting for kind in self._kinds.values() if kind.waiting is not None]
        self._kinds.clear()
        return tuple(waiting)
