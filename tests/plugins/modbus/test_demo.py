"""The whole way: simulated packs, the controller as a process, a SunSpec client."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from pymodbus.client import ModbusTcpClient
from pymodbus.exceptions import ModbusException
from sunspec2.modbus import client as sunspec_client

from support.processes import cellwarden, free_port, started, until


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    port = free_port()
    command = cellwarden(
        "demo", "--packs", "3", "--speed", "60", "--no-can", "--output", f"modbus:port={port}"
    )
    with started(command, log=tmp_path / "log"):
        yield port


def is_live(client: ModbusTcpClient) -> bool:
    """Whether the controller has decided on readings of every pack."""
    with contextlib.suppress(ModbusException):
        answer = client.read_holding_registers(2001, count=6, device_id=1)
        return not answer.isError() and (answer.registers[0], answer.registers[5]) == (1, 3)
    return False


@pytest.mark.system
def test_a_bank_of_three_packs_is_read_from_the_controller(port: int) -> None:
    with contextlib.closing(ModbusTcpClient("127.0.0.1", port=port, timeout=2)) as client:
        until(lambda: is_live(client), 30, "the bank")
    device = sunspec_client.SunSpecModbusClientDeviceTCP(
        slave_id=1, ipaddr="127.0.0.1", ipport=port, timeout=5
    )
    with contextlib.closing(device):
        device.scan()
    base, bank = device.models[802][0], device.models[803][0]
    assert [model.model_id for model in device.model_list] == [1, 802, 803, 713] + 3 * [804, 805]
    assert (bank.NStr.cvalue, len(bank.string)) == (3, 3)
    assert 40 < base.V.cvalue < 60
    assert 0 <= base.SoC.cvalue <= 100
    for module in device.models[805]:
        cells = [cell.CellV.cvalue for cell in getattr(module, "lithium-ion-module-cell")]
        assert len(cells) == 16
        assert all(2.5 < cell < 3.7 for cell in cells)
