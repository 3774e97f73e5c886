"""How packs in parallel share a current, as they show it themselves.

Each pack carries `share x total + offset`. The share is what it takes of a *change* of the total:
its conductance, cables and contacts included, of all conductances. The offset is what it carries
besides, because its cells stand a little higher or lower: it moves within minutes as charge moves.

Shares are learned from load steps: the difference between two settled moments, so that packs which
are not read in the same instant do not spoil it. Until there were enough of them, sizes stand in,
and each pack may conduct better, the others worse, than their sizes say: that is its `doubt`, and
it fades as steps are seen. Offsets follow settled moments, and at once what two moments in a row
show; where a pack takes over more and more, its `lead` says how much more by the next decision.
"""

import math
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
MORE_C = 0.0002
"""The same where the pack carries more: a BMS trips at its limit, not a little above it (ours)."""
SETTLING_S = 30.0
"""So long after packs came or went, charge moves between them and load steps mislead (ours)."""
CALM_PART = 0.05
"""The same as long as a lead is more than this part of the step (ours)."""
PIVOT_C = 0.02
"""So much more, in C, may flow until it counts as seen (ours)."""
PROVEN = 4.0
"""Evidence, in multiples of what the sizes weigh, from which on the shares are known (ours)."""
SURE_DOUBT = 0.01
"""What is left of the doubt once it counts no more (ours)."""
AHEAD_STEPS = 2.0
"""What a pack takes over in so many steps is counted on: one until the inverter obeys, one until
that is read (ours)."""
DRIFT_C = 0.001
"""A drift of less a step, in C, is noise (ours)."""
DRIFT_PART = 0.4
"""Of a new drift, so much is taken at once (ours)."""


class Shares(NamedTuple):
    """What is known of the sharing among one set of packs."""

    places: tuple[int, ...]
    """Which packs of the bank these are."""
    shares: tuple[float, ...]
    """Of each of them; they sum up to 1."""
    offsets_a: tuple[float, ...]
    proven: bool
    """Enough steps were seen to tell what is wrong with a pack."""
    sizes_ah: tuple[float, ...]
    prior: tuple[float, ...]
    """Shares before the first step in this set."""
    strangeness: tuple[float, ...]
    """By how much each may have more than its share in `prior`."""
    doubts: tuple[float, ...]
    """The same of `shares`: it fades with the steps seen."""
    leads_a: tuple[float, ...]
    """What each takes over until the next decision is obeyed, positive while charging."""
    settles: bool = False
    """Packs came or went: at first charge moves between them."""
    since_s: float | None = None
    """Of the first moment of this set."""
    sure: bool = False
    """Nothing is in doubt any more."""
    pivot_a: float = 0.0
    """The total at which the offsets are known, while the shares are not."""
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
    drifts_a: tuple[float, ...] = ()
    """How fast the offsets move, per step."""
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
    factors: Sequence[float] = (),
) -> Shares:
    """Return what is known of a new set of packs.

    `conductances` are those of all packs per Ah, as seen so far; `before` is the set before, whose
    offsets are kept; `factors` tell how many times what it should each pack of the set may conduct
    beside the others (1: it is known).
    """
    offset_of: dict[int, float] = {}
    if before is not None:
        offset_of = dict(zip(before.places, before.offsets_a, strict=True))
    sizes = tuple(sizes_ah[n] for n in places)
    weights = [sizes_ah[n] * conductances[n] for n in places]
    total = sum(weights)
    shares = tuple(w / total for w in weights) if total else tuple(1 / len(sizes) for _ in sizes)
    spreads = [math.sqrt(f) for f in factors or (1.0,) * len(places)]
    strangeness = _strangeness(shares, spreads)
    return Shares(
        places=places,
        shares=shares,
        offsets_a=tuple(offset_of.get(n, 0.0) for n in places),
        proven=len(places) < 2,
        settles=before is not None and len(before.places) > 0,
        sure=not any(strangeness),
        sizes_ah=sizes,
        prior=shares,
        strangeness=strangeness,
        doubts=strangeness,
        leads_a=(0.0,) * len(places),
        carried_a2=(0.0,) * len(places),
        drifts_a=(0.0,) * len(places),
    )


