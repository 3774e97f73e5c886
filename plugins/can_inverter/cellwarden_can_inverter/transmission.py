"""What goes onto the bus and when: a state machine with the time passed in. Pure.

The whole set goes out once a period, on a schedule that does not drift, its frames spaced (small
receivers lose back-to-back bursts). A decision that allows less, or brings an alarm, goes out at
once: the limits, the alarms and the enable bits jump the queue, so that an inverter never acts on
new limits with old flags. An increase can wait for its period.
"""

import math
from collections import deque

from cellwarden.links.can_frame import CanFrame
from cellwarden.model import BankPhase, BankState
from cellwarden_can_inverter.frames import Dialect
from cellwarden_can_inverter.view import BatteryView, Manners, blocked, is_urgent, view_of

GOODBYE_SETS = 3
"""The last word (0 A, both enables off) is repeated for two whole periods before the silence."""


class Transmission:
    """The sender of one bus. Times are real, monotonic s."""

    def __init__(
        self, dialect: Dialect, manners: Manners, *, period_s: float, spacing_s: float
    ) -> None:
        self.wake_s = 0.0
        """When `poll` wants to be called again, at the latest."""
        self.finished = False
        """The goodbye is said: nothing more will ever be sent."""
        self.told: BatteryView | None = None
        """What the inverter was told last, kept through silence."""
        self.on_air = False
        self.sets = 0
        """Whole sets begun since the start."""
        self.clamped: set[str] = set()
        """Names of the numbers that ever were beyond what may be sent, and were clamped."""
        self._dialect = dialect
        self._manners = manners
        self._period_s = period_s
        # However the two were configured, a set must fit into its period.
        self._spacing_s = min(spacing_s, 0.8 * period_s / len(dialect.frames))
        self._state: BankState | None = None
        self._pending: deque[CanFrame] = deque()
        self._set_s = 0.0
        self._slot_s = 0.0
        self._limits_s = -math.inf
        self._goodbyes_left: int | None = None

    def poll(self, state: BankState | None, age_s: float, now_s: float) -> CanFrame | None:
        """Return the frame to send now, or None; then look at `wake_s` and `finished`.

        `state` is the newest decision and `age_s` its age in real s.
        """
        if state is not self._state:
            self._state = state
            self._consider(age_s, now_s)
        if now_s >= self._set_s and not self.finished:
            self._begin_set(age_s, now_s)
        frame = None
        if self._pending and now_s >= self._slot_s:
            frame = self._pending.popleft()
            self._slot_s = now_s + self._spacing_s
            if frame.can_id == self._dialect.frames[0].can_id:
                self._limits_s = now_s
        if self._goodbyes_left == 0 and not self._pending:
            self.finished = True
        self.wake_s = self._slot_s if self._pending else self._set_s
        return frame

    @property
    def in_set(self) -> bool:
        """Whether more frames wait for their slot; a new decision cannot be sent earlier."""
        return bool(self._pending)

    def restart(self, now_s: float) -> None:
        """Begin with a whole set: the bus was away."""
        self._pending.clear()
        self._set_s = now_s

    def goodbye(self) -> list[CanFrame]:
        """Return the last word in short, for an end without time: limits, alarms, enables."""
        if not self.on_air or self.finished or self.told is None:
            return []
        return self._dialect.encode(blocked(self.told), urgent_only=True)

    def _consider(self, age_s: float, now_s: float) -> None:
        """Look at a new decision: find out whether it can wait for its period."""
        assert self._state is not None
        view = self._view(age_s)
        stopping = self._state.phase is BankPhase.STOPPING
        if view is None:
            self._pending.clear()
            self.on_air = False
            self.finished = stopping
        elif stopping and not self.on_air:
            self.finished = True  # whoever was never told anything needs no goodbye
        elif stopping or not self.on_air:
            self._set_s = now_s
            if stopping:
                self._goodbyes_left = GOODBYE_SETS
        elif self.told is not None and is_urgent(view, self.told):
            self._interpose(view)

    def _begin_set(self, age_s: float, now_s: float) -> None:
        self._set_s += self._period_s
        if self._set_s <= now_s:  # the loop was held up: no burst of missed sets
            self._set_s = now_s + self._period_s
        self._pending.clear()
        view = self._view(age_s)
        self.on_air = view is not None
        if view is None:
            return
        self.told = view
        self.sets += 1
        self._pending.extend(self._dialect.encode(view, clamped=self.clamped))
        if self._goodbyes_left is not None:
            self._goodbyes_left -= 1

    def _interpose(self, view: BatteryView) -> None:
        """Send the urgent frames next, then what was still to come, all from the new view."""
        waiting = {frame.can_id for frame in self._pending}
        urgent = self._dialect.encode(view, urgent_only=True)
        waiting.difference_update(frame.can_id for frame in urgent)
        rest = [f for f in self._dialect.encode(view) if f.can_id in waiting] if waiting else []
        self.told = view
        self._slot_s = max(self._slot_s, self._limits_s + self._dialect.least_gap_s)
        self._pending.clear()
        self._pending.extend(urgent)
        self._pending.extend(rest)

    def _view(self, age_s: float) -> BatteryView | None:
        return view_of(self._state, age_s, self._manners, self.told)
