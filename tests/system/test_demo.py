"""The demonstration, as a person runs it."""

import re
import subprocess
from pathlib import Path

import pytest

from support.processes import Terminal, cellwarden, mosquitto, until

pytestmark = [pytest.mark.system, pytest.mark.timeout(60)]


def run(*arguments: str) -> str:
    done = subprocess.run(
        cellwarden("demo", *arguments), capture_output=True, text=True, timeout=40, check=True
    )
    assert done.stderr == ""
    return done.stdout


def test_within_five_seconds_it_shows_packs_cells_limits_reasons_and_frames() -> None:
    text = run("--duration", "5")
    assert "pack-1" in text
    assert "pack-2" in text
    assert re.search(r"CCL +\d+\.\d A  pack-\d: ", text)
    assert re.search(r"\d\.\d{3}▲", text)
    for identifier in ("351", "355", "356", "359", "35C", "35E"):
        assert re.search(rf"^  {identifier}#[0-9A-F]+ ", text, re.MULTILINE)
    assert "Traceback" not in text


def test_the_inverter_obeys_what_it_decodes_from_the_bus() -> None:
    """The simulated house charges or discharges only as the frames allow."""
    text = run("--duration", "6", "--packs", "1", "--speed", "2000")
    currents = [float(value) for value in re.findall(r"current_A (-?\d+\.\d)", text)]
    allowed = [float(value) for value in re.findall(r"discharge_current_limit_A (\d+\.\d)", text)]
    assert any(current != 0 for current in currents)
    assert max(map(abs, currents)) <= max(allowed) + 10


def test_day_and_night_pass_quickly() -> None:
    text = run("--duration", "5", "--speed", "2000")
    clock = [int(hour) * 60 + int(minute) for hour, minute in re.findall(r"(\d\d):(\d\d),", text)]
    assert clock[-1] - clock[0] > 60


def test_packs_and_outputs_are_chosen_by_flags(tmp_path: Path) -> None:
    with mosquitto(tmp_path) as (port, _):
        text = run(
            "--duration", "6", "--packs", "4", "--no-can",
            "--output", f"homeassistant:host=127.0.0.1,port={port}",
        )  # fmt: skip
    assert "pack-4" in text
    assert "351#" not in text
    assert re.search(r"homeassistant  .*connected yes", text)


def test_a_wrong_flag_is_a_sentence_and_status_2() -> None:
    done = subprocess.run(
        cellwarden("demo", "--packs", "99"), capture_output=True, text=True, timeout=20, check=False
    )
    assert (done.returncode, done.stderr) == (2, "cellwarden: --packs takes 1 to 16\n")


def test_a_wrong_output_says_which_there_are() -> None:
    done = subprocess.run(
        cellwarden("demo", "--output", "homeassistent"),
        capture_output=True, text=True, timeout=20, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "homeassistant" in done.stderr
    assert "Traceback" not in done.stderr


def test_in_a_terminal_the_picture_stays_in_place_and_ctrl_c_gives_the_screen_back() -> None:
    terminal = Terminal(cellwarden("demo"))
    try:
        until(lambda: b"pack-2" in terminal.shown(), 5.0, "a picture within 5 s")
        assert terminal.interrupt() == 0
        heard = terminal.shown()
    finally:
        terminal.close()
    assert heard.startswith(b"\x1b[?1049h")
    assert b"\x1b[?1049l" in heard
    assert b"Traceback" not in heard
