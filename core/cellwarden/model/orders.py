"""Orders: what people and systems want of the bank as a whole, kept by the controller itself.

They only ever make the bank more careful or decide when it is charged; no order lifts a limit
that the engine found. Two are no wish but news, for heaters: when charging is expected, and how
much surplus there is.
"""

from dataclasses import dataclass, field
from enum import Enum


class ChargeMode(Enum):
    """How the bank is charged while nothing else is asked for."""

    AUTOMATIC = "automatic"
    """Bulk, absorption, float, rebulk, with full charges as scheduled."""
    FLOAT = "float"
    """Never above the float voltage."""
    HOLD = "hold"
    """Neither charged nor discharged on purpose: charging only up to the reserve."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One number that somebody asked for."""

    value: float
    who: str
    until_s: float | None = None
    """Controller time at which it ends by itself, in s; None: when it is withdrawn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """All orders in effect; an order that has ended is not among them."""

    charge_current_a: Order | None = None
    discharge_current_a: Order | None = None
    target_soc_percent: Order | None = None
    reserve_soc_percent: Order | None = None
    charge_block: Order | None = None
    """Somebody wants no charging at all; its value is 1."""
    discharge_block: Order | None = None
    full_charge: Order | None = None
    """Charge to the very end once; its value is 1. The bank says when it is done."""
    mode: ChargeMode = ChargeMode.AUTOMATIC
    charge_expected: Order | None = None
    """Charging is expected for `value` in s, up to `until_s`."""
    surplus_w: Order | None = None
    """Generated and neither used nor stored, as somebody tells who knows."""
    out: frozenset[str] = field(default_factory=frozenset)
    """Packs that their owner has taken out."""


NO_ORDERS = Orders()
