"""How each cell differs from the mean of its string, and what the weakest and fullest make of it.

A small filter a cell: its charge, resistance and capacity against the mean's, and the offset of its
sense input. On a flat curve a voltage tells no charge and the filter knows it; at the knees, where
the pack begins and ends, it tells nearly all.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from cellwarden.engine.kalman import Matrix, Vector, corrected, diagonal, loosened, moved
from cellwarden.engine.soc_curve import OcvCurve
from cellwarden.engine.soc_mean import ODD_V, PER_AH, SOC, Climate, Mean, middle_of, widening

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
ODD_SIGMAS = 3.0
"""So far from what was expected a cell is unlike what was believed of it. It holds another charge
if that is told so (ours): ..."""
ODD_SOC = 0.03
"""... at least so far off, ..."""
ODD_CALM_C = 0.05
"""... near rest, where no bad contact can look like it, ..."""
ODD_WIDTH_SOC = 0.02
ODD_SLOPE_V = 5.0
"""... where within that width the mean itself rises by no more V for each unit of SoC: at a knee a
small mistake about the mean looks like a cell's, ..."""
ODD_PART = 0.25
"""... by no more than this part of the cells: if most seem odd it is the mean, ..."""
ODD_RELAXES_V = 0.004
"""... with so much to differ by in how cells come to rest, ..."""
ODD_LOOKS = 5
"""... by so many looks in a row."""
CAPACITY_FLOOR = 0.01
"""However long one listens, no capacity is known better than this part of it (ours): what the
model gets wrong at the knees does not even out."""
APART_MOST, LESS_MOST = 0.4, 0.6
"""Sigmas up to which a contradiction widens what is believed of charge and capacity (ours)."""


class Cell(NamedTuple):
    """What is known of one cell."""

    x: Vector
    p: Matrix
    odd: int = 0
    """Looks in a row at which its voltage cannot be that of the charge it is believed to hold."""


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
                Cell((x[APART] + moved_soc * x[LESS_AH], *x[1:]), moved(p, APART, by, q), odd)
                for x, p, odd in cells
            ]
        )

    def shift(self, cells: Sequence[Cell], by_soc: Sequence[float], part: float) -> list[Cell]:
        """Return the cells after a balancer moved each by a SoC against the mean.

        `part` of it is not sure. What a balancer does not do as it says it does so again and again:
        the doubts of many transfers add up, they do not even out.
        """
        after = []
        for (x, p, odd), by in zip(cells, by_soc, strict=True):
            sigma = math.sqrt(p[APART][APART])
            more = (sigma + part * abs(by)) ** 2 - sigma * sigma
            row = (p[APART][APART] + more, *p[APART][1:])
            after.append(Cell((x[APART] + by, *x[1:]), (row, *p[1:]), odd))
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
        sigmas = [max(math.sqrt(cell.p[APART][APART]), SIGMA_SOC) for cell in cells]
        looks = [
            spread(at + cell.x[APART], sigma) for cell, sigma in zip(cells, sigmas, strict=True)
        ]
        # The middle of what the cells show beyond what is expected of each: what they share is the
        # mean's, and one that is far off does not move the others.
        seen = [above - look[0] for above, look in zip(above_v, looks, strict=True)]
        here = middle_of(seen)
        witnesses = max(WITNESS_S / heard_for_s, 1.0)
        calm = abs(rate_c) <= ODD_CALM_C and spread(at, ODD_WIDTH_SOC)[1] <= ODD_SLOPE_V
        lone = not mean.lost_s and len(_odd_ones(seen, here)) <= ODD_PART * len(cells)
        after = []
        for cell, beyond, sigma, look in zip(cells, seen, sigmas, looks, strict=True):
            x, p, odd = cell
            apart = x[APART]
            volts, slope, bent = look
            off = beyond - here - x[MORE_OHM] * ohmic - x[SENSOR]
            # Where the mean itself is not known well, neither is the slope there.
            _, slope_above, _ = spread(at + apart + reach, sigma)
            _, slope_below, _ = spread(at + apart - reach, sigma)
            unsure = max(abs(slope_above - slope), abs(slope_below - slope))
            noise = always + bent + slope**2 * sideways + (unsure * max(abs(apart), 0.005)) ** 2
            h = (slope, ohmic, 0.0, 1.0)
            believed = sum([f * f * p[n][n] for n, f in enumerate(h)])
            if off * off > ODD_SIGMAS**2 * (believed + noise):
                told = self._told_elsewhere(cell, volts + off, at, always, sideways, mean.sigma)
                if told is not None and calm and lone:
                    odd += 1
                    if odd >= ODD_LOOKS:
                        cell, odd = _believed(cell, *told), 0  # noqa: PLW2901
                    after.append(cell._replace(odd=odd))
                    continue
                noise = off * off / ODD_SIGMAS**2 - believed  # else learned, but slowly
            x, p = corrected(x, p, h, off, noise * witnesses)
            least = (self._floor[0] + self._floor[1] * abs(x[APART])) ** 2
            if p[APART][APART] < least:
                p = ((least, *p[APART][1:]), *p[1:])
            after.append(Cell(x, p))
        return tuple(after)

    def _told_elsewhere(
        self, cell: Cell, volts: float, at: float, always: float, sideways: float, soc_sigma: float
    ) -> tuple[float, float] | None:
        """Return how far apart a cell is, with its sigma, if it cannot be where it is believed.

        `volts` is what the curve would have to give, `at` where the mean is on it.
        """
        sigma_v = math.sqrt(always + cell.p[SENSOR][SENSOR] + ODD_RELAXES_V**2)
        there, sigma = self._curve.place(volts, sigma_v)
        sigma = math.sqrt(sigma * sigma + sideways + soc_sigma**2)
        apart = cell.x[APART]
        far = abs(there - at - apart)
        if far < max(ODD_SOC, ODD_SIGMAS * math.hypot(sigma, math.sqrt(cell.p[APART][APART]))):
            return None
        return there - at, sigma


