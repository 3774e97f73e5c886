"""What the engine worked out of a pack besides limits and SoC, as JSON types and back."""

import math
from collections.abc import Mapping, Sequence
from itertools import starmap

from cellwarden.engine.balance_ledger import Ledger, Width
from cellwarden.engine.balance_measure import Measured
from cellwarden.engine.balance_plan import Plan
from cellwarden.engine.counters import EXTREMES, Bookkeeper, Tally, Times
from cellwarden.engine.heating import Heat
from cellwarden.engine.insight import NOTHING_KNOWN, Insight
from cellwarden.engine.leaks import Leaks, Look
from cellwarden.model import AlarmKind, Extreme

Record = dict[str, object]
UNHEARD_A = 1.0
"""What a balancer may have moved to or from a cell while nobody heard it (ours)."""


def write_insight(insight: Insight, bookkeeper: Bookkeeper) -> Record:
    """Return what must survive a restart."""
    return {
        "counters": _write_tally(insight.tally, bookkeeper),
        "heater_energy_wh": insight.heat.energy_wh,
        "leaks": _write_leaks(insight.leaks),
        "ledger": _write_ledger(insight.plan.measured.ledger),
    }


def read_insight(
    record: object, bookkeeper: Bookkeeper, cell_count: int, off_for_s: float | None
) -> Insight:
    """Return what a record holds; a record without one, of an earlier version, begins anew.

    ValueError if it is damaged.
    """
    if record is None:
        return NOTHING_KNOWN
    kept = _mapping(record, "insight")
    counters = _mapping(kept.get("counters"), "counters")
    heat = Heat()
    if "heater_energy_wh" in kept:
        heat = Heat(energy_wh=_number(kept, "heater_energy_wh"))
    leaks = _read_leaks(kept.get("leaks"), cell_count, off_for_s)
    ledger = _read_ledger(kept.get("ledger"), cell_count, off_for_s)
    return Insight(
        tally=_read_tally(counters, bookkeeper, off_for_s),
        heat=heat,
        leaks=leaks,
        plan=Plan(measured=Measured(ledger)),
    )


def _write_leaks(leaks: Leaks) -> Record | None:
    look = leaks.look
    if look is None:
        return None
    return {
        "moved_ah": list(leaks.moved_ah),
        "age_s": look.age_s,
        "ah": list(look.ah),
        "look_sigma_ah": list(look.sigma_ah),
        "watched_s": leaks.watched_s,
        "rate_a": list(leaks.rate_a),
        "sigma_a": list(leaks.sigma_a),
    }


def _read_leaks(record: object, count: int, off_for_s: float | None) -> Leaks:
    """Return what is known of self-discharge; begun anew where it is of other cells."""
    if record is None:
        return Leaks()
    kept = _mapping(record, "leaks")
    moved_ah, ah, look_sigma_ah, rate_a, sigma_a = (
        _row(kept.get(key), f"leaks.{key}")
        for key in ("moved_ah", "ah", "look_sigma_ah", "rate_a", "sigma_a")
    )
    if off_for_s is None or len(ah) != count or len(look_sigma_ah) != count:
        return Leaks()
    if len(rate_a) != len(sigma_a) or {len(rate_a), len(moved_ah)} - {0, count}:
        raise ValueError("leaks is damaged")
    look = Look(_number(kept, "age_s") + off_for_s, ah, look_sigma_ah)
    return Leaks(moved_ah, look, False, _number(kept, "watched_s"), rate_a, sigma_a)


def _write_ledger(ledger: Ledger) -> Record | None:
    if not ledger.ah and not ledger.widths:
        return None
    return {
        "ah": list(ledger.ah),
        "sigma_ah": list(ledger.sigma_ah),
        "weights": [width.weight for width in ledger.widths],
        "ratios": [width.ratio for width in ledger.widths],
    }


def _read_ledger(record: object, count: int, off_for_s: float | None) -> Ledger:
    """Return how far the cells are apart and what their knee is like.

    The knee is theirs for good. How far they are apart is not known after a time in which nobody
    knows what a balancer did, and begun anew where the record is of other cells.
    """
    if record is None:
        return Ledger()
    kept = _mapping(record, "ledger")
    ah, sigma_ah, weights, ratios = (
        _row(kept.get(key), f"ledger.{key}") for key in ("ah", "sigma_ah", "weights", "ratios")
    )
    if len(ah) != len(sigma_ah) or len(weights) != len(ratios):
        raise ValueError("ledger is damaged")
    for name, row in (("sigma_ah", sigma_ah), ("weights", weights), ("ratios", ratios)):
        if min(row, default=0.0) < 0:
            raise ValueError(f"ledger.{name} = {min(row)} is out of range")
    widths = tuple(starmap(Width, zip(weights, ratios, strict=True)))
    if off_for_s is None or len(ah) != count:
        return Ledger(widths=widths)
    moved_ah = UNHEARD_A * max(off_for_s, 0.0) / 3600
    return Ledger(ah, tuple([sigma + moved_ah for sigma in sigma_ah]), widths)


