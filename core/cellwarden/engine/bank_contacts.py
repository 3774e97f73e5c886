"""What load steps tell of each pack's resistance, and which pack they leave out.

In a load step all packs see the same change of the bus voltage. What a pack measures at its own
cells is less by what its cables and contacts drop. The pack with the largest own change has the
least drop; against it, the others' extra resistance shows.
"""

from collections.abc import Sequence
from typing import NamedTuple

from cellwarden.engine.bank_settings import BankSettings
from cellwarden.engine.bank_share import LoadStep, Shares
from cellwarden.model import PackState

NEW_PART = 0.2
"""Of a new value, so much is taken: five load steps (ours)."""
LEAST_STEP_C = 0.02
"""A pack whose own current changed by less, in C, tells nothing of its resistance (ours)."""
IDLE_SHARE = 0.15
"""A pack that takes less of a load step than this part of what its size asks for is idle (ours)."""
IDLE_C = 0.004
"""And it carries less than this, in C, ..."""
BUSY_C = 0.05
"""... while all carry more than this (ours)."""
IDLE_S = 60.0
"""For this long (ours)."""


class Contact(NamedTuple):
    """Of one pack, what load steps have shown; averages over some of them."""

    resistance_ohm: float | None = None
    """Cells, board, cables and contacts; at least this, as the best pack's cables are unseen."""
    extra_ohm: float | None = None
    """Of its cables and contacts, beyond those of the pack with the least."""
    usual_ohm: float | None = None
    """What `extra_ohm` was at first: what a worsening contact is compared with."""
    steps: int = 0


UNKNOWN = Contact()
KNOWN_STEPS = 4
"""From so many load steps on, a pack's conductance is known (ours)."""
SETTLE_STEPS = 8
"""So many load steps make the usual resistance (ours)."""


def factor(settings: BankSettings, contact: Contact) -> float:
    """Return how many times what it should a pack may conduct beside others it is new to."""
    known = contact.steps >= KNOWN_STEPS
    return settings.familiar_factor if known else settings.strange_factor


def learn(before: tuple[Contact, ...], known: Shares, step: LoadStep) -> tuple[Contact, ...]:
    """Return what is known of each pack's contact after one more load step."""
    bus_v = max(step.voltages_v, key=abs)
    if bus_v == 0.0 or (bus_v > 0.0) is not (step.total_a > 0.0):
        return before  # voltage and current went apart: not one moment
    after = list(before)
    for n, ah, current_a, voltage_v in zip(
        known.places, known.sizes_ah, step.currents_a, step.voltages_v, strict=True
    ):
        if abs(current_a) < LEAST_STEP_C * ah or (current_a > 0.0) is not (step.total_a > 0.0):
            continue
        old = before[n]
        extra_ohm = _mixed(old.extra_ohm, (bus_v - voltage_v) / current_a)
        after[n] = Contact(
            resistance_ohm=_mixed(old.resistance_ohm, bus_v / current_a),
            extra_ohm=extra_ohm,
            usual_ohm=extra_ohm if old.steps < SETTLE_STEPS else old.usual_ohm,
            steps=old.steps + 1,
        )
    return tuple(after)


def _mixed(old: float | None, new: float) -> float:
    return new if old is None else old + NEW_PART * (new - old)


class Idle(NamedTuple):
    """Packs that current leaves out."""

    places: frozenset[int] = frozenset()
    since: tuple[tuple[int, float], ...] = ()
    """(place, controller time in s) of those that may be."""


NO_IDLE = Idle()


def idle(
    before: Idle,
    known: Shares | None,
    packs: Sequence[PackState],
    sizes_ah: Sequence[float],
    now_s: float,
) -> Idle:
    """Return who is idle now; a pack that carries again is not."""
    places = before.places
    if places:
        places = frozenset(n for n in places if not _carries(packs[n], sizes_ah[n]))
    suspects: list[tuple[int, float]] = []
    if known is not None and known.proven and known.total_a is not None:
        size_ah = sum(known.sizes_ah)
        if abs(known.total_a) > BUSY_C * size_ah:
            since = dict(before.since)
            for n, share, ah in zip(known.places, known.shares, known.sizes_ah, strict=True):
                current_a = _current_a(packs[n])
                if (
                    share < IDLE_SHARE * ah / size_ah
                    and current_a is not None
                    and abs(current_a) < IDLE_C * ah
                ):
                    suspects.append((n, since.get(n, now_s)))
        else:
            suspects = list(before.since)
    ripe = {n for n, since_s in suspects if now_s - since_s >= IDLE_S}
    if ripe and known is not None and len(ripe) < len(known.places):
        places |= ripe
        suspects = [s for s in suspects if s[0] not in ripe]
    if places == before.places and tuple(suspects) == before.since:
        return before
    return Idle(places, tuple(suspects))


def _current_a(pack: PackState) -> float | None:
    return None if pack.reading is None else pack.reading.current_a


def _carries(pack: PackState, size_ah: float) -> bool:
    current_a = _current_a(pack)
    return current_a is not None and abs(current_a) > 2 * IDLE_C * size_ah
