"""Heating: warm enough to be charged, by the time there is something to charge with (R35, R36a).

Charging is off below the under-temperature protection until all sensors are above its recovery;
between the two the heater works. It stops on anything that cannot be judged: no sensor, no voltage,
no SoC. It is watched in both directions: one that does not warm, and one that does not stop.

Everything that is remembered is a duration or a temperature; no times of the clock.
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

from cellwarden.engine.alarms import Fault
from cellwarden.engine.heater_rules import HeaterSettings
from cellwarden.engine.soc import Gauge
from cellwarden.engine.view import View
from cellwarden.model import AlarmKind, Heating, Inputs, Parameters

WARMS_K = 1.0
"""A heater warms by so much in WARMS_S, or it is broken (R36a)."""
WARMS_S = 1800.0
RETRY_S = 6 * 3600.0
"""A heater that did not warm is tried again after this (ours): it may have been the weather."""
ANSWERS_S = 60.0
"""So long a relay may take to be where it was told (ours)."""
TOO_MUCH_S = 10.0
"""A measured current beyond what the output bears for so long is no switching on (ours)."""
STOPS_K = 5.0
"""Above the recovery by this much, no heater has any business to be on (ours)."""
STOPS_S = 600.0
WATCH_S = 3600.0
"""Over this time a temperature that rises without reason is judged."""
RISES_K = 3.0
RISES_PART = 0.7
"""Of the rate at which the heater warms: so fast, while it is off, it is not off (ours)."""
SETTLE_S = 900.0
"""The heat of a film takes this long to arrive at a sensor."""
IDLE_C = 0.02
"""More current than this warms by itself."""
RATE_K_S = 2 / 3600
"""Assumed until seen: what R36a expects."""
HOT_C = 35.0
"""No part of a pack is heated beyond this (ours)."""
RESUME_PERCENT = 5.0
"""Above the SoC floor, before the pack heats itself again (ours)."""
READY_EARLY_S = 600.0
"""Warm this long before charging is expected (ours)."""


class Heat(NamedTuple):
    """What is remembered of the heater."""

    wanted: bool = False
    energy_wh: float = 0.0
    on_s: float = 0.0
    """It has been on, without a break."""
    on_at_c: float | None = None
    """Coldest sensor when WARMS_S began."""
    rate_k_s: float | None = None
    """How fast it warmed by the last WARMS_K."""
    off_s: float = 0.0
    """It should have been off for so long."""
    off_at_c: float | None = None
    """Coldest sensor when WATCH_S began."""
    dead_s: float | None = None
    """Since it was found broken; None while it is believed in."""
    too_much: str = ""
    """How it was measured to break its output's limits; with `dead_s` empty: it does not warm."""
    too_much_s: float | None = None
    """For how long it has been; None while it is not."""
    deaf_s: float = 0.0
    """A relay is not where it was told to be."""
    unheard_s: float = 0.0
    """Nobody knows where the relay is."""
    late_s: float = 0.0
    """It is on although it is warm."""
    welded: bool = False
    floor: bool = False
    """Below the SoC floor, or not yet well above it again."""
    shown: Heating | None = None


