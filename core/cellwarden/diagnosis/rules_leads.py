"""Balance leads: high resistance, open, swapped; a cell that is lost (codes 8 and 9)."""

from collections.abc import Iterator
from itertools import pairwise

from cellwarden.diagnosis import procedures
from cellwarden.diagnosis.observe import median
from cellwarden.diagnosis.rule import Clue, Look, Rule, by_size
from cellwarden.model import AlarmKind, AlarmSource, Urgency

# R31 (ours): warn at twice the pack's median or 150 mΩ, lock at three times the median and 200 mΩ.
# Captures of whole packs have all their leads at 60 to 160 mΩ: 150 mΩ alone says nothing, so the
# lead must stand out of its pack as well.
WARN_TIMES, WARN_OHM = 2.0, 0.15
STANDS_OUT = 1.4
LOCK_TIMES, LOCK_OHM = 3.0, 0.2
LEARNED_OHM = 0.06
"""From steps a lead is known less well."""
LEAST_OHM = 0.05
"""Below this a lead is good, whatever the others are (ours)."""
LEAST_STEPS = 10.0
"""Opposite steps of two neighbours that are needed."""
APART_V = 0.15
PAIR_PART = 0.12
"""Of the distance of the two cells, by which their sum may be off (ours)."""


def _resistance(look: Look) -> Iterator[Clue]:
    told = look.reading.wire_resistances_ohm
    learned = _learned(look)
    known = [ohm for ohm in told if ohm is not None]
    middle = median(known)
    for n, ohm in enumerate(told):
        if ohm is None:
            continue
        second = learned.get(n + 1)
        high = ohm >= WARN_OHM and ohm >= STANDS_OUT * middle
        if high or ohm >= max(LEAST_OHM, WARN_TIMES * middle):
            locks = ohm >= LOCK_OHM and ohm >= LOCK_TIMES * middle
            text = f"the BMS measures {_mohm(ohm)}, the middle of all leads is {_mohm(middle)}"
            sure = 0.75 if locks else 0.65
            if second is not None and second > 0.4 * ohm:
                text += f"; the balance current shows {_mohm(second)} too"
                sure = 0.95
            yield _lead(n + 1, ohm, text, sure)
    if not known:
        for wire, ohm in learned.items():
            if ohm >= LEARNED_OHM:
                text = (
                    f"cells {wire} and {wire + 1} stepped apart {look.stats.wires[wire - 1].n:.0f}"
                    f" times when the balancer changed, by {_mohm(ohm)} times its current"
                )
                yield _lead(wire, ohm, text, 0.8)
    if look.has_alarm(AlarmKind.BALANCE_WIRE) and not any(
        ohm is not None and ohm >= WARN_OHM for ohm in told
    ):
        yield Clue(
            "a balance lead has a high resistance", "the BMS's own alarm", 0.85, Urgency.SOON
        )


def _lead(wire: int, ohm: float, evidence: str, confidence: float) -> Clue:
    return Clue(
        f"balance lead {wire} has a high resistance: clean or crimp its contact anew",
        evidence,
        confidence,
        by_size(ohm, LOCK_OHM, 2.0),
        f"wire {wire}",
    )


def _learned(look: Look) -> dict[int, float]:
    """Return ohm by lead number, from how neighbours step when the balancer does."""
    return {n + 1: line.mean for n, line in enumerate(look.stats.wires) if line.n >= LEAST_STEPS}


def _open(look: Look) -> Iterator[Clue]:
    cells = look.told_cells()
    known = [v for v in cells if v is not None]
    if len(known) < 4:
        return
    middle = median(known)
    last = look.stats.last
    worked_on = last.balanced if last is not None else -1
    for n, (lower, upper) in enumerate(pairwise(cells)):
        if lower is None or upper is None:
            continue
        if worked_on >= 0 and n - 1 <= worked_on <= n + 2:
            continue  # the balancer's own drop on a bad lead looks the same
        off, next_off = lower - middle, upper - middle
        apart = abs(off - next_off)
        if min(abs(off), abs(next_off)) < APART_V or abs(off + next_off) > PAIR_PART * apart:
            continue
        if _swapped_at(cells, middle, n) or _swapped_at(cells, middle, n + 1):
            continue
        yield Clue(
            f"balance lead {n + 1} is open: look at its plug, crimp and screw",
            f"cell {n + 1} shows {lower:.3f} V and cell {n + 2} {upper:.3f} V, their mean"
            f" {(lower + upper) / 2:.3f} V is that of the others, {middle:.3f} V",
            0.9,
            Urgency.NOW,
            f"wire {n + 1}",
        )


