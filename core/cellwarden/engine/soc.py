"""State of charge, first version: counting, with anchors where it is known.

The estimate starts from what was saved, from the BMS's own SoC or from the voltage, and is counted
on from there. Its uncertainty grows with the charge counted and with time, and shrinks at an
anchor: a full charge, or the empty trip. Counting alone never shows 100 % or 0 %: several
inverters stop charging at 100.
"""

from dataclasses import dataclass, replace

from cellwarden.engine.view import View
from cellwarden.model import CHEMISTRIES, Parameters
from cellwarden.model.catalog import interpolate

OFFSET_A = 0.2
"""Unknown zero error of a current sensor: 4.8 %/day at 100 Ah (C1)."""
GAIN = 0.01
"""Unknown gain error."""
UNKNOWN_C = 0.5
"""Rate in C that may have flowed while the current was unknown (ours)."""
SILENT_C = 0.1
"""Rate in C that may have flowed while nobody was listening (ours)."""
SIGMA_MAX = 30.0
"""% that know nothing: close to an even spread over 0..100."""
SIGMA_RETAKE = 20.0
"""Once the count is this uncertain the BMS's own SoC is taken instead (ours)."""
SIGMA_BMS = 10.0
SIGMA_FULL = 1.0
SIGMA_EMPTY = 2.0
FULL_HOLD_S = 60.0
"""How long voltage and tail current must last (ours)."""
FULL_MARGIN_V = 0.015
"""Below the charge voltage, for inverters and meters that differ by a little (ours)."""
REBULK_PERCENT = 97.0
COUNTED = (1.0, 99.0)
"""Counting stays inside this; the rest belongs to the anchors."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gauge:
    """What the estimator remembers."""

    soc_percent: float | None = None
    sigma_percent: float = SIGMA_MAX
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


class SocCounter:
    """The estimator of one pack."""

    def __init__(self, chemistry: str, parameters: Parameters, max_age_s: float) -> None:
        cell = CHEMISTRIES[chemistry]
        self._design_ah = parameters.design_capacity_ah
        self._max_age_s = max_age_s
        self._full_v = min(parameters.charge_voltage_v, cell.absolute_max_v) - FULL_MARGIN_V
        self._full_c = cell.full_current_c
        self._rebulk_v = interpolate(cell.ocv_v, 50.0)
        self._soc_of_v = tuple((v, soc) for soc, v in cell.ocv_v)

    def capacity_ah(self, view: View) -> float:
        """Return the capacity that counting uses: the BMS's, else the design."""
        return view.reading.capacity_ah or self._design_ah

    def hear(self, gauge: Gauge, view: View, gap_s: float | None) -> Gauge:
        """Return the gauge after a reading that came `gap_s` after the one before.

        `gap_s` is None for the first. Over a gap longer than a reading may be old nothing is
        counted, and the uncertainty grows instead (F30).
        """
        reading = view.reading
        capacity_ah = self.capacity_ah(view)
        soc, sigma = gauge.soc_percent, gauge.sigma_percent
        charged_ah = discharged_ah = 0.0
        if gap_s is not None:
            counted_ah, doubt_ah = self._counted(gauge, reading.current_a, gap_s, capacity_ah)
            charged_ah, discharged_ah = max(counted_ah, 0.0), max(-counted_ah, 0.0)
            sigma = min(sigma + 100 * doubt_ah / capacity_ah, SIGMA_MAX)
            if soc is not None:
                low, high = min(COUNTED[0], soc), max(COUNTED[1], soc)
                soc = min(max(soc + 100 * counted_ah / capacity_ah, low), high)
        basis = gauge.basis
        if soc is None or sigma > SIGMA_RETAKE:
            soc, sigma, basis = self._start(gauge, soc, sigma, view)
        gauge = Gauge(
            soc_percent=soc,
            sigma_percent=sigma,
            basis=basis,
            full=gauge.full,
            full_since_s=gauge.full_since_s,
            current_a=reading.current_a,
            charged_ah=gauge.charged_ah + charged_ah,
            discharged_ah=gauge.discharged_ah + discharged_ah,
        )
        return self._look_for_full(gauge, view, capacity_ah)

    def anchor_full(self, gauge: Gauge, basis: str) -> Gauge:
        """Return the gauge at 100 %: a full charge or an over-voltage trip (R14)."""
        return replace(gauge, soc_percent=100.0, sigma_percent=SIGMA_FULL, basis=basis, full=True)

    def anchor_empty(self, gauge: Gauge) -> Gauge:
        """Return the gauge at 0 %: the under-voltage trip, nothing more can be taken out."""
        return replace(
            gauge,
            soc_percent=0.0,
            sigma_percent=SIGMA_EMPTY,
            basis="counting since empty (under-voltage)",
            full=False,
        )

    def _counted(
        self, gauge: Gauge, current_a: float | None, gap_s: float, capacity_ah: float
    ) -> tuple[float, float]:
        """Return the charge counted in Ah and the doubt about it in Ah."""
        hours = gap_s / 3600
        if gap_s > self._max_age_s:
            return 0.0, SILENT_C * capacity_ah * hours
        before_a = gauge.current_a
        if before_a is None and current_a is None:
            return 0.0, UNKNOWN_C * capacity_ah * hours
        if before_a is None:
            before_a = current_a
        if current_a is None:
            current_a = before_a
        assert before_a is not None
        assert current_a is not None
        counted_ah = 0.5 * (before_a + current_a) * hours  # trapezoid
        return counted_ah, OFFSET_A * hours + GAIN * abs(counted_ah)

    def _start(
        self, gauge: Gauge, soc: float | None, sigma: float, view: View
    ) -> tuple[float | None, float, str]:
        told = view.reading.soc_percent
        if told is not None:
            return told, SIGMA_BMS, "counting since the BMS's own SoC"
        if soc is None and view.cell_sum_v is not None:
            mean_v = view.cell_sum_v / len(view.reading.cell_voltages_v)
            guess = interpolate(self._soc_of_v, mean_v)
            return guess, SIGMA_MAX, "counting since a guess from the voltage"
        return soc, sigma, gauge.basis

    def _look_for_full(self, gauge: Gauge, view: View, capacity_ah: float) -> Gauge:
        highest = view.cell_max
        if highest is None:
            return gauge
        current_a, heard_s = gauge.current_a, view.reading.heard_s
        at_end = (
            highest.voltage_v >= self._full_v
            and current_a is not None
            and current_a < self._full_c * capacity_ah
        )
        if not at_end:
            soc = gauge.soc_percent
            still = gauge.full and (
                soc is not None and soc >= REBULK_PERCENT and highest.voltage_v >= self._rebulk_v
            )
            if gauge.full_since_s is None and still is gauge.full:
                return gauge
            return replace(gauge, full_since_s=None, full=still)
        since_s = gauge.full_since_s
        if since_s is None:
            return replace(gauge, full_since_s=heard_s)
        if heard_s - since_s < FULL_HOLD_S:
            return gauge
        return self.anchor_full(gauge, "counting since a full charge")
