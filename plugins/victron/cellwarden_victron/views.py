"""The states that a service shows: the bank's, one pack's, and what a failure leaves. Pure.

Venus' system calculator has no age check: whatever stands on the bus stays in force for ever, and
limits that become invalid leave the last ones in the inverter. So every failure first shows both
currents at 0 with a charge voltage that makes sense, and only then leaves the bus.
"""

from dataclasses import dataclass, replace

from cellwarden.model import (
    Alarm,
    AlarmKind,
    BankPhase,
    BankState,
    Limits,
    PackPhase,
    PackState,
    Severity,
    blocked,
    without_measurements,
)
from cellwarden_victron.sources import charge_voltage_v


@dataclass(frozen=True, slots=True)
class Patience:
    """How long an old decision is borne, in controller s."""

    stale_after_s: float
    leave_after_s: float


@dataclass(frozen=True, slots=True)
class Sane:
    """The last limits with a charge voltage that makes sense."""

    limits: Limits
    at_s: float


def sane(state: BankState | None, before: Sane | None) -> Sane | None:
    """Return what to fall back on after this decision."""
    if state is None or state.limits is None or charge_voltage_v(state) is None:
        return before
    return Sane(state.limits, state.at_s)


def of_bank(
    state: BankState | None, age_s: float | None, patience: Patience, last: Sane | None
) -> BankState | None:
    """Return what the service that is the BMS shows now, None for not being there at all.

    `age_s` is the age of the decision; `last` what `sane` returned for it.
    """
    if state is None or age_s is None or state.phase in (BankPhase.STARTING, BankPhase.GONE):
        return None
    if age_s > patience.leave_after_s or last is None:
        return None
    if charge_voltage_v(state) is None:
        if state.at_s + age_s - last.at_s > patience.leave_after_s:
            return None
        state = _without_charge_voltage(state, last.limits)
    if age_s > patience.stale_after_s:
        return silenced(state, "the controller does not decide")
    return state


def of_pack(
    state: BankState | None, age_s: float | None, patience: Patience, name: str
) -> BankState | None:
    """Return one pack as a bank of its own, None while it has no place on the bus."""
    if state is None or age_s is None or age_s > patience.leave_after_s:
        return None
    if state.phase in (BankPhase.STARTING, BankPhase.GONE):
        return None
    pack = next((p for p in state.packs if p.pack == name), None)
    if pack is None or pack.phase is PackPhase.WAITING:
        return None
    if pack.phase is PackPhase.LOST and (
        pack.age_s is None or pack.age_s + age_s > patience.leave_after_s
    ):
        return None
    alone = as_bank(pack, state)
    return silenced(alone, "the controller does not decide") if _old(age_s, patience) else alone


def _old(age_s: float, patience: Patience) -> bool:
    return age_s > patience.stale_after_s


def as_bank(pack: PackState, bank: BankState) -> BankState:
    """Return a bank that has only this pack."""
    online = pack.phase is PackPhase.ONLINE
    reading = pack.reading
    known = [t for t in reading.temperatures_c if t is not None] if reading else []
    phase = BankPhase.LIVE if online else BankPhase.SILENT
    return BankState(
        name=pack.pack,
        at_s=bank.at_s,
        phase=bank.phase if bank.phase is BankPhase.STOPPING else phase,
        packs=(pack,),
        limits=pack.limits,
        charge_allowed=pack.charge_allowed,
        discharge_allowed=pack.discharge_allowed,
        alarms=pack.alarms,
        data_age_s=pack.age_s,
        voltage_v=reading.voltage_v if reading else None,
        current_a=reading.current_a if reading else None,
        power_w=pack.power_w,
        soc_percent=pack.soc_percent,
        soc_sigma_percent=pack.soc_sigma_percent,
        soh_percent=pack.soh_percent,
        capacity_ah=pack.capacity_ah,
        remaining_ah=pack.remaining_ah,
        installed_ah=pack.parameters.design_capacity_ah if pack.parameters else pack.capacity_ah,
        temperature_c=sum(known) / len(known) if known else None,
        cell_min=pack.cell_min,
        cell_max=pack.cell_max,
        temperature_min=pack.temperature_min,
        temperature_max=pack.temperature_max,
        cycles=reading.cycles if reading else None,
        charge_phase=pack.charge_phase,
        members=tuple(member for member in bank.members if member.pack == pack.pack),
        prediction=pack.prediction,
    )


def silenced(state: BankState, rule: str) -> BankState:
    """Return what is left of a decision that is too old: no values, no current, the alarm."""
    left = without_measurements(blocked(state, rule))
    return replace(left, phase=BankPhase.SILENT)


def _without_charge_voltage(state: BankState, last: Limits) -> BankState:
    """Stop both currents under the last charge voltage that made sense.

    An invalid one, or leaving at once, would leave the last currents in the inverter.
    """
    rule = "no charge voltage is known"
    alarm = Alarm(
        kind=AlarmKind.IMPLAUSIBLE_DATA,
        severity=Severity.PROTECTION,
        pack=state.name,
        since_s=state.at_s,
        where=rule,
    )
    stopped = blocked(replace(state, limits=last), rule)
    return replace(stopped, alarms=(alarm, *state.alarms))
