"""The voltages between which packs in parallel may be used: the most demanding pack decides.

A lost pack that may still hang on the bus counts with what it wanted when it was last heard, until
the bank's own voltage has moved well below; packs that are apart, idle or taken out do not.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

from cellwarden.engine.bank_limits import OTHERS_TOLD, Member
from cellwarden.engine.bank_ramp import urgent_v
from cellwarden.model import Limit, PackPhase, PackState, Standing


def _rows(members: Sequence[Member], *, lost: bool) -> list[tuple[str, PackState]]:
    """Return the packs whose voltage limits count."""
    rows = []
    for pack, part, *_ in members:
        if part.standing is Standing.IN:  # as most are
            rows.append((pack.pack, pack))
        elif part.standing is Standing.HELD or (lost and part.standing is Standing.LOST):
            if part.last is not None and not part.sunk:
                rows.append((pack.pack, part.last))
        elif (
            pack.phase is PackPhase.ONLINE
            and not part.apart
            and part.standing is not Standing.OUT
            and part.standing is not Standing.IDLE
        ):
            rows.append((pack.pack, pack))
    return rows or [(m.pack.pack, m.pack) for m in members]


class Voltage(NamedTuple):
    """The charge voltage that the packs want."""

    limit: Limit
    urgent_v: float
    """What of it may not wait."""
    trouble: bool
    """A rule of a pack that may not wait lowers it."""


def charge_voltage_wish(members: Sequence[Member]) -> Voltage:
    """Return the lowest CVL of the packs in use: one in trouble lowers it for all."""
    rows = [(name, p.limits.charge_voltage) for name, p in _rows(members, lost=True)]
    limit = extreme(rows, sign=1.0)
    at_once_v = settings_v = math.inf
    for _, own in rows:
        chain = own.reasons
        settings_v = min(settings_v, chain[-1].value)
        at_once_v = min(at_once_v, chain[0].value if len(chain) == 1 else urgent_v(chain))
    return Voltage(limit, at_once_v, trouble=at_once_v < settings_v)


def discharge_voltage(members: Sequence[Member]) -> Limit:
    """Return the highest DVL of the packs in use."""
    rows = _rows(members, lost=False)
    return extreme([(name, p.limits.discharge_voltage) for name, p in rows], sign=-1.0)


def extreme(limits: list[tuple[str, Limit]], sign: float) -> Limit:
    """Return the lowest (sign 1) or highest (-1) limit, then the others' binding reasons."""
    if len(limits) == 1:
        name, only = limits[0]
        return only.of_pack(name)
    ranked = sorted(limits, key=lambda item: sign * item[1].value)
    name, tightest = ranked[0]
    told = ranked[1 : OTHERS_TOLD + 1]
    others = [limit.reasons[0].of(other, limit.value) for other, limit in told]
    return Limit(value=tightest.value, reasons=(*tightest.of_pack(name).reasons, *others))
