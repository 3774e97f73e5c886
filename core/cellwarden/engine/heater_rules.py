"""What a heater may be: the limits of the output that a film hangs on (R36), and when it works."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta

from cellwarden.model.catalog import HEATER_CURRENT_MAX_A, HEATER_POWER_MAX_W


@dataclass(frozen=True, slots=True, kw_only=True)
class HeaterSettings:
    """One pack's heater, as its owner described it."""

    film_ohm: float | None = None
    """At 20 °C, as measured between its leads; None: it is not the pack that feeds it."""
    mains_w: float | None = None
    """What a heater takes that something else feeds, in place of `film_ohm`."""
    relay: bool = False
    """A relay switches it, whose state is read back; not the BMS."""
    most_w: float = HEATER_POWER_MAX_W
    most_a: float = HEATER_CURRENT_MAX_A
    soc_floor_percent: float = 30.0
    """The pack does not heat itself below this."""
    only_surplus: bool = False
    """Heat only with energy that would be fed in or lost."""
    only_expected: bool = False
    """Heat only ahead of charging that is expected, and during it."""
    charge_from: time | None = None
    """Local time of day from which charging is to be expected; with `charge_until`."""
    charge_until: time | None = None

    def charge_expected_in_s(self, now: datetime) -> float | None:
        """Return when charging is expected, in s from a local time; 0 within the hours of it."""
        start, end = self.charge_from, self.charge_until
        if start is None or end is None:
            return None
        clock = now.time()
        inside = start <= clock < end if start < end else clock >= start or clock < end
        if inside:
            return 0.0
        begins = datetime.combine(now.date(), start, tzinfo=now.tzinfo)
        if begins < now:
            begins += timedelta(days=1)
        return (begins - now).total_seconds()

    def power_w(self, volts: float | None) -> float | None:
        """Return the power at a pack voltage."""
        if self.film_ohm is None:
            return self.mains_w
        return None if volts is None else volts * volts / self.film_ohm

    def too_much(self, volts: float | None) -> str | None:
        """Return how the film breaks the output's limits at a pack voltage; None if it does not.

        What another source feeds does not depend on the pack's voltage.
        """
        if self.film_ohm is None:
            return None
        if volts is None:
            return "the pack voltage is unknown"
        return self.beyond(volts / self.film_ohm, volts)

    def beyond(self, current_a: float, volts: float) -> str | None:
        """Return how a current breaks the output's limits, None if it does not."""
        power_w = current_a * volts
        if current_a > self.most_a:
            return f"{current_a:.1f} A at {volts:.1f} V, the output bears {self.most_a:g} A"
        if power_w > self.most_w:
            return f"{power_w:.0f} W at {volts:.1f} V, the output bears {self.most_w:g} W"
        return None
