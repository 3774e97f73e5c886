"""A private D-Bus daemon, an independent client, and the output between them."""

import asyncio
import json
import os
import signal
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from cellwarden.clock import Clock
from cellwarden.hooks import OutputContext
from cellwarden.model import BankState, RequestKind
from cellwarden.runtime.mailbox import Mailbox
from cellwarden_victron.config import VictronOptions
from support.gates import FakeGate
from support.processes import Lines, started
from support.states import bank_state
from support.tools import missing, require_tool

NAME = "com.victronenergy.battery.test"
CLIENT = Path(__file__).with_name("client.py")
SETTINGS = Path(__file__).with_name("settings_service.py")
SYSTEM_PYTHON = "/usr/bin/python3"

CONFIG = """<busconfig>
  <type>session</type>
  <listen>{address}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/>
  </policy>
  <limit name="max_replies_per_connection">50000</limit>
</busconfig>
"""


class PrivateBus:
    """A dbus-daemon of our own, always at the same address, so that it can be restarted."""

    def __init__(self, folder: Path) -> None:
        self._program = require_tool("dbus-daemon", "dbus-daemon")
        self._config = folder / "bus.conf"
        self._socket = folder / "bus"
        self.address = f"unix:path={self._socket}"
        self._config.write_text(CONFIG.format(address=self.address))
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._socket.unlink(missing_ok=True)
        command = [self._program, f"--config-file={self._config}", "--nofork", "--print-address"]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE)
        assert self._process.stdout is not None
        assert self._process.stdout.readline().startswith(b"unix:")

    def stop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()

    def freeze(self) -> None:
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        assert self._process is not None
        os.kill(self._process.pid, number)


