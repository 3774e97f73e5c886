"""The process watchdog: a controller that stands still is ended, so that others notice.

What stands on a D-Bus or in an inverter stays in force for as long as the process lives: Venus'
system calculator has no age check. So a process whose control loop has stopped must not live. Its
D-Bus names and CAN frames end with it, and whoever started it (daemontools, systemd) starts it
anew.

Two guards: a thread that sees no sign of life says so, with what every thread is doing, and ends
the process. If the interpreter itself is held up, so that not even that thread runs, `faulthandler`
does the same from a thread of its own that needs no interpreter.
"""

import faulthandler
import logging
import os
import sys
import threading
from contextlib import suppress

LOG = logging.getLogger(__name__)

EXIT_STATUS = 70
"""EX_SOFTWARE of sysexits.h."""
STEPS = 5
"""Looks in one limit. Silence is counted in looks, not in time, so that a process that was stopped
as a whole (Ctrl-Z, a suspended machine) is not taken for one that hangs."""


def timeouts_are_monotonic() -> bool:
    """Whether timeouts of locks keep to the monotonic clock: with glibc 2.30 and newer they do.

    With another C library `faulthandler` counts by the wall clock, and a GX that gets the time
    from the internet after its boot would end a healthy process.
    """
    try:
        library, _, version = (os.confstr("CS_GNU_LIBC_VERSION") or "").partition(" ")
        return library == "glibc" and tuple(map(int, version.split("."))) >= (2, 30)
    except (ValueError, OSError):
        return False


class Watchdog:
    """Ends this process when `beat` is not called for `limit_s` (real s)."""

    def __init__(self, limit_s: float) -> None:
        self._step_s = limit_s / STEPS
        self._limit_s = limit_s
        self._looks_left = STEPS
        self._needs_no_interpreter = timeouts_are_monotonic()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def beat(self, patience_s: float | None = None) -> None:
        """Say that the loop is alive; `patience_s` instead of the limit, until the next beat."""
        patience_s = self._limit_s if patience_s is None else patience_s
        self._looks_left = max(STEPS, round(patience_s / self._step_s))

    def stop(self) -> None:
        """End watching: what comes now may take as long as it takes."""
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while True:
            self._arm()
            if self._ended.wait(self._step_s):
                faulthandler.cancel_dump_traceback_later()
                return
            self._looks_left -= 1
            if self._looks_left < 0:
                self._end()

    def _arm(self) -> None:
        if not self._needs_no_interpreter:
            return
        with suppress(ValueError, OSError, AttributeError):  # standard error was closed
            faulthandler.dump_traceback_later(
                self._limit_s + self._step_s, exit=True, file=sys.stderr
            )

    def _end(self) -> None:
        LOG.critical(
            "the control loop has stood still for %g s: this process ends, and whoever started it"
            " should start it again. What every thread is doing:",
            self._limit_s,
        )
        with suppress(ValueError, OSError, AttributeError):
            faulthandler.dump_traceback(file=sys.stderr)
        os._exit(EXIT_STATUS)
