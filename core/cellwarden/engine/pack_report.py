"""`PackState`: what is told of a pack, from what the engine remembers of it."""

from cellwarden.engine.engine_settings import EngineSettings
from cellwarden.engine.limits import LimitDecider
from cellwarden.engine.memory import PackMemory
from cellwarden.engine.soc import SocCounter
from cellwarden.engine.view import View
from cellwarden.model import (
    Alarm,
    Event,
    Limits,
    LinkQuality,
    PackPhase,
    PackState,
    Switches,
)


class PackReport:
    """The states of one pack. Holds prepared tables only."""

    def __init__(self, settings: EngineSettings, soc: SocCounter, limits: LimitDecider) -> None:
        self._settings = settings
        self._soc = soc
        self._limits = limits

    def without_data(
        self,
        memory: PackMemory,
        phase: PackPhase,
        limits: Limits,
        alarms: tuple[Alarm, ...],
        now_s: float,
        events: tuple[Event, ...] = (),
        link: LinkQuality | None = None,
    ) -> PackState:
        """Return the state of a pack of which nothing usable is known."""
        senses, settings = memory.senses, self._settings
        return PackState(
            pack=settings.pack,
            at_s=now_s,
            phase=phase,
            reading=None,
            age_s=None if senses.heard_s is None else now_s - senses.heard_s,
            limits=limits,
            charge_allowed=False,
            discharge_allowed=False,
            alarms=alarms,
            quarantined=tuple(s.quarantine() for s in senses.suspects),
            events=events,
            identity=memory.identity,
            link=link,
            chemistry=settings.chemistry,
            parameters=settings.parameters,
        )

    def online(
        self,
        memory: PackMemory,
        view: View,
        capacity_ah: float,
        events: tuple[Event, ...],
        link: LinkQuality | None,
        wanted: Switches,
    ) -> PackState:
        """Return the state of a pack that answers."""
        reading, gauge, limits = view.reading, memory.gauge, memory.limits.limits
        soc, suspects = gauge.soc_percent, memory.senses.suspects
        insight, settings = memory.insight, self._settings
        return PackState(
            pack=reading.pack,
            at_s=memory.at_s,
            phase=PackPhase.ONLINE,
            reading=reading,
            age_s=memory.at_s - reading.heard_s,
            limits=limits,
            charge_allowed=limits.charge_current.value > 0,
            discharge_allowed=limits.discharge_current.value > 0,
            alarms=memory.alarms.shown,
            charge_phase=self._limits.charge_phase(
                view, full=gauge.full, blocked=bool(memory.alarms.stops.charge)
            ),
            soc_percent=soc,
            soc_sigma_percent=None if soc is None else gauge.sigma_percent,
            soc_basis=gauge.basis,
            soh_percent=self._soc.soh_percent(gauge, view),
            capacity_ah=capacity_ah,
            remaining_ah=None if soc is None else soc * capacity_ah / 100,
            power_w=view.power_w,
            cell_min=view.cell_min,
            cell_max=view.cell_max,
            cell_sum_v=view.cell_sum_v,
            temperature_min=view.temperature_min,
            temperature_max=view.temperature_max,
            quarantined=tuple(s.quarantine() for s in suspects) if suspects else (),
            events=events,
            identity=memory.identity,
            link=link,
            switches=insight.switches(wanted),
            chemistry=settings.chemistry,
            parameters=settings.parameters,
            counters=insight.tally.shown,
            cells=insight.cells,
            balancing=insight.plan.shown,
            heating=insight.heat.shown,
            prediction=insight.forecast.shown,
        )
