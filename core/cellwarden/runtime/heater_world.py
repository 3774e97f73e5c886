"""What heaters are told of the world: when charging is expected, and whether there is surplus.

One surplus is there for all heaters of the bank: it must be enough for all of them, or they would
take turns in switching each other off.
"""

from collections.abc import Callable, Iterable
from datetime import datetime

from cellwarden.engine import EngineSettings, HeaterSettings
from cellwarden.model import Orders, Surplus

SURPLUS_MAX_AGE_S = 30.0
"""Real s that a measured surplus counts (ours): Venus is asked each 10 s."""
SETTLE_S = 60.0
"""A surplus must have come or gone for so long, controller s, before it counts (ours): a heater is
no lamp that follows the clouds."""


def _here_and_now() -> datetime:
    return datetime.now().astimezone()


class HeaterWorld:
    """Tells the heaters of one bank. Used on the control loop only."""

    def __init__(
        self,
        packs: Iterable[EngineSettings],
        *,
        speed: float = 1.0,
        local_time: Callable[[], datetime] = _here_and_now,
    ) -> None:
        """`speed` is the controller's seconds in a real one; hours are those of `local_time`."""
        self._needs_w = sum(_most_w(pack) for pack in packs)
        self._max_age_s = SURPLUS_MAX_AGE_S * speed
        self._local_time = local_time
        self._enough = False
        self._otherwise_since_s: float | None = None

    def charge_expected_in_s(
        self, heater: HeaterSettings, orders: Orders, now_s: float
    ) -> float | None:
        """Return when charging is expected: by the hours of the file or by an order, the earlier.

        0 while it is possible, None where nobody knows of any.
        """
        by_hours = heater.charge_expected_in_s(self._local_time())
        told = orders.charge_expected
        if told is None or told.until_s is None:
            return by_hours
        by_order = max(told.until_s - told.value - now_s, 0.0)
        return by_order if by_hours is None else min(by_order, by_hours)

    def surplus(
        self, orders: Orders, measured: Iterable[Surplus | None], now_s: float
    ) -> bool | None:
        """Return whether there is surplus for the heaters, None where nobody knows.

        Enough to begin with is what all of them take at most; it lasts as long as any is left, for
        by then they use it. What somebody orders goes before what is measured.
        """
        surplus_w = self._surplus_w(orders, measured, now_s)
        if surplus_w is None:
            self._enough, self._otherwise_since_s = False, None
            return None
        enough = surplus_w > 0 if self._enough else surplus_w >= self._needs_w
        if enough is self._enough:
            self._otherwise_since_s = None
        elif self._otherwise_since_s is None:
            self._otherwise_since_s = now_s
        elif now_s - self._otherwise_since_s >= SETTLE_S:
            self._enough, self._otherwise_since_s = enough, None
        return self._enough

    def _surplus_w(
        self, orders: Orders, measured: Iterable[Surplus | None], now_s: float
    ) -> float | None:
        if orders.surplus_w is not None:
            return orders.surplus_w.value
        since_s = now_s - self._max_age_s
        told = (one.surplus_w for one in measured if one is not None and one.heard_s >= since_s)
        return min(told, default=None)


def _most_w(pack: EngineSettings) -> float:
    """Return what a pack's heater takes at the highest voltage of the pack, in W."""
    if pack.heater is None:
        return 0.0
    parameters = pack.parameters
    return pack.heater.power_w(parameters.cell_count * parameters.cell_overvoltage_v) or 0.0
