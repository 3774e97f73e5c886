"""Where a diagnosis comes from: a running process, a recording, one captured frame."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from cellwarden.cli.frame_reading import reading_of
from cellwarden.diagnosis import Diagnosis, DiagnosisMemory, PackFacts
from cellwarden.engine import Bank, BankMember, BankSettings, Engine, EngineSettings
from cellwarden.errors import ConfigError, FrameError, LinkError
from cellwarden.model import (
    CHEMISTRIES,
    BankState,
    Finding,
    PackState,
    Parameters,
    Reading,
    Urgency,
    preset,
)

Row = tuple[float, float | None, float | None, float | None, float | None, float | None]

POINTS = 500
"""Most points of a curve."""


class Series:
    """Values over time for plots, thinned out as they come."""

    def __init__(self) -> None:
        self._rows: dict[str, list[Row]] = {}
        self._every: dict[str, int] = {}
        self._count: dict[str, int] = {}

    def add(self, reading: Reading) -> None:
        """Take a reading, if its turn has come."""
        pack = reading.pack
        rows = self._rows.setdefault(pack, [])
        count = self._count[pack] = self._count.get(pack, -1) + 1
        every = self._every.setdefault(pack, 1)
        if count % every:
            return
        cells = [v for v in reading.cell_voltages_v if v is not None]
        sensors = [t for t in reading.temperatures_c if t is not None]
        rows.append(
            (
                reading.heard_s / 3600.0,
                max(cells, default=None),
                min(cells, default=None),
                reading.current_a,
                max(sensors, default=None),
                min(sensors, default=None),
            )
        )
        if len(rows) > 2 * POINTS:
            self._every[pack] = 2 * every
            self._rows[pack] = rows[::2]

    def document(self) -> dict[str, dict[str, list[float | None]]]:
        """Return the curves by pack."""
        names = (
            "t_h",
            "cell_max_v",
            "cell_min_v",
            "current_a",
            "temperature_max_c",
            "temperature_min_c",
        )
        return {
            pack: {name: [row[n] for row in rows] for n, name in enumerate(names)}
            for pack, rows in self._rows.items()
        }


def of_process(folder: Path, *, history: bool) -> dict[str, Any]:
    """Return the report of a running controller, with its recorder's curves if they are wanted."""
    from cellwarden.runtime.status import ask  # noqa: PLC0415

    document = ask(folder).get("diagnosis")
    if not isinstance(document, dict):
        raise LinkError(str(folder), "the controller has not decided anything yet: ask again")
    series = Series()
    if history:
        for reading in _recorded(folder):
            series.add(reading)
    return {**document, "source": "a running controller", "series": series.document()}


def _recorded(folder: Path) -> Iterator[Reading]:
    """Yield what the recorder in a folder holds, as far as it can be read."""
    from cellwarden.replay.record import readings  # noqa: PLC0415
    from cellwarden.runtime.recorder import FOLDER, parsed, parts_in  # noqa: PLC0415

    for part in parts_in(folder / FOLDER):
        try:
            yield from readings(parsed(part))
        except ConfigError:
            continue  # a part that is being removed; the curves are an extra


def of_recording(path: Path, config: str | None, pack: str | None) -> dict[str, Any]:
    """Return the report of a recording: of the recorder, or any other that `replay` reads."""
    from cellwarden.cli.replay import is_record, setup_of, states  # noqa: PLC0415

    if not path.is_file():
        raise ConfigError(f"{path} is no file")
    if is_record(path):
        return _of_record(path)
    settings = setup_of(path, config, pack)
    banks = _alone(settings, states(path, config, pack))
    return _examined(path.name, [_facts(settings)], banks)


def _of_record(path: Path) -> dict[str, Any]:
    from cellwarden.replay.record import Replayer  # noqa: PLC0415
    from cellwarden.runtime.recorder import parsed  # noqa: PLC0415

    replayer = Replayer()
    found = replayer.run(parsed(path))
    first = next((r.bank for r in found if r.bank is not None), None)
    if first is None or replayer.setup is None:
        raise ConfigError(f"{path} holds no decision")
    facts = [_facts(settings) for settings in replayer.setup.engines]

    def banks() -> Iterator[BankState]:
        yield first
        yield from (r.bank for r in found if r.bank is not None)

    return _examined(path.name, facts, banks())


