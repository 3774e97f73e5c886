"""`cellwarden repair`: a guide from measurement to verdict, one question at a time.

On a terminal it asks and explains; with `--json` it prints one object a line and reads one answer
a line, so that a program can hold the conversation. Every answer is kept at once: a sitting that
ends in the middle goes on where it was.
"""

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from cellwarden.cli.asking import add_running, runtime_folder
from cellwarden.cli.show import print_rows
from cellwarden.errors import ConfigError
from cellwarden.hooks import CommandKind
from cellwarden.repair import (
    BadAnswer,
    Kind,
    Procedure,
    Step,
    Walk,
    answer,
    as_data,
    as_text,
    load,
    procedure_names,
    restore,
    start,
)

HELP = (
    "Enter goes on where something is to be done; b = back one step, q = stop and keep, ? = again"
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("procedure", nargs="?", help="its name; without one they are listed")
    parser.add_argument(
        "--from-finding",
        type=int,
        metavar="N",
        help="open the procedure of finding N of the running controller (`cellwarden diagnose`)",
    )
    parser.add_argument("--restart", action="store_true", help="forget an unfinished sitting")
    parser.add_argument("--report", metavar="FILE", help="write the report; .json as data")
    parser.add_argument(
        "--json", action="store_true", help="one object a line out, one answer a line in"
    )
    parser.add_argument("--state-dir", metavar="DIR", help="folder for unfinished sittings")
    add_running(parser)


def run(arguments: argparse.Namespace) -> int:
    """Lead through a procedure; 0 with a verdict, 1 if it was left before."""
    name = arguments.procedure
    if arguments.from_finding is not None:
        if name:
            raise ConfigError("give either a procedure or --from-finding, not both")
        name = _of_finding(arguments)
    if not name:
        _list(as_json=arguments.json)
        return 0
    if name not in procedure_names():
        raise ConfigError(f"there is no procedure {name!r}; `cellwarden repair` lists them")
    procedure = load(name)
    kept = _kept(arguments.state_dir, procedure)
    walk = start(procedure) if arguments.restart else _resumed(procedure, kept)
    talk = _Program(procedure) if arguments.json else _Person(procedure)
    walk = _lead(procedure, walk, talk, lambda now: _keep(kept, procedure, now))
    if arguments.report:
        _write_report(Path(arguments.report), procedure, walk)
    talk.end(walk)
    return 0 if walk.verdict is not None else 1


def _list(*, as_json: bool) -> None:
    procedures = [load(name) for name in procedure_names()]
    if as_json:
        rows = [{"name": p.name, "title": p.title, "manual": p.manual} for p in procedures]
        print(json.dumps(rows))
        return
    print_rows(
        [("procedure", "what is wrong", "who"), *((p.name, p.title, p.skill) for p in procedures)]
    )
    print("\n`cellwarden repair PROCEDURE` leads through one.")


# -- the conversation -------------------------------------------------------------------------


class _Talk:
    """How questions are put and answers are had."""

    def __init__(self, procedure: Procedure) -> None:
        self.procedure = procedure

    def begin(self, walk: Walk) -> None:
        """Say what this is."""

    def ask(self, step: Step, walk: Walk) -> str | None:
        """Put a question and return the answer, None if there will be none."""
        raise NotImplementedError

    def refuse(self, problem: str) -> None:
        """Say why an answer was not taken."""
        raise NotImplementedError

    def took(self, walk: Walk) -> None:
        """Say what the last answer means."""

    def end(self, walk: Walk) -> None:
        """Say how it ended."""
        raise NotImplementedError


class _Person(_Talk):
    def begin(self, walk: Walk) -> None:
        p = self.procedure
        print(p.title + (f" (manual, {p.manual})" if p.manual else ""))
        print(f"For: {p.skill}. Tools: {', '.join(p.tools) or 'none'}.")
        for line in p.safety:
            print(f"! {line}")
        if walk.answers:
            print(f"Going on after {len(walk.answers)} answers; --restart begins anew.")
        print(f"({HELP})")

    def ask(self, step: Step, walk: Walk) -> str | None:
        print(f"\n{len(walk.answers) + 1}. {step.text}")
        if step.points:
            print(f"   points:   {step.points}")
        if step.expected:
            print(f"   expected: {step.expected}")
        for number, outcome in enumerate(step.outcomes, 1):
            if step.kind is Kind.ASK:
                text = f" - {outcome.choice_text}" if outcome.choice_text else ""
                print(f"   {number} {outcome.choice}{text}")
        prompt = {Kind.DO: "done? ", Kind.ASK: "answer: "}.get(step.kind, f"{step.unit}: ")
        try:
            return input(f"   {prompt}")
        except EOFError:
            print()
            return None

    def refuse(self, problem: str) -> None:
        print(f"   {problem}")

    def took(self, walk: Walk) -> None:
        if walk.answers and walk.answers[-1].says:
            print(f"   -> {walk.answers[-1].says}")

    def end(self, walk: Walk) -> None:
        if walk.verdict is None:
            print("\nKept. The same command goes on here.")
            return
        print(f"\nVerdict: {walk.verdict.text}")
        if walk.verdict.part:
            print(f"Replace: {walk.verdict.part}")


class _Program(_Talk):
    def ask(self, step: Step, walk: Walk) -> str | None:
        _print(
            {
                "step": step.name,
                "kind": step.kind.value,
                "text": step.text,
                "points": step.points,
                "unit": step.unit,
                "expected": step.expected,
                "choices": [o.choice for o in step.outcomes if o.choice],
                "number": len(walk.answers) + 1,
            }
        )
        line = sys.stdin.readline()
        return line.rstrip("\n") if line else None

    def refuse(self, problem: str) -> None:
        _print({"refused": problem})

    def end(self, walk: Walk) -> None:
        _print(as_data(self.procedure, walk))


def _print(document: Mapping[str, object]) -> None:
    print(json.dumps(document), flush=True)


def _lead(procedure: Procedure, walk: Walk, talk: _Talk, keep: Callable[[Walk], None]) -> Walk:
    """Ask until there is a verdict or nobody answers; every answer is kept."""
    talk.begin(walk)
    while walk.verdict is None:
        text = talk.ask(procedure.steps[walk.at], walk)
        if text is None or text.strip() == "q":
            return walk
        if text.strip() == "?":
            continue
        if text.strip() == "b":
            walk = _back(procedure, walk)
            keep(walk)
            continue
        try:
            walk = answer(procedure, walk, text)
        except BadAnswer as problem:
            talk.refuse(str(problem))
            continue
        talk.took(walk)
        keep(walk)
    return walk


def _back(procedure: Procedure, walk: Walk) -> Walk:
    """Return the walk without its last answer."""
    again = start(procedure)
    for one in walk.answers[:-1]:
        again = answer(procedure, again, one.text)
    return again


# -- what is kept -----------------------------------------------------------------------------


def _kept(state_dir: str | None, procedure: Procedure) -> Path:
    """Return the file of an unfinished sitting; its folder exists."""
    from cellwarden.runtime import folders  # noqa: PLC0415  # only when it runs

    folder = folders.private(folders.state_dir(state_dir)) / "repair"
    folder.mkdir(exist_ok=True)
    return folder / f"{procedure.name}.json"


def _resumed(procedure: Procedure, path: Path) -> Walk:
    try:
        return restore(procedure, json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return start(procedure)
    except (ValueError, AttributeError) as error:
        print(f"cellwarden: {path} is not used ({error}): beginning anew", file=sys.stderr)
        return start(procedure)


def _keep(path: Path, procedure: Procedure, walk: Walk) -> None:
    """Write an unfinished sitting, take away a finished one; a kill leaves the old or the new."""
    if walk.verdict is not None:
        path.unlink(missing_ok=True)
        return
    new = path.with_suffix(".new")
    new.write_text(json.dumps(as_data(procedure, walk)), encoding="utf-8")
    new.replace(path)


def _write_report(path: Path, procedure: Procedure, walk: Walk) -> None:
    data = path.suffix == ".json"
    text = json.dumps(as_data(procedure, walk), indent=2) if data else as_text(procedure, walk)
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"cannot write the report {path}: {error.strerror}") from error


# -- findings ---------------------------------------------------------------------------------


def _of_finding(arguments: argparse.Namespace) -> str:
    """Return the procedure of a finding of the running controller, as `diagnose` numbers them."""
    from cellwarden.cli.diagnose_sources import of_process  # noqa: PLC0415  # only when it runs

    found = of_process(runtime_folder(arguments), history=False)["findings"]
    number = arguments.from_finding
    if not 1 <= number <= len(found):
        raise ConfigError(
            f"there is no finding {number}: there are {len(found)} now, see `cellwarden diagnose`"
        )
    procedure = found[number - 1].get("procedure")
    if not procedure:
        raise ConfigError(f"finding {number} has no procedure: {found[number - 1].get('what')}")
    return str(procedure)


COMMAND = CommandKind(
    name="repair",
    summary="a guide through measuring and repairing",
    configure=configure,
    run=run,
)
