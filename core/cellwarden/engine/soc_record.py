"""An estimate as JSON types and back, for what survives a restart."""

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache

from cellwarden.engine.soc_cells import SIGMAS, Cell, pack
from cellwarden.engine.soc_estimator import Estimate
from cellwarden.engine.soc_mean import BIAS, SOC, Mean

MEAN_STATES = BIAS + 1
CELL_STATES = len(SIGMAS)
DIGITS = 9
"""Significant digits kept: the record is written often, on flash."""


def write_estimate(estimate: Estimate) -> dict[str, object]:
    """Return the estimate; sums of an unfinished window are lost, seconds of counting."""
    mean = estimate.mean
    return {
        "x": _short(mean.x),
        "p": [_short(row) for row in mean.p],
        "lags": _short(mean.lags),
        "loop": round(mean.loop, 4),
        "capacity_known": estimate.capacity_known,
        "cells": _written(estimate.cells),
    }


@lru_cache(maxsize=32)  # some minutes old at most, written every few seconds; one entry a pack
def _written(cells: tuple[Cell, ...]) -> list[list[list[float]]]:
    return [[_short(cell.x), *map(_short, cell.p)] for cell in cells]


def read_estimate(record: object, cell_count: int) -> Estimate:
    """Return the estimate of a record; ValueError if it is damaged."""
    if not isinstance(record, Mapping):
        raise ValueError("estimate is damaged")  # noqa: TRY004  # a bad record, not a bad call
    cells = record.get("cells")
    if not isinstance(cells, list) or len(cells) != cell_count:
        raise ValueError("estimate.cells is damaged")
    x = _numbers(record.get("x"), MEAN_STATES, "x")
    if not (-0.2 <= x[SOC] <= 1.2 and all(v >= 0 for v in x[2:BIAS]) and x[2] > 0.1):
        raise ValueError("estimate.x is out of range")
    (loop,) = _numbers([record.get("loop")], 1, "loop")
    mean = Mean(
        x=x,
        p=_matrix(record.get("p"), MEAN_STATES, "p"),
        lags=_three(_numbers(record.get("lags"), 3, "lags")),
        loop=min(max(loop, -1.0), 1.0),
    )
    known = tuple(_cell(cell) for cell in cells)
    return Estimate(
        mean, known, pack(mean, known), capacity_known=record.get("capacity_known") is True
    )


def _cell(record: object) -> Cell:
    if not isinstance(record, list) or len(record) != CELL_STATES + 1:
        raise ValueError("estimate.cells is damaged")
    x = _numbers(record[0], CELL_STATES, "cells")
    if not (all(abs(v) < 0.9 for v in x[:2]) and -0.9 < x[2] < 4 and abs(x[3]) < 0.9):
        raise ValueError("estimate.cells is out of range")
    return Cell(x, _matrix(record[1:], CELL_STATES, "cells"))


def _matrix(record: object, size: int, name: str) -> tuple[tuple[float, ...], ...]:
    if not isinstance(record, list) or len(record) != size:
        raise ValueError(f"estimate.{name} is damaged")
    rows = tuple(_numbers(row, size, name) for row in record)
    if any(rows[n][n] < 0 for n in range(size)):
        raise ValueError(f"estimate.{name} has a negative variance")
    return rows


def _numbers(record: object, count: int, name: str) -> tuple[float, ...]:
    if not isinstance(record, list) or len(record) != count:
        raise ValueError(f"estimate.{name} is damaged")
    for value in record:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(f"estimate.{name} holds {value!r}")  # noqa: TRY004  # a bad record
        if not math.isfinite(value):
            raise ValueError(f"estimate.{name} holds {value!r}")
    return tuple(float(value) for value in record)


def _three(values: tuple[float, ...]) -> tuple[float, float, float]:
    a, b, c = values
    return a, b, c


def _short(values: Sequence[float]) -> list[float]:
    return [float(f"{value:.{DIGITS}g}") for value in values]
