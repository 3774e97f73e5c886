"""Remembers whose a switch is that stands off: what the engine opened, it closes; nobody else's.

The last who was allowed to switch wins (F46): a switch that its owner has switched off stays off,
even if the engine had opened it before.
"""

from collections.abc import Iterable, Mapping

from cellwarden.model import SWITCHES, RequestKind

_SETTLED_S = 2.0
"""Controller s after which a reading shows what was written (ours)."""
Key = tuple[str, RequestKind]
"""Pack and switch."""


class SwitchBook:
    """All packs' switches. Used on the control loop only."""

    def __init__(self) -> None:
        self._engines: dict[Key, float] = {}
        """With the controller time, in s, since when."""
        self._owners: dict[Key, float] = {}

    def by_engine(self, key: Key, now_s: float, *, on: bool, was_on: bool) -> None:
        """Note that the engine has set a switch, and how it stood before."""
        if on:
            self._engines.pop(key, None)
        elif was_on:
            self._engines[key] = now_s

    def by_owner(self, key: Key, now_s: float, *, on: bool) -> None:
        """Note that somebody else has set a switch."""
        self._engines.pop(key, None)
        self._owners.pop(key, None)
        if not on:
            self._owners[key] = now_s

    def seen_on(self, key: Key, heard_s: float) -> None:
        """Note that a switch was heard to stand on: somebody may have set it in the maker's app."""
        for switches in (self._engines, self._owners):
            if key in switches and heard_s > switches[key] + _SETTLED_S:
                del switches[key]

    def opened_by_engine(self, key: Key) -> bool:
        """Return whether the engine opened it, and nobody has touched it since."""
        return key in self._engines

    def kept_off_by_owner(self, key: Key) -> bool:
        """Return whether its owner wants it off."""
        return key in self._owners

    def record(self) -> Mapping[str, object]:
        """Return what must survive."""
        return {"engine": _names(self._engines), "owner": _names(self._owners)}

    def restore(self, record: object, packs: frozenset[str]) -> None:
        """Take up what was saved; what is damaged, or of a pack that is gone, is left out."""
        if isinstance(record, Mapping):
            self._engines = _keys(record.get("engine"), packs)
            self._owners = _keys(record.get("owner"), packs)


_KINDS = {name: kind for kind, name in SWITCHES.items()}


def _names(keys: Iterable[Key]) -> list[list[str]]:
    return sorted([pack, SWITCHES[kind]] for pack, kind in keys)


def _keys(names: object, packs: frozenset[str]) -> dict[Key, float]:
    found: dict[Key, float] = {}
    for item in names if isinstance(names, list) else ():
        match item:
            case [str(pack), str(name)] if pack in packs and name in _KINDS:
                found[pack, _KINDS[name]] = float("-inf")
    return found
