"""A hybrid inverter on the bank: obeys limits, charges with what the sun leaves over."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from cellwarden_hardware.simulator.node import Branch, node_voltage_v, total_current_a

SOLAR_EFFICIENCY = 0.97
"""Of the panels' surplus, so much reaches the battery."""
INVERTER_EFFICIENCY = 0.94
"""Of the battery's power, so much reaches the household."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """What the inverter was told: V of the bank, A of the bank, both currents positive."""

    cvl_v: float
    ccl_a: float
    dcl_a: float
    until_s: float = math.inf
    """Simulated time at which they lapse."""


class HybridInverter:
    """Turns surplus and deficit into a battery current within its orders.

    Until it is told something it works by its own settings. Once told, it idles when nothing new
    is told in time, as real ones do when the battery falls silent.
    """

    def __init__(self, settings: Orders, *, cutoff_v: float, rated_w: float) -> None:
        """Take its own settings, the bank voltage at which it stops discharging, its power."""
        self.orders = settings
        self.cutoff_v = cutoff_v
        self.rated_w = rated_w

    def tell(self, *, cvl_v: float, ccl_a: float, dcl_a: float, until_s: float) -> None:
        """Obey these from now on."""
        self.orders = Orders(
            cvl_v=cvl_v, ccl_a=max(ccl_a, 0.0), dcl_a=max(dcl_a, 0.0), until_s=until_s
        )

    def charges(self, surplus_w: float, now_s: float) -> bool:
        """Return whether it offers charging, so that its voltage stands at the terminal."""
        return surplus_w > 0.0 and self.orders.ccl_a > 0.0 and now_s < self.orders.until_s

    def demand_a(self, surplus_w: float, now_s: float, branches: Sequence[Branch]) -> float:
        """Return the battery current for a surplus of the household (- = deficit), + = charging.

        At the CVL (or the cut-off) it is what the bank takes at just that voltage: the taper of a
        charger's constant-voltage phase.
        """
        orders = self.orders
        if now_s >= orders.until_s or surplus_w == 0.0:
            return 0.0
        if surplus_w > 0.0:
            power_w = min(surplus_w * SOLAR_EFFICIENCY, self.rated_w)
            most_a = min(orders.ccl_a, max(total_current_a(branches, orders.cvl_v), 0.0))
            return min(_current_for(power_w, branches, most_a), most_a)
        power_w = max(surplus_w / INVERTER_EFFICIENCY, -self.rated_w)
        most_a = max(-orders.dcl_a, min(total_current_a(branches, self.cutoff_v), 0.0))
        return max(_current_for(power_w, branches, most_a), most_a)


def _current_for(power_w: float, branches: Sequence[Branch], most_a: float) -> float:
    """Return the current for a power: from the idle voltage, then once more from its own."""
    idle_v = node_voltage_v(branches, 0.0)
    if most_a == 0.0 or not idle_v:
        return 0.0
    guess_a = power_w / idle_v
    reached_a = min(guess_a, most_a) if most_a > 0.0 else max(guess_a, most_a)
    loaded_v = node_voltage_v(branches, reached_a)
    return power_w / loaded_v if loaded_v else 0.0
