"""A plugin for tests: drivers, outputs, a relay, protocols and a command, none of them real."""

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from cellwarden.config.options import option
from cellwarden.errors import CommandRefused, ConfigError, FrameError
from cellwarden.hooks import (
    CommandKind,
    DriverKind,
    OutputKind,
    ProtocolKind,
    RelayKind,
    hookimpl,
)


class Parity(Enum):
    NONE = "none"
    EVEN = "even"


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeDriverOptions:
    port: str = option(help="where it is", example="/dev/ttyUSB0")
    address: int = option(1, help="on a bus of several", minimum=1, maximum=15)
    parity: Parity = option(Parity.NONE, help="parity bit")  # noqa: RUF009  # a field
    timeout_s: float = option(1.0, help="wait for an answer", unit="s", minimum=0.1, maximum=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeOutputOptions:
    host: str = option("localhost", help="the peer")
    topics: tuple[str, ...] = option((), help="what to send")
    levels: tuple[int, ...] = option((1, 2), help="which levels", minimum=0, maximum=9)
    retain: bool = option(False, help="keep the last")
    user: str | None = option(None, help="login")
    password_file: str | None = option(None, help="file that holds the password")

    def __post_init__(self) -> None:
        if self.password_file is not None and self.user is None:
            raise ConfigError("password_file needs user")


@dataclass(frozen=True, slots=True, kw_only=True)
class NoOptions:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeRelayOptions:
    coil: int = option(help="which coil", minimum=1, maximum=8, example=1)


class FakeProtocol:
    """Decodes `AA` followed by one byte; encodes `soc_pct`."""

    def decode(
        self, chunks: Sequence[str], *, request: bytes | None = None, variant: str | None = None
    ) -> list[dict[str, object]]:
        if variant not in (None, "short"):
            raise ConfigError(f"there is no variant {variant!r}; available: short")
        frames: list[dict[str, object]] = []
        for chunk in chunks:
            if chunk == "00":  # a frame that says nothing
                continue
            if not chunk.upper().startswith("AA"):
                raise FrameError("header", f"{chunk} does not begin with AA: capture again")
            frame: dict[str, object] = {"chunk": chunk, "cells": [3.3, 3.31], "name": None}
            if request is not None:
                frame["request"] = request.hex()
            if variant is not None:
                frame["variant"] = variant
            frames.append(frame)
        return frames

    def encode(self, state: Mapping[str, object]) -> list[dict[str, object]]:
        match state.get("soc_pct"):
            case int() as soc:
                return [
                    {"can_id": "0x355", "extended": False, "data_hex": f"{soc:02X}00"},
                    {"frame_ascii": "~2002"},
                ]
            case None:
                return []
            case "asleep":
                raise CommandRefused("a sleeping pack has nothing to say")
        raise ConfigError("soc_pct must be a whole number")


def _no_build(options: object, context: object) -> object:
    raise NotImplementedError


def _configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--status", type=int, default=0)


def _greet(arguments: argparse.Namespace) -> int:
    print("hello")
    return int(arguments.status)


@hookimpl
def cellwarden_drivers() -> Sequence[DriverKind]:
    return [
        DriverKind(
            name="fake-bms", summary="not a BMS", options=FakeDriverOptions, build=_no_build
        ),
        DriverKind(name="bare", summary="needs nothing", options=NoOptions, build=_no_build),
    ]


@hookimpl
def cellwarden_outputs() -> Sequence[OutputKind]:
    return [
        OutputKind(
            name="fake_mqtt", summary="not MQTT", options=FakeOutputOptions, build=_no_build
        ),
        OutputKind(
            name="fake_can", summary="not CAN", options=NoOptions, build=_no_build, control=True
        ),
    ]


@hookimpl
def cellwarden_relays() -> Sequence[RelayKind]:
    return [
        RelayKind(
            name="fake_relay", summary="not a relay", options=FakeRelayOptions, build=_no_build
        )
    ]


@hookimpl
def cellwarden_protocols() -> Sequence[ProtocolKind]:
    return [
        ProtocolKind(name="fake", summary="not a protocol", load=FakeProtocol, encodes=True),
        ProtocolKind(name="deaf", summary="decodes only", load=FakeProtocol),
    ]


@hookimpl
def cellwarden_commands() -> Sequence[CommandKind]:
    return [CommandKind(name="greet", summary="say hello", configure=_configure, run=_greet)]
