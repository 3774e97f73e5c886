"""`cellwarden repair` as a person and as a program use it."""

import asyncio
import json
import os
import pty
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from cellwarden.diagnosis.diagnosis import Diagnosis
from cellwarden.model import Finding, Urgency
from cellwarden.runtime.folders import private
from cellwarden.runtime.status import StatusServer, document
from support.command import Call
from support.states import bank_state, pack_state

CURE = "2k\nstays\n4.9\n\ngone\n"


def repair(state: Path, *words: str, said: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "cellwarden", "repair", *words, "--state-dir", str(state)],
        input=said,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_without_a_name_they_are_listed(call: Call) -> None:
    called = call("repair")
    assert called.status == 0
    assert "processor-exception" in called.out
    assert "does-not-start" in called.out
    assert "`cellwarden repair PROCEDURE` leads through one." in called.out


def test_a_name_that_is_not_there_says_where_to_look(call: Call) -> None:
    called = call("repair", "procesor")
    assert called.status == 1
    assert "there is no procedure 'procesor'; `cellwarden repair` lists them" in called.err


def test_a_person_is_led_to_the_verdict_and_gets_a_report(tmp_path: Path) -> None:
    report = tmp_path / "report.txt"
    done = repair(tmp_path, "processor-exception", "--report", str(report), said=CURE)
    assert done.returncode == 0
    assert "! Switch charger and load off" in done.stdout
    assert "   points:   A - B" in done.stdout
    assert "   expected: 4.5 to 5.2 V" in done.stdout
    assert "Verdict: The board is repaired." in done.stdout
    text = report.read_text()
    assert "found:    2000 ohm - no short" in text
    assert "Verdict: The board is repaired." in text


def test_a_bad_reading_gets_a_clear_question_again(tmp_path: Path) -> None:
    done = repair(tmp_path, "processor-exception", said="about a hundred\n" + CURE)
    assert done.returncode == 0
    assert "'about a hundred' is no reading: write a number in ohm" in done.stdout


def test_a_sitting_that_ends_goes_on_where_it_was(tmp_path: Path) -> None:
    first = repair(tmp_path, "processor-exception", said="2k\nstays\n")
    assert first.returncode == 1
    assert "Kept. The same command goes on here." in first.stdout
    second = repair(tmp_path, "processor-exception", said="4.9\n\ngone\n")
    assert second.returncode == 0
    assert "Going on after 2 answers" in second.stdout
    assert not (tmp_path / "repair" / "processor-exception.json").exists()


def test_restart_begins_anew(tmp_path: Path) -> None:
    repair(tmp_path, "processor-exception", said="2k\nstays\n")
    done = repair(tmp_path, "processor-exception", "--restart", said="q\n")
    assert "Going on" not in done.stdout
    assert "1. Board without power" in done.stdout


def test_one_step_back(tmp_path: Path) -> None:
    done = repair(tmp_path, "processor-exception", said="50\nb\n" + CURE)
    assert done.returncode == 0
    assert "Verdict: The board is repaired." in done.stdout


@pytest.mark.parametrize("text", ["{", "[]", '{"procedure": "heater"}', "null"])
def test_a_damaged_sitting_is_said_so_and_begun_anew(tmp_path: Path, text: str) -> None:
    folder = tmp_path / "repair"
    folder.mkdir()
    (folder / "heater.json").write_text(text)
    done = repair(tmp_path, "heater", said="q\n")
    assert done.returncode == 1
    assert "heater.json is not used" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_program_talks_in_lines_of_json(tmp_path: Path) -> None:
    done = repair(tmp_path, "processor-exception", "--json", said="what\n" + CURE)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert lines[0]["step"] == "ab-resistance"
    assert lines[0]["unit"] == "ohm"
    assert "is no reading" in lines[1]["refused"]
    assert lines[-1]["verdict"]["solved"] is True
    assert [a["step"] for a in lines[-1]["answers"]][-1] == "second-power"


def test_a_report_that_cannot_be_written_says_why(tmp_path: Path) -> None:
    done = repair(tmp_path, "low-cell", "--report", str(tmp_path / "no" / "r.txt"), said="0.1\n")
    assert done.returncode == 1
    assert "cannot write the report" in done.stderr


def test_on_a_terminal_it_can_be_answered_by_hand(tmp_path: Path) -> None:
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "cellwarden", "repair", "low-cell", "--state-dir", str(tmp_path)],
        stdin=follower,
        stdout=follower,
        stderr=follower,
        close_fds=True,
    )
    os.close(follower)
    os.write(leader, b"0.2\n")
    seen = b""
    while b"Verdict" not in seen:
        seen += os.read(leader, 4096)
    assert process.wait(30) == 0
    os.close(leader)


# -- from a finding ---------------------------------------------------------------------------


def finding(what: str, procedure: str) -> Finding:
    return Finding(code="x", what=what, evidence="e", confidence=0.9, procedure=procedure)


async def _asked(folder: Path, answer: Mapping[str, object], *words: str) -> tuple[int, str, str]:
    server = StatusServer(private(folder), lambda: dict(answer))
    await server.start()
    try:
        done = await asyncio.to_thread(
            repair, folder, *words, "--runtime-dir", str(folder), said="q\n"
        )
    finally:
        await server.stop()
    return done.returncode, done.stdout, done.stderr


def told(*findings: Finding) -> dict[str, object]:
    """What a controller says, in the order in which `diagnose` numbers its findings."""
    state = bank_state(packs=(pack_state(pack="left", findings=findings),))
    diagnosis = Diagnosis(())
    found = diagnosis.report(diagnosis.start(0.0), state)
    return {**document(state, 1001.0, {}, "monitor"), "diagnosis": found}


@pytest.mark.parametrize(
    ("number", "said"),
    [("1", "Frames are lost or damaged"), ("2", "The heater draws nothing")],
)
def test_it_opens_the_procedure_of_the_finding_that_diagnose_numbers_so(
    tmp_path: Path, number: str, said: str
) -> None:
    # The urgent one comes first there, whatever the order in the state.
    urgent = replace(finding("bus", "data-link"), urgency=Urgency.NOW)
    answer = told(finding("cold", "heater"), urgent)
    _, out, _ = asyncio.run(_asked(tmp_path / "run", answer, "--from-finding", number))
    assert said in out


def test_a_finding_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    status, _, err = asyncio.run(_asked(tmp_path / "run", told(), "--from-finding", "3"))
    assert status == 1
    assert "there is no finding 3: there are 0 now" in err
