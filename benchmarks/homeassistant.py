"""Home Assistant: what a pack costs a cycle, beside paho that publishes one JSON of the same size.

Both talk to one Mosquitto on loopback. CPU is the whole process's, paho's network thread included.
In every cycle voltage, current, power, SoC, every cell and a limit with its reason move and a state
is published; cells and slow values follow at their own pace, as in a house.
"""

import contextlib
import itertools
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from cellwarden.model import BankState, CellExtreme, Limit, PackState, Reason
from cellwarden.runtime.monitor_gate import MonitorGate
from cellwarden_homeassistant.config import HomeAssistantOptions
from cellwarden_homeassistant.entity import Pace
from cellwarden_homeassistant.link import MqttLink
from cellwarden_homeassistant.message import Message
from cellwarden_homeassistant.meter import BankMeter
from cellwarden_homeassistant.naming import Names
from cellwarden_homeassistant.publisher import Publisher

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from support.processes import mosquitto, until
from support.states import told_bank, told_pack

PACKS = 16
CYCLES = 40
ROUNDS = 7
NAMES = Names("Battery", "battery", "cellwarden", "homeassistant")
PACING = {Pace.CYCLE: 1.0, Pace.CELLS: 10.0, Pace.SLOW: 60.0}


_NUMBERS = itertools.count(1)
"""Of cycles, one a second; time never goes back."""


def run(seconds: float) -> list[tuple[str, str, str]]:
    """Return rows of (what, measured, aim)."""
    del seconds
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        port, _ = stack.enter_context(mosquitto(Path(folder)))
        link = stack.enter_context(_link(port))
        ours, payload = _ours(link)
        bare = _bare(link, payload)
        mine_s, theirs_s = [], []
        for _ in range(ROUNDS):  # in turn, so that whatever else goes on hits both
            mine_s.append(_cpu_s(link, ours))
            theirs_s.append(_cpu_s(link, bare))
    ratios = [mine / theirs for mine, theirs in zip(mine_s, theirs_s, strict=True)]
    ratio = statistics.median(ratios)
    mine, theirs = statistics.median(mine_s), statistics.median(theirs_s)
    return [
        (
            f"MQTT, CPU a pack and cycle, {PACKS} packs, {len(payload)} bytes each",
            f"{1e6 * mine:.0f} us, bare paho {1e6 * theirs:.0f} us: {ratio:.2f} times",
            "<= 1.5",
        )
    ]


def _ours(link: MqttLink) -> tuple[Callable[[int], None], bytes]:
    """Return what publishes one cycle of all packs, and one pack's state."""
    publisher = Publisher(
        NAMES, PACING, MonitorGate("monitor"), who="homeassistant", meter=BankMeter()
    )
    packs = tuple(told_pack(f"pack {n}") for n in range(PACKS))
    banks = [_moved(packs, number) for number in range(CYCLES + 1)]  # decisions are others' work
    states: list[bytes] = []

    def cycle(number: int) -> None:
        for message in publisher.due(banks[number % len(banks)], float(number)):
            assert link.publish(message)
            publisher.sent(message, float(number))
            if number == 0 and message.topic.endswith("/state"):
                states.append(message.payload)

    cycle(0)
    return cycle, states[-1]


def _moved(packs: tuple[PackState, ...], number: int) -> BankState:
    moved = []
    for pack in packs:
        assert pack.reading is not None
        reading = replace(
            pack.reading,
            voltage_v=52.0 + 0.01 * (number % 90),
            current_a=6.0 + 0.01 * (number % 70),
            cell_voltages_v=tuple(3.3 + 0.001 * ((number + n) % 20) for n in range(16)),
        )
        limit = Limit(
            value=50.0 - number % 40,
            reasons=(Reason(rule="cell voltage taper", value=50.0, measured=3.4 + number / 1e3),),
        )
        moved.append(
            replace(
                pack,
                reading=reading,
                power_w=300.0 + number % 100,
                soc_percent=60.0 + 0.1 * (number % 90),
                remaining_ah=60.0 + 0.1 * (number % 90),
                cell_max=CellExtreme(pack=pack.pack, cell=1 + number % 16, voltage_v=3.4),
                limits=replace(pack.limits, charge_current=limit),
            )
        )
    return told_bank(packs=tuple(moved), power_w=5000.0 + number % 100)


def _bare(link: MqttLink, payload: bytes) -> Callable[[int], None]:
    """Return what has paho publish the very same JSON, from a dictionary that is ready."""
    client, document = link._client, json.loads(payload)

    def cycle(number: int) -> None:
        for pack in range(PACKS):
            document["voltage"] = 52.0 + 0.01 * (number % 90)
            text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
            client.publish(f"bare/packs/{pack}/state", text.encode(), 0, retain=True)

    return cycle


def _cpu_s(link: MqttLink, cycle: Callable[[int], None]) -> float:
    """Return the CPU that one pack costs in one cycle, in s."""
    _settle(link)
    began_s = time.process_time()
    for _ in range(CYCLES):
        cycle(next(_NUMBERS))
        _settle(link)
    return (time.process_time() - began_s) / CYCLES / PACKS


def _settle(link: MqttLink) -> None:
    """Wait until paho has handed everything over, without burning CPU."""
    while link.busy or link._client.want_write():
        time.sleep(0.002)


@contextlib.contextmanager
def _link(port: int) -> Iterator[MqttLink]:
    link = MqttLink(
        HomeAssistantOptions(host="127.0.0.1", port=port),
        client_id="benchmark",
        username=None,
        password=None,
        will=Message(NAMES.bridge_status, b"offline", 1),
        subscriptions=(NAMES.bridge_status,),
        wanted=bool,
        on_news=lambda: None,
    )
    link.start()
    until(lambda: link.ready, 10.0, "the broker")
    try:
        yield link
    finally:
        link.stop([Message(NAMES.bridge_status, b"offline", 1)], 2.0)


if __name__ == "__main__":
    for row in run(0.0):
        print(row)
