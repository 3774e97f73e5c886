"""The filter of the string's mean: what all cells share.

What a cell shows under current:

    V = OCV(soc + g·w) + R(T)·i + H·h + bias

`w` is how much fuller the surface of the electrodes is than their mean: three first-order lags of
the current. It stands inside the curve, so that it costs nothing on the plateau and much at the
knees, as in real cells; a resistor does not do that. `h`, -1..1, is the side of the hysteresis loop
and turns with the charge that flows. R and w follow the temperature (Arrhenius).

Estimated are the SoC, the zero of the current sensor, the capacity, R, g, H, and a slow bias: all
that the curve does not know. The bias keeps the filter honest: an error of a model lasts for hours,
and a thousand readings of it are no thousand witnesses.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from cellwarden.engine.kalman import Matrix, Vector, corrected, diagonal, faded, loosened, moved
from cellwarden.engine.soc_curve import OcvCurve
from cellwarden.engine.soc_kinds import LAGS_S, LOOP_PER_SOC, REFERENCE_K, CellKind

SOC, ZERO, PER_AH, OHMIC, SURFACE, LOOP, BIAS = range(7)
"""States: SoC 0..1 · zero of the current in C · design over true capacity · V per C at 25 °C ·
part of the typical lags · half width of hysteresis in V · bias in V."""

OHMIC_SIGMA = 0.4
"""Part of the typical resistance."""
SURFACE_SIGMA = 0.5
BIAS_S = 6 * 3600.0
"""How long a bias lasts."""
WITNESS_S = 200.0
"""Quick errors of the model last this long: so much time is one witness."""
NOISE_V = 0.0015
OHMIC_PART = 0.10
"""Part of the ohmic drop that the model gets wrong at once; likewise of the lags."""
LAGS_PART = 0.15
END_PART = 1.0
"""The lags' part beyond ENDS, where one electrode alone is at its end."""
ENDS = (0.04, 0.96)
STRANGE_PART = 0.3
"""Added to both for each e-fold that the temperature changes the resistance."""
UNKNOWN_STRANGE = 0.5
"""The e-folds assumed where no temperature is known: some 13 K."""
READ_SOC = 0.002
CURVE_SOC = 0.003
"""How far a data sheet's curve may be off sideways, slowly; at the knees that is most of it."""
SIGMA_SOC = (0.004, 0.12)
"""Widths between which the slope of the curve is taken."""
CAPACITY_MOST = 0.6
"""Sigma of design over true capacity up to which a contradiction widens it: a pack of 45 % of its
label is at 2.2 (ours)."""
ZERO_MOST_C = 0.01
"""Likewise of the sensor's zero: 1 A at 100 Ah (ours)."""
LOST_SIGMAS = 3.0
"""A voltage so far from what was expected, and a SoC behind it so far away, ..."""
LOST_SOC = 0.05
"""... and at least so far, is no noise: the belief is wrong (ours)."""
LOST_CALM_C = 0.02
"""... told near rest, where no resistance can look like it, ..."""
LOST_S = 600.0
"""... for so long that what a current leaves behind has faded (ours)."""
OHMIC_MOST = 3.0
"""Sigma of the resistance, of the typical one, up to which a contradiction under load widens it."""
ODD_V = 0.03
"""A cell so far from the middle of the others says something of itself, not of the mean (ours)."""
# What may change by itself: sigma of a random walk over an hour.
GAIN = 0.0005
ZERO_WALK_C = 0.00002
CAPACITY_WALK = 0.0005
OHMIC_WALK = 0.03
SURFACE_WALK = 0.03


class Mean(NamedTuple):
    """What is known of the mean."""

    x: Vector
    p: Matrix
    lags: Vector = (0.0, 0.0, 0.0)
    loop: float = 0.0
    """-1..1; 0 until charge has flowed."""
    lost_s: float = 0.0
    """For how long the voltage has been where it cannot be if the SoC is what is believed."""

    @property
    def soc(self) -> float:
        """SoC, 0..1."""
        return self.x[SOC]

    @property
    def sigma(self) -> float:
        """One standard deviation of the SoC."""
        return math.sqrt(max(self.p[SOC][SOC], 0.0))

    @property
    def surface(self) -> float:
        """SoC that the terminals show."""
        return self.x[SOC] + self.x[SURFACE] * sum(self.lags)


