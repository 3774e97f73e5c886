"""The output: joins the feed of decisions, the publisher, the gate and the connection."""

import asyncio
import contextlib
import logging
import random
from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from cellwarden.hooks import OutputContext
from cellwarden.interfaces import Feed, Gate
from cellwarden.model import BankPhase
from cellwarden_homeassistant.commands import Desk
from cellwarden_homeassistant.config import (
    HomeAssistantOptions,
    read_password,
    read_username,
)
from cellwarden_homeassistant.entity import Pace
from cellwarden_homeassistant.link import Heard, MqttLink
from cellwarden_homeassistant.message import OFFLINE, Message
from cellwarden_homeassistant.meter import BankMeter, MeterFile
from cellwarden_homeassistant.naming import names_of
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
LISTEN_S = 0.5
"""After connecting, what the broker has kept is heard first: a state that lacks what an earlier run
announced would cost Home Assistant a warning for each missing key."""


class HomeAssistantOutput:
    """The bank on MQTT. ConfigError if the options contradict each other."""

    def __init__(self, options: HomeAssistantOptions, context: OutputContext) -> None:
        self._options = options
        self._who = context.name
        self._names = names_of(options, context.bank)
        self._meter_file = MeterFile(Path(context.state_dir), context.name)
        self._link: MqttLink | None = None
        self._publisher: Publisher | None = None

    async def run(self, feed: Feed, gate: Gate) -> None:
        """Publish until a state says STOPPING, then mark everything unavailable.

        ConfigError if the password cannot be read, LinkError if the network thread ended.
        """
        meter = self._meter_file.load()
        publisher = Publisher(
            self._names,
            pacing_of(self._options),
            gate,
            who=self._who,
            meter=meter,
            started=datetime.now(UTC).isoformat(timespec="seconds"),
        )
        news = _News()
        link = MqttLink(
            self._options,
            client_id=self._options.client_id or f"cellwarden-{self._names.node}",
            username=read_username(self._options),
            password=read_password(self._options),
            will=Message(self._names.bridge_status, OFFLINE, qos=1),
            subscriptions=(
                self._options.birth_topic,
                self._names.bridge_status,
                self._names.every_pack_status,
                *self._names.every_command,
                self._names.every_discovery,
            ),
            wanted=self._names.concerns_us,
            on_news=news.tell,
        )
        self._publisher, self._link = publisher, link
        link.start()
        try:
            desk = Desk(
                gate, who=self._who, lasts_s=self._options.orders_last_s, wake=news.event.set
            )
            turns = _Turns(self._options, feed, publisher, link, desk, news)
            await turns.until_stopping(self._meter_file, meter)
        finally:
            # Blocks this thread's loop, but never long, and a second cancel cannot cut it short.
            link.stop(publisher.farewell(), FAREWELL_S)
            self._meter_file.save(meter, 0.0, at_once=True)

    def status(self) -> Mapping[str, object]:
        """Return how the broker is doing."""
        link, publisher = self._link, self._publisher
        return {
            "broker": f"{self._options.host}:{self._options.port}",
            "connected": link is not None and link.ready,
            "protocol": "" if link is None else link.protocol,
            "published": 0 if link is None else link.published,
            "announced_packs": [] if publisher is None else list(publisher.announced),
            "last_error": "" if link is None else link.last_error,
        }


def pacing_of(options: HomeAssistantOptions) -> dict[Pace, float]:
    """Return how long a value of each pace stands, in s."""
    return {pace: float(getattr(options, pace.value)) for pace in Pace}


class _News:
    """Wakes the loop that it was made on, from any thread."""

    def __init__(self) -> None:
        self.event = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    def tell(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop closed meanwhile
            self._loop.call_soon_threadsafe(self.event.set)


class _Turns:
    """One run of the output: a turn for each decision, and for whatever the broker tells."""

    def __init__(
        self,
        options: HomeAssistantOptions,
        feed: Feed,
        publisher: Publisher,
        link: MqttLink,
        desk: Desk,
        news: _News,
    ) -> None:
        self._birth_topic = options.birth_topic
        self._discovery_prefix = f"{options.discovery_prefix}/device/"
        self._feed = feed
        self._publisher = publisher
        self._link = link
        self._desk = desk
        self._news = news
        self._session = 0
        self._listen_until_s = 0.0
        self._announce_at_s: float | None = None
        self._last_at_s: float | None = None
        self._cycles_s: deque[float] = deque(maxlen=5)
        self._hung = False

    async def until_stopping(self, meter_file: MeterFile, meter: BankMeter) -> None:
        """Take turns; return when the controller stops."""
        now_s = asyncio.get_running_loop().time
        watching = asyncio.create_task(self._watch())
        asking = asyncio.create_task(self._desk.run())
        try:
            while not watching.done():
                await self._news.event.wait()
                self._news.event.clear()
                if watching.done():
                    break
                self._link.check()
                self._turn(now_s())
                meter_file.save(meter, now_s())
                if asking.done():
                    asking.result()  # never ends by itself but with what went wrong
            watching.result()
        finally:
            watching.cancel()
            asking.cancel()
            await asyncio.gather(watching, asking, return_exceptions=True)

    async def _watch(self) -> None:
        """Ring for every decision, and once in `TURN_S`; end when the controller stops."""
        try:
            while True:
                state = await self._feed.next(timeout_s=TURN_S)
                if state is not None:
                    self._note_cycle(state.at_s)
                    if state.phase is BankPhase.STOPPING:
                        return
                self._news.event.set()
        finally:
            self._news.event.set()

    def _note_cycle(self, at_s: float) -> None:
        if self._last_at_s is not None:
            self._cycles_s.append(self._feed.clock.real_s(at_s - self._last_at_s))
        self._last_at_s = at_s

    def _turn(self, now_s: float) -> None:
        for heard in self._link.heard():
            self._hear(heard, now_s)
        for answer in self._desk.answers():
            self._publisher.answer(answer, now_s)
        if self._session != self._link.session:
            self._session = self._link.session
            self._publisher.announce()
            self._listen_until_s = now_s + LISTEN_S
            asyncio.get_running_loop().call_later(LISTEN_S, self._news.event.set)
        if now_s < self._listen_until_s:
            return
        if self._announce_at_s is not None and now_s >= self._announce_at_s:
            self._announce_at_s = None
            self._publisher.announce()
        self._publish(now_s)

    def _hear(self, heard: Heard, now_s: float) -> None:
        if heard.topic == self._birth_topic:
            # A kept one says nothing of now, and connecting announces anyway.
            if heard.payload.lower() == b"online" and not heard.retained:
                self._announce_soon(now_s)
        elif heard.topic.startswith(self._discovery_prefix):
            if heard.retained:  # what we say now comes back too
                self._publisher.heard_discovery(heard.topic, heard.payload, now_s)
        elif "/set/" in heard.topic:
            self._command(heard)
        else:
            self._publisher.heard_status(heard.topic, heard.payload, retained=heard.retained)

    def _command(self, heard: Heard) -> None:
        found = self._publisher.control(heard.topic)
        if heard.retained:
            # It would be carried out again on every connection.
            LOG.warning("%s: a retained command is not carried out; delete it", heard.topic)
        elif found is None:
            LOG.warning("%s: there is no such control, or it may not be used now", heard.topic)
        else:
            self._desk.take(*found, heard.payload, self._feed.latest())

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
