"""Mode `control`: the engine's wishes for switches reach the device, and not too often."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from cellwarden.model import PackPhase, Request, RequestKind, Switches
from cellwarden.runtime.actor import AGAIN_S, Actor
from cellwarden.runtime.audit import Audit
from cellwarden.runtime.gate import ControlGate
from cellwarden.runtime.guarded import Guarded
from cellwarden.runtime.relays import Hand, Relays
from cellwarden.runtime.rights import Rights
from cellwarden.runtime.switch_book import SwitchBook
from cellwarden.runtime.writing import Desk
from support.hand_clock import HandClock
from support.states import bank_state, pack_state
from support.writable import LFP, WritablePack


class World:
    def __init__(self, folder: Path, mode: str = "control") -> None:
        self.pack = WritablePack()
        self.clock = HandClock()
        self.pack.clock = self.clock
        self.audit = Audit(folder)
        self.guarded = Guarded(self.pack, "left")
        self.gate = ControlGate(
            mode=mode,
            rights=Rights({}),
            desks=[Desk(self.guarded, LFP, self.audit, lambda _: asyncio.sleep(0))],
            audit=self.audit,
            clock=self.clock,
        )
        self.actor = Actor(self.gate, self.clock)

    async def open(self) -> None:
        await self.guarded.open()
        await self.guarded.poll()
        self.gate.start()

    async def ask(self, *, on: bool) -> None:
        request = Request(kind=RequestKind.CHARGE_SWITCH, pack="left", value=on, who="params")
        assert (await self.gate.ask(request)).good

    async def decide(self, wanted: Switches, after_s: float = 1.0, **changes: object) -> None:
        """Let a decision come that wants these switches of the pack as it is."""
        self.clock.at_s += after_s
        reading = await self.guarded.poll()
        state = pack_state("left", reading=reading, switches=wanted, at_s=self.clock.at_s)
        self.actor.consider(bank_state(packs=(replace(state, **changes),)))  # type: ignore[arg-type]
        await asyncio.gather(*self.actor._tasks)


def test_the_engine_opens_and_closes_a_switch_in_its_own_name(tmp_path: Path) -> None:
    async def test() -> None:
        world = World(tmp_path)
        await world.open()
        await world.decide(Switches(charge=False))
        assert world.pack.written == [("charge_switch", False)]
        await world.decide(Switches(charge=True), after_s=AGAIN_S)
        assert world.pack.held["charge_switch"] is True
        assert [entry.who for entry in world.audit.entries()] == ["engine", "engine"]

    asyncio.run(test())


def test_a_balancer_is_switched_off_while_it_would_do_harm_and_on_again(tmp_path: Path) -> None:
    async def test() -> None:
        world = World(tmp_path)
        await world.open()
        await world.decide(Switches(balance=False))
        assert world.pack.written == [("balance_switch", False)]
        await world.decide(Switches(balance=True), after_s=AGAIN_S)
        assert world.pack.held["balance_switch"] is True

    asyncio.run(test())


def test_what_is_so_already_or_not_wanted_is_left_alone(tmp_path: Path) -> None:
    async def test() -> None:
        world = World(tmp_path)
        await world.open()
        await world.decide(Switches())
        await world.decide(Switches(charge=True, discharge=True))
        await world.decide(Switches(charge=False), phase=PackPhase.LOST)
        assert world.pack.written == []

    asyncio.run(test())


def test_a_switch_that_does_not_obey_is_asked_for_every_10_s_and_no_faster(tmp_path: Path) -> None:
    async def test() -> None:
        world = World(tmp_path)
        await world.open()
        world.pack.ignores = {"discharge_switch"}
        for _ in range(25):
            await world.decide(Switches(discharge=False))
        assert len(world.pack.written) == 3

    asyncio.run(test())


def test_what_cannot_be_done_is_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        world = World(tmp_path)
        await world.open()
        world.pack.cannot[RequestKind.HEATING_SWITCH] = "this board has no heating"
        for _ in range(30):
            await world.decide(Switches(heat=False))
        assert world.pack.written == []

    asyncio.run(test())
    told = [r for r in caplog.records if "this board has no heating" in r.getMessage()]
    assert len(told) == 1
    assert "the limits do it instead" in told[0].getMessage()


class Silent:
    """A relay that nobody opens here."""


@pytest.mark.requirement("R35")
@pytest.mark.parametrize("by_relay", [False, True])
def test_a_heater_is_switched_by_the_bms_unless_it_hangs_on_a_relay(
    tmp_path: Path, by_relay: bool
) -> None:
    async def test() -> None:
        world = World(tmp_path)
        hand = Hand(
            "mat", "left" if by_relay else "right", Silent(),  # type: ignore[arg-type]
            clock=world.clock, audit=world.audit, dead_man_s=10.0,
        )  # fmt: skip
        world.actor = Actor(world.gate, world.clock, Relays([hand]))
        world.pack.held["heating_switch"] = False
        await world.open()
        await world.decide(Switches(heat=True))
        assert world.pack.written == ([] if by_relay else [("heating_switch", True)])
        assert hand.wanted()[0] is by_relay
        world.pack.cannot[RequestKind.HEATING_SWITCH] = "this board has no heating"
        assert world.actor.can_heat("left") is by_relay
        world.pack.cannot.clear()
        assert world.actor.can_heat("left")

    asyncio.run(test())


def test_a_person_cannot_close_what_the_engine_holds_open(tmp_path: Path) -> None:
    async def test() -> None:
        world = World(tmp_path)
        await world.open()
        await world.decide(Switches(charge=False))
        world.gate.saw(
            bank_state(packs=(pack_state("left", switches=Switches(charge=False), at_s=2000.0),))
        )

        outcome = await world.gate.ask(
            Request(kind=RequestKind.CHARGE_SWITCH, pack="left", value=True, who="params")
        )
        assert "the engine keeps the charge switch off" in outcome.reason
        assert world.pack.held["charge_switch"] is False

    asyncio.run(test())


def test_what_the_engine_opened_is_closed_when_nobody_wants_it_open_any_more(
    tmp_path: Path,
) -> None:
    """As a pack that had to stay apart until its voltage came into the bank's window."""

    async def test() -> None:
        world = World(tmp_path)
        await world.open()
        await world.decide(Switches(charge=False, discharge=False))
        assert world.pack.held["charge_switch"] is False
        await world.decide(Switches(), after_s=AGAIN_S)
        assert world.pack.held["charge_switch"] is True
        assert world.pack.held["discharge_switch"] is True

    asyncio.run(test())


