"""How a limit moves: it falls at once and rises slowly, after two readings that agree (F45)."""

from dataclasses import dataclass

from cellwarden.engine.limit_rules import FULL
from cellwarden.model import Limit, Reason

START_UP = "start-up"
"""Rule: fewer than two agreeing readings so far."""
CONFIRM = "waiting for a second reading that agrees"
"""Rule: a raise waits for a second reading that agrees."""
RISING = "rising slowly"
HELD = "not raised while an input is unknown"
TOO_LITTLE = "too little to be of use"

LEAST_A = 0.5
"""A current limit below this is 0: inverters cannot follow it (ours)."""
LEAST_RESTART = 0.02
"""A limit at 0 stays there until this part of its setting is free again, against flapping."""
FIRST_STEP_A = 1.0
"""The first step up from 0, so that an inverter sees a number it can follow (ours)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ramp:
    """What a limit remembers."""

    value: float
    """As given out."""
    newest: float
    """What the rules wanted at the newest reading."""
    before: float
    """What they wanted at the reading before."""
    limit: Limit | None = None
    """As given out, to be given out again while nothing changes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """What moves every ramp in one step."""

    fresh: bool
    """A new reading came."""
    started: bool
    """Two readings agreed since the start or a loss."""
    held: bool
    """An input that decisions rest on is unknown, within its hold time."""
    passed_s: float
    """Since the step before."""


class Slope:
    """How one limit may move."""

    def __init__(self, *, setting: Reason, per_s: float, current: bool) -> None:
        self._setting = setting
        self._per_s = per_s
        self._current = current
        self._restart = LEAST_RESTART * setting.value
        self._plain = Limit(value=setting.value, reasons=(setting,))

    def move(self, ramp: Ramp, rules: list[Reason], moment: Moment) -> Ramp:
        """Return the ramp with the limit for this moment.

        `rules` hold the reasons that are tighter than the setting, in table order.
        """
        setting = self._setting
        target = heard = setting.value
        for reason in rules:
            target = min(target, reason.value)
            if reason.rule != FULL:  # a conclusion of hours, not of one reading
                heard = min(heard, reason.value)
        if moment.fresh:
            newest, before = heard, ramp.newest
        else:
            newest, before = ramp.newest, ramp.before
        if not rules and ramp.limit is self._plain and before == newest == ramp.value == target:
            return ramp
        value, extra = self._settle(ramp, target, min(newest, before), moment)
        if not rules and extra is None:
            return Ramp(value=value, newest=newest, before=before, limit=self._plain)
        chain = sorted((*rules, setting), key=_by_value)
        reasons = tuple(chain) if extra is None else (extra, *chain)
        limit = ramp.limit
        if limit is None or limit.value != value or limit.reasons != reasons:
            limit = Limit(value=value, reasons=reasons)
        return Ramp(value=value, newest=newest, before=before, limit=limit)

    def _settle(
        self, ramp: Ramp, target: float, confirmed: float, moment: Moment
    ) -> tuple[float, Reason | None]:
        """Return the value to give out, and the reason if no rule gives it."""
        last = ramp.value
        value, why, source = target, "", ""
        if confirmed < value:
            value, why = confirmed, CONFIRM if moment.started else START_UP
        if moment.held and value > last:
            value, why = last, HELD
        if value > last:
            step = self._per_s * moment.passed_s
            if self._current and last == 0.0:
                step = max(step, FIRST_STEP_A)
            if last + step < value:
                value, why = last + step, RISING
                source = f"{self._per_s:g} a second"
        if (
            self._current
            and value > 0.0
            and (value < LEAST_A or (last == 0.0 and min(target, confirmed) < self._restart))
        ):
            value, why, source = 0.0, TOO_LITTLE, ""
        if value == target:
            return value, None
        return value, Reason(rule=why, value=value, source=source)


def _by_value(reason: Reason) -> float:
    return reason.value
