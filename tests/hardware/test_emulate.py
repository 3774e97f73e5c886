"""`cellwarden emulate`, as a person runs it."""

import asyncio
import json
import signal
import socket
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from cellwarden.cli import main
from cellwarden.clock import Clock
from cellwarden.config.reader import check
from cellwarden.errors import ConfigError
from cellwarden.hooks import DriverContext
from cellwarden.host import Host
from cellwarden.model import Reading
from cellwarden_hardware.emulate import faults_of, tcp_port
from cellwarden_hardware.kinds import all_drivers
from cellwarden_hardware.simulator.registry import EMULATED
from support.benches import first_good
from support.multicast import free_channel
from support.processes import Lines, free_port

EMULATE = [sys.executable, "-m", "cellwarden", "emulate"]
KINDS = {kind.name: kind for kind in all_drivers()}


def read(driver: str, port: str, **keys: object) -> Reading:
    async def poll() -> Reading:
        kind = KINDS[driver]
        options = kind.options(port=port, **{**EMULATED[driver].driver_options, **keys})
        context = DriverContext(pack="p", clock=Clock(), timeout_s=1.0)
        device = kind.build(options, context)
        await device.open()
        reading = await device.poll()
        await device.close()
        return reading

    return asyncio.run(poll())


@pytest.mark.parametrize("device", sorted(EMULATED))
def test_what_it_prints_is_a_configuration_that_reads_it(device: str, tmp_path: Path) -> None:
    link = tmp_path / "bms"
    process = Lines([*EMULATE, device, "--packs", "2", "--link", str(link), "--cells", "8"])
    lines = [process.next_line() for _ in range(2)]
    assert "2 emulated pack(s)" in lines[0]
    while not (len(lines) > 16 and lines[-1].startswith("capacity_ah")):
        lines.append(process.next_line())
    settings = check(tomllib.loads("\n".join(lines)), Host())
    assert [pack.driver_options.port for pack in settings.packs] == [f"{link}-1", f"{link}-2"]
    reading = read(device, f"{link}-2")
    assert len(reading.cell_voltages_v) == 8
    assert process.end(signal.SIGINT) == 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("device", ["daly", "jk-modbus"])
def test_packs_with_addresses_may_share_a_line(device: str) -> None:
    process = Lines([*EMULATE, device, "--packs", "3", "--one-line"])
    lines: list[str] = []
    while "".join(lines).count("capacity_ah") < 3:
        lines.append(process.next_line())
    settings = check(tomllib.loads("\n".join(lines)), Host())
    ports = {pack.driver_options.port for pack in settings.packs}
    assert [pack.driver_options.address for pack in settings.packs] == [1, 2, 3]
    assert len(ports) == 1
    assert len(read(device, ports.pop(), address=3).cell_voltages_v) == 16
    assert process.end() == 0


def test_it_stands_behind_a_gateway_too() -> None:
    port = free_port()
    process = Lines([*EMULATE, "jbd", "--link", f"tcp:{port}", "--json"])
    told = json.loads(process.next_line())
    url = f"socket://127.0.0.1:{port}"
    assert told == {"device": "jbd", "ports": [url], "packs": [{"port": url}]}
    assert len(read("jbd", told["ports"][0]).cell_voltages_v) == 16
    assert process.end() == 0


def test_faults_are_set_from_the_start() -> None:
    process = Lines([*EMULATE, "daly", "--json", "--fault", "repeated", "--fault", "late=0.01"])
    (port,) = json.loads(process.next_line())["ports"]
    assert len(read("daly", port).cell_voltages_v) == 16
    assert process.end() == 0


