"""Keeps the orders: what is asked of the bank as a whole, until when, and over restarts."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from cellwarden.model import ChargeMode, Order, Orders, Outcome, Request, RequestKind, Verdict
from cellwarden.runtime.outcomes import refused


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kind:
    """How one kind of order is kept."""

    field: str
    """Of `Orders`."""
    unit: str
    most: float
    lasts_s: float | None = None
    """How long it stays where nobody says; None: until it is withdrawn."""
    lasts_at_most_s: float = math.inf


_NUMBERS: Mapping[RequestKind, _Kind] = {
    # Ours: no bank of this class carries 10 kA; more is a mistake of units.
    RequestKind.CHARGE_CURRENT_LIMIT: _Kind(field="charge_current_a", unit="A", most=10_000),
    RequestKind.DISCHARGE_CURRENT_LIMIT: _Kind(field="discharge_current_a", unit="A", most=10_000),
    RequestKind.TARGET_SOC: _Kind(field="target_soc_percent", unit="%", most=100),
    RequestKind.RESERVE_SOC: _Kind(field="reserve_soc_percent", unit="%", most=100),
    # Ours: a sun that is expected shines four hours; nobody knows it three days ahead.
    RequestKind.CHARGE_EXPECTED: _Kind(
        field="charge_expected",
        unit="min",
        most=3 * 1440,
        lasts_s=4 * 3600.0,
        lasts_at_most_s=86_400,
    ),
    # Ours: clouds come within minutes.
    RequestKind.SURPLUS: _Kind(
        field="surplus_w", unit="W", most=100_000, lasts_s=300.0, lasts_at_most_s=900.0
    ),
}
_NEWS = frozenset({"charge_expected", "surplus_w"})
"""No wishes, but what somebody knows."""
_FLAGS: Mapping[RequestKind, str] = {
    RequestKind.CHARGE_BLOCK: "charge_block",
    RequestKind.DISCHARGE_BLOCK: "discharge_block",
    RequestKind.FULL_CHARGE: "full_charge",
}
DECISIONS = frozenset({*_FLAGS, RequestKind.CHARGE_MODE, RequestKind.MEMBERSHIP})
"""Orders that a person gives, not an automation every few seconds."""
_MODE = "mode"
_OUT = "out:"
"""Before the name of a pack that was taken out."""


@dataclass(frozen=True, slots=True)
class _Kept:
    """One order in effect; `value` is a number, or the mode's text."""

    value: float | str
    who: str
    until_s: float | None


def values_of(orders: Orders) -> tuple[object, ...]:
    """Return what orders want, without who wants it and until when."""
    numbers = (getattr(orders, kind.field) for kind in _NUMBERS.values())
    flags = (getattr(orders, field) for field in _FLAGS.values())
    values = (None if order is None else order.value for order in (*numbers, *flags))
    return (*values, orders.mode, orders.out)


