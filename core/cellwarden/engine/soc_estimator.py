"""The estimator of a pack: readings gathered into windows, windows given to the filters.

Charge is counted with every reading; voltages are averaged over WINDOW_S before the mean's filter
hears them and over CELLS_S before the cells' do, so that a step costs little. Everything is a
value: what is known goes in, what is known afterwards comes out.
"""

import math
from collections.abc import Sequence
from operator import add
from typing import NamedTuple

from cellwarden.engine.soc_cells import APART, LESS_AH, Cell, CellFilter, Pack, mean_soc, pack
from cellwarden.engine.soc_curve import OcvCurve
from cellwarden.engine.soc_kinds import KINDS
from cellwarden.engine.soc_mean import (
    OHMIC,
    PER_AH,
    SOC,
    SURFACE,
    ZERO,
    Mean,
    MeanFilter,
    middle_of,
)
from cellwarden.engine.view import View, mean_temperature_k
from cellwarden.model import Parameters
from cellwarden.model.catalog import Chemistry, Curve

WINDOW_S = 10.0
CELLS_S = 60.0
SHEET_BIAS_V = 0.003
"""How far a cell is from the curve of its own data sheet."""
ROUGH_SOC = 0.08
"""How far the typical curve is off, SoC 0..1, even where it is steep."""
FLAT_LOW_V = 0.10
FLAT_HIGH_V = 0.015
"""How far beyond its flat part the typical curve of a flat chemistry is still not asked."""
ZERO_C = 0.0012
"""Zero of a current sensor in C, sigma: 0.12 A at 100 Ah; 0.2 A is the worst of a good one."""
ZERO_LEAST_A = 0.05
OFF_SIGMA_A = 0.1
"""How far one reading at open switches may be off (noise)."""
OFF_MOST_C = 0.01
"""More than this is no zero error: it flows, whatever the switches say."""
PER_AH_SIGMA = 0.10
"""How far a configured capacity is from the true one; packs age."""
CALM_C = 0.1
CALM_SOC = 0.02
"""Near rest: so little current, and so little left of the one before."""
SHOWN_SOC = 0.005
"""How well the place on the typical curve is known at which cells are compared."""
MOVED_PART = 0.05
"""How far off a balancer's own account of what it moves is (ours)."""
END_PART = 0.7
"""How far off the distance to an end is that current and lags explain (ours)."""
END_MOST = 0.3
"""More than this from an end it is not the end, SoC 0..1 (ours)."""
LEARNED = 0.03
"""A capacity known this well is shown instead of the BMS's or the configured one, ..."""
LABEL_SIGMAS = 2.5
"""... and one from which the configured one is so far away: that one is wrong (ours), ..."""
FORGOTTEN = 0.12
"""... until it is no better known than this (ours)."""


class Window(NamedTuple):
    """Sums since the last time the filters heard something."""

    seconds: float = 0.0
    charge_as: float = 0.0
    """In ampere seconds."""
    readings: int = 0
    cells_v: tuple[float, ...] = ()
    """Sum of each cell; empty where a reading lacked one."""
    off: bool = True
    """Both switches were open all the time."""
    moved_as: tuple[float, ...] = ()
    """What the balancer brought to each cell, + = charged; empty while it moves nothing."""


class Moved(NamedTuple):
    """What a balancer did to one cell since the last reading."""

    cell: int
    """From 0."""
    charge_as: float
    """+ = charged, in ampere seconds."""


class Span(NamedTuple):
    """Sums since the last time the cells' filters heard something."""

    hours: float = 0.0
    rate_hours: float = 0.0
    """True current times hours, in C hours."""
    windows: int = 0
    above_v: tuple[float, ...] = ()


class Estimate(NamedTuple):
    """What is known of a pack."""

    mean: Mean
    cells: tuple[Cell, ...]
    pack: Pack
    """As of the last window."""
    window: Window = Window()
    span: Span = Span()
    unheard_s: float = 0.0
    """Since the cells' filters heard something."""
    capacity_known: bool = False
    """Whether the capacity is learned well enough to be shown."""


