"""`cellwarden scan`: looks at all links together, tells what answered, adds it to the file."""

import argparse
import asyncio
import sys
from collections import Counter
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from cellwarden.cli import complain
from cellwarden.cli.show import print_json
from cellwarden.config.files import add
from cellwarden.config.reader import default_path, read_text
from cellwarden.config.tables import Problems, tables_at
from cellwarden.errors import ConfigError
from cellwarden.host import Host
from cellwarden.links.gateway import problem_of
from cellwarden.links.ports import serial_ports
from cellwarden_hardware.scan import can, radio, serial
from cellwarden_hardware.scan.found import Found, names_for
from cellwarden_hardware.scan.progress import Progress

_BLE_S = 8.0
_CAN_S = 2.5
_LINES_AT_ONCE = 8
"""Ports looked at together: more would only make each wait for the others."""


@dataclass(slots=True)
class Scan:
    """What was looked at, and what was found."""

    found: list[Found] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """What a person should know: links that could not be looked at, and why."""


def run(arguments: argparse.Namespace) -> int:
    """Scan, tell, and add to the file if that is wanted."""
    problems = [f"--tcp {line}" for url in arguments.tcp if (line := problem_of(url)) is not None]
    problems += [line for bus in arguments.can or () if (line := can.problem_of(bus)) is not None]
    if problems:
        return complain(ConfigError(problems), 2)
    path = Path(arguments.config or default_path())
    taken = _packs_in(path) if arguments.write else []  # a broken file is said before the search
    with Progress(sys.stderr, quiet=arguments.json) as progress:
        scan = asyncio.run(look(arguments, progress))
    new = [each for each in _once(scan) if not _is_in(each, taken)]
    names = names_for(new, [str(pack.get("name")) for pack in taken])
    numbers = Counter(each.serial_number for each in new)
    tables = [
        each.table(name, with_number=numbers[each.serial_number] == 1)
        for each, name in zip(new, names, strict=True)
    ]
    if not arguments.json:
        _show(scan)
    problem: ConfigError | None = None
    if arguments.write and tables:
        try:
            add(path, "\n".join(tables), Host())
        except ConfigError as error:
            problem = error
    if arguments.json:
        print_json(_document(scan, new, tables, path if arguments.write else None, problem))
    elif scan.found:
        _show_tables(tables, path if arguments.write and problem is None else None)
    if problem is not None:
        return 1 if arguments.json else complain(problem)
    return 0 if scan.found else 1


async def look(arguments: argparse.Namespace, progress: Progress) -> Scan:
    """Look at what the command line names, or at everything there is."""
    scan = Scan()
    everything = not (
        arguments.serial or arguments.tcp or arguments.ble is not None or arguments.can is not None
    )
    ports = [*arguments.serial, *arguments.tcp]
    if everything:
        ports = serial_ports()
        if not ports:
            scan.notes.append("serial: no port is plugged in")
    buses = arguments.can or (can.buses() if everything or arguments.can is not None else [])
    tell, notes = progress.tell, scan.notes
    wait_s = arguments.wait
    few = asyncio.Semaphore(_LINES_AT_ONCE)

    async def line(port: str) -> list[Found]:
        async with few:
            listen_s = serial.MASTER_CYCLE_S if wait_s is None else wait_s
            return await serial.look(port, tell, notes, listen_s=listen_s)

    looks: list[Awaitable[list[Found]]] = [line(port) for port in ports]
    if everything or arguments.ble is not None:
        looks.append(radio.look(tell, notes, scan_s=wait_s or _BLE_S, only=arguments.ble or ()))
    looks += [can.look(bus, tell, notes, listen_s=wait_s or _CAN_S) for bus in buses]
    for found in await asyncio.gather(*looks):
        scan.found += found
    if not buses and arguments.can is not None:
        notes.append(
            "CAN: this computer has no SocketCAN interface; name another as --can KIND:CHANNEL"
        )
    return scan


def _once(scan: Scan) -> list[Found]:
    """Return each pack once, by the link that was looked at first: a wire before the radio.

    Two that answer to one driver are two packs, whatever number they tell: some makers give every
    board the same.
    """
    seen: dict[tuple[str | None, str], Found] = {}
    once = []
    for each in scan.found:
        who = each.reading.identity
        number = (who.manufacturer, who.serial_number) if who and who.serial_number else None
        known = seen.setdefault(number, each) if number else each
        if known.driver == each.driver:
            once.append(each)
        else:
            scan.notes.append(
                f"{each.place}: the same pack as on {known.place}; it is written once"
            )
    return once


def _packs_in(path: Path) -> list[dict[str, object]]:
    """Return the packs that a file has already; ConfigError for one that is broken."""
    import tomllib  # noqa: PLC0415  # only with --write

    if not path.exists():
        return []
    try:
        data = tomllib.loads(read_text(path))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(
            f"{path} is no good TOML and is left as it is ({error}): correct it first"
        ) from error
    return [dict(table) for _, table in tables_at(data, "pack", Problems())]


def _is_in(found: Found, packs: Sequence[dict[str, object]]) -> bool:
    """Return whether a file reads this pack already."""
    who = found.reading.identity
    for pack in packs:
        if who and who.serial_number and pack.get("serial_number") == who.serial_number:
            return True
        place = {key: pack.get(key) for key in ("port", "channel", "address")}
        here = {key: found.options.get(key) for key in place}
        if pack.get("driver") == found.driver and place == here:
            return True
    return False


def _show(scan: Scan) -> None:
    for each in scan.found:
        print(each.line())
    for note in scan.notes:
        print(f"note: {note}", file=sys.stderr)
    if not scan.found:
        print("nothing answered", file=sys.stderr)


def _show_tables(tables: Sequence[str], written: Path | None) -> None:
    if written is None:
        print("\n# To read them (`--write` adds this to the file):\n")
        print("\n".join(tables), end="")
    elif tables:
        print(f"\nAdded to {written}: {len(tables)} pack(s). Look at what says `check it`, then:")
        print(f"cellwarden config check {written}")
    else:
        print(f"\n{written} has them all already; nothing was written")


def _document(
    scan: Scan,
    new: Sequence[Found],
    tables: Sequence[str],
    path: Path | None,
    problem: ConfigError | None,
) -> dict[str, object]:
    """Return what programs are told; `configuration` is null for what the file has already."""
    table_of = {id(each): table for each, table in zip(new, tables, strict=True)}
    return {
        "found": [
            each.document() | {"configuration": table_of.get(id(each))} for each in scan.found
        ],
        "notes": scan.notes,
        "written": str(path) if path is not None and tables and problem is None else None,
        "problems": list(problem.problems) if problem is not None else [],
    }
