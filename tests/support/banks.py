"""Simulated banks under the real engine and bank: physics below, decisions above."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field

from cellwarden.engine import Bank, BankMember, BankSettings, Engine, EngineSettings
from cellwarden.model import CHEMISTRIES, NO_ORDERS, BankState, ChargePhase, PackState
from cellwarden_hardware.simulator.bank import SimulatedBank
from cellwarden_hardware.simulator.pack import MAX_STEP_S, PackDesign, SimulatedPack
from cellwarden_hardware.simulator.profile import HomeProfile
from support.simulated_day import heard


def unequal(count: int, seed: int, *, cells: int = 16, **options: object) -> list[PackDesign]:
    """Design packs of different size, age, warmth, charge and cables."""
    draw = random.Random(f"bank {seed}")
    designs = []
    for n in range(count):
        plain: dict[str, object] = {
            "cells": cells,
            "capacity_ah": draw.choice((100.0, 200.0, 280.0)),
            "seed": f"{seed} {n}",
            "health": draw.uniform(0.8, 1.02),
            "resistance_scale": draw.uniform(0.8, 1.6),
            "lead_resistance_ohm": draw.uniform(0.0003, 0.002),
            "soc_spread_percent": 0.3,
            "start_soc_percent": draw.uniform(48.0, 52.0),
            "start_temperature_c": draw.uniform(19.0, 27.0),
            "ambient_offset_c": draw.uniform(-2.0, 4.0),
            "current_offset_a": draw.uniform(-0.05, 0.05),
        }
        designs.append(PackDesign(**(plain | options)))  # type: ignore[arg-type]
    return designs


CALM_CELL_V = 3.37
"""A LiFePO4 cell below this is far from the top, whatever flows."""
CALM_STEP_S = 20.0
"""Inner step of a calm bank; the smallest time constant of a cell is 40 s."""


@dataclass
class Seen:
    """What one cycle came to."""

    now_s: float
    state: BankState
    currents_a: list[float]


@dataclass
class Plant:
    """A bank of simulated packs, decided every `cycle_s`; the inverter obeys."""

    designs: list[PackDesign]
    cycle_s: float = 5.0
    start_h: float = 7.0
    settings: dict[str, object] = field(default_factory=dict)
    sun: float = 1.0
    """Panels and loads, relative to what suits the bank."""
    calm_s: float | None = None
    """A longer cycle while the bank is calm: no pack near the top, none near its limits."""

    def __post_init__(self) -> None:
        packs = [SimulatedPack(d) for d in self.designs]
        energy_wh = self.sun * sum(
            d.capacity_ah * d.cells * CHEMISTRIES[d.chemistry].nominal_v for d in self.designs
        )
        self.house = SimulatedBank(packs, HomeProfile(seed=4, bank_energy_wh=energy_wh))
        self.house.start_of_day_s = self.start_h * 3600.0
        self.names = [f"p{n}" for n in range(len(packs))]
        self.engines = [
            Engine(
                EngineSettings(
                    pack=name,
                    chemistry=pack.design.chemistry,
                    parameters=pack.bms.parameters,
                    max_age_s=3 * (self.calm_s or self.cycle_s),
                )
            )
            for name, pack in zip(self.names, packs, strict=True)
        ]
        cell = CHEMISTRIES[self.designs[0].chemistry]
        members = tuple(
            BankMember(name, d.capacity_ah, d.cells * cell.float_v)
            for name, d in zip(self.names, self.designs, strict=True)
        )
        window_v = 0.03 * self.designs[0].cells
        self.bank = Bank(
            BankSettings("plant", members, **{"join_window_v": window_v, **self.settings})  # type: ignore[arg-type]
        )
        self.memories = [engine.start(0.0) for engine in self.engines]
        self.memory = self.bank.start(0.0)
        self.orders = NO_ORDERS
        self.state: BankState | None = None
        self.silent: set[int] = set()
        self.now_s = 0.0

    def cycle(self) -> Seen:
        """Let one cycle pass: physics, readings, decisions, and the inverter is told."""
        cycle_s = self.cycle_s
        if self.calm_s is not None:
            calm = self._calm()
            cycle_s = self.calm_s if calm else self.cycle_s
            for pack in self.house.packs:
                pack.max_step_s = CALM_STEP_S if calm else MAX_STEP_S
        self.house.advance(cycle_s)
        self.now_s += cycle_s
        self.decide()
        if self.state.limits is not None:
            limits = self.state.limits
            self.house.set_limits(
                limits.cvl_v,
                limits.ccl_a,
                limits.dcl_a,
                valid_s=4 * (self.calm_s or self.cycle_s),
            )
        return Seen(self.now_s, self.state, [p.current_a for p in self.house.packs])

    def _calm(self) -> bool:
        """Whether nothing can come near a limit within a long cycle."""
        if self.state is None or self.state.limits is None:
            return False
        return all(
            pack.cell_max is not None
            and pack.cell_max.voltage_v < CALM_CELL_V
            and pack.charge_phase is ChargePhase.BULK
            and abs(current_a) < 0.6 * pack.limits.ccl_a
            for pack, current_a in zip(
                self.state.packs, [p.current_a for p in self.house.packs], strict=True
            )
        )

    def decide(self) -> BankState:
        """Read every pack that is not silent and decide."""
        states: list[PackState] = []
        for n, engine in enumerate(self.engines):
            reading = None
            if n not in self.silent:
                reading = heard(self.names[n], self.house.packs[n], self.now_s)
            self.memories[n], state = engine.step(self.memories[n], reading, self.now_s)
            states.append(state)
        self.memory, self.state = self.bank.step(self.memory, states, self.now_s, self.orders)
        return self.state

    def run(self, hours: float, each: Callable[[Seen], None] | None = None) -> Seen:
        """Run for some hours; `each` is called with what every cycle came to."""
        end_s = self.now_s + hours * 3600
        while self.now_s < end_s - 1e-6:
            seen = self.cycle()
            if each is not None:
                each(seen)
        return seen

    def tripped(self) -> set[str]:
        """Return the protections that any BMS holds now."""
        return {k.value for p in self.house.packs for k in p.snapshot().protections}
