"""What the engine remembers of a pack from step to step."""

from dataclasses import dataclass, replace

from cellwarden.engine.alarms import Alarms
from cellwarden.engine.insight import NOTHING_KNOWN, Insight
from cellwarden.engine.joint import Joint
from cellwarden.engine.limits import LimitMemory
from cellwarden.engine.plausibility import Senses
from cellwarden.engine.protection import IDLE, Watch
from cellwarden.engine.soc import Gauge
from cellwarden.engine.switching import ALL_CLOSED, Opened
from cellwarden.engine.view import View
from cellwarden.model import Alarm, Identity, PackPhase


@dataclass(frozen=True, slots=True, kw_only=True)
class PackMemory:
    """Everything the engine knows of a pack; made by `Engine.start` or `Engine.restore`."""

    at_s: float
    """Controller time of the last step, in s."""
    started_s: float
    phase: PackPhase
    senses: Senses
    gauge: Gauge
    alarms: Alarms
    limits: LimitMemory
    identity: Identity | None = None
    opened: Opened = ALL_CLOSED
    joint: Joint | None = None
    """Of the estimates of the cells in `insight`."""
    insight: Insight = NOTHING_KNOWN
    """Durations only, no points in time: `shifted` leaves it alone."""


def shifted(memory: PackMemory, by_s: float) -> PackMemory:
    """Return the memory as if everything had happened `by_s` later.

    For a clock that went back (F30): what was three seconds ago stays three seconds ago, so that
    nothing old turns young and no timer stops.
    """

    def moved(time_s: float | None) -> float | None:
        return None if time_s is None else time_s + by_s

    def aged(alarm: Alarm) -> Alarm:
        return replace(alarm, since_s=alarm.since_s + by_s)

    senses, alarms, gauge, limits = memory.senses, memory.alarms, memory.gauge, memory.limits
    view, told = senses.view, senses.told

    def shifted_watch(watch: Watch) -> Watch:
        heat = watch.heat
        return replace(
            watch,
            beyond_since_s=moved(watch.beyond_since_s),
            alarm=None if watch.alarm is None else aged(watch.alarm),
            clear_since_s=moved(watch.clear_since_s),
            trips_s=tuple(t + by_s for t in watch.trips_s),
            heat=None if heat is None else heat._replace(at_s=heat.at_s + by_s),
        )

    watches = tuple(w if w is IDLE else shifted_watch(w) for w in alarms.watches)
    return replace(
        memory,
        at_s=memory.at_s + by_s,
        started_s=memory.started_s + by_s,
        senses=replace(
            senses,
            heard_s=moved(senses.heard_s),
            view=None if view is None else _heard_later(view, by_s),
            suspects=tuple(
                s._replace(since_s=s.since_s + by_s, last_s=s.last_s + by_s)
                for s in senses.suspects
            ),
            missing=tuple(m._replace(since_s=m.since_s + by_s) for m in senses.missing),
            told=None if told is None else replace(told, heard_s=told.heard_s + by_s),
            track=senses.track.later(by_s),
            garbled_s=moved(senses.garbled_s),
        ),
        gauge=replace(
            gauge,
            full_since_s=moved(gauge.full_since_s),
            high_since_s=moved(gauge.high_since_s),
            low_since_s=moved(gauge.low_since_s),
        ),
        limits=replace(limits, trend=limits.trend._replace(heard_s=moved(limits.trend.heard_s))),
        alarms=replace(
            alarms,
            watches=watches,
            missing=tuple(map(aged, alarms.missing)),
            device=tuple(map(aged, alarms.device)),
            own=tuple(map(aged, alarms.own)),
            lost=None if alarms.lost is None else aged(alarms.lost),
            shown=tuple(map(aged, alarms.shown)),
        ),
    )


def _heard_later(view: View, by_s: float) -> View:
    reading = view.reading
    return view._replace(reading=replace(reading, heard_s=reading.heard_s + by_s))
