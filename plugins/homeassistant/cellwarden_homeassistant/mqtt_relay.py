"""A heater on a switch at an MQTT broker: Tasmota, ESPHome, Zigbee, or Home Assistant's own.

A connection of its own, whose last will is the command "off": when this process ends without a
goodbye, or its line is cut, the broker itself switches the heater off. What is on is told so again
and again, so that a switch with a timer of its own stays on by that and goes off without it.

A switch is where it says it is. A state that the broker kept proves nothing of now, unless the
switch also tells, by a last will, whether it is there at all.
"""

import asyncio
import contextlib
import json
import secrets
import time

from cellwarden.errors import LinkError
from cellwarden.hooks import RelayContext
from cellwarden_homeassistant.config import MqttRelayOptions, read_password, read_username
from cellwarden_homeassistant.link import Heard, MqttLink
from cellwarden_homeassistant.message import Message

CONNECT_S = 4.0
"""Real s to the broker's answer to our subscription."""
TAKES_S = 2.0
"""Real s for the broker to take a command."""
STATE_COUNTS_S = 75.0
"""Real s that a state counts where nobody tells whether the switch is there: two and a half times
as long as an order goes unrepeated."""
STOP_S = 1.0


class MqttRelay:
    """One switch. ConfigError for a login that cannot be read."""

    def __init__(self, options: MqttRelayOptions, context: RelayContext) -> None:
        self._options = options
        self._name = f"relay {context.name}"
        self._client_id = options.client_id or f"cellwarden-{context.name}-{secrets.token_hex(4)}"
        self._login = (read_username(options), read_password(options))
        self._link: MqttLink | None = None
        self._state: bool | None = None
        self._state_s = 0.0
        """Real monotonic time of it."""
        self._available = False

    async def open(self) -> None:
        """Connect, and switch off. LinkError if the broker is not there."""
        await self.close()
        options, loop, news = self._options, asyncio.get_running_loop(), asyncio.Event()

        def tell() -> None:
            with contextlib.suppress(RuntimeError):  # the loop has closed
                loop.call_soon_threadsafe(news.set)

        topics = [options.state_topic]
        if options.availability_topic is not None:
            topics.append(options.availability_topic)
        self._link = link = MqttLink(
            options,
            client_id=self._client_id,
            username=self._login[0],
            password=self._login[1],
            will=self._message(on=False, qos=1),
            subscriptions=topics,
            wanted=lambda _: True,
            on_news=tell,
        )
        link.start()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CONNECT_S):
                while not link.ready:
                    news.clear()
                    await news.wait()
        await self.switch(False)

    async def switch(self, on: bool, /) -> None:
        """Send the command, now or never: one that waited for a broker could come hours late."""
        link = self._connected()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(TAKES_S):
                while link.busy:  # noqa: ASYNC110  # paho's thread tells nobody
                    await asyncio.sleep(0.02)
        if link.busy or not link.publish(self._message(on=on, qos=0)):
            raise LinkError(self._name, f"the broker {link.broker} does not take commands")

    async def read(self) -> bool | None:
        """Return what the switch said last, None where that counts no longer."""
        for heard in self._connected().heard():
            self._hear(heard)
        if self._options.availability_topic is not None:
            return self._state if self._available else None
        return self._state if time.monotonic() - self._state_s <= STATE_COUNTS_S else None

    async def close(self) -> None:
        """Switch off, as the last word, and disconnect."""
        link, self._link = self._link, None
        self._state, self._available = None, False
        if link is not None:
            # Waits for the broker and for a thread: not on this loop, where other relays live.
            await asyncio.to_thread(link.stop, (self._message(on=False, qos=1),), STOP_S)

    def _connected(self) -> MqttLink:
        link = self._link
        if link is None or not link.ready:
            why = "" if link is None else link.last_error
            broker = f"{self._options.host}:{self._options.port}"
            raise LinkError(self._name, f"the broker {broker} is not there: {why or 'no answer'}")
        return link

    def _message(self, *, on: bool, qos: int) -> Message:
        payload = self._options.payload_on if on else self._options.payload_off
        return Message(self._options.command_topic, payload.encode(), qos=qos, retain=False)

    def _hear(self, heard: Heard) -> None:
        text = heard.payload.decode(errors="replace").strip()
        if heard.topic == self._options.availability_topic:
            self._available = text.lower() == self._options.payload_available.lower()
            return
        if heard.retained and self._options.availability_topic is None:
            return
        self._state, self._state_s = self._on_or_off(text), time.monotonic()

    def _on_or_off(self, text: str) -> bool | None:
        key = self._options.state_key
        if key is not None:
            try:
                text = str(json.loads(text)[key])
            except (ValueError, KeyError, TypeError, RecursionError):
                return None
        words = {self._options.payload_on.lower(): True, self._options.payload_off.lower(): False}
        return words.get(text.lower())
