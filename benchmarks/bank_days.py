"""Days of sun over large banks of unequal packs, as the tests watch them for hours.

python benchmarks/bank_days.py        some minutes; prints a line a bank
"""

import sys
import time
from pathlib import Path

TESTS = Path(__file__).parents[1] / "tests"
HOURS = 54.0


def main() -> None:
    sys.path[:0] = [str(TESTS), str(TESTS / "hardware")]
    from test_simulated_banks import Watch

    from support.banks import Plant, unequal

    for count in (4, 16, 64):
        begun_s = time.perf_counter()
        designs = unequal(count, 1, cells=4, start_soc_percent=50.0)
        plant = Plant(designs, cycle_s=60.0, start_h=7.0)
        watch = Watch(plant)
        plant.run(HOURS, watch)
        print(
            f"{count} packs, {HOURS:g} h: {len(watch.full)} reached full,"
            f" {len(watch.tripped)} tripped, {watch.overloaded} cycles of overload,"
            f" CVL moved {1000 * watch.moved_v:.0f} mV in a minute at most"
            f" ({time.perf_counter() - begun_s:.0f} s)",
            flush=True,
        )


if __name__ == "__main__":
    main()
