"""Charge control for the whole bank: bulk, absorption, float, rebulk, and when to charge full.

        any pack at the top        all full, or long enough
  BULK ────────────────▶ ABSORPTION ────────────────▶ FLOAT
   ▲ ▲                      │ nobody at the top          │ used, or asked for
   │ └──────────────────────┘                            │
   └─────────────────────────────────────────────────────┘

What is planned moves the charge voltage slowly (`bank_ramp`), so that no inverter hunts and no pack
that finishes early is pulled about. A pack that is full while others are not stays connected at the
charge voltage and takes its trickle.
"""

from collections.abc import Sequence
from typing import NamedTuple

from cellwarden.engine.bank_ramp import DROP_RULE, FLOAT_RULE
from cellwarden.engine.bank_settings import BankSettings, FullWhen
from cellwarden.engine.bank_voltages import Voltage
from cellwarden.model import ChargeMode, ChargePhase, Limit, Order, Orders, PackState, Reason

REBULK_PERCENT = 95.0
"""Float ends below this SoC of the bank even while one pack still counts as full (ours)."""
USED_PERCENT = 3.0
"""Float after a charge that was cut short ends once this much was used (ours)."""
AWAY_S = 120.0
"""Absorption ends this long after the last pack left the top (ours)."""
DROP_PART = 0.01
"""Cables raise the charge voltage by at most this part of itself (ours)."""


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
        before, orders = plan, moment.orders
        done = plan.done
        if done is not None and orders.full_charge != done:
            done = None
        without_full_s = plan.without_full_s + moment.passed_s
        plan = Plan(
            plan.phase,
            plan.absorbed_s,
            plan.away_s,
            plan.cut_percent,
            without_full_s,
            done,
            self._due(plan, without_full_s, moment.sigma_percent),
        )
        full, top = 0, False
        for pack in moment.members:
            phase = pack.charge_phase
            if phase is ChargePhase.FLOAT:
                full += 1
                top = True
            elif phase is ChargePhase.ABSORPTION:
                top = True
        enough = full > 0 and (self._any or full == len(moment.members))
        if plan.phase is ChargePhase.FLOAT:
            plan = self._float(plan, moment, some_full=full > 0, enough=enough)
        elif enough:
            plan = _full(plan, orders)
        elif top or plan.phase is not ChargePhase.BULK:
            plan = self._charge(plan, moment, top=top)
        if plan.phase is before.phase and plan.due is before.due and plan.done is before.done:
            return plan, ()
        return plan, tuple(_news(before, plan, moment.members))

    def to_the_end(self, plan: Plan, orders: Orders) -> bool:
        """Whether a full charge is wanted now, whatever the target."""
        return plan.due or (orders.full_charge is not None and orders.full_charge != plan.done)

    def _due(self, plan: Plan, without_full_s: float, sigma_percent: float | None) -> bool:
        if self._every_s is not None and without_full_s >= self._every_s:
            return True
        # Once due for its uncertainty it stays so until full: half charged, nothing is surer.
        uncertain = sigma_percent is not None and sigma_percent > self._sigma_percent
        return plan.due or uncertain

    def _charge(self, plan: Plan, moment: Moment, *, top: bool) -> Plan:
        if plan.phase is ChargePhase.BULK:
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

    def raised(self, voltage: Voltage, current_a: float | None) -> Voltage:
        """Return the charge voltage with what the cables between bank and charger drop.

        Nothing is added while any rule lowers it; what was added goes at once only in trouble.
        """
        if self._cable_ohm == 0.0:
            return voltage
        limit = voltage.limit
        most_v = DROP_PART * limit.value
        if not voltage.trouble:
            voltage = voltage._replace(urgent_v=voltage.urgent_v + most_v)
        plain = len({r.rule for r in limit.reasons}) == 1
        if not plain or current_a is None or current_a <= 0.0:
            return voltage
        why = Reason(
            rule=DROP_RULE,
            value=limit.value + min(self._cable_ohm * current_a, most_v),
            measured=current_a,
            unit="A",
            source="between bank and charger",
        )
        return voltage._replace(limit=Limit(value=why.value, reasons=(why,)))

    def cap(self, plan: Plan, float_v: float | None, own_v: float, orders: Orders) -> Reason | None:
        """Return the float voltage, None unless it is below what the packs want (`own_v`)."""
        ordered = orders.mode is ChargeMode.FLOAT
        if float_v is None or float_v >= own_v or not (plan.phase is ChargePhase.FLOAT or ordered):
            return None
        clears = "another charge mode" if ordered else "the bank was used"
        return Reason(rule=FLOAT_RULE, value=float_v, clears=clears)


def _full(plan: Plan, orders: Orders) -> Plan:
    """Return the plan of a bank that is full, known just now."""
    return plan._replace(
        phase=ChargePhase.FLOAT,
        cut_percent=None,
        without_full_s=0.0,
        due=False,
        done=orders.full_charge,
    )


def _news(before: Plan, after: Plan, members: Sequence[PackState]) -> list[str]:
    news = []
    if after.phase is not before.phase:
        text = f"charge phase: {after.phase.value}"
        if after.cut_percent is not None:
            short = [p.pack for p in members if p.charge_phase is not ChargePhase.FLOAT]
            names = ", ".join(short) or "the rest"
            text += f", absorption has lasted long enough, not full: {names}"
        news.append(text)
    if after.due and not before.due:
        news.append("a full charge is due")
    if after.done is not None and before.done is None:
        news.append(f"the full charge that {after.done.who} asked for is done")
    return news
