"""What people and systems ordered, as reasons that lower the bank's limits.

An order never lifts a limit. Each reason names who asked in its source, so that a limit of 0 A
never stands without the one who wanted it.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from cellwarden.model import ChargeMode, Limit, Order, Orders, Reason

CHARGE_ORDER = "charge current order"
DISCHARGE_ORDER = "discharge current order"
CHARGE_BLOCK = "charging is switched off"
DISCHARGE_BLOCK = "discharging is switched off"
TARGET = "target SoC"
RESERVE = "reserve SoC"
HOLD = "charge mode hold"

AGAIN_PERCENT = 2.0
"""Once stopped at the target or the reserve, this many % of SoC away from it until going on
(ours): less, and an inverter would switch to and fro."""


class Reached(NamedTuple):
    """Which of the ordered SoC the bank has come to, and not left since."""

    target: bool = False
    reserve: bool = False


NOWHERE = Reached()


def reached(before: Reached, orders: Orders, soc_percent: float | None) -> Reached:
    """Return what is reached now; an unknown SoC changes nothing."""
    if soc_percent is None:
        return before
    target, reserve = orders.target_soc_percent, orders.reserve_soc_percent
    after = Reached(
        target is not None
        and soc_percent >= target.value - (AGAIN_PERCENT if before.target else 0.0),
        reserve is not None
        and soc_percent <= reserve.value + (AGAIN_PERCENT if before.reserve else 0.0),
    )
    return before if after == before else after


def charge_reasons(orders: Orders, at: Reached, *, to_the_end: bool) -> tuple[Reason, ...]:
    """Return what orders say to the charge current; `to_the_end`: a full charge is wanted now."""
    found = [
        *_current(CHARGE_ORDER, orders.charge_current_a),
        *_block(CHARGE_BLOCK, orders.charge_block),
    ]
    if to_the_end:
        return tuple(found)
    target = orders.target_soc_percent
    if at.target and target is not None:
        found.append(_stop(TARGET, target, f"the SoC is below {target.value - AGAIN_PERCENT:g} %"))
    if orders.mode is ChargeMode.HOLD and not at.reserve:
        found.append(_HOLDING)
    return tuple(found)


def discharge_reasons(orders: Orders, at: Reached) -> tuple[Reason, ...]:
    """Return what orders say to the discharge current."""
    found = [
        *_current(DISCHARGE_ORDER, orders.discharge_current_a),
        *_block(DISCHARGE_BLOCK, orders.discharge_block),
    ]
    reserve = orders.reserve_soc_percent
    if at.reserve and reserve is not None:
        found.append(
            _stop(RESERVE, reserve, f"the SoC is above {reserve.value + AGAIN_PERCENT:g} %")
        )
    if orders.mode is ChargeMode.HOLD:
        found.append(_HOLDING)
    return tuple(found)


def lowered(limit: Limit, reasons: Sequence[Reason]) -> Limit:
    """Return a limit that these reasons may lower; those that do not bind stand at the end."""
    if not reasons:
        return limit
    tighter = sorted((r for r in reasons if r.value < limit.value), key=lambda r: r.value)
    looser = tuple(r for r in reasons if r.value >= limit.value)
    value = tighter[0].value if tighter else limit.value
    return Limit(value=value, reasons=(*tighter, *limit.reasons, *looser))


_HOLDING = Reason(rule=HOLD, value=0.0, clears="another charge mode is ordered")
_WITHDRAWN = "it is withdrawn"


def _current(rule: str, order: Order | None) -> Iterable[Reason]:
    if order is not None:
        ends = _WITHDRAWN if order.until_s is None else "it is withdrawn or has ended"
        yield Reason(rule=rule, value=max(order.value, 0.0), source=order.who, clears=ends)


def _block(rule: str, order: Order | None) -> Iterable[Reason]:
    if order is not None:
        yield Reason(rule=rule, value=0.0, source=order.who, clears=_WITHDRAWN)


def _stop(rule: str, order: Order, clears: str) -> Reason:
    return Reason(
        rule=rule, value=0.0, source=order.who, threshold=order.value, unit="%", clears=clears
    )