class OrderBook:
    """All orders in effect. Used on the control loop only."""

    def __init__(self, packs: frozenset[str]) -> None:
        self._packs = packs
        self._kept: dict[str, _Kept] = {}
        self._cached: tuple[dict[str, _Kept], Orders] | None = None

    def at(self, now_s: float) -> Orders:
        """Return the orders in effect; the same object as long as nothing changes."""
        ended = [k for k, o in self._kept.items() if o.until_s is not None and now_s >= o.until_s]
        for key in ended:
            del self._kept[key]
        if self._cached is None or self._cached[0] != self._kept:
            self._cached = dict(self._kept), self._orders()
        return self._cached[1]

    def take(self, request: Request, now_s: float) -> Outcome:
        """Note or withdraw an order; a refusal says what is wrong with it."""
        problem = self._problem(request, now_s)
        if problem:
            return refused(problem)
        key, value = self._key(request), self._value(request)
        kept = self._kept.get(key)
        if request.dry_run:
            return Outcome(verdict=Verdict.PLANNED, reason=_text(request, kept))
        if value is None:
            self._kept.pop(key, None)
        else:
            self._kept[key] = _begun(request, value, now_s)
        return Outcome(verdict=Verdict.APPLIED, reason=_text(request, kept))

    def withdraw(self, kind: RequestKind) -> None:
        """End an order that has been fulfilled."""
        self._kept.pop(_FLAGS.get(kind, ""), None)

    def _problem(self, request: Request, now_s: float) -> str | None:
        kind, value = request.kind, request.value
        if problem := _wrong_time(request):
            return problem
        if kind is RequestKind.MEMBERSHIP:
            if request.pack not in self._packs:
                names = ", ".join(sorted(self._packs))
                return f"there is no pack {request.pack!r}: this bank has {names}"
        elif request.pack and self._packs != {request.pack}:
            return f"a {kind.value} is for the whole bank: leave the pack out"
        if kind in _FLAGS or kind is RequestKind.MEMBERSHIP:
            good = value is None or isinstance(value, bool)
            return None if good else f"{kind.value}: true or false, not {value!r}"
        if kind is RequestKind.CHARGE_MODE:
            modes = [mode.value for mode in ChargeMode]
            good = value is None or value in modes
            return None if good else f"charge mode: one of {', '.join(modes)}, not {value!r}"
        return self._wrong_number(_NUMBERS[kind], value, self.at(now_s))

    def _wrong_number(self, kind: _Kind, value: object, orders: Orders) -> str | None:
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            return f"{kind.field} is a number in {kind.unit}, not {value!r}"
        if not 0 <= value <= kind.most:  # also refuses NaN
            return f"{kind.field} = {value:g} is outside 0..{kind.most:g} {kind.unit}"
        target, reserve = orders.target_soc_percent, orders.reserve_soc_percent
        if kind.field == "target_soc_percent" and reserve and value <= reserve.value:
            return f"the target must be above the reserve of {reserve.value:g} %"
        if kind.field == "reserve_soc_percent" and target and value >= target.value:
            return f"the reserve must be below the target of {target.value:g} %"
        return None

    def _key(self, request: Request) -> str:
        kind = request.kind
        if kind in _NUMBERS:
            return _NUMBERS[kind].field
        if kind is RequestKind.MEMBERSHIP:
            return _OUT + request.pack
        return _FLAGS.get(kind, _MODE)

    def _value(self, request: Request) -> float | str | None:
        """Return what is to be kept; None where an order is withdrawn."""
        value = request.value
        if request.kind is RequestKind.MEMBERSHIP:
            return 1.0 if value is False else None
        if request.kind in _FLAGS:
            return 1.0 if value else None
        if isinstance(value, str):
            return None if value == ChargeMode.AUTOMATIC.value else value
        return None if value is None else float(value)

    def _orders(self) -> Orders:
        found = {
            key: Order(value=kept.value, who=kept.who, until_s=kept.until_s)
            for key, kept in self._kept.items()
            if isinstance(kept.value, float) and not key.startswith(_OUT)
        }
        mode = self._kept.get(_MODE)
        return Orders(
            **found,
            mode=ChargeMode.AUTOMATIC if mode is None else ChargeMode(mode.value),
            out=frozenset(key.removeprefix(_OUT) for key in self._kept if key.startswith(_OUT)),
        )

    # -- over restarts ------------------------------------------------------------------------

    def record(self, now_s: float) -> Mapping[str, object]:
        """Return what must survive: remaining times, never points in time."""
        self.at(now_s)
        return {
            key: {
                "value": kept.value,
                "who": kept.who,
                "left_s": None if kept.until_s is None else kept.until_s - now_s,
            }
            for key, kept in self._kept.items()
        }

    def restore(self, record: Mapping[str, object], now_s: float, off_s: float | None) -> list[str]:
        """Take up what was saved; returns what could not be, for the log.

        With the time off unknown an order lasts as long as it would have: an order only ever makes
        the bank more careful.
        """
        lost: list[str] = []
        for key, item in record.items():
            try:
                kept = _restored(key, item, now_s, off_s or 0.0)
            except (TypeError, ValueError, KeyError):
                lost.append(key)
                continue
            if off_s is None and key in _NEWS:
                continue  # how old it is by now nobody knows
            if key.startswith(_OUT) and key.removeprefix(_OUT) not in self._packs:
                lost.append(key)
            elif kept.until_s is None or kept.until_s > now_s:
                self._kept[key] = kept
        return lost


def _wrong_time(request: Request) -> str | None:
    """Return what is wrong with the time that an order is to last, None if nothing is."""
    kind, lasts_s = request.kind, request.lasts_s
    if lasts_s is None:
        return None
    if not 0 < lasts_s < math.inf:
        return "lasts_s must be a time in s, greater than 0"
    longest_s = _NUMBERS[kind].lasts_at_most_s if kind in _NUMBERS else math.inf
    return f"{kind.value}: lasts_s is at most {longest_s:g} s" if lasts_s > longest_s else None


def _begun(request: Request, value: float | str, now_s: float) -> _Kept:
    """Return what is kept of a request: how long an order stays depends on its kind."""
    kind = _NUMBERS.get(request.kind)
    lasts_s = request.lasts_s
    if lasts_s is None and kind is not None:
        lasts_s = kind.lasts_s
    if lasts_s is None:
        return _Kept(value, request.who, None)
    if request.kind is RequestKind.CHARGE_EXPECTED:
        assert isinstance(value, float)
        return _Kept(lasts_s, request.who, now_s + 60 * value + lasts_s)
    return _Kept(value, request.who, now_s + lasts_s)


_FIELDS = frozenset({kind.field for kind in _NUMBERS.values()} | set(_FLAGS.values()) | {_MODE})


def _restored(key: str, item: object, now_s: float, off_s: float) -> _Kept:
    if not isinstance(item, Mapping) or not (key in _FIELDS or key.startswith(_OUT)):
        raise TypeError
    value, left_s = item["value"], item["left_s"]
    if key == _MODE:
        value = ChargeMode(value).value
    elif not (isinstance(value, int | float) and math.isfinite(value)):
        raise TypeError
    else:
        value = float(value)
    until_s = None if left_s is None else now_s + float(left_s) - off_s
    return _Kept(value, str(item["who"]), until_s)


def _text(request: Request, before: _Kept | None) -> str:
    """Return what an order does, for a person."""
    was = f", was {before.value} by {before.who}" if before is not None else ""
    ends = "" if request.lasts_s is None else f" for {request.lasts_s:g} s"
    value = "withdrawn" if request.value is None else str(request.value)
    return f"{request.kind.value}: {value}{ends}{was}"
