"""`cellwarden plugins`: what is installed, what it offers, and what is wrong with it."""

import argparse
from dataclasses import asdict

from cellwarden.cli.show import add_json, print_json, print_rows
from cellwarden.hooks import CommandKind


def run(arguments: argparse.Namespace) -> int:
    """List the plugins; one that is broken is part of the answer, not a failure."""
    from cellwarden.host import Host  # noqa: PLC0415  # loads every plugin

    host = Host()
    offers = host.offers()  # before the problems: asking may show more of them
    plugins = [
        {
            **asdict(plugin),
            **{
                sort: list(offers[plugin.name].get(sort, ()))
                for sort in ("drivers", "outputs", "relays", "protocols", "commands")
            },
        }
        for plugin in host.plugins
    ]
    if arguments.json:
        print_json(plugins)
        return 0
    if not plugins:
        print("no plugins are installed")
        return 0
    rows = [("plugin", "distribution", "version", "offers", "problem")]
    for plugin in host.plugins:
        offered = "; ".join(f"{k} {', '.join(v)}" for k, v in offers[plugin.name].items())
        rows.append(
            (plugin.name, plugin.distribution, plugin.version, offered or "-", plugin.problem)
        )
    print_rows(rows)
    return 0


COMMAND = CommandKind(name="plugins", summary="list what is installed", configure=add_json, run=run)
