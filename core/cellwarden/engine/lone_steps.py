"""A cell that steps by itself: its measurement changed, not its charge (F10).

A cell's voltage moves with the current, as its neighbours' do, or slowly. One that steps by 10 mV
from one reading to the next while nothing else moves, and then stands there, is measured wrong
from now on: a bad contact, a damaged channel. What was so before the first reading cannot be seen
like this.
"""

from typing import NamedTuple

from cellwarden.engine.view import View

LEAST_V = 0.010
"""Twenty times the noise of a reading; no cell does it in a second by itself (ours)."""
OTHERS_V = 0.004
"""The others stay within this of each other."""
CALM_C = 0.02
"""And the current within this."""
STANDS_PART = 0.4
"""The step stays within this part of itself; a cell that runs on is at its knee, and moves."""
SURE_S = 8.0
"""For so long, before it is believed to be one."""
BACK_PART = 0.4
"""It is over when so little of it is left."""
QUIET_S = 10.0
"""A balancer's drop over its leads ends with it, and devices tell that late (ours)."""
NEAR_S = 5.0
"""Readings further apart are held against each other at rest only: cells drift under load."""
FAR_S = 60.0


class Lone(NamedTuple):
    """What is remembered."""

    quiet_s: float | None = None
    """Since when no balancer works, by what the device tells; None: it works or is not told."""
    cell: int = -1
    """The one that stepped, from 0; -1: none."""
    before_v: float = 0.0
    """How far it stood from the mean of the others before it did."""
    step_v: float = 0.0
    since_s: float = 0.0
    sure: bool = False

    def later(self, by_s: float) -> "Lone":
        """Return it as if everything had happened `by_s` later (F30)."""
        if self is BUSY:
            return self
        quiet_s = None if self.quiet_s is None else self.quiet_s + by_s
        return self._replace(quiet_s=quiet_s, since_s=self.since_s + by_s)


BUSY = Lone()


class LoneSteps:
    """The watcher of one pack."""

    def __init__(self, cells: int, design_ah: float) -> None:
        self._others = cells - 1
        self._calm_a = CALM_C * design_ah

    def hear(self, lone: Lone, before: View | None, view: View, gap_s: float | None) -> Lone:
        """Return what is remembered after a reading whose cells are believed."""
        if view.reading.balancing is not False:
            return lone._replace(quiet_s=None) if lone.sure else BUSY
        heard_s, sum_v = view.reading.heard_s, view.cell_sum_v
        if lone.quiet_s is None or gap_s is None or sum_v is None or self._others < 2:
            return lone._replace(quiet_s=heard_s) if lone.sure else Lone(quiet_s=heard_s)
        if lone.cell >= 0:
            return self._watched(lone, view, sum_v)
        if before is None or before.cell_sum_v is None or heard_s - lone.quiet_s < QUIET_S:
            return lone
        if abs(sum_v - before.cell_sum_v) < LEAST_V / 2 or not self._calm(before, view, gap_s):
            return lone
        return self._stepped(lone, before, view)

    def _calm(self, before: View, view: View, gap_s: float) -> bool:
        was_a, now_a = before.reading.current_a, view.reading.current_a
        if was_a is None or now_a is None or gap_s > FAR_S or abs(now_a - was_a) > self._calm_a:
            return False
        return gap_s <= NEAR_S or max(abs(was_a), abs(now_a)) <= self._calm_a

    def _stepped(self, lone: Lone, before: View, view: View) -> Lone:
        was, now = before.reading.cell_voltages_v, view.reading.cell_voltages_v
        moved = [b - a for a, b in zip(was, now, strict=True)]  # type: ignore[operator]  # sums known
        by_size = sorted(moved, key=abs)
        step_v = by_size.pop()
        if abs(step_v) < LEAST_V or max(by_size) - min(by_size) > OTHERS_V:
            return lone
        step_v -= sum(by_size) / self._others
        if abs(step_v) < LEAST_V:
            return lone
        cell = moved.index(max(moved, key=abs))
        apart_v = self._apart_v(before, cell, before.cell_sum_v or 0.0)
        return lone._replace(
            cell=cell, before_v=apart_v, step_v=step_v, since_s=view.reading.heard_s
        )

    def _watched(self, lone: Lone, view: View, sum_v: float) -> Lone:
        left = (self._apart_v(view, lone.cell, sum_v) - lone.before_v) / lone.step_v
        if lone.sure:
            return Lone(quiet_s=lone.quiet_s) if left < BACK_PART else lone
        if abs(left - 1) > STANDS_PART:
            return Lone(quiet_s=lone.quiet_s)
        if view.reading.heard_s - lone.since_s < SURE_S:
            return lone
        return lone._replace(sure=True)

    def _apart_v(self, view: View, cell: int, sum_v: float) -> float:
        """Return how far a cell stands from the mean of the others."""
        own_v = view.reading.cell_voltages_v[cell] or 0.0
        return own_v - (sum_v - own_v) / self._others
