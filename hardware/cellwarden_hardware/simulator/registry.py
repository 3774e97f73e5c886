"""Which emulated device answers which driver: for `cellwarden emulate` and the contract tests.

An emulated device that stands here is offered to users and runs against its driver in every
contract test, without another line. Its module is imported only when one is built.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cellwarden.model import Parameters

if TYPE_CHECKING:
    from cellwarden_hardware.simulator.bluez import Peripheral
    from cellwarden_hardware.simulator.device import EmulatedDevice
    from cellwarden_hardware.simulator.jk_can_device import EmulatedJkCan, Sender
    from cellwarden_hardware.simulator.snapshot import SnapshotSource

# ruff: noqa: PLC0415  # imported when built


@dataclass(frozen=True, slots=True, kw_only=True)
class EmulatedKind:
    """A kind of emulated device on a serial line."""

    driver: str
    """The driver that reads it; also its own name."""
    summary: str
    build: Callable[["SnapshotSource", Parameters | None, str], "EmulatedDevice[Any]"]
    """Called with a pack, its BMS's settings (None: the chemistry's preset) and a name."""
    build_line: (
        Callable[[Sequence["SnapshotSource"], Parameters | None], "EmulatedDevice[Any]"] | None
    ) = None
    """Called with several packs, that answer on one line to the addresses 1, 2 ...; None where
    the protocol has no addresses. The driver's option for them is `address`."""
    driver_options: Mapping[str, object] = field(default_factory=dict)
    """What the driver needs beside the port to read the device as it is built."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EmulatedRadio:
    """A kind of emulated device in Bluetooth range."""

    driver: str
    summary: str
    build: Callable[["SnapshotSource", Parameters | None, str, str], "Peripheral"]
    """Called with a pack, its settings, a name and a Bluetooth address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EmulatedNode:
    """A kind of emulated device on a CAN bus."""

    driver: str
    summary: str
    build: Callable[["SnapshotSource", "Sender", int], "EmulatedJkCan"]
    """Called with a pack, what sends its frames and an address."""
    driver_options: Mapping[str, object] = field(default_factory=dict)


def _jk_rs485(
    source: "SnapshotSource", parameters: Parameters | None, name: str
) -> "EmulatedDevice[Any]":
    from cellwarden_hardware.simulator.jk_device import EmulatedJk

    return EmulatedJk(source, parameters=parameters, name=name)


def _jk_modbus(
    source: "SnapshotSource",
    parameters: Parameters | None,
    name: str,
) -> "EmulatedDevice[Any]":
    from cellwarden_hardware.simulator.jk_modbus_device import EmulatedJkModbus

    return EmulatedJkModbus({1: source}, parameters=parameters, name=name)


def _jk_modbus_line(
    sources: Sequence["SnapshotSource"], parameters: Parameters | None
) -> "EmulatedDevice[Any]":
    from cellwarden_hardware.simulator.jk_modbus_device import EmulatedJkModbus

    return EmulatedJkModbus(dict(enumerate(sources, start=1)), parameters=parameters)


def _jbd(
    source: "SnapshotSource", parameters: Parameters | None, name: str
) -> "EmulatedDevice[Any]":
    from cellwarden_hardware.simulator.jbd_device import EmulatedJbd

    return EmulatedJbd(source, parameters=parameters, name=name)


def _daly(
    source: "SnapshotSource",
    parameters: Parameters | None,  # noqa: ARG001  # its settings cannot be read
    name: str,
) -> "EmulatedDevice[Any]":
    from cellwarden_hardware.simulator.daly_device import EmulatedDaly

    return EmulatedDaly(source, name=name)


def _daly_line(
    sources: Sequence["SnapshotSource"],
    parameters: Parameters | None,  # noqa: ARG001
) -> "EmulatedDevice[Any]":
    from cellwarden_hardware.simulator.daly_device import EmulatedDaly

    first, *others = sources
    return EmulatedDaly(first, name="pack", others=dict(enumerate(others, start=2)))


def _jk_ble(
    source: "SnapshotSource", parameters: Parameters | None, name: str, address: str
) -> "Peripheral":
    from cellwarden_hardware.simulator.jk_ble_device import EmulatedJkBle

    return EmulatedJkBle(source, parameters=parameters, name=name, address=address)


def _jbd_ble(
    source: "SnapshotSource", parameters: Parameters | None, name: str, address: str
) -> "Peripheral":
    from cellwarden_hardware.simulator.jbd_ble_device import EmulatedJbdBle

    return EmulatedJbdBle(source, parameters=parameters, name=name, address=address)


def _jk_can(source: "SnapshotSource", link: "Sender", address: int) -> "EmulatedJkCan":
    from cellwarden_hardware.simulator.jk_can_device import EmulatedJkCan

    return EmulatedJkCan(source, link, address=address)


EMULATED: dict[str, EmulatedKind] = {
    kind.driver: kind
    for kind in (
        EmulatedKind(driver="jk-rs485", summary='JK BMS, "4E 57"', build=_jk_rs485),
        EmulatedKind(
            driver="jk-modbus",
            summary="JK BMS, Modbus of the PB series",
            build=_jk_modbus,
            build_line=_jk_modbus_line,
            driver_options={"address": 1},
        ),
        EmulatedKind(driver="jbd", summary="JBD (Xiaoxiang) board", build=_jbd),
        EmulatedKind(
            driver="daly",
            summary="Daly board, A5 frames",
            build=_daly,
            build_line=_daly_line,
            driver_options={"address": 1},
        ),
    )
}

RADIOS: dict[str, EmulatedRadio] = {
    kind.driver: kind
    for kind in (
        EmulatedRadio(driver="jk-ble", summary="JK BMS over Bluetooth", build=_jk_ble),
        EmulatedRadio(driver="jbd-ble", summary="JBD board over Bluetooth", build=_jbd_ble),
        EmulatedRadio(
            driver="ble-generic", summary="a board that aiobmsble knows: JBD's", build=_jbd_ble
        ),
    )
}

NODES: dict[str, EmulatedNode] = {
    "jk-can": EmulatedNode(
        driver="jk-can",
        summary="JK BMS, its own CAN broadcast",
        build=_jk_can,
        driver_options={"positive_current": "charging"},
    )
}
