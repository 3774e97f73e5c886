"""The recorder: bounded, kept around alarms, and replayed to the same decisions bit for bit."""

import gzip
import itertools
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cellwarden.cli import main
from cellwarden.engine import Bank, BankMember, BankSettings, Engine, EngineSettings
from cellwarden.errors import ConfigError
from cellwarden.model import BankState, Identity, Inputs, LinkQuality, PackState, preset
from cellwarden.model.orders import NO_ORDERS
from cellwarden.replay.exact import decode, encode
from cellwarden.replay.record import Decision, Replayer, Setup, Step, text
from cellwarden.runtime import recorder as recorders
from cellwarden.runtime.recorder import Recorder, export, kept_in, parsed, parts_in
from cellwarden_hardware.simulator.ailments import Meter
from cellwarden_hardware.simulator.bank import SimulatedBank
from support.processes import until

NAMES = ("left", "right")
SECRET = "SN-4711-0815"


class Watched:
    """A simulated house under the real engine and bank, every step told to a recorder."""

    def __init__(self, recorder: Recorder | None = None, *, start_percent: float = 97.0) -> None:
        self.house = SimulatedBank.home(packs=2, seed=4, start_soc_percent=start_percent)
        parameters = [pack.bms.parameters for pack in self.house.packs]
        self.setup = Setup(
            engines=tuple(
                EngineSettings(pack=n, chemistry="LiFePO4", parameters=p, max_age_s=30.0)
                for n, p in zip(NAMES, parameters, strict=True)
            ),
            bank=BankSettings(
                name="house",
                members=tuple(BankMember(name=n, design_capacity_ah=280) for n in NAMES),
            ),
        )
        self.recorder = recorder
        self.engines = [Engine(e) for e in self.setup.engines]
        self.bank = Bank(self.setup.bank)
        self.memories = [e.start(0.0) for e in self.engines]
        self.bank_memory = self.bank.start(0.0)
        self.meters = [Meter(name=n, seed=n) for n in NAMES]
        self.packs: list[PackState] = []
        self.banks: list[BankState] = []

    def run(self, steps: int, *, silent: bool = False) -> None:
        for _ in range(steps):
            self.house.advance(5.0)
            states = []
            for n, engine in enumerate(self.engines):
                now_s = self.house.time_s + 0.01 * n
                reading = replace(
                    self.meters[n].read(self.house.packs[n], now_s),
                    identity=Identity(manufacturer="JK", serial_number=SECRET),
                )
                before = self.memories[n]
                heard = None if silent and n else reading
                link = LinkQuality(connected=True, last_error=SECRET)
                self.memories[n], state = engine.step(before, heard, now_s, link, Inputs())
                self.tell(
                    Step(
                        pack=NAMES[n],
                        now_s=now_s,
                        reading=heard,
                        link=link,
                        inputs=Inputs(),
                        before=before,
                        after=self.memories[n],
                    )
                )
                states.append(state)
            self.packs.extend(states)
            now_s, memory = self.house.time_s + 0.1, self.bank_memory
            self.bank_memory, bank = self.bank.step(memory, states, now_s)
            self.banks.append(bank)
            self.tell(
                Decision(
                    now_s=now_s, orders=NO_ORDERS, state=bank, before=memory, after=self.bank_memory
                )
            )
            if bank.limits is not None:
                self.house.set_limits(bank.limits.cvl_v, bank.limits.ccl_a, bank.limits.dcl_a)

    def tell(self, event: Step | Decision) -> None:
        if self.recorder is not None:
            self.recorder.take(event)


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
    monkeypatch.setattr(recorders, "PART_S", 0.0)  # a file for every event
    watched.run(3)
    monkeypatch.setattr(recorders, "PART_S", 600.0)
    watched.run(60)
    assert watched.recorder is not None
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
    watched.run(10)
    assert watched.recorder is not None
    watched.recorder.stop()
    names = [path.name for path in parts_in(watched.recorder.folder)]
    assert names == [f"{n:08d}.jsonl.gz" for n in range(25, 31)]  # 1 h is 6 files


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
    recorder = watched.recorder = _Counting()
    watched.run(120)
    packed = gzip.compress("".join(recorder.lines(watched.setup)).encode())
    per_pack_and_hour = len(packed) / 240 * 3600  # at one reading a second
    assert per_pack_and_hour < 600_000


class _Counting(Recorder):
    def __init__(self) -> None:
        self.events: list[Step | Decision] = []

    def take(self, event: Step | Decision) -> None:
        self.events.append(event)

    def lines(self, setup: Setup) -> Iterator[str]:
        from cellwarden.replay.record import Writer

        writer = Writer(setup, 0.0)
        made = (writer.step(e) if isinstance(e, Step) else writer.decision(e) for e in self.events)
        return map(text, itertools.chain([writer.head()], itertools.chain.from_iterable(made)))


def test_the_preset_travels(tmp_path: Path) -> None:
    parameters = preset("LTO", cell_count=20, design_capacity_ah=40)
    assert decode(json.loads(json.dumps(encode(parameters)))) == parameters
