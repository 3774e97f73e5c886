"""The active balancer of the manual (R27-R30): highest cell to lowest, by way of a store."""

from collections.abc import Sequence

EFFICIENCY = 0.9  # of the charge taken, so much arrives; flyback transfer is 92 % at best
PHASE_S = 10.0  # ours: taking and giving last so long, one after the other


class Balancer:
    """Takes charge from the highest cell for a while, then gives it to the lowest."""

    def __init__(self, *, trigger_v: float, start_v: float, current_a: float) -> None:
        self.trigger_v = trigger_v
        self.start_v = start_v
        self.max_current_a = current_a
        self.cell: int | None = None
        """The cell, from 0, that is discharged or charged now; None when not balancing."""
        self.current_a = 0.0
        """Current of that cell, - while it is discharged (R29)."""
        self._giving = False
        self._phase_left_s = PHASE_S

    def update(self, dt_s: float, voltages_v: Sequence[float], *, allowed: bool) -> None:
        """Let dt_s pass, then choose the cell and its current by these voltages."""
        highest_v, lowest_v = max(voltages_v), min(voltages_v)
        if not (allowed and highest_v - lowest_v > self.trigger_v and highest_v > self.start_v):
            # The phase is kept: what was taken before a stop is given after it.
            self.cell, self.current_a = None, 0.0
            return
        if self.cell is not None:
            self._phase_left_s -= dt_s
            if self._phase_left_s > 0.0:
                return
            self._giving = not self._giving
            self._phase_left_s = PHASE_S
        if self._giving:
            self.cell = voltages_v.index(lowest_v)
            self.current_a = self.max_current_a * EFFICIENCY
        else:
            self.cell = voltages_v.index(highest_v)
            self.current_a = -self.max_current_a
