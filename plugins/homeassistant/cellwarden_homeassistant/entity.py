"""What an entity is: one row of the tables that say what is shown and what can be asked for.

Classes, units and categories are those that Home Assistant accepts together (2026.11): charge in Ah
and resistance have no device class, only `%` may be a `battery`, a sensor is never `config`.

Keys are part of unique ids and of the published JSON: rename one and every user loses its history.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from cellwarden.model import BankState, PackState, RequestKind

Value = float | int | bool | str | None

STATELESS = ("button", "event")
"""Platforms that read nothing of a state."""
MEASUREMENT = "measurement"
TOTAL_INCREASING = "total_increasing"
DIAGNOSTIC = "diagnostic"
CONFIG = "config"


class Pace(Enum):
    """How soon a change of a value is published; each changed digit is a row in a database."""

    CYCLE = "publish_interval_s"
    CELLS = "cells_interval_s"
    """Sixteen numbers or more that all move a little."""
    SLOW = "slow_interval_s"
    """Counters, ages, estimates that take days to change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """Everything that an entity may look at, for the few that need more than their own state."""

    bank: BankState
    pack: PackState | None = None
    started: str | None = None
    """When this output began, ISO 8601."""
    last_request: str | None = None
    """What became of the last command to this device, for a person."""
    charged_wh: float | None = None
    """Of the whole bank since the first start."""
    discharged_wh: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """What a control asks the gate for."""

    kinds: tuple[RequestKind, ...]
    """Usually one; a button may withdraw several orders."""
    parameter: str = ""
    """For PARAMETERS, a name of `model.PARAMETERS`."""
    press: float | bool | None = None
    """What a button asks for; None withdraws an order."""
    off: bool | None = False
    """What a switch asks for when it is turned off; None withdraws an order."""
    ends: bool = False
    """The order ends by itself unless it is repeated: an automation that died must not steer on."""
    lasts_s: float | None = None
    """How long, in s, where nobody says; None: as long as the configuration says for all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """One entity: what Home Assistant is told of it, and where its value comes from."""

    key: str
    """In the state JSON, in the unique id and as component id."""
    name: str
    """The quantity only: Home Assistant puts the device's name before it."""
    get: Callable[[Any], Value]
    """Takes the BankState for controller and bank, the PackState for a pack."""
    whole: bool = False
    """`get` takes the `View` instead."""
    platform: str = "sensor"
    device_class: str | None = None
    unit: str | None = None
    state_class: str | None = None
    precision: int | None = None
    """Decimals, published and shown. None for text."""
    category: str | None = None
    icon: str | None = None
    options: tuple[str, ...] = ()
    """Every state that an `enum` or a select can have; every type of an event."""
    enabled: bool = True
    """Whether it is on without the user asking for it."""
    needs_data: bool = True
    """True for what was measured: unavailable while no BMS answers. False for what the controller
    itself says (limits, alarms), which matters most just then."""
    optional: bool = False
    """Announced only once a value was seen: not every BMS has it."""
    after_true: bool = False
    """With `optional`: announced only once it was true."""
    pace: Pace = Pace.CYCLE
    attribute: tuple[str, str] | None = None
    """An attribute's name, and the key of the state JSON that it shows."""
    minimum: float | None = None
    """Of a number entity: what may be asked for. Otherwise: below it a value is a fault."""
    maximum: float | None = None
    step: float | None = None
    """Of a number entity."""
    command: Command | None = None
    """None for what is only shown."""

    @property
    def has_state(self) -> bool:
        """Whether the state JSON holds a value of it; a button and an event have none."""
        return self.platform not in STATELESS

    @property
    def span(self) -> tuple[float, float]:
        """The numbers that are values of it; anything else is a fault, and shown as unknown."""
        low, high = SPANS.get(self.unit, SPANS[None])
        return (
            low if self.minimum is None else self.minimum,
            high if self.maximum is None else self.maximum,
        )


SPANS: dict[str | None, tuple[float, float]] = {
    # Ours: what no battery of a house, of 2000 Ah or 1500 V, comes near.
    "%": (0.0, 100.0),
    "V": (0.0, 2_000.0),
    "mV": (0.0, 10_000.0),
    "A": (-10_000.0, 10_000.0),
    "mA": (-10_000.0, 10_000.0),
    "W": (-10_000_000.0, 10_000_000.0),
    "Ah": (0.0, 100_000_000.0),
    "kWh": (0.0, 10_000_000.0),
    "Wh": (0.0, 10_000_000.0),
    "mΩ": (0.0, 1_000_000.0),
    "Ω": (0.0, 1_000_000.0),
    "°C": (-100.0, 300.0),
    "s": (0.0, 1_000_000_000.0),
    "min": (0.0, 1_000_000.0),
    "h": (0.0, 1_000_000.0),
    "d": (0.0, 100_000.0),
    None: (-1_000_000_000.0, 1_000_000_000.0),
}
"""Smallest and largest value of a unit."""


def measured(
    key: str,
    name: str,
    get: Callable[[Any], Value],
    unit: str,
    precision: int,
    device_class: str | None = None,
    **more: Any,
) -> Entity:
    """Return the usual sensor: a number with a unit."""
    return Entity(
        key=key,
        name=name,
        get=get,
        unit=unit,
        precision=precision,
        device_class=device_class,
        **{"state_class": MEASUREMENT, **more},
    )


def counted(key: str, name: str, get: Callable[[Any], Value], **more: Any) -> Entity:
    """Return a sensor that only ever grows."""
    return Entity(
        key=key,
        name=name,
        get=get,
        **{
            "state_class": TOTAL_INCREASING,
            "precision": 0,
            "category": DIAGNOSTIC,
            "pace": Pace.SLOW,
            **more,
        },
    )


def text(key: str, name: str, get: Callable[[Any], Value], **more: Any) -> Entity:
    """Return a sensor whose state is a line for people."""
    return Entity(key=key, name=name, get=get, **{"category": DIAGNOSTIC, **more})


def choice(
    key: str, name: str, get: Callable[[Any], Value], options: type[Enum], **more: Any
) -> Entity:
    """Return a sensor whose state is one of an enum's values."""
    return Entity(
        key=key,
        name=name,
        get=get,
        device_class="enum",
        options=tuple(str(option.value) for option in options),
        **more,
    )


def binary(
    key: str,
    name: str,
    get: Callable[[Any], Value],
    device_class: str | None = None,
    **more: Any,
) -> Entity:
    """Return a sensor that is on or off."""
    return Entity(
        key=key, name=name, get=get, platform="binary_sensor", device_class=device_class, **more
    )


def field(name: str) -> Callable[[Any], Value]:
    """Return a getter of a field of the state itself."""

    def get(state: Any) -> Value:
        value: Value = getattr(state, name)
        return value

    return get
