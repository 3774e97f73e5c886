"""A cold pack, its film on a switch at a broker, and the controller as a process between them."""

import asyncio
import contextlib
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Self

import pytest
from paho.mqtt import client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from cellwarden.runtime import control
from cellwarden_hardware.simulator.jk_device import EmulatedJk
from cellwarden_hardware.simulator.pack import PackDesign, SimulatedPack
from support import faulty_plugin
from support.processes import cellwarden, mosquitto, started, status, until

pytestmark = pytest.mark.system

COMMAND, STATE = "cmnd/mat/POWER", "stat/mat/POWER"


class ColdPack:
    """An emulated BMS on a terminal, and a switch at a broker that its heating film hangs on."""

    def __init__(self, broker: int) -> None:
        self.pack = SimulatedPack(
            PackDesign(
                capacity_ah=100.0,
                start_soc_percent=80.0,
                start_temperature_c=-2.0,
                heater_film_ohm=20.0,
            )
        )
        self.pack.ambient_c = 0.0
        self.speed = 1.0
        """Times faster than real, for the film and the cells."""
        self.port = ""
        self.orders: list[str] = []
        self._ready, self._over = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._live()), daemon=True)
        self._switch = mqtt.Client(CallbackAPIVersion.VERSION2, "the switch")
        self._switch.on_connect = lambda client, *_: client.subscribe(COMMAND)
        self._switch.on_message = self._obey
        self._switch.connect("127.0.0.1", broker)

    @property
    def heats(self) -> bool:
        heater = self.pack.heater
        return heater is not None and heater.closed

    def _obey(self, client: mqtt.Client, _: object, message: mqtt.MQTTMessage) -> None:
        self.orders.append(message.payload.decode())
        self.pack.switch_heater(message.payload == b"ON")
        client.publish(STATE, "ON" if self.heats else "OFF")

    async def _live(self) -> None:
        device = EmulatedJk(self.pack, parameters=self.pack.bms.parameters)
        await device.start()
        self.port = device.port
        self._ready.set()
        while not self._over.is_set():
            self.pack.step(0.05 * self.speed, 0.0)
            await asyncio.sleep(0.05)
        await device.stop()

    def __enter__(self) -> Self:
        self._switch.loop_start()
        self._thread.start()
        assert self._ready.wait(10.0)
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(10.0)
        self._switch.disconnect()
        self._switch.loop_stop()


CONFIG = """
[controller]
mode = "{mode}"
poll_interval_s = 0.5
{watchdog}
state_dir = "{folder}/state"
runtime_dir = "{folder}/run"
[[pack]]
name = "left"
driver = "jk-rs485"
port = "{port}"
chemistry = "LiFePO4"
cells = 16
capacity_ah = 100
[pack.heating]
film_ohm = 20.0
relay = "mat"
{heating}
[[relay]]
name = "mat"
kind = "mqtt"
host = "127.0.0.1"
port = {broker}
command_topic = "{command}"
state_topic = "{state}"
"""


class House:
    def __init__(self, folder: Path, cold: ColdPack, broker: int) -> None:
        self.folder = folder
        self.cold = cold
        self._broker = broker

    def command(
        self, mode: str = "control", heating: str = "", watchdog: str = "", more: str = ""
    ) -> list[str]:
        config = self.folder / "cellwarden.toml"
        config.write_text(
            CONFIG.format(
                mode=mode, folder=self.folder, port=self.cold.port, heating=heating,
                broker=self._broker, command=COMMAND, state=STATE, watchdog=watchdog,
            )
            + more
        )  # fmt: skip
        return cellwarden("run", "--config", str(config))

    def pack(self) -> dict[str, Any]:
        bank = (status(self.folder / "run") or {}).get("bank") or {}
        return next((p for p in bank.get("packs", []) if p["phase"] == "online"), {})

    def heating(self) -> dict[str, Any]:
        return self.pack().get("heating") or {}

    def ask(self, **message: object) -> dict[str, Any]:
        return dict(control.ask(self.folder / "run", message))


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with contextlib.ExitStack() as stack:
        port, _ = stack.enter_context(mosquitto(tmp_path))
        cold = stack.enter_context(ColdPack(port))
        yield House(tmp_path, cold, port)


