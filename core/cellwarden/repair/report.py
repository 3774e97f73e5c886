"""What a walk through a procedure found, for a person and as data."""

import math

from cellwarden.repair.procedure import Procedure
from cellwarden.repair.walk import Walk


def as_data(procedure: Procedure, walk: Walk) -> dict[str, object]:
    """Return the report in JSON types; `restore` takes it to go on later."""
    verdict = walk.verdict
    return {
        "procedure": procedure.name,
        "title": procedure.title,
        "manual": procedure.manual,
        "answers": [
            {
                "step": a.step,
                "asked": procedure.steps[a.step].text,
                "answer": a.text,
                "value": None if a.value is None or math.isinf(a.value) else a.value,
                "over_range": a.value is not None and math.isinf(a.value),
                "unit": procedure.steps[a.step].unit,
                "expected": procedure.steps[a.step].expected,
                "means": a.says,
                "source": procedure.steps[a.step].source,
            }
            for a in walk.answers
        ],
        "at": walk.at,
        "verdict": None
        if verdict is None
        else {
            "name": verdict.name,
            "text": verdict.text,
            "part": verdict.part,
            "solved": verdict.solved,
        },
    }


def as_text(procedure: Procedure, walk: Walk) -> str:
    """Return the report as a page of text."""
    title = procedure.title + (f" (manual, {procedure.manual})" if procedure.manual else "")
    lines = [title, "=" * len(title), ""]
    for number, a in enumerate(walk.answers, 1):
        step = procedure.steps[a.step]
        told = a.text or "done"
        if a.value is not None:
            told = "over-range" if math.isinf(a.value) else f"{a.value:g} {step.unit}"
        lines.append(f"{number}. {step.text}")
        if step.points:
            lines.append(f"   points:   {step.points}")
        if step.expected:
            lines.append(f"   expected: {step.expected}")
        lines.append(f"   found:    {told}" + (f" - {a.says}" if a.says else ""))
    lines.append("")
    if walk.verdict is None:
        lines.append(f"Not finished: the next step is {walk.at}.")
    else:
        lines.append(f"Verdict: {walk.verdict.text}")
        if walk.verdict.part:
            lines.append(f"Replace: {walk.verdict.part}")
    return "\n".join(lines) + "\n"
