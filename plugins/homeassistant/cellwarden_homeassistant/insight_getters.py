"""Where the values come from that the engine works out or counts, and what people ordered.

None means unknown; nothing here rounds or formats numbers.
"""

from collections.abc import Callable
from typing import Any

from cellwarden.model import (
    BankState,
    Estimated,
    ExternalMeasurement,
    Finding,
    Membership,
    Order,
    Orders,
    PackState,
    Urgency,
    quantity_text,
)
from cellwarden_homeassistant.entity import Value, View
from cellwarden_homeassistant.getters import State

Part = Callable[[Any], Value]


def part(of: str, name: str, factor: float = 1.0) -> Part:
    """Return a getter of a field, times a factor, of `balancing`, `heating` or `counters`."""

    def get(pack: PackState) -> Value:
        owner = getattr(pack, of)
        value: Value = None if owner is None else getattr(owner, name)
        if factor == 1.0 or value is None or isinstance(value, str | bool):
            return value
        return value * factor

    return get


def phase(state: State) -> Value:
    """Return where charging stands."""
    return None if state.charge_phase is None else state.charge_phase.value


def expected(name: str, factor: float = 1.0) -> Part:
    """Return a getter of a number of `prediction`, times a factor."""

    def get(state: State) -> Value:
        number: Estimated | None = (
            None if state.prediction is None else getattr(state.prediction, name)
        )
        return None if number is None else number.value * factor

    return get


def balance_spread_ah(pack: PackState) -> Value:
    """Return the charge in Ah between the fullest and the emptiest cell."""
    balancing = pack.balancing
    if balancing is None or not balancing.debt_ah:
        return None
    return max(balancing.debt_ah) - min(balancing.debt_ah)


def balancing_cells(pack: PackState) -> Value:
    """Return which cell gives to which, `none` if no cell does."""
    balancing = pack.balancing
    if balancing is None:
        return None
    words = [
        f"{number} {word}"
        for number, word in ((balancing.giving, "gives"), (balancing.taking, "takes"))
        if number is not None
    ]
    return f"cell {', cell '.join(words)}" if words else "none"


def extreme(name: str) -> Part:
    """Return a getter of the furthest that a value ever went."""

    def get(pack: PackState) -> Value:
        furthest = None if pack.counters is None else pack.counters.extremes.get(name)
        return None if furthest is None else furthest.value

    return get


def trips(pack: PackState) -> Value:
    """Return how many times any protection acted."""
    return None if pack.counters is None else sum(pack.counters.alarms.values())


def estimate(name: str, index: int, factor: float = 1.0) -> Part:
    """Return a getter of a field, times a factor, of what is known of one cell."""

    def get(pack: PackState) -> Value:
        value = getattr(pack.cells[index], name) if index < len(pack.cells) else None
        return None if value is None else value * factor

    return get


def error_codes(pack: PackState) -> Value:
    """Return the manual's error codes that are set, `none` if none is."""
    return ", ".join(map(str, pack.error_codes)) or "none"


def findings(state: State) -> tuple[Finding, ...]:
    """Return what was found, the most urgent first; of a bank: of its packs as well."""
    found = list(state.findings)
    if isinstance(state, BankState):
        found += [finding for pack in state.packs for finding in pack.findings]
    return tuple(sorted(found, key=lambda finding: -finding.urgency))


def finding_text(state: State) -> Value:
    """Return every finding in one line, `none` if there is none."""
    lines = []
    for finding in findings(state):
        place = " ".join(word for word in (finding.pack, finding.where) if word)
        lines.append(f"{place}: {finding.what}" if place else finding.what)
    return "; ".join(lines) or "none"


def evidence(state: State) -> Value:
    """Return what each finding rests on and how sure it is, `none` if there is none."""
    lines = (f"{found.evidence} ({100 * found.confidence:.0f} %)" for found in findings(state))
    return "; ".join(lines) or "none"


def something_urgent(state: State) -> Value:
    """Return whether a finding says that something is unsafe or out of work."""
    return any(finding.urgency is Urgency.NOW for finding in findings(state))


