"""The gate: the only way to ask for something to be written to a BMS, or to give an order.

It lives on the control loop and may be asked from any thread. Who may ask for what, what the mode
allows, what the device can: all of it is said before anything is sent. Requests for one pack are
done one after the other, between its polls.
"""

import asyncio
import logging
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence

from cellwarden.clock import Clock
from cellwarden.errors import WrongPassword
from cellwarden.model import (
    SWITCHES,
    BankState,
    Identity,
    Orders,
    Outcome,
    Parameters,
    Request,
    RequestKind,
    Setting,
    SettingValue,
    Verdict,
)
from cellwarden.runtime.audit import Audit, Entry, asked_text
from cellwarden.runtime.doubts import Doubts
from cellwarden.runtime.half_done import HalfDone
from cellwarden.runtime.monitor_gate import MONITOR
from cellwarden.runtime.notes import FewNotes, Noted
from cellwarden.runtime.orders import DECISIONS, OrderBook, values_of
from cellwarden.runtime.outcomes import refused, together
from cellwarden.runtime.rights import ENGINE, ENGINES_NAME, Patience, Right, Rights, needed
from cellwarden.runtime.supervisor import attempt_async
from cellwarden.runtime.switch_book import SwitchBook
from cellwarden.runtime.writing import NO_CONNECTION, Desk

LOG = logging.getLogger(__name__)

_SWITCH_BOOK = "(switches)"
"""Where the switch book stands in the record; no order is called so."""
_QUIET = frozenset({Verdict.APPLIED, Verdict.PLANNED})
_WROTE = frozenset({Verdict.APPLIED, Verdict.ROLLED_BACK, Verdict.HALF_DONE})
_STOP_S = 5.0
"""Real s that a transaction has to end when the controller stops."""


