"""Processes that tests start for real, on loopback and free ports, ended by their own id."""

import contextlib
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from support.tools import require_tool

T = TypeVar("T")


def free_port() -> int:
    """Return a TCP port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def until(get: Callable[[], T | None], timeout_s: float, what: str) -> T:
    """Return the first result that is neither None nor False, or fail with what was waited for."""
    end_s = time.monotonic() + timeout_s
    while time.monotonic() < end_s:
        if (found := get()) not in (None, False):
            return found  # type: ignore[return-value]  # None was just left out
        time.sleep(0.02)
    raise AssertionError(f"waited {timeout_s:g} s in vain for {what}")


class Lines:
    """A process whose standard output is read line by line in the background."""

    def __init__(
        self, command: Sequence[str | Path], *, env: dict[str, str] | None = None,
        log: Path | None = None,
    ) -> None:  # fmt: skip
        self._log = log.open("w") if log else None
        self.process = subprocess.Popen(
            [str(word) for word in command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **(env or {})},
        )
        self.lines: list[tuple[float, str]] = []
        """(monotonic s, line)"""
        self._new: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with contextlib.suppress(ValueError):
            for line in self.process.stdout:
                self.lines.append((time.monotonic(), line.rstrip("\n")))
                self._new.put(line.rstrip("\n"))

    def next_line(self, timeout_s: float = 15.0) -> str:
        """Return the next line that was not taken yet."""
        return self._new.get(timeout=timeout_s)

    def say(self, line: str) -> None:
        """Write a line to its standard input."""
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def end(self, number: int = signal.SIGTERM, timeout_s: float = 15.0) -> int:
        """Send a signal, wait, and return the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            status = self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        self._thread.join(5.0)
        if self._log is not None:
            self._log.close()
        return status


class Terminal:
    """A process on a terminal of its own, as a person starts it."""

    def __init__(self, command: Sequence[str]) -> None:
        self._ours, theirs = os.openpty()
        os.set_blocking(self._ours, False)
        self.process = subprocess.Popen(
            command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
            env={**os.environ, "TERM": "xterm"},
        )  # fmt: skip
        os.close(theirs)
        self._shown = b""

    def shown(self) -> bytes:
        """Return everything that was written so far."""
        with contextlib.suppress(OSError):  # nothing new, or the process ended
            while data := os.read(self._ours, 65536):
                self._shown += data
        return self._shown

    def interrupt(self, timeout_s: float = 15.0) -> int:
        """Press Ctrl-C and return the exit status."""
        self.process.send_signal(signal.SIGINT)
        end_s = time.monotonic() + timeout_s
        while self.process.poll() is None and time.monotonic() < end_s:
            self.shown()  # a terminal that nobody reads holds its writer up
            time.sleep(0.02)
        return self.process.wait(0.1)

    def close(self) -> None:
        """End it, whatever it does."""
        self.process.kill()
        self.process.wait()
        os.close(self._ours)


@contextlib.contextmanager
def started(
    command: Sequence[str | Path], *, env: dict[str, str] | None = None, log: Path | None = None
) -> Iterator[Lines]:
    """Run a process for the time of a block."""
    process = Lines(command, env=env, log=log)
    try:
        yield process
    finally:
        process.end()


@contextlib.contextmanager
def dbus_daemon(folder: Path) -> Iterator[str]:
    """Run a private D-Bus daemon; gives its address."""
    tool = require_tool("dbus-daemon", "dbus-daemon")
    config = folder / "bus.conf"
    config.write_text(
        f"""<busconfig>
  <type>session</type>
  <listen>unix:dir={folder}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/>
  </policy>
</busconfig>"""
    )
    command = [tool, f"--config-file={config}", "--nofork", "--print-address"]
    with started(command) as daemon:
        yield daemon.next_line().strip()


def at_broker(port: int) -> tuple[str, ...]:
    """Return how Mosquitto's clients name a broker here: not every machine knows `localhost`."""
    return "-h", "127.0.0.1", "-p", str(port)


@contextlib.contextmanager
def mosquitto(folder: Path, port: int | None = None) -> Iterator[tuple[int, Lines]]:
    """Run a broker on loopback; gives its port and process."""
    tool = require_tool("mosquitto", "mosquitto")
    port = port or free_port()
    config = folder / f"mosquitto-{port}.conf"
    config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\nuser root\n")
    with started([tool, "-c", config], log=folder / "mosquitto.log") as broker:
        until(lambda: _answers(port), 10.0, "the broker")
        yield port, broker


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1.0):
        return True
    return False


def cellwarden(*arguments: str) -> list[str]:
    """Return the command line of the program under test, in this very interpreter."""
    return [sys.executable, "-m", "cellwarden", *arguments]


def status(runtime_dir: Path) -> dict[str, Any] | None:
    """Return the status document of a running controller, None if there is no answer yet."""
    from cellwarden.errors import LinkError
    from cellwarden.runtime.status import ask

    try:
        return ask(runtime_dir)
    except LinkError:
        return None
