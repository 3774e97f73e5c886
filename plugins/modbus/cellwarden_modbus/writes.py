"""Which registers can be written at all, and what a write asks of the gate. Pure.

A register is written only if the configuration names it. The names are those of our own map, and
`model.point` of SunSpec.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from cellwarden.model import RequestKind
from cellwarden_modbus import own, sunspec
from cellwarden_modbus.sunspec_model import MARK
from cellwarden_modbus.sunspec_tables import (
    BATTERY_BASE,
    COMMON,
    LITHIUM_BANK,
    LITHIUM_MODULE,
    LITHIUM_STRING,
    STORAGE,
)

SWITCHES: Mapping[str, tuple[RequestKind, ...]] = {
    "charge": (RequestKind.CHARGE_SWITCH,),
    "discharge": (RequestKind.DISCHARGE_SWITCH,),
    "balance": (RequestKind.BALANCE_SWITCH,),
    "connect": (RequestKind.CHARGE_SWITCH, RequestKind.DISCHARGE_SWITCH),
}
"""What a row of a table may ask for."""


_WITHOUT_EFFECT = ("SocRsvMax", "SoCRsvMin", "CtrlHb", "AlmRst", "SetInvState")
"""What SunSpec calls writable in 802 and nothing here acts on; `DA` of model 1 is another."""

_ON_OFF = {0: False, 1: True}
_CONNECT = {1: True, 2: False}


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One register that can be written."""

    name: str
    kinds: tuple[RequestKind, ...] = ()
    """What it asks for; empty for a register without effect."""
    packs: tuple[int, ...] = ()
    """Numbers from 1 of the packs it is about."""
    values: Mapping[int, bool]
    """What may be written, and whether it means on."""


def of_pack(number: int, allowed: frozenset[str]) -> dict[int, Target]:
    """Return what may be written on a pack's unit, by address."""
    return {
        row.at: _own(row.name, row.writes, (number,))
        for row in own.PACK.rows
        if row.writes and row.name in allowed
    }


def of_bank(layout: sunspec.Layout, allowed: frozenset[str]) -> dict[int, Target]:
    """Return what may be written on the bank's unit, by address."""
    every = tuple(range(1, len(layout.cells) + 1))
    targets = {
        row.at: _own(row.name, row.writes, every)
        for row in own.BANK.rows
        if row.writes and row.name in allowed
    }
    for name, at, packs in _sunspec(layout):
        if name in allowed:
            targets[at] = Target(name=name, kinds=SWITCHES["connect"], packs=packs, values=_CONNECT)
    base = sunspec.BASE + len(MARK)
    targets[base + COMMON.offset("DA")] = Target(name="1.DA", values={})
    base += COMMON.length() + 2
    for point in _WITHOUT_EFFECT:
        targets[base + BATTERY_BASE.offset(point)] = Target(name=f"802.{point}", values={})
    return targets


def _own(name: str, switch: str, packs: tuple[int, ...]) -> Target:
    return Target(name=name, kinds=SWITCHES[switch], packs=packs, values=_ON_OFF)


def _sunspec(layout: sunspec.Layout) -> list[tuple[str, int, tuple[int, ...]]]:
    """Return (name, address, packs) of every SunSpec point that something can come of."""
    numbers = tuple(range(1, len(layout.cells) + 1))
    base = sunspec.BASE + len(MARK) + COMMON.length() + 2
    found = [("802.SetOp", base + BATTERY_BASE.offset("SetOp"), numbers)]
    base += BATTERY_BASE.length() + 2
    for number in numbers:
        found += [
            (f"803.{point}", base + LITHIUM_BANK.offset(point, group=number - 1), (number,))
            for point in ("StrSetEna", "StrSetCon")
        ]
    base += LITHIUM_BANK.length(len(numbers)) + 2 + STORAGE.length() + 2
    for number, cells in zip(numbers, layout.cells, strict=True):
        found += [
            (f"804.{point}", base + LITHIUM_STRING.offset(point), (number,))
            for point in ("SetEna", "SetCon")
        ]
        base += LITHIUM_STRING.length(1) + 2 + LITHIUM_MODULE.length(cells) + 2
    return found
