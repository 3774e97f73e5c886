"""`cellwarden homeassistant`: a dashboard for the configured bank, the schemas of what is sent."""

import argparse
from typing import TYPE_CHECKING

from cellwarden.errors import ConfigError
from cellwarden.hooks import CommandKind

if TYPE_CHECKING:
    from cellwarden.config.settings import OutputSettings, Settings

MESSAGES = ("bridge", "bank", "pack", "event")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the sub-commands."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="dashboard|schema|addon")
    dashboard = actions.add_parser("dashboard", help="print a dashboard for this bank, as YAML")
    dashboard.add_argument("--config", metavar="FILE", help="default: as `cellwarden run`")
    dashboard.add_argument("--output", metavar="NAME", help="of several homeassistant outputs")
    dashboard.add_argument("--json", action="store_true", help="print JSON, for programs")
    schema = actions.add_parser("schema", help="print the JSON Schema of a message")
    schema.add_argument("message", choices=MESSAGES)
    schema.add_argument("--json", action="store_true", help="on one line")
    addon = actions.add_parser("addon", help="run in the Home Assistant add-on, by its options")
    addon.add_argument("--options", metavar="FILE", default="/data/options.json")
    addon.add_argument("--write", metavar="FILE", default="/data/cellwarden.toml")
    addon.add_argument("--dry-run", action="store_true", help="write and check the file only")
    addon.add_argument("--supervisor", default="http://supervisor", help=argparse.SUPPRESS)


def run(arguments: argparse.Namespace) -> int:
    """Run the sub-command."""
    actions = {"dashboard": _dashboard, "schema": _schema, "addon": _addon}
    return actions[arguments.action](arguments)


def _addon(arguments: argparse.Namespace) -> int:
    from pathlib import Path  # noqa: PLC0415  # only when it runs

    from cellwarden.cli import main  # noqa: PLC0415
    from cellwarden.host import Host  # noqa: PLC0415
    from cellwarden_homeassistant.addon import write  # noqa: PLC0415

    write(Path(arguments.options), Path(arguments.write), Host(), arguments.supervisor)
    status = main(["config", "check", arguments.write])
    return status if status or arguments.dry_run else main(["run", "--config", arguments.write])


def _schema(arguments: argparse.Namespace) -> int:
    from cellwarden.cli.show import print_json  # noqa: PLC0415  # only when it runs
    from cellwarden_homeassistant.json_schema import schemas  # noqa: PLC0415

    print_json(schemas()[arguments.message], indent=None if arguments.json else 2)
    return 0


def _dashboard(arguments: argparse.Namespace) -> int:
    from cellwarden.cli.show import print_json  # noqa: PLC0415  # only when it runs
    from cellwarden.config.reader import default_path, load  # noqa: PLC0415
    from cellwarden.host import Host  # noqa: PLC0415
    from cellwarden_homeassistant.dashboard import dashboard  # noqa: PLC0415
    from cellwarden_homeassistant.naming import names_of  # noqa: PLC0415
    from cellwarden_homeassistant.yaml_text import dump  # noqa: PLC0415

    settings = load(arguments.config or default_path(), Host())
    names = names_of(_output(settings, arguments.output).options, settings.controller.name)
    packs = [(pack.name, pack.parameters.cell_count) for pack in settings.packs]
    document = dashboard(names, packs)
    if arguments.json:
        print_json(document)
    else:
        print(dump(document), end="")
    return 0


def _output(settings: "Settings", name: str | None) -> "OutputSettings":
    """Return the output that a dashboard is for; ConfigError if it is not clear which."""
    found = [output for output in settings.outputs if output.output.name == "homeassistant"]
    if not found:
        raise ConfigError(
            f'{settings.source}: there is no [[output]] with plugin = "homeassistant": add one'
        )
    if name is None and len(found) == 1:
        return found[0]
    for output in found:
        if output.name == name:
            return output
    names = ", ".join(output.name for output in found)
    raise ConfigError(f"--output: name one of the homeassistant outputs: {names}")


HOMEASSISTANT = CommandKind(
    name="homeassistant",
    summary="a dashboard for this bank, schemas of what is published over MQTT",
    configure=configure,
    run=run,
)
