"""How the plugin is found, configured and shown."""

import asyncio
import csv
import dataclasses
import io
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cellwarden.cli import main
from cellwarden.config.options import Option
from cellwarden.errors import ConfigError, LinkError
from cellwarden.hooks import OutputContext
from cellwarden.interfaces import Feed
from cellwarden.model import BankState
from cellwarden.runtime.status import StatusServer, document
from cellwarden_modbus import plugin
from cellwarden_modbus.config import ModbusOptions
from cellwarden_modbus.output import ModbusOutput
from support.modbus_server import OwnGate, Serve, Served
from support.tools import REPOSITORY


def meaning(name: str) -> Option:
    (field,) = (f for f in dataclasses.fields(ModbusOptions) if f.name == name)
    found = field.metadata["option"]
    assert isinstance(found, Option)
    return found


def test_it_offers_an_output_in_a_thread_of_its_own_and_a_command() -> None:
    (output,) = plugin.cellwarden_outputs()
    (command,) = plugin.cellwarden_commands()
    assert (output.name, output.control, output.extra) == ("modbus", False, "modbus")
    assert command.name == "modbus"
    context = OutputContext(name="modbus", bank="Battery", state_dir="/nowhere")
    assert isinstance(output.build(ModbusOptions(), context), ModbusOutput)


def test_importing_the_plugin_imports_neither_pymodbus_nor_the_maps() -> None:
    code = (
        "import sys, cellwarden_modbus.plugin;"
        "sys.exit('pymodbus' in sys.modules or 'cellwarden_modbus.own' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_only_this_machine_is_served_and_nothing_can_be_written_unless_told_otherwise() -> None:
    assert ModbusOptions().host == "127.0.0.1"
    assert ModbusOptions().allow_writes == ()


def test_an_unknown_register_cannot_be_allowed() -> None:
    check = meaning("allow_writes").check
    assert check is not None
    assert check(("charge_switch", "802.SetOp")) is None
    assert check(("chargeswitch",)) == "no register that can be written: chargeswitch"


def test_contradictions_are_found_before_anything_is_opened() -> None:
    with pytest.raises(ConfigError, match="nothing would be served"):
        ModbusOptions(tcp=False)
    with pytest.raises(ConfigError, match="must be below first_pack_unit"):
        ModbusOptions(unit=2)


def test_a_port_that_is_taken_is_said_so(serve: Serve, make_bank: Callable[..., BankState]) -> None:
    first = serve()
    second = Served(ModbusOptions(port=first.port, stop_hold_s=0.0), OwnGate())
    second.put(make_bank())
    feed: Feed = second.mailbox
    with pytest.raises(LinkError, match=f"tcp://127.0.0.1:{first.port}: cannot listen"):
        asyncio.run(second.output.run(feed, second.gate))
    first.stop()
    second.start(make_bank())  # as the supervisor does
    second.stop()


def test_the_readme_lists_every_key_with_its_range() -> None:
    readme = (REPOSITORY / "plugins" / "modbus" / "README.md").read_text()
    for field in dataclasses.fields(ModbusOptions):
        (row,) = (line for line in readme.splitlines() if line.startswith(f"| `{field.name}` |"))
        option = meaning(field.name)
        if option.minimum is not None:
            assert f"({option.minimum:.10g}..{option.maximum:.10g})" in row


# -- cellwarden modbus map -------------------------------------------------------------------


@pytest.fixture
def runtime(tmp_path: Path) -> Iterator[Callable[[Served], Path]]:
    """Run the status socket of a controller that has this output."""
    stopped = threading.Event()
    threads = []

    def start(served: Served) -> Path:
        ready = threading.Event()

        async def answer() -> None:
            server = StatusServer(
                tmp_path,
                lambda: document(
                    served.mailbox.latest(),
                    served.clock.now_s(),
                    {"plc": served.output.status()},
                    "monitor",
                ),
            )
            await server.start()
            ready.set()
            await asyncio.to_thread(stopped.wait)
            await server.stop()

        thread = threading.Thread(target=lambda: asyncio.run(answer()), daemon=True)
        thread.start()
        threads.append(thread)
        assert ready.wait(5)
        return tmp_path

    yield start
    stopped.set()
    for thread in threads:
        thread.join(5)


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["modbus", "map", *arguments]) == 0
    return capsys.readouterr().out


def entry(found: list[dict[str, Any]], table: str, name: str) -> dict[str, Any]:
    return next(e for e in found if e["map"] == table and e["name"] == name)


def test_the_map_without_a_controller_has_types_and_scales(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    found = json.loads(printed(capsys, "--json", "--runtime-dir", str(tmp_path)))
    assert entry(found, "cellwarden bank", "voltage_v") == {
        "map": "cellwarden bank",
        "unit_id": 1,
        "address": 2010,
        "registers": 1,
        "name": "voltage_v",
        "type": "uint16",
        "scale": "1/100",
        "unit": "V",
        "access": "R",
        "value": None,
    }
    assert entry(found, "cellwarden pack", "charge_switch")["access"] == "RW"
    assert entry(found, "victron", "/TimeToGo")["scale"] == "100"
    assert entry(found, "victron", "/ConsumedAmphours")["scale"] == "-1/10"
    soc = entry(found, "sunspec 802", "SoC")
    assert (soc["address"], soc["scale"], soc["access"]) == (40_081, "10^SoC_SF", "R")
    assert entry(found, "sunspec 802", "SetOp")["access"] == "RW"
    assert entry(found, "sunspec 802", "AlmRst")["access"] == "R"  # nothing would come of it


def test_the_map_has_the_values_of_the_server_that_runs(
    capsys: pytest.CaptureFixture[str], serve: Serve, runtime: Callable[[Served], Path]
) -> None:
    folder = str(runtime(serve()))
    found = json.loads(printed(capsys, "--format", "json", "--runtime-dir", folder))
    assert entry(found, "cellwarden bank", "voltage_v")["value"] == 52.92
    assert entry(found, "victron", "/Soc")["value"] == 64
    assert entry(found, "sunspec 802", "A")["value"] == 12
    assert entry(found, "sunspec 805", "lithium-ion-module-cell[16].CellV")["value"] == 3.315
    units = [e["unit_id"] for e in found if e["name"] == "cell_1_v"]
    assert units == [2, 3]


def test_every_line_stands_where_a_client_would_read_it(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Lines of one unit and map follow each other without an overlap."""
    found = json.loads(printed(capsys, "--json", "--runtime-dir", str(tmp_path)))
    taken: set[tuple[int, int]] = set()
    for line in found:
        for at in range(line["address"], line["address"] + line["registers"]):
            assert (line["unit_id"], at) not in taken
            taken.add((line["unit_id"], at))


def test_the_map_as_csv_and_as_markdown(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    rows = list(
        csv.DictReader(
            io.StringIO(printed(capsys, "--format", "csv", "--runtime-dir", str(tmp_path)))
        )
    )
    assert rows[0]["name"] == "/Dc/0/Power"
    lines = printed(capsys, "--runtime-dir", str(tmp_path)).splitlines()
    assert lines[0].startswith("| map | unit id | address | registers | name |")
    assert len(lines) == len(rows) + 2
