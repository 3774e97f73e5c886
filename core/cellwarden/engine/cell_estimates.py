"""What is known of each cell, made of the filters' states, for people and for the planner."""

import math

from cellwarden.engine.leaks import Leaks
from cellwarden.engine.resistance import Steps
from cellwarden.engine.soc_cells import APART, LESS_AH, MORE_OHM
from cellwarden.engine.soc_estimator import Estimate
from cellwarden.engine.soc_mean import OHMIC, PER_AH, SOC
from cellwarden.model import CellEstimate

CAPACITY_KNOWN = 0.04
"""Sigma, as a part, up to which a cell's capacity is told (ours; C1 asks 4 % of partial cycles)."""
RESISTANCE_KNOWN = 0.15
"""Likewise of its resistance (ours)."""


def cell_estimates(
    estimate: Estimate, design_ah: float, steps: Steps, leaks: Leaks
) -> tuple[CellEstimate, ...]:
    """Return what is known of each cell, in order; None stands where it has not shown."""
    mean = estimate.mean
    soc, per_ah, ohmic = mean.x[SOC], mean.x[PER_AH], mean.x[OHMIC]
    soc_variance = mean.p[SOC][SOC]
    per_ah_variance = mean.p[PER_AH][PER_AH] / (per_ah * per_ah)
    ohmic_variance = mean.p[OHMIC][OHMIC]
    estimates = []
    for number, (x, p, _) in enumerate(estimate.cells, start=1):
        capacity_ah = design_ah / (per_ah * (1 + x[LESS_AH]))
        capacity_part = math.sqrt(max(per_ah_variance + p[LESS_AH][LESS_AH], 0.0))
        volts_c = ohmic + x[MORE_OHM]
        volts_sigma = math.sqrt(max(ohmic_variance + p[MORE_OHM][MORE_OHM], 0.0))
        known = capacity_part <= CAPACITY_KNOWN
        ohm = steps.ohm(number - 1)
        if ohm is None and volts_c > 0 and volts_sigma <= RESISTANCE_KNOWN * volts_c:
            ohm = volts_c / design_ah
        estimates.append(
            CellEstimate(
                cell=number,
                soc_percent=min(max(100 * (soc + x[APART]), 0.0), 100.0),
                soc_sigma_percent=100 * math.sqrt(max(soc_variance + p[APART][APART], 0.0)),
                capacity_ah=capacity_ah if known else None,
                capacity_sigma_ah=capacity_part * capacity_ah if known else None,
                resistance_ohm=ohm,
                self_discharge_a=leaks.of(number - 1, design_ah),
            )
        )
    return tuple(estimates)
