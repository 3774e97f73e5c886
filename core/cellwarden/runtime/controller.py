"""The controller: polls every pack, decides once a cycle, and tells every output.

A cycle starts with one wake-up that asks all packs. Each answer goes through its pack's engine
the moment it is complete; when the last one is in (or the slowest has had its time), the bank
decides and every mailbox gets the same object in the same loop turn. A reading that lowers a
limit or raises an alarm does not wait for the others.
"""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from cellwarden.clock import Clock
from cellwarden.engine import Bank, BankMemory, Engine, PackMemory
from cellwarden.interfaces import Driver, Gate
from cellwarden.model import (
    NO_ORDERS,
    BankPhase,
    BankState,
    Event,
    LinkQuality,
    Orders,
    PackState,
    Reading,
    RequestKind,
)
from cellwarden.replay.record import Decision, Setup, Step
from cellwarden.runtime.actor import Actor
from cellwarden.runtime.examiner import Examiner
from cellwarden.runtime.gate import ControlGate
from cellwarden.runtime.heater_world import HeaterWorld
from cellwarden.runtime.keeper import Keeper
from cellwarden.runtime.outlets import GOODBYE_S, NamedOutput, Outlets, cancelled
from cellwarden.runtime.pack_inputs import PackInputs
from cellwarden.runtime.polling import Poller
from cellwarden.runtime.recognition import Recognition
from cellwarden.runtime.recorder import Recorder
from cellwarden.runtime.relays import Relays
from cellwarden.runtime.supervisor import attempt, keep_running

LOG = logging.getLogger(__name__)

PATIENCE_S = 0.4
"""Real s that a cycle waits for its slowest pack; a JK answers within 20..100 ms. Bounded by 0.8
of the poll interval."""
FALL = 0.9
"""A limit that falls below this part of what it was is told at once."""
ORDERS_RECORD = "(orders)"
BANK_RECORD = "(bank)"
"""Where orders and bank stand among the saved records; no pack can be called so."""


@dataclass(slots=True)
class Member:
    """One pack at work."""

    engine: Engine
    driver: Driver
    memory: PackMemory
    state: PackState | None = None
    fresh: bool = False
    """Its state is of this cycle."""


