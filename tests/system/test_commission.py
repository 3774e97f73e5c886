"""The real trial of a commissioning: an emulated BMS on a port, and a controller that may write."""

import json
import subprocess
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from support.processes import cellwarden, started, status, until

pytestmark = [pytest.mark.system, pytest.mark.requirement("R41")]

ANSWERS = "y\n" * 4 + "skip\n" * 5 + "y\n" + "skip\n" * 2


def commission(
    tmp_path: Path, mode: str, *words: str
) -> tuple[list[dict[str, str]], dict[str, float], dict[str, float]]:
    """Commission an emulated pack; return the lines, and its settings before and after."""
    with ExitStack() as stack:
        link = tmp_path / "jk"
        device = stack.enter_context(
            started(cellwarden("emulate", "jk-rs485", "--link", str(link)))
        )
        block: list[str] = []
        while not block or "capacity_ah" not in block[-1]:
            block.append(device.next_line())
        config = tmp_path / "cellwarden.toml"
        head = [
            "[controller]",
            f'mode = "{mode}"',
            f'state_dir = "{tmp_path / "state"}"',
            f'runtime_dir = "{tmp_path / "run"}"',
        ]
        config.write_text("\n".join([*head, *block]) + "\n")
        stack.enter_context(
            started(cellwarden("run", "--config", str(config)), log=tmp_path / "log")
        )

        def settings() -> dict[str, float] | None:
            bank = (status(tmp_path / "run") or {}).get("bank") or {}
            packs = [p for p in bank.get("packs", []) if p["phase"] == "online"]
            return (packs[0]["reading"] or {}).get("settings") if packs else None

        before = until(settings, 30.0, "the pack's settings")
        done = subprocess.run(
            cellwarden("commission", "--json", "--config", str(config), *words),
            input=ANSWERS + "yes\nAda\n",
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        assert done.stderr == ""
        # The last poll may be from between two writes of the transaction that puts them back.
        with suppress(AssertionError):
            until(lambda: settings() == before, 30.0, "the settings to come back")
        after = until(settings, 30.0, "the pack's settings")
        return [json.loads(line) for line in done.stdout.splitlines()], before, after


def test_the_real_bms_opens_and_its_settings_come_back(tmp_path: Path) -> None:
    lines, before, after = commission(tmp_path, "control", "--on-real", "charge")
    (real,) = [line for line in lines if line.get("check") == "real-ovp"]
    assert (real["result"], real["text"]) == (
        "good",
        "its MOSFET opened, the settings are back, it closed",
    )
    assert after == before


def test_in_mode_monitor_nothing_is_written(tmp_path: Path) -> None:
    lines, before, after = commission(tmp_path, "monitor", "--on-real", "charge")
    (real,) = [line for line in lines if line.get("check") == "real-ovp"]
    assert real["result"] == "cannot be told"
    assert "the controller would not write" in real["text"]
    assert after == before
