"""What survives a restart, and what happens to files that cannot be read."""

import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from cellwarden.runtime.store import Note, Save, Store


def save_one(store: Store, soc: float, *, durable: bool, at_s: float = 1000.0) -> None:
    store.save(Save(at_s=at_s, records={"left": {"soc": soc}}, durable=durable))


def written(folder: Path, *saves: tuple[float, bool, float]) -> Store:
    store = Store(folder / "state.db", folder / "run" / "volatile.db")
    store.start()
    for soc, durable, at_s in saves:
        save_one(store, soc, durable=durable, at_s=at_s)
    store.stop()
    return Store(folder / "state.db", folder / "run" / "volatile.db")


def test_an_empty_folder_knows_nothing(tmp_path: Path) -> None:
    assert Store(tmp_path / "state.db", None).load() == {}


def test_what_was_saved_is_found_again(tmp_path: Path) -> None:
    saved = written(tmp_path, (64.0, True, 1000.0)).load()["left"]
    assert saved.record == {"soc": 64.0}
    assert saved.saved_s == 1000.0


@pytest.mark.parametrize(("newer_is_durable", "soc"), [(True, 1.0), (False, 2.0)])
def test_the_newer_of_both_files_is_taken(
    tmp_path: Path, newer_is_durable: bool, soc: float
) -> None:
    durable_at, volatile_at = (2000.0, 1000.0) if newer_is_durable else (1000.0, 2000.0)
    store = written(tmp_path, (1.0, True, durable_at), (2.0, False, volatile_at))
    assert store.load()["left"].record == {"soc": soc}


def test_a_damaged_file_is_put_aside_and_said_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "state.db").write_bytes(b"this is no database" * 100)
    assert Store(tmp_path / "state.db", None).load() == {}
    assert (tmp_path / "state.damaged").read_bytes().startswith(b"this is no database")
    assert "damaged" in caplog.text
    again = written(tmp_path, (5.0, True, 1.0))
    assert again.load()["left"].record == {"soc": 5.0}


def test_a_damaged_record_costs_only_its_pack(tmp_path: Path) -> None:
    store = written(tmp_path, (64.0, True, 1000.0))
    with sqlite3.connect(tmp_path / "state.db") as connection:
        connection.execute("insert into pack values ('right', 1000.0, '{broken')")
    connection.close()
    assert list(store.load()) == ["left"]


def test_a_folder_that_cannot_be_written_stops_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    blocker = tmp_path / "file"
    blocker.write_text("in the way")
    store = Store(blocker / "state.db", None)
    store.start()
    save_one(store, 1.0, durable=True)
    save_one(store, 2.0, durable=True)
    store.stop()
    assert caplog.text.count("cannot save state") == 1


def test_events_are_kept_but_not_for_ever(tmp_path: Path) -> None:
    store = Store(tmp_path / "state.db", None)
    store.start()
    for count in range(12):
        notes = tuple(Note(at_s=1.0, pack="left", text=f"{count}-{n}") for n in range(100))
        store.save(Save(at_s=1.0, records={}, notes=notes, durable=True))
    store.stop()
    with sqlite3.connect(tmp_path / "state.db") as connection:
        rows = connection.execute("select text from event order by id").fetchall()
    connection.close()
    assert len(rows) == 1000
    assert rows[-1] == ("11-99",)


def test_a_record_that_is_no_json_does_not_end_the_store(tmp_path: Path) -> None:
    store = Store(tmp_path / "state.db", None)
    store.start()
    store.save(Save(at_s=1.0, records={"left": {"soc": float("nan")}}, durable=True))
    save_one(store, 3.0, durable=True)
    store.stop()
    assert Store(tmp_path / "state.db", None).load()["left"].record == {"soc": 3.0}


WRITER = """
import itertools, sys
from pathlib import Path
from cellwarden.runtime.store import Save, Store
store = Store(Path(sys.argv[1]) / "state.db", Path(sys.argv[1]) / "volatile.db")
assert set(store.load()) <= {"left", "right"}
store.start()
for count in itertools.count(int(sys.argv[2])):
    record = {"count": count, "twin": count, "filler": "x" * 3000}
    store.save(Save(at_s=count, records={"left": record, "right": record}, durable=count % 3 == 0))
    if count % 20 == 0:
        store.stop()
        print(count, flush=True)
        store = Store(Path(sys.argv[1]) / "state.db", Path(sys.argv[1]) / "volatile.db")
        store.start()
"""


def test_a_kill_at_any_moment_leaves_whole_records(tmp_path: Path) -> None:
    safe = 0
    for round_ in range(8):
        process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(WRITER), str(tmp_path), str(safe + 1)],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        safe = int(process.stdout.readline())
        time.sleep(0.003 * round_)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        rest = process.stdout.read().split()
        process.stdout.close()
        safe = int(rest[-1]) if rest else safe
        found = Store(tmp_path / "state.db", tmp_path / "volatile.db").load()
        for saved in found.values():
            assert saved.record["count"] == saved.record["twin"]
            assert int(saved.record["count"]) >= safe  # type: ignore[call-overload]
        assert set(found) == {"left", "right"}
