"""A state as the JSON that Home Assistant's templates read. Pure.

Every key that was announced is there every time: a missing one costs Home Assistant a warning a
message and keeps the old value on the screen. Unknown is null, which its templates turn into
"unknown". JSON knows no NaN; whatever is no number that its entity can have is unknown too.
"""

from collections.abc import Callable, Iterable
from json.encoder import encode_basestring
from typing import Any

from cellwarden.model import BankState, PackState
from cellwarden_homeassistant.entity import SPANS, Entity, Value, View

MAX_TEXT = 255
"""Characters that a state may have in Home Assistant; a longer one is dropped with a warning."""


class _Row:
    """One entity with the value that it had last: most values are what they were."""

    __slots__ = ("get", "high", "key", "low", "precision", "text", "value", "whole")

    def __init__(self, entity: Entity) -> None:
        self.key = f"{encode_basestring(entity.key)}:"
        self.get: Callable[[Any], Value] = entity.get
        self.whole = entity.whole
        self.precision = entity.precision
        self.low, self.high = entity.span
        self.value: Value = None
        self.text = f"{self.key}null"


class Part:
    """Writes a part of a state: the values of some entities, in their order."""

    def __init__(self, entities: Iterable[Entity]) -> None:
        self._rows = [_Row(entity) for entity in entities if entity.has_state]

    def write(self, state: BankState | PackState, view: View) -> str:
        """Return the inside of a JSON object, without its braces."""
        texts = []
        for row in self._rows:
            value = row.get(view if row.whole else state)
            if value is not row.value:
                if value != row.value or type(value) is not type(row.value):
                    shown = plain(value, row.precision, row.low, row.high)
                    row.text = f"{row.key}{json_text(shown)}"
                row.value = value
            texts.append(row.text)
        return ",".join(texts)


def joined(parts: Iterable[str]) -> bytes:
    """Return one JSON object of what parts wrote."""
    return f"{{{','.join(part for part in parts if part)}}}".encode()


def json_text(value: float | str | None) -> str:
    """Return what `plain` returned as JSON."""
    if value is None:
        return "null"
    # repr() of a finite number is JSON; `plain` lets no other through.
    return encode_basestring(value) if isinstance(value, str) else repr(value)


def plain(
    value: Value,
    precision: int | None,
    low: float = SPANS[None][0],
    high: float = SPANS[None][1],
) -> float | int | str | None:
    """Return a value as it is published: rounded, ON or OFF, at most 255 characters, or None."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "ON" if value else "OFF"
    if isinstance(value, str):
        return clean_text(value)
    # Rounded first, so that 100.04 % is 100.0; `not` also catches NaN, which round() refuses.
    if not low - 1 <= value <= high + 1:
        return None
    number: float = round(float(value), precision) + 0.0 if precision else round(value)
    return number if low <= number <= high else None  # + 0.0: no "-0.0"


def clean_text(text: str) -> str | None:
    """Return one printable line of at most 255 characters; None if nothing is left.

    What a BMS calls itself may hold anything.
    """
    if not text.isprintable():
        text = "".join(character if character.isprintable() else " " for character in text)
    line = " ".join(text.split())
    if len(line) > MAX_TEXT:
        line = line[: MAX_TEXT - 1] + "…"
    return line or None
