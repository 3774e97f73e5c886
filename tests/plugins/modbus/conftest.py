"""Servers under test, a client, and a serial line."""

import contextlib
import os
import pty
import select
import threading
import tty
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pymodbus.client import ModbusTcpClient

from cellwarden.model import BankState
from cellwarden_modbus.config import ModbusOptions
from support.modbus_server import OwnGate, Serve, Served
from support.processes import free_port


@pytest.fixture
def serve(make_bank: Callable[..., BankState]) -> Iterator[Serve]:
    """Start servers with `serve(state, option=value ...)`; all are stopped at the end."""
    running: list[Served] = []

    def start(
        state: BankState | None = None, gate: OwnGate | None = None, **keys: object
    ) -> Served:
        options = ModbusOptions(**{"port": free_port(), "stop_hold_s": 0.0} | keys)  # type: ignore[arg-type]
        served = Served(options, gate or OwnGate())
        running.append(served)
        served.start(state or make_bank())
        return served

    yield start
    for served in running:
        served.stop()


@pytest.fixture
def client_of() -> Iterator[Callable[[Served], ModbusTcpClient]]:
    """Connect pymodbus' own client."""
    open_ones: list[ModbusTcpClient] = []

    def connect(served: Served) -> ModbusTcpClient:
        client = ModbusTcpClient("127.0.0.1", port=served.port, timeout=3, retries=0)
        assert client.connect()
        open_ones.append(client)
        return client

    yield connect
    for client in open_ones:
        client.close()


@pytest.fixture
def line(tmp_path: Path) -> Iterator[tuple[str, str]]:
    """Two ends of a serial line: what goes into one comes out of the other."""
    with contextlib.ExitStack() as stack:
        ends = []
        for _ in range(2):
            master, slave = pty.openpty()
            tty.setraw(slave)
            tty.setraw(master)
            os.set_blocking(master, False)
            stack.callback(os.close, master)
            stack.callback(os.close, slave)
            ends.append((master, os.ttyname(slave)))
        stop = threading.Event()

        def bridge() -> None:
            masters = [master for master, _ in ends]
            while not stop.is_set():
                for ready in select.select(masters, [], [], 0.05)[0]:
                    with contextlib.suppress(OSError):
                        data = os.read(ready, 4096)
                        os.write(masters[1 - masters.index(ready)], data)

        thread = threading.Thread(target=bridge, daemon=True)
        thread.start()
        yield ends[0][1], ends[1][1]
        stop.set()
        thread.join(5)
