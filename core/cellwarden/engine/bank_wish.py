"""What the packs allow, made again only when what it rests on changes."""

import math
import operator
from collections.abc import Sequence
from typing import NamedTuple

from cellwarden.engine import bank_series as series
from cellwarden.engine.bank_limits import (
    CHARGE,
    DISCHARGE,
    Member,
    Shared,
    charge_voltage_wish,
    current_wish,
    discharge_voltage,
)
from cellwarden.engine.bank_members import Part
from cellwarden.engine.bank_settings import BankSettings, Shape
from cellwarden.engine.bank_share import Shares
from cellwarden.model import Limit, PackState


class Wish(NamedTuple):
    """What the packs allow, before any ramp."""

    charge: Shared
    discharge: Shared
    voltage: Limit
    lowest: Limit


class Basis(NamedTuple):
    """What a wish was made from; while these very objects stay, so does the wish."""

    parts: tuple[Part, ...]
    conductances: tuple[float, ...]
    offsets_a: tuple[float, ...]
    proven_a: float
    floating: bool


class Wishes:
    """Makes the wish of one bank."""

    def __init__(self, settings: BankSettings) -> None:
        self._series = settings.shape == Shape.SERIES
        self._sizes_ah = tuple(m.design_capacity_ah for m in settings.members)

    def basis(
        self,
        parts: tuple[Part, ...],
        conductances: tuple[float, ...],
        shares: Shares | None,
        *,
        floating: bool,
    ) -> Basis:
        """Return what a wish is made from now."""
        proven_a = math.inf
        if shares is not None and not shares.proven:
            proven_a = shares.offset_total_a
        offsets_a = () if shares is None else shares.offsets_a
        return Basis(parts, conductances, offsets_a, proven_a, floating)

    def made(self, basis: Basis, packs: Sequence[PackState], shares: Shares | None) -> Wish:
        """Return what the packs allow."""
        offset_of: dict[int, float] = {}
        if shares is not None:
            offset_of = dict(zip(shares.places, shares.offsets_a, strict=True))
        members = [
            Member(pack, part, weight * ah, offset_of.get(n, 0.0), ah)
            for n, (pack, part, weight, ah) in enumerate(
                zip(packs, basis.parts, basis.conductances, self._sizes_ah, strict=True)
            )
        ]
        charge, discharge = (
            series.current_wish(direction, members, floating=basis.floating)
            if self._series
            else current_wish(direction, members, floating=basis.floating, proven_a=basis.proven_a)
            for direction in (CHARGE, DISCHARGE)
        )
        return Wish(charge, discharge, self.voltage(members), self.lowest(members))

    def voltage(self, members: Sequence[Member]) -> Limit:
        """Return the charge voltage that the packs want."""
        if self._series:
            return series.charge_voltage_wish(members)
        return charge_voltage_wish(members)

    def lowest(self, members: Sequence[Member]) -> Limit:
        """Return the voltage at which discharging ends."""
        return series.discharge_voltage(members) if self._series else discharge_voltage(members)


def same(basis: Basis, before: Basis | None) -> bool:
    """Whether nothing changed that a wish rests on."""
    return before is not None and all(map(operator.is_, basis, before))
