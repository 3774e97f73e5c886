"""Cells and their connections: resistance, capacity, self-discharge."""

import math
from collections.abc import Iterator
from typing import NamedTuple

from cellwarden.diagnosis import procedures
from cellwarden.diagnosis.memory import HIGH, LOW, MIDDLE, REGION_NAMES, Region
from cellwarden.diagnosis.rule import Clue, Look, Rule, by_size, sureness
from cellwarden.diagnosis.statistics import Line, Loads, Share
from cellwarden.model import Urgency

# All thresholds are ours.
LEAST_STEPS, LEAST_C = 12.0, 0.15
"""Load steps that are needed, and the root of the sum of their squares, in C."""
MORE_PART = 0.6
"""A cell that answers by this part more than the middle one; a longer bus bar gives up to 0.4."""
SIGMAS = 6.0
WORSE_PART = 0.35
"""Of the middle cell's resistance, what a connection got worse by within weeks."""
WARM_W, HOT_W = 4.0, 15.0
"""Heat in one connection at the highest current set: noticeable, and enough to burn."""
CAPACITY_PART = 0.92
CAPACITY_PERCENT = 35.0
"""Two parts of the charge this far apart tell a capacity."""
REGION_PERCENT = 0.4
"""What a cell's distance in charge is off by for reasons that do not average out."""
LEAK_C = 0.00015
"""More than its neighbours, in C: 3.6 % in ten days."""
SHORT_C = 0.001
LEAK_DAYS = 1.0
"""Standard deviation of the days over which it was seen."""


class Excess(NamedTuple):
    """What a cell answers to load steps more than the middle one."""

    cell: int
    ohm: float
    part: float
    """Of the middle cell's."""
    sigmas: float
    contact: float
    sure_of_kind: bool
    heat_w: float
    """At the highest current set."""


def excesses(look: Look) -> Iterator[Excess]:
    """Yield each cell whose answer to load steps stands out."""
    loads = look.stats.recent
    middle = loads.share(loads.middle)
    if middle is None or middle.ohm <= 0.0 or not _enough(loads, look):
        return
    for n, answer in enumerate(loads.cells):
        share = loads.share(answer)
        if share is None or share.ohm < MORE_PART * middle.ohm:
            continue
        sigmas = share.ohm / max(share.sigma, 1e-9)
        if sigmas < SIGMAS:
            continue
        yield Excess(
            n + 1,
            share.ohm,
            share.ohm / middle.ohm,
            sigmas,
            share.contact,
            _sure(share),
            share.ohm * look.facts.largest_a**2,
        )


def _enough(loads: Loads, look: Look) -> bool:
    return loads.n >= LEAST_STEPS and loads.bb >= (LEAST_C * look.facts.capacity_ah) ** 2


def _sure(share: Share) -> bool:
    return abs(share.contact - 0.5) > share.contact_sigma


def _connection(look: Look) -> Iterator[Clue]:
    for excess in excesses(look):
        if excess.contact > 0.5:
            yield _resistance_clue(
                excess,
                f"the connection at cell {excess.cell} has a high resistance: clean and tighten it",
                "like a contact, at once and at any temperature",
            )


def _weak(look: Look) -> Iterator[Clue]:
    for excess in excesses(look):
        if excess.contact <= 0.5:
            kind = "like a cell, more in the cold and over minutes"
            if not excess.sure_of_kind:
                kind = "whether cell or connection cannot be told yet: check the connection first"
            yield _resistance_clue(excess, f"cell {excess.cell} has a high resistance", kind)


def _resistance_clue(excess: Excess, what: str, kind: str) -> Clue:
    sure = sureness(excess.sigmas, SIGMAS, most=0.93)
    return Clue(
        what,
        f"it answers load steps by {1e6 * excess.ohm:.0f} µΩ ({100 * excess.part:.0f} %) more than"
        f" the middle cell, {kind}; at the highest current set that is {excess.heat_w:.1f} W",
        sure if excess.sure_of_kind else round(0.6 * sure, 2),
        by_size(excess.heat_w, WARM_W, HOT_W),
        f"cell {excess.cell}",
    )


def _worse(look: Look) -> Iterator[Clue]:
    recent, lasting = look.stats.recent, look.stats.lasting
    middle = recent.share(recent.middle)
    if middle is None or middle.ohm <= 0.0 or not _enough(lasting, look):
        return
    for n, (now_is, was) in enumerate(zip(recent.cells, lasting.cells, strict=False)):
        new, old = recent.share(now_is), lasting.share(was)
        if new is None or old is None:
            continue
        more_ohm = new.ohm - old.ohm
        sigma = math.hypot(new.sigma, old.sigma)
        if more_ohm < WORSE_PART * middle.ohm or more_ohm < SIGMAS * sigma:
            continue
        heat_w = new.ohm * look.facts.largest_a**2
        yield Clue(
            f"the connection at cell {n + 1} gets worse",
            f"it answers load steps by {1e6 * new.ohm:.0f} µΩ more than the middle cell, over the"
            f" last weeks it was {1e6 * old.ohm:.0f} µΩ; at the highest current set"
            f" {max(heat_w, 0.0):.1f} W",
            sureness(more_ohm / max(sigma, 1e-9), SIGMAS, most=0.92),
            by_size(heat_w, WARM_W / 2, HOT_W),
            f"cell {n + 1}",
        )


class Apart(NamedTuple):
    """Two parts of the charge, and how a cell stood in each."""

    low: int
    high: int
    between_percent: float


