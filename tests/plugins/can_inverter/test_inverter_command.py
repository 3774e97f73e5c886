"""`cellwarden inverter` as its own process, beside an inverter in another one or on a pty."""

import json
import os
import select
import socket
import subprocess
import threading
import time
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from cellwarden.cli import main
from support.can_far_end import FarEnd, Heard
from support.processes import cellwarden

HEARTBEAT = "305#0000000000000000"


def on(inverter: FarEnd, *words: str) -> list[str]:
    bus = ["--interface", "udp_multicast", "--channel", inverter.group]
    return cellwarden("inverter", *words, *bus, "--bus-option", f"port={inverter.port}")


def called(
    command: list[str], tmp_path: Path, *, timeout_s: float = 60
) -> subprocess.CompletedProcess[str]:
    """Run it; a check asks for a controller in this test's folder and nowhere else."""
    if "check" in command:
        command = [*command, "--runtime-dir", str(tmp_path / "cellwarden")]
    environment = {**os.environ, "HOME": str(tmp_path)}
    return subprocess.run(
        command, capture_output=True, text=True, timeout=timeout_s, env=environment, check=False
    )


def report(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(done.stdout)
    document["verdicts"] = {f["what"]: f["verdict"] for f in document["findings"]}
    document["texts"] = {f["what"]: f["text"] for f in document["findings"]}
    return document


@contextmanager
def reacting(inverter: FarEnd, react: Callable[[Heard], list[str]]) -> Iterator[None]:
    """Let the far end answer what it hears."""
    ended = threading.Event()

    def play() -> None:
        done = 0
        while not ended.wait(0.01):
            while done < len(inverter.heard):
                for frame in react(inverter.heard[done]):
                    inverter.say(frame)
                done += 1

    thread = threading.Thread(target=play)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@contextmanager
def repeating(act: Callable[[], object], every_s: float) -> Iterator[None]:
    ended = threading.Event()

    def play() -> None:
        while not ended.wait(every_s):
            act()

    thread = threading.Thread(target=play)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


@contextmanager
def controller(folder: Path, document: object) -> Iterator[None]:
    """A running controller, as far as its status socket."""
    (folder / "cellwarden").mkdir()
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(folder / "cellwarden" / "status.sock"))
    server.listen()

    def answer() -> None:
        with suppress(OSError):
            while True:
                client, _ = server.accept()
                client.sendall(json.dumps(document).encode())
                client.close()

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join(2.0)


# -- check, on CAN ---------------------------------------------------------------------------


def test_an_inverter_that_answers_passes_and_was_allowed_nothing(
    inverter: FarEnd, tmp_path: Path
) -> None:
    with reacting(inverter, lambda heard: [HEARTBEAT] if heard.can_id == 0x356 else []):
        began_s = time.monotonic()
        done = called(
            on(inverter, "check", "--profile", "deye", "--seconds", "4.4", "--json"), tmp_path
        )
    said = report(done)
    assert done.returncode == 0, done.stderr
    assert said["verdicts"] == {
        "bit rate": "good",
        "inverter": "good",
        "other batteries": "good",
        "limits": "cannot be told",
    }
    assert said["texts"]["limits"].startswith("it answers since frames are sent")
    assert said["heartbeat"]["period_s"] == pytest.approx(1.0, abs=0.2)
    (row,) = said["frames"]
    assert (row["can_id"], row["from"], row["meaning"]) == (
        "0x305", "inverter", "heartbeat of the inverter",
    )  # fmt: skip
    # It listened first, then told 0 A both ways and never anything else, to the last word.
    assert inverter.heard[0].at_s - began_s > 1.1
    assert {h.data[2:6] for h in inverter.of(0x351)} == {bytes(4)}
    assert {h.data[:2] for h in inverter.of(0x351)} == {b"\x00\x02"}  # 51.2 V
    assert {h.data[0] for h in inverter.of(0x35C)} == {0}
    assert "listening on" in done.stderr


def test_where_nobody_speaks_the_check_fails(inverter: FarEnd, tmp_path: Path) -> None:
    done = called(on(inverter, "check", "--dialect", "pylontech_lv", "--seconds", "1"), tmp_path)
    assert done.returncode == 1
    assert "bad" in done.stdout
    assert "no word from it" in done.stdout
    assert "nobody else spoke" in done.stdout


