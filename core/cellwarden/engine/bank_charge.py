"""Charge control for the whole bank: bulk, absorption, float, rebulk, and when to charge full.

        any pack at the top        all full, or long enough
  BULK ────────────────▶ ABSORPTION ────────────────▶ FLOAT
   ▲ ▲                      │ nobody at the top          │ used, or asked for
   │ └──────────────────────┘                            │
   └─────────────────────────────────────────────────────┘

What is planned moves the charge voltage by less than 50 mV a minute either way, so that no inverter
hunts and no pack that finishes early is pulled about; only trouble lowers it at once. A pack that
is full while others are not stays connected at the charge voltage and takes its trickle.
"""

from collections.abc import Sequence
from typing import NamedTuple

from cellwarden.engine.bank_settings import BankSettings, FullWhen
from cellwarden.model import ChargeMode, ChargePhase, Limit, Order, Orders, PackState, Reason

PLAN_V_PER_S = 0.045 / 60
"""How fast a planned charge voltage moves: under 50 mV a minute."""
REBULK_PERCENT = 95.0
"""Float ends below this SoC of the bank even while one pack still counts as full (ours)."""
USED_PERCENT = 3.0
"""Float after a charge that was cut short ends once this much was used (ours)."""
AWAY_S = 120.0
"""Absorption ends this long after the last pack left the top (ours)."""
FLOAT_RULE = "float"
DROP_RULE = "raised by what the cables drop"
DROP_PART = 0.01
"""Cables raise the charge voltage by at most this part of itself (ours)."""
_AT_TOP = (ChargePhase.ABSORPTION, ChargePhase.FLOAT)


class Plan(NamedTuple):
    """Where charging stands; what the bank remembers of it."""

    phase: ChargePhase = ChargePhase.BULK
    """Never BLOCKED: that is only shown, while nobody may charge."""
    absorbed_s: float = 0.0
    away_s: float = 0.0
    """Since the last pack left the top."""
    cut_percent: float | None = None
    """SoC at which absorption was ended by its time; None if it ended full."""
    without_full_s: float = 0.0
    """Time since the last full charge, as far back as is known."""
    cap_v: float | None = None
    """The planned charge voltage while it is below the packs' own; None: it does not bind."""
    drop_v: float = 0.0
    """By how much the charge voltage is raised for the cables between bank and charger."""
    done: Order | None = None
    """The order for a full charge that was carried out."""
    due: bool = False
    """The schedule, or an uncertain SoC, asks for a full charge."""


BEGINNING = Plan()


class Moment(NamedTuple):
    """What the plan looks at in one step."""

    members: Sequence[PackState]
    """The packs that count."""
    soc_percent: float | None
    sigma_percent: float | None
    charging: bool
    orders: Orders
    passed_s: float


