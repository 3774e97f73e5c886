"""What a sensor that was lost may have come to since, for the limits alone.

Nothing rises because a sensor died: a battery sensor is taken to be as far from the others as it
last was, and with no other left, or for the MOSFET's, to stand where it was. None of it is shown,
and no protection trips by it.
"""

from typing import NamedTuple

from cellwarden.engine.view import Quantity, View
from cellwarden.model import SensorExtreme

Values = tuple[float | None, ...]


class Lost(NamedTuple):
    """A battery sensor that is known no more."""

    sensor: int
    """Index from 0."""
    last_c: float
    others_c: float | None
    """Mean of the others when it was lost."""


def lost_sensors(before: tuple[Lost, ...], sensors: Values, last: Values) -> tuple[Lost, ...]:
    """Return the sensors that are lost after a reading; `last` was believed before it."""
    if None not in sensors:
        return ()
    known = {lost.sensor: lost for lost in before}
    found = []
    for n, value in enumerate(sensors):
        was_c = last[n] if n < len(last) else None
        if value is None and was_c is not None:
            found.append(known.get(n) or Lost(n, was_c, _mean(last, n)))
    return tuple(found)


def assumed(view: View, lost: tuple[Lost, ...], mos_c: float | None) -> View:
    """Return a view for the limits, with what lost sensors may have come to.

    `mos_c` is what the MOSFET's sensor told last, None where there is none.
    """
    quantities = list(view.quantities)
    if quantities[Quantity.MOS_TEMPERATURE] is None:
        quantities[Quantity.MOS_TEMPERATURE] = mos_c
    warmest, coldest = view.temperature_max, view.temperature_min
    now_c = _mean(view.reading.temperatures_c)
    for sensor, last_c, others_c in lost:
        apart = now_c is None or others_c is None
        value = last_c if apart else last_c + now_c - others_c  # type: ignore[operator]  # not None
        extreme = SensorExtreme(
            pack=view.reading.pack, sensor=f"T{sensor + 1}, lost", temperature_c=value
        )
        if warmest is None or value > warmest.temperature_c:
            warmest = extreme
        if coldest is None or value < coldest.temperature_c:
            coldest = extreme
    for quantity, end in (
        (Quantity.TEMPERATURE_MAX, warmest),
        (Quantity.TEMPERATURE_MIN, coldest),
    ):
        quantities[quantity] = None if end is None else end.temperature_c
    return view._replace(
        temperature_max=warmest, temperature_min=coldest, quantities=tuple(quantities)
    )


def _mean(values: Values, but: int | None = None) -> float | None:
    known = [v for n, v in enumerate(values) if v is not None and n != but]
    return sum(known) / len(known) if known else None
