"""From one look to the next: what the statistics take from a pack's state.

Everything here costs a bounded number of operations and looks only at believed values, as the
engine gave them.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

from cellwarden.diagnosis.facts import InverseCurve, PackFacts
from cellwarden.diagnosis.memory import (
    HIGH,
    LOW,
    MIDDLE,
    Begin,
    Full,
    Heat,
    PackStats,
    Region,
    Sample,
    Track,
)
from cellwarden.diagnosis.statistics import Line, Loads, keeping
from cellwarden.model import PackPhase, PackState, Reading

# All numbers here are ours.
GAP_S = 65.0
"""Two looks further apart than this are not compared: a load step is not a step any more."""
RAMP_S = 60.0
"""A load step may take this long."""
STEP_C = 0.008
"""A change of the current below this many C tells nothing of a resistance."""
POLARISATION_S = 90.0
"""How slowly a large cell's polarisation follows the current."""
POLARISATION_PART = 1.0
"""Polarisation resistance, of the ohmic one."""
ACTIVATION_K = 2500.0
"""A cell's resistance doubles from 25 to 0 °C."""
BLOCK_C2, LASTING_C2 = 0.08, 3.0
"""A block is full after load steps of so many C squared, a day or two of a quiet house; of older
ones half is forgotten after so many. A week of rest forgets nothing."""
MISMATCH_S = 3600.0
REST_C = 0.05
"""Below this rate a cell's voltage is taken for its relaxed one."""
REGION_EVERY_S = 1800.0
REGION_KEEP_S = 12 * 86_400.0
READ_V = 0.003
"""What a relaxed voltage is off by: reading, hysteresis, and what has not settled."""
SURE_PERCENT = 2.0
"""A voltage that is worth less than this many % of SoC is looked at, else it tells too little."""
FLAT_BOUNDS, STEEP_BOUNDS = (20.0, 90.0), (40.0, 80.0)
"""Where nearly empty ends and nearly full begins, in %, of a flat and of a steep chemistry."""
TAKEN_PERCENT = 55.0
"""A capacity is counted from full down to nearly empty, over at least this much."""
LEAD_V = 0.03
"""A step of a cell when the balancer changes: below this it may be the cell itself."""
REBOOTS_KEPT = 20
FULLS_KEPT = 10
DAY_S = 86_400.0


def observe(
    stats: PackStats, facts: PackFacts, inverse: InverseCurve, state: PackState, now_s: float
) -> PackStats:
    """Return the statistics after one more look at a pack."""
    reading = state.reading
    if state.phase is not PackPhase.ONLINE or reading is None:
        return stats._replace(last=None, heat=None)
    heater_on = reading.heating if state.heating is None else state.heating.active
    stats = _devices(stats, reading, heater_on, now_s)
    sample = _sample(reading, state, now_s)
    if sample is None:
        return stats._replace(last=None)
    last = stats.last
    if last is not None and 0.0 < now_s - last.at_s <= GAP_S:
        stats = _between(stats, facts, last, sample)
    else:
        stats = stats._replace(slow_a=sample.current_a, begin=None)
    stats = _voltage(stats, reading, sample)
    stats = _charge(stats, facts, inverse, state, sample)
    stats = _region(stats, facts, inverse, sample)
    return stats._replace(last=sample)


def told_cells(state: PackState) -> tuple[float | None, ...]:
    """Return every cell's voltage as the BMS told it, whether the engine believed it or not."""
    reading = state.reading
    told = list(reading.cell_voltages_v) if reading is not None else []
    for doubted in state.quarantined:
        words = doubted.what.split()
        if len(words) > 1 and words[0] == "cell" and words[1].isdigit():
            n = int(words[1]) - 1
            if 0 <= n < len(told) and doubted.measured is not None:
                told[n] = doubted.measured
    return tuple(told)


