"""`cellwarden status`: what a running controller sees and decides."""

import argparse
import json
import sys

from cellwarden.cli import live, screen
from cellwarden.cli.asking import add_running, runtime_folder
from cellwarden.errors import LinkError
from cellwarden.hooks import CommandKind


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("--json", action="store_true", help="print the whole state as JSON")
    parser.add_argument("--watch", action="store_true", help="a live picture, until Ctrl-C")
    add_running(parser)


def run(arguments: argparse.Namespace) -> int:
    """Ask and show; 1 if nobody answers."""
    from cellwarden.runtime.status import ask  # noqa: PLC0415  # only when it runs

    folder = runtime_folder(arguments)
    document = ask(folder)
    if arguments.json:
        print(json.dumps(document, indent=2))
    elif arguments.watch:

        def draw() -> list[str]:
            try:
                return screen.picture(ask(folder), colour=live.is_terminal())
            except LinkError as error:
                return [str(error), "", "Still trying; Ctrl-C ends."]

        live.repeat(draw, 1.0)
    else:
        colour = live.is_terminal()
        sys.stdout.write("\n".join([*screen.picture(document, colour=colour), ""]))
    return 0


COMMAND = CommandKind(
    name="status",
    summary="show what a running controller sees and decides",
    configure=configure,
    run=run,
)
