"""Self-discharge of each cell against its neighbours, seen over days (F44).

A cell with a beginning internal short loses a few milliamperes more than the others: nothing in a
day's voltages, but a debt that grows from one full charge to the next. Debts are compared at the
end of full charges, where they are known best, with what a balancer moved taken out. What all cells
lose alike does not show, and does no harm. Whether it is worth a word is the diagnosis' business.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from cellwarden.engine.balance_debt import debts
from cellwarden.engine.soc import Gauge
from cellwarden.engine.soc_estimator import Moved

LEAST_S = 20 * 3600.0
"""Between two looks: less than a day, so that a full charge each day is enough (ours)."""
KNOWN_PART = 0.004
"""Of the capacity: debts must be known so well to be compared (ours)."""
KNOWN_C = 0.0003
"""A rate is told once its sigma is below this, in C (ours): 80 mA at 280 Ah."""
FORGET_S = 14 * 86_400.0
"""Older looks count for less."""


class Look(NamedTuple):
    """Debts at the end of a full charge, in Ah, as if no balancer had been at work."""

    age_s: float
    ah: tuple[float, ...]
    sigma_ah: tuple[float, ...]


class Leaks(NamedTuple):
    """What is remembered."""

    moved_ah: tuple[float, ...] = ()
    """By the balancer since the last look, + = charged."""
    look: Look | None = None
    was_full: bool = False
    watched_s: float = 0.0
    """What `rate_a` rests on, FORGET_S at most."""
    rate_a: tuple[float, ...] = ()
    """+ = loses more than the mean; empty until two looks."""
    sigma_a: tuple[float, ...] = ()

    def of(self, cell: int, design_ah: float) -> float | None:
        """Return the self-discharge of a cell, from 0, in A; None until it is known."""
        if not self.rate_a or self.sigma_a[cell] > KNOWN_C * design_ah:
            return None
        return self.rate_a[cell]


class LeakWatch:
    """Watches one pack."""

    def __init__(self, count: int, design_ah: float) -> None:
        self._count = count
        self._design_ah = design_ah

    def hear(self, leaks: Leaks, gauge: Gauge, moved: Moved | None, gap_s: float | None) -> Leaks:
        """Return what is known after a reading."""
        moved_ah, look = leaks.moved_ah, leaks.look
        if moved is not None:
            sums = list(moved_ah or (0.0,) * self._count)
            sums[moved.cell] += moved.charge_as / 3600
            moved_ah = tuple(sums)
        if look is not None and gap_s is not None:
            look = Look(look.age_s + gap_s, look.ah, look.sigma_ah)
        ended = leaks.was_full and not gauge.full
        leaks = Leaks(moved_ah, look, gauge.full, leaks.watched_s, leaks.rate_a, leaks.sigma_a)
        return self._look(leaks, gauge) if ended else leaks

    def _look(self, leaks: Leaks, gauge: Gauge) -> Leaks:
        """Compare with the last look."""
        if gauge.estimate is None:
            return leaks
        ah, sigma_ah = debts(gauge.estimate, self._design_ah)
        if max(sigma_ah) > KNOWN_PART * self._design_ah:
            return leaks
        look = leaks.look
        now = Look(0.0, ah, sigma_ah)
        if look is None:
            return leaks._replace(look=now, moved_ah=())
        if look.age_s < LEAST_S:
            return leaks
        moved = leaks.moved_ah or (0.0,) * self._count
        mean_moved = sum(moved) / self._count
        hours = look.age_s / 3600
        lost_a = [
            -(new - old - (by - mean_moved)) / hours
            for new, old, by in zip(ah, look.ah, moved, strict=True)
        ]
        sigma_a = [
            math.hypot(new, old) / hours for new, old in zip(sigma_ah, look.sigma_ah, strict=True)
        ]
        rate_a, sigma_a = self._together(leaks, lost_a, sigma_a, look.age_s)
        return Leaks(
            (),
            now,
            leaks.was_full,
            min(leaks.watched_s + look.age_s, FORGET_S),
            tuple(rate_a),
            tuple(sigma_a),
        )

    def _together(
        self, leaks: Leaks, lost_a: Sequence[float], sigma_a: Sequence[float], age_s: float
    ) -> tuple[list[float], list[float]]:
        """Return rates and sigmas over all the time watched.

        The doubts of neighbouring looks cancel: each debt ends one stretch and begins the next. So
        the sigma falls with the time, not with its root.
        """
        before_s = leaks.watched_s
        if not leaks.rate_a or not before_s:
            return list(lost_a), list(sigma_a)
        share = age_s / (age_s + before_s)
        rate = [old + share * (new - old) for old, new in zip(leaks.rate_a, lost_a, strict=True)]
        sigma = [share * new for new in sigma_a]
        return rate, sigma
