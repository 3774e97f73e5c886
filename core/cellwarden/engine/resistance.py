"""Resistance of each cell from steps of the current, whatever its open-circuit voltage.

When the current jumps from one reading to the next, what the voltage does at once is the ohmic
drop: the charge has hardly moved. It needs no curve and no SoC, so it works also where only the
typical curve of a chemistry is known. Small steps are left out: of them the noise would be learned.
What comes after that within a minute (charge transfer) is told by a second number, for the mean of
the cells: how much of the voltage's change over SLOW_EVERY_S follows a current that lags by SLOW_S.

Everything is brought to 25 °C by the chemistry's own temperature law.
"""

import math
from typing import NamedTuple

from cellwarden.engine.soc_kinds import CellKind, at_25c
from cellwarden.engine.view import View, mean_temperature_k

STEP_C = 0.03
"""A step of the current must be so large, in C (ours): 3 A at 100 Ah, sixty times its noise."""
GAP_S = 5.0
"""Between two readings; in a longer time diffusion would be taken for resistance."""
KEEP = 0.98
"""What each step leaves of those before it: some fifty steps are remembered."""
NOISE_V = 0.0015
"""Of the difference of two voltages: noise and half a millivolt of rounding each."""
PART = 0.05
"""However many steps there were, the result is not known better than this part."""
KNOWN_PART = 0.15
SLOW_S = 40.0
"""Time constant of what follows a step (ours; equivalent circuits of such cells have 20 to 60 s).
"""
SLOW_EVERY_S = 10.0
SLOW_KEEP = 0.995
SLOW_NOISE_V = 0.0004
"""Of a difference of two means of cells, drift of the open-circuit voltage included."""
SLOW_TYPICAL = 0.6
"""Until seen: of the ohmic resistance, and no surer than that."""


class Slow(NamedTuple):
    """Sums of a regression of the mean voltage on the current and its lagging self."""

    lag_a: float = 0.0
    """The lagging current, at 25 °C."""
    since_s: float = 0.0
    then: tuple[float, float, float] | None = None
    """Mean V, A and lagging A when this stretch began."""
    aa: float = 0.0
    al: float = 0.0
    ll: float = 0.0
    av: float = 0.0
    lv: float = 0.0

    def ohm(self) -> tuple[float, float] | None:
        """Return the slow resistance at 25 °C of a mean cell and its sigma; None if not seen."""
        det = self.aa * self.ll - self.al * self.al
        if det <= 0:
            return None
        ohm = (self.aa * self.lv - self.al * self.av) / det
        sigma = SLOW_NOISE_V * math.sqrt(self.aa / det)
        return (ohm, math.hypot(sigma, PART * ohm)) if ohm > 2 * sigma else None


class Steps(NamedTuple):
    """Sums over the steps that were seen."""

    volts: tuple[float, ...] = ()
    """The cells at the last reading; empty where one was unknown."""
    current_a: float | None = None
    drops: tuple[float, ...] = ()
    """Sum of V times A of each cell."""
    squares: float = 0.0
    """Sum of A squared."""
    slow: Slow = Slow()

    def ohm(self, cell: int) -> float | None:
        """Return the resistance at 25 °C of a cell, from 0; None until it is known."""
        if not self.squares or not self.drops:
            return None
        ohm = self.drops[cell] / self.squares
        return ohm if ohm > 0 and self.sigma_ohm(ohm) <= KNOWN_PART * ohm else None

    def sigma_ohm(self, ohm: float) -> float:
        """Return one standard deviation of a resistance."""
        return math.hypot(NOISE_V / math.sqrt(self.squares), PART * ohm)


class StepWatch:
    """Watches the steps of one pack."""

    def __init__(self, kind: CellKind, design_ah: float) -> None:
        self._kind = kind
        self._least_a = STEP_C * design_ah

    def hear(self, steps: Steps, view: View, gap_s: float | None) -> Steps:
        """Return the sums after a reading."""
        slow = self._lag(steps.slow, view, gap_s)
        reading = view.reading
        current_a = reading.current_a
        whole = view.cell_sum_v is not None and not reading.balance_current_a
        volts: tuple[float, ...] = reading.cell_voltages_v if whole else ()  # type: ignore[assignment]  # whole: no None inside
        before_a = steps.current_a
        if (
            gap_s is None
            or gap_s > GAP_S
            or current_a is None
            or before_a is None
            or abs(current_a - before_a) < self._least_a
            or len(volts) != len(steps.volts)
            or not volts
        ):
            return Steps(volts, current_a, steps.drops, steps.squares, slow)
        factor = at_25c(self._kind, mean_temperature_k(view))
        step_a = (current_a - before_a) * factor
        sums = steps.drops or (0.0,) * len(volts)
        if len(sums) != len(volts):
            return Steps(volts, current_a, slow=slow)
        return Steps(
            volts,
            current_a,
            tuple(
                [
                    KEEP * total + step_a * (now - then)
                    for total, now, then in zip(sums, volts, steps.volts, strict=True)
                ]
            ),
            KEEP * steps.squares + step_a * step_a,
            slow,
        )

    def _lag(self, slow: Slow, view: View, gap_s: float | None) -> Slow:
        """Return the regression after a reading."""
        current_a, volts = view.reading.current_a, view.cell_sum_v
        if gap_s is None or current_a is None or volts is None or view.reading.balance_current_a:
            return slow._replace(then=None, since_s=0.0)
        now_a = current_a * at_25c(self._kind, mean_temperature_k(view))
        lag_a = slow.lag_a + (now_a - slow.lag_a) * -math.expm1(-gap_s / SLOW_S)
        since_s = slow.since_s + gap_s
        if slow.then is not None and since_s < SLOW_EVERY_S:
            return Slow(lag_a, since_s, *slow[2:])
        now = (volts / len(view.reading.cell_voltages_v), now_a, lag_a)
        if slow.then is None:
            return slow._replace(lag_a=lag_a, since_s=0.0, then=now)
        v, a, lag = (x - y for x, y in zip(now, slow.then, strict=True))
        keep = SLOW_KEEP if max(abs(a), abs(lag)) >= self._least_a else 1.0
        return Slow(
            lag_a,
            0.0,
            now,
            keep * slow.aa + a * a,
            keep * slow.al + a * lag,
            keep * slow.ll + lag * lag,
            keep * slow.av + a * v,
            keep * slow.lv + lag * v,
        )
