"""The product against an inverter for each dialect, in processes of their own, on real buses."""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import can
import pytest

from cellwarden.clock import Clock
from cellwarden.interfaces import Gate
from cellwarden.model import Alarm, AlarmKind, BankState, Severity
from cellwarden.runtime.mailbox import Mailbox
from cellwarden_can_inverter.config import CanInverterOptions
from cellwarden_can_inverter.output import CanInverterOutput
from support.multicast import free_channel
from support.processes import Lines
from support.simulated_day import day
from support.states import bank_state, limits
from support.tools import REPOSITORY

GATE = cast("Gate", None)  # this output asks for nothing
PROCESS = REPOSITORY / "tests" / "support" / "inverter_process.py"
SPEED = 5.0
"""The inverters' own time: 3 s without limits are 0.6 s here."""
PERIOD_S = 0.2
"""And the product's second, at that speed."""
DIALECTS = (
    "pylontech_lv",
    "pylontech_plus",
    "victron",
    "byd_lv",
    "sma_si",
    "luxpower",
    "solark",
    "deye_pcs",
    "growatt_lv",
    "pylontech_hv",
)


class Machine:
    """An emulated inverter in a process of its own."""

    def __init__(self, kind: str, speed: float) -> None:
        self.group, self.port = free_channel()
        command = [sys.executable, PROCESS, kind, self.group, str(self.port), str(speed)]
        self._process = Lines(cast("list[str | Path]", command))

    def ready(self) -> None:
        assert self._process.next_line() == "ready"

    def ask(self, order: str = "report") -> dict[str, Any]:
        self._process.say(order)
        return cast("dict[str, Any]", json.loads(self._process.next_line()))

    async def becomes(
        self, wanted: Callable[[dict[str, Any]], object], within_s: float = 6.0
    ) -> dict[str, Any]:
        end_s = time.monotonic() + within_s
        while not wanted(said := await asyncio.to_thread(self.ask)):
            assert time.monotonic() < end_s, said
            await asyncio.sleep(0.05)
        return said

    def options(self, **options: Any) -> CanInverterOptions:
        return CanInverterOptions(
            interface="udp_multicast",
            channel=self.group,
            bus_options=(f"port={self.port}",),
            **{"period_s": PERIOD_S, "spacing_s": 0.005} | options,
        )

    def inject(self, *frames: str, extended: bool = False) -> None:
        """Send frames as another node."""
        with can.Bus(self.group, "udp_multicast", ignore_config=True, port=self.port) as bus:
            for frame in frames:
                can_id, _, data = frame.partition("#")
                bus.send(
                    can.Message(
                        arbitration_id=int(can_id, 16),
                        is_extended_id=extended,
                        data=bytes.fromhex(data),
                    )
                )

    def end(self) -> None:
        self._process.end()


@contextmanager
def machines(*kinds: str, speed: float = SPEED) -> Iterator[list[Machine]]:
    made = [Machine(kind, speed) for kind in kinds]
    try:
        for machine in made:
            machine.ready()
        yield made
    finally:
        for machine in made:
            machine.end()


class Told:
    """The product's output for one inverter, fed by hand."""

    def __init__(self, options: CanInverterOptions) -> None:
        self.feed = Mailbox(Clock())
        self.output = CanInverterOutput(options)
        self.task = asyncio.create_task(self.output.run(self.feed, GATE))

    def decide(self, state: BankState) -> None:
        self.feed.put(replace(state, at_s=self.feed.clock.now_s()))


@asynccontextmanager
async def told(options: CanInverterOptions) -> AsyncIterator[Told]:
    acting = Told(options)
    try:
        yield acting
    finally:
        acting.task.cancel()
        with suppress(asyncio.CancelledError):
            await acting.task


def content(said: dict[str, Any]) -> bool:
    return said["state"] == "content"


def in_fault(said: dict[str, Any]) -> bool:
    return said["state"] == "fault"


def has_read(state: BankState) -> Callable[[dict[str, Any]], bool]:
    """Return whether an inverter has heard of this decision: one that asks is told when it asks."""

    def has(said: dict[str, Any]) -> bool:
        measured = [said["read"][name] for name in ("voltage", "current")]
        return measured == pytest.approx([state.voltage_v, state.current_a], abs=0.051)

    return has


# -- a day -----------------------------------------------------------------------------------


