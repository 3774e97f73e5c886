"""How mutants are tried: a fork of a process that has collected the tests already, for each.

For each test is known which lines of the engine it runs and how long it takes. A mutant meets the
tests that run its lines, until one fails: first those that killed its neighbours, then those with
literal numbers, then those named for the module and the kept decisions, which touch nearly
everything, then the others; the quick ones first.
"""

import hashlib
import json
import os
import resource
import signal
import sys
import time
from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, NoReturn

import pytest
from _pytest.runner import runtestprotocol

from mutation.mutants import ENGINE, ROOT, Mutant, functions

TESTS = ROOT / "tests" / "core" / "engine"
KEPT = ROOT / "build" / "mutation" / "tests.json"
MOST_S = 4.0
"""CPU time under the tracer. A test that takes longer is left out, for it would be run again for
each survivor; so are property tests. What these would kill beyond the others is not counted."""
ENDLESS_S = 4.0
"""CPU time beyond ten times its usual one after which a test is held to never end."""
MEMORY = 4 << 30
"""Bytes a mutant may take."""


Traced = tuple[float, dict[str, list[int]]]
"""CPU time in seconds, and by `module.function@mark` the lines that ran."""


@dataclass(frozen=True)
class Outcome:
    """What became of a mutant."""

    verdict: str
    """killed, endless, survived, unseen (no test runs its lines) or same (as compiled)."""
    by: str = ""
    cpu_s: float = 0.0

    @property
    def killed(self) -> bool:
        """Whether it counts as killed."""
        return self.verdict in ("killed", "endless")


