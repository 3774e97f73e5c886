"""SQLite files that stand a kill at any instant, and are put aside when they are damaged."""

import logging
import sqlite3
from pathlib import Path

LOG = logging.getLogger(__name__)

CACHE_KIB = 128
"""Pages that a connection keeps; by default 2 MiB, more than any of these files needs."""


def open_database(path: Path, schema: str) -> sqlite3.Connection:
    """Open a file and make its tables; sqlite3.Error or OSError if that fails.

    Every commit is on the disk when it returns: commits are rare, and each is a decision.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, isolation_level=None, timeout=2.0)
    try:
        connection.execute("pragma journal_mode=wal")
        connection.execute("pragma synchronous=full")
        connection.execute(f"pragma cache_size=-{CACHE_KIB}")
        connection.executescript(schema)
    except sqlite3.DatabaseError:
        connection.close()
        raise
    return connection


def put_aside(path: Path, error: Exception, what: str) -> None:
    """Rename a damaged file, so that a new one can be begun; never deletes it."""
    aside = path.with_suffix(".damaged")
    LOG.error("%s %s is damaged (%s): kept as %s, starting afresh", what, path, error, aside.name)
    try:
        path.replace(aside)
        for suffix in ("-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
    except OSError as problem:
        LOG.error("and it cannot be put aside (%s): delete it by hand", problem)
