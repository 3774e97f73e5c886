"""The gate: the only way to ask for something to be written to a BMS."""

import logging

from cellwarden.model import Outcome, Request, RequestKind, Verdict

LOG = logging.getLogger(__name__)


class MonitorGate:
    """Refuses every write, with the reason; safe to ask from any thread.

    No driver writes yet, so that mode `control` is refused too, in words that say so.
    """

    def __init__(self, mode: str) -> None:
        self._mode = mode

    async def ask(self, request: Request) -> Outcome:
        """Refuse, and log who asked for what."""
        reason = self.refusal(request.kind, request.pack, request.who)
        LOG.info(
            "refused %s for %s from %s: %s", request.kind.value, request.pack, request.who, reason
        )
        return Outcome(verdict=Verdict.REFUSED, reason=reason)

    def refusal(self, kind: RequestKind, pack: str, who: str) -> str:  # noqa: ARG002  # refuses all
        """Return why everything is refused."""
        if self._mode == "monitor":
            return 'mode is "monitor": nothing is ever written to a BMS'
        return "no driver of this version writes to a BMS"

    def writable_parameters(self, pack: str) -> frozenset[str]:  # noqa: ARG002  # none of any
        """Return nothing: no driver writes yet."""
        return frozenset()
