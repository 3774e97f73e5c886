"""`cellwarden params`: what a BMS is set to; change it, copy it, and see who changed what."""

import argparse
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cellwarden.cli import complain
from cellwarden.cli.asking import add_running
from cellwarden.cli.show import add_json, print_json
from cellwarden.errors import ConfigError
from cellwarden.hooks import CommandKind

ACTIONS = {
    "calibrate-voltage": ("voltage calibration", "V", "the true pack voltage, by a meter"),
    "calibrate-current": ("current calibration", "A", "the true current, + charging"),
    "zero-current": ("current zero", "", "no current flows now"),
    "clock": ("clock", "", "set the BMS's clock by this computer's"),
    "name": ("name", "NAME", "ASCII letters and digits"),
    "user-data": ("user private data", "TEXT", "at most 13 characters"),
    "restart": ("restart", "", ""),
    "shutdown": ("shutdown", "", "it may need a charger to wake"),
}
"""What `do` can do: the kind of request, what it takes, and what to know."""
_WITH_VALUE = {name for name, (_, takes, _) in ACTIONS.items() if takes}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the sub-commands."""
    actions = parser.add_subparsers(
        dest="action", required=True,
        metavar="list|show|set|preset|do|password|export|import|finish|undo|audit",
    )  # fmt: skip

    def add(name: str, text: str, *, pack: bool = True, writes: bool = False) -> Any:
        sub = actions.add_parser(name, help=text, description=f"{text}.")
        if pack:
            sub.add_argument("pack", metavar="PACK", help="its name in the configuration")
        if writes:
            sub.add_argument(
                "--dry-run", action="store_true", help="show what would be written, write nothing"
            )
        add_running(sub)
        add_json(sub)
        return sub

    add("list", "what can be written on each pack", pack=False)
    add("show", "what a pack's BMS holds now")
    change = add("set", "change parameters or switches, as one transaction", writes=True)
    change.add_argument(
        "changes", metavar="NAME=VALUE", nargs="+",
        help="such as cell_overvoltage_v=3.62, or charge_switch=off",
    )  # fmt: skip
    preset = add("preset", "set all working parameters for a chemistry", writes=True)
    preset.add_argument("chemistry", metavar="CHEMISTRY", help="LiFePO4, Li-ion or LTO")
    do = add("do", "calibrate, set clock or names, restart", writes=True)
    do.add_argument("what", choices=tuple(ACTIONS), metavar="|".join(ACTIONS))
    do.add_argument("value", nargs="?", help="for those that need one")
    password = add("password", "change the settings password of a BMS", writes=True)
    source = password.add_mutually_exclusive_group(required=True)
    source.add_argument("--new-file", metavar="FILE", help="its first line is the new password")
    source.add_argument("--new-env", metavar="NAME", help="variable that holds the new password")
    export = add("export", "write a pack's settings to a file, to restore or to clone it")
    export.add_argument("file", metavar="FILE", nargs="?", help="must not exist; default: print it")
    restore = add("import", "write a file's settings to a pack, as one transaction", writes=True)
    restore.add_argument("file", metavar="FILE", help="made by `export`, or by hand")
    add("finish", "finish what was left half done on a pack")
    add("undo", "undo what was left half done on a pack")
    audit = add("audit", "who changed what, newest first", pack=False)
    audit.add_argument("--limit", type=int, default=50, metavar="N", help="default 50")


def run(arguments: argparse.Namespace) -> int:
    """Run the sub-command."""
    try:
        message = message_of(arguments)
    except ConfigError as error:
        return complain(error, 2)
    document = ask(arguments, message)
    if arguments.action == "export":
        return _export(arguments, document)
    if arguments.json:
        print_json(document)
    else:
        from cellwarden.cli import params_view  # noqa: PLC0415  # only where it is shown

        params_view.show(arguments.action, document)
    return 0 if document.get("verdict", "applied") in ("applied", "planned") else 1


def message_of(arguments: argparse.Namespace) -> dict[str, object]:
    """Return what the controller is asked. ConfigError for what makes no sense."""
    action, pack = arguments.action, getattr(arguments, "pack", "")
    plain: dict[str, dict[str, object]] = {
        "list": {"do": "list"},
        "show": {"do": "show", "pack": pack},
        "export": {"do": "show", "pack": pack},
        "finish": {"do": "settle", "pack": pack, "finish": True},
        "undo": {"do": "settle", "pack": pack, "finish": False},
    }
    if action in plain:
        return plain[action]
    if action == "audit":
        return {"do": "audit", "most": arguments.limit}
    asked: dict[str, object] = {"do": "ask", "pack": pack, "dry_run": arguments.dry_run}
    return asked | _asked(arguments)


def _asked(arguments: argparse.Namespace) -> dict[str, object]:
    """Return kind, value and changes of what is asked of the gate."""
    match arguments.action:
        case "set":
            return _changes(arguments.changes)
        case "import":
            from cellwarden.cli.params_file import read  # noqa: PLC0415

            return {"kind": "parameters", "changes": read(Path(arguments.file))}
        case "preset":
            return {"kind": "chemistry preset", "value": arguments.chemistry}
        case "password":
            return {"kind": "password", "value": _new_password(arguments)}
    return _deed(arguments.what, arguments.value)


def ask(arguments: argparse.Namespace, message: Mapping[str, object]) -> dict[str, object]:
    """Ask the controller that runs; where none does, open the drivers for it."""
    from cellwarden.cli.asking import runtime_folder  # noqa: PLC0415  # only when it runs
    from cellwarden.errors import LinkError  # noqa: PLC0415
    from cellwarden.runtime import control  # noqa: PLC0415

    try:
        return control.ask(runtime_folder(arguments), message)
    except LinkError as error:
        if not isinstance(error.__cause__, FileNotFoundError | ConnectionRefusedError):
            raise  # it runs, and has said no
    return _alone(arguments, message)


def _alone(arguments: argparse.Namespace, message: Mapping[str, object]) -> dict[str, object]:
    from cellwarden.config.reader import default_path, load  # noqa: PLC0415
    from cellwarden.errors import LinkError  # noqa: PLC0415
    from cellwarden.host import Host  # noqa: PLC0415
    from cellwarden.runtime import alone, control  # noqa: PLC0415

    # What became of it is the answer; it need not be said twice.
    logging.getLogger("cellwarden.runtime.gate").setLevel(logging.ERROR)
    settings = load(arguments.config or default_path(), Host())
    document = alone.answer(settings, message, control.user_name(os.getuid()), _say)
    if "error" in document:
        raise LinkError("params", str(document["error"]))
    return document


def _say(text: str) -> None:
    print(text, file=sys.stderr)


def _changes(pairs: Sequence[str]) -> dict[str, object]:
    """Return the part of a request that `set` makes."""
    from cellwarden.model import SWITCHES  # noqa: PLC0415

    kinds = {name: kind.value for kind, name in SWITCHES.items()}
    changes: dict[str, float] = {}
    switches: dict[str, bool] = {}
    problems = []
    for pair in pairs:
        name, _, text = pair.partition("=")
        try:
            if name in kinds:
                switches[name] = {"on": True, "off": False}[text]
            else:
                changes[name] = float(text)
        except (ValueError, KeyError):
            wanted = "on or off" if name in kinds else "a number"
            problems.append(f"{pair}: NAME=VALUE is wanted, the value {wanted}")
    if len(switches) > 1 or (switches and changes):
        problems.append("one switch at a time, and none together with parameters")
    if problems:
        raise ConfigError(problems)
    if switches:
        ((name, on),) = switches.items()
        return {"kind": kinds[name], "value": on}
    return {"kind": "parameters", "changes": changes}


def _deed(what: str, value: str | None) -> dict[str, object]:
    """Return the part of a request that `do` makes."""
    kind, takes, text = ACTIONS[what]
    if (value is None) != (what not in _WITH_VALUE):
        needs = f"needs a value: {text}" if takes else "takes no value"
        raise ConfigError(f"{what} {needs}")
    if takes not in ("V", "A"):
        return {"kind": kind, "value": value}
    try:
        return {"kind": kind, "value": float(str(value))}
    except ValueError as error:
        raise ConfigError(f"{what}: a number in {takes} is wanted, not {value!r}") from error


def _new_password(arguments: argparse.Namespace) -> str:
    from cellwarden.config.secrets import read_secret  # noqa: PLC0415

    secret = read_secret("--new", arguments.new_file, arguments.new_env)
    assert secret is not None  # argparse asks for one of the two
    return secret


def _export(arguments: argparse.Namespace, document: Mapping[str, Any]) -> int:
    from cellwarden.cli.params_file import write  # noqa: PLC0415
    from cellwarden.config.files import write_new  # noqa: PLC0415

    text = write(document)
    if arguments.file is None:
        sys.stdout.write(text)
        return 0
    write_new(Path(arguments.file), text)
    print(f"{arguments.file} is written")
    return 0


COMMAND = CommandKind(
    name="params",
    summary="show, change and copy what a BMS is set to",
    configure=configure,
    run=run,
)
