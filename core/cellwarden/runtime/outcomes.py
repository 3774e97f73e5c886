"""Outcomes as the gate gives them."""

from collections.abc import Sequence

from cellwarden.model import Outcome, Step, Verdict


def refused(reason: str, steps: tuple[Step, ...] = ()) -> Outcome:
    """Return a refusal."""
    return Outcome(verdict=Verdict.REFUSED, reason=reason, steps=steps)


_WORST = (
    Verdict.HALF_DONE, Verdict.ROLLED_BACK, Verdict.REFUSED, Verdict.APPLIED, Verdict.PLANNED,
)  # fmt: skip


def together(outcomes: Sequence[Outcome]) -> Outcome:
    """Return several packs' outcomes as one: the worst verdict, all steps."""
    if len(outcomes) == 1:
        return outcomes[0]
    verdict = min((outcome.verdict for outcome in outcomes), key=_WORST.index)
    reasons = dict.fromkeys(outcome.reason for outcome in outcomes)
    steps = tuple(step for outcome in outcomes for step in outcome.steps)
    return Outcome(verdict=verdict, reason="; ".join(reasons), steps=steps)
