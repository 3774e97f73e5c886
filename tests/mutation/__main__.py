"""Try mutants of the engine and print what became of them as Markdown.

Mutants are tried in the order of a hash of their names and a seed, so however early the run ends,
those that were tried are a fair sample, and the same seed tries the same ones again.
"""

import argparse
import sys
import time

from mutation.mutants import of_engine
from mutation.report import report
from mutation.runner import tried


def main() -> int:
    """Draw, try, report."""
    parser = argparse.ArgumentParser(prog="make mutants", description=__doc__)
    parser.add_argument("--count", type=int, default=300, help="mutants to try (300); 0: all")
    parser.add_argument("--seed", default="1", help="of the draw (1)")
    parser.add_argument("--module", default="", help="only of these modules: limits,ramp")
    parser.add_argument("--only", default="", help="only the mutants of these keys: 12ab..,34cd..")
    parser.add_argument("--minutes", type=float, default=600.0, help="start none after (600)")
    parser.add_argument("--children", type=int, default=2, help="processes at once (2)")
    parser.add_argument("--budget", type=float, default=6.0, help="CPU seconds for each (6)")
    options = parser.parse_args()
    until_s = time.monotonic() + 60 * options.minutes
    modules = frozenset(filter(None, options.module.split(",")))
    keys = frozenset(filter(None, options.only.split(",")))
    counted = [
        m
        for m in of_engine()
        if not m.is_left_out
        and (not modules or m.module in modules)
        and (not keys or m.key in keys)
    ]
    drawn = sorted(counted, key=lambda m: m.drawn(options.seed))[: options.count or None]
    print(f"{len(counted)} mutants, {len(drawn)} drawn", file=sys.stderr)
    outcomes = tried(drawn, children=options.children, budget_s=options.budget, until_s=until_s)
    print("\n".join(report(drawn, outcomes)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
