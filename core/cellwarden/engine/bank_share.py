"""How packs in parallel share a current, as they show it themselves.

Each pack carries `share x total + offset`. The share is what it takes of a *change* of the total:
its conductance, cables and contacts included, of all conductances. The offset is what it carries
besides, because its cells stand a little higher or lower: it moves within minutes as charge moves.

Shares are learned from load steps: the difference between two settled moments, so that packs which
are not read in the same instant do not spoil it. Until there were enough of them, sizes stand in.
Offsets follow settled moments, and at once what two moments in a row show.
"""

from collections.abc import Sequence
from typing import NamedTuple

STEP_C = 0.02
"""A change of the total by this many C teaches (ours)."""
SETTLED_C = 0.01
"""Two totals in a row that differ by less, in C, are a settled moment (ours)."""
ANCHOR_S = 30.0
"""Longest time between two settled moments that are compared; after it charge has moved (ours)."""
PRIOR_C = 0.02
"""The sizes count as much as one load step of this many C (ours)."""
FORGET = 0.9
"""Weight that older steps keep at each new one: about ten count (ours)."""
OFFSET_PART = 0.3
"""Of a new offset, so much is taken at once (ours)."""
NEWS_C = 0.003
"""An offset that moved by less, in C of its pack, is no news (ours)."""
PROVEN = 4.0
"""Evidence, in multiples of what the sizes weigh, from which on the shares are known (ours)."""


class Shares(NamedTuple):
    """What is known of the sharing among one set of packs."""

    places: tuple[int, ...]
    """Which packs of the bank these are."""
    shares: tuple[float, ...]
    """Of each of them; they sum up to 1."""
    offsets_a: tuple[float, ...]
    proven: bool
    sizes_ah: tuple[float, ...]
    prior: tuple[float, ...]
    """Shares before the first step in this set."""
    seen_a2: float = 0.0
    """Sum of the squares of the steps seen, older ones forgotten."""
    carried_a2: tuple[float, ...] = ()
    """Of each pack, the sum of its steps times the total's."""
    anchor: tuple[float, tuple[float, ...], tuple[float, ...]] | None = None
    """The last settled moment: when in s, currents in A, voltages in V."""
    total_a: float | None = None
    """Of the step before."""
    raw_a: tuple[float, ...] = ()
    """The offsets as they showed in the moment before."""
    offset_s: float = float("-inf")
    """When the offsets were last taken."""
    offset_total_a: float = 0.0
    """The total at which they were taken."""
    step: "LoadStep | None" = None
    """The newest load step that taught something."""


class LoadStep(NamedTuple):
    """How currents and voltages of the packs changed in one load step."""

    at_s: float
    total_a: float
    currents_a: tuple[float, ...]
    voltages_v: tuple[float, ...]


def begin(
    places: tuple[int, ...],
    sizes_ah: Sequence[float],
    conductances: Sequence[float],
    before: Shares | None = None,
) -> Shares:
    """Return what is known of a new set of packs.

    `conductances` are those of all packs per Ah, as seen so far; `before` is the set before, whose
    offsets are kept.
    """
    offset_of: dict[int, float] = {}
    if before is not None:
        offset_of = dict(zip(before.places, before.offsets_a, strict=True))
    sizes = tuple(sizes_ah[n] for n in places)
    weights = [sizes_ah[n] * conductances[n] for n in places]
    total = sum(weights)
    shares = tuple(w / total for w in weights) if total else tuple(1 / len(sizes) for _ in sizes)
    return Shares(
        places=places,
        shares=shares,
        offsets_a=tuple(offset_of.get(n, 0.0) for n in places),
        proven=len(places) < 2,
        sizes_ah=sizes,
        prior=shares,
        carried_a2=(0.0,) * len(places),
    )


