"""State of charge: what is shown, where it starts, when it is known.

The estimate (`soc_estimator`) counts and listens to the voltages; what is shown follows it at a
bounded rate, so that nobody sees a jump where the estimate learned something. It jumps only at a
stated reset, which the log tells: a SoC that somebody states, or the BMS's own after a guess.
Only a full charge shows 100 %, only an empty pack 0 %: several inverters stop charging at 100.

A voltage trip alone is no anchor: a loose bus bar under load trips as an empty cell does. It
becomes one when the cell still stands at its end a minute later, the drop of what flows taken out.
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
SIGMA_TRUSTED = 4.0
"""What a BMS that its owner trusts is off by (ours)."""
SIGMA_BMS = 15.0
"""What a BMS that only counts is off by after a month (C1)."""
SIGMA_FULL = 1.0
SIGMA_EMPTY = 3.0
SIGMA_STATED = 3.0
"""What somebody who states the SoC is off by (ours)."""
SIGMA_LEAST = 0.6
USABLE_PART = 0.97
"""What of the design capacity the weakest and the fullest cell leave usable, until learned."""
FULL_HOLD_S = 60.0
"""How long voltage and tail current must last (ours)."""
TRIP_HOLD_S = 60.0
"""How long after a voltage trip its cell must stand at its end to be believed (ours)."""
AT_FULL, AT_EMPTY = 0.95, 0.10
"""SoC 0..1 whose relaxed voltage is still at that end (ours)."""
LEFT = 0.2
"""With so much left, 0..1, a pack is not empty, whatever a load or the cold made of it (ours)."""
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
FROM_OVERVOLTAGE = "counting since over-voltage"
FROM_EMPTY = "counting since empty (under-voltage)"
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
    high_since_s: float | None = None
    """Time of an over-voltage trip that is not yet believed to mean full."""
    low_since_s: float | None = None
    """Time of an under-voltage trip that is not yet believed to mean empty."""
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
        self._usable_ah = USABLE_PART * self._estimator.top * parameters.design_capacity_ah
        self._at_full_v, self._at_empty_v = map(self._estimator.curve.volts, (AT_FULL, AT_EMPTY))

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
            whole_ah = self.capacity_ah(gauge, view)
            if learned:  # what the configured charge voltage leaves unused is no fade
                whole_ah /= self._estimator.top
            return min(100 * whole_ah / self._design_ah, 100.0)
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
        anchored = gauge.full or gauge.empty  # what was seen of it stands above what is told
        if estimate is None or (100 * estimate.pack.sigma > SIGMA_RETAKE and not anchored):
            shown = None if gap_s is None and estimate is not None else shown
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
            high_since_s=gauge.high_since_s,
            low_since_s=gauge.low_since_s,
            current_a=current_a,
            charged_ah=gauge.charged_ah + max(flowed_ah, 0.0),
            discharged_ah=gauge.discharged_ah + max(-flowed_ah, 0.0),
            empty=gauge.empty and not (current_a is not None and current_a > self._idle_a),
            estimate=estimate,
        )
        if gauge.high_since_s is not None or gauge.low_since_s is not None:
            gauge = self._look_at_trips(gauge, view)
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
            estimate = self._estimator.start(soc, sigma, self._usable_ah)
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
            high_since_s=None,
            low_since_s=None,
            estimate=estimate,
        )

    def tripped(self, gauge: Gauge, heard_s: float, *, high: bool) -> Gauge:
        """Return the gauge after an over-voltage trip (R14), or an under-voltage trip."""
        if high:
            return replace(gauge, high_since_s=heard_s)
        return replace(gauge, low_since_s=heard_s)

    def _look_at_trips(self, gauge: Gauge, view: View) -> Gauge:
        """Return the gauge after what a tripped cell shows now."""
        estimate, heard_s = gauge.estimate, view.reading.heard_s
        high, low = view.cell_max, view.cell_min
        if estimate is None or high is None or low is None:
            return gauge
        since_s = gauge.high_since_s
        if since_s is not None:
            if self._estimator.relaxed_v(estimate, view, high.voltage_v) < self._at_full_v:
                gauge = replace(gauge, high_since_s=None)
            elif heard_s - since_s >= TRIP_HOLD_S:
                gauge = self._known_full(gauge, view, FROM_OVERVOLTAGE)
        since_s, estimate = gauge.low_since_s, gauge.estimate
        if since_s is not None and estimate is not None:
            if self._estimator.relaxed_v(estimate, view, low.voltage_v) > self._at_empty_v:
                gauge = replace(gauge, low_since_s=None)
            elif heard_s - since_s >= TRIP_HOLD_S:
                gauge = self._known_empty(gauge, estimate, view)
        return gauge

    def _known_empty(self, gauge: Gauge, estimate: Estimate, view: View) -> Gauge:
        """Return the gauge of a pack of which nothing more can be taken.

        It shows 0 % then, or goes there. Not so where the curve of the very cell is known and a
        sure estimate agrees: it knows better how little is left. One weak cell says nothing of the
        others: the estimate finds it by itself.
        """
        gauge = replace(gauge, full=False, low_since_s=None)
        soc, sigma = 100 * estimate.pack.soc, 100 * estimate.pack.sigma
        if self._estimator.trusted and sigma < SURE and soc <= 100 * LEFT + 3 * sigma:
            return gauge
        known = sorted(v for v in view.reading.cell_voltages_v if v is not None)
        middle_v = self._estimator.relaxed_v(estimate, view, known[len(known) // 2])
        if middle_v <= self._at_empty_v:
            estimate = self._estimator.at_empty(estimate, SIGMA_EMPTY / 100)
        charging = (gauge.current_a or 0.0) > self._idle_a
        return replace(gauge, basis=FROM_EMPTY, empty=not charging, estimate=estimate)

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
        capacity_ah = view.reading.capacity_ah or self._usable_ah
        if estimate is None and shown is not None:  # a restart from a record without an estimate
            sigma = gauge.sigma_percent / 100
            return self._estimator.start(shown / 100, sigma, capacity_ah), gauge.basis, shown
        if told is not None:
            sigma = SIGMA_BMS / 100
            if estimate is None:
                estimate = self._estimator.start(told / 100, sigma, capacity_ah)
            else:
                estimate = self._estimator.at(estimate, told / 100, sigma)
            if shown is None or gauge.basis == FROM_GUESS:
                shown = told  # else it goes there at its own pace
            return estimate, FROM_BMS, shown
        if estimate is None and view.cell_sum_v is not None:
            mean_v = view.cell_sum_v / len(view.reading.cell_voltages_v)
            guess = self._estimator.curve.soc(mean_v)
            estimate = self._estimator.start(guess, SIGMA_MAX / 100, capacity_ah)
            return estimate, FROM_GUESS, 100 * guess
        return estimate, gauge.basis, gauge.soc_percent if shown is None else shown

    def _sigma_percent(self, estimate: Estimate | None, shown: float | None) -> float:
        """Return the sigma of what is shown: two of it reach at least to the estimate."""
        if estimate is None or shown is None:
            return SIGMA_MAX
        behind = 0.5 * (shown - 100 * self._estimator.soc(estimate))
        own = max(100 * estimate.pack.sigma, SIGMA_LEAST)
        return min(math.hypot(own, behind), SIGMA_MAX)

    def _known_full(self, gauge: Gauge, view: View, basis: str) -> Gauge:
        estimate = gauge.estimate
        if estimate is not None:
            estimate = self._estimator.at_full(estimate, view, SIGMA_FULL / 100)
        full = not (gauge.current_a or 0.0) < -self._idle_a
        return replace(
            gauge, basis=basis, full=full, empty=False, high_since_s=None, estimate=estimate
        )

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
        return self._known_full(gauge, view, FROM_FULL)
