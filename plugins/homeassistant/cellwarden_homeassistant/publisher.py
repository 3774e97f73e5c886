"""What is due for publishing, and when. No I/O, no clock: time is passed in.

The publisher compares what the broker should hold with what it was sent. So a message that was not
sent, for whatever reason, is due again later with the values of then, and nothing is ever queued.

Times are real seconds, whatever the controller's own clock does: a database behind Home Assistant
records every state.
"""

import logging
from collections import deque
from collections.abc import Iterable, Iterator

from cellwarden import __version__
from cellwarden.model import BankState, PackPhase, PackState
from cellwarden_homeassistant import controls, earlier
from cellwarden_homeassistant.answers import Answer
from cellwarden_homeassistant.controls import Rights
from cellwarden_homeassistant.entities import BANK, BRIDGE
from cellwarden_homeassistant.entity import Entity, Pace, View
from cellwarden_homeassistant.message import OFFLINE, ONLINE, Message
from cellwarden_homeassistant.meter import BankMeter
from cellwarden_homeassistant.naming import Names, serial_slug
from cellwarden_homeassistant.shown import Pacing, Shown

LOG = logging.getLogger(__name__)

RESEND_S = 60.0
"""A state is published this often even if nothing in it changed."""
SERIAL_PATIENCE_S = 10.0
"""How long a pack that answers may take to tell who it is and its cells, and how long an odd
serial number is doubted."""
REDRAW_AFTER_S = 2.0
"""After a command that was applied and changed nothing, the state is published again all the same:
Home Assistant's switch has moved already and waits for a word."""
RIGHTS_EVERY_S = 5.0
"""How often the gate is asked what it would try; a switch need not vanish sooner."""
EVENTS = 256
"""Answers to commands that wait to be sent; the oldest go first."""