@dataclass
class Known:
    """What each test costs, and the lines of the engine that it runs."""

    cpu_s: dict[str, float] = field(default_factory=dict)
    runs: dict[str, list[tuple[str, frozenset[int], str]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    """By function: what it said then, lines from its head, test."""

    def tests_of(self, mutant: Mutant) -> set[str]:
        """Return the tests that run a mutant's lines, or its function if that has changed since."""
        found = self.runs[f"{mutant.module}.{mutant.function}"]
        return {name for mark, lines, name in found if mark != mutant.mark or lines & mutant.lines}


class Trial:
    """A pytest plugin that tries mutants instead of running the tests once."""

    def __init__(
        self, mutants: Sequence[Mutant], children: int, budget_s: float, until_s: float
    ) -> None:
        self.outcomes: dict[str, Outcome] = {}
        self._mutants = mutants
        self._children = children
        self._budget_s = budget_s
        self._until_s = until_s
        self._items: dict[str, pytest.Item] = {}
        self._good: dict[str, bool] = {}
        self._killers: dict[str, deque[str]] = defaultdict(lambda: deque(maxlen=8))

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Leave out property tests."""
        items[:] = [i for i in items if not hasattr(getattr(i, "obj", None), "hypothesis")]

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Learn which test runs what, then try each mutant in a fork."""
        if session.testsfailed:
            raise session.Interrupted("the tests could not be collected")
        self._items = {item.nodeid: item for item in session.items}
        known = learned(session.items)
        running: dict[int, tuple[Mutant, IO[bytes]]] = {}
        waiting: Iterator[Mutant] = iter(self._mutants)
        while True:
            while len(running) < self._children and time.monotonic() < self._until_s:
                mutant = next(waiting, None)
                if mutant is None:
                    break
                names = {n for n in known.tests_of(mutant) if self._good.get(n, True)}
                if not mutant.changes_code():
                    self._note(mutant, Outcome("same"))
                elif not names:
                    self._note(mutant, Outcome("unseen"))
                else:
                    running.update([self._forked(mutant, self._order(mutant, names, known), known)])
            if not running:
                return True
            pid, status, used = os.wait4(-1, 0)
            mutant, told = running.pop(pid)
            outcome = self._heard(told, status, used.ru_utime + used.ru_stime)
            if outcome.verdict == "killed" and not self._is_good(outcome.by):
                print(f"left out, it fails without a mutant: {outcome.by}", file=sys.stderr)
                waiting = chain([mutant], waiting)
                continue
            self._note(mutant, outcome)

    def _is_good(self, name: str) -> bool:
        """Whether a test that killed passes without the mutant; asked once for each."""
        if name not in self._good:
            pid = os.fork()
            if pid == 0:
                silence()
                os._exit(0 if passes(self._items[name]) else 1)
            self._good[name] = os.waitpid(pid, 0)[1] == 0
        return self._good[name]

    def _note(self, mutant: Mutant, outcome: Outcome) -> None:
        self.outcomes[mutant.key] = outcome
        if outcome.by:
            for place in (f"{mutant.module}.{mutant.function}", mutant.module):
                with suppress(ValueError):
                    self._killers[place].remove(outcome.by)
                self._killers[place].appendleft(outcome.by)
        if not outcome.killed and outcome.verdict != "same":
            place = f"{mutant.module}.{mutant.function}:{mutant.line}"
            print(f"{outcome.verdict} {mutant.key} {place} {mutant.shown}", file=sys.stderr)
        if len(self.outcomes) % 50 == 0:
            print(f"{len(self.outcomes)} of {len(self._mutants)}", file=sys.stderr, flush=True)

    def _order(self, mutant: Mutant, names: set[str], known: Known) -> list[str]:
        """Return the tests to run, the likeliest first, as many as the time allows."""
        killers = [
            *self._killers[f"{mutant.module}.{mutant.function}"],
            *self._killers[mutant.module],
        ]
        first = [name for name in dict.fromkeys(killers) if name in names]

        def rank(name: str) -> tuple[int, float, str]:
            file = name.split("::", maxsplit=1)[0].rsplit("/", 1)[-1]
            if file.endswith(("exact.py", "numbers.py")):
                return (0, known.cpu_s[name], name)
            own = file.startswith(f"test_{mutant.module}")
            return (1 if own or file.endswith("decisions.py") else 2, known.cpu_s[name], name)

        return first + sorted(names - set(first), key=rank)

    def _forked(
        self, mutant: Mutant, names: list[str], known: Known
    ) -> tuple[int, tuple[Mutant, IO[bytes]]]:
        # Not a pipe: it fills up while nobody reads, and then the child waits for ever.
        told = TemporaryFile()  # noqa: SIM115  # closed in `_heard`, after the child has ended
        pid = os.fork()
        if pid == 0:
            self._child(mutant, names, known, told.fileno())
        return pid, (mutant, told)

    def _child(self, mutant: Mutant, names: list[str], known: Known, told: int) -> NoReturn:
        """Run the tests on the mutant and tell the one that failed."""
        silence()
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        mutant.put_in_force()
        for name in names:
            os.write(told, f"{name}\n".encode())
            # A signal that nobody catches ends the process: the test never would.
            signal.setitimer(signal.ITIMER_PROF, ENDLESS_S + 10 * known.cpu_s[name])
            if not passes(self._items[name]):
                os._exit(1)
            if time.process_time() > self._budget_s:
                break
        os._exit(0)

    def _heard(self, told: IO[bytes], status: int, cpu_s: float) -> Outcome:
        with told:
            told.seek(0)
            last = told.read().decode().strip().rsplit("\n", 1)[-1]
        code = os.waitstatus_to_exitcode(status)
        if code == 0:
            return Outcome("survived", cpu_s=cpu_s)
        if not last or code not in (1, -signal.SIGPROF, -signal.SIGKILL):
            message = f"a try ended with {code} in {last or 'no test'}"
            raise RuntimeError(message)
        return Outcome("killed" if code == 1 else "endless", last, cpu_s)


def passes(item: pytest.Item) -> bool:
    """Run one test and return whether it passes."""
    reports = runtestprotocol(item, log=False, nextitem=None)
    return all(report.outcome != "failed" for report in reports)


def silence() -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)


def learned(items: Sequence[pytest.Item]) -> Known:
    """Return what each test runs and costs; a file of tests that is unchanged is not run again."""
    kept: dict[str, Any] = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    files: dict[Path, list[pytest.Item]] = defaultdict(list)
    for item in items:
        files[item.path].append(item)
    known = Known()
    collected = {item.nodeid for item in items}
    for path, of_file in files.items():
        mark = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
        if kept.get(path.name, {}).get("mark") != mark:
            kept[path.name] = {"mark": mark, "tests": in_fork(of_file)}
            KEPT.parent.mkdir(parents=True, exist_ok=True)
            KEPT.write_text(json.dumps(kept))
        for name, (cpu_s, runs) in kept[path.name]["tests"].items():
            if name not in collected:
                continue
            known.cpu_s[name] = cpu_s
            for place, lines in runs.items():
                function, mark = place.split("@")
                known.runs[function].append((mark, frozenset(lines), name))
    return known


def in_fork(items: Sequence[pytest.Item]) -> dict[str, Any]:
    """Run tests under coverage in a fork, so that no result stays in a cache of this process."""
    reads, writes = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reads)
        try:
            with os.fdopen(writes, "w") as told:
                json.dump(dict(traced(items)), told)
        except BaseException as error:  # noqa: BLE001 - the fork must not go on as a second parent
            print(error, file=sys.stderr)
            os._exit(1)
        os._exit(0)
    os.close(writes)
    with os.fdopen(reads) as told:
        text = told.read()
    _, status = os.waitpid(pid, 0)
    assert status == 0, "the tests could not be traced"
    found: dict[str, Any] = json.loads(text)
    return found


