"""What a step of the bank costs, above the packs' own steps, from 1 to 64 packs.

Measured with currents and limits that change at every step (nothing can be taken from before), and
with a bank at rest (as most of the day).
"""

import time
from dataclasses import replace

from decode import heard

from cellwarden.engine import Bank, BankMember, BankSettings, Engine, EngineSettings
from cellwarden.model import PackState, preset

COUNTS = (1, 4, 16, 64)
STEPS = 60
ROUNDS = 5
AIM_US = 20.0


def run(seconds: float) -> list[tuple[str, str, str]]:
    """Return rows of (what, measured, aim)."""
    del seconds
    rows = []
    for what, moving in (("everything changes", True), ("nothing changes", False)):
        costs = {count: cost_us(count, moving=moving) for count in COUNTS}
        told = "  ".join(f"{count}: {cost:.0f}" for count, cost in costs.items())
        each = (costs[64] - costs[1]) / 63
        linear = costs[64] / 64 <= 1.1 * min(costs[4] / 4, costs[16] / 16)
        good = linear and each <= AIM_US
        rows.append(
            (
                f"bank step, {what}, µs",
                f"{told}; {each:.1f} for each further pack",
                f"<= {AIM_US:g} a pack, no worse than linear{'' if good else '  MISSED'}",
            )
        )
    return rows


def cost_us(count: int, *, moving: bool) -> float:
    """Return what one step of a bank of so many packs costs, in µs."""
    sequences = [_states(n, moving=moving) for n in range(min(count, 4))]
    names = [f"p{n}" for n in range(count)]
    moments: list[list[PackState]] = [
        [replace(sequences[n % len(sequences)][step], pack=name) for n, name in enumerate(names)]
        for step in range(STEPS)
    ]
    bank = Bank(BankSettings("bench", tuple(BankMember(name, 100.0, 54.0) for name in names)))
    costs = []
    for _ in range(ROUNDS):
        memory = bank.start(0.0)
        for step in range(10):
            memory, _ = bank.step(memory, moments[step], float(step))
        began_s = time.process_time()
        for step in range(10, STEPS):
            memory, _ = bank.step(memory, moments[step], float(step))
        costs.append((time.process_time() - began_s) / (STEPS - 10))
    return 1e6 * min(costs)


def _states(n: int, *, moving: bool) -> list[PackState]:
    """Return what the engine says of one pack in so many seconds."""
    engine = Engine(
        EngineSettings("p", "LiFePO4", preset("LiFePO4", cell_count=16, design_capacity_ah=100), 3)
    )
    memory = engine.start(-60.0)
    states = []
    for second in range(-60, STEPS):
        reading = heard("p", float(second))
        if moving:
            cells = tuple(3.46 + 0.001 * ((second + k + n) % 7) for k in range(16))
            reading = replace(
                reading,
                cell_voltages_v=cells,
                voltage_v=sum(cells),
                current_a=20.0 + 9.0 * ((second // 3 + n) % 4),
            )
        memory, state = engine.step(memory, reading, float(second))
        if second >= 0:
            states.append(state)
    return states


if __name__ == "__main__":
    for row in run(0):
        print(*row, sep="  ")