def test_beside_another_battery_nothing_is_sent(inverter: FarEnd, tmp_path: Path) -> None:
    def battery() -> None:
        inverter.say("351#1402740E740ECC01")
        inverter.say(HEARTBEAT)

    with repeating(battery, 0.2):
        done = called(
            on(inverter, "check", "--profile", "solis", "--seconds", "3", "--json"), tmp_path
        )
    said = report(done)
    assert done.returncode == 1
    assert said["verdicts"]["other batteries"] == "bad"
    assert "0x351" in said["texts"]["other batteries"]
    assert said["verdicts"]["inverter"] == "good"
    assert said["sent_s"] == 0
    assert {h.can_id for h in inverter.heard} == {0x351, 0x305}  # its own words


def sunny_island(heard: Heard) -> list[str]:
    """An SMA that does as it is told: charges with what is allowed, aims at what is told."""
    if heard.can_id != 0x351:
        return []
    cvl, ccl = (int.from_bytes(heard.data[n : n + 2], "little") for n in (0, 2))
    current = (-ccl) & 0xFFFF  # negative while charging
    return [
        "305#"
        + (523).to_bytes(2, "little").hex()
        + current.to_bytes(2, "little").hex()
        + "E600F401",
        "306#" + "64000A010000" + cvl.to_bytes(2, "little").hex(),
    ]


def test_what_ifs_are_walked_through_and_judged_by_what_the_inverter_measures(
    inverter: FarEnd, tmp_path: Path
) -> None:
    with reacting(inverter, sunny_island):
        done = called(
            on(inverter, "check", "--profile", "sma", "--seconds", "2", "--allow", "5",
               "--voltage", "52.3", "--what-if", "--step-seconds", "1.6", "--json"),
            tmp_path,
        )  # fmt: skip
    said = report(done)
    assert done.returncode == 0, done.stdout
    assert said["verdicts"] == {
        "bit rate": "good",
        "inverter": "good",
        "other batteries": "good",
        "limits": "good",
        "what if: CCL 0": "good",
        "what if: DCL 0": "good",
        "what if: alarm": "cannot be told",
        "what if: restart": "cannot be told",
    }
    assert said["texts"]["limits"] == "it aims at 52.3 V, told 52.3 V"
    told = [
        (int.from_bytes(h.data[2:4], "little"), int.from_bytes(h.data[4:6], "little"))
        for h in inverter.of(0x351)
    ]
    sequence = [pair for n, pair in enumerate(told) if n == 0 or pair != told[n - 1]]
    assert sequence == [(50, 50), (0, 50), (50, 50), (50, 0), (50, 50), (0, 0)]
    assert any(h.data[4:] not in (b"\0" * 4, b"\xaa" * 4) for h in inverter.of(0x35A))
    gaps = [
        b.at_s - a.at_s for a, b in zip(inverter.of(0x351), inverter.of(0x351)[1:], strict=False)
    ]
    assert max(gaps) > 1.2  # the restart


def test_a_controller_on_the_same_bus_is_not_spoken_over(inverter: FarEnd, tmp_path: Path) -> None:
    document = {"outputs": {"house": {"bus": f"udp_multicast:{inverter.group}"}}}
    with controller(tmp_path, document):
        done = called(on(inverter, "check", "--profile", "deye", "--seconds", "2"), tmp_path)
        assert done.returncode == 1
        assert "the running controller's output house speaks on" in done.stderr
        with repeating(lambda: inverter.say(HEARTBEAT), 0.2):
            done = called(
                on(inverter, "check", "--profile", "deye", "--seconds", "2", "--listen", "--json"),
                tmp_path,
            )
    assert done.returncode == 0, done.stderr
    assert report(done)["verdicts"].keys() == {"bit rate", "inverter", "other batteries"}
    assert {h.can_id for h in inverter.heard} == {0x305}  # its own words


def test_beside_a_controller_that_does_not_tell_where_it_speaks_nothing_is_sent(
    inverter: FarEnd, tmp_path: Path
) -> None:
    with controller(tmp_path, ["no status document"]):
        done = called(on(inverter, "check", "--profile", "deye", "--seconds", "1"), tmp_path)
    assert done.returncode == 1
    assert "the answer is no document" in done.stderr
    assert inverter.heard == []


