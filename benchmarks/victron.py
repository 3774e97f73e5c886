"""Venus' D-Bus: CPU a cycle beside a service that publishes every item, and a day's traffic.

Two processes publish the same decisions of a simulated house once a second on a private daemon:
our output, and one that sends every item of the same table as a PropertiesChanged of its own with
the same library.
"""

import asyncio
import json
import resource
import subprocess
import sys
import tempfile
from itertools import cycle, islice
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

CYCLE_S = 1.0
SETTLE_CYCLES = 2
WHOLE_DAY_FROM_S = 60.0
"""A day second by second takes two minutes: only where a long run was asked for."""


def run(seconds: float) -> list[tuple[str, str, str]]:
    """Return rows of (what, measured, aim)."""
    from support.processes import dbus_daemon

    with tempfile.TemporaryDirectory() as folder, dbus_daemon(Path(folder)) as address:
        cycles = str(max(5, int(min(seconds, 60) / CYCLE_S)))
        publishers = {
            name: subprocess.Popen(
                [sys.executable, __file__, name, address, cycles], stdout=subprocess.PIPE
            )
            for name in PUBLISHERS
        }
        cpu_ms = {name: json.loads(p.communicate()[0]) for name, p in publishers.items()}
    ratio = cpu_ms["ours"] / cpu_ms["every"]
    return [
        (
            "Victron: CPU a cycle, waking up and publishing nothing",
            f"{cpu_ms['nothing']:.2f} ms",
            "",
        ),
        ("Victron: CPU a cycle, every item by PropertiesChanged", f"{cpu_ms['every']:.2f} ms", ""),
        (
            "Victron: CPU a cycle, ours",
            f"{cpu_ms['ours']:.2f} ms = {ratio:.2f} of that",
            "",
        ),
        *_traffic(seconds),
    ]


def _traffic(seconds: float) -> list[tuple[str, str, str]]:
    from support import bus_day

    whole = seconds >= WHOLE_DAY_FROM_S
    states = bus_day.day(window_s=600 if whole else 10, every_s=600)
    rows = []
    for name, told in zip(("bank of two", "pack"), bus_day.replay(states), strict=True):
        rows.append(
            (
                f"Victron: {name}, a day{'' if whole else ' (10 s of every 10 min)'}",
                (
                    f"{told.signals / told.seconds:.2f} signals/s,"
                    f" {told.items / told.seconds:.1f} items/s"
                    f" = {told.items / told.naive_items:.2f} of naive"
                ),
                "<= 1, <= 0.33",
            )
        )
    return rows


# -- the publishers ----------------------------------------------------------------------------


def _states(cycles: int) -> list:
    from support import bus_day

    return list(islice(bus_day.day(window_s=120, every_s=3600), 120))[:cycles]


async def _publish(name: str, address: str, cycles: int) -> float:
    """Publish; return the CPU time of a cycle in ms."""
    states = islice(cycle(_states(cycles)), cycles + SETTLE_CYCLES)
    publish = await PUBLISHERS[name](address)
    began_s = 0.0
    for n, state in enumerate(states):
        if n == SETTLE_CYCLES:
            began_s = _cpu_s()
        publish(state)
        await asyncio.sleep(CYCLE_S)
    return (_cpu_s() - began_s) / cycles * 1e3


async def _ours(address: str):  # noqa: ANN202
    from dataclasses import replace

    from cellwarden.clock import Clock
    from cellwarden.hooks import OutputContext
    from cellwarden.runtime.mailbox import Mailbox
    from cellwarden.runtime.monitor_gate import MonitorGate
    from cellwarden_victron.config import VictronOptions
    from cellwarden_victron.output import VictronOutput

    mailbox = Mailbox(Clock())
    output = VictronOutput(
        VictronOptions(bus=address),
        OutputContext(name="victron", bank="Battery", state_dir="/nowhere"),
    )
    task = asyncio.create_task(output.run(mailbox, MonitorGate("monitor")))

    def publish(state) -> None:  # noqa: ANN001
        assert not task.done()
        mailbox.put(replace(state, at_s=mailbox.clock.now_s()))

    return publish


async def _every(address: str):  # noqa: ANN202
    from cellwarden_victron.dbus_library import connect, load
    from cellwarden_victron.items import Items
    from cellwarden_victron.paths import Shape
    from cellwarden_victron.rows import Own
    from cellwarden_victron.tree import BUS_ITEM

    library = load()
    bus = await connect(library, address, 2.0)
    items = Items(Shape(bms=True, packs=2))

    def publish(state) -> None:  # noqa: ANN001
        for path, value in items.moving(state, Own()).items():
            wire = (
                library.Variant("ai", [])
                if value is None
                else library.Variant(items.signature_of(path, value), value)
            )
            text = library.Variant("s", items.text_of(path, value))
            bus.send(
                library.Message(
                    message_type=library.MessageType.SIGNAL,
                    path=path,
                    interface=BUS_ITEM,
                    member="PropertiesChanged",
                    signature="a{sv}",
                    body=[{"Value": wire, "Text": text}],
                )
            )

    return publish


async def _nothing(address: str):  # noqa: ANN202
    assert address
    return lambda _: None


PUBLISHERS = {"nothing": _nothing, "ours": _ours, "every": _every}


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_publish(sys.argv[1], sys.argv[2], int(sys.argv[3])))))
