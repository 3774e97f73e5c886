"""The add-on's own description, made from the configuration's: options one to one. Pure.

The Supervisor knows texts, whole numbers, numbers, yes or no, and lists of words. It knows no
negative bounds, and its older versions no table in a table in a list: a pack's parameters stand
beside its other keys, and those of its heater too, as `heating_...`. What it cannot check, `config
check` does at the start.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from cellwarden import __version__
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
from cellwarden.host import Host

Element = str | list[str]

SLUG = "cellwarden"
OWN_FOLDERS = ("state_dir", "runtime_dir")
"""Keys that the add-on sets itself: only its own folders outlive it."""
HEATER_PREFIX = "heating_"
HEATER_KEYS = tuple(replace(key, name=HEATER_PREFIX + key.name) for key in HEATING_KEYS)
TABLES = {
    "controller": "The controller itself",
    "bank": "The packs as one battery: [bank]",
    "packs": "One entry for each pack: [[pack]], [pack.parameters] and [pack.heating] in one",
    "cell_profiles": "Cells by their data sheets: [cell_profile.NAME]",
    "relays": "One entry for each relay that switches a heater: [[relay]]",
    "outputs": "One entry for each system that is told: [[output]]",
}


def addon_config(host: Host) -> dict[str, Any]:
    """Return the content of the add-on's `config.yaml`."""
    return {
        "name": "Cellwarden",
        "version": __version__,
        "slug": SLUG,
        "description": "Battery controller: any BMS in, one safe decision out",
        "arch": ["aarch64", "amd64"],
        "startup": "services",
        "boot": "auto",
        "stage": "experimental",
        "init": False,
        "services": ["mqtt:want"],
        "uart": True,  # serial adapters
        "host_dbus": True,  # Bluetooth
        "host_network": True,  # CAN interfaces, and a port for Modbus TCP
        "map": ["addon_config:rw", "ssl:ro"],
        "options": {
            "controller": {"name": "Home"},
            "bank": {},
            "packs": [
                {
                    "name": "left",
                    "driver": "jk-rs485",
                    "port": "/dev/ttyUSB0",
                    "chemistry": "LiFePO4",
                    "cells": 16,
                    "capacity_ah": 280,
                }
            ],
            "cell_profiles": [],
            "relays": [],
            "outputs": [{"plugin": "homeassistant"}],
        },
        "schema": options_schema(host),
    }


def options_schema(host: Host) -> dict[str, Any]:
    """Return what the Supervisor lets a person enter."""
    tables = all_keys(host)
    return {
        "controller": _table(tables["controller"]),
        "bank": _table(tables["bank"]),
        "packs": [_table(tables["packs"])],
        "cell_profiles": [{"name": "str", **_table(tables["cell_profiles"])}],
        "relays": [_table(tables["relays"])],
        "outputs": [_table(tables["outputs"])],
    }


def translations(host: Host) -> dict[str, Any]:
    """Return the English names and explanations of every option."""
    fields = {
        table: {
            name: {"name": _title(name), "description": _help(keys)}
            for name, keys in by_name.items()
        }
        for table, by_name in all_keys(host).items()
    }
    fields["cell_profiles"] = {
        "name": {"name": "Name", "description": "what a pack names in its key `cell`"},
        **fields["cell_profiles"],
    }
    return {
        "configuration": {
            table: {"name": _title(table), "description": TABLES[table], "fields": of_table}
            for table, of_table in fields.items()
        }
    }


def all_keys(host: Host) -> dict[str, dict[str, list[Key]]]:
    """Return every key of every table by its name; drivers and outputs may share one."""
    drivers = [keys_of(kind.options) for kind in host.drivers().values()]
    outputs = [keys_of(kind.options) for kind in host.outputs().values()]
    own = [key for key in CONTROLLER_KEYS if key.name not in OWN_FOLDERS]
    relays = [keys_of(kind.options) for kind in host.relays().values()]
    packs = _by_name([PACK_KEYS, *drivers, PARAMETER_KEYS, HEATER_KEYS], common=1)
    packs["driver"] = [_chooser(packs["driver"][0], tuple(host.drivers()))]
    switched = _by_name([RELAY_KEYS, *relays], common=1)
    switched["kind"] = [_chooser(switched["kind"][0], tuple(host.relays()))]
    named = _by_name([OUTPUT_KEYS, *outputs], common=1)
    named["plugin"] = [_chooser(named["plugin"][0], tuple(host.outputs()))]
    return {
        "controller": _by_name([own], common=1),
        "bank": _by_name([BANK_KEYS], common=1),
        "packs": packs,
        "cell_profiles": _by_name([CELL_KEYS], common=1),
        "relays": switched,
        "outputs": named,
    }


def _by_name(groups: Sequence[Iterable[Key]], *, common: int) -> dict[str, list[Key]]:
    """Return keys by name. Only those of the first `common` groups can be required."""
    found: dict[str, list[Key]] = {}
    for place, group in enumerate(groups):
        for key in group:
            optional = key if place < common else _optional(key)
            found.setdefault(key.name, []).append(optional)
    return found


def _optional(key: Key) -> Key:
    return Key(name=key.name, type=key.type, option=key.option, many=key.many, default=key.default)


def _chooser(key: Key, names: tuple[str, ...]) -> Key:
    option = type(key.option)(help=key.option.help, choices=names)
    return Key(name=key.name, type=str, option=option, required=True)


def _table(by_name: Mapping[str, list[Key]]) -> dict[str, Element]:
    return {name: _element(keys) for name, keys in by_name.items()}


def _element(keys: Sequence[Key]) -> Element:
    """Return the Supervisor's type for a key; the widest where several plugins differ."""
    mark = "" if any(key.required for key in keys) else "?"
    word = f"{_word(keys)}{mark}"
    return [word] if all(key.many for key in keys) else word


def _word(keys: Sequence[Key]) -> str:
    choices = tuple(dict.fromkeys(choice for key in keys for choice in key.choices))
    if choices and all(key.choices for key in keys):
        return f"list({'|'.join(choices)})"
    types = {key.type for key in keys} if len({key.many for key in keys}) == 1 else {str}
    if types == {bool}:
        return "bool"
    if types == {int}:
        return f"int{_span(keys)}"
    if types <= {int, float}:
        return f"float{_span(keys)}"
    return "str"


def _span(keys: Sequence[Key]) -> str:
    lows = [key.option.minimum for key in keys]
    highs = [key.option.maximum for key in keys]
    low = None if None in lows else min(value for value in lows if value is not None)
    high = None if None in highs else max(value for value in highs if value is not None)
    left = "" if low is None or low < 0 else _decimal(low)
    right = "" if high is None or high < 0 else _decimal(high)
    return f"({left},{right})" if left or right else ""


def _decimal(value: float) -> str:
    """Return a number without an exponent: the Supervisor reads digits and dots."""
    return f"{value:.6f}".rstrip("0").rstrip(".")


def _title(name: str) -> str:
    text = name.replace("_", " ")
    return text[0].upper() + text[1:]


def _help(keys: Sequence[Key]) -> str:
    parts = dict.fromkeys(
        f"{key.option.help} [{key.option.unit}]" if key.option.unit else key.option.help
        for key in keys
    )
    return "; or: ".join(parts)
