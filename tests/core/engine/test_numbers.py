"""The filters and the forecast give the numbers that they gave, for inputs in literals.

What the parts are for is told by their own tests; this holds every term of their formulas in
place. `make decisions` keeps a change that is wanted.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from cellwarden.engine import kalman
from cellwarden.engine.alarms import Alarms
from cellwarden.engine.balance_debt import debts
from cellwarden.engine.cell_estimates import cell_estimates
from cellwarden.engine.forecast import Forecast, Forecaster
from cellwarden.engine.leaks import Leaks, LeakWatch, Look
from cellwarden.engine.limits import Stops
from cellwarden.engine.resistance import Slow, Steps, StepWatch
from cellwarden.engine.soc import Gauge
from cellwarden.engine.soc_cells import Cell, CellFilter, mean_soc, pack
from cellwarden.engine.soc_curve import OcvCurve
from cellwarden.engine.soc_estimator import Estimate, Estimator, Moved, Span, Window
from cellwarden.engine.soc_mean import MeanFilter
from cellwarden.model import (
    CHEMISTRIES,
)
from support import kept
from support.estimates import (
    CELLS,
    COLD,
    CURVE,
    KIND,
    MILD,
    NO_ALARMS,
    STEEP,
    estimate,
    matrix,
    mean,
    parameters,
    vars_of,
    view,
)

FILE = Path(__file__).with_name("numbers.json")


# The filter itself


def the_filter() -> object:
    p = matrix(3, scale=0.1)
    return {
        "diagonal": kalman.diagonal((1.0, 2.0, 3.0)),
        "corrected": kalman.corrected((1.0, 2.0, 3.0), p, (0.5, -1.0, 2.0), 0.3, 0.7),
        "moved": [kalman.moved(p, n, (0.2, -0.3, 0.5), (0.01, 0.02, 0.03)) for n in range(3)],
        "faded": [kalman.faded(p, n, 0.6) for n in range(3)],
    }


def the_curve() -> object:
    places = (-0.3, -0.15, -0.02, 0.0, 0.0125, 0.37, 0.9937, 1.0, 1.07, 1.15, 1.3)
    return {
        "volts": [[curve.volts(s) for s in places] for curve in (CURVE, STEEP)],
        "made here": [OcvCurve(((0.0, 2.51), (50.0, 3.2), (100.0, 3.61))).volts(s) for s in places],
        "soc": [CURVE.soc(v) for v in (2.0, 2.6, 2.95, 3.21, 3.36, 3.5, 4.0)],
        "spread": [
            CURVE.spread(s, sigma) for s in (0.02, 0.5, 0.97) for sigma in (0.004, 0.05, 0.12)
        ],
    }


# The mean


def the_mean() -> object:
    filters = MeanFilter(KIND, CURVE, 0.003, 0.0012)
    climates = [filters.climate(k) for k in (None, 273.15, 298.15, 318.15)]
    flows = ((0.5, 0.01), (-0.8, 0.02), (0.0, 0.003))
    volts = ((3.31, 0.62, 0.3), (3.05, 0.03, -0.5), (3.45, 0.97, 0.4), (3.30, 0.62, 0.0))
    return {
        "start": filters.start(0.4, 0.15, 1.02, 0.1),
        "climate": climates,
        "count": [
            filters.count(mean(soc), rate, hours, climate)
            for soc in (0.62, 0.9999, 0.0001)
            for rate, hours in flows
            for climate in (COLD, MILD)
        ],
        "doubt": [
            filters.doubt(mean(p=matrix(7, scale=scale)), soc, hours)
            for scale in (1e-4, 1e-9)
            for soc in (0.02, 0.3, 2.0)
            for hours in (0.1, 2)
        ],
        "zero": filters.hear_zero(mean(), 0.003, 0.001),
        "soc": [
            filters.hear_soc(mean(), soc, sigma)
            for soc in (0.62, 0.64, 0.66, 0.95, 0.2, 1.3)
            for sigma in (0.005, 0.02, 0.1)
        ],
        "volts": [
            filters.hear_volts(
                mean(soc), (v - 0.001, v, v + 0.002), (-0.01, 0.003, 0.02), (rate, hours), climate
            )
            for v, soc, rate in volts
            for hours in (10 / 3600, 0.2)
            for climate in (COLD, MILD)
        ],
        "bounds": [
            filters.hear_volts(
                mean(p=matrix(7, scale=1.0)), (v,), (0.0,), (rate, 1.0), MILD
            ).x
            for v in (1.0, 6.0)
            for rate in (-1.0, 1.0)
        ],
        "surface": (mean().soc, mean().sigma, mean().surface),
    }  # fmt: skip


# The cells


def the_cells() -> object:
    filters = [CellFilter(CURVE, 0.125, trusted=trusted) for trusted in (True, False)]
    first = filters[0]
    above = (-0.004, 0.001, 0.006, 0.011)
    heard = [
        each.hear(CELLS, above, mean(soc), rate, climate, seconds)
        for each in filters
        for soc, rate, climate, seconds in (
            (0.62, 0.2, MILD, 60.0), (0.98, 0.1, COLD, 60.0), (0.04, -0.4, MILD, 3000.0),
        )
    ]  # fmt: skip
    odd, looks = CELLS, []
    for _ in range(8):
        odd = filters[0].hear(odd, (-0.004, 0.001, 0.006, 0.090), mean(0.97), 0.1, MILD, 60.0)
        looks.append(odd)
    tight = tuple(Cell(x, matrix(4, scale=1e-9)) for x, *_ in CELLS)
    return {
        "start": first.start(),
        "count": first.count(CELLS, 0.03, 0.05),
        "shift": first.shift(CELLS, (0.001, -0.002, 0.0, 0.003), 0.05),
        "hear": heard,
        "odd": looks,
        "odd, low": [
            each.hear(CELLS, (-0.2, 0.001, 0.006, 0.011), mean(0.05), -0.1, MILD, 60.0)
            for each in filters
        ],
        "floor": [each.hear(tight, above, mean(0.98), 0.1, MILD, 60.0) for each in filters],
        "pack": [pack(mean(soc), CELLS) for soc in (0.62, 0.0, 1.0, 0.01, 0.99)],
        "tiny": pack(
            mean(x=(0.5, 0, 3.0, 0.1, 1, 0, 0)),
            [Cell((d, 0, 0, 0), matrix(4)) for d in (-0.5, 0.5)],
        ),
        "mean_soc": [mean_soc(part, mean(), CELLS) for part in (0.0, 0.3, 0.62, 1.0)],
    }  # fmt: skip


# The estimator


def estimated(trusted: bool, chemistry: str = "LiFePO4") -> Estimator:
    cell = CHEMISTRIES[chemistry]
    return Estimator(cell, parameters(chemistry), cell.ocv_v if trusted else None)


def windows(estimator: Estimator, known: Estimate, volts: float, **changes: object) -> Estimate:
    """Let seven windows of four readings each be heard, the cells 1 mV apart."""
    moved = changes.pop("moved", None)
    current_a = float(changes.get("current_a", 0.0))  # type: ignore[arg-type]
    for n in range(28):
        cells = tuple(volts + 0.001 * k + 0.0002 * (n % 3) for k in range(8))
        heard = view(1000.0 + 3 * n, *cells, **changes)
        known = estimator.hear(known, heard, current_a, 3.0, moved)  # type: ignore[arg-type]
    return known


def the_estimator() -> object:
    sure, rough = estimated(True), estimated(False)
    other = estimated(False, "Li-ion")
    off = {"charge_fet_on": False, "discharge_fet_on": False}
    lacking = (3.3,) * 7 + (None,)
    quiet = sure.hear(estimate(), view(1000.0, *lacking), 5.0, 3.0)
    once = sure.hear(estimate(), view(1000.0, *(3.3,) * 8), 5.0, 3.0, Moved(2, 3.0))
    moved = sure.hear(once, view(1003.0, *(3.3,) * 8), 5.0, 3.0)
    mixed = sure.hear(quiet, view(1003.0, *(3.3,) * 8), 5.0, 3.0)
    busy = {"balance_current_a": 1.0, "moved": Moved(2, 3.0)}
    return {
        "start": [each.start(0.4, 0.15, 110.0) for each in (sure, rough)],
        "at": [sure.at(estimate(), soc, sigma) for soc in (0.1, 0.8) for sigma in (0.001, 0.1)],
        "anchor": [sure.anchor(estimate(), soc, 0.01) for soc in (1.0, 0.0, 0.6)],
        "empty": [
            each.at_empty(estimate(soc), 0.04) for each in (sure, rough) for soc in (0.02, 0.3)
        ],
        "doubt": sure.doubt(estimate()._replace(span=Span(0.1, 0.2, 3)), 0.05, 400.0),
        "windows": {
            "sure": windows(sure, estimate(), 3.31, current_a=12.0),
            "sure, cold": windows(sure, estimate(), 3.2, current_a=-60.0, temperatures_c=(2.0,)),
            "sure, end": windows(sure, estimate(0.98), 3.45, current_a=3.0),
            "off": windows(sure, estimate(), 3.31, current_a=0.3, **off),
            "off, yet it flows": windows(sure, estimate(), 3.31, current_a=1.2, **off),
            "half off": windows(sure, estimate(), 3.31, current_a=0.3, charge_fet_on=False),
            "balancing": windows(sure, estimate(), 3.31, current_a=2.0, **busy),
            "rough, flat": windows(rough, estimate(), 3.31, current_a=2.0),
            "rough, low": windows(rough, estimate(0.3), 3.0, current_a=-2.0),
            "rough, high": windows(rough, estimate(0.5), 3.39, current_a=5.0),
            "rough, under load": windows(rough, estimate(0.5), 3.39, current_a=40.0),
            "rough, cold": windows(
                rough, estimate(0.3), 3.0, current_a=-2.0, temperatures_c=(1.0,)
            ),
            "rough, high, cold": windows(
                rough, estimate(0.5), 3.39, current_a=5.0, temperatures_c=(1.0,)
            ),
            "steep": windows(other, estimate(0.5), 3.9, current_a=2.0),
        },
        "mixed": [quiet, mixed, once, moved],
        "soc": [
            sure.soc(estimate()),
            sure.soc(estimate()._replace(window=Window(5.0, 60.0, 2, (), False))),
            sure.soc(estimate()._replace(window=Window(5.0, 60.0, 2, (), True))),
        ],
        "counted": [
            sure.counted(estimate(), view(1.0, 3.3), 12.0, 5.0),
            sure.counted(estimate(), view(1.0, 3.3, **off), 1.19, 5.0),
            sure.counted(estimate(), view(1.0, 3.3, **off), 1.2, 5.0),
        ],
        "known": [
            estimate()._replace(pack=pack(mean(), CELLS)._replace(usable_sigma=s)).capacity_known
            for s in (0.001, 0.5)
        ],
    }


# Resistances, leaks, debts, cells for people


def steps_of(*moments: tuple[float, float | None, float, dict[str, object]]) -> list[Steps]:
    """Gap in s, current in A, volts of the first cell, changes."""
    watch, steps, seen, at_s = StepWatch(KIND, 100.0), Steps(), [], 1000.0
    for gap_s, current_a, volts, changes in moments:
        at_s += gap_s
        cells = (volts, volts - 0.01, volts - 0.003)
        steps = watch.hear(steps, view(at_s, *cells, current_a=current_a, **changes), gap_s or None)
        seen.append(steps)
    return seen


def the_steps() -> object:
    plain: dict[str, object] = {}
    seen = steps_of(
        (0.0, 0.0, 3.300, plain),
        (1.0, 10.0, 3.306, plain),
        (1.0, 12.9, 3.308, plain),  # too small a step
        (1.0, 40.0, 3.331, plain),
        (4.0, -20.0, 3.285, {"temperatures_c": (5.0, 7.0)}),
        (5.0, -60.0, 3.255, plain),
        (5.1, 0.0, 3.300, plain),  # too long ago
        (1.0, None, 3.300, plain),
        (1.0, 30.0, 3.320, plain),
        (1.0, 0.0, 3.301, {"balance_current_a": 1.0}),
        (1.0, 30.0, 3.320, plain),
        *[(3.0, 30.0 + n, 3.32 + 0.001 * n, plain) for n in range(12)],
        (3.0, -30.0, 3.28, plain),
        *[(3.0, -30.0, 3.28 - 0.001 * n, plain) for n in range(12)],
    )
    last = seen[-1]
    fewer = view(2000.0, 3.30, 3.29, current_a=0.0)
    watch = StepWatch(KIND, 100.0)
    other = watch.hear(last, fewer, 1.0)
    other = watch.hear(other, view(2001.0, 3.32, 3.31, current_a=30.0), 1.0)
    sums = Slow(aa=9e4, al=7e4, ll=8e4, av=60.0, lv=55.0)
    return {
        "seen": seen,
        "fewer cells": other,
        "ohm": [last.ohm(n) for n in range(3)],
        "sigma": last.sigma_ohm(0.0006),
        "slow": [
            last.slow.ohm(), sums.ohm(), Slow().ohm(), Slow(aa=1.0, al=1.0, ll=1.0).ohm(),
            sums._replace(lv=48.0).ohm(),
        ],
        "least": [
            Steps(drops=(sum_va,), squares=squares).ohm(0)
            for sum_va, squares in ((1.0, 2000.0), (0.0, 2000.0), (-1.0, 2000.0), (0.01, 20.0))
        ],
    }  # fmt: skip


def the_leaks() -> object:
    watch = LeakWatch(8, 120.0)
    seen = []
    leaks = Leaks()
    known = tuple(Cell(x, matrix(4, scale=1e-8)) for x, *_ in estimate().cells)
    sure = estimate()._replace(cells=known)
    moved = Moved(3, 7200.0)
    for full, gap_s, by, known_of in (
        (True, None, None, sure), (False, 10.0, moved, sure), (True, 3600.0, moved, sure),
        (False, 3600.0, None, sure), (True, 80_000.0, Moved(1, -3600.0), sure),
        (False, 10.0, None, sure), (True, 90_000.0, moved, sure), (False, 10.0, None, sure),
        (True, 1.2e6, None, sure), (False, 10.0, None, sure), (True, 90_000.0, None, estimate()),
        (False, 10.0, None, estimate()), (True, 10.0, None, sure), (False, 10.0, None, None),
    ):  # fmt: skip
        shifted = None
        if known_of is not None:
            shifted = known_of._replace(mean=mean(0.95 - 0.01 * len(seen)))
        leaks = watch.hear(leaks, Gauge(full=full, estimate=shifted), by, gap_s)
        seen.append(leaks)
    rates = Leaks(look=Look(0.0, (), ()), rate_a=(0.01, -0.02), sigma_a=(0.036, 0.0361))
    return {"seen": seen, "of": [rates.of(0, 120.0), rates.of(1, 120.0), Leaks().of(0, 120.0)]}


def the_estimates_of_cells() -> object:
    known = tuple(Cell(x, matrix(4, scale=1e-6 * (1 + n))) for n, (x, *_) in enumerate(CELLS))
    drops = Steps(drops=(2.0, 0.0, 1.0, 2.2), squares=4000.0)
    leaks = Leaks(rate_a=(0.01, -0.02, 0.03, 0.0), sigma_a=(0.001,) * 4)
    found = []
    for soc, scale in ((0.62, 1e-6), (0.999, 1e-6), (0.001, 1e-6), (0.5, 1e-3)):
        of_mean = mean(soc, p=matrix(7, scale=scale))
        each = Estimate(of_mean, known, pack(of_mean, known))
        found.append([vars_of(c) for c in cell_estimates(each, 120.0, drops, leaks)])
        found.append([vars_of(c) for c in cell_estimates(each, 120.0, Steps(), Leaks())])
    return found


def the_debts() -> object:
    return [debts(estimate(soc), 120.0) for soc in (0.62, 0.97)]


# The forecast


def the_forecast() -> object:
    found: dict[str, object] = {}
    gauge = Gauge(soc_percent=62.0, sigma_percent=3.0, estimate=estimate())
    slow = Slow(lag_a=-9.0, aa=9e4, al=7e4, ll=8e4, av=60.0, lv=55.0)
    drops = tuple(0.9 + 0.05 * n for n in range(8))
    stepped = Steps(drops=drops, squares=2000.0, slow=slow)
    part = Steps(drops=(*drops[:7], 0.0), squares=2000.0)
    near_empty = Gauge(soc_percent=8.0, sigma_percent=2.0, estimate=estimate(0.08))
    near_full = Gauge(soc_percent=99.0, sigma_percent=2.0, estimate=estimate(0.99))
    blocked = Alarms(watches=(), stops=Stops(charge=("x",)))  # type: ignore[arg-type]
    stopped = Alarms(watches=(), stops=Stops(discharge=("x",)))  # type: ignore[arg-type]
    cold = {"current_a": 9.0, "temperatures_c": (1.0,)}
    for chemistry, trusted in (("LiFePO4", True), ("Li-ion", False)):
        cell = CHEMISTRIES[chemistry]
        predicts = Forecaster(cell, parameters(chemistry), cell.ocv_v if trusted else None)
        at = cell.nominal_v
        cells = tuple(at + 0.002 * n for n in range(8))
        low = (cell.absolute_min_v + 0.25, *cells[1:])
        high = (*cells[:7], cell.absolute_max_v - 0.1)
        for name, heard, steps, known, alarms in (
            ("rest", view(1.0, *cells), stepped, gauge, NO_ALARMS),
            ("charging", view(1.0, *cells, current_a=30.0), stepped, gauge, NO_ALARMS),
            ("discharging", view(1.0, *cells, current_a=-40.0), stepped, gauge, NO_ALARMS),
            ("typical", view(1.0, *cells, current_a=-40.0), Steps(), gauge, NO_ALARMS),
            ("partly known", view(1.0, *cells, current_a=9.0), part, gauge, NO_ALARMS),
            ("cold", view(1.0, *cells, **cold), stepped, gauge, NO_ALARMS),
            ("empty", view(1.0, *low, current_a=-40.0), stepped, near_empty, NO_ALARMS),
            ("full", view(1.0, *high, current_a=20.0), stepped, near_full, NO_ALARMS),
            ("blocked", view(1.0, *cells, current_a=-0.7), stepped, gauge, blocked),
            ("stopped", view(1.0, *cells, current_a=0.7), stepped, gauge, stopped),
            ("no cell", view(1.0, *cells[:7], None, current_a=9.0), stepped, gauge, NO_ALARMS),
            ("no current", view(1.0, *cells, current_a=None), stepped, gauge, NO_ALARMS),
        ):  # fmt: skip
            said = predicts.hear(Forecast(), heard, known, steps, alarms, None)
            assert said.shown is not None
            found[f"{chemistry}, {name}"] = [
                None if v is None else (v.value, v.sigma) for v in vars_of(said.shown).values()
            ]
    forecast, seen = Forecast(), []
    predicts = Forecaster(CHEMISTRIES["LiFePO4"], parameters(), None)
    for gap_s, current_a in (
        (None, 10.0),
        (5.0, 20.0),
        (4.9, None),
        (0.1, -30.0),
        (800.0, 4.0),
        (900.0, 8.0),
    ):
        heard = view(1.0, *(3.3,) * 8, current_a=current_a)
        before = forecast.shown
        forecast = predicts.hear(forecast, heard, gauge, Steps(), NO_ALARMS, gap_s)
        seen.append((forecast[1:], forecast.shown is before))
    found["over time"] = seen
    unknown = predicts.hear(Forecast(), view(1.0, 3.3), Gauge(), Steps(), NO_ALARMS, None)
    found["no estimate"] = unknown
    return found  # fmt: skip


CASES: tuple[Callable[[], object], ...] = (
    the_filter,
    the_curve,
    the_mean,
    the_cells,
    the_estimator,
    the_steps,
    the_leaks,
    the_estimates_of_cells,
    the_debts,
    the_forecast,
)


@pytest.mark.parametrize("case", CASES)
def test_the_numbers_are_those_they_were(case: Callable[[], object]) -> None:
    kept.check(FILE, case.__name__, case(), digits=10)
