"""The driver `jk-ble` with the real bleak, over an emulated `org.bluez` on a private D-Bus."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from cellwarden.clock import Clock
from cellwarden.config.options import Option
from cellwarden.errors import LinkError, LinkTimeout
from cellwarden.hooks import DriverContext
from cellwarden.model import AlarmKind, Identity, LogEntry, Reading, RequestKind, Verdict
from cellwarden.runtime.polling import Poller
from cellwarden_hardware import ble
from cellwarden_hardware.codecs import jk_ble_device
from cellwarden_hardware.codecs.jk_ble import FrameType
from cellwarden_hardware.drivers.jk_ble import JkBle
from cellwarden_hardware.kinds.jk_ble import JkBleOptions
from cellwarden_hardware.simulator.jk_ble_device import ADDRESS, EmulatedJkBle
from support.bluetooth import bus_daemon, system_bus
from support.fixed_pack import FINE, FixedPack
from support.jk_frames import frame
from support.written import gate_for, simulated_pack

SNAPSHOT = FINE


@pytest.fixture
def bus_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    return system_bus(tmp_path, monkeypatch)


def driver_for(*, timeout_s: float = 1.0, **options: object) -> JkBle:
    context = DriverContext(pack="left", clock=Clock(), timeout_s=timeout_s)
    return JkBle(JkBleOptions(port=ADDRESS.lower(), **options), context)


@contextlib.asynccontextmanager
async def in_the_air(
    address: str, *, timeout_s: float = 1.0, **options: object
) -> AsyncIterator[tuple[EmulatedJkBle, JkBle]]:
    """Yield a BMS in range, and a driver that is not yet connected."""
    async with bus_daemon(address):
        device = EmulatedJkBle(FixedPack(SNAPSHOT), period_s=0.05, **options)
        await device.start(address)
        driver = driver_for(timeout_s=timeout_s)
        try:
            yield device, driver
        finally:
            await driver.close()
            await device.stop()


def run(test: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(test())


@pytest.mark.parametrize("piece", [20, 128, 244, 330])
@pytest.mark.parametrize("two_characteristics", [False, True])
def test_a_pack_is_read_in_pieces_of_any_size_from_every_radio(
    bus_address: str, piece: int, two_characteristics: bool
) -> None:
    async def test() -> None:
        async with in_the_air(
            bus_address, piece=piece, two_characteristics=two_characteristics
        ) as (device, driver):
            await driver.open()
            first = await driver.poll()
            second = await driver.poll()
            assert device.commands == [0x97, 0x96, 0xA1]
            assert second.heard_s > first.heard_s
            assert second.cell_voltages_v == (3.3, 3.302, 3.302, 3.3)
            assert second.current_a == -12.344
            assert second.temperatures_c == (21.4, -3.2)
            assert second.soc_percent == 63
            assert [alarm.kind for alarm in second.alarms] == [AlarmKind.CELL_UNDERVOLTAGE]
            assert second.settings is not None
            assert second.settings["cell_overvoltage_v"] == 3.6
            assert second.balance_switch_on is False
            assert second.identity == Identity(
                manufacturer="JK",
                model="JK-PB2A16S20P",
                serial_number="40110480001",
                hardware_version="15A",
                firmware_version="15.38",
                name="emulated",
                production_date="2024-05-16",
            )
            assert "123456" not in repr(second)

    run(test)


@pytest.mark.parametrize(
    ("device_id", "settings_id", "cells_id", "cells", "current_a", "balancing"),
    [
        (
            "ble-jk04-b2a16s-devinfo",
            "ble-jk04-b2a16s-settings",
            "ble-jk04-b2a16s-cell-balancing",
            16,
            None,
            True,
        ),
        (
            "ble-24s-bd6a17s6p-devinfo",
            "ble-24s-bd6a17s6p-settings",
            "ble-24s-bd6a17s6p-cell-current",
            16,
            11.049,
            True,
        ),
        (
            "ble-32s-b2a8s20p-1117-devinfo",
            "ble-32s-b2a8s20p-1117-settings",
            "ble-32s-b2a8s20p-1117-cell",
            8,
            0.0,
            True,
        ),
    ],
)
def test_captured_frames_of_each_layout_become_readings(
    bus_address: str,
    device_id: str,
    settings_id: str,
    cells_id: str,
    cells: int,
    current_a: float | None,
    balancing: bool,
) -> None:
    frames = {
        FrameType.DEVICE_INFO: frame("jk_ble", device_id),
        FrameType.SETTINGS: frame("jk_ble", settings_id),
        FrameType.CELL_INFO: frame("jk_ble", cells_id),
    }

    async def test() -> None:
        async with in_the_air(bus_address, frames=frames) as (_, driver):
            await driver.open()
            reading = await driver.poll()
            assert len(reading.cell_voltages_v) == cells
            assert reading.current_a == current_a
            assert reading.balancing is balancing
            assert reading.settings is not None

    run(test)


def test_the_logbook_follows_and_is_asked_for_again_when_there_is_more(
    bus_address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cellwarden_hardware.drivers.jk_ble._LOGBOOK_EVERY_S", 0.0)

    async def until(driver: JkBle, count: int) -> Reading:
        async with asyncio.timeout(5.0):
            while len((reading := await driver.poll()).logbook) < count:
                pass
        return reading

    async def test() -> None:
        async with in_the_air(bus_address) as (device, driver):
            await driver.open()
            reading = await until(driver, 1)
            assert reading.logbook == (LogEntry(runtime_s=0.0, code=1, text="boot"),)
            assert (await driver.poll()).logbook is reading.logbook
            asked = device.commands.count(0xA1)
            device.logbook.append(jk_ble_device.LogEntry(7200, 0x1D))
            reading = await until(driver, 2)
            assert [entry.text for entry in reading.logbook] == ["cell undervoltage", "boot"]
            assert device.commands.count(0xA1) == asked + 1

    run(test)


def test_a_device_that_is_not_known_is_not_read(bus_address: str) -> None:
    whole = bytearray(frame("jk_ble", "ble-32s-pb-1538-devinfo"))
    whole[30:35] = b"2.1\0\0"
    whole[-1] = sum(whole[:-1]) & 0xFF

    async def test() -> None:
        frames = {FrameType.DEVICE_INFO: bytes(whole)}
        async with in_the_air(bus_address, frames=frames) as (device, driver):
            with pytest.raises(LinkError, match=r"JK_PB2A16S15P with software '2\.1' is not known"):
                await driver.open()
            assert device.commands == [0x97]

    run(test)


def test_a_stream_that_stops_is_asked_for_again(bus_address: str) -> None:
    async def test() -> None:
        async with in_the_air(bus_address, timeout_s=0.1) as (device, driver):
            await driver.open()
            await driver.poll()
            device.silent = True
            await asyncio.sleep(0.1)
            with contextlib.suppress(LinkTimeout):
                await driver.poll()  # what came before
            for _ in range(2):
                with pytest.raises(LinkTimeout, match=f"left: {ADDRESS} is connected, but silent"):
                    await driver.poll()
            assert device.commands[3:] == [0x96]
            device.silent = False
            await asyncio.sleep(0.1)
            assert (await driver.poll()).soc_percent == 63

    run(test)


class Polled:
    """A poller at work, and what it heard."""

    def __init__(self, driver: JkBle) -> None:
        self.heard: list[Reading] = []
        self.poller = Poller("left", driver, Clock(), self._done)

    def _done(self, _: Poller, reading: Reading | None) -> None:
        if reading is not None:
            self.heard.append(reading)

    async def until(self, done: Callable[[], bool]) -> None:
        async with asyncio.timeout(30.0):
            while not done():
                self.poller.take_turn()
                await asyncio.sleep(0.02)

    async def until_heard(self) -> None:
        count = len(self.heard)
        await self.until(lambda: len(self.heard) > count)


@contextlib.asynccontextmanager
async def polled(driver: JkBle) -> AsyncIterator[Polled]:
    at_work = Polled(driver)
    running = asyncio.create_task(at_work.poller.run())
    try:
        await at_work.until_heard()
        yield at_work
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def test_a_connection_that_is_up_but_silent_is_dropped_and_built_anew(
    bus_address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cellwarden_hardware.drivers.jk_ble._GREETING_S", 0.05)

    async def test() -> None:
        async with (
            in_the_air(bus_address, timeout_s=0.1) as (device, driver),
            polled(driver) as at_work,
        ):
            assert device.connections == 1
            device.silent = True
            await at_work.until(lambda: device.connections >= 2)
            device.silent = False
            await at_work.until_heard()
            assert at_work.heard[-1].soc_percent == 63

    run(test)


def test_a_bluetooth_service_that_restarts_is_survived(
    bus_address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cellwarden_hardware.drivers.jk_ble._GREETING_S", 0.1)
    monkeypatch.setattr(ble, "CONNECT_S", 1.0)

    async def test() -> None:
        async with (
            in_the_air(bus_address, timeout_s=0.1) as (device, driver),
            polled(driver) as at_work,
        ):
            await device.stop()
            device.drop()
            await at_work.until(lambda: not at_work.poller.quality().connected)
            await device.start(bus_address)
            await at_work.until_heard()
            assert at_work.heard[-1].soc_percent == 63

    run(test)


def test_a_device_out_of_range_is_said_so(
    bus_address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ble, "CONNECT_S", 0.2)

    async def test() -> None:
        async with in_the_air(bus_address) as (device, driver):
            device.in_range = False
            with pytest.raises(LinkError, match="is it in range, and the vendor's app closed"):
                await driver.open()

    run(test)


def test_an_empty_list_of_services_is_said_so_with_what_to_do(bus_address: str) -> None:
    async def test() -> None:
        async with in_the_air(bus_address) as (device, driver):
            device.no_characteristics = True
            with pytest.raises(LinkError, match=f"bluetoothctl remove {ADDRESS}"):
                await driver.open()
            device.no_characteristics = False
            await asyncio.sleep(0.05)
            await driver.open()
            assert (await driver.poll()).soc_percent == 63

    run(test)


def test_a_device_that_never_says_who_it_is_is_a_timeout(
    bus_address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cellwarden_hardware.drivers.jk_ble._GREETING_S", 0.05)

    async def test() -> None:
        async with in_the_air(bus_address) as (device, driver):
            device.silent = True
            with pytest.raises(LinkTimeout, match="does not say which device it is"):
                await driver.open()
            assert device.commands == [0x97, 0x97, 0x97]

    run(test)


def test_a_computer_without_bluetooth_is_said_so(bus_address: str) -> None:
    async def test() -> None:
        driver = driver_for()
        with pytest.raises(LinkError, match=f"left: .*cannot connect to {ADDRESS}"):
            await driver.open()
        with pytest.raises(LinkError, match=f"left: {ADDRESS} is not connected"):
            await driver.poll()
        await driver.close()
        await driver.close()

    run(test)


@pytest.mark.parametrize("address", ["C8:47:80:12:34", "C8-47-80-12-34-56", "hci0", ""])
def test_an_address_has_six_bytes(address: str) -> None:
    meaning = JkBleOptions.__dataclass_fields__["port"].metadata["option"]
    assert isinstance(meaning, Option)
    assert meaning.check is not None
    assert meaning.check(address) is not None
    assert meaning.check("C8:47:80:12:34:56") is None


def test_a_switch_and_a_setting_are_written_over_the_air(bus_address: str, tmp_path: Path) -> None:
    async def test() -> None:
        pack = simulated_pack()
        async with bus_daemon(bus_address):
            device = EmulatedJkBle(pack, period_s=0.05)
            await device.start(bus_address)
            try:
                async with gate_for(driver_for(), pack, tmp_path) as gate:
                    assert (await gate.ask(RequestKind.CHARGE_SWITCH, value=False)).good
                    assert pack.bms.charge_fet_on is False
                    outcome = await gate.change(cell_overvoltage_v=3.65, cell_undervoltage_v=2.8)
                    assert outcome.verdict is Verdict.APPLIED
                    assert pack.parameters.cell_overvoltage_v == 3.65
                    device.board.settings.refuses.add("cell_uvp")
                    outcome = await gate.change(cell_overvoltage_v=3.7, cell_undervoltage_v=2.75)
                    assert outcome.verdict is Verdict.ROLLED_BACK
                    assert pack.parameters.cell_overvoltage_v == 3.65
            finally:
                await device.stop()

    run(test)


@pytest.mark.requirement("R45")
def test_another_connection_password_than_the_configured_one_is_no_connection(
    bus_address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test() -> None:
        monkeypatch.setenv("BMS_CONNECT", "9999")
        async with in_the_air(bus_address) as (device, _):
            driver = driver_for(connect_password_env="BMS_CONNECT")
            with pytest.raises(LinkError, match="another connect password"):
                await driver.open()
            await driver.close()
            device.board.device["device_passcode"] = "9999"
            await driver.open()
            await driver.close()

    run(test)
