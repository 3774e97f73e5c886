"""An emulated `org.bluez` on a D-Bus of one's own: one adapter, and devices in its range.

Whoever's system bus is that bus (DBUS_SYSTEM_BUS_ADDRESS) scans, connects, writes and is notified
as with real Bluetooth. Needs dbus-fast, which comes with the extra `ble`.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cellwarden_hardware.simulator.faults import Faults

if TYPE_CHECKING:
    from dbus_fast import Message
    from dbus_fast.aio import MessageBus

_ADAPTER_PATH = "/org/bluez/hci0"
_ADAPTER, _DEVICE = "org.bluez.Adapter1", "org.bluez.Device1"
_GATT_SERVICE, _GATT_CHARACTERISTIC = "org.bluez.GattService1", "org.bluez.GattCharacteristic1"
_PROPERTIES = "org.freedesktop.DBus.Properties"
_OBJECT_MANAGER = "org.freedesktop.DBus.ObjectManager"
_ADVERTISE_EVERY_S = 0.05

Interfaces = dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Characteristic:
    """One characteristic of a device."""

    uuid: str
    flags: tuple[str, ...]
    """As BlueZ names them: `notify`, `write-without-response` ..."""
    number: int
    """In its path."""


class Peripheral(Faults):
    """A device in range; what it is written and what it notifies is its subclass's affair."""

    def __init__(
        self,
        *,
        address: str,
        name: str,
        service: str,
        characteristics: Sequence[Characteristic],
        piece: int,
        manufacturer_ids: Sequence[int] = (),
    ) -> None:
        """Describe it; `piece` is the size of a notification in bytes."""
        super().__init__()
        self.address = address
        self.name = name
        self.in_range = True
        self.no_characteristics = False
        """The services are told empty, as some firmware does after a connection."""
        self.piece = piece
        self.connections = 0
        self.path = f"{_ADAPTER_PATH}/dev_{address.replace(':', '_')}"
        self.connected = False
        self._notifying = False
        self._service = service
        self._characteristics = characteristics
        self._manufacturer_ids = manufacturer_ids
        self._air: EmulatedBluez | None = None

    async def start(self, bus_address: str) -> None:
        """Be in range, alone, of the adapter on this bus."""
        self._air = EmulatedBluez([self])
        await self._air.start(bus_address)

    async def stop(self) -> None:
        """Leave for good. May be called twice."""
        air, self._air = self._air, None
        if air is not None:
            await air.stop()
        await self.ended()

    def enter(self, air: "EmulatedBluez") -> None:
        """Come into the range of an adapter."""
        self._air = air

    def drop(self) -> None:
        """Lose the connection, as by walking away."""
        self.disconnected()
        self.connected = self._notifying = False
        if self._air is None:
            return
        self._air.changed(self.path, _DEVICE, Connected=("b", False), ServicesResolved=("b", False))
        for path, interfaces in self.gatt().items():
            self._air.removed(path, list(interfaces))

    def notify(self, data: bytes) -> None:
        """Send bytes in pieces, if somebody listens."""
        if not self._notifying or self._air is None:
            return
        piece = min(self.piece, 7) if self.chopped else self.piece
        path = self._char_path(next(c for c in self._characteristics if "notify" in c.flags))
        for at in range(0, len(data), piece):
            self._air.changed(path, _GATT_CHARACTERISTIC, Value=("ay", data[at : at + piece]))

    def written(self, data: bytes) -> None:
        """Take what was written."""
        raise NotImplementedError

    def disconnected(self) -> None:
        """Do what is to be done when the connection ends."""

    async def ended(self) -> None:
        """Wait for what still runs."""

    # -- what BlueZ does with it ---------------------------------------------------------------

    def connect(self) -> None:
        """Be connected."""
        assert self._air is not None
        self.connected = True
        self.connections += 1
        for path, interfaces in self.gatt().items():
            self._air.added(path, interfaces)
        self._air.changed(self.path, _DEVICE, Connected=("b", True), ServicesResolved=("b", True))

    def start_notify(self) -> None:
        """Notify from now on."""
        self._notifying = True

    def device(self) -> Interfaces:
        """Return what is advertised."""
        from dbus_fast import Variant  # noqa: PLC0415  # an extra

        told = {number: Variant("ay", b"\0\0") for number in self._manufacturer_ids}
        return {
            _DEVICE: variants(
                Address=("s", self.address),
                AddressType=("s", "public"),
                Alias=("s", self.name),
                Name=("s", self.name),
                Adapter=("o", _ADAPTER_PATH),
                Paired=("b", False),
                Connected=("b", self.connected),
                ServicesResolved=("b", self.connected),
                RSSI=("n", -60),
                UUIDs=("as", [self._service]),
                ManufacturerData=("a{qv}", told),
            )
        }

    def gatt(self) -> dict[str, Interfaces]:
        """Return its service and characteristics by path."""
        shown = () if self.no_characteristics else self._characteristics
        return {
            self._service_path: {
                _GATT_SERVICE: variants(
                    UUID=("s", self._service), Device=("o", self.path), Primary=("b", True)
                )
            },
            **{
                self._char_path(c): {
                    _GATT_CHARACTERISTIC: variants(
                        UUID=("s", c.uuid),
                        Service=("o", self._service_path),
                        Flags=("as", list(c.flags)),
                        MTU=("q", 247),
                    )
                }
                for c in shown
            },
        }

    @property
    def _service_path(self) -> str:
        return f"{self.path}/service0001"

    def _char_path(self, characteristic: Characteristic) -> str:
        return f"{self._service_path}/char{characteristic.number:04}"


