"""What is counted over a pack's life: energies, cycles, extremes, alarms, time in bands (R32-R34).

Counting costs a few additions a reading: time is added to a band when the band changes or is looked
at, and what people see is made anew every SHOW_S only, or when something happened.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from cellwarden.engine.soc import Gauge
from cellwarden.engine.view import View
from cellwarden.model import Alarm, Counters, Extreme, Severity

SHOW_S = 10.0
"""How old what is shown of the counters may be (ours)."""
REARM_PERCENT = 90.0
"""The next full charge counts once the SoC has been below this (R33, ours)."""
TELL_PART = 0.01
"""A learned capacity is told again when it moved by this part of the design capacity (ours)."""

SOC_EDGES = (20.0, 40.0, 60.0, 80.0)
TEMPERATURE_EDGES = (0.0, 10.0, 20.0, 30.0, 40.0, 50.0)
VOLTAGE_STEPS = 8
"""Bands of the mean cell voltage between under- and over-voltage (ours)."""


class Best(NamedTuple):
    """One extreme that is kept."""

    name: str
    sign: int
    """1 keeps the highest, -1 the lowest."""


EXTREMES = (
    Best("cell_voltage_max_v", 1),
    Best("cell_voltage_min_v", -1),
    Best("current_max_a", 1),
    Best("current_min_a", -1),
    Best("temperature_max_c", 1),
    Best("temperature_min_c", -1),
    Best("mos_temperature_max_c", 1),
    Best("soc_min_percent", -1),
)

Times = tuple[float, ...]
"""s in each band."""


class Tally(NamedTuple):
    """Everything counted."""

    runtime_s: float = 0.0
    charged_wh: float = 0.0
    discharged_wh: float = 0.0
    full_charges: int = 0
    armed: bool = True
    """The next full charge counts."""
    since_full_s: float | None = None
    extremes: tuple[Extreme | None, ...] = (None,) * len(EXTREMES)
    alarms: Mapping[str, int] = {}
    bands: tuple[Times, Times, Times] = ((), (), ())
    """By SoC, temperature and voltage; empty until something was counted."""
    at: tuple[int | None, int | None, int | None] = (None, None, None)
    """The bands that time passes in now."""
    at_s: float = 0.0
    """What of it is not in `bands` yet."""
    told_ah: float | None = None
    """The learned capacity as people were told of it last."""
    shown: Counters | None = None
    shown_age_s: float = 0.0


class Bookkeeper:
    """Counts for one pack."""

    def __init__(self, undervoltage_v: float, overvoltage_v: float, design_ah: float) -> None:
        step_v = (overvoltage_v - undervoltage_v) / VOLTAGE_STEPS
        volts = [round(undervoltage_v + n * step_v, 2) for n in range(VOLTAGE_STEPS + 1)]
        self._edges: tuple[Times, Times, Times] = (SOC_EDGES, TEMPERATURE_EDGES, tuple(volts))
        self.names = (
            _names(SOC_EDGES, "%", low=0, high=100),
            _names(TEMPERATURE_EDGES, "°C"),
            _names(tuple(volts), "V"),
        )
        self._empty: tuple[Times, ...] = tuple((0.0,) * len(names) for names in self.names)
        self._design_ah = design_ah

    def count(self, tally: Tally, view: View, gauge: Gauge, gap_s: float | None) -> Tally:
        """Return the tally after a reading, `gap_s` after the last; None over a gap."""
        passed_s = gap_s or 0.0
        power_wh = (view.power_w or 0.0) * passed_s / 3600
        at = self._bands(view, gauge)
        bands, at_s = tally.bands, tally.at_s + passed_s
        if at != tally.at:
            bands, at_s = self._settled(tally, passed_s), 0.0
        runtime_s, since_full_s = tally.runtime_s + passed_s, tally.since_full_s
        armed, full_charges = tally.armed, tally.full_charges
        soc = gauge.soc_percent
        if gauge.full:
            full_charges += armed
            since_full_s, armed = 0.0, False
        else:
            armed = armed or (soc is not None and soc < REARM_PERCENT)
            since_full_s = None if since_full_s is None else since_full_s + passed_s
        return Tally(
            runtime_s=runtime_s,
            charged_wh=tally.charged_wh + max(power_wh, 0.0),
            discharged_wh=tally.discharged_wh + max(-power_wh, 0.0),
            full_charges=full_charges,
            armed=armed,
            since_full_s=since_full_s,
            extremes=_widened(tally.extremes, view, soc, runtime_s),
            alarms=tally.alarms,
            told_ah=tally.told_ah,
            bands=bands,
            at=at,
            at_s=at_s,
            shown=tally.shown if full_charges == tally.full_charges else None,
            shown_age_s=tally.shown_age_s + passed_s,
        )

    def trips(self, tally: Tally, before: Sequence[Alarm], after: Sequence[Alarm]) -> Tally:
        """Return the tally with what tripped between two lists of alarms."""
        known = {(a.kind, a.source) for a in before if a.severity is Severity.PROTECTION}
        counts = dict(tally.alarms)
        for kind, source in {
            (a.kind, a.source) for a in after if a.severity is Severity.PROTECTION
        }:
            if (kind, source) not in known:
                counts[kind.value] = counts.get(kind.value, 0) + 1
        return tally if counts == tally.alarms else tally._replace(alarms=counts, shown=None)

    def learned(self, tally: Tally, capacity_ah: float) -> tuple[Tally, str]:
        """Return the tally, and what to tell of a learned capacity; empty if it is no news."""
        told_ah = tally.told_ah
        if told_ah is not None and abs(capacity_ah - told_ah) < TELL_PART * self._design_ah:
            return tally, ""
        was = "" if told_ah is None else f", before {told_ah:.1f} Ah"
        text = f"capacity learned: {capacity_ah:.1f} Ah of {self._design_ah:g} Ah{was}"
        return tally._replace(told_ah=capacity_ah), text

    def shown(self, tally: Tally, gauge: Gauge, capacity_ah: float) -> Tally:
        """Return the tally with what people see made anew if that is due."""
        if tally.shown is not None and tally.shown_age_s < SHOW_S:
            return tally
        tally = self.settle(tally)
        counters = self._counters(tally, gauge, capacity_ah)
        return tally._replace(shown=counters, shown_age_s=0.0)

    def settle(self, tally: Tally) -> Tally:
        """Return the tally with all time in its bands."""
        return tally._replace(bands=self._settled(tally, 0.0), at_s=0.0)

    def _counters(self, tally: Tally, gauge: Gauge, capacity_ah: float) -> Counters:
        soc, temperature, voltage = (
            dict(zip(names, times, strict=True))
            for names, times in zip(self.names, tally.bands, strict=True)
        )
        return Counters(
            runtime_s=tally.runtime_s,
            charged_ah=gauge.charged_ah,
            discharged_ah=gauge.discharged_ah,
            charged_wh=tally.charged_wh,
            discharged_wh=tally.discharged_wh,
            cycles=gauge.discharged_ah / capacity_ah if capacity_ah > 0 else 0.0,
            full_charges=tally.full_charges,
            since_full_s=tally.since_full_s,
            extremes={
                best.name: extreme
                for best, extreme in zip(EXTREMES, tally.extremes, strict=True)
                if extreme is not None
            },
            alarms=tally.alarms,
            soc_bands_s=soc,
            temperature_bands_s=temperature,
            voltage_bands_s=voltage,
        )

    def _bands(self, view: View, gauge: Gauge) -> tuple[int | None, int | None, int | None]:
        cells, sensors = view.cell_sum_v, view.temperature_max
        soc_edges, temperature_edges, voltage_edges = self._edges
        return (
            _band(soc_edges, gauge.soc_percent),
            _band(temperature_edges, None if sensors is None else sensors.temperature_c),
            _band(
                voltage_edges, None if cells is None else cells / len(view.reading.cell_voltages_v)
            ),
        )

    def _settled(self, tally: Tally, passed_s: float) -> tuple[Times, Times, Times]:
        """Return the bands with the time that passed in the present ones."""
        more_s = tally.at_s + passed_s
        soc, temperature, voltage = (
            times if n is None else (*times[:n], times[n] + more_s, *times[n + 1 :])
            for n, times in zip(
                tally.at, tally.bands if tally.bands[0] else self._empty, strict=True
            )
        )
        return soc, temperature, voltage


def _band(edges: Sequence[float], value: float | None) -> int | None:
    """Return which band a value is in, from the lowest."""
    if value is None:
        return None
    n = 0
    for edge in edges:
        if value < edge:
            break
        n += 1
    return n


def _names(
    edges: Sequence[float], unit: str, low: float | None = None, high: float | None = None
) -> tuple[str, ...]:
    """Return the names of the bands between edges: `20..40 %`, `below 0 °C`."""
    first = f"below {edges[0]:g} {unit}" if low is None else f"{low:g}..{edges[0]:g} {unit}"
    last = f"above {edges[-1]:g} {unit}" if high is None else f"{edges[-1]:g}..{high:g} {unit}"
    between = [f"{a:g}..{b:g} {unit}" for a, b in pairwise(edges)]
    return (first, *between, last)


def _widened(
    extremes: tuple[Extreme | None, ...], view: View, soc: float | None, runtime_s: float
) -> tuple[Extreme | None, ...]:
    """Return the extremes after a reading; the same object where nothing went further."""
    high, low, warm, cold = (
        view.cell_max,
        view.cell_min,
        view.temperature_max,
        view.temperature_min,
    )
    current_a = view.reading.current_a
    values = (
        None if high is None else high.voltage_v,
        None if low is None else low.voltage_v,
        current_a,
        current_a,
        None if warm is None else warm.temperature_c,
        None if cold is None else cold.temperature_c,
        view.reading.mos_temperature_c,
        soc,
    )
    further = [
        n
        for n, (value, best, extreme) in enumerate(zip(values, EXTREMES, extremes, strict=True))
        if value is not None and (extreme is None or best.sign * value > best.sign * extreme.value)
    ]
    if not further:
        return extremes
    where = (
        "" if high is None else f"cell {high.cell}",
        "" if low is None else f"cell {low.cell}",
        "",
        "",
        "" if warm is None else warm.sensor,
        "" if cold is None else cold.sensor,
        "",
        "",
    )
    after = list(extremes)
    for n in further:
        value = values[n]
        assert value is not None
        after[n] = Extreme(value=value, where=where[n], runtime_s=runtime_s)
    return tuple(after)
