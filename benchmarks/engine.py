"""The engine's step with everything on: average and worst time, and memory over many steps.

Sixteen cells, the cell's own curve, a heater, a balancer that is told cells, a shunt, orders: ten
simulated minutes at 1 Hz after one of settling. Counted is the thread's own CPU time, and the worst
step is the best of three runs: what else runs on the machine is no property of the engine. Memory
is what Python holds after garbage collection, in two stretches of many steps; what grows between
them would grow for ever.
"""

import gc
import time
import tracemalloc

from decode import heard
from yardstick import yardstick_s

from cellwarden.engine import Engine, EngineSettings, HeaterSettings, PackMemory
from cellwarden.model import CHEMISTRIES, Inputs, preset

MINUTES = 10
STEPS = 100_000
"""In each of the two stretches of the memory's watch; ten of them are the million."""


def engine() -> Engine:
    """Return an engine with everything on."""
    return Engine(
        EngineSettings(
            pack="p",
            chemistry="LiFePO4",
            parameters=preset("LiFePO4", cell_count=16, design_capacity_ah=280),
            max_age_s=3.0,
            ocv_v=CHEMISTRIES["LiFePO4"].ocv_v,
            balances_cells=True,
            heater=HeaterSettings(film_ohm=20.0),
        )
    )


INPUTS = Inputs(shunt_current_a=-12.0, charge_expected_in_s=3600.0, surplus=False)


def run(seconds: float) -> list[tuple[str, str, str]]:
    """Return rows of (what, measured, aim)."""
    del seconds
    average_s, worst_s = times_s()
    yard_s = yardstick_s()
    first, second = held_bytes()
    return [
        (
            "engine step, all on, ten minutes at 1 Hz, 16 cells",
            (
                f"average {1e6 * average_s:.0f} µs ({average_s / yard_s:.0f} yardsticks),"
                f" worst {1e3 * worst_s:.2f} ms"
            ),
            "<= 150 µs, 2 ms",
        ),
        (
            f"memory held after {STEPS} and {2 * STEPS} steps",
            f"{first / 1024:.0f} and {second / 1024:.0f} KiB",
            "the same",
        ),
    ]


def times_s() -> tuple[float, float]:
    """Return average and longest time of a step in s."""
    runs = []
    for _ in range(3):
        works = engine()
        memory, times = works.start(0.0), []
        gc.collect()
        for second in range(60 * (MINUTES + 1)):
            reading = heard("p", float(second))
            began_s = time.thread_time()
            memory, _ = works.step(memory, reading, float(second), None, INPUTS)
            times.append(time.thread_time() - began_s)
        runs.append(times[60:])
    return min(sum(run) / len(run) for run in runs), min(map(max, runs))


def held_bytes() -> tuple[int, int]:
    """Return what is held after one stretch of steps and after the second."""
    works = engine()
    memory = works.start(0.0)
    tracemalloc.start(1)
    try:
        memory = _stretch(works, memory, 0)
        first = _held()
        memory = _stretch(works, memory, STEPS)
        return first, _held()
    finally:
        tracemalloc.stop()


def _stretch(works: Engine, memory: PackMemory, start: int) -> PackMemory:
    for second in range(start, start + STEPS):
        memory, _ = works.step(memory, heard("p", float(second)), float(second), None, INPUTS)
    return memory


def _held() -> int:
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


if __name__ == "__main__":
    for row in run(0.0):
        print(*row, sep="  ", flush=True)
