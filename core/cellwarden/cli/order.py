"""`cellwarden order`: what a person wants of the bank as a whole, kept by the running controller.

Orders reach no BMS: they are possible in every mode, and none of them lifts a limit that the
engine found.
"""

import argparse
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from cellwarden.cli import complain
from cellwarden.cli.asking import add_running, running, runtime_folder
from cellwarden.cli.show import add_json, print_json, print_rows
from cellwarden.errors import ConfigError
from cellwarden.hooks import CommandKind

WITHDRAW = "none"
"""The value that takes an order back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """One order as it is written on the command line."""

    kind: str
    """A value of `model.RequestKind`."""
    takes: str
    """What stands behind it, for the help."""
    text: str
    value: Callable[[str], object]
    """Turns what was written into the request's value; ValueError where it is none of it."""
    field: str = ""
    """Of `model.Orders`, to show it; empty for what is done at once."""
    unit: str = ""
    for_pack: bool = False
    """Its word is a pack's name, not a value."""


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(text)
    return value


def _off(text: str) -> bool:
    """Return whether something is to be off: an order blocks, it never forces on."""
    return {"off": True, "on": False}[text]


def _on(text: str) -> bool:
    return not _off(text)


def _mode(text: str) -> str:
    from cellwarden.model import ChargeMode  # noqa: PLC0415  # only when it is asked for

    return ChargeMode(text).value


WORDS: Mapping[str, Word] = {
    "charge-current": Word(
        kind="charge current limit", takes="A", text="at most this much into the bank",
        value=_number, field="charge_current_a", unit="A",
    ),
    "discharge-current": Word(
        kind="discharge current limit", takes="A", text="at most this much out of the bank",
        value=_number, field="discharge_current_a", unit="A",
    ),
    "target-soc": Word(
        kind="target SoC", takes="%", text="charging ends there", value=_number,
        field="target_soc_percent", unit="%",
    ),
    "reserve-soc": Word(
        kind="reserve SoC", takes="%", text="discharging ends there", value=_number,
        field="reserve_soc_percent", unit="%",
    ),
    "charging": Word(
        kind="charging off", takes="on|off", text="off: nobody charges until it is on again",
        value=_off, field="charge_block",
    ),
    "discharging": Word(
        kind="discharging off", takes="on|off", text="off: nobody discharges until it is on again",
        value=_off, field="discharge_block",
    ),
    "mode": Word(
        kind="charge mode", takes="automatic|float|hold", text="how the bank is charged",
        value=_mode, field="mode",
    ),
    "full-charge": Word(
        kind="full charge", takes="on|off", text="charge to the very end once, beyond the target",
        value=_on, field="full_charge",
    ),
    "expect-charge": Word(
        kind="expected charge", takes="MIN", text="charging begins so long from now: cells that"
        " are too cold for it are heated before", value=_number, field="charge_expected",
    ),
    "surplus": Word(
        kind="surplus power", takes="W", text="so much is generated and not used, for heaters;"
        " told again every few minutes", value=_number, field="surplus_w", unit="W",
    ),
    "take-out": Word(
        kind="membership", takes="PACK", text="do not count on this pack: its owner takes it out",
        value=lambda _: False, for_pack=True,
    ),
    "let-in": Word(
        kind="membership", takes="PACK", text="the pack is in the bank again",
        value=lambda _: True, for_pack=True,
    ),
    "reset-soc": Word(
        kind="SoC reset", takes="%", text="set the estimate of one pack (--pack), or of all",
        value=_number,
    ),
    "release": Word(
        kind="release of latched trips", takes="PACK|all",
        text="somebody has looked: what is still wrong trips again", value=lambda _: None,
        for_pack=True,
    ),
}  # fmt: skip
"""Every order, by its word."""

