"""Where a pack is heading: how fast its extremes move, and so when a protection would trip."""

from typing import NamedTuple

from cellwarden.engine.view import Quantity, View

CELL_S = 20.0
"""Time constant of the cells' trend (ours): long against a load step, short against a runaway."""
WARMTH_S = 120.0
"""Time constant of temperatures (ours)."""


class Trend(NamedTuple):
    """Rates per second and the values they were taken from; None while unknown."""

    heard_s: float | None = None
    values: tuple[float | None, ...] = (None,) * 4
    raw: tuple[tuple[float, float], ...] = ((0.0, 0.0),) * 4
    """The last two differences per second: of three the middle one counts, so that neither a load
    step nor one bad value looks like a trend."""
    rates: tuple[float, ...] = (0.0,) * 4
    """Of the highest cell, the lowest cell (V/s), the warmest sensor and the MOSFETs (K/s)."""

    @property
    def cell_max_v_per_s(self) -> float:
        """How fast the highest cell rises."""
        return self.rates[0]

    @property
    def cell_min_v_per_s(self) -> float:
        """How fast the lowest cell rises."""
        return self.rates[1]

    @property
    def warmest_k_per_s(self) -> float:
        """How fast the warmest sensor warms."""
        return self.rates[2]

    @property
    def mos_k_per_s(self) -> float:
        """How fast the MOSFETs warm."""
        return self.rates[3]


NO_TREND = Trend()
_WATCHED = (
    (Quantity.CELL_MAX, CELL_S),
    (Quantity.CELL_MIN, CELL_S),
    (Quantity.TEMPERATURE_MAX, WARMTH_S),
    (Quantity.MOS_TEMPERATURE, WARMTH_S),
)


def follow(trend: Trend, view: View) -> Trend:
    """Return the trend after a reading."""
    heard_s = view.reading.heard_s
    quantities = view.quantities
    values = tuple(quantities[quantity] for quantity, _ in _WATCHED)
    if trend.heard_s is None:
        return Trend(heard_s, values)
    passed_s = heard_s - trend.heard_s
    if passed_s <= 0.0:
        return trend
    rates, raws = [], []
    for now, before, rate, raw, (_, constant_s) in zip(
        values, trend.values, trend.rates, trend.raw, _WATCHED, strict=True
    ):
        if now is None or before is None or passed_s > constant_s:
            rates.append(0.0)
            raws.append((0.0, 0.0))
            continue
        newest = (now - before) / passed_s
        part = passed_s / (constant_s + passed_s)
        rates.append(rate + part * (sorted((*raw, newest))[1] - rate))
        raws.append((raw[1], newest))
    return Trend(heard_s, values, tuple(raws), tuple(rates))
