"""The host: finds plugins, loads the ones that are wanted, and asks them what they offer.

Nothing else touches pluggy: each hook is called from exactly one typed function here.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any, TypeVar

import pluggy

from cellwarden import hooks
from cellwarden.errors import CellwardenError, ConfigError
from cellwarden.hooks import CommandKind, DriverKind, OutputKind, ProtocolKind, RelayKind

Kind = TypeVar("Kind", DriverKind, OutputKind, RelayKind, ProtocolKind, CommandKind)

BROKEN = (
    ImportError,
    SyntaxError,
    NameError,
    AttributeError,
    TypeError,
    ValueError,
    LookupError,
    OSError,
    RuntimeError,
    CellwardenError,
    pluggy.PluginValidationError,
)
"""How a plugin fails that is broken or does not fit this version, its hooks included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginInfo:
    """One installed plugin, for `cellwarden plugins`."""

    name: str
    distribution: str
    version: str
    module: str
    problem: str = ""
    """Why it could not be loaded or asked; empty if it could."""


class Host:
    """The loaded plugins.

    One plugin that cannot be imported, or that fails when it is asked, takes nothing else down:
    it is listed with its problem, and whoever asks for something it would have offered is told.
    """

    def __init__(self, found: Iterable[EntryPoint] | None = None) -> None:
        """Load every installed plugin, or the given entry points (for tests)."""
        self._manager = pluggy.PluginManager("cellwarden")
        self._manager.add_hookspecs(hooks)
        self._points = sorted(
            entry_points(group=hooks.ENTRY_POINT_GROUP) if found is None else found,
            key=lambda point: point.name,
        )
        self._problems: dict[str, str] = {}
        for point in self._points:
            self._load(point)

    def _load(self, point: EntryPoint) -> None:
        try:
            self._manager.register(point.load(), name=point.name)
            self._manager.check_pending()  # a misspelled hook is this plugin's
        except BROKEN as error:
            self._manager.unregister(name=point.name)
            self._note(point.name, error)

    def _note(self, plugin: str, error: BaseException) -> None:
        self._problems.setdefault(plugin, f"{type(error).__name__}: {error}")

    @property
    def plugins(self) -> tuple[PluginInfo, ...]:
        """Every installed plugin, by name."""
        return tuple(
            PluginInfo(
                name=point.name,
                distribution=point.dist.name if point.dist else "",
                version=point.dist.version if point.dist else "",
                module=point.value,
                problem=self._problems.get(point.name, ""),
            )
            for point in self._points
        )

    def drivers(self) -> dict[str, DriverKind]:
        """Return every driver there is, by name."""
        return _by_name("driver", self._ask(self._manager.hook.cellwarden_drivers, DriverKind))

    def outputs(self) -> dict[str, OutputKind]:
        """Return every output there is, by name."""
        return _by_name("output", self._ask(self._manager.hook.cellwarden_outputs, OutputKind))

    def relays(self) -> dict[str, RelayKind]:
        """Return every kind of relay there is, by name."""
        return _by_name("relay", self._ask(self._manager.hook.cellwarden_relays, RelayKind))

    def protocols(self) -> dict[str, ProtocolKind]:
        """Return every wire protocol there is, by name."""
        return _by_name(
            "protocol", self._ask(self._manager.hook.cellwarden_protocols, ProtocolKind)
        )

    def commands(self) -> dict[str, CommandKind]:
        """Return every command that plugins add, by name."""
        return _by_name("command", self._ask(self._manager.hook.cellwarden_commands, CommandKind))

    def offers(self) -> dict[str, dict[str, tuple[str, ...]]]:
        """Return the names of what each plugin offers: plugin, then sort, then names."""
        hook = self._manager.hook
        sorts: dict[str, Mapping[str, tuple[Any, ...]]] = {
            "drivers": self._ask(hook.cellwarden_drivers, DriverKind),
            "outputs": self._ask(hook.cellwarden_outputs, OutputKind),
            "relays": self._ask(hook.cellwarden_relays, RelayKind),
            "protocols": self._ask(hook.cellwarden_protocols, ProtocolKind),
            "commands": self._ask(hook.cellwarden_commands, CommandKind),
        }
        return {
            point.name: {
                sort: tuple(kind.name for kind in offers[point.name])
                for sort, offers in sorts.items()
                if offers.get(point.name)
            }
            for point in self._points
        }

    def problems(self) -> tuple[str, ...]:
        """Return one line for each plugin that could not be loaded or asked."""
        return tuple(
            f"plugin {p.name} ({p.module}): {p.problem}" for p in self.plugins if p.problem
        )

    def _ask(self, hook: pluggy.HookCaller, sort: type[Kind]) -> dict[str, tuple[Kind, ...]]:
        """Return each plugin's offers of one sort.

        They are asked one by one, so that one that fails does not silence those after it.
        """
        offers = {}
        for implementation in hook.get_hookimpls():
            try:
                offered: Any = implementation.function()
                offers[implementation.plugin_name] = _checked(offered, sort)
            except BROKEN as error:
                self._note(implementation.plugin_name, error)
        return offers


def _checked(offered: Iterable[object], sort: type[Kind]) -> tuple[Kind, ...]:
    kinds = []
    for kind in offered:
        if not isinstance(kind, sort):
            raise TypeError(f"a {sort.__name__} was expected, not {kind!r}")
        kinds.append(kind)
    return tuple(kinds)


def choose(what: str, name: str, kinds: dict[str, Any], host: Host) -> Any:
    """Return the kind of that name, or raise a ConfigError that lists what there is."""
    try:
        return kinds[name]
    except KeyError:
        from difflib import get_close_matches  # noqa: PLC0415  # for mistakes

        near = get_close_matches(name, kinds, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        there_are = f"available: {', '.join(sorted(kinds)) or 'none'}"
        raise ConfigError(
            [f"there is no {what} {name!r}; {hint}{there_are}", *host.problems()]
        ) from None


def build(kind: DriverKind | OutputKind | RelayKind, options: object, context: Any) -> Any:
    """Build one; a missing library becomes a ConfigError that names the extra."""
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


def _by_name(what: str, offers: Mapping[str, tuple[Kind, ...]]) -> dict[str, Kind]:
    kinds: dict[str, Kind] = {}
    owners: dict[str, str] = {}
    for plugin, offer in offers.items():
        for kind in offer:
            if kind.name in kinds:
                raise ConfigError(
                    f"two plugins ({owners[kind.name]} and {plugin}) offer the {what}"
                    f" {kind.name!r}: uninstall one of them"
                )
            kinds[kind.name], owners[kind.name] = kind, plugin
    return dict(sorted(kinds.items()))
