"""The driver `jk-rs485` over real pseudo terminals, with an emulated device behind them."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from cellwarden.clock import Clock
from cellwarden.errors import FrameError, LinkTimeout
from cellwarden.hooks import DriverContext
from cellwarden.model import AlarmKind, Identity
from cellwarden_hardware.codecs import jk_4e57
from cellwarden_hardware.drivers.jk_rs485 import JkRs485, identity_of
from cellwarden_hardware.kinds.jk_rs485 import JkRs485Options
from cellwarden_hardware.simulator.jk_device import EmulatedJk
from support.fixed_pack import FINE, FixedPack

ROWS = json.loads(Path(__file__).with_name("jk_4e57_frames.json").read_text())
FRAMES = {row["id"]: bytes.fromhex(row.get("frame_hex", "")) for row in ROWS}
CAPTURED = FRAMES["16s-b2a20s20p"]

SNAPSHOT = replace(
    FINE,
    temperatures_c=(21.4, -3.2),
    protections=frozenset({AlarmKind.CELL_UNDERVOLTAGE, AlarmKind.LOW_SOC}),
)


def driver_for(port: str, *, timeout_s: float = 1.0, **options: object) -> JkRs485:
    context = DriverContext(pack="left", clock=Clock(), timeout_s=timeout_s)
    return JkRs485(JkRs485Options(port=port, **options), context)


@contextlib.asynccontextmanager
async def connected(
    *frames: bytes, timeout_s: float = 1.0, **options: object
) -> AsyncIterator[tuple[EmulatedJk, JkRs485]]:
    """Yield a device that plays these frames first, and a driver that has its port open."""
    device = EmulatedJk(FixedPack(SNAPSHOT), play=frames)
    await device.start()
    driver = driver_for(device.port, timeout_s=timeout_s, **options)
    await driver.open()
    try:
        yield device, driver
    finally:
        await driver.close()
        await device.stop()


def run(test: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(test())


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


# ------------------------------------------------------------------ what is made of a frame


def test_a_captured_frame_becomes_a_reading() -> None:
    async def test() -> None:
        async with connected(CAPTURED) as (_, driver):
            before_s = driver._clock.now_s()
            reading = await driver.poll()
            assert reading.pack == "left"
            assert before_s <= reading.heard_s <= driver._clock.now_s()
            assert reading.cell_voltages_v[:3] == (3.27, 3.262, 3.271)
            assert len(reading.cell_voltages_v) == 16
            assert reading.voltage_v == 52.28
            assert reading.current_a == 0.0
            assert reading.temperatures_c == (21, 22)
            assert reading.mos_temperature_c == 22
            assert reading.soc_percent == 60
            assert reading.capacity_ah == 110
            assert reading.remaining_ah is None
            assert reading.cycles == 0
            assert reading.cycle_charge_ah == 0
            assert reading.runtime_s == 223020
            assert (reading.charge_fet_on, reading.discharge_fet_on) == (True, True)
            assert reading.balancing is False
            assert reading.heating is None
            assert (reading.charge_switch_on, reading.discharge_switch_on) == (True, True)
            assert reading.balance_switch_on is True
            assert reading.alarms == ()
            assert reading.alarm_bits == 0

    run(test)


def test_settings_carry_the_names_of_the_model_and_no_secret() -> None:
    async def test() -> None:
        async with connected(CAPTURED) as (_, driver):
            reading = await driver.poll()
            assert reading.settings == {
                "pack_overvoltage_v": 55.2,
                "pack_undervoltage_v": 48.0,
                "temperature_difference_max_c": 20.0,
                "cell_overvoltage_v": 3.45,
                "cell_overvoltage_recovery_v": 3.4,
                "cell_overvoltage_delay_s": 5,
                "cell_undervoltage_v": 3.0,
                "cell_undervoltage_recovery_v": 3.05,
                "cell_undervoltage_delay_s": 5,
                "cell_difference_max_v": 0.3,
                "discharge_current_max_a": 80,
                "discharge_overcurrent_delay_s": 30,
                "charge_current_max_a": 50,
                "charge_overcurrent_delay_s": 30,
                "balance_start_v": 3.2,
                "balance_trigger_v": 0.01,
                "mos_overtemperature_c": 80,
                "mos_overtemperature_recovery_c": 70,
                "charge_overtemperature_c": 60,
                "discharge_overtemperature_c": 70,
                "charge_undertemperature_c": 5,
                "charge_undertemperature_recovery_c": 10,
                "discharge_undertemperature_c": -20,
                "discharge_undertemperature_recovery_c": -10,
                "cell_count": 16,
                "design_capacity_ah": 110,
                "low_soc_warning_percent": 20,
            }
            assert "123456" not in repr(reading)

    run(test)


@pytest.mark.parametrize(
    ("frame", "identity"),
    [
        (
            "16s-b2a20s20p",
            Identity(
                manufacturer="JK",
                model="JK-B2A20S20P",
                hardware_version="11.XW",
                firmware_version="11.26",
                name="Armins__BMS",
                production_date="2023-07",
            ),
        ),
        (
            "14s-h6x",
            Identity(
                manufacturer="JK",
                serial_number="BT3072020120000200521001",
                hardware_version="H6.X",
                firmware_version="6.1.3S",
                production_date="2021-01",
            ),
        ),
        (
            "13s-b2a24s20p",
            Identity(
                manufacturer="JK",
                model="JK-B2A24S15P",
                hardware_version="10.XW",
                firmware_version="10.07",
                production_date="2022-04",
            ),
        ),
    ],
)
def test_identity_of_the_captured_devices(frame: str, identity: Identity) -> None:
    reply = jk_4e57.decode_frame(FRAMES[frame])
    assert isinstance(reply, jk_4e57.Reply)
    assert identity_of(reply.settings) == identity


def test_the_oldest_firmware_has_one_version_and_no_model() -> None:
    settings = {"software_version": "NW_1_0_0_200428", "device_id": "Garage"}
    assert identity_of(settings) == Identity(
        manufacturer="JK", firmware_version="NW_1_0_0_200428", name="Garage"
    )


def test_alarm_bits_become_alarms_and_unknown_ones_stay_visible() -> None:
    content = CAPTURED[11:-9].replace(b"\x8b\x00\x00\x8c", b"\x8b\x90\x02\x8c")
    frame = jk_4e57.build_frame(6, 0, 1, content)

    async def test() -> None:
        async with connected(frame) as (_, driver):
            reading = await driver.poll()
            assert reading.alarm_bits == 0x9002
            assert [alarm.kind for alarm in reading.alarms] == [
                AlarmKind.MOS_OVERTEMPERATURE,
                AlarmKind.BMS_INTERNAL,
            ]
            assert all(alarm.blocks_charge and alarm.blocks_discharge for alarm in reading.alarms)

    run(test)


def test_a_sensor_beyond_the_count_is_not_there() -> None:
    content = CAPTURED[11:-9].replace(b"\x86\x02\x87", b"\x86\x01\x87")
    frame = jk_4e57.build_frame(6, 0, 1, content)

    async def test() -> None:
        async with connected(frame) as (_, driver):
            assert (await driver.poll()).temperatures_c == (21,)

    run(test)


def test_the_current_can_be_turned_round() -> None:
    async def test() -> None:
        frame = FRAMES["protocol1-discharge"]
        async with connected(frame, CAPTURED, invert_current=True) as (_, driver):
            assert (await driver.poll()).current_a == 20.0
            assert str((await driver.poll()).current_a) == "0.0"

    run(test)


def test_a_capacity_that_was_not_learned_is_unknown() -> None:
    async def test() -> None:
        async with connected(FRAMES["14s-h6x"]) as (_, driver):
            assert (await driver.poll()).capacity_ah is None

    run(test)


def test_captured_frames_come_first_then_the_pack_lives() -> None:
    async def test() -> None:
        async with connected(CAPTURED) as (device, driver):
            assert (await driver.poll()).soc_percent == 60
            reading = await driver.poll()
            assert device.requests == 2
            assert reading.cell_voltages_v == (3.3, 3.302, 3.302, 3.3)
            assert reading.voltage_v == 13.2
            assert reading.current_a == -12.34
            assert reading.temperatures_c == (21, -3)
            assert reading.mos_temperature_c == 29
            assert reading.soc_percent == 63
            assert reading.capacity_ah == 280
            assert reading.cycles == 12
            assert reading.cycle_charge_ah == 3361
            assert reading.runtime_s == 7260
            assert (reading.charge_fet_on, reading.discharge_fet_on) == (True, False)
            assert reading.balancing is True
            assert reading.balance_switch_on is False
            assert {alarm.kind for alarm in reading.alarms} == SNAPSHOT.protections
            assert reading.identity == Identity(
                manufacturer="JK",
                model="JK-B2A24S20P",
                hardware_version="11.XW",
                firmware_version="11.26",
                name="emulated",
                production_date="2024-01",
            )

    run(test)


def test_what_did_not_change_is_not_made_again() -> None:
    async def test() -> None:
        async with connected() as (_, driver):
            first, second = await driver.poll(), await driver.poll()
            assert second.settings is first.settings
            assert second.identity is first.identity

    run(test)


# ------------------------------------------------------------------ lines as they are


@pytest.mark.parametrize("noise", [b"\x00\xff", b"\x4e", b"\x4e\x57\x00\xff", b"\x4e\x57\xff\xff"])
def test_noise_right_before_the_answer_does_no_harm(noise: bytes) -> None:
    async def test() -> None:
        async with connected(noise + CAPTURED) as (_, driver):
            assert (await driver.poll()).voltage_v == 52.28

    run(test)


def test_a_pushed_frame_is_as_good_as_an_answer() -> None:
    async def test() -> None:
        async with connected() as (device, driver):
            device.silent = True
            polling = asyncio.create_task(driver.poll())
            await asyncio.sleep(0.02)
            device.push()
            assert (await polling).voltage_v == 13.2

    run(test)


def test_requests_and_answers_of_others_are_skipped() -> None:
    async def test() -> None:
        others = jk_4e57.acknowledge(2, 0xAB) + jk_4e57.build_reply({"soc": 12}, command=3)
        foreign = jk_4e57.build_frame(6, jk_4e57.Source.PC, 1, CAPTURED[11:-9])
        answer = jk_4e57.read_request(0x83) + others + foreign + FRAMES["14s-h6x"]
        async with connected(answer) as (_, driver):
            assert (await driver.poll()).voltage_v == 53.59

    run(test)


def test_half_an_answer_is_incomplete_long_before_the_timeout() -> None:
    async def test() -> None:
        async with connected(CAPTURED[:200], timeout_s=30.0) as (_, driver):
            async with asyncio.timeout(2.0):
                with pytest.raises(FrameError) as caught:
                    await driver.poll()
            assert caught.value.kind == "incomplete"

    run(test)


def test_a_babbling_line_without_answer_is_a_timeout() -> None:
    async def test() -> None:
        async with connected(timeout_s=0.1) as (device, driver):
            device.silent = True

            async def babble() -> None:
                while True:
                    device.make_noise(jk_4e57.read_all_request())
                    await asyncio.sleep(0.002)

            babbling = asyncio.create_task(babble())
            with pytest.raises(LinkTimeout):
                await driver.poll()
            babbling.cancel()

    run(test)


def test_a_bms_that_did_not_answer_is_woken_before_the_next_question() -> None:
    async def test() -> None:
        async with connected(timeout_s=0.05) as (device, driver):
            heard: list[int] = []
            answer = device.answer

            def awake_after_activation(request: jk_4e57.Request) -> bytes | None:
                heard.append(request.command)
                return answer(request) if jk_4e57.Command.ACTIVATE in heard else None

            device.answer = awake_after_activation  # type: ignore[method-assign]
            with pytest.raises(LinkTimeout):
                await driver.poll()
            assert (await driver.poll()).voltage_v == 13.2
            await driver.poll()
            assert heard == [6, 1, 6, 6]

    run(test)


# ------------------------------------------------------------------ coming and going


def test_half_a_frame_from_before_does_not_survive_reopening() -> None:
    async def test() -> None:
        async with connected(CAPTURED[:100], timeout_s=0.3) as (_, driver):
            with pytest.raises(FrameError):
                await driver.poll()
            await driver.close()
            await driver.close()
            await driver.open()
            assert (await driver.poll()).voltage_v == 13.2

    run(test)


def test_changes_of_the_pack_are_heard() -> None:
    async def test() -> None:
        device = EmulatedJk(pack := FixedPack(SNAPSHOT))
        await device.start()
        driver = driver_for(device.port)
        await driver.open()
        assert (await driver.poll()).soc_percent == 63
        pack.now = replace(SNAPSHOT, soc_percent=20.0, current_a=40.0, runtime_s=7400.0)
        reading = await driver.poll()
        assert (reading.soc_percent, reading.current_a, reading.runtime_s) == (20, 40.0, 7380)
        await driver.close()
        await device.stop()

    run(test)
