"""The packs as one battery: sums, means and extremes.

Charge, SoC, SoH and voltage are those of the packs that are really connected (`Part.counts`); if
none is, of those that answer, so that people see something while nothing is allowed. Currents are
of all that answer: what flows, flows. A number that one of them does not know is unknown for the
bank: a partial sum would pretend that the rest is nothing. Extremes are over what is known of all
that answer: a pack that blocks because of its cell is the one to look at.
"""

import math
from collections.abc import Iterable, Sequence
from typing import TypedDict

from cellwarden.model import CellExtreme, Estimated, PackState, Prediction, SensorExtreme


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
    prediction: Prediction | None


def sums(answering: Sequence[PackState], connected: Sequence[PackState]) -> Sums:
    """Return the measured fields of packs in parallel, all None if none answers."""
    if not answering:
        return Sums()
    connected = connected or answering
    capacities = [p.capacity_ah or 0.0 for p in connected]
    known = Sums(
        voltage_v=_mean(v for p in connected if (v := pack_voltage_v(p)) is not None),
        current_a=_sum([None if p.reading is None else p.reading.current_a for p in answering]),
        power_w=_sum([p.power_w for p in answering]),
        soc_percent=_weighted([p.soc_percent for p in connected], capacities),
        soc_sigma_percent=_sigma([p.soc_sigma_percent for p in connected], capacities),
        soh_percent=_weighted([p.soh_percent for p in connected], capacities),
        capacity_ah=_sum([p.capacity_ah for p in connected]),
        remaining_ah=_sum([p.remaining_ah for p in connected]),
        prediction=_together(connected),
    )
    known.update(_extremes(answering))
    return known


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
        cell_min=min((p.cell_min for p in packs if p.cell_min), key=_cell, default=None),
        cell_max=max((p.cell_max for p in packs if p.cell_max), key=_cell, default=None),
        temperature_min=min(
            (p.temperature_min for p in packs if p.temperature_min), key=_sensor, default=None
        ),
        temperature_max=max(
            (p.temperature_max for p in packs if p.temperature_max), key=_sensor, default=None
        ),
        cycles=max(cycles, default=None),
    )


def _together(packs: Sequence[PackState]) -> Prediction | None:
    """Return what the packs' own predictions come to; None where one of them has none.

    Energies and powers add up. The bank is empty when all its energy is gone at the power of all,
    and full when the last pack is.
    """
    told = [p.prediction for p in packs if p.prediction is not None]
    if len(told) < len(packs):
        return None
    return Prediction(
        charge_power_10s_w=_added([t.charge_power_10s_w for t in told]),
        charge_power_60s_w=_added([t.charge_power_60s_w for t in told]),
        discharge_power_10s_w=_added([t.discharge_power_10s_w for t in told]),
        discharge_power_60s_w=_added([t.discharge_power_60s_w for t in told]),
        time_to_full_s=_latest([t.time_to_full_s for t in told]),
        time_to_empty_s=_emptied(told),
        energy_left_wh=_added([t.energy_left_wh for t in told]),
    )


def _added(values: Sequence[Estimated | None]) -> Estimated | None:
    known = [v for v in values if v is not None]
    if len(known) < len(values):
        return None
    return Estimated(
        value=sum(v.value for v in known), sigma=math.sqrt(sum(v.sigma**2 for v in known))
    )


def _latest(values: Sequence[Estimated | None]) -> Estimated | None:
    """Return the latest of those that are charging; None if nobody is."""
    return max((v for v in values if v is not None), key=lambda v: v.value, default=None)


def _emptied(told: Sequence[Prediction]) -> Estimated | None:
    energy_wh = power_w = variance = 0.0
    for one in told:
        left, time = one.energy_left_wh, one.time_to_empty_s
        if left is None:
            return None
        energy_wh += left.value
        variance += left.sigma**2
        if time is not None and time.value > 0:
            power_w += left.value * 3600 / time.value
    if power_w == 0.0:
        return None
    per_wh_s = 3600 / power_w
    return Estimated(value=energy_wh * per_wh_s, sigma=math.sqrt(variance) * per_wh_s)


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