def test_what_its_owner_switched_off_stays_off(tmp_path: Path) -> None:
    async def test() -> None:
        world = World(tmp_path)
        await world.open()
        await world.ask(on=False)
        for wanted in (True, None):
            await world.decide(Switches(charge=wanted), after_s=AGAIN_S)
            assert world.pack.held["charge_switch"] is False

    asyncio.run(test())


def test_the_owner_can_take_over_a_switch_that_the_engine_has_opened(tmp_path: Path) -> None:
    async def test() -> None:
        world = World(tmp_path)
        await world.open()
        await world.decide(Switches(charge=False))
        await world.ask(on=False)  # it is off already; now it is their own
        record = world.gate.record()
        world.gate.restore(record, None)  # also after a restart
        await world.decide(Switches(charge=True), after_s=AGAIN_S)
        assert world.pack.held["charge_switch"] is False
        await world.ask(on=True)
        assert world.pack.held["charge_switch"] is True
        await world.decide(Switches(charge=False), after_s=AGAIN_S)
        await world.decide(Switches(charge=True), after_s=AGAIN_S)
        assert world.pack.held["charge_switch"] is True

    asyncio.run(test())


@pytest.mark.parametrize(
    "record", [None, 7, {}, {"engine": 7}, {"engine": [["left"]], "owner": [[1, 2], "x"]},
               {"engine": [["gone", "charge_switch"]], "owner": [["left", "no_such"]]}],
)  # fmt: skip
def test_a_damaged_switch_book_is_left_out(record: object) -> None:
    book = SwitchBook()
    book.restore(record, frozenset({"left"}))
    assert book.record() == {"engine": [], "owner": []}


def test_a_switch_that_was_switched_by_another_hand_is_nobodys_here(tmp_path: Path) -> None:
    async def test() -> None:
        world = World(tmp_path)
        await world.open()
        await world.decide(Switches(charge=False))
        world.pack.held["charge_switch"] = True  # in the maker's app
        await world.decide(Switches(), after_s=AGAIN_S)
        world.pack.held["charge_switch"] = False
        await world.decide(Switches(), after_s=AGAIN_S)
        assert world.pack.held["charge_switch"] is False

    asyncio.run(test())