def conductances(known: Shares, before: tuple[float, ...]) -> tuple[float, ...]:
    """Return every pack's conductance per Ah (1 is usual) with what a set has shown."""
    after = list(before)
    size_ah = sum(known.sizes_ah)
    scale = (
        sum(before[n] * ah for n, ah in zip(known.places, known.sizes_ah, strict=True)) / size_ah
    )
    for n, share, ah in zip(known.places, known.shares, known.sizes_ah, strict=True):
        after[n] = scale * share * size_ah / ah
    return tuple(after)


def hear(
    known: Shares, currents_a: tuple[float, ...], voltages_v: tuple[float, ...], now_s: float
) -> Shares:
    """Return what is known after one more moment; `shares` and `offsets_a` are kept if no news."""
    if len(currents_a) < 2:
        return known
    total_a = sum(currents_a)
    size_ah = sum(known.sizes_ah)
    before_a = known.total_a
    settled = before_a is not None and abs(total_a - before_a) < SETTLED_C * size_ah
    known = known._replace(total_a=total_a)
    if settled:
        known = _step(known, currents_a, voltages_v, total_a, now_s)
    return _offsets(known, currents_a, total_a, now_s, settled=settled)


def _step(
    known: Shares,
    currents_a: tuple[float, ...],
    voltages_v: tuple[float, ...],
    total_a: float,
    now_s: float,
) -> Shares:
    anchor = known.anchor
    moment = (now_s, currents_a, voltages_v)
    if anchor is None or now_s - anchor[0] > ANCHOR_S:
        return known._replace(anchor=moment)
    step_a = total_a - sum(anchor[1])
    size_ah = sum(known.sizes_ah)
    if abs(step_a) < STEP_C * size_ah:
        # An anchor that moves along keeps what crept out of the next step.
        return known._replace(anchor=moment)
    steps = tuple(a - b for a, b in zip(currents_a, anchor[1], strict=True))
    seen = FORGET * known.seen_a2 + step_a * step_a
    carried = tuple(FORGET * s + step_a * d for s, d in zip(known.carried_a2, steps, strict=True))
    prior_a2 = (PRIOR_C * size_ah) ** 2
    shares = [
        max((prior_a2 * p + s) / (prior_a2 + seen), 0.0)
        for p, s in zip(known.prior, carried, strict=True)
    ]
    total = sum(shares)
    volts = tuple(a - b for a, b in zip(voltages_v, anchor[2], strict=True))
    return known._replace(
        shares=tuple(s / total for s in shares),
        proven=known.proven or seen >= PROVEN * prior_a2,
        seen_a2=seen,
        carried_a2=carried,
        anchor=moment,
        step=LoadStep(now_s, step_a, steps, volts),
    )


def _offsets(
    known: Shares, currents_a: tuple[float, ...], total_a: float, now_s: float, *, settled: bool
) -> Shares:
    """Return what is known with the offsets of this moment.

    A settled moment moves them part of the way. Two moments in a row that agree on a side move
    them at once to the nearer of both: a pack that carries more than it should is not waited for,
    and a pack that was read before the others' load step does not count.
    """
    part = 0.0
    if settled:
        part = OFFSET_PART if known.offset_s > float("-inf") else 1.0
    news = False
    offsets, raws = [], []
    for share, current_a, old_a, last_a, ah in zip(
        known.shares,
        currents_a,
        known.offsets_a,
        known.raw_a or known.offsets_a,
        known.sizes_ah,
        strict=True,
    ):
        raw_a = current_a - share * total_a
        new_a = old_a + part * (raw_a - old_a)
        if raw_a > old_a and last_a > old_a:
            new_a = max(new_a, min(raw_a, last_a))
        elif raw_a < old_a and last_a < old_a:
            new_a = min(new_a, max(raw_a, last_a))
        news = news or abs(new_a - old_a) > NEWS_C * ah
        offsets.append(new_a)
        raws.append(raw_a)
    known = known._replace(raw_a=tuple(raws))
    if settled:
        known = known._replace(offset_s=now_s)
    if not news:
        return known
    return known._replace(offsets_a=tuple(offsets), offset_total_a=total_a)
