"""A state as the JSON that Home Assistant's templates read. Pure.

Every key is there every time: a missing one costs Home Assistant a warning a message and keeps the
old value on the screen. Unknown is null, which its templates turn into "unknown". JSON knows no
NaN; whatever is not a finite number of a battery's size is unknown too.
"""

import json
from collections.abc import Iterable

from cellwarden.model import BankState, PackState
from cellwarden_homeassistant.entities import Entity
from cellwarden_homeassistant.getters import Value

MAX_TEXT = 255
"""Characters that a state may have in Home Assistant; a longer one is dropped with a warning."""

LARGEST = 1e9
"""In the units of the table no battery has a number this large: it is a fault, not a value."""


def encode(entities: Iterable[Entity], state: BankState | PackState) -> bytes:
    """Return the JSON document with the value of every entity, in table order."""
    document = {entity.key: plain(entity.get(state), entity.precision) for entity in entities}
    return json.dumps(document, allow_nan=False, ensure_ascii=False, separators=(",", ":")).encode()


def plain(value: Value, precision: int | None) -> float | int | str | None:
    """Return a value as it is published: rounded, ON or OFF, at most 255 characters, or None."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "ON" if value else "OFF"
    if isinstance(value, str):
        return clean_text(value)
    if not -LARGEST < value < LARGEST:  # infinity and NaN as well
        return None
    if not precision:
        return round(value)
    return round(value, precision) + 0.0  # + 0.0: no "-0.0"


def clean_text(text: str) -> str | None:
    """Return one printable line of at most 255 characters; None if nothing is left.

    What a BMS calls itself may hold anything.
    """
    kept = "".join(character if character.isprintable() else " " for character in text)
    line = " ".join(kept.split())
    if len(line) > MAX_TEXT:
        line = line[: MAX_TEXT - 1] + "…"
    return line or None
