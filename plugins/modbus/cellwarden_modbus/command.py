"""`cellwarden modbus map`: every register there is, with its type, scale and value."""

import argparse
import csv
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

from cellwarden.errors import LinkError
from cellwarden.hooks import CommandKind

if TYPE_CHECKING:
    from cellwarden_modbus.mapping import Entry, Reader
    from cellwarden_modbus.registers import Words

CELLS = 16
"""Of the one pack shown while no controller runs."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("what", choices=("map",), help="print the register maps")
    parser.add_argument("--format", choices=("md", "csv", "json"), default="md", help="default md")
    parser.add_argument("--json", action="store_true", help="the same as --format json")
    parser.add_argument("--config", metavar="FILE", help="configuration of the controller to ask")
    parser.add_argument(
        "--runtime-dir", metavar="DIR", help="folder of its status socket; overrides the file"
    )


def run(arguments: argparse.Namespace) -> int:
    """Print the maps; with the values of a running controller's server, if there is one."""
    found = _live(arguments) or _plain()
    form = "json" if arguments.json else arguments.format
    {"md": _markdown, "csv": _csv, "json": _json}[form](found)
    return 0


def _plain() -> "list[Entry]":
    from cellwarden_modbus.config import ModbusOptions  # noqa: PLC0415  # only when it runs
    from cellwarden_modbus.mapping import entries, no_values  # noqa: PLC0415

    options = ModbusOptions()
    return entries(options.unit, (options.first_pack_unit,), (CELLS,), no_values)


def _live(arguments: argparse.Namespace) -> "list[Entry] | None":
    """Return the maps as a running server answers now, None if there is none to ask."""
    from cellwarden.runtime.folders import runtime_dir  # noqa: PLC0415
    from cellwarden.runtime.status import ask  # noqa: PLC0415

    folder = runtime_dir(arguments.runtime_dir or _configured(arguments.config))
    try:
        document: dict[str, Any] = ask(folder)
    except LinkError:
        return None
    outputs: dict[str, Any] = document["outputs"]
    served = next((o for o in outputs.values() if o.get("listening") and "tcp" in o), None)
    if served is None:
        return None
    return _read(served, document["bank"])


def _configured(path: str | None) -> str | None:
    """Return the runtime folder that the configuration names, None if there is no file."""
    from cellwarden.config.reader import default_path, load  # noqa: PLC0415
    from cellwarden.host import Host  # noqa: PLC0415

    if path is None and not default_path().exists():
        return None
    return load(path or default_path(), Host()).controller.runtime_dir


def _read(served: dict[str, Any], bank: dict[str, Any] | None) -> "list[Entry]":
    from pymodbus.client import ModbusTcpClient  # noqa: PLC0415  # needs the extra
    from pymodbus.exceptions import ModbusException  # noqa: PLC0415

    from cellwarden_modbus.mapping import cells_of, entries  # noqa: PLC0415

    host, _, port = served["tcp"].rpartition(":")
    client = ModbusTcpClient(
        {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host),  # noqa: S104  # nothing is bound
        port=int(port),
        timeout=2,
        retries=0,
    )

    def read(unit: int, address: int, count: int) -> "Words | None":
        try:
            answer = client.read_holding_registers(address, count=count, device_id=unit)
        except ModbusException:
            return None
        return None if answer.isError() else tuple(answer.registers)

    cells = cells_of(bank)
    first = served["first_pack_unit"]
    reader: Reader = read
    try:
        return entries(
            served["unit"], range(first, first + len(cells)) if first else (), cells, reader
        )
    finally:
        client.close()  # type: ignore[no-untyped-call]  # pymodbus


def _texts(entry: "Entry") -> list[str]:
    return ["" if value is None else str(value) for value in asdict(entry).values()]


def _head(found: "Sequence[Entry]") -> list[str]:
    return [field.name.replace("_", " ") for field in fields(found[0])]


def _markdown(found: "Sequence[Entry]") -> None:
    for row in (_head(found), ["---"] * len(fields(found[0])), *map(_texts, found)):
        print(f"| {' | '.join(row)} |")


def _csv(found: "Sequence[Entry]") -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(_head(found))
    writer.writerows(map(_texts, found))


def _json(found: "Sequence[Entry]") -> None:
    print(json.dumps([asdict(entry) for entry in found]))


MODBUS = CommandKind(
    name="modbus",
    summary="print the Modbus register maps, with the values of a running controller",
    configure=configure,
    run=run,
)
