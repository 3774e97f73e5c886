"""How each cell differs from the mean of its string, and what the weakest and fullest make of it.

A small filter a cell: its charge, resistance and capacity against the mean's, and the offset of its
sense input. On a flat curve a voltage tells no charge and the filter knows it; at the knees, where
the pack begins and ends, it tells nearly all.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from cellwarden.engine.kalman import Matrix, Vector, corrected, diagonal, moved
from cellwarden.engine.soc_curve import OcvCurve
from cellwarden.engine.soc_mean import PER_AH, SOC, Climate, Mean

APART, MORE_OHM, LESS_AH, SENSOR = range(4)
"""States: SoC above the mean's · V per C at 25 °C above the mean's · mean capacity over this
cell's, minus one · V that the sense input reads too much."""
SIGMAS = (0.010, 0.15, 0.013, 0.001)
"""Before anything is known; the resistance's as a part of the typical one."""
DRIFT_SOC = 1e-5
"""Self-discharge apart, sigma of a walk over an hour."""
OHMIC_WALK = 0.005
NOISE_V = 0.0008
OHMIC_PART = 0.03
LAGS_PART = 0.15
READ_SOC = 0.002
ROUGH_SOC = 0.005
"""Likewise where only the typical curve is known: how far its knees are from a cell's own."""
FLOOR_SOC, FLOOR_PART = 0.001, 0.05
"""However long one listens, a cell's distance is not known better than this and this part of it."""
ROUGH_FLOOR_SOC, ROUGH_FLOOR_PART = 0.0015, 0.5
"""Likewise where the knee may be half or twice as wide as the typical one."""
WITNESS_S = 1200.0
"""What is heard in so long a time is one witness."""
SIGMA_SOC = 0.004


class Cell(NamedTuple):
    """What is known of one cell."""

    x: Vector
    p: Matrix


class Pack(NamedTuple):
    """What the cells make of the pack."""

    soc: float
    """What the weakest cell can still give over that plus what the fullest can still take, 0..1."""
    sigma: float
    usable: float
    """Capacity in design capacities."""
    usable_sigma: float


