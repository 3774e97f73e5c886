"""The bank: many packs as one battery, for every output the same.

Pure like the engine. It takes the newest `PackState` of every pack, in the configuration's order,
and gives one `BankState`. The order of a step: who takes part (`bank_members`), sums
(`bank_sums`), how current is shared (`bank_share`, `bank_contacts`), charge control
(`bank_charge`), limits (`bank_allow`: `bank_limits`, `bank_orders`, and `bank_ramp` for how fast
they move), and what is told of it (`bank_findings`, `bank_report`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from cellwarden.engine import bank_record as records
from cellwarden.engine import bank_report as report
from cellwarden.engine.bank_allow import Allowance, Allowed
from cellwarden.engine.bank_charge import ChargeControl, Moment
from cellwarden.engine.bank_contacts import UNKNOWN
from cellwarden.engine.bank_findings import Scene, Watch, due, look
from cellwarden.engine.bank_listen import Heard, listen
from cellwarden.engine.bank_members import UNSEEN, Attendance, Part
from cellwarden.engine.bank_memory import BankMemory
from cellwarden.engine.bank_orders import reached
from cellwarden.engine.bank_outlook import Outlook, together
from cellwarden.engine.bank_settings import BankSettings, LossPolicy, Shape
from cellwarden.engine.bank_sums import Sums, series_sums, sums
from cellwarden.model import NO_ORDERS, BankPhase, BankState, Orders, PackPhase, PackState, Standing


class Bank:
    """Decides for all packs together."""

    def __init__(self, settings: BankSettings) -> None:
        self.settings = settings
        self._trips = settings.on_pack_lost == LossPolicy.TRIP
        self._series = settings.shape == Shape.SERIES
        self._sizes_ah = settings.sizes_ah
        self._names = tuple(m.name for m in settings.members)
        self._attendance = Attendance(settings)
        self._charge = ChargeControl(settings)
        self._allowance = Allowance(settings, self._charge)
        self._installed_ah = settings.installed_ah

    def start(self, now_s: float) -> BankMemory:
        """Return the memory of a bank of which nothing is known."""
        count = len(self._names)
        return BankMemory(
            at_s=now_s,
            parts=(UNSEEN,) * count,
            conductances=(1.0,) * count,
            contacts=(UNKNOWN,) * count,
        )

    def restore(
        self, record: Mapping[str, object], now_s: float, off_for_s: float | None
    ) -> BankMemory:
        """Return the memory of a bank from what `record()` gave before a restart.

        ValueError with the reason for a record that cannot be used: start afresh then.
        """
        kept = records.read(record, self._names, off_for_s)
        return self.start(now_s)._replace(
            conductances=kept.conductances,
            contacts=kept.contacts,
            plan=kept.plan,
            reached=kept.reached,
        )

    def record(self, memory: BankMemory) -> dict[str, object]:
        """Return what must survive a restart, in JSON types; durations, no clock times."""
        return records.write(
            self._names, memory.conductances, memory.contacts, memory.plan, memory.reached
        )

    def forget(self, memory: BankMemory, pack: str) -> BankMemory:
        """Return the memory without what was learned of the pack that was called so until now."""
        n = self._names.index(pack)
        weights, contacts = list(memory.conductances), list(memory.contacts)
        weights[n], contacts[n] = 1.0, UNKNOWN
        return memory._replace(conductances=tuple(weights), contacts=tuple(contacts), shares=None)

    def step(
        self,
        memory: BankMemory,
        packs: Sequence[PackState],
        now_s: float,
        orders: Orders = NO_ORDERS,
    ) -> tuple[BankMemory, BankState]:
        """Return what the packs are together. `packs` hold every member's newest state.

        `orders` are those in effect: an order that has ended is not among them.
        """
        before, packs = memory, tuple(packs)
        parts = self._attendance.parts(
            before.parts, before.packs, packs, orders.out, before.idle.places, now_s
        )
        answering, connected = [], []
        some_online = False
        for pack, part in zip(packs, parts, strict=True):
            if pack.phase is PackPhase.ONLINE:
                some_online = True
                if part.standing is not Standing.OUT:
                    answering.append(pack)
                if part.counts:
                    connected.append(pack)
        if self._series:
            measured = series_sums(answering, len(packs))
            heard = Heard(None, before.conductances, before.contacts, before.idle)
        else:
            heard = listen(before, packs, parts, self.settings, self._sizes_ah, now_s)
            measured = sums(answering, connected)
        plan, news = self._charge.follow(
            before.plan, _moment(connected, measured, orders, max(now_s - before.at_s, 0.0))
        )
        eased = some_online and not self._trips and not self._series
        told, alarms = report.alarms(before, packs, parts, eased=eased)
        memory = BankMemory(
            at_s=now_s,
            parts=parts,
            conductances=heard.conductances,
            contacts=heard.contacts,
            packs=packs,
            seen=before.seen or some_online,
            silent_since_s=_silent_since_s(before, now_s, some_online=some_online),
            shares=heard.shares,
            idle=heard.idle,
            plan=plan,
            reached=reached(before.reached, orders, measured.get("soc_percent")),
            watch=self._watched(before, parts, packs, heard, measured.get("current_a"), now_s),
            pack_alarms=told,
            alarms=alarms,
            eased=eased,
        )
        allowed = self._allowance.decide(before, memory, orders, measured.get("current_a"))
        memory = memory._replace(
            limits=allowed.limits,
            basis=allowed.basis,
            wish=allowed.wish,
            moves=allowed.moves,
            members=report.members(self._names, before, memory, allowed),
            outlook=self._outlook(before, connected or answering, allowed, measured),
        )
        return memory, self._state(before, memory, measured, answering, orders, news)

    def _state(
        self,
        before: BankMemory,
        now: BankMemory,
        measured: Sums,
        answering: Sequence[PackState],
        orders: Orders,
        news: Sequence[str],
    ) -> BankState:
        limits = now.limits
        return BankState(
            name=self.settings.name,
            at_s=now.at_s,
            phase=self._phase(now, now.at_s),
            packs=report.held_open(now.packs, now.parts),
            limits=limits,
            charge_allowed=limits is not None and limits.charge_current.value > 0,
            discharge_allowed=limits is not None and limits.discharge_current.value > 0,
            alarms=now.alarms,
            data_age_s=report.data_age_s(now.packs, answering),
            installed_ah=self._installed_ah,
            charge_phase=report.shown_phase(now.plan, limits, orders),
            members=now.members,
            orders=orders if now.plan.done is None else replace(orders, full_charge=None),
            prediction=now.outlook.shown,
            findings=now.watch.findings,
            events=report.events(self.settings.name, self._names, before, now, news),
            **measured,
        )

    def stopping(self, state: BankState, now_s: float) -> BankState:
        """Return the last state that outputs get: nothing allowed, the controller stops."""
        return report.stopping(state, self._allowance.wishes, now_s)

    def failed(
        self, memory: BankMemory, packs: Sequence[PackState], now_s: float, reason: str
    ) -> BankState:
        """Return a safe state for a bank whose step raised (F48)."""
        nothing, alarm = report.failure(self.settings.name, memory.at_s, reason)
        limits = memory.limits
        if limits is not None:
            limits = replace(limits, charge_current=nothing, discharge_current=nothing)
        return BankState(
            name=self.settings.name,
            at_s=now_s,
            phase=self._phase(memory, now_s),
            packs=tuple(packs),
            limits=limits,
            charge_allowed=False,
            discharge_allowed=False,
            alarms=(alarm, *memory.alarms),
            installed_ah=self._installed_ah,
        )

    def _phase(self, memory: BankMemory, now_s: float) -> BankPhase:
        if not memory.seen:
            return BankPhase.STARTING
        if memory.silent_since_s is None:
            return BankPhase.LIVE
        gone = now_s - memory.silent_since_s >= self.settings.gone_after_s
        return BankPhase.GONE if gone else BankPhase.SILENT

    def _outlook(
        self, before: BankMemory, packs: Sequence[PackState], allowed: Allowed, measured: Sums
    ) -> Outlook:
        if self._series:
            return before.outlook
        return together(before.outlook, packs, allowed.wish, measured.get("voltage_v"))

    def _watched(
        self,
        before: BankMemory,
        parts: tuple[Part, ...],
        packs: tuple[PackState, ...],
        heard: Heard,
        total_a: float | None,
        now_s: float,
    ) -> Watch:
        if not due(before.watch, now_s):
            return before.watch
        shares = heard.shares
        scene = Scene(
            packs=packs,
            parts=parts,
            sizes_ah=self._sizes_ah,
            conductances=heard.conductances,
            contacts=heard.contacts,
            proven=shares is not None and shares.proven,
            total_a=total_a,
        )
        return look(before.watch, scene, now_s)


def _moment(
    connected: Sequence[PackState], measured: Sums, orders: Orders, passed_s: float
) -> Moment:
    current_a = measured.get("current_a")
    return Moment(
        connected,
        measured.get("soc_percent"),
        measured.get("soc_sigma_percent"),
        current_a is not None and current_a > 0.0,
        orders,
        passed_s,
    )


def _silent_since_s(memory: BankMemory, now_s: float, *, some_online: bool) -> float | None:
    if some_online or not memory.seen:
        return None
    return now_s if memory.silent_since_s is None else memory.silent_since_s
