"""A real gate over packs that answer at once, and what is asked of it."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from cellwarden.clock import Clock
from cellwarden.model import Outcome, Request, RequestKind
from cellwarden.runtime.audit import Audit
from cellwarden.runtime.gate import ControlGate
from cellwarden.runtime.guarded import Guarded
from cellwarden.runtime.rights import Right, Rights
from cellwarden.runtime.writing import Desk
from support.writable import LFP, WritablePack

K = RequestKind


class World:
    """One or two packs behind a gate, answering at once."""

    def __init__(
        self,
        folder: Path,
        *packs: WritablePack,
        mode: str = "control",
        may: Right = Right.SETTINGS,
    ) -> None:
        self.packs = packs or (WritablePack(),)
        self.audit = Audit(folder, lambda: 1_700_000_000.0)
        self.guarded = [Guarded(pack, pack.name) for pack in self.packs]

        async def pause(seconds: float) -> None:
            await asyncio.sleep(0)

        self.clock = Clock()
        self.gate = ControlGate(
            mode=mode,
            rights=Rights({"panel": may}),
            desks=[Desk(guarded, LFP, self.audit, pause) for guarded in self.guarded],
            audit=self.audit,
            clock=self.clock,
        )

    async def open(self) -> None:
        for guarded in self.guarded:
            await guarded.open()
            await guarded.poll()
        self.gate.start()

    def run(self, scenario: Callable[[], Awaitable[None]]) -> None:
        async def all_of_it() -> None:
            await self.open()
            await scenario()
            await self.gate.stop()

        asyncio.run(all_of_it())

    def ask(self, *requests: Request) -> list[Outcome]:
        outcomes: list[Outcome] = []

        async def scenario() -> None:
            outcomes.extend([await self.gate.ask(request) for request in requests])

        self.run(scenario)
        return outcomes


def switch(on: bool, *, who: str = "output panel", **more) -> Request:
    return Request(kind=K.CHARGE_SWITCH, pack="left", value=on, who=who, **more)


def change(who: str = "output panel", dry_run: bool = False, **changes: float | None) -> Request:
    return Request(kind=K.PARAMETERS, pack="left", changes=changes, who=who, dry_run=dry_run)


def killed_in_the_middle(folder: Path) -> WritablePack:
    """Return a pack in whose change the controller was killed after the first of two writes."""
    world = World(folder)
    pack = world.packs[0]

    class Killed(BaseException):
        pass

    def kill(what: str, name: str) -> None:
        if what == "write" and name == "cell_undervoltage_v":
            raise Killed

    pack.trouble = kill
    with pytest.raises(Killed):
        world.ask(change(shutdown_v=2.4, cell_undervoltage_v=2.6))
    pack.trouble = lambda what, name: None
    assert (pack.held["shutdown_v"], pack.held["cell_undervoltage_v"]) == (2.4, 2.7)
    return pack