class ChargeControl:
    """The charge control of one bank."""

    def __init__(self, settings: BankSettings) -> None:
        self._any = settings.full_when == FullWhen.ANY
        self._every_s = settings.full_every_s
        self._sigma_percent = settings.full_sigma_percent
        self._absorption_s = settings.absorption_max_s
        self._cable_ohm = settings.cable_resistance_ohm

    def follow(self, plan: Plan, moment: Moment) -> tuple[Plan, tuple[str, ...]]:
        """Return the plan after a step, and what happened, for the log."""
        orders = moment.orders
        before = plan
        plan = plan._replace(
            without_full_s=plan.without_full_s + moment.passed_s,
            done=plan.done if orders.full_charge == plan.done else None,
        )
        plan = plan._replace(due=self._due(plan, moment.sigma_percent))
        full = [p for p in moment.members if p.charge_phase is ChargePhase.FLOAT]
        enough = bool(full) and (self._any or len(full) == len(moment.members))
        if plan.phase is ChargePhase.FLOAT:
            plan = self._float(plan, moment, some_full=bool(full), enough=enough)
        else:
            plan = self._charge(plan, moment, enough=enough)
        return plan, tuple(_news(before, plan, moment.members, full))

    def to_the_end(self, plan: Plan, orders: Orders) -> bool:
        """Whether a full charge is wanted now, whatever the target."""
        return plan.due or (orders.full_charge is not None and orders.full_charge != plan.done)

    def _due(self, plan: Plan, sigma_percent: float | None) -> bool:
        if self._every_s is not None and plan.without_full_s >= self._every_s:
            return True
        # Once due for its uncertainty it stays so until full: half charged, nothing is surer.
        uncertain = sigma_percent is not None and sigma_percent > self._sigma_percent
        return plan.due or uncertain

    def _charge(self, plan: Plan, moment: Moment, *, enough: bool) -> Plan:
        if enough:
            return _full(plan, moment.orders)
        top = any(p.charge_phase in _AT_TOP for p in moment.members)
        if plan.phase is ChargePhase.BULK:
            if not top:
                return plan
            return plan._replace(phase=ChargePhase.ABSORPTION, absorbed_s=0.0, away_s=0.0)
        away_s = 0.0 if top else plan.away_s + moment.passed_s
        if away_s > AWAY_S:
            return plan._replace(phase=ChargePhase.BULK)
        absorbed_s = plan.absorbed_s + (moment.passed_s if top and moment.charging else 0.0)
        most_s = self._absorption_s * (2.0 if self.to_the_end(plan, moment.orders) else 1.0)
        if absorbed_s >= most_s:
            return plan._replace(phase=ChargePhase.FLOAT, cut_percent=moment.soc_percent or 100.0)
        return plan._replace(absorbed_s=absorbed_s, away_s=away_s)

    def _float(self, plan: Plan, moment: Moment, *, some_full: bool, enough: bool) -> Plan:
        soc = moment.soc_percent
        if enough:
            # An order or a schedule that asks now finds the bank full.
            return _full(plan, moment.orders)
        if plan.cut_percent is None:
            over = not some_full or (soc is not None and soc < REBULK_PERCENT)
        else:
            over = soc is not None and soc < plan.cut_percent - USED_PERCENT
            asked = moment.orders.full_charge
            over = over or (asked is not None and asked != plan.done)
        if moment.members and over:
            return plan._replace(phase=ChargePhase.BULK, cut_percent=None)
        return plan

    def raised(
        self, plan: Plan, voltage: Limit, current_a: float | None, passed_s: float
    ) -> tuple[Plan, Limit]:
        """Return the charge voltage with what the cables between bank and charger drop.

        It moves as slowly as everything planned, and goes at once where a pack is in trouble.
        """
        if self._cable_ohm == 0.0:
            return plan, voltage
        most_v = DROP_PART * voltage.value
        wanted_v = min(self._cable_ohm * max(current_a or 0.0, 0.0), most_v)
        step_v = PLAN_V_PER_S * passed_s
        drop_v = min(max(wanted_v, plan.drop_v - step_v), plan.drop_v + step_v)
        if len({r.rule for r in voltage.reasons}) > 1:
            drop_v = 0.0
        plan = plan._replace(drop_v=drop_v)
        if drop_v == 0.0:
            return plan, voltage
        why = Reason(
            rule=DROP_RULE,
            value=voltage.value + drop_v,
            measured=current_a,
            unit="A",
            source="between bank and charger",
        )
        return plan, Limit(value=why.value, reasons=(why,))

    def cap(
        self, plan: Plan, float_v: float | None, own: Reason, told_v: float | None, orders: Orders,
        passed_s: float,
    ) -> tuple[Plan, Reason | None]:  # fmt: skip
        """Return the plan with its charge voltage moved on, and the reason if it binds.

        `float_v` is the bank's float voltage, `own` what the packs want, `told_v` what was last
        announced.
        """
        floats = plan.phase is ChargePhase.FLOAT or orders.mode is ChargeMode.FLOAT
        if floats and float_v is not None and float_v < own.value:
            start_v = plan.cap_v
            if start_v is None:
                start_v = own.value if told_v is None else min(told_v, own.value)
            step_v = PLAN_V_PER_S * passed_s
            cap_v = max(start_v - step_v, min(float_v, start_v))
            if start_v < float_v:
                cap_v = min(start_v + step_v, float_v)
        elif plan.cap_v is None:
            return plan, None
        else:
            cap_v = plan.cap_v + PLAN_V_PER_S * passed_s
            if cap_v >= own.value:
                return plan._replace(cap_v=None), None
        clears = "another charge mode" if orders.mode is ChargeMode.FLOAT else "the bank was used"
        return plan._replace(cap_v=cap_v), Reason(rule=FLOAT_RULE, value=cap_v, clears=clears)


def _full(plan: Plan, orders: Orders) -> Plan:
    """Return the plan of a bank that is full, known just now."""
    return plan._replace(
        phase=ChargePhase.FLOAT,
        cut_percent=None,
        without_full_s=0.0,
        due=False,
        done=orders.full_charge,
    )


def _news(
    before: Plan, after: Plan, members: Sequence[PackState], full: Sequence[PackState]
) -> list[str]:
    news = []
    if after.phase is not before.phase:
        text = f"charge phase: {after.phase.value}"
        if after.cut_percent is not None:
            names = ", ".join(p.pack for p in members if p not in full) or "the rest"
            text += f", absorption has lasted long enough, not full: {names}"
        news.append(text)
    if after.due and not before.due:
        news.append("a full charge is due")
    if after.done is not None and before.done is None:
        news.append(f"the full charge that {after.done.who} asked for is done")
    return news
