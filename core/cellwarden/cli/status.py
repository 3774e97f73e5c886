"""`cellwarden status`: what a running controller sees and decides."""

import argparse
import json
import sys

from cellwarden.cli import live, screen
from cellwarden.errors import LinkError
from cellwarden.hooks import CommandKind


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("--json", action="store_true", help="print the whole state as JSON")
    parser.add_argument("--watch", action="store_true", help="a live picture, until Ctrl-C")
    parser.add_argument("--config", metavar="FILE", help="configuration of the controller to ask")
    parser.add_argument(
        "--runtime-dir", metavar="DIR", help="folder of its status socket; overrides the file"
    )


def run(arguments: argparse.Namespace) -> int:
    """Ask and show; 1 if nobody answers."""
    from cellwarden.runtime.folders import runtime_dir  # noqa: PLC0415  # only when it runs
    from cellwarden.runtime.status import ask  # noqa: PLC0415

    folder = runtime_dir(arguments.runtime_dir or _configured(arguments.config))
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


def _configured(path: str | None) -> str | None:
    """Return the runtime folder that the configuration names, None if there is no file."""
    from cellwarden.config.reader import default_path, load  # noqa: PLC0415
    from cellwarden.host import Host  # noqa: PLC0415

    if path is None and not default_path().exists():
        return None
    return load(path or default_path(), Host()).controller.runtime_dir


COMMAND = CommandKind(
    name="status",
    summary="show what a running controller sees and decides",
    configure=configure,
    run=run,
)
