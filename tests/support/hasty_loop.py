"""An event loop for which idle time passes at once: a minute of polling takes seconds.

Files and sockets are real. Only while nothing has come for a moment is time skipped, up to the next
timer; so no answer is missed that would have come in time.
"""

import asyncio
import selectors
import time
from typing import Any

_LONGEST_GRACE_S = 0.03
"""Real time to wait before time is skipped: the kernel's terminals take a moment, a longer one on
a busy machine. A tenth of the wait, if that is less: in short waits nothing comes."""


class _Selector(selectors.DefaultSelector):
    def __init__(self) -> None:
        super().__init__()
        self.skipped_s = 0.0

    def select(self, timeout: float | None = None) -> Any:
        if not timeout or timeout < 0:
            return super().select(timeout)
        grace_s = min(_LONGEST_GRACE_S, timeout / 10)
        found = super().select(grace_s)
        if not found:
            self.skipped_s += timeout - grace_s
        return found


class HastyLoop(asyncio.SelectorEventLoop):
    """Use with `asyncio.Runner(loop_factory=HastyLoop)`."""

    def __init__(self) -> None:
        self._hasty = _Selector()
        super().__init__(self._hasty)

    def time(self) -> float:
        return time.monotonic() + self._hasty.skipped_s
