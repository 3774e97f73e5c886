"""What of the bank survives a restart: how packs share, where charging stands.

By the packs' names; times are durations, never points of the monotonic clock.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from cellwarden.engine.bank_charge import Plan
from cellwarden.engine.bank_contacts import UNKNOWN, Contact
from cellwarden.engine.bank_orders import Reached
from cellwarden.engine.record import number
from cellwarden.model import ChargePhase

VERSION = 1
_WITHOUT = math.inf


class Kept(NamedTuple):
    """A record, read."""

    conductances: tuple[float, ...]
    contacts: tuple[Contact, ...]
    plan: Plan
    reached: Reached


def write(
    names: Sequence[str],
    conductances: Sequence[float],
    contacts: Sequence[Contact],
    plan: Plan,
    reached: Reached,
) -> dict[str, object]:
    """Return a record of JSON types."""
    return {
        "version": VERSION,
        "phase": plan.phase.value,
        "cut_percent": plan.cut_percent,
        "without_full_s": plan.without_full_s,
        "due": plan.due,
        "at_target": reached.target,
        "at_reserve": reached.reserve,
        "packs": {
            name: {
                "conductance": conductance,
                "resistance_ohm": contact.resistance_ohm,
                "extra_ohm": contact.extra_ohm,
                "usual_ohm": contact.usual_ohm,
                "steps": contact.steps,
            }
            for name, conductance, contact in zip(names, conductances, contacts, strict=True)
        },
    }


def read(record: Mapping[str, object], names: Sequence[str], off_for_s: float | None) -> Kept:
    """Return what a record says of these packs; one that it does not know starts afresh.

    ValueError, with what is wrong, for a record that cannot be used. An unknown time off counts
    as none: a full charge may come a little later for it.
    """
    version = record.get("version")
    if isinstance(version, bool) or version != VERSION:
        raise ValueError(f"its version is {version!r}, this program reads {VERSION}")
    packs = record.get("packs")
    if not isinstance(packs, Mapping):
        raise ValueError("packs is damaged")  # noqa: TRY004  # a bad record, not a bad call
    rows = [_pack(packs.get(name)) for name in names]
    try:
        phase = ChargePhase(record.get("phase"))
    except ValueError as error:
        raise ValueError("phase is damaged") from error
    cut = record.get("cut_percent")
    return Kept(
        conductances=tuple(row[0] for row in rows),
        contacts=tuple(row[1] for row in rows),
        plan=Plan(
            phase=ChargePhase.BULK if phase is ChargePhase.BLOCKED else phase,
            cut_percent=None if cut is None else number(record, "cut_percent", 0.0, 100.0),
            without_full_s=number(record, "without_full_s", 0.0, _WITHOUT)
            + max(off_for_s or 0.0, 0.0),
            due=record.get("due") is True,
        ),
        reached=Reached(record.get("at_target") is True, record.get("at_reserve") is True),
    )


def _pack(row: object) -> tuple[float, Contact]:
    if not isinstance(row, Mapping):
        return 1.0, UNKNOWN
    return (
        number(row, "conductance", 0.0, 1e6),
        Contact(
            resistance_ohm=_maybe(row, "resistance_ohm"),
            extra_ohm=_maybe(row, "extra_ohm"),
            usual_ohm=_maybe(row, "usual_ohm"),
            steps=int(number(row, "steps", 0.0, 1e12)),
        ),
    )


def _maybe(row: Mapping[str, object], key: str) -> float | None:
    return None if row.get(key) is None else number(row, key, -1e6, 1e6)
