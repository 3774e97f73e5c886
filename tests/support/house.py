"""A whole house: emulated packs, the controller, a D-Bus, a broker and an inverter's CAN bus."""

import contextlib
import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support import jk_frames
from support.multicast import free_channel
from support.processes import (
    Lines,
    at_broker,
    cellwarden,
    dbus_daemon,
    mosquitto,
    started,
    status,
    until,
)
from support.tools import missing, require_tool

SYSTEM_PYTHON = Path("/usr/bin/python3")
DBUS_CLIENT = Path(__file__).parents[1] / "plugins" / "victron" / "client.py"
SERVICE = "com.victronenergy.battery.cellwarden"

CAPTURED = jk_frames.frame("jk_4e57", "16s-b2a20s20p").hex()
"""JK_B2A20S20P: 16 cells, 52.28 V, 0 A, 60 %, 21 and 22 °C, 110 Ah."""

CHARGE_A, DISCHARGE_A = 20, 30
"""Highest currents of one pack; small, for limits rise by 5 A/s and tests wait for them."""

CAN_LISTENER = """
import can, json, sys, time
bus = can.Bus(sys.argv[1], "udp_multicast", port=int(sys.argv[2]), ignore_config=True)
print("ready", flush=True)
while True:
    message = bus.recv(1.0)
    if message is not None:
        print(json.dumps([time.monotonic(), message.arbitration_id, message.is_extended_id,
                          bytes(message.data).hex().upper()]), flush=True)
"""


@dataclass(frozen=True)
class Frame:
    at_s: float
    identifier: int
    extended: bool
    data: str


class Inverter:
    """A second process on the CAN bus."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines

    def frames(self, since_s: float = 0.0) -> list[Frame]:
        heard = [Frame(*json.loads(line)) for _, line in list(self._lines.lines) if line[0] == "["]
        return [frame for frame in heard if frame.at_s >= since_s]

    def latest(self, identifier: int, since_s: float = 0.0) -> bytes | None:
        for frame in reversed(self.frames(since_s)):
            if frame.identifier == identifier:
                return bytes.fromhex(frame.data)
        return None

    def number(self, identifier: int, at: int, *, per: int, since_s: float = 0.0) -> float | None:
        """Return a signed little-endian 16-bit number of the newest frame."""
        data = self.latest(identifier, since_s)
        if data is None:
            return None
        return int.from_bytes(data[at : at + 2], "little", signed=True) / per


class VenusClient:
    """An independent D-Bus client: libdbus, in Debian's own interpreter."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines

    def ask(self, do: str, **arguments: Any) -> Any:
        self._lines.say(json.dumps({"do": do, **arguments}))
        return json.loads(self._lines.next_line())

    def present(self) -> bool:
        return bool(self.ask("owned"))

    def items(self) -> dict[str, Any]:
        """Return every path's value; None where it is the invalid marker."""
        if not self.present():
            return {}
        reply = self.ask("call", path="/", member="GetItems")
        if "value" not in reply:
            return {}
        _, items = reply["value"]
        values = {path: item[1]["Value"] for path, item in items.items()}
        return {path: None if kind == "ai" else value for path, (kind, value) in values.items()}


class Broker:
    """What Home Assistant would see."""

    def __init__(self, lines: Lines, port: int, process: Lines) -> None:
        self._lines = lines
        self.port = port
        self.process = process

    def messages(self, since_s: float = 0.0) -> list[tuple[float, str, str]]:
        found = []
        for at_s, line in list(self._lines.lines):
            topic, _, payload = line.partition(" ")
            if at_s >= since_s:
                found.append((at_s, topic, payload))
        return found

    def discovered(self) -> dict[str, dict[str, Any]]:
        """Return the discovery payloads by the device's name."""
        payloads = [
            json.loads(payload)
            for _, topic, payload in self.messages()
            if topic.startswith("homeassistant/device/") and payload
        ]
        return {payload["dev"]["name"]: payload for payload in payloads}

    def state(self, device: str, since_s: float = 0.0) -> dict[str, Any] | None:
        """Return the newest state of a device by its name."""
        payload = self.discovered().get(device)
        if payload is None:
            return None
        topic = payload["stat_t"]
        for _, where, text in reversed(self.messages(since_s)):
            if where == topic:
                return dict(json.loads(text))
        return None

    def latest_availability(self, device: str) -> str | None:
        """Return what the last of a device's availability topics said: its own one."""
        topic = self.discovered()[device]["avty"][-1]["t"]
        for _, where, text in reversed(self.messages()):
            if where == topic:
                return text
        return None


