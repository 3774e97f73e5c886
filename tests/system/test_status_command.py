"""`cellwarden status` against a running controller."""

import json
import subprocess
from pathlib import Path

import pytest

from support.house import House, configuration, wait_for
from support.processes import Lines, Terminal, cellwarden, until

pytestmark = [pytest.mark.system, pytest.mark.timeout(60)]


@pytest.fixture
def running(tmp_path: Path, packs: tuple[Lines, list[str]]):
    house = House(tmp_path, *packs)
    house.config.write_text(configuration(house, can=None, bus=None, mqtt=None))
    controller = house.run()
    wait_for(lambda: house.bank().get("phase") == "live", "the first decision")
    yield house
    assert controller.end() == 0


def status(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        cellwarden("status", *arguments), capture_output=True, text=True, timeout=20, check=False
    )


def test_it_shows_what_the_controller_sees(running: House) -> None:
    shown = status("--config", str(running.config))
    assert shown.returncode == 0
    assert "Home  live  mode monitor" in shown.stdout
    assert "left " in shown.stdout
    assert "\x1b" not in shown.stdout  # no colours where it is no terminal


def test_as_json_it_is_the_whole_state(running: House) -> None:
    shown = status("--runtime-dir", str(running.runtime), "--json")
    document = json.loads(shown.stdout)
    assert document["bank"]["packs"][1]["pack"] == "right"
    assert document["bank"]["limits"]["charge_voltage"]["reasons"]


def order(running: House, *words: str, expect: int = 0) -> str:
    done = subprocess.run(
        cellwarden("order", *words, "--runtime-dir", str(running.runtime)),
        capture_output=True, text=True, timeout=20, check=False,
    )  # fmt: skip
    assert done.returncode == expect, done
    return done.stdout


def test_an_order_is_in_effect_at_once_and_names_who_gave_it(running: House) -> None:
    assert order(running) == "no orders: the bank follows its configuration\n"
    assert order(running, "charge-current", "7", "--for", "2h").startswith("applied: ")
    reasons: list[str] = []

    def obeyed() -> bool:
        limit = running.bank()["limits"]["charge_current"]
        reasons[:] = limit["reasons"]
        return limit["value"] <= 7.0

    wait_for(obeyed, "the limit to follow")
    assert any("order, params" in reason for reason in reasons), reasons
    assert order(running).startswith("charge-current  7 A  by params ")
    assert "is outside 0..100" in order(running, "target-soc", "120", expect=1)
    assert order(running, "take-out", "left").startswith("applied: ")

    def out() -> list[str]:
        members = running.bank()["members"]
        return [m["pack"] for m in members if m["standing"] == "taken out"]

    wait_for(lambda: out() == ["left"], "the pack to be out")


def test_nobody_running_is_said_with_what_to_do(tmp_path: Path) -> None:
    shown = status("--runtime-dir", str(tmp_path))
    assert shown.returncode == 1
    assert shown.stderr.startswith("cellwarden: ")
    assert "no controller is running here: cellwarden run" in shown.stderr


def test_watching_goes_on_until_ctrl_c_also_when_the_controller_goes(running: House) -> None:
    terminal = Terminal(cellwarden("status", "--watch", "--runtime-dir", str(running.runtime)))
    try:
        until(lambda: b"mode monitor" in terminal.shown(), 10.0, "a picture")
        assert running.controller is not None
        running.controller.end()
        until(lambda: b"Still trying" in terminal.shown(), 15.0, "word that it is gone")
        assert terminal.interrupt() == 0
        assert b"Traceback" not in terminal.shown()
    finally:
        terminal.close()