def test_every_inverter_stays_content_through_a_simulated_day_and_reads_what_was_decided() -> None:
    states = day()
    assert min(s.limits.ccl_a for s in states[8:] if s.limits) == 0  # it gets full
    assert max(s.soc_percent or 0.0 for s in states) == 100.0
    assert min(s.current_a or 0.0 for s in states) < -20

    async def scene(made: list[Machine]) -> list[dict[str, Any]]:
        async with AsyncExitStack() as stack:
            outputs = [
                await stack.enter_async_context(told(m.options(dialect=d, period_s=0.25)))
                for m, d in zip(made, DIALECTS, strict=True)
            ]
            for output in outputs:
                output.decide(states[0])
            for machine in made:
                await machine.becomes(content, within_s=10.0)
            for state in states:
                for output in outputs:
                    output.decide(state)
                await asyncio.sleep(0.04)
            for machine in made:
                await machine.becomes(has_read(states[-1]), within_s=10.0)
            await asyncio.sleep(0.3)  # the rest of the set
            return [await asyncio.to_thread(machine.ask) for machine in made]

    # 3 s of an inverter are 1.5 s here: the machine runs eleven processes at once.
    with machines(*DIALECTS, speed=2.0) as made:
        said = dict(zip(DIALECTS, asyncio.run(scene(made)), strict=True))
    last = states[-1]
    assert last.limits is not None
    for dialect, one in said.items():
        assert (one["state"], one["fault"]) == ("content", ""), dialect
        read = one["read"]
        assert read["cvl"] == pytest.approx(last.limits.cvl_v, abs=0.051), dialect
        assert read["ccl"] == pytest.approx(last.limits.ccl_a, abs=0.051), dialect
        assert read["dcl"] == pytest.approx(last.limits.dcl_a, abs=0.051), dialect
        assert read["voltage"] == pytest.approx(last.voltage_v, abs=0.051), dialect
        assert read["current"] == pytest.approx(last.current_a, abs=0.051), dialect
        assert read["soc"] == pytest.approx(last.soc_percent, abs=0.51), dialect
        assert read.get("charge", True) is True
        assert read.get("discharge", True) is True
        assert (read["protection"], read["warning"]) == (False, False), dialect
        if "cell_min" in read:
            assert last.cell_min is not None
            assert read["cell_min"] == pytest.approx(last.cell_min.voltage_v, abs=0.00051), dialect
    assert said["growatt_lv"]["read"]["slowest_answer_s"] < 0.25


# -- what an inverter cannot accept --------------------------------------------------------------

ZERO_CVL = {
    "pylontech_lv": ("351#0000E803D007E001", "W31"),
    "pylontech_plus": ("351#0000E803D007E001", "charge voltage 0"),
    "victron": ("351#0000E803D007E001", "discharges into the grid"),
    "byd_lv": ("351#0000E803D007E001", "charge voltage 0"),
    "luxpower": ("351#0000E803D007E001", "charge voltage 0"),
    "solark": ("351#0000E803D007E001", "W31"),
    "deye_pcs": ("351#0000E803D007E001", "W31"),
    "growatt_lv": ("311#000003E807D00962", "charge voltage 0"),
    "pylontech_hv": ("4220#0000E00118791877", "charge voltage 0"),
}
SILENCE = {
    "pylontech_lv": "F58",
    "pylontech_plus": "battery lost",
    "victron": "no BMS",
    "byd_lv": "battery lost",
    "sma_si": "F952",
    "luxpower": "battery lost",
    "solark": "F58",
    "deye_pcs": "F58",
    "growatt_lv": "communication failed",
    "pylontech_hv": "communication failed",
}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_charge_voltage_of_0_from_another_node_and_then_silence_are_faults(dialect: str) -> None:
    async def scene(machine: Machine) -> tuple[dict[str, Any], dict[str, Any]]:
        async with told(machine.options(dialect=dialect)) as output:
            output.decide(bank_state())
            await machine.becomes(content)
            if dialect in ZERO_CVL:
                machine.inject(ZERO_CVL[dialect][0], extended=dialect == "pylontech_hv")
                zero = await machine.becomes(in_fault)
            else:  # SMA keeps the last good value, out of range is out of mind
                await asyncio.sleep(0.25)
                machine.inject("351#0000E803D007E001")
                zero = await machine.becomes(lambda said: said["ignored"].get("351"))
            machine.ask("clear")
            await machine.becomes(content)
        return zero, await machine.becomes(in_fault)

    with machines(dialect, speed=60.0 if dialect == "sma_si" else SPEED) as (machine,):
        zero, silent = asyncio.run(scene(machine))
    if dialect in ZERO_CVL:
        assert zero["fault"] == ZERO_CVL[dialect][1]
    else:
        assert (zero["state"], zero["read"]["cvl"]) == ("content", 55.2)
    assert silent["fault"].startswith(SILENCE[dialect])


