"""What the engine is told of a pack besides its readings: by orders, by others' measurements."""

from dataclasses import dataclass
from enum import Enum

from cellwarden.model.orders import NO_ORDERS, Orders
from cellwarden.model.reading import ExternalMeasurement


class BmsSoc(Enum):
    """What the engine makes of the SoC that a BMS tells."""

    START = "start"
    """Where counting begins, and begins anew once the estimate knows nothing any more."""
    TRUST = "trust"
    """Besides, it holds the estimate wherever that is less sure: a BMS that is known to be good."""
    IGNORE = "ignore"


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """All that one step may take into account beside the reading; None is unknown."""

    external: tuple[ExternalMeasurement, ...] = ()
    """What others measure at the bank's terminals; none of it is too old."""
    shunt_current_a: float | None = None
    """Measured by a shunt in this very pack's lead, positive while charging; charge is counted by
    it instead of the BMS's own, which protections keep to."""
    charge_expected_in_s: float | None = None
    """When charging is expected to begin, in s from now; 0 while it is going on or possible."""
    surplus: bool | None = None
    """Whether there is energy that would otherwise be fed in or lost."""
    heater_relay_on: bool | None = None
    """What the relay of the heater reads back; None: there is none, or it is not heard."""
    acts: bool = True
    """Whether what is wanted of the heater is done; False in mode `monitor`, and where neither the
    BMS can switch it nor a relay."""
    doubtful: tuple[tuple[str, float], ...] = ()
    """Parameters with values that were written and did not come to be, or that the device may hold
    instead: the strictest counts until that is settled (F37)."""
    orders: Orders = NO_ORDERS


NO_INPUTS = Inputs()
"""Nothing is known but the reading."""
