"""Outcomes as the gate gives them."""

from cellwarden.model import Outcome, Step, Verdict


def refused(reason: str, steps: tuple[Step, ...] = ()) -> Outcome:
    """Return a refusal."""
    return Outcome(verdict=Verdict.REFUSED, reason=reason, steps=steps)
