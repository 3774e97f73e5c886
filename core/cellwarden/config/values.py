"""One value of the file: whether it is what its key wants, and how people are shown it."""

import json
import math
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any

from cellwarden.config.keys import Key
from cellwarden.config.options import Option

LONGEST_SHOWN = 60
"""Characters of a value that a message repeats."""
TYPE_TEXTS: Mapping[type, str] = {
    str: "a text in quotes",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
}


class BadValue(ValueError):
    """A value that its key does not take; the message is the sentence for the person."""


def read_value(key: Key, raw: object) -> Any:
    """Return the value as the dataclass wants it, or raise BadValue."""
    if not key.many:
        value = _scalar(key, raw)
    elif isinstance(raw, list):
        value = tuple(_scalar(key, item) for item in raw)
    else:
        raise BadValue(
            f"{show(raw)} is {_what(raw)}; a list such as [{wanted(key)}, ...] is wanted"
        )
    if key.option.check is not None:
        wrong = key.option.check(value)
        if wrong is not None:
            raise BadValue(f"{show(raw)}: {wrong}")
    return value


def _scalar(key: Key, raw: object) -> Any:
    if key.type is bool:
        if isinstance(raw, bool):
            return raw
    elif key.type is int or key.type is float:
        if isinstance(raw, int | float) and not isinstance(raw, bool):
            return _number(key, raw)
    elif isinstance(raw, str):
        return _text(key, raw)
    hint = ""
    if isinstance(raw, str) and key.type is not str and not issubclass(key.type, Enum):
        hint = " (without quotes)"
    raise BadValue(f"{show(raw)} is {_what(raw)}; {wanted(key)} is wanted{hint}")


def _number(key: Key, raw: float) -> int | float:
    option = key.option
    if key.type is int:
        if not isinstance(raw, int):
            raise BadValue(f"{show(raw)} is no whole number; {wanted(key)} is wanted")
        value: int | float = raw
    else:
        try:
            value = float(raw)
        except OverflowError:  # a whole number beyond any float
            value = math.inf
        if not math.isfinite(value):
            raise BadValue(f"{show(raw)} is no finite number; {wanted(key)} is wanted")
    if (option.minimum is not None and value < option.minimum) or (
        option.maximum is not None and value > option.maximum
    ):
        raise BadValue(f"{show(raw)} is outside {range_text(option)}")
    return value


def _text(key: Key, raw: str) -> Any:
    choices = key.choices
    if choices and raw not in choices:
        listed = ", ".join(show(choice) for choice in choices)
        raise BadValue(f"{show(raw)} is none of {listed}{did_you_mean(raw, choices)}")
    return raw if key.type is str else key.type(raw)


def wanted(key: Key) -> str:
    """Return what a key takes: `a number, 0.1..60 s`."""
    if key.choices:
        return " or ".join(show(choice) for choice in key.choices)
    span = range_text(key.option)
    return f"{TYPE_TEXTS[key.type]}, {span}" if span else TYPE_TEXTS[key.type]


def range_text(option: Option) -> str:
    """Return the range with its unit: `0.1..60 s`, `1 A or more`; only the unit without a range."""
    unit = f" {option.unit}" if option.unit else ""
    low, high = option.minimum, option.maximum
    if low is not None and high is not None:
        return f"{number_text(low)}..{number_text(high)}{unit}"
    if low is not None:
        return f"{number_text(low)}{unit} or more"
    if high is not None:
        return f"{number_text(high)}{unit} or less"
    return f"in{unit}" if unit else ""


def number_text(value: float) -> str:
    """Return a number without needless digits: `60`, `0.1`."""
    return str(int(value)) if value == int(value) else f"{value:g}"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return `; did you mean X?`, or nothing where no known name is near."""
    from difflib import get_close_matches  # noqa: PLC0415  # for mistakes

    spelled = {word.lower(): word for word in known}
    lower = name.lower()
    near = get_close_matches(lower, spelled, n=1) or [
        word for word in sorted(spelled, key=len) if len(lower) > 2 and word.startswith(lower)
    ]
    return f"; did you mean {spelled[near[0]]}?" if near else ""


def toml(value: Any) -> str:
    """Return a default or an example as it stands in the file."""
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple | list):
        return f"[{', '.join(toml(item) for item in value)}]"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    return repr(value)


def show(value: object) -> str:
    """Return a value of the file for a message: short, on one line, printable."""
    if isinstance(value, dict):
        return "{...}" if value else "{}"
    if isinstance(value, list):
        return "[...]" if value else "[]"
    if isinstance(value, int) and abs(value) >= 10**LONGEST_SHOWN:
        return "a number of very many digits"
    plain = isinstance(value, str | int | float)
    text = toml(value) if plain else str(value)  # str() for dates and times
    if isinstance(value, str) and not text.isprintable():
        text = json.dumps(value)  # everything but plain ASCII escaped
    return text if len(text) <= LONGEST_SHOWN else f"{text[: LONGEST_SHOWN - 4]} ..."


def _what(raw: object) -> str:
    match raw:
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "a text"
        case list():
            return "a list"
        case dict():
            return "a table"
    return "a date or time"