class ControlGate:
    """The gate of a running bank. Build it anywhere, `start` it on the control loop."""

    def __init__(
        self,
        *,
        mode: str,
        rights: Rights,
        desks: Sequence[Desk],
        audit: Audit,
        clock: Clock,
    ) -> None:
        self.reset_soc: Callable[[str, float, str], str | None] | None = None
        """Resets the SoC of a pack to %, for somebody; returns why not."""
        self.release: Callable[[str, str], str | None] | None = None
        """Releases the latched trips of a pack, for somebody; returns why not."""
        self.changed: Callable[[bool], None] = lambda _: None
        """Called when the orders have changed, and whether that was a decision of weight."""
        self.switches = SwitchBook()
        """Whose each switch is that stands off."""
        self.doubts = Doubts()
        """What a BMS may or should hold, after a write that went wrong."""
        self.mode = mode
        self._rights = rights
        self._desks = {desk.pack: desk for desk in desks}
        self._audit = audit
        self.half_done = HalfDone(audit, self._desks, self.ask, self.doubts)
        """What a transaction could not bring to its end."""
        self._clock = clock
        self._book = OrderBook(frozenset(self._desks))
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping = False
        self._tasks: set[asyncio.Task[Outcome]] = set()
        # F47, ours: a person who errs waits a minute, a program that floods is shut out.
        self._refusals = Patience(20, 60.0, 60.0)
        self._passwords = Patience(3, 300.0, 300.0)
        # Ours: the memory of a BMS stands some 10 000 writes; an automation must not use them up.
        self._settings_written = Patience(30, 3600.0, 3600.0)
        self._notes = FewNotes()

    # -- for outputs -----------------------------------------------------------------------------

    async def ask(self, request: Request) -> Outcome:
        """Return what became of a request.

        Once begun it is carried to its end, even if whoever asked is gone.
        """
        loop = self._loop
        if loop is None or self._stopping:
            return refused("the controller is not running: nothing was written")
        if loop is asyncio.get_running_loop():
            return await asyncio.shield(self._begin(request))
        return await asyncio.wrap_future(
            asyncio.run_coroutine_threadsafe(self._from_elsewhere(request), loop)
        )

    def refusal(self, kind: RequestKind, pack: str, who: str) -> str | None:
        """Return why a request of this kind would be refused now, None if it would be tried."""
        if kind.reaches_bms and self.mode == "monitor":
            return MONITOR
        if reason := self._rights.refusal(kind, who):
            return reason
        if pack and pack not in self._desks:
            return f"there is no pack {pack!r}: this bank has {', '.join(self._desks)}"
        if kind in (RequestKind.RESET_SOC, RequestKind.RELEASE) and self.reset_soc is None:
            return "no engine is running: start the controller"
        if kind.reaches_bms:
            for desk in self._about(pack):
                if reason := desk.refusal(kind):
                    return f"{desk.pack}: {reason}" if len(self._desks) > 1 else reason
        return None

    def writable_parameters(self, pack: str) -> frozenset[str]:
        """Return the names of `model.PARAMETERS` that this pack's device can write."""
        desk = self._desks.get(pack)
        return desk.writable() if desk is not None else frozenset()

    # -- for the runtime, on the control loop ----------------------------------------------------

    def start(self) -> None:
        """Take requests from now on; says what an earlier run left half done."""
        self._loop = asyncio.get_running_loop()
        self.half_done.note(self.half_done.left())

    async def stop(self) -> None:
        """Take no more requests, and let what has begun come to its end."""
        self._stopping = True
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=_STOP_S)
            for task in late:
                LOG.error("a write to a BMS did not end in %.0f s: see the audit log", _STOP_S)
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        await self._note(self._notes.rest())

    def orders(self, now_s: float) -> Orders:
        """Return the orders in effect."""
        return self._book.at(now_s)

    def fulfilled(self, kind: RequestKind) -> None:
        """End an order that the bank has carried out: a full charge that is done."""
        self._book.withdraw(kind)
        self.changed(True)  # as declared

    def record(self) -> Mapping[str, object]:
        """Return the orders and whose the switches are, for the store."""
        return {**self._book.record(self._clock.now_s()), _SWITCH_BOOK: self.switches.record()}

    def restore(self, record: Mapping[str, object], off_s: float | None) -> None:
        """Take up what the last run recorded."""
        orders = {key: value for key, value in record.items() if key != _SWITCH_BOOK}
        self.switches.restore(record.get(_SWITCH_BOOK), frozenset(self._desks))
        for key in self._book.restore(orders, self._clock.now_s(), off_s):
            LOG.error("the saved order %r is not used: it is damaged, or its pack is gone", key)

    def saw(self, state: BankState) -> None:
        """Take note of the newest decision."""
        for pack in state.packs:
            desk = self._desks.get(pack.pack)
            if desk is not None and (not desk.states or desk.states[-1].at_s < pack.at_s):
                desk.states.append(pack)

    @property
    def packs(self) -> Sequence[str]:
        """The names of all packs."""
        return tuple(self._desks)

    def parameters(self, pack: str) -> Parameters:
        """Return what the engine works with for a pack: the configuration's."""
        return self._desks[pack].parameters

    def identity(self, pack: str) -> Identity | None:
        """Return who answered last; None before that."""
        states = self._desks[pack].states
        return states[-1].identity if states else None

    # -- for the person at this computer, on the control loop ------------------------------------

    async def settings(self, pack: str) -> tuple[Mapping[str, Setting], Mapping[str, SettingValue]]:
        """Return what can be written on a pack's device and what it holds; errors as Writer's."""
        return await self._desks[pack].read()

    def can_read_settings(self, pack: str) -> str | None:
        """Return why a pack's settings cannot be read now, None if they can."""
        guarded = self._desks[pack].guarded
        writer = guarded.writer
        if writer is None:
            return guarded.why_read_only
        if writer.settings_behind_write and self.mode == "monitor":
            return (
                "its settings can be read only in a service mode, which is entered by a write, and"
                f" {MONITOR}"
            )
        return None if guarded.ready else NO_CONNECTION

    def entries(self, most: int) -> tuple[Entry, ...]:
        """Return the newest entries of the audit log; errors as sqlite3's."""
        return self._audit.entries(most) if self._audit.path.exists() else ()

    # -- one request -----------------------------------------------------------------------------

    async def _from_elsewhere(self, request: Request) -> Outcome:
        return await asyncio.shield(self._begin(request))

    def _begin(self, request: Request) -> "asyncio.Task[Outcome]":
        task = asyncio.create_task(self._answer(request), name=f"request {request.kind.value}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _answer(self, request: Request) -> Outcome:
        outcome = await attempt_async(
            f"{request.kind.value} for {request.pack or 'the bank'}",
            lambda: self._decide(request),
            lambda reason: Outcome(
                verdict=Verdict.HALF_DONE if request.kind.reaches_bms else Verdict.REFUSED,
                reason=f"a defect of the controller ({reason}): look at the device",
            ),
        )
        await self._tell(request, outcome)
        return outcome

    async def _decide(self, request: Request) -> Outcome:
        now_s = self._clock.now_s()
        engine = request.who == ENGINE
        if not engine and (wait_s := self._refusals.wait_s(request.who, now_s)):
            return refused(f"too many requests were refused: wait {wait_s:.0f} s")
        reason = self.refusal(request.kind, request.pack, request.who)
        # A dry run writes nothing, so the mode does not forbid it.
        if reason == MONITOR and request.dry_run:
            reason = self._dry_refusal(request)
        if reason is None and not engine:
            reason = self._protected(request)
        if reason is not None:
            return refused(reason)
        if request.kind is RequestKind.RESET_SOC:
            return self._reset_soc(request)
        if request.kind is RequestKind.RELEASE:
            return self._release(request)
        if not request.kind.reaches_bms:
            return self._order(request, now_s)
        return together([await self._on(desk, request) for desk in self._about(request.pack)])

    def _order(self, request: Request, now_s: float) -> Outcome:
        before = values_of(self._book.at(now_s))
        outcome = self._book.take(request, now_s)
        if values_of(self._book.at(now_s)) != before:
            self.changed(request.kind in DECISIONS)
        return outcome

    def _dry_refusal(self, request: Request) -> str | None:
        if reason := self._rights.refusal(request.kind, request.who):
            return reason
        for desk in self._about(request.pack):
            if reason := desk.refusal(request.kind) or self.can_read_settings(desk.pack):
                return reason
        return None

    async def _on(self, desk: Desk, request: Request) -> Outcome:
        if wait_s := self._passwords.wait_s(desk.pack, self._clock.now_s()):
            return refused(
                f"{desk.pack}: the settings password was wrong too often: wait {wait_s:.0f} s"
            )
        tame = needed(request.kind) is Right.SETTINGS and self._rights.is_output(request.who)
        asker = f"{request.who} {desk.pack}"
        if tame and (wait_s := self._settings_written.wait_s(asker, self._clock.now_s())):
            return refused(
                f"{desk.pack}: too many changes of settings, whose memory wears out: wait"
                f" {wait_s:.0f} s"
            )
        try:
            outcome = await desk.do(request)
        except WrongPassword as error:
            self._passwords.note(desk.pack, self._clock.now_s())
            count = self._passwords.count[desk.pack]
            return refused(f"{error} (wrong {count} {'time' if count == 1 else 'times'})")
        self._passwords.forget(desk.pack)
        if request.kind in SWITCHES and outcome.good:
            now_s = self._clock.now_s()
            key, on = (desk.pack, request.kind), request.value is True
            if request.who == ENGINE:
                was_on = any(step.before is True for step in outcome.steps)
                self.switches.by_engine(key, now_s, on=on, was_on=was_on)
            else:
                self.switches.by_owner(key, now_s, on=on)
        if not request.dry_run:
            self.doubts.note(desk.pack, outcome)
        if tame and outcome.verdict in _WROTE and outcome.steps:
            self._settings_written.note(asker, self._clock.now_s())
        if outcome.verdict is Verdict.HALF_DONE:
            await self.half_done.look()
        return outcome

    def _protected(self, request: Request) -> str | None:
        """Return why a switch stays off: protection stands above whoever asks (F46)."""
        if request.kind not in SWITCHES or request.value is not True:
            return None
        name = ENGINES_NAME[request.kind]
        for desk in self._about(request.pack):
            state = desk.states[-1] if desk.states else None
            if state is not None and getattr(state.switches, name) is False:
                alarms = "; ".join(alarm.text for alarm in state.alarms) or "see its limits"
                return f"{desk.pack}: the engine keeps the {request.kind.value} off: {alarms}"
        return None

    def _about(self, pack: str) -> Sequence[Desk]:
        return [self._desks[pack]] if pack else tuple(self._desks.values())

    def _reset_soc(self, request: Request) -> Outcome:
        value = request.value
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 100:
            return refused(f"the SoC is a number of 0..100 %, not {value!r}")
        if request.dry_run:
            return Outcome(verdict=Verdict.PLANNED, reason=f"the SoC would be set to {value:g} %")
        assert self.reset_soc is not None
        for desk in self._about(request.pack):
            if reason := self.reset_soc(desk.pack, float(value), request.who):
                return refused(f"{desk.pack}: {reason}")
        return Outcome(verdict=Verdict.APPLIED, reason=f"the SoC is set to {value:g} %")

    def _release(self, request: Request) -> Outcome:
        assert self.release is not None
        if request.dry_run:
            return Outcome(verdict=Verdict.PLANNED, reason="latched trips would be released")
        released, reasons = False, []
        for desk in self._about(request.pack):
            reason = self.release(desk.pack, request.who)
            if self.doubts.forget(desk.pack):
                reason = None
            released |= reason is None
            if reason is not None:
                reasons.append(f"{desk.pack}: {reason}")
        if not released:
            return refused("; ".join(reasons))
        return Outcome(verdict=Verdict.APPLIED, reason="released; what is still wrong trips again")

    async def _tell(self, request: Request, outcome: Outcome) -> None:
        """Log an outcome, and note in the audit log what no transaction has noted there."""
        refusal = outcome.verdict is Verdict.REFUSED
        if refusal:
            self._refusals.note(request.who, self._clock.now_s())
        notes: Sequence[Noted] = ()
        level = logging.INFO if outcome.verdict in _QUIET else logging.WARNING
        if not request.dry_run and (refusal or not request.kind.reaches_bms):
            notes = self._notes.take(request, outcome, time.monotonic())
            level = level if notes else logging.DEBUG  # the log is flash too
        LOG.log(
            level, "%s: %s %s for %s from %s: %s",
            outcome.verdict.value, request.kind.value, asked_text(request),
            request.pack or "the bank", request.who, outcome.reason,
        )  # fmt: skip
        await self._note(notes)

    async def _note(self, notes: Sequence[Noted]) -> None:
        try:
            for noted in notes:
                await asyncio.to_thread(self._audit.note, *noted)
        except (OSError, sqlite3.Error) as error:
            LOG.error("the audit log %s cannot be written (%s)", self._audit.path, error)
