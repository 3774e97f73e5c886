"""What of a diagnosis survives a restart: a pack's statistics and the clues that are held.

Times in a record are durations, never points of the monotonic clock, which starts anew.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any, TypeVar

from cellwarden.diagnosis.memory import Full, Held, PackStats, Region
from cellwarden.diagnosis.statistics import Answer, Line, Loads
from cellwarden.model import Finding, Urgency

VERSION = 1
Record = dict[str, object]
Sums = TypeVar("Sums", Line, Answer, Full)


def write(pack: str, stats: PackStats, held: Sequence[Held], now_s: float) -> Record:
    """Return one pack's record in JSON types."""
    return {
        "version": VERSION,
        "pack": pack,
        "age_s": now_s - stats.origin_s,
        "block": stats.block,
        "closed": stats.closed,
        "lasting": stats.lasting,
        "mismatch": stats.mismatch,
        "resting": stats.resting,
        "regions": [[r.middle_percent, r.cells] for r in stats.regions],
        "spread": stats.spread,
        "balance_ah": stats.balance_ah,
        "balancing_s": stats.balancing_s,
        "seen_s": stats.seen_s,
        "wires": stats.wires,
        "runtime_s": stats.runtime_s,
        "reboots_ago_s": [now_s - at_s for at_s in stats.reboots_s],
        "net_ah": stats.net_ah,
        "moved_ah": stats.moved_ah,
        "full_ago_s": None if stats.full_s is None else now_s - stats.full_s,
        "was_full": stats.was_full,
        "full_percent": stats.full_percent,
        "capacity": stats.capacity,
        "fulls": stats.fulls,
        "held": [
            {
                "held_s": now_s - item.since_s,
                "shown": item.shown,
                "finding": asdict(replace(item.finding, since_s=None)),
            }
            for item in held
        ],
    }


def read(
    record: Mapping[str, object], pack: str, now_s: float, off_for_s: float | None
) -> tuple[PackStats, list[Held]]:
    """Return the statistics and clues of a record; ValueError for one that cannot be used."""
    if record.get("version") != VERSION or record.get("pack") != pack:
        raise ValueError("it is of another version or pack")
    off_s = max(off_for_s or 0.0, 0.0)
    try:
        return _stats(record, now_s - off_s), [
            _held(item, now_s - off_s, now_s) for item in _list(record["held"])
        ]
    except (KeyError, TypeError, AttributeError, OverflowError) as error:
        raise ValueError(f"it is damaged ({error})") from error


def _stats(record: Mapping[str, object], then_s: float) -> PackStats:
    full_ago = record["full_ago_s"]
    low, middle, high = [
        Region(None, _sums(Line, percent), _many(Line, cells))
        for percent, cells in _list(record["regions"])
    ]
    runtime = record["runtime_s"]
    return PackStats(
        origin_s=then_s - _number(record["age_s"]),
        block=_loads(record["block"]),
        closed=_loads(record["closed"]),
        lasting=_loads(record["lasting"]),
        mismatch=_sums(Line, record["mismatch"]),
        resting=_sums(Line, record["resting"]),
        regions=(low, middle, high),
        spread=_sums(Line, record["spread"]),
        balance_ah=tuple(_number(ah) for ah in _list(record["balance_ah"])),
        balancing_s=_number(record["balancing_s"]),
        seen_s=_number(record["seen_s"]),
        wires=_many(Line, record["wires"]),
        runtime_s=None if runtime is None else _number(runtime),
        reboots_s=tuple(then_s - _number(ago) for ago in _list(record["reboots_ago_s"])),
        net_ah=_number(record["net_ah"]),
        moved_ah=_number(record["moved_ah"]),
        full_s=None if full_ago is None else then_s - _number(full_ago),
        was_full=record["was_full"] is True,
        full_percent=_number(record["full_percent"]),
        capacity=_sums(Line, record["capacity"]),
        fulls=_many(Full, record["fulls"]),
    )


def _held(item: object, then_s: float, now_s: float) -> Held:
    assert isinstance(item, Mapping)
    told = item["finding"]
    since_s = then_s - _number(item["held_s"])
    finding = Finding(**{**told, "urgency": Urgency(told["urgency"]), "since_s": since_s})
    return Held(since_s, now_s, item["shown"] is True, finding)


def _loads(value: object) -> Loads:
    n, aa, ab, bb, middle, cells = _list(value)
    return Loads(
        _number(n),
        _number(aa),
        _number(ab),
        _number(bb),
        _sums(Answer, middle),
        _many(Answer, cells),
    )


def _many(kind: type[Sums], value: object) -> tuple[Sums, ...]:
    return tuple(_sums(kind, item) for item in _list(value))


def _sums(kind: type[Sums], value: object) -> Sums:
    numbers = [_number(x) for x in _list(value)]
    if len(numbers) != len(kind._fields):
        raise TypeError(f"{len(numbers)} numbers are no {kind.__name__}")
    return kind(*numbers)


def _list(value: object) -> Sequence[Any]:
    if not isinstance(value, list | tuple):
        raise TypeError(f"{value!r} is no list")
    return value


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise TypeError(f"{value!r} is no number")
    return float(value)
