"""A mailbox with one slot between the control loop and one output.

The controller puts and never waits; the output takes the newest and never finds a queue. The
output may live on the same event loop (control) or on another thread's loop (telemetry).
"""

import asyncio

from cellwarden.clock import Clock
from cellwarden.model import BankState, ExternalMeasurement, Surplus


class Mailbox:
    """The `Feed` of one output. `put` belongs to the control loop, the rest to the output."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._reported: dict[str, ExternalMeasurement] = {}
        self.surplus: Surplus | None = None
        """The newest that was reported, however old."""
        self._state: BankState | None = None
        self._taken: BankState | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._news: asyncio.Event | None = None
        self._waking = False

    def put(self, state: BankState) -> None:
        """Replace the content. Never blocks, whatever the output does."""
        self._state = state
        loop, news = self._loop, self._news
        if loop is None or news is None or loop.is_closed():
            return
        if asyncio._get_running_loop() is loop:  # noqa: SLF001  # C-fast; public form raises
            news.set()
        elif not self._waking:
            # One wake-up at a time: a thread that hangs for hours must not collect callbacks.
            self._waking = True
            try:
                loop.call_soon_threadsafe(self._wake)
            except RuntimeError:  # the thread's loop closed between the check and the call
                self._waking = False

    def _wake(self) -> None:
        self._waking = False
        if self._news is not None:
            self._news.set()

    def latest(self) -> BankState | None:
        """Return the newest decision, None before the first."""
        return self._state

    def age_s(self) -> float | None:
        """Return the age of the newest decision in controller s, None before the first."""
        state = self._state
        return None if state is None else self.clock.now_s() - state.at_s

    def report(self, measurement: ExternalMeasurement) -> None:
        """Hand in what one of the output's peers measured; from any thread."""
        self._reported[measurement.source] = measurement

    def report_surplus(self, surplus: Surplus) -> None:
        """Hand in how much surplus a peer measures; from any thread."""
        self.surplus = surplus

    def reported(self, since_s: float) -> tuple[ExternalMeasurement, ...]:
        """Return the newest of each source, heard at `since_s` or later, and forget the others."""
        for source, measurement in tuple(self._reported.items()):
            if measurement.heard_s < since_s:
                self._reported.pop(source)  # a newer one of this instant comes again next time
        return tuple(self._reported.values())

    async def next(self, timeout_s: float | None = None) -> BankState | None:
        """Wait for a decision newer than the last one returned; None after `timeout_s` (real)."""
        loop = asyncio.get_running_loop()
        if self._loop is not loop:
            self._loop, self._news, self._waking = loop, asyncio.Event(), False
        assert self._news is not None
        while self._state is None or self._state is self._taken:
            self._news.clear()
            # The slot may have been filled from the other thread between the test and the clear.
            if self._state is not None and self._state is not self._taken:
                break
            try:
                async with asyncio.timeout(timeout_s):
                    await self._news.wait()
            except TimeoutError:
                return None
        self._taken = self._state
        return self._taken
