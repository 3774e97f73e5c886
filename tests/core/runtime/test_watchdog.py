"""A loop that hangs for real, in a process of its own."""

import subprocess
import sys
import time

import pytest

from cellwarden.runtime.watchdog import timeouts_are_monotonic

PROGRAM = """
import asyncio, logging, re, sys, time
from cellwarden.runtime.watchdog import Watchdog

logging.basicConfig(format="%(levelname)s %(message)s")
dog = Watchdog(0.5)

async def main():
    dog.start()
    for _ in range({beats}):
        await asyncio.sleep(0.1)
        dog.beat()
    {then}
    dog.stop()

asyncio.run(main())
print("the end")
"""


def run(then: str, beats: int = 2) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PROGRAM.format(then=then, beats=beats)],
        check=False,
        capture_output=True,
        text=True,
        timeout=30,
    )


def test_a_loop_that_blocks_ends_the_process_and_the_log_says_where() -> None:
    began_s = time.monotonic()
    ended = run("time.sleep(20)")
    assert ended.returncode == 70
    assert time.monotonic() - began_s < 10
    assert "CRITICAL the control loop has stood still for 0.5 s" in ended.stderr
    assert "in main" in ended.stderr
    assert ended.stdout == ""


def test_a_hang_that_holds_the_interpreter_ends_the_process_too() -> None:
    ended = run("re.match('(a+)+$', 'a' * 60 + 'b')")
    assert ended.returncode == 1
    assert "Timeout (0:00:00.6" in ended.stderr
    assert "in main" in ended.stderr


def test_a_loop_that_lives_is_left_alone() -> None:
    ended = run("pass", beats=12)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "the end\n", "")


def test_a_stop_is_given_the_patience_it_asks_for() -> None:
    ended = run("dog.beat(patience_s=10); await asyncio.sleep(1.2)")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "the end\n", "")


@pytest.mark.parametrize(
    ("library", "monotonic"),
    [("glibc 2.39", True), ("glibc 2.30", True), ("glibc 2.29", False), ("glibc ?", False),
     ("", False), (None, False)],
)  # fmt: skip
def test_a_library_whose_timeouts_follow_the_wall_clock_gets_no_second_guard(
    library, monotonic, monkeypatch
) -> None:
    monkeypatch.setattr("os.confstr", lambda name: library)
    assert timeouts_are_monotonic() is monotonic


@pytest.mark.system
def test_a_controller_whose_loop_hangs_ends_itself(tmp_path) -> None:
    from support import faulty_plugin
    from support.processes import Lines, cellwarden

    config = tmp_path / "cellwarden.toml"
    config.write_text(
        f"""
[controller]
watchdog_s = 2
poll_interval_s = 0.2
state_dir = "{tmp_path}/state"
runtime_dir = "{tmp_path}/run"
[[pack]]
name = "left"
driver = "jk-rs485"
port = "{tmp_path}/none"
chemistry = "LiFePO4"
cells = 16
capacity_ah = 110
[[output]]
plugin = "faulty-control"
fault = "hangs"
"""
    )
    log = tmp_path / "log"
    process = Lines(
        cellwarden("run", "--config", str(config)),
        env=faulty_plugin.install(tmp_path / "site"),
        log=log,
    )
    try:
        assert process.process.wait(30) == 70
    finally:
        process.end()
    assert "the control loop has stood still for 2 s" in log.read_text()
    assert "faulty_plugin.py" in log.read_text()