def repair(state: State) -> Value:
    """Return the procedure that the most urgent finding names, `none` if none does."""
    named = (finding.procedure for finding in findings(state) if finding.procedure)
    return next(named, "none")


def _membership(view: View) -> Membership | None:
    if view.pack is None:
        return None
    name = view.pack.pack
    return next((member for member in view.bank.members if member.pack == name), None)


def standing(view: View) -> Value:
    """Return a pack's part in the bank."""
    member = _membership(view)
    return None if member is None else member.standing.value


def standing_reason(view: View) -> Value:
    """Return why a pack's part is what it is, `none` where there is nothing to say."""
    member = _membership(view)
    return None if member is None else member.why or "none"


def share(name: str) -> Callable[[View], Value]:
    """Return a getter of the current in A that a pack is expected to carry of a limit."""

    def get(view: View) -> Value:
        member = _membership(view)
        return None if member is None else getattr(member, name)

    return get


def taken_in(view: View) -> Value:
    """Return whether the owner leaves this pack in the bank."""
    return None if view.pack is None else view.pack.pack not in view.bank.orders.out


def order(name: str) -> Part:
    """Return a getter of the number that somebody ordered; None while nobody does."""

    def get(bank: BankState) -> Value:
        given: Order | None = getattr(bank.orders, name)
        return None if given is None else given.value

    return get


def charge_expected_min(bank: BankState) -> Value:
    """Return in how many min charging begins that somebody told of; 0 while it is possible."""
    told = bank.orders.charge_expected
    if told is None or told.until_s is None:
        return None
    return max(told.until_s - told.value - bank.at_s, 0.0) / 60


def ordered(name: str) -> Part:
    """Return a getter of whether an order is in effect."""
    return lambda bank: getattr(bank.orders, name) is not None


def charge_mode(bank: BankState) -> Value:
    """Return how the bank is charged."""
    return bank.orders.mode.value


_ORDERS = (
    ("charge_current_a", "charge current", "A"),
    ("discharge_current_a", "discharge current", "A"),
    ("target_soc_percent", "target", "%"),
    ("reserve_soc_percent", "reserve", "%"),
    ("charge_block", "charging off", None),
    ("discharge_block", "discharging off", None),
    ("full_charge", "full charge", None),
)


def order_text(bank: BankState) -> Value:
    """Return every order and who gave it, `none` if there is none."""
    parts = []
    for name, word, unit in _ORDERS:
        given: Order | None = getattr(bank.orders, name)
        if given is not None:
            number = "" if unit is None else f" {quantity_text(given.value, unit)}"
            parts.append(f"{word}{number} ({given.who})")
    if bank.orders.out:
        parts.append(f"out: {', '.join(sorted(bank.orders.out))}")
    return "; ".join(parts) or "none"


def orders_end_min(bank: BankState) -> Value:
    """Return in how many min the first order ends by itself; None where none will."""
    orders: Orders = bank.orders
    ends = [
        given.until_s
        for given in (getattr(orders, name) for name, _, _ in _ORDERS)
        if given is not None and given.until_s is not None
    ]
    return max(min(ends) - bank.at_s, 0.0) / 60 if ends else None


def _external(bank: BankState) -> ExternalMeasurement | None:
    """Return who measures the whole bank, or the first of those who measure a part of it."""
    whole = (measurement for measurement in bank.external if measurement.whole_bank)
    return next(whole, next(iter(bank.external), None))


def inverter_link(bank: BankState) -> Value:
    """Return whether an inverter tells what it measures."""
    return bool(bank.external)


def inverter(name: str) -> Part:
    """Return a getter of what the first inverter measures."""

    def get(bank: BankState) -> Value:
        measurement = _external(bank)
        return None if measurement is None else getattr(measurement, name)

    return get


def inverter_text(bank: BankState) -> Value:
    """Return the outputs whose inverters tell what they measure, `none` if none does."""
    return ", ".join(measurement.source for measurement in bank.external) or "none"
