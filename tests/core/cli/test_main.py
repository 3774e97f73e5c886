"""The command line as a whole: commands, help, errors, exit status, ends."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from cellwarden import __version__
from cellwarden.cli import BUILT_IN
from cellwarden.errors import ConfigError, LinkError
from cellwarden.hooks import CommandKind
from support.command import Call
from support.hosts import plugin, point

CELLWARDEN = [sys.executable, "-m", "cellwarden"]


def test_help_lists_every_command_also_those_of_plugins(call: Call) -> None:
    called = call("--help")
    assert called.status == 0
    for name in (*BUILT_IN, "greet"):
        assert f"\n  {name} " in called.out
    assert "say hello" in called.out


def test_no_command_shows_the_help_and_is_a_wrong_call(call: Call) -> None:
    called = call()
    assert (called.status, called.out) == (2, "")
    assert "commands:" in called.err


def test_version(call: Call) -> None:
    called = call("--version")
    assert (called.status, called.out) == (0, f"cellwarden {__version__}\n")


def test_a_misspelled_command_is_a_wrong_call_and_the_near_one_is_named(call: Call) -> None:
    called = call("stauts")
    assert called.status == 2
    assert called.err == (
        "cellwarden: there is no command 'stauts'; did you mean status?"
        f" commands: {', '.join(sorted({*BUILT_IN, 'greet'}))}\n"
    )


def test_a_command_of_a_plugin_runs_and_gives_the_status(call: Call) -> None:
    called = call("greet", "--status", "7")
    assert (called.status, called.out) == (7, "hello\n")


def test_a_wrong_option_of_a_command_is_a_wrong_call(call: Call) -> None:
    called = call("greet", "--statsu", "7")
    assert called.status == 2
    assert called.err.startswith("usage: cellwarden greet")


def test_help_of_a_command_needs_no_plugin(call: Call, points: list[EntryPoint]) -> None:
    points[:] = [point("lost", "no_such_module")]
    called = call("decode", "--help")
    assert (called.status, called.err) == (0, "")
    assert "usage: cellwarden decode" in called.out


def test_a_broken_plugin_does_not_take_the_help_away(call: Call, points: list[EntryPoint]) -> None:
    points.append(point("lost", "no_such_module"))
    called = call("--help")
    assert called.status == 0
    assert "  greet " in called.out
    assert called.err == (
        "cellwarden: plugin lost (no_such_module):"
        " ModuleNotFoundError: No module named 'no_such_module'\n"
    )


def test_two_plugins_with_one_command_do_not_take_the_help_away(
    call: Call, points: list[EntryPoint], monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = CommandKind(name="greet", summary="", configure=lambda p: None, run=lambda a: 0)
    points.append(plugin(monkeypatch, "twin", cellwarden_commands=lambda: [kind]))
    called = call("--help")
    assert called.status == 0
    assert "\n  run " in called.out
    assert "two plugins (fake and twin) offer the command 'greet'" in called.err


@pytest.mark.parametrize("name", BUILT_IN)
def test_the_list_of_built_in_commands_says_what_the_modules_say(name: str) -> None:
    module, summary = BUILT_IN[name]
    command = import_module(module).COMMAND
    assert (command.name, command.summary) == (name, summary)


def _raising(error: BaseException) -> Callable[[object], int]:
    def run(arguments: object) -> int:
        raise error

    return run


@pytest.mark.parametrize(
    ("error", "status", "printed"),
    [
        (ConfigError(["one", "two"]), 1, "cellwarden: one\ncellwarden: two\n"),
        (LinkError("/dev/ttyUSB0", "gone"), 1, "cellwarden: /dev/ttyUSB0: gone\n"),
        (KeyboardInterrupt(), 130, ""),
    ],
)
def test_what_a_command_raises_becomes_a_status_and_a_sentence(
    call: Call,
    points: list[EntryPoint],
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
    status: int,
    printed: str,
) -> None:
    kind = CommandKind(name="fail", summary="", configure=lambda p: None, run=_raising(error))
    points.append(plugin(monkeypatch, "failing", cellwarden_commands=lambda: [kind]))
    called = call("fail")
    assert (called.status, called.out, called.err) == (status, "", printed)


def test_a_reader_that_leaves_ends_it_quietly() -> None:
    process = subprocess.Popen(
        [*CELLWARDEN, "config", "schema"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    with process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 141


@pytest.mark.parametrize("words", [("config", "schema"), ("plugins",)])
def test_a_full_disk_is_told_in_one_line(words: tuple[str, ...]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*CELLWARDEN, *words], stdout=full, stderr=subprocess.PIPE, check=False
        )
    assert (done.returncode, done.stderr) == (1, b"cellwarden: No space left on device\n")


def test_ctrl_c_ends_it_quietly() -> None:
    process = subprocess.Popen(
        [*CELLWARDEN, "decode", "any", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with process:
        assert process.stdin is not None
        assert process.stderr is not None
        _wait_until_it_reads(process.pid)
        process.send_signal(signal.SIGINT)
        assert process.stderr.read() == b""
    assert process.returncode == 130


def _wait_until_it_reads(pid: int) -> None:
    """Wait until a process sleeps in a read of its standard input."""
    deadline_s = time.monotonic() + 20
    while time.monotonic() < deadline_s:
        if "pipe_read" in Path(f"/proc/{pid}/wchan").read_text():
            return
        if Path(f"/proc/{pid}/syscall").read_text().startswith("0 0x0 "):
            return
        time.sleep(0.02)
    pytest.fail("the process never read its standard input")


def test_help_imports_nothing_that_only_a_running_controller_needs() -> None:
    script = (
        "import sys\n"
        "from cellwarden.cli import main\n"
        "main(['--help'])\n"
        "print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    loaded = done.stderr.decode().split()
    assert "cellwarden.host" in loaded
    for heavy in ("asyncio", "can", "serial", "dbus_fast", "paho", "sqlite3", "ssl", "logging"):
        assert heavy not in loaded
