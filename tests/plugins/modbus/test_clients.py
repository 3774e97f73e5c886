"""Clients that know nothing of us: pysunspec2, mbpoll and pymodbus' own, over TCP and RTU."""

import logging
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pymodbus.client import ModbusSerialClient, ModbusTcpClient
from sunspec2.modbus import client as sunspec_client

from cellwarden.model import BankPhase, BankState, PackPhase, PackState
from support.modbus_server import Serve, Served
from support.processes import until
from support.tools import require_tool

MODELS = [1, 802, 803, 713, 804, 805, 804, 805]
Connect = Callable[[Served], ModbusTcpClient]


def read(client: Any, address: int, count: int = 1, unit: int = 1) -> list[int] | int:
    """Return the registers, or the number of the exception."""
    answer = client.read_holding_registers(address, count=count, device_id=unit)
    return int(answer.exception_code) if answer.isError() else list(answer.registers)


# -- SunSpec ---------------------------------------------------------------------------------


@pytest.fixture
def scan(line: tuple[str, str]) -> Iterator[Callable[..., Any]]:
    """Discover a device as a client that was told its address only."""
    open_ones = []

    def discover(served: Served, how: str) -> Any:
        if how == "tcp":
            device = sunspec_client.SunSpecModbusClientDeviceTCP(
                slave_id=1, ipaddr="127.0.0.1", ipport=served.port, timeout=5
            )
        else:
            device = sunspec_client.SunSpecModbusClientDeviceRTU(
                slave_id=1, name=line[1], baudrate=115_200, timeout=2
            )
        open_ones.append(device)
        device.scan()
        return device

    yield discover
    for device in open_ones:
        device.close()


@pytest.mark.parametrize("how", ["tcp", "rtu"])
def test_a_sunspec_client_finds_and_reads_every_model(
    serve: Serve, scan: Callable[..., Any], line: tuple[str, str], how: str
) -> None:
    served = serve(tcp=how == "tcp", serial_port=None if how == "tcp" else line[0],
                   baudrate=115_200)  # fmt: skip
    device = scan(served, how)
    assert device.base_addr == 40_000
    assert [model.model_id for model in device.model_list] == MODELS
    base, bank, storage = (device.models[n][0] for n in (802, 803, 713))
    assert (base.SoC.cvalue, base.V.cvalue, base.A.cvalue, base.W.cvalue) == (64, 52.92, 12, 635)
    assert (base.AChaMax.cvalue, base.ADisChaMax.cvalue, base.VMax.cvalue) == (100, 200, 55.2)
    assert (base.ChaSt.cvalue, base.Typ.cvalue, base.State.cvalue, base.Evt1.cvalue) == (4, 4, 3, 0)
    assert (bank.NStr.cvalue, [s.StrSoC.cvalue for s in bank.string]) == (2, [64, 64])
    assert (storage.WHRtg.cvalue, storage.Sta.cvalue) == (10_320, 0)
    modules = device.models[805]
    cells = [cell.CellV.cvalue for cell in getattr(modules[1], "lithium-ion-module-cell")]
    assert cells == [round(3.300 + 0.001 * n, 3) for n in range(16)]
    assert [str(m.SN.cvalue).rstrip("\0") for m in modules] == ["SNleft", "SNright"]
    assert str(device.common[0].Mn.cvalue).rstrip("\0") == "Cellwarden"


def test_a_sunspec_client_sees_that_the_data_are_lost(
    serve: Serve, scan: Callable[..., Any], make_bank: Callable[..., BankState]
) -> None:
    served = serve()
    device = scan(served, "tcp")
    served.put(make_bank(phase=BankPhase.SILENT))
    base = device.models[802][0]
    until(lambda: (base.read(), base.V.cvalue is None)[1], 5, "the loss")
    assert (base.SoC.cvalue, base.A.cvalue, base.AChaMax.cvalue) == (None, None, 0)
    assert (base.State.cvalue, base.Evt1.cvalue & 1) == (99, 1)


def test_the_heartbeat_stops_when_the_data_do(
    serve: Serve, client_of: Connect, make_bank: Callable[..., BankState]
) -> None:
    served = serve()
    client = client_of(served)
    heartbeat, sequence = 40_070 + 18, 2002

    def follow(phase: BankPhase) -> list[int]:
        seen = []
        for _ in range(3):
            before = read(client, sequence)
            served.put(make_bank(phase=phase))
            until(lambda before=before: read(client, sequence) != before, 5, "it")  # type: ignore[misc]
            seen += read(client, heartbeat)  # type: ignore[arg-type]
        return seen

    assert follow(BankPhase.LIVE) == [2, 3, 4]
    assert follow(BankPhase.SILENT) == [4, 4, 4]
    assert follow(BankPhase.LIVE) == [5, 6, 7]


# -- mbpoll ----------------------------------------------------------------------------------


def mbpoll(*arguments: str) -> str:
    tool = require_tool("mbpoll", "mbpoll")
    done = subprocess.run(
        [tool, "-q", "-0", "-1", *arguments],
        capture_output=True, text=True, timeout=20, check=False,
    )  # fmt: skip
    return done.stdout + done.stderr


