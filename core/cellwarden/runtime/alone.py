"""The gate without a controller: for a command that opens the drivers itself and does one thing.

The controller's lock is held meanwhile, so that there are never two talkers on a line.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence

from cellwarden.clock import Clock
from cellwarden.config.settings import PackSettings, Settings
from cellwarden.engine import Engine
from cellwarden.errors import FrameError, LinkError
from cellwarden.runtime import folders
from cellwarden.runtime.audit import Audit
from cellwarden.runtime.build import context_of, desk_of, driver_of, engine_of
from cellwarden.runtime.gate import ControlGate
from cellwarden.runtime.guarded import Guarded
from cellwarden.runtime.office import Document, Office
from cellwarden.runtime.process import only_one
from cellwarden.runtime.rights import Rights
from cellwarden.runtime.writing import Desk

Say = Callable[[str], None]
_POLLS_AT_FIRST = 3
"""A lost frame at the start is no lost pack."""


def answer(settings: Settings, message: Mapping[str, object], who: str, say: Say) -> Document:
    """Return what an office of our own answers; `say` is told what is going on.

    ConfigError where a controller runs after all, or the folders cannot be used.
    """
    options = settings.controller
    audit = Audit(folders.private(folders.state_dir(options.state_dir)))
    with only_one(folders.private(folders.runtime_dir(options.runtime_dir))):
        return asyncio.run(_answer(settings, audit, message, who, say))


async def _answer(
    settings: Settings, audit: Audit, message: Mapping[str, object], who: str, say: Say
) -> Document:
    clock = Clock()
    named = [pack for pack in settings.packs if pack.name == message.get("pack")]
    # The whole bank, one pack that is not named, or none at all: the office says which it is.
    packs = named or settings.packs
    desks = [
        desk_of(Guarded(driver_of(pack, context_of(pack, settings, clock)), pack.name), pack, audit)
        for pack in packs
    ]
    gate = ControlGate(
        mode=settings.controller.mode, rights=Rights({}), desks=desks, audit=audit, clock=clock
    )
    gate.start()
    needs_device = message.get("do") != "audit"
    async with _heard(desks if needs_device else (), packs, settings, clock, say):
        document = await Office(gate).answer(message, who)
    await gate.stop()
    return document


@contextlib.asynccontextmanager
async def _heard(
    desks: Sequence[Desk], packs: Sequence[PackSettings], settings: Settings, clock: Clock, say: Say
) -> AsyncIterator[None]:
    """Open every driver and keep polling; a pack that does not answer is said so."""
    tasks = []
    every_s = settings.controller.poll_interval_s
    try:
        for desk, pack in zip(desks, packs, strict=False):
            say(f"{desk.pack}: connecting ({pack.driver.name})")
            engine = engine_of(pack, settings)
            try:
                await desk.guarded.open()
                await _first(desk, engine, clock)
            except (LinkError, FrameError) as error:
                say(str(error))
                continue
            tasks.append(asyncio.create_task(_keep_polling(desk, engine, clock, every_s)))
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for desk in desks:
            await desk.guarded.close()


async def _first(desk: Desk, engine: Engine, clock: Clock) -> None:
    for attempt in range(1, _POLLS_AT_FIRST + 1):
        try:
            await _poll(desk, engine, clock)
        except (LinkError, FrameError):
            if attempt == _POLLS_AT_FIRST:
                raise
        else:
            return


async def _poll(desk: Desk, engine: Engine, clock: Clock) -> None:
    """Hear the pack once, and let the engine judge it, as calibrations need."""
    reading = await desk.guarded.poll()
    _, state = engine.step(engine.start(clock.now_s()), reading, clock.now_s())
    desk.states.append(state)


async def _keep_polling(desk: Desk, engine: Engine, clock: Clock, every_s: float) -> None:
    while True:
        await asyncio.sleep(every_s)
        with contextlib.suppress(LinkError, FrameError):
            await _poll(desk, engine, clock)
