"""Scripts of faults of one pack give the decisions that they gave, to the second and to the word.

What each protection and each doubt is for is told by their own tests; this holds every threshold,
every delay and every reason in place. `make decisions` keeps a change that is wanted.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from cellwarden.engine import Engine, EngineSettings, HeaterSettings
from cellwarden.model import (
    CHEMISTRIES,
    AlarmKind,
    DeviceAlarm,
    ExternalMeasurement,
    Identity,
    Inputs,
    PackState,
    Severity,
)
from cellwarden.runtime.status import plain
from support import kept
from support.packs import Bench, all_cells, parameters, with_cell

FILE = Path(__file__).with_name("pack_decisions.json")
LEFT_OUT = frozenset(
    {"reading", "parameters", "identity", "link", "pack", "chemistry", "events", "cells", "at_s"}
)
CELLS = (3.300,) * 16


@dataclass(frozen=True)
class Leg:
    """So many readings of this, one every `every_s`; `ramp` is added to a value by the reading."""

    count: int
    changes: dict[str, object] = field(default_factory=dict)
    every_s: float = 1.0
    silent: bool = False
    inputs: Inputs | None = None
    ramp: dict[str, float] = field(default_factory=dict)
    jump_s: float = 0.0
    """The clock moves by this first."""
    release: bool = False


def cells(**changed: float | None) -> dict[str, object]:
    """Cells at 3.300 V but these, by `c7=...`; the pack voltage does not follow."""
    values: list[float | None] = list(CELLS)
    for name, value in changed.items():
        values[int(name[1:]) - 1] = value
    return {"cell_voltages_v": tuple(values)}


def following(current_a: float, rest_v: float = 3.30) -> dict[str, object]:
    return {"current_a": current_a, **all_cells(round(rest_v + 0.0005 * current_a, 4))}


def device(kind: AlarmKind, severity: Severity = Severity.PROTECTION, **more: object) -> dict:
    return {"alarms": (DeviceAlarm(kind=kind, severity=severity, **more),)}  # type: ignore[arg-type]


def again(times: int, *legs: Leg) -> tuple[Leg, ...]:
    return legs * times


HEATED = {"heater": HeaterSettings(film_ohm=20.0)}
COLD = {"temperatures_c": (-4.0, -3.0)}
BALANCING = {"balance_current_a": 1.8, "balancing": True}
SPREAD = {
    "cell_voltages_v": tuple(3.440 + 0.002 * n for n in range(16)), "voltage_v": 55.28,
}  # fmt: skip

SCRIPTS: dict[str, tuple[dict[str, Any], tuple[Leg, ...]]] = {
    "single values that cannot be": (
        {},
        (
            Leg(10),
            Leg(3, cells(c7=5.2)),
            Leg(3),
            Leg(2, cells(c7=0.4)),
            Leg(6, cells(c7=None)),
            Leg(2),
            Leg(1, cells(c7=3.9)),
            Leg(2),
            Leg(3, cells(c7=3.81)),
            Leg(2),
            Leg(1, cells(c7=math.nan)),
            Leg(1, {"current_a": 900.0}),
            Leg(2, {"current_a": None}),
            Leg(5, {"current_a": None}),
            Leg(2),
            Leg(1, {"soc_percent": 150.0, "capacity_ah": 10.0, "soh_percent": -1.0}),
            Leg(1, {"runtime_s": -1.0, "cycles": 2_000_000, "remaining_ah": 151.0}),
            Leg(2, {"voltage_v": 51.0}),
            Leg(2, {"voltage_v": None}),
            Leg(5, {"cell_voltages_v": CELLS[:15]}),
            Leg(5, {"cell_voltages_v": ()}),
            Leg(2),
            Leg(2, cells(c1=0.1, c2=0.1, c3=0.1, c4=0.1)),
            Leg(2, cells(c1=0.1, c2=0.1, c3=0.1)),
            Leg(3, {"pack": "right"}),
            Leg(3, {"wire_resistances_ohm": (0.05, 3000.0)}),
        ),
    ),
    "sensors": (
        {},
        (
            Leg(5),
            Leg(1, {"temperatures_c": (25.0, 60.0)}),
            Leg(5),
            Leg(3, {"temperatures_c": (25.0, 130.0)}),
            Leg(6, {"temperatures_c": (25.0, None)}),
            Leg(6, {"temperatures_c": (25.0,)}),
            Leg(3),
            Leg(6, {"temperatures_c": (None, None)}),
            Leg(3),
            Leg(6, {"mos_temperature_c": None}),
            Leg(3, {"mos_temperature_c": 160.0}),
            Leg(3),
            Leg(3, {"temperatures_c": (25.0, 34.9)}),
            Leg(3, {"temperatures_c": (25.0, 35.0)}),
            Leg(3, {"temperatures_c": (25.1, 35.0)}),
            Leg(3, {"temperatures_c": (25.1, 41.0)}),
        ),
    ),
    "sense wires": (
        {},
        (
            Leg(5, following(2.0)),
            Leg(8, {**cells(c3=3.6, c4=3.0), "current_a": 3.0}),
            Leg(3, {**cells(c3=3.34, c4=3.26), "current_a": 3.0}),
            Leg(3, following(3.0)),
            Leg(6, {**cells(c5=6.6, c6=-3.3), "voltage_v": None}),
            Leg(5, following(2.0)),
        ),
    ),
    "a current that the voltage does not know": (
        {},
        (
            Leg(5, following(0.0)),
            *again(4, Leg(5, all_cells(3.320)), Leg(5, all_cells(3.300))),
            *again(4, Leg(5, following(30.0)), Leg(5, following(0.0))),
            *again(
                3,
                Leg(5, {"current_a": 30.0, **all_cells(3.285)}),
                Leg(5, {"current_a": 0.0, **all_cells(3.300)}),
            ),
            *again(3, Leg(5, following(30.0)), Leg(5, following(0.0))),
            *again(2, Leg(4, {"current_a": 25.0}), Leg(4, {"current_a": 0.0})),
            Leg(3),
        ),
    ),
    "a cell that steps by itself": (
        {},
        (
            Leg(13, {"balancing": False, **cells()}),
            Leg(12, {"balancing": False, **cells(c7=3.316)}),
            Leg(4, {"balancing": True, **cells(c7=3.316)}),
            Leg(12, {"balancing": False, **cells(c7=3.302)}),
        ),
    ),
    "what stands still": (
        {},
        (
            Leg(4, following(0.0)),
            Leg(3, {"current_a": 8.0, **with_cell(7, 3.3, 3.304)}),
            Leg(3, {"current_a": 12.0, **with_cell(7, 3.3, 3.306)}),
            Leg(8, {"current_a": 16.0, **with_cell(7, 3.3, 3.308)}),
            Leg(4, following(10.0)),
            Leg(80, {**following(10.0), "runtime_s": 5.0}),
            Leg(5, following(9.0)),
            Leg(5, following(0.0)),
            Leg(200, {**following(0.0), "runtime_s": 5.0}),
            Leg(5, following(0.0)),
        ),
    ),
    "cells too high": (
        {},
        (
            Leg(5),
            Leg(5, {"current_a": 10.0, **all_cells(3.5)}),
            Leg(4, {"current_a": 10.0, **with_cell(7, 3.55, 3.5)}),
            Leg(4, {"current_a": 10.0, **with_cell(7, 3.601, 3.5)}),
            Leg(4, {"current_a": 0.0, **with_cell(7, 3.401, 3.39)}),
            Leg(4, {"current_a": 0.0, **with_cell(7, 3.399, 3.39)}),
            Leg(4, {"current_a": 0.0, **with_cell(7, 3.70, 3.39)}),
            Leg(4, {"current_a": 0.0, **all_cells(3.62)}),
            Leg(4, {"current_a": 0.0, **all_cells(3.35)}),
        ),
    ),
    "cells too low": (
        {},
        (
            Leg(5, all_cells(3.0)),
            Leg(5, {"current_a": -10.0, **all_cells(2.9)}),
            Leg(4, {"current_a": -10.0, **with_cell(3, 2.69, 2.9)}),
            Leg(4, {"current_a": 0.0, **with_cell(3, 2.99, 3.0)}),
            Leg(4, {"current_a": 0.0, **with_cell(3, 3.01, 3.02)}),
            Leg(4, {"current_a": -5.0, **all_cells(2.6)}),
            Leg(4, {"current_a": -1.0, **with_cell(3, 2.45, 2.6)}),
            Leg(4, {"current_a": 0.0, **with_cell(3, 1.95, 2.6)}),
            Leg(6, {"current_a": 3.0, **all_cells(2.8)}),
            Leg(6, {"current_a": 3.0, **all_cells(3.1)}),
        ),
    ),
    "currents too large": (
        {},
        (
            Leg(5),
            *again(7, Leg(40, following(55.0)), Leg(62, following(0.0))),
            Leg(5, release=True),
            Leg(4, following(88.0)),
            Leg(62, following(0.0)),
            Leg(40, following(-110.0)),
            Leg(62, following(0.0)),
            Leg(4, following(-176.0)),
            Leg(62, following(0.0)),
            *again(15, Leg(2, following(-140.0)), Leg(2, following(-30.0))),
            Leg(70, following(0.0)),
        ),
    ),
    "too warm, too cold": (
        {},
        tuple(
            Leg(8, {"temperatures_c": (t, t + 1.0), "current_a": 5.0}, every_s=2.0)
            for t in (
                40, 47, 50, 52, 54, 54.5, 53, 50, 48, 40, 25, 10, 4, 1, 0, -0.5, -3, 2, 4.5, 6,
            )
        )
        + tuple(
            Leg(6, {"mos_temperature_c": float(t), "current_a": -5.0}, every_s=2.0)
            for t in (60, 69, 70, 71, 74, 76, 72, 66, 64, 50)
        )
        + (Leg(8, {"temperatures_c": (20.0, 36.0)}), Leg(8, {"temperatures_c": (20.0, 24.0)})),
    ),
    "cells apart": (
        {},
        (
            Leg(5),
            Leg(8, with_cell(7, 3.2, 3.38)),
            Leg(8, with_cell(7, 3.0, 3.38)),
            Leg(8, with_cell(7, 3.15, 3.38)),
            Leg(8, with_cell(7, 3.3, 3.31)),
            Leg(4, {"voltage_v": 54.5}),
            Leg(4, {"voltage_v": 54.0}),
            Leg(6),
        ),
    ),
    "what the BMS says": (
        {},
        (
            Leg(5),
            Leg(3, device(AlarmKind.SHORT_CIRCUIT, blocks_charge=True, blocks_discharge=True)),
            Leg(3, device(AlarmKind.CELL_UNDERVOLTAGE, Severity.WARNING, text="a word")),
            Leg(3, {"charge_fet_on": False}),
            Leg(3, {"discharge_fet_on": False, "discharge_switch_on": False}),
            Leg(12, {"charge_switch_on": False, "current_a": 5.0}),
            Leg(3, {"identity": Identity(manufacturer="JK", model="JK-BD4A20S4P")}),
            Leg(3, {"soc_percent": 9.0}),
            Leg(3, {"soc_percent": None, "capacity_ah": None, "soh_percent": 80.0}),
            Leg(3, {"balancing": True, "balance_current_a": 1.5}),
        ),
    ),
    "faults of the hardware": (
        {},
        (
            Leg(5),
            Leg(13, {**following(1.0), "charge_fet_on": False, "charge_switch_on": False}),
            Leg(13, {**following(1.1), "charge_fet_on": False, "charge_switch_on": False}),
            Leg(3, release=True),
            Leg(13, {**following(-1.0), "discharge_fet_on": False, "discharge_switch_on": False}),
            Leg(13, {**following(-1.1), "discharge_fet_on": False, "discharge_switch_on": False}),
            Leg(3, release=True),
            Leg(13, {"charge_fet_on": False}),
            Leg(3),
            Leg(13, {"discharge_fet_on": False}),
            Leg(13, {"charge_fet_on": False, "temperatures_c": (-3.0, -3.0)}),
            Leg(4, {"temperatures_c": (7.0, 7.0)}),
            Leg(4, cells(c2=3.61, c9=2.69)),
            Leg(4, release=True),
            Leg(3, {"settings": {"cell_overvoltage_v": 3.7}}),
            Leg(3, {"settings": {"cell_overvoltage_v": 3.701}}),
            Leg(3, {"settings": {"cell_overvoltage_v": 11.0, "cell_count": 15}}),
            Leg(3, {"settings": {"cell_count": 256, "cell_overvoltage_v": 10.5}}),
            Leg(8, {"wire_resistances_ohm": (0.01, 0.029, 0.01, 0.01)}),
            Leg(8, {"wire_resistances_ohm": (0.01, 0.031, 0.01, 0.01)}),
            Leg(8, {"wire_resistances_ohm": (0.01, 0.026, 0.01, 0.01)}),
            Leg(8, {"wire_resistances_ohm": (0.08, 0.149, 0.08, None)}),
            Leg(8, {"wire_resistances_ohm": (0.08, 0.151, 0.08, None)}),
            Leg(8, {"wire_resistances_ohm": (0.1, 0.12, 0.126, 0.1)}),
            Leg(
                8,
                {
                    "wire_resistances_ohm": (0.1, 0.12, 0.126, 0.1),
                    "settings": {"balance_current_max_a": 1.0},
                },
            ),
            Leg(8),
            Leg(
                8,
                {
                    "wire_resistances_ohm": (0.3, 0.3, 0.31, 0.3),
                    "settings": {"balance_current_max_a": 1.0},
                },
            ),
            Leg(8),
            Leg(8, {"wire_resistances_ohm": (0.05, 0.201, 0.05, 0.05)}),
            Leg(8),
            Leg(8, {"wire_resistances_ohm": (0.01, 0.02, 0.03, 0.07)}),
            Leg(8),
        ),
    ),
    "silence and clocks": (
        {},
        (
            Leg(4, silent=True),
            Leg(10, following(5.0)),
            Leg(6, silent=True),
            Leg(4, following(55.0)),
            Leg(8, following(5.0)),
            Leg(31, following(55.0)),
            Leg(5, following(0.0), jump_s=-500.0),
            Leg(30, following(0.0)),
            Leg(5, following(0.0), jump_s=900.0),
            Leg(4, {**following(0.0), "heard_s": 900.0}),
            Leg(20, following(0.0), every_s=2.9),
            Leg(5, following(0.0), every_s=4.0),
        ),
    ),
    "heated": (
        HEATED,
        (
            Leg(6, every_s=10.0),
            Leg(6, COLD, every_s=10.0),
            Leg(30, {**COLD, "heating": True, "current_a": -2.6}, every_s=10.0),
            Leg(12, {"temperatures_c": (1.0, 2.0), "heating": True}, every_s=10.0),
            Leg(12, {"temperatures_c": (5.5, 6.0), "heating": True}, every_s=10.0),
            Leg(12, {"temperatures_c": (8.0, 9.0), "heating": False}, every_s=10.0),
            Leg(6, {**COLD, "soc_percent": 20.0}, every_s=10.0, inputs=Inputs(surplus=True)),
            Leg(6, COLD, every_s=10.0, inputs=Inputs(charge_expected_in_s=600.0)),
            Leg(6, COLD, every_s=10.0, inputs=Inputs(heater_relay_on=False)),
            Leg(130, {**COLD, "heating": True}, every_s=10.0, inputs=Inputs(heater_relay_on=True)),
        ),
    ),
    "others measure too": (
        {},
        (
            Leg(10, following(20.0), inputs=Inputs(shunt_current_a=21.0)),
            Leg(10, following(20.0), inputs=Inputs(shunt_current_a=-21.0)),
            Leg(
                10,
                following(20.0),
                inputs=Inputs(
                    external=(
                        ExternalMeasurement(
                            source="x", voltage_v=54.0, current_a=22.0, heard_s=1000.0
                        ),
                    )
                ),
            ),
        ),
    ),
    "balanced cell by cell": (
        {"balances_cells": True, "curve": True},
        (
            Leg(30, {"current_a": 4.0, **SPREAD}, every_s=10.0),
            Leg(30, {"current_a": 4.0, **SPREAD, **BALANCING}, 10.0),
            Leg(30, {"current_a": 0.5, **SPREAD}, every_s=10.0),
            Leg(20, {"current_a": -10.0, **all_cells(3.30)}, every_s=10.0),
        ),
    ),
    "balanced by a switch": (
        {"curve": True},
        (
            Leg(30, {"current_a": 4.0, **SPREAD, "balance_switch_on": False}, every_s=10.0),
            Leg(
                30,
                {"current_a": 1.0, **SPREAD, "balance_switch_on": True, "balancing": True,
                 "balance_current_a": -1.2},
                every_s=10.0,
            ),
            Leg(20, {"current_a": -10.0, **all_cells(3.30), "balance_switch_on": True}, 10.0),
        ),
    ),
}  # fmt: skip


def bench_of(settings: dict[str, Any]) -> Bench:
    options = dict(settings)
    curve = CHEMISTRIES["LiFePO4"].ocv_v if options.pop("curve", False) else None
    slow = bool(settings)
    bench = Bench(max_age_s=30.0 if slow else 3.0)
    if slow:
        bench.engine = Engine(
            EngineSettings("left", "LiFePO4", parameters(), 30.0, ocv_v=curve, **options)
        )
        bench.memory = bench.engine.start(bench.now_s)
    return bench


def told(state: PackState) -> dict[str, object]:
    document = plain(replace(state, reading=None))
    assert isinstance(document, dict)
    return {k: v for k, v in document.items() if k not in LEFT_OUT}


def seen(state: PackState) -> list[object]:
    """What of a state shows when something changed."""
    return [
        state.charge_allowed,
        state.discharge_allowed,
        sorted(f"{a.kind.value}, {a.severity.value}, {a.where}" for a in state.alarms),
        sorted(q.what for q in state.quarantined),
        sorted(f.what for f in state.findings),
    ]


def lived(settings: dict[str, Any], legs: tuple[Leg, ...]) -> Iterator[tuple[str, object]]:
    """Yield of each leg what is new after it, and what happened in it."""
    bench = bench_of(settings)
    before: dict[str, object] = {}
    shown: list[object] = []
    for n, leg in enumerate(legs):
        bench.now_s += leg.jump_s
        if leg.inputs is not None:
            bench.inputs = leg.inputs
        if leg.release:
            bench.memory = bench.engine.release(bench.memory, "a test")
        log: list[object] = []
        for k in range(leg.count):
            state = (
                bench.wait(leg.every_s) if leg.silent else bench.hear(leg.every_s, **leg.changes)
            )
            log += [f"{k} at {e.at_s:g}, {e.pack}, {e.severity}: {e.text}" for e in state.events]
            if seen(state) != shown:
                shown = seen(state)
                log.append([k, *shown])
        now = told(state)
        news = {k: v for k, v in now.items() if before.get(k) != v}
        before = now
        yield f"{n:02}", {"news": news, "log": log}
    yield "cells", plain(state)["cells"]  # type: ignore[index,call-overload]
    record = bench.engine.record(bench.memory, bench.now_s)
    yield "record", {k: v for k, v in record.items() if k != "estimate"}
    yield "failed", told(bench.engine.failed(bench.memory, bench.now_s, "Oops: x"))


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_pack_decides_as_it_did(name: str) -> None:
    settings, legs = SCRIPTS[name]
    kept.check(FILE, name, dict(lived(settings, legs)))