def median(values: Sequence[float]) -> float:
    """Return the middle value, of an even count the lower of the two; 0 of none."""
    return sorted(values)[(len(values) - 1) // 2] if values else 0.0


def cell_factor(temperature_c: float | None) -> float:
    """Return a cell's resistance at a temperature, of that at 25 °C."""
    if temperature_c is None:
        return 1.0
    return math.exp(ACTIVATION_K * (1 / (temperature_c + 273.15) - 1 / 298.15))  # Arrhenius


def _sample(reading: Reading, state: PackState, now_s: float) -> Sample | None:
    """Return what is needed of a reading; None unless current and every cell are known."""
    cells = reading.cell_voltages_v
    if reading.current_a is None or not cells or None in cells:
        return None
    known: tuple[float, ...] = cells  # type: ignore[assignment]  # no None inside
    sensors = [t for t in reading.temperatures_c if t is not None]
    told_a = reading.balance_current_a or 0.0
    balancing = bool(reading.balancing)
    cell = -1
    if balancing and told_a and state.balancing is not None:
        cell = (state.balancing.giving if told_a < 0 else state.balancing.taking) or 0
        cell -= 1
    if balancing and told_a and cell < 0:  # R29: the highest gives, the lowest takes
        cell = known.index(max(known) if told_a < 0 else min(known))
    return Sample(
        now_s,
        reading.current_a,
        known,
        told_cells(state) if state.quarantined else known,
        median(known),
        balancing,
        told_a if balancing else 0.0,
        cell,
        sum(sensors) / len(sensors) if sensors else None,
    )


def _between(stats: PackStats, facts: PackFacts, last: Sample, now: Sample) -> PackStats:
    """Return the statistics after what happened between two looks."""
    passed_s = now.at_s - last.at_s
    slow_a = now.current_a + (stats.slow_a - now.current_a) * keeping(
        passed_s, POLARISATION_S * 0.693
    )
    stats = _load_step(stats._replace(slow_a=slow_a), facts, now)
    wires = stats.wires
    quiet = abs(now.current_a - last.current_a) < STEP_C * facts.capacity_ah
    if quiet and len(now.told_v) == len(last.told_v):
        wires = _wires(wires, last, now)
    hours = passed_s / 3600.0
    balance_ah = stats.balance_ah
    if len(balance_ah) != len(now.cells_v):
        balance_ah = (0.0,) * len(now.cells_v)
    if now.balanced >= 0:
        given = list(balance_ah)
        given[now.balanced] += now.balance_a * hours
        balance_ah = tuple(given)
    mean_a = 0.5 * (now.current_a + last.current_a)
    return stats._replace(
        wires=wires,
        balance_ah=balance_ah,
        balancing_s=stats.balancing_s + (passed_s if now.balancing else 0.0),
        seen_s=stats.seen_s + passed_s,
        net_ah=stats.net_ah + mean_a * hours,
        moved_ah=stats.moved_ah + abs(mean_a) * hours,
    )


def _load_step(stats: PackStats, facts: PackFacts, now: Sample) -> PackStats:
    """Take a change of the current since the last one that was looked at, quick or over a minute.

    While the balancer works its own drops are in the voltages: nothing is taken then.
    """
    begin = stats.begin
    if now.balancing or begin is None or len(begin.sample.cells_v) != len(now.cells_v):
        return stats._replace(begin=None if now.balancing else Begin(now, stats.slow_a))
    before = begin.sample
    step_a = now.current_a - before.current_a
    if abs(step_a) < STEP_C * facts.capacity_ah:
        old = now.at_s - before.at_s > RAMP_S
        return stats._replace(begin=Begin(now, stats.slow_a)) if old else stats
    factor = cell_factor(now.temperature_c)
    as_cell = factor * (step_a + POLARISATION_PART * (stats.slow_a - begin.slow_a))
    moved_v = now.middle_v - before.middle_v
    above = tuple([v - w - moved_v for v, w in zip(now.cells_v, before.cells_v, strict=True)])
    block = stats.block.add(as_cell, step_a, moved_v, above)
    stats = stats._replace(begin=Begin(now, stats.slow_a), block=block)
    if block.bb < BLOCK_C2 * facts.capacity_ah**2:
        return stats
    return stats._replace(
        block=Loads(),
        closed=block,
        lasting=stats.lasting.plus(stats.closed, keeping(BLOCK_C2, LASTING_C2)),
    )


def _wires(wires: tuple[Line, ...], last: Sample, now: Sample) -> tuple[Line, ...]:
    """Return the leads' sums after the balancer changed what it does (R31).

    Lead n, on the plus of cell n, carries what flows into cell n minus what flows into the next.
    Its drop is added to cell n's reading and taken from that of the next: opposite steps of
    neighbours, which nothing else makes. Which cell the balancer works on need not be known, and
    cannot be read off voltages that its own drops have changed.
    """
    if last.balanced == now.balanced and last.balance_a == now.balance_a:
        return wires
    count, amps = len(now.cells_v), max(abs(last.balance_a), abs(now.balance_a))
    if len(wires) != count - 1:
        wires = (Line(),) * (count - 1)
    step_v = [
        None if v is None or w is None else v - w
        for v, w in zip(now.told_v, last.told_v, strict=True)
    ]
    after = list(wires)
    for n, (lower, upper) in enumerate(pairwise(step_v)):
        if lower is None or upper is None:
            continue
        apart_v = 0.5 * abs(lower - upper)
        if amps > 0.0 and apart_v >= LEAD_V and abs(lower + upper) < 0.4 * apart_v:
            after[n] = after[n].add(0.0, apart_v / amps, 0.99)
    return tuple(after)


def _voltage(stats: PackStats, reading: Reading, sample: Sample) -> PackStats:
    if reading.voltage_v is None:
        return stats
    passed_s = sample.at_s - stats.last.at_s if stats.last is not None else MISMATCH_S
    away_v = reading.voltage_v - sum(sample.cells_v)
    keep = keeping(passed_s, MISMATCH_S)
    return stats._replace(mismatch=stats.mismatch.add(sample.current_a, away_v, keep))


def _charge(
    stats: PackStats,
    facts: PackFacts,
    inverse: InverseCurve,
    state: PackState,
    sample: Sample,
) -> PackStats:
    """Note a full charge, and the current that is shown while none can flow."""
    reading = state.reading
    assert reading is not None
    if reading.charge_fet_on is False and reading.discharge_fet_on is False:
        stats = stats._replace(resting=stats.resting.add(0.0, sample.current_a, 0.999))
    tail_a = facts.kind.full_current_c * facts.capacity_ah
    top_v = facts.parameters.charge_voltage_v - 0.01
    full = max(sample.cells_v) >= top_v and 0.0 <= sample.current_a <= tail_a
    if full:
        stats = stats._replace(full_percent=inverse.soc(sample.middle_v)[0])
    if full and not stats.was_full:
        fulls = stats.fulls
        if stats.full_s is not None and stats.moved_ah > 0.3 * facts.capacity_ah:
            days = (sample.at_s - stats.full_s) / DAY_S
            fulls = (*fulls, Full(days, stats.net_ah, stats.moved_ah))[-FULLS_KEPT:]
        return stats._replace(
            was_full=True, full_s=sample.at_s, fulls=fulls, net_ah=0.0, moved_ah=0.0
        )
    # Armed again once a tenth was taken out, so that a float is one full charge (R33).
    if stats.was_full and stats.net_ah < -0.1 * facts.capacity_ah:
        return stats._replace(was_full=False)
    return stats


def _region(stats: PackStats, facts: PackFacts, inverse: InverseCurve, sample: Sample) -> PackStats:
    """Take how far the cells are apart in charge, where their voltage tells it."""
    rest_a = REST_C * facts.capacity_ah
    if abs(sample.current_a) > rest_a or abs(stats.slow_a) > rest_a or sample.balancing:
        return stats
    found = _charges(facts, inverse, sample)
    if found is None:
        return stats
    which, middle, charges = found
    region = stats.regions[which]
    if region.last_s is not None and sample.at_s - region.last_s < REGION_EVERY_S:
        return stats
    passed_s = 0.0 if region.last_s is None else sample.at_s - region.last_s
    keep = keeping(passed_s, REGION_KEEP_S)
    days = (sample.at_s - stats.origin_s) / DAY_S
    cells = region.cells
    count = len(sample.cells_v)
    if len(cells) != count:
        cells = (Line(),) * count
    given = stats.balance_ah if len(stats.balance_ah) == count else (0.0,) * count
    given_middle = median(given)
    apart = [charge - middle for charge in charges]
    after = tuple(
        [
            line.add(days, off - 100.0 * (ah - given_middle) / facts.capacity_ah, keep)
            for line, off, ah in zip(cells, apart, given, strict=True)
        ]
    )
    taken = stats.full_percent - middle
    if which == LOW and stats.full_s is not None and taken > TAKEN_PERCENT:
        counted_ah = -stats.net_ah * 100.0 / taken
        stats = stats._replace(capacity=stats.capacity.add(0.0, counted_ah, 0.97))
    regions = list(stats.regions)
    regions[which] = Region(sample.at_s, region.middle_percent.add(0.0, middle, keep), after)
    spread = stats.spread
    if which == HIGH:
        spread = spread.add(days, max(apart) - min(apart), keeping(passed_s, 5 * DAY_S))
    return stats._replace(regions=(regions[0], regions[1], regions[2]), spread=spread)


def _charges(
    facts: PackFacts, inverse: InverseCurve, sample: Sample
) -> tuple[int, float, list[float]] | None:
    """Return the part of the charge, the middle cell's SoC in % and every cell's; None if unknown.

    On a flat curve a voltage tells no more than that a cell is not at an end. Where an outer cell
    is at an end, the others count as having just left theirs: cells are then apart by at least
    what is found.
    """
    middle, per_volt = inverse.soc(sample.middle_v)
    flat = facts.kind.flat_percent
    low, high = STEEP_BOUNDS if flat is None else FLAT_BOUNDS
    if per_volt * READ_V <= SURE_PERCENT:
        which = LOW if middle < low else HIGH if middle > high else MIDDLE
    elif flat is None:
        return None
    elif inverse.soc(min(sample.cells_v))[0] < low / 2:
        which = LOW
    elif inverse.soc(max(sample.cells_v))[0] > 0.5 * (100.0 + flat[1]):
        which = HIGH
    else:
        return None
    charges = [inverse.soc(v)[0] for v in sample.cells_v]
    if flat is not None and which == LOW:
        charges, middle = [min(c, flat[0]) for c in charges], min(middle, flat[0])
    elif flat is not None and which == HIGH:
        charges, middle = [max(c, flat[1]) for c in charges], max(middle, flat[1])
    return which, middle, charges


def _devices(stats: PackStats, reading: Reading, heater_on: bool | None, now_s: float) -> PackStats:
    """Take what the BMS tells of itself: runtime, sensors; and the heater, by BMS or relay."""
    runtime_s, reboots = reading.runtime_s, stats.reboots_s
    if runtime_s is not None:
        if stats.runtime_s is not None and runtime_s < stats.runtime_s - 60.0:
            reboots = (*reboots, now_s)[-REBOOTS_KEPT:]
    else:
        runtime_s = stats.runtime_s
    return stats._replace(
        runtime_s=runtime_s,
        reboots_s=reboots,
        sensors=_sensors(stats.sensors, reading, now_s),
        frozen=_frozen(stats.frozen, reading, now_s),
        heat=_heat(stats, reading, heater_on, now_s),
    )


def _sensors(
    tracks: tuple[Track | None, ...], reading: Reading, now_s: float
) -> tuple[Track | None, ...]:
    values = reading.temperatures_c
    if not values:
        return ()
    after: list[Track | None] = []
    everything = [*values, reading.mos_temperature_c]
    for n, value in enumerate(values):
        others = [t for m, t in enumerate(everything) if m != n and t is not None]
        before = tracks[n] if n < len(tracks) else None
        if value is None or not others:
            after.append(None)
            continue
        mean_c = sum(others) / len(others)
        if before is None or before.value != value:
            after.append(Track(value, now_s, mean_c, mean_c))
        else:
            after.append(
                Track(value, before.since_s, min(before.low, mean_c), max(before.high, mean_c))
            )
    return tuple(after)


def _frozen(track: Track | None, reading: Reading, now_s: float) -> Track | None:
    cells, current_a = reading.cell_voltages_v, reading.current_a
    if not cells or None in cells or current_a is None:
        return None
    total = sum(v * (n + 1) for n, v in enumerate(cells) if v is not None)
    if track is None or track.value != total:
        return Track(total, now_s, current_a, current_a)
    return Track(total, track.since_s, min(track.low, current_a), max(track.high, current_a))


def _heat(stats: PackStats, reading: Reading, on: bool | None, now_s: float) -> Heat | None:
    known = [t for t in reading.temperatures_c if t is not None]
    if on is None or not known:
        return None
    coldest_c = min(known)
    before = stats.heat
    if before is not None and before.on == on:
        return before._replace(highest_c=max(before.highest_c, coldest_c))
    step_a = None
    if before is not None and stats.last is not None and reading.current_a is not None:
        step_a = reading.current_a - stats.last.current_a
    return Heat(on, now_s, coldest_c, step_a, coldest_c)
