"""The controller as a process with 1 and 16 packs: CPU a poll, memory, start, latency.

Real serial drivers on pseudo terminals, a real D-Bus daemon, and frames on python-can's in-process
bus: one that crosses processes (UDP multicast) adds 0.1 ms of kernel time a frame, which no CAN
adapter costs. The emulated packs and the listener live in this process, so that what is counted
is the controller alone.
"""

import asyncio
import contextlib
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from dbus_fast import Message, MessageType
from dbus_fast.aio import MessageBus

from cellwarden_hardware.simulator.bank import SimulatedBank
from cellwarden_hardware.simulator.jk_device import EmulatedJk

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from support.processes import Lines, cellwarden, dbus_daemon

SERVICE = "com.victronenergy.battery.cellwarden"
ANSWER_AFTER_S = 0.03
"""Real s that an emulated pack takes to answer, as a real one does (20..100 ms)."""


SPEED = 60.0
"""The simulated house lives faster, so that values change from poll to poll as noisy real ones."""
START_WITHIN_S = 20.0
SETTLE_S = 25.0
"""Real s until imports are done and every limit has risen: 100 A at 5 A/s."""


@dataclass(frozen=True)
class Measured:
    """What one run gave."""

    cpu_ms: float
    """A poll and pack."""
    memory_mib: float
    start_s: float
    """From the start of the process to the first value on D-Bus."""
    latencies_ms: tuple[float, ...]
    """From the last byte of the last pack's frame to the D-Bus signal, received."""


def run(seconds: float) -> list[tuple[str, str, str]]:
    """Return rows of (what, measured, aim)."""
    rows = []
    for packs in (1, 16):
        measured = asyncio.run(_measure(packs, seconds, interval_s=1.0))
        # Faster, so that a percentile means something.
        late = sorted(asyncio.run(_measure(packs, seconds, interval_s=0.2)).latencies_ms)
        p99 = late[min(len(late) - 1, int(0.99 * len(late)))]
        aim = "<= 0.3 ms" if packs == 16 else ""
        rows += [
            (f"CPU a poll and pack, {packs} pack(s)", f"{measured.cpu_ms:.3f} ms", aim),
            (f"resident memory, {packs} pack(s)", f"{measured.memory_mib:.1f} MiB", "<= 45 MiB"),
            (
                f"start to first value on D-Bus, {packs} pack(s)",
                f"{measured.start_s:.2f} s",
                "<= 1 s",
            ),
            (
                f"last byte to D-Bus signal, {packs} pack(s), {len(late)} signals",
                f"median {statistics.median(late):.2f} ms, 99th percentile {p99:.2f} ms",
                "p99 <= 3 ms" if packs == 1 else "",
            ),
        ]
    return rows


async def _measure(packs: int, seconds: float, *, interval_s: float) -> Measured:
    with tempfile.TemporaryDirectory() as name, dbus_daemon(Path(name)) as address:
        folder = Path(name)
        bank = SimulatedBank.home(packs=packs, seed=1)
        answered_s = [0.0]
        devices = [_Timed(pack, answered_s) for pack in bank.packs]
        for device in devices:
            await device.start()
        listener = await MessageBus(bus_address=address).connect()
        signals: list[tuple[float, float]] = []
        listener.add_message_handler(
            lambda message: (
                signals.append((time.monotonic(), answered_s[0]))
                if message.member == "ItemsChanged"
                else None
            )
        )
        await _call(listener, "AddMatch", "s", ["type='signal',member='ItemsChanged'"])
        config = folder / "cellwarden.toml"
        config.write_text(_configuration(folder, devices, address, interval_s))
        began_s = time.monotonic()
        with _started(cellwarden("run", "--config", str(config)), folder) as controller:
            simulation = asyncio.create_task(_advance(bank))
            async with asyncio.timeout(START_WITHIN_S):
                while not await _has_owner(listener):  # noqa: ASYNC110  # another process
                    await asyncio.sleep(0.005)
            start_s = time.monotonic() - began_s
            await asyncio.sleep(SETTLE_S)
            pid = controller.process.pid
            signals.clear()
            cpu_s, from_s = _cpu_s(pid), time.monotonic()
            await asyncio.sleep(seconds)
            used_s, passed_s = _cpu_s(pid) - cpu_s, time.monotonic() - from_s
            memory_mib = _memory_mib(pid)
            simulation.cancel()
        listener.disconnect()
        for device in devices:
            await device.stop()
        latencies = tuple(1000 * (at_s - last_s) for at_s, last_s in signals if last_s)
        return Measured(
            cpu_ms=1000 * used_s / passed_s / packs * interval_s,
            memory_mib=memory_mib,
            start_s=start_s,
            latencies_ms=latencies,
        )


class _Timed(EmulatedJk):
    """Notes when it has written an answer: shared, so that the last pack's counts."""

    def __init__(self, source: object, answered_s: list[float]) -> None:
        super().__init__(source, answer_after_s=ANSWER_AFTER_S)  # type: ignore[arg-type]  # a pack
        self._answered_s = answered_s

    def _send(self, data: bytes) -> None:
        super()._send(data)
        self._answered_s[0] = time.monotonic()


def _configuration(folder: Path, devices: list[_Timed], address: str, interval_s: float) -> str:
    text = f"""
[controller]
name = "Bench"
poll_interval_s = {interval_s}
state_dir = "{folder / "state"}"
runtime_dir = "{folder / "run"}"
[[output]]
plugin = "victron"
bus = "{address}"
stop_hold_s = 0
[[output]]
plugin = "can_inverter"
interface = "virtual"
channel = "bench"
"""
    for count, device in enumerate(devices, 1):
        text += f"""
[[pack]]
name = "pack-{count}"
driver = "jk-rs485"
port = "{device.port}"
chemistry = "LiFePO4"
cells = 16
capacity_ah = 280
[pack.parameters]
charge_current_max_a = 100
discharge_current_max_a = 100
"""
    return text


async def _advance(bank: SimulatedBank) -> None:
    while True:
        bank.advance(0.1 * SPEED)
        await asyncio.sleep(0.1)


@contextlib.contextmanager
def _started(command: list[str], folder: Path) -> Iterator[Lines]:
    # As the service of a GX starts it.
    process = Lines(command, log=folder / "log", env={"MALLOC_ARENA_MAX": "1"})
    try:
        yield process
    finally:
        process.end()


async def _call(bus: MessageBus, member: str, signature: str, body: list[object]) -> Message:
    reply = await bus.call(
        Message(
            destination="org.freedesktop.DBus",
            path="/org/freedesktop/DBus",
            interface="org.freedesktop.DBus",
            member=member,
            signature=signature,
            body=body,
        )
    )
    assert reply is not None
    assert reply.message_type is MessageType.METHOD_RETURN
    return reply


async def _has_owner(bus: MessageBus) -> bool:
    return bool((await _call(bus, "NameHasOwner", "s", [SERVICE])).body[0])


def _cpu_s(pid: int) -> float:
    """Return the CPU time of every thread in s, to the nanosecond."""
    tasks = Path(f"/proc/{pid}/task")
    return sum(int((t / "schedstat").read_text().split()[0]) for t in tasks.iterdir()) / 1e9


def _memory_mib(pid: int) -> float:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20
