"""What survives: each pack's record and the last events, in SQLite.

Two files of the same shape. The durable one lies on flash and is written when something was
decided (a trip, a release), when a pack's SoC moved by 1 %, every few minutes, and on stop (F35).
The volatile one lies in memory (`/run`) and is written every few seconds, so that a kill loses
no more than that; a power cut loses at most the last minutes of counting, never a decision. At
start the newer of both is taken, pack by pack.

SQLite in WAL mode never leaves half a record behind. A file that cannot be read is put aside, not
deleted, and said so. Writing happens in a thread of its own: flash may stall for a second.
"""

import json
import logging
import queue
import sqlite3
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cellwarden.runtime.database import open_database, put_aside

LOG = logging.getLogger(__name__)

EVENTS_KEPT = 1000

_SCHEMA = """
create table if not exists pack (
    name text primary key, saved_s real not null, record text not null);
create table if not exists event (
    id integer primary key, at_s real not null, pack text not null, text text not null);
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved:
    """A pack's record as found at start."""

    record: Mapping[str, object]
    saved_s: float
    """Wall clock, s since 1970."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """An event as kept."""

    at_s: float
    """Wall clock, s since 1970."""
    pack: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Save:
    """What one write holds."""

    at_s: float
    """Wall clock, s since 1970."""
    records: Mapping[str, Mapping[str, object]]
    notes: tuple[Note, ...] = ()
    durable: bool = field(default=False)


class Store:
    """Reads at start, then writes in its own thread. `save` never blocks and never raises."""

    def __init__(self, durable: Path, volatile: Path | None) -> None:
        self._durable = durable
        self._volatile = volatile
        self._work: queue.SimpleQueue[Save | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._main, name="store", daemon=True)
        self._troubled: set[Path] = set()

    def load(self) -> dict[str, Saved]:
        """Return the newest record of every pack; an unreadable file counts as none."""
        found: dict[str, Saved] = {}
        for path in (self._durable, self._volatile):
            if path is None or not path.exists():
                continue
            for name, saved in _read(path).items():
                if name not in found or saved.saved_s > found[name].saved_s:
                    found[name] = saved
        return found

    def start(self) -> None:
        """Start the writing thread."""
        self._thread.start()

    def save(self, save: Save) -> None:
        """Hand over what is to be written."""
        if self._work.qsize() < 100 or save.durable:  # a stuck disk must not fill the memory
            self._work.put(save)

    def stop(self, timeout_s: float = 5.0) -> None:
        """Write what is waiting, then end."""
        self._work.put(None)
        self._thread.join(timeout_s)

    def _main(self) -> None:
        connections: dict[Path, sqlite3.Connection] = {}
        while (save := self._work.get()) is not None:
            path = self._durable if save.durable or self._volatile is None else self._volatile
            try:
                if path not in connections:
                    connections[path] = open_database(path, _SCHEMA)
                _write(connections[path], save)
                if path in self._troubled:
                    self._troubled.discard(path)
                    LOG.info("%s can be written again", path)
            except (sqlite3.Error, OSError, TypeError, ValueError) as error:
                if path not in self._troubled:
                    self._troubled.add(path)
                    LOG.warning(
                        "cannot save state to %s (%s): control goes on, but a restart will not"
                        " remember; check free space and permissions",
                        path,
                        error,
                    )
                broken = connections.pop(path, None)
                if broken is not None:
                    broken.close()
        for connection in connections.values():
            connection.close()


def _write(connection: sqlite3.Connection, save: Save) -> None:
    connection.execute("begin immediate")
    try:
        connection.executemany(
            "insert or replace into pack values (?, ?, ?)",
            [
                (name, save.at_s, json.dumps(record, allow_nan=False))
                for name, record in save.records.items()
            ],
        )
        if save.notes:
            connection.executemany(
                "insert into event (at_s, pack, text) values (?, ?, ?)",
                [(note.at_s, note.pack, note.text) for note in save.notes],
            )
            connection.execute(
                "delete from event where id <= (select max(id) from event) - ?", (EVENTS_KEPT,)
            )
    except BaseException:
        connection.execute("rollback")
        raise
    connection.execute("commit")


def _read(path: Path) -> dict[str, Saved]:
    try:
        connection = open_database(path, _SCHEMA)
        try:
            return dict(_good_rows(path, connection.execute("select * from pack")))
        finally:
            connection.close()
    except (sqlite3.OperationalError, OSError) as error:
        LOG.error("cannot read the saved state %s (%s): starting afresh", path, error)
    except sqlite3.DatabaseError as error:
        put_aside(path, error, "the saved state")
    return {}


def _good_rows(path: Path, rows: Iterable[tuple[str, float, str]]) -> Iterable[tuple[str, Saved]]:
    for name, saved_s, text in rows:
        try:
            record = json.loads(text)
        except (TypeError, ValueError) as error:
            LOG.error(
                "the record of pack %s in %s is damaged (%s): starting afresh", name, path, error
            )
            continue
        if isinstance(record, dict):
            yield name, Saved(record=record, saved_s=saved_s)
