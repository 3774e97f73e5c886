"""The driver `ble-generic`: what it takes from aiobmsble; reading a device is in the contract."""

import asyncio
from pathlib import Path

import pytest

from cellwarden.clock import Clock
from cellwarden.errors import LinkError
from cellwarden.hooks import DriverContext
from cellwarden.model import AlarmKind
from cellwarden_hardware.drivers import ble_generic
from cellwarden_hardware.kinds import ble_generic as kind
from cellwarden_hardware.kinds.ble_generic import DRIVER, BleGenericOptions
from cellwarden_hardware.simulator.jbd_ble_device import ADDRESS, EmulatedJbdBle
from support.bluetooth import bus_daemon, system_bus
from support.fixed_pack import FixedPack

needs_312 = pytest.mark.skipif(not kind.SUPPORTED, reason="aiobmsble needs Python 3.12")


def test_an_older_python_is_refused_with_what_to_use_instead(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(kind, "SUPPORTED", False)
    with pytest.raises(ValueError, match=r"needs Python 3\.12 or newer.*use jk-ble or jbd-ble"):
        BleGenericOptions(port=ADDRESS)


def test_a_problem_of_an_unknown_kind_warns_and_blocks_nothing() -> None:
    (alarm,) = ble_generic._alarms(0x1000, problem=False)
    assert (alarm.kind, alarm.text) == (AlarmKind.BMS_INTERNAL, "problem code 1000")
    assert (alarm.blocks_charge, alarm.blocks_discharge) == (False, False)
    (alarm,) = ble_generic._alarms(0, problem=True)
    assert alarm.text == "a problem"
    assert ble_generic._alarms(0, problem=False) == ()


def test_what_was_not_told_is_not_known() -> None:
    assert ble_generic._settings({}) == {}
    assert ble_generic._temperatures(()) == ((), None)
    assert ble_generic._temperatures([21.5]) == ((21.5,), None)
    assert ble_generic._bool(None) is None


@needs_312
def test_sensors_of_the_mosfets_are_no_battery_sensors() -> None:
    from aiobmsble import TempSensor

    kinds = TempSensor.T
    values = [
        TempSensor(21.0, kinds.CELL),
        TempSensor(40.0, kinds.MOSFET),
        TempSensor(30.0, kinds.HEATER),
    ]
    assert ble_generic._temperatures(values) == ((21.0,), 40.0)


@needs_312
@pytest.mark.parametrize(
    ("bms", "said"),
    [("nothing_bms", "aiobmsble has no 'nothing_bms'"), (None, "does not know this device")],
)
def test_a_device_of_unknown_kind_is_said_so(
    bms: str | None, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bus = system_bus(tmp_path, monkeypatch)
    address = "00:11:22:33:44:55"  # of no maker that aiobmsble knows

    async def test() -> None:
        async with bus_daemon(bus):
            device = EmulatedJbdBle(FixedPack(), address=address, name="mine")
            await device.start(bus)
            context = DriverContext(pack="left", clock=Clock(), timeout_s=1.0)
            driver = DRIVER.build(BleGenericOptions(port=address, bms=bms), context)
            with pytest.raises(LinkError, match=said):
                await driver.open()
            await driver.close()
            named = DRIVER.build(BleGenericOptions(port=address, bms="jbd_bms"), context)
            await named.open()
            assert (await named.poll()).soc_percent == 63
            await named.close()
            await device.stop()

    asyncio.run(test())
