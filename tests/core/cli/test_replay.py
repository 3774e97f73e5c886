"""`cellwarden replay`: a recording through the engine."""

import gzip
import json
from pathlib import Path

import pytest

from support.command import Call

SHEET = {
    "chemistry": "LFP",
    "n_cells": 4,
    "nominal_ah": 100.0,
    "v_charge_limit": 3.6,
    "tail_current_a": 4.0,
    "soc_hint_wrong": 0.70,
    "ocv_table": [[0.0, 0.1, 0.9, 1.0], [2.5, 3.2, 3.34, 3.6]],
    "truth": {"soc0": [0.5, 0.5, 0.5, 0.5]},
}
HEADER = "t_s,current_a,mos_on,v01_mv,v02_mv,v03_mv,v04_mv,t1_c,t2_c,true_soc"
ROWS = [f"{t},-10.00,1,3268,3270,3269,3271,21.5,21.0,0.5" for t in range(0, 60, 2)]

CONFIG = """
[[pack]]
name = "shed"
driver = "bare"
chemistry = "LiFePO4"
cells = 4
capacity_ah = 280
"""


def recording(folder: Path, rows: list[str], name: str = "day.csv", **changes: object) -> Path:
    """Write a recording and its sheet."""
    path = folder / name
    text = "\n".join([HEADER, *rows, ""])
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    sheet = {k: v for k, v in (SHEET | changes).items() if v is not None}
    (folder / "day.json").write_text(json.dumps(sheet))
    return path


def lines(out: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in out.splitlines()]


def test_each_reading_gives_one_state(call: Call, tmp_path: Path) -> None:
    called = call("replay", str(recording(tmp_path, ROWS)), "--json")
    assert (called.status, called.err) == (0, "")
    states = lines(called.out)
    assert [state["t_s"] for state in states] == list(range(0, 60, 2))
    assert {
        "t_s", "soc_percent", "soc_sigma_percent", "cvl_v", "ccl_a", "dcl_a", "alarms"
    } <= states[0].keys()  # fmt: skip
    assert states[0]["soc_percent"] == pytest.approx(70.0)  # what a restarted BMS would tell
    assert states[-1]["cvl_v"] == pytest.approx(14.4)  # 4 cells of 3.6 V
    assert states[-1]["dcl_a"] == pytest.approx(100.0)
    assert states[-1]["alarms"] == []


def test_the_voltages_pull_a_wrong_start_towards_what_the_curve_says(
    call: Call, tmp_path: Path
) -> None:
    rows = [f"{t},0.00,1,3270,3270,3270,3270,25.0,25.0,0.5" for t in range(0, 3600, 10)]
    states = lines(call("replay", str(recording(tmp_path, rows)), "--json").out)
    assert states[-1]["soc_percent"] == pytest.approx(50.0, abs=5.0)
    assert states[-1]["soc_sigma_percent"] < 5.0


def test_truth_columns_are_never_read(call: Call, tmp_path: Path) -> None:
    plain = call("replay", str(recording(tmp_path, ROWS)), "--json").out
    lies = [row.replace(",0.5", ",0.9") for row in ROWS]
    assert lies != ROWS
    assert call("replay", str(recording(tmp_path, lies)), "--json").out == plain


def test_people_get_a_line_they_can_read(call: Call, tmp_path: Path) -> None:
    first = call("replay", str(recording(tmp_path, ROWS))).out.splitlines()[0]
    # No limit is given before two readings agree.
    seen = " ".join(first.split())
    assert seen == "0.0 s SoC 70.00 % ±15.00 CVL 14.40 V CCL 0.0 A DCL 0.0 A"


def test_packed_recordings_and_json_lines_give_the_same(call: Call, tmp_path: Path) -> None:
    plain = call("replay", str(recording(tmp_path, ROWS)), "--json").out
    assert call("replay", str(recording(tmp_path, ROWS, "day.csv.gz")), "--json").out == plain
    names = HEADER.split(",")
    text = "".join(
        json.dumps(dict(zip(names, map(float, row.split(",")), strict=True))) + "\n" for row in ROWS
    )
    (tmp_path / "day.jsonl").write_text(text)
    assert call("replay", str(tmp_path / "day.jsonl"), "--json").out == plain


def test_a_value_that_is_not_there_is_unknown(call: Call, tmp_path: Path) -> None:
    rows = [row.replace(",3270,", ",,") for row in ROWS]
    states = lines(call("replay", str(recording(tmp_path, rows)), "--json").out)
    assert states[-1]["ccl_a"] == 0.0  # a cell that nobody knows
    assert states[-1]["alarms"] != []


def test_the_table_may_be_a_file_beside_it(call: Call, tmp_path: Path) -> None:
    rows = [f"{t},0.00,1,3270,3270,3270,3270,25.0,25.0,0.5" for t in range(0, 3600, 10)]
    inline = call("replay", str(recording(tmp_path, rows)), "--json").out
    (tmp_path / "ocv_cell.csv").write_text("soc,ocv_v\n0.0,2.5\n0.1,3.2\n0.9,3.34\n1.0,3.6\n")
    for changes in (
        {"ocv_table": "ocv_cell.csv"},
        {"ocv_table": None, "parameter_set": "cell"},
    ):
        path = recording(tmp_path, rows, **changes)
        assert call("replay", str(path), "--json").out == inline


