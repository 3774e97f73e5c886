"""Sun, consumption and weather of one household, as functions of the time.

A day is drawn from the seed and its own number, minute by minute, when it is first asked for: any
moment can be asked in any order and gives the same answer.
"""

import math
import random
from dataclasses import dataclass
from typing import NamedTuple

DAY_S = 86_400.0
_MINUTES = 1440
_KNOT_MINUTES = 5  # clouds change from one knot to the next

_SUNRISE_H = 6.0
_SUNSET_H = 20.0
# A clear day brings this much of the bank's energy, an average day of any weather takes that much:
# a night then takes a full bank to about a third.
_CLEAR_DAY = 2.0
_CONSUMPTION = 1.05


class _Weather(NamedTuple):
    """How much of a clear day's sun a kind of day lets through."""

    share: float
    """Of all days."""
    low: float
    """Lowest mean of a day."""
    high: float
    varies: float
    """How much it changes from cloud to cloud, relative to the mean."""


_WEATHER = (
    _Weather(0.55, 0.92, 1.00, 0.03),  # clear
    _Weather(0.33, 0.60, 0.85, 0.35),  # clouds and sun
    _Weather(0.12, 0.30, 0.50, 0.15),  # dull
)

# (hour of the peak, its standard deviation in h, share of the day's energy)
_PEAKS = ((7.3, 0.8, 0.13), (12.6, 0.9, 0.10), (19.8, 1.7, 0.34))
_APPLIANCE_SHARE = 0.12  # of the day's energy, on average; what remains runs all day

# (power relative to a kettle, minutes, first hour, last hour, mean times a day)
_APPLIANCES = (
    (1.0, 4, 6.0, 22.0, 4.0),  # kettle
    (1.1, 40, 11.0, 20.0, 0.7),  # oven
    (0.9, 25, 8.0, 18.0, 0.6),  # washing machine, its heater
    (0.5, 90, 9.0, 16.0, 0.3),  # something long: dryer, vacuum, workshop
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """One drawn day: a value for each minute, and one more for the end of the last."""

    pv_power_w: tuple[float, ...]
    load_power_w: tuple[float, ...]


class HomeProfile:
    """A household sized to its bank: time in s since the first midnight, power in W."""

    def __init__(self, *, seed: int | str, bank_energy_wh: float, mean_c: float = 21.0) -> None:
        self.seed = seed
        self.bank_energy_wh = bank_energy_wh
        self.mean_c = mean_c
        """Mean temperature of the room over the days."""
        self._days: dict[int, Day] = {}

    def pv_power_w(self, time_s: float) -> float:
        """Return what the panels could give now."""
        day, minute = self._at(time_s)
        n = int(minute)
        low = day.pv_power_w[n]
        return low + (day.pv_power_w[n + 1] - low) * (minute - n)

    def load_power_w(self, time_s: float) -> float:
        """Return what the household takes now; constant within a minute."""
        day, minute = self._at(time_s)
        return day.load_power_w[int(minute)]

    def ambient_c(self, time_s: float) -> float:
        """Return the temperature of the room: coldest at 4 h, warmer and cooler spells of days."""
        days = time_s / DAY_S
        spell_k = 2.0 * math.sin(2.0 * math.pi * days / 9.0)
        return self.mean_c + spell_k - 3.0 * math.cos(2.0 * math.pi * (days - 4.0 / 24.0))

    def _at(self, time_s: float) -> tuple[Day, float]:
        number, second = divmod(time_s, DAY_S)
        day = self._days.get(int(number))
        if day is None:
            day = self._draw(int(number))
            self._days = {int(number): day}  # time goes forward: one day is enough
        return day, second / 60.0

    def _draw(self, number: int) -> Day:
        draw = random.Random(f"day {self.seed} {number}")  # noqa: S311  # a simulation, no secret
        return Day(pv_power_w=self._draw_sun(draw), load_power_w=self._draw_load(draw))

    def _draw_sun(self, draw: random.Random) -> tuple[float, ...]:
        (weather,) = draw.choices(_WEATHER, weights=[kind.share for kind in _WEATHER])
        mean = draw.uniform(weather.low, weather.high)
        knots = []
        cloud = 0.0
        for _ in range(_MINUTES // _KNOT_MINUTES + 1):
            cloud = 0.85 * cloud + 0.5 * draw.gauss(0.0, 1.0)
            knots.append(min(max(mean * (1.0 + weather.varies * cloud), 0.08), 1.05))
        clear = [_clear_sky(n / 60.0) for n in range(_MINUTES + 1)]
        peak_w = _CLEAR_DAY * self.bank_energy_wh * 60.0 / sum(clear)
        result = []
        for n, bell in enumerate(clear):
            k, part = divmod(n, _KNOT_MINUTES)
            low = knots[k]
            high = knots[min(k + 1, len(knots) - 1)]
            result.append(peak_w * bell * (low + (high - low) * part / _KNOT_MINUTES))
        return tuple(result)

    def _draw_load(self, draw: random.Random) -> tuple[float, ...]:
        day_wh = _CONSUMPTION * self.bank_energy_wh * draw.uniform(0.85, 1.15)
        steady = 1.0 - _APPLIANCE_SHARE - sum(share for _, _, share in _PEAKS)
        load_power_w = [steady * day_wh / 24.0] * (_MINUTES + 1)
        for peak_h, width_h, share in _PEAKS:
            at_h = peak_h + draw.uniform(-0.5, 0.5)
            top_w = share * day_wh / (width_h * math.sqrt(2.0 * math.pi))
            for n in range(_MINUTES + 1):
                load_power_w[n] += top_w * math.exp(-0.5 * ((n / 60.0 - at_h) / width_h) ** 2)
        # Mean kettle hours of a day; the kettle's power follows from the appliances' share.
        hours = sum(power * minutes / 60.0 * times for power, minutes, _, _, times in _APPLIANCES)
        kettle_w = _APPLIANCE_SHARE * day_wh / hours
        for power, minutes, first_h, last_h, times in _APPLIANCES:
            for _ in range(round(draw.uniform(0.0, 2.0 * times))):
                start = int(60.0 * draw.uniform(first_h, last_h))
                for n in range(start, start + minutes):
                    load_power_w[n] += power * kettle_w
        return tuple(load_power_w)


def _clear_sky(hour: float) -> float:
    """Return the shape of a cloudless day, 0..1."""
    if not _SUNRISE_H < hour < _SUNSET_H:
        return 0.0
    height = math.sin(math.pi * (hour - _SUNRISE_H) / (_SUNSET_H - _SUNRISE_H))
    return float(height**1.3)
