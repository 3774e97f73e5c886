"""What only one protocol's writing side has: names, passwords, factory mode, clocks."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from cellwarden.clock import Clock
from cellwarden.hooks import DriverContext
from cellwarden.model import RequestKind, Verdict
from cellwarden_hardware.codecs.jbd_table import BY_NAME
from cellwarden_hardware.kinds import all_drivers
from cellwarden_hardware.simulator.daly_device import EmulatedDaly
from cellwarden_hardware.simulator.device import EmulatedDevice
from cellwarden_hardware.simulator.jbd_device import EmulatedJbd
from cellwarden_hardware.simulator.jk_device import EmulatedJk
from cellwarden_hardware.simulator.jk_modbus_device import EmulatedJkModbus
from cellwarden_hardware.simulator.pack import SimulatedPack
from support.written import Written, gate_for, simulated_pack

K = RequestKind
KINDS = {kind.name: kind for kind in all_drivers()}


def run(test: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(test())


@contextlib.asynccontextmanager
async def behind(
    name: str,
    device_of: Callable[[SimulatedPack], EmulatedDevice[Any]],
    folder: Path,
    **keys: object,
) -> AsyncIterator[tuple[Any, Written]]:
    pack = simulated_pack()
    device = device_of(pack)
    await device.start()
    kind = KINDS[name]
    options = kind.options(port=device.port, **keys)
    driver = kind.build(options, DriverContext(pack="left", clock=Clock(), timeout_s=0.5))
    try:
        async with gate_for(driver, pack, folder) as written:
            yield device, written
    finally:
        await device.stop()


# -- JK, 4E 57 ---------------------------------------------------------------------------------


def jk(pack: SimulatedPack) -> EmulatedJk:
    return EmulatedJk(pack, parameters=pack.parameters)


@pytest.mark.requirement("R45")
def test_a_jk_takes_no_write_for_another_password_and_holds_the_new_one_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test() -> None:
        monkeypatch.setenv("BMS", "123456")
        async with behind("jk-rs485", jk, tmp_path, settings_password_env="BMS") as (_, gate):
            assert (await gate.ask(K.PASSWORD, "n3w")).good
            refused = await gate.ask(K.CHARGE_SWITCH, value=False)
            assert refused.verdict is Verdict.REFUSED
            assert "another settings password" in refused.reason
            monkeypatch.setenv("BMS", "n3w")
            assert (await gate.ask(K.CHARGE_SWITCH, value=False)).good
            shown = repr(gate.audit.entries()) + repr(refused)
            assert "n3w" not in shown
            assert "123456" not in shown

    run(test)


def test_a_password_that_the_jk_did_not_take_is_no_success(tmp_path: Path) -> None:
    async def test() -> None:
        async with behind("jk-rs485", jk, tmp_path) as (device, gate):
            device.refuses.add("parameter_password")
            outcome = await gate.ask(K.PASSWORD, "n3w")
            assert outcome.verdict is Verdict.ROLLED_BACK
            assert "n3w" not in repr(outcome)
            too_long = await gate.ask(K.PASSWORD, "x" * 11)
            assert "1 to 10 printable ASCII" in too_long.reason

    run(test)


def test_a_jk_is_restarted(tmp_path: Path) -> None:
    async def test() -> None:
        async with behind("jk-rs485", jk, tmp_path) as (device, gate):
            assert (await gate.ask(K.RESTART)).good
            assert device.restarts == 1

    run(test)


@pytest.mark.requirement("R45")
def test_a_jk_that_keeps_its_name_with_its_model_is_not_renamed(tmp_path: Path) -> None:
    async def test() -> None:
        async with behind("jk-rs485", jk, tmp_path) as (device, gate):
            refused = await gate.ask(K.NAME, "Shed")
            assert "together with its model" in refused.reason
            device._settings["manufacturer_id"] = "BT3072020120000200521001"
            assert (await gate.ask(K.NAME, "Shed")).good
            assert device._settings["device_id"] == "Shed"
            assert "ASCII letters and digits" in (await gate.ask(K.NAME, "a b")).reason

    run(test)


# -- JK, Modbus --------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [None, 3])
def test_a_pack_on_a_bus_refuses_in_silence_or_by_exception(
    tmp_path: Path, code: int | None
) -> None:
    async def test() -> None:
        async with behind("jk-modbus", lambda pack: EmulatedJkModbus({1: pack}), tmp_path) as (
            device,
            gate,
        ):
            device.refusal_code = code
            device.settings[1].refuses.add("cell_ovp")
            outcome = await gate.change(cell_overvoltage_v=3.65)
            assert outcome.verdict is Verdict.ROLLED_BACK
            assert ("the value is not allowed" in outcome.reason) is (code == 3)

    run(test)


def test_only_the_pack_that_is_meant_is_written_on_a_shared_bus(tmp_path: Path) -> None:
    other = simulated_pack()

    async def test() -> None:
        async with behind(
            "jk-modbus", lambda pack: EmulatedJkModbus({1: pack, 2: other}), tmp_path
        ) as (_, gate):
            assert (await gate.ask(K.DISCHARGE_SWITCH, value=False)).good
            assert gate.pack.bms.discharge_fet_on is False
            assert other.bms.discharge_fet_on is True

    run(test)


def test_the_heating_switch_is_one_bit_of_a_word(tmp_path: Path) -> None:
    async def test() -> None:
        async with behind("jk-modbus", lambda pack: EmulatedJkModbus({1: pack}), tmp_path) as (
            device,
            gate,
        ):
            device.settings[1].write(
                next(f for f in _fields() if f.name == "control_bits"), 0b1010_0000
            )
            assert (await gate.ask(K.HEATING_SWITCH, value=True)).good
            assert device.settings[1].values()["control_bits"] == 0b1010_0001
            assert (await gate.ask(K.HEATING_SWITCH, value=False)).good
            assert device.settings[1].values()["control_bits"] == 0b1010_0000

    run(test)


def _fields() -> Any:
    from cellwarden_hardware.simulator.jk_settings import FIELDS

    return FIELDS.values()


@pytest.mark.parametrize("kind", [K.CALIBRATE_VOLTAGE, K.CLOCK, K.SHUTDOWN])
def test_commands_that_two_documents_give_different_registers_are_never_sent(
    tmp_path: Path, kind: RequestKind
) -> None:
    async def test() -> None:
        async with behind("jk-modbus", lambda pack: EmulatedJkModbus({1: pack}), tmp_path) as (
            _,
            gate,
        ):
            assert "different registers" in (await gate.ask(kind, 52.0)).reason

    run(test)


def test_where_another_master_is_nothing_is_written(tmp_path: Path) -> None:
    async def test() -> None:
        pack = simulated_pack()
        device = EmulatedJkModbus({3: pack})
        await device.start()
        kind = KINDS["jk-modbus"]
        options = kind.options(port=device.port, address=3, listen_only=True)
        driver = kind.build(options, DriverContext(pack="left", clock=Clock(), timeout_s=0.5))
        assert driver.writer.writable() == {}
        assert "listen_only" in driver.writer.refusal(K.CHARGE_SWITCH)
        await device.stop()

    run(test)


# -- JBD ---------------------------------------------------------------------------------------


def jbd(pack: SimulatedPack) -> EmulatedJbd:
    return EmulatedJbd(pack, parameters=pack.parameters)


@pytest.mark.requirement("R45")
def test_a_jbd_board_that_wants_a_password_gets_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked(pack: SimulatedPack) -> EmulatedJbd:
        board = jbd(pack)
        board.password = "246810"
        return board

    async def test() -> None:
        async with behind("jbd", locked, tmp_path) as (_, gate):
            refused = await gate.change(cell_overvoltage_v=3.65)
            assert "give its password by settings_password_file" in refused.reason
        monkeypatch.setenv("BMS", "111111")
        async with behind("jbd", locked, tmp_path, settings_password_env="BMS") as (_, gate):
            refused = await gate.change(cell_overvoltage_v=3.65)
            assert "refuses the configured settings password" in refused.reason
            monkeypatch.setenv("BMS", "246810")
            assert (await gate.change(cell_overvoltage_v=3.65)).good
            assert gate.pack.parameters.cell_overvoltage_v == 3.65

    run(test)


def test_a_jbd_board_is_never_left_in_factory_mode(tmp_path: Path) -> None:
    async def test() -> None:
        async with behind("jbd", jbd, tmp_path) as (device, gate):
            await gate.change(cell_overvoltage_v=3.65)
            assert device._unsaved is None
            device.refuses.add("cell_ovp")
            assert (await gate.change(cell_overvoltage_v=3.7)).verdict is Verdict.ROLLED_BACK
            assert device._unsaved is None
            before = dict(device.settings)
            await gate.change(dry_run=True, cell_overvoltage_v=3.7)
            assert device._unsaved is None
            assert device.settings == before

    run(test)


def test_polls_of_a_jbd_board_get_their_turn_while_its_settings_are_read(tmp_path: Path) -> None:
    async def test() -> None:
        async with behind("jbd", jbd, tmp_path) as (_, gate):
            order: list[str] = []
            writer = gate.guarded.writer
            assert writer is not None
            read = writer.read_settings

            async def noted(names: Any = None) -> Any:
                order.append("read")
                return await read(names)

            writer.read_settings = noted  # type: ignore[method-assign]

            async def polling() -> None:
                while True:
                    await gate.guarded.poll()
                    order.append("poll")

            task = asyncio.create_task(polling())
            assert (await gate.change(dry_run=True, cell_overvoltage_v=3.65)).verdict is (
                Verdict.PLANNED
            )
            task.cancel()
            reads = [n for n, what in enumerate(order) if what == "read"]
            assert len(reads) > 3
            assert all(b - a == 2 for a, b in pairwise(reads))  # a poll between each two

    run(test)


def test_a_jbd_board_gets_both_switches_together(tmp_path: Path) -> None:
    async def test() -> None:
        async with behind("jbd", jbd, tmp_path) as (_, gate):
            for kind in (K.CHARGE_SWITCH, K.DISCHARGE_SWITCH):
                assert (await gate.ask(kind, value=False)).good
            assert (gate.pack.bms.charge_fet_on, gate.pack.bms.discharge_fet_on) == (False, False)
            assert (await gate.ask(K.CHARGE_SWITCH, value=True)).good
            assert (gate.pack.bms.charge_fet_on, gate.pack.bms.discharge_fet_on) == (True, False)

    run(test)


def test_the_balance_switch_of_a_jbd_board_leaves_its_other_functions_alone(
    tmp_path: Path,
) -> None:
    async def test() -> None:
        async with behind("jbd", jbd, tmp_path) as (device, gate):
            number = BY_NAME["function_bits"].number
            device.settings[number] = b"\x00\x0d"
            assert (await gate.ask(K.BALANCE_SWITCH, value=False)).good
            assert device.settings[number] == b"\x00\x09"

    run(test)


# -- Daly --------------------------------------------------------------------------------------


def test_the_clock_of_a_daly_board_is_set_and_its_soc_stays(tmp_path: Path) -> None:
    async def test() -> None:
        async with behind("daly", EmulatedDaly, tmp_path) as (device, gate):
            outcome = await gate.ask(K.CLOCK)
            assert outcome.good
            assert "this computer's local time" in outcome.reason
            told = device.clocks[1]
            assert told["year"] == datetime.now(UTC).astimezone().year
            assert told["soc"] == pytest.approx(60.0, abs=0.2)

    run(test)


def test_the_parameters_of_a_daly_board_are_refused_as_not_published(tmp_path: Path) -> None:
    async def test() -> None:
        async with behind("daly", EmulatedDaly, tmp_path) as (_, gate):
            refused = await gate.change(cell_overvoltage_v=3.65)
            assert "not published" in refused.reason

    run(test)


def test_a_daly_switch_that_a_protection_holds_open_is_no_success(tmp_path: Path) -> None:
    async def test() -> None:
        async with behind("daly", EmulatedDaly, tmp_path) as (_, gate):
            gate.pack.set_switch("discharge", on=False)
            gate.pack.bms.protections.blocks_discharge = True
            outcome = await gate.ask(K.DISCHARGE_SWITCH, value=True)
            assert outcome.verdict is Verdict.ROLLED_BACK
            assert "it holds False" in outcome.reason

    run(test)