@pytest.mark.requirement("R35")
def test_a_cold_pack_is_warmed_by_its_relay_and_then_charged(house: House) -> None:
    with started(house.command(), log=house.folder / "log"):
        until(lambda: house.heating().get("active"), 30.0, "heat")
        assert house.cold.heats
        cold = until(lambda: (p := house.pack()).get("alarms") and p, 30.0, "the protection")
        assert (cold["charge_allowed"], cold["discharge_allowed"]) == (False, True)
        assert cold["limits"]["charge_current"]["value"] == 0.0
        house.cold.speed = 240.0
        warm = until(lambda: (p := house.pack()).get("charge_allowed") and p, 60.0, "charging")
        assert min(warm["reading"]["temperatures_c"]) > 5
        until(lambda: house.heating()["active"] is False, 15.0, "the heater off")
        assert not house.cold.heats
        until(
            lambda: house.pack()["limits"]["charge_current"]["value"] > 0.0, 30.0, "a charge limit"
        )
        notes = [e for e in house.ask(do="audit")["entries"] if e["kind"] == "heating switch"]
        assert [(note["who"], note["asked"]) for note in reversed(notes)] == [
            ("engine", "True"), ("engine", "False"),
        ]  # fmt: skip
        assert "relay mat told on: to 5 °C, charging is off until then" in notes[-1]["reason"]
    assert house.cold.orders[0] == "OFF"  # before anything else
    assert house.cold.orders[-1] == "OFF"
    assert house.cold.pack.heater_w == 0.0


@pytest.mark.requirement("R36a")
def test_a_controller_that_is_killed_leaves_no_heater_on_and_the_next_begins_with_off(
    house: House,
) -> None:
    with started(house.command()) as process:
        until(lambda: house.heating().get("active"), 30.0, "heat")
        process.end(signal.SIGKILL)
        until(lambda: not house.cold.heats, 15.0, "the broker's order")
    house.cold.pack.switch_heater(True)  # somebody's hand
    before = len(house.cold.orders)
    with started(house.command(heating="only_expected = true")):
        until(lambda: not house.cold.heats, 30.0, "off")
        assert house.cold.orders[before:] == ["OFF"]
        until(lambda: house.heating().get("why") == "no charge is expected", 15.0, "the reason")
        order = {"do": "ask", "kind": "expected charge", "value": 0.0}
        assert house.ask(**order)["verdict"] == "applied"
        until(lambda: house.cold.heats, 15.0, "heat ahead of the charge")


def test_a_controller_that_hangs_opens_its_relay_before_its_watchdog_ends_it(house: House) -> None:
    hang, site = house.folder / "hang", faulty_plugin.install(house.folder / "site")
    more = '[[output]]\nplugin = "faulty-control"\nname = "broken"\nfault = "hangs"\n'
    command = house.command(more=more, watchdog="watchdog_s = 10")
    with started(command, env={**site, "FAULTY_HANG": str(hang)}) as process:
        until(lambda: house.heating().get("active"), 30.0, "heat")
        hang.touch()
        until(lambda: not house.cold.heats, 15.0, "the relay off")
        assert process.process.poll() is None
        assert process.process.wait(15) == 70


def test_in_mode_monitor_the_switch_is_left_alone_and_the_state_says_what_would_be(
    house: House,
) -> None:
    with started(house.command(mode="monitor")):
        heating = until(lambda: (h := house.heating()).get("wanted") and h, 30.0, "a wish")
        assert (heating["active"], heating["why"]) == (
            False, "to 5 °C, charging is off until then",
        )  # fmt: skip
    assert house.cold.orders == []