def _row(record: object, name: str) -> tuple[float, ...]:
    if not isinstance(record, list):
        raise ValueError(f"{name} is damaged")  # noqa: TRY004  # a bad record
    return tuple(_number({name: value}, name, -math.inf) for value in record)


def _write_tally(tally: Tally, bookkeeper: Bookkeeper) -> Record:
    tally = bookkeeper.settle(tally)
    return {
        "runtime_s": tally.runtime_s,
        "charged_wh": tally.charged_wh,
        "discharged_wh": tally.discharged_wh,
        "full_charges": tally.full_charges,
        "armed": tally.armed,
        "since_full_s": tally.since_full_s,
        "told_ah": tally.told_ah,
        "extremes": {
            best.name: [extreme.value, extreme.where, extreme.runtime_s]
            for best, extreme in zip(EXTREMES, tally.extremes, strict=True)
            if extreme is not None
        },
        "alarms": dict(tally.alarms),
        "bands": [
            dict(zip(names, times, strict=True))
            for names, times in zip(bookkeeper.names, tally.bands, strict=True)
        ],
    }


def _read_tally(
    record: Mapping[str, object], bookkeeper: Bookkeeper, off_for_s: float | None
) -> Tally:
    since_full_s = record.get("since_full_s")
    if since_full_s is not None:
        since_full_s = _number(record, "since_full_s") + max(off_for_s or 0.0, 0.0)
    full_charges = record.get("full_charges")
    if isinstance(full_charges, bool) or not isinstance(full_charges, int) or full_charges < 0:
        raise ValueError("counters.full_charges is damaged")
    told_ah = record.get("told_ah")
    extremes = _mapping(record.get("extremes"), "counters.extremes")
    alarms = _mapping(record.get("alarms"), "counters.alarms")
    bands = record.get("bands")
    if not isinstance(bands, list) or len(bands) != len(bookkeeper.names):
        raise ValueError("counters.bands is damaged")
    soc, temperature, voltage = (
        _times(_mapping(times, "counters.bands"), names)
        for times, names in zip(bands, bookkeeper.names, strict=True)
    )
    return Tally(
        runtime_s=_number(record, "runtime_s"),
        charged_wh=_number(record, "charged_wh"),
        discharged_wh=_number(record, "discharged_wh"),
        full_charges=full_charges,
        armed=record.get("armed") is True,
        since_full_s=since_full_s,
        extremes=tuple(_extreme(extremes.get(best.name), best.name) for best in EXTREMES),
        # A kind that is not known any more is left out.
        alarms={kind: round(_number(alarms, kind)) for kind in alarms if kind in _KINDS},
        bands=(soc, temperature, voltage),
        told_ah=None if told_ah is None else _number(record, "told_ah"),
    )


_KINDS = frozenset(kind.value for kind in AlarmKind)


def _times(record: Mapping[str, object], names: Sequence[str]) -> Times:
    """Return the time in each band; bands that were cut otherwise then begin anew."""
    return tuple(_number(record, name) if name in record else 0.0 for name in names)


def _extreme(record: object, name: str) -> Extreme | None:
    if record is None:
        return None
    if not isinstance(record, list) or len(record) != 3 or not isinstance(record[1], str):
        raise ValueError(f"counters.extremes.{name} is damaged")
    value = _number({"value": record[0]}, "value", -math.inf)
    runtime_s = _number({"runtime_s": record[2]}, "runtime_s")
    return Extreme(value=value, where=record[1], runtime_s=runtime_s)


def _mapping(record: object, name: str) -> Mapping[str, object]:
    if not isinstance(record, Mapping):
        raise ValueError(f"{name} is damaged")  # noqa: TRY004  # a bad record, not a bad call
    return record


def _number(record: Mapping[str, object], key: str, least: float = 0.0) -> float:
    value = record.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{key} is {value!r}, not a number")  # noqa: TRY004  # a bad record
    if not (math.isfinite(value) and value >= least):
        raise ValueError(f"{key} = {value!r} is out of range")
    return float(value)
