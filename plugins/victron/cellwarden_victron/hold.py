"""Holding a bank that must not be charged, where Venus ignores the current limit. Pure.

With ESS and "feed in excess solar" of the DC side, Venus gives solar chargers their full current
whatever the CCL is, and the charge voltage plus 0.1 V: CCL 0 stops nothing, only the voltage does.
So while charging is blocked the charge voltage is lowered to where no current flows into the bank,
and follows it: chargers go on feeding loads and the grid, and the bank neither fills nor drains.
"""

from dataclasses import replace

from cellwarden.model import BankPhase, BankState, Limit, Reason
from cellwarden_victron.sources import charge_allowed, charge_voltage_v

HUB_V = 0.1
"""What ESS adds to the charge voltage for solar chargers at CCL 0, measured with Victron's own
system calculator."""
FIRST_OHM = 0.005
"""Of a bank with its cables (ours), until a step of its current has shown its own."""
LEAST_OHM, MOST_OHM = 0.0005, 0.03
STEP_A, WITHIN_S = 5.0, 5.0
"""A change of the current that shows a resistance: at least so much, in at most such a time."""
STEP_S = 3.0
"""Venus hands limits on every 3 s: a faster correction would act on what is not there yet."""
LARGEST_STEP_V = 0.3
WANTED_A = -0.5
"""A little out of the bank, so that the noise of its measurement charges nothing."""
RULE = "voltage held: DC feed-in ignores the charge current limit"


class VoltageHold:
    """Remembers the held voltage from one decision to the next."""

    def __init__(self) -> None:
        self._held_v: float | None = None
        self._corrected_s = 0.0
        self._ohm = FIRST_OHM
        self._seen: tuple[float, float, float] | None = None
        """Time, voltage and current of the last decision that had them."""

    def apply(self, state: BankState, *, feeds_in: bool) -> BankState:
        """Return the state with the charge voltage that stops charging, if that is what it takes.

        Never above the state's own charge voltage, never below its discharge voltage.
        """
        self._see(state)
        highest_v = charge_voltage_v(state)
        limits = state.limits
        stopped = not charge_allowed(state) or limits is None or limits.ccl_a <= 0
        if not feeds_in or not stopped or not isinstance(highest_v, float) or limits is None:
            self._held_v = None
            return state
        if self._seen is None:
            return state
        held_v = self._corrected(state, *self._seen[1:])
        self._held_v = max(min(held_v, highest_v), limits.dvl_v)
        reason = Reason(rule=RULE, value=self._held_v)
        held = Limit(value=self._held_v, reasons=(reason, *limits.charge_voltage.reasons))
        return replace(state, limits=replace(limits, charge_voltage=held))

    def _see(self, state: BankState) -> None:
        """Learn from a step of the current how much voltage an ampere makes."""
        if state.voltage_v is None or state.current_a is None:
            return
        last, self._seen = self._seen, (state.at_s, state.voltage_v, state.current_a)
        if last is None or state.at_s - last[0] > WITHIN_S:
            return
        step_a = state.current_a - last[2]
        if abs(step_a) >= STEP_A:
            ohm = (state.voltage_v - last[1]) / step_a
            if ohm > 0:
                self._ohm = max(LEAST_OHM, min(MOST_OHM, (self._ohm + ohm) / 2))

    def _corrected(self, state: BankState, voltage_v: float, current_a: float) -> float:
        if self._held_v is None:
            self._corrected_s = state.at_s
            return voltage_v - max(0.0, current_a) * self._ohm - HUB_V
        if state.phase is not BankPhase.LIVE or state.at_s - self._corrected_s < STEP_S:
            return self._held_v
        self._corrected_s = state.at_s
        step_v = (WANTED_A - current_a) * self._ohm
        return self._held_v + max(-LARGEST_STEP_V, min(LARGEST_STEP_V, step_v))
