"""One device that Home Assistant was told of: its entities, its documents, what it must forget."""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from cellwarden.model import BankState, Identity, PackPhase, PackState, Reading
from cellwarden_homeassistant import discovery, state_payload
from cellwarden_homeassistant.entity import SPANS, STATELESS, Entity, Pace, View
from cellwarden_homeassistant.message import Message
from cellwarden_homeassistant.naming import Device
from cellwarden_homeassistant.pack_entities import pack_entities

EXPIRE_S = 3 * 60
"""Home Assistant gives a value up that was not heard of for this long: three times the longest
time between two states."""
WITHDRAW_AFTER_S = 30.0
"""How long an entity must have been out of place before Home Assistant is told to forget it: a gate
that is busy for a moment must not cost anybody the entity's place on a dashboard."""
_COUNTED = re.compile(r"(temperature|wire)_(\d\d)(?:_resistance)?")

Pacing = Mapping[Pace, float]
"""Shortest time in s between two values of an entity."""


@dataclass(slots=True)
class Shown:
    """One announced device."""

    device: Device
    table: tuple[Entity, ...]
    """What can be shown of it."""
    pacing: Pacing
    serial: str = ""
    """The serial number it is known by, as an id; empty where its name stands in."""
    shape: tuple[int, int, int] = (0, 0, 0)
    """Cells, battery sensors, balance leads; each only ever grows."""
    known: set[str] = field(default_factory=set)
    """Optional entities that have shown a value."""
    controls: tuple[Entity, ...] = ()
    last_request: str | None = None
    """What became of the last command, for a person."""
    phase: PackPhase | None = None
    """Where a pack stood at its last state."""
    rights_at_s: float = 0.0
    """When the gate is to be asked again what it would try."""
    config: Message | None = None
    """Its discovery message; None when it has to be written anew."""
    removed: dict[str, str] = field(default_factory=dict)
    """Component -> platform that the next discovery message tells Home Assistant to forget."""
    doubted: dict[str, tuple[str, float]] = field(default_factory=dict)
    """Component -> platform and since when (real s) it is known there and out of place here."""
    identity: Identity | None = None
    """What the pack last said of itself."""
    _parts: dict[Pace, state_payload.Part] | None = None
    _unknown: tuple[Entity, ...] | None = None
    """Optional entities that have shown no value yet."""
    _held: dict[Pace, tuple[float, str]] = field(default_factory=dict)
    """Until when (real s) a part of the state stands, and its JSON."""

    @property
    def status_topic(self) -> str:
        """Its own availability."""
        return self.device.availability_topics[-1]

    @property
    def entities(self) -> tuple[Entity, ...]:
        """What is announced."""
        table = (e for e in self.table if not e.optional or e.key in self.known)
        return (*table, *self.controls)

    def rename(self, device: Device, identity: Identity | None) -> None:
        """Take what is known of the device now."""
        self.identity = identity
        if device != self.device:
            self.device, self.config = device, None

    def learn(self, state: BankState | PackState, view: View) -> None:
        """Take notice of first values of optional entities, and of settings out of range."""
        if self._unknown is None:
            self._unknown = tuple(e for e in self.table if e.optional and e.key not in self.known)
        for entity in self._unknown:
            value = entity.get(view if entity.whole else state)
            if value is not None and (value is True or not entity.after_true):
                self.known.add(entity.key)
                self._changed()
        for place, control in enumerate(self.controls):
            if control.platform == "number":
                self._widen(place, control, control.get(view if control.whole else state))

    def _widen(self, place: int, control: Entity, value: object) -> None:
        """Let a number's range enclose what the device holds: it would not be shown otherwise."""
        low, high = control.span
        least, most = SPANS.get(control.unit, SPANS[None])
        if not isinstance(value, int | float) or low <= value <= high:
            return
        if not least <= value <= most:  # no setting but a fault, NaN as well
            return
        step, digits = control.step or 1.0, control.precision or 0
        wider = replace(
            control,
            minimum=min(low, round(math.floor(value / step) * step, digits)),
            maximum=max(high, round(math.ceil(value / step) * step, digits)),
        )
        self.controls = (*self.controls[:place], wider, *self.controls[place + 1 :])
        self._changed()

    def grow(self, reading: Reading) -> None:
        """Take notice of the cells, sensors and leads that a reading has."""
        self._reshape(
            len(reading.cell_voltages_v),
            len(reading.temperatures_c),
            len(reading.wire_resistances_ohm),
        )

    def _reshape(self, *lengths: int) -> None:
        cells, sensors, wires = (max(a, b) for a, b in zip(self.shape, lengths, strict=True))
        if not self.table or self.shape != (cells, sensors, wires):
            self.shape = (cells, sensors, wires)
            self.table = pack_entities(cells, sensors, wires)
            self._changed()

    def offer(self, controls: Iterable[Entity], now_s: float) -> None:
        """Show these controls; what is no longer among them goes after a while."""
        wanted = {control.key: control for control in controls}
        have = {control.key: control for control in self.controls}
        for key, control in have.items():
            if key not in wanted:
                self.doubted.setdefault(key, (control.platform, now_s))
        new = [control for key, control in wanted.items() if key not in have]
        if new:
            self.controls = (*self.controls, *new)
            self._changed()

    def remember(self, components: Mapping[str, str], now_s: float) -> None:
        """Take what an earlier run announced: component -> platform."""
        optional = {entity.key for entity in self.table if entity.optional}
        self.known |= optional & components.keys()
        counts = [(found[1], int(found[2])) for key in components if (found := _named(key))]
        if counts and self.shape[0]:
            sensors = max((number for what, number in counts if what == "temperature"), default=0)
            wires = max((number for what, number in counts if what == "wire"), default=0)
            self._reshape(0, sensors, wires)
        self._changed()
        for key, platform in components.items():
            self.doubted.setdefault(key, (platform, now_s))

    def settle(self, now_s: float) -> None:
        """Have Home Assistant forget what has been out of place for long enough."""
        if not self.doubted:
            return
        table = {e.key: e.platform for e in self.table if not e.optional or e.key in self.known}
        offered = {e.key: e.platform for e in self.controls}
        for key, (platform, since_s) in list(self.doubted.items()):
            if table.get(key) == platform:
                del self.doubted[key]
            elif now_s - since_s >= WITHDRAW_AFTER_S:
                del self.doubted[key]
                self.removed[key] = platform
                if offered.get(key) == platform:
                    self.controls = tuple(e for e in self.controls if e.key != key)
                self._changed()

    def trust(self, controls: Iterable[Entity]) -> None:
        """Stop doubting what is offered again."""
        for control in controls:
            if self.doubted.get(control.key, ("", 0.0))[0] == control.platform:
                del self.doubted[control.key]

    def discovery(self) -> Message:
        """Return the discovery message."""
        if self.config is None:
            payload = discovery.encode(
                self.device, self.entities, removed=self.removed, expire_after_s=EXPIRE_S
            )
            self.config = Message(self.device.discovery_topic, payload, 1)
        return self.config

    def told(self) -> None:
        """Note that the discovery message was sent: what it removed is left out of the next."""
        if self.removed:
            self.removed.clear()
            self._changed()

    def state(self, state: BankState | PackState, view: View, now_s: float) -> Message:
        """Return the state message, with new values where their pace allows them."""
        parts = self._by_pace()
        for pace, part in parts.items():
            until_s, _ = self._held.get(pace, (-math.inf, ""))
            if now_s >= until_s or pace is Pace.CYCLE:
                self._held[pace] = (now_s + self.pacing[pace], part.write(state, view))
        texts = [self._held[pace][1] for pace in parts]
        payload = state_payload.joined([*texts, self._leaving()])
        return Message(self.device.state_topic, payload, 0)

    def _leaving(self) -> str:
        """Return what is announced no more as null: Home Assistant reads it until it is told."""
        if not self.doubted and not self.removed:
            return ""
        platforms = {key: platform for key, (platform, _) in self.doubted.items()} | self.removed
        announced = {entity.key for entity in self.entities}
        gone = [k for k, p in platforms.items() if k not in announced and p not in STATELESS]
        return ",".join(f"{state_payload.json_text(key)}:null" for key in gone)

    def hurry(self) -> None:
        """Take every value anew for the next state, whatever its pace."""
        self._held.clear()

    def _by_pace(self) -> dict[Pace, state_payload.Part]:
        if self._parts is None:
            entities = self.entities
            self._parts = {
                pace: state_payload.Part(e for e in entities if e.pace is pace) for pace in Pace
            }
        return self._parts

    def _changed(self) -> None:
        self.config = self._parts = self._unknown = None
        self._held.clear()


def _named(key: str) -> re.Match[str] | None:
    return _COUNTED.fullmatch(key)
