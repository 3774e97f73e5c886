"""The gate that refuses everything: for where there is no bank to write to."""

import logging

from cellwarden.model import Outcome, Request, RequestKind
from cellwarden.runtime.outcomes import refused

LOG = logging.getLogger(__name__)

MONITOR = 'mode is "monitor": nothing is ever written to a BMS'


class MonitorGate:
    """Refuses every write, with the reason."""

    def __init__(self, mode: str) -> None:
        self._mode = mode

    async def ask(self, request: Request) -> Outcome:
        """Refuse, and log who asked for what."""
        reason = self.refusal(request.kind, request.pack, request.who)
        LOG.info(
            "refused %s for %s from %s: %s", request.kind.value, request.pack, request.who, reason
        )
        return refused(reason)

    def refusal(self, kind: RequestKind, pack: str, who: str) -> str:  # noqa: ARG002  # refuses all
        """Return why everything is refused."""
        return MONITOR if self._mode == "monitor" else "there is no BMS here to write to"

    def writable_parameters(self, pack: str) -> frozenset[str]:  # noqa: ARG002  # none of any
        """Return nothing."""
        return frozenset()