def _strangeness(shares: Sequence[float], spreads: Sequence[float]) -> tuple[float, ...]:
    """Return how much more each may have, if it conducts so much better and the rest worse."""
    least = [share / spread for share, spread in zip(shares, spreads, strict=True)]
    all_least = sum(least)
    found = []
    for share, spread, low in zip(shares, spreads, least, strict=True):
        high = share * spread
        most = high / (high + all_least - low) if high else 0.0
        found.append(most - share)
    return tuple(found)


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
    """Return what is known after one more moment; tuples are kept while there is no news."""
    if len(currents_a) < 2:
        return known
    total_a = sum(currents_a)
    size_ah = sum(known.sizes_ah)
    before_a = known.total_a
    settled = before_a is not None and abs(total_a - before_a) < SETTLED_C * size_ah
    since_s = known.since_s
    if since_s is None:
        known = known._replace(since_s=now_s)
    elif settled and (not known.settles or now_s - since_s >= SETTLING_S):
        known = _step(known, currents_a, voltages_v, total_a, now_s)
    return _offsets(known, currents_a, total_a, settled=settled)


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
    if max(map(abs, known.leads_a)) > CALM_PART * abs(step_a):
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
    doubt = prior_a2 / (prior_a2 + seen)
    volts = tuple(a - b for a, b in zip(voltages_v, anchor[2], strict=True))
    return known._replace(
        shares=tuple(s / total for s in shares),
        doubts=tuple(doubt * s for s in known.strangeness),
        sure=doubt < SURE_DOUBT,
        proven=known.proven or seen >= PROVEN * prior_a2,
        seen_a2=seen,
        carried_a2=carried,
        anchor=moment,
        step=LoadStep(now_s, step_a, steps, volts),
    )


def _offsets(
    known: Shares, currents_a: tuple[float, ...], total_a: float, *, settled: bool
) -> Shares:
    """Return what is known with the offsets of this moment.

    The first moment makes them. A settled one moves them: at once where a pack carries more of
    what flows, part of the way where it carries less; while the shares are in doubt, any moment
    shows more at once. Two moments in a row that agree on a side move them at once to the nearer
    of both: a pack that was read before the others' load step does not count.
    """
    part = 0.0
    if known.total_a is None:
        part = 1.0  # the first moment of a set is all there is to go by
    elif settled:
        part = OFFSET_PART
    at_once = settled or not known.sure
    sign = 1.0 if total_a >= 0.0 else -1.0
    news = a_little = False
    offsets, raws, drifts, leads = [], [], [], []
    for share, current_a, old_a, last_a, drifted_a, lead_a, ah in zip(
        known.shares,
        currents_a,
        known.offsets_a,
        known.raw_a or known.offsets_a,
        known.drifts_a,
        known.leads_a,
        known.sizes_ah,
        strict=True,
    ):
        raw_a = current_a - share * total_a
        more = sign * (raw_a - old_a) > 0.0
        new_a = raw_a if more and at_once else old_a + part * (raw_a - old_a)
        if raw_a > old_a and last_a > old_a:
            new_a = max(new_a, min(raw_a, last_a))
        elif raw_a < old_a and last_a < old_a:
            new_a = min(new_a, max(raw_a, last_a))
        drift_a = drifted_a
        if settled:
            drift_a += DRIFT_PART * (raw_a - last_a - drifted_a)
        quiet_a = NEWS_C * ah
        ahead_a = AHEAD_STEPS * drift_a if abs(drift_a) > DRIFT_C * ah else 0.0
        news = news or abs(new_a - old_a) > quiet_a or abs(ahead_a - lead_a) > quiet_a
        a_little = a_little or sign * (new_a - old_a) > MORE_C * ah
        offsets.append(new_a)
        raws.append(raw_a)
        drifts.append(drift_a)
        leads.append(ahead_a)
    known = known._replace(
        total_a=total_a,
        raw_a=tuple(raws),
        drifts_a=tuple(drifts),
    )
    pivot_a = known.pivot_a
    # Below it nothing is proven there; a little above it, nothing is lost.
    if not 0.0 <= sign * (total_a - pivot_a) < PIVOT_C * sum(known.sizes_ah):
        pivot_a = total_a
    if news:
        return known._replace(offsets_a=tuple(offsets), leads_a=tuple(leads), pivot_a=pivot_a)
    if a_little:
        held = [
            new if sign * (new - old) > 0.0 else old
            for new, old in zip(offsets, known.offsets_a, strict=True)
        ]
        return known._replace(offsets_a=tuple(held), pivot_a=pivot_a)
    return known if pivot_a == known.pivot_a else known._replace(pivot_a=pivot_a)
