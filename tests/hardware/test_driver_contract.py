"""What every driver does, against the emulated device that speaks to it on its real link.

A driver joins by existing: one without an emulated device in `simulator.registry` fails here.
"""

import asyncio
import contextlib
import logging
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from cellwarden.clock import Clock
from cellwarden.errors import FrameError, LinkError, LinkTimeout
from cellwarden.interfaces import Driver
from cellwarden.model import AlarmKind, Reading
from cellwarden.runtime.polling import Poller
from cellwarden_hardware.simulator.registry import EMULATED, NODES, RADIOS
from support.benches import KINDS, Bench, bench, first_good
from support.rfc2217_gateway import rfc2217_gateway

__all__ = ["bench"]

TELL_NO_SETTINGS = {"jk-can"}
KNOW_NO_ALARM_BITS = {"ble-generic"}
"""What a problem code means differs between the makes behind one driver."""
COUNT_BAD_FRAMES_AS_SILENCE = {"ble-generic"}
HAVE_ADDRESSES = {"daly", "jk-modbus", "jk-can"}
GOOD_CELLS = (3.3, 3.302, 3.298, 3.3)

every_driver = pytest.mark.parametrize("bench", sorted(KINDS), indirect=True)
on_a_serial_line = pytest.mark.parametrize("bench", sorted(EMULATED), indirect=True)


