"""A joint of high resistance: a loose busbar or a weak cell warms with the square of the current.

It shows as one cell that answers the steps of the current far more than the others (F9). It is not
balanced away, for it vanishes at rest; the current is what must be less.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from cellwarden.engine.limit_facts import Bounds, Facts
from cellwarden.model import CellEstimate, Reason

PART = 3.0
"""Times the median of the cells before anything is said (ours)."""
LEAST_OHM = 0.0005
"""What it must have beside the median: half a milliohm (ours)."""
LOSS_W = 10.0
"""Heat that one joint may make (ours)."""
LEAST_CELLS = 4


class Joint(NamedTuple):
    """The worst joint of a pack."""

    cell: int
    """The cell that it is measured with, from 1."""
    excess_ohm: float
    """Beside the median of the cells."""


def worst_joint(cells: Sequence[CellEstimate]) -> Joint | None:
    """Return the joint that stands out, None if none does."""
    known = [(c.resistance_ohm, c.cell) for c in cells if c.resistance_ohm is not None]
    if len(known) < LEAST_CELLS:
        return None
    known.sort()
    usual_ohm = known[len(known) // 2][0]
    worst_ohm, cell = known[-1]
    excess_ohm = worst_ohm - usual_ohm
    if worst_ohm < PART * usual_ohm or excess_ohm < LEAST_OHM:
        return None
    return Joint(cell, excess_ohm)


def charge_joint(b: Bounds, f: Facts) -> Reason | None:
    """Hold the charge current where the joint stays cool."""
    return None if f.joint is None else _cool(f.joint, b.ccl)


def discharge_joint(b: Bounds, f: Facts) -> Reason | None:
    """Hold the discharge current where the joint stays cool."""
    return None if f.joint is None else _cool(f.joint, b.dcl)


def _cool(joint: tuple[int, float], setting: Reason) -> Reason | None:
    cell, excess_ohm = joint
    value = math.sqrt(LOSS_W / excess_ohm)
    if value >= setting.value:
        return None
    return Reason(
        rule="heat in a joint",
        value=value,
        source=f"cell {cell}",
        measured=excess_ohm,
        unit="ohm",
        clears="its resistance is near that of the others",
    )
