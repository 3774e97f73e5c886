"""What the engine works out of a pack besides SoC, protections and limits, step by step.

One small module for each subject; this one gives each of them what it needs and keeps what they
remember together.
"""

from collections.abc import Sequence
from typing import NamedTuple

from cellwarden.engine.alarms import Alarms, Fault
from cellwarden.engine.balance_plan import Plan, Planner
from cellwarden.engine.cell_estimates import cell_estimates
from cellwarden.engine.counters import Bookkeeper, Tally
from cellwarden.engine.forecast import Forecast, Forecaster
from cellwarden.engine.heater_rules import HeaterSettings
from cellwarden.engine.heating import Heat, Heater
from cellwarden.engine.leaks import Leaks, LeakWatch
from cellwarden.engine.resistance import Steps, StepWatch
from cellwarden.engine.soc import Gauge
from cellwarden.engine.soc_cells import Cell
from cellwarden.engine.soc_estimator import Moved
from cellwarden.engine.soc_kinds import KINDS
from cellwarden.engine.view import View
from cellwarden.model import (
    Alarm,
    CellEstimate,
    Chemistry,
    Inputs,
    Parameters,
    Switches,
)
from cellwarden.model.catalog import Curve

SLOW_S = 5.0
"""How long heater, forecast and self-discharge may wait for what is heard (ours)."""


class Insight(NamedTuple):
    """What is remembered."""

    tally: Tally = Tally()
    news: tuple[str, ...] = ()
    """For people, to be told with the next step."""
    cells_of: tuple[Cell, ...] = ()
    """What `cells` was made of."""
    cells: tuple[CellEstimate, ...] = ()
    plan: Plan = Plan()
    heat: Heat = Heat()
    steps: Steps = Steps()
    forecast: Forecast = Forecast()
    leaks: Leaks = Leaks()

    balance_switch: bool | None = None
    pending_s: float = 0.0
    """Since heater, forecast and leaks heard something."""

    def switches(self, others: Switches) -> Switches:
        """Return what is wanted of the device, the switches of others included."""
        balance = self.balance_switch
        heating = self.heat.shown
        heat = None if heating is None else heating.wanted
        return Switches(
            charge=others.charge, discharge=others.discharge, balance=balance, heat=heat
        )


NOTHING_KNOWN = Insight()


class Moment(NamedTuple):
    """One reading and what was made of it so far."""

    view: View
    gauge: Gauge
    capacity_ah: float
    gap_s: float | None
    """Since the reading before; None for the first and over a gap."""
    inputs: Inputs
    alarms: Alarms
    """As they were before it."""
    moved: Moved | None
    """What the balancer did since the reading before."""


class Insights:
    """Works for one pack; prepared tables only."""

    def __init__(
        self,
        cell: Chemistry,
        parameters: Parameters,
        *,
        balances_cells: bool,
        heater: HeaterSettings | None,
        ocv_v: Curve | None,
    ) -> None:
        """`balances_cells`: the balancer takes orders of single cells; else it has a switch."""
        self._design_ah = parameters.design_capacity_ah
        self.cell_count = parameters.cell_count
        self.bookkeeper = Bookkeeper(
            parameters.cell_undervoltage_v,
            parameters.cell_overvoltage_v,
            parameters.design_capacity_ah,
        )
        self._watch = StepWatch(KINDS[cell.name], parameters.design_capacity_ah)
        self._leak_watch = LeakWatch(parameters.cell_count, parameters.design_capacity_ah)
        self._forecaster = Forecaster(cell, parameters, ocv_v)
        self._heater = None if heater is None else Heater(heater, parameters)
        self.planner = Planner(cell, parameters, ocv_v, by_cell=balances_cells)

    def hear(self, insight: Insight, moment: Moment) -> Insight:
        """Return what is known after a reading."""
        estimate, news = moment.gauge.estimate, insight.news
        tally = self.bookkeeper.count(insight.tally, moment.view, moment.gauge, moment.gap_s)
        cells_of, cells = insight.cells_of, insight.cells
        if estimate is not None:
            if estimate.capacity_known:
                tally, text = self.bookkeeper.learned(tally, moment.capacity_ah)
                news = (*news, text) if text else news
            if estimate.cells is not cells_of:
                # By value too: after a replay from the middle equal cells are other objects.
                if estimate.cells != cells_of:
                    cells = cell_estimates(estimate, self._design_ah, insight.steps, insight.leaks)
                cells_of = estimate.cells
        plan = self.planner.hear(
            insight.plan,
            moment.view,
            moment.gauge,
            moment.gap_s,
            alarms=moment.alarms,
            moved=moment.moved,
            steps=insight.steps,
        )
        steps = self._watch.hear(insight.steps, moment.view, moment.gap_s)
        heat, forecast, leaks = insight.heat, insight.forecast, insight.leaks
        gap_s, moved = moment.gap_s, moment.moved
        pending_s = insight.pending_s + (gap_s or 0.0)
        if gap_s is None or pending_s >= SLOW_S:  # what is in no hurry hears every few readings
            passed_s = None if gap_s is None else pending_s
            if self._heater is not None:
                heat = self._heater.hear(heat, moment.view, moment.gauge, moment.inputs, passed_s)
            forecast = self._forecaster.hear(
                forecast, moment.view, moment.gauge, steps, moment.alarms, passed_s
            )
            leaks = self._leak_watch.hear(leaks, moment.gauge, moved, passed_s)
            pending_s = 0.0
        elif moved is not None:
            leaks = self._leak_watch.hear(leaks, moment.gauge, moved, 0.0)
        return Insight(
            tally,
            news,
            cells_of,
            cells,
            plan,
            heat,
            steps,
            forecast,
            leaks,
            self.planner.switch(plan),
            pending_s,
        )

    def faults(self, insight: Insight) -> tuple[Fault, ...]:
        """Return what is wrong with the pack's helpers."""
        balancer = self.planner.faults(insight.plan)
        return balancer if self._heater is None else balancer + self._heater.faults(insight.heat)

    def trips(self, insight: Insight, before: Sequence[Alarm], after: Sequence[Alarm]) -> Insight:
        """Return what is known after alarms came or went."""
        return insight._replace(tally=self.bookkeeper.trips(insight.tally, before, after))

    def show(self, insight: Insight, gauge: Gauge, capacity_ah: float) -> Insight:
        """Return what is known, with counters that are fit to be shown."""
        tally = self.bookkeeper.shown(insight.tally, gauge, capacity_ah)
        return insight if tally is insight.tally else insight._replace(tally=tally)
