"""One service's life: when it appears, what it shows, who may write, when it leaves."""

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from cellwarden.errors import LinkError
from cellwarden.interfaces import Gate
from cellwarden.model import BankState, RequestKind
from cellwarden.runtime.backoff import Backoff
from cellwarden_victron import controls, keeping
from cellwarden_victron.busitem import ACCEPTED, NOT_WRITABLE, REFUSED
from cellwarden_victron.dbus_library import DBusLibrary
from cellwarden_victron.items import BY_ALARMS, Items
from cellwarden_victron.own import Memory, faults_of
from cellwarden_victron.paths import controls_of, shape_of
from cellwarden_victron.rows import About, Own
from cellwarden_victron.service import BatteryService
from cellwarden_victron.settings import SettingsMissingError
from cellwarden_victron.sources import Value

LOG = logging.getLogger(__name__)

BUS_TIMEOUT_S = 2.0
"""How long the daemon may take to connect us or to give the name, real s."""
LEAVE_TIMEOUT_S = 1.0
IDENTITY_PATIENCE_S = 20.0
"""How long a BMS may take to tell who it is; some tell it only after several polls, real s."""
REFUSALS_EVERY_S = 5.0
"""How often the gate is asked which items can be written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a service stands."""

    bus: str
    suffix: str
    """Last part of its name."""
    bms: bool
    about: About
    unique: Callable[[BankState], str | None]
    """Its name in the settings, for ever the same; None while it is not known yet."""
    otherwise: str
    """The name if it does not become known."""
    kept: Path
    """The file with its last errors."""
    settings_patience_s: float
    """How long to wait for Venus' settings before going on without, real s."""


