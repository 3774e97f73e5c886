"""`cellwarden commission`: the guide beside a running controller, the trials, the report."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from cellwarden.cli import main
from cellwarden.model import PackPhase, preset
from cellwarden.repair.checklist import Result
from cellwarden.runtime.folders import private
from cellwarden.runtime.status import StatusServer, document
from cellwarden_hardware.commission import trials
from cellwarden_hardware.commission.trials import run_trials
from support.packs import parameters, reading
from support.states import bank_state, pack_state

pytestmark = pytest.mark.requirement("R41")


@pytest.mark.requirement("R10")
@pytest.mark.requirement("R11")
@pytest.mark.parametrize(
    ("chemistry", "cells"), [("LiFePO4", 16), ("LiFePO4", 8), ("Li-ion", 14), ("LTO", 20)]
)
def test_every_protection_acts_on_the_emulated_pack(chemistry: str, cells: int) -> None:
    done = list(run_trials(chemistry, preset(chemistry, cell_count=cells, design_capacity_ah=100)))
    assert [j.check for j in done] == [
        "trial-ovp",
        "trial-uvp",
        "trial-charge-ocp",
        "trial-discharge-ocp",
        "trial-charge-hot",
        "trial-charge-cold",
        "trial-discharge-hot",
    ]
    assert {j.result for j in done} == {Result.GOOD}


def test_a_trial_that_does_not_act_is_bad() -> None:
    # A delay longer than anybody waits: the trial must not be called good.
    slow = preset("LiFePO4", cell_count=16, design_capacity_ah=100)
    cut = [replace(t, delay_s=0.0) for t in trials.trials(slow) if t.name == "charge-ocp"]
    (judged,) = [
        trials._run(t, "LiFePO4", replace(slow, charge_overcurrent_delay_s=600.0)) for t in cut
    ]
    assert judged.result is Result.BAD
    assert "not at all" in judged.text


def told(looks: int, **changes: object) -> dict[str, object]:
    """What the controller says at the n-th look: sensors warm and currents flow as asked."""
    warm = 21.0 + 0.5 * looks
    now = reading(
        1.0,
        settings={"cell_count": 16.0, "cell_overvoltage_v": 3.6, "design_capacity_ah": 100.0},
        temperatures_c=(warm, warm),
        **changes,
    )
    pack = pack_state(
        pack="left", reading=now, cell_sum_v=52.8, chemistry="LiFePO4", parameters=parameters()
    )
    return document(bank_state(packs=(pack,)), 2.0, {}, "monitor")


def commission(
    folder: Path, describe: Callable[[], dict[str, object]], *words: str, said: str = ""
) -> subprocess.CompletedProcess[str]:
    async def scenario() -> subprocess.CompletedProcess[str]:
        server = StatusServer(private(folder), describe)
        await server.start()
        try:
            return await asyncio.to_thread(
                subprocess.run,
                [sys.executable, "-m", "cellwarden", "commission", *words,
                 "--runtime-dir", str(folder)],
                input=said, capture_output=True, text=True, timeout=60, check=False,
            )  # fmt: skip
        finally:
            await server.stop()

    return asyncio.run(scenario())


class Controller:
    """Answers looks; each warms the sensors by half a kelvin."""

    def __init__(self, **changes: object) -> None:
        self.looks = 0
        self.changes = changes

    def __call__(self) -> dict[str, object]:
        self.looks += 1
        return told(self.looks, **self.changes)


ANSWERS = "y\ny\ny\ny\n52.8\n3.300\nskip\nskip\n0\ny\nskip\nskip\nAda\n"


def test_a_person_is_led_through_and_signs_the_report(tmp_path: Path) -> None:
    report = tmp_path / "report.txt"
    done = commission(tmp_path / "run", Controller(), "--report", str(report), said=ANSWERS)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "P2 pin 11  B+" in done.stdout
    assert "ok   every cell 1 to 5 V: 16 cells" in done.stdout
    text = report.read_text()
    assert "signed off by: Ada" in text
    assert "READY AS FAR AS CHECKED" in text
    assert "ok   cell over-voltage (emulated): the BMS opened after" in text
    assert "heating film: no heating film  (R36)" in text


def test_one_bad_check_makes_it_not_ready(tmp_path: Path) -> None:
    cells = {"cell_voltages_v": (3.3,) * 15 + (0.4,)}
    done = commission(tmp_path / "run", Controller(**cells), said=ANSWERS)
    assert done.returncode == 1
    assert "BAD  every cell 1 to 5 V: outside 1..5 V: cell 16 0.400 V" in done.stdout
    assert "NOT READY: 1 checks are bad" in done.stdout


def test_a_sensor_that_warms_is_good(tmp_path: Path) -> None:
    class Warming(Controller):
        def __call__(self) -> dict[str, object]:
            self.looks += 2
            return super().__call__()

    answers = "y\ny\ny\ny\n52.8\n3.300\n\n\n0\ny\nskip\nskip\nAda\n"
    done = commission(tmp_path / "run", Warming(), said=answers)
    assert "ok   T1 by hand: from" in done.stdout


def test_a_bad_answer_is_asked_again_and_silence_is_never_good(tmp_path: Path) -> None:
    done = commission(tmp_path / "run", Controller(), said="perhaps\n")
    assert "answer yes, no or skip" in done.stdout
    assert " -   P-/C- and B-: nobody answered" in done.stdout
    assert "READY AS FAR AS CHECKED" in done.stdout


def test_a_program_gets_one_object_a_line(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    done = commission(
        tmp_path / "run", Controller(), "--json", "--report", str(report), said=ANSWERS
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert lines[0]["ask"] == "leads"
    assert {line["check"] for line in lines if "check" in line} >= {"cells", "trial-ovp"}
    data = json.loads(report.read_text())
    assert data["signed_by"] == "Ada"
    assert data["cells"] == 16


def test_a_pack_that_does_not_answer_is_said_so(tmp_path: Path) -> None:
    pack = pack_state(pack="left", phase=PackPhase.LOST, reading=None)
    silent = document(bank_state(packs=(pack,)), 2.0, {}, "monitor")
    done = commission(tmp_path / "run", lambda: silent)
    assert done.returncode == 1
    assert "left does not answer now" in done.stderr


def test_with_several_packs_one_must_be_named(tmp_path: Path) -> None:
    several = document(bank_state(), 2.0, {}, "monitor")
    done = commission(tmp_path / "run", lambda: several)
    assert done.returncode == 1
    assert "say which pack: left, right" in done.stderr


def test_the_pin_table_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    drawing = tmp_path / "pins.svg"
    assert main(["commission", "--pins", "16", "--svg", str(drawing)]) == 0
    assert "P1 pin  1  B-   pack minus" in capsys.readouterr().out
    assert drawing.read_text().startswith("<svg")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("--pins", "40"), "made for 2 to 24"),
        (("--svg", "x.svg"), "give --pins CELLS with it"),
    ],
)
def test_a_wrong_call_says_what_to_do(
    words: tuple[str, ...], why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["commission", *words]) == 1
    assert why in capsys.readouterr().err
