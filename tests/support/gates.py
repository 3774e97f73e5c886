"""A gate that a test opens, closes and looks at; nothing behind it is a real device."""

import asyncio
from collections.abc import Callable, Iterable

from cellwarden.model import Outcome, Request, RequestKind, Verdict

APPLIED = Outcome(verdict=Verdict.APPLIED, reason="written and read back")


class FakeGate:
    """Tries what is in `open`, refuses the rest, and keeps every request.

    `open` holds kinds, or (kind, pack) for one pack alone; empty for a gate that refuses all.
    """

    def __init__(
        self,
        *opened: RequestKind | tuple[RequestKind, str],
        writable: Iterable[str] = (),
        why_closed: str = 'mode is "monitor": nothing is ever written to a BMS',
    ) -> None:
        self.open = set(opened)
        self.writable = frozenset(writable)
        self.why_closed = why_closed
        self.asked: list[Request] = []
        self.answer: Callable[[Request], Outcome] = lambda request: APPLIED
        """What becomes of a request that is tried; a test may change a state in it."""
        self.takes_s = 0.0

    async def ask(self, request: Request) -> Outcome:
        self.asked.append(request)
        reason = self.refusal(request.kind, request.pack, request.who)
        if reason is not None:
            return Outcome(verdict=Verdict.REFUSED, reason=reason)
        if self.takes_s:
            await asyncio.sleep(self.takes_s)
        return self.answer(request)

    def refusal(self, kind: RequestKind, pack: str, who: str) -> str | None:
        return None if {kind, (kind, pack)} & self.open else self.why_closed

    def writable_parameters(self, pack: str) -> frozenset[str]:
        return self.writable
