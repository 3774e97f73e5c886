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


def yardstick_s() -> float:
    """Return the time of the yardstick in s."""
    return best_s(lambda: json.loads(DOCUMENT))


def _timed_s(call: Callable[[], object], count: int) -> float:
    began_s = time.perf_counter()
    for _ in range(count):
        call()
    return time.perf_counter() - began_s
