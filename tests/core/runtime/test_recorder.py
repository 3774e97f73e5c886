"""The recorder: bounded, kept around alarms, and replayed to the same decisions bit for bit."""

import gzip
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cellwarden.cli import main
from cellwarden.errors import ConfigError
from cellwarden.model import BankState, PackState, preset
from cellwarden.replay.exact import decode, encode
from cellwarden.replay.record import Replayer
from cellwarden.runtime import recorder as recorders
from cellwarden.runtime.recorder import Recorder, export, kept_in, parsed, parts_in
from support.processes import until
from support.recorded import SECRET, Watched


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Watched]:
    watched = Watched()
    watched.recorder = Recorder(
        tmp_path / "run", tmp_path / "state", watched.setup, hours=1.0, megabytes=5.0
    )
    watched.recorder.start()
    yield watched
    watched.recorder.stop()


def exported(watched: Watched, tmp_path: Path) -> Path:
    assert watched.recorder is not None
    watched.recorder.stop()
    target = tmp_path / "out.jsonl.gz"
    assert export(watched.recorder.folder, target) > 0
    return target


def decided(state: BankState) -> BankState:
    """Return a decision without what is left out of recordings on purpose."""
    return replace(state, packs=tuple(told(pack) for pack in state.packs))


def told(state: PackState) -> PackState:
    reading = state.reading and replace(state.reading, identity=None)
    return replace(state, identity=None, link=None, reading=reading)


def test_a_recording_replays_to_the_same_decisions_bit_for_bit(
    watched: Watched, tmp_path: Path
) -> None:
    watched.run(200)
    watched.run(30, silent=True)
    watched.run(30)
    replayed = list(Replayer().run(parsed(exported(watched, tmp_path))))
    packs = [told(r.pack) for r in replayed if r.pack is not None]
    banks = [decided(r.bank) for r in replayed if r.bank is not None]
    assert packs == [told(pack) for pack in watched.packs]
    assert banks == [decided(bank) for bank in watched.banks]
    assert any(bank.alarms for bank in banks)
    assert all(r.same for r in replayed if r.bank is not None)


def test_every_part_of_the_ring_replays_by_itself(
    watched: Watched, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorders, "PART_S", 0.0)  # a file for every decision
    monkeypatch.setattr(recorders, "GATHER_S", 0.0)
    watched.run(3)
    assert watched.recorder is not None
    waiting = watched.recorder._work
    until(waiting.empty, 10.0, "a file for each of these")
    monkeypatch.setattr(recorders, "PART_S", 600.0)
    watched.run(60)
    watched.recorder.stop()
    parts = parts_in(watched.recorder.folder)
    lines = list(parsed(parts[-1]))
    banks = [decided(r.bank) for r in Replayer().run(lines) if r.bank is not None]
    assert len(banks) >= 59
    assert banks == [decided(bank) for bank in watched.banks[-len(banks) :]]


def test_a_changed_decision_is_noticed(watched: Watched, tmp_path: Path) -> None:
    watched.run(20)
    lines = list(parsed(exported(watched, tmp_path)))
    for line in lines:
        if line.get("step") == "left" and "cell_voltages_v" in line.get("r", {}):
            line["r"]["cell_voltages_v"][3] = 3.7
    assert not all(r.same for r in Replayer().run(lines) if r.bank is not None)


def test_replay_says_whether_all_came_out_as_recorded(
    watched: Watched, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    watched.run(10)
    target = exported(watched, tmp_path)
    assert main(["replay", str(target), "--json"]) == 0
    out, err = capsys.readouterr()
    assert [json.loads(line)["pack"] for line in out.splitlines()] == ["left", "right"] * 10
    assert err == "10 decisions replayed, all as recorded\n"


def test_nothing_that_tells_whose_battery_it_is_is_written(
    watched: Watched, tmp_path: Path
) -> None:
    watched.run(10)
    with gzip.open(exported(watched, tmp_path), "rt") as file:
        text = file.read()
    assert SECRET not in text
    assert re.search("password|secret", text) is None


def test_the_ring_is_bounded(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorders, "PART_S", 0.0)
    monkeypatch.setattr(recorders, "GATHER_S", 0.0)
    watched.run(10)
    assert watched.recorder is not None
    watched.recorder.stop()
    names = [path.name for path in parts_in(watched.recorder.folder)]
    assert names == [f"{n:08d}.jsonl.gz" for n in range(5, 11)]  # 1 h is 6 files


def test_what_was_around_an_alarm_is_kept(
    watched: Watched, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorders, "AFTER_S", 0.0)
    watched.run(20)
    watched.run(12, silent=True)
    assert watched.recorder is not None
    watched.recorder.stop()
    kept = kept_in(tmp_path / "state")
    assert [path.name.split("-", 2)[2] for path in kept] == ["no-data-from-the-BMS"]
    copied = [r for r in Replayer().run(parsed(parts_in(kept[0])[0])) if r.bank is not None]
    assert all(r.same for r in copied)


def test_a_file_that_was_cut_off_is_read_up_to_there(watched: Watched, tmp_path: Path) -> None:
    watched.run(40)
    assert watched.recorder is not None
    watched.recorder.stop()
    (part,) = parts_in(watched.recorder.folder)
    whole = len(list(parsed(part)))
    part.write_bytes(part.read_bytes()[:-200])
    assert whole - 20 < len(list(parsed(part))) < whole


def test_a_full_disk_costs_the_recording_only(
    watched: Watched, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(recorders.Recorder, "_next", full)
    watched.run(3)
    until(lambda: "the recorder stops" in caplog.text, 10, "the warning")
    watched.run(3)


def test_export_says_when_there_is_nothing(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no recording"):
        export(tmp_path, tmp_path / "x.gz")


@pytest.mark.parametrize(
    "line",
    [
        {"head": {"format": 9}},
        {"memory": "left", "is": {"~": "os:system", "v": ["true"]}},
        {"memory": "left", "is": {"~": "cellwarden.model.reading:dataclass", "v": []}},
        {"decide": 5.0},
    ],
)
def test_a_file_of_somebody_else_builds_nothing_else(line: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="line 1 of the recording is no good"):
        list(Replayer().run([line]))


def test_what_the_engine_remembers_comes_back_exactly() -> None:
    watched = Watched()
    watched.run(50)
    for memory in (*watched.memories, watched.bank_memory):
        again = decode(json.loads(json.dumps(encode(memory))))
        assert encode(again) == encode(memory)
        assert type(again) is type(memory)


def test_a_day_at_full_rate_is_small() -> None:
    watched = Watched(start_percent=60.0)
    watched.run(120)
    packed = gzip.compress("".join(watched.lines()).encode())
    per_pack_and_hour = len(packed) / 240 * 3600  # at one reading a second
    assert per_pack_and_hour < 600_000


def test_the_preset_travels(tmp_path: Path) -> None:
    parameters = preset("LTO", cell_count=20, design_capacity_ah=40)
    assert decode(json.loads(json.dumps(encode(parameters)))) == parameters
