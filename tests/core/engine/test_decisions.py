"""Recorded histories give the decisions that they gave: every number of the state, literally.

What the engine makes of three histories stands in `decisions.json`. A change that moves any of
these numbers shows here, wanted or not. When it is wanted, `make decisions` writes the file anew,
and the difference belongs into the same commit.
"""

import json
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from cellwarden.engine import Engine, EngineSettings, PackMemory
from cellwarden.model import CHEMISTRIES, NO_INPUTS, Inputs, PackState, Reading, preset
from cellwarden.model.catalog import interpolate
from cellwarden.runtime.status import plain
from support import kept

FILE = Path(__file__).with_name("decisions.json")
LEFT_OUT = frozenset({"reading", "parameters", "identity", "link", "pack", "chemistry", "events"})
"""Not decided by the engine, or told by the log."""


@dataclass(frozen=True)
class Leg:
    """So long at this current and temperature."""

    minutes: float
    current_a: float
    temperature_c: float = 25.0


@dataclass(frozen=True)
class History:
    """A pack and what it lives through; each cell is a little worse than the one before."""

    chemistry: str
    cells: int
    capacity_ah: float
    start_percent: float
    told_percent: float
    legs: tuple[Leg, ...]
    step_s: float = 5.0
    curve: bool = True
    """The cells' own curve is known."""
    offset_a: float = 0.0
    restart_at_minute: float | None = None


HISTORIES = {
    "LiFePO4, rest, full, rest, empty": History(
        "LiFePO4", 8, 100.0, 88.0, 70.0,
        (Leg(40, 0.0), Leg(25, 30.0), Leg(12, 8.0), Leg(10, 2.0), Leg(45, 0.0), Leg(30, -60.0),
         Leg(20, 0.0), Leg(60, -75.0), Leg(15, -20.0), Leg(30, 10.0)),
        offset_a=0.3,
    ),
    "Li-ion, cold, partial, with a restart": History(
        "Li-ion", 7, 50.0, 40.0, 60.0,
        (Leg(20, 0.0, -4.0), Leg(20, 10.0, 2.0), Leg(20, 20.0, 12.0), Leg(30, -15.0, 20.0),
         Leg(30, 0.0, 20.0), Leg(40, 18.0, 24.0), Leg(20, -40.0, 30.0)),
        step_s=3.0, restart_at_minute=95.0,
    ),
    "LTO, fast, hot": History(
        "LTO", 10, 40.0, 50.0, 50.0,
        (Leg(10, 0.0), Leg(20, 19.0, 40.0), Leg(15, -38.0, 52.0), Leg(15, 10.0, 58.0),
         Leg(15, -10.0, 50.0), Leg(20, 19.0, 35.0)),
        step_s=2.0, curve=False,
    ),
}  # fmt: skip


def readings(history: History) -> Iterator[Reading]:
    """Yield what a BMS with a little noise would say; no simulator is in it."""
    noise = random.Random(5)
    kind = CHEMISTRIES[history.chemistry]
    sizes = [history.capacity_ah * (1.0 - 0.004 * n) for n in range(history.cells)]
    socs = [history.start_percent - 0.3 * n for n in range(history.cells)]
    resistances = [
        0.0008 * 100 / history.capacity_ah * (1 + 0.03 * n) for n in range(history.cells)
    ]
    polarised = 0.0
    at_s, full, empty = 1000.0, False, False
    for leg in history.legs:
        for _ in range(int(leg.minutes * 60 / history.step_s)):
            at_s += history.step_s
            current = leg.current_a
            if (current > 0 and full) or (current < 0 and empty):
                current = 0.0
            polarised += (current - polarised) * (1 - math.exp(-history.step_s / 60))
            for n, size in enumerate(sizes):
                socs[n] += 100 * current * history.step_s / 3600 / size
            cold = math.exp(0.02 * (25.0 - leg.temperature_c))
            volts = [
                interpolate(kind.ocv_v, soc)
                + max(soc - 100, 0) * 0.1
                + min(soc, 0) * 0.1
                + cold * r * (current + 0.6 * polarised)
                for soc, r in zip(socs, resistances, strict=True)
            ]
            full = max(volts) > kind.absolute_max_v
            empty = min(volts) < kind.absolute_min_v
            told = tuple(round(v + noise.gauss(0, 0.0008), 3) for v in volts)
            yield Reading(
                pack="left",
                heard_s=at_s,
                cell_voltages_v=told,
                voltage_v=round(sum(told), 2),
                current_a=round(current + history.offset_a + noise.gauss(0, 0.03), 2),
                temperatures_c=(leg.temperature_c, leg.temperature_c - 0.5),
                mos_temperature_c=leg.temperature_c + abs(current) / 10,
                soc_percent=history.told_percent,
                capacity_ah=history.capacity_ah,
                cycles=12,
                runtime_s=at_s,
                charge_fet_on=not full,
                discharge_fet_on=not empty,
                charge_switch_on=True,
                discharge_switch_on=True,
                balance_switch_on=True,
                balancing=False,
                wire_resistances_ohm=(0.05,) * history.cells,
            )


def live(history: History) -> Iterator[tuple[int, PackState]]:
    """Yield minute and state of each step."""
    settings = EngineSettings(
        "left",
        history.chemistry,
        preset(history.chemistry, cell_count=history.cells, design_capacity_ah=history.capacity_ah),
        3 * history.step_s,
        ocv_v=CHEMISTRIES[history.chemistry].ocv_v if history.curve else None,
    )
    engine = Engine(settings)
    memory: PackMemory = engine.start(1000.0)
    inputs: Inputs = NO_INPUTS
    restart_s = None
    if history.restart_at_minute is not None:
        restart_s = 1000.0 + 60 * history.restart_at_minute
    for heard in readings(history):
        if restart_s is not None and heard.heard_s >= restart_s:
            restart_s = None
            record = json.loads(json.dumps(engine.record(memory, heard.heard_s)))
            engine = Engine(settings)
            memory = engine.restore(record, heard.heard_s - 1.0, 30.0)
        memory, state = engine.step(memory, heard, heard.heard_s, None, inputs)
        yield int((heard.heard_s - 1000.0) / 60), state


def told(state: PackState) -> dict[str, object]:
    """Return all that was decided."""
    document = plain(replace(state, reading=None))
    assert isinstance(document, dict)
    return {k: v for k, v in document.items() if k not in LEFT_OUT}


def decided(name: str) -> dict[str, object]:
    """Return the state after each seventh part of a history, by minute."""
    history = HISTORIES[name]
    whole = sum(leg.minutes for leg in history.legs)
    wanted = {int(whole * n / 7) for n in range(1, 7)} | {int(whole) - 1}
    found: dict[str, object] = {}
    for minute, state in live(history):
        if minute in wanted and str(minute) not in found:
            found[str(minute)] = told(state)
    return found


@pytest.mark.parametrize("name", HISTORIES)
def test_a_history_gives_the_decisions_it_gave(name: str) -> None:
    kept.check(FILE, name, decided(name))
