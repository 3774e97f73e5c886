"""`cellwarden config`: check a file, write one to begin with, print its schema."""

import argparse
from pathlib import Path

from cellwarden.cli import complain
from cellwarden.cli.show import add_json, print_json, print_rows
from cellwarden.errors import ConfigError
from cellwarden.hooks import CommandKind


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the sub-commands."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="check|init|schema")
    check = actions.add_parser("check", help="report every mistake in a file, or sum it up")
    check.add_argument("file", metavar="FILE", nargs="?", help="default: as `cellwarden run`")
    check.add_argument("--config", metavar="FILE", help="the same")
    add_json(check)
    init = actions.add_parser("init", help="print or write a file with every key, explained")
    init.add_argument("file", metavar="FILE", nargs="?", help="must not exist; default: print it")
    for what, table in (("driver", "[[pack]]"), ("output", "[[output]]")):
        init.add_argument(
            f"--{what}",
            metavar="NAME",
            action="append",
            default=[],
            help=f"write a {table} for this {what}; may be given several times",
        )
    add_json(actions.add_parser("schema", help="print the JSON Schema of the file, for editors"))


def run(arguments: argparse.Namespace) -> int:
    """Run the sub-command."""
    return {"check": _check, "init": _init, "schema": _schema}[arguments.action](arguments)


def _check(arguments: argparse.Namespace) -> int:
    from cellwarden.cli.summary import document, rows  # noqa: PLC0415  # only when it runs
    from cellwarden.config.reader import default_path, load  # noqa: PLC0415
    from cellwarden.host import Host  # noqa: PLC0415

    path = Path(arguments.file or arguments.config or default_path())
    try:
        settings = load(path, Host())
    except ConfigError as error:
        if arguments.json:
            print_json({"ok": False, "file": str(path), "problems": list(error.problems)})
            return 1
        complain(error)
        count = len(error.problems)
        return complain(f"{path}: {count} {'mistake' if count == 1 else 'mistakes'}")
    if arguments.json:
        print_json(document(settings))
    else:
        print_rows(rows(settings))
    return 0


def _init(arguments: argparse.Namespace) -> int:
    from cellwarden.config.files import write_new  # noqa: PLC0415  # only when it runs
    from cellwarden.config.template import template  # noqa: PLC0415  # only when it runs
    from cellwarden.host import Host  # noqa: PLC0415

    try:
        text = template(Host(), drivers=arguments.driver, outputs=arguments.output)
    except ConfigError as error:
        return complain(error, 2)
    if arguments.file is None:
        print(text, end="")
        return 0
    write_new(Path(arguments.file), text)
    print(f"{arguments.file} is written. Edit it, then: cellwarden config check {arguments.file}")
    return 0


def _schema(arguments: argparse.Namespace) -> int:
    from cellwarden.config.schema import schema  # noqa: PLC0415  # only when it runs
    from cellwarden.host import Host  # noqa: PLC0415

    # JSON is all it can print: --json is taken because every command that prints data takes it.
    print_json(schema(Host()), indent=None if arguments.json else 2)
    return 0


COMMAND = CommandKind(
    name="config",
    summary="check a configuration file, write one, or its schema",
    configure=configure,
    run=run,
)
