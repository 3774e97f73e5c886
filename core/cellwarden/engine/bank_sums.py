"""The packs as one battery: sums, means and extremes.

Charge, SoC, SoH and voltage are those of the packs that are really connected (`Part.counts`); if
none is, of those that answer, so that people see something while nothing is allowed. Currents are
of all that answer: what flows, flows. A number that one of them does not know is unknown for the
bank: a partial sum would pretend that the rest is nothing. Extremes are over what is known of all
that answer: a pack that blocks because of its cell is the one to look at.
"""

import math
import operator
from collections.abc import Sequence
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


def sums(answering: Sequence[PackState], connected: Sequence[PackState]) -> Sums:
    """Return the measured fields of packs in parallel, all None if none answers."""
    if not answering:
        return Sums()
    connected = connected or answering
    if len(answering) == 1:
        return _alone(answering[0])
    capacities = [p.capacity_ah or 0.0 for p in connected]
    known = Sums(
        voltage_v=_mean([v for p in connected if (v := pack_voltage_v(p)) is not None]),
        current_a=_sum([None if p.reading is None else p.reading.current_a for p in answering]),
        power_w=_sum([p.power_w for p in answering]),
        soc_percent=_weighted([p.soc_percent for p in connected], capacities),
        soc_sigma_percent=_sigma([p.soc_sigma_percent for p in connected], capacities),
        soh_percent=_weighted([p.soh_percent for p in connected], capacities),
        capacity_ah=_sum([p.capacity_ah for p in connected]),
        remaining_ah=_sum([p.remaining_ah for p in connected]),
    )
    known.update(_extremes(answering))
    return known


def _alone(pack: PackState) -> Sums:
    """Return the same of one pack: what it says itself."""
    reading, sized = pack.reading, bool(pack.capacity_ah)
    sensors, current_a, cycles = [], None, None
    if reading is not None:
        sensors = [t for t in reading.temperatures_c if t is not None]
        current_a, cycles = reading.current_a, reading.cycles
    return Sums(
        voltage_v=pack_voltage_v(pack),
        current_a=current_a,
        power_w=pack.power_w,
        soc_percent=pack.soc_percent if sized else None,
        soc_sigma_percent=pack.soc_sigma_percent if sized else None,
        soh_percent=pack.soh_percent if sized else None,
        capacity_ah=pack.capacity_ah,
        remaining_ah=pack.remaining_ah,
        temperature_c=sum(sensors) / len(sensors) if sensors else None,
        cell_min=pack.cell_min,
        cell_max=pack.cell_max,
        temperature_min=pack.temperature_min,
        temperature_max=pack.temperature_max,
        cycles=cycles,
    )


def series_sums(answering: Sequence[PackState], count: int) -> Sums:
    """Return the measured fields of packs in series; what needs all of them is None without one.

    What can be taken out is what the emptiest has left, what goes in what the fullest can take.
    """
    if not answering:
        return Sums()
    whole = len(answering) == count
    volts = [pack_voltage_v(p) for p in answering]
    left = [p.remaining_ah for p in answering]
    room = [
        None if p.capacity_ah is None or p.remaining_ah is None else p.capacity_ah - p.remaining_ah
        for p in answering
    ]
    remaining_ah = capacity_ah = soc = None
    if whole and None not in left and None not in room:
        remaining_ah = min(left)  # type: ignore[type-var]  # no None inside
        capacity_ah = remaining_ah + min(room)  # type: ignore[operator,type-var]  # as above
        soc = 100.0 * remaining_ah / capacity_ah if capacity_ah else None  # type: ignore[operator]
    currents = [r.current_a for p in answering if (r := p.reading) and r.current_a is not None]
    sigmas = [p.soc_sigma_percent for p in answering]
    healths = [p.soh_percent for p in answering if p.soh_percent is not None]
    known = Sums(
        voltage_v=_sum(volts) if whole else None,
        current_a=_mean(currents),
        power_w=_sum([p.power_w for p in answering]) if whole else None,
        soc_percent=soc,
        soc_sigma_percent=None if None in sigmas else max(sigmas),  # type: ignore[type-var]
        soh_percent=min(healths, default=None),
        capacity_ah=capacity_ah,
        remaining_ah=remaining_ah,
    )
    known.update(_extremes(answering))
    return known


def pack_voltage_v(pack: PackState) -> float | None:
    """Return what a pack reports, else the sum of its cells."""
    if pack.reading is not None and pack.reading.voltage_v is not None:
        return pack.reading.voltage_v
    return pack.cell_sum_v


def _extremes(packs: Sequence[PackState]) -> Sums:
    readings = [p.reading for p in packs if p.reading is not None]
    sensors = [t for r in readings for t in r.temperatures_c if t is not None]
    cycles = [r.cycles for r in readings if r.cycles is not None]
    return Sums(
        temperature_c=_mean(sensors),
        cell_min=min([p.cell_min for p in packs if p.cell_min], key=_CELL, default=None),
        cell_max=max([p.cell_max for p in packs if p.cell_max], key=_CELL, default=None),
        temperature_min=min(
            [p.temperature_min for p in packs if p.temperature_min], key=_SENSOR, default=None
        ),
        temperature_max=max(
            [p.temperature_max for p in packs if p.temperature_max], key=_SENSOR, default=None
        ),
        cycles=max(cycles, default=None),
    )


_CELL = operator.attrgetter("voltage_v")
_SENSOR = operator.attrgetter("temperature_c")


def _sum(values: Sequence[float | None]) -> float | None:
    if None in values:
        return None
    return sum(values)  # type: ignore[arg-type]  # no None inside


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


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
