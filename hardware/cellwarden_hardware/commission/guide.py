"""The conversation of a commissioning: what is asked, what is looked at, what is noted."""

import json
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from cellwarden.errors import ConfigError
from cellwarden.model import HardwareModel
from cellwarden.repair import read_number
from cellwarden.repair.checklist import Check, How, Judged, Look, Result
from cellwarden.repair.seen import Seen

YES, NO, SKIP = frozenset({"y", "yes"}), frozenset({"n", "no"}), frozenset({"s", "skip"})


class Talk(Protocol):
    """Somebody to talk to."""

    def say(self, text: str) -> None:
        """Tell something."""

    def ask(self, name: str, text: str, hint: str) -> str | None:
        """Ask and return the answer; None if there will be no more answers."""

    def note(self, judged: Judged) -> None:
        """Tell what a check came to."""


class Person:
    """A person at a terminal."""

    MARKS: Mapping[Result, str] = {
        Result.GOOD: "ok ",
        Result.BAD: "BAD",
        Result.UNKNOWN: " ? ",
        Result.SKIPPED: " - ",
    }

    def say(self, text: str) -> None:
        """Print."""
        print(text)

    def ask(self, name: str, text: str, hint: str) -> str | None:  # noqa: ARG002  # for programs
        """Print the question and read a line."""
        try:
            return input(f"\n{text}\n  [{hint}] ")
        except EOFError:
            print()
            return None

    def note(self, judged: Judged) -> None:
        """Print one line."""
        print(f"{self.MARKS[judged.result]}  {judged.title}: {judged.text}")


class Program:
    """A program: one JSON object a line out, one answer a line in."""

    def say(self, text: str) -> None:
        """Tell nothing that only a person needs."""

    def ask(self, name: str, text: str, hint: str) -> str | None:
        """Print the question as an object and read a line."""
        print(json.dumps({"ask": name, "text": text, "answer": hint}), flush=True)
        line = sys.stdin.readline()
        return line.rstrip("\n") if line else None

    def note(self, judged: Judged) -> None:
        """Print it as an object."""
        print(json.dumps(as_data(judged)), flush=True)


def as_data(judged: Judged) -> dict[str, str]:
    """Return a judged check in JSON types."""
    return {
        "check": judged.check,
        "title": judged.title,
        "result": judged.result.value,
        "text": judged.text,
        "source": judged.source,
    }


@dataclass(slots=True)
class Sitting:
    """One commissioning under way."""

    talk: Talk
    look: Callable[[], Seen]
    """Ask the controller again; ConfigError where the pack is not online."""
    board: HardwareModel | None
    done: list[Judged] = field(default_factory=list)
    ended: bool = False
    """Nobody answers any more."""

    def note(self, judged: Judged) -> None:
        """Take down a result."""
        self.done.append(judged)
        self.talk.note(judged)

    def go_through(self, checks: Iterable[Check]) -> None:
        """Do every check; what is not answered is skipped, never good."""
        for check in checks:
            self.note(self._do(check))

    def _do(self, check: Check) -> Judged:
        if check.how is How.SEE:
            return check.judged(Look(now=self.look(), board=self.board))
        before = self.look() if check.how is How.WATCH else None
        text = f"{check.title}: {check.ask}"
        while not self.ended:
            told = self.talk.ask(check.name, text, _hint(check))
            if told is None:
                self.ended = True
                break
            word = told.strip().lower()
            if word in SKIP:
                return check.skipped("skipped by hand")
            try:
                return self._answered(check, word, before)
            except ValueError as problem:
                self.talk.say(f"  {problem}")
                text = f"{check.title}: {problem}"
        return check.skipped("nobody answered")

    def _answered(self, check: Check, word: str, before: Seen | None) -> Judged:
        """Return what an answer makes of a check; ValueError asks again."""
        if check.how is How.ASK:
            if word not in YES | NO:
                raise ValueError("answer yes, no or skip")
            return check.judged(Look(now=self.look(), board=self.board, yes=word in YES))
        if check.how is How.WATCH:
            if word not in YES | {"", "done"}:
                raise ValueError("press Enter when it is done, or skip")
            return check.judged(Look(now=self.look(), before=before, board=self.board))
        value = read_number(word, check.unit)
        return check.judged(Look(now=self.look(), value=value, board=self.board))

    def verdict(self) -> str:
        """Return how it stands, for the report."""
        counts = {r: sum(j.result is r for j in self.done) for r in Result}
        if counts[Result.BAD]:
            return f"NOT READY: {counts[Result.BAD]} checks are bad"
        if open_ := counts[Result.SKIPPED] + counts[Result.UNKNOWN]:
            return f"READY AS FAR AS CHECKED: {open_} checks were skipped or could not be told"
        return "READY: every check is good"

    @property
    def bad(self) -> bool:
        """Whether any check is bad."""
        return any(j.result is Result.BAD for j in self.done)


def _hint(check: Check) -> str:
    return {
        How.ASK: "yes / no / skip",
        How.WATCH: "Enter when done / skip",
        How.MEASURE: f"{check.unit} / skip",
    }[check.how]


def online(seen: Seen | None, pack: str) -> Seen:
    """Return what is seen of a pack; ConfigError, with what to do, where it is not there."""
    if seen is None:
        raise ConfigError(f"the controller has no pack {pack}: `cellwarden status` shows them")
    if not seen.online:
        raise ConfigError(f"{pack} does not answer now: see `cellwarden status`, and begin again")
    return seen