def _facts(settings: EngineSettings) -> PackFacts:
    return PackFacts(
        name=settings.pack,
        chemistry=settings.chemistry,
        parameters=settings.parameters,
        ocv_v=settings.ocv_v,
    )


def _alone(settings: EngineSettings, states: Iterable[PackState]) -> Iterator[BankState]:
    """Yield the decisions of a bank of one pack."""
    member = BankMember(
        name=settings.pack, design_capacity_ah=settings.parameters.design_capacity_ah
    )
    bank = Bank(BankSettings(name=settings.pack, members=(member,)))
    memory = None
    for state in states:
        memory = bank.start(state.at_s) if memory is None else memory
        memory, decided = bank.step(memory, [state], state.at_s)
        yield decided


def _examined(name: str, facts: Sequence[PackFacts], banks: Iterable[BankState]) -> dict[str, Any]:
    diagnosis, series = Diagnosis(facts), Series()
    memory: DiagnosisMemory | None = None
    last = None
    heard: dict[str, float] = {}
    for state in banks:
        memory = diagnosis.start(state.at_s) if memory is None else memory
        memory, _ = diagnosis.step(memory, state, state.at_s)
        last = state
        for pack in state.packs:
            if pack.reading is not None and heard.get(pack.pack) != pack.reading.heard_s:
                heard[pack.pack] = pack.reading.heard_s
                series.add(pack.reading)
    if last is None or memory is None:
        raise ConfigError(f"{name} holds no reading")
    report = diagnosis.report(memory, last)
    return {**report, "source": f"recording {name}", "series": series.document()}


def _alarm_word(frames: Iterable[Mapping[str, object]]) -> Iterator[Finding]:
    """Yield what a frame's alarm word comes to; which bit is which, only `decode` tells here."""
    for frame in frames:
        word = frame.get("alarms")
        if isinstance(word, int) and word:
            yield Finding(
                code="device-alarm",
                what="the BMS reports alarms",
                evidence=f"alarm word 0x{word:X}; `cellwarden decode` shows the whole frame",
                confidence=0.9,
                pack="pack",
                urgency=Urgency.NOW,
            )


def _assumed(chemistry: str, reading: Reading) -> Parameters:
    """Return the chemistry's preset, with what the frame itself tells of the pack."""
    settings = reading.settings or {}
    parameters = preset(
        chemistry,
        cell_count=int(settings.get("cell_count") or len(reading.cell_voltages_v)),
        design_capacity_ah=settings.get("design_capacity_ah") or reading.capacity_ah or 100.0,
    )
    # Nobody configured a charge voltage: it is not to be held against the frame's own settings.
    over_v = settings.get("cell_overvoltage_v", parameters.cell_overvoltage_v)
    charge_v = min(parameters.charge_voltage_v, over_v - 0.01)
    return replace(parameters, charge_voltage_v=charge_v)


def of_frame(
    protocol: str, given: Sequence[str], variant: str | None, chemistry: str
) -> dict[str, Any]:
    """Return the report of one captured frame, or of several that belong together."""
    from cellwarden.cli.decode import load_protocol  # noqa: PLC0415
    from cellwarden.cli.frames import chunks_of  # noqa: PLC0415

    if chemistry not in CHEMISTRIES:
        raise ConfigError(f"there is no chemistry {chemistry!r}: {', '.join(CHEMISTRIES)}")
    chunks = [chunk for line in given for chunk in chunks_of(line)]
    if not chunks:
        raise ConfigError("give the frame's hex after the protocol, such as 4E57...")
    frames = load_protocol(protocol).decode(chunks, variant=variant)
    reading = reading_of("pack", frames)
    if reading is None:
        raise FrameError("no-values", "there are no cell voltages in this frame to diagnose")
    parameters = _assumed(chemistry, reading)
    engine = Engine(
        EngineSettings(pack="pack", chemistry=chemistry, parameters=parameters, max_age_s=30.0)
    )
    _, state = engine.step(engine.start(0.0), reading, 0.0)
    (bank,) = _alone(engine.settings, [state])
    diagnosis = Diagnosis([_facts(engine.settings)])
    memory, _ = diagnosis.step(diagnosis.start(0.0), bank, 0.0)
    # One frame cannot show that something lasts: what is seen now counts.
    found = [item.finding for item in memory.held.values()]
    memory = memory._replace(findings=(*found, *_alarm_word(frames)))
    report = diagnosis.report(memory, bank)
    return {**report, "source": f"one frame of {protocol}", "series": {}}
