"""The driver `jbd-ble` with the real bleak; what every driver does is in the contract."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from cellwarden.clock import Clock
from cellwarden.errors import ConfigError, LinkError, LinkTimeout
from cellwarden.hooks import DriverContext
from cellwarden.interfaces import Driver
from cellwarden.model import RequestKind, Verdict
from cellwarden_hardware.drivers import jbd_ble
from cellwarden_hardware.kinds.jbd_ble import DRIVER, JbdBleOptions
from cellwarden_hardware.simulator.jbd_ble_device import ADDRESS, EmulatedJbdBle
from support.bluetooth import bus_daemon, system_bus
from support.fixed_pack import FixedPack
from support.written import gate_for, simulated_pack


@pytest.fixture
def bus_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    return system_bus(tmp_path, monkeypatch)


@contextlib.asynccontextmanager
async def in_the_air(address: str, device: EmulatedJbdBle) -> AsyncIterator[None]:
    async with bus_daemon(address):
        await device.start(address)
        try:
            yield
        finally:
            await device.stop()


def driver_for(**options: object) -> Driver:
    context = DriverContext(pack="left", clock=Clock(), timeout_s=1.0)
    return DRIVER.build(JbdBleOptions(port=ADDRESS, **options), context)


def run(test: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(test())


@pytest.fixture
def password(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("MODULE_PASSWORD", "246810")
    return "246810"


@pytest.mark.parametrize("piece", [5, 20, 200])
def test_answers_come_in_pieces_of_any_size(bus_address: str, piece: int) -> None:
    async def test() -> None:
        device = EmulatedJbdBle(FixedPack(), piece=piece, name="JBD-SP04S034", barcode="BC0042")
        async with in_the_air(bus_address, device):
            driver = driver_for()
            await driver.open()
            reading = await driver.poll()
            assert reading.cell_voltages_v == (3.3, 3.302, 3.298, 3.3)
            assert reading.identity is not None
            assert reading.identity.model == "JBD-SP04S034"
            assert reading.identity.serial_number == "BC0042"
            await driver.close()

    run(test)


def test_a_module_with_a_login_of_its_own_is_logged_in_to(bus_address: str, password: str) -> None:
    async def test() -> None:
        async with in_the_air(bus_address, EmulatedJbdBle(FixedPack(), password=password)):
            driver = driver_for(module_password_env="MODULE_PASSWORD")
            for _ in range(2):  # at every connection
                await driver.open()
                assert (await driver.poll()).soc_percent == 63
                await driver.close()

    run(test)


def test_a_wrong_password_is_said_so_without_saying_it(bus_address: str, password: str) -> None:
    async def test() -> None:
        async with in_the_air(bus_address, EmulatedJbdBle(FixedPack(), password="111111")):
            driver = driver_for(module_password_env="MODULE_PASSWORD")
            with pytest.raises(LinkError, match="refuses module_password_") as caught:
                await driver.open()
            assert password not in str(caught.value)
            await driver.close()

    run(test)


def test_a_module_that_knows_no_login_is_said_so(
    bus_address: str, password: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jbd_ble, "_LOGIN_S", 0.1)

    async def test() -> None:
        async with in_the_air(bus_address, EmulatedJbdBle(FixedPack())):
            driver = driver_for(module_password_env="MODULE_PASSWORD")
            with pytest.raises(LinkTimeout, match="does not answer to its login"):
                await driver.open()
            await driver.close()

    run(test)


def test_without_the_password_a_locked_module_is_silent(bus_address: str, password: str) -> None:
    async def test() -> None:
        async with in_the_air(bus_address, EmulatedJbdBle(FixedPack(), password=password)):
            driver = driver_for()
            await driver.open()
            with pytest.raises(LinkTimeout, match=f"left: no answer on {ADDRESS}"):
                await driver.poll()
            await driver.close()

    run(test)


def test_a_password_that_cannot_be_one_is_a_mistake_of_the_configuration(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MODULE_PASSWORD", "letmein")
    with pytest.raises(ConfigError, match="a password has six digits") as caught:
        driver_for(module_password_env="MODULE_PASSWORD")
    assert "letmein" not in str(caught.value)
    with pytest.raises(ConfigError, match=r"module_password_file: .* cannot be read"):
        driver_for(module_password_file=str(tmp_path / "absent"))
    with pytest.raises(ConfigError, match="give one of them, not both"):
        JbdBleOptions(port=ADDRESS, module_password_env="A", module_password_file="b")


def test_switches_and_settings_are_written_through_the_module(
    bus_address: str, tmp_path: Path
) -> None:
    async def test() -> None:
        pack = simulated_pack()
        device = EmulatedJbdBle(pack, parameters=pack.parameters, piece=20)
        async with in_the_air(bus_address, device), gate_for(driver_for(), pack, tmp_path) as gate:
            assert (await gate.ask(RequestKind.CHARGE_SWITCH, value=False)).good
            assert pack.bms.charge_fet_on is False
            outcome = await gate.change(cell_overvoltage_v=3.65, cell_undervoltage_v=2.8)
            assert outcome.good
            assert pack.parameters.cell_overvoltage_v == 3.65

    run(test)


def test_a_switch_is_written_over_the_air(bus_address: str, tmp_path: Path) -> None:
    async def test() -> None:
        pack = simulated_pack()
        device = EmulatedJbdBle(pack, parameters=pack.parameters)
        async with (
            in_the_air(bus_address, device),
            gate_for(driver_for(), pack, tmp_path) as gate,
        ):
            assert (await gate.ask(RequestKind.CHARGE_SWITCH, value=False)).good
            assert pack.bms.charge_fet_on is False
            outcome = await gate.change(cell_overvoltage_v=3.65, cell_undervoltage_v=2.8)
            assert outcome.verdict is Verdict.APPLIED
            assert pack.parameters.cell_overvoltage_v == 3.65

    run(test)
