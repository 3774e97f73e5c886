"""The balancing planner: which cell gives, which takes, and when it is better to wait.

A balancer that goes from the highest to the lowest voltage works where voltage shows charge, at the
end of a charge, and does nothing or harm where it does not. The planner knows each cell's debt in
Ah (`balance_debt`) and so works all day:

1. an over-voltage trip: from the highest cell, it is the cure (R30);
2. debts known: from the fullest to the emptiest by debt; on the flat part only while both are known
   to 0.3 % of the capacity, and never unless the order of the two is beyond doubt;
3. debts unknown: by voltage, only above the start voltage and at a small current, as the manual has
   it (R27).

While a balancer works, its leads' drop hides what the cells would show. So it pauses to measure:
often where the voltages tell something, seldom on the plateau.

Everything is a value of durations; the plan is made anew every EVERY_S.
"""

import math
from typing import NamedTuple

from cellwarden.engine.alarms import Alarms, Fault
from cellwarden.engine.balance_debt import Debts
from cellwarden.engine.balance_leads import disturbed_by, ends_of, moved_by, undisturbed
from cellwarden.engine.balance_measure import NOTHING_MEASURED, Measured, Measurer
from cellwarden.engine.resistance import Steps
from cellwarden.engine.soc import Gauge
from cellwarden.engine.soc_estimator import Moved
from cellwarden.engine.soc_kinds import KINDS
from cellwarden.engine.view import View
from cellwarden.model import AlarmKind, Balancing, Chemistry, Parameters, Severity
from cellwarden.model.catalog import Curve, interpolate

NO_STEPS = Steps()
EVERY_S = 10.0
"""A balancer's own phase (ours): no use to think faster."""
KNOWN_PART = 0.003
"""Of the capacity: a debt must be known so well to be acted on where no voltage shows it (C2)."""
DOUBT = 2.0
"""Sigmas by which giver and taker must be apart: 98 in 100 are the right way round."""
START_PART = 0.006
"""Of the capacity: balancing starts at this spread and ends at DONE_PART (ours)."""
DONE_PART = 0.004
EFFICIENCY = 0.9
"""Of the charge taken so much arrives: a flyback converter's 92 % less its own supply (C2)."""
DUTY = 0.5
"""Taking and giving alternate."""
CALM_C = 0.1
"""Above this rate resistances show as if they were charge."""
EMPTY_PERCENT = 10.0
"""Below this nothing is spent on balancing (ours)."""
STEEP_V = 0.02
"""So far above its flat part a curve is steep enough to see charge in it (ours)."""
UNKNOWN_CELL = "a cell is unknown"
WRONG_WAY = "the highest cell is not the fullest"
LOCKS = {AlarmKind.BALANCE_WIRE_OPEN, AlarmKind.WIRING, AlarmKind.CELL_FAILURE}
"""Alarms by which it is not sure which cell a lead belongs to, or whether it is one."""
WORK_S, LOOK_S = 480.0, 80.0
"""Balancing and pause where the voltages tell something: a pause holds one look at the cells."""
FLAT_WORK_S = 1800.0
"""Between pauses on the flat part, where there is little to see."""


VETO_S = 60.0
"""A switch is opened after so long a time in which the device would do harm (ours)."""
FREE_S = 600.0
"""And closed again after so long a time without: a BMS keeps its switches in flash (ours)."""
STUCK_S = 60.0
"""A balancer has so long to stop (ours)."""
STUCK_A = 0.1
STUCK = Fault(
    AlarmKind.BALANCER, "it balances although it is switched off", "no balance current flows"
)


class Plan(NamedTuple):
    """What is remembered; all times are durations."""

    shown: Balancing | None = None
    pair: tuple[int, int] | None = None
    """Giving and taking cell, from 0, as ordered."""
    going: bool = False
    """Between START_PART and DONE_PART."""
    age_s: float = 0.0
    """Of the plan."""
    worked_s: float = 0.0
    """Since the last pause."""
    paused_s: float | None = None
    """How long this pause lasts; None while there is none."""
    ends: tuple[int, int] | None = None
    """Highest and lowest cell, from 0, when no balance current flowed last."""
    harm: bool = False
    """A device that thinks for itself would do harm now."""
    vetoed: bool = False
    """So its switch was opened."""
    restoring: bool = False
    """Its switch was opened by a veto that is over, and has not been seen closed yet."""
    turn_s: float = 0.0
    """`harm` has differed from `vetoed` for so long."""
    stuck_s: float = 0.0
    """It has been balancing for so long although it was told not to."""
    measured: Measured = NOTHING_MEASURED


