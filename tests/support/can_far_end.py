"""The far end of a CAN bus in another process: hears everything, sends what it is told."""

import json
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Heard:
    at_s: float
    """Monotonic, the same clock in every process of a machine."""
    can_id: int
    extended: bool
    data: bytes


class FarEnd:
    """Another node: `heard` fills up by itself, `say("305#00")` sends."""

    def __init__(self, group: str, port: int) -> None:
        self.group, self.port = group, port
        self.heard: list[Heard] = []
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("can_listener.py")), group, str(port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            at_s, can_id, extended, data = json.loads(line)
            self.heard.append(Heard(at_s, can_id, extended, bytes.fromhex(data)))

    def of(self, can_id: int) -> list[Heard]:
        return [h for h in self.heard if h.can_id == can_id]

    def say(self, frame: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(frame + "\n")
        self._process.stdin.flush()

    def close(self) -> None:
        self._process.kill()
        self._process.wait()
        self._reader.join()
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
