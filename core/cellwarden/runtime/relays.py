"""The relays that switch heaters: in a thread of their own, each with a dead man's switch.

A heater must never be on because somebody forgot it. So what a decision wants counts for a short
time only, and this thread looks at its age by itself: when the control loop hangs, when a pack is
lost, when the controller stops, every relay is opened. What stood when it began counts for nothing:
every relay is opened first. If the whole process ends in a moment when it is on, what is left is
what each kind of relay can do by itself; `docs/heating.md` says that for each.

Nothing here blocks the control loop: it only leaves an order, and picks up what was read last.
"""

import asyncio
import contextlib
import logging
import sqlite3
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from cellwarden.clock import Clock
from cellwarden.errors import LinkError
from cellwarden.interfaces import Relay
from cellwarden.model import (
    BankState,
    Outcome,
    PackPhase,
    PackState,
    Request,
    RequestKind,
    Step,
    Verdict,
)
from cellwarden.runtime.audit import Audit
from cellwarden.runtime.rights import ENGINE
from cellwarden.runtime.supervisor import TelemetryThread, keep_running

LOG = logging.getLogger(__name__)

T = TypeVar("T")

DEAD_MAN_S = 10.0
"""Real s without a fresh decision after which a relay is opened (ours)."""
LOOK_S = 2.0
"""Real s between two readings of a relay (ours)."""
REPEAT_S = 30.0
"""Real s after which a relay is told once more: a switch with a timer of its own stays on by this,
and one that somebody else has thrown goes back."""
AGAIN_S = 10.0
"""Real s after which a relay that is not where it was told is told once more."""
FOLLOWS_S = 1.0
"""Real s for a relay to be seen where it was told, before that is written down (ours)."""
MOMENT_S = 0.01
"""Real s beyond the very moment at which something is too old."""
STALE_S = 10.0
"""Real s after which what was read is no longer known."""
ANSWER_S = 5.0
"""Real s that a relay has for anything."""
RETRY_S = 5.0
"""Real s after which one that cannot be reached is tried again."""


def dead_man_s(poll_interval_s: float, watchdog_s: float) -> float:
    """Return how old a decision may be, real s: before the watchdog ends a process that hangs."""
    return min(max(DEAD_MAN_S, 2 * poll_interval_s), 0.8 * watchdog_s)


@dataclass(frozen=True, slots=True)
class Wish:
    """What a decision wants of a relay."""

    on: bool
    at_s: float
    """Controller time of the decision, in s."""
    why: str


@dataclass(frozen=True, slots=True)
class Seen:
    """What a relay read back."""

    on: bool | None
    at_s: float
    """Controller time, s."""


