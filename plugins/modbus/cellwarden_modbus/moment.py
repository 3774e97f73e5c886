"""What is shown now: a decision, its age, and what these two together allow to be said. Pure.

A pollable map stays where it is when the data stop, so whatever stands there must tell its age.
"""

from dataclasses import dataclass, replace
from enum import IntEnum

from cellwarden.model import (
    BankPhase,
    BankState,
    Limit,
    Limits,
    PackPhase,
    PackState,
    Reason,
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
        shown = _blocked(state, "the controller stops")
    else:
        why = "the controller does not decide" if status is Status.STALE else None
        shown = _blocked(_without_measurements(state), why)
    return Moment(state=shown, status=status, sequence=sequence, heartbeat=heartbeat)


def _without_measurements(state: BankState) -> BankState:
    return replace(
        state,
        packs=tuple(_lost(pack) for pack in state.packs),
        voltage_v=None,
        current_a=None,
        power_w=None,
        soc_percent=None,
        soc_sigma_percent=None,
        soh_percent=None,
        capacity_ah=None,
        remaining_ah=None,
        temperature_c=None,
        cell_min=None,
        cell_max=None,
        temperature_min=None,
        temperature_max=None,
        cycles=None,
    )


def _lost(pack: PackState) -> PackState:
    return replace(
        pack,
        phase=PackPhase.LOST if pack.phase is PackPhase.ONLINE else pack.phase,
        reading=None,
        soc_percent=None,
        soc_sigma_percent=None,
        soh_percent=None,
        capacity_ah=None,
        remaining_ah=None,
        power_w=None,
        cell_min=None,
        cell_max=None,
        cell_sum_v=None,
        temperature_min=None,
        temperature_max=None,
    )


def _blocked(state: BankState, why: str | None) -> BankState:
    """Return the same state, allowing nothing; charge and discharge voltage stay as they are."""
    return replace(
        state,
        packs=tuple(
            replace(
                pack,
                limits=_zero(pack.limits, why),
                charge_allowed=False,
                discharge_allowed=False,
            )
            for pack in state.packs
        ),
        limits=None if state.limits is None else _zero(state.limits, why),
        charge_allowed=False,
        discharge_allowed=False,
    )


def _zero(limits: Limits, why: str | None) -> Limits:
    def stopped(limit: Limit) -> Limit:
        if why is None:
            return replace(limit, value=0.0)
        return Limit(value=0.0, reasons=(Reason(rule=why, value=0.0), *limit.reasons))

    return replace(
        limits,
        charge_current=stopped(limits.charge_current),
        discharge_current=stopped(limits.discharge_current),
    )
