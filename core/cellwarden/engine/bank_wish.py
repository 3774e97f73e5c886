"""What the packs allow, made again only when what it rests on changes."""

import operator
from collections.abc import Sequence
from typing import NamedTuple

from cellwarden.engine import bank_series as series
from cellwarden.engine.bank_contacts import Contact, factor
from cellwarden.engine.bank_limits import (
    CHARGE,
    DISCHARGE,
    Direction,
    Member,
    Shared,
    current_wish,
)
from cellwarden.engine.bank_members import Part
from cellwarden.engine.bank_settings import BankSettings, Shape
from cellwarden.engine.bank_share import Shares
from cellwarden.engine.bank_voltages import Voltage, charge_voltage_wish, discharge_voltage
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
        before: tuple[Basis, Wish] | None = None,
    ) -> Wish:
        """Return what the packs allow; of the wish `before`, what still holds is kept."""
        kept = _NOTHING_KEPT if before is None else _kept(before[0], basis)
        if all(kept) and before is not None:
            return before[1]
        members = self._members(basis, packs, shares, contacts)
        was = None if before is None else before[1]
        return Wish(
            was.charge if was and kept.charge else self._current(CHARGE, members, basis),
            was.discharge if was and kept.discharge else self._current(DISCHARGE, members, basis),
            was.voltage if was and kept.highest else self.voltage(members),
            was.lowest if was and kept.lowest else self.lowest(members),
        )

    def _current(self, direction: Direction, members: Sequence[Member], basis: Basis) -> Shared:
        if self._series:
            return series.current_wish(direction, members, floating=basis.floating)
        return current_wish(direction, members, floating=basis.floating, pivot_a=basis.pivot_a)

    def _members(
        self,
        basis: Basis,
        packs: Sequence[PackState],
        shares: Shares | None,
        contacts: Sequence[Contact],
    ) -> list[Member]:
        members = [
            Member(pack, part, weight * ah, 0.0, ah)
            for pack, part, weight, ah in zip(
                packs, basis.parts, basis.conductances, self._sizes_ah, strict=True
            )
        ]
        if shares is None:
            return members
        if len(shares.places) < len(members):  # the others may hang on the bus all the same
            members = [
                m._replace(most=factor(self._settings, contact))
                for m, contact in zip(members, contacts, strict=True)
            ]
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
        return members

    def voltage(self, members: Sequence[Member]) -> Voltage:
        """Return the charge voltage that the packs want."""
        if self._series:
            return series.charge_voltage_wish(members)
        return charge_voltage_wish(members)

    def lowest(self, members: Sequence[Member]) -> Limit:
        """Return the voltage at which discharging ends."""
        return series.discharge_voltage(members) if self._series else discharge_voltage(members)


class _Kept(NamedTuple):
    """Which parts of a wish rest on nothing that changed."""

    charge: bool
    discharge: bool
    highest: bool
    lowest: bool


_NOTHING_KEPT = _Kept(charge=False, discharge=False, highest=False, lowest=False)


def _kept(before: Basis, after: Basis) -> _Kept:
    shared = all(map(operator.is_, before[1:], after[1:]))
    charge = discharge = shared
    highest = lowest = True
    for old, new in zip(before.parts, after.parts, strict=True):
        if old is new:
            continue
        was, now = old.limits, new.limits
        if (
            was is None
            or now is None
            or old.standing is not new.standing
            or old.apart_since_s != new.apart_since_s
            or old.charge_fet_on is not new.charge_fet_on
            or old.discharge_fet_on is not new.discharge_fet_on
        ):
            return _NOTHING_KEPT
        charge = charge and was.charge_current is now.charge_current
        discharge = discharge and was.discharge_current is now.discharge_current
        highest = highest and was.charge_voltage is now.charge_voltage
        lowest = lowest and was.discharge_voltage is now.discharge_voltage
    return _Kept(charge, discharge, highest, lowest)


_NO_DOUBT: tuple[float, ...] = ()


def same(basis: Basis, before: Basis | None) -> bool:
    """Whether nothing changed that a wish rests on."""
    return before is not None and all(map(operator.is_, basis, before))
