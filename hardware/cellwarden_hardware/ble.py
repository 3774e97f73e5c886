"""The Bluetooth link: one connection to a device with a UART characteristic, by bleak.

bleak is imported when a link is opened, not before. What comes is handed over as it comes, in
pieces of any size. BlueZ keeps a connection up whose peer is gone for a while: who reads decides
when silence means that it must be built again.
"""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from cellwarden.errors import LinkError, LinkTimeout

if TYPE_CHECKING:
    from bleak import BleakClient
    from bleak.backends.characteristic import BleakGATTCharacteristic

CONNECT_S = 20.0
"""A scan until the device is heard, and the connection; both take seconds on busy air."""
_CLOSE_S = 5.0
_WRITE_S = 2.0


class BleLink:
    """One device. May be opened again after `close()`; every error is a `LinkError`."""

    def __init__(
        self,
        address: str,
        *,
        service: str,
        notify: str,
        write: str,
        name: str,
        adapter: str | None,
        heard: Callable[[bytes], None],
        ended: Callable[[], None],
    ) -> None:
        """Describe the link; nothing is opened.

        `address` is the MAC address, `service`, `notify` and `write` are UUIDs, the last two of
        characteristics, `name` is what errors call this link, `adapter` such as `hci1`. What is
        notified goes to `heard`, on the loop; `ended` is called when the device has gone.
        """
        self.address = address
        self.name = name
        self._service = service
        self._notify = notify
        self._write = write
        self._adapter = adapter
        self._heard = heard
        self._ended = ended
        self._client: BleakClient | None = None
        self._writing: BleakGATTCharacteristic | None = None
        self._failure: LinkError | None = None
        self._faults: tuple[type[Exception], ...] = (OSError, EOFError)

    async def open(self) -> None:
        """Connect and listen. LinkError if that fails, with what to do about it."""
        await self.close()
        try:
            from bleak import BleakClient  # noqa: PLC0415  # an extra, and 200 ms of import time
            from bleak.exc import BleakError  # noqa: PLC0415
        except ImportError as error:
            raise LinkError(
                self.name, "bleak is not installed; install it with: pip install 'cellwarden[ble]'"
            ) from error
        self._faults = (BleakError, OSError, EOFError)
        client = BleakClient(
            self.address,
            disconnected_callback=self._lost,
            timeout=CONNECT_S,
            bluez={"adapter": self._adapter} if self._adapter else {},
        )
        self._failure = None
        self._client = client
        try:
            async with asyncio.timeout(CONNECT_S + 5.0):
                await client.connect()
                reading = self._pick(client, self._notify, "notify")
                self._writing = self._pick(client, self._write, "write-without-response", "write")
                await client.start_notify(reading, self._notified)
        except TimeoutError as error:
            await self.close()
            raise LinkTimeout(self.name, self._absent()) from error
        except self._faults as error:
            await self.close()
            raise LinkError(self.name, f"{error}; {self._absent()}") from error
        except BaseException:
            await self.close()
            raise

    async def write(self, data: bytes) -> None:
        """Send without waiting for the device's answer."""
        self.check()
        assert self._client is not None
        assert self._writing is not None
        response = "write-without-response" not in self._writing.properties
        try:
            async with asyncio.timeout(_WRITE_S):
                await self._client.write_gatt_char(self._writing, data, response=response)
        except TimeoutError as error:
            raise LinkTimeout(self.name, f"{self.address} takes no bytes") from error
        except self._faults as error:
            raise LinkError(self.name, f"{self.address}: {error}") from error

    def check(self) -> None:
        """Raise the LinkError that ended this link, if it has ended."""
        if self._failure is not None:
            raise self._failure
        if self._client is None:
            raise LinkError(self.name, f"{self.address} is not connected")

    async def close(self) -> None:
        """Disconnect; may be called at any time, also twice."""
        client, self._client = self._client, None
        self._writing = None
        if client is None:
            return
        try:
            async with asyncio.timeout(_CLOSE_S):
                await client.disconnect()
        except TimeoutError:
            return
        except self._faults:  # it is gone already, or BlueZ is
            return

    def _pick(
        self, client: "BleakClient", uuid: str, *properties: str
    ) -> "BleakGATTCharacteristic":
        """Return the characteristic that can do one of these.

        By property too, for older modules have the same UUID twice: one to write, one to notify.
        """
        for wanted in properties:
            for service in client.services:
                if service.uuid != self._service:
                    continue
                for characteristic in service.characteristics:
                    if characteristic.uuid == uuid and wanted in characteristic.properties:
                        return characteristic
        raise LinkError(
            self.name,
            f"{self.address} has no characteristic to {properties[-1]} (some firmware tells none at"
            f" the first connection): bluetoothctl remove {self.address} clears what this computer"
            " remembers",
        )

    def _notified(self, _: "BleakGATTCharacteristic", data: bytearray) -> None:
        self._heard(bytes(data))

    def _lost(self, client: "BleakClient") -> None:
        if client is self._client:
            self._failure = LinkError(self.name, f"{self.address} has gone: out of range, or off")
            self._ended()

    def _absent(self) -> str:
        return (
            f"cannot connect to {self.address}: is it in range, and the vendor's app closed (it"
            " allows one connection only)?"
        )
