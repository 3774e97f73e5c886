"""The engine's step: what was known + what was heard + what time it is -> what to do.

Pure: no clock, no I/O, no logging, no randomness. The same input gives the same output bit for
bit, so a recording can be replayed. The order of a step: plausibility, state of charge,
protections, alarms, limits. The runtime calls it after each poll and in between.
"""

from collections.abc import Mapping
from dataclasses import replace

from cellwarden.engine import alarms as alarm_lists
from cellwarden.engine import record as records
from cellwarden.engine.alarms import Alarms, Fault
from cellwarden.engine.coherence import Steps
from cellwarden.engine.engine_settings import EngineSettings
from cellwarden.engine.essentials import Missing
from cellwarden.engine.insight import NOTHING_KNOWN, Insight, Insights
from cellwarden.engine.insight import Moment as Heard
from cellwarden.engine.joint import worst_joint
from cellwarden.engine.limit_facts import Facts
from cellwarden.engine.limits import NO_STOPS, LimitDecider
from cellwarden.engine.lone_steps import BUSY
from cellwarden.engine.lost_sensors import assumed
from cellwarden.engine.memory import PackMemory, shifted
from cellwarden.engine.pack_report import PackReport
from cellwarden.engine.plausibility import Plausibility, Senses
from cellwarden.engine.protection import Protection, Watch
from cellwarden.engine.ramp import Moment
from cellwarden.engine.rule import Scene
from cellwarden.engine.soc import Gauge, SocCounter
from cellwarden.engine.soc_estimator import Moved
from cellwarden.engine.stricter import Doubtful, stricter, tightens
from cellwarden.engine.suspects import most_current_a
from cellwarden.engine.switching import ALL_CLOSED, Opened, switches
from cellwarden.engine.view import View
from cellwarden.model import (
    NO_INPUTS,
    AlarmKind,
    Event,
    Inputs,
    LinkQuality,
    PackPhase,
    PackState,
    Reading,
    Reason,
)
from cellwarden.model.insight import NO_SWITCHES

UNTIL_SETTLED = "it is written, or somebody releases it"


