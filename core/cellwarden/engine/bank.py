"""The bank: many packs as one battery, for every output the same.

Pure like the engine. It takes the newest `PackState` of every pack, in the configuration's order,
and gives one `BankState`. The order of a step: who takes part (`bank_members`), sums
(`bank_sums`), how current is shared (`bank_share`, `bank_contacts`), charge control
(`bank_charge`), limits (`bank_limits`, `bank_orders`) and how fast they move, findings.
"""

import operator
from collections.abc import Mapping, Sequence
from dataclasses import replace

from cellwarden.engine import bank_findings as findings
from cellwarden.engine import bank_record as records
from cellwarden.engine.bank_charge import ChargeControl, Moment, Plan
from cellwarden.engine.bank_contacts import UNKNOWN
from cellwarden.engine.bank_limits import TRIPPED, Member, stopped
from cellwarden.engine.bank_listen import listen
from cellwarden.engine.bank_members import UNSEEN, Attendance, Part
from cellwarden.engine.bank_memory import BankMemory
from cellwarden.engine.bank_orders import charge_reasons, discharge_reasons, lowered, reached
from cellwarden.engine.bank_ramp import risen
from cellwarden.engine.bank_report import alarms, finding_events, part_events
from cellwarden.engine.bank_settings import BankSettings, LossPolicy, Shape
from cellwarden.engine.bank_sums import Sums, series_sums, sums
from cellwarden.engine.bank_wish import Wishes, same
from cellwarden.model import (
    NO_ORDERS,
    Alarm,
    AlarmKind,
    BankPhase,
    BankState,
    ChargeMode,
    ChargePhase,
    Event,
    Limit,
    Limits,
    Membership,
    Orders,
    PackPhase,
    PackState,
    Reason,
    Severity,
    Standing,
)


