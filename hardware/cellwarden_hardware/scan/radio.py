"""Looking at the air: who advertises what a BMS does, then a connection to each of those."""

import asyncio
from collections.abc import Collection, Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING

from cellwarden.errors import LinkError
from cellwarden_hardware.codecs import jbd, jk_ble
from cellwarden_hardware.kinds import ble_generic
from cellwarden_hardware.scan.asking import Tell, ask, telling
from cellwarden_hardware.scan.found import Found

if TYPE_CHECKING:
    from bleak.backends.device import BLEDevice
    from bleak.backends.scanner import AdvertisementData

# ruff: noqa: PLC0415  # an extra

_JK_MANUFACTURERS = frozenset({0x0B65, 0x4B4A})  # one source (syssi/esphome-jk-bms)
_ANSWER_S = 2.0


async def look(
    tell: Tell, notes: list[str], *, scan_s: float, only: Collection[str] = ()
) -> list[Found]:
    """Return the packs in range, or of the addresses that are named; what goes wrong is noted."""
    if find_spec("bleak") is None:
        notes.append("Bluetooth: bleak is not installed; pip install 'cellwarden[ble]'")
        return []
    tell(f"Bluetooth: listening for {scan_s:g} s")
    try:
        heard = await _scan(scan_s)
    except LinkError as error:
        notes.append(str(error))
        return []
    wanted = {address.upper() for address in only}
    found = []
    for device, told in heard:
        address = device.address.upper()
        if wanted and address not in wanted:
            continue
        drivers = await drivers_for(address, told)
        if not drivers and wanted:
            notes.append(f"{address}: it does not advertise itself as a BMS that is known here")
        if drivers:
            with telling(notes, address):
                found += await _connect(address, drivers, tell, notes)
    absent = wanted - {device.address.upper() for device, _ in heard}
    notes += [f"{address}: not in range, or connected to somebody else" for address in absent]
    return found


async def _scan(scan_s: float) -> "list[tuple[BLEDevice, AdvertisementData]]":
    from bleak import BleakScanner
    from bleak.exc import BleakError

    try:
        async with asyncio.timeout(scan_s + 10.0):
            heard = await BleakScanner.discover(timeout=scan_s, return_adv=True)
    except (BleakError, OSError, EOFError) as error:
        raise LinkError("Bluetooth", f"no scan ({error}): is there an adapter, and on?") from error
    return sorted(heard.values(), key=lambda pair: pair[0].address)


async def _connect(
    address: str, drivers: Sequence[tuple[str, dict[str, object]]], tell: Tell, notes: list[str]
) -> list[Found]:
    """Ask with one driver after the other until one is answered."""
    for driver, options in drivers:
        tell(f"Bluetooth: connecting to {address} as {driver}")
        each = await ask(driver, options, timeout_s=_ANSWER_S)
        if each is not None:
            return [each]
    names = " or ".join(driver for driver, _ in drivers)
    notes.append(f"{address}: is in range, but tells nothing as {names}")
    return []


async def drivers_for(
    address: str, told: "AdvertisementData"
) -> list[tuple[str, dict[str, object]]]:
    """Return the drivers that may read who advertises this, the likelier first.

    Several makers use JBD's service for protocols of their own.
    """
    options: dict[str, object] = {"port": address}
    if jk_ble.SERVICE in told.service_uuids or _JK_MANUFACTURERS & set(told.manufacturer_data):
        return [("jk-ble", options)]
    drivers = []
    if jbd.SERVICE in told.service_uuids:
        drivers.append(("jbd-ble", options))
    if ble_generic.SUPPORTED and find_spec("aiobmsble") is not None:
        from aiobmsble.utils import bms_identify

        kind = await bms_identify(told, address)
        if kind is not None:
            name = kind.get_bms_module().rpartition(".")[2]
            drivers.append(("ble-generic", options | {"bms": name}))
    return drivers