def test_mbpoll_reads_over_tcp(serve: Serve) -> None:
    served = serve()
    told = mbpoll("-m", "tcp", "-p", str(served.port), "-a", "1", "-t", "4", "-r", "2010",
                  "127.0.0.1")  # fmt: skip
    assert "[2010]: \t5292" in told
    inputs = mbpoll("-m", "tcp", "-p", str(served.port), "-a", "1", "-t", "3", "-r", "2010",
                    "127.0.0.1")  # fmt: skip
    assert "[2010]: \t5292" in inputs


def test_mbpoll_reads_a_pack_over_rtu(serve: Serve, line: tuple[str, str]) -> None:
    serve(tcp=False, serial_port=line[0], baudrate=9600)
    told = mbpoll("-m", "rtu", "-b", "9600", "-P", "none", "-a", "2", "-t", "4", "-r", "3100",
                  "-c", "3", line[1])  # fmt: skip
    for cell, counts in ((3100, 3300), (3101, 3301), (3102, 3302)):
        assert f"[{cell}]: \t{counts}" in told


def test_mbpoll_is_told_which_kind_of_no(serve: Serve) -> None:
    served = serve()
    tcp = ("-m", "tcp", "-p", str(served.port), "-a", "1", "-r")
    assert "Illegal data address" in mbpoll(*tcp, "9000", "-t", "4", "127.0.0.1")
    assert "Illegal function" in mbpoll(*tcp, "2010", "-t", "0", "127.0.0.1")  # coils
    assert "Illegal function" in mbpoll(*tcp, "2060", "-t", "4", "127.0.0.1", "0")  # a write


# -- pymodbus' own client --------------------------------------------------------------------


def test_packs_have_unit_ids_of_their_own(serve: Serve, client_of: Connect) -> None:
    client = client_of(serve(unit=5, first_pack_unit=11))
    assert read(client, 3005, unit=11) == [1]
    assert read(client, 3005, unit=12) == [2]
    assert read(client, 2005, unit=5) == [2]
    assert read(client, 3005, unit=5) == 2  # a pack's registers are not the bank's
    assert read(client, 2005, unit=11) == 2


