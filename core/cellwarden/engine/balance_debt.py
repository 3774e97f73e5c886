"""What each cell has too much or too little, in Ah, and how sure that is.

Compared is what is missing to full: cells that miss the same are full together, and then all that
the smallest cell holds can be used. That difference stays what it is while the pack is charged and
discharged, also where the estimate of each cell's capacity is poor: so what was seen at the end of
a charge is known on the plateau too, until a balancer or a leak has changed it.
"""

import math
from typing import NamedTuple

from cellwarden.engine.soc_cells import APART, LESS_AH
from cellwarden.engine.soc_estimator import Estimate
from cellwarden.engine.soc_mean import PER_AH, SOC


class Debts(NamedTuple):
    """By cell, in order, in Ah."""

    ah: tuple[float, ...]
    """+ = nearer to full than the mean."""
    sigma_ah: tuple[float, ...]


def debts(estimate: Estimate, design_ah: float) -> Debts:
    """Return each cell's charge above or below the mean, with one standard deviation."""
    mean, cells = estimate.mean, estimate.cells
    low = 1 - mean.x[SOC]
    cap_ah = design_ah / mean.x[PER_AH]
    missing = [cap_ah * (low - x[APART]) / (1 + x[LESS_AH]) for x, _, _ in cells]
    middle = sum(missing) / len(missing)
    return Debts(
        tuple([middle - ah for ah in missing]),
        tuple(
            [
                cap_ah
                * math.sqrt(
                    max(
                        p[APART][APART] + low * (2 * p[APART][LESS_AH] + low * p[LESS_AH][LESS_AH]),
                        0.0,
                    )
                )
                for _, p, _ in cells
            ]
        ),
    )