class Hand:
    """Holds one relay. `wish` is left by the control loop, `seen` picked up there."""

    def __init__(
        self, name: str, pack: str, relay: Relay, *, clock: Clock, audit: Audit, dead_man_s: float
    ) -> None:
        self.name = name
        self.pack = pack
        self.wish: Wish | None = None
        self.seen: Seen | None = None
        self.trouble = ""
        """Why it cannot be reached now; empty while it can."""
        self._relay = relay
        self._clock = clock
        self._audit = audit
        self._dead_man_s = dead_man_s
        self._told: bool | None = None
        self._told_s = 0.0
        """Controller time."""
        self.stopping = False
        self.news = asyncio.Event()

    def is_on(self) -> bool | None:
        """Return where it stands, None where that is not known any more."""
        seen = self.seen
        return None if seen is None or self._age_s(seen.at_s) > STALE_S else seen.on

    def status(self) -> Mapping[str, object]:
        """Return how it stands, for people; from any thread."""
        return {"pack": self.pack, "on": self.is_on(), "trouble": self.trouble}

    async def run(self) -> None:
        """Keep the relay where the newest decision wants it; off and let go of when `stopping`."""
        while not self.stopping:
            try:
                await self._hold()
            except (LinkError, TimeoutError) as error:
                self._lost(error)
                await self._pause(RETRY_S, lambda: self.stopping)

    async def _hold(self) -> None:
        try:
            await _in_time(self._relay.open())
            self._told, self._told_s = False, self._clock.now_s()
            while not self.stopping:
                await self._turn()
                await self._pause(self._next_s(), lambda: self.wanted()[0] is not self._told)
        finally:
            with contextlib.suppress(TimeoutError):
                await _in_time(self._relay.close())
            was_on, self._told, self.seen = self._told, None, None
            if was_on:
                await self._note(on=False, now=None, why=self.wanted()[1], sure=self.stopping)

    async def _turn(self) -> None:
        on, why = self.wanted()
        told_s, changed = self._age_s(self._told_s), on is not self._told
        seen = None if self.seen is None else self.seen.on
        if changed or told_s >= REPEAT_S or (seen is not on and told_s >= AGAIN_S):
            await _in_time(self._relay.switch(on))
            self._told, self._told_s = on, self._clock.now_s()
        seen = await self._look(on, FOLLOWS_S if changed else 0.0)
        self.seen = Seen(seen, self._clock.now_s())
        if self.trouble:
            LOG.info("relay %s of %s: back", self.name, self.pack)
            self.trouble = ""
        if changed:
            await self._note(on=on, now=seen, why=why)

    def _next_s(self) -> float:
        """Return when to look again, real s from now: not later than a decision is too old."""
        if not self._told or self.wish is None:
            return LOOK_S
        left_s = self._dead_man_s - self._age_s(self.wish.at_s)
        return min(LOOK_S, max(left_s, 0.0) + MOMENT_S)

    async def _look(self, on: bool, patience_s: float) -> bool | None:
        """Return what the relay says, as soon as it agrees or patience is over, real s."""
        end_s = time.monotonic() + patience_s
        while True:
            seen = await _in_time(self._relay.read())
            if seen is on or time.monotonic() >= end_s:
                return seen
            await asyncio.sleep(FOLLOWS_S / 10)

    def wanted(self) -> tuple[bool, str]:
        """Return whether it should be on now, and why. Off whatever is not fresh."""
        wish = self.wish
        if self.stopping:
            return False, "the controller is stopping"
        if wish is None:
            return False, "nothing was decided yet"
        if self._age_s(wish.at_s) > self._dead_man_s:
            return False, f"no decision for {self._dead_man_s:g} s"
        return wish.on, wish.why

    def _age_s(self, at_s: float) -> float:
        """Return how long ago a controller time was, real s."""
        return self._clock.real_s(self._clock.now_s() - at_s)

    async def _pause(self, for_s: float, over: Callable[[], bool]) -> None:
        """Wait so long, real s, or until news make an end of it."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(for_s):
                while not over():
                    self.news.clear()
                    await self.news.wait()

    def _lost(self, error: LinkError | TimeoutError) -> None:
        text = str(error) or f"relay {self.name} does not answer"
        LOG.log(
            logging.DEBUG if self.trouble else logging.WARNING,
            "relay %s of %s cannot be reached (%s): where it stands is not known; trying on",
            self.name, self.pack, text,
        )  # fmt: skip
        self.trouble = text

    async def _note(self, *, on: bool, now: bool | None, why: str, sure: bool = True) -> None:
        """Log the switching, and keep it in the audit log; a disk that hangs holds nothing up.

        `sure` is whether the relay could be told.
        """
        word = "on" if on else "off"
        text = f"relay {self.name} told {word}: {why}"
        if sure:
            LOG.info("%s: heater relay %s %s: %s", self.pack, self.name, word, why)
        else:
            text = f"relay {self.name} could not be told {word}: it cannot be reached"
        request = Request(kind=RequestKind.HEATING_SWITCH, pack=self.pack, value=on, who=ENGINE)
        outcome = Outcome(
            verdict=Verdict.APPLIED if sure else Verdict.REFUSED,
            reason=text,
            steps=(Step(what=f"relay {self.name}", before=not on, wanted=on, now=now),),
        )
        try:
            await _in_time(asyncio.to_thread(self._audit.note, request, outcome))
        except (OSError, sqlite3.Error) as error:  # also a TimeoutError
            LOG.error("the audit log %s cannot be written (%s)", self._audit.path, error)


class Relays:
    """All relays of a bank."""

    def __init__(self, hands: Sequence[Hand]) -> None:
        self._hands = {hand.pack: hand for hand in hands}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping = False
        self._thread = TelemetryThread("relays", self._run, finished=lambda: self._stopping)

    # -- on the control loop -----------------------------------------------------------------

    def start(self) -> None:
        """Open every relay, and obey from then on."""
        self._thread.start()

    def consider(self, state: BankState) -> None:
        """Leave what a decision wants. A pack that is not heard has nothing to want."""
        news = False
        for pack in state.packs:
            hand = self._hands.get(pack.pack)
            if hand is not None:
                before, hand.wish = hand.wish, _wish(pack, state.at_s)
                news = news or before is None or before.on is not hand.wish.on
        if news:
            self._wake()

    def switches(self, pack: str) -> bool:
        """Return whether a pack's heater hangs on a relay."""
        return pack in self._hands

    def is_on(self, pack: str) -> bool | None:
        """Return where a pack's relay stands; None where there is none, or nobody knows."""
        hand = self._hands.get(pack)
        return None if hand is None else hand.is_on()

    def stop(self) -> None:
        """Begin to open every relay for good; `join` waits for it."""
        self._stopping = True
        for hand in self._hands.values():
            hand.stopping = True
        self._wake()

    def join(self, timeout_s: float) -> bool:
        """Wait until every relay was let go of; blocks. False if one was not."""
        return self._thread.join(timeout_s)

    def status(self) -> Mapping[str, object]:
        """Return how they stand, by name; from any thread."""
        return {hand.name: hand.status() for hand in self._hands.values()}

    # -- in the thread -----------------------------------------------------------------------

    async def _run(self) -> None:
        self._loop = asyncio.get_running_loop()
        async with asyncio.TaskGroup() as group:
            for hand in self._hands.values():
                group.create_task(
                    keep_running(
                        f"relay {hand.name}",
                        hand.run,
                        finished=lambda: self._stopping,
                        last_s=RETRY_S,
                    )
                )

    def _wake(self) -> None:
        loop = self._loop
        if loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has closed: nothing to wake
                loop.call_soon_threadsafe(self._ring)

    def _ring(self) -> None:
        for hand in self._hands.values():
            hand.news.set()


def _wish(pack: PackState, at_s: float) -> Wish:
    if pack.phase is not PackPhase.ONLINE or pack.reading is None:
        return Wish(on=False, at_s=at_s, why="its BMS does not answer")
    why = "" if pack.heating is None else pack.heating.why
    return Wish(on=pack.switches.heat is True, at_s=at_s, why=why)


async def _in_time(work: Awaitable[T]) -> T:
    async with asyncio.timeout(ANSWER_S):
        return await work
