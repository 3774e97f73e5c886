"""The output: a battery on an RS485 line, which speaks only when the inverter asks."""

import asyncio
import logging
import time
from collections.abc import Mapping

from cellwarden.errors import LinkError, LinkTimeout
from cellwarden.interfaces import Feed, Gate
from cellwarden.links.serial import SerialLink
from cellwarden.model import BankPhase
from cellwarden.runtime.backoff import Backoff
from cellwarden_can_inverter.pylontech_ascii import DamagedFrame, Frame, Receiver
from cellwarden_can_inverter.rs485_config import Rs485InverterOptions
from cellwarden_can_inverter.rs485_slave import Slave

LOG = logging.getLogger(__name__)

QUIET_S = 0.005
"""The line is left idle this long before an answer, for the inverter to let go of it."""
PARTIAL_S = 0.1
"""Half a frame is dropped after this much silence."""
LOOK_S = 1.0
"""How often a silent line is left to look whether the controller stops."""
FIRST_RETRY_S = 0.5
LAST_RETRY_S = 5.0
STEADY_S = 10.0
"""A port that worked this long, in real s, has recovered."""


class Rs485InverterOutput:
    """Answers one inverter on one port. Runs on the control loop and never blocks it."""

    def __init__(self, options: Rs485InverterOptions, *, name: str = "rs485_inverter") -> None:
        self._name = name
        self._options = options
        self._link = SerialLink(options.port, baudrate=options.baudrate, name=name)
        self._slave = Slave(options.persona(), options.manners())
        self._receiver = Receiver()
        self._backoff = Backoff(FIRST_RETRY_S, LAST_RETRY_S)
        self._up = False
        self._answering = False
        self._answers = 0
        self._inverter = "never seen"
        self._trouble = ""
        self._down = False
        """A person was told that the port is away."""
        self._losses = 0
        self._last_error = ""

    async def run(self, feed: Feed, gate: Gate) -> None:  # noqa: ARG002  # asks for nothing
        """Serve until the goodbye is said. A port that fails is opened again, for ever."""
        try:
            while True:
                try:
                    await self._link.open()
                    await self._serve(feed)
                except LinkError as error:
                    self._lost(error)
                else:
                    return
                self._up = self._answering = False
                await self._link.close()
                if await _stopping_within(feed, self._backoff.next_s()):
                    return
        finally:
            self._up = self._answering = False
            await self._link.close()

    def status(self) -> Mapping[str, object]:
        """Return how the line and the inverter are; from any thread."""
        line, now_s = self._slave.line, time.monotonic()
        age_s = None if line.polled_s is None else round(now_s - line.polled_s, 1)
        return {
            "bus": self._options.port,
            "dialect": "pylontech_rs485",
            "addresses": [f"0x{a:02X}" for a in self._options.addresses],
            "link": "up" if self._up else "down",
            "sending": self._answering,
            "answers_sent": self._answers,
            "link_losses": self._losses,
            "last_error": self._trouble or self._last_error,
            "inverter": self._seen(now_s),
            "heartbeats": line.polls,
            "heartbeat_age_s": age_s,
            "limits_interval_s": None if line.interval_s is None else round(line.interval_s, 2),
            "polled": {f"{code:02X}": count for code, count in list(line.commands.items())},
            "characters": line.characters,
            "damaged": line.damaged,
            "refused": line.refused,
            "for_others": line.elsewhere,
            "second_sender": {f"0x{a:02X}": n for a, n in list(line.foreign.items())},
        }

    # -- inside ------------------------------------------------------------------------------

    async def _serve(self, feed: Feed) -> None:
        """Answer until the goodbye is said; LinkError when the port fails."""
        opened_s = time.monotonic()
        self._receiver.discard()
        self._up = True
        if self._down:
            self._down = False
            LOG.info("%s: %s is back", self._name, self._options.port)
        while not self._slave.finished(feed.latest(), time.monotonic()):
            wanted = self._receiver.missing()
            try:
                data = await self._link.read(LOOK_S, at_least=wanted, silence_s=PARTIAL_S)
            except LinkTimeout:
                self._receiver.discard()
            else:
                await self._take(data, wanted, feed)
            self._watch(feed)
            if time.monotonic() - opened_s > STEADY_S:
                self._backoff.reset()

    async def _take(self, data: bytes, wanted: int, feed: Feed) -> None:
        self._slave.line.characters += len(data)
        heard = self._receiver.feed(data)
        if len(data) < wanted:
            self._receiver.discard()
        foreign = len(self._slave.line.foreign)
        # Whoever asked before the last frame has given up waiting: a late answer would destroy
        # what is said next.
        for number, frame in enumerate(heard, 1):
            reply = self._answer(frame, feed)
            if reply is not None and number == len(heard) and self._receiver.idle:
                await asyncio.sleep(QUIET_S)
                await self._link.write(reply)
                self._answers += 1
        if len(self._slave.line.foreign) > foreign == 0:
            LOG.warning(
                "%s: another battery answers at one of our addresses on %s: give it another",
                self._name,
                self._options.port,
            )

    def _answer(self, heard: Frame | DamagedFrame, feed: Feed) -> bytes | None:
        age_s = feed.age_s()
        real_s = 0.0 if age_s is None else feed.clock.real_s(age_s)
        LOG.debug("%s: heard %s", self._name, heard)
        return self._slave.answer(heard, feed.latest(), real_s, time.monotonic())

    def _watch(self, feed: Feed) -> None:
        """Tell a person about changes of the inverter, and why it gets no answer."""
        age_s = feed.age_s()
        real_s = 0.0 if age_s is None else feed.clock.real_s(age_s)
        self._answering = self._slave.view(feed.latest(), real_s) is not None
        inverter = self._seen(time.monotonic())
        if inverter != self._inverter:
            self._inverter = inverter
            level = logging.INFO if inverter == "seen" else logging.WARNING
            LOG.log(level, "%s: inverter %s on %s", self._name, inverter, self._options.port)
        if self._slave.trouble != self._trouble:
            self._trouble = self._slave.trouble
            if self._trouble:
                LOG.error("%s: %s", self._name, self._trouble)

    def _seen(self, now_s: float) -> str:
        polled_s = self._slave.line.polled_s
        if polled_s is None:
            return "never seen"
        return "seen" if now_s - polled_s <= self._options.heartbeat_timeout_s else "not seen"

    def _lost(self, error: LinkError) -> None:
        self._losses += 1
        self._last_error = str(error)
        LOG.log(
            logging.DEBUG if self._down else logging.WARNING,
            "%s; the inverter gets no answer until it is back",
            error,
        )
        self._down = True


async def _stopping_within(feed: Feed, delay_s: float) -> bool:
    """Wait; return at once, and True, if the controller stops meanwhile."""
    until_s = time.monotonic() + delay_s
    while True:
        state = feed.latest()
        if state is not None and state.phase is BankPhase.STOPPING:
            return True
        remaining_s = until_s - time.monotonic()
        if remaining_s <= 0:
            return False
        await feed.next(remaining_s)
