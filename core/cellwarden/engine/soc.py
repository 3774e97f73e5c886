"""State of charge: what is shown, where it starts, when it is known.

The estimate (`soc_estimator`) counts and listens to the voltages; what is shown follows it at a
bounded rate, so that nobody sees a jump where the estimate learned something. It jumps only at a
stated reset, which the log tells: an over- or under-voltage trip, or a fresh start from the BMS's
own SoC. Only a full charge shows 100 %, only an empty trip 0 %: several inverters stop charging at
100.
"""

import math
from dataclasses import dataclass, replace

from cellwarden.engine.soc_estimator import Estimate, Estimator, Moved
from cellwarden.engine.view import View
from cellwarden.model import BmsSoc, Chemistry, Parameters
from cellwarden.model.catalog import Curve, interpolate

UNKNOWN_C = 0.5
"""Rate in C that may have flowed while the current was unknown (ours)."""
SILENT_C = 0.1
"""Rate in C that may have flowed while nobody was listening (ours)."""
SIGMA_MAX = 30.0
"""% that know nothing: close to an even spread over 0..100."""
SIGMA_RETAKE = 20.0
"""Once the estimate is this uncertain the BMS's own SoC is taken instead (ours)."""
SIGMA_EMPTY_MOST = 15.0
"""However hard it was discharged, a pack that tripped is not what its BMS believes instead."""
SIGMA_TRUSTED = 4.0
"""What a BMS that its owner trusts is off by (ours)."""
SIGMA_BMS = 15.0
"""What a BMS that only counts is off by after a month (C1)."""
SIGMA_FULL = 1.0
SIGMA_EMPTY = 4.0
SIGMA_STATED = 3.0
"""What somebody who states the SoC is off by (ours)."""
SIGMA_EMPTY_PER_C = 20.0
"""Under load an empty trip says less: % for each C that flows."""
SIGMA_LEAST = 0.6
USABLE_PART = 0.97
"""What of the design capacity the weakest and the fullest cell leave usable, until learned."""
FULL_HOLD_S = 60.0
"""How long voltage and tail current must last (ours)."""
FULL_MARGIN_V = 0.015
"""Below the charge voltage, for inverters and meters that differ by a little (ours)."""
REBULK_PERCENT = 97.0
COUNTED = (1.0, 99.0)
"""What is shown stays inside this; the rest belongs to the anchors."""
FOLLOW_PERCENT_PER_S = 0.8 / 60
"""How fast what is shown follows the estimate, beside what is counted: under 1 % a minute (C1)."""
SURE = 3.0
"""% of sigma below which the voltage, not the start value, is what the estimate rests on."""
FROM_VOLTAGE = "counting and cell voltages"
FROM_BMS = "counting since the BMS's own SoC"
FROM_TRUSTED = "counting, held by the BMS's own SoC"
FROM_GUESS = "counting since a guess from the voltage"
FROM_FULL = "counting since a full charge"
_STARTS = (FROM_BMS, FROM_GUESS)
IDLE_C = 0.005
"""Less current than this neither ends a full nor an empty state."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gauge:
    """What is remembered of the charge."""

    soc_percent: float | None = None
    """As shown."""
    sigma_percent: float = SIGMA_MAX
    """Of what is shown."""
    basis: str = ""
    full: bool = False
    """Charged to the end, and not discharged since."""
    full_since_s: float | None = None
    """First of an unbroken run of readings at charge voltage and tail current."""
    current_a: float | None = None
    """At the last reading."""
    charged_ah: float = 0.0
    """Counted since the first start."""
    discharged_ah: float = 0.0
    empty: bool = False
    """Tripped empty, and not charged since."""
    estimate: Estimate | None = None
    """None until there is a SoC to start from, and after a restart until the first reading."""

    @property
    def estimated_percent(self) -> float | None:
        """What is estimated, which what is shown follows; to the last window of the estimator."""
        return self.soc_percent if self.estimate is None else 100 * self.estimate.pack.soc


class SocCounter:
    """The gauge of one pack."""

    def __init__(
        self,
        cell: Chemistry,
        parameters: Parameters,
        max_age_s: float,
        ocv_v: Curve | None = None,
        tail_current_a: float | None = None,
        bms_soc: BmsSoc = BmsSoc.START,
    ) -> None:
        self._design_ah = parameters.design_capacity_ah
        self._max_age_s = max_age_s
        self._full_v = min(parameters.charge_voltage_v, cell.absolute_max_v) - FULL_MARGIN_V
        self._idle_a = IDLE_C * parameters.design_capacity_ah
        self._tail_a = tail_current_a
        self._bms_soc = bms_soc
        self._full_c = cell.full_current_c
        self._rebulk_v = interpolate(cell.ocv_v, 50.0)
        self._estimator = Estimator(cell, parameters, ocv_v)

    def capacity_ah(self, gauge: Gauge, view: View) -> float:
        """Return the capacity to show: learned, else the BMS's, else the design."""
        estimate = gauge.estimate
        if estimate is not None and estimate.capacity_known:
            return estimate.pack.usable * self._design_ah
        return view.reading.capacity_ah or self._design_ah

    def soh_percent(self, gauge: Gauge, view: View) -> float | None:
        """Return learned against design capacity (R34), else what the BMS says."""
        reading, estimate = view.reading, gauge.estimate
        learned = estimate is not None and estimate.capacity_known
        if learned or reading.capacity_ah is not None:
            return min(100 * self.capacity_ah(gauge, view) / self._design_ah, 100.0)
        return reading.soh_percent

    def hear(
        self,
        gauge: Gauge,
        view: View,
        gap_s: float | None,
        moved: Moved | None = None,
        shunt_a: float | None = None,
    ) -> Gauge:
        """Return the gauge after a reading that came `gap_s` after the one before.

        `gap_s` is None for the first. `moved` is what a balancer did meanwhile. A shunt's current
        is counted instead of the reading's. Over a gap longer than a reading may be old nothing is
        counted, and the uncertainty grows instead (F30).
        """
        reading, estimate, shown = view.reading, gauge.estimate, gauge.soc_percent
        current_a = reading.current_a if shunt_a is None else shunt_a
        flowed_a = None if gap_s is None else self._flowed(gauge, current_a, gap_s)
        flowed_ah = 0.0 if flowed_a is None or gap_s is None else flowed_a * gap_s / 3600
        if estimate is not None and gap_s is not None:
            counted = 0.0
            if flowed_a is None:
                estimate = self._doubted(estimate, gap_s)
            else:
                counted = 100 * self._estimator.counted(estimate, view, flowed_a, gap_s)
                estimate = self._estimator.hear(estimate, view, flowed_a, gap_s, moved)
            if shown is not None:
                follow = FOLLOW_PERCENT_PER_S * min(gap_s, self._max_age_s)
                shown = self._follow(gauge, estimate, shown, counted, follow)
        basis = gauge.basis
        if estimate is None or 100 * estimate.pack.sigma > SIGMA_RETAKE:
            estimate, basis, shown = self._begin(gauge, view, estimate, shown)
        elif (
            self._bms_soc is BmsSoc.TRUST
            and reading.soc_percent is not None
            and 100 * estimate.pack.sigma > SIGMA_TRUSTED + 1
        ):
            told = reading.soc_percent / 100
            estimate = self._estimator.anchor(estimate, told, SIGMA_TRUSTED / 100)
            basis = FROM_TRUSTED
        elif basis in _STARTS and 100 * estimate.pack.sigma < SURE:
            basis = FROM_VOLTAGE
        gauge = Gauge(
            soc_percent=shown,
            sigma_percent=self._sigma_percent(estimate, shown),
            basis=basis,
            full=gauge.full,
            full_since_s=gauge.full_since_s,
            current_a=current_a,
            charged_ah=gauge.charged_ah + max(flowed_ah, 0.0),
            discharged_ah=gauge.discharged_ah + max(-flowed_ah, 0.0),
            empty=gauge.empty and not (current_a is not None and current_a > self._idle_a),
            estimate=estimate,
        )
        return self._look_for_full(gauge, view, self.capacity_ah(gauge, view))

    def after_silence(self, gauge: Gauge, silent_s: float) -> Gauge:
        """Return the gauge after a time in which nobody listened."""
        if gauge.estimate is None:
            return gauge
        doubt = min(SILENT_C * silent_s / 3600, 1.0)
        return replace(gauge, estimate=self._estimator.doubt(gauge.estimate, doubt, silent_s))

    def reset(self, gauge: Gauge, soc_percent: float, basis: str) -> Gauge:
        """Return the gauge after somebody stated the SoC, in %; what is shown jumps there."""
        soc, sigma = soc_percent / 100, SIGMA_STATED / 100
        if gauge.estimate is None:
            estimate = self._estimator.start(soc, sigma, USABLE_PART * self._design_ah)
        else:
            estimate = self._estimator.at(gauge.estimate, soc, sigma)
        return replace(
            gauge,
            soc_percent=soc_percent,
            sigma_percent=self._sigma_percent(estimate, soc_percent),
            basis=basis,
            full=False,
            empty=False,
            full_since_s=None,
            estimate=estimate,
        )

    def anchor_full(self, gauge: Gauge, basis: str) -> Gauge:
        """Return the gauge at 100 %, shown at once: an over-voltage trip (R14)."""
        gauge = self._known_full(gauge, basis)
        return replace(
            gauge,
            soc_percent=100.0,
            sigma_percent=self._sigma_percent(gauge.estimate, 100.0),
        )

    def anchor_empty(self, gauge: Gauge) -> Gauge:
        """Return the gauge after the under-voltage trip.

        It is 0 %, shown at once: nothing more can be taken out. Not so where the curve of the very
        cell is known and the estimate is sure: under load, or in the cold, a cell reaches the trip
        with charge left, and the estimate knows how much.
        """
        estimate = gauge.estimate
        if estimate is not None:
            if self._estimator.trusted and 100 * estimate.pack.sigma < SURE:
                return replace(gauge, full=False)
            rate_c = abs(gauge.current_a or 0.0) / self._design_ah
            sigma = min(SIGMA_EMPTY + SIGMA_EMPTY_PER_C * rate_c, SIGMA_EMPTY_MOST)
            estimate = self._estimator.anchor(estimate, 0.0, sigma / 100)
        return replace(
            gauge,
            soc_percent=0.0,
            sigma_percent=self._sigma_percent(estimate, 0.0),
            basis="counting since empty (under-voltage)",
            full=False,
            empty=True,
            estimate=estimate,
        )

    def _flowed(self, gauge: Gauge, current_a: float | None, gap_s: float) -> float | None:
        """Return the mean current since the last reading in A, None if nobody knows."""
        before_a = gauge.current_a
        if gap_s > self._max_age_s or (before_a is None and current_a is None):
            return None
        if before_a is None:
            return current_a
        return before_a if current_a is None else 0.5 * (before_a + current_a)  # trapezoid

    def _doubted(self, estimate: Estimate, gap_s: float) -> Estimate:
        rate_c = SILENT_C if gap_s > self._max_age_s else UNKNOWN_C
        return self._estimator.doubt(estimate, min(rate_c * gap_s / 3600, 1.0), gap_s)

    def _follow(
        self, gauge: Gauge, estimate: Estimate, shown: float, counted: float, most: float
    ) -> float:
        """Return what is shown next: what was counted, and up to `most` towards the estimate."""
        low, high = min(COUNTED[0], shown), max(COUNTED[1], shown)
        target = 100 * self._estimator.soc(estimate)
        if gauge.full and not (gauge.current_a or 0.0) < -self._idle_a:
            target = high = 100.0
        elif gauge.empty:
            target = low = 0.0
        target = min(max(target, low), high)
        shown = min(max(shown + counted, low), high)
        return shown + min(max(target - shown, -most), most)

    def _begin(
        self, gauge: Gauge, view: View, estimate: Estimate | None, shown: float | None
    ) -> tuple[Estimate | None, str, float | None]:
        """Return estimate, basis and what is shown where nothing certain is known yet."""
        told = None if self._bms_soc is BmsSoc.IGNORE else view.reading.soc_percent
        capacity_ah = view.reading.capacity_ah or USABLE_PART * self._design_ah
        if estimate is None and shown is not None:  # a restart from a record without an estimate
            sigma = gauge.sigma_percent / 100
            return self._estimator.start(shown / 100, sigma, capacity_ah), gauge.basis, shown
        if told is not None:
            sigma = SIGMA_BMS / 100
            if estimate is None:
                estimate = self._estimator.start(told / 100, sigma, capacity_ah)
            else:
                estimate = self._estimator.at(estimate, told / 100, sigma)
            return estimate, FROM_BMS, told
        if estimate is None and view.cell_sum_v is not None:
            mean_v = view.cell_sum_v / len(view.reading.cell_voltages_v)
            guess = self._estimator.curve.soc(mean_v)
            estimate = self._estimator.start(guess, SIGMA_MAX / 100, capacity_ah)
            return estimate, FROM_GUESS, 100 * guess
        return estimate, gauge.basis, shown

    def _sigma_percent(self, estimate: Estimate | None, shown: float | None) -> float:
        """Return the sigma of what is shown: two of it reach at least to the estimate."""
        if estimate is None or shown is None:
            return SIGMA_MAX
        behind = 0.5 * (shown - 100 * self._estimator.soc(estimate))
        own = max(100 * estimate.pack.sigma, SIGMA_LEAST)
        return min(math.hypot(own, behind), SIGMA_MAX)

    def _known_full(self, gauge: Gauge, basis: str) -> Gauge:
        estimate = gauge.estimate
        if estimate is not None:
            estimate = self._estimator.anchor(estimate, 1.0, SIGMA_FULL / 100)
        return replace(gauge, basis=basis, full=True, empty=False, estimate=estimate)

    def _look_for_full(self, gauge: Gauge, view: View, capacity_ah: float) -> Gauge:
        highest = view.cell_max
        if highest is None:
            return gauge
        current_a, heard_s = gauge.current_a, view.reading.heard_s
        tail_a = self._full_c * capacity_ah if self._tail_a is None else self._tail_a
        at_end = highest.voltage_v >= self._full_v and current_a is not None and current_a < tail_a
        if not at_end:
            estimate = gauge.estimate
            still = gauge.full and (
                estimate is not None
                and 100 * self._estimator.soc(estimate) >= REBULK_PERCENT
                and highest.voltage_v >= self._rebulk_v
            )
            if gauge.full_since_s is None and still is gauge.full:
                return gauge
            return replace(gauge, full_since_s=None, full=still)
        since_s = gauge.full_since_s
        if since_s is None:
            return replace(gauge, full_since_s=heard_s)
        if heard_s - since_s < FULL_HOLD_S or (gauge.full and gauge.basis == FROM_FULL):
            return gauge
        return self._known_full(gauge, FROM_FULL)