def run(test: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(test())


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def is_good(reading: Reading) -> bool:
    return reading.cell_voltages_v == GOOD_CELLS


def test_every_driver_has_an_emulated_device() -> None:
    assert {*EMULATED, *RADIOS, *NODES} == set(KINDS)


def test_every_driver_names_the_extra_that_it_needs() -> None:
    for name, kind in KINDS.items():
        expected = {"ble": RADIOS, "can_inverter": NODES, None: EMULATED}
        assert name in expected[kind.extra]
        assert kind.summary


@contextlib.asynccontextmanager
async def connected(bench: Bench, timeout_s: float = 1.0) -> AsyncIterator[Driver]:
    """Have an open driver whose device has been heard once."""
    async with bench.around():
        await bench.plug_in()
        driver = bench.driver(timeout_s)
        await driver.open()
        try:
            await first_good(driver)
            yield driver
        finally:
            await driver.close()
            await bench.unplug()


async def until_heard(driver: Driver) -> Reading:
    """Return the first good reading after a fault has ended; the link may have to be built anew."""
    async with asyncio.timeout(10.0):
        while True:
            await asyncio.sleep(0.02)
            try:
                reading = await driver.poll()
                if reading.cell_voltages_v:
                    return reading
            except (LinkTimeout, FrameError):
                continue
            except LinkError:
                with contextlib.suppress(LinkError):
                    await driver.open()


@every_driver
class TestDriver:
    """One pack of four cells."""

    def test_one_poll_hears_the_pack(self, bench: Bench) -> None:
        async def test() -> None:
            async with connected(bench) as driver:
                clock = Clock()
                before_s = clock.now_s()
                reading = await driver.poll()
                assert reading.pack == "left"
                assert before_s - 1.0 <= reading.heard_s <= clock.now_s()
                assert reading.cell_voltages_v == GOOD_CELLS
                assert reading.voltage_v == 13.2
                assert reading.current_a == -12.3
                assert reading.temperatures_c == (21.0, -3.0)
                assert reading.soc_percent == 63
                assert reading.cycles == 12
                assert reading.charge_fet_on is True
                assert reading.discharge_fet_on is False
                assert reading.balancing is True

        run(test)

    def test_a_protection_of_the_bms_is_told_in_our_words(self, bench: Bench) -> None:
        async def test() -> None:
            async with connected(bench) as driver:
                reading = await driver.poll()
                assert reading.alarm_bits
                assert reading.alarms
                assert all(alarm.text for alarm in reading.alarms)
                if bench.name not in KNOW_NO_ALARM_BITS:
                    assert {
                        (a.kind, a.blocks_charge, a.blocks_discharge) for a in reading.alarms
                    } == {(AlarmKind.CELL_UNDERVOLTAGE, False, True)}

        run(test)

    def test_it_says_who_it_is_and_what_it_is_set_to(self, bench: Bench) -> None:
        async def test() -> None:
            async with connected(bench) as driver:
                reading = await driver.poll()
                for _ in range(5):  # some devices are asked for that little by little
                    if reading.identity is not None and reading.settings:
                        break
                    reading = await driver.poll()
                assert reading.identity is not None
                assert reading.identity.manufacturer
                if bench.name in TELL_NO_SETTINGS:
                    return
                who = reading.identity
                assert who.serial_number or who.name or who.model
                assert reading.settings is not None
                assert reading.settings["cell_count"] == 4
                assert reading.settings["design_capacity_ah"] == 280
                second = await driver.poll()
                assert second.identity is reading.identity
                assert second.settings is reading.settings

        run(test)

    @pytest.mark.parametrize(
        "faults",
        [
            {"repeated": True},
            {"late_s": 0.05},
            {"other_master": True},
            {"echo": True, "chopped": True},
        ],
        ids=str,
    )
    def test_bad_manners_of_a_line_do_no_harm(
        self, bench: Bench, faults: dict[str, object]
    ) -> None:
        if not bench.bytes_travel and "repeated" not in faults:
            pytest.skip("nobody asks, and a frame comes whole")
        if "other_master" in faults and bench.name == "ble-generic":
            pytest.skip("a radio has one master; aiobmsble counts on it")

        async def test() -> None:
            async with connected(bench) as driver:
                for fault, value in faults.items():
                    setattr(bench.device, fault, value)
                for _ in range(2):
                    assert is_good(await driver.poll())

        run(test)

    def test_silence_is_a_timeout_that_names_pack_and_place(self, bench: Bench) -> None:
        async def test() -> None:
            async with connected(bench, timeout_s=0.2) as driver:
                bench.device.silent = True
                with pytest.raises(LinkTimeout, match=f"left: .*{bench.place}"):
                    await _until_it_fails(driver)
                bench.device.silent = False
                assert is_good(await until_heard(driver))

        run(test)

    @pytest.mark.parametrize(
        "fault", [{"corrupt": True}, {"cut_head": 3}, {"cut_tail": 2}], ids=str
    )
    def test_a_damaged_answer_gives_no_reading_and_the_next_is_fine(
        self, bench: Bench, fault: dict[str, object]
    ) -> None:
        if not bench.bytes_travel and "corrupt" not in fault:
            pytest.skip("a frame comes whole or not at all")

        async def test() -> None:
            async with connected(bench, timeout_s=0.3) as driver:
                for name, value in fault.items():
                    setattr(bench.device, name, value)
                with pytest.raises((LinkTimeout, FrameError)) as caught:
                    await _until_it_fails(driver)
                if "corrupt" in fault and bench.name not in COUNT_BAD_FRAMES_AS_SILENCE:
                    assert isinstance(caught.value, FrameError)
                for name in fault:
                    setattr(bench.device, name, 0)
                assert is_good(await until_heard(driver))

        run(test)

    def test_one_bad_byte_in_many_answers_is_never_a_wrong_value(self, bench: Bench) -> None:
        async def test() -> None:
            async with connected(bench, timeout_s=0.15) as driver:
                bench.device.corrupt_share = 0.3
                for _ in range(8):
                    with contextlib.suppress(LinkTimeout, FrameError):
                        assert is_good(await driver.poll())
                bench.device.corrupt_share = 0.0
                assert is_good(await until_heard(driver))

        if bench.name in COUNT_BAD_FRAMES_AS_SILENCE:
            pytest.skip("the package waits seconds for each; its checks are its own")
        run(test)

    def test_an_answer_of_another_address_is_not_ours(self, bench: Bench) -> None:
        if bench.name not in HAVE_ADDRESSES:
            pytest.skip("the protocol has no addresses")

        async def test() -> None:
            async with connected(bench, timeout_s=0.2) as driver:
                bench.device.wrong_address = True
                with pytest.raises(LinkTimeout):
                    await _until_it_fails(driver)
                bench.device.wrong_address = False
                assert is_good(await until_heard(driver))

        run(test)

    def test_a_device_that_fell_asleep_is_woken(self, bench: Bench) -> None:
        async def test() -> None:
            async with connected(bench, timeout_s=0.3) as driver:
                bench.device.asleep = True
                assert is_good(await until_heard(driver))

        run(test)

    def test_a_device_that_reboots_is_missed_and_heard_again(self, bench: Bench) -> None:
        async def test() -> None:
            async with connected(bench, timeout_s=0.2) as driver:
                bench.device.reboot_every_s = 1.0
                missed = False
                async with asyncio.timeout(20.0):
                    while not missed:
                        try:
                            await driver.poll()
                        except (LinkError, FrameError):
                            missed = True
                        await asyncio.sleep(0.02)
                bench.device.reboot_every_s = 0.0  # it is up again
                assert is_good(await until_heard(driver))

        run(test)

    @pytest.mark.parametrize("noise", [b"\x00\xff" * 50, b"\x4e\xdd\xa5\x01\x55\xaa\xeb"])
    def test_noise_on_the_line_does_no_harm(self, bench: Bench, noise: bytes) -> None:
        if not bench.bytes_travel:
            pytest.skip("a frame comes whole or not at all")

        async def test() -> None:
            async with connected(bench) as driver:
                bench.make_noise(noise)
                await asyncio.sleep(0.01)
                assert is_good(await driver.poll())

        run(test)

    def test_an_unplugged_link_ends_the_poll_at_once_and_is_read_again_when_it_is_back(
        self, bench: Bench
    ) -> None:
        async def test() -> None:
            async with connected(bench, timeout_s=30.0) as driver:
                bench.device.silent = True
                polling = asyncio.create_task(_until_it_fails(driver))
                await asyncio.sleep(0.3)
                await bench.unplug()
                async with asyncio.timeout(7.0 if bench.name == "ble-generic" else 3.0):
                    with pytest.raises(LinkError) as caught:
                        await polling
                assert not isinstance(caught.value, LinkTimeout)
                with pytest.raises(LinkError):
                    await driver.poll()
                await driver.close()
                bench.device.silent = False
                await bench.plug_in()
                assert is_good(await until_heard(driver))

        run(test)

    def test_a_cancelled_poll_and_a_close_leave_nothing_behind(self, bench: Bench) -> None:
        async def test() -> None:
            loop = asyncio.get_running_loop()
            async with bench.around():
                await bench.plug_in()
                await _once(bench)  # what a library keeps for the process is there now
                watched, files = len(loop._selector.get_map()), open_files()
                threads = set(threading.enumerate())
                driver = bench.driver(1.0)
                await driver.open()
                await first_good(driver)
                bench.device.silent = True
                polling = asyncio.create_task(driver.poll())
                await asyncio.sleep(0.02)
                polling.cancel()
                await asyncio.gather(polling, return_exceptions=True)
                bench.device.silent = False
                assert is_good(await until_heard(driver))
                await driver.close()
                await driver.close()
                await _until(lambda: open_files() <= files)
                assert len(loop._selector.get_map()) == watched
                assert {t for t in threading.enumerate() if "asyncio" not in t.name} <= threads
                await bench.unplug()
            assert asyncio.all_tasks() == {asyncio.current_task()}

        run(test)

    def test_the_poller_tells_once_that_it_went_and_once_that_it_is_back(
        self, bench: Bench, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.INFO, logger="cellwarden")
        heard: list[Reading] = []

        async def until(poller: Poller, done: Callable[[], bool]) -> None:
            async with asyncio.timeout(20.0):
                while not done():
                    poller.take_turn()
                    await asyncio.sleep(0.02)

        async def test() -> None:
            async with bench.around():
                await bench.plug_in()
                poller = Poller(
                    "left",
                    bench.driver(0.3),
                    Clock(),
                    lambda _, reading: reading and heard.append(reading),
                )
                running = asyncio.create_task(poller.run())
                await until(poller, lambda: len(heard) >= 2)
                assert poller.quality().last_answer_s is not None
                await bench.unplug()
                await until(poller, lambda: not poller.quality().connected)
                await bench.plug_in()
                count = len(heard)
                await until(poller, lambda: len(heard) >= count + 2)
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)
                await bench.unplug()
            assert asyncio.all_tasks() == {asyncio.current_task()}

        run(test)
        told = [r for r in caplog.records if r.name == "cellwarden.runtime.polling"]
        assert [r.levelname for r in told] == ["WARNING", "INFO"]
        assert told[1].message == "left: answers again"


