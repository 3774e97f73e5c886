"""The bank: many packs as one battery, for every output the same.

Pure like the engine. It takes the newest `PackState` of every pack, in the configuration's order,
and gives one `BankState`.
"""

import operator
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NamedTuple

from cellwarden.engine.bank_limits import (
    CHARGE,
    DISCHARGE,
    TRIPPED,
    Members,
    charge_voltage_wish,
    current_wish,
    discharge_voltage,
    stopped,
)
from cellwarden.engine.bank_orders import (
    NOWHERE,
    Reached,
    charge_reasons,
    discharge_reasons,
    lowered,
    reached,
)
from cellwarden.engine.bank_sums import sums
from cellwarden.engine.limits import RISE_A_PER_S, RISE_CVL_PART_PER_S, RISE_PART_PER_S
from cellwarden.engine.ramp import FIRST_STEP_A, RISING
from cellwarden.model import (
    NO_ORDERS,
    Alarm,
    AlarmKind,
    BankPhase,
    BankState,
    Limit,
    Limits,
    Orders,
    PackPhase,
    PackState,
    Reason,
    Severity,
)


class LossPolicy(StrEnum):
    """What happens when a pack goes silent while others answer."""

    EXCLUDE = "exclude"
    """The others carry on with their limits."""
    HOLD = "hold"
    """Its last limits go on counting for `hold_s`, then it is excluded."""
    TRIP = "trip"
    """The whole bank stops."""


@dataclass(frozen=True, slots=True)
class BankMember:
    """One configured pack."""

    name: str
    design_capacity_ah: float


@dataclass(frozen=True, slots=True)
class BankSettings:
    """The bank, as the engine must know it."""

    name: str
    members: tuple[BankMember, ...]
    """In the order in which `Bank.step` is given their states."""
    on_pack_lost: str = LossPolicy.EXCLUDE
    """A value of `LossPolicy`."""
    hold_s: float = 10.0
    gone_after_s: float = 60.0
    """All packs silent for this long: GONE."""


class Wish(NamedTuple):
    """What the packs allow, before any ramp."""

    charge: Limit
    discharge: Limit
    voltage: Limit
    lowest: Limit


class _Key(NamedTuple):
    """Of one pack, what its part in the wish depends on."""

    limits: Limits | None
    """None unless it is online."""
    charge_fet_on: bool | None
    discharge_fet_on: bool | None
    phase: PackPhase
    held: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BankMemory:
    """Everything the bank knows from step to step; made by `Bank.start`."""

    at_s: float
    seen: bool = False
    """A pack has been online since the start."""
    silent_since_s: float | None = None
    lost_since_s: tuple[float | None, ...] = ()
    """Of each pack, in the settings' order."""
    last_online: tuple[PackState | None, ...] = ()
    limits: Limits | None = None
    key: tuple[_Key, ...] = ()
    wish: Wish | None = None
    """Made for `key`; made again only when that changes."""
    reached: Reached = NOWHERE
    pack_alarms: tuple[tuple[Alarm, ...], ...] = ()
    alarms: tuple[Alarm, ...] = ()
    """Made of `pack_alarms`."""
    eased: bool = False
    """A lost pack is a warning only."""


