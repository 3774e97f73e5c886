"""The hooks: how drivers, outputs, wire protocols and commands are found.

Few, typed, called once at start; they hand over descriptions, nothing is opened. A plugin module
must be cheap to import: whatever needs an extra is imported inside `build` or `load`.
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pluggy

from cellwarden.clock import Clock
from cellwarden.interfaces import Driver, Output, Relay, WireProtocol

ENTRY_POINT_GROUP = "cellwarden"

hookspec = pluggy.HookspecMarker("cellwarden")
hookimpl = pluggy.HookimplMarker("cellwarden")


@dataclass(frozen=True, slots=True, kw_only=True)
class DriverContext:
    """What a driver is given besides its own options."""

    pack: str
    """The pack's name; readings and errors carry it."""
    clock: Clock
    timeout_s: float
    """How long to wait for an answer, real s."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputContext:
    """What an output is given besides its own options."""

    name: str
    """The output's name in the configuration."""
    bank: str
    state_dir: str
    """A folder where an output may keep what must survive a restart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DriverKind:
    """A kind of driver: `options` is a frozen dataclass made of `config.option` fields."""

    name: str
    """As written in the configuration: `jk-rs485`."""
    summary: str
    options: type
    build: Callable[[Any, DriverContext], Driver]
    """Called with an instance of `options`."""
    extra: str | None = None
    """The extra of the distribution that its imports need, None if the base has all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputKind:
    """A kind of output."""

    name: str
    summary: str
    options: type
    build: Callable[[Any, OutputContext], Output]
    control: bool = False
    """True for what an inverter obeys: it runs on the control loop and must never block."""
    extra: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayContext:
    """What a relay is given besides its own options."""

    name: str
    """The relay's name in the configuration; errors carry it."""
    pack: str
    """The pack whose heater it switches."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayKind:
    """A kind of relay, for a heater."""

    name: str
    """As written in the configuration: `gpio`."""
    summary: str
    options: type
    build: Callable[[Any, RelayContext], Relay]
    """Called with an instance of `options`; nothing is opened yet."""
    extra: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProtocolKind:
    """A protocol that `decode` (and, if `encodes`, `encode`) offers by name."""

    name: str
    summary: str
    load: Callable[[], WireProtocol]
    encodes: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandKind:
    """A command of the command line."""

    name: str
    summary: str
    configure: Callable[[argparse.ArgumentParser], None]
    """Add the arguments; cheap, no imports of what runs."""
    run: Callable[[argparse.Namespace], int]
    """Do it and return the exit status: 0 good, 1 it failed, 2 the call was wrong."""


@hookspec
def cellwarden_drivers() -> Sequence[DriverKind]:  # type: ignore[empty-body]  # a hook's shape
    """Return the drivers of this plugin."""


@hookspec
def cellwarden_outputs() -> Sequence[OutputKind]:  # type: ignore[empty-body]  # a hook's shape
    """Return the outputs of this plugin."""


@hookspec
def cellwarden_relays() -> Sequence[RelayKind]:  # type: ignore[empty-body]  # a hook's shape
    """Return the kinds of relays of this plugin."""


@hookspec
def cellwarden_protocols() -> Sequence[ProtocolKind]:  # type: ignore[empty-body]  # a hook's shape
    """Return the wire protocols of this plugin."""


@hookspec
def cellwarden_commands() -> Sequence[CommandKind]:  # type: ignore[empty-body]  # a hook's shape
    """Return the commands of this plugin."""