def test_packs_on_a_can_bus_are_read_with_what_it_prints() -> None:
    group, port = free_channel()
    link = f"udp_multicast:{group},port={port}"
    process = Lines([*EMULATE, "jk-can", "--packs", "2", "--cells", "8", "--link", link])
    lines: list[str] = []
    while "".join(lines).count("capacity_ah") < 2:
        lines.append(process.next_line())
    settings = check(tomllib.loads("\n".join(lines)), Host())
    assert [pack.driver_options.address for pack in settings.packs] == [0, 1]

    async def read_second() -> Reading:
        pack = settings.packs[1]
        context = DriverContext(pack="p", clock=Clock(), timeout_s=1.0)
        driver = pack.driver.build(pack.driver_options, context)
        await driver.open()
        try:
            return await first_good(driver)
        finally:
            await driver.close()

    assert len(asyncio.run(read_second()).cell_voltages_v) == 8
    assert process.end() == 0


@pytest.mark.parametrize("device", ["jk-ble", "jbd-ble"])
def test_packs_in_the_air_are_found_and_read_on_the_bus_it_names(
    device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    process = Lines([*EMULATE, device, "--packs", "2", "--json", "--misbehave", "late=0.01"])
    told = json.loads(process.next_line())
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", told["system_bus"])
    assert told["ports"] == ["A4:C1:38:00:00:01", "A4:C1:38:00:00:02"]

    async def read_second() -> Reading:
        kind = KINDS[device]
        context = DriverContext(pack="p", clock=Clock(), timeout_s=1.0)
        driver = kind.build(kind.options(**told["packs"][1]), context)
        await driver.open()
        reading = await driver.poll()
        await driver.close()
        return reading

    async def until_it_is_gone() -> Reading:
        reading = await read_second()
        assert process.end() == 0
        await asyncio.sleep(0.1)  # bleak hears that its bus has gone
        return reading

    assert len(asyncio.run(until_it_is_gone()).cell_voltages_v) == 16


def test_it_ends_by_itself_if_told_so() -> None:
    done = subprocess.run(
        [*EMULATE, "jk-rs485", "--duration", "0.2", "--speed", "60"],
        capture_output=True, text=True, timeout=20, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("nobody",), 2, "invalid choice"),
        (("jbd", "--packs", "17"), 2, "--packs takes 1 to 16"),
        (("jbd", "--packs", "2", "--one-line"), 2, "--one-line: jbd has no addresses"),
        (("jbd", "--fault", "wrong"), 2, "--misbehave wrong: there is silent, corrupt"),
        (("jbd", "--link", "tcp:x"), 2, "write tcp: and a port"),
    ],
)
def test_a_wrong_call_is_said_so(
    words: tuple[str, ...], status: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["emulate", *words]) == status
    assert said in capsys.readouterr().err


def test_a_name_that_is_taken_is_said_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    taken = tmp_path / "taken"
    taken.touch()
    assert main(["emulate", "jbd", "--link", str(taken)]) == 1
    assert f"--link {taken}: File exists" in capsys.readouterr().err
    assert taken.exists()


def test_a_name_that_was_left_behind_is_taken_again(tmp_path: Path) -> None:
    link = tmp_path / "bms"
    link.symlink_to(tmp_path / "gone")
    assert main(["emulate", "jbd", "--link", str(link), "--duration", "0.1"]) == 0
    assert not link.is_symlink()


def test_a_port_that_is_taken_is_said_so(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        if port > 65_000:
            pytest.skip("the kernel chose a port beyond those that are offered")
        assert main(["emulate", "jbd", "--link", f"tcp:{port}"]) == 1
    assert f"--link tcp:{port}" in capsys.readouterr().err


def test_faults_are_read() -> None:
    assert faults_of(["silent", "late=0.3", "cut=3", "cut_end=2", "reboot=60", "noisy=0.01"]) == {
        "silent": True, "late_s": 0.3, "cut_head": 3, "cut_tail": 2, "reboot_every_s": 60.0,
        "corrupt_share": 0.01,
    }  # fmt: skip
    for word in ("silent=1", "late", "late=-1", "cut=x", ""):
        with pytest.raises(ConfigError, match="there is silent"):
            faults_of([word])
    assert tcp_port("tcp:5020") == 5020
