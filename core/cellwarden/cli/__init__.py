"""The command line, one file a command.

Each module here has a `COMMAND`; it is imported only when its command runs, so that `--help` and
short commands stay quick on a slow machine. Plugins add commands of the same type.

Exit status: 0 good, 1 the thing failed, 2 the call was wrong, 130 Ctrl-C, 141 nobody reads on.
"""

import argparse
import errno
import os
import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from cellwarden import __version__
from cellwarden.errors import CellwardenError, ConfigError

if TYPE_CHECKING:
    from cellwarden.hooks import CommandKind

BUILT_IN: Mapping[str, tuple[str, str]] = {
    "run": ("cellwarden.cli.run", "run the controller"),
    "status": ("cellwarden.cli.status", "show what a running controller sees and decides"),
    "config": ("cellwarden.cli.config", "check a configuration file, write one, or its schema"),
    "decode": ("cellwarden.cli.decode", "explain a captured frame"),
    "encode": ("cellwarden.cli.encode", "show the frames an inverter would be sent for a state"),
    "replay": ("cellwarden.cli.replay", "run recorded readings through the engine"),
    "diagnose": (
        "cellwarden.cli.diagnose",
        "what is probably wrong with the battery, and what to do",
    ),
    "record": ("cellwarden.cli.record", "what the recorder holds; export it to one file"),
    "repair": ("cellwarden.cli.repair", "a guide through measuring and repairing"),
    "order": (
        "cellwarden.cli.order",
        "what you want of the bank: limits, target, blocks, a pack out; who ordered what",
    ),
    "params": ("cellwarden.cli.params", "show, change and copy what a BMS is set to"),
    "plugins": ("cellwarden.cli.plugins", "list what is installed"),
}
"""Module and summary of each command of the core; the module's own COMMAND says the same."""

INTERRUPTED = 130
CLOSED_PIPE = 141
"""What a shell reports for a program that Ctrl-C, or a reader that left, has ended."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return the exit status."""
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a terminal that knows no degree sign is no error
            stream.reconfigure(errors="backslashreplace")
    try:
        status = _guarded(sys.argv[1:] if argv is None else argv)
        sys.stdout.flush()
    except OSError as error:
        if error.errno not in (errno.EPIPE, errno.ENOSPC):
            raise
        # Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return CLOSED_PIPE if error.errno == errno.EPIPE else complain(str(error.strerror))
    return status


def _guarded(argv: Sequence[str]) -> int:
    try:
        return _main(argv)
    except CellwardenError as error:
        return complain(error)
    except KeyboardInterrupt:
        return INTERRUPTED
    except SystemExit as end:  # argparse: 0 after --help, 2 after a wrong call
        return end.code if isinstance(end.code, int) else 1


def complain(problem: Exception | str, status: int = 1) -> int:
    """Tell what is wrong on standard error, a line for each mistake, and return the status."""
    lines = problem.problems if isinstance(problem, ConfigError) else [str(problem)]
    for line in lines:
        print(f"cellwarden: {line}", file=sys.stderr)
    return status


def _main(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="cellwarden",
        description="One battery controller: reads any BMS, decides what is safe, tells every"
        " inverter and home-energy system.",
        usage="%(prog)s COMMAND ...",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        add_help=False,
    )
    parser.add_argument("-h", "--help", action="store_true", help="show this help and end")
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    parser.add_argument("command", nargs="?", help=argparse.SUPPRESS)
    parser.add_argument("rest", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    arguments = parser.parse_args(argv)
    if arguments.help or arguments.command is None:
        commands = {name: summary for name, (_, summary) in BUILT_IN.items()}
        commands |= {name: kind.summary for name, kind in _added().items() if name not in commands}
        parser.epilog = _listed(commands)
        parser.print_help(sys.stdout if arguments.help else sys.stderr)
        return 0 if arguments.help else 2
    command = _command(arguments.command)
    return 2 if command is None else _run(command, arguments.rest)


def _run(command: "CommandKind", rest: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog=f"cellwarden {command.name}", description=f"{command.summary}."
    )
    command.configure(parser)
    try:
        # Options may stand between positional arguments: decode jk-rs485 --json 4E57...
        arguments = parser.parse_intermixed_args(rest)
    except TypeError:  # argparse cannot do that for a command with sub-commands
        arguments = parser.parse_args(rest)
    return command.run(arguments)


def _command(name: str) -> "CommandKind | None":
    """Return a command by name; None, after saying which there are, if there is none."""
    if name in BUILT_IN:
        from importlib import import_module  # noqa: PLC0415  # only the command that runs

        module = import_module(BUILT_IN[name][0])
        command: CommandKind = module.COMMAND
        return command
    added = _added()
    if name in added:
        return added[name]
    from difflib import get_close_matches  # noqa: PLC0415  # for mistakes

    names = sorted({*BUILT_IN, *added})
    near = get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    complain(f"there is no command {name!r}; {hint}commands: {', '.join(names)}")
    return None


def _added() -> "dict[str, CommandKind]":
    """Return the commands of plugins; a plugin that is broken is told about and left out."""
    from cellwarden.host import Host  # noqa: PLC0415  # loads every plugin

    host = Host()
    try:
        commands = host.commands()
    except ConfigError as error:
        complain(error)
        commands = {}
    if host.problems():
        complain(ConfigError(host.problems()))
    return commands


def _listed(commands: Mapping[str, str]) -> str:
    width = max(map(len, commands)) + 2
    lines = [f"  {name:{width}}{summary}" for name, summary in commands.items()]
    more = "`cellwarden COMMAND --help` explains each."
    return "\n".join(["commands:", *lines, "", more])
