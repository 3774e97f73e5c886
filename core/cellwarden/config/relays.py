"""The `[[relay]]` tables: what switches a heater that does not hang on its BMS."""

from collections.abc import Mapping
from typing import Any

from cellwarden.config.keys import RELAY_KEYS
from cellwarden.config.kinds import Kinds
from cellwarden.config.settings import RelayOptions, RelaySettings
from cellwarden.config.tables import Place, Problems, tables_at
from cellwarden.config.values import show
from cellwarden.hooks import RelayKind


def read_relays(
    data: Mapping[str, Any], kinds: Kinds[RelayKind], problems: Problems
) -> dict[str, RelaySettings | None]:
    """Return the relays by name, None for one that is not good; every mistake is noted.

    Each belongs to one heater: two that switched one relay would undo what the other wants.
    """
    relays: dict[str, RelaySettings | None] = {}
    users = _users(data)
    for number, table in tables_at(data, "relay", problems):
        name = table.get("name")
        named = isinstance(name, str) and 0 < len(name) <= 32 and name.isprintable()
        place = Place(problems, f"relay[{number}]", str(name) if named else "")
        found = kinds.read(table, "kind", RelayOptions, RELAY_KEYS, place, {})
        if not isinstance(name, str) or not named:
            continue  # the mistake is noted
        if name in relays:
            place.wrong("another [[relay]] has the same name: give each its own", "name")
        relays[name] = None
        if found is not None:
            kind, _, options = found
            relays[name] = RelaySettings(name=name, kind=kind, options=options)
        if users.count(name) != 1:
            who = "several heaters have" if name in users else "no heater has"
            place.wrong(
                f"{who} it: write relay = {show(name)} in the [pack.heating] of one pack", "name"
            )
    return relays


def _users(data: Mapping[str, Any]) -> list[object]:
    """Return the relay that each heater of the file names."""
    packs = data.get("pack")
    tables = (
        [pack.get("heating") for pack in packs if isinstance(pack, dict)]
        if isinstance(packs, list)
        else []
    )
    return [table.get("relay") for table in tables if isinstance(table, dict)]
