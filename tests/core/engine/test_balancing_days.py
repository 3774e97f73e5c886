"""Balancing in days of a simulated household: as quick as docs/balancing.md says.

benchmarks/balance.py runs more seeds, and the balancer by voltage beside it.
"""

import random

from cellwarden.engine import Engine, EngineSettings
from cellwarden.model import CHEMISTRIES
from cellwarden_hardware.simulator.bank import SimulatedBank
from cellwarden_hardware.simulator.measure import Meter
from cellwarden_hardware.simulator.pack import PackDesign, SimulatedPack, settings_of
from cellwarden_hardware.simulator.profile import HomeProfile

POLL_S = 10.0
HOURS = 44
AH = 280.0
TYPICAL = CHEMISTRIES["LiFePO4"].ocv_v
UNLIKE = tuple((soc, volts - (0.012 if soc >= 98 else 0.004)) for soc, volts in TYPICAL)
"""The knee of these cells begins later and is steeper than the engine can know."""


def missing_ah(pack: SimulatedPack) -> list[float]:
    return [c - q for c, q in zip(pack.cells.capacity_ah, pack.cells.charge_ah, strict=True)]


def spread_percent(pack: SimulatedPack) -> float:
    missing = missing_ah(pack)
    return 100 * (max(missing) - min(missing)) / AH


def test_five_percent_are_nearly_halved_in_two_days_without_the_cells_curve() -> None:
    pack = SimulatedPack(
        PackDesign(
            capacity_ah=AH,
            seed="balance 2",
            soc_spread_percent=0.0,
            start_soc_percent=45.0,
            ocv_v=UNLIKE,
            balance_lead_ohm=0.05,
        )
    )
    draw = random.Random("spread 2")
    places = [draw.random() for _ in range(16)]
    low, high = min(places), max(places)
    for n, place in enumerate(places):
        pack.cells.charge_ah[n] += 0.05 * AH * ((place - low) / (high - low) - 0.5)
    house = SimulatedBank([pack], HomeProfile(seed=2, bank_energy_wh=AH * 51.2))
    engine = Engine(
        EngineSettings("p", "LiFePO4", settings_of(pack.design), 5 * POLL_S, balances_cells=True)
    )
    meter, memory, wrong = Meter("p", 2, cell_offset_v=0.0015), engine.start(0.0), 0
    for n in range(1, round(HOURS * 3600 / POLL_S)):
        house.advance(POLL_S)
        memory, state = engine.step(memory, meter.read(pack, n * POLL_S), n * POLL_S)
        plan = state.balancing
        assert plan is not None
        pack.balance_cells(plan.giving, plan.taking)
        if plan.giving and plan.taking:
            missing = missing_ah(pack)
            wrong += missing[plan.giving - 1] > missing[plan.taking - 1] + 0.001 * AH
        house.set_limits(state.limits.cvl_v, state.limits.ccl_a, state.limits.dcl_a)
    assert spread_percent(pack) < 2.8
    assert wrong == 0, spread_percent(pack)