def test_pymodbus_has_nothing_to_say_about_how_it_is_used(
    serve: Serve, client_of: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    """It logs what is deprecated, where other libraries warn."""
    caplog.set_level("DEBUG", logger="pymodbus.logging")
    client = client_of(serve())
    assert read(client, 40_000, 125)
    assert "Server listening" in caplog.text  # it can be heard
    assert [r.getMessage() for r in caplog.records if r.levelno > logging.INFO] == []
    assert "deprecat" not in caplog.text.lower()


def test_packs_need_not_have_units(serve: Serve, client_of: Connect) -> None:
    client = client_of(serve(first_pack_unit=0))
    assert read(client, 3005, unit=2) == 0x0A


def test_an_unknown_unit_on_tcp_is_a_gateway_without_a_path(
    serve: Serve, client_of: Connect
) -> None:
    client = client_of(serve())
    assert [read(client, 2000, unit=unit) for unit in (0, 9, 255)] == [0x0A] * 3


def test_units_0_and_255_are_the_bank_where_that_is_asked_for(
    serve: Serve, client_of: Connect
) -> None:
    client = client_of(serve(answer_0_and_255=True))
    assert [read(client, 2005, unit=unit) for unit in (0, 1, 255)] == [[2]] * 3
    assert read(client, 2005, unit=9) == 0x0A


def test_an_unknown_unit_on_a_serial_line_stays_silent(serve: Serve, line: tuple[str, str]) -> None:
    serve(tcp=False, serial_port=line[0], baudrate=115_200, answer_0_and_255=True)  # on TCP only
    client = ModbusSerialClient(line[1], baudrate=115_200, timeout=0.3, retries=0)
    assert client.connect()
    try:
        from pymodbus.exceptions import ModbusIOException

        for unit in (0, 9, 255):
            with pytest.raises(ModbusIOException, match="No response"):
                client.read_holding_registers(2000, count=1, device_id=unit)
            with pytest.raises(ModbusIOException, match="No response"):
                client.read_coils(2000, count=1, device_id=unit)
            with pytest.raises(ModbusIOException, match="No response"):
                client.write_register(2060, 0, device_id=unit)
        assert read(client, 2005) == [2]
    finally:
        client.close()


def test_the_age_can_be_read_and_grows_while_nothing_is_decided(
    serve: Serve, client_of: Connect, make_bank: Callable[..., BankState]
) -> None:
    served = serve()
    client = client_of(served)
    served.put(make_bank(data_age_s=3.0), age_s=1.0)
    until(lambda: read(client, 2004)[0] >= 40, 5, "the new decision")  # type: ignore[index]
    decision, data = read(client, 2003, 2)  # type: ignore[misc]
    assert 10 <= decision <= 15  # tenths of a second
    assert 40 <= data <= 45
    time.sleep(0.3)
    later, _ = read(client, 2003, 2)  # type: ignore[misc]
    assert later >= decision + 3
    assert read(client, 3003, unit=2)[0] >= 13  # type: ignore[index]


def test_a_controller_that_hangs_is_stale_and_then_gone(
    serve: Serve, client_of: Connect, make_bank: Callable[..., BankState]
) -> None:
    served = serve()
    client = client_of(served)
    served.put(make_bank(), age_s=10.1)
    until(lambda: read(client, 2001) == [2], 5, "stale")
    assert read(client, 2010) == [0xFFFF]
    assert read(client, 2040, 3) == [5520, 0, 0]
    assert read(client, 266) == [0]
    served.put(make_bank(), age_s=60.1)
    until(lambda: read(client, 2001) == [4], 5, "gone")
    assert read(client, 266) == 0x0B
    assert read(client, 40_000, 2) == 0x0B
    served.put(make_bank())
    until(lambda: read(client, 2001) == [1], 5, "the controller back")
    assert read(client, 266) == [640]


def test_before_the_first_answer_of_a_pack_there_is_no_battery(
    serve: Serve, client_of: Connect, make_bank: Callable[..., BankState],
    make_pack: Callable[..., PackState],
) -> None:  # fmt: skip
    waiting = replace(make_pack("left"), phase=PackPhase.WAITING, reading=None)
    served = serve(make_bank(phase=BankPhase.STARTING, packs=(waiting,), limits=None))
    client = client_of(served)
    assert read(client, 2001) == [0]
    assert read(client, 40_000, 2) == 0x0B
    served.put(make_bank(packs=(make_pack("left"),)))
    until(lambda: read(client, 40_000, 2) == [0x5375, 0x6E53], 5, "the device")
    assert read(client, 40_000 + 2 + 68 + 64 + 60 + 9 + 64, 5) == [805, 42 + 64, 1, 1, 16]


def test_no_answer_mixes_two_decisions(
    serve: Serve, client_of: Connect, make_bank: Callable[..., BankState]
) -> None:
    def state(n: int) -> BankState:
        return make_bank(voltage_v=50.0 + n / 100, cycles=n, soc_percent=float(n % 100))

    served = serve(state(0))
    client = client_of(served)
    seen = set()
    for n in range(1, 200):
        served.put(state(n))
        voltage, *_, soc, _, _, _, _, _, _, _, _, _, cycles = read(client, 2010, 16)  # type: ignore[misc]
        assert (voltage, soc // 100) == (5000 + cycles, cycles % 100)
        seen.add(cycles)
    assert len(seen) > 20


def test_a_clean_stop_shows_zero_limits_and_then_closes(
    serve: Serve, client_of: Connect, make_bank: Callable[..., BankState]
) -> None:
    served = serve(stop_hold_s=0.5)
    client = client_of(served)
    served.put(make_bank(phase=BankPhase.STOPPING))
    until(lambda: read(client, 2001) == [5], 2, "the goodbye")
    assert read(client, 2041, 2) == [0, 0]
    until(lambda: served.output.status()["listening"] is False, 5, "the end")


def test_a_serial_port_that_comes_back_is_opened_again(
    serve: Serve, line: tuple[str, str], make_bank: Callable[..., BankState]
) -> None:
    served = serve(tcp=False, serial_port=line[0], baudrate=115_200)
    server = served.output._serial
    assert server is not None
    (connection,) = server.active_connections.values()
    # What pymodbus does when a read fails because the adapter was pulled.
    loop = connection.loop
    loop.call_soon_threadsafe(connection.transport.close, OSError("pulled"))

    def is_open() -> bool:
        served.put(make_bank())  # each decision is a look at the port
        return bool(served.output.status()["serial_open"])

    until(lambda: not is_open(), 5, "the loss")
    until(is_open, 15, "the port back")
    assert "was lost" in str(served.output.status()["last_error"])


def test_a_serial_port_that_is_not_there_leaves_tcp_alone(
    serve: Serve, client_of: Connect, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    served = serve(serial_port=str(tmp_path / "ttyUSB9"))
    assert read(client_of(served), 2001) == [1]
    until(lambda: served.output.status()["last_error"], 5, "the error")
    assert "the serial port cannot be opened" in str(served.output.status()["last_error"])
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_a_pack_with_more_cells_than_were_seen_is_told_about(
    serve: Serve, client_of: Connect, make_bank: Callable[..., BankState],
    make_pack: Callable[..., PackState], caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    served = serve(make_bank(packs=(make_pack("left"),)))
    client = client_of(served)
    cells_at = 40_002 + 68 + 64 + 60 + 9 + 64
    assert read(client, cells_at, 2) == [805, 42 + 4 * 16]
    pack = make_pack("left")
    assert pack.reading is not None
    more = replace(pack, reading=replace(pack.reading, cell_voltages_v=(3.3,) * 24))
    served.put(make_bank(packs=(more,)))
    until(lambda: read(client, cells_at, 2) == [805, 42 + 4 * 24], 5, "the cells")
    assert "must discover the bank anew" in caplog.text


def test_packs_beyond_the_last_unit_id_are_told_about(
    serve: Serve, client_of: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    client = client_of(serve(first_pack_unit=247))
    assert read(client, 3005, unit=247) == [1]
    assert "no unit id is left for pack 2" in caplog.text
