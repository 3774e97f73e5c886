"""What the engine wants of the charge and the discharge switch.

It opens a switch while an alarm of its own blocks that direction, and closes one that it opened
itself once none does any more. A switch that its owner opened is left alone.
"""

from collections.abc import Iterable
from typing import NamedTuple

from cellwarden.model import Alarm, AlarmSource, Reading, Switches


class Opened(NamedTuple):
    """The switches that the engine has opened and not yet seen closed again."""

    charge: bool = False
    discharge: bool = False


ALL_CLOSED = Opened()


def switches(before: Opened, alarms: Iterable[Alarm], reading: Reading) -> tuple[Opened, Switches]:
    """Return what is remembered and what is wanted after a reading."""
    charge_blocked = discharge_blocked = False
    for alarm in alarms:
        if alarm.source is AlarmSource.ENGINE:
            charge_blocked |= alarm.blocks_charge
            discharge_blocked |= alarm.blocks_discharge
    charge = _one(charge_blocked, opened=before.charge, on=reading.charge_switch_on)
    discharge = _one(discharge_blocked, opened=before.discharge, on=reading.discharge_switch_on)
    return (
        Opened(charge is not None, discharge is not None),
        Switches(charge=charge, discharge=discharge),
    )


def _one(blocked: bool, *, opened: bool, on: bool | None) -> bool | None:  # private
    """Return what is wanted of a switch; None: nothing."""
    if blocked:
        return False if opened or on is not False else None
    return True if opened and on is False else None