class House:
    """Everything, started and talking."""

    def __init__(self, folder: Path, packs: Lines, ports: list[str]) -> None:
        self.folder = folder
        self.packs = packs
        self.ports = ports
        self.config = folder / "cellwarden.toml"
        self.runtime = folder / "run"
        self.log = folder / "cellwarden.log"
        self.controller: Lines | None = None
        self.inverter: Inverter
        self.venus: VenusClient
        self.broker: Broker

    def tell(self, command: str) -> None:
        """Tell the emulated packs something and wait until it is done."""
        self.packs.say(command)
        assert json.loads(self.packs.next_line()) == {"done": command}

    def status(self) -> dict[str, Any]:
        """Return what the running controller sees."""
        return until(lambda: status(self.runtime), 10, "an answer of the controller")

    def bank(self) -> dict[str, Any]:
        return dict(self.status()["bank"] or {})

    def run(self, *, environment: dict[str, str] | None = None) -> Lines:
        """Start the controller as a process."""
        command = cellwarden("run", "--config", str(self.config))
        self.controller = Lines(command, env=environment, log=self.log)
        return self.controller


def configuration(
    house: House, *, can: tuple[str, int] | None, bus: str | None, mqtt: int | None, more: str = ""
) -> str:
    """Return the configuration of a house: two packs, and whatever outputs are given."""
    text = f"""
[controller]
name = "Home"
poll_interval_s = 0.5
max_age_s = 2
gone_after_s = 6
state_dir = "{house.folder / "state"}"
runtime_dir = "{house.runtime}"
"""
    for name, port in zip(("left", "right"), house.ports, strict=True):
        text += f"""
[[pack]]
name = "{name}"
driver = "jk-rs485"
port = "{port}"
chemistry = "LiFePO4"
cells = 16
capacity_ah = 110
[pack.parameters]
charge_current_max_a = {CHARGE_A}
discharge_current_max_a = {DISCHARGE_A}
"""
    if can:
        text += f"""
[[output]]
plugin = "can_inverter"
interface = "udp_multicast"
channel = "{can[0]}"
bus_options = ["port={can[1]}"]
"""
    if bus:
        text += f"""
[[output]]
plugin = "victron"
bus = "{bus}"
"""
    if mqtt:
        text += f"""
[[output]]
plugin = "homeassistant"
host = "127.0.0.1"
port = {mqtt}
publish_interval_s = 1
"""
    return text + more


@contextlib.contextmanager
def whole_house(
    folder: Path,
    packs: tuple[Lines, list[str]],
    *,
    broker_listens: bool = True,
    more: str = "",
) -> Iterator[House]:
    """Start every peer and write the configuration; the controller is started by the test."""
    if not SYSTEM_PYTHON.exists():
        missing("python3-dbus (Debian package)")
    house = House(folder, *packs)
    group, port = free_channel()
    with contextlib.ExitStack() as stack:
        address = stack.enter_context(dbus_daemon(folder))
        mqtt_port, broker = stack.enter_context(mosquitto(folder))
        can = [sys.executable, "-c", CAN_LISTENER, group, str(port)]
        house.inverter = Inverter(stack.enter_context(started(can)))
        house.inverter._lines.next_line()
        client = stack.enter_context(started([SYSTEM_PYTHON, DBUS_CLIENT, address, SERVICE]))
        assert json.loads(client.next_line()) == "ready"
        house.venus = VenusClient(client)
        tool = require_tool("mosquitto_sub", "mosquitto-clients")
        watch = [tool, *at_broker(mqtt_port), "-t", "#", "-q", "1", "-F", "%t %p"]
        house.broker = Broker(stack.enter_context(started(watch)), mqtt_port, broker)
        house.config.write_text(
            configuration(house, can=(group, port), bus=address, mqtt=mqtt_port, more=more)
        )
        try:
            yield house
        finally:
            if house.controller is not None:
                house.controller.end()


def wait_for(get: Callable[[], object], what: str, timeout_s: float = 15.0) -> float:
    """Wait until something is true; return how long that took in s."""
    began_s = time.monotonic()
    until(lambda: get() or None, timeout_s, what)
    return time.monotonic() - began_s
