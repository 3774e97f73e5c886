"""What a row of the tables is: one published item."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Generic, Literal, TypeVar

from cellwarden_victron.sources import Value

Source = TypeVar("Source")

SLOW_S = 5.0
"""For what nobody steers by: cells, temperatures, charge counts. Venus looks at its battery list
every 5 s."""
RARE_S = 60.0
"""For what changes with the hours: the history."""

Urgent = Literal["", "fall", "rise", "any"]


@dataclass(frozen=True, slots=True)
class Path(Generic[Source]):
    """One published item."""

    path: str
    kind: Literal["i", "d", "s"]
    """The D-Bus type while the value is known; the invalid marker has a type of its own."""
    read: Callable[[Source], Value]
    readers: str = ""
    unit: str = ""
    digits: int = 0
    """Decimals of a double: what is rounded away makes no traffic."""
    every_s: float = 0.0
    """Shortest time between two changes that are told, besides the pace of all."""
    urgent: Urgent = ""
    """Which change does not wait for the pace: of a limit the fall, of an alarm the rise."""
    by_alarms: bool = False
    """It changes only with the alarms and with the packs that answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What changes only by a person's hand."""

    product_name: str
    custom_name: str
    connection: str
    device_instance: int
    bluetooth: bool = False


@dataclass(frozen=True, slots=True)
class Fault:
    """An error that came up."""

    code: int
    """A value of `/ErrorCode`."""
    at_s: int
    """Seconds since 1970, as the GX shows it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Own:
    """What the output itself knows beside the bank's state."""

    current_avg_a: float | None = None
    faults: tuple[Fault, ...] = ()
    """The newest first."""
    controls: Mapping[str, Value] = field(default_factory=dict)
    """What each writable item shows."""
