"""A real broker, an independent listener, and the output in a thread as the controller runs it."""

import asyncio
import contextlib
import signal
import socket
import subprocess
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from cellwarden.clock import Clock
from cellwarden.hooks import OutputContext
from cellwarden.model import BankPhase, BankState
from cellwarden.runtime.mailbox import Mailbox
from cellwarden_homeassistant.config import HomeAssistantOptions
from support.gates import FakeGate
from support.processes import Lines, at_broker, free_port, until
from support.states import bank_state
from support.tools import require_tool


class Broker:
    """Mosquitto on loopback, which may be stopped, paused and started again on its port."""

    def __init__(self, folder: Path, *extra: str) -> None:
        self.port = free_port()
        self._tool = require_tool("mosquitto", "mosquitto")
        self._log = folder / "mosquitto.log"
        self._config = folder / "mosquitto.conf"
        lines = (f"listener {self.port} 127.0.0.1", "user root", "log_type all", *extra)
        self._config.write_text("\n".join(lines) + "\n")
        self._process: Lines | None = None

    def start(self) -> None:
        self._process = Lines([self._tool, "-c", self._config], log=self._log)
        until(lambda: "running" in self.log(), 10, "the broker")

    def stop(self) -> None:
        """End it; nothing it kept is kept."""
        if self._process is not None:
            self.resume()
            self._process.end()
            self._process = None

    def pause(self) -> None:
        """From now on it neither reads nor answers, but every connection stays open."""
        assert self._process is not None
        self._process.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        assert self._process is not None
        self._process.process.send_signal(signal.SIGCONT)

    def log(self) -> str:
        return self._log.read_text()

    def publish(self, topic: str, payload: str, *more: str) -> None:
        tool = require_tool("mosquitto_pub", "mosquitto-clients")
        command = [tool, *at_broker(self.port), "-t", topic, "-m", payload, "-q", "1", *more]
        subprocess.run(command, check=True, timeout=10)

    def wipe(self, topic: str) -> None:
        """Delete what is kept on a topic."""
        tool = require_tool("mosquitto_pub", "mosquitto-clients")
        command = [tool, *at_broker(self.port), "-t", topic, "-n", "-r", "-q", "1"]
        subprocess.run(command, check=True, timeout=10)


@dataclass(frozen=True)
class Seen:
    at_s: float
    topic: str
    payload: bytes
    retained: bool
    qos: int


class Listener:
    """An independent client that subscribes to everything."""

    def __init__(self, broker: Broker) -> None:
        tool = require_tool("mosquitto_sub", "mosquitto-clients")
        command = [tool, *at_broker(broker.port), "-t", "#", "-q", "1", "-F", "%r %q %t %p"]
        already = broker.log().count("SUBACK")
        self._lines = Lines(command)
        until(lambda: broker.log().count("SUBACK") > already, 10, "the listener's subscription")

    def close(self) -> None:
        self._lines.end()

    def seen(self, topic: str | None = None, since_s: float = 0.0) -> list[Seen]:
        messages = []
        for at_s, line in list(self._lines.lines):
            flag, qos, where, payload = line.split(" ", 3)
            if at_s >= since_s and topic in (None, where):
                messages.append(Seen(at_s, where, payload.encode(), flag == "1", int(qos)))
        return messages

    def topics(self, since_s: float = 0.0) -> set[str]:
        return {message.topic for message in self.seen(since_s=since_s)}

    def wait(
        self,
        topic: str,
        payload: bytes | None = None,
        *,
        since_s: float = 0.0,
        timeout_s: float = 8,
    ) -> Seen:
        def found() -> Seen | None:
            hits = self.seen(topic, since_s)
            return next((m for m in hits if payload in (None, m.payload)), None)

        return until(found, timeout_s, f"{topic} {payload!r}; seen: {sorted(self.topics())}")


@contextlib.contextmanager
def listening(broker: Broker):
    listener = Listener(broker)
    try:
        yield listener
    finally:
        listener.close()