def test_the_curve_in_a_configuration_file_is_used_like_a_sheet_s(
    call: Call, tmp_path: Path
) -> None:
    rows = [f"{t},0.00,1,3270,3270,3270,3270,25.0,25.0,0.5" for t in range(0, 3600, 10)]
    path = recording(tmp_path, rows, ocv_table=None)
    curve = "ocv_soc_percent = [0, 10, 90, 100]\nocv_v = [2.5, 3.2, 3.34, 3.6]\n"
    ends = {}
    for name, text in (("plain", CONFIG), ("curve", CONFIG + curve)):
        (tmp_path / "c.toml").write_text(text)
        out = call("replay", str(path), "--json", "--config", str(tmp_path / "c.toml")).out
        ends[name] = lines(out)[-1]["soc_percent"]
    assert ends["plain"] == pytest.approx(70.0, abs=0.5)
    assert ends["curve"] == pytest.approx(50.0, abs=5.0)


def test_a_configuration_file_describes_the_pack(call: Call, tmp_path: Path) -> None:
    path = recording(tmp_path, ROWS)
    (tmp_path / "c.toml").write_text(CONFIG)
    states = lines(call("replay", str(path), "--json", "--config", str(tmp_path / "c.toml")).out)
    assert states[-1]["cvl_v"] == pytest.approx(13.8)  # the preset's 3.45 V
    (tmp_path / "day.json").unlink()
    called = call("replay", str(path), "--json", "--config", str(tmp_path / "c.toml"))
    assert lines(called.out)[-1]["cvl_v"] == pytest.approx(13.8)
    called = call("replay", str(path), "--config", str(tmp_path / "c.toml"), "--pack", "x")
    assert called.status == 1
    assert "there is no pack 'x'" in called.err


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"chemistry": "lead"}, "chemistry = 'lead' is none of LFP, NMC, LTO"),
        ({"n_cells": 0}, "n_cells = 0 is outside 2..32"),
        ({"nominal_ah": "100"}, "nominal_ah = '100' is no number"),
        ({"v_charge_limit": 2.0}, "charge_voltage_v = 2 must be greater than"),
        ({"soc_hint_wrong": 70}, "soc_hint_wrong = 70 is outside 0..1"),
        ({"ocv_table": [[0, 1], [3]]}, "ocv_table must be"),
        ({"ocv_table": [[1, 0], [3, 4]]}, "ocv_table must be"),
        ({"ocv_table": "lost.csv"}, "lost.csv, which cannot be read"),
    ],
)
def test_a_wrong_sheet_is_told_and_not_guessed(
    call: Call, tmp_path: Path, changes: dict[str, object], says: str
) -> None:
    called = call("replay", str(recording(tmp_path, ROWS, **changes)))
    assert (called.status, called.out) == (1, "")
    assert says in called.err


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "is empty"),
        ("time,current_a\n1,2\n", "there is no column t_s"),
        ("t_s,current_a\n1,x\n", "line 2: could not convert"),
        ("t_s,current_a\n1\n", "line 2: 1 fields, the first line has 2"),
        ('{"t_s": 1}\n{"t_s"\n', "line 2 is no JSON"),
        ('{"t_s": 1}\n{"current_a": 2}\n', "line 2: t_s is missing"),
        ('{"t_s": 1, "current_a": "2"}\n', "current_a is no number"),
    ],
)
def test_a_broken_recording_is_told_with_its_line(
    call: Call, tmp_path: Path, content: str, says: str
) -> None:
    path = recording(tmp_path, ROWS)
    path.write_text(content)
    called = call("replay", str(path))
    assert called.status == 1
    assert says in called.err


def test_a_cut_packed_file_is_told(call: Call, tmp_path: Path) -> None:
    path = recording(tmp_path, ROWS, "day.csv.gz")
    path.write_bytes(path.read_bytes()[:-20])
    called = call("replay", str(path))
    assert called.status == 1
    assert "cannot be read" in called.err


def test_a_file_that_is_not_there_and_a_sheet_that_is_not_there(call: Call, tmp_path: Path) -> None:
    called = call("replay", str(tmp_path / "no.csv"))
    assert (called.status, called.err) == (1, f"cellwarden: {tmp_path / 'no.csv'} is no file\n")
    path = recording(tmp_path, ROWS)
    (tmp_path / "day.json").unlink()
    called = call("replay", str(path))
    assert called.status == 1
    assert "day.json is missing" in called.err


def test_the_same_recording_gives_the_same_bytes(call: Call, tmp_path: Path) -> None:
    path = str(recording(tmp_path, ROWS))
    assert call("replay", path, "--json").out == call("replay", path, "--json").out
