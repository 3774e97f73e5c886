"""What a believed reading comes to: extremes, sums and the quantities that rules look at."""

from collections.abc import Callable, Sequence
from enum import IntEnum
from typing import NamedTuple

from cellwarden.engine.soc_kinds import KELVIN
from cellwarden.model import CellExtreme, Reading, SensorExtreme

CELLS = tuple(f"cell {n}" for n in range(1, 65))
SENSORS = tuple(f"T{n}" for n in range(1, 33))


class Quantity(IntEnum):
    """Index of each number that a protection can watch, in `View.quantities`."""

    CELL_MAX = 0
    CELL_MIN = 1
    CURRENT = 2
    """+ = charging."""
    TEMPERATURE_MAX = 3
    TEMPERATURE_MIN = 4
    MOS_TEMPERATURE = 5
    CELL_DIFFERENCE = 6
    SUM_MISMATCH = 7
    """Pack voltage against the sum of the cells, in % of the pack voltage."""
    VOLTAGE = 8
    """Of the pack: as reported, else the sum of the cells."""
    TEMPERATURE_DIFFERENCE = 9
    """Warmest minus coldest battery sensor, in K."""
    SOC = 10


class View(NamedTuple):
    """A believed reading, worked out once; None where something is unknown."""

    reading: Reading
    cell_min: CellExtreme | None
    """Over the cells that are known."""
    cell_max: CellExtreme | None
    cell_sum_v: float | None
    """None unless every cell is known."""
    temperature_min: SensorExtreme | None
    temperature_max: SensorExtreme | None
    voltage_v: float | None
    """As reported, else the sum of the cells."""
    power_w: float | None
    quantities: tuple[float | None, ...]
    """By `Quantity`, SoC left out: it is no measurement."""

    @property
    def mismatch_percent(self) -> float | None:
        """Pack voltage against the sum of the cells."""
        return self.quantities[Quantity.SUM_MISMATCH]

    def where(self, quantity: Quantity) -> str:
        """Return which cell or sensor shows a quantity, empty for the pack."""
        return _WHERE[quantity](self) if quantity in _WHERE else ""


def look(reading: Reading, mismatch_percent: float | None = None) -> View:
    """Return the view of a believed reading.

    `mismatch_percent` is given where the pack voltage was thrown out because of it.
    """
    cells = reading.cell_voltages_v
    whole = bool(cells) and None not in cells
    sum_v = sum(cells) if whole else None  # type: ignore[arg-type]  # whole: no None inside
    lowest, highest = _ends(cells, whole=whole)
    cell_min = cell_max = difference_v = None
    if lowest is not None and highest is not None:
        cell_min = CellExtreme(pack=reading.pack, cell=lowest[0] + 1, voltage_v=lowest[1])
        cell_max = CellExtreme(pack=reading.pack, cell=highest[0] + 1, voltage_v=highest[1])
        difference_v = highest[1] - lowest[1]
    sensors = reading.temperatures_c
    coldest, warmest = _ends(sensors, whole=bool(sensors) and None not in sensors)
    told_v, current_a = reading.voltage_v, reading.current_a
    voltage_v = told_v if told_v is not None else sum_v
    if mismatch_percent is None and told_v is not None and sum_v is not None:
        mismatch_percent = 100 * abs(sum_v - told_v) / told_v
    return View(
        reading,
        cell_min,
        cell_max,
        sum_v,
        _sensor(reading.pack, coldest),
        _sensor(reading.pack, warmest),
        voltage_v,
        None if voltage_v is None or current_a is None else voltage_v * current_a,
        (
            highest[1] if highest else None,
            lowest[1] if lowest else None,
            current_a,
            warmest[1] if warmest else None,
            coldest[1] if coldest else None,
            reading.mos_temperature_c,
            difference_v,
            mismatch_percent,
            voltage_v,
            warmest[1] - coldest[1] if warmest and coldest else None,
        ),
    )


def mean_temperature_k(view: View) -> float | None:
    """Return the mean of the battery sensors that are known."""
    known = [t for t in view.reading.temperatures_c if t is not None]
    return sum(known) / len(known) + KELVIN if known else None


End = tuple[int, float]
"""Index and value."""


def _ends(values: Sequence[float | None], *, whole: bool) -> tuple[End | None, End | None]:
    """Return lowest and highest of the known values; the first of equals."""
    known: list[float] = values if whole else [v for v in values if v is not None]  # type: ignore[assignment]  # whole: no None inside
    if not known:
        return None, None
    low, high = min(known), max(known)
    return (values.index(low), low), (values.index(high), high)


def _sensor(pack: str, end: End | None) -> SensorExtreme | None:
    if end is None:
        return None
    n, value = end
    name = SENSORS[n] if n < len(SENSORS) else f"T{n + 1}"
    return SensorExtreme(pack=pack, sensor=name, temperature_c=value)


def _cell_name(extreme: CellExtreme | None) -> str:
    return f"cell {extreme.cell}" if extreme else ""


def _sensor_name(extreme: SensorExtreme | None) -> str:
    return extreme.sensor if extreme else ""


_WHERE: dict[Quantity, Callable[[View], str]] = {
    Quantity.CELL_MAX: lambda v: _cell_name(v.cell_max),
    Quantity.CELL_MIN: lambda v: _cell_name(v.cell_min),
    Quantity.TEMPERATURE_MAX: lambda v: _sensor_name(v.temperature_max),
    Quantity.TEMPERATURE_MIN: lambda v: _sensor_name(v.temperature_min),
    Quantity.MOS_TEMPERATURE: lambda _: "MOSFET",
    Quantity.TEMPERATURE_DIFFERENCE: lambda v: (
        f"{_sensor_name(v.temperature_min)} and {_sensor_name(v.temperature_max)}"
    ),
}
