"""The connection to the broker: paho-mqtt in a network thread of its own.

What is built around, all seen in paho 2.1 and 2.2:

- An exception in a callback ends the network thread while `is_connected()` stays true. Here paho
  is told to keep going, and a thread that ended all the same is noticed.
- Messages of QoS 1 that were not acknowledged are sent again after a reconnect, between the
  broker's welcome and its answer to our subscription. Only with that answer is a session `ready`:
  what is published then comes after everything old.
- `loop_stop()` waits without limit for a broker that does not read. `stop()` here does not.
- While a broker does not read, paho queues. `busy` says so, and nothing more is handed over.
- A broker that does not know MQTT 5 refuses it by number, or hangs up without a word. paho keeps
  the version that it was built with, so a client of the other version takes its place.
"""

import contextlib
import logging
import socket
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode, MQTTProtocolVersion
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from cellwarden.errors import LinkError
from cellwarden_homeassistant.config import BrokerOptions
from cellwarden_homeassistant.message import Message

LOG = logging.getLogger(__name__)

RETRY_FIRST_S, RETRY_LAST_S = 1, 30
REFUSED_RETRY_S = 60
"""A refused login will not be accepted a second later, and some brokers count attempts."""
LOGIN_REFUSED = (134, 135)
"""Bad user name or password, not authorized; paho translates those of MQTT 3.1.1."""
UNKNOWN_PROTOCOL = 132
"""The broker does not speak this version of MQTT."""
SILENT_ENDS = 2
"""Connections in a row that ended before a welcome: the other version is tried."""
IN_FLIGHT = 10
"""Unacknowledged messages; MQTT 5 brokers may hang up on more than they allow, and 10 is the least
default among the usual ones. The rest waits in paho, and counts as `busy`."""
INBOX = 256
"""Messages from the broker that wait to be looked at; the oldest go first."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A message from the broker."""

    topic: str
    payload: bytes
    retained: bool
    """It was kept by the broker and came with our subscription; nobody said it just now."""


