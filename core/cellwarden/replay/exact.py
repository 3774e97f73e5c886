"""Frozen data as JSON and back, exactly: every float to its last bit, every type as it was.

For what the engine remembers and is told, so that a recording can be replayed from its middle.
Only types of the packages named in `ROOMS` are made again: a file from somebody else can build
data, nothing more.
"""

from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from importlib import import_module
from typing import Any

ROOMS = ("cellwarden.model.", "cellwarden.engine.", "cellwarden.diagnosis.")
_PLAIN = frozenset({type(None), bool, int, float, str})
"""Types that are the same in JSON."""
HIDDEN: Mapping[str, object] = {"serial_number": None, "name": None}
"""Fields of `Identity` that tell whose battery it is: never written."""


def encode(value: Any) -> Any:
    """Return JSON types; TypeError for what is no frozen data."""
    if value is None or isinstance(value, bool | str) or type(value) in (int, float):
        return value
    if isinstance(value, Enum):
        return {"~": _name(type(value)), "e": value.name}
    if is_dataclass(value) and not isinstance(value, type):
        kind = type(value)
        hidden = HIDDEN if kind.__name__ == "Identity" else {}
        names = [f.name for f in fields(value) if f.init]
        return {
            "~": _name(kind),
            "v": [hidden.get(n, None) if n in hidden else encode(getattr(value, n)) for n in names],
        }
    if isinstance(value, tuple):
        plain = _PLAIN.issuperset(map(type, value))
        items = list(value) if plain else [encode(item) for item in value]
        return {"~": _name(type(value)), "v": items} if hasattr(value, "_fields") else items
    if isinstance(value, frozenset):
        return {"~": "frozenset", "v": sorted((encode(item) for item in value), key=repr)}
    if isinstance(value, Mapping):
        return {"~": "dict", "v": [[encode(k), encode(v)] for k, v in value.items()]}
    raise TypeError(f"{type(value).__name__} is no frozen data")


def decode(value: Any) -> Any:
    """Return what `encode` was given; ValueError for what it never wrote."""
    if isinstance(value, list):
        return tuple(decode(item) for item in value)
    if not isinstance(value, dict):
        return value
    name = value.get("~")
    try:
        if name == "dict":
            return {decode(k): decode(v) for k, v in value["v"]}
        if name == "frozenset":
            return frozenset(decode(item) for item in value["v"])
        kind = _kind(str(name))
        if issubclass(kind, Enum):
            return kind[value["e"]]
        build = _builder(str(name))
        return build([decode(item) for item in value["v"]])
    except (KeyError, TypeError, AttributeError, ImportError) as error:
        raise ValueError(f"it holds {name}, which this version cannot read ({error})") from error


def _name(kind: type) -> str:
    return f"{kind.__module__}:{kind.__qualname__}"


@cache
def _kind(name: str) -> type:
    module, _, path = name.partition(":")
    if not (module + ".").startswith(ROOMS) or "." in path:
        raise TypeError("no data of this program")
    kind = getattr(import_module(module), path)
    is_data = isinstance(kind, type) and (
        is_dataclass(kind) or issubclass(kind, Enum) or hasattr(kind, "_fields")
    )
    if not is_data:
        raise TypeError("no data")
    assert isinstance(kind, type)
    return kind


@cache
def _builder(name: str) -> Callable[[list[Any]], Any]:
    kind = _kind(name)
    make: Callable[..., Any] = kind
    if not is_dataclass(kind):
        return lambda values: make(*values)
    names = [f.name for f in fields(kind) if f.init]
    return lambda values: make(**dict(zip(names, values, strict=True)))
