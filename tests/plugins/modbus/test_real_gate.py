"""From a Modbus client through the real gate to an emulated BMS, and the no that comes back."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from pymodbus.client import ModbusTcpClient

from cellwarden.clock import Clock
from cellwarden.hooks import DriverContext
from cellwarden.model import BankState
from cellwarden.runtime.gate import ControlGate
from cellwarden.runtime.rights import Right
from cellwarden_hardware.drivers.jk_rs485 import JkRs485
from cellwarden_hardware.kinds.jk_rs485 import JkRs485Options
from cellwarden_hardware.simulator.jk_device import EmulatedJk
from cellwarden_hardware.simulator.pack import SimulatedPack
from support.modbus_server import Serve, Served
from support.processes import until
from support.states import bank_state, pack_state
from support.written import gate_for, simulated_pack

Connect = Callable[[Served], ModbusTcpClient]
CHARGE, DISCHARGE = 2060, 2061
NEGATIVE, FAILURE = 7, 4
KEYS = {"allow_writes": ("charge_switch", "discharge_switch")}


@dataclass
class Bench:
    gate: ControlGate
    pack: SimulatedPack
    device: EmulatedJk


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Callable[[Right], Bench]]:
    """A control loop in a thread of its own, with one pack, a gate and an emulated BMS."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    done = asyncio.Event()
    running: list[object] = []

    async def live(may: Right, found: list[Bench]) -> None:
        pack = simulated_pack()
        device = EmulatedJk(pack, parameters=pack.parameters)
        await device.start()
        context = DriverContext(pack="left", clock=Clock(), timeout_s=0.5)
        driver = JkRs485(JkRs485Options(port=device.port), context)
        async with gate_for(driver, pack, tmp_path, modbus=may) as written:
            found.append(Bench(written.gate, pack, device))
            await done.wait()
        await device.stop()

    def start(may: Right) -> Bench:
        found: list[Bench] = []
        running.append(asyncio.run_coroutine_threadsafe(live(may, found), loop))
        return until(lambda: found[0] if found else None, 10, "the gate")

    yield start
    loop.call_soon_threadsafe(done.set)
    for future in running:
        future.result(10)  # type: ignore[attr-defined]
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    loop.close()


def one_pack() -> BankState:
    return bank_state(packs=(pack_state("left"),))


def write(client: ModbusTcpClient, address: int, value: int) -> int:
    """Return 0 for what was applied, 5 for what is still at work, else the exception's number."""
    answer = client.write_register(address, value, device_id=1)
    return int(answer.exception_code) if answer.isError() else 0


def test_a_written_register_switches_the_bms(
    bench: Callable[[Right], Bench], serve: Serve, client_of: Connect
) -> None:
    found = bench(Right.SWITCHES)
    client = client_of(serve(one_pack(), gate=found.gate, **KEYS))
    assert write(client, CHARGE, 0) in (0, 5)
    until(lambda: not found.pack.bms.charge_fet_on, 5, "the charge MOSFET off")
    assert found.pack.bms.discharge_fet_on


def test_without_the_right_the_gate_refuses(
    bench: Callable[[Right], Bench], serve: Serve, client_of: Connect
) -> None:
    found = bench(Right.ORDERS)
    client = client_of(serve(one_pack(), gate=found.gate, **KEYS))
    assert write(client, CHARGE, 0) == NEGATIVE
    assert found.pack.bms.charge_fet_on


def test_a_bms_that_refuses_in_silence_is_no_success(
    bench: Callable[[Right], Bench], serve: Serve, client_of: Connect
) -> None:
    found = bench(Right.SWITCHES)
    found.device.refuses.add("discharge_switch")
    client = client_of(serve(one_pack(), gate=found.gate, **KEYS))
    assert write(client, DISCHARGE, 0) in (FAILURE, 5)
    assert found.pack.bms.discharge_fet_on
