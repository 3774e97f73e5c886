"""An emulated JK BMS behind an emulated `org.bluez`, on a D-Bus of one's own.

Whoever's system bus is that bus (DBUS_SYSTEM_BUS_ADDRESS) scans, connects and is notified as with
real Bluetooth. Needs dbus-fast, which comes with the extra `ble`.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from cellwarden_hardware.codecs import jk_ble
from cellwarden_hardware.codecs.jk_ble import CHARACTERISTIC, SERVICE, FrameType
from cellwarden_hardware.codecs.jk_ble_device import LogEntry
from cellwarden_hardware.simulator.jk_frame_values import (
    cell_frame,
    device_frame,
    device_values,
    logbook_frame,
    settings_frame,
    settings_values,
)
from cellwarden_hardware.simulator.snapshot import SnapshotSource

if TYPE_CHECKING:
    from dbus_fast import Message
    from dbus_fast.aio import MessageBus

ADDRESS = "C8:47:80:00:00:01"

_ADAPTER_PATH = "/org/bluez/hci0"
_DEVICE_PATH = f"{_ADAPTER_PATH}/dev_{ADDRESS.replace(':', '_')}"
_SERVICE_PATH = f"{_DEVICE_PATH}/service0001"
_ADAPTER, _DEVICE = "org.bluez.Adapter1", "org.bluez.Device1"
_GATT_SERVICE, _GATT_CHARACTERISTIC = "org.bluez.GattService1", "org.bluez.GattCharacteristic1"
_PROPERTIES = "org.freedesktop.DBus.Properties"
_OBJECT_MANAGER = "org.freedesktop.DBus.ObjectManager"

_ADVERTISE_EVERY_S = 0.05
_READY = jk_ble.build_command(jk_ble.Register.READY, b"\x01")
_AT = b"AT\r\n"  # the radio module's own words

Interfaces = dict[str, dict[str, Any]]


class EmulatedJkBle:
    """One BMS in range of one adapter. Its faults may be changed at any time."""

    def __init__(
        self,
        source: SnapshotSource,
        *,
        frames: Mapping[FrameType, bytes] | None = None,
        period_s: float = 0.2,
        piece: int = 128,
        two_characteristics: bool = False,
    ) -> None:
        """Send what `source` is in the layout with 32 cells, or these captured `frames`.

        `piece` is the size of a notification in bytes; older radio modules have one characteristic
        to write and another that notifies.
        """
        self.in_range = True
        self.silent = False
        self.corrupt = False
        """One bit of each frame is wrong."""
        self.no_characteristics = False
        """The services are told empty, as some 19.x firmware does after a connection."""
        self.piece = piece
        self.logbook = [LogEntry(0, 0x01)]
        """What it remembers, oldest first; it has been started, at least."""
        self.connections = 0
        self.commands: list[int] = []
        """The registers of the commands heard."""
        self._source = source
        self._frames = dict(frames or {})
        self._settings = settings_values(source.snapshot(), None, 1)
        self._period_s = period_s
        write, notify = ("3", "5") if two_characteristics else ("2", "2")
        self._write_path = f"{_SERVICE_PATH}/char000{write}"
        self._notify_path = f"{_SERVICE_PATH}/char000{notify}"
        self._bus: MessageBus | None = None
        self._stream: asyncio.Task[None] | None = None
        self._advertising: asyncio.TimerHandle | None = None
        self._decoder = jk_ble.Decoder()
        self._connected = False
        self._notifying = False
        self._told_device = False
        self._counter = 0
        self._methods: dict[str | None, Callable[[], object]] = {
            "SetDiscoveryFilter": lambda: None,
            "StartDiscovery": lambda: self._later(self._advertise),
            "StopDiscovery": self._stop_advertising,
            "Connect": self._connect,
            "Disconnect": lambda: self._later(self.drop),
            "StartNotify": self._start_notify,
            "StopNotify": lambda: None,
        }

    async def start(self, bus_address: str) -> None:
        """Be `org.bluez` on this bus."""
        from dbus_fast.aio import MessageBus  # noqa: PLC0415  # an extra

        self._bus = await MessageBus(bus_address=bus_address).connect()
        self._bus.add_message_handler(self._handle)
        await self._bus.request_name("org.bluez")

    async def stop(self) -> None:
        """Leave the bus. May be called twice."""
        self._stop_advertising()
        await self._stop_stream()
        bus, self._bus = self._bus, None
        if bus is not None:
            bus.disconnect()

    def drop(self) -> None:
        """Lose the connection, as by walking away."""
        if self._stream is not None:
            self._stream.cancel()
        self._stream = None
        self._connected = self._notifying = self._told_device = False
        self._changed(_DEVICE_PATH, _DEVICE, Connected=("b", False), ServicesResolved=("b", False))
        for path in self._gatt():
            interfaces = list(self._gatt()[path])
            self._signal("/", _OBJECT_MANAGER, "InterfacesRemoved", "oas", [path, interfaces])

    # -- D-Bus ---------------------------------------------------------------------------------

    def _handle(self, message: "Message") -> "Message | None":
        from dbus_fast import Message, MessageType  # noqa: PLC0415

        if message.message_type is not MessageType.METHOD_CALL:
            return None
        member = message.member
        if member == "GetManagedObjects":
            objects = {_ADAPTER_PATH: self._adapter()} | (self._gatt() if self._connected else {})
            return Message.new_method_return(message, "a{oa{sa{sv}}}", [objects])
        if member == "Connect" and not self.in_range:
            return Message.new_error(message, "org.bluez.Error.Failed", "page timeout")
        if member == "WriteValue":
            self._written(bytes(message.body[0]))
        elif member in self._methods:
            self._methods[member]()
        else:
            return None
        return Message.new_method_return(message)

    def _start_notify(self) -> None:
        self._notifying = True

    def _advertise(self) -> None:
        """Be heard again and again, while somebody scans."""
        self._stop_advertising()
        if self.in_range:
            self._added(_DEVICE_PATH, self._device())
        loop = asyncio.get_running_loop()
        self._advertising = loop.call_later(_ADVERTISE_EVERY_S, self._advertise)

    def _stop_advertising(self) -> None:
        if self._advertising is not None:
            self._advertising.cancel()
            self._advertising = None

    def _connect(self) -> None:
        self._connected = True
        self.connections += 1
        self._decoder = jk_ble.Decoder()
        for path, interfaces in self._gatt().items():
            self._added(path, interfaces)
        self._changed(_DEVICE_PATH, _DEVICE, Connected=("b", True), ServicesResolved=("b", True))

    def _adapter(self) -> Interfaces:
        return {
            _ADAPTER: _variants(
                Address=("s", "00:00:00:00:00:01"),
                Powered=("b", True),
                Roles=("as", ["central"]),
            )
        }

    def _device(self) -> Interfaces:
        return {
            _DEVICE: _variants(
                Address=("s", ADDRESS),
                AddressType=("s", "public"),
                Alias=("s", "JK"),
                Name=("s", "JK"),
                Adapter=("o", _ADAPTER_PATH),
                Paired=("b", False),
                Connected=("b", self._connected),
                ServicesResolved=("b", self._connected),
                RSSI=("n", -60),
                UUIDs=("as", [SERVICE]),
            )
        }

    def _gatt(self) -> dict[str, Interfaces]:
        both = self._write_path == self._notify_path
        flags = (
            {}
            if self.no_characteristics
            else {
                self._notify_path: ["notify"],
                self._write_path: ["write-without-response", *(["notify"] if both else [])],
            }
        )
        return {
            _SERVICE_PATH: {
                _GATT_SERVICE: _variants(
                    UUID=("s", SERVICE), Device=("o", _DEVICE_PATH), Primary=("b", True)
                )
            },
            **{
                path: {
                    _GATT_CHARACTERISTIC: _variants(
                        UUID=("s", CHARACTERISTIC),
                        Service=("o", _SERVICE_PATH),
                        Flags=("as", names),
                        MTU=("q", 247),
                    )
                }
                for path, names in flags.items()
            },
        }

    def _added(self, path: str, interfaces: Interfaces) -> None:
        self._signal("/", _OBJECT_MANAGER, "InterfacesAdded", "oa{sa{sv}}", [path, interfaces])

    def _changed(self, path: str, interface: str, **properties: tuple[str, object]) -> None:
        body = [interface, _variants(**properties), []]
        self._signal(path, _PROPERTIES, "PropertiesChanged", "sa{sv}as", body)

    def _signal(
        self, path: str, interface: str, member: str, signature: str, body: list[Any]
    ) -> None:
        from dbus_fast import Message  # noqa: PLC0415

        if self._bus is not None and self._bus.connected:
            self._bus.send(Message.new_signal(path, interface, member, signature, body))

    def _later(self, call: Any, *arguments: object) -> None:
        """Call after the answer to the method has been sent."""
        asyncio.get_running_loop().call_soon(call, *arguments)

    # -- the BMS -------------------------------------------------------------------------------

    def _written(self, data: bytes) -> None:
        for event in self._decoder.feed(data):
            if not isinstance(event, jk_ble.Command):
                continue
            self.commands.append(event.register)
            if self.silent:
                continue
            if event.register == jk_ble.Register.DEVICE_INFO:
                self._told_device = True
                self._later(self._notify, self._frame(FrameType.DEVICE_INFO) + _READY + _AT)
            elif event.register == jk_ble.Register.SETTINGS_AND_STREAM:
                self._later(self._notify, self._frame(FrameType.SETTINGS))
                # Asked in the other order, some firmware never streams.
                if self._told_device and self._stream is None:
                    self._stream = asyncio.create_task(self._streaming())
            elif event.register == jk_ble.Register.LOGBOOK:
                self._later(self._notify, self._frame(FrameType.LOGBOOK))

    async def _streaming(self) -> None:
        while True:
            await asyncio.sleep(self._period_s)
            if not self.silent:
                self._notify(self._frame(FrameType.CELL_INFO))

    async def _stop_stream(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.cancel()
            await asyncio.gather(stream, return_exceptions=True)

    def _frame(self, kind: FrameType) -> bytes:
        self._counter += 1
        if kind in self._frames:
            frame = self._frames[kind]
        elif kind is FrameType.CELL_INFO:
            frame = cell_frame(self._source.snapshot(), self._counter, len(self.logbook))
        elif kind is FrameType.LOGBOOK:
            frame = logbook_frame(self.logbook, self._counter)
        elif kind is FrameType.SETTINGS:
            frame = settings_frame(self._settings, self._counter)
        else:
            frame = device_frame(device_values("emulated", 1), self._counter)
        return frame[:50] + bytes((frame[50] ^ 1,)) + frame[51:] if self.corrupt else frame

    def _notify(self, data: bytes) -> None:
        if not self._notifying:
            return
        for at in range(0, len(data), self.piece):
            value = ("ay", data[at : at + self.piece])
            self._changed(self._notify_path, _GATT_CHARACTERISTIC, Value=value)


def _variants(**properties: tuple[str, object]) -> dict[str, Any]:
    from dbus_fast import Variant  # noqa: PLC0415

    return {name: Variant(signature, value) for name, (signature, value) in properties.items()}
