"""What the bank announces: what its packs allow, what is ordered and planned, moved slowly."""

from dataclasses import replace
from typing import NamedTuple

from cellwarden.engine.bank_charge import ChargeControl
from cellwarden.engine.bank_limits import TRIPPED, stopped
from cellwarden.engine.bank_memory import BankMemory
from cellwarden.engine.bank_orders import charge_reasons, discharge_reasons, lowered
from cellwarden.engine.bank_ramp import Moves, Wanted, moved
from cellwarden.engine.bank_settings import BankSettings, LossPolicy, Shape
from cellwarden.engine.bank_wish import Basis, Wish, Wishes, same
from cellwarden.model import (
    NO_ORDERS,
    ChargePhase,
    Limits,
    Orders,
    PackPhase,
    PackState,
    Standing,
)


class Allowed(NamedTuple):
    """The limits of one step, and what the next one starts from."""

    limits: Limits | None
    basis: Basis | None
    wish: Wish | None
    moves: Moves


class Allowance:
    """Decides the limits of one bank."""

    def __init__(self, settings: BankSettings, charge: ChargeControl) -> None:
        self.wishes = Wishes(settings)
        self._charge = charge
        self._trips = settings.on_pack_lost == LossPolicy.TRIP
        self._float_v = _float_v(settings)

    def decide(
        self, before: BankMemory, now: BankMemory, orders: Orders, current_a: float | None
    ) -> Allowed:
        """Return the limits, None until a pack has been online.

        `before` is the memory of the step before, `now` that of this one but for its limits.
        """
        if not now.seen:
            return Allowed(None, None, None, before.moves)
        last = before.limits
        if now.silent_since_s is not None and last is not None:
            return Allowed(_silenced(now, orders, last), before.basis, before.wish, before.moves)
        plan = now.plan
        floating = plan.phase is ChargePhase.FLOAT and plan.cut_percent is None
        basis = self.wishes.basis(now.parts, now.conductances, now.shares, floating=floating)
        wish = before.wish
        if wish is None or not same(basis, before.basis):
            old = None
            if wish is not None and before.basis is not None:
                old = before.basis, wish
            wish = self.wishes.made(basis, now.packs, now.shares, now.contacts, old)
        gone, online, held = _gone(before, now)
        charge, discharge = wish.charge.limit, wish.discharge.limit
        if gone and self._trips:
            charge = discharge = stopped(gone, TRIPPED)
        if orders is not NO_ORDERS:
            to_the_end = self._charge.to_the_end(plan, orders)
            charge = lowered(charge, charge_reasons(orders, now.reached, to_the_end=to_the_end))
            discharge = lowered(discharge, discharge_reasons(orders, now.reached))
        voltage = self._charge.raised(wish.voltage, current_a)
        cap = self._charge.cap(plan, self._float_v, voltage.limit.value, orders)
        limits, moves = moved(
            last,
            Wanted(
                charge,
                discharge,
                voltage.limit if cap is None else lowered(voltage.limit, (cap,)),
                voltage.urgent_v,
                wish.lowest,
                online,
            ),
            before.moves,
            now.at_s,
            max(now.at_s - before.at_s, 0.0),
            held=held,
        )
        return Allowed(limits, basis, wish, moves)


def _silenced(now: BankMemory, orders: Orders, last: Limits) -> Limits:
    """Return the last limits without any current: no pack answers."""
    lost = [p for p in now.packs if p.phase is PackPhase.LOST]
    nothing = stopped([p for p in lost if p.pack not in orders.out] or lost)
    return replace(last, charge_current=nothing, discharge_current=nothing)


def _gone(before: BankMemory, now: BankMemory) -> tuple[list[PackState], int, bool]:
    """Return the packs that went silent, how many are online, and whether nothing may rise.

    Nothing does while a lost pack is held, and in the very step of a loss.
    """
    gone: list[PackState] = []
    held, online = False, 0
    for n, part in enumerate(now.parts):
        if part.limits is not None:
            online += 1
        else:
            standing = part.standing
            if standing is Standing.LOST or standing is Standing.HELD:
                gone.append(now.packs[n])
                held = held or standing is Standing.HELD or before.parts[n].counts
    return gone, online, held


def _float_v(settings: BankSettings) -> float | None:
    """Return what the full bank is held at; None: at the charge voltage.

    The most demanding pack decides, of whatever chemistry the others are.
    """
    voltages = [m.float_voltage_v for m in settings.members]
    known = [v for v in voltages if v is not None]
    if settings.shape == Shape.SERIES:
        return sum(known) if len(known) == len(voltages) and known else None
    return min(known, default=None)
