"""`cellwarden diagnose`: what is probably wrong, how sure, and what to do."""

import argparse
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from cellwarden import __version__
from cellwarden.cli.asking import add_running, runtime_folder
from cellwarden.cli.show import add_json, print_json
from cellwarden.errors import ConfigError
from cellwarden.hooks import CommandKind

EXAMPLES = """\
examples:
  cellwarden diagnose                                of the controller that runs here
  cellwarden diagnose last-hours.jsonl.gz            of a recording (cellwarden record export)
  cellwarden diagnose monday.csv --config FILE       of any recording that `replay` reads
  cellwarden diagnose --frame jk-rs485 '4E 57 ...'   of one captured frame
  cellwarden diagnose --html report.html             one page for a forum post or a service desk

No report holds a serial number, a password or an address. Findings that need days to be seen do not
show in a short recording or in one frame.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EXAMPLES
    parser.add_argument(
        "file", metavar="FILE", nargs="*", help="a recording; with --frame: the frame's hex"
    )
    parser.add_argument("--frame", metavar="PROTOCOL", help="diagnose one captured frame")
    parser.add_argument("--variant", metavar="NAME", help="of the frame's protocol")
    parser.add_argument(
        "--chemistry", default="LiFePO4", help="of the frame's cells; default LiFePO4"
    )
    parser.add_argument("--pack", metavar="NAME", help="which pack of it, for a CSV recording")
    add_running(parser)
    parser.add_argument("--html", metavar="FILE", help="write one self-contained page")
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Diagnose and show."""
    from cellwarden.cli import diagnose_sources as sources  # noqa: PLC0415  # only when it runs

    if arguments.frame is not None:
        report = sources.of_frame(
            arguments.frame, arguments.file, arguments.variant, arguments.chemistry
        )
    elif len(arguments.file) > 1:
        raise ConfigError("one recording at a time")
    elif arguments.file:
        report = sources.of_recording(Path(arguments.file[0]), arguments.config, arguments.pack)
    else:
        report = sources.of_process(runtime_folder(arguments), history=bool(arguments.html))
    report["version"] = __version__
    report["made"] = time.strftime("%Y-%m-%d %H:%M")
    if arguments.html is not None:
        from cellwarden.cli.report_html import page  # noqa: PLC0415

        try:
            Path(arguments.html).write_text(page(report), encoding="utf-8")
        except OSError as error:
            raise ConfigError(f"cannot write {arguments.html}: {error.strerror}") from error
    if arguments.json:
        report.pop("series", None)
        print_json(report, indent=2)
    elif arguments.html is not None:
        print(f"{arguments.html}: {_counted(report)}")
    else:
        print("\n".join(lines(report)))
    return 0


def lines(report: Mapping[str, Any]) -> Iterator[str]:
    """Yield the report as text."""
    bank = report["bank"]
    known = [
        f"{bank[key]:g} {unit}"
        for key, unit in (("voltage_v", "V"), ("current_a", "A"), ("soc_percent", "%"))
        if bank[key] is not None
    ]
    yield f"{bank['name']}: {', '.join([bank['phase'], *known])} ({report['source']})"
    yield _counted(report)
    for number, found in enumerate(report["findings"], 1):
        where = ", ".join(text for text in (found["pack"], found["where"]) if text)
        yield ""
        named = f"{where}: {found['what']}" if where else found["what"]
        yield f"{number:2} {found['urgency'].upper():4} {named}"
        yield f"        {found['evidence']}"
        code = f"; code {found['manual_code']} of the manual" if found["manual_code"] else ""
        procedure = f"; procedure {found['procedure']}" if found["procedure"] else ""
        yield (
            f"        {found['code']}, {100 * found['confidence']:.0f} % sure"
            f"{_since(found['for_s'])}{code}{procedure}"
        )
    for title, rows in (
        ("Measured by others, against the BMS:", [r["text"] for r in report["calibration"]]),
        ("Watched:", [_watched(pack) for pack in report["packs"]]),
        ("Weakest cells first:", [r for pack in report["packs"] for r in ranks(pack)]),
    ):
        if rows:
            yield ""
            yield title
            yield from (f"  {row}" for row in rows)


def _watched(pack: Mapping[str, Any]) -> str:
    middle = pack["middle_cell_ohm"]
    ohm = "" if not middle else f", middle cell {1e6 * middle:.0f} µΩ"
    return f"{pack['pack']}: {pack['days']:.2f} days, {pack['load_steps']} load steps{ohm}"


def ranks(pack: Mapping[str, Any]) -> Iterator[str]:
    """Yield the weakest cells of a pack by each quantity that is known."""
    for name, cells in pack["rank"].items():
        yield f"{pack['pack']}, by {name}: {' '.join(map(str, cells[:5]))}"


def _counted(report: Mapping[str, Any]) -> str:
    count = len(report["findings"])
    return "nothing found" if not count else f"{count} finding{'s' if count > 1 else ''}"


def _since(seconds: float | None) -> str:
    if seconds is None or seconds < 60:
        return ""
    if seconds < 7200:
        return f", for {seconds / 60:.0f} min"
    return (
        f", for {seconds / 3600:.0f} h" if seconds < 172_800 else f", for {seconds / 86_400:.0f} d"
    )


COMMAND = CommandKind(
    name="diagnose",
    summary="what is probably wrong with the battery, and what to do",
    configure=configure,
    run=run,
)
