"""The yardstick: `json.loads` of 300 characters, measured beside everything else.

Machines differ and drift; a ratio to well-known work in the same run says more than a time.
"""

import gc
import json
import statistics
import time
from collections.abc import Callable

_TEXT = json.dumps(
    {
        "pack": "left",
        "voltage_v": 52.28,
        "current_a": -12.5,
        "soc_percent": 60,
        "cells_v": [3.270, 3.262, 3.271, 3.271, 3.271, 3.269, 3.27, 3.271] * 2,
        "temperatures_c": [22, 21],
        "charge": True,
        "model": "JK-B2A20S20P",
        "cycles": 112,
        "name": "",
    }
)
DOCUMENT = _TEXT.replace('"name": ""', f'"name": "{"x" * (300 - len(_TEXT))}"')
assert len(DOCUMENT) == 300


def best_s(call: Callable[[], object], *, rounds: int = 15, least_s: float = 0.02) -> float:
    """Return the time of one call in s: the median of the rounds, each long enough to time."""
    count = 1
    while _timed_s(call, count) < least_s:
        count *= 2
    gc.disable()
    try:
        return statistics.median(_timed_s(call, count) for _ in range(rounds)) / count
    finally:
        gc.enable()


def pair_s(
    call: Callable[[], object], other: Callable[[], object], *, rounds: int = 30
) -> tuple[float, float]:
    """Return the time of one call of each in s, for a ratio that stands on a busy machine.

    The rounds alternate and the quickest of each counts: what else runs slows both alike.
    """
    counts = [max(1, int(0.002 / max(_timed_s(work, 1), 1e-9))) for work in (call, other)]
    gc.disable()
    try:
        times = [
            (_timed_s(call, counts[0]) / counts[0], _timed_s(other, counts[1]) / counts[1])
            for _ in range(rounds)
        ]
    finally:
        gc.enable()
    return min(first for first, _ in times), min(second for _, second in times)


def yardstick_s() -> float:
    """Return the time of the yardstick in s."""
    return best_s(lambda: json.loads(DOCUMENT))


def _timed_s(call: Callable[[], object], count: int) -> float:
    began_s = time.perf_counter()
    for _ in range(count):
        call()
    return time.perf_counter() - began_s
