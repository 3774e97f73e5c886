"""A memory that is moved in time is that of the same life lived later, to the last number."""

import pytest

from cellwarden.engine import PackMemory
from cellwarden.engine.memory import shifted
from cellwarden.model import AlarmKind, DeviceAlarm, Severity
from support.packs import Bench, all_cells, with_cell

LATER_S = 512.0
TOLD = DeviceAlarm(kind=AlarmKind.MOS_OVERTEMPERATURE, severity=Severity.WARNING, text="warm")
LIVES: dict[str, tuple[tuple[int, dict[str, object] | None], ...]] = {
    "healthy": ((5, {}),),
    "silent": ((5, {}), (6, None)),
    "charging to the end": ((5, {}), (20, {"current_a": 1.0, **all_cells(3.45)})),
    "beyond a limit, not yet tripped": ((5, {}), (4, {"current_a": 55.0})),
    "pulses": ((5, {}), (2, {"current_a": 140.0}), (2, {}), (2, {"current_a": 140.0})),
    "tripped": ((5, {}), (35, {"current_a": 55.0})),
    "tripped, about to release": (
        (5, all_cells(3.5)), (4, with_cell(7, 3.62, 3.5)), (1, all_cells(3.3)),
    ),
    "tripped high": ((5, all_cells(3.5)), (4, {"current_a": 1.0, **with_cell(7, 3.62, 3.5)})),
    "tripped low": ((5, all_cells(2.9)), (4, {"current_a": -1.0, **all_cells(2.6)})),
    "tripped often": ((5, {}), *(((35, {"current_a": 55.0}), (62, {})) * 4)),
    "suspects": ((5, {}), (1, with_cell(7, 5.2)), (1, {"current_a": 900.0})),
    "essentials unknown": ((5, {}), (6, {"current_a": None, "mos_temperature_c": None})),
    "a cell that steps by itself": (
        (14, {"balancing": False}), (3, {"balancing": False, **with_cell(7, 3.32)}),
    ),
    "the BMS warns": ((5, {}), (3, {"alarms": (TOLD,)})),
    "a step of the voltage alone": ((5, {}), (2, all_cells(3.32))),
    "the same to the last digit": ((2, {}), (9, {"runtime_s": 77.0, "current_a": 5.0})),
}  # fmt: skip


def lived(life: tuple[tuple[int, dict[str, object] | None], ...], from_s: float) -> PackMemory:
    bench = Bench(now_s=from_s)
    for count, changes in life:
        for n in range(count):
            if changes is None:
                bench.wait()
            else:
                bench.hear(**{"runtime_s": float(n), **changes})
    return bench.memory


@pytest.mark.parametrize("name", LIVES)
def test_a_memory_moved_by_a_time_is_that_of_a_life_lived_so_much_later(name: str) -> None:
    early, late = lived(LIVES[name], 1024.0), lived(LIVES[name], 1024.0 + LATER_S)
    assert shifted(early, LATER_S) == late
    assert shifted(late, -LATER_S) == early


def test_what_did_not_happen_has_no_time() -> None:
    memory = lived(((1, None),), 1024.0)
    moved = shifted(memory, LATER_S)
    assert (moved.senses.heard_s, moved.senses.view, moved.senses.told) == (None, None, None)
    assert moved.at_s == memory.at_s + LATER_S
    assert moved.started_s == memory.started_s + LATER_S


def test_a_trend_goes_on_after_a_clock_that_went_back() -> None:
    bench = Bench()
    bench.settle(60, **all_cells(3.40))
    for n in range(20):
        bench.hear(current_a=40.0, **with_cell(7, 3.46 + 0.004 * n, 3.44))
    before = bench.memory.limits.trend.cell_max_v_per_s
    bench.now_s -= 500.0
    for n in range(20, 24):
        bench.hear(current_a=40.0, **with_cell(7, 3.46 + 0.004 * n, 3.44))
    trend = bench.memory.limits.trend
    assert trend.heard_s == bench.now_s
    assert trend.cell_max_v_per_s > before


def test_when_a_reading_was_garbled_moves_too() -> None:
    memory = lived(((5, {}), (1, {"cell_voltages_v": (0.1,) * 6 + (3.3,) * 10})), 1024.0)
    assert memory.senses.garbled_s is not None
    moved = shifted(memory, LATER_S)
    assert moved.senses.garbled_s == memory.senses.garbled_s + LATER_S
