"""An emulated device that can be written to, through its real driver and the real gate."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

from cellwarden.clock import Clock
from cellwarden.interfaces import Driver
from cellwarden.model import Outcome, Request, RequestKind
from cellwarden.runtime.audit import Audit
from cellwarden.runtime.gate import ControlGate
from cellwarden.runtime.guarded import Guarded
from cellwarden.runtime.rights import Right, Rights
from cellwarden.runtime.writing import Desk
from cellwarden_hardware.simulator.pack import PackDesign, SimulatedPack


def simulated_pack() -> SimulatedPack:
    """Return a pack of four cells whose BMS obeys."""
    return SimulatedPack(PackDesign(cells=4, capacity_ah=100.0, start_soc_percent=60.0))


@dataclass
class Written:
    """A gate in front of one pack."""

    gate: ControlGate
    guarded: Guarded
    audit: Audit
    pack: SimulatedPack

    async def ask(self, kind: RequestKind, value: float | bool | str | None = None) -> Outcome:
        return await self.gate.ask(Request(kind=kind, pack="left", value=value, who="params"))

    async def change(self, *, dry_run: bool = False, **changes: float | None) -> Outcome:
        return await self.gate.ask(
            Request(
                kind=RequestKind.PARAMETERS, pack="left", changes=changes, who="params",
                dry_run=dry_run,
            )
        )  # fmt: skip


async def hurry(seconds: float) -> None:
    """Wait less than the runtime would: the devices here are quick."""
    await asyncio.sleep(seconds / 20)


@contextlib.asynccontextmanager
async def gate_for(
    driver: Driver, pack: SimulatedPack, folder: Path, **may: Right
) -> AsyncIterator[Written]:
    """Open a driver behind a gate in mode `control`; `may` are the rights of outputs by name."""
    guarded = Guarded(driver, "left")
    audit = Audit(folder)
    desk = Desk(guarded, pack.parameters, audit, hurry)
    gate = ControlGate(mode="control", rights=Rights(may), desks=[desk], audit=audit, clock=Clock())
    await guarded.open()
    try:
        await guarded.poll()
        gate.start()
        yield Written(gate, guarded, audit, pack)
        await gate.stop()
    finally:
        await guarded.close()