_UNITS_S = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86_400.0}


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    usages = {f"{name} {word.takes}": word.text for name, word in WORDS.items()}
    width = max(map(len, usages))
    parser.epilog = "\n".join(
        ["orders:", *(f"  {usage:{width}}  {text}" for usage, text in usages.items())]
    )
    parser.add_argument(
        "order", nargs="?", choices=tuple(WORDS), metavar="ORDER",
        help="one of those below; without one, the orders in effect are shown",
    )  # fmt: skip
    parser.add_argument(
        "value", nargs="?", metavar="VALUE", help=f"`{WITHDRAW}` withdraws the order"
    )
    parser.add_argument(
        "--for", dest="lasts", metavar="TIME", help="it ends by itself: 90s, 30min, 2h, 1d"
    )
    parser.add_argument("--pack", default="", metavar="PACK", help="for reset-soc: this pack only")
    add_running(parser)
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Show the orders in effect, or give one; 1 if it is refused."""
    if arguments.order is None:
        return _show(arguments)
    try:
        message = message_of(arguments)
    except ConfigError as error:
        return complain(error, 2)
    from cellwarden.runtime import control  # noqa: PLC0415  # only when it asks

    outcome = control.ask(runtime_folder(arguments), message)
    if arguments.json:
        print_json(outcome)
    else:
        print(f"{outcome['verdict']}: {outcome['reason']}")
    return 0 if outcome["verdict"] == "applied" else 1


def message_of(arguments: argparse.Namespace) -> dict[str, object]:
    """Return what the controller is asked. ConfigError for what makes no sense."""
    name, text = arguments.order, arguments.value
    word = WORDS[name]
    if text is None:
        raise ConfigError(f"{name} wants a value: {name} {word.takes}")
    message: dict[str, object] = {"do": "ask", "kind": word.kind, "pack": arguments.pack}
    if word.for_pack:
        message |= {"pack": "" if text == "all" else text, "value": word.value(text)}
    elif text == WITHDRAW and word.field:
        message["value"] = None
    else:
        try:
            message["value"] = word.value(text)
        except (ValueError, KeyError) as error:
            raise ConfigError(f"{name}: {word.takes} is wanted, not {text!r}") from error
    if arguments.lasts is not None:
        message["lasts_s"] = seconds(arguments.lasts)
    return message


def seconds(text: str) -> float:
    """Return a time such as `90s`, `30min`, `2h`, `1d` in s. ConfigError for anything else."""
    match = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?) ?(s|min|h|d)", text)
    if match is None or float(match[1]) == 0.0:
        raise ConfigError(f"--for: a time such as 90s, 30min, 2h or 1d is wanted, not {text!r}")
    return float(match[1]) * _UNITS_S[match[2]]


def _show(arguments: argparse.Namespace) -> int:
    document: Any = running(arguments)
    bank = document["bank"] or {}
    orders = bank.get("orders") or {}
    if arguments.json:
        print_json(orders)
        return 0
    now_s = bank.get("at_s", 0.0) + (document["age_s"] or 0.0)
    rows = list(_rows(orders, now_s))
    if rows:
        print_rows(rows)
    else:
        print("no orders: the bank follows its configuration")
    return 0


def _rows(orders: Mapping[str, Any], now_s: float) -> list[tuple[str, str, str]]:
    """Return a row for each order in effect: what, who, until when."""
    rows = []
    for name, word in WORDS.items():
        order = orders.get(word.field)
        if isinstance(order, Mapping):
            what = _what(name, word, order, now_s)
            rows.append((name, what, f"by {order['who']}{_left(order['until_s'], now_s)}"))
        elif word.field == "mode" and order not in (None, "automatic"):
            rows.append((name, str(order), ""))
    return rows + [("take-out", pack, "") for pack in sorted(orders.get("out") or ())]


def _what(name: str, word: Word, order: Mapping[str, Any], now_s: float) -> str:
    value = order["value"]
    if name == "expect-charge":  # it holds for so many s up to its end
        return f"in {max(0.0, order['until_s'] - value - now_s) / 60:.0f} min"
    if word.unit:
        return f"{value:g} {word.unit}"
    return next(text for text in ("on", "off") if word.value(text))


def _left(until_s: float | None, now_s: float) -> str:
    if until_s is None:
        return ""
    left_s = max(0.0, until_s - now_s)
    unit = next((u for u in ("d", "h", "min") if left_s >= 2 * _UNITS_S[u]), "s")
    return f", for {left_s / _UNITS_S[unit]:.0f} {unit} more"


COMMAND = CommandKind(
    name="order",
    summary="what you want of the bank: limits, target, blocks, a pack out; who ordered what",
    configure=configure,
    run=run,
)
