"""The packs as one battery: sums, means and extremes over the packs that are online.

A number that one online pack does not know is unknown for the bank: a partial sum would pretend
that the rest is nothing. Extremes are over what is known.
"""

import math
from collections.abc import Iterable, Sequence
from typing import TypedDict

from cellwarden.model import CellExtreme, PackState, SensorExtreme


class Sums(TypedDict, total=False):
    """The measured fields of `BankState`."""

    voltage_v: float | None
    current_a: float | None
    power_w: float | None
    soc_percent: float | None
    soc_sigma_percent: float | None
    soh_percent: float | None
    capacity_ah: float | None
    remaining_ah: float | None
    temperature_c: float | None
    cell_min: CellExtreme | None
    cell_max: CellExtreme | None
    temperature_min: SensorExtreme | None
    temperature_max: SensorExtreme | None
    cycles: int | None


def sums(online: Sequence[PackState]) -> Sums:
    """Return the measured fields of a bank, all None without an online pack."""
    if not online:
        return Sums()
    readings = [p.reading for p in online if p.reading is not None]
    capacities = [p.capacity_ah or 0.0 for p in online]
    sensors = [t for r in readings for t in r.temperatures_c if t is not None]
    cycles = [r.cycles for r in readings if r.cycles is not None]
    return Sums(
        voltage_v=_mean(v for p in online if (v := pack_voltage_v(p)) is not None),
        current_a=_sum([r.current_a for r in readings]),
        power_w=_sum([p.power_w for p in online]),
        soc_percent=_weighted([p.soc_percent for p in online], capacities),
        soc_sigma_percent=_sigma([p.soc_sigma_percent for p in online], capacities),
        soh_percent=_weighted([p.soh_percent for p in online], capacities),
        capacity_ah=_sum([p.capacity_ah for p in online]),
        remaining_ah=_sum([p.remaining_ah for p in online]),
        temperature_c=_mean(sensors),
        cell_min=min((p.cell_min for p in online if p.cell_min), key=_cell, default=None),
        cell_max=max((p.cell_max for p in online if p.cell_max), key=_cell, default=None),
        temperature_min=min(
            (p.temperature_min for p in online if p.temperature_min), key=_sensor, default=None
        ),
        temperature_max=max(
            (p.temperature_max for p in online if p.temperature_max), key=_sensor, default=None
        ),
        cycles=max(cycles, default=None),
    )


def pack_voltage_v(pack: PackState) -> float | None:
    """Return what a pack reports, else the sum of its cells."""
    if pack.reading is not None and pack.reading.voltage_v is not None:
        return pack.reading.voltage_v
    return pack.cell_sum_v


def _cell(extreme: CellExtreme) -> float:
    return extreme.voltage_v


def _sensor(extreme: SensorExtreme) -> float:
    return extreme.temperature_c


def _sum(values: Sequence[float | None]) -> float | None:
    if None in values:
        return None
    return sum(values)  # type: ignore[arg-type]  # no None inside


def _mean(values: Iterable[float]) -> float | None:
    known = list(values)
    return sum(known) / len(known) if known else None


def _weighted(values: Sequence[float | None], weights: Sequence[float]) -> float | None:
    total = 0.0
    for value, weight in zip(values, weights, strict=True):
        if value is None:
            return None
        total += value * weight
    all_weights = sum(weights)
    return total / all_weights if all_weights else None


def _sigma(values: Sequence[float | None], weights: Sequence[float]) -> float | None:
    """Return the uncertainty of the weighted mean of independent estimates."""
    variance = 0.0
    for value, weight in zip(values, weights, strict=True):
        if value is None:
            return None
        variance += (value * weight) ** 2
    all_weights = sum(weights)
    return math.sqrt(variance) / all_weights if all_weights else None
