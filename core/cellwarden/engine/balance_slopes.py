"""How far the cells are apart in Ah, from a whole day on a curve that nobody knows.

A cell that is fuller shows now what the others will show a few Ah later. So it lies above the mean
by its Ah times the slope on which the mean moves, and that slope the pack shows itself: by how much
the mean rises or falls for each Ah. Where the curve is flat it tells nothing; over the bends of a
day it does. What does not follow the slope is no charge: what a cell always lies off is its sense
input, what follows the current is its resistance. Three unknowns for each cell, by least squares.

Slopes that are measured with noise make differences look smaller than they are: the order of the
cells is right long before their distances are.
"""

from collections.abc import Collection, Sequence
from itertools import pairwise
from typing import NamedTuple

from cellwarden.engine.balance_debt import Debts
from cellwarden.engine.soc_estimator import Moved
from cellwarden.engine.soc_kinds import KINDS, at_25c
from cellwarden.engine.view import View, mean_temperature_k
from cellwarden.model import Chemistry, Parameters

LOOK = 3
"""Readings that make one look, their noise averaged."""
APART_PART = 0.015
"""Of the capacity: so much flows from one look to the next (ours)."""
SPAN = 2
"""A slope is taken from so many looks before to so many after."""
STEADY_C = 0.036
"""Between these the current changed by less, or a resistance shows as a slope (ours)."""
OHM_PART = 0.3
"""How far the resistance that is set aside may be wrong."""
SLOPE_V = 0.0005
"""How well the rise of the mean from look to look is known (ours)."""
KEEP = 0.985
"""What an older look counts against the next: some 70 looks, a day or two, are remembered."""
LEAST_LOOKS = 10.0
FLOOR_PART, SHY_PART = 0.0025, 0.2
"""Cells of different capacity pass a bend apart, and noisy slopes make distances small: of the
capacity and of the distance, one sigma (ours)."""
UNIT_V, UNIT_A = 0.001, 10.0
"""What makes the three unknowns of a size."""


class Look(NamedTuple):
    """The cells at one moment."""

    counted_ah: float
    current_a: float
    mean_v: float
    """With the resistance set aside."""
    above_v: tuple[float, ...]
    """Of each cell, above the mean."""
    moved_ah: tuple[float, ...]
    """Brought to each cell by a balancer until then, above the mean."""


class Gathered(NamedTuple):
    """Readings on their way to become a look."""

    readings: int = 0
    current_a: float = 0.0
    drop_v: float = 0.0
    volts: tuple[float, ...] = ()


class Slopes(NamedTuple):
    """What is remembered."""

    gathered: Gathered = Gathered()
    looks: tuple[Look, ...] = ()
    """The last ones, 2 SPAN at most."""
    moved_ah: tuple[float, ...] = ()
    """Brought to each cell by a balancer, ever."""
    square: tuple[float, ...] = (0.0,) * 6
    """Sums of slope², slope, slope times current, one, current, current²."""
    cells: tuple[tuple[float, float, float, float], ...] = ()
    """Of each cell: sums of its height times slope, one, current, itself; moved charge set aside.
    """


