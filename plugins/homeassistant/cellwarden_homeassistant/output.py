"""The output: joins the feed of decisions, the publisher and the connection."""

import asyncio
import logging
import random
from collections import deque
from collections.abc import Mapping

from cellwarden.hooks import OutputContext
from cellwarden.interfaces import Feed, Gate
from cellwarden.model import BankPhase
from cellwarden_homeassistant.config import (
    HomeAssistantOptions,
    read_password,
)
from cellwarden_homeassistant.link import MqttLink
from cellwarden_homeassistant.naming import Names, slug
from cellwarden_homeassistant.publisher import Publisher

LOG = logging.getLogger(__name__)

TURN_S = 1.0
"""Longest time between two looks at the connection, for controllers that poll slower than that."""
BIRTH_DELAY_S = (0.5, 5.0)
"""Home Assistant subscribes while it starts, and every bridge hears its birth at once: a random
wait within this spreads the answers, and gathers several births into one answer."""
HANG_AFTER_S = 10.0
HANG_CYCLES = 3
HANG_AT_FIRST_S = 180.0
"""No decision for `HANG_CYCLES` of the slowest of the last cycles, and at least `HANG_AFTER_S`: the
controller hangs. Until two decisions told what a cycle is, three of the longest (60 s)."""
FAREWELL_S = 2.0


class HomeAssistantOutput:
    """The bank on MQTT. ConfigError if the options contradict each other."""

    def __init__(self, options: HomeAssistantOptions, context: OutputContext) -> None:
        self._options = options
        self._names = Names(
            bank=context.bank,
            node=slug(options.node_id or context.bank) or "battery",
            base_topic=options.base_topic,
            discovery_prefix=options.discovery_prefix,
        )
        self._link: MqttLink | None = None
        self._publisher: Publisher | None = None

    async def run(self, feed: Feed, gate: Gate) -> None:
        """Publish until a state says STOPPING, then mark everything unavailable.

        ConfigError if the password cannot be read, LinkError if the network thread ended.
        """
        del gate  # nothing can be asked for yet
        publisher = Publisher(self._names, self._options.publish_interval_s)
        link = MqttLink(
            self._options,
            client_id=self._options.client_id or f"cellwarden-{self._names.node}",
            password=read_password(self._options),
            will_topic=self._names.bridge_status,
            subscriptions=(
                self._options.birth_topic,
                self._names.bridge_status,
                self._names.every_pack_status,
            ),
        )
        self._publisher, self._link = publisher, link
        link.start()
        try:
            await _Turns(self._options, feed, publisher, link).until_stopping()
        finally:
            # Blocks this thread's loop, but never long, and a second cancel cannot cut it short.
            link.stop(publisher.farewell(), FAREWELL_S)

    def status(self) -> Mapping[str, object]:
        """Return how the broker is doing."""
        link, publisher = self._link, self._publisher
        return {
            "broker": f"{self._options.host}:{self._options.port}",
            "connected": link is not None and link.ready,
            "published": 0 if link is None else link.published,
            "announced_packs": [] if publisher is None else list(publisher.announced),
            "last_error": "" if link is None else link.last_error,
        }


class _Turns:
    """One run of the output, a turn each time that the controller decided."""

    def __init__(
        self, options: HomeAssistantOptions, feed: Feed, publisher: Publisher, link: MqttLink
    ) -> None:
        self._birth_topic = options.birth_topic
        self._feed = feed
        self._publisher = publisher
        self._link = link
        self._session = 0
        self._announce_at_s: float | None = None
        self._last_at_s: float | None = None
        self._cycles_s: deque[float] = deque(maxlen=5)
        self._hung = False

    async def until_stopping(self) -> None:
        """Take turns; return when the controller stops."""
        now_s = asyncio.get_running_loop().time
        while True:
            state = await self._feed.next(timeout_s=TURN_S)
            if state is not None:
                self._note_cycle(state.at_s)
                if state.phase is BankPhase.STOPPING:
                    return
            self._link.check()
            self._turn(now_s())

    def _note_cycle(self, at_s: float) -> None:
        if self._last_at_s is not None:
            self._cycles_s.append(self._feed.clock.real_s(at_s - self._last_at_s))
        self._last_at_s = at_s

    def _turn(self, now_s: float) -> None:
        for heard in self._link.heard():
            if heard.topic == self._birth_topic:
                # A kept one says nothing of now, and connecting announces anyway.
                if heard.payload.lower() == b"online" and not heard.retained:
                    self._announce_soon(now_s)
            else:
                self._publisher.heard_status(heard.topic, heard.payload, retained=heard.retained)
        if self._session != self._link.session:
            self._session = self._link.session
            self._publisher.announce()
        if self._announce_at_s is not None and now_s >= self._announce_at_s:
            self._announce_at_s = None
            self._publisher.announce()
        self._publish(now_s)

    def _announce_soon(self, now_s: float) -> None:
        if self._announce_at_s is None:
            self._announce_at_s = now_s + random.uniform(*BIRTH_DELAY_S)  # noqa: S311  # no secret

    def _publish(self, now_s: float) -> None:
        state = self._feed.latest()
        hung = self._controller_hangs()
        if state is None or not self._link.ready or self._link.busy:
            return
        for message in self._publisher.due(state, now_s, hung=hung):
            if not self._link.publish(message):
                self._publisher.announce()
                return
            self._publisher.sent(message, now_s)

    def _controller_hangs(self) -> bool:
        patience_s = HANG_AT_FIRST_S
        if self._cycles_s:
            patience_s = max(HANG_AFTER_S, HANG_CYCLES * max(self._cycles_s))
        age_s = self._feed.age_s()
        hung = age_s is not None and self._feed.clock.real_s(age_s) > patience_s
        if hung is not self._hung:
            self._hung = hung
            if hung:
                LOG.warning("no decision for %.0f s: everything shows as unavailable", patience_s)
            else:
                LOG.info("the controller decides again")
        return hung
