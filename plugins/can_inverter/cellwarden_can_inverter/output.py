"""The output: keeps a bus open, sends what is due, listens to the inverter."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Mapping

from cellwarden.errors import LinkError
from cellwarden.interfaces import Feed, Gate
from cellwarden.links.can import CanLink
from cellwarden.links.can_frame import CanFrame
from cellwarden.model import BankPhase, ExternalMeasurement
from cellwarden.runtime.backoff import Backoff
from cellwarden_can_inverter.config import CanInverterOptions
from cellwarden_can_inverter.inverter import Bystander
from cellwarden_can_inverter.polled import PolledTransmission
from cellwarden_can_inverter.profiles import dialect_and_manners
from cellwarden_can_inverter.transmission import Transmission

LOG = logging.getLogger(__name__)

FIRST_RETRY_S = 0.5
LAST_RETRY_S = 5.0
"""Inverters give a battery up after 3 s (Victron) to 60 s (SMA): waiting longer gains nothing."""
STEADY_S = 10.0
"""A bus that worked this long, in real s, has recovered."""


class CanInverterOutput:
    """Tells one inverter on one bus. Runs on the control loop and never blocks it."""

    def __init__(self, options: CanInverterOptions, *, name: str = "can_inverter") -> None:
        self._name = name
        self._options = options
        self._dialect, self._manners = dialect_and_manners(options)
        self._link = CanLink(
            interface=options.interface,
            channel=options.channel,
            bitrate=options.bitrate,
            options=options.bus_arguments(),
            listen_to=[
                f.can_id for f in (*self._dialect.frames, *self._dialect.also, *self._dialect.heard)
            ],
        )
        self._others = Bystander(dialect=self._dialect, timeout_s=options.heartbeat_timeout_s)
        self._inverter = "never seen"
        self._backoff = Backoff(FIRST_RETRY_S, LAST_RETRY_S)
        self._transmission: Transmission | PolledTransmission | None = None
        self._feed: Feed | None = None
        self._patience: asyncio.Timeout | None = None
        """Of the coroutine that waits while a timer sends; None while the bus is closed."""
        self._timer: asyncio.TimerHandle | None = None
        self._failure: LinkError | None = None
        self._clamped: frozenset[str] = frozenset()
        """Names that a person was told of."""
        self._down = False
        """A person was told that the bus is away."""
        self._opened_s = 0.0
        self._sent_since_open = 0
        self._sent = 0
        self._losses = 0
        self._last_error = ""
        self._last_frames: dict[int, CanFrame] = {}

    async def run(self, feed: Feed, gate: Gate) -> None:  # noqa: ARG002  # asks for nothing
        """Serve until the goodbye is said. A bus that fails is opened again, for ever."""
        transmission = self._transmission = self._new_transmission()
        self._feed = feed
        polled = bool(self._dialect.answers)
        try:
            while True:
                try:
                    await self._link.open(self._heard, eager=polled)
                    await self._transmit(feed, transmission)
                except LinkError as error:
                    self._lost(error)
                else:
                    return
                await self._link.close()
                if await _stopping_within(feed, self._backoff.next_s()):
                    return
        except asyncio.CancelledError:
            self._last_word(transmission)
            raise
        finally:
            await self._link.close()

    def status(self) -> Mapping[str, object]:
        """Return how the bus and the inverter are; from any thread."""
        others, now_s, transmission = self._others, time.monotonic(), self._transmission
        age_s = None if others.heartbeat_s is None else round(now_s - others.heartbeat_s, 1)
        return {
            "bus": self._link.device,
            "profile": self._options.profile,
            "dialect": self._dialect.name,
            "link": "up" if self._link.is_open else "down",
            "sending": transmission is not None and transmission.on_air and self._link.is_open,
            "frames_sent": self._sent,
            "sets_sent": 0 if transmission is None else transmission.sets,
            "link_losses": self._losses,
            "last_error": self._last_error,
            "inverter": others.inverter(now_s),
            "heartbeats": others.heartbeats,
            "heartbeat_age_s": age_s,
            "heartbeat_payload": others.payload.hex().upper(),
            "inverter_name": others.name(),
            "inverter_says": others.words(),
            "inverter_ages_s": others.ages_s(now_s),
            "clamped": sorted(self._clamped),
            "second_sender": {f"0x{i:03X}": n for i, n in list(others.foreign.items())},
            "frames": [frame.text for frame in list(self._last_frames.values())],
        }

    # -- inside ------------------------------------------------------------------------------

    def _new_transmission(self) -> Transmission | PolledTransmission:
        kind = PolledTransmission if self._dialect.answers else Transmission
        return kind(
            self._dialect,
            self._manners,
            period_s=self._options.period_s,
            spacing_s=self._options.spacing_s,
        )

    async def _transmit(self, feed: Feed, transmission: Transmission | PolledTransmission) -> None:
        """Send what is due until the goodbye is said; LinkError when the bus fails.

        Frames go out from a timer, not from this coroutine: beside a thread that burns a core,
        each turn of the loop costs a wait for the interpreter's lock.
        """
        self._opened_s, self._sent_since_open = time.monotonic(), 0
        transmission.restart(self._opened_s)
        self._failure = None
        try:
            async with asyncio.timeout(None) as self._patience:
                while True:
                    self._step()
                    await feed.next()
        except TimeoutError:
            if self._failure is not None:
                raise self._failure from None
        finally:
            self._patience = None
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

    def _step(self) -> None:
        """Send what is due now, and come back when more is."""
        transmission, feed, patience = self._transmission, self._feed, self._patience
        if transmission is None or feed is None or patience is None:
            return
        now_s = time.monotonic()
        age_s = feed.age_s()
        try:
            frame = transmission.poll(
                feed.latest(), 0.0 if age_s is None else feed.clock.real_s(age_s), now_s
            )
            if frame is not None:
                self._link.send(frame)
                self._note_sent(frame, now_s)
            if not transmission.in_set:
                self._between_sets(transmission, now_s)
        except LinkError as error:
            self._failure = error
        if self._failure is not None or transmission.finished:
            self._patience = None
            patience.reschedule(now_s)  # ends _transmit
            return
        if self._timer is not None:
            self._timer.cancel()
        loop = asyncio.get_running_loop()
        self._timer = loop.call_at(transmission.wake_s, self._step)

    def _between_sets(self, transmission: Transmission | PolledTransmission, now_s: float) -> None:
        """Do what has time; LinkError if the bus has failed meanwhile."""
        self._link.check()
        self._note_clamped(transmission.clamped)
        self._watch_inverter(now_s)
        if not self._dialect.answers:
            self._link.read()

    def _note_sent(self, frame: CanFrame, now_s: float) -> None:
        self._sent += 1
        self._sent_since_open += 1
        self._last_frames[frame.can_id] = frame
        if self._down and self._sent_since_open >= len(self._dialect.frames):
            self._down = False
            LOG.info("%s: %s is back, frames go on", self._name, self._link.device)
        if now_s - self._opened_s > STEADY_S:
            self._backoff.reset()

    def _lost(self, error: LinkError) -> None:
        self._losses += 1
        self._last_error = str(error)
        LOG.log(
            logging.DEBUG if self._down else logging.WARNING,
            "%s: %s; the inverter hears nothing until it is back",
            self._name,
            error,
        )
        self._down = True

    def _heard(self, frame: CanFrame) -> None:
        transmission, feed = self._transmission, self._feed
        if isinstance(transmission, PolledTransmission) and transmission.ask(frame):
            self._step()
        trouble = self._others.heard(frame, time.monotonic())
        if trouble is not None:
            LOG.warning("%s: %s: %s", self._name, self._link.device, trouble)
        measured = self._others.measured(frame)
        if measured is not None and feed is not None:
            feed.report(
                ExternalMeasurement(
                    source=self._name,
                    voltage_v=measured.voltage_v,
                    current_a=measured.current_a,
                    heard_s=feed.clock.now_s(),
                )
            )

    def _note_clamped(self, clamped: set[str]) -> None:
        """Tell a person once of each value that did not fit."""
        if clamped <= self._clamped:
            return
        LOG.warning(
            "%s: beyond what %s can be told, sent as its limit: %s",
            self._name,
            self._dialect.name,
            ", ".join(sorted(clamped - self._clamped)),
        )
        self._clamped = frozenset(clamped)

    def _watch_inverter(self, now_s: float) -> None:
        inverter = self._others.inverter(now_s)
        if inverter != self._inverter:
            self._inverter = inverter
            level = logging.INFO if inverter == "seen" else logging.WARNING
            LOG.log(level, "%s: inverter %s on %s", self._name, inverter, self._link.device)

    def _last_word(self, transmission: Transmission | PolledTransmission) -> None:
        """Cancelled: no time for a goodbye, but enough for "0 A, both enables off"."""
        with contextlib.suppress(LinkError):
            for frame in transmission.goodbye():
                self._link.send(frame)


async def _stopping_within(feed: Feed, delay_s: float) -> bool:
    """Wait; return at once, and True, if the controller stops meanwhile."""
    until_s = time.monotonic() + delay_s
    while (remaining_s := until_s - time.monotonic()) > 0:
        state = feed.latest()
        if state is not None and state.phase is BankPhase.STOPPING:
            return True
        await feed.next(remaining_s)
    state = feed.latest()
    return state is not None and state.phase is BankPhase.STOPPING
