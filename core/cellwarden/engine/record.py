"""What of a pack survives a restart: SoC, counters and tripped protections (F33, F34, F36).

Times in a record are durations, never points of the monotonic clock, which starts anew.
"""

import math
from collections.abc import Mapping

from cellwarden.engine.insight import Insight, Insights
from cellwarden.engine.insight_record import read_insight, write_insight
from cellwarden.engine.protection import IDLE, Protection, Row, Watch
from cellwarden.engine.protection_rules import RULES
from cellwarden.engine.soc import SIGMA_MAX, SILENT_C, Gauge
from cellwarden.engine.soc_record import read_estimate, write_estimate
from cellwarden.engine.switching import ALL_CLOSED, Opened
from cellwarden.model import Parameters

VERSION = 2
READABLE = (1, VERSION)
"""Version 1 has no estimate: it starts anew from the SoC and its sigma."""

Record = dict[str, object]


def write(
    pack: str,
    parameters: Parameters,
    gauge: Gauge,
    protection: Protection,
    watches: tuple[Watch, ...],
    now_s: float,
    opened: Opened = ALL_CLOSED,
) -> Record:
    """Return a record of JSON types."""
    return {
        "version": VERSION,
        "pack": pack,
        "cells": parameters.cell_count,
        "design_capacity_ah": parameters.design_capacity_ah,
        "soc_percent": gauge.soc_percent,
        "soc_sigma_percent": gauge.sigma_percent,
        "soc_basis": gauge.basis,
        "full": gauge.full,
        "charged_ah": gauge.charged_ah,
        "discharged_ah": gauge.discharged_ah,
        "empty": gauge.empty,
        "estimate": None if gauge.estimate is None else write_estimate(gauge.estimate),
        "trips": [
            _trip(row, watch, now_s)
            for row, watch in zip(protection.rows, watches, strict=True)
            if watch.alarm is not None
        ],
        "tripped_before_s": {
            row.rule.name: [max(now_s - t, 0.0) for t in watch.trips_s]
            for row, watch in zip(protection.rows, watches, strict=True)
            if watch.trips_s
        },
        "opened": list(opened),
    }


def _trip(row: Row, watch: Watch, now_s: float) -> Record:
    alarm = watch.alarm
    assert alarm is not None
    held_s = max(now_s - alarm.since_s, 0.0)
    return {
        "rule": row.rule.name,
        "held_s": held_s,
        "remaining_s": None if row.release_s is None else max(row.release_s - held_s, 0.0),
        "value": alarm.value,
        "where": alarm.where,
        "threshold": alarm.threshold,
        "latched": watch.latched,
    }


def read_gauge(
    record: Mapping[str, object], pack: str, parameters: Parameters, off_for_s: float | None
) -> Gauge:
    """Return the gauge of a record, its uncertainty widened by the time it was off.

    ValueError, with what is wrong, for a record that cannot be used.
    """
    version = record.get("version")
    if isinstance(version, bool) or version not in READABLE:
        raise ValueError(f"its version is {version!r}, this program reads 1 and {VERSION}")
    if record.get("pack") != pack:
        raise ValueError(f"it is of pack {record.get('pack')!r}")
    for key, now in (
        ("cells", parameters.cell_count),
        ("design_capacity_ah", parameters.design_capacity_ah),
    ):
        if record.get(key) != now:
            raise ValueError(f"{key} was {record.get(key)!r} and is now {now:g}")
    soc = record.get("soc_percent")
    sigma = number(record, "soc_sigma_percent", 0.0, 100.0)
    sigma = min(sigma + 100 * SILENT_C * silent_s(off_for_s) / 3600, SIGMA_MAX)
    basis, full = record.get("soc_basis"), record.get("full")
    if not isinstance(basis, str) or not isinstance(full, bool):
        raise ValueError("soc_basis or full is damaged")  # noqa: TRY004  # a bad record
    estimate = record.get("estimate")
    return Gauge(
        soc_percent=None if soc is None else number(record, "soc_percent", 0.0, 100.0),
        sigma_percent=sigma,
        basis=basis,
        full=full,
        charged_ah=number(record, "charged_ah", 0.0, math.inf),
        discharged_ah=number(record, "discharged_ah", 0.0, math.inf),
        empty=record.get("empty") is True,
        estimate=None if estimate is None else read_estimate(estimate, parameters.cell_count),
    )


