"""The supervisor: what raises is logged by name and started again; the neighbours go on.

This module is the one place with `except Exception`.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from cellwarden.runtime.backoff import Backoff

LOG = logging.getLogger(__name__)

T = TypeVar("T")

STEADY_S = 60.0
"""Something that ran this long (real s) has recovered: back-off and log start afresh."""


async def keep_running(
    name: str,
    run: Callable[[], Awaitable[None]],
    *,
    finished: Callable[[], bool],
    first_s: float = 1.0,
    last_s: float = 60.0,
) -> None:
    """Run something for ever: whenever it raises or returns too early, start it again.

    Returns once it has returned while `finished()` is true. Cancelling ends it at once.
    """
    backoff = Backoff(first_s, last_s)
    failures = 0
    while True:
        began_s = time.monotonic()
        try:
            await run()
            problem: Exception | str = "it ended by itself"
        except Exception as error:  # noqa: BLE001  # the supervisor's purpose
            problem = error
        if finished():
            return
        if time.monotonic() - began_s > STEADY_S:
            backoff.reset()
            failures = 0
        failures += 1
        delay_s = backoff.next_s()
        # The whole story once; then one line, so that a loop of failures cannot fill the flash.
        LOG.log(
            logging.ERROR if failures <= 3 or failures % 100 == 0 else logging.DEBUG,
            "%s failed (%s), start %d again in %.1f s",
            name,
            f"{type(problem).__name__}: {problem}" if isinstance(problem, Exception) else problem,
            failures,
            delay_s,
            exc_info=problem if failures == 1 and isinstance(problem, Exception) else None,
        )
        await asyncio.sleep(delay_s)


def attempt(what: str, call: Callable[[], T], otherwise: Callable[[str], T]) -> T:
    """Return `call()`, or `otherwise(reason)` if it raises: a defect must not stop protection."""
    try:
        return call()
    except Exception as error:
        LOG.exception("%s failed", what)
        return otherwise(f"{type(error).__name__}: {error}")


async def attempt_async(
    what: str, call: Callable[[], Awaitable[T]], otherwise: Callable[[str], T]
) -> T:
    """Return what `call()` gives, or `otherwise(reason)` if it raises; as `attempt`."""
    try:
        return await call()
    except Exception as error:
        LOG.exception("%s failed", what)
        return otherwise(f"{type(error).__name__}: {error}")


class TelemetryThread:
    """Runs a telemetry output in a thread with an event loop of its own.

    It may block, raise or burn a core: the control loop only ever puts into its mailbox. The
    thread is a daemon, so that an output stuck in a system call cannot hold up the end.
    """

    def __init__(
        self, name: str, run: Callable[[], Awaitable[None]], finished: Callable[[], bool]
    ) -> None:
        self.name = name
        self._run = run
        self._finished = finished
        self._thread = threading.Thread(target=self._main, name=f"output {name}", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def join(self, timeout_s: float) -> bool:
        """Wait for its end; False if it is still at work after `timeout_s`."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _main(self) -> None:
        try:
            asyncio.run(keep_running(self.name, self._run, finished=self._finished))
        except Exception:
            LOG.exception("%s: its thread ended", self.name)
