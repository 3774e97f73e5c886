"""Emulated devices that are on no serial line: in the air of an emulated `org.bluez`, on CAN."""

import contextlib
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

from cellwarden.errors import ConfigError
from cellwarden.links.can import CanLink
from cellwarden_hardware.scan.can import bus_options, link_arguments
from cellwarden_hardware.simulator.bank import SimulatedBank
from cellwarden_hardware.simulator.bluez import EmulatedBluez
from cellwarden_hardware.simulator.faults import Faults
from cellwarden_hardware.simulator.private_bus import private_bus
from cellwarden_hardware.simulator.registry import NODES, RADIOS

DEFAULT_CAN = "udp_multicast:239.74.163.2,port=43113"
"""python-can's own group: a bus that needs no hardware, for programs of this computer."""

_ADDRESS = "A4:C1:38:00:00:{number:02X}"
"""Its first half is one of JBD's modules, by which aiobmsble knows them."""

Options = dict[str, object]


@contextlib.asynccontextmanager
async def in_the_air(
    driver: str, bank: SimulatedBank, link: str, faults: Mapping[str, object]
) -> AsyncIterator[tuple[list[Options], str]]:
    """Have the packs in range; gives each one's keys, and the bus that is to be the system's.

    `link` is `pty` for a bus of their own, else `bus:ADDRESS`. ConfigError where that cannot be.
    """
    radios = [
        RADIOS[driver].build(
            pack, pack.bms.parameters, f"pack-{number}", _ADDRESS.format(number=number)
        )
        for number, pack in enumerate(bank.packs, start=1)
    ]
    for radio in radios:
        set_faults(getattr(radio, "behind", radio), faults)
    air = EmulatedBluez(radios)
    with contextlib.ExitStack() as stack:
        address = link.removeprefix("bus:")
        if link == "pty":
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="cellwarden-")))
            try:
                address = stack.enter_context(private_bus(folder))
            except FileNotFoundError as error:
                raise ConfigError(str(error)) from error
        try:
            await air.start(address)
        except ImportError as error:
            raise ConfigError("Bluetooth needs a library: pip install 'cellwarden[ble]'") from error
        except (OSError, ValueError) as error:
            raise ConfigError(f"--link {link}: no D-Bus there ({error})") from error
        try:
            yield [{"port": radio.address} for radio in radios], address
        finally:
            for radio in radios:
                await radio.ended()
            await air.stop()


@contextlib.asynccontextmanager
async def on_a_bus(
    driver: str, bank: SimulatedBank, link: str, faults: Mapping[str, object]
) -> AsyncIterator[list[Options]]:
    """Have the packs on a CAN bus with addresses 0, 1 ...; gives each one's keys."""
    options = bus_options(DEFAULT_CAN if link == "pty" else link)
    kind = NODES[driver]
    keys = []
    async with contextlib.AsyncExitStack() as stack:
        for address, pack in enumerate(bank.packs):
            node = kind.build(pack, CanLink(**link_arguments(options)), address)
            set_faults(node, faults)
            await node.start()  # a LinkError says what is wrong with the bus
            stack.push_async_callback(node.stop)
            keys.append({**options, "address": address, **kind.driver_options})
        yield keys


def set_faults(device: Faults, faults: Mapping[str, object]) -> None:
    """Let a device misbehave."""
    for name, value in faults.items():
        setattr(device, name, value)


def keys_of_lines(
    ports: Sequence[str], packs: int, driver_options: Mapping[str, object], *, one_line: bool
) -> list[Options]:
    """Return each pack's keys, where they are on serial lines."""
    keys = []
    for number in range(1, packs + 1):
        own: Options = {"port": ports[0] if one_line else ports[number - 1], **driver_options}
        keys.append(own | ({"address": number} if one_line else {}))
    return keys
