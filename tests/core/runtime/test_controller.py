"""The cycle: ask all, decide once, tell everybody; slow packs and defects hold nobody up."""

import asyncio
import time
from collections.abc import Mapping

import pytest

from cellwarden.clock import Clock
from cellwarden.engine import Bank, BankMember, BankSettings, Engine, EngineSettings
from cellwarden.errors import LinkTimeout
from cellwarden.interfaces import Feed, Gate
from cellwarden.model import (
    BankPhase,
    BankState,
    ExternalMeasurement,
    Identity,
    PackPhase,
    Reading,
    preset,
)
from cellwarden.runtime.controller import Controller
from cellwarden.runtime.monitor_gate import MonitorGate
from cellwarden.runtime.outlets import NamedOutput
from cellwarden.runtime.recognition import Recognition

INTERVAL_S = 0.05


class FakePack:
    """A driver of a pack that is what its fields say."""

    def __init__(self, name: str, clock: Clock) -> None:
        self.name = name
        self.clock = clock
        self.cell_v = 3.30
        self.delay_s = 0.0
        self.silent = False
        self.closed = False
        self.soc_percent = 50.0
        self.identity: Identity | None = None

    async def open(self) -> None:
        self.closed = False

    async def poll(self) -> Reading:
        await asyncio.sleep(self.delay_s)
        if self.silent:
            raise LinkTimeout(self.name, "silent")
        return Reading(
            pack=self.name,
            heard_s=self.clock.now_s(),
            cell_voltages_v=(self.cell_v,) * 16,
            voltage_v=self.cell_v * 16,
            current_a=5.0,
            temperatures_c=(20.0,),
            soc_percent=self.soc_percent,
            charge_fet_on=True,
            discharge_fet_on=True,
            identity=self.identity,
        )

    async def close(self) -> None:
        self.closed = True


class Collector:
    """An output that keeps every decision it is given."""

    def __init__(self) -> None:
        self.states: list[BankState] = []

    async def run(self, feed: Feed, gate: Gate) -> None:
        while True:
            state = await feed.next()
            assert state is not None
            self.states.append(state)
            if state.phase is BankPhase.STOPPING:
                return

    def status(self) -> Mapping[str, object]:
        return {"seen": len(self.states)}


def measuring() -> NamedOutput:
    """Return another output, whose peer measures something."""
    return NamedOutput(name="measuring", output=Collector(), control=True)


class World:
    """A controller with fake packs and one control output."""

    def __init__(
        self,
        packs: int = 2,
        interval_s: float = INTERVAL_S,
        recognition: Recognition | None = None,
    ) -> None:
        self.clock = Clock()
        self.packs = [FakePack(f"p{n}", self.clock) for n in range(packs)]
        self.output = Collector()
        parameters = preset("LiFePO4", cell_count=16, design_capacity_ah=100)
        self.engines = [
            Engine(
                EngineSettings(
                    pack=pack.name, chemistry="LiFePO4", parameters=parameters, max_age_s=0.5
                )
            )
            for pack in self.packs
        ]
        self.bank = Bank(
            BankSettings(
                name="bank",
                members=tuple(BankMember(name=p.name, design_capacity_ah=100) for p in self.packs),
                on_pack_lost="exclude",
                hold_s=1,
                gone_after_s=5,
            )
        )
        now_s = self.clock.now_s()
        self.controller = Controller(
            bank=self.bank,
            engines=[
                (
                    engine,
                    pack,
                    recognition.memory(engine, now_s, None) if recognition else engine.start(now_s),
                )
                for engine, pack in zip(self.engines, self.packs, strict=True)
            ],
            recognition=recognition,
            outputs=[NamedOutput(name="collector", output=self.output, control=True)],
            gate=MonitorGate("monitor"),
            clock=self.clock,
            poll_interval_s=interval_s,
        )

    async def run_for(self, duration_s: float) -> list[BankState]:
        stop = asyncio.Event()
        asyncio.get_running_loop().call_later(duration_s, stop.set)
        await self.controller.run(stop)
        return self.output.states


def test_one_decision_a_cycle_however_many_packs() -> None:
    states = asyncio.run(World(packs=8).run_for(0.52))
    live = [state for state in states if state.phase is BankPhase.LIVE]
    assert 8 <= len(live) <= 13  # ten cycles, and what changed at the start
    assert all(len(state.online) == 8 for state in live[2:])


def test_every_pack_of_a_decision_is_of_the_same_cycle() -> None:
    states = asyncio.run(World(packs=4).run_for(0.4))
    live = [state for state in states if state.phase is BankPhase.LIVE][2:]
    for state in live:
        assert state.data_age_s is not None
        assert state.data_age_s < INTERVAL_S


def test_a_slow_pack_does_not_hold_up_the_others() -> None:
    async def scenario() -> list[BankState]:
        world = World(packs=2)
        world.packs[1].delay_s = 10.0
        return await world.run_for(0.5)

    states = asyncio.run(scenario())
    assert sum(state.phase is BankPhase.LIVE for state in states) >= 6
    assert all(len(state.online) <= 1 for state in states)


