"""What is left of a decision that has grown too old, or of one by a controller that stops.

Every output that answers whoever asks (D-Bus, Modbus) shows the last state it was given; these
say what may still be shown of it.
"""

from dataclasses import replace

from cellwarden.model.limit import Limit, Limits, Reason
from cellwarden.model.state import BankState, PackPhase, PackState

_KEPT_OF_PACK = (
    "pack",
    "at_s",
    "age_s",
    "limits",
    "alarms",
    "quarantined",
    "events",
    "identity",
    "link",
    "chemistry",
    "parameters",
)
_KEPT_OF_BANK = (
    "name",
    "at_s",
    "phase",
    "limits",
    "charge_allowed",
    "discharge_allowed",
    "alarms",
    "data_age_s",
    "installed_ah",
    "external",
    "charge_phase",
    "members",
    "orders",
    "findings",
    "events",
)
"""What is no measurement; a field that is not named here is forgotten, also one added later."""


def without_measurements(state: BankState) -> BankState:
    """Return a state in which nothing is measured any more: every pack that was heard is lost."""
    kept = {name: getattr(state, name) for name in _KEPT_OF_BANK}
    return BankState(**kept, packs=tuple(_lost(pack) for pack in state.packs))


def _lost(pack: PackState) -> PackState:
    kept = {name: getattr(pack, name) for name in _KEPT_OF_PACK}
    phase = PackPhase.LOST if pack.phase is PackPhase.ONLINE else pack.phase
    return PackState(
        **kept, phase=phase, reading=None, charge_allowed=False, discharge_allowed=False
    )


def blocked(state: BankState, why: str = "") -> BankState:
    """Return the same state allowing no current; charge and discharge voltage stay as they are.

    `why` is put before the reasons that the limits have; without it they have to do.
    """
    return replace(
        state,
        packs=tuple(
            replace(
                pack, limits=_zero(pack.limits, why), charge_allowed=False, discharge_allowed=False
            )
            for pack in state.packs
        ),
        limits=None if state.limits is None else _zero(state.limits, why),
        charge_allowed=False,
        discharge_allowed=False,
    )


def _zero(limits: Limits, why: str) -> Limits:
    first = (Reason(rule=why, value=0.0),) if why else ()

    def stopped(limit: Limit) -> Limit:
        return Limit(value=0.0, reasons=(*first, *limit.reasons))

    return replace(
        limits,
        charge_current=stopped(limits.charge_current),
        discharge_current=stopped(limits.discharge_current),
    )
