"""The driver `jk-modbus` on a real pseudo terminal, with emulated packs behind it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from cellwarden.clock import Clock
from cellwarden.errors import FrameError, LinkError, LinkTimeout
from cellwarden.hooks import DriverContext
from cellwarden.links.serial import SerialLink
from cellwarden.model import AlarmKind, Identity, Reading
from cellwarden.runtime.polling import Poller
from cellwarden_hardware.codecs import jk_modbus
from cellwarden_hardware.codecs.jk_modbus_registers import read_registers
from cellwarden_hardware.drivers.jk_modbus import JkModbus
from cellwarden_hardware.kinds.jk_modbus import JkModbusOptions
from cellwarden_hardware.simulator.jk_modbus_device import EmulatedJkModbus
from support.fixed_pack import FINE, FixedPack
from support.hasty_loop import HastyLoop
from support.jk_frames import frame

CAPTURED = frame("jk_modbus", "modbus-pb2a16s15p-1510-status")

SNAPSHOT = replace(
    FINE, protections=frozenset({AlarmKind.CELL_UNDERVOLTAGE, AlarmKind.SHORT_CIRCUIT})
)


def driver_for(port: str, address: int = 1, **options: object) -> JkModbus:
    timeout_s = options.pop("timeout_s", 1.0)
    context = DriverContext(pack=f"pack-{address}", clock=Clock(), timeout_s=timeout_s)
    return JkModbus(JkModbusOptions(port=port, address=address, **options), context)


@contextlib.asynccontextmanager
async def bus(
    *addresses: int, play: tuple[bytes, ...] = (), **options: object
) -> AsyncIterator[tuple[EmulatedJkModbus, list[JkModbus]]]:
    """Yield a bus with a pack at each address, its SoC ten times that, and open drivers."""
    packs = {
        address: FixedPack(SNAPSHOT, soc_percent=10.0 * address) for address in addresses or (1,)
    }
    device = EmulatedJkModbus(packs, play=play)
    await device.start()
    drivers = [driver_for(device.port, address, **options) for address in packs]
    for driver in drivers:
        await driver.open()
    try:
        yield device, drivers
    finally:
        for driver in drivers:
            await driver.close()
        await device.stop()


def run(test: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(test())


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


# ------------------------------------------------------------------ what is made of a frame


def test_a_captured_frame_becomes_a_reading() -> None:
    async def test() -> None:
        async with bus(play=(CAPTURED,)) as (_, (driver,)):
            before_s = driver._clock.now_s()
            reading = await driver.poll()
            assert reading.pack == "pack-1"
            assert before_s <= reading.heard_s <= driver._clock.now_s()
            assert reading.cell_voltages_v == (
                3.357, 3.357, 3.357, 3.356, 3.356, 3.357, 3.356, 3.356
            )  # fmt: skip
            assert reading.wire_resistances_ohm[:2] == (0.066, 0.066)
            assert (reading.voltage_v, reading.current_a) == (26.852, 17.841)
            # two of the three further sensors, whose first repeats the MOSFETs'
            assert reading.temperatures_c == (29.6, 29.4, 28.6, 28.6)
            assert reading.mos_temperature_c == 30.0
            assert (reading.soc_percent, reading.soh_percent) == (88, 100)
            assert (reading.capacity_ah, reading.remaining_ah) == (220.0, 193.465)
            assert (reading.cycles, reading.cycle_charge_ah) == (101, 22418.4)
            assert reading.runtime_s == 13503354
            assert (reading.charge_fet_on, reading.discharge_fet_on) == (True, True)
            assert (reading.balancing, reading.heating) == (False, False)
            assert (reading.alarms, reading.alarm_bits) == ((), 0)
            assert reading.charge_switch_on is None
            assert reading.settings is None

    run(test)


def test_the_first_reading_says_who_it_is_of_and_settings_follow() -> None:
    async def test() -> None:
        async with bus() as (_, (driver,)):
            first = await driver.poll()
            second = await driver.poll()
            third = await driver.poll()
            assert (first.settings, second.identity) == (None, first.identity)
            assert third.settings is not None
            assert third.settings["cell_overvoltage_v"] == 3.6
            assert third.settings["shutdown_v"] == 2.5
            assert "discharge_undertemperature_c" not in third.settings
            assert (third.charge_switch_on, third.balance_switch_on) == (True, False)
            fourth = await driver.poll()
            assert fourth.settings is third.settings
            assert fourth.identity == Identity(
                manufacturer="JK",
                model="JK-PB2A16S20P",
                serial_number="40110480001",
                hardware_version="15A",
                firmware_version="15.38",
                name="pack 1",
                production_date="2024-05-16",
            )
            assert "123456" not in repr(fourth)

    run(test)


def test_the_pack_lives() -> None:
    async def test() -> None:
        async with bus() as (_, (driver,)):
            reading = await driver.poll()
            assert reading.cell_voltages_v == (3.3, 3.302, 3.302, 3.3)
            assert reading.voltage_v == 13.204
            assert reading.current_a == -12.344
            assert reading.temperatures_c == (21.4, -3.2)
            assert reading.mos_temperature_c == 28.6
            assert (reading.soc_percent, reading.soh_percent) == (10, 100)
            assert (reading.charge_fet_on, reading.discharge_fet_on) == (True, False)
            assert reading.balancing is True
            assert reading.alarm_bits == 1 << 11 | 1 << 14
            assert {alarm.kind for alarm in reading.alarms} == SNAPSHOT.protections
            assert all(alarm.blocks_discharge for alarm in reading.alarms)

    run(test)


# ------------------------------------------------------------------ a bus with many packs


def test_each_pack_is_heard_under_its_own_address() -> None:
    async def test() -> None:
        async with bus(1, 2, 3) as (_, drivers):
            for _ in range(3):
                readings = await asyncio.gather(*(driver.poll() for driver in drivers))
                assert [reading.soc_percent for reading in readings] == [10, 20, 30]
                assert [reading.pack for reading in readings] == ["pack-1", "pack-2", "pack-3"]

    run(test)


def test_requests_are_a_tenth_of_a_second_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    sent_s: list[float] = []
    write = SerialLink.write

    async def stamped(link: SerialLink, data: bytes) -> None:
        sent_s.append(asyncio.get_running_loop().time())
        await write(link, data)

    monkeypatch.setattr(SerialLink, "write", stamped)

    async def test() -> None:
        async with bus(1, 2) as (_, drivers):
            for _ in range(2):
                await asyncio.gather(*(driver.poll() for driver in drivers))
        assert len(sent_s) >= 4
        assert min(b - a for a, b in pairwise(sent_s)) >= 0.099

    run(test)


def test_a_mute_pack_does_not_cost_the_others_their_reading() -> None:
    async def test() -> None:
        async with bus(1, 2) as (device, (one, two)):
            device.mute = {2}
            for _ in range(2):
                first, second = await asyncio.gather(one.poll(), two.poll(), return_exceptions=True)
                assert isinstance(first, Reading)
                assert isinstance(second, LinkTimeout)
            device.mute = set()
            assert (await two.poll()).soc_percent == 20

    run(test)


def test_a_late_answer_of_another_pack_is_not_taken_for_ours() -> None:
    async def test() -> None:
        late = jk_modbus.answer(2, CAPTURED[:300])
        async with bus(play=(late + jk_modbus.answer(1, CAPTURED[:300]),)) as (_, (driver,)):
            assert (await driver.poll()).soc_percent == 88
        async with bus(play=(late,), timeout_s=0.2) as (_, (driver,)):
            with pytest.raises(LinkTimeout, match="no answer from address 1"):
                await driver.poll()

    run(test)


# ------------------------------------------------------------------ lines as they are


@pytest.mark.parametrize(
    "noise", [b"\x00", b"\x55", b"\x55\xaa\x00", b"\x01\x10\x16"], ids=bytes.hex
)
def test_noise_right_before_the_answer_does_no_harm(noise: bytes) -> None:
    async def test() -> None:
        async with bus(play=(noise + CAPTURED,)) as (_, (driver,)):
            assert (await driver.poll()).soc_percent == 88

    run(test)


def test_an_answer_without_its_head_is_a_frame_error() -> None:
    async def test() -> None:
        async with bus(play=(b"\x00" + CAPTURED[1:],)) as (_, (driver,)):
            with pytest.raises(FrameError) as caught:
                await driver.poll()
            assert caught.value.kind == "header"

    run(test)


def test_half_an_answer_is_incomplete_long_before_the_timeout() -> None:
    async def test() -> None:
        async with bus(play=(CAPTURED[:287],), timeout_s=30.0) as (_, (driver,)):
            async with asyncio.timeout(1.0):
                with pytest.raises(FrameError) as caught:
                    await driver.poll()
            assert caught.value.kind == "incomplete"

    run(test)


def test_a_refusal_is_a_frame_error_with_its_code() -> None:
    async def test() -> None:
        async with bus(play=(jk_modbus.refusal(1, jk_modbus.WRITE, 2),)) as (_, (driver,)):
            with pytest.raises(FrameError, match="exception 2: there is no such register"):
                await driver.poll()

    run(test)


def test_silence_is_a_timeout_that_names_pack_address_and_port() -> None:
    async def test() -> None:
        async with bus(timeout_s=0.05) as (device, (driver,)):
            device.silent = True
            with pytest.raises(
                LinkTimeout, match=f"pack-1: no answer from address 1 on {device.port}"
            ):
                await driver.poll()

    run(test)


def test_a_silent_pack_is_asked_for_its_settings_first() -> None:
    async def test() -> None:
        async with bus(timeout_s=0.05) as (device, (driver,)):
            heard: list[int] = []
            answer = device.answer

            def only_after_settings(request: jk_modbus.WriteRequest) -> bytes | None:
                heard.append(request.register)
                return answer(request) if jk_modbus.SETTINGS in heard else None

            device.answer = only_after_settings  # type: ignore[method-assign]
            with pytest.raises(LinkTimeout):
                await driver.poll()
            assert (await driver.poll()).soc_percent == 10
            assert heard[:3] == [jk_modbus.STATUS, jk_modbus.SETTINGS, jk_modbus.STATUS]

    run(test)


def test_after_a_missed_poll_another_pack_may_answer_and_is_asked_who_it_is() -> None:
    async def test() -> None:
        async with bus(timeout_s=0.05) as (device, (driver,)):
            before = (await driver.poll()).identity
            device.silent = True
            with pytest.raises(LinkTimeout):
                await driver.poll()
            device.silent = False
            heard: list[int] = []
            answer = device.answer

            def listening(request: jk_modbus.WriteRequest) -> bytes | None:
                heard.append(request.register)
                return None if request.register == jk_modbus.DEVICE_INFO else answer(request)

            device.answer = listening  # type: ignore[method-assign]
            assert before is not None
            assert [(await driver.poll()).identity for _ in range(4)] == [None] * 4
            # Three times with the status, then in its turn, so that the bus has other packs too.
            assert heard.count(jk_modbus.DEVICE_INFO) == 3
            device.answer = answer  # type: ignore[method-assign]

    run(test)


def test_settings_outlast_a_missed_poll_but_not_another_pack() -> None:
    async def test() -> None:
        async with bus(timeout_s=0.05) as (device, (driver,)):

            async def missed() -> None:
                device.silent = True
                with pytest.raises(LinkTimeout):
                    await driver.poll()
                device.silent = False

            for _ in range(3):
                reading = await driver.poll()
            assert reading.settings is not None
            await missed()
            assert (await driver.poll()).settings is not None
            other = EmulatedJkModbus(device._packs, name="another")
            device.answer = other.answer  # type: ignore[method-assign]
            await missed()
            after = await driver.poll()
            assert after.identity is not None
            assert reading.identity is not None
            assert after.identity.serial_number != reading.identity.serial_number
            assert after.settings is None

    run(test)


def test_who_is_there_is_asked_again_each_minute() -> None:
    async def test() -> None:
        async with bus() as (_, (driver,)):
            first = (await driver.poll()).identity
            driver._due_s[jk_modbus.SETTINGS] = float("inf")
            assert (await driver.poll()).identity is first
            now_s = asyncio.get_running_loop().time()
            assert now_s + 50.0 < driver._due_s[jk_modbus.DEVICE_INFO] < now_s + 70.0
            driver._due_s[jk_modbus.DEVICE_INFO] = now_s
            await driver.poll()
            again = (await driver.poll()).identity
            assert again == first
            assert again is not first

    run(test)


def test_another_master_on_the_bus_is_named() -> None:
    async def test() -> None:
        other = jk_modbus.trigger_request(7)
        async with bus(play=(other, other), timeout_s=0.3) as (_, (driver,)):
            with pytest.raises(LinkTimeout, match=r"another master asks on .*: set listen_only"):
                await driver.poll()

    run(test)


def test_an_unplugged_adapter_ends_the_poll_at_once_for_every_pack() -> None:
    async def test() -> None:
        async with bus(1, 2, timeout_s=30.0) as (device, drivers):
            device.silent = True
            polling = [asyncio.create_task(driver.poll()) for driver in drivers]
            await asyncio.sleep(0.02)
            await device.stop()
            async with asyncio.timeout(2.0):
                ended = await asyncio.gather(*polling, return_exceptions=True)
            assert all(isinstance(error, LinkError) for error in ended)
            assert not any(isinstance(error, LinkTimeout) for error in ended)

    run(test)


def test_a_port_that_is_back_is_opened_again_for_every_pack(tmp_path: Path) -> None:
    async def test() -> None:
        link = tmp_path / "usb-adapter"
        packs = {1: FixedPack(SNAPSHOT, soc_percent=10.0), 2: FixedPack(SNAPSHOT, soc_percent=20.0)}
        device = EmulatedJkModbus(packs)
        await device.start(link)
        drivers = [driver_for(str(link), address) for address in packs]
        for driver in drivers:
            await driver.open()
        await device.stop()
        for driver in drivers:
            with pytest.raises(LinkError):
                await driver.poll()
            await driver.close()
            with pytest.raises(LinkError):
                await driver.open()
        await device.start(link)
        for driver in drivers:
            await driver.open()
        readings = await asyncio.gather(*(driver.poll() for driver in drivers))
        assert [reading.soc_percent for reading in readings] == [10, 20]
        for driver in drivers:
            await driver.close()
        await device.stop()

    run(test)


# ------------------------------------------------------------------ the emulated bus


def asked(device: EmulatedJkModbus, request: bytes) -> jk_modbus.Event | None:
    (event,) = jk_modbus.Decoder().feed(request)
    answer = device.answer(event)
    return None if answer is None else jk_modbus.Decoder().feed(answer)[0]


def test_the_emulated_packs_answer_reads_of_registers_with_the_same_values() -> None:
    device = EmulatedJkModbus({3: FixedPack(SNAPSHOT)})
    answer = asked(device, jk_modbus.read_request(3, 0x1290, 10))
    assert isinstance(answer, jk_modbus.Registers)
    shown = read_registers(0x1290, answer.words)
    assert (shown["voltage"], shown["current"]) == (13.204, -12.344)
    assert (shown["temperature_1"], shown["temperature_2"]) == (21.4, -3.2)
    answer = asked(device, jk_modbus.read_request(3, 0x100C, 2))
    assert isinstance(answer, jk_modbus.Registers)
    assert read_registers(0x100C, answer.words) == {"cell_ovp": 3.6}


def test_the_emulated_packs_refuse_registers_that_are_not_there() -> None:
    device = EmulatedJkModbus({3: FixedPack(SNAPSHOT)})
    refused = asked(device, jk_modbus.read_request(3, 0x1800, 2))
    assert refused == jk_modbus.Refused(address=3, function=3, code=2)


def test_the_emulated_packs_are_silent_to_other_addresses_and_acknowledge_writes() -> None:
    device = EmulatedJkModbus({3: FixedPack(SNAPSHOT)})
    assert asked(device, jk_modbus.read_request(4, 0x1290, 10)) is None
    acknowledged = asked(device, bytes.fromhex("031010700002040000000032f3"))
    assert acknowledged == jk_modbus.Acknowledge(address=3, register=0x1070, count=2)


# ------------------------------------------------------------------ only listening


def test_with_a_master_on_the_bus_nothing_is_sent_and_every_pack_is_heard() -> None:
    async def test() -> None:
        async with bus(0, 1, 2, listen_only=True) as (device, drivers):
            polling = [asyncio.create_task(driver.poll()) for driver in drivers]
            await asyncio.sleep(0.02)
            device.master_cycle()
            readings = [await poll for poll in polling]
            assert [reading.soc_percent for reading in readings] == [0, 10, 20]
            polling = [asyncio.create_task(driver.poll()) for driver in drivers]
            await asyncio.sleep(0.02)
            device.master_cycle()
            readings = [await poll for poll in polling]
            assert [reading.soc_percent for reading in readings] == [0, 10, 20]
            assert all(reading.settings is not None for reading in readings)
            assert device.requests == 0

    run(test)


def test_a_master_that_is_silent_is_a_timeout_that_says_what_to_look_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("cellwarden_hardware.drivers.jk_modbus._MASTER_CYCLE_S", 0.1)

    async def test() -> None:
        async with bus(0, listen_only=True) as (_, (driver,)):
            with pytest.raises(LinkTimeout, match="is there a master on the bus"):
                await driver.poll()

    run(test)


def test_address_0_answers_nobody() -> None:
    with pytest.raises(ValueError, match="set listen_only = true"):
        JkModbusOptions(port="/dev/ttyUSB0", address=0)
    assert JkModbusOptions(port="/dev/ttyUSB0", address=0, listen_only=True).address == 0


# ------------------------------------------------------------------ a full bus

PACKS = 16
FOR_S = 60.0


class Counted:
    """What one pack's poller handed over."""

    def __init__(self) -> None:
        self.readings: list[Reading] = []

    def done(self, _: Poller, reading: Reading | None) -> None:
        if reading is not None:
            self.readings.append(reading)


