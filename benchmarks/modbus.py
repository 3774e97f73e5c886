"""Modbus TCP: 60 registers again and again, beside a bare pymodbus server in the same run.

Both servers are processes of their own; one client asks each in turn, in short rounds, so that
whatever else the machine does hits both.
"""

import asyncio
import contextlib
import signal
import socket
import statistics
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

ROUND_S = 1.0
COUNT = 60
ADDRESS = 2000
HEADER_AND_BODY = 9 + 2 * COUNT


def run(seconds: float) -> list[tuple[str, str, str]]:
    """Return rows of (what, measured, aim)."""
    rates: dict[str, list[float]] = {"bare": [], "cellwarden": []}
    times_s: dict[str, list[float]] = {"bare": [], "cellwarden": []}
    with contextlib.ExitStack() as stack:
        clients = {name: stack.enter_context(_client(name)) for name in rates}
        for client in clients.values():
            _ask(client, 0.3)
        for _ in range(max(3, int(seconds / (2 * ROUND_S)))):
            for name, client in clients.items():
                taken_s = _ask(client, ROUND_S)
                rates[name].append(len(taken_s) / sum(taken_s))
                times_s[name] += taken_s
    rate = {name: statistics.median(found) for name, found in rates.items()}
    p99_ms = {name: statistics.quantiles(t, n=100)[98] * 1e3 for name, t in times_s.items()}
    return [
        (
            f"Modbus TCP, {COUNT} registers: {what}",
            f"{rate[name]:.0f}/s, p99 {p99_ms[name]:.2f} ms{more}",
            aim,
        )
        for name, what, more, aim in (
            ("bare", "bare pymodbus server", "", ""),
            (
                "cellwarden",
                "ours, deciding every second",
                f" = {rate['cellwarden'] / rate['bare']:.2f} of bare",
                ">= 0.9",
            ),
        )
    ]


def _ask(client: socket.socket, for_s: float) -> list[float]:
    """Ask one request after the other and return how long each took, in s."""
    taken_s = []
    end_s = time.perf_counter() + for_s
    number = 0
    while (began_s := time.perf_counter()) < end_s:
        number = number % 60_000 + 1
        client.sendall(struct.pack(">HHHBBHH", number, 0, 6, 1, 3, ADDRESS, COUNT))
        answer = b""
        while len(answer) < HEADER_AND_BODY:
            answer += client.recv(4096)
        taken_s.append(time.perf_counter() - began_s)
        assert answer[:2] == number.to_bytes(2, "big")
        assert answer[7] == 3
    return taken_s


@contextlib.contextmanager
def _client(name: str) -> Iterator[socket.socket]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = subprocess.Popen([sys.executable, str(Path(__file__)), name, str(port)])
    try:
        yield _connected(port)
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(10)


def _connected(port: int) -> socket.socket:
    for _ in range(200):
        with contextlib.suppress(OSError):
            client = socket.create_connection(("127.0.0.1", port), 5)
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return client
        time.sleep(0.05)
    raise RuntimeError(f"nobody listens on port {port}")


# -- the servers -----------------------------------------------------------------------------


async def _bare(port: int) -> None:
    from pymodbus.server import ModbusTcpServer
    from pymodbus.simulator import DataType, SimData, SimDevice

    device = SimDevice(1, [SimData(ADDRESS, values=[7] * 80, datatype=DataType.REGISTERS)])
    await ModbusTcpServer(device, address=("127.0.0.1", port)).serve_forever()


async def _ours(port: int) -> None:
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
    from cellwarden.clock import Clock
    from cellwarden.hooks import OutputContext
    from cellwarden.runtime.mailbox import Mailbox
    from cellwarden.runtime.monitor_gate import MonitorGate
    from cellwarden_modbus.config import ModbusOptions
    from cellwarden_modbus.output import ModbusOutput
    from support.states import bank_state

    clock = Clock()
    mailbox = Mailbox(clock)
    context = OutputContext(name="modbus", bank="Battery", state_dir="/nowhere")
    output = ModbusOutput(ModbusOptions(port=port), context)
    mailbox.put(replace(bank_state(), at_s=clock.now_s()))
    serving = asyncio.create_task(output.run(mailbox, MonitorGate("monitor")))
    while not serving.done():
        await asyncio.sleep(1.0)
        mailbox.put(replace(bank_state(), at_s=clock.now_s()))


if __name__ == "__main__":
    asyncio.run({"bare": _bare, "cellwarden": _ours}[sys.argv[1]](int(sys.argv[2])))
