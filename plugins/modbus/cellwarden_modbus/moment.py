"""What is shown now: a decision, its age, and what these two together allow to be said. Pure.

A pollable map stays where it is when the data stop, so whatever stands there must tell its age.
"""

from dataclasses import dataclass
from enum import IntEnum

from cellwarden.model import (
    BankPhase,
    BankState,
    blocked,
    without_measurements,
)


class Status(IntEnum):
    """What the values are worth; the numbers stand in our own map."""

    STARTING = 0
    """No pack has answered since the start."""
    LIVE = 1
    STALE = 2
    """The controller has not decided for `stale_after_s`: it hangs."""
    SILENT = 3
    """Every pack is lost."""
    GONE = 4
    """Every pack is lost for good, or the controller has not decided for `gone_after_s`."""
    STOPPING = 5


_STATUS = {
    BankPhase.STARTING: Status.STARTING,
    BankPhase.LIVE: Status.LIVE,
    BankPhase.SILENT: Status.SILENT,
    BankPhase.GONE: Status.GONE,
    BankPhase.STOPPING: Status.STOPPING,
}

ABSENT = frozenset({Status.STARTING, Status.GONE})
"""There is no battery to speak of: the maps of others answer as a gateway whose device is away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One decision as it may be shown: unless LIVE nothing is allowed and nothing is measured."""

    state: BankState
    status: Status
    sequence: int
    """Counts decisions."""
    heartbeat: int
    """Counts decisions of a live bank: SunSpec's heartbeat stops when the data do."""


def status_of(state: BankState, age_s: float, stale_after_s: float, gone_after_s: float) -> Status:
    """Return what a decision of this age (real s) is worth."""
    status = _STATUS[state.phase]
    if status in (Status.LIVE, Status.SILENT, Status.STARTING):
        if age_s > gone_after_s:
            return Status.GONE
        if status is Status.LIVE and age_s > stale_after_s:
            return Status.STALE
    return status


def moment_of(state: BankState, status: Status, sequence: int, heartbeat: int = 0) -> Moment:
    """Return the decision as it may be shown with this status."""
    if status is Status.LIVE:
        shown = state
    elif status is Status.STOPPING:
        shown = blocked(state, "the controller stops")
    else:
        why = "the controller does not decide" if status is Status.STALE else ""
        shown = blocked(without_measurements(state), why)
    return Moment(state=shown, status=status, sequence=sequence, heartbeat=heartbeat)
