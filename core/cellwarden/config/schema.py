"""The JSON Schema of the whole file, for editors: `cellwarden config schema`.

It says what a schema can say: keys, types, ranges, choices. Rules between keys and the names that
must differ are left to `config check`.
"""

from collections.abc import Mapping, Sequence
from enum import Enum
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
from cellwarden.hooks import DriverKind, OutputKind, RelayKind
from cellwarden.host import Host

Schema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
TYPE_NAMES: Mapping[type, str] = {int: "integer", float: "number", bool: "boolean"}


def schema(host: Host) -> Schema:
    """Return the schema with every driver, output and relay that is installed."""
    parameters = _table(PARAMETER_KEYS, "what the engine works with; defaults by chemistry")
    heating = _table(HEATING_KEYS, "its heater; leave the table out where there is none")
    packs = _tables(
        "driver", PACK_KEYS, host.drivers(), {"parameters": parameters, "heating": heating}
    )
    outputs = _tables("plugin", OUTPUT_KEYS, host.outputs(), {})
    return {
        "$schema": DIALECT,
        "title": "Configuration of Cellwarden",
        "type": "object",
        "properties": {
            "controller": _table(CONTROLLER_KEYS, "the controller itself"),
            "bank": _table(BANK_KEYS, "the packs as one battery"),
            "pack": packs | {"minItems": 1},
            "cell_profile": {
                "type": "object",
                "description": "cells by their data sheets, by name",
                "additionalProperties": _table(CELL_KEYS, "a cell by its data sheet"),
            },
            "relay": _tables("kind", RELAY_KEYS, host.relays(), {}),
            "output": outputs,
        },
        "required": ["pack"],
        "additionalProperties": False,
    }


def _tables(
    chooser: str,
    common: Sequence[Key],
    kinds: Mapping[str, DriverKind] | Mapping[str, OutputKind] | Mapping[str, RelayKind],
    more: Mapping[str, Schema],
) -> Schema:
    """Return an array of tables whose further keys depend on the key `chooser`."""
    cases = []
    for kind in kinds.values():
        table = _table((*common, *keys_of(kind.options)), kind.summary)
        table["properties"] |= {chooser: {"const": kind.name}, **more}
        named = {"properties": {chooser: {"const": kind.name}}, "required": [chooser]}
        cases.append({"if": named, "then": table})
    what = next(key.option.help for key in common if key.name == chooser)
    items: Schema = {
        "type": "object",
        "properties": {chooser: {"description": what, "enum": list(kinds)}},
        "required": [chooser],
    }
    if cases:
        items["allOf"] = cases
    return {"type": "array", "items": items}


def _table(keys: Sequence[Key], description: str) -> Schema:
    table: Schema = {
        "type": "object",
        "description": description,
        "properties": {key.name: _value(key) for key in keys},
        "additionalProperties": False,
    }
    required = [key.name for key in keys if key.required]
    return table | ({"required": required} if required else {})


def _value(key: Key) -> Schema:
    option = key.option
    one: Schema = {"type": TYPE_NAMES.get(key.type, "string")}
    if key.choices:
        one["enum"] = list(key.choices)
    if option.minimum is not None:
        one["minimum"] = option.minimum
    if option.maximum is not None:
        one["maximum"] = option.maximum
    value = {"type": "array", "items": one} if key.many else one
    value["description"] = f"{option.help} [{option.unit}]" if option.unit else option.help
    if key.default is not None:
        value["default"] = _plain(key.default)
    if option.example is not None:
        value["examples"] = [_plain(option.example)]
    return value


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value.value if isinstance(value, Enum) else value
