"""What a run of mutants says: a table by module, and every survivor with what we made of it."""

import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from math import sqrt
from pathlib import Path

from mutation.mutants import Mutant
from mutation.runner import Outcome

VERDICTS = Path(__file__).with_name("verdicts.toml")
Z = 1.96
"""Half width of a 95 % interval, in standard deviations."""


def verdicts() -> dict[str, tuple[str, str]]:
    """Return kind and reason of each survivor that was looked at, by key of the mutant."""
    kept = tomllib.loads(VERDICTS.read_text()) if VERDICTS.exists() else {}
    return {key: (kind, why) for kind, each in kept.items() for key, why in each.items()}


def interval(killed: int, tried: int) -> tuple[float, float]:
    """Return the 95 % interval of the share in percent, after Wilson."""
    share, square = killed / tried, Z * Z
    middle = (share + square / (2 * tried)) / (1 + square / tried)
    half = Z / (1 + square / tried) * sqrt(share * (1 - share) / tried + square / (4 * tried**2))
    return 100 * (middle - half), 100 * (middle + half)


def report(mutants: Sequence[Mutant], outcomes: Mapping[str, Outcome]) -> Iterator[str]:
    """Yield the lines of the Markdown."""
    counted = [m for m in mutants if m.key in outcomes and outcomes[m.key].verdict != "same"]
    tried = Counter(m.module for m in counted)
    killed = Counter(m.module for m in counted if outcomes[m.key].killed)
    known = verdicts()
    left = [m for m in counted if not outcomes[m.key].killed]
    yield "| module | tried | killed | |"
    yield "|---|---|---|---|"
    for module in sorted(tried):
        share = 100 * killed[module] / tried[module]
        yield f"| `{module}` | {tried[module]} | {killed[module]} | {share:.0f} % |"
    if counted:
        low, high = interval(killed.total(), tried.total())
        share = 100 * killed.total() / tried.total()
        total = f"{share:.1f} % ({low:.1f} to {high:.1f})"
        yield f"| all | {tried.total()} | {killed.total()} | {total} |"
    equal = sum(known.get(m.key, ("", ""))[0] == "equivalent" for m in left)
    if equal:
        share = 100 * killed.total() / (tried.total() - equal)
        yield f"\n{equal} survivors are equivalent; without them {share:.1f} % are killed."
    yield "\n| survivor | change | verdict |"
    yield "|---|---|---|"
    for m in left:
        kind, why = known.get(m.key, ("", ""))
        unseen = "no test runs it" if outcomes[m.key].verdict == "unseen" else ""
        says = ": ".join(word for word in (kind or "missing test", why or unseen) if word)
        change = m.shown.replace("|", "\\|")
        yield f"| `{m.module}.{m.function}` {m.key} | {change} | {says} |"