class Presence:
    """One service that comes and goes with its battery."""

    def __init__(self, library: DBusLibrary, place: Place, who: str) -> None:
        self.service = BatteryService(library, place.bus, place.suffix, self._written)
        self.last_error = ""
        self.retry_at: float | None = None
        """Loop time of the next try, None while none is due."""
        self.gate: Gate | None = None
        self._place = place
        self._who = who
        self._backoff = Backoff(1.0, 30.0)
        self._began_s: float | None = None
        """Loop time of the first try of this appearance."""
        self._memory = Memory(faults_of(keeping.read(place.kept)))
        self._items: Items | None = None
        self._state: BankState | None = None
        self._refused: dict[RequestKind, bool] = {}
        self._refused_at = float("-inf")
        self._reset_to_percent = 100.0
        self._news: object = None
        """The alarms and phases of the last state that was shown."""

    # -- coming and going ----------------------------------------------------------------------

    def show(self, state: BankState) -> bool:
        """Publish a state; False if the service is not on the bus: await `appear` then."""
        self._state = state
        faults = self._memory.faults
        self._memory.hear(state, time.time())
        if self._memory.faults is not faults:
            keeping.write(self._place.kept, self._memory.fault_record())
        if not self.service.connected:
            return False
        now_s = asyncio.get_running_loop().time()
        assert self._items is not None
        shape = shape_of(state, bms=self._place.bms, known=self._items.shape)
        if shape != self._items.shape:
            self._items = Items(shape)
            self.service.reshape(self._items, self._writable(), self._values(state, now_s))
        else:
            without = self._not_worth_reading(state, now_s)
            values = self._values(state, now_s, self.service.values, without)
            self.service.publish(values, now_s)
        return True

    def _not_worth_reading(self, state: BankState, now_s: float) -> frozenset[float]:
        """Return the groups that cannot have changed or would not be told.

        When an alarm comes or goes, or a pack does, everything is read: what is lost must not
        stand on the bus any longer.
        """
        news = (state.phase, state.alarms, [(pack.phase, pack.alarms) for pack in state.packs])
        last, self._news = self._news, news
        return frozenset() if news != last else self.service.closed(now_s) | {BY_ALARMS}

    async def appear(self, state: BankState) -> None:
        """Try to get onto the bus, if it is time to."""
        now_s = asyncio.get_running_loop().time()
        cause = self.service.lost()
        if cause is not None:
            self.service.close()
            self._failed(f"the bus was lost: {cause}", now_s)
        if self.retry_at is not None and now_s < self.retry_at:
            return
        if self._began_s is None:
            self._began_s = now_s
        waited_s = now_s - self._began_s
        unique = self._place.unique(state)
        if unique is None and waited_s < IDENTITY_PATIENCE_S:
            self.retry_at = None  # the next decision is soon enough
            return
        known = None if self._items is None else self._items.shape
        self._items = Items(shape_of(state, bms=self._place.bms, known=known))
        try:
            await self.service.open(
                self._items,
                self._writable(),
                self._values(state, now_s),
                self._place.about,
                unique or self._place.otherwise,
                timeout_s=BUS_TIMEOUT_S,
                must_have_settings=waited_s < self._place.settings_patience_s,
            )
        except SettingsMissingError as error:
            self._failed(f"waiting: {error}", now_s)
        except LinkError as error:
            self._failed(str(error), asyncio.get_running_loop().time())
        else:
            self._backoff.reset()
            self.retry_at = self._began_s = None
            LOG.info("%s is on the bus", self.service.name)

    def _failed(self, error: str, now_s: float) -> None:
        """Remember the error and when to try again; the first of a row is a warning."""
        LOG.log(
            logging.WARNING if self.retry_at is None else logging.DEBUG,
            "%s: %s",
            self.service.name,
            error,
        )
        self.last_error = error
        self.retry_at = now_s + self._backoff.next_s()

    async def stay_away(self) -> None:
        """Leave if the service is there."""
        self.retry_at = self._began_s = None
        if self.service.connected:
            await self.leave()
            LOG.warning("%s left the bus: no battery data", self.service.name)

    async def leave(self) -> None:
        """Leave in good order, or at once if the daemon does not play along."""
        try:
            with suppress(LinkError):
                async with asyncio.timeout(LEAVE_TIMEOUT_S):
                    await self.service.leave()
        except TimeoutError:
            LOG.debug("%s: the daemon did not let go in time", self.service.name)
        finally:
            self.service.close()

    # -- values --------------------------------------------------------------------------------

    def _values(
        self,
        state: BankState,
        now_s: float,
        published: dict[str, Value] | None = None,
        without: frozenset[float] = frozenset(),
    ) -> dict[str, Value]:
        assert self._items is not None
        self._ask_what_is_refused(state, now_s)
        own = Own(
            current_avg_a=self._memory.current_avg_a,
            faults=self._memory.faults,
            controls=controls.shown(self._controls, state, self._refused, self._reset_to_percent),
        )
        return self._items.moving(state, own, published, without=without)

    @property
    def _controls(self) -> tuple[controls.Control, ...]:
        assert self._items is not None
        return controls_of(self._items.shape)

    def _writable(self) -> frozenset[str]:
        return frozenset(control.path for control in self._controls)

    def _ask_what_is_refused(self, state: BankState, now_s: float) -> None:
        if now_s < self._refused_at + REFUSALS_EVERY_S and self._refused:
            return
        self._refused_at = now_s
        gate = self.gate
        for control in self._controls:
            packs = [p.pack for p in state.packs] if self._asks_packs(control) else [""]
            self._refused[control.request] = gate is None or all(
                gate.refusal(control.request, pack, self._who) is not None for pack in packs
            )

    def _asks_packs(self, control: controls.Control) -> bool:
        return control.each_pack or not self._place.bms

    # -- writes --------------------------------------------------------------------------------

    async def _written(self, path: str, value: object) -> int:
        """Hand a written value to the gate; return the code for the writer."""
        control = next((c for c in self._controls if c.path == path), None)
        if control is None or self._state is None:
            return NOT_WRITABLE
        if self.gate is None or self._refused.get(control.request, True):
            return REFUSED
        try:
            asked = controls.requests(
                control,
                value,
                self._state,
                self._who,
                bms=self._place.bms,
                reset_to_percent=self._reset_to_percent,
            )
        except controls.BadValueError:
            return NOT_WRITABLE
        if path == controls.RESET_SOC_TO:
            self._reset_to_percent = controls.percent(value)
        outcomes = [await self.gate.ask(request) for request in asked]
        for request, outcome in zip(asked, outcomes, strict=True):
            LOG.info(
                "%s: %s written as %r: %s %s (%s)",
                self.service.name, path, value, request.kind.value, outcome.verdict.value,
                outcome.reason,
            )  # fmt: skip
        if path == controls.RESET_SOC_TO and self.service.connected:
            self.show(self._state)
        return ACCEPTED if all(outcome.good for outcome in outcomes) else REFUSED
