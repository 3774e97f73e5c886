"""JK's CAN broadcast: the codec, and the driver on a real bus with an emulated BMS."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellwarden.clock import Clock
from cellwarden.errors import FrameError, LinkError, LinkTimeout
from cellwarden.hooks import DriverContext
from cellwarden.links.can import CanLink
from cellwarden.links.can_frame import CanFrame
from cellwarden.model import AlarmKind, Severity
from cellwarden_hardware.codecs import jk_can
from cellwarden_hardware.codecs.jk_can_alarms import alarms_of
from cellwarden_hardware.drivers.jk_can import JkCan
from cellwarden_hardware.kinds.jk_can import JkCanOptions
from cellwarden_hardware.simulator.jk_can_device import EmulatedJkCan
from support.fixed_pack import FINE, FixedPack
from support.multicast import free_channel

SNAPSHOT = replace(
    FINE,
    cell_voltages_v=(3.300, 3.301, 3.302, 3.299, 3.298),
    current_a=-12.34,
    capacity_ah=280.0,
    cycles=40,
    cycle_charge_ah=11_200.0,
    protections=frozenset({AlarmKind.CELL_UNDERVOLTAGE, AlarmKind.LOW_SOC}),
)


def run(test: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(test())


@contextlib.asynccontextmanager
async def bus(
    *,
    address: int = 0,
    version: int = 2,
    timeout_s: float = 1.0,
    positive_current: str = "charging",
) -> AsyncIterator[tuple[EmulatedJkCan, JkCan]]:
    """Yield a BMS and a driver on a multicast bus."""
    group, port = free_channel()
    link = CanLink(interface="udp_multicast", channel=group, options={"port": port})
    device = EmulatedJkCan(FixedPack(SNAPSHOT), link, address=address, version=version)
    options = JkCanOptions(
        interface="udp_multicast",
        channel=group,
        bus_options=(f"port={port}",),
        address=address,
        positive_current=positive_current,
    )
    driver = JkCan(options, DriverContext(pack="left", clock=Clock(), timeout_s=timeout_s))
    await driver.open()
    await device.start()
    try:
        yield device, driver
    finally:
        await driver.close()
        await device.stop()


# ------------------------------------------------------------------ the codec

BY_ADDRESS = [(message, address) for message in jk_can.MESSAGES for address in (0, 1, 11)]


@pytest.mark.parametrize(("message", "address"), BY_ADDRESS)
def test_every_identifier_is_base_plus_address(message: jk_can.Message, address: int) -> None:
    frame = CanFrame(message.id + address, bytes(8), message.extended)
    assert jk_can.message_of(frame) == (message, address)


def test_no_two_messages_share_an_identifier_at_one_address() -> None:
    assert len({message.id for message in jk_can.MESSAGES}) == len(jk_can.MESSAGES)
    assert len(jk_can.BY_NAME) == len(jk_can.MESSAGES)


def test_an_identifier_with_other_bits_is_not_jks() -> None:
    assert jk_can.message_of(CanFrame(0x2F4, b"", extended=True)) is None
    assert jk_can.message_of(CanFrame(0x7FF + 1, b"", extended=True)) is None


@pytest.mark.parametrize(
    ("name", "least"),
    [
        ("battery_status", 5),
        ("cell_voltage", 6),
        ("cell_temperature", 5),
        ("alarms", 4),
        ("battery_status_2", 8),
        ("all_temperatures", 1),
        ("faults", 3),
        ("bms_info", 6),
        ("switches", 1),
        ("cells_0", 2),
        ("charge_request", 5),
        ("control", 4),
    ],
)
def test_every_truncation_is_incomplete(name: str, least: int) -> None:
    message = jk_can.BY_NAME[name]
    for size in range(9):
        if size >= least:
            assert message.read(bytes(size))
            continue
        with pytest.raises(FrameError) as caught:
            message.read(bytes(size))
        assert caught.value.kind == "incomplete", size


@given(st.sampled_from(jk_can.MESSAGES), st.binary(max_size=8))
def test_random_bytes_give_only_incomplete(message: jk_can.Message, data: bytes) -> None:
    assert refusal(message, data) in {"", "incomplete"}


def refusal(message: jk_can.Message, data: bytes) -> str:
    """Return why the data is refused, nothing if it is not."""
    try:
        message.read(data)
    except FrameError as error:
        return error.kind
    return ""


def test_cycles_are_low_byte_first_as_a_capture_proves() -> None:
    data = bytes.fromhex("E108F00A6B802300")
    assert jk_can.BY_NAME["battery_status_2"].read(data) == {
        "remaining_capacity": 227.3,
        "full_capacity": 280.0,
        "cycle_capacity": 3287.5,
        "cycle_count": 35,
    }


def test_a_switch_changes_only_if_it_is_named() -> None:
    assert jk_can.control_request(charge=True, balance=False).text == "18F0F428#0501000000000000"
    assert jk_can.control_request(3, discharge=True).text == "18F0F42B#0200010000000000"


# ------------------------------------------------------------------ alarms


def test_only_serious_alarms_block() -> None:
    (alarm,) = alarms_of(0b01 << 2, 0)
    assert (alarm.kind, alarm.blocks_charge, alarm.blocks_discharge) == (
        AlarmKind.CELL_UNDERVOLTAGE, False, True
    )  # fmt: skip
    assert alarm.severity is Severity.PROTECTION
    (alarm,) = alarms_of(0b11 << 2, 0)
    assert (alarm.severity, alarm.blocks_discharge) == (Severity.WARNING, False)


def test_alarms_and_faults_are_told_together() -> None:
    assert [alarm.text for alarm in alarms_of(0b01 << 2, 1 << 11)] == [
        "cell undervoltage", "cell undervoltage"
    ]  # fmt: skip


# ------------------------------------------------------------------ the driver


def test_a_v2_broadcast_becomes_a_reading() -> None:
    async def test() -> None:
        async with bus(address=2) as (_, driver):
            await asyncio.sleep(1.7)  # until every frame with cells must have come
            reading = await driver.poll()
            assert reading.pack == "left"
            assert driver._clock.now_s() - reading.heard_s < 0.2
            assert reading.cell_voltages_v == (3.3, 3.301, 3.302, 3.299, 3.298)
            assert reading.voltage_v == 16.5
            assert reading.current_a == -12.3
            assert reading.temperatures_c == (21, -3)
            assert reading.mos_temperature_c == 29
            assert (reading.soc_percent, reading.soh_percent) == (63, 100)
            assert (reading.capacity_ah, reading.remaining_ah) == (280.0, 177.5)
            # 11200 Ah have begun anew once at 6553.6
            assert (reading.cycles, reading.cycle_charge_ah) == (40, pytest.approx(11_200.0))
            assert reading.runtime_s == 7265
            assert (reading.charge_fet_on, reading.discharge_fet_on) == (True, False)
            assert (reading.balancing, reading.heating) == (True, False)
            assert {alarm.kind for alarm in reading.alarms} == SNAPSHOT.protections
            assert reading.alarm_bits == (1 << 2 | 3 << 20) | (1 << 11) << 32

    run(test)


def test_before_all_cells_can_have_come_they_are_unknown() -> None:
    async def test() -> None:
        async with bus() as (_, driver):
            reading = await driver.poll()
            assert reading.soc_percent == 63
            assert reading.cell_voltages_v == ()

    run(test)


def test_v1_tells_too_little_of_the_cells() -> None:
    async def test() -> None:
        async with bus(version=1) as (_, driver):
            await asyncio.sleep(0.3)
            reading = await driver.poll()
            assert (reading.voltage_v, reading.soc_percent) == (16.5, 63)
            assert reading.cell_voltages_v == ()
            assert reading.temperatures_c == (21, -3)
            assert reading.charge_fet_on is None

    run(test)


def test_the_person_says_which_way_the_current_counts() -> None:
    async def test() -> None:
        async with bus(positive_current="discharging") as (_, driver):
            assert (await driver.poll()).current_a == 12.3

    run(test)


def test_the_way_the_current_counts_has_no_default() -> None:
    with pytest.raises(TypeError, match="positive_current"):
        JkCanOptions(channel="can0")


def test_an_alarm_that_is_no_longer_sent_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "cellwarden_hardware.drivers.jk_can._KEEP_S",
        dict.fromkeys(jk_can.BY_NAME, 0.3),
    )

    async def test() -> None:
        async with bus() as (device, driver):
            await asyncio.sleep(0.3)
            assert (await driver.poll()).alarms
            device._source.now = replace(SNAPSHOT, protections=frozenset())
            await asyncio.sleep(0.6)
            assert (await driver.poll()).alarms == ()

    run(test)


def test_a_frame_with_cells_that_is_lost_makes_all_unknown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        "cellwarden_hardware.drivers.jk_can._KEEP_S",
        dict.fromkeys(jk_can.BY_NAME, 1.2),
    )

    async def test() -> None:
        async with bus() as (device, driver):
            await asyncio.sleep(1.7)
            assert len((await driver.poll()).cell_voltages_v) == 5
            device.missing = {"cells_1"}
            await asyncio.sleep(1.5)
            assert (await driver.poll()).cell_voltages_v == ()

    run(test)


def test_a_status_is_told_once() -> None:
    async def test() -> None:
        async with bus(timeout_s=0.4) as (device, driver):
            first = await driver.poll()
            second = await driver.poll()
            assert second.heard_s > first.heard_s
            device.silent = True
            await asyncio.sleep(0.2)
            with contextlib.suppress(LinkTimeout):
                await driver.poll()  # what came before the silence
            with pytest.raises(LinkTimeout, match="left: nothing from address 0 on udp_multicast"):
                await driver.poll()
            device.silent = False
            assert (await driver.poll()).soc_percent == 63

    run(test)


def test_a_bus_that_is_not_there_is_said_so_and_leaves_nothing_open() -> None:
    async def test() -> None:
        options = JkCanOptions(channel="can99", positive_current="charging")
        driver = JkCan(options, DriverContext(pack="left", clock=Clock(), timeout_s=1.0))
        with pytest.raises(LinkError, match="socketcan:can99"):
            await driver.open()
        with pytest.raises(LinkError):
            await driver.poll()
        await driver.close()
        await driver.close()

    run(test)


def test_bus_options_are_keys_with_values() -> None:
    with pytest.raises(ValueError, match="KEY=VALUE: speed"):
        JkCanOptions(channel="can0", positive_current="charging", bus_options=("speed",))