@pytest.mark.parametrize(
    ("inverter", "options", "fault"),
    [
        ("pylontech_lv", {"voltage_step_v": 0.1}, "W31"),
        ("solark", {"dialect": "solark", "voltage_step_v": 0.01}, "W31"),
        ("victron", {"dialect": "victron", "voltage_step_v": 0.1}, "implausible voltage"),
        ("pylontech_lv", {"manufacturer": "DIYPYLON"}, "battery not known"),
        ("victron", {"profile": "victron", "manufacturer": "PYLON"}, "charge voltage capped"),
        ("byd_lv", {"dialect": "byd_lv", "manufacturer": "ACME"}, "battery not known"),
    ],
)
def test_a_wrong_voltage_step_or_name_is_a_fault_of_its_own(
    inverter: str, options: dict[str, Any], fault: str
) -> None:
    async def scene(machine: Machine) -> dict[str, Any]:
        async with told(machine.options(**options)) as output:
            output.decide(bank_state())
            return await machine.becomes(in_fault)

    with machines(inverter) as (machine,):
        assert asyncio.run(scene(machine))["fault"].startswith(fault)


def test_frames_of_another_length_or_width_are_not_heard() -> None:
    async def scene(solark: Machine, tower: Machine) -> tuple[dict[str, Any], dict[str, Any]]:
        async with (
            told(solark.options(dialect="pylontech_lv")) as one,
            told(tower.options(dialect="pylontech_lv")) as two,
        ):
            one.decide(bank_state())
            two.decide(bank_state())
            heard = await solark.becomes(lambda said: len(said["ignored"]) == 4)
            wide = await tower.becomes(lambda said: len(said["ignored"]) == 6)
            return heard, wide

    with machines("solark", "pylontech_hv") as (solark, tower):
        heard, wide = asyncio.run(scene(solark, tower))
    assert heard["state"] == wide["state"] == "waiting"
    assert set(heard["ignored"]) == {"355", "356", "359", "35C"}
    assert (wide["frames"], wide["read"]) == (0, {})


def test_whole_frames_are_what_a_sol_ark_hears_in_any_dialect() -> None:
    async def scene(machine: Machine) -> dict[str, Any]:
        options = machine.options(whole_frames=True, voltage_step_v=0.1)
        async with told(options) as output:
            output.decide(bank_state())
            return await machine.becomes(content)

    with machines("solark") as (machine,):
        assert asyncio.run(scene(machine))["ignored"] == {}


# -- what the product decides shows in the inverter's own words ----------------------------------


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_protection_reaches_the_inverter_and_it_stops(dialect: str) -> None:
    alarm = Alarm(
        kind=AlarmKind.SHORT_CIRCUIT, severity=Severity.PROTECTION, pack="left", since_s=0.0
    )
    tripped = bank_state(
        limits=limits(55.2, 0.0, 0.0, 48.0),
        charge_allowed=False,
        discharge_allowed=False,
        alarms=(alarm,),
    )

    async def scene(machine: Machine) -> dict[str, Any]:
        async with told(machine.options(dialect=dialect)) as output:
            output.decide(bank_state())
            await machine.becomes(content)
            output.decide(tripped)
            # limits, alarms and enables come one after the other
            return await machine.becomes(
                lambda said: said["read"]["protection"] and not said["read"].get("charge")
            )

    with machines(dialect) as (machine,):
        said = asyncio.run(scene(machine))
    read = said["read"]
    assert content(said)
    assert (read["ccl"], read["dcl"], read["cvl"]) == (0.0, 0.0, 55.2)
    assert not read.get("charge")
    assert not read.get("discharge")
    assert ("stops within 10 s" in read) == (dialect == "sma_si")


def test_schneiders_heartbeat_of_29_bits_is_one() -> None:
    async def scene(machine: Machine) -> Any:
        async with told(machine.options(profile="schneider")) as output:
            output.decide(bank_state())
            await machine.becomes(content)
            await asyncio.sleep(0.5)
            return output.output.status()

    with machines("schneider") as (machine,):
        status = asyncio.run(scene(machine))
    assert (status["inverter"], status["second_sender"]) == ("seen", {})


def test_an_emulated_sma_measures_and_the_bank_hears_of_it() -> None:
    async def scene(machine: Machine) -> Any:
        async with told(machine.options(profile="sma")) as output:
            output.decide(bank_state())
            await machine.becomes(content)
            end_s = time.monotonic() + 3.0
            while not output.feed.reported(0.0) and time.monotonic() < end_s:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
            return output.feed.reported(0.0)[0]

    with machines("sma_si") as (machine,):
        measured = asyncio.run(scene(machine))
    assert (measured.voltage_v, measured.current_a) == (52.9, 12.0)
