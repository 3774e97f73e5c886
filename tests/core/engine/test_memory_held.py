"""The engine runs for years: what it remembers must not grow with the steps."""

import gc
import sys

from cellwarden.model import Inputs
from support.packs import Bench, under, with_cell

PERIOD = 100


def troubled(bench: Bench, steps: int) -> None:
    """Go through currents, trips, values that cannot be, and silence, again and again."""
    for step in range(steps):
        phase = step % PERIOD
        if phase < 60:
            bench.hear(**under(20.0 - phase % 7))
        elif phase < 64:
            bench.hear(**with_cell(7, 3.70))  # over-voltage
        elif phase < 66:
            bench.hear(temperatures_c=(25.0, 400.0))
        elif phase < 68:
            bench.hear(current_a=float("nan"))
        elif phase < 74:
            bench.wait()  # longer than a reading may be old
        else:
            bench.hear(**under(-30.0 + phase % 5))
        if phase == 99:
            bench.memory = bench.engine.release(bench.memory, "a test")


def held() -> int:
    """Return how many blocks of memory are in use."""
    gc.collect()
    return sys.getallocatedblocks()


def test_memory_does_not_grow_with_the_steps_whatever_happens_in_them() -> None:
    bench = Bench()
    bench.inputs = Inputs(shunt_current_a=-12.0)
    troubled(bench, 60 * PERIOD)  # caches are filled and what is learned is learned
    before = held()
    troubled(bench, 140 * PERIOD)
    # A single number kept for each period would be 140 blocks and more.
    assert held() - before < PERIOD
