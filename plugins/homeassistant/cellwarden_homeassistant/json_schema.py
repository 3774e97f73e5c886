"""The JSON Schemas of what is published, made from the tables: for readers without Home Assistant.

`cellwarden homeassistant schema pack` prints one; the same stand in `plugins/homeassistant/schema`.
"""

import re
from collections.abc import Iterable
from typing import Any

from cellwarden_homeassistant.controls import ALWAYS, BANK_CONTROLS, OUTCOMES, PACK_CONTROLS
from cellwarden_homeassistant.entities import BANK, BRIDGE
from cellwarden_homeassistant.entity import Entity
from cellwarden_homeassistant.pack_entities import PACK, pack_entities
from cellwarden_homeassistant.state_payload import MAX_TEXT

Schema = dict[str, Any]

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_NUMBERED = re.compile(r"_01(?=_|$)")


def schemas() -> dict[str, Schema]:
    """Return the schema of each kind of message, by name."""
    one_of_each = pack_entities(1, 1, 1)[len(PACK) :]
    pack = _document("one pack's state", (*PACK, *PACK_CONTROLS, *ALWAYS))
    pack["patternProperties"] = {
        f"^{_NUMBERED.sub('_[0-9]{2}', entity.key)}$": _value(entity) for entity in one_of_each
    }
    return {
        "bridge": _document("the controller's state", BRIDGE),
        "bank": _document("the bank's state", (*BANK, *BANK_CONTROLS, *ALWAYS)),
        "pack": pack,
        "event": _event(),
    }


def _document(description: str, entities: Iterable[Entity]) -> Schema:
    shown = [entity for entity in entities if entity.has_state]
    return {
        "$schema": DIALECT,
        "title": description[0].upper() + description[1:],
        "type": "object",
        "properties": {entity.key: _value(entity) for entity in shown},
        "required": [
            entity.key for entity in shown if not entity.optional and entity.command is None
            and entity not in ALWAYS
        ],
        "additionalProperties": {"type": "null", "description": "what is about to go"},
    }  # fmt: skip


def _value(entity: Entity) -> Schema:
    value: Schema = {"description": described(entity)}
    if entity.platform in ("binary_sensor", "switch"):
        return value | {"enum": ["ON", "OFF", None]}
    if entity.options:
        return value | {"enum": [*entity.options, None]}
    if entity.precision is None:
        more = {"format": "date-time"} if entity.device_class == "timestamp" else {}
        return value | {"type": ["string", "null"], "maxLength": MAX_TEXT, **more}
    if entity.platform == "number":  # its range grows to enclose what a device holds
        return value | {"type": ["number", "null"]}
    low, high = entity.span
    return value | {"type": ["number", "null"], "minimum": low, "maximum": high}


def described(entity: Entity) -> str:
    """Return what an entity is, with its unit: `Charge current limit [A]`."""
    return f"{entity.name} [{entity.unit}]" if entity.unit else entity.name


def _event() -> Schema:
    text = {"type": ["string", "null"]}
    return {
        "$schema": DIALECT,
        "title": "What became of a command",
        "type": "object",
        "properties": {
            "event_type": {"enum": list(OUTCOMES)},
            "pack": text | {"description": "name of the pack, null for the bank"},
            "request": text | {"description": "name of the control"},
            "wanted": text | {"description": "the command as it came"},
            "reason": text,
            "steps": {"type": "array", "items": text, "description": "each write, read back"},
        },
        "required": ["event_type", "pack", "request", "wanted", "reason", "steps"],
        "additionalProperties": False,
    }
