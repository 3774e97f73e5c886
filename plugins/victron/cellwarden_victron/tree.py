"""The objects that the paths span: leaves, branches and the root. Pure."""

from collections.abc import Iterable

BUS_ITEM = "com.victronenergy.BusItem"

_LEAF = (
    '<method name="GetValue"><arg type="v" direction="out"/></method>'
    '<method name="GetText"><arg type="s" direction="out"/></method>'
    '<method name="SetValue"><arg type="v" direction="in"/><arg type="i" direction="out"/></method>'
)
_BRANCH = (
    '<method name="GetValue"><arg type="v" direction="out"/></method>'
    '<method name="GetText"><arg type="v" direction="out"/></method>'
)
_ROOT = (
    f"{_BRANCH}"
    '<method name="GetItems"><arg type="a{sa{sv}}" direction="out"/></method>'
    '<signal name="ItemsChanged"><arg type="a{sa{sv}}"/></signal>'
)
_INTROSPECTABLE = (
    '<interface name="org.freedesktop.DBus.Introspectable">'
    '<method name="Introspect"><arg type="s" direction="out"/></method></interface>'
)


class Tree:
    """Which paths lie below which object."""

    def __init__(self, paths: Iterable[str]) -> None:
        self.leaves = frozenset(paths)
        self._below: dict[str, dict[str, str]] = {"/": {}}
        for path in sorted(self.leaves):
            self._below["/"][path] = path[1:]
            steps = path.split("/")
            for depth in range(2, len(steps)):
                branch = "/".join(steps[:depth])
                self._below.setdefault(branch, {})[path] = "/".join(steps[depth:])

    def below(self, path: str) -> dict[str, str] | None:
        """Return the leaves below a branch and their names seen from there, None if no branch."""
        return self._below.get(path)

    def size(self, path: str) -> int:
        """Return how many leaves an answer about this object may carry."""
        return len(self._below.get(path, ())) or 1

    def introspection(self, path: str) -> str | None:
        """Return the XML that describes an object, None if there is no such object."""
        below = self._below.get(path)
        if below is None:
            return _node(_LEAF, ()) if path in self.leaves else None
        children = dict.fromkeys(name.split("/", 1)[0] for name in below.values())
        return _node(_ROOT if path == "/" else _BRANCH, children)


def _node(methods: str, children: Iterable[str]) -> str:
    nodes = "".join(f'<node name="{child}"/>' for child in children)
    return (
        f'<node>{_INTROSPECTABLE}<interface name="{BUS_ITEM}">{methods}</interface>{nodes}</node>'
    )