def test_a_trip_does_not_wait_for_a_slow_pack() -> None:
    async def scenario() -> float:
        world = World(packs=2, interval_s=0.5)
        world.packs[1].delay_s = 0.3
        task = asyncio.create_task(world.run_for(1.4))
        await asyncio.sleep(0.9)
        world.packs[0].cell_v = 3.75  # beyond OVP + 0.1 V: one reading is enough
        began_s = world.clock.now_s()
        while not any(s.limits and s.limits.ccl_a == 0 and s.alarms for s in world.output.states):  # noqa: ASYNC110
            await asyncio.sleep(0.001)
        took_s = world.clock.now_s() - began_s
        await task
        return took_s

    # The next poll starts at 1.0 s; the slow pack would answer at 1.3 s.
    assert asyncio.run(scenario()) < 0.25


def test_readings_count_for_nobody_until_the_pack_has_told_who_it_is() -> None:
    """After a swap the first readings come before the serial number does."""

    async def scenario() -> list[BankState]:
        world = World(packs=1, recognition=Recognition({}))
        (pack,) = world.packs
        pack.identity = Identity(serial_number="A-1")
        task = asyncio.create_task(world.run_for(2.5))
        while not any(s.online for s in world.output.states):  # noqa: ASYNC110
            await asyncio.sleep(0.005)
        pack.identity, pack.soc_percent = None, 90.0
        while not any(s.lost for s in world.output.states):  # noqa: ASYNC110
            await asyncio.sleep(0.005)
        pack.identity = Identity(serial_number="B-2")
        return await task

    states = asyncio.run(scenario())
    seen = [s.packs[0] for s in states if s.packs and s.phase is not BankPhase.STOPPING]
    told = [
        (p.identity and p.identity.serial_number, p.reading.soc_percent)
        for p in seen
        if p.reading is not None
    ]
    assert list(dict.fromkeys(told)) == [("A-1", 50.0), ("B-2", 90.0)]


def test_a_silent_pack_ages_out_and_the_other_carries_on() -> None:
    async def scenario() -> list[BankState]:
        world = World(packs=2)
        asyncio.get_running_loop().call_later(0.3, lambda: setattr(world.packs[1], "silent", True))
        return await world.run_for(1.2)

    last = asyncio.run(scenario())[-2]
    assert last.phase is BankPhase.LIVE
    assert [pack.pack for pack in last.lost] == ["p1"]
    assert last.packs[1].reading is None
    assert last.limits is not None
    assert last.limits.dcl_a <= 100.0


