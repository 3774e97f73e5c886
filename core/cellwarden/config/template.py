"""The file that `config init` writes: every key there is, explained, defaults commented out."""

import re
import textwrap
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from cellwarden.config.heating import HEATING_KEYS
from cellwarden.config.keys import (
    BANK_KEYS,
    CELL_KEYS,
    CONTROLLER_KEYS,
    OUTPUT_KEYS,
    PACK_KEYS,
    PARAMETER_KEYS,
    RELAY_KEYS,
    Key,
    keys_of,
)
from cellwarden.config.values import range_text, show, toml
from cellwarden.errors import ConfigError
from cellwarden.hooks import DriverKind, OutputKind, RelayKind
from cellwarden.host import Host, choose
from cellwarden.model import preset

WIDTH = 92
"""Columns of a comment."""
NO_BREAK = "\N{NO-BREAK SPACE}"

_GUESSES: Mapping[type, Any] = {str: "?", int: 1, float: 1.0, bool: False}
_EXAMPLES = {key.name: key.option.example for key in (*PACK_KEYS, *OUTPUT_KEYS)}
_HEAD = """\
# The configuration of Cellwarden.
# Lines that begin with `#` and a key show its default: remove the `#` to change it.
# Check the whole file with `cellwarden config check` before you start.
"""
_HEATING_HEAD = """\
# A heater of this pack, switched by the BMS or a relay: remove the `# ` of the keys you need.
"""
_RELAY_HEAD = """\
# What switches a heater that does not hang on its BMS, named by `relay` in its [pack.heating].
"""
_PARAMETERS_HEAD = """\
# What the engine protects this pack by, and what it asks the inverter for. The values shown
# follow from chemistry, cells and capacity_ah above; change one by removing its `#`.
"""

_CELLS_HEAD = """\
# What a cell's data sheet says, for packs with `cell_profile = "my_cell"`: remove the `# ` of the
# lines that are wanted.
"""


def template(host: Host, *, drivers: Sequence[str] = (), outputs: Sequence[str] = ()) -> str:
    """Return the text of a file with one pack for each driver and one table for each output.

    Without names it shows one of each. ConfigError for a name that nobody offers, and where no
    driver is installed at all.
    """
    all_drivers, all_outputs = host.drivers(), host.outputs()
    drivers = drivers or _first(_EXAMPLES["driver"], all_drivers)
    outputs = outputs or _first(_EXAMPLES["plugin"], all_outputs)
    if not drivers:
        raise ConfigError(("no driver is installed", *host.problems()))
    blocks = [_HEAD, _table("[controller]", CONTROLLER_KEYS, {}), _table("[bank]", BANK_KEYS, {})]
    for number, name in enumerate(drivers):
        driver: DriverKind = choose("driver", name, all_drivers, host)
        blocks.append(_pack(driver, number, all_drivers, explained=name not in drivers[:number]))
        if number == 0:
            blocks += [
                _parameters(),
                _commented(_HEATING_HEAD, "[pack.heating]", HEATING_KEYS),
                *([_relay(relays)] if (relays := host.relays()) else ()),
                _commented(_CELLS_HEAD, "[cell_profile.my_cell]", CELL_KEYS),
            ]
    for number, name in enumerate(outputs):
        output: OutputKind = choose("output", name, all_outputs, host)
        blocks.append(_output(output, outputs[:number].count(name), all_outputs))
    return "\n".join(blocks)


def _first(example: object, kinds: Collection[str]) -> list[str]:
    return [str(example)] if example in kinds else list(kinds)[:1]


def _pack(kind: DriverKind, number: int, offered: Collection[str], *, explained: bool) -> str:
    keys = (*PACK_KEYS, *keys_of(kind.options))
    live: dict[str, Any] = {"driver": kind.name}
    for key in keys:  # what two packs must not share
        if key.name == "name" or (key.name == "port" and (number or key.required)):
            live[key.name] = _nth(example(key), number)
    offers = {"driver": offered} if explained else None
    return _table("[[pack]]", keys, live, offers, explained=explained)


