"""The drivers, outputs or relays that plugins offer, looked up by what the file says."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from cellwarden.config.keys import Key, keys_of
from cellwarden.config.tables import Place, build, read_known, refuse_unknown
from cellwarden.config.values import show
from cellwarden.errors import ConfigError
from cellwarden.hooks import DriverKind, OutputKind, RelayKind
from cellwarden.host import Host, choose

Common = TypeVar("Common")
Kind = TypeVar("Kind", DriverKind, OutputKind, RelayKind)


@dataclass(frozen=True, slots=True)
class Kinds(Generic[Kind]):
    """All drivers, all outputs, or all relays."""

    what: str
    """`driver`, `output` or `relay`."""
    by_name: dict[str, Kind]
    host: Host

    def find(self, table: Mapping[str, Any], key: str, place: Place) -> Kind | None:
        """Return the kind that a table names; None, with the mistake noted, if there is none."""
        name = table.get(key)
        if isinstance(name, str):
            try:
                kind: Kind = choose(self.what, name, self.by_name, self.host)
            except ConfigError as error:
                first, *others = error.problems
                place.wrong(first, key)
                for line in others:
                    place.problems.add(line)
                return None
            return kind
        listed = ", ".join(show(offer) for offer in self.by_name) or "none"
        said = "missing" if name is None else f"{show(name)} is no text in quotes"
        place.wrong(f"{said}; the {self.what}s there are: {listed}", key)
        return None

    def read(
        self,
        table: Mapping[str, Any],
        chooser: str,
        common: type[Common],
        common_keys: Sequence[Key],
        place: Place,
        hints: Mapping[str, str],
    ) -> tuple[Kind, Common, Any] | None:
        """Return the kind that a table's key `chooser` names, its common options and its own.

        None, with every mistake noted, if something is wrong with one of them.
        """
        kind = self.find(table, chooser, place)
        own_keys: tuple[Key, ...] = keys_of(kind.options) if kind else ()
        keys: tuple[Key, ...] = (*(key for key in common_keys if key.name != chooser), *own_keys)
        values = read_known(table, keys, place)
        if kind is None:  # whether a key is unknown, only the plugin can say
            return None
        values[chooser] = kind.name
        refuse_unknown(table, {chooser, *(key.name for key in keys)}, place, hints)
        shared = build(common, common_keys, values, table, place)
        own: Any = build(kind.options, own_keys, values, table, place)
        return None if shared is None or own is None else (kind, shared, own)
