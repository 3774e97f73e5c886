"""`cellwarden diagnose`: of a recording, of one frame; as text, JSON and one page."""

import gzip
import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from cellwarden.cli import main
from cellwarden.cli.report_html import page
from support import jk_frames
from support.recorded import SECRET, Watched
from support.tools import require_tool

FRAME = jk_frames.frame("jk_4e57", "16s-b2a20s20p")


def wires(ohm: float) -> tuple[float, ...]:
    return (0.07,) * 5 + (ohm,) + (0.07,) * 10


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A quarter of an hour of two packs, the right one with a bad lead."""
    watched = Watched(change={"right": {"wire_resistances_ohm": wires(0.5)}})
    watched.run(180)
    target = tmp_path_factory.mktemp("recorded") / "quarter.jsonl.gz"
    with gzip.open(target, "wt") as file:
        file.writelines(watched.lines())
    return target


def diagnosed(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert main(["diagnose", *arguments, "--json"]) == 0
    return dict(json.loads(capsys.readouterr().out))


def test_a_recording_tells_what_was_wrong(
    recording: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = diagnosed(capsys, str(recording))
    (found,) = report["findings"]
    assert (found["code"], found["pack"], found["where"]) == (
        "balance-lead-resistance",
        "right",
        "wire 6",
    )
    assert found["procedure"] == "balance-lead"
    assert [pack["pack"] for pack in report["packs"]] == ["left", "right"]


def test_the_text_names_evidence_confidence_and_procedure(
    recording: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["diagnose", str(recording)]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[1] == "1 finding"
    assert shown[3].startswith(" 1 SOON right, wire 6: balance lead 6 has a high resistance")
    assert "the BMS measures 500 mΩ, the middle of all leads is 70 mΩ" in shown[4]
    assert "75 % sure" in shown[5]
    assert shown[5].endswith("code 8 of the manual; procedure balance-lead")


def test_a_csv_recording_is_diagnosed_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = ["t_s,current_a,mos_on,t1_c," + ",".join(f"v{n:02}_mv" for n in range(1, 17))]
    cells = [3290] * 5 + [3000, 3580] + [3290] * 9
    rows += [f"{5 * n},-10,1,21,{','.join(map(str, cells))}" for n in range(20)]
    (tmp_path / "day.csv").write_text("\n".join(rows))
    sheet = {"chemistry": "LFP", "n_cells": 16, "nominal_ah": 100}
    (tmp_path / "day.json").write_text(json.dumps(sheet))
    report = diagnosed(capsys, str(tmp_path / "day.csv"))
    assert "balance-lead-open" in [found["code"] for found in report["findings"]]


def test_one_captured_frame_is_enough_for_what_can_be_seen_in_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    report = diagnosed(capsys, "--frame", "jk-rs485", FRAME.hex())
    assert report["source"] == "one frame of jk-rs485"
    assert report["packs"][0]["voltage_v"] == 52.28
    assert report["findings"] == []


def test_a_frame_of_a_bms_with_another_chemistry_says_so(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Told to be LTO, this LiFePO4 pack is set far beyond what the cells stand."""
    report = diagnosed(capsys, "--frame", "jk-rs485", FRAME.hex(), "--chemistry", "LTO")
    assert "settings-beyond-chemistry" in [found["code"] for found in report["findings"]]


def test_an_alarm_word_in_a_frame_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    frame = jk_frames.frame("jk_ble", "ble-32s-b2a8s20p-1117-cell-alarm")
    report = diagnosed(capsys, "--frame", "jk-ble", frame.hex(), "--variant", "JK02_32S")
    assert [found["code"] for found in report["findings"]] == ["device-alarm"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere.jsonl.gz"], "nowhere.jsonl.gz is no file"),
        (["a", "b"], "one recording at a time"),
        (["--frame", "jk-rs485"], "give the frame's hex"),
        (["--frame", "jk-rs485", "4E57", "--chemistry", "lead"], "no chemistry 'lead'"),
        (["--frame", "jk-rs486", "4E57"], "jk-rs486"),
    ],
)
def test_a_wrong_call_says_what_to_do(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["diagnose", *arguments]) == 1
    assert said in capsys.readouterr().err


@pytest.fixture
def written(recording: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    target = tmp_path / "report.html"
    assert main(["diagnose", str(recording), "--html", str(target)]) == 0
    assert capsys.readouterr().out == f"{target}: 1 finding\n"
    return target


def test_the_page_carries_everything_in_itself_and_no_secret(written: Path) -> None:
    text = written.read_text(encoding="utf-8")
    assert re.search(r"https?:|src=|<script|@import|url\(", text) is None
    assert SECRET not in text
    assert text.count("<svg") >= 10


def test_the_page_loads_in_a_browser_without_a_complaint(written: Path, tmp_path: Path) -> None:
    shown = subprocess.run(
        [
            require_tool("chromium", "chromium"),
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--enable-logging=stderr",
            f"--user-data-dir={tmp_path / 'profile'}",
            "--dump-dom",
            written.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "CONSOLE" not in shown.stderr
    assert "balance lead 6 has a high resistance" in shown.stdout
    assert shown.stdout.count("<polyline") >= 4


def test_what_somebody_named_a_pack_cannot_become_markup() -> None:
    bank = {"name": "<img src=x>", "phase": "live", "voltage_v": None, "current_a": None}
    text = page(
        {
            "bank": bank,
            "findings": [],
            "packs": [],
            "calibration": [],
            "series": {},
            "source": "<b>",
            "version": "1",
            "made": "now",
        }
    )
    assert "<img" not in text
    assert "&lt;img src=x&gt;" in text
