"""What the writing side of every driver does, against the emulated device that obeys it.

A driver joins by having an emulated device in `simulator.registry`.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from cellwarden.clock import Clock
from cellwarden.hooks import DriverContext
from cellwarden.model import RequestKind, Verdict
from cellwarden.runtime.guarded import innermost
from cellwarden_hardware.kinds import all_drivers
from cellwarden_hardware.simulator.device import EmulatedDevice
from cellwarden_hardware.simulator.registry import EMULATED
from support.written import Written, gate_for, simulated_pack

K = RequestKind
KINDS = {kind.name: kind for kind in all_drivers()}
EVERY = sorted(EMULATED)
WITH_PARAMETERS = ["jbd", "jk-modbus", "jk-rs485"]
WANTED = {
    "cell_overvoltage_v": 3.65,
    "cell_overvoltage_recovery_v": 3.5,
    "cell_undervoltage_v": 2.8,
    "charge_overtemperature_c": 52.0,
    "charge_current_max_a": 40.0,
}
REFUSED = {
    "jk-rs485": "cell_uvp",
    "jk-modbus": "cell_uvp",
    "jbd": "cell_uvp",
}
"""The name that the device itself has for the cell's under-voltage."""


def run(test: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(test())


@contextlib.asynccontextmanager
async def written(name: str, folder: Path) -> AsyncIterator[tuple[EmulatedDevice[Any], Written]]:
    pack = simulated_pack()
    device = EMULATED[name].build(pack, pack.parameters, "contract")
    await device.start()
    kind = KINDS[name]
    options = kind.options(port=device.port, **EMULATED[name].driver_options)
    driver = kind.build(options, DriverContext(pack="left", clock=Clock(), timeout_s=0.5))
    try:
        async with gate_for(driver, pack, folder) as gate:
            yield device, gate
    finally:
        await device.stop()


def refusing(device: EmulatedDevice[Any], name: str) -> None:
    """Let a device refuse one setting in silence."""
    settings = getattr(device, "settings", None)
    holder = settings[1] if isinstance(settings, dict) and 1 in settings else device
    holder.refuses.add(name)


@pytest.mark.requirement("R47")
@pytest.mark.parametrize("kind", [K.CHARGE_SWITCH, K.DISCHARGE_SWITCH])
@pytest.mark.parametrize("name", EVERY)
def test_a_switch_is_obeyed_and_seen_in_the_next_reading(
    tmp_path: Path, name: str, kind: RequestKind
) -> None:
    async def test() -> None:
        async with written(name, tmp_path) as (_, gate):
            charge = kind is K.CHARGE_SWITCH

            def fets() -> tuple[bool, bool]:
                return gate.pack.bms.charge_fet_on, gate.pack.bms.discharge_fet_on

            assert (await gate.ask(kind, value=False)).verdict is Verdict.APPLIED
            assert fets() == (not charge, charge)
            reading = await gate.guarded.poll()
            assert (reading.charge_fet_on, reading.discharge_fet_on) == (not charge, charge)
            assert (await gate.ask(kind, value=True)).verdict is Verdict.APPLIED
            assert fets() == (True, True)

    run(test)


@pytest.mark.requirement("R47")
@pytest.mark.parametrize("name", WITH_PARAMETERS)
def test_the_balance_switch_is_obeyed(tmp_path: Path, name: str) -> None:
    async def test() -> None:
        async with written(name, tmp_path) as (_, gate):
            assert (await gate.ask(K.BALANCE_SWITCH, value=False)).good
            assert gate.pack.snapshot().balance_switch_on is False
            assert (await gate.ask(K.BALANCE_SWITCH, value=True)).good
            assert gate.pack.snapshot().balance_switch_on is True

    run(test)


@pytest.mark.requirement("R5")
@pytest.mark.requirement("R9")
@pytest.mark.parametrize("name", WITH_PARAMETERS)
def test_parameters_are_written_and_the_bms_works_by_them(tmp_path: Path, name: str) -> None:
    async def test() -> None:
        async with written(name, tmp_path) as (_, gate):
            outcome = await gate.change(**WANTED)
            assert outcome.verdict is Verdict.APPLIED, outcome
            assert {step.what: step.now for step in outcome.steps} == pytest.approx(WANTED)
            for parameter, value in WANTED.items():
                assert getattr(gate.pack.parameters, parameter) == pytest.approx(value)
            (entry,) = gate.audit.entries()
            assert entry.verdict == "applied"

    run(test)


@pytest.mark.parametrize("name", WITH_PARAMETERS)
def test_a_setting_that_the_device_refuses_in_silence_rolls_all_back(
    tmp_path: Path, name: str
) -> None:
    async def test() -> None:
        async with written(name, tmp_path) as (device, gate):
            refusing(device, REFUSED[name])
            before = gate.pack.parameters
            outcome = await gate.change(**WANTED)
            assert outcome.verdict is Verdict.ROLLED_BACK
            assert "cell_undervoltage_v: the device did not take 2.8" in outcome.reason
            assert gate.pack.parameters == before

    run(test)


@pytest.mark.parametrize("name", WITH_PARAMETERS)
def test_a_dry_run_shows_registers_and_leaves_the_device_alone(tmp_path: Path, name: str) -> None:
    async def test() -> None:
        async with written(name, tmp_path) as (_, gate):
            before = gate.pack.parameters
            outcome = await gate.change(dry_run=True, **WANTED)
            assert outcome.verdict is Verdict.PLANNED
            assert all(step.register.startswith("0x") for step in outcome.steps)
            assert gate.pack.parameters == before

    run(test)


@pytest.mark.requirement("R8")
@pytest.mark.parametrize("name", WITH_PARAMETERS)
def test_what_breaks_a_rule_never_reaches_the_device(tmp_path: Path, name: str) -> None:
    async def test() -> None:
        async with written(name, tmp_path) as (_, gate):
            before = gate.pack.parameters
            outcome = await gate.change(cell_overvoltage_v=3.3)
            assert outcome.verdict is Verdict.REFUSED
            assert "cell_overvoltage_recovery_v" in outcome.reason
            assert gate.pack.parameters == before

    run(test)


@pytest.mark.requirement("R6")
@pytest.mark.parametrize("name", WITH_PARAMETERS)
def test_a_preset_makes_another_chemistry_of_the_whole_page(tmp_path: Path, name: str) -> None:
    async def test() -> None:
        async with written(name, tmp_path) as (_, gate):
            outcome = await gate.ask(K.PRESET, "Li-ion")
            assert outcome.verdict is Verdict.APPLIED, outcome
            now = gate.pack.parameters
            assert (now.cell_overvoltage_v, now.cell_undervoltage_v) == (4.2, 2.9)
            assert (now.cell_count, now.design_capacity_ah) == (4, 100)
            assert now.charge_overtemperature_c == 60.0

    run(test)


@pytest.mark.parametrize("fault", ["silent", "corrupt"])
@pytest.mark.parametrize("name", WITH_PARAMETERS)
def test_a_device_that_falls_ill_in_the_middle_ends_old_or_new_or_is_told(
    tmp_path: Path, name: str, fault: str
) -> None:
    async def test() -> None:
        async with written(name, tmp_path) as (device, gate):
            before = gate.pack.parameters
            loop = asyncio.get_running_loop()
            obey = gate.pack.set_parameter

            def fall_ill(name: str, value: float) -> None:
                obey(name, value)
                gate.pack.set_parameter = obey  # type: ignore[method-assign]
                setattr(device, fault, True)
                loop.call_later(1.0, setattr, device, fault, False)

            gate.pack.set_parameter = fall_ill  # type: ignore[method-assign]
            outcome = await gate.change(**WANTED)
            if outcome.verdict is Verdict.ROLLED_BACK:
                assert gate.pack.parameters == before
            elif outcome.verdict is Verdict.APPLIED:
                for parameter, value in WANTED.items():
                    assert getattr(gate.pack.parameters, parameter) == pytest.approx(value)
            else:
                (entry,) = gate.audit.unsettled()
                assert entry.steps == outcome.steps

    run(test)


@pytest.mark.parametrize("manners", [{"echo": True}, {"chopped": True}, {"late_s": 0.05}], ids=str)
@pytest.mark.parametrize("name", EVERY)
def test_bad_manners_of_a_line_do_no_harm_to_a_write(
    tmp_path: Path, name: str, manners: dict[str, object]
) -> None:
    async def test() -> None:
        async with written(name, tmp_path) as (device, gate):
            for key, value in manners.items():
                setattr(device, key, value)
            assert (await gate.ask(K.CHARGE_SWITCH, value=False)).good
            assert gate.pack.bms.charge_fet_on is False

    run(test)


@pytest.mark.parametrize("name", EVERY)
def test_every_kind_of_request_can_be_done_or_is_refused_with_its_reason(
    tmp_path: Path, name: str
) -> None:
    async def test() -> None:
        async with written(name, tmp_path) as (_, gate):
            for kind in RequestKind:
                if kind.reaches_bms:
                    reason = gate.gate.refusal(kind, "left", "params")
                    assert reason is None or len(reason) > 20, kind

    run(test)


@pytest.mark.requirement("R23")
@pytest.mark.parametrize("name", EVERY)
def test_the_mosfets_temperatures_are_never_writable(tmp_path: Path, name: str) -> None:
    async def test() -> None:
        async with written(name, tmp_path) as (_, gate):
            names = gate.gate.writable_parameters("left")
            assert not [each for each in names if each.startswith("mos_")]
            assert bool(names) is (name in WITH_PARAMETERS)

    run(test)


def test_a_driver_that_only_listens_says_why() -> None:
    kind = KINDS["jk-can"]
    driver = kind.build(
        kind.options(positive_current="charging"),
        DriverContext(pack="left", clock=Clock(), timeout_s=0.5),
    )
    assert "only listens" in str(getattr(innermost(driver), "why_read_only", ""))
