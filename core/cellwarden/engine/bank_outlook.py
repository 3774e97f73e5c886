"""What is to be expected of the packs together: power, time to full and empty, energy.

A power is shared like a current: the pack whose share binds decides, not the sum of what each could
give alone. Energies add up. The bank is empty when all its energy is gone at the power of all, and
full when the last pack is. Where one pack predicts nothing, the bank does not either.
"""

import math
import operator
from collections.abc import Callable, Sequence
from typing import NamedTuple

from cellwarden.engine.bank_limits import Shared
from cellwarden.engine.bank_wish import Wish
from cellwarden.model import Estimated, PackState, Prediction


class Outlook(NamedTuple):
    """A prediction, and the packs' own that it was made from."""

    told: tuple[Prediction | None, ...] = ()
    shown: Prediction | None = None


NO_OUTLOOK = Outlook()


def together(
    before: Outlook, packs: Sequence[PackState], wish: Wish | None, voltage_v: float | None
) -> Outlook:
    """Return what the packs that count predict together; made anew when one of them does."""
    told = tuple([p.prediction for p in packs])
    if len(told) == len(before.told) and all(map(operator.is_, told, before.told)):
        return before
    known = [t for t in told if t is not None]
    if not known or len(known) < len(told) or wish is None:
        return Outlook(told)
    if len(known) == 1:
        return Outlook(told, known[0])
    by_name = {p.pack: t for p, t in zip(packs, known, strict=True)}
    charge, discharge = (
        _Shares(shared, by_name, voltage_v or 0.0) for shared in (wish.charge, wish.discharge)
    )
    return Outlook(
        told,
        Prediction(
            charge_power_10s_w=charge.power(lambda t: t.charge_power_10s_w),
            charge_power_60s_w=charge.power(lambda t: t.charge_power_60s_w),
            discharge_power_10s_w=discharge.power(lambda t: t.discharge_power_10s_w),
            discharge_power_60s_w=discharge.power(lambda t: t.discharge_power_60s_w),
            time_to_full_s=_latest([t.time_to_full_s for t in known]),
            time_to_empty_s=_emptied(known),
            energy_left_wh=_added([t.energy_left_wh for t in known]),
        ),
    )


class _Shares:
    """How one direction is shared."""

    def __init__(self, shared: Shared, told: dict[str, Prediction], voltage_v: float) -> None:
        self._shared = shared
        self._told = told
        self._voltage_v = voltage_v

    def power(self, get: Callable[[Prediction], Estimated | None]) -> Estimated | None:
        """Return the power at which the first pack has all that it can take or give."""
        least: Estimated | None = None
        shared = self._shared
        if not shared.names:
            return _NONE  # no pack carries in this direction
        for name, share, offset_a in zip(
            shared.names, shared.shares, shared.offsets_a, strict=True
        ):
            told = self._told.get(name)
            own = None if told is None else get(told)
            if own is None:
                return None
            if share <= 0.0:
                continue
            value = max((own.value - offset_a * self._voltage_v) / share, 0.0)
            if own.value == 0.0:
                value = 0.0
            if least is None or value < least.value:
                least = Estimated(value=value, sigma=own.sigma / share)
        return least


_NONE = Estimated(value=0.0, sigma=0.0)


def _added(values: Sequence[Estimated | None]) -> Estimated | None:
    total = variance = 0.0
    for one in values:
        if one is None:
            return None
        total += one.value
        variance += one.sigma * one.sigma
    return Estimated(value=total, sigma=math.sqrt(variance))


def _latest(values: Sequence[Estimated | None]) -> Estimated | None:
    """Return the latest of those that are charging; None if nobody is."""
    return max([v for v in values if v is not None], key=lambda v: v.value, default=None)


def _emptied(told: Sequence[Prediction]) -> Estimated | None:
    energy_wh = power_w = variance = 0.0
    for one in told:
        left, time = one.energy_left_wh, one.time_to_empty_s
        if left is None:
            return None
        energy_wh += left.value
        variance += left.sigma**2
        if time is not None and time.value > 0:
            power_w += left.value * 3600 / time.value
    if power_w == 0.0:
        return None
    per_wh_s = 3600 / power_w
    return Estimated(value=energy_wh * per_wh_s, sigma=math.sqrt(variance) * per_wh_s)
