"""The bank, as the engine must know it."""

from dataclasses import dataclass
from enum import StrEnum


class LossPolicy(StrEnum):
    """What happens when a pack goes silent while others answer."""

    EXCLUDE = "exclude"
    """The others carry on with their limits."""
    HOLD = "hold"
    """Its last limits go on counting for `hold_s`, then it is excluded."""
    TRIP = "trip"
    """The whole bank stops."""


class Shape(StrEnum):
    """How the packs are wired."""

    PARALLEL = "parallel"
    SERIES = "series"


class FullWhen(StrEnum):
    """When the bank counts as full."""

    ALL = "all"
    """Every pack that can be charged is full."""
    ANY = "any"
    """The first full pack is enough."""


@dataclass(frozen=True, slots=True)
class BankMember:
    """One configured pack."""

    name: str
    design_capacity_ah: float
    float_voltage_v: float | None = None
    """What the full pack is held at, in V; None: its charge voltage."""


@dataclass(frozen=True, slots=True)
class BankSettings:
    """The bank, as the engine must know it. ValueError for an unknown policy, shape or word."""

    name: str
    members: tuple[BankMember, ...]
    """In the order in which `Bank.step` is given their states."""
    on_pack_lost: str = LossPolicy.EXCLUDE
    """A value of `LossPolicy`."""
    hold_s: float = 10.0
    gone_after_s: float = 60.0
    """All packs silent for this long: GONE."""
    shape: str = Shape.PARALLEL
    """A value of `Shape`."""
    join_window_v: float = 0.5
    """A pack further than this from the bank's voltage is not counted on (F43)."""
    full_when: str = FullWhen.ALL
    """A value of `FullWhen`."""
    full_every_s: float | None = None
    """A full charge is wanted after this long without one; None: never for that reason."""
    full_sigma_percent: float = 100.0
    """A full charge is wanted when the SoC is less certain than this."""
    absorption_max_s: float = 7200.0
    """Absorption ends after this long, whoever is not full."""
    cable_resistance_ohm: float = 0.0
    """Between bank and charger, both ways; what it drops is added to the charge voltage."""
    strange_factor: float = 2.0
    """Of two packs that were never seen in load steps, one may conduct so many times what its size
    says beside the other; 1: they are known to be alike. LFP cells gain about half in resistance
    over their life and as much again between 25 and 15 °C, and cables differ (ours)."""
    familiar_factor: float = 1.1
    """The same of packs whose conductance is known from load steps in another company (ours)."""

    def __post_init__(self) -> None:
        """Refuse what means nothing."""
        LossPolicy(self.on_pack_lost)
        Shape(self.shape)
        FullWhen(self.full_when)

    @property
    def sizes_ah(self) -> tuple[float, ...]:
        """Design capacity of each pack in Ah."""
        return tuple([m.design_capacity_ah for m in self.members])

    @property
    def installed_ah(self) -> float:
        """Design capacity of the whole bank in Ah."""
        sizes = self.sizes_ah
        return min(sizes) if self.shape == Shape.SERIES else sum(sizes)
