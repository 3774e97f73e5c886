"""What the broker still holds of devices that an earlier run announced. Pure."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from cellwarden_homeassistant.naming import Names


@dataclass(frozen=True, slots=True)
class Earlier:
    """One retained discovery document of this bank."""

    components: Mapping[str, str]
    """Component -> platform."""
    topics: tuple[str, ...]
    """What is retained for it beside the document itself."""


def read(names: Names, topic: str, payload: bytes) -> Earlier | None:
    """Return what a discovery document tells; None if it is none of this bank's.

    Whoever writes under our names may write anything: nothing in it is trusted but its form.
    """
    if not topic.startswith(f"{names.discovery_prefix}/device/cellwarden_"):
        return None
    try:
        document = json.loads(payload)
        state_topic = document["stat_t"]
        components = {key: entity["p"] for key, entity in document["cmps"].items()}
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None
    texts = (state_topic, *components.values())
    if not all(isinstance(text, str) for text in texts) or not state_topic.startswith(names.own):
        return None
    status_topic = f"{state_topic.removesuffix('/state')}/status"
    return Earlier(components, (state_topic, status_topic))
