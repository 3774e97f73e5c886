"""Mutation testing of the engine: does a test notice when a line of it is changed?

`make mutants` mutates `core/cellwarden/engine` in a copy of the tree, runs the engine's tests on a
sample of the mutants with mutmut, and prints a line for each module. A mutant counts as killed
when a test fails or never ends. `ARGS="--sample 1"` takes every mutant, which is hours.

The sample is drawn by the mutant's own name, so the same code gives the same sample, and a mutant
that survives today is tried again tomorrow.
"""

import argparse
import hashlib
import json
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from math import sqrt
from pathlib import Path

ROOT = Path(__file__).parent.parent
STAGE = ROOT / "build" / "mutation"
ENGINE = "src/cellwarden/engine"
CONFIG = """
[tool.pytest.ini_options]
testpaths = ["tests"]
pythonpath = ["tests"]
addopts = [
    "--import-mode=importlib", "-p", "no:randomly",
    "-m", "not shared and not system", "-k", "{selection}",
]
markers = ["system", "shared", "requirement(name)"]
timeout = 120

[tool.mutmut]
source_paths = ["src"]
only_mutate = ["{engine}/*"]
also_copy = ["docs", "hardware", "plugins"]
pytest_add_cli_args_test_selection = ["tests/core/engine"]
use_git_change_detection = false
track_dependencies = false
"""
SLOW = (
    "zero_of_the_current_sensor",
    "complete_cycle_teaches",
    "order_in_which_faults",
    "whatever_the_packs_say",
    "whatever_a_bms_says",
    "same_history_gives",
)
"""Parts of names of tests that take seconds each and would be run again for most mutants; what
they would kill beyond the others is not counted."""
KILLED = frozenset({1, 3, 24, -24, 36, 152, 255})
"""Exit codes of mutmut's workers: a test failed, or the run was ended because it never would."""


def stage() -> None:
    """Lay the copy: mutmut wants the package below a folder called src."""
    shutil.rmtree(STAGE, ignore_errors=True)
    skip = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "core", STAGE / "src", ignore=skip)
    for part in ("tests", "docs", "hardware", "plugins"):
        shutil.copytree(ROOT / part, STAGE / part, ignore=skip)
    selection = f"not ({' or '.join(SLOW)})"
    (STAGE / "pyproject.toml").write_text(CONFIG.format(engine=ENGINE, selection=selection))


def mutmut(*words: str, quiet: bool = False) -> int:
    """Run mutmut in the copy and return its exit status."""
    command = [sys.executable, "-m", "mutmut", *words]
    with (STAGE / "mutmut.log").open("a") as log:
        out = log if quiet else None
        return subprocess.run(command, cwd=STAGE, stdout=out, stderr=out, check=False).returncode


def results() -> Iterator[tuple[str, str, int | None]]:
    """Yield module, mutant and exit code of each; None: not run."""
    for path in sorted((STAGE / "mutants" / ENGINE).rglob("*.meta")):
        codes = json.loads(path.read_text())["exit_code_by_key"]
        for name, code in sorted(codes.items()):
            yield path.name.removesuffix(".py.meta"), name, code


def drawn(name: str, one_in: int) -> bool:
    """Return whether a mutant is in the sample."""
    return int(hashlib.sha256(name.encode()).hexdigest(), 16) % one_in == 0


def report(chosen: frozenset[str]) -> None:
    """Print a line a module, the total with its 95 % interval, and every survivor."""
    killed: Counter[str] = Counter()
    tried: Counter[str] = Counter()
    survivors = []
    for module, name, code in results():
        if name not in chosen or code is None:
            continue
        tried[module] += 1
        if code in KILLED:
            killed[module] += 1
        else:
            survivors.append(name)
    print("| module | mutants tried | killed |\n|---|---|---|")
    for module in sorted(tried):
        share = 100 * killed[module] / tried[module]
        print(f"| `{module}` | {tried[module]} | {share:.0f} % |")
    n = tried.total()
    if n:
        part = killed.total() / n
        spread = 196 * sqrt(part * (1 - part) / n)
        print(f"| all | {n} | {100 * part:.1f} % ± {spread:.1f} |")
    with (STAGE / "survivors.txt").open("w") as file:
        for name in survivors:
            shown = subprocess.run(
                [sys.executable, "-m", "mutmut", "show", name],
                cwd=STAGE, capture_output=True, text=True, check=False,
            ).stdout  # fmt: skip
            file.write(f"{name}\n{shown}\n")
    print(f"{len(survivors)} survivors: {STAGE / 'survivors.txt'}")


def main() -> int:
    """Mutate, run, report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sample", type=int, default=20, help="one mutant in so many (20)")
    parser.add_argument("--module", default="", help="only modules whose name has this in it")
    parser.add_argument("--children", type=int, default=2, help="processes at once (2)")
    options = parser.parse_args()
    stage()
    # No mutant has this name: mutmut makes all of them, learns which test runs what, and stops.
    mutmut("run", "none", quiet=True)
    names = [(module, name) for module, name, _ in results()]
    log = (STAGE / "mutmut.log").read_text()
    if not names or "failed to collect stats" in log:
        print(f"the tests do not pass in the copy, or nothing was mutated:\n{log[-3000:]}")
        return 1
    chosen = frozenset(
        name for module, name in names if options.module in module and drawn(name, options.sample)
    )
    print(f"{len(names)} mutants, {len(chosen)} in the sample", flush=True)
    mutmut("run", "--max-children", str(options.children), *sorted(chosen), quiet=True)
    report(chosen)
    return 0


if __name__ == "__main__":
    sys.exit(main())
