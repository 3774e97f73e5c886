"""An event loop for which idle time passes at once: a minute of polling takes seconds.

Files and sockets are real. Only while nothing has come for a moment is time skipped, up to the next
timer; so no answer is missed that would have come in time.
"""

import asyncio
import selectors
import time
from typing import Any

_GRACE_S = 0.002
"""Real time to wait for something before time is skipped: the kernel's terminals take a moment."""


class _Selector(selectors.DefaultSelector):
    def __init__(self) -> None:
        super().__init__()
        self.skipped_s = 0.0

    def select(self, timeout: float | None = None) -> Any:
        if timeout is None or timeout <= _GRACE_S:
            return super().select(timeout)
        found = super().select(_GRACE_S)
        if not found:
            self.skipped_s += timeout - _GRACE_S
        return found


class HastyLoop(asyncio.SelectorEventLoop):
    """Use with `asyncio.Runner(loop_factory=HastyLoop)`."""

    def __init__(self) -> None:
        self._hasty = _Selector()
        super().__init__(self._hasty)

    def time(self) -> float:
        return time.monotonic() + self._hasty.skipped_s
