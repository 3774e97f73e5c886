"""What an output remembers between decisions: the mean current and the last errors. Pure."""

from collections import deque

from cellwarden.model import BankState
from cellwarden_victron.faults import REMEMBERED, error_code, with_fault
from cellwarden_victron.rows import Fault

AVERAGE_S = 300.0
"""The community's GUI pages mean five minutes."""
GAP_S = 60.0
"""A decision that comes later than this says nothing about the time before it."""


def faults_of(record: object) -> tuple[Fault, ...]:
    """Return the faults of a saved record; nothing of one that is damaged."""
    rows = record if isinstance(record, list) else []
    return tuple(
        Fault(*row)
        for row in rows[:REMEMBERED]
        if isinstance(row, list) and len(row) == 2 and all(type(n) is int for n in row)
    )


class Memory:
    """Hears every decision of one battery."""

    def __init__(self, faults: tuple[Fault, ...] = ()) -> None:
        self.faults = faults
        """The newest first."""
        self._error_code = 0
        self._parts: deque[tuple[float, float]] = deque()
        """(s, As) of each decision in the average."""
        self._total_s = 0.0
        self._total_as = 0.0
        self._at_s: float | None = None

    def fault_record(self) -> list[list[int]]:
        """Return the faults as JSON types, for `faults_of`."""
        return [[fault.code, fault.at_s] for fault in self.faults]

    def hear(self, state: BankState, wall_s: float) -> None:
        """Take a decision; `wall_s` are seconds since 1970."""
        code = error_code(state)
        self.faults = with_fault(self.faults, self._error_code, code, int(wall_s))
        self._error_code = code
        if self._at_s is not None and state.at_s <= self._at_s:
            return
        since_s, self._at_s = self._at_s, state.at_s
        if state.current_a is None or since_s is None or state.at_s - since_s > GAP_S:
            self._parts.clear()
            self._total_s = self._total_as = 0.0
            return
        lasted_s = state.at_s - since_s
        self._add(lasted_s, state.current_a * lasted_s)
        while self._total_s > AVERAGE_S and len(self._parts) > 1:
            dropped_s, dropped_as = self._parts.popleft()
            self._total_s -= dropped_s
            self._total_as -= dropped_as

    def _add(self, lasted_s: float, charge_as: float) -> None:
        self._parts.append((lasted_s, charge_as))
        self._total_s += lasted_s
        self._total_as += charge_as

    @property
    def current_avg_a(self) -> float | None:
        """Mean current of the last five minutes, None while nothing is known."""
        return self._total_as / self._total_s if self._total_s > 0 else None
