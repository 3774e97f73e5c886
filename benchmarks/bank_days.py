"""Days of sun over banks of unequal packs, with more seeds and packs than the tests have.

python benchmarks/bank_days.py        some minutes; prints a line a bank
"""

import sys
import time
from pathlib import Path

TESTS = Path(__file__).parents[1] / "tests"
HOURS = 54.0
CYCLE_S, CALM_S = 60.0, 600.0
BANKS = ((2, 1), (2, 2), (2, 3), (4, 1), (4, 2), (4, 3), (16, 1), (16, 2), (64, 1))
"""(packs, seed)"""


def main() -> None:
    sys.path[:0] = [str(TESTS), str(TESTS / "hardware")]
    from test_simulated_banks import Watch

    from support.banks import Plant, unequal

    for count, seed in BANKS:
        begun_s = time.process_time()
        designs = unequal(count, seed, cells=4, start_soc_percent=50.0)
        plant = Plant(designs, cycle_s=CYCLE_S, calm_s=CALM_S, start_h=7.0)
        watch = Watch(plant)
        plant.run(HOURS, watch)
        print(
            f"{count} packs, seed {seed}, {HOURS:g} h: {len(watch.full)} reached full,"
            f" {len(watch.tripped)} tripped, {watch.overloaded} overloads,"
            f" CVL moved {1000 * watch.moved_v:.0f} mV in a minute at most"
            f" ({time.process_time() - begun_s:.0f} s of CPU)",
            flush=True,
        )


if __name__ == "__main__":
    main()