def test_what_a_controller_on_another_bus_decides_can_be_told(
    inverter: FarEnd, tmp_path: Path
) -> None:
    bank = {
        "phase": "live", "voltage_v": 52.9, "current_a": -12.0, "temperature_c": 22.0,
        "soc_percent": 64.0, "soh_percent": 98.0, "charge_allowed": True,
        "discharge_allowed": True,
        "limits": {
            name: {"value": value, "reasons": []}
            for name, value in (
                ("charge_voltage", 55.2), ("charge_current", 40.0),
                ("discharge_current", 60.0), ("discharge_voltage", 48.0),
            )
        },
    }  # fmt: skip
    with (
        controller(tmp_path, {"outputs": {"other": {"bus": "socketcan:can7"}}, "bank": bank}),
        repeating(lambda: inverter.say(HEARTBEAT), 0.2),
    ):
        done = called(
            on(inverter, "check", "--profile", "deye", "--seconds", "1.2", "--from-controller"),
            tmp_path,
        )
    assert done.returncode == 0, done.stderr
    assert inverter.of(0x351)[0].data.hex() == "28029001" + "5802" + "e001"


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["check"], "say which inverter"),
        (["check", "--profile", "dye"], "did you mean deye?"),
        (["check", "--dialect", "pylontech_vl"], "did you mean pylontech_lv?"),
        (["check", "--dialect", "pylontech_rs485"], "needs --port"),
        (["check", "--profile", "deye", "--what-if"], "--what-if needs --allow"),
        (["check", "--profile", "deye", "--allow", "5"], "--allow needs --voltage"),
        (["check", "--profile", "deye", "--allow", "500", "--voltage", "52"], "up to 50 A"),
        (["check", "--profile", "deye", "--seconds", "0"], "--seconds takes"),
        (["check", "--profile", "deye", "--state", "/no/such"], "cannot be read"),
        (["check", "--profile", "deye", "--bus-option", "x"], "must be KEY=VALUE"),
        (["watch", "--profile", "deye", "--seconds", "-1"], "--seconds takes"),
        (["watch"], "say which inverter"),
        ([], "usage"),
    ],
)
def test_a_wrong_call_says_what_is_wrong(
    words: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["inverter", *words]) == 2
    assert says in capsys.readouterr().err


def test_a_bus_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    for action in ("check", "watch"):
        words = [action, "--profile", "deye", "--channel", "can99", "--seconds", "2"]
        done = called(cellwarden("inverter", *words), tmp_path)
        assert done.returncode == 1
        assert "socketcan:can99" in done.stderr
        assert "Traceback" not in done.stderr


# -- check, on RS485 -------------------------------------------------------------------------


@pytest.fixture
def line() -> Iterator[tuple[int, str]]:
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    yield ours, os.ttyname(theirs)
    os.close(ours)
    os.close(theirs)


def drained(descriptor: int) -> bytes:
    heard = b""
    while select.select([descriptor], [], [], 0)[0]:
        heard += os.read(descriptor, 4096)
    return heard


def test_an_inverter_on_rs485_is_checked_too(line: tuple[int, str], tmp_path: Path) -> None:
    ours, port = line
    polls = [b"~20024663E00202FD2E\r", b"~200246610000FDAB\r", b"~200246630000FDA9\r"]
    answers: list[bytes] = []

    def poll() -> None:
        for request in polls[1:]:
            os.write(ours, request)
            time.sleep(0.1)
            answers.append(drained(ours))

    with repeating(poll, 0.2):
        done = called(
            cellwarden("inverter", "check", "--dialect", "pylontech_rs485", "--port", port,
                       "--seconds", "3", "--json"),
            tmp_path,
        )  # fmt: skip
    said = report(done)
    assert done.returncode == 0, done.stdout
    assert said["verdicts"] == {
        "bit rate": "good",
        "inverter": "good",
        "other batteries": "good",
        "limits": "cannot be told",
    }
    assert "it asks for them (63H)" in said["texts"]["limits"]
    assert set(said["polled"]) == {"61", "63"}
    limits = {a for a in answers if a[9:13] == b"D012"}
    assert {(a[13:17], a[21:31]) for a in limits} == {(b"C800", b"0000000000")}  # 51.2 V, 0 A