class Engine:
    """Decides for one pack. Holds prepared tables only; what it knows is in `PackMemory`."""

    def __init__(self, settings: EngineSettings) -> None:
        self.settings = settings
        self.pack = settings.pack
        pack, parameters = settings.pack, settings.parameters
        self._max_age_s = settings.max_age_s
        self._plausibility = Plausibility(pack, parameters, settings.max_age_s)
        self._most_a = most_current_a(parameters)
        self._protection = Protection(pack, parameters)
        self._stands_v = settings.cell.absolute_max_v
        self._soc = SocCounter(
            settings.cell,
            parameters,
            settings.max_age_s,
            settings.ocv_v,
            settings.tail_current_a,
            settings.bms_soc,
        )
        self._insights = Insights(
            settings.cell,
            parameters,
            balances_cells=settings.balances_cells,
            heater=settings.heater,
            ocv_v=settings.ocv_v,
        )
        self._limits = LimitDecider(settings.cell, parameters)
        self._held_to: tuple[Doubtful, Engine] = ((), self)
        """The engine for parameters that are in doubt, made when they come to be (F37)."""
        self._doubts: tuple[Fault, ...] = ()
        self._report = PackReport(settings, self._soc, self._limits)
        self._over, self._under = (
            next(n for n, row in enumerate(self._protection.rows) if row.rule.name == name)
            for name in ("cell over-voltage", "cell under-voltage")
        )

    def start(self, now_s: float) -> PackMemory:
        """Return the memory of a pack of which nothing is known."""
        return self._begin(Gauge(), self._protection.idle, NOTHING_KNOWN, now_s)

    def restore(
        self, record: Mapping[str, object], now_s: float, off_for_s: float | None
    ) -> PackMemory:
        """Return the memory of a pack from what `record()` gave before a restart.

        Trips come back with their remaining time; the SoC is the less certain the longer the
        controller was off (`off_for_s`, None if unknown). ValueError with the reason for a record
        that cannot be used: start afresh then.
        """
        settings = self.settings
        gauge = records.read_gauge(record, settings.pack, settings.parameters, off_for_s)
        gauge = self._soc.after_silence(gauge, records.silent_s(off_for_s))
        watches = records.read_watches(record, self._protection, now_s)
        insight = records.read_insight_of(record, self._insights, off_for_s)
        opened = records.read_opened(record)
        return self._begin(gauge, watches, insight, now_s, opened)

    def keep_counters(
        self, memory: PackMemory, record: Mapping[str, object], off_for_s: float | None
    ) -> PackMemory:
        """Return the memory with the counters of a record that could not be restored.

        After a change of capacity or cells the SoC starts afresh, but a pack's history is its
        own. ValueError where the counters are no good either.
        """
        if record.get("pack") != self.pack:
            raise ValueError(f"it is of pack {record.get('pack')!r}")
        insight = records.read_insight_of(record, self._insights, off_for_s)
        return replace(memory, insight=insight)

    def reset_soc(self, memory: PackMemory, soc_percent: float, why: str) -> PackMemory:
        """Return the memory after somebody stated the SoC, in %; what is shown jumps there.

        `why` says who or what stated it, for people. ValueError for no SoC.
        """
        if not 0 <= soc_percent <= 100:
            raise ValueError(f"a SoC is 0 to 100 %, not {soc_percent:g}")
        gauge = self._soc.reset(memory.gauge, soc_percent, f"counting since {why}")
        insight = memory.insight
        news = (*insight.news, f"SoC set to {soc_percent:g} %: {why}")
        return replace(memory, gauge=gauge, insight=insight._replace(news=news))

    def release(self, memory: PackMemory, who: str) -> PackMemory:
        """Return the memory after a person released every latched trip (F17, F23, F25).

        What is still wrong trips again.
        """
        watches = memory.alarms.watches
        latched = [w.alarm.kind.value for w in watches if w.latched and w.alarm is not None]
        senses = memory.senses
        if senses.track.steps.sign_bad:  # while nothing flows it cannot prove itself
            latched.append(AlarmKind.WIRING.value)
            senses = replace(senses, track=senses.track._replace(steps=Steps()))
        if senses.track.lone.sure:
            latched.append(AlarmKind.IMPLAUSIBLE_DATA.value)
            senses = replace(senses, track=senses.track._replace(lone=BUSY))
        if not latched:
            return memory
        alarms = memory.alarms
        alarms = alarm_lists.gather(
            self._protection.release(watches),
            alarms.missing,
            alarms.device,
            alarms.lost,
            alarms.own,
        )
        insight = memory.insight
        news = (*insight.news, f"released by {who}: {', '.join(latched)}")
        insight = insight._replace(news=news)
        return replace(memory, senses=senses, alarms=alarms, insight=insight)

    def record(self, memory: PackMemory, now_s: float) -> dict[str, object]:
        """Return what must survive a restart, in JSON types; durations, no clock times."""
        settings = self.settings
        return records.write(
            settings.pack,
            settings.parameters,
            memory.gauge,
            self._protection,
            memory.alarms.watches,
            now_s,
            memory.opened,
        ) | records.insight_of(memory.insight, self._insights)

    def step(
        self,
        memory: PackMemory,
        reading: Reading | None,
        now_s: float,
        link: LinkQuality | None = None,
        inputs: Inputs = NO_INPUTS,
    ) -> tuple[PackMemory, PackState]:
        """Return what is known now and what follows from it.

        `reading` is None when nothing new was heard; `inputs` is what else is known now. Never
        raises for anything a reading holds.
        """
        if inputs.doubtful and (tight := self._tight(inputs.doubtful)) is not self:
            return tight.step(memory, reading, now_s, link, inputs)
        if now_s < memory.at_s:
            memory = shifted(memory, now_s - memory.at_s)
        senses = memory.senses
        online = memory.phase is PackPhase.ONLINE
        if reading is not None and online and self._overdue(senses, now_s):
            # Nobody looked for too long (F49): it was lost, whatever comes now.
            memory, lost = self._silent(memory, senses, now_s, link)
            memory, state = self._heard(memory, reading, now_s, link, inputs)
            return memory, replace(state, events=(*lost.events, *state.events))
        return self._heard(memory, reading, now_s, link, inputs)

    def _tight(self, doubtful: Doubtful) -> "Engine":
        """Return the engine that works with the stricter parameters; itself if none is."""
        told, tight = self._held_to
        if told != doubtful:
            own = self.settings.parameters
            parameters = stricter(own, doubtful)
            tight = self
            if parameters != own:
                tight = Engine(replace(self.settings, parameters=parameters))
                tight._held_to = doubtful, tight
                tight._doubts = tuple(
                    Fault(AlarmKind.SETTINGS, f"{name} may be {value:g}", UNTIL_SETTLED)
                    for name, value in doubtful
                    if tightens(own, name, value)
                )
            self._held_to = doubtful, tight
        return tight

    def _heard(
        self,
        memory: PackMemory,
        reading: Reading | None,
        now_s: float,
        link: LinkQuality | None,
        inputs: Inputs,
    ) -> tuple[PackMemory, PackState]:
        senses = memory.senses
        if reading is not None:
            senses = self._plausibility.hear(senses, reading, now_s, inputs.external)
        if senses.heard_s is None or self._overdue(senses, now_s):
            return self._silent(memory, senses, now_s, link)
        assert senses.view is not None
        return self._online(memory, senses, senses.view, now_s, link, inputs)

    def _overdue(self, senses: Senses, now_s: float) -> bool:
        return senses.heard_s is not None and now_s - senses.heard_s > self._max_age_s

    def failed(self, memory: PackMemory, now_s: float, reason: str) -> PackState:
        """Return a safe state for a pack whose step raised (F48)."""
        alarm = alarm_lists.of_failure(self.pack, memory.at_s, reason)
        why = Reason(rule="the engine failed", value=0.0, source=reason, clears=alarm.releases)
        stopped = self._limits.stop(memory.limits, why)
        return self._report.without_data(memory, PackPhase.LOST, stopped.limits, (alarm,), now_s)

    def _begin(
        self,
        gauge: Gauge,
        watches: tuple[Watch, ...],
        insight: Insight,
        now_s: float,
        opened: Opened = ALL_CLOSED,
    ) -> PackMemory:
        why = Reason(rule="no reading yet", value=0.0, clears="the BMS answers")
        return PackMemory(
            at_s=now_s,
            started_s=now_s,
            phase=PackPhase.WAITING,
            senses=Senses(),
            gauge=gauge,
            alarms=alarm_lists.gather(watches),
            limits=self._limits.start(why),
            insight=insight,
            opened=opened,
        )

    def _online(
        self,
        memory: PackMemory,
        senses: Senses,
        view: View,
        now_s: float,
        link: LinkQuality | None,
        inputs: Inputs,
    ) -> tuple[PackMemory, PackState]:
        back = memory.phase is not PackPhase.ONLINE
        fresh = senses.heard_s != memory.senses.heard_s
        gauge, watches = memory.gauge, memory.alarms.watches
        moved: Moved | None = None
        if fresh:
            gauge, watches, moved, mended = self._hear(memory, view, inputs)
            view, senses = mended, _seeing(senses, mended)
        if watches is not self._protection.idle:
            watches = self._protection.wait(watches, now_s)
        overdue: tuple[Missing, ...] = ()
        seen = view
        if senses.missing:
            overdue = self._plausibility.overdue(senses, now_s)
            seen = assumed(view, senses.lost, senses.mos_c)
        capacity_ah = self._soc.capacity_ah(gauge, view)
        insight = memory.insight
        if fresh:
            before_s, gap_s = memory.senses.heard_s, None
            if before_s is not None and view.reading.heard_s - before_s <= self._max_age_s:
                gap_s = view.reading.heard_s - before_s
            heard = Heard(view, gauge, capacity_ah, gap_s, inputs, memory.alarms, moved)
            insight = self._insights.hear(insight, heard)
        faults = self._insights.faults(insight) + self._doubts
        alarms = alarm_lists.renewed(
            self.pack, memory.alarms, watches, overdue, view.reading.alarms, faults, now_s
        )
        joint = memory.joint
        if insight.cells is not memory.insight.cells:
            joint = worst_joint(insight.cells)
        facts = Facts(
            seen,
            capacity_ah,
            gauge.full,
            alarms.overvoltage,
            overdue,
            gauge.soc_percent,
            joint=joint,
        )
        limits = self._limits.decide(
            memory.limits,
            facts,
            alarms.stops,
            Moment(
                fresh=fresh,
                started=senses.agreeing >= 2,
                held=len(senses.missing) > len(overdue),
                passed_s=min(now_s - memory.at_s, self._max_age_s),
            ),
        )
        events: tuple[Event, ...] = ()
        if back or alarms is not memory.alarms or gauge.basis is not memory.gauge.basis:
            events = self._events(memory, alarms, gauge, now_s)
            insight = self._insights.trips(insight, memory.alarms.shown, alarms.shown)
        if insight.news:
            news = [Event(at_s=now_s, pack=self.pack, text=text) for text in insight.news]
            events, insight = (*events, *news), insight._replace(news=())
        insight = self._insights.show(insight, gauge, capacity_ah)
        opened, wanted = memory.opened, NO_SWITCHES
        if alarms.stops != NO_STOPS or opened != ALL_CLOSED:
            opened, wanted = switches(opened, alarms.shown, view.reading)
        after = PackMemory(
            at_s=now_s,
            started_s=memory.started_s,
            phase=PackPhase.ONLINE,
            senses=senses,
            gauge=gauge,
            alarms=alarms,
            limits=limits,
            identity=view.reading.identity or memory.identity,
            insight=insight,
            opened=opened,
            joint=joint,
        )
        return after, self._report.online(after, view, capacity_ah, events, link, wanted)

    def _hear(
        self, memory: PackMemory, view: View, inputs: Inputs
    ) -> tuple[Gauge, tuple[Watch, ...], Moved | None, View]:
        """Return SoC, protections, what the balancer moved and what the cells have.

        Protections hear what was measured, all others what it is without the drop of a balancer's
        current over the leads (R31).
        """
        heard_s, before_s = view.reading.heard_s, memory.senses.heard_s
        gap_s = None if before_s is None else heard_s - before_s
        shunt_a = inputs.shunt_current_a  # for counting only, protections keep the BMS's current
        if shunt_a is not None and not abs(shunt_a) <= self._most_a:  # also NaN
            shunt_a = None
        moved = None
        if gap_s is not None and gap_s <= self._max_age_s:
            moved = self._insights.planner.moved(memory.insight.plan, view, gap_s)
        mended = self._insights.planner.undisturbed(memory.insight.plan, view)
        gauge = self._soc.hear(memory.gauge, mended, gap_s, moved, shunt_a)
        before = memory.alarms.watches
        if gap_s is not None and gap_s > self._max_age_s:
            before = self._protection.forget(before)
        stops = memory.alarms.stops
        scene = Scene(
            view,
            memory.limits.limits.ccl_a,
            (bool(stops.charge), bool(stops.discharge)),
            self.settings.parameters,
            self._stands_v,
        )
        watches = self._protection.hear(before, scene, gauge.soc_percent, heard_s)
        if watches is not before:
            if watches[self._over].confirmed and not before[self._over].confirmed:
                gauge = self._soc.tripped(gauge, heard_s, high=True)
            if watches[self._under].confirmed and not before[self._under].confirmed:
                gauge = self._soc.tripped(gauge, heard_s, high=False)
        return gauge, watches, moved, mended

    def _silent(
        self, memory: PackMemory, senses: Senses, now_s: float, link: LinkQuality | None
    ) -> tuple[PackMemory, PackState]:
        """Return memory and state while nothing usable is heard."""
        heard_s = senses.heard_s
        since_s = memory.started_s if heard_s is None else heard_s
        never = heard_s is None
        phase = PackPhase.WAITING if never else PackPhase.LOST
        before = memory.alarms
        lost = before.lost
        if lost is None and now_s - since_s > self._max_age_s:
            lost = alarm_lists.of_silence(self.pack, now_s, never=never)
        watches = self._protection.wait(before.watches, now_s)
        alarms = before
        if lost is not before.lost or watches is not before.watches:
            alarms = alarm_lists.gather(watches, lost=lost)
        events: tuple[Event, ...] = ()
        if alarms is not before:
            events = self._events(memory, alarms, memory.gauge, now_s)
        limits = memory.limits
        if not never:
            why = Reason(
                rule=AlarmKind.BMS_LOST.value,
                value=0.0,
                source="the last reading",
                measured=now_s - since_s,
                threshold=self._max_age_s,
                unit="s",
                clears="two readings agree",
            )
            limits = self._limits.stop(limits, why)
            # What was pending or doubted belongs to the past; the stamp stays, for the age.
            if senses.agreeing or senses.missing:
                senses = replace(senses, agreeing=0, missing=())
        after = replace(
            memory, at_s=now_s, phase=phase, senses=senses, alarms=alarms, limits=limits
        )
        state = self._report.without_data(
            after, phase, limits.limits, alarms.shown, now_s, events, link
        )
        return after, state

    def _events(
        self, memory: PackMemory, alarms: Alarms, gauge: Gauge, now_s: float
    ) -> tuple[Event, ...]:
        pack = self.settings.pack
        events = alarm_lists.changes(memory.alarms.shown, alarms.shown, now_s)
        if gauge.basis != memory.gauge.basis:
            text = f"SoC {gauge.estimated_percent or 0:.0f} %, {gauge.basis}"
            events.append(Event(at_s=now_s, pack=pack, text=text))
        return tuple(events)


def _seeing(senses: Senses, view: View) -> Senses:
    """Return what is remembered with another view of the same reading; mostly it is the same."""
    return senses if senses.view is view else replace(senses, view=view)
