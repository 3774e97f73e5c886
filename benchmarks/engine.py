"""The engine's step with everything on: average and worst time, and memory over many steps.

Sixteen cells, the cell's own curve, a heater, a balancer that is told cells, a shunt: ten simulated
minutes at 1 Hz after one of settling. Counted is the thread's own CPU time, the best of some runs:
what else runs on the machine is no property of the engine. The yardstick is measured between the
steps, so that whatever slows the one slows the other.

Memory is Python's own count of live blocks after garbage collection, at the end of stretches of
many steps: what grows between them would grow for ever. `python benchmarks/engine.py --steps
1000000` goes through a million steps in stretches of a tenth, some minutes.
"""

import argparse
import gc
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from decode import heard
from yardstick import DOCUMENT

from cellwarden.engine import Engine, EngineSettings, HeaterSettings, PackMemory
from cellwarden.model import CHEMISTRIES, Inputs, preset

MINUTES = 10
RUNS = 5
YARDS = 4
"""Yardsticks after each step."""
STEPS = 20_000
"""Of the memory's watch, unless told otherwise."""
STRETCHES = 10


class Held(NamedTuple):
    """What is held after so many steps."""

    steps: int
    blocks: int
    """Live blocks of Python's allocator."""
    resident_mib: float
    """Of the whole process."""


class Times(NamedTuple):
    """What steps took, in s of CPU."""

    average_s: float
    worst_s: float
    yardsticks: float
    """The average in yardsticks."""


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
    times = measured()
    held = list(held_over(STEPS))
    return [
        (
            "engine step, all on, ten minutes at 1 Hz, 16 cells",
            (
                f"average {1e6 * times.average_s:.0f} µs ({times.yardsticks:.0f} yardsticks),"
                f" worst {1e3 * times.worst_s:.2f} ms"
            ),
            "<= 150 µs, 2 ms",
        ),
        _memory_row(held),
    ]


def _memory_row(held: list[Held]) -> tuple[str, str, str]:
    half, end = held[len(held) // 2 - 1], held[-1]
    return (
        f"memory held after {half.steps} and {end.steps} steps",
        f"{half.blocks} and {end.blocks} blocks",
        "the same",
    )


def measured() -> Times:
    """Return the best of some runs; the ratio is the middle one's."""
    runs = sorted((_one_run() for _ in range(RUNS)), key=lambda run: run.yardsticks)
    return Times(
        min(run.average_s for run in runs),
        min(run.worst_s for run in runs),
        runs[len(runs) // 2].yardsticks,
    )


def _one_run() -> Times:
    works = engine()
    memory, steps_s, yards_s = works.start(0.0), list[float](), 0.0
    gc.collect()
    for second in range(60 * (MINUTES + 1)):
        reading = heard("p", float(second))
        began_s = time.thread_time()
        memory, _ = works.step(memory, reading, float(second), None, INPUTS)
        ended_s = time.thread_time()
        if second < 60:
            continue
        steps_s.append(ended_s - began_s)
        for _ in range(YARDS):
            json.loads(DOCUMENT)
        yards_s += time.thread_time() - ended_s
    total_s = sum(steps_s)
    return Times(total_s / len(steps_s), max(steps_s), total_s / (yards_s / YARDS))


def held_over(steps: int) -> Iterator[Held]:
    """Yield what is held after each of the stretches that make so many steps."""
    works = engine()
    memory, done = works.start(0.0), 0
    for _ in range(STRETCHES):
        memory = _stretch(works, memory, done, steps // STRETCHES)
        done += steps // STRETCHES
        gc.collect()
        yield Held(done, sys.getallocatedblocks(), _resident_mib())


def _stretch(works: Engine, memory: PackMemory, start: int, steps: int) -> PackMemory:
    for second in range(start, start + steps):
        memory, _ = works.step(memory, heard("p", float(second)), float(second), None, INPUTS)
    return memory


def _resident_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def main() -> None:
    """Measure and print; with `--steps` only the memory, at every stretch."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, help="watch the memory over so many steps")
    arguments = parser.parse_args()
    if arguments.steps is None:
        for row in run(0.0):
            print(*row, sep="  ", flush=True)
        return
    for held in held_over(arguments.steps):
        print(
            f"{held.steps:>8} steps: {held.blocks} blocks, {held.resident_mib:.1f} MiB", flush=True
        )


if __name__ == "__main__":
    main()