class CellFilter:
    """The filter of any cell of a string."""

    def __init__(self, curve: OcvCurve, ohmic_v: float, *, trusted: bool) -> None:
        self._curve = curve
        self._ohmic_v = ohmic_v
        self._read_soc = READ_SOC if trusted else ROUGH_SOC
        self._floor = (FLOOR_SOC, FLOOR_PART) if trusted else (ROUGH_FLOOR_SOC, ROUGH_FLOOR_PART)

    def start(self) -> Cell:
        """Return a cell of which nothing is known."""
        charge, ohmic, capacity, sensor = SIGMAS
        sigmas = (charge, ohmic * self._ohmic_v, capacity, sensor)
        return Cell((0.0, 0.0, 0.0, 0.0), diagonal([s * s for s in sigmas]))

    def count(self, cells: Sequence[Cell], moved_soc: float, hours: float) -> tuple[Cell, ...]:
        """Return the cells after the mean has moved by a SoC."""
        by = (0.0, 0.0, moved_soc, 0.0)
        q = (DRIFT_SOC**2 * hours, (OHMIC_WALK * self._ohmic_v) ** 2 * hours, 0.0, 0.0)
        return tuple(
            [
                Cell((x[APART] + moved_soc * x[LESS_AH], *x[1:]), moved(p, APART, by, q))
                for x, p in cells
            ]
        )

    def shift(self, cells: Sequence[Cell], by_soc: Sequence[float], part: float) -> list[Cell]:
        """Return the cells after a balancer moved each by a SoC against the mean.

        `part` of it is not sure. What a balancer does not do as it says it does so again and again:
        the doubts of many transfers add up, they do not even out.
        """
        after = []
        for (x, p), by in zip(cells, by_soc, strict=True):
            sigma = math.sqrt(p[APART][APART])
            more = (sigma + part * abs(by)) ** 2 - sigma * sigma
            row = (p[APART][APART] + more, *p[APART][1:])
            after.append(Cell((x[APART] + by, *x[1:]), (row, *p[1:])))
        return after

    def hear(
        self,
        cells: Sequence[Cell],
        above_v: Sequence[float],
        mean: Mean,
        rate_c: float,
        climate: Climate,
        heard_for_s: float,
    ) -> tuple[Cell, ...]:
        """Return the cells after the voltages by which they were above the mean.

        `heard_for_s` is what has passed since the last time: of few looks each says more.
        """
        at, spread = mean.surface, self._curve.spread
        reach = 1.5 * min(mean.sigma, 0.05)
        ohmic = climate.ohmic * rate_c
        always = NOISE_V**2 + (OHMIC_PART * self._ohmic_v * ohmic) ** 2
        sideways = (LAGS_PART * sum(mean.lags)) ** 2 + self._read_soc**2
        sigmas = [max(math.sqrt(p[APART][APART]), SIGMA_SOC) for _, p in cells]
        looks = [
            spread(at + cell.x[APART], sigma) for cell, sigma in zip(cells, sigmas, strict=True)
        ]
        # The mean of the voltages, which is not the voltage of the mean where the curve is bent.
        here = sum([volts for volts, _, _ in looks]) / len(looks)
        witnesses = max(WITNESS_S / heard_for_s, 1.0)
        after = []
        for (x, p), above, sigma, look in zip(cells, above_v, sigmas, looks, strict=True):
            apart = x[APART]
            expected, slope, bent = look
            expected += x[MORE_OHM] * ohmic + x[SENSOR] - here
            # Where the mean itself is not known well, neither is the slope there.
            _, slope_above, _ = spread(at + apart + reach, sigma)
            _, slope_below, _ = spread(at + apart - reach, sigma)
            unsure = max(abs(slope_above - slope), abs(slope_below - slope))
            noise = always + bent + slope**2 * sideways + (unsure * max(abs(apart), 0.005)) ** 2
            h = (slope, ohmic, 0.0, 1.0)
            x, p = corrected(x, p, h, above - expected, noise * witnesses)  # noqa: PLW2901
            least = (self._floor[0] + self._floor[1] * abs(x[APART])) ** 2
            if p[APART][APART] < least:
                p = ((least, *p[APART][1:]), *p[1:])  # noqa: PLW2901
            after.append(Cell(x, p))
        return tuple(after)


def pack(mean: Mean, cells: Sequence[Cell]) -> Pack:
    """Return what can be given and taken, by the weakest and by the fullest cell."""
    soc, cap = mean.x[SOC], 1 / mean.x[PER_AH]
    give = take = math.inf
    weakest = fullest = cells[0].p
    for (apart, _, less_ah, _), p in cells:
        cell_ah = cap / (1 + less_ah)
        can_give, can_take = (soc + apart) * cell_ah, (1 - soc - apart) * cell_ah
        if can_give < give:
            give, weakest = can_give, p
        if can_take < take:
            take, fullest = can_take, p
    low, high = weakest[APART][APART], fullest[APART][APART]
    extreme = _extreme(len(cells)) * cap
    give = max(soc * cap - math.hypot(soc * cap - give, extreme * math.sqrt(low)), 0.0)
    take = max((1 - soc) * cap - math.hypot((1 - soc) * cap - take, extreme * math.sqrt(high)), 0.0)
    usable = max(give + take, 0.05)
    part = give / usable
    variance = mean.p[SOC][SOC] + (1 - part) ** 2 * low + part**2 * high
    return Pack(
        part,
        math.sqrt(max(variance, 0.0)) * cap / usable,
        usable,
        cap * math.sqrt(max(mean.p[PER_AH][PER_AH] * cap * cap + low + high, 0.0)),
    )


def mean_soc(part: float, mean: Mean, cells: Sequence[Cell]) -> float:
    """Return the mean's SoC for a usable SoC of the pack, both 0..1: the inverse of `pack`."""
    low, high = -0.05, 1.05
    for _ in range(40):
        middle = 0.5 * (low + high)
        if pack(mean._replace(x=(middle, *mean.x[1:])), cells).soc < part:
            low = middle
        else:
            high = middle
    return 0.5 * (low + high)


def _extreme(count: int) -> float:
    """Return about how many sigma the outermost of so many normal numbers lies out.

    What is not known of the cells makes the weakest weaker than the weakest estimate.
    """
    return 0.75 * math.sqrt(2 * math.log(count))