class Climate(NamedTuple):
    """What a temperature makes of a cell."""

    ohmic: float
    """Factor of the resistance at 25 °C."""
    lag: float
    strange: float
    """E-folds away from 25 °C, to be wrong about."""


class MeanFilter:
    """The filter, prepared for a kind of cell and its curve."""

    def __init__(self, kind: CellKind, curve: OcvCurve, bias_v: float, zero_c: float) -> None:
        self._kind = kind
        self._curve = curve
        self._bias_v = bias_v
        self._zero_c = zero_c

    def start(self, soc: float, sigma: float, per_ah: float, per_ah_sigma: float) -> Mean:
        """Return what is known at the start; `per_ah` is design over true capacity."""
        kind = self._kind
        sigmas = (
            sigma,
            self._zero_c,
            per_ah_sigma,
            OHMIC_SIGMA * kind.ohmic_v,
            SURFACE_SIGMA,
            kind.loop_sigma_v,
            math.hypot(self._bias_v, kind.loop_v),  # which side of the loop is not known yet
        )
        return Mean(
            x=(soc, 0.0, per_ah, kind.ohmic_v, 1.0, kind.loop_v, 0.0),
            p=diagonal([s * s for s in sigmas]),
        )

    def climate(self, temperature_k: float | None) -> Climate:
        """Return what a temperature makes of the cell; None: unknown."""
        if temperature_k is None:
            return Climate(1.0, 1.0, UNKNOWN_STRANGE)
        colder = 1 / temperature_k - 1 / REFERENCE_K
        ohmic = self._kind.ohmic_k * colder
        return Climate(math.exp(ohmic), math.exp(self._kind.lag_k * colder), abs(ohmic))

    def count(self, mean: Mean, rate_c: float, hours: float, climate: Climate) -> Mean:
        """Return the mean after a measured rate has flowed for a time."""
        x, seconds = mean.x, 3600 * hours
        true_c = rate_c - x[ZERO]
        moved_soc = true_c * hours * x[PER_AH]
        fade = math.exp(-seconds / BIAS_S)
        p = moved(
            faded(mean.p, BIAS, fade),
            SOC,
            (0.0, -hours * x[PER_AH], true_c * hours, 0.0, 0.0, 0.0, 0.0),
            (
                (GAIN * true_c * hours) ** 2,
                ZERO_WALK_C**2 * hours,
                CAPACITY_WALK**2 * hours,
                (OHMIC_WALK * self._kind.ohmic_v) ** 2 * hours,
                SURFACE_WALK**2 * hours,
                0.0,
                (1 - fade * fade) * self._bias_v**2,
            ),
        )
        lags = []
        for lag, gain, lag_s in zip(mean.lags, self._kind.lags, LAGS_S, strict=True):
            keep = math.exp(-seconds / (lag_s * climate.lag))
            lags.append(keep * lag + (1 - keep) * gain * climate.lag * true_c)
        turn = math.exp(-LOOP_PER_SOC * abs(moved_soc))
        loop = mean.loop * turn + math.copysign(1 - turn, moved_soc)
        # Nothing comes out of an empty cell: a count that says so was too low before.
        soc = min(max(x[SOC] + moved_soc, 0.0), 1.0)
        return Mean((soc, *x[1:BIAS], x[BIAS] * fade), p, tuple(lags), loop, mean.lost_s)

    def doubt(self, mean: Mean, soc: float, hours: float) -> Mean:
        """Return the mean after a time in which up to `soc` may have flowed unseen, 0..1."""
        sigma = min(mean.sigma + soc, 1.0)
        p = [list(row) for row in mean.p]
        p[SOC][SOC] = sigma * sigma
        p[BIAS][BIAS] = max(p[BIAS][BIAS], self._bias_v**2 + min(soc, 0.1) * self._kind.loop_v**2)
        keep = math.exp(-3600 * hours / LAGS_S[-1])
        return mean._replace(p=tuple(map(tuple, p)), lags=tuple([keep * w for w in mean.lags]))

    def hear_zero(self, mean: Mean, rate_c: float, noise_c: float) -> Mean:
        """Return the mean after a current was measured that is known to be none."""
        h = (0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0)
        x, p = corrected(mean.x, mean.p, h, rate_c - mean.x[ZERO], noise_c**2)
        return mean._replace(x=x, p=p)

    def hear_soc(self, mean: Mean, soc: float, sigma: float) -> Mean:
        """Return the mean after an anchor: a moment when the SoC is known.

        One that agrees with a better belief says nothing: ten doubtful anchors are no sure one.
        One that contradicts what was believed wins all the same: the belief was too sure.
        """
        off = soc - mean.soc
        if mean.sigma <= sigma and abs(off) <= 2 * sigma:
            return mean
        mean = self._doubted(mean, 0.25 * off * off - sigma * sigma)
        h = (1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
        x, p_after = corrected(mean.x, mean.p, h, off, sigma * sigma)
        return mean._replace(x=_sane(x), p=p_after)

    def _doubted(self, mean: Mean, variance: float) -> Mean:
        """Return the mean with a SoC of at least this variance.

        What a count gets wrong comes from the charge it began with, from the sensor's zero and from
        the capacity, which a label does not know of an old pack. So the doubts about all three
        grow, as far as they had a part in it, and what correlates them tells afterwards which it
        was: after a deep discharge the capacity, after days around one SoC the zero.
        """
        have = mean.p[SOC][SOC]
        if variance <= have:
            return mean
        by = widening(mean.p, SOC, variance, ((ZERO, ZERO_MOST_C), (PER_AH, CAPACITY_MOST)))
        return mean._replace(p=loosened(mean.p, by))

    def hear_volts(
        self,
        mean: Mean,
        volts: Sequence[float],
        apart: Sequence[float],
        flow: tuple[float, float],
        climate: Climate,
    ) -> Mean:
        """Return the mean after the cells' voltages over a time.

        `apart` are the cells' SoC differences, `flow` is (rate in C, hours).
        """
        x, (rate_c, hours) = mean.x, flow
        surface, w = mean.surface, sum(mean.lags)
        true_c = rate_c - x[ZERO]
        drop = x[OHMIC] * climate.ohmic * true_c
        sigma = min(max(mean.sigma, SIGMA_SOC[0]), SIGMA_SOC[1])
        expected, slope, bent = self._curve.spread(surface, sigma)
        # Each cell at its own place: the mean of voltages is not the voltage of the mean where the
        # curve is bent.
        volts_at = self._curve.volts
        above = middle_of([v - volts_at(surface + d) for v, d in zip(volts, apart, strict=True)])
        lean = math.hypot(1.0 + climate.strange, slope * CURVE_SOC / self._bias_v)
        beside = drop + x[LOOP] * mean.loop
        off = above - (expected - volts_at(surface)) - beside - lean * x[BIAS]
        h = (slope, 0.0, 0.0, climate.ohmic * true_c, slope * w, mean.loop, lean)
        strange = (STRANGE_PART * climate.strange) ** 2
        part = LAGS_PART if ENDS[0] < surface < ENDS[1] else END_PART
        quick = NOISE_V**2 + (OHMIC_PART**2 + strange) * drop**2
        sideways = (part**2 + strange) * w**2 + READ_SOC**2
        p, noise = mean.p, quick + slope**2 * sideways + bent
        believed = variance_of(h, p)
        if off * off > LOST_SIGMAS**2 * (believed + noise):
            if abs(true_c) > LOST_CALM_C:  # the first thing to suspect is the resistance
                p = self._loose_ohmic(p, h[OHMIC], 0.25 * off * off)
            else:
                told = self._told_elsewhere(mean, h, expected + off, quick + bent, sideways)
                if told is not None:
                    lost_s = mean.lost_s + 3600 * hours
                    if lost_s < LOST_S:
                        return mean._replace(lost_s=lost_s)
                    return self.hear_soc(mean, *told)._replace(lost_s=0.0)
                noise = off * off / LOST_SIGMAS**2 - believed  # it counts, but for little
        noise *= max(WITNESS_S / (3600 * hours), 1.0)
        x, p = corrected(x, p, h, off, noise)
        return mean._replace(x=_sane(x), p=p, lost_s=0.0)

    def _loose_ohmic(self, p: Matrix, per_ohm: float, variance: float) -> Matrix:
        """Return the covariance with a resistance so doubtful that it explains a variance, in V².

        `per_ohm` is what the voltage changes by with the resistance.
        """
        sigma = math.sqrt(max(p[OHMIC][OHMIC], 1e-12))
        most = OHMIC_MOST * self._kind.ohmic_v
        wanted = min(math.sqrt(variance) / abs(per_ohm), most)
        if wanted <= sigma:
            return p
        by = [1.0] * len(p)
        by[OHMIC] = wanted / sigma
        return loosened(p, by)

    def _told_elsewhere(
        self, mean: Mean, h: Sequence[float], curve_v: float, quick: float, sideways: float
    ) -> tuple[float, float] | None:
        """Return the SoC and its sigma that a voltage tells if the one believed cannot be.

        `curve_v` is what the curve would have to give. The filter takes the curve for straight
        within what it believes. A pack of half its label is empty where the belief is on the flat
        part, and there, for the filter, any voltage is the hysteresis' fault.
        """
        surface, w = mean.surface, sum(mean.lags)
        beside = sum([h[n] ** 2 * mean.p[n][n] for n in (OHMIC, LOOP, BIAS)])
        there, sigma = self._curve.place(curve_v, math.sqrt(quick + beside))
        sigma = math.sqrt(sigma * sigma + sideways + w * w * mean.p[SURFACE][SURFACE])
        far = abs(there - surface)
        if far < max(LOST_SOC, LOST_SIGMAS * math.hypot(sigma, mean.sigma)):
            return None
        return min(max(mean.x[SOC] + there - surface, 0.0), 1.0), sigma


def widening(
    p: Matrix, n: int, variance: float, others: Sequence[tuple[int, float]]
) -> list[float]:
    """Return by what the sigma of each state is to grow so that state `n` has a variance.

    `others` grow with it as far as they correlate, each up to a sigma of its own.
    """
    factor = math.sqrt(max(variance / max(p[n][n], 1e-12), 1.0))
    by = [1.0] * len(p)
    by[n] = factor
    for state, most in others:
        sigma = math.sqrt(max(p[state][state], 1e-18))
        share = min(abs(p[n][state]) / (sigma * math.sqrt(max(p[n][n], 1e-12))), 1.0)
        by[state] = max(min(1 + (factor - 1) * share, most / sigma), 1.0)
    return by


def variance_of(h: Sequence[float], p: Matrix) -> float:
    """Return the variance of what states with a covariance make of a measurement."""
    return sum(
        [a * sum([b * q for b, q in zip(h, row, strict=True)]) for a, row in zip(h, p, strict=True)]
    )


def middle_of(volts: Sequence[float]) -> float:
    """Return the mean of those within ODD_V of their median."""
    ordered = sorted(volts)
    median = ordered[len(ordered) // 2]
    if ordered[-1] - median <= ODD_V and median - ordered[0] <= ODD_V:
        return sum(ordered) / len(ordered)
    kept = [v for v in ordered if abs(v - median) <= ODD_V]
    return sum(kept) / len(kept)


def _sane(x: Vector) -> Vector:
    """Return the states inside what a cell can be, whatever a measurement made of them."""
    return (
        min(max(x[SOC], 0.0), 1.0),
        x[ZERO],
        min(max(x[PER_AH], 0.5), 3.0),
        max(x[OHMIC], 0.005),
        min(max(x[SURFACE], 0.1), 4.0),
        max(x[LOOP], 0.0),
        x[BIAS],
    )