class Bank:
    """Decides for all packs together."""

    def __init__(self, settings: BankSettings) -> None:
        """ValueError for an unknown policy."""
        self.settings = settings
        self._policy = LossPolicy(settings.on_pack_lost)
        self._sizes_ah = {m.name: m.design_capacity_ah for m in settings.members}
        self._installed_ah = sum(m.design_capacity_ah for m in settings.members)

    def start(self, now_s: float) -> BankMemory:
        """Return the memory of a bank of which nothing is known."""
        nothing = (None,) * len(self.settings.members)
        return BankMemory(at_s=now_s, lost_since_s=nothing, last_online=nothing)

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
        online = [p for p in packs if p.phase is PackPhase.ONLINE and p.pack not in orders.out]
        measured = sums(online)
        at = reached(memory.reached, orders, measured.get("soc_percent"))
        if at is not memory.reached:
            memory = replace(memory, reached=at)
        memory = self._remember(memory, packs, some_online=bool(online), now_s=now_s)
        phase = self._phase(memory, now_s)
        limits, memory = self._limits(memory, packs, online, orders, now_s)
        memory = self._alarms(memory, packs, some_online=bool(online))
        memory = replace(memory, at_s=now_s, limits=limits)
        state = BankState(
            name=self.settings.name,
            at_s=now_s,
            phase=phase,
            packs=packs,
            limits=limits,
            charge_allowed=limits is not None and limits.charge_current.value > 0,
            discharge_allowed=limits is not None and limits.discharge_current.value > 0,
            alarms=memory.alarms,
            data_age_s=_data_age_s(packs, online),
            installed_ah=self._installed_ah,
            orders=orders,
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
            members = Members(state.packs, (), (), ())
            limits = Limits(
                charge_voltage=charge_voltage_wish(members),
                charge_current=nothing,
                discharge_current=nothing,
                discharge_voltage=discharge_voltage(members),
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
            installed_ah=self._installed_ah,
        )

    def _remember(
        self, memory: BankMemory, packs: tuple[PackState, ...], *, some_online: bool, now_s: float
    ) -> BankMemory:
        """Return who was seen and lost when; the same object if nothing changed."""
        seen = memory.seen or some_online
        silent_since_s = None
        if seen and not some_online:
            silent_since_s = now_s if memory.silent_since_s is None else memory.silent_since_s
        if seen is not memory.seen or silent_since_s != memory.silent_since_s:
            memory = replace(memory, seen=seen, silent_since_s=silent_since_s)
        if self._policy is not LossPolicy.HOLD:
            return memory
        return replace(
            memory,
            lost_since_s=tuple(
                (now_s if since is None else since) if p.phase is PackPhase.LOST else None
                for p, since in zip(packs, memory.lost_since_s, strict=True)
            ),
            last_online=tuple(
                p if p.phase is PackPhase.ONLINE else last
                for p, last in zip(packs, memory.last_online, strict=True)
            ),
        )

    def _phase(self, memory: BankMemory, now_s: float) -> BankPhase:
        if not memory.seen:
            return BankPhase.STARTING
        if memory.silent_since_s is None:
            return BankPhase.LIVE
        gone = now_s - memory.silent_since_s >= self.settings.gone_after_s
        return BankPhase.GONE if gone else BankPhase.SILENT

    def _limits(
        self,
        memory: BankMemory,
        packs: tuple[PackState, ...],
        online: list[PackState],
        orders: Orders,
        now_s: float,
    ) -> tuple[Limits | None, BankMemory]:
        if not memory.seen:
            return None, memory
        before = memory.limits
        lost = [p for p in packs if p.phase is PackPhase.LOST]
        if not online:
            assert before is not None
            nothing = stopped(lost)
            return replace(before, charge_current=nothing, discharge_current=nothing), memory
        key = self._key(memory, packs, now_s)
        wish = memory.wish
        if wish is None or not _same(key, memory.key):
            wish = self._wish(memory, packs, online, key)
            memory = replace(memory, key=key, wish=wish)
        if lost and self._policy is LossPolicy.TRIP:
            nothing = stopped(lost, TRIPPED)
            wish = wish._replace(charge=nothing, discharge=nothing)
        if orders is not NO_ORDERS:
            wish = _ordered(wish, orders, memory.reached)
        held = any(k.held for k in key)
        passed_s = 0.0 if held else max(now_s - memory.at_s, 0.0)
        return _risen(before, wish, passed_s, len(online)), memory

    def _key(
        self, memory: BankMemory, packs: tuple[PackState, ...], now_s: float
    ) -> tuple[_Key, ...]:
        return tuple(
            _Key(
                p.limits if p.phase is PackPhase.ONLINE else None,
                None if p.reading is None else p.reading.charge_fet_on,
                None if p.reading is None else p.reading.discharge_fet_on,
                p.phase,
                since is not None and last is not None and now_s - since <= self.settings.hold_s,
            )
            for p, since, last in zip(packs, memory.lost_since_s, memory.last_online, strict=True)
        )

    def _wish(
        self,
        memory: BankMemory,
        packs: tuple[PackState, ...],
        online: list[PackState],
        key: tuple[_Key, ...],
    ) -> Wish:
        rows = list(zip(packs, memory.last_online, key, strict=True))
        held = [last for _, last, k in rows if k.held and last is not None]
        members = Members(
            used=[*online, *held],
            held=held,
            lost=[p for p, _, k in rows if p.phase is PackPhase.LOST and not k.held],
            waiting=[p for p, _, _ in rows if p.phase is PackPhase.WAITING],
        )
        return Wish(
            charge=current_wish(CHARGE, members, self._sizes_ah),
            discharge=current_wish(DISCHARGE, members, self._sizes_ah),
            voltage=charge_voltage_wish(members),
            lowest=discharge_voltage(members),
        )

    def _alarms(
        self, memory: BankMemory, packs: tuple[PackState, ...], *, some_online: bool
    ) -> BankMemory:
        """Return the memory with every pack's alarms, the most severe first.

        A lost pack is a warning for the bank and blocks nothing while others work, unless it
        trips them; with all lost the packs' own alarms stand.
        """
        eased = some_online and self._policy is not LossPolicy.TRIP
        news = tuple(p.alarms for p in packs)
        if eased is memory.eased and _same_objects(news, memory.pack_alarms):
            return memory
        found: list[Alarm] = []
        for pack in packs:
            if eased and pack.phase is PackPhase.LOST:
                found += map(_eased, pack.alarms)
            else:
                found += pack.alarms
        alarms = tuple(sorted(found, key=lambda a: -a.severity))
        return replace(memory, eased=eased, pack_alarms=news, alarms=alarms)


def _same_objects(new: Sequence[object], old: Sequence[object]) -> bool:
    return len(new) == len(old) and all(map(operator.is_, new, old))


def _eased(alarm: Alarm) -> Alarm:
    return replace(alarm, severity=Severity.WARNING, blocks_charge=False, blocks_discharge=False)


def _same(key: tuple[_Key, ...], before: tuple[_Key, ...]) -> bool:
    return len(key) == len(before) and all(
        a.limits is b.limits and a[1:] == b[1:] for a, b in zip(key, before, strict=True)
    )


def _data_age_s(packs: tuple[PackState, ...], online: list[PackState]) -> float | None:
    if online:
        return max(p.age_s or 0.0 for p in online)
    return min((p.age_s for p in packs if p.age_s is not None), default=None)


def _risen(before: Limits | None, wish: Wish, passed_s: float, packs: int) -> Limits:
    """Return the limits: what the packs allow, rising no faster than a bank of its size may."""
    charge = _current(before.charge_current if before else None, wish.charge, passed_s, packs)
    discharge = _current(
        before.discharge_current if before else None, wish.discharge, passed_s, packs
    )
    voltage = wish.voltage
    if before is not None:
        rise_v = RISE_CVL_PART_PER_S * voltage.value * passed_s
        voltage = _limited(before.charge_voltage, voltage, rise_v)
        if (
            charge is before.charge_current
            and discharge is before.discharge_current
            and voltage is before.charge_voltage
            and wish.lowest is before.discharge_voltage
        ):
            return before
    return Limits(
        charge_voltage=voltage,
        charge_current=charge,
        discharge_current=discharge,
        discharge_voltage=wish.lowest,
    )


def _ordered(wish: Wish, orders: Orders, at: Reached) -> Wish:
    full = orders.full_charge is not None
    return wish._replace(
        charge=lowered(wish.charge, charge_reasons(orders, at, to_the_end=full)),
        discharge=lowered(wish.discharge, discharge_reasons(orders, at)),
    )


def _current(before: Limit | None, wish: Limit, passed_s: float, packs: int) -> Limit:
    per_s = max(RISE_A_PER_S * packs, RISE_PART_PER_S * wish.value)
    rise_a = per_s * passed_s
    if before is None or before.value == 0.0:
        rise_a = max(rise_a, FIRST_STEP_A) if passed_s else 0.0
    return _limited(before or _ZERO, wish, rise_a)


_ZERO = Limit(value=0.0, reasons=(Reason(rule=RISING, value=0.0),))


def _limited(before: Limit, wish: Limit, rise: float) -> Limit:
    value = before.value + rise
    if wish.value <= value:
        return wish
    return Limit(value=value, reasons=(Reason(rule=RISING, value=value), *wish.reasons))