class Client:
    """The other end of `client.py`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.signals: list[tuple[str, dict[str, dict[str, list[Any]]]]] = []
        self.owners: list[str] = []

    async def ask(self, do: str, **arguments: Any) -> Any:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": do, **arguments}).encode() + b"\n")
        return await self.read()

    def freeze(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    async def read(self) -> Any:
        assert self._process.stdout is not None
        async with asyncio.timeout(20):
            line = await self._process.stdout.readline()
        return json.loads(line)

    async def get(self, path: str, member: str = "GetValue", **more: Any) -> Any:
        """Return [type, value], or the name of the error."""
        reply = await self.ask("call", path=path, member=member, **more)
        return reply["error"] if "error" in reply else reply["value"]

    async def listen(self) -> None:
        taken = await self.ask("take")
        self.signals += [(path, items) for path, items in taken["signals"]]
        self.owners += taken["owners"]

    def changed(self) -> list[dict[str, Any]]:
        """Return the values of each signal heard so far, without those that only time changes."""
        signals = [{p: i["Value"][1] for p, i in items.items()} for _, items in self.signals]
        return [{p: v for p, v in values.items() if p != "/CurrentAvg"} for values in signals]


@asynccontextmanager
async def connected_client(address: str) -> AsyncIterator[Client]:
    process = await asyncio.create_subprocess_exec(
        SYSTEM_PYTHON, str(CLIENT), address, NAME,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, limit=1 << 22,
    )  # fmt: skip
    client = Client(process)
    try:
        assert await client.read() == "ready"
        yield client
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


class World:
    """The output under test with its mailbox, and the client that watches it."""

    def __init__(self, bus: PrivateBus, client: Client, output: Any, clock: Clock) -> None:
        self.bus = bus
        self.client = client
        self.output = output
        self.clock = clock
        self.feed = Mailbox(clock)
        self.gate = FakeGate(*RequestKind)
        self.decided: dict[str, Any] = {}
        self.task = asyncio.create_task(output.run(self.feed, self.gate))

    def put(self, **changes: Any) -> BankState:
        """Decide: the healthy bank of the tests with these changes, now."""
        self.decided = changes
        state = bank_state(at_s=self.clock.now_s(), **changes)
        self.feed.put(state)
        return state

    def another_client(self) -> AbstractAsyncContextManager[Client]:
        return connected_client(self.bus.address)

    @asynccontextmanager
    async def with_a_new_client(self) -> AsyncIterator[Client]:
        """The first one lost its connection when the bus was stopped."""
        async with connected_client(self.bus.address) as self.client:
            yield self.client

    async def until(self, condition: Callable[[], Awaitable[object]], within_s: float = 8) -> None:
        async with asyncio.timeout(within_s):
            while not await condition():  # noqa: ASYNC110  # what it asks is in another process
                await asyncio.sleep(0.01)

    async def appears(self) -> None:
        await self.until(lambda: self.client.ask("owned"))

    async def vanishes(self) -> None:
        async def gone() -> bool:
            return not await self.client.ask("owned")

        await self.until(gone)

    async def shows(self, path: str, value: object, name: str | None = None) -> None:
        """Wait until a read says so."""

        async def shown() -> bool:
            return await self.client.get(path, name=name) == value

        await self.until(shown)

    async def hears(self, path: str, value: object, *, deciding: bool = False) -> None:
        """Wait until a signal says so; `deciding` the same again and again meanwhile."""

        async def heard() -> bool:
            if deciding:
                self.put(**self.decided)
            await self.client.listen()
            return any(values.get(path) == value for values in self.client.changed())

        await self.until(heard)


Scenario = Callable[[World], Awaitable[None]]


@pytest.fixture
def bus(tmp_path: Path) -> Iterator[PrivateBus]:
    daemon = PrivateBus(tmp_path)
    daemon.start()
    yield daemon
    daemon.stop()


@pytest.fixture(params=["dbus_fast", "dbus_next"])
def library(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    pytest.importorskip(request.param)
    monkeypatch.setenv("CELLWARDEN_DBUS_LIBRARY", request.param)
    return str(request.param)


@pytest.fixture(scope="session")
def python_dbus() -> None:
    command = [SYSTEM_PYTHON, "-c", "import dbus, gi"]
    if not Path(SYSTEM_PYTHON).exists() or subprocess.call(command, stderr=subprocess.DEVNULL):
        missing("python3-dbus (Debian packages python3-dbus and python3-gi)")


class Gx:
    """Other services of a GX: `gx_services.py`."""

    def __init__(self, lines: Lines) -> None:
        self.lines = lines

    def say(self, name: str, **told: Any) -> None:
        self.lines.say(json.dumps({"name": name, **told}))


@pytest.fixture
def start_gx(bus: PrivateBus, python_dbus: None) -> Iterator[Callable[[dict[str, Any]], Gx]]:
    """Put services on the bus: {bus name: {path: value}}."""
    program = Path(__file__).with_name("gx_services.py")
    with ExitStack() as stack:

        def start(house: dict[str, Any]) -> Gx:
            command = [SYSTEM_PYTHON, program, bus.address, json.dumps(house)]
            lines = stack.enter_context(started(command))
            assert lines.next_line() == "ready"
            return Gx(lines)

        yield start


@pytest.fixture
def play(bus: PrivateBus, library: str, python_dbus: None, tmp_path: Path) -> Callable[..., None]:
    """Run a scenario with the output on the private bus; `speed` is that of the clock."""
    from cellwarden_victron.output import VictronOutput

    async def run(scenario: Scenario, speed: float, options: dict[str, Any]) -> None:
        context = OutputContext(name="victron", bank="Shed", state_dir=str(tmp_path))
        defaults = {"bus": bus.address, "service": "test", "stop_hold_s": 0.0}
        output = VictronOutput(VictronOptions(**defaults | options), context)
        async with connected_client(bus.address) as client:
            world = World(bus, client, output, Clock(speed))
            try:
                await scenario(world)
            finally:
                world.task.cancel()
                with suppress(asyncio.CancelledError):
                    await world.task

    def start(scenario: Scenario, *, speed: float = 1.0, **options: Any) -> None:
        asyncio.run(run(scenario, speed, options))

    return start


class VenusSettings:
    """`com.victronenergy.settings`, started and ended by a test."""

    def __init__(self, bus: PrivateBus, store: Path) -> None:
        self._command = [SYSTEM_PYTHON, SETTINGS, bus.address, store]
        self.store = store
        self._process: Lines | None = None

    def start(self) -> None:
        self._process = Lines(self._command)
        assert self._process.next_line() == "ready"

    def stop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.end()

    def freeze(self) -> None:
        assert self._process is not None
        self._process.process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.process.send_signal(signal.SIGCONT)

    def say(self, do: str, path: str, value: str) -> None:
        """`set` tells of it by PropertiesChanged, `batch` by ItemsChanged."""
        assert self._process is not None
        self._process.say(f"{do} {path} {value}")

    def stored(self) -> dict[str, str]:
        return dict(json.loads(self.store.read_text()))


@pytest.fixture
def venus_settings(bus: PrivateBus, python_dbus: None, tmp_path: Path) -> Iterator[VenusSettings]:
    settings = VenusSettings(bus, tmp_path / "settings.json")
    yield settings
    settings.stop()