def insight_of(insight: Insight, insights: Insights) -> Record:
    """Return the part of a record that no estimate of the SoC needs."""
    return {"insight": write_insight(insight, insights.bookkeeper)}


def read_insight_of(
    record: Mapping[str, object], insights: Insights, off_for_s: float | None
) -> Insight:
    """Return that part of a record; ValueError if it is damaged, anew where there is none."""
    insight = read_insight(
        record.get("insight"), insights.bookkeeper, insights.cell_count, off_for_s
    )
    if "insight" not in record and record.get("full") is True:  # that charge is not counted twice
        return insight._replace(tally=insight.tally._replace(armed=False))
    return insight


def silent_s(off_for_s: float | None) -> float:
    """Return for how long nobody listened; unknown: as much doubt as a day leaves."""
    return 86_400.0 if off_for_s is None else max(off_for_s, 0.0)


def read_watches(
    record: Mapping[str, object], protection: Protection, now_s: float
) -> tuple[Watch, ...]:
    """Return the watches with the record's trips, as long ago as they were then.

    The time off does not count: nobody saw what happened in it. ValueError for a damaged trip;
    a rule that is switched off now is left out.
    """
    trips = record.get("trips")
    if not isinstance(trips, list):
        raise ValueError("trips is damaged")  # noqa: TRY004  # a bad record, not a bad call
    lately = _tripped_before(record, now_s)
    alarms: dict[str, Watch] = {name: Watch(trips_s=times) for name, times in lately.items()}
    rows = {row.rule.name: row for row in protection.rows}
    for trip in trips:
        name = trip.get("rule") if isinstance(trip, Mapping) else None
        if not isinstance(name, str) or name not in _NAMES:
            raise ValueError("a trip is of no known protection")
        where = trip.get("where")
        if not isinstance(where, str):
            raise ValueError(f"the trip of {name} is damaged")  # noqa: TRY004  # a bad record
        held_s = number(trip, "held_s", 0.0, math.inf)
        row = rows.get(name)
        if row is None:
            continue
        if row.release_s is not None:
            held_s = row.release_s - number(trip, "remaining_s", 0.0, row.release_s)
        value = number(trip, "value", -1e9, 1e9)
        latched = row.rule.latched or trip.get("latched") is True
        limit = None if trip.get("threshold") is None else number(trip, "threshold", -1e9, 1e9)
        alarm = protection.alarm(row, value, where, now_s - held_s, limit=limit, latched=latched)
        alarms[name] = Watch(alarm=alarm, trips_s=lately.get(name, ()), latched=latched)
    if not alarms:
        return protection.idle
    return tuple(alarms.get(row.rule.name, IDLE) for row in protection.rows)


def _tripped_before(record: Mapping[str, object], now_s: float) -> dict[str, tuple[float, ...]]:
    """Return when rows that latch after some trips had tripped; nothing in an older record."""
    told = record.get("tripped_before_s", {})
    if not isinstance(told, Mapping):
        raise ValueError("tripped_before_s is damaged")  # noqa: TRY004  # a bad record
    times: dict[str, tuple[float, ...]] = {}
    for name, ages in told.items():
        if name not in _NAMES or not isinstance(ages, list):
            raise ValueError(f"when {name} tripped is damaged")
        aged = {f"{name} {n}": age for n, age in enumerate(ages)}
        times[name] = tuple(now_s - number(aged, key, 0.0, math.inf) for key in aged)
    return times


def read_opened(record: Mapping[str, object]) -> Opened:
    """Return which switches the engine had opened; none in an older record."""
    match record.get("opened", [False, False]):
        case [bool(charge), bool(discharge)]:
            return Opened(charge, discharge)
    raise ValueError("opened is damaged")


_NAMES = frozenset(rule.name for rule in RULES)


def number(record: Mapping[str, object], key: str, low: float, high: float) -> float:
    """Return a number of a record; ValueError, with what is wrong, for anything else."""
    value = record.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{key} is {value!r}, not a number")  # noqa: TRY004  # a bad record
    if not (low <= value <= high and value < math.inf):
        raise ValueError(f"{key} = {value!r} is outside {low:g}..{high:g}")
    return float(value)