class MqttLink:
    """One client. Start it once, stop it once; every method may be called from any thread."""

    def __init__(
        self,
        options: BrokerOptions,
        *,
        client_id: str,
        password: str | None,
        username: str | None = None,
        will: Message,
        subscriptions: Sequence[str],
        wanted: Callable[[str], bool],
        on_news: Callable[[], None],
    ) -> None:
        """`will` is what the broker says when we are gone without a goodbye.

        `wanted` sorts out what a wide subscription brings; `on_news` must not block.
        """
        self.broker = f"{options.host}:{options.port}"
        self.session = 0
        """Counts the sessions that became ready."""
        self.ready = False
        self.published = 0
        self.last_error = ""
        self._subscriptions = [(topic, 1) for topic in subscriptions]
        self._wanted = wanted
        self._on_news = on_news
        self._heard: deque[Heard] = deque(maxlen=INBOX)
        self._unfinished: list[mqtt.MQTTMessageInfo] = []
        self._outage = ""
        self._stopping = False
        self._network: threading.Thread | None = None
        self._options = options
        self._identity = (client_id, username, password, will)
        self._version = (
            MQTTProtocolVersion.MQTTv311
            if options.protocol == "3.1.1"
            else MQTTProtocolVersion.MQTTv5
        )
        self._welcomed = False
        self._silent_ends = 0
        self._other_version = False
        self._client = self._build()

    @property
    def protocol(self) -> str:
        """The version of MQTT that is spoken."""
        return "5" if self._version is MQTTProtocolVersion.MQTTv5 else "3.1.1"

    def _build(self) -> mqtt.Client:
        options = self._options
        client_id, username, password, will = self._identity
        client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id, protocol=self._version)
        client.suppress_exceptions = True
        client.on_log = self._on_log
        client.on_pre_connect = self._on_pre_connect
        client.on_connect = self._on_connect
        client.on_connect_fail = self._on_connect_fail
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        client.will_set(will.topic, will.payload, qos=will.qos, retain=will.retain)
        if username is not None:
            client.username_pw_set(username, password)
        if options.tls:
            self._encrypt(client)
        client.max_inflight_messages_set(IN_FLIGHT)
        client.reconnect_delay_set(RETRY_FIRST_S, RETRY_LAST_S)
        # Nothing of an earlier session is wanted: everything is announced on every connection.
        clean: Any = {"clean_start": True} if self._version is MQTTProtocolVersion.MQTTv5 else {}
        client.connect_async(options.host, options.port, options.keepalive_s, **clean)
        return client

    def _encrypt(self, client: mqtt.Client) -> None:
        options = self._options
        try:
            # An empty password, for an encrypted key would have OpenSSL ask on the terminal.
            client.tls_set(
                options.ca_file, options.cert_file, options.key_file, keyfile_password=""
            )
        except OSError as error:  # also ssl.SSLError
            files = (options.ca_file, options.cert_file, options.key_file)
            named = ", ".join(file for file in files if file is not None)
            raise LinkError(
                self.broker,
                f"the certificates in ca_file, cert_file and key_file ({named}) cannot be used"
                f" ({error}); they are PEM files, the key without a password",
            ) from error
        client.tls_insecure_set(not options.check_host_name)

    # -- for the output ------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to connect; a broker that is not there is tried again for ever."""
        self._client.loop_start()

    def check(self) -> None:
        """Change the version of MQTT if the broker wants that.

        Raise a LinkError if the network thread is no more.
        """
        if self._other_version:
            self._change_version()
        elif self._network is not None and not self._network.is_alive():
            raise LinkError(self.broker, f"the network thread ended ({self.last_error})")

    def _change_version(self) -> None:
        """Put a client of the other version in the place of this one."""
        old, self._network = self._client, None
        for name in ("on_connect", "on_disconnect", "on_connect_fail", "on_pre_connect"):
            setattr(old, name, None)
        old.disconnect()
        threading.Thread(target=old.loop_stop, name="mqtt stop", daemon=True).start()
        self._version = (
            MQTTProtocolVersion.MQTTv311
            if self._version is MQTTProtocolVersion.MQTTv5
            else MQTTProtocolVersion.MQTTv5
        )
        self._silent_ends = 0
        self._other_version = False
        LOG.info("%s: trying MQTT %s", self.broker, self.protocol)
        self._client = self._build()
        self._client.loop_start()

    @property
    def busy(self) -> bool:
        """Whether the broker has not taken everything that it was sent."""
        self._unfinished = [info for info in self._unfinished if not _finished(info)]
        return bool(self._unfinished)

    def publish(self, message: Message) -> bool:
        """Hand over a message; False if there is no connection."""
        info = self._client.publish(
            message.topic, message.payload, message.qos, retain=message.retain
        )
        if info.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            return False
        self.published += 1
        self._unfinished.append(info)
        return True

    def heard(self) -> list[Heard]:
        """Return what came from the broker since the last call."""
        heard = []
        with contextlib.suppress(IndexError):
            while True:
                heard.append(self._heard.popleft())
        return heard

    def stop(self, farewell: Sequence[Message], timeout_s: float) -> None:
        """Publish the farewell if that is possible, disconnect, end the thread; blocks.

        Returns after at most twice `timeout_s`. A broker that does not read gets a broken
        connection, and publishes the will once it reads again.
        """
        self._stopping = True
        deadline_s = time.monotonic() + timeout_s
        if self.ready:
            for message in farewell:
                self.publish(message)
            while self.busy and time.monotonic() < deadline_s:
                time.sleep(0.01)
        self._client.disconnect()
        # loop_stop() waits for ever; in a thread of its own that does not matter.
        ending = threading.Thread(target=self._client.loop_stop, name="mqtt stop", daemon=True)
        ending.start()
        ending.join(timeout_s / 2)
        if ending.is_alive():
            self._break()
            ending.join(timeout_s / 2)

    def _break(self) -> None:
        sock = self._client.socket()
        if isinstance(sock, socket.socket):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    # -- paho's thread -------------------------------------------------------------------------

    def _on_pre_connect(self, client: mqtt.Client, userdata: Any) -> None:
        del client, userdata
        self._network = threading.current_thread()

    def _on_connect(
        self,
        client: mqtt.Client,
        userdata: Any,
        flags: mqtt.ConnectFlags,
        reason_code: ReasonCode,
        properties: Properties | None,
    ) -> None:
        del userdata, flags, properties
        self._silent_ends = 0
        if self._stopping:
            client.disconnect()
        elif reason_code.value == UNKNOWN_PROTOCOL and self._may_change():
            self._other_version = True
            self._trouble("version", logging.INFO, f"does not speak MQTT {self.protocol}")
        elif reason_code.value in LOGIN_REFUSED:
            client.reconnect_delay_set(REFUSED_RETRY_S, REFUSED_RETRY_S)
            self._trouble("refused", logging.ERROR, f"refuses username or password: {reason_code}")
        elif reason_code.is_failure:
            self._trouble("refused", logging.WARNING, f"refuses the connection: {reason_code}")
        else:
            self._welcomed = True
            client.reconnect_delay_set(RETRY_FIRST_S, RETRY_LAST_S)
            client.subscribe(self._subscriptions)

    def _on_subscribe(
        self,
        client: mqtt.Client,
        userdata: Any,
        mid: int,
        reason_codes: list[ReasonCode],
        properties: Properties | None,
    ) -> None:
        del client, userdata, mid, properties
        if any(code.is_failure for code in reason_codes):
            # Still good for showing values; only a restart of Home Assistant goes unnoticed.
            LOG.warning("%s: the broker lets us read none or not all of our topics", self.broker)
        LOG.info("%s: connected, MQTT %s", self.broker, self.protocol)
        self._outage = self.last_error = ""
        self.session += 1
        self.ready = True
        self._on_news()

    def _may_change(self) -> bool:
        return self._options.protocol == "auto" and not self._welcomed

    def _on_message(self, client: mqtt.Client, userdata: Any, message: mqtt.MQTTMessage) -> None:
        del client, userdata
        if self._wanted(message.topic):
            self._heard.append(Heard(message.topic, bytes(message.payload), message.retain))
            self._on_news()

    def _on_connect_fail(self, client: mqtt.Client, userdata: Any) -> None:
        del client, userdata
        self._trouble("absent", logging.WARNING, f"cannot be reached: {sys.exception()}")

    def _on_disconnect(
        self,
        client: mqtt.Client,
        userdata: Any,
        flags: mqtt.DisconnectFlags,
        reason_code: ReasonCode,
        properties: Properties | None,
    ) -> None:
        del client, userdata, flags, properties
        self.ready = False
        self._silent_ends += 1
        if self._silent_ends >= SILENT_ENDS and self._may_change():
            self._other_version = True
        if not self._stopping:
            self._trouble("lost", logging.WARNING, f"connection lost: {reason_code}")

    def _on_log(self, client: mqtt.Client, userdata: Any, level: int, text: str) -> None:
        del client, userdata, level
        if text.startswith("Caught exception"):
            self.last_error = text
            LOG.error("%s: %s", self.broker, text)

    def _trouble(self, kind: str, level: int, text: str) -> None:
        """Log the first trouble of an outage, and a refusal whenever it first comes."""
        if self._outage and not (kind == "refused" and self._outage != "refused"):
            LOG.debug("%s: %s", self.broker, text)
            return
        self._outage, self.last_error = kind, text
        LOG.log(level, "%s: %s; trying on", self.broker, text)


def _finished(info: mqtt.MQTTMessageInfo) -> bool:
    try:
        return info.is_published()
    except (RuntimeError, ValueError):  # lost with its connection: the next one announces all
        return True
