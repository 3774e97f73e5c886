"""What is due for publishing, and when. No I/O, no clock: time is passed in.

The publisher compares what the broker should hold with what it was sent. So a message that was not
sent, for whatever reason, is due again later with the values of then, and nothing is ever queued.

Times are real seconds, whatever the controller's own clock does: a database behind Home Assistant
records every state.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field

from cellwarden import __version__
from cellwarden.model import BankState, PackState, Reading
from cellwarden_homeassistant import discovery, state_payload
from cellwarden_homeassistant.entities import BANK, BRIDGE, Entity, pack_entities
from cellwarden_homeassistant.naming import Device, Names, serial_slug

LOG = logging.getLogger(__name__)

ONLINE, OFFLINE = b"online", b"offline"

RESEND_S = 60.0
"""A state is published this often even if nothing in it changed."""
EXPIRE_S = 3 * 60
"""Home Assistant gives a value up that was not heard of for this long: three times `RESEND_S`."""
SERIAL_PATIENCE_S = 10.0
"""How long a pack that answers may take to tell who it is and its cells, and how long an odd
serial number is doubted."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message, always retained: what a subscriber is to find at any time."""

    topic: str
    payload: bytes
    qos: int
    """0 for states, which the next one replaces; 1 for what is sent once."""


@dataclass(slots=True)
class Shown:
    """One announced device."""

    device: Device
    entities: tuple[Entity, ...]
    serial: str = ""
    """The serial number it is known by, as an id; empty where its name stands in."""
    shape: tuple[int, int, int] = (0, 0, 0)
    """Cells, battery sensors, balance leads; each only ever grows."""
    known: set[str] = field(default_factory=set)
    """Optional entities that have shown a value."""
    config: Message | None = None
    """Its discovery message; None when it has to be written anew."""

    @property
    def status_topic(self) -> str:
        """Its own availability."""
        return self.device.availability_topics[-1]

    def learn(self, state: BankState | PackState) -> None:
        """Take notice of optional entities that have a value for the first time."""
        for entity in self.entities:
            if entity.optional and entity.key not in self.known and entity.get(state) is not None:
                self.known.add(entity.key)
                self.config = None

    def grow(self, reading: Reading) -> None:
        """Take notice of the cells, sensors and leads that a reading has."""
        lengths = (
            len(reading.cell_voltages_v),
            len(reading.temperatures_c),
            len(reading.wire_resistances_ohm),
        )
        cells, sensors, wires = (max(a, b) for a, b in zip(self.shape, lengths, strict=True))
        if not self.entities or self.shape != (cells, sensors, wires):
            self.shape = (cells, sensors, wires)
            self.entities = pack_entities(cells, sensors, wires)
            self.config = None

    def discovery(self) -> Message:
        """Return the discovery message."""
        if self.config is None:
            payload = discovery.encode(
                self.device, self.entities, self.known, expire_after_s=EXPIRE_S
            )
            self.config = Message(self.device.discovery_topic, payload, 1)
        return self.config

    def state(self, state: BankState | PackState) -> Message:
        """Return the state message."""
        return Message(self.device.state_topic, state_payload.encode(self.entities, state), 0)


class Publisher:
    """Decides what is due. Call `due`, send, and report each success with `sent`.

    After a failure, or on a new connection, call `announce`.
    """

    def __init__(self, names: Names, interval_s: float) -> None:
        self._names = names
        self._interval_s = interval_s
        self._bridge = Shown(names.bridge(__version__), BRIDGE)
        self._bank = Shown(names.whole_bank(), BANK)
        self._packs: dict[str, Shown] = {}
        self._answering_since: dict[str, float] = {}
        self._odd_since: dict[str, float] = {}
        self._sent: dict[str, tuple[bytes, float]] = {}
        self._ghosts: set[str] = set()
        self._urgency: object = None
        self._next_s = 0.0

    @property
    def announced(self) -> tuple[str, ...]:
        """The names of the packs that Home Assistant was told of."""
        return tuple(self._packs)

    def announce(self) -> None:
        """Forget what was sent: everything is due again."""
        self._sent.clear()
        self._next_s = 0.0

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

    def due(self, state: BankState, now_s: float, *, hung: bool = False) -> Iterator[Message]:
        """Yield what is due, in the order to send it.

        With `hung` the controller decides nothing any more, so nothing it said is true any more.
        What goes away comes first, what comes back last, so that no old value looks new.
        """
        for place, pack in enumerate(state.packs, start=1):
            self._learn(pack, place, now_s)
        self._bank.learn(state)
        status = self._status(state, hung=hung)
        yield from self._unsent(m for m in status if m.payload == OFFLINE)
        if hung:
            return
        yield from self._states(state, now_s)
        shown = (self._bridge, self._bank, *self._packs.values())
        yield from self._unsent(device.discovery() for device in shown)
        yield from self._unsent(m for m in status if m.payload == ONLINE)

    def sent(self, message: Message, now_s: float) -> None:
        """Note that a message was handed to the broker."""
        self._sent[message.topic] = (message.payload, now_s)

    def farewell(self) -> list[Message]:
        """Return what marks everything unavailable, the bridge last."""
        packs = (shown.status_topic for shown in self._packs.values())
        topics = (*packs, self._bank.status_topic, self._names.bridge_status)
        return [Message(topic, OFFLINE, 1) for topic in topics]

    # -- parts -------------------------------------------------------------------------------

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
            self._ghosts.add(self._packs.pop(name).status_topic)
            shown = None
        self._odd_since.pop(name, None)
        if shown is None:
            since_s = self._answering_since.setdefault(name, now_s)
            told = pack.identity is not None and pack.reading.cell_voltages_v
            if not told and now_s - since_s < SERIAL_PATIENCE_S:
                return
            shown = self._meet(pack, place)
        device = self._names.pack(_key(shown), name, pack.identity)
        if device != shown.device:
            shown.device, shown.config = device, None
        shown.grow(pack.reading)
        shown.learn(pack)

    def _meet(self, pack: PackState, place: int) -> Shown:
        taken = frozenset(_key(other) for other in self._packs.values())
        key = self._names.pack_key(pack.pack, place, pack.identity, taken)
        serial = serial_slug(pack.identity)
        if serial and key != serial:
            LOG.warning(
                "%s: another pack has the serial number %s too; it is known by its name instead",
                pack.pack,
                serial,
            )
        shown = Shown(
            self._names.pack(key, pack.pack, pack.identity), (), serial if key == serial else ""
        )
        self._packs[pack.pack] = shown
        self._ghosts.discard(shown.status_topic)
        return shown

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
        if now_s < self._next_s and urgency == self._urgency:
            return
        self._urgency = urgency
        self._next_s = now_s + self._interval_s
        messages = [self._bridge.state(state), self._bank.state(state)]
        for pack in state.packs:
            shown = self._packs.get(pack.pack)
            if shown is not None:
                messages.append(shown.state(pack))
        for message in messages:
            last = self._sent.get(message.topic)
            if last is None or last[0] != message.payload or now_s - last[1] >= RESEND_S:
                yield message

    def _unsent(self, messages: Iterator[Message]) -> Iterator[Message]:
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
    )
