"""Frames for inverters: how even they go out beside a busy output, and what one costs.

The bus is python-can's UDP multicast; the kernel stamps each frame as it arrives, so that the
listener's own delays do not count. Several buses at once, with a thread that burns a core beside
them, as a telemetry output that went wild would.
"""

import asyncio
import contextlib
import itertools
import random
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import cast

import can

from cellwarden.clock import Clock
from cellwarden.interfaces import Gate
from cellwarden.links.can import CanLink
from cellwarden.model import BankState
from cellwarden.runtime.mailbox import Mailbox
from cellwarden.runtime.process import SWITCH_INTERVAL_S
from cellwarden_can_inverter.config import CanInverterOptions
from cellwarden_can_inverter.dialects import PYLONTECH_LV
from cellwarden_can_inverter.output import CanInverterOutput
from cellwarden_can_inverter.transmission import Transmission
from cellwarden_can_inverter.view import Manners

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from support.states import bank_state

BUSES = 1
GATE = cast("Gate", None)  # this output asks for nothing
PERIOD_S = 1.0
LIMITS = 0x351
"""The first frame of a set."""
SET = 6
ROUNDS = 500
DRAIN_EVERY = 20
"""Sets after which the listener is emptied: the kernel keeps about 270 frames for it."""
SLEEPER = """
import sys, time
began_s = time.monotonic()
for n in range(1, int(sys.argv[1]) + 1):
    time.sleep(max(0.0, began_s + n - time.monotonic()))
    print(time.monotonic())
"""


def run(seconds: float) -> list[tuple[str, str, str]]:
    """Return rows of (what, measured, aim)."""
    rows = []
    for busy in (False, True):
        with _sleeper(seconds) as sleeper:
            late_ms = asyncio.run(_lateness_ms(seconds, busy=busy))
        idle_ms = _off_grid_ms([float(line) for line in sleeper])
        beside = "a core burning" if busy else "quiet"
        rows.append(
            (
                f"CAN sets off their schedule, {beside}, {len(late_ms)} sets",
                _spread(late_ms),
                "p99 <= 2 ms" if busy else "",
            )
        )
        rows.append(("  a process that only sleeps, meanwhile", _spread(idle_ms), ""))
    bare_s, ours_s = _frame_costs_s()
    cost = f"{1e6 * ours_s:.1f} us, a bare bus.send {1e6 * bare_s:.1f} us"
    rows.append(("CPU a CAN frame, decision to bus", f"{cost}: {ours_s / bare_s:.2f} times", ""))
    return rows


def _spread(late_ms: list[float]) -> str:
    ordered = sorted(late_ms)
    p99 = ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))]
    return f"median {statistics.median(ordered):.2f} ms, 99th percentile {p99:.2f} ms"


@contextlib.contextmanager
def _sleeper(seconds: float) -> Iterator[list[str]]:
    """Run a process that wakes on the same grid; gives the times: the machine's own unrest."""
    lines: list[str] = []
    command = [sys.executable, "-c", SLEEPER, str(round(seconds))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        yield lines
        lines += process.communicate()[0].split()


def _channel() -> tuple[str, int]:
    group = f"239.194.{random.randrange(256)}.{random.randrange(1, 255)}"
    return group, random.randrange(20_000, 32_000)


@contextlib.contextmanager
def _burning(*, on: bool) -> Iterator[None]:
    """Keep a thread busy with Python for the length of a block."""
    ended = threading.Event()

    def burn() -> None:
        while not ended.is_set():
            sum(range(10_000))

    thread = threading.Thread(target=burn, daemon=True)
    before_s = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_INTERVAL_S)  # as the controller's process does
    try:
        if on:
            thread.start()
        yield
    finally:
        ended.set()
        if on:
            thread.join()
        sys.setswitchinterval(before_s)


async def _lateness_ms(seconds: float, *, busy: bool) -> list[float]:
    """Return how far each set was from the even grid of its bus."""
    clock = Clock()
    channels = [_channel() for _ in range(BUSES)]
    ears = [
        can.Bus(group, "udp_multicast", ignore_config=True, port=port) for group, port in channels
    ]
    heard_s: list[list[float]] = [[] for _ in ears]
    feeds = [Mailbox(clock) for _ in channels]
    tasks = []
    for feed, (group, port) in zip(feeds, channels, strict=True):
        options = CanInverterOptions(
            interface="udp_multicast", channel=group, bus_options=(f"port={port}",)
        )
        tasks.append(asyncio.create_task(CanInverterOutput(options).run(feed, GATE)))
        await asyncio.sleep(0.13)  # buses do not start together either
    with _burning(on=busy):
        for n in range(round(seconds)):
            for feed in feeds:
                feed.put(_decision(n, clock.now_s()))
            if n % DRAIN_EVERY == 0:
                for heard, ear in zip(heard_s, ears, strict=True):
                    heard.extend(_starts_s(ear))
            await asyncio.sleep(1.0)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    late = []
    for starts_s, ear in zip(heard_s, ears, strict=True):
        late += _off_grid_ms(starts_s + _starts_s(ear))
        ear.shutdown()
    return late


def _decision(n: int, now_s: float) -> BankState:
    return replace(
        bank_state(), at_s=now_s, current_a=10.0 + n % 7, voltage_v=52.8 + 0.01 * (n % 9)
    )


def _starts_s(ear: can.BusABC) -> list[float]:
    messages = iter(lambda: ear.recv(0.0), None)
    return [m.timestamp for m in messages if m.arbitration_id == LIMITS]


def _off_grid_ms(starts_s: list[float]) -> list[float]:
    """Return each start's distance from the even grid.

    The first comes with the decision that starts it all, the last is the goodbye: neither counts.
    """
    offsets = [at_s - PERIOD_S * n for n, at_s in enumerate(starts_s[1:-1])]
    middle = statistics.median(offsets)
    return [1000 * abs(offset - middle) for offset in offsets]


def _frame_costs_s() -> tuple[float, float]:
    """Return the time of a bare `bus.send` and of one of our frames, decision to bus, in s."""
    group, port = _channel()
    with can.Bus(group, "udp_multicast", ignore_config=True, port=port) as bus:
        message = can.Message(arbitration_id=LIMITS, is_extended_id=False, data=bytes(8))

        def bare() -> None:
            for _ in range(SET):
                bus.send(message)

        def drain() -> None:
            while bus.recv(0.0) is not None:
                pass

        bare_s = _set_cost_s(bare, drain) / SET
    return bare_s, asyncio.run(_our_frame_s(*_channel()))


async def _our_frame_s(group: str, port: int) -> float:
    link = CanLink(interface="udp_multicast", channel=group, options={"port": port})
    await link.open(lambda _frame: None, eager=False)
    transmission = Transmission(PYLONTECH_LV, Manners(), period_s=PERIOD_S, spacing_s=0.001)
    decisions = itertools.cycle([_decision(n, 0.0) for n in range(9)])
    seconds = itertools.count()

    def one_set() -> None:
        decision, now_s = next(decisions), float(next(seconds))
        for n in range(SET):
            frame = transmission.poll(decision, 0.0, now_s + 0.002 * n)
            assert frame is not None
            link.send(frame)

    try:
        return _set_cost_s(one_set, link.read) / SET
    finally:
        await link.close()


def _set_cost_s(send: Callable[[], None], drain: Callable[[], None]) -> float:
    """Return the median CPU time of a set in s; between sets the kernel catches up."""
    costs = []
    for _ in range(ROUNDS):
        began_s = time.thread_time()
        send()
        costs.append(time.thread_time() - began_s)
        drain()
        time.sleep(0.001)
    return statistics.median(costs)