class Controller:
    """One bank at work. Build it with `runtime.build`, run it once."""

    def __init__(
        self,
        *,
        bank: Bank,
        engines: Sequence[tuple[Engine, Driver, PackMemory]],
        outputs: Sequence[NamedOutput],
        gate: Gate,
        clock: Clock,
        poll_interval_s: float,
        keeper: Keeper | None = None,
        bank_memory: BankMemory | None = None,
        recognition: Recognition | None = None,
        standing: Callable[[Orders], Orders] = lambda orders: orders,
        relays: Relays | None = None,
    ) -> None:
        """`standing` adds the orders of the configuration to those that were given.

        `relays` switch heaters; they are obeyed in mode `control` only.
        """
        self.clock = clock
        self.keeper = keeper
        self.state: BankState | None = None
        """The newest decision; None before the first."""
        self.orders: Orders = NO_ORDERS
        """Orders in effect, as the gate keeps them; every decision obeys them."""
        self.examiner: Examiner | None = None
        """Adds findings to each decision; None: there is no diagnosis."""
        self.recorder: Recorder | None = None
        """Is told every step and decision; None: nothing is recorded."""
        self._bank = bank
        self._bank_memory = bank_memory or bank.start(clock.now_s())
        self._recognition = recognition
        self._standing = standing
        self._standing_of: tuple[Orders, Orders] | None = None
        """Orders as given and with the standing ones, made again only when they change."""
        self._members = [Member(engine, driver, memory) for engine, driver, memory in engines]
        self._by_pack = {member.engine.pack: member for member in self._members}
        self._pollers = [
            Poller(member.engine.pack, member.driver, clock, self._done) for member in self._members
        ]
        self.outlets = Outlets(outputs, gate, clock)
        self.control_gate = gate if isinstance(gate, ControlGate) else None
        """The gate with all that the runtime may do with it; None where a test has another."""
        if self.control_gate is not None:
            self.control_gate.changed = self._orders_changed
            self.control_gate.reset_soc = self._reset_soc
            self.control_gate.release = self._release
        acts = self.control_gate is not None and self.control_gate.mode == "control"
        self._relays = relays if acts else None
        self._actor = (
            Actor(self.control_gate, clock, self._relays) if self.control_gate and acts else None
        )
        world = HeaterWorld([engine.settings for engine, _, _ in engines], speed=clock.speed)
        self._inputs = PackInputs(
            self.outlets, world, self._relays, self._actor, self.control_gate, packs=len(engines)
        )
        self._interval_s = clock.real_s(poll_interval_s)
        self._patience_s = min(PATIENCE_S, 0.8 * self._interval_s)
        self._waiting_for: set[str] = set()
        self._cycle_open = False
        self._deadline: asyncio.TimerHandle | None = None
        self._ticker: asyncio.TimerHandle | None = None
        self._next_s = 0.0
        self._stopping = False
        self.alive: Callable[[], None] = lambda: None
        """Called at the end of every cycle: what a watchdog waits for."""

    # -- the cycle ---------------------------------------------------------------------------

    def _begin_cycle(self) -> None:
        if self._cycle_open:
            self._finish_cycle()
        self._cycle_open = True
        self._waiting_for = {poller.pack for poller in self._pollers if poller.take_turn()}
        loop = asyncio.get_running_loop()
        if self._waiting_for:
            self._deadline = loop.call_later(self._patience_s, self._finish_cycle)
        else:
            self._finish_cycle()

    def _done(self, poller: Poller, reading: Reading | None) -> None:
        """Take what a poll gave; called by the poller on the loop."""
        self._waiting_for.discard(poller.pack)
        member = self._by_pack[poller.pack]
        urgent = False
        if reading is not None:
            before = member.state
            urgent = _is_urgent(before, self._step(member, reading, poller.quality()))
        if self._cycle_open and not self._waiting_for:
            self._finish_cycle()
        elif urgent:
            self._decide()

    def _finish_cycle(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
        self._cycle_open = False
        for member, poller in zip(self._members, self._pollers, strict=True):
            if not member.fresh:
                self._step(member, None, poller.quality())
            member.fresh = False
        self._decide()
        self.alive()

    def _step(self, member: Member, reading: Reading | None, link: LinkQuality) -> PackState:
        now_s = self.clock.now_s()
        if reading is not None and not self._recognised(member, reading, now_s):
            reading = None
        engine, memory = member.engine, member.memory
        inputs = self._inputs.of(engine, self.orders, now_s)
        member.memory, state = attempt(
            f"engine of {engine.pack}",
            lambda: engine.step(memory, reading, now_s, link, inputs),
            lambda reason: (memory, engine.failed(memory, now_s, reason)),
        )
        if self.recorder is not None:
            self.recorder.take(
                Step(
                    pack=engine.pack,
                    now_s=now_s,
                    reading=reading,
                    link=link,
                    inputs=inputs,
                    before=memory,
                    after=member.memory,
                )
            )
        member.state = state
        member.fresh = reading is not None
        _log(state.events)
        return state

    def _recognised(self, member: Member, reading: Reading, now_s: float) -> bool:
        """Take up what is known of the very pack that answers; False until it tells who it is."""
        if self._recognition is None:
            return True
        pack, identity = member.engine.pack, reading.identity
        if not self._recognition.confirmed(pack, identity, now_s):
            return False
        if identity is not None:
            before = member.memory
            member.memory = self._recognition.heard(
                member.engine, before, identity, now_s, self._record_of
            )
            if member.memory is not before:
                self._bank_memory = self._bank.forget(self._bank_memory, pack)
        return True

    def _record_of(self, serial_number: str) -> Mapping[str, object] | None:
        """Return the record of the pack with this serial number, None if none answers."""
        assert self._recognition is not None
        for member in self._members:
            pack = member.engine.pack
            if self._recognition.serial_number(pack) == serial_number and member.memory.identity:
                return member.engine.record(member.memory, self.clock.now_s())
        return None

    def _decide(self) -> None:
        now_s = self.clock.now_s()
        states = [member.state for member in self._members if member.state is not None]
        if self._stopping or len(states) < len(self._members):
            return
        self.orders = self._orders(now_s)
        memory, last, orders = self._bank_memory, self.state, self.orders
        self._bank_memory, state = attempt(
            "bank",
            lambda: self._bank.step(memory, states, now_s, orders),
            lambda reason: (memory, self._bank.failed(memory, states, now_s, reason)),
        )
        if self.recorder is not None:
            after = self._bank_memory
            decision = Decision(now_s=now_s, orders=orders, state=state, before=memory, after=after)
            self.recorder.take(decision)
        if last is not None and last.phase is not state.phase:
            LOG.log(
                logging.INFO if state.phase is BankPhase.LIVE else logging.WARNING,
                "bank is %s",
                state.phase.value,
            )
        if external := self.outlets.reported(now_s):
            state = replace(state, external=external)
        if self.examiner is not None:
            state = self.examiner.marked(state)
        self._publish(state)
        # The outputs have been woken: what they need not wait for comes after them.
        asyncio.get_running_loop().call_soon(self._afterwards, state, now_s)
        for member in self._members:
            # Events belong to the decision they came with, not to the next one as well.
            if member.state is not None and member.state.events:
                member.state = replace(member.state, events=())

    def _afterwards(self, state: BankState, now_s: float) -> None:
        """Do what follows a decision and is in no hurry."""
        self._told_by_bank(state)
        if self.examiner is not None:
            self.examiner.examine(state, now_s)
        if self.keeper is not None:
            self.keeper.consider(state)
        if self.recorder is not None:
            self.recorder.pass_on()

    def _orders(self, now_s: float) -> Orders:
        """Return the orders in effect; the same object while nothing about them changes."""
        given = NO_ORDERS if self.control_gate is None else self.control_gate.orders(now_s)
        both = self._standing(given)
        if self._standing_of is None or self._standing_of[1] != both:
            self._standing_of = given, both
        return self._standing_of[1]

    def _told_by_bank(self, state: BankState) -> None:
        """Log what changed for the bank, and end an order that it has carried out."""
        _log(state.events)
        gate = self.control_gate
        if gate is not None and self.orders.full_charge and state.orders.full_charge is None:
            gate.fulfilled(RequestKind.FULL_CHARGE)

    def _publish(self, state: BankState) -> None:
        self.state = state
        if self.control_gate is not None:
            self.control_gate.saw(state)
        if self._actor is not None and not self._stopping:
            self._actor.consider(state)
        self.outlets.tell(state)

    def _reset_soc(self, pack: str, soc_percent: float, who: str) -> str | None:
        member = self._by_pack[pack]
        member.memory = member.engine.reset_soc(member.memory, soc_percent, f"reset by {who}")
        return None

    def _release(self, pack: str, who: str) -> str | None:
        member = self._by_pack[pack]
        before, member.memory = member.memory, member.engine.release(member.memory, who)
        return "nothing is latched" if member.memory is before else None

    def _orders_changed(self, decision: bool) -> None:
        """Obey a new order at once, and save it."""
        self._decide()
        if self.keeper is not None:
            self.keeper.orders_changed(self.state, decision=decision)

    def report(self) -> Mapping[str, object] | None:
        """Return what the diagnosis knows, None before the first decision."""
        examiner, state = self.examiner, self.state
        if examiner is None or state is None:
            return None
        return attempt("report", lambda: examiner.report(state), lambda _: None)

    def relay_status(self) -> Mapping[str, object]:
        """Return how each heater's relay stands, by name."""
        return {} if self._relays is None else self._relays.status()

    def setup(self) -> Setup:
        """Return what was built, for a recording."""
        engines = tuple(member.engine.settings for member in self._members)
        return Setup(engines=engines, bank=self._bank.settings)

    def records(self) -> dict[str, Mapping[str, object]]:
        """Return every pack's record for the store, the bank's and the orders."""
        now_s = self.clock.now_s()
        records: dict[str, Mapping[str, object]] = {
            m.engine.pack: m.engine.record(m.memory, now_s) for m in self._members
        }
        if self._recognition is not None:
            records = self._recognition.records(records)
        records[BANK_RECORD] = self._bank.record(self._bank_memory)
        if self.control_gate is not None:
            records[ORDERS_RECORD] = self.control_gate.record()
        return records

    # -- life --------------------------------------------------------------------------------

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set, then say goodbye on every output and close every link."""
        pollers = [
            asyncio.create_task(
                keep_running(f"driver of {p.pack}", p.run, finished=lambda: False), name=p.pack
            )
            for p in self._pollers
        ]
        if self.control_gate is not None:
            self.control_gate.start()
        if self._relays is not None:
            self._relays.start()
        self.outlets.start()
        try:
            await asyncio.sleep(0)  # let the pollers open what opens at once
            self._next_s = asyncio.get_running_loop().time()
            self._tick()
            await stop.wait()
        finally:
            await self._end(pollers)

    def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        self._next_s += self._interval_s
        if self._next_s < loop.time():  # suspended or starved: no burst of missed cycles (F49)
            self._next_s = loop.time() + self._interval_s
        self._ticker = loop.call_at(self._next_s, self._tick)
        self._begin_cycle()

    async def _end(self, pollers: Sequence[asyncio.Task[None]]) -> None:
        if self._ticker is not None:
            self._ticker.cancel()
        if self._deadline is not None:
            self._deadline.cancel()
        self._stopping = True
        self.outlets.ending()
        if self._relays is not None:
            self._relays.stop()
        if self.state is not None:
            self._publish(self._bank.stopping(self.state, self.clock.now_s()))
        if self.control_gate is not None:
            await self.control_gate.stop()  # a write that has begun comes to its end
        await cancelled(pollers)  # closes every link
        await self.outlets.goodbye()
        if self._relays is not None and not await asyncio.to_thread(self._relays.join, GOODBYE_S):
            LOG.error("a heater's relay could not be let go of: see to it that it is off")
        if self.keeper is not None:
            self.keeper.save(self.state, durable=True, final=True)


def _log(events: Sequence[Event]) -> None:
    for event in events:
        level = logging.INFO if event.severity is None else logging.WARNING
        LOG.log(level, "%s: %s", event.pack, event.text)


def _is_urgent(before: PackState | None, after: PackState) -> bool:
    """Whether a pack's new state must not wait for the other packs of the cycle."""
    if before is None or after.events or before.phase is not after.phase:
        return True
    return (
        after.limits.ccl_a < FALL * before.limits.ccl_a
        or after.limits.dcl_a < FALL * before.limits.dcl_a
    )
