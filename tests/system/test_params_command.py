"""`cellwarden params` as a person runs it: with a controller and without, and after a crash."""

import json
import signal
import subprocess
import tomllib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from cellwarden.runtime import control
from support.processes import cellwarden, started, status, until

pytestmark = pytest.mark.system


class House:
    """One emulated BMS and a configuration that reads it."""

    def __init__(
        self, folder: Path, block: list[str], mode: str = "control", chemistry: str = "LiFePO4"
    ) -> None:
        self.folder = folder
        self.config = folder / "cellwarden.toml"
        self.log = folder / "cellwarden.log"
        lines = [
            "[controller]",
            f'mode = "{mode}"',
            f'state_dir = "{folder / "state"}"',
            f'runtime_dir = "{folder / "run"}"',
            *(line.replace("LiFePO4", chemistry) for line in block),
        ]
        self.config.write_text("\n".join(lines) + "\n")

    def params(self, *arguments: str, expect: int = 0) -> str:
        """Run the command and return what it printed; on a mistake, what it said."""
        action, *rest = arguments
        command = cellwarden("params", action, *rest, "--config", str(self.config))
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
        assert done.returncode == expect, done
        return done.stdout if expect == 0 else done.stdout + done.stderr

    def document(self, *arguments: str, expect: int = 0) -> Any:
        return json.loads(self.params(*arguments, "--json", expect=expect))

    def held(self) -> dict[str, Any]:
        shown = self.document("show", "pack-1")
        return {row["name"]: row["value"] for row in shown["settings"]}

    def quickly(self, name: str) -> Any:
        """Return one value, asked of the running controller without a command between."""
        shown: Any = control.ask(self.folder / "run", {"do": "show", "pack": "pack-1"})
        return next(row["value"] for row in shown["settings"] if row["name"] == name)

    def online(self) -> bool:
        bank = (status(self.folder / "run") or {}).get("bank") or {}
        return [pack["phase"] for pack in bank.get("packs", [])] == ["online"]


@pytest.fixture
def block(tmp_path: Path) -> Iterator[list[str]]:
    """The [[pack]] of an emulated BMS that runs for this test."""
    with ExitStack() as stack:
        link = tmp_path / "jk"
        process = stack.enter_context(
            started(cellwarden("emulate", "jk-rs485", "--link", str(link)))
        )
        lines: list[str] = []
        while not lines or "capacity_ah" not in lines[-1]:
            lines.append(process.next_line())
        yield lines


def test_without_a_controller_the_command_opens_the_driver_itself(
    tmp_path: Path, block: list[str]
) -> None:
    house = House(tmp_path, block)
    assert house.held()["cell_overvoltage_v"] == 3.6
    planned = house.document(
        "set", "pack-1", "cell_overvoltage_v=3.65", "cell_undervoltage_v=2.8", "--dry-run"
    )
    assert planned["verdict"] == "planned"
    assert [(step["register"], step["wanted"]) for step in planned["steps"]] == [
        ("0x90", 3.65), ("0x93", 2.8),
    ]  # fmt: skip
    assert house.held()["cell_overvoltage_v"] == 3.6
    done = house.params("set", "pack-1", "cell_overvoltage_v=3.65", "cell_undervoltage_v=2.8")
    assert done.startswith("applied: written and read back")
    assert house.held()["cell_overvoltage_v"] == 3.65
    refused = house.params("set", "pack-1", "cell_overvoltage_v=3.3", expect=1)
    assert "cell_overvoltage_v = 3.3 must be greater than cell_overvoltage_recovery_v" in refused
    assert "applied: parameters cell_overvoltage_v = 3.65" in house.params("audit")


def test_settings_are_exported_and_restored(tmp_path: Path, block: list[str]) -> None:
    house = House(tmp_path, block)
    before = house.held()
    file = tmp_path / "left.toml"
    house.params("export", "pack-1", str(file))
    exported = tomllib.loads(file.read_text())
    assert exported["parameters"]["cell_overvoltage_v"] == 3.6
    assert exported["switches"] == {
        "charge_switch": True, "discharge_switch": True, "balance_switch": True,
    }  # fmt: skip
    change = ["cell_overvoltage_v=3.64", "cell_undervoltage_v=2.8", "charge_current_max_a=33"]
    house.params("set", "pack-1", *change, "charge_overcurrent_delay_s=20")
    assert house.held()["charge_current_max_a"] == 33
    refused = house.params("preset", "pack-1", "Li-ion", expect=1)
    assert "LiFePO4 by the configuration does not stand more" in refused
    assert house.document("import", "pack-1", str(file), "--dry-run")["verdict"] == "planned"
    assert house.document("import", "pack-1", str(file))["verdict"] == "applied"
    assert house.held() == before
    assert "exists and is left as it is" in house.params("export", "pack-1", str(file), expect=1)


def test_a_running_controller_is_asked_and_after_a_kill_the_rest_is_finished(
    tmp_path: Path, block: list[str]
) -> None:
    house = House(tmp_path, block, chemistry="Li-ion")
    run = cellwarden("run", "--config", str(house.config))
    with started(run, log=house.log) as process:
        until(house.online, 30.0, "the pack online")
        assert house.document("set", "pack-1", "charge_switch=off")["verdict"] == "applied"
        assert house.held()["charge_switch"] is False
        ask = cellwarden("params", "preset", "pack-1", "Li-ion", "--config", str(house.config))
        with started(ask):
            until(lambda: house.quickly("cell_overvoltage_v") == 4.2, 20.0, "a part of the change")
            process.end(signal.SIGKILL)
    with started(run, log=house.log):
        until(house.online, 30.0, "the pack online again")
        assert "was left half done: `cellwarden params finish pack-1`" in house.log.read_text()
        refused = house.params("set", "pack-1", "charge_current_max_a=20", expect=1)
        assert "first finish or undo it" in refused
        (left,) = [pack["half_done"] for pack in house.document("list")["packs"]]
        assert left["verdict"] == "begun"
        assert house.document("undo", "pack-1")["verdict"] == "applied"
        held = house.held()
        assert (held["cell_undervoltage_v"], held["cell_overvoltage_v"]) == (2.7, 3.6)
        assert [pack["half_done"] for pack in house.document("list")["packs"]] == [None]


def test_mode_monitor_shows_and_plans_but_refuses_every_write(
    tmp_path: Path, block: list[str]
) -> None:
    house = House(tmp_path, block, mode="monitor")
    change = ["charge_current_max_a=20"]
    assert house.held()["cell_overvoltage_v"] == 3.6
    assert house.document("set", "pack-1", *change, "--dry-run")["verdict"] == "planned"
    refused = house.params("set", "pack-1", *change, expect=1)
    assert 'mode is "monitor"' in refused
