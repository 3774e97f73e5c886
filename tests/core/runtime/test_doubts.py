"""What a BMS may or should hold after a write that went wrong (F37)."""

import asyncio
from pathlib import Path

import pytest

from cellwarden.engine import Bank, BankMember, BankSettings, Engine, EngineSettings
from cellwarden.errors import LinkError
from cellwarden.model import Outcome, Request, RequestKind, Step, Verdict
from cellwarden.runtime.controller import Controller
from cellwarden.runtime.doubts import Doubts
from support.gate_world import World, change, killed_in_the_middle
from support.writable import LFP

WISHED = Step(what="cell_overvoltage_v", before=3.6, wanted=3.5, now=3.6)


def outcome(verdict: Verdict, *steps: Step) -> Outcome:
    return Outcome(verdict=verdict, reason="", steps=steps)


@pytest.mark.parametrize("verdict", [Verdict.ROLLED_BACK, Verdict.HALF_DONE])
def test_a_write_that_went_wrong_leaves_the_wished_and_the_held_value(verdict: Verdict) -> None:
    doubts = Doubts()
    doubts.note("left", outcome(verdict, WISHED))
    assert doubts.of("left") == (("cell_overvoltage_v", 3.5), ("cell_overvoltage_v", 3.6))
    assert doubts.of("right") == ()


def test_what_was_written_all_the_same_switches_and_nothing_are_no_doubts() -> None:
    doubts = Doubts()
    done = Step(what="shutdown_v", before=2.5, wanted=2.4, now=2.4)
    switch = Step(what="charge_switch", before=True, wanted=False, now=True)
    doubts.note("left", outcome(Verdict.HALF_DONE, done, switch))
    doubts.note("left", outcome(Verdict.REFUSED, WISHED))
    doubts.note("left", outcome(Verdict.PLANNED, WISHED))
    assert doubts.of("left") == ()


def test_a_doubt_ends_when_the_parameter_is_written() -> None:
    doubts = Doubts()
    other = Step(what="shutdown_v", before=2.5, wanted=2.6, now=None)
    doubts.note("left", outcome(Verdict.HALF_DONE, WISHED, other))
    doubts.note("left", outcome(Verdict.APPLIED, Step(what="shutdown_v", wanted=2.5, now=2.5)))
    assert {name for name, _ in doubts.of("left")} == {"cell_overvoltage_v"}
    doubts.note("left", outcome(Verdict.APPLIED, WISHED))
    assert doubts.of("left") == ()


def test_a_rolled_back_change_of_the_gate_is_in_doubt_until_it_is_written(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.packs[0].ignores = {"cell_overvoltage_v"}

    async def scenario() -> None:
        await world.gate.ask(change(cell_overvoltage_v=3.55))
        assert ("cell_overvoltage_v", 3.55) in world.gate.doubts.of("left")
        world.packs[0].ignores = set()
        await world.gate.ask(change(cell_overvoltage_v=3.55))
        assert world.gate.doubts.of("left") == ()

    world.run(scenario)


def test_a_person_may_release_it(tmp_path: Path) -> None:
    world = World(tmp_path)
    world.packs[0].ignores = {"cell_overvoltage_v"}
    world.gate.reset_soc = lambda pack, percent, who: None
    world.gate.release = lambda pack, who: "nothing is latched"
    release = Request(kind=RequestKind.RELEASE, pack="left", who="output panel")
    _, released, again = world.ask(change(cell_overvoltage_v=3.55), release, release)
    assert released.verdict is Verdict.APPLIED
    assert again.verdict is Verdict.REFUSED
    assert world.gate.doubts.of("left") == ()


def test_a_dry_run_that_was_wrong_is_no_doubt(tmp_path: Path) -> None:
    world = World(tmp_path)

    def lose(what: str, name: str) -> None:
        raise LinkError("left", "gone")

    world.packs[0].trouble = lose
    world.ask(change(cell_overvoltage_v=3.55, dry_run=True))
    assert world.gate.doubts.of("left") == ()


def test_what_a_crash_left_half_done_is_in_doubt_from_the_next_start_on(tmp_path: Path) -> None:
    world = World(tmp_path, killed_in_the_middle(tmp_path))
    world.ask()
    assert world.gate.doubts.of("left") == (
        ("cell_undervoltage_v", 2.6),
        ("cell_undervoltage_v", 2.7),
        ("shutdown_v", 2.4),
        ("shutdown_v", 2.5),
    )


def test_the_engine_of_a_running_controller_keeps_the_stricter_value(tmp_path: Path) -> None:
    """Less current was asked for, the BMS does not take it, and less it is all the same."""
    world = World(tmp_path)
    pack = world.packs[0]
    pack.ignores = {"charge_current_max_a"}
    engine = Engine(EngineSettings("left", "LiFePO4", LFP, 3.0))
    controller = Controller(
        bank=Bank(BankSettings("bank", (BankMember("left", 100.0),), "exclude", 1.0, 5.0)),
        engines=[(engine, world.guarded[0], engine.start(world.clock.now_s()))],
        outputs=[],
        gate=world.gate,
        clock=world.clock,
        poll_interval_s=0.05,
    )

    async def until(parameter_a: float) -> None:
        """Wait for a decision that rests on this setting."""
        async with asyncio.timeout(20):
            while True:
                await asyncio.sleep(0.01)
                packs = () if controller.state is None else controller.state.packs
                if packs and packs[0].parameters.charge_current_max_a == parameter_a:
                    return

    async def all_of_it() -> None:
        stop = asyncio.Event()
        running = asyncio.create_task(controller.run(stop))
        await until(50.0)
        await world.gate.ask(change(charge_current_max_a=20.0))
        await until(20.0)
        pack.ignores = set()
        await world.gate.ask(change(charge_current_max_a=20.0))
        await until(50.0)  # it is written, and the configuration counts again
        stop.set()
        await running

    asyncio.run(all_of_it())
