"""How packs in parallel share a current: Kirchhoff at the common terminal.

Each pack is a branch with one resistance. Open FETs leave body diodes, so a branch may conduct one
way only; its current never falls when the terminal voltage rises, which makes the answer unique.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Branch:
    """One pack as seen from the terminal."""

    charges_above_v: float
    """It takes current while the terminal is above this; inf where charging is blocked."""
    discharges_below_v: float
    """It gives current while the terminal is below this; -inf where discharging is blocked."""
    resistance_ohm: float

    def current_a(self, node_v: float) -> float:
        """Return its current at a terminal voltage, + = charging."""
        if node_v > self.charges_above_v:
            return (node_v - self.charges_above_v) / self.resistance_ohm
        if node_v < self.discharges_below_v:
            return (node_v - self.discharges_below_v) / self.resistance_ohm
        return 0.0


def total_current_a(branches: Sequence[Branch], node_v: float) -> float:
    """Return what all branches together take at a terminal voltage."""
    return sum(branch.current_a(node_v) for branch in branches)


def node_voltage_v(branches: Sequence[Branch], current_a: float) -> float | None:
    """Return the terminal voltage at which the branches take this current; None if they cannot.

    Where a whole span of voltages would do (nothing conducts), the middle of it; the only finite
    end of it, if one is open; 0 V where no branch is connected at all.
    """
    conductance = weighted = 0.0
    for branch in branches:
        if branch.charges_above_v != branch.discharges_below_v:
            return _by_pieces(branches, current_a)
        conductance += 1.0 / branch.resistance_ohm
        weighted += branch.charges_above_v / branch.resistance_ohm
    return (current_a + weighted) / conductance if conductance else _by_pieces((), current_a)


def _by_pieces(branches: Sequence[Branch], current_a: float) -> float | None:
    """Search the piece between two corners of the sum's graph that holds the current."""
    corners = sorted(
        {
            v
            for branch in branches
            for v in (branch.charges_above_v, branch.discharges_below_v)
            if math.isfinite(v)
        }
    )
    if not corners:
        return 0.0 if current_a == 0.0 else None
    sums = [total_current_a(branches, v) for v in corners]
    if current_a < sums[0] or current_a > sums[-1]:
        return _beyond(branches, corners, sums, current_a)
    fitting = [v for v, total in zip(corners, sums, strict=True) if total == current_a]
    if fitting:
        return (fitting[0] + fitting[-1]) / 2
    j = next(j for j, total in enumerate(sums) if total > current_a)
    share = (current_a - sums[j - 1]) / (sums[j] - sums[j - 1])
    return corners[j - 1] + share * (corners[j] - corners[j - 1])


def _beyond(
    branches: Sequence[Branch], corners: Sequence[float], sums: Sequence[float], current_a: float
) -> float | None:
    """Continue the straight line below the first corner or above the last."""
    charging = current_a > sums[-1]
    conductance = sum(
        1.0 / branch.resistance_ohm
        for branch in branches
        if math.isfinite(branch.charges_above_v if charging else branch.discharges_below_v)
    )
    if not conductance:
        return None
    end = -1 if charging else 0
    return corners[end] + (current_a - sums[end]) / conductance