class SlopeWatch:
    """Watches one pack."""

    def __init__(self, cell: Chemistry, parameters: Parameters) -> None:
        self._kind = KINDS[cell.name]
        self._design_ah = parameters.design_capacity_ah
        self._count = parameters.cell_count
        self._ohm = self._kind.ohmic_v / self._design_ah

    def moved(self, slopes: Slopes, moved: Moved, /) -> Slopes:
        """Return what is known after a balancer's transfer."""
        sums = slopes.moved_ah or (0.0,) * self._count
        n, by_ah = moved.cell, moved.charge_as / 3600
        return slopes._replace(moved_ah=(*sums[:n], sums[n] + by_ah, *sums[n + 1 :]))

    def hear(
        self, slopes: Slopes, view: View, counted_ah: float, disturbed: Collection[int]
    ) -> Slopes:
        """Return what is known after a reading; arguments as of `LedgerKeeper.hear`."""
        current_a, cells = view.reading.current_a, view.reading.cell_voltages_v
        whole = view.cell_sum_v is not None and len(cells) == self._count
        if disturbed or current_a is None or not whole:
            return slopes._replace(gathered=Gathered()) if slopes.gathered.readings else slopes
        looks, least_ah = slopes.looks, APART_PART * self._design_ah
        if looks and abs(counted_ah - looks[-1].counted_ah) < least_ah:
            return slopes
        volts: tuple[float, ...] = cells  # type: ignore[assignment]  # whole: no None inside
        sums = slopes.gathered
        drop_v = self._ohm * current_a * at_25c(self._kind, mean_temperature_k(view))
        gathered = Gathered(
            sums.readings + 1,
            sums.current_a + current_a,
            sums.drop_v + drop_v,
            tuple([a + b for a, b in zip(sums.volts, volts, strict=True)]) if sums.volts else volts,
        )
        if gathered.readings < LOOK:
            return slopes._replace(gathered=gathered)
        look = self._look(gathered, counted_ah, slopes.moved_ah or (0.0,) * self._count)
        looks = (*looks, look)
        slopes = slopes._replace(gathered=Gathered(), looks=looks[-2 * SPAN :])
        return self._fitted(slopes, looks) if len(looks) > 2 * SPAN else slopes

    def debts(self, slopes: Slopes) -> Debts | None:
        """Return how far the cells are apart now; None while that is not known."""
        if slopes.square[3] < LEAST_LOOKS:
            return None
        inverse = _inverse(slopes.square)
        if inverse is None:
            return None
        freedom = slopes.square[3] - 3
        mean_moved = sum(slopes.moved_ah) / self._count
        moved_ah = slopes.moved_ah or (0.0,) * self._count
        ah, sigma_ah = [], []
        for (by_slope, by_one, by_current, own), moved in zip(slopes.cells, moved_ah, strict=True):
            fit = [row[0] * by_slope + row[1] * by_one + row[2] * by_current for row in inverse]
            left = own - fit[0] * by_slope - fit[1] * by_one - fit[2] * by_current
            variance = 2 * SPAN * max(left, 0.0) / freedom * inverse[0][0]
            variance += (FLOOR_PART * self._design_ah) ** 2 + (SHY_PART * fit[0]) ** 2
            ah.append(fit[0] + moved - mean_moved)
            sigma_ah.append(variance**0.5)
        return Debts(tuple(ah), tuple(sigma_ah))

    def _look(self, gathered: Gathered, counted_ah: float, moved_ah: tuple[float, ...]) -> Look:
        count, cells = gathered.readings, self._count
        mean_v, mean_ah = sum(gathered.volts) / cells, sum(moved_ah) / cells
        return Look(
            counted_ah,
            gathered.current_a / count,
            (mean_v - gathered.drop_v) / count,
            tuple([(v - mean_v) / count for v in gathered.volts]),
            tuple([ah - mean_ah for ah in moved_ah]),
        )

    def _fitted(self, slopes: Slopes, looks: Sequence[Look]) -> Slopes:
        """Return the sums after the look in the middle of others."""
        before, at, after = looks[0], looks[SPAN], looks[-1]
        flowed_ah = after.counted_ah - before.counted_ah
        ways = [b.counted_ah - a.counted_ah for a, b in pairwise(looks)]
        changed_a = abs(after.current_a - before.current_a)
        if min(ways) < 0 < max(ways) or changed_a > STEADY_C * self._design_ah:
            return slopes
        slope = (after.mean_v - before.mean_v) / flowed_ah
        doubt = OHM_PART * self._ohm * changed_a / SLOPE_V
        weight = 1 / (1 + doubt * doubt)
        one, current = UNIT_V, at.current_a / UNIT_A * UNIT_V
        terms = (
            slope * slope, slope * one, slope * current, one * one, one * current, current * current
        )  # fmt: skip
        # The fourth sum is also how many looks there are.
        scaled = [t / (one * one) * weight for t in terms]
        cells = []
        sums = slopes.cells or ((0.0,) * 4,) * self._count
        for (a, b, c, d), above_v, moved in zip(sums, at.above_v, at.moved_ah, strict=True):
            height = above_v - slope * moved
            share = weight * height / (one * one)
            cells.append(
                (
                    KEEP * a + share * slope,
                    KEEP * b + share * one,
                    KEEP * c + share * current,
                    KEEP * d + share * height,
                )
            )
        return slopes._replace(
            square=tuple([KEEP * a + b for a, b in zip(slopes.square, scaled, strict=True)]),
            cells=tuple(cells),
        )


def _inverse(square: tuple[float, ...]) -> tuple[tuple[float, float, float], ...] | None:
    """Return the inverse of a symmetric matrix of three by three; None if there is none."""
    a, b, c, d, e, f = square
    top, middle, low = d * f - e * e, c * e - b * f, b * e - c * d
    whole = a * top + b * middle + c * low
    if whole <= 1e-9 * a * d * f:
        return None
    return (
        (top / whole, middle / whole, low / whole),
        (middle / whole, (a * f - c * c) / whole, (b * c - a * e) / whole),
        (low / whole, (b * c - a * e) / whole, (a * d - b * b) / whole),
    )
