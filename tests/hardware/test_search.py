"""A pack is found by its serial number, whatever name its adapter has now."""

import asyncio
import contextlib
import tomllib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cellwarden.clock import Clock
from cellwarden.config.reader import check
from cellwarden.errors import ConfigError, LinkError
from cellwarden.hooks import DriverContext
from cellwarden.host import Host
from cellwarden.model import Reading
from cellwarden.runtime.build import driver_of
from cellwarden.runtime.polling import Poller
from cellwarden.runtime.search import SearchedPack
from cellwarden_hardware.simulator.daly_device import EmulatedDaly
from cellwarden_hardware.simulator.jk_modbus_device import EmulatedJkModbus
from support.fixed_pack import FixedPack

PACK = """
[[pack]]
name = "{name}"
driver = "{driver}"
port = "{port}"
serial_number = "{number}"
chemistry = "LiFePO4"
cells = 4
capacity_ah = 280
"""


def pack_text(
    name: str, number: str, port: Path | str, driver: str = "daly", more: str = ""
) -> str:
    return PACK.format(name=name, number=number, port=port, driver=driver) + more


def drivers(*packs: str, timeout_s: float = 0.1) -> list[SearchedPack]:
    settings = check(tomllib.loads("".join(packs)), Host())
    built = [
        driver_of(pack, DriverContext(pack=pack.name, clock=Clock(), timeout_s=timeout_s))
        for pack in settings.packs
    ]
    assert all(isinstance(driver, SearchedPack) for driver in built)
    return built


@contextlib.asynccontextmanager
async def plugged_in(ports: dict[Path, EmulatedDaly]) -> AsyncIterator[None]:
    for path, device in ports.items():
        await device.start(path)
    try:
        yield
    finally:
        for device in ports.values():
            await device.stop()


def board(number: str, soc_percent: float) -> EmulatedDaly:
    return EmulatedDaly(FixedPack(soc_percent=soc_percent), name=number)


def test_an_adapter_that_comes_back_under_another_name_is_found(tmp_path: Path) -> None:
    first, second = tmp_path / "ttyUSB0", tmp_path / "ttyUSB1"

    async def test() -> None:
        left, right = board("A-4711", 63.0), board("A-4712", 40.0)
        (driver,) = drivers(pack_text("right", "A-4712", tmp_path / "ttyUSB*"))
        async with plugged_in({first: left, second: right}):
            await driver.open()
            assert driver.port == str(second)
            assert (await driver.poll()).soc_percent == 40
        with pytest.raises(LinkError):
            await driver.poll()
        async with plugged_in({first: right, second: left}):
            await driver.open()
            assert driver.port == str(first)
            assert (await driver.poll()).soc_percent == 40
            await driver.close()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(test())


def test_a_pack_that_is_on_no_port_is_said_with_what_each_port_had(tmp_path: Path) -> None:
    async def test() -> None:
        mute = board("A-4712", 40.0)
        mute.silent = True
        (driver,) = drivers(pack_text("right", "A-4712", tmp_path / "ttyUSB*"))
        ports = {tmp_path / "ttyUSB0": board("A-4711", 63.0), tmp_path / "ttyUSB1": mute}
        async with plugged_in(ports):
            with pytest.raises(LinkError) as caught:
                await driver.open()
        said = str(caught.value)
        assert said.startswith("right: the pack with serial number A-4712 is on none of ")
        assert "ttyUSB0 (another pack is on its port: the BMS says serial number A-4711" in said
        assert "ttyUSB1 (no answer on " in said
        await driver.close()

    asyncio.run(test())


def test_a_pattern_that_no_port_fits_is_said_so(tmp_path: Path) -> None:
    (driver,) = drivers(pack_text("left", "A-4711", tmp_path / "ttyUSB*"))
    with pytest.raises(LinkError, match="left: no port fits"):
        asyncio.run(driver.open())


def test_two_packs_on_one_pattern_each_find_their_own_also_after_a_swap(tmp_path: Path) -> None:
    pattern = tmp_path / "ttyUSB*"
    first, second = tmp_path / "ttyUSB0", tmp_path / "ttyUSB1"
    heard: dict[str, list[Reading]] = {"left": [], "right": []}

    async def until_heard(pollers: list[Poller]) -> None:
        for readings in heard.values():
            readings.clear()
        async with asyncio.timeout(15.0):
            while not all(heard.values()):
                for poller in pollers:
                    poller.take_turn()
                await asyncio.sleep(0.02)

    async def test() -> None:
        left, right = board("A-4711", 63.0), board("A-4712", 40.0)
        found = drivers(pack_text("left", "A-4711", pattern), pack_text("right", "A-4712", pattern))
        pollers = [
            Poller(name, driver, Clock(), lambda p, r: r and heard[p.pack].append(r))
            for name, driver in zip(heard, found, strict=True)
        ]
        running = [asyncio.create_task(poller.run()) for poller in pollers]
        async with plugged_in({first: right, second: left}):
            await until_heard(pollers)
            assert [driver.port for driver in found] == [str(second), str(first)]
        async with plugged_in({first: left, second: right}):
            await until_heard(pollers)
            assert [driver.port for driver in found] == [str(first), str(second)]
            assert {r.soc_percent for r in heard["left"]} == {63}
            assert {r.soc_percent for r in heard["right"]} == {40}
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    asyncio.run(test())


def test_packs_that_share_an_adapter_are_found_together(tmp_path: Path) -> None:
    async def test() -> None:
        bus = EmulatedJkModbus({1: FixedPack(soc_percent=10.0), 2: FixedPack(soc_percent=20.0)})
        pattern = tmp_path / "ttyUSB*"
        found = drivers(
            pack_text("one", "40110480001", pattern, "jk-modbus"),
            pack_text("two", "40110480002", pattern, "jk-modbus", "address = 2\n"),
            timeout_s=0.5,
        )
        await bus.start(tmp_path / "ttyUSB7")
        for driver in found:
            await driver.open()
        readings = [await driver.poll() for driver in found]
        assert [reading.soc_percent for reading in readings] == [10, 20]
        for driver in found:
            await driver.close()
        await bus.stop()

    asyncio.run(test())


def test_a_pattern_without_a_number_is_a_mistake() -> None:
    text = pack_text("left", "x", "/dev/ttyUSB*").replace('serial_number = "x"\n', "")
    with pytest.raises(ConfigError, match="may fit several ports: also give serial_number"):
        check(tomllib.loads(text), Host())