def _output(kind: OutputKind, number: int, offered: Collection[str]) -> str:
    keys = (*OUTPUT_KEYS, *keys_of(kind.options))
    live: dict[str, Any] = {"plugin": kind.name}
    if number:
        live["name"] = _nth(kind.name, number)
    return _table("[[output]]", keys, live, {"plugin": offered}, explained=number == 0)


def _relay(kinds: Mapping[str, RelayKind]) -> str:
    """Return a commented table of the first kind, naming the others."""
    kind = next(iter(kinds.values()))
    common = tuple(
        replace(key, option=replace(key.option, example=kind.name, choices=tuple(kinds)))
        if key.name == "kind"
        else key
        for key in RELAY_KEYS
    )
    return _commented(_RELAY_HEAD, "[[relay]]", (*common, *keys_of(kind.options)))


def _table(
    head: str,
    keys: Sequence[Key],
    live: Mapping[str, Any],
    offered: Mapping[str, Collection[str]] | None = None,
    *,
    explained: bool = True,
) -> str:
    """Return one table; `live` are values to write, `offered` names to choose from, by key.

    What was explained before is not explained again: then only the keys that must be there.
    """
    lines = [head]
    for key in keys:
        written = key.required or key.name in live
        if explained:
            lines += _comment(key, (offered or {}).get(key.name, key.choices))
        if written:
            lines.append(f"{key.name} = {toml(live.get(key.name, example(key)))}")
        elif explained:
            default = "" if key.default is None else f" {toml(key.default)}"
            lines.append(f"#{key.name} ={default}")
    if not explained:
        lines.append("# more keys: as above")
    return "\n".join([*lines, ""])


def _comment(key: Key, choices: Collection[str]) -> list[str]:
    """Return what a key means: `# time from one poll to the next (0.1..60 s)`."""
    span = range_text(key.option).replace(" ", NO_BREAK)
    if choices:
        span = f"one of {', '.join(show(choice) for choice in choices)}"
    text = " ".join(part for part in (key.option.help, f"({span})" if span else "") if part)
    wrapped = textwrap.wrap(text, WIDTH, initial_indent="# ", subsequent_indent="# ")
    return [line.replace(NO_BREAK, " ") for line in wrapped]


def _parameters() -> str:
    defaults = preset(
        str(_EXAMPLES["chemistry"]),
        cell_count=int(str(_EXAMPLES["cells"])),
        design_capacity_ah=float(str(_EXAMPLES["capacity_ah"])),
    )
    lines = [_PARAMETERS_HEAD + "[pack.parameters]"]
    for key in PARAMETER_KEYS:
        default = getattr(defaults, key.name)
        assigned = f"#{key.name} =" + ("" if default is None else f" {default:g}")
        off = " (off unless set)" if default is None else ""
        lines.append(f"{assigned:48}# {key.option.help}, {range_text(key.option)}{off}")
    return "\n".join([*lines, ""])


def _commented(head: str, title: str, keys: Sequence[Key]) -> str:
    """Return a table that is not there unless somebody removes its `# `."""
    lines = [f"{head}# {title}"]
    for key in keys:
        shown = key.option.example if key.default is None else key.default
        value = "" if shown is None else f" {toml(shown)}"
        choices = f": {', '.join(key.choices)}" if key.choices else ""
        lines.append(f"# {key.name} ={value}".ljust(42) + f"# {key.option.help}{choices}")
    return "\n".join([*lines, ""])


def example(key: Key) -> Any:
    """Return a value that the key takes, as good a guess as its description allows."""
    if key.option.example is not None:
        return key.option.example
    if key.default is not None:
        return key.default
    guess = key.choices[0] if key.choices else _GUESSES.get(key.type, "")
    if key.type in (int, float) and key.option.minimum is not None:
        guess = key.type(key.option.minimum)
    return [guess] if key.many else guess


def _nth(text: object, number: int) -> object:
    """Return a text made different from its first use: `left2`, `/dev/ttyUSB1`."""
    if number == 0 or not isinstance(text, str):
        return text
    digits = re.search(r"\d+$", text)
    if digits is None:
        return f"{text}{number + 1}"
    return f"{text[: digits.start()]}{int(digits[0]) + number}"
