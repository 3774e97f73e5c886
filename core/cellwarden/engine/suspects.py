"""Suspects: single values that are not believed, why, and for how long.

Each number of a reading is a channel with a range and, where physics forbids it, a largest jump. A
number outside becomes None in the believed reading. It is not believed again before `HOLD_S` has
passed since it was last bad; a jump is believed once it comes a second time.
"""

from collections.abc import Sequence
from typing import NamedTuple

from cellwarden.model import Parameters, Quarantine, quantity_text

HOLD_S = 0.8
"""s from a bad value to the next that may be believed, and from a bad value to a fault (ours).

Below 1 s so that at 1 Hz the very next reading counts: once ignored, twice a fault (F5)."""
AGREEMENT = 0.2
"""A jump is repeated when the next value is within this part of the largest jump (ours)."""

Values = tuple[float | None, ...]


class Suspect(NamedTuple):
    """A value that is not believed."""

    what: str
    value: float
    unit: str
    why: str
    since_s: float
    last_s: float
    """When it was last bad."""

    def quarantine(self) -> Quarantine:
        """Return it as people see it."""
        return Quarantine(
            what=self.what,
            value=shown(self.value, self.unit),
            measured=self.value if -1e9 < self.value < 1e9 else None,
            why=self.why,
            since_s=self.since_s,
            until_s=self.last_s + HOLD_S,
        )


class Channel(NamedTuple):
    """One kind of number in a reading: where it stands and what is believable."""

    what: str
    """Its name for people; of a series, the name before the number."""
    field: str
    unit: str
    low: float
    high: float
    jump: float | None = None
    """Largest believable change from one reading to the next."""


CELLS = Channel("cell ", "cell_voltages_v", "V", 1.0, 5.0, 0.5)
"""R3: every board measures 1..5 V. Jump: F45 (ours), unless the pack voltage shows it too."""
SENSORS = Channel("T", "temperatures_c", "°C", -40.0, 120.0, 20.0)
"""A battery does not change by 20 K from poll to poll; a broken sensor does (F19)."""
WIRES = Channel("wire ", "wire_resistances_ohm", "ohm", 0.0, 2000.0)
"""R5: up to 2 000 000 mΩ."""


def most_current_a(parameters: Parameters) -> float:
    """Return what no current is above, either way: four times the highest set one (ours)."""
    largest_a = max(parameters.charge_current_max_a, parameters.discharge_current_max_a)
    return max(200.0, 4 * largest_a)


def channels(parameters: Parameters) -> tuple[Channel, ...]:
    """Return the scalar channels of a pack.

    Ranges are ours: what no working device reports. Capacity: 0.3 to 1.5 of the design (F39).
    """
    count, design_ah = parameters.cell_count, parameters.design_capacity_ah
    most_a = most_current_a(parameters)
    return (
        Channel("voltage", "voltage_v", "V", count * CELLS.low, count * CELLS.high),
        Channel("current", "current_a", "A", -most_a, most_a),
        Channel("MOSFET", "mos_temperature_c", "°C", -40.0, 150.0),
        Channel("SoC", "soc_percent", "%", 0.0, 100.0),
        Channel("SoH", "soh_percent", "%", 0.0, 100.0),
        Channel("capacity", "capacity_ah", "Ah", 0.3 * design_ah, 1.5 * design_ah),
        Channel("remaining charge", "remaining_ah", "Ah", 0.0, 1.5 * design_ah),
        Channel("cycles", "cycles", "", 0.0, 1e6),
        Channel("cycle charge", "cycle_charge_ah", "Ah", 0.0, 1e9),
        Channel("runtime", "runtime_s", "s", 0.0, 1e11),
        Channel("balance current", "balance_current_a", "A", -100.0, 100.0),
    )


class Trial:
    """The judgement of one reading's values; `suspects` holds what came of it."""

    def __init__(self, suspects: Sequence[Suspect], heard_s: float) -> None:
        self._before = {s.what: s for s in suspects}
        self._heard_s = heard_s
        self.suspects: list[Suspect] = []

    def scalar(self, channel: Channel, value: float) -> float | None:
        """Return the value if it is believed, else None."""
        # Comparing like this also refuses NaN and takes integers of any size.
        if not self._before and channel.low <= value <= channel.high:
            return value
        return self._one(channel, channel.what, value, None, None)

    def series(self, channel: Channel, values: Values, last: Values, jump: float | None) -> Values:
        """Return the values with those that are not believed as None.

        `last` are the last believed values, in the same order and at least as many where a jump
        is to be looked for. The same tuple comes back if all are good.
        """
        if not self._before and _all_good(channel, values, last, jump):
            return values
        return tuple(
            None
            if value is None
            else self._one(
                channel, f"{channel.what}{n + 1}", value, last[n] if n < len(last) else None, jump
            )
            for n, value in enumerate(values)
        )

    def doubt(self, what: str, value: float, unit: str, why: str) -> None:
        """Note a value as bad now."""
        before = self._before.get(what)
        since_s = before.since_s if before else self._heard_s
        self.suspects.append(Suspect(what, value, unit, why, since_s, self._heard_s))

    def _one(
        self, channel: Channel, what: str, value: float, last: float | None, jump: float | None
    ) -> float | None:
        before = self._before.get(what)
        if not channel.low <= value <= channel.high:
            self.doubt(what, value, channel.unit, _outside(channel))
            return None
        if jump is not None and last is not None and abs(value - last) > jump:
            if before is not None and self._repeats(before, value, jump):
                return value
            why = f"it jumped from {quantity_text(last, channel.unit)}"
            self.doubt(what, value, channel.unit, why)
            return None
        if before is not None and self._heard_s - before.last_s < HOLD_S:
            self.suspects.append(before)  # good again, but not for long enough
            return None
        return value

    def _repeats(self, before: Suspect, value: float, jump: float) -> bool:
        if self._heard_s - before.since_s < HOLD_S:
            return False
        return -AGREEMENT * jump <= value - before.value <= AGREEMENT * jump


def _all_good(channel: Channel, values: Values, last: Values, jump: float | None) -> bool:
    low, high = channel.low, channel.high
    if jump is None or len(last) < len(values):
        if not values or None in values:
            return all(v is None or low <= v <= high for v in values)
        known: tuple[float, ...] = values  # type: ignore[assignment]  # no None inside
        total = sum(known)  # NaN hides from min() and max(), but not from a sum
        return low <= min(known) and max(known) <= high and total == total  # noqa: PLR0124
    for value, before in zip(values, last, strict=False):
        if value is None:
            continue
        if not low <= value <= high:
            return False
        if before is not None and not -jump <= value - before <= jump:
            return False
    return True


def _outside(channel: Channel) -> str:
    return f"it is outside {channel.low:g}..{channel.high:g} {channel.unit}".rstrip()


def shown(value: float, unit: str) -> str:
    """Return a value that may be anything as people read it."""
    if -1e9 < value < 1e9:
        return quantity_text(value, unit)
    return "not a number" if value != value else "beyond all range"  # noqa: PLR0124  # NaN
