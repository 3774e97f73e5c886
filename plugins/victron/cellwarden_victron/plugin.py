"""Offers the Victron output, the relays of a GX and the command `venus`.

The D-Bus library is imported when needed.
"""

import argparse
from collections.abc import Sequence

from cellwarden.hooks import (
    CommandKind,
    OutputContext,
    OutputKind,
    RelayContext,
    RelayKind,
    hookimpl,
)
from cellwarden.interfaces import Output, Relay
from cellwarden_victron.config import GxRelayOptions, VictronOptions


def _build(options: VictronOptions, context: OutputContext) -> Output:
    from cellwarden_victron.output import VictronOutput  # noqa: PLC0415  # needs the extra

    return VictronOutput(options, context)


@hookimpl
def cellwarden_outputs() -> Sequence[OutputKind]:
    """Return the Victron output."""
    return (
        OutputKind(
            name="victron",
            summary="a managed battery on the D-Bus of Venus OS (Cerbo GX and others)",
            options=VictronOptions,
            build=_build,
            control=True,
            extra="victron",
        ),
    )


def _build_relay(options: GxRelayOptions, context: RelayContext) -> Relay:
    from cellwarden_victron.relay import GxRelay  # noqa: PLC0415  # needs the extra

    return GxRelay(options, context)


@hookimpl
def cellwarden_relays() -> Sequence[RelayKind]:
    """Return the relays of a GX device."""
    return (
        RelayKind(
            name="gx",
            summary="a relay of the GX device (Cerbo GX and others) that this runs on",
            options=GxRelayOptions,
            build=_build_relay,
            extra="victron",
        ),
    )


def _configure(parser: argparse.ArgumentParser) -> None:
    from cellwarden_victron.gx import command  # noqa: PLC0415  # only for this command

    command.configure(parser)


def _run(arguments: argparse.Namespace) -> int:
    from cellwarden_victron.gx import command  # noqa: PLC0415  # only for this command

    return command.run(arguments)


@hookimpl
def cellwarden_commands() -> Sequence[CommandKind]:
    """Return the command for the GX device itself."""
    return (
        CommandKind(
            name="venus",
            summary="install, look after and uninstall Cellwarden on a GX device",
            configure=_configure,
            run=_run,
        ),
    )