def right(address: int, reading: Reading) -> bool:
    """Return whether a reading is exactly what that pack says, at any moment."""
    return (
        reading.soc_percent == address
        and reading.cell_voltages_v == (3.0 + address / 1000,) * 16
        and reading.current_a == float(address)
        and reading.voltage_v == round(16 * (3.0 + address / 1000), 3)
        and reading.temperatures_c == (20.0 + address / 10, 20.0)
        and reading.alarm_bits == 0
    )


def test_16_packs_on_one_bus_with_a_hundredth_of_all_frames_damaged() -> None:
    packs = {
        address: FixedPack(
            SNAPSHOT,
            cell_voltages_v=(3.0 + address / 1000,) * 16,
            current_a=float(address),
            soc_percent=float(address),
            temperatures_c=(20.0 + address / 10, 20.0),
            protections=frozenset(),
        )
        for address in range(1, PACKS + 1)
    }

    async def test() -> Mapping[int, Counted]:
        device = EmulatedJkModbus(packs)
        device.corrupt_share = 0.01
        await device.start()
        clock = Clock()
        counted = {address: Counted() for address in packs}
        pollers = {
            address: Poller(
                f"pack-{address}", driver_for(device.port, address), clock, counted[address].done
            )
            for address in packs
        }
        running = [asyncio.create_task(poller.run()) for poller in pollers.values()]
        await asyncio.sleep(0.1)
        loop = asyncio.get_running_loop()
        begun_s = loop.time()
        for turn in range(int(FOR_S)):
            await asyncio.sleep(begun_s + turn - loop.time())
            for poller in pollers.values():
                poller.take_turn()
        await asyncio.sleep(begun_s + FOR_S - loop.time())
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await device.stop()
        assert sum(poller.quality().bad for poller in pollers.values()) >= 5  # of about 10
        return counted

    files = open_files()
    with asyncio.Runner(loop_factory=HastyLoop) as runner:
        counted = runner.run(test())
    assert open_files() == files
    for address, pack in counted.items():
        assert all(right(address, reading) for reading in pack.readings)
        assert len(pack.readings) >= 0.9 * FOR_S, address


def test_who_is_there_is_asked_anew_when_the_port_is_opened_again(tmp_path: Path) -> None:
    """A re-plugged port may carry another pack."""

    async def told(driver: JkModbus) -> str | None:
        for _ in range(6):
            identity = (await driver.poll()).identity
            if identity is not None:
                return identity.name
        return None

    async def scenario() -> list[str | None]:
        names = []
        driver = driver_for(str(tmp_path / "tty"))
        for name in ("one", "two"):
            device = EmulatedJkModbus({1: FixedPack()}, name=name)
            await device.start(tmp_path / "tty")
            await driver.open()
            names.append(await told(driver))
            await driver.close()
            await device.stop()
        return names

    assert asyncio.run(scenario()) == ["one", "two"]
