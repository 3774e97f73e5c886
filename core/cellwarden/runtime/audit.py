"""The audit log: every write to a BMS, who asked, what became of it; and what was left half done.

A transaction is noted, and on the disk, before its first write. What a crash leaves behind is an
entry without an outcome: the next start finds it. Values of secrets are never kept.
"""

import json
import logging
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cellwarden.model import Outcome, Request, RequestKind, Step, Verdict
from cellwarden.runtime.database import open_database, put_aside

LOG = logging.getLogger(__name__)

FILE_NAME = "audit.db"
ENTRIES_KEPT = 10_000
"""The oldest go first; a house writes some dozens a year."""
_BEGUN = "begun"

_SCHEMA = """
create table if not exists entry (
    id integer primary key, at_s real not null, who text not null, pack text not null,
    kind text not null, asked text not null, verdict text not null, reason text not null,
    steps text not null, times integer not null default 1, settled integer not null default 1);
create index if not exists entry_unsettled on entry (settled) where settled = 0;
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of the log."""

    id: int
    at_s: float
    """Wall clock, s since 1970."""
    who: str
    pack: str
    kind: str
    """The text of a `RequestKind`."""
    asked: str
    """The value or the changes, for a person."""
    verdict: str
    """The text of a `Verdict`; `begun` where the controller ended in the middle."""
    reason: str
    steps: tuple[Step, ...]
    times: int = 1
    """How often it was asked in a row, where it was refused."""


class Audit:
    """The file. Every method may block on a slow disk, opens and closes it; any thread."""

    def __init__(self, folder: Path, wall_s: Callable[[], float] = time.time) -> None:
        self.path = folder / FILE_NAME
        self._wall_s = wall_s

    def begin(self, request: Request, pack: str, steps: Sequence[Step]) -> int:
        """Note what is about to be written; it is on the disk when this returns.

        OSError or sqlite3.Error if it cannot be: then nothing may be written.
        """
        row = self._row(request, pack, _BEGUN, "", steps, settled=False)
        with self._open() as connection:
            number = connection.execute(_INSERT, row).lastrowid
        assert number is not None
        return number

    def end(self, number: int, outcome: Outcome) -> None:
        """Note what became of it."""
        settled = outcome.verdict is not Verdict.HALF_DONE
        with self._open() as connection:
            connection.execute(
                "update entry set verdict = ?, reason = ?, steps = ?, settled = ? where id = ?",
                (outcome.verdict.value, outcome.reason, _dumped(outcome.steps), settled, number),
            )

    def note(self, request: Request, outcome: Outcome, times: int = 1) -> None:
        """Note something that wrote nothing to a BMS: a refusal, an order, asked so many times.

        What is the same as the newest entry adds to its count.
        """
        with self._open() as connection:
            last = connection.execute(
                "select id, who, pack, kind, verdict, reason from entry order by id desc limit 1"
            ).fetchone()
            same = (
                request.who, request.pack, request.kind.value,
                outcome.verdict.value, outcome.reason,
            )  # fmt: skip
            if last is not None and last[1:] == same:
                connection.execute(
                    "update entry set times = times + ? where id = ?", (times, last[0])
                )
                return
            row = self._row(
                request, request.pack, outcome.verdict.value, outcome.reason, outcome.steps
            )
            connection.execute(_INSERT_TIMES, (*row, times))
            connection.execute(
                "delete from entry where settled and id <= (select max(id) from entry) - ?",
                (ENTRIES_KEPT,),
            )

    def unsettled(self) -> tuple[Entry, ...]:
        """Return what was left half done, oldest first."""
        return self._entries("where not settled order by id")

    def settle(self, number: int) -> None:
        """Note that something half done has been finished or undone."""
        with self._open() as connection:
            connection.execute("update entry set settled = 1 where id = ?", (number,))

    def entries(self, most: int = 100) -> tuple[Entry, ...]:
        """Return the newest entries, newest first."""
        return self._entries("order by id desc limit ?", most)

    def calibrated(self, pack: str, kind: str) -> tuple[tuple[float, float], ...]:
        """Return (shown before, calibrated to) of what was applied to a pack, oldest first."""
        done = self._entries(
            "where pack = ? and kind = ? and verdict = ? order by id",
            pack,
            kind,
            Verdict.APPLIED.value,
        )
        return tuple(
            (step.before, step.wanted)
            for entry in done
            for step in entry.steps
            if isinstance(step.before, float | int) and isinstance(step.wanted, float | int)
        )

    def _entries(self, rest: str, *values: object) -> tuple[Entry, ...]:
        with self._open() as connection:
            rows = connection.execute(
                "select id, at_s, who, pack, kind, asked, verdict, reason, steps, times"  # noqa: S608  # only constants
                f" from entry {rest}",
                values,
            ).fetchall()
        return tuple(_entry(row) for row in rows)

    def _row(
        self,
        request: Request,
        pack: str,
        verdict: str,
        reason: str,
        steps: Sequence[Step],
        *,
        settled: bool = True,
    ) -> tuple[object, ...]:
        return (
            self._wall_s(), request.who, pack, request.kind.value, asked_text(request),
            verdict, reason, _dumped(steps), settled,
        )  # fmt: skip

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            connection = open_database(self.path, _SCHEMA)
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError as error:
            put_aside(self.path, error, "the audit log")
            connection = open_database(self.path, _SCHEMA)
        try:
            yield connection
        finally:
            connection.close()


_INSERT = (
    "insert into entry (at_s, who, pack, kind, asked, verdict, reason, steps, settled)"
    " values (?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


_INSERT_TIMES = (
    "insert into entry (at_s, who, pack, kind, asked, verdict, reason, steps, settled, times)"
    " values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


def asked_text(request: Request) -> str:
    """Return what was asked for, for a person; never a secret."""
    if request.kind is RequestKind.PASSWORD:
        return "a new password"
    if request.changes:
        return ", ".join(f"{name} = {value}" for name, value in sorted(request.changes.items()))
    return "" if request.value is None else str(request.value)


def _dumped(steps: Sequence[Step]) -> str:
    return json.dumps([asdict(step) for step in steps])


def _entry(row: Sequence[Any]) -> Entry:
    *head, steps, times = row
    names = ("id", "at_s", "who", "pack", "kind", "asked", "verdict", "reason")
    try:
        known: tuple[Step, ...] = tuple(Step(**step) for step in json.loads(steps))
    except (TypeError, ValueError):
        known = ()  # written by a later version
    fields: Mapping[str, Any] = dict(zip(names, head, strict=True))
    return Entry(**fields, steps=known, times=times)
