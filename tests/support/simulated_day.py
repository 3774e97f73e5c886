"""A day of a house with two packs, decided by the real engine and bank, every ten minutes."""

from functools import cache

from cellwarden.engine import Bank, BankMember, BankSettings, Engine, EngineSettings
from cellwarden.model import BankState, Reading, preset
from cellwarden_hardware.simulator.bank import SimulatedBank
from cellwarden_hardware.simulator.pack import SimulatedPack

STEP_S = 60.0
KEEP_EVERY = 10
NAMES = ("left", "right")


def heard(name: str, pack: SimulatedPack, now_s: float) -> Reading:
    said = pack.snapshot()
    return Reading(
        pack=name,
        heard_s=now_s,
        cell_voltages_v=said.cell_voltages_v,
        voltage_v=said.voltage_v,
        current_a=said.current_a,
        temperatures_c=said.temperatures_c,
        mos_temperature_c=said.mos_temperature_c,
        soc_percent=said.soc_percent,
        cycles=said.cycles,
        charge_fet_on=said.charge_fet_on,
        discharge_fet_on=said.discharge_fet_on,
        charge_switch_on=True,
        discharge_switch_on=True,
    )


@cache
def day() -> tuple[BankState, ...]:
    """Return the decisions of 24 hours from seven in the morning."""
    house = SimulatedBank.home(packs=2, seed=3)
    parameters = preset("LiFePO4", cell_count=16, design_capacity_ah=280)
    engines = [
        Engine(
            EngineSettings(
                pack=name, chemistry="LiFePO4", parameters=parameters, max_age_s=3 * STEP_S
            )
        )
        for name in NAMES
    ]
    bank = Bank(
        BankSettings(
            name="house", members=tuple(BankMember(name=n, design_capacity_ah=280) for n in NAMES)
        )
    )
    memories, remembered = [engine.start(0.0) for engine in engines], bank.start(0.0)
    states = []
    for step in range(24 * 60):
        house.advance(STEP_S)
        now_s = (step + 1) * STEP_S
        packs = []
        for n, engine in enumerate(engines):
            memories[n], pack = engine.step(
                memories[n], heard(NAMES[n], house.packs[n], now_s), now_s
            )
            packs.append(pack)
        remembered, state = bank.step(remembered, packs, now_s)
        if state.limits is not None:
            house.set_limits(state.limits.cvl_v, state.limits.ccl_a, state.limits.dcl_a)
        if step % KEEP_EVERY == 0:
            states.append(state)
    return tuple(states)
