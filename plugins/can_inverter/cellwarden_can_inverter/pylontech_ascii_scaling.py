"""How makers count what they do not agree on in the RS485 protocol. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaling:
    """Counts in one unit, where makers disagree."""

    name: str
    pack_current: int = 10
    """Of 42H, in 1 A."""
    charge: int = 1000
    """Of 42H, in 1 Ah."""
    system_limit: int = 10
    """Of the current limits of 63H, in 1 A."""


PYLONTECH = Scaling(name="pylontech")
TEN_MILLIAMPERES = Scaling(name="limits_10mA", system_limit=100)
PACE = Scaling(name="pace", pack_current=100, charge=100)
"""PACE and Shoto clones count 42H in 10 mA and 10 mAh."""
SCALINGS = {scaling.name: scaling for scaling in (PYLONTECH, TEN_MILLIAMPERES, PACE)}