class Bank:
    """Decides for all packs together."""

    def __init__(self, settings: BankSettings) -> None:
        self.settings = settings
        self._trips = settings.on_pack_lost == LossPolicy.TRIP
        self._series = settings.shape == Shape.SERIES
        self._sizes_ah = tuple(m.design_capacity_ah for m in settings.members)
        self._names = tuple(m.name for m in settings.members)
        self._attendance = Attendance(settings)
        self._charge = ChargeControl(settings)
        self._wishes = Wishes(settings)
        self._float_v = _float_v(settings)

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
        packs = tuple(packs)
        passed_s = max(now_s - memory.at_s, 0.0)
        parts = self._attendance.parts(
            memory.parts, memory.packs, packs, orders.out, memory.idle.places, now_s
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
        else:
            measured = sums(answering, connected)
        # In series one current flows through all: there is nothing to share.
        heard = None if self._series else listen(memory, packs, parts, self._sizes_ah, now_s)
        plan, news = self._planned(memory, connected, measured, orders, passed_s)
        before = memory
        memory = memory._replace(
            parts=parts,
            packs=packs,
            seen=memory.seen or some_online,
            silent_since_s=_silent_since_s(memory, now_s, some_online=some_online),
            reached=reached(memory.reached, orders, measured.get("soc_percent")),
        )
        if heard is not None:
            memory = memory._replace(
                shares=heard.shares,
                conductances=heard.conductances,
                contacts=heard.contacts,
                idle=heard.idle,
            )
        limits, plan, memory = self._limits(memory, plan, orders, measured, before.parts, passed_s)
        memory = self._alarms(memory, packs, some_online=some_online)
        members = self._members(before, memory, limits)
        watch = findings.look(memory.watch, self._scene(memory, measured), now_s)
        memory = memory._replace(at_s=now_s, limits=limits, plan=plan, members=members, watch=watch)
        state = BankState(
            name=self.settings.name,
            at_s=now_s,
            phase=self._phase(memory, now_s),
            packs=_held_open(packs, parts),
            limits=limits,
            charge_allowed=limits is not None and limits.charge_current.value > 0,
            discharge_allowed=limits is not None and limits.discharge_current.value > 0,
            alarms=memory.alarms,
            data_age_s=_data_age_s(packs, answering),
            installed_ah=self.settings.installed_ah,
            charge_phase=_shown_phase(plan, limits, orders),
            members=members,
            orders=orders if plan.done is None else replace(orders, full_charge=None),
            findings=watch.findings,
            events=self._events(before, memory, news, now_s),
            **measured,
        )
        return memory, state

    def stopping(self, state: BankState, now_s: float) -> BankState:
        """Return the last state that outputs get: nothing allowed, the controller stops."""
        nothing = Limit(value=0.0, reasons=(Reason(rule="the controller stops", value=0.0),))
        limits = state.limits
        if limits is not None:
            limits = replace(limits, charge_current=nothing, discharge_current=nothing)
        elif state.packs:
            members = [Member(p, UNSEEN, 1.0, 0.0, 1.0) for p in state.packs]
            limits = Limits(
                charge_voltage=self._wishes.voltage(members),
                charge_current=nothing,
                discharge_current=nothing,
                discharge_voltage=self._wishes.lowest(members),
            )
        return replace(
            state,
            at_s=now_s,
            phase=BankPhase.STOPPING,
            limits=limits,
            charge_allowed=False,
            discharge_allowed=False,
        )

    def failed(
        self, memory: BankMemory, packs: Sequence[PackState], now_s: float, reason: str
    ) -> BankState:
        """Return a safe state for a bank whose step raised (F48)."""
        why = Reason(rule="the bank failed", value=0.0, source=reason)
        nothing = Limit(value=0.0, reasons=(why,))
        limits = memory.limits
        if limits is not None:
            limits = replace(limits, charge_current=nothing, discharge_current=nothing)
        alarm = Alarm(
            kind=AlarmKind.BMS_INTERNAL,
            severity=Severity.PROTECTION,
            pack=self.settings.name,
            since_s=memory.at_s,
            blocks_charge=True,
            blocks_discharge=True,
            where=reason,
            releases="the bank works again",
        )
        return BankState(
            name=self.settings.name,
            at_s=now_s,
            phase=self._phase(memory, now_s),
            packs=tuple(packs),
            limits=limits,
            charge_allowed=False,
            discharge_allowed=False,
            alarms=(alarm, *memory.alarms),
            installed_ah=self.settings.installed_ah,
        )

    def _phase(self, memory: BankMemory, now_s: float) -> BankPhase:
        if not memory.seen:
            return BankPhase.STARTING
        if memory.silent_since_s is None:
            return BankPhase.LIVE
        gone = now_s - memory.silent_since_s >= self.settings.gone_after_s
        return BankPhase.GONE if gone else BankPhase.SILENT

    def _planned(
        self,
        memory: BankMemory,
        connected: Sequence[PackState],
        measured: Sums,
        orders: Orders,
        passed_s: float,
    ) -> tuple[Plan, tuple[str, ...]]:
        current_a = measured.get("current_a")
        moment = Moment(
            members=connected,
            soc_percent=measured.get("soc_percent"),
            sigma_percent=measured.get("soc_sigma_percent"),
            charging=current_a is not None and current_a > 0.0,
            orders=orders,
            passed_s=passed_s,
        )
        return self._charge.follow(memory.plan, moment)

    def _limits(
        self,
        memory: BankMemory,
        plan: Plan,
        orders: Orders,
        measured: Sums,
        old_parts: tuple[Part, ...],
        passed_s: float,
    ) -> tuple[Limits | None, Plan, BankMemory]:
        if not memory.seen:
            return None, plan, memory
        before, parts = memory.limits, memory.parts
        lost = [p for p in memory.packs if p.phase is PackPhase.LOST]
        if memory.silent_since_s is not None:
            assert before is not None
            nothing = stopped([p for p in lost if p.pack not in orders.out] or lost)
            return replace(before, charge_current=nothing, discharge_current=nothing), plan, memory
        floating = plan.phase is ChargePhase.FLOAT and plan.cut_percent is None
        basis = self._wishes.basis(parts, memory.conductances, memory.shares, floating=floating)
        if memory.wish is None or not same(basis, memory.basis):
            wish = self._wishes.made(basis, memory.packs, memory.shares)
            memory = memory._replace(basis=basis, wish=wish)
        assert memory.wish is not None
        charge, discharge = memory.wish.charge.limit, memory.wish.discharge.limit
        gone = [p for p, part in zip(memory.packs, parts, strict=True) if part.standing in _SILENT]
        if gone and self._trips:
            charge = discharge = stopped(gone, TRIPPED)
        if orders is not NO_ORDERS:
            to_the_end = self._charge.to_the_end(plan, orders)
            charge = lowered(charge, charge_reasons(orders, memory.reached, to_the_end=to_the_end))
            discharge = lowered(discharge, discharge_reasons(orders, memory.reached))
        voltage = memory.wish.voltage
        plan, cap = self._charge.cap(
            plan,
            self._float_v,
            voltage.binding,
            None if before is None else before.charge_voltage.value,
            orders,
            passed_s,
        )
        plan, voltage = self._charge.raised(plan, voltage, measured.get("current_a"), passed_s)
        if cap is not None:
            voltage = lowered(voltage, (cap,))
        # While a lost pack is held, and in the very step of a loss, nothing rises.
        held = any(
            part.standing is Standing.HELD or (part.standing in _SILENT and old.counts)
            for part, old in zip(parts, old_parts, strict=True)
        )
        count = sum(1 for part in parts if part.limits is not None)
        wanted = Limits(
            charge_voltage=voltage,
            charge_current=charge,
            discharge_current=discharge,
            discharge_voltage=memory.wish.lowest,
        )
        return risen(before, wanted, 0.0 if held else passed_s, count), plan, memory

    def _members(
        self, before: BankMemory, memory: BankMemory, limits: Limits | None
    ) -> tuple[Membership, ...]:
        """Return each pack's part for people; the same tuple while nothing changed."""
        if (
            before.members
            and limits is before.limits
            and memory.parts is before.parts
            and memory.wish is before.wish
            and memory.contacts is before.contacts
        ):
            return before.members
        charge: dict[str, float] = {}
        discharge: dict[str, float] = {}
        if limits is not None and memory.wish is not None:
            charge = memory.wish.charge.carried_a(limits.charge_current.value)
            discharge = memory.wish.discharge.carried_a(limits.discharge_current.value)
        return tuple(
            Membership(
                pack=name,
                standing=part.standing,
                why=part.why,
                charge_share_a=charge.get(name, 0.0),
                discharge_share_a=discharge.get(name, 0.0),
                resistance_ohm=contact.resistance_ohm,
            )
            for name, part, contact in zip(self._names, memory.parts, memory.contacts, strict=True)
        )

    def _scene(self, memory: BankMemory, measured: Sums) -> findings.Scene:
        return findings.Scene(
            packs=memory.packs,
            parts=memory.parts,
            sizes_ah=self._sizes_ah,
            conductances=memory.conductances,
            contacts=memory.contacts,
            proven=memory.shares is not None and memory.shares.proven,
            total_a=measured.get("current_a"),
        )

    def _events(
        self, before: BankMemory, after: BankMemory, news: Sequence[str], now_s: float
    ) -> tuple[Event, ...]:
        """Return what changed: charge phases, parts of packs, findings."""
        if not news and after.parts is before.parts and after.watch.findings is (
            before.watch.findings
        ):  # fmt: skip
            return ()
        bank = self.settings.name
        return (
            *(Event(at_s=now_s, pack=bank, text=text) for text in news),
            *part_events(self._names, before.parts, after.parts, now_s),
            *finding_events(bank, before.watch, after.watch, now_s),
        )

    def _alarms(
        self, memory: BankMemory, packs: tuple[PackState, ...], *, some_online: bool
    ) -> BankMemory:
        """Return the memory with the bank's alarms; a pack that is out raises none."""
        eased = some_online and not self._trips and not self._series
        told = tuple(
            () if part.standing is Standing.OUT else p.alarms
            for p, part in zip(packs, memory.parts, strict=True)
        )
        if eased is memory.eased and _same_objects(told, memory.pack_alarms):
            return memory
        found = alarms(packs, told, eased=eased)
        return memory._replace(eased=eased, pack_alarms=told, alarms=found)


_SILENT = frozenset((Standing.LOST, Standing.HELD))


def _float_v(settings: BankSettings) -> float | None:
    """Return what the full bank is held at; None: at the charge voltage."""
    voltages = [m.float_voltage_v for m in settings.members if m.float_voltage_v is not None]
    if len(voltages) < len(settings.members) or not voltages:
        return None
    return sum(voltages) if settings.shape == Shape.SERIES else min(voltages)


def _silent_since_s(memory: BankMemory, now_s: float, *, some_online: bool) -> float | None:
    if some_online or not memory.seen:
        return None
    return now_s if memory.silent_since_s is None else memory.silent_since_s


def _held_open(packs: tuple[PackState, ...], parts: tuple[Part, ...]) -> tuple[PackState, ...]:
    """Return the packs; open ones that are apart from the bank are not to close onto it (F43).

    A pack that is apart with closed MOSFETs has an open breaker, or a voltage that is not true:
    neither is mended by opening them.
    """
    apart = [
        n
        for n, part in enumerate(parts)
        if part.apart and part.charge_fet_on is part.discharge_fet_on is False
    ]
    if not apart:
        return packs
    held = list(packs)
    for n in apart:
        wanted = replace(packs[n].switches, charge=False, discharge=False)
        held[n] = replace(packs[n], switches=wanted)
    return tuple(held)


def _shown_phase(plan: Plan, limits: Limits | None, orders: Orders) -> ChargePhase | None:
    if limits is None:
        return None
    if plan.phase is ChargePhase.FLOAT:
        return ChargePhase.FLOAT
    if limits.charge_current.value == 0.0:
        return ChargePhase.BLOCKED
    return ChargePhase.FLOAT if plan.cap_v is not None and _floats(orders) else plan.phase


def _floats(orders: Orders) -> bool:
    return orders.mode is ChargeMode.FLOAT


def _same_objects(new: Sequence[object], old: Sequence[object]) -> bool:
    return len(new) == len(old) and all(map(operator.is_, new, old))


def _data_age_s(packs: Sequence[PackState], answering: Sequence[PackState]) -> float | None:
    if answering:
        return max(p.age_s or 0.0 for p in answering)
    return min((p.age_s for p in packs if p.age_s is not None), default=None)