def test_a_wrong_speed_on_rs485_is_told(line: tuple[int, str], tmp_path: Path) -> None:
    ours, port = line
    with repeating(lambda: os.write(ours, b"\xf8\x00\xe6\x1e\x80" * 4), 0.1):
        done = called(
            cellwarden("inverter", "check", "--dialect", "pylontech_rs485", "--port", port,
                       "--seconds", "2", "--listen"),
            tmp_path,
        )  # fmt: skip
    assert done.returncode == 1
    assert "characters and no frame among them at 9600 bit/s: wrong speed" in done.stdout


# -- watch -----------------------------------------------------------------------------------


def test_traffic_is_shown_as_json_lines(inverter: FarEnd, tmp_path: Path) -> None:
    def traffic() -> None:
        inverter.say("351#1402740E740ECC01")
        inverter.say(HEARTBEAT)
        inverter.say("123#01")
        inverter.say("355#01")

    with repeating(traffic, 0.3):
        done = called(
            on(inverter, "watch", "--profile", "deye", "--seconds", "1.2", "--json"), tmp_path
        )
    assert done.returncode == 0, done.stderr
    frames = {f["can_id"]: f for f in map(json.loads, done.stdout.splitlines())}
    assert (
        frames["0x351"].items()
        >= {
            "from": "battery",
            "meaning": "limits",
            "data_hex": "1402740E740ECC01",
            "charge_voltage_limit_V": 53.2,
            "charge_current_limit_A": 370.0,
        }.items()
    )
    assert (frames["0x305"]["from"], frames["0x123"]["from"]) == ("inverter", "unknown")
    assert frames["0x355"]["error"] == "length"


def test_without_a_terminal_it_is_a_line_for_each_frame(inverter: FarEnd, tmp_path: Path) -> None:
    with repeating(lambda: inverter.say("351#1402740E740ECC01"), 0.3):
        done = called(
            on(inverter, "watch", "--dialect", "pylontech_lv", "--seconds", "1.2"), tmp_path
        )
    first = done.stdout.splitlines()[0]
    assert "0x351" in first
    assert "battery" in first
    assert "limits: charge_voltage_limit_V 53.2  charge_current_limit_A 370.0" in first


def test_on_a_terminal_it_is_a_table_in_place(inverter: FarEnd, tmp_path: Path) -> None:
    screen, theirs = os.openpty()
    command = on(inverter, "watch", "--profile", "deye", "--seconds", "1.2")
    with repeating(lambda: inverter.say(HEARTBEAT), 0.2):
        process = subprocess.Popen(
            command, stdout=theirs, env={**os.environ, "HOME": str(tmp_path)}
        )
        os.close(theirs)
        shown = b""
        with suppress(OSError):  # the terminal ends with the process
            while piece := os.read(screen, 4096):
                shown += piece
    assert process.wait(10) == 0
    os.close(screen)
    assert b"\x1b[?1049h" in shown  # a picture, not a scroll
    assert b"0x305" in shown
    assert b"inverter: heartbeat of the inverter" in shown


def test_a_conversation_on_rs485_is_watched(line: tuple[int, str], tmp_path: Path) -> None:
    ours, port = line

    def conversation() -> None:
        os.write(ours, b"~20024692E00202FD2E\r")
        time.sleep(0.05)
        os.write(ours, b"~20024600B01402D002AFC80000FCE040F93F\r")
        os.write(ours, b"~20024642E002020000\r")

    with repeating(conversation, 0.3):
        done = called(
            cellwarden("inverter", "watch", "--dialect", "pylontech_rs485", "--port", port,
                       "--seconds", "2", "--json"),
            tmp_path,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = [json.loads(text) for text in done.stdout.splitlines()]
    request = next(f for f in lines if f["from"] == "inverter")
    answer = next(f for f in lines if f["from"] == "battery")
    damaged = next(f for f in lines if f.get("error"))
    assert request["meaning"] == "charge and discharge management"
    assert (answer["discharge_current_limit_A"], answer["status_hex"]) == (-80.0, "40")
    assert answer["frame_ascii"] == "~20024600B01402D002AFC80000FCE040F93F\r"
    assert damaged["error"] == "checksum"