class Heater:
    """The heater of one pack."""

    def __init__(self, settings: HeaterSettings, parameters: Parameters) -> None:
        self._settings = settings
        self._cold_c = parameters.charge_undertemperature_c
        self._warm_c = parameters.charge_undertemperature_recovery_c
        self._idle_a = IDLE_C * parameters.design_capacity_ah

    def hear(
        self, heat: Heat, view: View, gauge: Gauge, inputs: Inputs, gap_s: float | None
    ) -> Heat:
        """Return what is wanted and known after a reading."""
        passed_s = gap_s or 0.0
        coldest = view.temperature_min
        active = inputs.heater_relay_on
        if active is None and not self._settings.relay:
            active = view.reading.heating
        if active is None and not inputs.acts:
            active = False  # nobody switches it
        soc = gauge.soc_percent
        floor = self._settings.soc_floor_percent
        below = soc is not None and soc < floor + (RESUME_PERCENT if heat.floor else 0.0)
        if below is not heat.floor:
            heat = heat._replace(floor=below)
        if coldest is None:
            heat = heat._replace(on_at_c=None, off_at_c=None)
        else:
            heat = self._watch(heat, view, coldest.temperature_c, active, passed_s, inputs)
        stop = next(self._stops(heat, view, gauge, inputs), None)
        wanted, why = (False, stop) if stop is not None else self._wish(heat, view, inputs)
        if wanted is not heat.wanted:
            heat = heat._replace(wanted=wanted, deaf_s=0.0)
        return heat._replace(shown=self._show(heat, view, active, why))

    def faults(self, heat: Heat) -> tuple[Fault, ...]:
        """Return what is wrong with the heater."""
        faults = []
        if heat.dead_s is not None:
            faults.append(
                Fault(
                    AlarmKind.HEATER,
                    heat.too_much or f"it did not warm by {WARMS_K:g} K in {WARMS_S / 60:.0f} min",
                    f"tried again after {RETRY_S / 3600:.0f} h",
                )
            )
        if heat.deaf_s >= ANSWERS_S:
            where = "its relay does not close" if heat.wanted else "its relay does not open"
            faults.append(Fault(AlarmKind.HEATER, where, "the relay is where it was told to be"))
        if heat.unheard_s >= ANSWERS_S:
            faults.append(Fault(AlarmKind.HEATER, "its relay is not heard", "it is heard again"))
        if heat.late_s >= STOPS_S or heat.welded:
            faults.append(
                Fault(
                    AlarmKind.HEATER,
                    "it does not stop: take its fuse out",
                    "the temperature does not rise any more",
                )
            )
        return tuple(faults)

    # -- what to do --------------------------------------------------------------------------

    def _stops(self, heat: Heat, view: View, gauge: Gauge, inputs: Inputs) -> Iterator[str]:
        """Yield what forbids heating."""
        settings, warmest = self._settings, view.temperature_max
        if warmest is None or None in view.reading.temperatures_c:
            yield "a battery sensor is not known"
        elif warmest.temperature_c >= HOT_C:
            yield f"{warmest.sensor} has {warmest.temperature_c:.1f} °C"
        if (too_much := settings.too_much(view.voltage_v)) is not None:
            yield too_much
        if heat.dead_s is not None:
            yield heat.too_much or "the heater does not warm"
        if heat.unheard_s >= ANSWERS_S:
            yield "its relay is not heard"
        if inputs.surplus is not True:
            if settings.only_surplus:
                yield "waits for surplus"
            yield from self._too_empty(heat, gauge)

    def _too_empty(self, heat: Heat, gauge: Gauge) -> Iterator[str]:
        """Yield why the pack has no energy left to heat itself with."""
        if self._settings.film_ohm is None:
            return  # something else feeds the heater
        if gauge.soc_percent is None:
            yield "the SoC is unknown"
        elif heat.floor:
            yield f"SoC {gauge.soc_percent:.0f} %: not from a pack this empty"

    def _wish(self, heat: Heat, view: View, inputs: Inputs) -> tuple[bool, str]:
        """Return whether it should be warmer, and why."""
        assert view.temperature_min is not None  # else it is stopped
        coldest_c = view.temperature_min.temperature_c
        if coldest_c > self._warm_c:
            return False, f"warm enough: above {self._warm_c:g} °C"
        expected_s = inputs.charge_expected_in_s
        if expected_s is not None:
            needs_s = (self._warm_c - coldest_c) / self._rate(heat) + READY_EARLY_S
            if heat.wanted or needs_s >= expected_s:
                return True, "warm by the time charging begins"
            return False, f"begins {(expected_s - needs_s) / 3600:.1f} h from now"
        if self._settings.only_expected:
            return False, "no charge is expected"
        if coldest_c < self._cold_c or heat.wanted:
            return True, f"to {self._warm_c:g} °C, charging is off until then"
        return False, f"not below {self._cold_c:g} °C"

    def _rate(self, heat: Heat) -> float:
        return RATE_K_S if heat.rate_k_s is None else heat.rate_k_s

    # -- watching it -------------------------------------------------------------------------

    def _watch(
        self,
        heat: Heat,
        view: View,
        coldest_c: float,
        active: bool | None,
        passed_s: float,
        inputs: Inputs,
    ) -> Heat:
        """Return what is known of the heater itself."""
        on = heat.wanted if active is None else active
        heat = (
            self._while_on(heat, view, coldest_c, passed_s)
            if on
            else self._while_off(heat, view, coldest_c, passed_s)
        )
        relay = inputs.heater_relay_on
        unheard = relay is None and self._settings.relay and inputs.acts
        deaf = relay is not None and relay is not heat.wanted
        late = active is True and coldest_c > self._warm_c + STOPS_K
        dead_s = None if heat.dead_s is None else heat.dead_s + passed_s
        return heat._replace(
            deaf_s=heat.deaf_s + passed_s if deaf else 0.0,
            unheard_s=heat.unheard_s + passed_s if unheard else 0.0,
            late_s=heat.late_s + passed_s if late else 0.0,
            dead_s=None if dead_s is not None and dead_s >= RETRY_S else dead_s,
        )

    def _while_on(self, heat: Heat, view: View, coldest_c: float, passed_s: float) -> Heat:
        on_s = heat.on_s + passed_s
        power_w = self._power_w(view) or 0.0
        start_c = coldest_c if heat.on_at_c is None else heat.on_at_c
        dead_s, rate = heat.dead_s, heat.rate_k_s
        if coldest_c >= start_c + WARMS_K and on_s > 0:
            rate = (coldest_c - start_c) / on_s
            start_c, on_s, dead_s = coldest_c, 0.0, None
        elif on_s >= WARMS_S:
            start_c, on_s, dead_s = coldest_c, 0.0, 0.0
        measured = self._too_much(view)
        too_much_s = None
        if measured:
            too_much_s = 0.0 if heat.too_much_s is None else heat.too_much_s + passed_s
        too_much = "" if dead_s is None else heat.too_much
        if too_much_s is not None and too_much_s >= TOO_MUCH_S:
            too_much, dead_s = measured, 0.0
        return heat._replace(
            too_much=too_much,
            too_much_s=too_much_s,
            energy_wh=heat.energy_wh + power_w * passed_s / 3600,
            on_s=on_s,
            on_at_c=start_c,
            rate_k_s=rate,
            off_s=0.0,
            off_at_c=None,
            dead_s=dead_s,
            welded=False,
        )

    def _while_off(self, heat: Heat, view: View, coldest_c: float, passed_s: float) -> Heat:
        off_s, start_c, welded = heat.off_s + passed_s, heat.off_at_c, heat.welded
        current_a = view.reading.current_a
        idle = current_a is not None and abs(current_a) <= self._idle_a
        if start_c is None or not idle:
            start_c = coldest_c if off_s >= SETTLE_S else None
            off_s = min(off_s, SETTLE_S)
        elif off_s >= SETTLE_S + WATCH_S:
            rose_k = coldest_c - start_c
            least_k = max(RISES_K, RISES_PART * (heat.rate_k_s or math.inf) * WATCH_S)
            welded = coldest_c > self._warm_c and rose_k >= least_k
            start_c, off_s = coldest_c, SETTLE_S
        return heat._replace(
            on_s=0.0,
            on_at_c=None,
            off_s=off_s,
            off_at_c=start_c,
            too_much_s=None,
            welded=welded,
        )

    def _power_w(self, view: View) -> float | None:
        """Return what the heater takes: as the BMS measures it, else by its film."""
        measured_a, volts = self._measured_a(view), view.voltage_v
        if not measured_a or volts is None:
            return self._settings.power_w(volts)
        return measured_a * volts

    def _too_much(self, view: View) -> str:
        """Return how the current that the BMS measures breaks its output's limits, or nothing."""
        measured_a, volts = self._measured_a(view), view.voltage_v
        if measured_a is None or volts is None:
            return ""
        return self._settings.beyond(measured_a, volts) or ""

    def _measured_a(self, view: View) -> float | None:
        """Return what flows through the BMS's output, if the heater hangs on that."""
        return None if self._settings.relay else view.reading.heating_current_a

    def _show(self, heat: Heat, view: View, active: bool | None, why: str) -> Heating:
        coldest = view.temperature_min
        on = heat.wanted if active is None else active
        ready_in_s = None
        if on and coldest is not None and heat.rate_k_s is not None:
            ready_in_s = max(self._warm_c - coldest.temperature_c, 0.0) / heat.rate_k_s
        return Heating(
            wanted=heat.wanted,
            active=active,
            why=why,
            power_w=self._power_w(view) if on else None,
            energy_wh=heat.energy_wh,
            ready_in_s=ready_in_s,
        )
