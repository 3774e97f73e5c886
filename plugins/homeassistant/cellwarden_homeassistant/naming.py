"""Ids and topics: what Home Assistant keeps for ever, so what must never depend on a port or order.

A pack is known by the serial number of its BMS; its name in the configuration stands in where the
BMS tells none. Ids hold `[a-z0-9_]` only, which is less than discovery topics allow.
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from cellwarden.model import Identity
from cellwarden_homeassistant.config import HomeAssistantOptions


def slug(text: str) -> str:
    """Return a text as `[a-z0-9_]`; empty where nothing of it can be kept."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode("ascii")
    return re.sub(r"[^a-z0-9]+", "_", plain.lower()).strip("_")


@lru_cache(maxsize=256)
def serial_slug(identity: Identity | None) -> str:
    """Return the serial number as an id; empty if there is none that could tell packs apart."""
    serial = slug(identity.serial_number or "") if identity is not None else ""
    # Boards that were never given a number send zeros or blanks.
    return "" if not serial.strip("0_") else serial


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """One device in Home Assistant: who it is and where it is published."""

    id: str
    """Identifier, prefix of every unique id, and last part but one of the discovery topic."""
    name: str
    entity_prefix: str
    """Start of the entity ids that Home Assistant is asked to make."""
    discovery_topic: str
    state_topic: str
    availability_topics: tuple[str, ...]
    """All of them must say `online`; the bridge's own comes first."""
    via: str | None = None
    """Id of the device it is reached through."""
    manufacturer: str = "Cellwarden"
    model: str | None = None
    serial_number: str | None = None
    hardware_version: str | None = None
    firmware_version: str | None = None

    @property
    def topic(self) -> str:
        """Where everything of this device is published."""
        return self.state_topic.removesuffix("/state")

    @property
    def command_topic(self) -> str:
        """Where commands come in, followed by the key of the control."""
        return f"{self.topic}/set"

    @property
    def event_topic(self) -> str:
        """Where it is told what became of a command."""
        return f"{self.topic}/event"


@dataclass(frozen=True, slots=True)
class Names:
    """Every id and topic of one bank."""

    bank: str
    """The bank's name, for people."""
    node: str
    """The bank's name, for topics and ids."""
    base_topic: str
    discovery_prefix: str

    @property
    def bridge_status(self) -> str:
        """The topic of the last will."""
        return f"{self.base_topic}/{self.node}/bridge/status"

    @property
    def every_pack_status(self) -> str:
        """A filter for the availability of every pack that ever was."""
        return f"{self.base_topic}/{self.node}/packs/+/status"

    @property
    def own(self) -> str:
        """What every topic of this bank but discovery begins with."""
        return f"{self.base_topic}/{self.node}/"

    @property
    def every_command(self) -> tuple[str, ...]:
        """Filters for every command to the bank and its packs."""
        return (f"{self.own}bank/set/+", f"{self.own}packs/+/set/+")

    @property
    def every_discovery(self) -> str:
        """A filter for the discovery of every device at the broker, ours and others'."""
        return f"{self.discovery_prefix}/device/+/config"

    def concerns_us(self, topic: str) -> bool:
        """Return whether a topic that our subscriptions bring is not just another's discovery."""
        prefix = f"{self.discovery_prefix}/device/"
        return not topic.startswith(prefix) or topic.startswith(f"{prefix}cellwarden_")

    def bridge(self, version: str) -> Device:
        """Return the controller's device."""
        return Device(
            id=f"cellwarden_bridge_{self.node}",
            name=f"{self.bank} controller",
            entity_prefix=f"{self.node}_controller",
            discovery_topic=self._discovery(f"cellwarden_bridge_{self.node}"),
            state_topic=f"{self.base_topic}/{self.node}/bridge/state",
            availability_topics=(self.bridge_status,),
            model="Battery controller",
            firmware_version=version,
        )

    def whole_bank(self) -> Device:
        """Return the bank's device."""
        return Device(
            id=f"cellwarden_bank_{self.node}",
            name=self.bank,
            entity_prefix=self.node,
            discovery_topic=self._discovery(f"cellwarden_bank_{self.node}"),
            state_topic=f"{self.base_topic}/{self.node}/bank/state",
            availability_topics=(
                self.bridge_status,
                f"{self.base_topic}/{self.node}/bank/status",
            ),
            via=f"cellwarden_bridge_{self.node}",
            model="Battery bank",
        )

    def pack(self, key: str, name: str, identity: Identity | None) -> Device:
        """Return a pack's device; `key` is from `pack_key`, `name` from the configuration."""
        who = identity or Identity()
        topic = f"{self.base_topic}/{self.node}/packs/{key}"
        return Device(
            id=f"cellwarden_pack_{key}",
            name=f"{self.bank} {name}",
            entity_prefix=f"{self.node}_{slug(name) or key}",
            discovery_topic=self._discovery(f"cellwarden_pack_{key}"),
            state_topic=f"{topic}/state",
            availability_topics=(self.bridge_status, f"{topic}/status"),
            via=f"cellwarden_bank_{self.node}",
            manufacturer=who.manufacturer or "Unknown",
            model=who.model,
            serial_number=who.serial_number,
            hardware_version=who.hardware_version,
            firmware_version=who.firmware_version,
        )

    def pack_key(
        self, name: str, place: int, identity: Identity | None, taken: frozenset[str]
    ) -> str:
        """Return what a pack is known by, different from all in `taken`.

        `place` is its place in the configuration, from 1: the last resort for names that leave no
        trace in ASCII, and for boards that share one serial number.
        """
        by_name = f"{self.node}_{slug(name) or place}"
        for key in (serial_slug(identity), by_name):
            if key and key not in taken:
                return key
        return f"{by_name}_{place}"

    def _discovery(self, device_id: str) -> str:
        return f"{self.discovery_prefix}/device/{device_id}/config"


def names_of(options: HomeAssistantOptions, bank: str) -> Names:
    """Return every id and topic of a bank."""
    return Names(
        bank=bank,
        node=slug(options.node_id or bank) or "battery",
        base_topic=options.base_topic,
        discovery_prefix=options.discovery_prefix,
    )