class EmulatedBluez:
    """The daemon, with its one adapter."""

    def __init__(self, peripherals: Sequence[Peripheral]) -> None:
        """Have these devices in range."""
        self._peripherals = list(peripherals)
        self._bus: MessageBus | None = None
        self._advertising: asyncio.TimerHandle | None = None
        self._of_adapter: Mapping[str | None, Callable[[], object]] = {
            "SetDiscoveryFilter": lambda: None,
            "StartDiscovery": lambda: self._later(self._advertise),
            "StopDiscovery": self._stop_advertising,
        }
        self._of_device: Mapping[str | None, Callable[[Peripheral], object]] = {
            "Connect": lambda device: device.connect(),
            "Disconnect": lambda device: self._later(device.drop),
            "StartNotify": lambda device: device.start_notify(),
            "StopNotify": lambda _: None,
        }

    async def start(self, bus_address: str) -> None:
        """Be `org.bluez` on this bus."""
        from dbus_fast.aio import MessageBus  # noqa: PLC0415  # an extra

        for device in self._peripherals:
            device.enter(self)
        self._bus = await MessageBus(bus_address=bus_address).connect()
        self._bus.add_message_handler(self._handle)
        await self._bus.request_name("org.bluez")

    async def stop(self) -> None:
        """Leave the bus. May be called twice."""
        self._stop_advertising()
        bus, self._bus = self._bus, None
        if bus is not None:
            bus.disconnect()

    def added(self, path: str, interfaces: Interfaces) -> None:
        """Tell of an object that is there now."""
        self._signal("/", _OBJECT_MANAGER, "InterfacesAdded", "oa{sa{sv}}", [path, interfaces])

    def removed(self, path: str, interfaces: list[str]) -> None:
        """Tell of an object that has gone."""
        self._signal("/", _OBJECT_MANAGER, "InterfacesRemoved", "oas", [path, interfaces])

    def changed(self, path: str, interface: str, **properties: tuple[str, object]) -> None:
        """Tell of properties that changed."""
        body = [interface, variants(**properties), []]
        self._signal(path, _PROPERTIES, "PropertiesChanged", "sa{sv}as", body)

    def _handle(self, message: "Message") -> "Message | None":
        from dbus_fast import Message, MessageType  # noqa: PLC0415

        if message.message_type is not MessageType.METHOD_CALL:
            return None
        if message.member == "GetManagedObjects":
            return Message.new_method_return(message, "a{oa{sa{sv}}}", [self._objects()])
        if message.member in self._of_adapter:
            self._of_adapter[message.member]()
            return Message.new_method_return(message)
        path = message.path or ""
        for device in self._peripherals:
            if path.startswith(device.path):
                return self._handle_for(device, message)
        return None

    def _handle_for(self, device: Peripheral, message: "Message") -> "Message | None":
        from dbus_fast import Message  # noqa: PLC0415

        if message.member == "Connect" and not device.in_range:
            return Message.new_error(message, "org.bluez.Error.Failed", "page timeout")
        if message.member == "WriteValue":
            device.written(bytes(message.body[0]))
        elif message.member in self._of_device:
            self._of_device[message.member](device)
        else:
            return None
        return Message.new_method_return(message)

    def _objects(self) -> dict[str, Interfaces]:
        objects: dict[str, Interfaces] = {
            _ADAPTER_PATH: {
                _ADAPTER: variants(
                    Address=("s", "00:00:00:00:00:01"),
                    Powered=("b", True),
                    Roles=("as", ["central"]),
                )
            }
        }
        for device in self._peripherals:
            if device.connected:
                objects |= {device.path: device.device()} | device.gatt()
        return objects

    def _advertise(self) -> None:
        """Let every device in range be heard again and again, while somebody scans."""
        self._stop_advertising()
        for device in self._peripherals:
            if device.in_range:
                self.added(device.path, device.device())
        loop = asyncio.get_running_loop()
        self._advertising = loop.call_later(_ADVERTISE_EVERY_S, self._advertise)

    def _stop_advertising(self) -> None:
        if self._advertising is not None:
            self._advertising.cancel()
            self._advertising = None

    def _signal(
        self, path: str, interface: str, member: str, signature: str, body: list[Any]
    ) -> None:
        from dbus_fast import Message  # noqa: PLC0415

        if self._bus is not None and self._bus.connected:
            self._bus.send(Message.new_signal(path, interface, member, signature, body))

    def _later(self, call: Callable[[], object]) -> None:
        """Call after the answer to the method has been sent."""
        asyncio.get_running_loop().call_soon(call)


def variants(**properties: tuple[str, object]) -> dict[str, Any]:
    """Return properties as D-Bus carries them."""
    from dbus_fast import Variant  # noqa: PLC0415

    return {name: Variant(signature, value) for name, (signature, value) in properties.items()}
