"""The host: finds plugins, loads the ones that are wanted, and asks them what they offer.

Nothing else touches pluggy: each hook is called from exactly one typed function here.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from importlib.metadata import EntryPoint, entry_points
from typing import Any, TypeVar

import pluggy

from cellwarden import hooks
from cellwarden.errors import ConfigError
from cellwarden.hooks import CommandKind, DriverKind, OutputKind, ProtocolKind

Kind = TypeVar("Kind", DriverKind, OutputKind, ProtocolKind, CommandKind)


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginInfo:
    """One installed plugin, for `cellwarden plugins`."""

    name: str
    distribution: str
    version: str
    module: str
    problem: str = ""
    """Why it could not be loaded; empty if it could."""


class Host:
    """The loaded plugins.

    One plugin that cannot be imported takes nothing else down: it is listed with its problem, and
    whoever asks for something it would have offered is told.
    """

    def __init__(self, found: Iterable[EntryPoint] | None = None) -> None:
        """Load every installed plugin, or the given entry points (for tests)."""
        self._manager = pluggy.PluginManager("cellwarden")
        self._manager.add_hookspecs(hooks)
        self.plugins: tuple[PluginInfo, ...] = tuple(
            self._load(point)
            for point in sorted(
                entry_points(group=hooks.ENTRY_POINT_GROUP) if found is None else found,
                key=lambda point: point.name,
            )
        )
        self._manager.check_pending()

    def _load(self, point: EntryPoint) -> PluginInfo:
        problem = ""
        try:
            self._manager.register(point.load(), name=point.name)
        except (ImportError, AttributeError, ValueError, pluggy.PluginValidationError) as error:
            problem = f"{type(error).__name__}: {error}"
        return PluginInfo(
            name=point.name,
            distribution=point.dist.name if point.dist else "",
            version=point.dist.version if point.dist else "",
            module=point.value,
            problem=problem,
        )

    def drivers(self) -> dict[str, DriverKind]:
        """Return every driver there is, by name."""
        return _by_name("driver", self._manager.hook.cellwarden_drivers())

    def outputs(self) -> dict[str, OutputKind]:
        """Return every output there is, by name."""
        return _by_name("output", self._manager.hook.cellwarden_outputs())

    def protocols(self) -> dict[str, ProtocolKind]:
        """Return every wire protocol there is, by name."""
        return _by_name("protocol", self._manager.hook.cellwarden_protocols())

    def commands(self) -> dict[str, CommandKind]:
        """Return every command that plugins add, by name."""
        return _by_name("command", self._manager.hook.cellwarden_commands())

    def problems(self) -> tuple[str, ...]:
        """Return one line for each plugin that could not be loaded."""
        return tuple(
            f"plugin {p.name} ({p.module}): {p.problem}" for p in self.plugins if p.problem
        )


def choose(what: str, name: str, kinds: dict[str, Any], host: Host) -> Any:
    """Return the kind of that name, or raise a ConfigError that lists what there is."""
    try:
        return kinds[name]
    except KeyError:
        near = get_close_matches(name, kinds, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        lines = [
            f"there is no {what} {name!r}{hint} Available: {', '.join(sorted(kinds)) or 'none'}"
        ]
        raise ConfigError([*lines, *host.problems()]) from None


def build(kind: DriverKind | OutputKind, options: object, context: Any) -> Any:
    """Build a driver or an output; a missing library becomes a ConfigError that names the extra."""
    factory: Callable[[Any, Any], Any] = kind.build
    try:
        return factory(options, context)
    except ImportError as error:
        if kind.extra is None:
            raise
        raise ConfigError(
            f"{kind.name} needs a library that is not installed ({error});"
            f" install it with: pip install 'cellwarden[{kind.extra}]'"
        ) from error


def _by_name(what: str, offers: Sequence[Sequence[Kind]]) -> dict[str, Kind]:
    kinds: dict[str, Kind] = {}
    for kind in (kind for offer in offers for kind in offer):
        if kind.name in kinds:
            raise ConfigError(f"two plugins offer the {what} {kind.name!r}: uninstall one of them")
        kinds[kind.name] = kind
    return dict(sorted(kinds.items()))
