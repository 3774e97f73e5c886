"""Writes YAML that any reader takes: block style, every text in JSON's quotes. Pure.

Enough for what we write (dictionaries, lists, texts, numbers); reading YAML needs a library.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any

WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
"""What YAML takes for something else than a text, in capitals too."""


def dump(value: Any) -> str:
    """Return the text of a document."""
    return "\n".join(_lines(value)) + "\n"


def _lines(value: Any) -> list[str]:
    if isinstance(value, Mapping) and value:
        return [line for key, item in value.items() for line in _entry(f"{_key(key)}:", item)]
    if _is_list(value) and value:
        return [line for item in value for line in _item(item)]
    return [_scalar(value)]


def _entry(head: str, item: Any) -> list[str]:
    if (isinstance(item, Mapping) or _is_list(item)) and item:
        return [head, *(f"  {line}" for line in _lines(item))]
    return [f"{head} {_scalar(item)}"]


def _item(item: Any) -> list[str]:
    first, *rest = _lines(item)
    return [f"- {first}", *(f"  {line}" for line in rest)]


def _key(key: str) -> str:
    letters = key.replace("_", "")
    plain = letters.isascii() and letters.isalpha() and key.lower() not in WORDS
    return key if plain else _scalar(key)


def _scalar(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{}"
    if _is_list(value):
        return "[]"
    text = json.dumps(value, ensure_ascii=False)
    if isinstance(value, float) and "." not in text:
        return text.replace("e", ".0e")  # YAML 1.1 takes 1e+16 for a text
    return "".join(_escaped(character) for character in text)


def _escaped(character: str) -> str:
    """Return a character as it may stand in quotes: what YAML does not print, by its number."""
    printed = character.isprintable() and character != "\N{ZERO WIDTH NO-BREAK SPACE}"
    return character if printed else f"\\U{ord(character):08X}"


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)
