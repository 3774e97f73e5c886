"""The driver `daly` and the emulated boards; what every driver does is in the contract."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from cellwarden.clock import Clock
from cellwarden.errors import FrameError, LinkTimeout
from cellwarden.hooks import DriverContext
from cellwarden.model import AlarmKind, Identity
from cellwarden_hardware.codecs import daly
from cellwarden_hardware.codecs import daly_table as table
from cellwarden_hardware.drivers.daly import Daly
from cellwarden_hardware.kinds.daly import DalyOptions
from cellwarden_hardware.simulator.daly_device import EmulatedDaly, fault_bits
from support.fixed_pack import FixedPack


def driver_for(port: str, pack: str = "left", timeout_s: float = 1.0, **options: object) -> Daly:
    context = DriverContext(pack=pack, clock=Clock(), timeout_s=timeout_s)
    return Daly(DalyOptions(port=port, **options), context)


@contextlib.asynccontextmanager
async def connected(
    device: EmulatedDaly, timeout_s: float = 1.0, **options: object
) -> AsyncIterator[Daly]:
    await device.start()
    driver = driver_for(device.port, timeout_s=timeout_s, **options)
    await driver.open()
    try:
        yield driver
    finally:
        await driver.close()
        await device.stop()


def run(test: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(test())


def test_the_battery_code_is_the_serial_number() -> None:
    async def test() -> None:
        async with connected(EmulatedDaly(FixedPack(), name="B-0042")) as driver:
            reading = await driver.poll()
            assert reading.identity == Identity(
                manufacturer="Daly", serial_number="B-0042", production_date="2024-08-26"
            )
            assert reading.remaining_ah == 176.4
            assert reading.settings == {"cell_count": 4, "design_capacity_ah": 280.0}

    run(test)


@pytest.mark.parametrize("all_frames", [True, False])
@pytest.mark.parametrize("first", [0, 1])
def test_series_are_read_however_they_are_numbered(first: int, all_frames: bool) -> None:
    async def test() -> None:
        device = EmulatedDaly(FixedPack())
        device.first_number, device.all_frames = first, all_frames
        async with connected(device) as driver:
            for _ in range(2):
                reading = await driver.poll()
                assert reading.cell_voltages_v == (3.3, 3.302, 3.298, 3.3)
                assert reading.temperatures_c == (21, -3)

    run(test)


def test_boards_without_some_data_are_asked_for_them_once() -> None:
    async def test() -> None:
        device = EmulatedDaly(FixedPack())
        device.mute = {
            table.RATED, table.CODE, table.BATTERY, table.BALANCE, table.FAULTS,
            table.TEMPERATURES,
        }  # fmt: skip
        async with connected(device, timeout_s=0.1) as driver:
            for _ in range(2):
                reading = await driver.poll()
                assert reading.voltage_v == 13.2
                assert reading.identity == Identity(manufacturer="Daly")
                assert reading.alarm_bits is None
                assert reading.temperatures_c == ()
                assert reading.balancing is None
            loop = asyncio.get_running_loop()
            begun_s = loop.time()
            await driver.poll()
            assert loop.time() - begun_s < 0.4

    run(test)


def test_alarms_that_were_told_once_are_owed_from_then_on() -> None:
    async def test() -> None:
        device = EmulatedDaly(FixedPack())
        async with connected(device, timeout_s=0.1) as driver:
            assert (await driver.poll()).alarm_bits == 1 << 3
            device.mute = {table.FAULTS}
            with pytest.raises(LinkTimeout):
                await driver.poll()

    run(test)


@pytest.mark.parametrize("missing", [table.STATUS, table.SUMS, table.SWITCHES, table.CELLS])
def test_without_what_matters_there_is_no_reading(missing: int) -> None:
    async def test() -> None:
        device = EmulatedDaly(FixedPack())
        device.mute = {missing}
        async with connected(device, timeout_s=0.1) as driver:
            with pytest.raises(LinkTimeout):
                await driver.poll()

    run(test)


def test_a_sleeping_board_is_asked_again() -> None:
    async def test() -> None:
        device = EmulatedDaly(FixedPack())
        async with connected(device, timeout_s=0.2) as driver:
            device.asleep = True
            assert (await driver.poll()).voltage_v == 13.2

    run(test)


def test_a_board_without_cells_is_refused() -> None:
    async def test() -> None:
        device = EmulatedDaly(FixedPack())
        device._single = lambda command, snapshot: bytes(8)
        async with connected(device) as driver:
            with pytest.raises(FrameError, match="no cells"):
                await driver.poll()

    run(test)


@pytest.mark.parametrize(
    ("wire_sign", "invert", "expected"),
    [(-1, False, -12.3), (1, True, -12.3), (1, False, None), (-1, True, None)],
)
def test_a_sign_against_what_the_board_does_leaves_the_current_unknown(
    wire_sign: int, invert: bool, expected: float | None
) -> None:
    async def test() -> None:
        device = EmulatedDaly(FixedPack())
        device.wire_sign = wire_sign
        async with connected(device, invert_current=invert) as driver:
            assert (await driver.poll()).current_a == expected

    run(test)


def test_no_current_has_no_sign() -> None:
    async def test() -> None:
        async with connected(EmulatedDaly(FixedPack(current_a=0.0))) as driver:
            assert str((await driver.poll()).current_a) == "0.0"

    run(test)


# ------------------------------------------------------------------ several boards on one line


def test_boards_on_one_line_are_told_apart_by_their_number() -> None:
    async def test() -> None:
        device = EmulatedDaly(
            FixedPack(soc_percent=40.0), name="B", others={2: FixedPack(soc_percent=80.0)}
        )
        await device.start()
        left = driver_for(device.port, "left", address=1)
        right = driver_for(device.port, "right", address=2)
        await left.open()
        await right.open()
        for _ in range(3):
            one, two = await asyncio.gather(left.poll(), right.poll())
            assert (one.pack, one.soc_percent) == ("left", 40.0)
            assert (two.pack, two.soc_percent) == ("right", 80.0)
        assert one.identity is not None
        assert two.identity is not None
        assert (one.identity.serial_number, two.identity.serial_number) == ("B", "B-2")
        await left.close()
        assert (await right.poll()).soc_percent == 80.0
        await right.close()
        await device.stop()

    run(test)


def test_answers_of_another_board_are_no_answers() -> None:
    async def test() -> None:
        device = EmulatedDaly(FixedPack())
        async with connected(device, timeout_s=0.2) as driver:
            device.wrong_address = True
            with pytest.raises(LinkTimeout):
                await driver.poll()

    run(test)


def test_a_board_that_is_not_there_does_not_stop_the_others() -> None:
    async def test() -> None:
        device = EmulatedDaly(FixedPack())
        await device.start()
        left = driver_for(device.port, "left", timeout_s=0.2, address=1)
        ghost = driver_for(device.port, "ghost", timeout_s=0.2, address=9)
        await left.open()
        await ghost.open()
        reading, error = await asyncio.gather(left.poll(), ghost.poll(), return_exceptions=True)
        assert not isinstance(reading, BaseException)
        assert reading.voltage_v == 13.2
        assert isinstance(error, LinkTimeout)
        assert "ghost: no answer" in str(error)
        await ghost.close()
        await left.close()
        await device.stop()

    run(test)


# ------------------------------------------------------------------ the emulated boards


def ask(device: EmulatedDaly, request: bytes) -> bytes | None:
    frame = daly.decode_frame(request)
    assert isinstance(frame, daly.Request)
    return device.answer(frame)


def test_the_mos_commands_set_the_switches() -> None:
    device = EmulatedDaly(pack := FixedPack())
    answer = ask(device, daly.mos_request(table.CHARGE_MOS, on=False))
    assert answer == daly.build_reply(table.CHARGE_MOS, b"\0")
    assert (pack.now.charge_switch_on, pack.now.discharge_switch_on) == (False, True)
    assert ask(device, daly.mos_request(table.CHARGE_MOS, on=True, board=2)) is None


def test_other_commands_are_answered_or_not_as_by_a_board() -> None:
    device = EmulatedDaly(FixedPack())
    assert ask(device, daly.request(0x60)) is None
    clock = daly.build_frame(0x40, table.SET_CLOCK_AND_SOC, bytes(8))
    assert ask(device, clock) == daly.build_reply(table.SET_CLOCK_AND_SOC, b"\1")
    for host in (daly.BLUETOOTH, daly.GPRS):
        assert ask(device, daly.build_frame(host, table.BATTERY, b"")) is not None
    extremes = ask(device, daly.request(table.CELL_EXTREMES))
    assert extremes is not None
    assert daly.values_of(table.CELL_EXTREMES, extremes[4:12]) == {
        "cell_voltage_max": 3.302,
        "cell_max_number": 2,
        "cell_voltage_min": 3.298,
        "cell_min_number": 3,
    }


def test_protections_set_their_bits() -> None:
    assert fault_bits(frozenset()) == 0
    assert fault_bits(frozenset({AlarmKind.CELL_OVERVOLTAGE})) == 1 << 1
    assert fault_bits(frozenset({AlarmKind.CELL_UNDERVOLTAGE, AlarmKind.SHUTDOWN})) == 1 << 3
