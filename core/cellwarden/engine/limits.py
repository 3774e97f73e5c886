"""Limits: CVL, CCL, DCL and DVL of one pack, each with its chain of reasons.

Alarms that block and the rules of `limit_rules` each give a reason where they are tighter than
the setting; the tightest binds, ties in table order; `ramp` decides how fast a limit may move.
"Do not charge" is CCL 0 with a sane CVL: a CVL is never 0, never above what the chemistry stands
and never far below the voltage that the pack has.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from cellwarden.engine.limit_facts import Facts, LimitRule, bounds
from cellwarden.engine.limit_rules import CHARGE, CVL_YIELD, DISCHARGE, VOLTAGE
from cellwarden.engine.limit_trend import NO_TREND, Trend, follow
from cellwarden.engine.ramp import Moment, Ramp, Slope
from cellwarden.engine.soc import FULL_MARGIN_V
from cellwarden.engine.view import Quantity, View
from cellwarden.model import ChargePhase, Chemistry, Limit, Limits, Parameters, Reason

RISE_A_PER_S = 5.0
RISE_PART_PER_S = 0.02
"""Currents rise by 5 A/s, or by this part of the setting a second where that is more (ours)."""
RISE_CVL_V_PER_S = 0.045 / 60
"""CVL rises by less than 50 mV a minute, so that no inverter hunts after it (ours)."""
HOLD_PER_S = 0.02
"""Per second, CVL gives way by this part of the highest cell's excess (ours): a cell in the knee
follows CVL one to one, an inverter within 10 s, so the loop stays well damped."""
NEAR_V, NEAR_K = 0.05, 5.0
"""So far from where a trend would count, it is followed (ours)."""
HOLD_STILL_V = 0.002
"""An excess below this is met: cells are read to 1 mV."""


class Stops(NamedTuple):
    """What alarms block, as reasons of value 0."""

    charge: tuple[Reason, ...] = ()
    discharge: tuple[Reason, ...] = ()


NO_STOPS = Stops()


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitMemory:
    """What the limits of a pack remember."""

    charge: Ramp
    discharge: Ramp
    voltage: Ramp
    limits: Limits
    """As given out."""
    trend: Trend = NO_TREND
    yield_v: float = 0.0
    """By how much CVL gives way to hold the highest cell at its target."""


class LimitDecider:
    """The limits of one pack, prepared from its parameters."""

    def __init__(self, cell: Chemistry, parameters: Parameters) -> None:
        self.bounds = bounds(cell, parameters)
        cvl, ccl, dcl, dvl = (
            self.bounds.cvl,
            self.bounds.ccl,
            self.bounds.dcl,
            self.bounds.dvl,
        )
        self._cvl = Limit(value=cvl.value, reasons=(cvl,))
        self._dvl = Limit(value=dvl.value, reasons=(dvl,))
        self._charge = Slope(setting=ccl, per_s=rise_a_per_s(ccl.value), current=True)
        self._discharge = Slope(setting=dcl, per_s=rise_a_per_s(dcl.value), current=True)
        self._voltage = Slope(setting=cvl, per_s=RISE_CVL_V_PER_S, current=False)

    def start(self, reason: Reason) -> LimitMemory:
        """Return the limits before anything is known: 0 A for this reason, CVL as set."""
        at = self._cvl.value
        return self._stopped(self._cvl, Ramp(value=at, newest=at, before=at), reason)

    def stop(self, memory: LimitMemory, reason: Reason) -> LimitMemory:
        """Return the limits while nothing is known any more: 0 A, CVL as it last was."""
        return self._stopped(memory.limits.charge_voltage, memory.voltage, reason)

    def decide(
        self, memory: LimitMemory, facts: Facts, stops: Stops, moment: Moment
    ) -> LimitMemory:
        """Return the limits of this step."""
        trend, yield_v = memory.trend, memory.yield_v
        if moment.fresh:
            trend = follow(trend, facts.view) if self._near(facts.view) else NO_TREND
            yield_v = self._yielded(yield_v, facts.view, moment.passed_s)
            if trend is not facts.trend or yield_v != facts.yield_v:
                facts = facts._replace(trend=trend, yield_v=yield_v)
        charge = self._charge.move(memory.charge, self._rules(stops.charge, CHARGE, facts), moment)
        discharge = self._discharge.move(
            memory.discharge, self._rules(stops.discharge, DISCHARGE, facts), moment
        )
        voltage = self._voltage.move(memory.voltage, self._rules((), VOLTAGE, facts), moment)
        if (
            charge is memory.charge
            and discharge is memory.discharge
            and voltage is memory.voltage
            and trend is memory.trend
        ):
            return memory
        limits = memory.limits
        ccl, dcl, cvl = charge.limit, discharge.limit, voltage.limit
        assert ccl is not None
        assert dcl is not None
        assert cvl is not None
        if not (
            ccl is limits.charge_current
            and dcl is limits.discharge_current
            and cvl is limits.charge_voltage
        ):
            limits = self._limits(cvl, ccl, dcl)
        return LimitMemory(
            charge=charge,
            discharge=discharge,
            voltage=voltage,
            limits=limits,
            trend=trend,
            yield_v=yield_v,
        )

    def charge_phase(self, view: View, *, full: bool, blocked: bool) -> ChargePhase:
        """Return where this pack stands; `blocked`: an alarm forbids charging it."""
        if blocked:
            return ChargePhase.BLOCKED
        if full:
            return ChargePhase.FLOAT
        highest = view.cell_max
        top_v = self.bounds.cell_target_v - FULL_MARGIN_V
        if highest is not None and highest.voltage_v >= top_v:
            return ChargePhase.ABSORPTION
        return ChargePhase.BULK

    def _near(self, view: View) -> bool:
        """Whether a protection is near enough for the trend to matter; mostly it is not."""
        bounds, quantities = self.bounds, view.quantities
        high, low = quantities[Quantity.CELL_MAX], quantities[Quantity.CELL_MIN]
        warm, mos = quantities[Quantity.TEMPERATURE_MAX], quantities[Quantity.MOS_TEMPERATURE]
        return (
            (high is not None and high > bounds.cell_target_v - NEAR_V)
            or (low is not None and low < bounds.cell_low_v + NEAR_V)
            or (warm is not None and warm > bounds.warm_c - NEAR_K)
            or (mos is not None and mos > bounds.mos_warm_c - NEAR_K)
        )

    def _yielded(self, yield_v: float, view: View, passed_s: float) -> float:
        highest, bounds = view.cell_max, self.bounds
        if highest is None:
            return yield_v
        most_v = CVL_YIELD * bounds.cvl.value
        return hold_cell(yield_v, highest.voltage_v - bounds.cell_target_v, most_v, passed_s)

    def _rules(
        self, stops: tuple[Reason, ...], rules: Sequence[LimitRule], facts: Facts
    ) -> list[Reason]:
        found = list(stops)
        for rule in rules:
            reason = rule(self.bounds, facts)
            if reason is not None:
                found.append(reason)
        return found

    def _stopped(self, cvl: Limit, voltage: Ramp, reason: Reason) -> LimitMemory:
        nothing = Limit(value=0.0, reasons=(reason,))
        return LimitMemory(
            charge=_NOTHING,
            discharge=_NOTHING,
            voltage=voltage,
            limits=self._limits(cvl, nothing, nothing),
        )

    def _limits(self, cvl: Limit, ccl: Limit, dcl: Limit) -> Limits:
        return Limits(
            charge_voltage=cvl,
            charge_current=ccl,
            discharge_current=dcl,
            discharge_voltage=self._dvl,
        )


_NOTHING = Ramp(value=0.0, newest=0.0, before=0.0)


def rise_a_per_s(setting_a: float) -> float:
    """Return how fast a current limit may rise, in A/s."""
    return max(RISE_A_PER_S, RISE_PART_PER_S * setting_a)


def hold_cell(yield_v: float, excess_v: float, most_v: float, passed_s: float) -> float:
    """Return by how much CVL gives way after `passed_s` with the highest cell at this excess.

    An integrator: it stands still where the cell is at its target, whatever it takes to keep it
    there (an inverter that overshoots, F41; one cell that is fuller than the rest). It moves no
    faster than CVL may.
    """
    if abs(excess_v) <= HOLD_STILL_V or (excess_v < 0.0 and yield_v == 0.0):
        return yield_v
    rate = HOLD_PER_S * excess_v
    rate = min(max(rate, -RISE_CVL_V_PER_S), RISE_CVL_V_PER_S)
    return min(max(yield_v + rate * passed_s, 0.0), most_v)