def _swapped_at(cells: tuple[float | None, ...], middle: float, n: int) -> bool:
    """Return whether cell n, from 0, reads nothing and a neighbour reads two cells (R39)."""
    value = cells[n]
    if value is None or value > 0.15 * middle:
        return False
    sides = [cells[m] for m in (n - 1, n + 1) if 0 <= m < len(cells)]
    return any(side is not None and 1.7 * middle < side < 2.3 * middle for side in sides)


def _swapped(look: Look) -> Iterator[Clue]:
    cells = look.told_cells()
    known = [v for v in cells if v is not None]
    middle = median(known)
    if len(known) < 4 or middle <= 0:
        return
    for n, value in enumerate(cells):
        if value is None or not _swapped_at(cells, middle, n):
            continue
        doubles = [
            f"cell {m + 1} {side:.3f} V"
            for m in (n - 1, n + 1)
            if 0 <= m < len(cells) and (side := cells[m]) is not None and side > 1.7 * middle
        ]
        yield Clue(
            f"balance leads {n} and {n + 1} are swapped: unplug now and check every lead with a"
            " meter",
            f"cell {n + 1} shows {value:.3f} V while {' and '.join(doubles)} read like two cells",
            0.93,
            Urgency.NOW,
            f"wire {n}",
        )


def _dropped(look: Look) -> Iterator[Clue]:
    cells = look.told_cells()
    known = [v for v in cells if v is not None]
    middle = median(known)
    if len(known) < 4:
        return
    for n, value in enumerate(cells):
        if value is None or value >= 1.0 or _swapped_at(cells, middle, n):
            continue
        sides = [cells[m] for m in (n - 1, n + 1) if 0 <= m < len(cells)]
        if any(side is not None and abs(side - middle) > APART_V for side in sides):
            continue  # its neighbour has what it lacks: an open lead
        yield Clue(
            f"cell {n + 1} is lost: shorted, or both of its leads are off",
            f"it shows {value:.3f} V while its neighbours are as the others, {middle:.3f} V",
            0.85,
            Urgency.NOW,
            f"cell {n + 1}",
        )
    for alarm in look.state.alarms:
        if alarm.kind is AlarmKind.BALANCE_WIRE_OPEN and alarm.source is AlarmSource.DEVICE:
            yield Clue("a cell or its lead is lost", "the BMS's own alarm", 0.8, Urgency.NOW)


def _mohm(ohm: float) -> str:
    return f"{1000 * ohm:.0f} mΩ" if ohm < 10 else f"{ohm:.0f} Ω"


RULES: tuple[Rule, ...] = (
    Rule(
        code="balance-lead-resistance",
        means="a balance lead has a high resistance",
        rests_on="the lead resistances the BMS measures: from 50 mΩ, above twice the median, or"
        f" from 150 mΩ and {STANDS_OUT:g} times it (R31); and the opposite steps of its"
        f" two cells when the balance current changes, in {LEAST_STEPS:g} steps",
        found_within="1 min where the BMS measures leads, else 2 h of balancing",
        procedure=procedures.BALANCE_LEAD,
        find=_resistance,
        hold_s=30.0,
        manual_code=8,
    ),
    Rule(
        code="balance-lead-open",
        means="a balance lead is open",
        rests_on=f"two neighbours more than {1000 * APART_V:g} mV off in opposite directions, their"
        " mean right (F6)",
        found_within="1 min",
        procedure=procedures.BALANCE_LEAD,
        find=_open,
        hold_s=20.0,
        manual_code=9,
    ),
    Rule(
        code="balance-leads-swapped",
        means="two balance leads are swapped",
        rests_on="a cell near or below 0 V beside one that reads like two (F7)",
        found_within="1 min",
        procedure=procedures.LEADS_SWAPPED,
        find=_swapped,
        hold_s=20.0,
        manual_code=9,
    ),
    Rule(
        code="dropped-string",
        means="a cell is lost",
        rests_on="a cell below 1 V while both neighbours read right; the BMS's own alarm",
        found_within="1 min",
        procedure=procedures.CELL_COUNT_DIFFERS,
        find=_dropped,
        hold_s=20.0,
        manual_code=9,
    ),
)
