"""A state as the JSON that Home Assistant's templates read. Pure.

Every key that was announced is there every time: a missing one costs Home Assistant a warning a
message and keeps the old value on the screen. Unknown is null, which its templates turn into
"unknown". JSON knows no NaN; whatever is no number that its entity can have is unknown too.
"""

import json
from collections.abc import Iterable

from cellwarden.model import BankState, PackState
from cellwarden_homeassistant.entity import SPANS, Entity, Value, View

MAX_TEXT = 255
"""Characters that a state may have in Home Assistant; a longer one is dropped with a warning."""

Plain = float | int | str | None


def values(
    entities: Iterable[Entity], state: BankState | PackState, view: View
) -> dict[str, Plain]:
    """Return the value of every entity that has one in the JSON, in table order."""
    return {
        entity.key: plain(
            entity.get(view if entity.whole else state), entity.precision, *entity.span
        )
        for entity in entities
        if entity.has_state
    }


def encode(values: dict[str, Plain]) -> str:
    """Return the inside of a JSON object, without its braces."""
    document = json.dumps(values, allow_nan=False, ensure_ascii=False, separators=(",", ":"))
    return document[1:-1]


def joined(parts: Iterable[str]) -> bytes:
    """Return one JSON object of what `encode` returned."""
    return f"{{{','.join(part for part in parts if part)}}}".encode()


def plain(
    value: Value,
    precision: int | None,
    low: float = SPANS[None][0],
    high: float = SPANS[None][1],
) -> Plain:
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
    number: float = round(value, precision) + 0.0 if precision else round(value)
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