def test_an_engine_that_raises_makes_its_pack_safe_and_no_other(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("a defect")

    async def scenario() -> list[BankState]:
        world = World(packs=2)
        real = Engine.step

        def step(self: Engine, *arguments: object) -> object:
            if self.pack == "p1" and world.clock.now_s() > began_s + 0.3:
                broken()
            return real(self, *arguments)  # type: ignore[arg-type]

        began_s = world.clock.now_s()
        monkeypatch.setattr(Engine, "step", step)
        return await world.run_for(0.6)

    last = asyncio.run(scenario())[-2]
    assert last.packs[0].phase is PackPhase.ONLINE
    assert last.packs[1].phase is not PackPhase.ONLINE
    assert last.packs[1].limits.ccl_a == 0
    assert "engine of p1 failed" in caplog.text


def test_a_bank_that_raises_gives_zero_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> list[BankState]:
        world = World(packs=1)

        def step(*_: object) -> None:
            raise RuntimeError("a defect")

        asyncio.get_running_loop().call_later(0.3, lambda: monkeypatch.setattr(Bank, "step", step))
        return await world.run_for(0.6)

    last = asyncio.run(scenario())[-2]
    assert last.limits is not None
    assert (last.limits.ccl_a, last.limits.dcl_a) == (0, 0)
    assert last.limits.cvl_v > 40
    assert not last.charge_allowed


def test_stopping_is_told_with_zero_limits_and_every_link_is_closed() -> None:
    async def scenario() -> tuple[BankState, list[bool]]:
        world = World(packs=2)
        states = await world.run_for(0.3)
        return states[-1], [pack.closed for pack in world.packs]

    last, closed = asyncio.run(scenario())
    assert last.phase is BankPhase.STOPPING
    assert last.limits is not None
    assert (last.limits.ccl_a, last.limits.dcl_a) == (0, 0)
    assert closed == [True, True]


def test_events_are_told_once() -> None:
    states = asyncio.run(World(packs=2).run_for(0.5))
    events = [event for state in states[:-1] for pack in state.packs for event in pack.events]
    assert len(events) == len({(event.pack, event.text) for event in events})


def test_before_any_decision_stopping_is_quiet() -> None:
    async def scenario() -> list[BankState]:
        world = World(packs=1)
        world.packs[0].delay_s = 5.0
        stop = asyncio.Event()
        stop.set()
        await world.controller.run(stop)
        return world.output.states

    assert asyncio.run(scenario()) == []


def test_no_burst_of_cycles_after_a_pause() -> None:
    """A process that was stopped for a while makes up for nothing (F49)."""

    async def scenario() -> int:
        world = World(packs=1)
        task = asyncio.create_task(world.run_for(1.0))
        await asyncio.sleep(0.2)
        before = len(world.output.states)
        time.sleep(0.5)  # noqa: ASYNC251  # starved: ten cycles pass
        await asyncio.sleep(0.02)
        burst = len(world.output.states) - before
        await task
        return burst

    assert asyncio.run(scenario()) <= 3


def test_records_are_of_every_pack_and_of_the_bank() -> None:
    async def scenario() -> dict[str, Mapping[str, object]]:
        world = World(packs=2)
        await world.run_for(0.2)
        return world.controller.records()

    assert set(asyncio.run(scenario())) == {"p0", "p1", "(bank)"}


def test_a_state_is_shared_not_copied() -> None:
    """Every output gets the same object."""

    async def scenario() -> tuple[list[BankState], list[BankState]]:
        world = World(packs=1)
        second = Collector()
        world.controller.outlets.add(NamedOutput(name="second", output=second, control=True))
        first = await world.run_for(0.3)
        return first, second.states

    first, second = asyncio.run(scenario())
    assert first[-1] is second[-1]


def test_outputs_are_told_before_diagnosis_store_and_recorder_are_at_work() -> None:
    order: list[str] = []

    class Told(Collector):
        async def run(self, feed: Feed, gate: Gate) -> None:
            while await feed.next():
                order.append("told")

    class Slow:
        """Stands for all of them."""

        def marked(self, state: BankState) -> BankState:
            return state

        def take(self, event: object) -> None:
            pass

        def examine(self, state: BankState, now_s: float) -> None:
            order.append("examined")

        def consider(self, state: BankState) -> None:
            order.append("kept")

        def pass_on(self) -> None:
            order.append("recorded")

        def save(self, *_: object, **__: object) -> None:
            pass

    async def scenario() -> None:
        world = World(packs=1)
        controller = world.controller
        controller.outlets.add(NamedOutput(name="told", output=Told(), control=True))
        controller.examiner = controller.keeper = controller.recorder = Slow()  # type: ignore[assignment]
        await world.run_for(0.3)

    asyncio.run(scenario())
    cycle = ["told", "examined", "kept", "recorded"]
    assert order[: 4 * 3] == 3 * cycle


def test_what_an_output_measured_is_part_of_every_decision_until_it_is_too_old() -> None:
    async def scenario() -> list[BankState]:
        world = World()
        mailbox = world.controller.outlets.add(measuring())

        def report(age_s: float) -> None:
            mailbox.report(
                ExternalMeasurement(
                    source="sma",
                    voltage_v=53.1,
                    current_a=30.5,
                    heard_s=world.clock.now_s() - age_s,
                )
            )

        asyncio.get_running_loop().call_later(0.2, report, 0.0)
        asyncio.get_running_loop().call_later(0.5, report, 4.8)  # 0.2 s left of 5 s
        return await world.run_for(1.0)

    states = [s for s in asyncio.run(scenario()) if s.phase is BankPhase.LIVE]
    told = [bool(state.external) for state in states]
    assert told[0] is False
    assert told[-1] is False
    assert 6 <= sum(told) <= 14  # from 0.2 s to 0.7 s, every 0.05 s
    (measured,) = next(state.external for state in states if state.external)
    assert (measured.source, measured.voltage_v, measured.current_a) == ("sma", 53.1, 30.5)


@pytest.mark.parametrize(("packs", "counted_a"), [(1, {9.4}), (2, {None})])
def test_a_shunt_in_the_banks_lead_counts_for_an_only_pack(
    packs: int, counted_a: set[float | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[float | None] = []

    async def scenario() -> None:
        world = World(packs=packs)
        for m in world.controller._members:
            step = m.engine.step

            def listening(memory, reading, now_s, link, inputs, step=step):  # type: ignore[no-untyped-def]
                told.append(inputs.shunt_current_a)
                return step(memory, reading, now_s, link, inputs)

            monkeypatch.setattr(m.engine, "step", listening)
        mailbox = world.controller.outlets.add(measuring())
        for source, current_a, by_shunt in (("mppt", 21.0, False), ("shunt", 9.4, True)):
            mailbox.report(
                ExternalMeasurement(
                    source=source, voltage_v=53.0, current_a=current_a, whole_bank=by_shunt,
                    by_shunt=by_shunt, heard_s=world.clock.now_s(),
                )
            )  # fmt: skip
        await world.run_for(0.2)

    asyncio.run(scenario())
    assert set(told) == counted_a