@on_a_serial_line
class TestGateways:
    """The same ports behind TCP."""

    def test_a_gateway_of_bare_bytes_works_like_a_port(self, bench: Bench) -> None:
        async def test() -> None:
            device = bench.device
            await device.serve("127.0.0.1", 0)
            bench.place = device.port
            driver = bench.driver(1.0)
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

    def test_a_gateway_of_rfc_2217_works_like_a_port(self, bench: Bench) -> None:
        async def test() -> None:
            device = bench.device
            await device.start()
            with rfc2217_gateway(device.port) as gateway:
                bench.place = gateway.url
                driver = bench.driver(1.0)
                for _ in range(2):
                    await driver.open()
                    assert is_good(await driver.poll())
                    await driver.close()
            await device.stop()

        run(test)


async def _until_it_fails(driver: Driver) -> None:
    """Poll until an error comes; of a stream the newest reading may still be told."""
    for _ in range(3):
        await driver.poll()


async def _once(bench: Bench) -> None:
    driver = bench.driver(1.0)
    await driver.open()
    await first_good(driver)
    await driver.close()


async def _until(done: Callable[[], bool]) -> None:
    async with asyncio.timeout(5.0):
        while not done():  # noqa: ASYNC110  # of the kernel, which tells nobody
            await asyncio.sleep(0.01)
