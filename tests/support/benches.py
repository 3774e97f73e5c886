"""A bench for each kind of link: an emulated device, its driver, and the plug between them."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import can
import pytest

from cellwarden.clock import Clock
from cellwarden.errors import LinkError
from cellwarden.hooks import DriverContext
from cellwarden.interfaces import Driver
from cellwarden.links.can_frame import CanFrame
from cellwarden_hardware.drivers import jk_can
from cellwarden_hardware.kinds import all_drivers
from cellwarden_hardware.kinds.ble_generic import SUPPORTED
from cellwarden_hardware.simulator.jk_can_device import EmulatedJkCan
from cellwarden_hardware.simulator.registry import EMULATED, NODES, RADIOS
from support import flaky_can
from support.bluetooth import bus_daemon, system_bus
from support.fixed_pack import FixedPack

KINDS = {kind.name: kind for kind in all_drivers()}
ADDRESS = "A4:C1:38:00:00:01"
"""Its first half is one of JBD's, by which aiobmsble knows them."""


class Bench:
    """One driver and the device that it reads."""

    bytes_travel = True
    """Whether half an answer can come, or noise: on CAN a frame comes whole or not at all."""

    def __init__(self, name: str, place: str) -> None:
        self.name = name
        self.place = place
        """What messages call the port."""
        self.device: Any = None

    def driver(self, timeout_s: float) -> Driver:
        """Return a driver that is not opened yet."""
        kind = KINDS[self.name]
        context = DriverContext(pack="left", clock=Clock(), timeout_s=timeout_s)
        driver: Driver = kind.build(kind.options(**self.options()), context)
        return driver

    def options(self) -> dict[str, object]:
        """Return the keys of its `[[pack]]`."""
        raise NotImplementedError

    async def plug_in(self) -> None:
        """Let the device be reached."""
        raise NotImplementedError

    async def unplug(self) -> None:
        """Pull the plug, or walk away."""
        raise NotImplementedError

    @contextlib.asynccontextmanager
    async def around(self) -> AsyncIterator[None]:
        """Have what the link needs, such as a daemon."""
        yield

    def make_noise(self, data: bytes) -> None:
        """Put bytes on the line that nobody asked for."""


class SerialBench(Bench):
    """A pseudo terminal with another name, that stays over plugging."""

    def __init__(self, name: str, folder: Path) -> None:
        super().__init__(name, str(folder / "usb-adapter"))
        self.device = EMULATED[name].build(FixedPack(), None, "contract")

    def options(self) -> dict[str, object]:
        return {"port": self.place, **EMULATED[self.name].driver_options}

    async def plug_in(self) -> None:
        await self.device.start(Path(self.place))

    async def unplug(self) -> None:
        await self.device.stop()

    def make_noise(self, data: bytes) -> None:
        self.device.make_noise(data)


class RadioBench(Bench):
    """Bluetooth on a system bus of its own."""

    def __init__(self, name: str, bus: str) -> None:
        super().__init__(name, ADDRESS)
        self._bus = bus
        self._radio = RADIOS[name].build(FixedPack(), None, "contract", ADDRESS)
        # A board behind a module misbehaves itself.
        self.device = getattr(self._radio, "behind", self._radio)

    def options(self) -> dict[str, object]:
        return {"port": ADDRESS}

    @contextlib.asynccontextmanager
    async def around(self) -> AsyncIterator[None]:
        async with bus_daemon(self._bus):
            self._radio.in_range = False
            await self._radio.start(self._bus)
            try:
                yield
            finally:
                await self._radio.stop()

    async def plug_in(self) -> None:
        self._radio.in_range = True

    async def unplug(self) -> None:
        self._radio.in_range = False
        self._radio.drop()

    def make_noise(self, data: bytes) -> None:
        self._radio.notify(data)


class _ToAdapter:
    """What an emulated node sends comes in at the adapter."""

    def __init__(self, adapter: flaky_can.Adapter) -> None:
        self._adapter = adapter

    async def open(self) -> None:
        pass

    async def close(self) -> None:
        pass

    def send(self, frame: CanFrame) -> None:
        if self._adapter.present:
            self._adapter.incoming.put(
                can.Message(
                    arbitration_id=frame.can_id, is_extended_id=frame.extended, data=frame.data
                )
            )


class CanBench(Bench):
    """An adapter that can be pulled out; the device sends five times as often as real ones."""

    bytes_travel = False

    def __init__(self, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(name, "flaky:usb0")
        monkeypatch.setitem(
            can.interfaces.BACKENDS,  # type: ignore[arg-type]
            "flaky",
            ("support.flaky_can", "FlakyBus"),
        )
        monkeypatch.setattr(jk_can, "_CELLS_COMPLETE_S", 0.3)
        self._adapter = flaky_can.Adapter()
        self._adapter.present = False
        monkeypatch.setitem(flaky_can.ADAPTERS, "usb0", self._adapter)
        self.device = EmulatedJkCan(FixedPack(), _ToAdapter(self._adapter), tick_s=0.004)

    def options(self) -> dict[str, object]:
        return {"interface": "flaky", "channel": "usb0", **NODES[self.name].driver_options}

    @contextlib.asynccontextmanager
    async def around(self) -> AsyncIterator[None]:
        await self.device.start()
        try:
            yield
        finally:
            await self.device.stop()

    async def plug_in(self) -> None:
        self._adapter.present = True

    async def unplug(self) -> None:
        self._adapter.present = False
        self._adapter.incoming.put(OSError(19, "No such device"))


@pytest.fixture
def bench(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Bench]:
    """The bench of the driver that is named."""
    name: str = request.param
    if name in EMULATED:
        yield SerialBench(name, tmp_path)
    elif name in RADIOS:
        if name == "ble-generic" and not SUPPORTED:
            pytest.skip("aiobmsble needs Python 3.12")
        yield RadioBench(name, system_bus(tmp_path, monkeypatch))
    else:
        yield CanBench(name, monkeypatch)


async def first_good(driver: Driver) -> Any:
    """Return the first reading with cells; some links need a moment until all have come."""
    async with asyncio.timeout(10.0):
        while True:
            await asyncio.sleep(0)
            with contextlib.suppress(LinkError):
                reading = await driver.poll()
                if reading.cell_voltages_v:
                    return reading