class Estimator:
    """The filters of one pack, prepared."""

    def __init__(self, cell: Chemistry, parameters: Parameters, ocv_v: Curve | None) -> None:
        kind = KINDS[cell.name]
        self.design_ah = parameters.design_capacity_ah
        if cell.resistance_ohm is not None:
            kind = kind._replace(ohmic_v=cell.resistance_ohm * self.design_ah)
        self._count = parameters.cell_count
        self.curve = OcvCurve(ocv_v or cell.ocv_v)
        self.trusted = ocv_v is not None
        self._charge_v = parameters.charge_voltage_v
        self.top = min(self.curve.soc(parameters.charge_voltage_v), 1.0)
        """SoC 0..1 of a cell charged to the configured voltage: that is what 100 % stands for."""
        self._curve_v = kind.curve_v
        flat = cell.flat_percent
        self._flat_v = (math.inf, math.inf)
        if flat is not None:
            low, high = (self.curve.volts(percent / 100) for percent in flat)
            self._flat_v = (low - FLAT_LOW_V, high + FLAT_HIGH_V)
        zero_c = max(ZERO_C, ZERO_LEAST_A / self.design_ah)
        self._mean = MeanFilter(kind, self.curve, SHEET_BIAS_V, zero_c)
        self._cells = CellFilter(self.curve, kind.ohmic_v, trusted=self.trusted)

    def start(self, soc: float, sigma: float, capacity_ah: float) -> Estimate:
        """Return an estimate from a usable SoC 0..1 and the capacity that is assumed."""
        cells = (self._cells.start(),) * self._count
        mean = self._mean.start(soc, sigma, self.design_ah / capacity_ah, PER_AH_SIGMA)
        # The assumed capacity is the usable one; the cells have what their spread hides.
        usable_ah = pack(mean, cells, self.top).usable * self.design_ah
        per_ah = mean.x[PER_AH] * usable_ah / capacity_ah
        mean = mean._replace(x=(*mean.x[:PER_AH], per_ah, *mean.x[PER_AH + 1 :]))
        return self.at(Estimate(mean, cells, pack(mean, cells, self.top)), soc, sigma)

    def at(self, estimate: Estimate, soc: float, sigma: float) -> Estimate:
        """Return the estimate started anew at a usable SoC 0..1; what was learned is kept."""
        mean, cells = estimate.mean, estimate.cells
        rows = [(0.0, *row[1:]) for row in mean.p[1:]]
        first = (0.0,) * len(mean.x)
        mean = mean._replace(
            x=(mean_soc(soc, mean, cells, self.top), *mean.x[1:]), p=(first, *rows)
        )
        now = pack(mean, cells, self.top)  # what of its sigma is the cells'; the mean has the rest
        own = max(sigma * sigma - now.sigma**2, 0.0) * (now.usable * mean.x[PER_AH]) ** 2
        mean = mean._replace(p=((own, *first[1:]), *rows))
        return estimate._replace(mean=mean, pack=pack(mean, cells, self.top), window=Window())

    def anchor(self, estimate: Estimate, soc: float, sigma: float) -> Estimate:
        """Return the estimate after a moment when the usable SoC is known, both 0..1."""
        mean, cells = estimate.mean, estimate.cells
        mean = self._mean.hear_soc(mean, mean_soc(soc, mean, cells, self.top), sigma)
        return estimate._replace(mean=mean, pack=pack(mean, cells, self.top), window=Window())

    def at_full(self, estimate: Estimate, view: View, sigma: float) -> Estimate:
        """Return the estimate at the end of a charge: how full follows from what still flows.

        At the charge voltage the curve gives that less the ohmic drop, and the mean of a cell is
        behind its surface. With an old pack's resistance that is percents, even at the tail.
        """
        drop_v, ahead = self._flowing(estimate, view)
        high_v = self._charge_v
        behind = max(self.curve.soc(high_v) - self.curve.soc(high_v - max(drop_v, 0.0)) + ahead, 0)
        behind = min(behind / self.top, END_MOST)
        return self.anchor(estimate, 1.0 - behind, math.hypot(sigma, END_PART * behind))

    def at_empty(self, estimate: Estimate, sigma: float) -> Estimate:
        """Return the estimate at the under-voltage trip: what is left is behind the surface."""
        left = min(max(-estimate.mean.x[SURFACE] * sum(estimate.mean.lags), 0.0), END_MOST)
        return self.anchor(estimate, left, math.hypot(sigma, END_PART * left))

    def relaxed_v(self, estimate: Estimate, view: View, volts: float) -> float:
        """Return what a cell of these volts would show without the current."""
        return volts - self._flowing(estimate, view)[0]

    def _flowing(self, estimate: Estimate, view: View) -> tuple[float, float]:
        """Return the ohmic drop of a cell in V, and by how much its surface is ahead of it."""
        mean, current_a = estimate.mean, view.reading.current_a or 0.0
        climate = self._mean.climate(mean_temperature_k(view))
        true_c = current_a / self.design_ah - mean.x[ZERO]
        return mean.x[OHMIC] * climate.ohmic * true_c, mean.x[SURFACE] * sum(mean.lags)

    def doubt(self, estimate: Estimate, soc: float, seconds: float) -> Estimate:
        """Return the estimate after a time in which up to `soc`, 0..1, flowed unseen."""
        mean = self._mean.doubt(estimate.mean, soc, seconds / 3600)
        return estimate._replace(mean=mean, pack=pack(mean, estimate.cells, self.top), span=Span())

    def soc(self, estimate: Estimate) -> float:
        """Return the usable SoC 0..1 with what was counted since the last window."""
        window = estimate.window
        if window.off:
            return estimate.pack.soc
        counted_as = window.charge_as - estimate.mean.x[ZERO] * self.design_ah * window.seconds
        return estimate.pack.soc + counted_as / (3600 * self.design_ah * estimate.pack.usable)

    def counted(self, estimate: Estimate, view: View, current_a: float, gap_s: float) -> float:
        """Return the SoC 0..1 that a current, less the sensor's zero, adds in a time."""
        if self._off(view, current_a):
            return 0.0
        true_a = current_a - estimate.mean.x[ZERO] * self.design_ah
        return true_a * gap_s / (3600 * self.design_ah * estimate.pack.usable)

    def hear(
        self,
        estimate: Estimate,
        view: View,
        current_a: float,
        gap_s: float,
        moved: Moved | None = None,
    ) -> Estimate:
        """Return the estimate after a reading: `current_a` flowed, on average, for `gap_s`.

        While a balancer works the voltages are not listened to: the drop over a balance lead is
        larger than what they would tell.
        """
        window, reading = estimate.window, view.reading
        cells_v: tuple[float, ...] = ()
        heard: tuple[float, ...] = reading.cell_voltages_v  # type: ignore[assignment]  # if whole
        quiet = not reading.balance_current_a
        if quiet and view.cell_sum_v is not None and len(heard) == self._count:
            if window.readings == 0:
                cells_v = heard
            elif window.cells_v:
                cells_v = tuple(map(add, window.cells_v, heard))
        window = Window(
            window.seconds + gap_s,
            window.charge_as + current_a * gap_s,
            window.readings + 1,
            cells_v,
            window.off and self._off(view, current_a),
            window.moved_as if moved is None else self._with(window.moved_as, moved),
        )
        if window.seconds < WINDOW_S:
            # By position: this runs with every reading, and `_replace` is slow.
            return Estimate(
                estimate.mean,
                estimate.cells,
                estimate.pack,
                window,
                estimate.span,
                estimate.unheard_s,
                estimate.capacity_known,
            )
        return self._close(estimate, window, mean_temperature_k(view))

    def _with(self, moved_as: tuple[float, ...], moved: Moved) -> tuple[float, ...]:
        sums = list(moved_as or (0.0,) * self._count)
        sums[moved.cell] += moved.charge_as
        return tuple(sums)

    def _balanced(
        self, mean: Mean, cells: Sequence[Cell], moved_as: tuple[float, ...]
    ) -> tuple[Mean, tuple[Cell, ...]]:
        """Return mean and cells after a balancer's transfers; what it loses, the mean loses."""
        per_as = mean.x[PER_AH] / (3600 * self.design_ah)
        lost = sum(moved_as) / self._count * per_as
        by = [
            moved * per_as * (1 + cell.x[LESS_AH]) - lost
            for moved, cell in zip(moved_as, cells, strict=True)
        ]
        mean = mean._replace(x=(mean.x[SOC] + lost, *mean.x[1:]))
        return mean, tuple(self._cells.shift(cells, by, MOVED_PART))

    def _off(self, view: View, current_a: float) -> bool:
        """Return whether both switches are open, so that no current can flow."""
        reading = view.reading
        return (
            reading.charge_fet_on is False
            and reading.discharge_fet_on is False
            and abs(current_a) < OFF_MOST_C * self.design_ah
        )

    def _close(self, estimate: Estimate, window: Window, temperature_k: float | None) -> Estimate:
        """Return the estimate after the filters have heard a window."""
        mean, cells = estimate.mean, estimate.cells
        filters, hours = self._mean, window.seconds / 3600
        climate = filters.climate(temperature_k)
        rate_c = window.charge_as / window.seconds / self.design_ah
        if window.off:  # the switches are open: all that is measured is the zero
            noise_c = OFF_SIGMA_A / self.design_ah / math.sqrt(window.readings)
            mean = filters.hear_zero(mean, rate_c, noise_c)
            rate_c = mean.x[ZERO]
        mean = filters.count(mean, rate_c, hours, climate)
        if window.moved_as:
            mean, cells = self._balanced(mean, cells, window.moved_as)
        true_c = rate_c - mean.x[ZERO]
        above_v: tuple[float, ...] = ()
        each = [v / window.readings for v in window.cells_v]
        if each:
            volts = middle_of(each)
            if self.trusted:
                apart = tuple([cell.x[APART] for cell in cells])
                mean = filters.hear_volts(mean, each, apart, (rate_c, hours), climate)
                above_v = tuple([v - volts for v in each])
            else:
                drop_v = mean.x[OHMIC] * climate.ohmic * true_c
                mean = self._roughly(mean, volts - drop_v, true_c)
                if abs(true_c) <= CALM_C and self._bent(each, drop_v):
                    above_v = tuple([v - volts for v in each])
        span, unheard_s = estimate.span, estimate.unheard_s + window.seconds
        if above_v and span.windows and not span.above_v:  # do not wait for a span that is spoiled
            cells, span = self._along(cells, span, mean), Span()
        span = _longer(span, above_v, true_c, hours)
        if span.hours * 3600 >= CELLS_S:
            cells = self._along(cells, span, mean)
            if span.above_v:
                above = [v / span.windows for v in span.above_v]
                rate = span.rate_hours / span.hours
                told = mean
                if not self.trusted:
                    drop_v = mean.x[OHMIC] * climate.ohmic * rate
                    told = self._where_it_shows(mean, cells, [v - drop_v for v in each])
                cells = self._cells.hear(cells, above, told, rate, climate, unheard_s)
                unheard_s = 0.0
            span = Span()
        whole = pack(mean, cells, self.top)
        known = self._known(whole, already=estimate.capacity_known)
        return Estimate(mean, cells, whole, Window(), span, unheard_s, known)

    def _known(self, whole: Pack, *, already: bool) -> bool:
        """Return whether the capacity is to be shown; once it is it stays, and does not flicker."""
        sigma = whole.usable_sigma
        if already:
            return sigma <= FORGOTTEN * whole.usable
        return (
            sigma <= LEARNED * whole.usable or abs(self.top - whole.usable) > LABEL_SIGMAS * sigma
        )

    def _along(self, cells: tuple[Cell, ...], span: Span, mean: Mean) -> tuple[Cell, ...]:
        return self._cells.count(cells, span.rate_hours * mean.x[PER_AH], span.hours)

    def _bent(self, each: Sequence[float], drop_v: float) -> bool:
        """Return whether a cell is where also the typical curve is steep: it tells the order."""
        return max(each) - drop_v >= self._flat_v[1] or min(each) - drop_v <= self._flat_v[0]

    def _where_it_shows(
        self, mean: Mean, cells: Sequence[Cell], relaxed_v: Sequence[float]
    ) -> Mean:
        """Return a mean that sits where the voltages say, for the cells to be compared at.

        How much fuller one cell is than another shows in their voltages whatever the typical curve
        gets wrong of the mean's own place; so it is asked where it shows these voltages.
        """
        volts_at = self.curve.volts
        pairs = [(v, cell.x[APART]) for v, cell in zip(relaxed_v, cells, strict=True)]
        low, high = -0.1, 1.1
        for _ in range(12):  # to 0.03 % of SoC
            middle = 0.5 * (low + high)
            fuller = middle_of([v - volts_at(middle + d) for v, d in pairs]) > 0
            low, high = (middle, high) if fuller else (low, middle)
        first = (SHOWN_SOC**2, *mean.p[SOC][1:])
        return mean._replace(
            x=(0.5 * (low + high), *mean.x[1:]), p=(first, *mean.p[1:]), lags=(0.0, 0.0, 0.0)
        )

    def _roughly(self, mean: Mean, relaxed_v: float, true_c: float) -> Mean:
        """Return the mean after a voltage that only the typical curve can be asked about.

        It corrects an estimate that is worse than the curve, to no better than the curve is, and
        teaches nothing else: its error is no noise, and looking longer does not make it smaller.
        Only near rest, and not on the flat part, where it would be wrong by tens of percent.
        """
        calm = abs(true_c) <= CALM_C and abs(sum(mean.lags)) <= CALM_SOC
        if not calm or self._flat_v[0] <= relaxed_v <= self._flat_v[1]:
            return mean
        soc = self.curve.soc(relaxed_v)
        _, slope, _ = self.curve.spread(soc, 0.02)
        sigma = max(self._curve_v / max(slope, 0.01), ROUGH_SOC)
        return self._mean.hear_soc(mean, soc, sigma)


def _longer(span: Span, above_v: tuple[float, ...], true_c: float, hours: float) -> Span:
    """Return the span with one more window; one without voltages spoils them all."""
    sums: tuple[float, ...] = ()
    if above_v and span.hours == 0:
        sums = above_v
    elif above_v and span.above_v:
        sums = tuple(map(add, span.above_v, above_v))
    return Span(span.hours + hours, span.rate_hours + true_c * hours, span.windows + 1, sums)
