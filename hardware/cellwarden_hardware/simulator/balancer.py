"""The active balancer of the manual (R27-R30): from one cell to another, by way of a store.

By itself it goes from the highest to the lowest voltage. Told which cells to use (`orders`), it
uses those: the balancer of bare hardware, which somebody else thinks for.
"""

from collections.abc import Sequence
from dataclasses import dataclass

EFFICIENCY = 0.9  # of the charge taken, so much arrives; flyback transfer is 92 % at best
PHASE_S = 10.0  # ours: taking and giving last so long, one after the other


@dataclass(frozen=True, slots=True)
class Pair:
    """The cells, from 0, that charge is taken from and given to."""

    giving: int
    taking: int


class Balancer:
    """Takes charge from a cell for a while, then gives it to another."""

    def __init__(self, *, trigger_v: float, start_v: float, current_a: float) -> None:
        self.trigger_v = trigger_v
        self.start_v = start_v
        self.max_current_a = current_a
        self.obeys = False
        """Which cells it uses, and whether any, is somebody else's decision: `orders`."""
        self.orders: Pair | None = None
        self.cell: int | None = None
        """The cell, from 0, that is discharged or charged now; None when not balancing."""
        self.current_a = 0.0
        """Current of that cell, - while it is discharged (R29)."""
        self._giving = False
        self._phase_left_s = PHASE_S

    def update(self, dt_s: float, voltages_v: Sequence[float], *, allowed: bool) -> None:
        """Let dt_s pass, then choose the cell and its current by these voltages."""
        pair = self._pair(voltages_v) if allowed else None
        if pair is None:
            # The phase is kept: what was taken before a stop is given after it.
            self.cell, self.current_a = None, 0.0
            return
        if self.cell is not None:
            self._phase_left_s -= dt_s
            if self._phase_left_s > 0.0 and not self.obeys:
                return
            if self._phase_left_s <= 0.0:
                self._giving = not self._giving
                self._phase_left_s = PHASE_S
        if self._giving:
            self.cell = pair.taking
            self.current_a = self.max_current_a * EFFICIENCY
        else:
            self.cell = pair.giving
            self.current_a = -self.max_current_a

    def _pair(self, voltages_v: Sequence[float]) -> Pair | None:
        """Return the cells to use, None to rest."""
        if self.obeys:
            return self.orders
        highest_v, lowest_v = max(voltages_v), min(voltages_v)
        if highest_v - lowest_v > self.trigger_v and highest_v > self.start_v:
            return Pair(voltages_v.index(highest_v), voltages_v.index(lowest_v))
        return None