def _odd_ones(seen: Sequence[float], here: float) -> list[float]:
    """Return those that are not near the middle of them all."""
    return [v for v in seen if abs(v - here) > ODD_V]


def _believed(cell: Cell, apart: float, sigma: float) -> Cell:
    """Return a cell after it was found far from where it was believed to be.

    The doubts about its charge and its capacity grow together; the charge that flowed since they
    were known tells how much of it is the capacity's.
    """
    x, p, _ = cell
    off = apart - x[APART]
    variance = min(0.25 * off * off - sigma * sigma, APART_MOST**2)
    by = widening(p, APART, variance, ((LESS_AH, LESS_MOST),))
    x, p = corrected(x, loosened(p, by), (1.0, 0.0, 0.0, 0.0), off, sigma * sigma)
    less_ah = min(max(x[LESS_AH], -0.5), 3.0)
    return Cell((x[APART], x[MORE_OHM], less_ah, x[SENSOR]), p)


def pack(mean: Mean, cells: Sequence[Cell], top: float = 1.0) -> Pack:
    """Return what can be given and taken, by the weakest and by the fullest cell.

    `top` is the SoC 0..1 of a cell charged to the configured charge voltage.
    """
    soc, cap = mean.x[SOC], 1 / mean.x[PER_AH]
    give = take = math.inf
    weakest = fullest = cells[0]
    for cell in cells:
        apart, less_ah = cell.x[APART], cell.x[LESS_AH]
        cell_ah = cap / (1 + less_ah)
        can_give, can_take = (soc + apart) * cell_ah, (top - soc - apart) * cell_ah
        if can_give < give:
            give, weakest = can_give, cell
        if can_take < take:
            take, fullest = can_take, cell
    low, high = weakest.p[APART][APART], fullest.p[APART][APART]
    ends = _variance(weakest, soc + weakest.x[APART]) + _variance(
        fullest, top - soc - fullest.x[APART], -1
    )
    extreme = _extreme(len(cells)) * cap
    give = max(soc * cap - math.hypot(soc * cap - give, extreme * math.sqrt(low)), 0.0)
    above = (top - soc) * cap
    take = max(above - math.hypot(above - take, extreme * math.sqrt(high)), 0.0)
    usable = max(give + take, 0.05)
    part = give / usable
    variance = mean.p[SOC][SOC] + (1 - part) ** 2 * low + part**2 * high
    return Pack(
        part,
        math.sqrt(max(variance, 0.0)) * cap / usable,
        usable,
        math.hypot(
            cap * math.sqrt(max(mean.p[PER_AH][PER_AH] * cap * cap + ends, 0.0)),
            CAPACITY_FLOOR * usable,
        ),
    )


def _variance(cell: Cell, soc: float, sign: int = 1) -> float:
    """Return the variance of the charge between a cell and an end, in mean capacities.

    `soc` is how far the end is, `sign` 1 for empty and -1 for full.
    """
    p, whole = cell.p, 1 + cell.x[LESS_AH]
    by = -soc / whole
    both = p[APART][APART] + by * (2 * sign * p[APART][LESS_AH] + by * p[LESS_AH][LESS_AH])
    return both / (whole * whole)


def mean_soc(part: float, mean: Mean, cells: Sequence[Cell], top: float = 1.0) -> float:
    """Return the mean's SoC for a usable SoC of the pack, both 0..1: the inverse of `pack`."""
    low, high = -0.05, 1.05
    for _ in range(40):
        middle = 0.5 * (low + high)
        if pack(mean._replace(x=(middle, *mean.x[1:])), cells, top).soc < part:
            low = middle
        else:
            high = middle
    return 0.5 * (low + high)


def _extreme(count: int) -> float:
    """Return about how many sigma the outermost of so many normal numbers lies out.

    What is not known of the cells makes the weakest weaker than the weakest estimate.
    """
    return 0.75 * math.sqrt(2 * math.log(count))
