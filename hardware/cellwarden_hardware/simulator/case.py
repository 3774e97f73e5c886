"""One case of the diagnosis: a finding, the fault it is for, and what only looks like it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from cellwarden.model import LinkQuality
from cellwarden_hardware.simulator.bank import SimulatedBank
from cellwarden_hardware.simulator.clinic import Clinic, Illness, Outside, Story
from cellwarden_hardware.simulator.pack import SimulatedPack

Teller = Callable[[float], Story]
"""Severity → story."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sham:
    """Something like the fault that is none, or another one."""

    text: str
    ailment: str = ""
    severity: float = 1.0
    story: Story | None = None
    outside: Outside | None = None
    link: LinkQuality | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One finding and its fault."""

    code: str
    within_s: float
    """By when it must be found; as `docs/diagnosis.md` says."""
    severities: tuple[float, ...]
    """Mild to bad."""
    ailment: str = ""
    tell: Teller | None = None
    """Instead of an ailment."""
    others: Callable[[float], Outside] | None = None
    """Instead of an ailment: what an inverter measures."""
    links: Callable[[float], LinkQuality] | None = None
    """Instead of an ailment: how the BMS answers."""
    shams: tuple[Sham, ...] = ()
    house: Mapping[str, Any] = field(default_factory=dict)
    hungry: float = 1.0
    """The household takes and makes this many times what suits the bank: deeper cycles."""
    room_c: float = 21.0
    obeys: bool = True
    looks_s: float = 10.0
    begins_s: float = 0.0

    def clinic(self, severity: float | None, sham: Sham | None = None, seed: int = 1) -> Clinic:
        """Return a house with this fault, or with what looks like it; None is healthy."""
        ailment, story = (self.ailment, None) if sham is None else (sham.ailment, sham.story)
        worth = severity if sham is None else sham.severity
        if sham is None and self.tell is not None and severity is not None:
            story = self.tell(severity)
        ills: tuple[Illness, ...] = ()
        if ailment and worth is not None:
            ills = (Illness(ailment=ailment, severity=worth, from_s=self.begins_s),)
        outside, link = (sham.outside, sham.link) if sham is not None else (None, None)
        if sham is None and severity is not None:
            outside = self.others(severity) if self.others else None
            link = self.links(severity) if self.links else None
        return Clinic(
            house(seed=seed, hungry=self.hungry, room_c=self.room_c, **self.house),
            ills,
            story,
            step_s=self.looks_s,
            obeys=self.obeys or sham is not None,
            outside=outside,
            link=link,
        )


def house(
    *,
    seed: int = 1,
    hungry: float = 1.0,
    room_c: float = 21.0,
    hysteresis_v: float = 0.0,
    **options: Any,
) -> SimulatedBank:
    """Return a household with one pack, or as many as `options` say."""
    bank = SimulatedBank.home(**{"packs": 1, "seed": seed, **options})
    assert bank.profile is not None
    bank.profile.bank_energy_wh *= hungry
    bank.profile.mean_c = room_c
    if not hysteresis_v:
        return bank
    designs = [replace(pack.design, hysteresis_v=hysteresis_v) for pack in bank.packs]
    return SimulatedBank([SimulatedPack(design) for design in designs], bank.profile)
