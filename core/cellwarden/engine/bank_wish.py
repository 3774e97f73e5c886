"""What the packs allow, made again only when what it rests on changes."""

import operator
from collections.abc import Sequence
from typing import NamedTuple

from cellwarden.engine import bank_series as series
from cellwarden.engine.bank_contacts import Contact, factor
from cellwarden.engine.bank_limits import (
    CHARGE,
    DISCHARGE,
    Member,
    Shared,
    Voltage,
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
    voltage: Voltage
    lowest: Limit


class Basis(NamedTuple):
    """What a wish was made from; while these very objects stay, so does the wish."""

    parts: tuple[Part, ...]
    conductances: tuple[float, ...]
    offsets_a: tuple[float, ...]
    leads_a: tuple[float, ...]
    doubts: tuple[float, ...]
    pivot_a: float
    """Where the offsets are known; 0 where the shares are known too."""
    floating: bool


class Wishes:
    """Makes the wish of one bank."""

    def __init__(self, settings: BankSettings) -> None:
        self._series = settings.shape == Shape.SERIES
        self._settings = settings
        self._sizes_ah = settings.sizes_ah

    def basis(
        self,
        parts: tuple[Part, ...],
        conductances: tuple[float, ...],
        shares: Shares | None,
        *,
        floating: bool,
    ) -> Basis:
        """Return what a wish is made from now."""
        if shares is None:
            return Basis(parts, conductances, (), (), (), 0.0, floating)
        return Basis(
            parts,
            conductances,
            shares.offsets_a,
            shares.leads_a,
            _NO_DOUBT if shares.sure else shares.doubts,
            0.0 if shares.sure else shares.pivot_a,
            floating,
        )

    def made(
        self,
        basis: Basis,
        packs: Sequence[PackState],
        shares: Shares | None,
        contacts: Sequence[Contact],
    ) -> Wish:
        """Return what the packs allow."""
        members = [
            Member(
                pack,
                part,
                weight * ah,
                0.0,
                ah,
                factor(self._settings, contact),
            )
            for pack, part, weight, ah, contact in zip(
                packs, basis.parts, basis.conductances, self._sizes_ah, contacts, strict=True
            )
        ]
        if self._series:
            charge, discharge = (
                series.current_wish(direction, members, floating=basis.floating)
                for direction in (CHARGE, DISCHARGE)
            )
            return Wish(charge, discharge, self.voltage(members), self.lowest(members))
        if shares is not None:
            for n, share, doubt, offset_a, lead_a in zip(
                shares.places,
                shares.shares,
                basis.doubts or (0.0,) * len(shares.places),
                shares.offsets_a,
                shares.leads_a,
                strict=True,
            ):
                pack, part, weight, _, ah, *_ = members[n]
                most = 1.0 + doubt / share if share else 1.0
                members[n] = Member(pack, part, weight, offset_a, ah, most, lead_a)
        charge, discharge = (
            current_wish(direction, members, floating=basis.floating, pivot_a=basis.pivot_a)
            for direction in (CHARGE, DISCHARGE)
        )
        return Wish(charge, discharge, self.voltage(members), self.lowest(members))

    def voltage(self, members: Sequence[Member]) -> Voltage:
        """Return the charge voltage that the packs want."""
        if self._series:
            return series.charge_voltage_wish(members)
        return charge_voltage_wish(members)

    def lowest(self, members: Sequence[Member]) -> Limit:
        """Return the voltage at which discharging ends."""
        return series.discharge_voltage(members) if self._series else discharge_voltage(members)


_NO_DOUBT: tuple[float, ...] = ()


def same(basis: Basis, before: Basis | None) -> bool:
    """Whether nothing changed that a wish rests on."""
    return before is not None and all(map(operator.is_, basis, before))