class Running:
    """The output at work in a thread with its own loop, fed five times a second."""

    def __init__(self, output, state: BankState, gate: FakeGate, feed_every_s: float = 0.2) -> None:
        self.output = output
        self.gate = gate
        self.state = state
        """What the controller decides; replace it at any time, None to make it hang."""
        self.error: Exception | None = None
        self._mailbox = Mailbox(Clock())
        self._every_s = feed_every_s
        self._stopping = threading.Event()
        self._put()
        self._feeder = threading.Thread(target=self._feed, daemon=True)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._feeder.start()
        self._thread.start()

    def _put(self) -> None:
        state = self.state
        if state is not None:
            self._mailbox.put(replace(state, at_s=self._mailbox.clock.now_s()))

    def _feed(self) -> None:
        while not self._stopping.wait(self._every_s):
            self._put()

    def _run(self) -> None:
        try:
            asyncio.run(self.output.run(self._mailbox, self.gate))
        except Exception as error:  # noqa: BLE001  # the test looks at it
            self.error = error

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    def stop(self) -> float:
        """Say that the controller stops; return how many s the output took to end."""
        self._stopping.set()
        self._feeder.join(5)
        began_s = time.monotonic()
        last = self.state or bank_state()
        self._mailbox.put(replace(last, phase=BankPhase.STOPPING))
        self._thread.join(20)
        assert not self._thread.is_alive(), "run() did not end"
        assert self.error is None
        return time.monotonic() - began_s


def options(broker: Broker, **changes) -> HomeAssistantOptions:
    return HomeAssistantOptions(
        **{"host": "127.0.0.1", "port": broker.port, "publish_interval_s": 1.0, **changes}
    )


def context(folder: Path) -> OutputContext:
    return OutputContext(name="homeassistant", bank="Battery", state_dir=str(folder))


class Peer:
    """A broker that no configuration gives: it welcomes as told and never reads again.

    It speaks MQTT 3.1.1. To a client of version 5 it says that it does not know that, or with
    `hangs_up` nothing at all.
    """

    def __init__(self, welcome: int = 0, granted: int = 0, *, hangs_up: bool = False) -> None:
        self._answers = (welcome, granted)
        self._hangs_up = hangs_up
        self.versions: list[int] = []
        """Of every client that came."""
        self._server = socket.socket()
        self._server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        self._server.bind(("127.0.0.1", 0))
        self._server.listen()
        self.port = self._server.getsockname()[1]
        self._sockets = [self._server]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        welcome, granted = self._answers
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._server.accept()
                self._sockets.append(client)
                connect = client.recv(1000)
                self.versions.append(connect[connect.index(b"MQTT") + 4])
                if self.versions[-1] == 5:
                    if not self._hangs_up:
                        client.sendall(bytes((0x20, 2, 0, 1)))
                    client.close()
                    continue
                client.sendall(bytes((0x20, 2, 0, welcome)))
                if welcome == 0:
                    subscribe = client.recv(1000)
                    client.sendall(bytes((0x90, 8, *subscribe[2:4], *(granted,) * 6)))

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._thread.join(5)
        for sock in self._sockets:
            sock.close()


@pytest.fixture
def make_peer():
    made = []

    def make(**changes):
        made.append(Peer(**changes))
        return made[-1]

    yield make
    for peer in made:
        peer.close()


@pytest.fixture
def broker(tmp_path):
    broker = Broker(tmp_path, "allow_anonymous true")
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def make_broker(tmp_path):
    """A broker that was not started, with further lines of configuration."""
    made = []

    def make(*extra: str) -> Broker:
        made.append(Broker(tmp_path, *extra))
        return made[-1]

    yield make
    for broker in made:
        broker.stop()


@pytest.fixture
def listen():
    """A listener at a broker, closed after the test."""
    with contextlib.ExitStack() as stack:
        yield lambda broker: stack.enter_context(listening(broker))


@pytest.fixture
def run_output(tmp_path):
    """Run the output against a broker: (broker, state, gate, **options)."""
    from cellwarden_homeassistant.output import HomeAssistantOutput

    started: list[Running] = []

    def start(
        broker: Broker, state: BankState | None = None, gate: FakeGate | None = None, **changes
    ) -> Running:
        output = HomeAssistantOutput(options(broker, **changes), context(tmp_path))
        started.append(Running(output, state or bank_state(), gate or FakeGate()))
        return started[-1]

    yield start
    for running in started:
        if running.alive or running.error:
            running.stop()
