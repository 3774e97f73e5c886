"""Years of a pack's life in a moment: what calendar and cycles leave of its cells.

Ours, typical of large prismatic cells: capacity is lost with the root of the time and with every
cycle, faster in the heat; resistance grows as capacity is lost; no two cells age alike, and one of
them ages worst. Cells that lose charge unlike each other drift apart by a little each year.
"""

import math
import random
from dataclasses import dataclass

from cellwarden_hardware.simulator.pack import SimulatedPack

_CALENDAR_PART = 0.02
"""Of the capacity, lost by the root of each year at 25 °C."""
_DOUBLES_K = 12.0
"""So much warmer, twice as fast."""
_RESISTANCE_PER_LOSS = 3.0
"""A cell that lost a fifth has 1.6 times its resistance."""
_SCATTER = 0.12
"""Standard deviation of how fast cells age, of the mean."""
_WORST = 1.5
"""The worst cell ages so much faster."""
_APART_PERCENT = 0.3
"""Standard deviation of the SoC that cells have drifted apart by the root of each year."""
_YEAR_S = 365.25 * 86_400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """How a pack has been used."""

    years: float
    cycles_a_year: float = 250.0
    mean_c: float = 25.0
    seed: int | str = 1


CYCLES_TO_80_PERCENT = {"LiFePO4": 5000.0, "Li-ion": 1800.0, "LTO": 15_000.0}
"""Full cycles after which a cell of the chemistry has 80 % left, calendar aside."""


def age(pack: SimulatedPack, life: Life) -> None:
    """Let a life pass over a pack at once; its SoC stays but for what cells drift apart."""
    draw = random.Random(f"ageing {life.seed}")  # noqa: S311  # a simulation, no secret
    cells = pack.cells
    count = len(cells.capacity_ah)
    cycles = life.years * life.cycles_a_year
    heat = 2.0 ** ((life.mean_c - 25.0) / _DOUBLES_K)
    lost = heat * (
        _CALENDAR_PART * math.sqrt(life.years)
        + 0.2 * cycles / CYCLES_TO_80_PERCENT[pack.design.chemistry]
    )
    worst = draw.randrange(count)
    for n in range(count):
        pace = max(1.0 + draw.gauss(0.0, _SCATTER), 0.3) * (_WORST if n == worst else 1.0)
        part = min(lost * pace, 0.7)
        drift = draw.gauss(0.0, _APART_PERCENT / 100.0) * math.sqrt(life.years)
        soc = cells.charge_ah[n] / cells.capacity_ah[n]
        cells.capacity_ah[n] *= 1.0 - part
        cells.charge_ah[n] = min(max(soc + drift, 0.0), 1.0) * cells.capacity_ah[n]
        cells.r0_at_25c_ohm[n] *= 1.0 + _RESISTANCE_PER_LOSS * part
        cells.r1_at_25c_ohm[n] *= 1.0 + _RESISTANCE_PER_LOSS * part
    cells.set_temperature(pack.battery.temperature_c)
    cells.rest()
    bms = pack.bms
    bms.cycles += round(cycles)
    bms.cycle_charge_ah += cycles * (1.0 - 0.5 * lost) * pack.design.capacity_ah
    bms.runtime_s += life.years * _YEAR_S