class Publisher:
    """Decides what is due. Call `due`, send, and report each success with `sent`.

    After a failure, or on a new connection, call `announce`.
    """

    def __init__(
        self,
        names: Names,
        pacing: Pacing,
        rights: Rights,
        *,
        who: str,
        meter: BankMeter,
        started: str | None = None,
    ) -> None:
        self._names = names
        self._pacing = pacing
        self._rights = rights
        self._who = who
        self._meter = meter
        self._started = started
        self._bridge = Shown(names.bridge(__version__), BRIDGE, pacing)
        self._bank = Shown(names.whole_bank(), BANK, pacing)
        self._packs: dict[str, Shown] = {}
        self._answering_since: dict[str, float] = {}
        self._odd_since: dict[str, float] = {}
        self._sent: dict[str, tuple[bytes, float]] = {}
        self._ghosts: set[str] = set()
        self._earlier: dict[str, earlier.Earlier] = {}
        self._deleted: dict[str, None] = {}
        self._events: deque[Message] = deque(maxlen=EVENTS)
        self._redraw: dict[str, float] = {}
        self._urgency: object = None
        self._next_s = 0.0

    @property
    def announced(self) -> tuple[str, ...]:
        """The names of the packs that Home Assistant was told of."""
        return tuple(self._packs)

    def announce(self) -> None:
        """Forget what was sent: everything is due again."""
        self._sent.clear()
        self._events.clear()
        self._next_s = 0.0

    # -- what came from the broker -------------------------------------------------------------

    def heard_status(self, topic: str, payload: bytes, *, retained: bool) -> None:
        """Take an availability message of ours back from the broker.

        A pack that an earlier run left `online` and that this one has not met is a ghost: its old
        values would look alive. And a will that comes late must not silence a bridge that is back.
        """
        if topic == self._names.bridge_status:
            if payload == OFFLINE and self._sent.get(topic, (b"", 0.0))[0] == ONLINE:
                del self._sent[topic]
        elif payload == ONLINE and retained and topic not in self._pack_topics():
            self._ghosts.add(topic)

    def heard_discovery(self, topic: str, payload: bytes, now_s: float) -> None:
        """Take a discovery document that the broker has kept, from an earlier run or from now."""
        found = earlier.read(self._names, topic, payload)
        if found is None:
            return
        for shown in (self._bridge, self._bank, *self._packs.values()):
            if shown.device.discovery_topic == topic:
                shown.remember(found.components, now_s)
                return
        self._earlier[topic] = found

    def control(self, topic: str) -> tuple[str, Entity] | None:
        """Return the pack (empty: the bank) and the control that a command topic belongs to."""
        for pack, shown in (("", self._bank), *self._packs.items()):
            prefix = f"{shown.device.command_topic}/"
            if topic.startswith(prefix):
                key = topic.removeprefix(prefix)
                named = (c for c in shown.controls if c.key == key and c.command is not None)
                control = next(named, None)
                return None if control is None else (pack, control)
        return None

    def answer(self, answer: Answer, now_s: float) -> None:
        """Tell what became of a command: an event, a line, and the state as it is now."""
        shown = self._packs.get(answer.pack) if answer.pack else self._bank
        if shown is None:
            return
        shown.last_request = answer.text
        shown.hurry()
        self._events.append(Message(shown.device.event_topic, answer.payload(), 1, retain=False))
        self._redraw[shown.device.state_topic] = now_s + (REDRAW_AFTER_S if answer.applied else 0.0)

    # -- what is due ---------------------------------------------------------------------------

    def due(self, state: BankState, now_s: float, *, hung: bool = False) -> Iterator[Message]:
        """Yield what is due, in the order to send it.

        With `hung` the controller decides nothing any more, so nothing it said is true any more.
        What goes away comes first, what comes back last, so that no old value looks new.
        """
        for place, pack in enumerate(state.packs, start=1):
            self._learn(pack, place, now_s)
        self._find_gone(state)
        status = self._status(state, hung=hung)
        yield from self._unsent(m for m in status if m.payload == OFFLINE)
        if hung:
            return
        yield from tuple(self._events)
        yield from self._states(state, now_s)
        shown = (self._bridge, self._bank, *self._packs.values())
        yield from self._unsent(device.discovery() for device in shown)
        yield from [Message(topic, b"", 1) for topic in self._deleted]
        yield from self._unsent(m for m in status if m.payload == ONLINE)

    def sent(self, message: Message, now_s: float) -> None:
        """Note that a message was handed to the broker."""
        if not message.retain:
            self._events.remove(message)
            return
        self._sent[message.topic] = (message.payload, now_s)
        self._deleted.pop(message.topic, None)
        for shown in (self._bridge, self._bank, *self._packs.values()):
            if shown.config is message:
                shown.told()

    def farewell(self) -> list[Message]:
        """Return what marks everything unavailable, the bridge last."""
        packs = (shown.status_topic for shown in self._packs.values())
        topics = (*packs, self._bank.status_topic, self._names.bridge_status)
        return [Message(topic, OFFLINE, 1) for topic in topics]

    # -- parts ---------------------------------------------------------------------------------

    def _learn(self, pack: PackState, place: int, now_s: float) -> None:
        """Meet a pack, or notice what is new about one; `place` is its place in the bank."""
        if pack.reading is None:
            return
        name, serial = pack.pack, serial_slug(pack.identity)
        shown = self._packs.get(name)
        if shown is not None and shown.serial and serial not in ("", shown.serial):
            # Another BMS under the same name; a single odd frame must not create a device.
            if now_s - self._odd_since.setdefault(name, now_s) < SERIAL_PATIENCE_S:
                return
            self._forget(self._packs.pop(name))
            shown = None
        self._odd_since.pop(name, None)
        if shown is None:
            since_s = self._answering_since.setdefault(name, now_s)
            told = pack.identity is not None and pack.reading.cell_voltages_v
            if not told and now_s - since_s < SERIAL_PATIENCE_S:
                return
            shown = self._meet(pack, place, now_s)
        if pack.identity != shown.identity:
            shown.rename(self._names.pack(_key(shown), name, pack.identity), pack.identity)
        shown.grow(pack.reading)

    def _meet(self, pack: PackState, place: int, now_s: float) -> Shown:
        taken = frozenset(_key(other) for other in self._packs.values())
        key = self._names.pack_key(pack.pack, place, pack.identity, taken)
        serial = serial_slug(pack.identity)
        if serial and key != serial:
            LOG.warning(
                "%s: another pack has the serial number %s too; it is known by its name instead",
                pack.pack,
                serial,
            )
        device = self._names.pack(key, pack.pack, pack.identity)
        shown = Shown(device, (), self._pacing, serial if key == serial else "")
        shown.identity = pack.identity
        self._packs[pack.pack] = shown
        self._ghosts.discard(shown.status_topic)
        for topic in (device.discovery_topic, device.state_topic, shown.status_topic):
            self._deleted.pop(topic, None)
        if pack.reading is not None:
            shown.grow(pack.reading)
        found = self._earlier.pop(device.discovery_topic, None)
        if found is not None:
            shown.remember(found.components, now_s)
        self._next_s = 0.0
        return shown

    def _forget(self, shown: Shown) -> None:
        device = shown.device
        self._ghosts.add(shown.status_topic)
        self._earlier[device.discovery_topic] = earlier.Earlier(
            {}, (device.state_topic, shown.status_topic)
        )

    def _find_gone(self, state: BankState) -> None:
        """Delete devices of packs that are no more, once every pack that is there was met.

        Before, a device that an earlier run announced may be that of a pack not heard yet.
        """
        if not self._earlier or len(self._packs) < len(state.packs):
            return
        for topic, found in self._earlier.items():
            LOG.info("%s: no pack of this bank any more; Home Assistant is told", topic)
            self._ghosts -= set(found.topics)
            self._deleted |= dict.fromkeys((topic, *found.topics))
            for gone in found.topics:
                self._sent.pop(gone, None)
        self._earlier.clear()

    def _status(self, state: BankState, *, hung: bool) -> list[Message]:
        """Return the availability of everything, the bridge last."""
        answering = {pack.pack for pack in state.online} if not hung else set()
        alive = {shown.status_topic: name in answering for name, shown in self._packs.items()}
        alive[self._bank.status_topic] = bool(answering)
        alive.update(dict.fromkeys(self._ghosts, False))
        alive[self._names.bridge_status] = not hung
        return [Message(topic, ONLINE if on else OFFLINE, 1) for topic, on in alive.items()]

    def _pack_topics(self) -> set[str]:
        return {shown.status_topic for shown in self._packs.values()}

    def _states(self, state: BankState, now_s: float) -> Iterator[Message]:
        """Yield the states that are due: all of them together, one consistent moment."""
        urgency = _urgency(state)
        redraw = {topic for topic, at_s in self._redraw.items() if now_s >= at_s}
        if now_s < self._next_s and urgency == self._urgency and not redraw:
            return
        self._urgency = urgency
        self._next_s = now_s + self._pacing[Pace.CYCLE]
        for topic in redraw:
            del self._redraw[topic]
            self._sent.pop(topic, None)
        for message in self._state_messages(state, now_s):
            last = self._sent.get(message.topic)
            if last is None or last[0] != message.payload or now_s - last[1] >= RESEND_S:
                yield message

    def _state_messages(self, state: BankState, now_s: float) -> list[Message]:
        charged_wh, discharged_wh = self._meter.take(state)
        view = View(bank=state, started=self._started)
        self._bridge.learn(state, view)
        self._bridge.settle(now_s)
        messages = [self._bridge.state(state, view, now_s)]
        view = View(
            bank=state,
            last_request=self._bank.last_request,
            charged_wh=charged_wh,
            discharged_wh=discharged_wh,
        )
        messages.append(self._state_of("", self._bank, state, view, now_s))
        for pack in state.packs:
            shown = self._packs.get(pack.pack)
            if shown is not None:
                view = View(bank=state, pack=pack, last_request=shown.last_request)
                messages.append(self._state_of(pack.pack, shown, pack, view, now_s))
        return messages

    def _state_of(
        self, name: str, shown: Shown, state: BankState | PackState, view: View, now_s: float
    ) -> Message:
        """Return the state of the bank or of a pack, after what is new about it was noticed."""
        phase = view.pack.phase if view.pack is not None else PackPhase.ONLINE
        if shown.phase is not phase:
            shown.phase = phase
            shown.hurry()
        if phase is PackPhase.ONLINE:
            # Not while lost: a gate refuses everything for a pack that does not answer.
            self._weigh(name, shown, now_s)
        shown.learn(state, view)
        return shown.state(state, view, now_s)

    def _weigh(self, name: str, shown: Shown, now_s: float) -> None:
        """Ask the gate, now and then, what it would try, and let go what is out of place."""
        if now_s >= shown.rights_at_s:
            shown.rights_at_s = now_s + RIGHTS_EVERY_S
            offered = controls.offered(self._rights, name, self._who)
            shown.trust(offered)
            shown.offer(offered, now_s)
        shown.settle(now_s)

    def _unsent(self, messages: Iterable[Message]) -> Iterator[Message]:
        for message in messages:
            last = self._sent.get(message.topic)
            if last is None or last[0] != message.payload:
                yield message


def _key(shown: Shown) -> str:
    return shown.device.id.removeprefix("cellwarden_pack_")


def _urgency(state: BankState) -> object:
    """Return what must not wait for the interval when it changes."""
    limits = state.limits
    return (
        state.phase,
        state.charge_allowed,
        state.discharge_allowed,
        None if limits is None else (limits.ccl_a <= 0, limits.dcl_a <= 0),
        tuple((pack.phase, pack.charge_allowed, pack.discharge_allowed) for pack in state.packs),
        frozenset((a.pack, a.kind, a.severity, a.where) for a in state.alarms),
        controls.settled(state),
    )
