"""The recorder: the last hours at full rate in a bounded ring of files, kept around every alarm.

Files of ten minutes, each of which can be replayed by itself. They lie in memory (the runtime
folder) unless the configuration names another place; what is kept around an alarm is copied to the
state folder, rarely. Writing happens in a thread of its own; a full queue or disk costs the
recording, never a decision.
"""

import gzip
import io
import json
import logging
import queue
import shutil
import threading
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from cellwarden.errors import ConfigError
from cellwarden.model import AlarmKind, BankState
from cellwarden.replay.record import Decision, Setup, Step, Writer, text

LOG = logging.getLogger(__name__)

FOLDER = "record"
KEPT_FOLDER = "record-kept"
PART_S = 600.0
"""Real s that one file holds."""
FLUSH_S = 5.0
"""Real s after which what was written can be read from outside; each time costs some bytes."""
GATHER_S = 2.0
"""Real s for which events are gathered: waking the thread costs more than its work."""
BEFORE_PARTS = 2
"""Files before the one with the alarm that are kept with it: at least ten minutes."""
AFTER_S = 300.0
KEPT = 5
"""Alarms kept at most; the oldest goes first."""
KEEP_EVERY_S = 1800.0
"""A second alarm within this time is seen in the same copy or not at all: it is flash."""
WAITING = 60
"""Batches that may wait for the thread: two minutes."""

Event = Step | Decision