class Planner:
    """Plans for one pack."""

    def __init__(
        self,
        cell: Chemistry,
        parameters: Parameters,
        ocv_v: Curve | None = None,
        *,
        by_cell: bool,
    ) -> None:
        """`by_cell`: the hardware takes orders of single cells; else it only has a switch."""
        self._measurer = Measurer(cell, parameters, ocv_v)
        self._by_cell = by_cell
        self._design_ah = parameters.design_capacity_ah
        self._known_ah = KNOWN_PART * self._design_ah
        self._trigger_v = parameters.balance_trigger_v
        self._start_v = parameters.balance_start_v
        # R28: never above the set maximum nor 0.1 C.
        self.current_a = min(parameters.balance_current_max_a, 0.1 * parameters.design_capacity_ah)
        self._drop_v = KINDS[cell.name].ohmic_v
        flat = cell.flat_percent
        self._steep_v = 0.0 if flat is None else interpolate(cell.ocv_v, flat[1]) + STEEP_V

    def moved(self, plan: Plan, view: View, gap_s: float) -> Moved | None:
        """Return what the balancer did to which cell in the `gap_s` before a reading.

        `plan` is as it was in that time.
        """
        return moved_by(view, plan.pair if self._by_cell else plan.ends, gap_s)

    def undisturbed(self, plan: Plan, view: View) -> View:
        """Return what the cells would show if no balancer was at work; arguments as of `moved`.

        Of a BMS that chooses its cells itself nobody knows which; its readings are left alone.
        """
        return undisturbed(view, plan.pair) if self._by_cell else view

    def hear(
        self,
        plan: Plan,
        view: View,
        gauge: Gauge,
        gap_s: float | None,
        *,
        alarms: Alarms,
        moved: Moved | None = None,
        steps: Steps = NO_STEPS,
    ) -> Plan:
        """Return the plan after a reading; the same thoughts for EVERY_S."""
        passed_s = gap_s or 0.0
        ends, worked_s, paused_s = plan.ends, plan.worked_s, plan.paused_s
        if not view.reading.balance_current_a:
            ends = ends_of(view) or ends
        if plan.shown is not None and plan.shown.wanted:
            worked_s += passed_s
        elif paused_s is not None:
            paused_s += passed_s
        age_s = plan.age_s + passed_s
        stuck_s = plan.stuck_s + passed_s if self._disobeys(plan, view) else 0.0
        plan = Plan(
            plan.shown,
            plan.pair,
            plan.going,
            age_s,
            worked_s,
            paused_s,
            ends,
            plan.harm,
            plan.vetoed,
            plan.restoring,
            plan.turn_s,
            stuck_s,
            plan.measured,
        )
        if not self._by_cell:
            plan = _turned(plan, passed_s, view.reading.balance_switch_on)
        if moved is not None:
            plan = plan._replace(
                measured=self._measurer.moved(plan.measured, moved, ordered=self._by_cell)
            )
        if plan.shown is not None and plan.age_s < EVERY_S and not alarms.overvoltage:
            return plan
        if self._by_cell:
            disturbed = disturbed_by(view, plan.pair)
        else:
            disturbed = disturbed_by(view, plan.ends, ends_of(view))
        measured = self._measurer.hear(plan.measured, view, gauge, steps, disturbed, plan.age_s)
        plan = plan._replace(measured=measured)
        return self._think(plan, view, gauge, alarms)._replace(age_s=0.0)

    def switch(self, plan: Plan) -> bool | None:
        """Return what is wanted of the balancer's switch; None: it is left as its owner has it.

        Hardware without a mind of its own is switched as planned. A BMS is only kept from doing
        harm: when to balance it knows itself, and whether at all its owner decides (R30).
        """
        if self._by_cell:
            return None if plan.shown is None else plan.shown.wanted
        if plan.vetoed:
            return False
        return True if plan.restoring else None

    def faults(self, plan: Plan) -> tuple[Fault, ...]:
        """Return what is wrong with the balancer (F28)."""
        return (STUCK,) if plan.stuck_s >= STUCK_S else ()

    def _disobeys(self, plan: Plan, view: View) -> bool:
        """Return whether it balances although it should not."""
        reading = view.reading
        works = reading.balancing is True or abs(reading.balance_current_a or 0.0) > STUCK_A
        told_off = reading.balance_switch_on is False or (
            self._by_cell and plan.shown is not None and not plan.shown.wanted
        )
        return works and told_off

    def _think(self, plan: Plan, view: View, gauge: Gauge, alarms: Alarms) -> Plan:
        soc = gauge.soc_percent
        known = self._measurer.debts(plan.measured, gauge)
        stopped = _unfit(view, alarms)
        if stopped is None and not alarms.overvoltage and soc is not None and soc < EMPTY_PERCENT:
            stopped = f"SoC below {EMPTY_PERCENT:.0f} %"
        ends = plan.ends
        if stopped is not None or ends is None:
            harm = stopped is not None and stopped != UNKNOWN_CELL
            return self._rest(plan, view, known, stopped or "measures", harm=harm)
        if alarms.overvoltage:
            return self._work(plan, view, known, ends, "over-voltage: balancing is the cure")
        steep = self._measurer.rising(view) if plan.measured.begun else self._steep(view)
        if known is not None:
            pair = self._by_debt(plan, known, ends, steep=steep)
            if pair is not None:
                return self._work(plan, view, known, pair, "by charge", steep=steep)
            if self._settled(known):
                plan = plan._replace(going=False)
                return self._rest(plan, view, known, "the cells are balanced")
        why = self._against_voltage(view, known, ends)
        if why is not None:
            return self._rest(plan, view, known, why, harm=why == WRONG_WAY)
        return self._work(plan, view, known, ends, "by voltage", steep=True)

    def _steep(self, view: View) -> bool:
        """Return whether the highest cell is where a curve shows charge, its drop set aside."""
        highest, current_a = view.cell_max, view.reading.current_a
        if highest is None or current_a is None:
            return False
        drop_v = self._drop_v * current_a / self._design_ah
        return highest.voltage_v - drop_v >= self._steep_v

    def _by_debt(
        self, plan: Plan, known: Debts, ends: tuple[int, int], *, steep: bool
    ) -> tuple[int, int] | None:
        """Return who gives to whom by charge; None where it is not known well or not worth it."""
        least_ah = (DONE_PART if plan.going else START_PART) * self._design_ah
        sure = steep or plan.measured.begun

        def worth(give: int, take: int) -> bool:
            if not sure and max(known.sigma_ah[give], known.sigma_ah[take]) > self._known_ah:
                return False
            apart_ah = known.ah[give] - known.ah[take]
            return apart_ah >= max(least_ah, DOUBT * _doubt_ah(known, give, take))

        if not self._by_cell:
            # With a switch only, the device takes from the highest and gives to the lowest voltage.
            return ends if worth(*ends) else None
        order = sorted(range(len(known.ah)), key=known.ah.__getitem__)
        surest = _surest(known)
        for give in (order[-1], surest[0]):
            for take in order:
                if worth(give, take):
                    return give, take
        return None

    def _settled(self, known: Debts) -> bool:
        """Return whether the cells are balanced as far as it can be known."""
        spread_ah = max(known.ah) - min(known.ah)
        sure = max(known.sigma_ah) <= KNOWN_PART * self._design_ah
        return sure and spread_ah < START_PART * self._design_ah

    def _against_voltage(
        self, view: View, known: Debts | None, ends: tuple[int, int]
    ) -> str | None:
        """Return what speaks against balancing as the manual does, for want of better (R27)."""
        high, low, current_a = view.cell_max, view.cell_min, view.reading.current_a
        assert high is not None
        assert low is not None
        calm_a = CALM_C * self._design_ah
        give, take = ends
        if high.voltage_v <= self._start_v:
            return f"waits for the end of a charge: highest cell below {self._start_v:.3f} V"
        if high.voltage_v - low.voltage_v <= self._trigger_v:
            return f"the cells are within {1000 * self._trigger_v:.0f} mV"
        if current_a is None or abs(current_a) > calm_a:
            return f"waits for less than {calm_a:.0f} A: voltages show resistances"
        if known is not None and (
            known.ah[give] - known.ah[take] < -DOUBT * _doubt_ah(known, give, take)
        ):
            return WRONG_WAY
        return None

    def _work(
        self,
        plan: Plan,
        view: View,
        known: Debts | None,
        pair: tuple[int, int],
        why: str,
        *,
        steep: bool = False,
    ) -> Plan:
        """Balance, unless it is time to measure."""
        most_s = WORK_S if steep else FLAT_WORK_S
        if not self._by_cell:  # a BMS measures in pauses of its own
            most_s = math.inf
        if plan.paused_s is not None and plan.paused_s < LOOK_S:
            return self._rest(plan._replace(going=True), view, known, "pauses to measure")
        if plan.worked_s >= most_s and plan.paused_s is None:
            plan = plan._replace(going=True, paused_s=0.0)
            return self._rest(plan, view, known, "pauses to measure")
        worked_s = 0.0 if plan.paused_s is not None else plan.worked_s
        plan = plan._replace(
            pair=pair if self._by_cell else None, going=True, paused_s=None, worked_s=worked_s
        )
        return plan._replace(harm=False, shown=self._show(view, known, why, pair))

    def _rest(
        self, plan: Plan, view: View, known: Debts | None, why: str, *, harm: bool = False
    ) -> Plan:
        return plan._replace(pair=None, harm=harm, shown=self._show(view, known, why, None))

    def _show(
        self, view: View, known: Debts | None, why: str, pair: tuple[int, int] | None
    ) -> Balancing:
        reading = view.reading
        done_in_s = loss_wh = None
        if known is not None and max(known.sigma_ah) <= 3 * KNOWN_PART * self._design_ah:
            margin_ah = 0.5 * DONE_PART * self._design_ah
            move_ah = sum([ah - margin_ah for ah in known.ah if ah > margin_ah])
            loss_wh = move_ah * (1 - EFFICIENCY) * (view.voltage_v or 0.0) / len(known.ah)
            if pair is not None or move_ah == 0:
                done_in_s = 3600 * move_ah / (self.current_a * DUTY) * (1 + LOOK_S / WORK_S)
        return Balancing(
            wanted=pair is not None,
            active=reading.balancing,
            why=why,
            giving=None if pair is None else pair[0] + 1,
            taking=None if pair is None else pair[1] + 1,
            current_a=reading.balance_current_a,
            debt_ah=() if known is None else known.ah,
            debt_sigma_ah=None if known is None else max(known.sigma_ah),
            done_in_s=done_in_s,
            loss_wh=loss_wh,
        )


