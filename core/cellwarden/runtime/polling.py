"""Polling of one pack: open, ask, count, back off, come back."""

import asyncio
import logging
from collections.abc import Callable

from cellwarden.clock import Clock
from cellwarden.errors import FrameError, LinkError, LinkTimeout
from cellwarden.interfaces import Driver
from cellwarden.model import LinkQuality, Reading
from cellwarden.runtime.backoff import Backoff

LOG = logging.getLogger(__name__)

MISSES_TO_COMPLAIN = 3
"""Polls without a good answer in a row before a person is told."""
MISSES_TO_REOPEN = 5
"""Polls without a good answer in a row before the port is closed and opened again: some USB
adapters stay mute until then."""


LEAST_WAIT_S = 0.05
"""Real s before a port is opened again, however fast the clock."""


class Poller:
    """Asks one pack once a turn and hands over what was heard.

    `done(reading | None)` is called, on the loop, exactly once for each turn that was taken.
    """

    def __init__(
        self,
        pack: str,
        driver: Driver,
        clock: Clock,
        done: Callable[["Poller", Reading | None], None],
    ) -> None:
        self.pack = pack
        self._driver = driver
        self._clock = clock
        self._done = done
        self._turn: asyncio.Future[None] | None = None
        self._complained = False
        self._misses = 0
        self._connected = False
        self._asked = 0
        self._answered = 0
        self._bad = 0
        self._last_answer_s: float | None = None
        self._last_error = ""
        self._last_error_s: float | None = None
        self._quality: LinkQuality | None = None

    def take_turn(self) -> bool:
        """Ask now; False if the link is down or the last question is still open."""
        turn = self._turn
        if turn is None or turn.done():
            return False
        turn.set_result(None)
        return True

    def quality(self) -> LinkQuality:
        """Return how well the link has been doing."""
        if self._quality is None:
            self._quality = LinkQuality(
                connected=self._connected,
                asked=self._asked,
                answered=self._answered,
                bad=self._bad,
                last_answer_s=self._last_answer_s,
                last_error=self._last_error,
                last_error_s=self._last_error_s,
            )
        return self._quality

    async def run(self) -> None:
        """Poll for ever; ends only when cancelled."""
        backoff = Backoff(0.5, 30.0)
        while True:
            try:
                await self._driver.open()
                self._connected = True
                backoff.reset()
                await self._poll_while_answered()
            except LinkTimeout as error:  # mute: the port is fine, so try again soon
                self._note(error)
                backoff.reset()
            except LinkError as error:
                self._note(error)
                self._complain(error)
            finally:
                self._connected = False
                self._quality = None
                await self._driver.close()
            # In controller time, so that a fast clock finds a pack again as soon; never in a spin.
            await asyncio.sleep(max(self._clock.real_s(backoff.next_s()), LEAST_WAIT_S))

    async def _poll_while_answered(self) -> None:
        loop = asyncio.get_running_loop()
        misses = 0
        while True:
            self._turn = loop.create_future()
            try:
                await self._turn
            finally:
                self._turn = None
            self._asked += 1
            reading: Reading | None = None
            try:
                reading = await self._driver.poll()
            except (LinkTimeout, FrameError) as error:
                misses += 1
                self._missed(error)
                if misses >= MISSES_TO_REOPEN:
                    raise LinkTimeout(self.pack, f"no good answer to {misses} polls") from error
            else:
                misses = 0
                self._heard()
            finally:
                self._quality = None
                self._done(self, reading)

    def _heard(self) -> None:
        self._answered += 1
        self._last_answer_s = self._clock.now_s()
        self._misses = 0
        if self._complained:
            self._complained = False
            LOG.info("%s: answers again", self.pack)

    def _missed(self, error: LinkTimeout | FrameError) -> None:
        if isinstance(error, FrameError):
            self._bad += 1
        self._misses += 1
        self._note(error)
        LOG.debug("%s: %s", self.pack, error)
        if self._misses >= MISSES_TO_COMPLAIN:
            self._complain(error)

    def _note(self, error: LinkError | FrameError) -> None:
        self._last_error = str(error)
        self._last_error_s = self._clock.now_s()
        self._quality = None

    def _complain(self, error: LinkError | FrameError) -> None:
        if not self._complained:
            self._complained = True
            LOG.warning("no data: %s", error)
