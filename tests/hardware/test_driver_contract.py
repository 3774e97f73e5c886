"""What every driver on a serial port does, against the emulated device that speaks to it.

A driver joins by having an emulated device in `simulator.registry`.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from cellwarden.clock import Clock
from cellwarden.errors import FrameError, LinkError, LinkTimeout
from cellwarden.hooks import DriverContext
from cellwarden.interfaces import Driver
from cellwarden.model import AlarmKind, Reading
from cellwarden.runtime.polling import Poller
from cellwarden_hardware.drivers import all_drivers
from cellwarden_hardware.simulator.device import EmulatedDevice
from cellwarden_hardware.simulator.registry import EMULATED
from support.fixed_pack import FixedPack
from support.rfc2217_gateway import rfc2217_gateway

KINDS = {kind.name: kind for kind in all_drivers()}
SERIAL = {
    name for name, kind in KINDS.items() if "baudrate" in {f.name for f in fields(kind.options)}
}


def run(test: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(test())


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def is_good(reading: Reading) -> bool:
    return reading.cell_voltages_v == (3.3, 3.302, 3.298, 3.3)


async def known(driver: Driver) -> Reading:
    """Return a reading that says who answers; some devices are asked for that little by little."""
    for _ in range(5):
        reading = await driver.poll()
        if reading.identity is not None and reading.settings:
            return reading
    raise AssertionError(f"it never says who it is: {reading}")


def test_every_emulated_device_is_of_a_serial_driver() -> None:
    assert set(EMULATED) <= SERIAL
    assert {"daly", "jbd", "jk-modbus", "jk-rs485"} <= set(EMULATED)


@pytest.mark.parametrize("name", sorted(EMULATED))
class TestSerialDriver:
    """One pack of four cells behind a pseudo terminal."""

    def driver(self, name: str, port: str, timeout_s: float = 1.0) -> Driver:
        kind = KINDS[name]
        options = kind.options(port=port, **EMULATED[name].driver_options)
        return kind.build(options, DriverContext(pack="left", clock=Clock(), timeout_s=timeout_s))

    @contextlib.asynccontextmanager
    async def connected(
        self, name: str, timeout_s: float = 1.0
    ) -> AsyncIterator[tuple[EmulatedDevice[Any], Driver]]:
        device = EMULATED[name].build(FixedPack(), None, "contract")
        await device.start()
        driver = self.driver(name, device.port, timeout_s)
        await driver.open()
        try:
            yield device, driver
        finally:
            await driver.close()
            await device.stop()

    def test_one_poll_hears_the_pack(self, name: str) -> None:
        async def test() -> None:
            async with self.connected(name) as (_, driver):
                clock = Clock()
                before_s = clock.now_s()
                reading = await driver.poll()
                assert reading.pack == "left"
                assert before_s <= reading.heard_s <= clock.now_s()
                assert reading.cell_voltages_v == (3.3, 3.302, 3.298, 3.3)
                assert reading.voltage_v == 13.2
                assert reading.current_a == -12.3
                assert reading.temperatures_c == (21.0, -3.0)
                assert reading.soc_percent == 63
                assert reading.cycles == 12
                assert reading.charge_fet_on is True
                assert reading.discharge_fet_on is False
                assert reading.balancing is True

        run(test)

    def test_a_protection_of_the_bms_is_told_in_our_words(self, name: str) -> None:
        async def test() -> None:
            async with self.connected(name) as (_, driver):
                reading = await driver.poll()
                (alarm,) = reading.alarms
                assert alarm.kind is AlarmKind.CELL_UNDERVOLTAGE
                assert (alarm.blocks_charge, alarm.blocks_discharge) == (False, True)
                assert alarm.text
                assert reading.alarm_bits

        run(test)

    def test_it_says_who_it_is_and_what_it_is_set_to(self, name: str) -> None:
        async def test() -> None:
            async with self.connected(name) as (_, driver):
                reading = await known(driver)
                assert reading.identity is not None
                assert reading.identity.manufacturer
                who = reading.identity
                assert who.serial_number or who.name or who.model
                assert reading.settings is not None
                assert reading.settings["cell_count"] == 4
                assert reading.settings["design_capacity_ah"] == 280

        run(test)

    def test_what_lasts_is_the_same_object_from_poll_to_poll(self, name: str) -> None:
        async def test() -> None:
            async with self.connected(name) as (_, driver):
                first, second = await known(driver), await driver.poll()
                assert second.identity is first.identity
                assert second.settings is first.settings

        run(test)

    @pytest.mark.parametrize(
        "faults",
        [
            {"echo": True},
            {"chopped": True},
            {"echo": True, "chopped": True},
            {"repeated": True},
            {"late_s": 0.05},
        ],
        ids=str,
    )
    def test_bad_manners_of_a_line_do_no_harm(self, name: str, faults: dict[str, object]) -> None:
        async def test() -> None:
            async with self.connected(name) as (device, driver):
                for fault, value in faults.items():
                    setattr(device, fault, value)
                for _ in range(2):
                    assert is_good(await driver.poll())

        run(test)

    def test_silence_is_a_timeout_that_names_pack_and_port(self, name: str) -> None:
        async def test() -> None:
            async with self.connected(name, timeout_s=0.1) as (device, driver):
                device.silent = True
                with pytest.raises(LinkTimeout, match=f"left: no answer .*{device.port}"):
                    await driver.poll()
                device.silent = False
                assert is_good(await driver.poll())

        run(test)

    def test_silence_in_the_middle_of_good_polls_is_a_timeout_too(self, name: str) -> None:
        async def test() -> None:
            async with self.connected(name, timeout_s=0.2) as (device, driver):
                await driver.poll()
                device.silent = True
                with pytest.raises(LinkTimeout):
                    await driver.poll()

        run(test)

    def test_a_corrupt_answer_is_refused_and_the_next_one_is_fine(self, name: str) -> None:
        async def test() -> None:
            async with self.connected(name) as (device, driver):
                device.corrupt = True
                with pytest.raises(FrameError) as caught:
                    await driver.poll()
                assert caught.value.kind in {"checksum", "crc"}
                device.corrupt = False
                assert is_good(await driver.poll())

        run(test)

    def test_an_answer_without_its_head_gives_no_reading(self, name: str) -> None:
        async def test() -> None:
            async with self.connected(name, timeout_s=0.3) as (device, driver):
                device.cut_head = 3
                with pytest.raises((LinkTimeout, FrameError)):
                    await driver.poll()
                device.cut_head = 0
                assert is_good(await driver.poll())

        run(test)

    def test_a_device_that_reboots_is_heard_in_between(self, name: str) -> None:
        async def test() -> None:
            async with self.connected(name, timeout_s=0.1) as (device, driver):
                device.reboot_every_s = 1.0
                heard: list[bool] = []
                async with asyncio.timeout(10.0):
                    while len(set(heard)) < 2 or not heard[-1]:
                        try:
                            heard.append(is_good(await driver.poll()))
                        except LinkTimeout:
                            heard.append(False)
                        await asyncio.sleep(0.02)

        run(test)

    @pytest.mark.parametrize("noise", [b"\x00\xff" * 50, b"\x4e", b"\xdd\xa5", b"\xa5\x01"])
    def test_what_came_before_the_question_is_thrown_away(self, name: str, noise: bytes) -> None:
        async def test() -> None:
            async with self.connected(name) as (device, driver):
                device.make_noise(noise)
                await asyncio.sleep(0.01)
                assert is_good(await driver.poll())

        run(test)

    def test_an_unplugged_port_ends_the_poll_at_once(self, name: str) -> None:
        async def test() -> None:
            async with self.connected(name, timeout_s=30.0) as (device, driver):
                device.silent = True
                polling = asyncio.create_task(driver.poll())
                await asyncio.sleep(0.02)
                await device.stop()
                async with asyncio.timeout(1.0):
                    with pytest.raises(LinkError) as caught:
                        await polling
                assert not isinstance(caught.value, LinkTimeout)
                with pytest.raises(LinkError):
                    await driver.poll()

        run(test)

    def test_a_port_that_was_plugged_in_again_is_read_again(
        self, name: str, tmp_path: Path
    ) -> None:
        stable = tmp_path / "usb-adapter"

        async def test() -> None:
            device = EMULATED[name].build(FixedPack(), None, "contract")
            await device.start(stable)
            driver = self.driver(name, str(stable))
            await driver.open()
            assert is_good(await driver.poll())
            await device.stop()
            with pytest.raises(LinkError):
                await driver.poll()
            await driver.close()
            with pytest.raises(LinkError, match="left: no port"):
                await driver.open()
            await device.start(stable)
            await driver.open()
            assert is_good(await driver.poll())
            await driver.close()
            await device.stop()

        run(test)

    def test_a_tcp_gateway_works_like_a_port(self, name: str) -> None:
        async def test() -> None:
            device = EMULATED[name].build(FixedPack(), None, "contract")
            await device.serve("127.0.0.1", 0)
            driver = self.driver(name, device.port)
            for _ in range(2):  # a second connection works, too
                await driver.open()
                assert is_good(await driver.poll())
                await driver.close()
            await driver.open()
            assert is_good(await driver.poll())
            await device.stop()
            with pytest.raises(LinkError):
                await driver.poll()
            await driver.close()
            await device.stop()
            assert asyncio.all_tasks() == {asyncio.current_task()}

        run(test)

    def test_a_gateway_of_rfc_2217_works_like_a_port(self, name: str) -> None:
        async def test() -> None:
            device = EMULATED[name].build(FixedPack(), None, "contract")
            await device.start()
            with rfc2217_gateway(device.port) as gateway:
                driver = self.driver(name, gateway.url)
                for _ in range(2):
                    await driver.open()
                    assert is_good(await driver.poll())
                    await driver.close()
            await device.stop()

        run(test)

    def test_a_cancelled_poll_and_a_close_leave_nothing_behind(self, name: str) -> None:
        async def test() -> None:
            loop = asyncio.get_running_loop()
            watched, files = len(loop._selector.get_map()), open_files()
            async with self.connected(name) as (device, driver):
                device.silent = True
                polling = asyncio.create_task(driver.poll())
                await asyncio.sleep(0.02)
                polling.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await polling
                device.silent = False
                assert is_good(await driver.poll())
                await driver.close()
                await driver.close()
            assert len(loop._selector.get_map()) == watched
            assert open_files() == files
            assert asyncio.all_tasks() == {asyncio.current_task()}

        run(test)

    def test_a_device_that_comes_back_is_polled_again_in_bounded_time(
        self, name: str, tmp_path: Path
    ) -> None:
        stable = tmp_path / "usb-adapter"
        heard: list[Reading] = []

        async def until_heard(poller: Poller, count: int) -> None:
            async with asyncio.timeout(5.0):
                while len(heard) < count:
                    poller.take_turn()
                    await asyncio.sleep(0.02)

        async def test() -> None:
            device = EMULATED[name].build(FixedPack(), None, "contract")
            await device.start(stable)
            driver = self.driver(name, str(stable), timeout_s=0.5)
            poller = Poller(
                "left", driver, Clock(), lambda _, reading: reading and heard.append(reading)
            )
            running = asyncio.create_task(poller.run())
            await until_heard(poller, 1)
            await device.stop()
            poller.take_turn()
            await asyncio.sleep(0.1)
            assert not poller.quality().connected
            await device.start(stable)
            await until_heard(poller, len(heard) + 2)
            assert poller.quality().connected
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await device.stop()
            assert asyncio.all_tasks() == {asyncio.current_task()}

        files = open_files()
        run(test)
        assert open_files() == files
        assert is_good(heard[-1])
