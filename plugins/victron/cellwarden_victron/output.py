"""The life of the Victron output: when it is on the bus, and with what.

Venus' system calculator has no age check: whatever stands on the bus stays in force for ever. So
what is there must end by itself. While the bank is live its values are published; when it falls
silent, or the controller stops deciding, both currents go to 0 with the cable alarm; later the
service leaves the bus, which is what Venus takes for a lost BMS. It comes back with the values.
"""

import asyncio
import logging
from collections.abc import Mapping
from contextlib import suppress

from cellwarden.errors import LinkError
from cellwarden.hooks import OutputContext
from cellwarden.interfaces import Feed, Gate
from cellwarden.model import BankPhase, BankState
from cellwarden.runtime.backoff import Backoff
from cellwarden_victron.config import VictronOptions
from cellwarden_victron.dbus_library import load
from cellwarden_victron.items import blocked, fixed_values, moving_values, silenced
from cellwarden_victron.paths import BY_PATH, About
from cellwarden_victron.service import BatteryService
from cellwarden_victron.sources import charge_voltage_v

LOG = logging.getLogger(__name__)

BUS_TIMEOUT_S = 2.0
"""How long the daemon may take to connect us or to give the name, real s."""
LEAVE_TIMEOUT_S = 1.0


def publishable(
    state: BankState | None, age_s: float | None, options: VictronOptions
) -> BankState | None:
    """Return what should stand on the bus now, None for not being there at all.

    `age_s` is the age of the decision in controller s.
    """
    if state is None or age_s is None or state.phase in (BankPhase.STARTING, BankPhase.GONE):
        return None
    if charge_voltage_v(state) is None or age_s > options.leave_after_s:
        return None
    if age_s > options.stale_after_s:
        return silenced(state, "the controller does not decide")
    return state


class VictronOutput:
    """Publishes the bank as one managed battery of Venus OS."""

    def __init__(self, options: VictronOptions, context: OutputContext) -> None:
        self._options = options
        self._library = load()
        self._service = BatteryService(self._library, options.bus, options.service, BY_PATH)
        self._fixed = fixed_values(
            About(
                product_name=options.product_name,
                custom_name=context.bank,
                connection=options.connection,
                device_instance=options.device_instance,
                bluetooth=options.bluetooth,
            )
        )
        self._backoff = Backoff(1.0, 30.0)
        self._retry_at: float | None = None
        self._last_error = ""

    async def run(self, feed: Feed, gate: Gate) -> None:  # noqa: ARG002  # nothing is writable yet
        """Serve until the controller stops; on any other end, too, leave the bus in good order."""
        try:
            while True:
                state = await feed.next(self._patience_s(feed)) or feed.latest()
                if state is not None and state.phase is BankPhase.STOPPING:
                    await self._say_goodbye(state)
                    return
                wanted = publishable(state, feed.age_s(), self._options)
                if wanted is None:
                    await self._stay_away()
                else:
                    await self._show(wanted)
        finally:
            await self._leave()

    def status(self) -> Mapping[str, object]:
        """Return how the service stands."""
        return {
            "service": self._service.name,
            "bus": self._options.bus,
            "connected": self._service.connected,
            "library": self._library.name,
            "signals_sent": self._service.signals,
            "items_sent": self._service.items,
            "last_error": self._last_error,
        }

    def _patience_s(self, feed: Feed) -> float | None:
        """Return how long, in real s, nothing needs doing without a new decision."""
        deadlines = []
        age_s = feed.age_s()
        if age_s is not None:
            # A moment longer than the limit, so that the age is over it when we wake.
            deadlines += [
                feed.clock.real_s(after_s - age_s) + 0.001
                for after_s in (self._options.stale_after_s, self._options.leave_after_s)
                if age_s <= after_s
            ]
        if self._retry_at is not None:
            deadlines.append(max(0.0, self._retry_at - asyncio.get_running_loop().time()))
        return min(deadlines, default=None)

    async def _show(self, state: BankState) -> None:
        if self._service.connected:
            self._service.publish(moving_values(state))
            return
        now = asyncio.get_running_loop().time()
        cause = self._service.lost()
        if cause is not None:
            self._service.close()
            self._failed(f"the bus was lost: {cause}", now)
        if self._retry_at is None or now >= self._retry_at:
            await self._appear(state)

    async def _appear(self, state: BankState) -> None:
        try:
            await self._service.open(self._fixed | moving_values(state), BUS_TIMEOUT_S)
        except LinkError as error:
            self._failed(str(error), asyncio.get_running_loop().time())
            return
        self._backoff.reset()
        self._retry_at = None
        LOG.info("%s is on the bus", self._service.name)

    def _failed(self, error: str, now: float) -> None:
        """Remember the error and when to try again; the first of a row is a warning."""
        LOG.log(
            logging.WARNING if self._retry_at is None else logging.DEBUG,
            "%s: %s",
            self._service.name,
            error,
        )
        self._last_error = error
        self._retry_at = now + self._backoff.next_s()

    async def _say_goodbye(self, state: BankState) -> None:
        """Let the zero limits stand until Venus has handed them on, then leave."""
        if self._service.connected and state.limits is not None:
            self._service.publish(moving_values(blocked(state, "the controller is stopping")))
            await asyncio.sleep(self._options.stop_hold_s)

    async def _stay_away(self) -> None:
        self._retry_at = None
        if self._service.connected:
            await self._leave()
            LOG.warning("%s left the bus: no battery data", self._service.name)

    async def _leave(self) -> None:
        try:
            with suppress(LinkError):
                async with asyncio.timeout(LEAVE_TIMEOUT_S):
                    await self._service.leave()
        except TimeoutError:
            LOG.debug("%s: the daemon did not let go in time", self._service.name)
        finally:
            self._service.close()