class Recorder:
    """Takes every step and decision. Nothing here ever blocks or raises into the control loop."""

    def __init__(
        self, folder: Path, keep_in: Path, setup: Setup, *, hours: float, megabytes: float
    ) -> None:
        self.folder = folder / FOLDER
        self._kept = keep_in / KEPT_FOLDER
        self._setup = setup
        self._parts = max(3, round(hours * 3600.0 / PART_S))
        self._bytes = megabytes * 1e6
        self._work: queue.SimpleQueue[list[Event] | None] = queue.SimpleQueue()
        self._gathered: list[Event] = []
        self._handed_over_s = float("-inf")
        self._thread = threading.Thread(target=self._main, name="recorder", daemon=True)
        self._alarms: frozenset[tuple[AlarmKind, str]] = frozenset()
        self._lost = False
        self._keep_at_s: float | None = None
        self._kept_s = float("-inf")
        self._why = ""

    def start(self) -> None:
        """Start the writing thread."""
        self._thread.start()

    def take(self, event: Event) -> None:
        """Note what happened; the control loop calls it in the middle of its work."""
        self._gathered.append(event)

    def pass_on(self) -> None:
        """Give the thread what was gathered, if it is time; when the control loop has time."""
        now_s = time.monotonic()
        if now_s - self._handed_over_s >= GATHER_S:
            self._handed_over_s = now_s
            self._hand_over()

    def stop(self, timeout_s: float = 5.0) -> None:
        """Write what is waiting, then end."""
        self._hand_over()
        self._work.put(None)
        self._thread.join(timeout_s)

    def _hand_over(self) -> None:
        batch, self._gathered = self._gathered, []
        if self._work.qsize() >= WAITING:
            self._lost = True
        elif batch:
            self._work.put(batch)

    # -- the thread --------------------------------------------------------------------------

    def _main(self) -> None:
        try:
            self._write()
        except (OSError, TypeError, ValueError) as error:
            LOG.warning("the recorder stops (%s): control goes on without a recording", error)
            while self._work.get() is not None:
                pass

    def _write(self) -> None:
        tape: _Tape | None = None
        try:
            while (batch := self._work.get()) is not None:
                now_s = time.monotonic()
                # Where something was lost the file would not replay: a new one begins.
                if tape is None or self._lost or now_s - tape.begun_s >= PART_S:
                    self._lost = False
                    if tape is not None:
                        tape.close()
                    tape = _Tape(self._next(), self._setup, now_s)
                for event in batch:
                    tape.take(event)
                    if isinstance(event, Decision):
                        self._watch(event.state, tape, now_s)
                tape.show(now_s)
            if tape is not None and self._keep_at_s is not None:
                self._keep(tape)
        finally:
            if tape is not None:
                tape.close()

    def _watch(self, state: BankState, tape: "_Tape", now_s: float) -> None:
        """Keep the recording some minutes after a new alarm."""
        news = self._new_alarm(state)
        if news and self._keep_at_s is None and now_s - self._kept_s >= KEEP_EVERY_S:
            self._keep_at_s, self._why = now_s + AFTER_S, news
        if self._keep_at_s is not None and now_s >= self._keep_at_s:
            self._keep(tape)
            self._keep_at_s, self._kept_s = None, now_s

    def _new_alarm(self, state: BankState) -> str:
        """Return which alarm is new, empty for none."""
        alarms = frozenset((alarm.kind, alarm.pack) for alarm in state.alarms)
        new = alarms - self._alarms
        self._alarms = alarms
        return min(kind.value for kind, _ in new) if new else ""

    def _next(self) -> Path:
        """Return the next file of the ring, and remove what is beyond its bounds."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        parts = parts_in(self.folder)
        number = 1 + int(parts[-1].name.split(".")[0]) if parts else 1
        size = 0
        for n, path in enumerate(reversed(parts), 1):
            size += path.stat().st_size
            if n >= self._parts or size > self._bytes:
                path.unlink(missing_ok=True)
        return self.folder / f"{number:08d}.jsonl.gz"

    def _keep(self, tape: "_Tape") -> None:
        """Copy the last files aside."""
        tape.file.flush()
        why = self._why
        stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
        name = f"{stamp}-{why.replace(' ', '-')}"
        self._kept.mkdir(mode=0o700, parents=True, exist_ok=True)
        target = self._kept / name
        target.mkdir(mode=0o700, exist_ok=True)
        for path in parts_in(self.folder)[-1 - BEFORE_PARTS :]:
            shutil.copyfile(path, target / path.name)
        for old in sorted(p for p in self._kept.iterdir() if p.is_dir())[:-KEPT]:
            shutil.rmtree(old, ignore_errors=True)
        LOG.info("kept the recording around the alarm %s: cellwarden record list", why)


class _Flushing(gzip.GzipFile):
    """A gzip file whose flush leaves everything so far readable."""

    def flush(self, zlib_mode: int = zlib.Z_SYNC_FLUSH) -> None:
        super().flush(zlib_mode)


class _Tape:
    """One file of the ring while it is written."""

    def __init__(self, path: Path, setup: Setup, now_s: float) -> None:
        self.begun_s = self._shown_s = now_s
        self.file: TextIO = io.TextIOWrapper(_Flushing(path, "wb", 6), encoding="utf-8", newline="")
        self._writer = Writer(setup, time.time())
        self.file.write(text(self._writer.head()))

    def take(self, event: Event) -> None:
        writer = self._writer
        lines = writer.step(event) if isinstance(event, Step) else writer.decision(event)
        self.file.writelines(map(text, lines))

    def show(self, now_s: float) -> None:
        """Let everything so far be read from outside, if it is time."""
        if now_s - self._shown_s >= FLUSH_S:
            self._shown_s = now_s
            self.file.flush()

    def close(self) -> None:
        self.file.close()


def parts_in(folder: Path) -> list[Path]:
    """Return the files of a recording, the oldest first."""
    return sorted(folder.glob("[0-9]*.jsonl.gz"))


def kept_in(folder: Path) -> list[Path]:
    """Return what was kept around alarms, the oldest first."""
    kept = folder / KEPT_FOLDER
    return sorted(p for p in kept.iterdir() if p.is_dir()) if kept.is_dir() else []


def lines_of(path: Path) -> Iterator[str]:
    """Yield the whole lines of a file, also of one that is being written or was cut off."""
    try:
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for line in lines:
                if line.endswith("\n"):
                    yield line
    except EOFError:
        return
    except (OSError, zlib.error, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error


def export(folder: Path, target: Path) -> int:
    """Write all parts of a recording into one file; return how many lines. ConfigError if none."""
    parts = parts_in(folder)
    if not parts:
        raise ConfigError(f"there is no recording in {folder}: is recorder_hours 0?")
    count = 0
    try:
        with gzip.open(target, "wt", encoding="utf-8", newline="") as file:
            for part in parts:
                for line in lines_of(part):
                    file.write(line)
                    count += 1
    except OSError as error:
        raise ConfigError(f"cannot write {target}: {error.strerror}") from error
    if not count:
        target.unlink(missing_ok=True)
        raise ConfigError(
            f"nothing is written in {folder} yet: try again in {FLUSH_S + GATHER_S:g} s"
        )
    return count


def parsed(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the lines of an exported recording; ConfigError for one that is no JSON."""
    for number, line in enumerate(lines_of(path), 1):
        try:
            document = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise ConfigError(f"{path}, line {number} is no JSON: {error}") from error
        if isinstance(document, dict):
            yield document
