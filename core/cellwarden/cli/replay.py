"""`cellwarden replay`: recorded readings through the engine, one state a line, no waiting."""

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from cellwarden.cli import complain
from cellwarden.cli.show import add_json
from cellwarden.errors import ConfigError
from cellwarden.hooks import CommandKind

if TYPE_CHECKING:
    from cellwarden.config.settings import PackSettings
    from cellwarden.engine import EngineSettings
    from cellwarden.model import PackState

EXAMPLES = """\
A recording of the recorder (`cellwarden record export`) tells all by itself: every pack, and
whether each decision comes out as it was.

Any other recording: CSV or JSON lines, .gz too, with the columns t_s, current_a (+ = charging),
mos_on, v01_mv v02_mv ..., t1_c t2_c ...; other columns are not read. The pack is
described by the JSON of the same name beside it (chemistry, n_cells, nominal_ah, v_charge_limit,
tail_current_a, soc_hint_wrong, ocv_table), by --config, or by both.

examples:
  cellwarden replay monday.csv.gz
  cellwarden replay monday.csv --config /etc/cellwarden.toml --json > states.jsonl
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EXAMPLES
    parser.add_argument("file", metavar="FILE", help="the recording")
    parser.add_argument("--config", metavar="FILE", help="configuration file with the pack")
    parser.add_argument("--pack", metavar="NAME", help="which pack of it; default the first")
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Replay and print a line for each reading."""
    line = _json_line if arguments.json else _text_line
    if is_record(Path(arguments.file)):
        return _decisions(Path(arguments.file), arguments.pack, line, as_json=arguments.json)
    for state in states(Path(arguments.file), arguments.config, arguments.pack):
        print(line(state))
    return 0


def is_record(path: Path) -> bool:
    """Return whether a file is of the recorder."""
    import contextlib  # noqa: PLC0415
    import gzip  # noqa: PLC0415

    with contextlib.suppress(OSError, EOFError, UnicodeDecodeError), gzip.open(path, "rt") as file:
        return file.read(8).startswith('{"head"')
    return False


def _decisions(
    path: Path, pack: str | None, line: "Callable[[PackState], str]", *, as_json: bool
) -> int:
    """Replay a file of the recorder; 1 if a decision came out otherwise than it was recorded."""
    from cellwarden.replay.record import Replayer  # noqa: PLC0415
    from cellwarden.runtime.recorder import parsed  # noqa: PLC0415

    count = other = 0
    for replayed in Replayer().run(parsed(path)):
        if replayed.pack is not None and pack in (None, replayed.pack.pack):
            name = "" if as_json else f"{replayed.pack.pack:12} "
            print(f"{name}{line(replayed.pack)}")
        if replayed.bank is not None:
            count += 1
            if not replayed.same:
                other += 1
                if other == 1:
                    complain(f"the decision at {replayed.bank.at_s:.1f} s came out otherwise")
    verdict = "all as recorded" if not other else f"{other} of them otherwise than recorded"
    print(f"{count} decisions replayed, {verdict}", file=sys.stderr)
    return 1 if other else 0


def states(path: Path, config: str | None = None, pack: str | None = None) -> Iterator["PackState"]:
    """Yield the engine's state after each reading; ConfigError if file or pack are no good."""
    from cellwarden.engine import Engine  # noqa: PLC0415  # only when it runs
    from cellwarden.replay import open_recording  # noqa: PLC0415

    settings, start_soc = setup_of_pack(path, config, pack)
    recording = open_recording(path, settings.pack, start_soc)
    engine = Engine(settings)
    memory = None
    for reading in recording:
        if memory is None:
            memory = engine.start(reading.heard_s)
        memory, state = engine.step(memory, reading, reading.heard_s)
        yield state


def setup_of(path: Path, config: str | None, name: str | None) -> "EngineSettings":
    """Return the pack of a recording, from the sheet, the configuration, or both."""
    return setup_of_pack(path, config, name)[0]


def setup_of_pack(
    path: Path, config: str | None, name: str | None
) -> "tuple[EngineSettings, float | None]":
    """Return the pack and its start value, from the sheet, the configuration, or both."""
    from cellwarden.engine import EngineSettings  # noqa: PLC0415
    from cellwarden.replay import read_sheet, sheet_path  # noqa: PLC0415

    beside = sheet_path(path)
    configured = None if config is None else _configured(config, name)
    if configured is not None and not beside.exists():
        return EngineSettings(
            pack=configured.name,
            chemistry=configured.chemistry,
            parameters=configured.parameters,
            max_age_s=MAX_AGE_S,
            ocv_v=configured.ocv_v,
            sheet=configured.cell,
        ), None
    if not path.is_file():
        raise ConfigError(f"{path} is no file")
    if not beside.exists():
        raise ConfigError(f"{beside} is missing: it must describe the pack; or give --config FILE")
    sheet = read_sheet(
        beside,
        None if configured is None else configured.parameters,
        None if configured is None else configured.chemistry,
    )
    return EngineSettings(
        pack="pack" if configured is None else configured.name,
        chemistry=sheet.chemistry,
        parameters=sheet.parameters,
        max_age_s=MAX_AGE_S,
        ocv_v=sheet.ocv_v or (None if configured is None else configured.ocv_v),
        tail_current_a=sheet.tail_current_a,
        sheet=None if configured is None else configured.cell,
    ), sheet.start_soc_percent


MAX_AGE_S = 35.0
"""Recordings with a row every 30 s are still without gaps."""


def _configured(config: str, name: str | None) -> "PackSettings":
    from cellwarden.config.reader import load  # noqa: PLC0415  # only when it is given
    from cellwarden.host import Host  # noqa: PLC0415

    packs = load(config, Host()).packs
    for pack in packs:
        if name in (None, pack.name):
            return pack
    known = ", ".join(pack.name for pack in packs)
    raise ConfigError(f"there is no pack {name!r} in {config}; packs: {known}")


def _json_line(state: "PackState") -> str:
    limits = state.limits
    return json.dumps(
        {
            "pack": state.pack,
            "t_s": state.at_s,
            "soc_percent": _rounded(state.soc_percent, 4),
            "soc_sigma_percent": _rounded(state.soc_sigma_percent, 4),
            "soc_basis": state.soc_basis,
            "soh_percent": _rounded(state.soh_percent, 3),
            "capacity_ah": _rounded(state.capacity_ah, 3),
            "cvl_v": _rounded(limits.charge_voltage.value, 3),
            "ccl_a": _rounded(limits.charge_current.value, 3),
            "dcl_a": _rounded(limits.discharge_current.value, 3),
            "alarms": [alarm.text for alarm in state.alarms],
            "events": [event.text for event in state.events],
        },
        ensure_ascii=False,
    )


def _text_line(state: "PackState") -> str:
    limits = state.limits
    soc = "SoC unknown      "
    if state.soc_percent is not None and state.soc_sigma_percent is not None:
        soc = f"SoC {state.soc_percent:6.2f} % ±{state.soc_sigma_percent:5.2f}"
    alarms = "; ".join(alarm.text for alarm in state.alarms)
    return (
        f"{state.at_s:10.1f} s  {soc}  CVL {limits.charge_voltage.value:6.2f} V"
        f"  CCL {limits.charge_current.value:6.1f} A  DCL {limits.discharge_current.value:6.1f} A"
        f"  {alarms}"
    ).rstrip()


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)


COMMAND = CommandKind(
    name="replay",
    summary="run recorded readings through the engine",
    configure=configure,
    run=run,
)
