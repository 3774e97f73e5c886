"""An event loop for which idle time passes at once: a minute of polling takes seconds.

Files and sockets are real. Only while nothing has come for a moment is time skipped, up to the next
timer; so no answer is missed that would have come in time.
"""

import asyncio
import selectors
import time
from typing import Any


class _Selector(selectors.DefaultSelector):
    def __init__(self, grace_s: float) -> None:
        super().__init__()
        self.skipped_s = 0.0
        self._grace_s = grace_s

    def select(self, timeout: float | None = None) -> Any:
        if timeout is None or timeout <= self._grace_s:
            return super().select(timeout)
        found = super().select(self._grace_s)
        if not found:
            self.skipped_s += timeout - self._grace_s
        return found


class HastyLoop(asyncio.SelectorEventLoop):
    """Use with `asyncio.Runner(loop_factory=HastyLoop)`."""

    grace_s = 0.002
    """Real time to wait before time is skipped: the kernel's terminals take a moment, and longer
    on a busy machine."""

    def __init__(self) -> None:
        self._hasty = _Selector(self.grace_s)
        super().__init__(self._hasty)

    def time(self) -> float:
        return time.monotonic() + self._hasty.skipped_s


class PatientLoop(HastyLoop):
    """For tests in which no answer may be missed."""

    grace_s = 0.02
