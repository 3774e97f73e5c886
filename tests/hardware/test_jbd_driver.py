"""The driver `jbd` and the emulated board; what every driver does is in the contract."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from cellwarden.clock import Clock
from cellwarden.errors import FrameError, LinkTimeout
from cellwarden.hooks import DriverContext
from cellwarden.model import AlarmKind, Identity, preset
from cellwarden_hardware.codecs import jbd
from cellwarden_hardware.drivers.jbd import Jbd
from cellwarden_hardware.kinds.jbd import DRIVER, JbdOptions
from cellwarden_hardware.simulator.jbd_device import EmulatedJbd, basic_of
from support.fixed_pack import FixedPack


@contextlib.asynccontextmanager
async def connected(
    device: EmulatedJbd, timeout_s: float = 1.0
) -> AsyncIterator[tuple[EmulatedJbd, Jbd]]:
    await device.start()
    context = DriverContext(pack="left", clock=Clock(), timeout_s=timeout_s)
    driver = DRIVER.build(JbdOptions(port=device.port), context)
    await driver.open()
    try:
        yield device, driver
    finally:
        await driver.close()
        await device.stop()


def run(test: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(test())


def ask(device: EmulatedJbd, request: bytes) -> bytes:
    frame = jbd.decode_frame(request)
    assert isinstance(frame, jbd.Request)
    answer = device.answer(frame)
    assert answer is not None
    reply = jbd.decode_frame(answer)
    assert isinstance(reply, jbd.Reply)
    assert reply.register == frame.register
    return reply.data


# ------------------------------------------------------------------ the driver


def test_a_board_that_tells_its_barcode_has_a_serial_number() -> None:
    async def test() -> None:
        device = EmulatedJbd(FixedPack(), name="JBD-SP04S034", barcode="BC0042")
        async with connected(device) as (_, driver):
            reading = await driver.poll()
            assert reading.identity == Identity(
                manufacturer="JBD",
                model="JBD-SP04S034",
                serial_number="BC0042",
                firmware_version="8.0",
                production_date="2024-08-26",
            )
            assert reading.remaining_ah == 176.4
            assert reading.settings == {"cell_count": 4, "design_capacity_ah": 280.0}

    run(test)


def test_most_boards_keep_it_to_themselves() -> None:
    async def test() -> None:
        async with connected(EmulatedJbd(FixedPack())) as (_, driver):
            identity = (await driver.poll()).identity
            assert identity is not None
            assert identity.serial_number is None

    run(test)


def test_a_board_without_a_name_is_read_all_the_same() -> None:
    async def test() -> None:
        device = EmulatedJbd(FixedPack(), barcode="BC0042")
        answer = device.answer
        device.answer = lambda request: None if request.register == 5 else answer(request)
        async with connected(device) as (_, driver):
            identity = (await driver.poll()).identity
            assert identity is not None
            assert (identity.model, identity.serial_number) == (None, "BC0042")

    run(test)


def test_the_first_request_after_a_pause_only_wakes_the_board() -> None:
    async def test() -> None:
        async with connected(EmulatedJbd(FixedPack()), timeout_s=0.2) as (device, driver):
            device.asleep = True
            assert (await driver.poll()).voltage_v == 13.2
            assert device.asleep is False

    run(test)


def test_captured_frames_come_first_then_the_pack_lives() -> None:
    frame = "dd03001d059400006d606d6000082c7c00000000000180640204030b820b7c0b77fa7c77"

    async def test() -> None:
        device = EmulatedJbd(FixedPack(), play=[bytes.fromhex(frame)])
        async with connected(device) as (_, driver):
            reading = await driver.poll()
            assert reading.voltage_v == 14.28
            assert reading.temperatures_c == (21.5, 20.9, 20.4)
            assert [alarm.kind for alarm in reading.alarms] == [AlarmKind.CELL_OVERVOLTAGE]
            assert reading.alarm_bits == 1
            assert (reading.charge_fet_on, reading.discharge_fet_on) == (False, True)
            assert (await driver.poll()).voltage_v == 13.2

    run(test)


@pytest.mark.parametrize(
    ("bits", "charge_fet", "switches"),
    [
        (0, True, (True, True)),
        (1, False, (True, True)),  # a protection, nobody's wish
        (1 << 12, False, (False, True)),
        (1 << 12 | 1, False, (None, True)),  # both: who knows
    ],
)
def test_a_locked_mos_is_what_its_owner_wants(
    bits: int, charge_fet: bool, switches: tuple[bool | None, bool]
) -> None:
    basic = basic_of(FixedPack().now)._replace(
        alarms=bits, charge_mos=charge_fet, discharge_mos=True
    )

    async def test() -> None:
        device = EmulatedJbd(FixedPack(), play=[jbd.build_reply(3, jbd.build_basic(basic))])
        async with connected(device) as (_, driver):
            reading = await driver.poll()
            assert (reading.charge_switch_on, reading.discharge_switch_on) == switches
            assert reading.alarm_bits == bits

    run(test)


def test_a_board_that_refuses_says_so() -> None:
    async def test() -> None:
        device = EmulatedJbd(FixedPack(), play=[jbd.build_reply(3, status=0x81)])
        async with connected(device) as (_, driver):
            with pytest.raises(FrameError, match="refuses register 03") as caught:
                await driver.poll()
            assert caught.value.kind == "device_error"

    run(test)


def test_the_answer_of_another_register_is_no_answer() -> None:
    async def test() -> None:
        other = jbd.build_reply(4, jbd.build_cells([3.3] * 4))
        device = EmulatedJbd(FixedPack(), play=[other, other])
        async with connected(device, timeout_s=0.4) as (_, driver):
            with pytest.raises(LinkTimeout):
                await driver.poll()

    run(test)


# ------------------------------------------------------------------ the emulated board


def test_settings_need_the_factory_mode_and_are_kept_only_if_saved() -> None:
    parameters = preset("LiFePO4", cell_count=4, design_capacity_ah=100)
    device = EmulatedJbd(FixedPack(), parameters=parameters)
    with pytest.raises(FrameError, match="status 80"):
        ask(device, jbd.read_request(0x24))
    ask(device, jbd.enter_factory_request())
    assert ask(device, jbd.read_request(0x24)) == (3600).to_bytes(2)
    assert ask(device, jbd.read_request(0x10)) == (10_000).to_bytes(2)
    for save, expected in ((False, 3600), (True, 3550)):
        ask(device, jbd.enter_factory_request())
        assert ask(device, jbd.setting_request("cell_ovp", 3.55)) == b""
        assert ask(device, jbd.leave_factory_request(save=save)) == b""
        ask(device, jbd.enter_factory_request())
        assert ask(device, jbd.read_request(0x24)) == expected.to_bytes(2)
    with pytest.raises(FrameError):
        ask(device, jbd.write_request(0x24, b"\1"))


def test_the_mos_command_sets_the_switches_and_locks() -> None:
    device = EmulatedJbd(pack := FixedPack())
    assert ask(device, jbd.mos_request(charge=False, discharge=True)) == b""
    assert (pack.now.charge_switch_on, pack.now.discharge_switch_on) == (False, True)
    assert jbd.decode_basic(ask(device, jbd.read_request(3))).locked
    with pytest.raises(FrameError):
        ask(device, jbd.write_request(jbd.MOS, b"\1"))


def test_what_does_not_fit_a_field_stays_at_its_end() -> None:
    pack = FixedPack(current_a=-400.0, capacity_ah=1000.0, design_capacity_ah=1000.0)
    basic = jbd.decode_basic(ask(EmulatedJbd(pack), jbd.read_request(3)))
    assert (basic.current, basic.nominal_capacity) == (-327.67, 655.35)
    assert ask(EmulatedJbd(pack), jbd.read_request(0xAA)) == bytes(22)
