"""Findings of the diagnosis on simulated houses: found in time, false alarms, cost of a step.

`python benchmarks/diagnosis.py` runs every case and 200 healthy days; `make bench` a sample.
"""

import argparse
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import NamedTuple

from cellwarden.diagnosis.table import ALL
from cellwarden_hardware.simulator.case import Case, house
from cellwarden_hardware.simulator.cases import CASES, DAY_S, LONG_S
from cellwarden_hardware.simulator.clinic import Clinic

SHORT_S = 3 * 3600.0
DAYS_A_HOUSE = 8
CHEMISTRIES = (("LiFePO4", 16), ("Li-ion", 14), ("LiFePO4", 8), ("LTO", 20))
ROOMS_C = (21.0, 12.0, 30.0, 6.0, 25.0)
HUNGRY = (1.0, 1.5, 0.6)
PACKS = (1, 1, 1, 1, 2)
HYSTERESIS_V = (0.0, 0.0, 0.008)


class Outcome(NamedTuple):
    """What came of one case with one severity, or with one of its shams."""

    code: str
    text: str
    fault: bool
    after_s: float | None
    """Until it was found; None if it was not."""
    others: tuple[str, ...]


def run(seconds: float) -> list[tuple[str, str, str]]:
    """Return rows of (what, measured, aim)."""
    del seconds
    outcomes = [one for n in _short() for one in outcomes_of(n)]
    faults = [o for o in outcomes if o.fault]
    shams = [o for o in outcomes if not o.fault]
    false = Counter(code for n in range(3) for code in healthy(n, 2))
    return [
        (
            "findings: faults found in time, cases of up to 3 h",
            f"{sum(o.after_s is not None for o in faults)} of {len(faults)}",
            "all",
        ),
        (
            "findings: taken for what it only looks like",
            f"{sum(o.after_s is not None for o in shams)} of {len(shams)}",
            "none",
        ),
        ("findings: false alarms in 6 healthy days", str(sum(false.values())), "0"),
        ("diagnosis: a look at a pack of 16 cells", _cost(), ""),
    ]


def _short() -> list[int]:
    return [n for n, case in enumerate(CASES) if case.begins_s + case.within_s <= SHORT_S]


def outcomes_of(number: int) -> list[Outcome]:
    """Return what comes of a case, every severity and every sham."""
    case = CASES[number]
    found = [
        _outcome(case, case.clinic(severity), f"{case.ailment or 'fault'} {severity:g}", fault=True)
        for severity in case.severities
    ]
    shams = [_outcome(case, case.clinic(None, sham), sham.text, fault=False) for sham in case.shams]
    return [*found, *shams]


def _outcome(case: Case, clinic: Clinic, text: str, *, fault: bool) -> Outcome:
    # A fault that takes days is watched until it is found: what else shows later is not its matter.
    days = case.within_s > SHORT_S
    clinic.watch(case.begins_s + case.within_s, until=case.code if fault and days else None)
    after = [at for (code, _), at in clinic.first.items() if code == case.code]
    others = {code for code, _ in clinic.first} - {case.code}
    after_s = min(after) - case.begins_s if after else None
    return Outcome(case.code, text, fault, after_s, tuple(sorted(others)))


def healthy(number: int, days: int = DAYS_A_HOUSE) -> list[str]:
    """Return what is found in a healthy house, which one by its number."""
    chemistry, cells = CHEMISTRIES[number % len(CHEMISTRIES)]
    home = house(
        seed=100 + number,
        packs=PACKS[number % len(PACKS)],
        chemistry=chemistry,
        cells=cells,
        room_c=ROOMS_C[number % len(ROOMS_C)],
        hungry=HUNGRY[number % len(HUNGRY)],
        hysteresis_v=HYSTERESIS_V[number % len(HYSTERESIS_V)] if chemistry == "LiFePO4" else 0.0,
        start_soc_percent=20.0 + 13.0 * (number % 6),
    )
    clinic = Clinic(home, step_s=LONG_S)
    clinic.watch(days * DAY_S)
    return [
        f"{code} {where}, house {number} ({chemistry}, {home.profile.mean_c:g} °C)"  # type: ignore[union-attr]
        for code, where in clinic.first
    ]


def _cost() -> str:
    clinic = Clinic(house(seed=1), step_s=10.0)
    clinic.watch(3600.0)
    state = clinic.state
    assert state is not None
    memory, now_s = clinic.memory, state.at_s
    begun_s = time.process_time()
    for n in range(300):
        memory, _ = clinic.diagnosis.step(memory, state, now_s + 10.0 * (n + 1))
    return f"{1e6 * (time.process_time() - begun_s) / 300:.0f} µs, at most every 7 s"


def _table(outcomes: Iterable[Outcome], false: Sequence[str]) -> Iterator[str]:
    by_code: dict[str, list[Outcome]] = defaultdict(list)
    for outcome in outcomes:
        by_code[outcome.code].append(outcome)
    alarms = Counter(text.split()[0] for text in false)
    yield f"{'finding':<28}{'found':>8}{'recall':>8}{'false':>7}{'precision':>11}  {'slowest':>9}"
    hits = faults = wrong = 0
    for rule in ALL:
        own = by_code[rule.code]
        ill = [o for o in own if o.fault]
        got = [o.after_s for o in ill if o.after_s is not None]
        bad = sum(o.after_s is not None for o in own if not o.fault) + alarms[rule.code]
        hits, faults, wrong = hits + len(got), faults + len(ill), wrong + bad
        precision = len(got) / (len(got) + bad) if got or bad else float("nan")
        slowest = f"{max(got) / 3600:.1f} h" if got else "-"
        yield (
            f"{rule.code:<28}{f'{len(got)}/{len(ill)}':>8}{len(got) / max(len(ill), 1):>8.2f}"
            f"{bad:>7}{precision:>11.2f}  {slowest:>9}"
        )
    yield (
        f"{'all':<28}{f'{hits}/{faults}':>8}{hits / faults:>8.2f}{wrong:>7}"
        f"{hits / max(hits + wrong, 1):>11.2f}"
    )


def main() -> None:
    """Run everything and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=200, help="healthy days; default 200")
    parser.add_argument("--jobs", type=int, default=2)
    arguments = parser.parse_args()
    houses = -(-arguments.days // DAYS_A_HOUSE)
    with ProcessPoolExecutor(arguments.jobs) as pool:
        watched = pool.map(healthy, range(houses))
        outcomes = [one for some in pool.map(outcomes_of, range(len(CASES))) for one in some]
        false = [text for some in watched for text in some]
    print("\n".join(_table(outcomes, false)))
    print(f"\nhealthy days: {houses * DAYS_A_HOUSE}, false alarms: {len(false)}")
    for text in false:
        print(f"  {text}")
    for outcome in outcomes:
        if outcome.fault and outcome.after_s is None:
            print(f"missed: {outcome.code}, {outcome.text}; found {outcome.others}")
        if not outcome.fault and outcome.after_s is not None:
            print(f"mistaken: {outcome.code} for {outcome.text}")
    print("\nfound besides the fault itself (what follows from it, or is wrong):")
    for outcome in outcomes:
        if outcome.fault and outcome.others:
            print(f"  {outcome.code}, {outcome.text}: {', '.join(outcome.others)}")
    print(f"\na look at one pack: {_cost()}")


if __name__ == "__main__":
    sys.exit(main())
