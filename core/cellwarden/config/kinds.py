"""The drivers or outputs that plugins offer, looked up by what the file says."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from cellwarden.config.tables import Place
from cellwarden.config.values import show
from cellwarden.errors import ConfigError
from cellwarden.hooks import DriverKind, OutputKind
from cellwarden.host import Host, choose

Kind = TypeVar("Kind", DriverKind, OutputKind)


@dataclass(frozen=True, slots=True)
class Kinds(Generic[Kind]):
    """All drivers, or all outputs."""

    what: str
    """`driver` or `output`."""
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