def _turned(plan: Plan, passed_s: float, closed: bool | None) -> Plan:
    """Return the plan after time has passed over what it thinks of the device's switch."""
    if plan.restoring and closed is not False:
        plan = plan._replace(restoring=False)
    if plan.harm is plan.vetoed:
        return plan if not plan.turn_s else plan._replace(turn_s=0.0)
    turn_s = plan.turn_s + passed_s
    if turn_s < (VETO_S if plan.harm else FREE_S):
        return plan._replace(turn_s=turn_s)
    return plan._replace(vetoed=plan.harm, restoring=not plan.harm, turn_s=0.0)


def _unfit(view: View, alarms: Alarms) -> str | None:
    """Return why no cell may be balanced at all."""
    if view.cell_max is None or view.cell_sum_v is None:
        return UNKNOWN_CELL
    for alarm in alarms.shown:
        if alarm.blocks_balance or (alarm.kind in LOCKS and alarm.severity is Severity.PROTECTION):
            return alarm.text.removeprefix(f"{alarm.pack}: ")
    return None


def _surest(known: Debts) -> tuple[int, int]:
    """Return the cell that has surely most and the one that has surely least, from 0."""
    most = [ah - DOUBT * sigma for ah, sigma in zip(*known, strict=True)]
    least = [ah + DOUBT * sigma for ah, sigma in zip(*known, strict=True)]
    return most.index(max(most)), least.index(min(least))


def _doubt_ah(known: Debts, one: int, other: int) -> float:
    """Return one sigma of the difference of two cells' debts."""
    return math.hypot(known.sigma_ah[one], known.sigma_ah[other])
