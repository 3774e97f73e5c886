"""Open-circuit voltage by state of charge, prepared so that reading it is one look-up.

A data sheet's points are laid on an even grid that reaches beyond 0 and 1: a cell under current
has a surface that is fuller or emptier than its mean, and the filter looks there.
"""

from functools import lru_cache

from cellwarden.model.catalog import Curve, interpolate

PER_POINT = 0.005
BEYOND = 0.15
"""How far the grid reaches beyond empty and full, in SoC 0..1; there the end's slope goes on."""
_ROOT3 = 3.0**0.5


@lru_cache(maxsize=16)  # packs of one make share it
def _grid(points: Curve) -> tuple[float, ...]:
    low_slope, high_slope = _slope(points[:2]), _slope(points[-2:])
    beyond = round(BEYOND / PER_POINT)
    count = round(1 / PER_POINT)
    return tuple(
        interpolate(points, 100 * n * PER_POINT)
        + min(n, 0) * PER_POINT * low_slope
        + max(n - count, 0) * PER_POINT * high_slope
        for n in range(-beyond, count + beyond + 1)
    )


class OcvCurve:
    """Volts by SoC 0..1."""

    def __init__(self, points: Curve) -> None:
        self._volts = _grid(points)
        self._last = len(self._volts) - 2
        self._soc_of_v = tuple((v, s) for s, v in points)

    def volts(self, soc: float) -> float:
        """Return the relaxed voltage at a SoC 0..1, or beyond it, in V."""
        at = (soc + BEYOND) / PER_POINT
        n = int(at)
        if n < 0:
            n = 0
        elif n > self._last:
            n = self._last
        low = self._volts[n]
        return low + (at - n) * (self._volts[n + 1] - low)

    def soc(self, volts: float) -> float:
        """Return the SoC 0..1 whose relaxed voltage this is; the end's beyond an end."""
        return interpolate(self._soc_of_v, volts) / 100

    def place(self, volts: float, sigma_v: float) -> tuple[float, float]:
        """Return the SoC 0..1 of a relaxed voltage that is known to `sigma_v`, and its sigma.

        The sigma is that of the worse side: beside a steep step of the curve may lie a flat part.
        """
        soc = self.soc(volts)
        above, below = self.soc(volts + 2 * sigma_v) - soc, soc - self.soc(volts - 2 * sigma_v)
        return soc, 0.5 * max(above, below)

    def spread(self, soc: float, sigma: float) -> tuple[float, float, float]:
        """Return mean V, V per unit of SoC, and V² that the slope leaves unexplained.

        For a SoC that is only known to `sigma`: three points, a normal distribution's (as an
        unscented filter takes them). On the flat part with a knee within reach it says how little
        a voltage tells, where the slope at one point would be wrong in either direction.
        """
        step = _ROOT3 * sigma
        low, mid, high = self.volts(soc - step), self.volts(soc), self.volts(soc + step)
        mean = (low + 4 * mid + high) / 6
        slope = (high - low) / (2 * step)
        square = ((low - mean) ** 2 + 4 * (mid - mean) ** 2 + (high - mean) ** 2) / 6
        return mean, slope, max(square - (slope * sigma) ** 2, 0.0)


def _slope(ends: Curve) -> float:
    """Return V per unit of SoC 0..1 between two points."""
    (s0, v0), (s1, v1) = ends
    return 100 * (v1 - v0) / (s1 - s0)
