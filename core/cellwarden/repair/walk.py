"""Going through a procedure, answer by answer. Pure: what was answered is all there is to keep."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from cellwarden.repair.numbers import read_number
from cellwarden.repair.procedure import Kind, Outcome, Procedure, Step, Verdict

DONE = frozenset({"", "done", "ok", "yes", "y"})
"""What a person types when something is done."""


class BadAnswer(ValueError):
    """An answer that cannot be taken; its text asks again, more clearly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One step as it was answered."""

    step: str
    text: str
    """As the person wrote it."""
    value: float | None = None
    """A measurement, in the step's unit; infinity for over-range."""
    says: str = ""
    """What it means."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """How far somebody has come."""

    procedure: str
    at: str
    """The step to answer next; empty once there is a verdict."""
    answers: tuple[Answer, ...] = ()
    verdict: Verdict | None = None


def start(procedure: Procedure) -> Walk:
    """Return the beginning of a walk."""
    return Walk(procedure=procedure.name, at=procedure.first)


def answer(procedure: Procedure, walk: Walk, text: str) -> Walk:
    """Return the walk after an answer to its present step.

    BadAnswer, with the question put again, for what cannot be taken; ValueError if the walk is of
    another procedure or has ended.
    """
    if walk.verdict is not None or walk.procedure != procedure.name:
        raise ValueError("this walk has ended or is of another procedure")
    step = procedure.steps[walk.at]
    outcome, value = _understood(step, text)
    taken = Answer(step=step.name, text=text.strip(), value=value, says=outcome.says)
    walk = replace(walk, answers=(*walk.answers, taken))
    if outcome.verdict:
        return replace(walk, at="", verdict=procedure.verdicts[outcome.verdict])
    following = procedure.steps[outcome.next]
    before = sum(a.step == following.name for a in walk.answers)
    if following.too_often and before >= following.tries:
        return replace(walk, at="", verdict=procedure.verdicts[following.too_often])
    return replace(walk, at=following.name)


def restore(procedure: Procedure, record: Mapping[str, object]) -> Walk:
    """Return the walk that a report of an earlier sitting left, by answering it again.

    ValueError if the record is damaged or the procedure has changed under it: begin anew then.
    """
    answers = record.get("answers")
    if record.get("procedure") != procedure.name or not isinstance(answers, Sequence):
        raise ValueError(f"this is no walk through {procedure.name}")
    walk = start(procedure)
    for one in answers:
        step, text = (one.get("step"), one.get("answer")) if isinstance(one, Mapping) else (0, 0)
        if step != walk.at or not isinstance(text, str):
            raise ValueError(f"the record does not fit {procedure.name} as it is now")
        walk = answer(procedure, walk, text)
    return walk


def _understood(step: Step, text: str) -> tuple[Outcome, float | None]:
    """Return the outcome of an answer, and the reading where one was asked for."""
    if step.kind is Kind.DO:
        if text.strip().lower() not in DONE:
            raise BadAnswer("press Enter when it is done")
        return step.outcomes[0], None
    if step.kind is Kind.ASK:
        return _chosen(step, text), None
    try:
        reading = read_number(text, step.unit)
    except ValueError as error:
        raise BadAnswer(str(error)) from error
    if math.isinf(reading):
        if not step.over_range:
            raise BadAnswer("over-range cannot be here: check the meter's range and the probes")
    elif not step.lowest <= reading <= step.highest:
        raise BadAnswer(
            f"{reading:g} {step.unit} is outside {step.lowest:g}..{step.highest:g} {step.unit}:"
            " check range, prefix and probes, and measure again"
        )
    return next(o for o in step.outcomes if o.takes(reading)), reading


def _chosen(step: Step, text: str) -> Outcome:
    """Return the outcome of a choice: its name, the beginning of it, or its number."""
    word = text.strip().lower()
    if word.isdecimal() and 1 <= int(word) <= len(step.outcomes):
        return step.outcomes[int(word) - 1]
    exact = [o for o in step.outcomes if o.choice == word]
    near = exact or [o for o in step.outcomes if word and o.choice.startswith(word)]
    if len(near) != 1:
        choices = ", ".join(o.choice for o in step.outcomes)
        raise BadAnswer(f"answer with one of: {choices}")
    return near[0]