def traced(
    items: Sequence[pytest.Item],
) -> Iterator[tuple[str, tuple[float, dict[str, list[int]]]]]:
    """Yield name, CPU time and lines of the engine by function, of each test."""
    from coverage import Coverage

    def too_slow(*_: object) -> NoReturn:
        raise TimeoutError

    signal.signal(signal.SIGPROF, too_slow)
    places = {path.stem: functions(path.read_text()) for path in ENGINE.glob("*.py")}
    for item in items:
        watch = Coverage(data_file=None, include=[f"{ENGINE}/*"], config_file=False)
        watch.set_option("run:disable_warnings", ["no-data-collected"])
        before = time.process_time()
        signal.setitimer(signal.ITIMER_PROF, MOST_S)
        watch.start()
        good = passes(item)
        watch.stop()
        signal.setitimer(signal.ITIMER_PROF, 0)
        cpu_s = time.process_time() - before
        if not good:
            why = "too slow" if cpu_s > 0.9 * MOST_S else "it fails on the engine as it is"
            print(f"left out, {why}: {item.nodeid}", file=sys.stderr)
            continue
        data = watch.get_data()
        runs = {}
        for file in data.measured_files():
            lines, module = set(data.lines(file) or ()), Path(file).stem
            for each in places[module]:
                if ran := lines.intersection(each.lines):
                    place = f"{module}.{each.name}@{each.mark}"
                    runs[place] = sorted(line - each.lines.start for line in ran)
        yield item.nodeid, (cpu_s, runs)


def tried(
    mutants: Sequence[Mutant], *, children: int, budget_s: float, until_s: float
) -> dict[str, Outcome]:
    """Return what became of each mutant, by key; those not reached in time are not in it."""
    trial = Trial(mutants, children, budget_s, until_s)
    words = ["-q", "--capture=no", "--tb=no", "-m", "not shared and not system"]
    words += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]
    words += [
        word for name in ("randomly", "xdist", "cacheprovider") for word in ("-p", f"no:{name}")
    ]
    code = pytest.main([*words, str(TESTS)], plugins=[trial])
    if code not in (0, 5):
        raise SystemExit(f"pytest ended with {code}")
    return trial.outcomes
