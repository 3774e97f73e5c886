"""What is wrong with the bank as a whole: a charger that does not obey."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from cellwarden.diagnosis import procedures
from cellwarden.diagnosis.rule import Clue, by_size
from cellwarden.model import AlarmKind, BankState, Urgency

ABOVE_PART = 0.004
"""Of the CVL: 0.2 V of 55 V (ours)."""
ABOVE_C = 0.01
"""With less current the voltage is only falling slowly after a lower CVL (ours)."""


class BankRule(NamedTuple):
    """One row; the same columns as a pack's rule."""

    code: str
    means: str
    rests_on: str
    found_within: str
    procedure: str
    find: Callable[[BankState], Iterator[Clue]]
    hold_s: float = 0.0
    manual_code: int | None = None


def _above(state: BankState) -> Iterator[Clue]:
    limits, volts, amps = state.limits, state.voltage_v, state.current_a
    told = [a for p in state.packs for a in p.alarms if a.kind is AlarmKind.CHARGER_IGNORES_LIMIT]
    if limits is None or volts is None or amps is None:
        return
    cvl_v = limits.cvl_v
    installed_ah = state.installed_ah or 100.0
    over_v = volts - cvl_v
    if over_v > ABOVE_PART * cvl_v and amps > ABOVE_C * installed_ah:
        yield Clue(
            "a charger goes on above the charge voltage it was told",
            f"{volts:.2f} V at {amps:.1f} A, the CVL is {cvl_v:.2f} V",
            0.85,
            by_size(over_v / cvl_v, ABOVE_PART, 0.02),
        )
    elif told:
        yield Clue("a charger ignores its charge limit", told[0].text, 0.9, Urgency.NOW)


BANK_RULES: tuple[BankRule, ...] = (
    BankRule(
        code="charger-above-limit",
        means="a charger goes on above its limit",
        rests_on=f"bank voltage {100 * ABOVE_PART:g} % above the CVL with more than {ABOVE_C:g} C"
        " still flowing in, for 5 min (F40, F41); or the engine's own alarm",
        found_within="6 min",
        procedure=procedures.CHARGER,
        find=_above,
        hold_s=300.0,
    ),
)
