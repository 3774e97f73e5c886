"""The writable items: what each shows, and what a written value asks of the gate. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Literal

from cellwarden.model import BankState, ChargeMode, Order, Request, RequestKind
from cellwarden_victron.sources import Value

RESET_SOC_TO = "/Settings/ResetSocTo"
RESET_SOC = "/Settings/ResetSocToApply"

NO_LIMIT = -1.0
"""What Venus' own settings say for "no limit"."""
HIGHEST_LIMIT_A = 10_000.0


class BadValueError(ValueError):
    """A written value that the item cannot take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """One writable item."""

    path: str
    kind: Literal["i", "d", "s"]
    request: RequestKind
    shown: Callable[[BankState], Value]
    """What is in force now, whoever asked for it."""
    asks: Callable[[object], float | bool | str | None]
    """The request's value for a written one; BadValueError if there is none."""
    unit: str = ""
    each_pack: bool = False
    """A device is written: one request for each pack, not one for the bank."""


# -- what a written value means ----------------------------------------------------------------


def _flag(value: object) -> bool:
    if isinstance(value, (bool, int, float)) and value in (0, 1):
        return bool(value)
    raise BadValueError


def _off_is_true(value: object) -> bool:
    """A switch that is written the other way round: 1 turns it off."""
    return not _flag(value)


def _order(value: object) -> bool | None:
    """1 gives an order, 0 withdraws it."""
    return True if _flag(value) else None


def _number(value: object, least: float, most: float) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise BadValueError
    if not isfinite(value) or not least <= value <= most:
        raise BadValueError
    return float(value)


def _limit(value: object) -> float | None:
    number = _number(value, NO_LIMIT, HIGHEST_LIMIT_A)
    return None if number < 0 else number


def _mode(value: object) -> str:
    if isinstance(value, str) and value in {mode.value for mode in ChargeMode}:
        return value
    raise BadValueError


def percent(value: object) -> float:
    """Return a SoC in %; BadValueError if it is none."""
    return _number(value, 0.0, 100.0)


# -- what is in force --------------------------------------------------------------------------


def _given(pick: Callable[[BankState], Order | None]) -> Callable[[BankState], Value]:
    return lambda state: int(pick(state) is not None)


def _amount(pick: Callable[[BankState], Order | None]) -> Callable[[BankState], Value]:
    def shown(state: BankState) -> Value:
        order = pick(state)
        return NO_LIMIT if order is None else float(order.value)

    return shown


def _switched_off(field: str) -> Callable[[BankState], Value]:
    """1 if the device of any pack says that its owner switched it off."""

    def shown(state: BankState) -> Value:
        known = [getattr(p.reading, field) for p in state.packs if p.reading is not None]
        known = [on for on in known if on is not None]
        return int(not all(known)) if known else None

    return shown


def _nothing(_: BankState) -> Value:
    return 0


_BALANCING = Control(
    path="/Settings/TurnBalancingOff",
    kind="i",
    request=RequestKind.BALANCE_SWITCH,
    shown=_switched_off("balance_switch_on"),
    asks=_off_is_true,
    each_pack=True,
)
_RESET = Control(
    path=RESET_SOC, kind="i", request=RequestKind.RESET_SOC, shown=_nothing, asks=_flag
)
_RESET_TO = Control(
    path=RESET_SOC_TO,
    kind="d",
    request=RequestKind.RESET_SOC,
    shown=lambda _: None,
    asks=percent,
    unit="%",
)

BANK_CONTROLS = (
    Control(
        path="/Settings/ForceChargingOff",
        kind="i",
        request=RequestKind.CHARGE_BLOCK,
        shown=_given(lambda state: state.orders.charge_block),
        asks=_order,
    ),
    Control(
        path="/Settings/ForceDischargingOff",
        kind="i",
        request=RequestKind.DISCHARGE_BLOCK,
        shown=_given(lambda state: state.orders.discharge_block),
        asks=_order,
    ),
    Control(
        path="/Settings/ChargeMode",
        kind="s",
        request=RequestKind.CHARGE_MODE,
        shown=lambda state: state.orders.mode.value,
        asks=_mode,
    ),
    Control(
        path="/Settings/FullCharge",
        kind="i",
        request=RequestKind.FULL_CHARGE,
        shown=_given(lambda state: state.orders.full_charge),
        asks=_order,
    ),
    Control(
        path="/Settings/ChargeCurrentLimit",
        kind="d",
        request=RequestKind.CHARGE_CURRENT_LIMIT,
        shown=_amount(lambda state: state.orders.charge_current_a),
        asks=_limit,
        unit="A",
    ),
    Control(
        path="/Settings/DischargeCurrentLimit",
        kind="d",
        request=RequestKind.DISCHARGE_CURRENT_LIMIT,
        shown=_amount(lambda state: state.orders.discharge_current_a),
        asks=_limit,
        unit="A",
    ),
    _BALANCING,
    _RESET_TO,
    _RESET,
)
"""Of the service that is the BMS."""

PACK_CONTROLS = (
    Control(
        path="/Settings/ForceChargingOff",
        kind="i",
        request=RequestKind.CHARGE_SWITCH,
        shown=_switched_off("charge_switch_on"),
        asks=_off_is_true,
        each_pack=True,
    ),
    Control(
        path="/Settings/ForceDischargingOff",
        kind="i",
        request=RequestKind.DISCHARGE_SWITCH,
        shown=_switched_off("discharge_switch_on"),
        asks=_off_is_true,
        each_pack=True,
    ),
    _BALANCING,
    _RESET_TO,
    _RESET,
)
"""Of one pack beside its bank: there the switches are those of the BMS itself."""


def requests(
    control: Control,
    value: object,
    state: BankState,
    who: str,
    *,
    bms: bool,
    reset_to_percent: float,
) -> tuple[Request, ...]:
    """Return what a written value asks for; nothing for one that needs no asking.

    BadValueError if the item cannot take it.
    """
    asked = control.asks(value)
    if control.path == RESET_SOC_TO:
        return ()
    if control.path == RESET_SOC:
        if not asked:
            return ()
        asked = reset_to_percent
    packs = [pack.pack for pack in state.packs] if control.each_pack or not bms else [""]
    return tuple(Request(kind=control.request, pack=p, value=asked, who=who) for p in packs)


def shown(
    controls: tuple[Control, ...],
    state: BankState,
    refused: Mapping[RequestKind, bool],
    reset_to_percent: float,
) -> dict[str, Value]:
    """Return what each writable item shows; the invalid marker where it could not be used.

    An order that is in force is shown in any case: it explains a limit.
    """
    values: dict[str, Value] = {}
    for control in controls:
        value = reset_to_percent if control.path == RESET_SOC_TO else control.shown(state)
        quiet = value in (0, NO_LIMIT, ChargeMode.AUTOMATIC.value) or control.path == RESET_SOC_TO
        values[control.path] = None if quiet and refused[control.request] else value
    return values
