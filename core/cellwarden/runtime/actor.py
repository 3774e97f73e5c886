"""Mode `control`: sees to it that a BMS's switches are as the engine wants them.

Through the gate like everybody else. What the device cannot do stays in the state, and the limits
do the work instead.
"""

import asyncio
import logging
from collections.abc import Mapping

from cellwarden.clock import Clock
from cellwarden.model import BankState, Outcome, PackPhase, PackState, Reading, Request, RequestKind
from cellwarden.runtime.gate import ControlGate
from cellwarden.runtime.relays import Relays
from cellwarden.runtime.rights import ENGINE, ENGINES_NAME

LOG = logging.getLogger(__name__)

AGAIN_S = 10.0
"""Real s before a switch is asked for once more (F26)."""


class Actor:
    """Asks for switches. Used on the control loop only."""

    def __init__(self, gate: ControlGate, clock: Clock, relays: Relays | None = None) -> None:
        """`relays` switch the heaters of their packs; the BMSs of those are not asked to."""
        self._gate = gate
        self._relays = relays
        self._clock = clock
        self._asked_s: dict[tuple[str, RequestKind], float] = {}
        self._told: dict[tuple[str, RequestKind], str] = {}
        """Why a switch could not be set, as it was last logged."""
        self._tasks: set[asyncio.Task[Outcome]] = set()

    def consider(self, state: BankState) -> None:
        """Ask for each switch that is not as the engine wants it."""
        if self._relays is not None:
            self._relays.consider(state)
        for pack in state.packs:
            if pack.phase is not PackPhase.ONLINE or pack.reading is None:
                continue
            for kind, name in ENGINES_NAME.items():
                if kind is RequestKind.HEATING_SWITCH and self._by_relay(pack.pack):
                    continue
                on = _is(kind, pack.reading)
                if on:
                    self._gate.switches.seen_on((pack.pack, kind), pack.reading.heard_s)
                wanted = self._wanted(pack, kind, name)
                if wanted is not None and on is not wanted:
                    self._ask(pack, kind, on=wanted)
                else:
                    self._told.pop((pack.pack, kind), None)

    def can_heat(self, pack: str) -> bool:
        """Return whether somebody would switch a pack's heater: a relay, or its BMS."""
        kind = RequestKind.HEATING_SWITCH
        return self._by_relay(pack) or self._gate.refusal(kind, pack, ENGINE) is None

    def _by_relay(self, pack: str) -> bool:
        return self._relays is not None and self._relays.switches(pack)

    def _wanted(self, pack: PackState, kind: RequestKind, name: str) -> bool | None:
        """Return what the engine wants of a switch, as far as it is its own."""
        wanted: bool | None = getattr(pack.switches, name)
        book, key = self._gate.switches, (pack.pack, kind)
        if wanted is not False and book.kept_off_by_owner(key):
            return None
        # Nobody wants it off any more: what the engine opened it closes again.
        return True if wanted is None and book.opened_by_engine(key) else wanted

    def _ask(self, pack: PackState, kind: RequestKind, *, on: bool) -> None:
        key = pack.pack, kind
        now_s = self._clock.now_s()
        last_s = self._asked_s.get(key)
        if last_s is not None and self._clock.real_s(now_s - last_s) < AGAIN_S:
            return
        if reason := self._gate.refusal(kind, pack.pack, ENGINE):
            if self._told.get(key) != reason:
                self._told[key] = reason
                LOG.warning(
                    "%s: the engine wants the %s %s, but %s; the limits do it instead",
                    pack.pack, kind.value, "on" if on else "off", reason,
                )  # fmt: skip
            return
        self._asked_s[key] = now_s
        request = Request(kind=kind, pack=pack.pack, value=on, who=ENGINE)
        task = asyncio.create_task(self._gate.ask(request), name=f"engine: {kind.value}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


_SWITCH: Mapping[RequestKind, tuple[str, str]] = {
    RequestKind.CHARGE_SWITCH: ("charge_switch_on", "charge_fet_on"),
    RequestKind.DISCHARGE_SWITCH: ("discharge_switch_on", "discharge_fet_on"),
    RequestKind.BALANCE_SWITCH: ("balance_switch_on", "balance_switch_on"),
    RequestKind.HEATING_SWITCH: ("heating_switch_on", "heating"),
}


def _is(kind: RequestKind, reading: Reading) -> bool | None:
    """Return how a switch stands; where the device does not tell that, what it does."""
    switch, effect = _SWITCH[kind]
    on: bool | None = getattr(reading, switch)
    does: bool | None = getattr(reading, effect)
    return does if on is None else on
