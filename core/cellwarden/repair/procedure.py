"""A repair procedure as data: read from its TOML file and checked as a whole.

The files say: `title`, `manual` (the numbered requirement it comes from, empty for our own),
`skill` (who should do it), `tools`, `safety`, the steps and the verdicts. A step is one of

- `do`: something to do; its one outcome goes on;
- `ask`: a question with choices; an outcome for each;
- `measure`: a number in `unit`; outcomes in rising order, each up to a bound, the last for the
  rest. `range` is what can be believed at all: outside it the question is asked again.

An outcome says what it means and names the next step or a verdict. A step that a loop comes back
to has `tries`, and the verdict `too_often` for when they are used up.
"""

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Any


class Kind(StrEnum):
    """What a step wants of a person."""

    DO = "do"
    ASK = "ask"
    MEASURE = "measure"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What an answer means and where it leads."""

    says: str
    choice: str = ""
    """For a question: the choice it stands for."""
    choice_text: str = ""
    below: float | None = None
    """For a measurement: readings under this ..."""
    up_to: float | None = None
    """... or not above this; both None: all other readings."""
    next: str = ""
    """The next step, or empty where it ends with `verdict`."""
    verdict: str = ""

    def takes(self, reading: float) -> bool:
        """Return whether a reading falls under this outcome, if none before it did."""
        if self.below is not None:
            return reading < self.below
        return self.up_to is None or reading <= self.up_to


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing to do, answer or measure."""

    name: str
    kind: Kind
    text: str
    outcomes: tuple[Outcome, ...]
    points: str = ""
    """Where the probes go: `A - B`; black first where it matters."""
    unit: str = ""
    lowest: float = -math.inf
    highest: float = math.inf
    """Of readings that can be believed; over-range counts as infinity."""
    over_range: bool = False
    """Over-range is a possible reading."""
    expected: str = ""
    source: str = ""
    """Section the numbers come from: `R49 (1)`, or `ours`."""
    tries: int = 1
    too_often: str = ""
    """Verdict once the step was come to more than `tries` times."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """How it ends."""

    name: str
    text: str
    part: str = ""
    """What to replace."""
    solved: bool = False
    """The fault is gone; otherwise it says what remains to be done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Procedure:
    """A whole procedure; its first step is where it begins."""

    name: str
    title: str
    manual: str
    skill: str
    tools: tuple[str, ...]
    safety: tuple[str, ...]
    steps: Mapping[str, Step]
    verdicts: Mapping[str, Verdict]
    first: str


def _folder() -> Any:
    return files("cellwarden.repair") / "procedures"


def procedure_names() -> tuple[str, ...]:
    """Return the names of all procedures, in alphabetical order."""
    return tuple(
        sorted(
            f.name.removesuffix(".toml") for f in _folder().iterdir() if f.name.endswith(".toml")
        )
    )


@cache
def load(name: str) -> Procedure:
    """Return a procedure. KeyError if there is none of this name."""
    if name not in procedure_names():
        raise KeyError(name)
    return read(name, tomllib.loads((_folder() / f"{name}.toml").read_text(encoding="utf-8")))


def read(name: str, data: Mapping[str, Any]) -> Procedure:
    """Return the procedure in a file's data. ValueError with what is wrong with it."""
    try:
        steps = {str(s["name"]): _step(s) for s in data["step"]}
        verdicts = {
            key: Verdict(
                name=key,
                text=v["text"],
                part=v.get("part", ""),
                solved=v.get("solved", False),
            )
            for key, v in data["verdict"].items()
        }
        procedure = Procedure(
            name=name,
            title=data["title"],
            manual=data.get("manual", ""),
            skill=data["skill"],
            tools=tuple(data.get("tools", ())),
            safety=tuple(data["safety"]),
            steps=steps,
            verdicts=verdicts,
            first=next(iter(steps)),
        )
    except (KeyError, TypeError) as error:
        raise ValueError(f"{name}: {error} is missing or no table") from error
    if len(steps) != len(data["step"]):
        raise ValueError(f"{name}: two steps have one name")
    for step in steps.values():
        _check(procedure, step)
    return procedure


def _step(data: Mapping[str, Any]) -> Step:
    kind = Kind(data["kind"])
    low, high = data.get("range", (-math.inf, math.inf))
    return Step(
        name=data["name"],
        kind=kind,
        text=data["text"],
        outcomes=tuple(_outcome(o) for o in data["outcomes"]),
        points=data.get("points", ""),
        unit=data.get("unit", ""),
        lowest=float(low),
        highest=float(high),
        over_range=data.get("over_range", False),
        expected=data.get("expected", ""),
        source=data.get("source", ""),
        tries=data.get("tries", 1),
        too_often=data.get("too_often", ""),
    )


def _outcome(data: Mapping[str, Any]) -> Outcome:
    known = {"says", "choice", "choice_text", "below", "up_to", "next", "verdict"}
    if unknown := data.keys() - known:
        raise ValueError(f"an outcome has the unknown keys {sorted(unknown)}")
    return Outcome(**{"says": "", **data})


def _check(procedure: Procedure, step: Step) -> None:
    """Refuse a step that leads nowhere, twice, or not for every answer."""
    where = f"{procedure.name}, step {step.name}"
    if step.too_often and step.too_often not in procedure.verdicts:
        raise ValueError(f"{where}: there is no verdict {step.too_often}")
    if step.tries > 1 and not step.too_often:
        raise ValueError(f"{where}: tries needs too_often")
    for outcome in step.outcomes:
        _check_way(where, procedure, outcome)
    if step.kind is Kind.DO and len(step.outcomes) != 1:
        raise ValueError(f"{where}: something to do has one outcome")
    if step.kind is Kind.ASK:
        choices = [o.choice for o in step.outcomes]
        if len(choices) < 2 or "" in choices or len(set(choices)) != len(choices):
            raise ValueError(f"{where}: a question has two or more different choices")
    if step.kind is Kind.MEASURE:
        _check_bounds(where, step)


def _check_way(where: str, procedure: Procedure, outcome: Outcome) -> None:
    if bool(outcome.next) is bool(outcome.verdict):
        raise ValueError(f"{where}: an outcome needs either next or verdict")
    if outcome.next and outcome.next not in procedure.steps:
        raise ValueError(f"{where}: there is no step {outcome.next}")
    if outcome.verdict and outcome.verdict not in procedure.verdicts:
        raise ValueError(f"{where}: there is no verdict {outcome.verdict}")


def _check_bounds(where: str, step: Step) -> None:
    bounds = [o.below if o.below is not None else o.up_to for o in step.outcomes]
    if not step.unit or not math.isfinite(step.lowest) or not math.isfinite(step.highest):
        raise ValueError(f"{where}: a measurement needs unit and range")
    if bounds[-1] is not None or None in bounds[:-1]:
        raise ValueError(f"{where}: all outcomes but the last have a bound, the last has none")
    rising = [b for b in bounds if b is not None]
    if rising != sorted(rising) or len(set(rising)) != len(rising):
        raise ValueError(f"{where}: the bounds must rise")
