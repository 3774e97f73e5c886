"""`cellwarden commission`: the command line of it."""

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from cellwarden.cli.asking import add_running, running, runtime_folder
from cellwarden.errors import ConfigError
from cellwarden.hooks import CommandKind
from cellwarden.model import CHEMISTRIES, HardwareModel, Parameters
from cellwarden.model.catalog import board_named

if TYPE_CHECKING:
    from cellwarden.repair.checklist import Judged
    from cellwarden_hardware.commission.guide import Sitting


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("pack", nargs="?", help="which pack; needed where there are several")
    parser.add_argument(
        "--pins", type=int, metavar="CELLS", help="only print the pin table of the sense plugs"
    )
    parser.add_argument("--svg", metavar="FILE", help="with --pins: write it as a drawing too")
    parser.add_argument(
        "--on-real",
        action="append",
        choices=("charge", "discharge"),
        default=[],
        help="let the real BMS show its over-voltage (charge) or under-voltage (discharge)"
        " protection too: its settings are brought to the cells for some seconds, and back;"
        " discharge cuts off the loads. Needs mode control",
    )
    parser.add_argument("--report", metavar="FILE", help="write the report; .json as data")
    parser.add_argument(
        "--json", action="store_true", help="one object a line out, one answer a line in"
    )
    add_running(parser)


def run(arguments: argparse.Namespace) -> int:
    """Guide through it; 0 when nothing is bad, else 1."""
    if arguments.pins is not None:
        return _pins(arguments.pins, arguments.svg)
    if arguments.svg:
        raise ConfigError("--svg draws the pin table: give --pins CELLS with it")
    return _commission(arguments)


def _pins(cells: int, svg: str | None) -> int:
    from cellwarden.repair.pins import as_svg  # noqa: PLC0415  # only when it runs
    from cellwarden_hardware.commission.report import pins_text  # noqa: PLC0415

    try:
        print(pins_text(cells))
    except ValueError as error:
        raise ConfigError(str(error)) from error
    if svg:
        _write(svg, as_svg(cells, f"Sense plugs for {cells} cells"))
    return 0


def _commission(arguments: argparse.Namespace) -> int:
    from cellwarden.repair.checklist import checks  # noqa: PLC0415  # only when it runs
    from cellwarden.repair.seen import Seen, pack_names, seen  # noqa: PLC0415
    from cellwarden_hardware.commission import guide, report  # noqa: PLC0415

    document = running(arguments)
    pack = _chosen(pack_names(document), arguments.pack)

    def look() -> Seen:
        return guide.online(seen(running(arguments), pack), pack)

    first = look()
    talk: guide.Talk = guide.Program() if arguments.json else guide.Person()
    talk.say(f"Commissioning of {pack}. Each check is shown with what it came to; s skips one.\n")
    cells = first.cell_count or len(first.cells_v)
    if 2 <= cells <= 24:
        talk.say(report.pins_text(cells))
    sitting = guide.Sitting(talk, look, _board(first.model))
    sitting.go_through(checks(len(first.temperatures_c)))
    _emulated(sitting.note, document, pack)
    _real(sitting, arguments, pack)
    verdict = sitting.verdict()
    talk.say(f"\n{verdict}")
    signed = "" if sitting.ended else talk.ask("sign", "Your name, to sign it off:", "name") or ""
    if arguments.report:
        date = datetime.now().astimezone().strftime("%Y-%m-%d %H:%M")
        as_json = arguments.report.endswith(".json")
        told = (first, sitting.done, verdict, signed.strip(), date)
        _write(
            arguments.report,
            json.dumps(report.report_data(*told), indent=2)
            if as_json
            else report.report_text(*told),
        )
    return 1 if sitting.bad else 0


def _chosen(packs: Sequence[str], wanted: str | None) -> str:
    if wanted is None:
        if len(packs) == 1:
            return packs[0]
        raise ConfigError(f"say which pack: {', '.join(packs) or 'the controller has none yet'}")
    if wanted not in packs:
        raise ConfigError(f"there is no pack {wanted!r}: {', '.join(packs)}")
    return wanted


def _board(model: str) -> HardwareModel | None:
    """Return the board by the name that the BMS tells, None for another make."""
    try:
        return board_named(model)
    except ValueError:
        return None


def _emulated(note: Callable[["Judged"], None], document: Mapping[str, object], pack: str) -> None:
    """Let each protection act on an emulated pack with the settings of this one."""
    from cellwarden.repair.checklist import Judged, Result  # noqa: PLC0415  # only when it runs
    from cellwarden_hardware.commission.trials import run_trials  # noqa: PLC0415

    bank = document.get("bank")
    packs = bank.get("packs", ()) if isinstance(bank, Mapping) else ()
    table = next(p for p in packs if p.get("pack") == pack)
    if table.get("chemistry") not in CHEMISTRIES or not isinstance(table.get("parameters"), dict):
        note(
            Judged(
                check="trials",
                title="protections (emulated)",
                result=Result.UNKNOWN,
                text="the controller does not tell chemistry and parameters",
            )
        )
        return
    for judged in run_trials(table["chemistry"], Parameters(**table["parameters"])):
        note(judged)


def _real(sitting: "Sitting", arguments: argparse.Namespace, pack: str) -> None:
    """Let the real BMS show what it was asked for, after a person has said yes once more."""
    import time  # noqa: PLC0415  # only when it runs

    from cellwarden.runtime import control  # noqa: PLC0415
    from cellwarden_hardware.commission.guide import YES  # noqa: PLC0415
    from cellwarden_hardware.commission.real import CHARGE, DISCHARGE, Real  # noqa: PLC0415

    folder = runtime_folder(arguments)
    real = Real(pack, sitting.look, lambda message: control.ask(folder, message), time.sleep)
    trials = {"charge": CHARGE, "discharge": DISCHARGE}
    for which in dict.fromkeys(arguments.on_real):
        trial = trials[which]
        sure = sitting.talk.ask(
            trial.name,
            f"{trial.title}: the {which} MOSFET of {pack} will open for some seconds. Go on?",
            "yes / no",
        )
        if sure is not None and sure.strip().lower() in YES:
            sitting.note(real.show(trial))


def _write(path: str, text: str) -> None:
    try:
        Path(path).write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror}") from error


COMMISSION = CommandKind(
    name="commission",
    summary="the checks before and after power-up, guided, with a report",
    configure=configure,
    run=run,
)
