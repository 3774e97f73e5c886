"""What the hardware package offers: its drivers, their protocols, a relay and its commands."""

from collections.abc import Sequence

from cellwarden.hooks import CommandKind, DriverKind, ProtocolKind, RelayKind, hookimpl
from cellwarden_hardware.commands import DEMO, EMULATE, SCAN
from cellwarden_hardware.commission.command import COMMISSION
from cellwarden_hardware.gpio_relay import RELAY
from cellwarden_hardware.kinds import all_drivers
from cellwarden_hardware.protocols import PROTOCOLS


@hookimpl
def cellwarden_drivers() -> Sequence[DriverKind]:
    """Return every driver found in the drivers folder."""
    return tuple(all_drivers())


@hookimpl
def cellwarden_relays() -> Sequence[RelayKind]:
    """Return the relay on a pin."""
    return (RELAY,)


@hookimpl
def cellwarden_protocols() -> Sequence[ProtocolKind]:
    """Return the BMS protocols that can be decoded by hand."""
    return PROTOCOLS


@hookimpl
def cellwarden_commands() -> Sequence[CommandKind]:
    """Return the commands that need hardware, real or simulated."""
    return (SCAN, COMMISSION, DEMO, EMULATE)