def _regions(look: Look) -> Apart | None:
    """Return the two parts of the charge that are furthest apart and known; None if too close."""
    known = [n for n in (LOW, MIDDLE, HIGH) if look.stats.regions[n].middle_percent.n >= 2.0]
    if len(known) < 2:
        return None
    low, high = known[0], known[-1]
    middles = [look.stats.regions[n].middle_percent.mean for n in (low, high)]
    between = middles[1] - middles[0]
    return Apart(low, high, between) if between >= CAPACITY_PERCENT else None


def low_capacities(look: Look) -> Iterator[Clue]:
    """Yield each cell that holds less than the middle one."""
    apart = _regions(look)
    if apart is None:
        return
    low, high = look.stats.regions[apart.low], look.stats.regions[apart.high]
    for n, (below, above) in enumerate(zip(low.cells, high.cells, strict=False)):
        more = above.mean - below.mean
        part = 1.0 / (1.0 + more / apart.between_percent) if more > 0 else 1.0
        sigma = math.hypot(_sigma(low, below), _sigma(high, above)) / apart.between_percent
        sigmas = (1.0 - part) / sigma
        if part > CAPACITY_PART or sigmas < 4.0:
            continue
        evidence = (
            f"against the middle cell it stands {below.mean:+.1f} % {REGION_NAMES[apart.low]} and"
            f" {above.mean:+.1f} % {REGION_NAMES[apart.high]}"
        )
        estimate = look.state.cells[n] if n < len(look.state.cells) else None
        sure = sureness(sigmas, 4.0, most=0.9)
        if estimate is not None and estimate.capacity_ah is not None:
            evidence += f"; the engine estimates {estimate.capacity_ah:.0f} Ah"
            if estimate.capacity_ah < 0.95 * look.facts.capacity_ah:
                sure = min(0.97, sure + 0.1)
        yield Clue(
            f"cell {n + 1} has only about {100 * part:.0f} % of the others' capacity",
            evidence,
            round(sure, 2),
            by_size(1.0 - part, 0.15, 0.4),
            f"cell {n + 1}",
        )


def _sigma(region: Region, line: Line) -> float:
    """Return the uncertainty of a cell's mean distance in %, around its own drift."""
    fit = line.fit()
    scatter = fit.scatter if fit is not None else 1.0
    return math.hypot(REGION_PERCENT, scatter / math.sqrt(max(region.middle_percent.n, 1.0)))


def _leak(look: Look) -> Iterator[Clue]:
    region = max(look.stats.regions, key=lambda r: r.middle_percent.n)
    if region.middle_percent.n < 8.0 or not region.cells:
        return
    if region.cells[0].spread_x < LEAK_DAYS:
        return
    for n, line in enumerate(region.cells):
        fit = line.fit()
        if fit is None:
            continue
        # The samples of one day share their error: no better than three of them a day.
        independent = max(1.0, region.middle_percent.n / (3.5 * line.spread_x) / 3.0)
        sigma = math.hypot(
            fit.slope_sigma * math.sqrt(independent), 0.3 * REGION_PERCENT / line.spread_x
        )
        leak_c = -fit.slope / 100.0 / 24.0
        sigmas = -fit.slope / sigma
        if leak_c < LEAK_C or sigmas < 4.0:
            continue
        leak_a = leak_c * look.facts.capacity_ah
        yield Clue(
            f"cell {n + 1} discharges by itself",
            f"against the middle cell it loses {-fit.slope:.2f} % a day, {1000 * leak_a:.0f} mA,"
            f" over {3.5 * line.spread_x:.0f} days"
            + (", what the balancer gave it counted in" if look.stats.balancing_s else ""),
            sureness(sigmas, 4.0, most=0.93),
            Urgency.NOW if leak_c > SHORT_C else Urgency.SOON,
            f"cell {n + 1}",
        )


RULES: tuple[Rule, ...] = (
    Rule(
        code="connection-resistance",
        means="a lug or bus bar has a high resistance",
        rests_on=f"load steps: {100 * MORE_PART:g} % more than the middle cell, {SIGMAS:g} sigma,"
        f" in {LEAST_STEPS:g} steps and more; the larger part shows at once and at any temperature"
        " (F9)",
        found_within="1 day of normal use",
        procedure=procedures.CONNECTION,
        find=_connection,
        hold_s=600.0,
    ),
    Rule(
        code="weak-cell-resistance",
        means="a cell has a high resistance",
        rests_on="the same, where the part that follows temperature and polarisation is the larger",
        found_within="1 day of normal use",
        procedure=procedures.WEAK_CELL,
        find=_weak,
        hold_s=600.0,
    ),
    Rule(
        code="connection-worsens",
        means="a connection gets worse",
        rests_on="load steps of the last days against those of the last weeks: more by"
        f" {100 * WORSE_PART:g} % of the middle cell's resistance and {SIGMAS:g} sigma",
        found_within="3 days after it got worse",
        procedure=procedures.CONNECTION,
        find=_worse,
        hold_s=600.0,
    ),
    Rule(
        code="weak-cell-capacity",
        means="a cell has a low capacity",
        rests_on="a cell's distance in charge from the middle one, by its relaxed voltage: higher"
        " nearly full than nearly empty; below"
        f" {100 * CAPACITY_PART:g} % of the middle cell and 4 sigma",
        found_within="2 days in which it was nearly full and nearly empty",
        procedure=procedures.WEAK_CELL,
        find=low_capacities,
        hold_s=600.0,
    ),
    Rule(
        code="cell-self-discharge",
        means="a cell discharges by itself",
        rests_on="the same distance over days, balancing counted in: a loss of more than"
        f" {LEAK_C:g} C and 4 sigma (F44)",
        found_within="7 days",
        procedure=procedures.WEAK_CELL,
        find=_leak,
        hold_s=600.0,
    ),
)
