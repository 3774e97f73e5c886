"""The controller as a process: folders, lock, store, signals, status socket."""

import asyncio
import contextlib
import fcntl
import gc
import logging
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

from cellwarden.clock import Clock
from cellwarden.config.settings import Settings
from cellwarden.errors import ConfigError
from cellwarden.runtime import folders
from cellwarden.runtime.build import build
from cellwarden.runtime.control import ControlServer
from cellwarden.runtime.controller import Controller
from cellwarden.runtime.keeper import Keeper
from cellwarden.runtime.office import Office
from cellwarden.runtime.recorder import Recorder
from cellwarden.runtime.status import StatusServer, document
from cellwarden.runtime.store import Store
from cellwarden.runtime.watchdog import Watchdog

LOG = logging.getLogger(__name__)

SWITCH_INTERVAL_S = 0.001
"""How long a busy telemetry thread may keep the interpreter before control gets it (Python's own
default is 5 ms)."""
SETTLE_S = 10.0
"""Real s after which everything is imported and built that lasts as long as the process."""
STOP_S = 30.0
"""Real s in which a stop must be over: goodbyes, links and threads have limits of their own."""


@contextlib.contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Hold the folder's lock; ConfigError if another controller has it."""
    path = folder / "lock"
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            owner = os.read(handle, 20).decode(errors="replace").strip()
            raise ConfigError(
                f"another controller (process {owner or '?'}) runs in {folder}: stop it, or give"
                " this one its own controller.runtime_dir"
            ) from error
        os.ftruncate(handle, 0)
        os.write(handle, str(os.getpid()).encode())
        yield
    finally:
        os.close(handle)


def run(settings: Settings) -> int:
    """Run a bank until SIGTERM or Ctrl-C; return the exit status."""
    state_folder = folders.private(folders.state_dir(settings.controller.state_dir))
    runtime_folder = folders.private(folders.runtime_dir(settings.controller.runtime_dir))
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    with only_one(runtime_folder):
        volatile = runtime_folder / "volatile.db"
        store = Store(state_folder / "state.db", volatile)
        clock = Clock()
        controller = build(settings, clock=clock, state_folder=state_folder, saved=store.load())
        controller.keeper = Keeper(store, controller.records)
        if controller.examiner is not None:
            controller.keeper.lasting = controller.examiner.records
        controller.recorder = _recorder(controller, settings, state_folder, runtime_folder)
        store.start()
        try:
            asyncio.run(_serve(controller, settings, runtime_folder))
        finally:
            if controller.recorder is not None:
                controller.recorder.stop()
            store.stop()
    return 0


def _recorder(
    controller: Controller, settings: Settings, state_folder: Path, runtime_folder: Path
) -> Recorder | None:
    """Start the recorder, where one is wanted."""
    options = settings.controller
    if options.recorder_hours == 0:
        return None
    if options.recorder_dir is None and runtime_folder.is_relative_to(state_folder):
        LOG.info(
            "nothing is recorded: runtime_dir lies on the disk; set recorder_dir to do it there"
        )
        return None
    recorder = Recorder(
        Path(options.recorder_dir) if options.recorder_dir else runtime_folder,
        state_folder,
        controller.setup(),
        hours=options.recorder_hours,
        megabytes=options.recorder_megabytes,
    )
    recorder.start()
    return recorder


async def _serve(controller: Controller, settings: Settings, runtime_folder: Path) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    watchdog = Watchdog(settings.controller.effective_watchdog_s)
    controller.alive = watchdog.beat

    def end() -> None:
        watchdog.beat(patience_s=STOP_S)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end)
    status = StatusServer(
        runtime_folder,
        lambda: document(
            controller.state,
            controller.clock.now_s(),
            controller.outlets.status(),
            settings.controller.mode,
            controller.report(),
            controller.relay_status(),
        ),
    )
    assert controller.control_gate is not None  # `build` has made it
    control = ControlServer(runtime_folder, Office(controller.control_gate).answer)
    await status.start()
    await control.start()
    loop.call_later(SETTLE_S, _leave_lasting_objects_alone)
    LOG.info(
        "%s: %d pack(s), %d output(s), mode %s",
        settings.controller.name,
        len(settings.packs),
        len(settings.outputs),
        settings.controller.mode,
    )
    watchdog.start()
    try:
        await controller.run(stop)
    finally:
        watchdog.stop()
        await control.stop()
        await status.stop()
    LOG.info("stopped")


def _leave_lasting_objects_alone() -> None:
    """Take what lasts out of the garbage collector's rounds.

    Modules and settings are a hundred thousand objects that never become garbage; walking them
    again and again was a fifth of the CPU time of a bank of 16 packs.
    """
    gc.collect()
    gc.freeze()
