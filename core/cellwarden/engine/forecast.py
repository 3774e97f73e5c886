"""What is to be expected: power for seconds, hours to full and to empty, energy left.

The voltage at the end of some seconds under a current is what it is now, plus the ohmic drop of the
change, plus what the curve gives between where the surface of the electrodes is now and where it
will be. Starting from the measured voltage, what the curve gets wrong at this SoC falls out. The
highest current at which no cell passes its protection is found by halving; costly, so it is done
every EVERY_S only.

Every number has a sigma: of the resistance, of the SoC, and of the model itself.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

from cellwarden.engine.alarms import Alarms
from cellwarden.engine.resistance import PART, SLOW_S, SLOW_TYPICAL, Steps
from cellwarden.engine.soc import Gauge
from cellwarden.engine.soc_curve import OcvCurve
from cellwarden.engine.soc_estimator import Estimate
from cellwarden.engine.soc_kinds import KINDS, LAGS_S, at_25c
from cellwarden.engine.soc_mean import PER_AH, SURFACE
from cellwarden.engine.view import View, mean_temperature_k
from cellwarden.model import Chemistry, Estimated, Parameters, Prediction
from cellwarden.model.catalog import Curve

EVERY_S = 10.0
"""How old a prediction may be (ours)."""
RECENT_S = 900.0
"""Time constant of the recent current."""
FLOWS_C = 0.005
"""Less than this is neither charging nor discharging."""
POWER_PART = 0.05
"""What the model itself gets wrong of a power (ours; see the tests against the simulator)."""
OHM_PART = 0.5
"""Of a resistance that is only typical."""
TIME_PART = 0.03
ENERGY_PART = 0.02
HALVINGS = 12
ENERGY_POINTS = 10
SURE = (0.0, 0.0)
"""No doubt about SoC or lags."""
NONE = Estimated(value=0.0, sigma=0.0)


class Forecast(NamedTuple):
    """What is remembered."""

    shown: Prediction | None = None
    age_s: float = 0.0
    recent_a: float | None = None
    recent_s: float = 0.0
    """What `recent_a` is the mean of; RECENT_S at most."""


class _Cell(NamedTuple):
    """A cell at work: what it shows, and its resistances now."""

    volts: float
    ohm: float
    slow_ohm: float


class _Case(NamedTuple):
    """A direction and a time for which the power is asked."""

    sign: float
    limit_v: float
    """Of the cell."""
    most_a: float
    now_a: float
    lag_a: float
    volts: float
    """Of the pack, now."""
    seconds: float


class Forecaster:
    """Predicts for one pack."""

    def __init__(self, cell: Chemistry, parameters: Parameters, ocv_v: Curve | None) -> None:
        self._kind = KINDS[cell.name]
        self._curve = OcvCurve(ocv_v or cell.ocv_v)
        self._parameters = parameters
        self._design_ah = parameters.design_capacity_ah
        self._typical_ohm = self._kind.ohmic_v / self._design_ah

    def hear(
        self,
        forecast: Forecast,
        view: View,
        gauge: Gauge,
        steps: Steps,
        alarms: Alarms,
        gap_s: float | None,
    ) -> Forecast:
        """Return the forecast after a reading."""
        passed_s, current_a = gap_s or 0.0, view.reading.current_a
        recent_a, recent_s = forecast.recent_a, forecast.recent_s
        if current_a is not None:
            recent_s = min(recent_s + passed_s, RECENT_S)
            part = min(passed_s / recent_s, 1.0) if recent_s else 1.0
            recent_a = (recent_a or 0.0) + part * (current_a - (recent_a or 0.0))
        age_s = forecast.age_s + passed_s
        if forecast.shown is not None and age_s < EVERY_S:
            return Forecast(forecast.shown, age_s, recent_a, recent_s)
        shown = None
        if gauge.estimate is not None:
            shown = self._predict(view, gauge, gauge.estimate, steps, alarms, recent_a)
        return Forecast(shown, 0.0, recent_a, recent_s)

    def _predict(
        self,
        view: View,
        gauge: Gauge,
        estimate: Estimate,
        steps: Steps,
        alarms: Alarms,
        recent_a: float | None,
    ) -> Prediction:
        factor = at_25c(self._kind, mean_temperature_k(view))
        powers = self._powers(view, estimate, steps, alarms, factor)
        full = empty = None
        energy, give_ah, sigma_ah = self._energy(gauge, estimate, recent_a, factor)
        if recent_a is not None and abs(recent_a) > FLOWS_C * self._design_ah:
            if recent_a > 0:
                take_ah = (1 - estimate.pack.soc) * self._usable_ah(estimate)
                full = _hours(take_ah, sigma_ah, recent_a)
            else:
                empty = _hours(give_ah, sigma_ah, -recent_a)
        return Prediction(
            charge_power_10s_w=powers[0],
            charge_power_60s_w=powers[1],
            discharge_power_10s_w=powers[2],
            discharge_power_60s_w=powers[3],
            time_to_full_s=full,
            time_to_empty_s=empty,
            energy_left_wh=energy,
        )

    def _usable_ah(self, estimate: Estimate) -> float:
        return estimate.pack.usable * self._design_ah

    # -- power -------------------------------------------------------------------------------

    def _powers(
        self, view: View, estimate: Estimate, steps: Steps, alarms: Alarms, factor: float
    ) -> tuple[Estimated | None, ...]:
        """Return charge power for 10 and 60 s, then discharge power; None where unknown."""
        p, current_a = self._parameters, view.reading.current_a
        high, low, volts = view.cell_max, view.cell_min, view.cell_sum_v
        if high is None or low is None or current_a is None or volts is None:
            return None, None, None, None
        known = [steps.ohm(n) for n in range(len(view.reading.cell_voltages_v))]
        ohms = [self._typical_ohm if ohm is None else ohm for ohm in known]
        mean_ohm = sum(ohms) / len(ohms)
        slow = steps.slow.ohm() or (SLOW_TYPICAL * mean_ohm, SLOW_TYPICAL * mean_ohm)
        ohm_part = OHM_PART if None in known else PART
        mean = estimate.mean
        surface_sigma = math.sqrt(max(mean.p[SURFACE][SURFACE], 0.0))
        horizons = [(s, self._lagged(estimate, s, factor)) for s in (10.0, 60.0)]
        powers: list[Estimated | None] = []
        for sign, extreme, limit_v, stopped in (
            (1.0, high, p.cell_overvoltage_v, bool(alarms.stops.charge)),
            (-1.0, low, p.cell_undervoltage_v, bool(alarms.stops.discharge)),
        ):
            # The extreme cell may not be the one that resists most: it is taken to be near it.
            ohm = max(ohms[extreme.cell - 1], 0.5 * (mean_ohm + max(ohms)))
            cell = _Cell(extreme.voltage_v, factor * ohm, factor * slow[0] * ohm / mean_ohm)
            for seconds, lagged in horizons:
                if stopped:
                    powers.append(NONE)
                    continue
                case = _Case(
                    sign,
                    limit_v,
                    self._most_a(seconds, charging=sign > 0),
                    current_a,
                    steps.slow.lag_a / factor,
                    volts,
                    seconds,
                )
                sure = self._shift(estimate, seconds, lagged, SURE)
                best = self._power_w(case, cell, sure)
                others = [
                    (cell._replace(ohm=cell.ohm * (1 + ohm_part)), sure),
                    (cell._replace(slow_ohm=cell.slow_ohm * (1 + slow[1] / slow[0])), sure),
                ]
                others += [
                    (cell, self._shift(estimate, seconds, lagged, doubt))
                    for doubt in (
                        (sign * min(mean.sigma, 0.1), 0.0),
                        (0.0, surface_sigma),
                        (0.0, -surface_sigma),
                    )
                ]
                doubts = [best - self._power_w(case, other, shift) for other, shift in others]
                sigma = math.hypot(POWER_PART * best, *doubts)
                powers.append(Estimated(value=best, sigma=sigma))
        return tuple(powers)

    def _most_a(self, seconds: float, *, charging: bool) -> float:
        """Return the current that no over-current protection would stop within a time."""
        p = self._parameters
        if charging:
            late = seconds < p.charge_overcurrent_delay_s
            return p.charge_current_peak_a if late else p.charge_current_max_a
        late = seconds < p.discharge_overcurrent_delay_s
        return p.discharge_current_peak_a if late else p.discharge_current_max_a

    def _lagged(self, estimate: Estimate, seconds: float, factor: float) -> tuple[float, float]:
        """Return what is left of the lags after a time, and what a C adds to them in it."""
        lag_factor = factor ** (self._kind.lag_k / self._kind.ohmic_k)
        faded = grows = 0.0
        for lag, gain, lag_s in zip(estimate.mean.lags, self._kind.lags, LAGS_S, strict=True):
            keep = math.exp(-seconds / (lag_s * lag_factor))
            faded += lag * keep
            grows += gain * lag_factor * (1 - keep)
        return faded, grows

    def _shift(
        self,
        estimate: Estimate,
        seconds: float,
        lagged: tuple[float, float],
        doubt: tuple[float, float],
    ) -> Callable[[float], float]:
        """Return what the curve adds to a cell within a time under a current, in V.

        `doubt` is by how much SoC and the size of the lags are taken to be off.
        """
        mean, (faded, grows), (soc, surface) = estimate.mean, lagged, doubt
        part = max(mean.x[SURFACE] + surface, 0.0)
        per_a = (seconds / 3600 / estimate.pack.usable + part * grows) / self._design_ah
        begin, curve_v = mean.soc + soc, self._curve.volts
        volts_now = curve_v(begin + part * sum(mean.lags))
        begin += part * faded
        return lambda current_a: curve_v(begin + per_a * current_a) - volts_now

    def _power_w(self, case: _Case, cell: _Cell, shift_v: Callable[[float], float]) -> float:
        """Return the power up to the cell's limit and the current's."""
        arrives = -math.expm1(-case.seconds / SLOW_S)

        def rise_v(amps: float) -> float:
            current_a = case.sign * amps
            slow_v = cell.slow_ohm * arrives * (current_a - case.lag_a)
            return cell.ohm * (current_a - case.now_a) + slow_v + shift_v(current_a)

        def passes(rise: float) -> bool:
            return case.sign * (cell.volts + rise - case.limit_v) > 0

        if passes(rise_v(0.0)):
            return 0.0
        amps = case.most_a
        rise = rise_v(amps)
        if passes(rise):
            low, high = 0.0, amps
            for _ in range(HALVINGS):
                middle = 0.5 * (low + high)
                low, high = (low, middle) if passes(rise_v(middle)) else (middle, high)
            amps, rise = low, rise_v(low)
        return max(amps * (case.volts + self._parameters.cell_count * rise), 0.0)

    # -- energy ------------------------------------------------------------------------------

    def _energy(
        self,
        gauge: Gauge,
        estimate: Estimate,
        recent_a: float | None,
        factor: float,
    ) -> tuple[Estimated, float, float]:
        """Return the energy left in Wh, the charge left in Ah, and its sigma."""
        pack, count = estimate.pack, self._parameters.cell_count
        give_ah = pack.soc * self._usable_ah(estimate)
        sigma_ah = math.hypot(
            0.01 * gauge.sigma_percent * self._usable_ah(estimate),
            pack.soc * pack.usable_sigma * self._design_ah,
        )
        soc = estimate.mean.soc
        bottom = max(soc - give_ah / self._design_ah * estimate.mean.x[PER_AH], 0.0)
        step = (soc - bottom) / ENERGY_POINTS
        volts = sum(self._curve.volts(bottom + (n + 0.5) * step) for n in range(ENERGY_POINTS))
        mean_v = volts / ENERGY_POINTS
        flows_a = min(recent_a or 0.0, 0.0)
        lag_v = sum(self._kind.lags) * flows_a / self._design_ah * self._slope(soc)
        mean_v += flows_a * factor * self._typical_ohm + lag_v
        energy_wh = max(count * mean_v * give_ah, 0.0)
        sigma_wh = math.hypot(count * mean_v * sigma_ah, ENERGY_PART * energy_wh)
        return Estimated(value=energy_wh, sigma=sigma_wh), give_ah, sigma_ah

    def _slope(self, soc: float) -> float:
        _, slope, _ = self._curve.spread(soc, 0.05)
        return slope


def _hours(ah: float, sigma_ah: float, flows_a: float) -> Estimated:
    """Return how long a charge takes at a current, in s."""
    seconds = 3600 * max(ah, 0.0) / flows_a
    return Estimated(
        value=seconds, sigma=math.hypot(3600 * sigma_ah / flows_a, TIME_PART * seconds)
    )
