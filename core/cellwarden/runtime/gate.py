"""The gate: the only way to ask for something to be written to a BMS."""

import logging

from cellwarden.model import Outcome, Request, Verdict

LOG = logging.getLogger(__name__)


class MonitorGate:
    """Refuses every write, with the reason; safe to ask from any thread.

    No driver writes yet, so that mode `control` is refused too, in words that say so.
    """

    def __init__(self, mode: str) -> None:
        self._mode = mode

    async def ask(self, request: Request) -> Outcome:
        """Refuse, and log who asked for what."""
        reason = (
            'mode is "monitor": nothing is ever written to a BMS'
            if self._mode == "monitor"
            else "no driver of this version writes to a BMS"
        )
        LOG.info(
            "refused %s for %s from %s: %s", request.kind.value, request.pack, request.who, reason
        )
        return Outcome(verdict=Verdict.REFUSED, reason=reason)
