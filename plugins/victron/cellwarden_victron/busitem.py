"""Answers to the calls that Victron's programs make, and the signal that tells them of changes.

One handler serves all objects: hundreds of exported interfaces would cost memory, and each signal
a search through them.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from cellwarden_victron.dbus_library import DBusLibrary
from cellwarden_victron.items import Items
from cellwarden_victron.sources import Value
from cellwarden_victron.tree import BUS_ITEM, Tree

ACCEPTED, NOT_WRITABLE, REFUSED = 0, 1, 2
"""What velib answers to SetValue: done, no such value here, not now. An error would upset its
callers."""

_ERROR = "org.freedesktop.DBus.Error."
_INTROSPECTABLE = "org.freedesktop.DBus.Introspectable"
_PEER = "org.freedesktop.DBus.Peer"


class BusItems:
    """The messages of one service; `values` is what is published now."""

    def __init__(
        self,
        library: DBusLibrary,
        items: Items,
        values: Mapping[str, Value],
        writable: frozenset[str],
    ) -> None:
        self._message = library.Message
        self._variant = library.Variant
        self._signal = library.MessageType.SIGNAL
        self.tree = Tree(items.rows)
        self._formats = items
        self._values = values
        self._writable = writable
        self._invalid = library.Variant("ai", [])
        members: dict[tuple[str | None, str], Callable[[Any], Any]] = {
            (BUS_ITEM, "GetValue"): self._get_value,
            (BUS_ITEM, "GetText"): self._get_text,
            (BUS_ITEM, "SetValue"): self._set_value,
            (BUS_ITEM, "GetItems"): self._get_items,
            (_INTROSPECTABLE, "Introspect"): self._introspect,
            (_PEER, "Ping"): self._message.new_method_return,
        }
        # D-Bus lets a caller leave the interface out.
        self._members = members | {(None, member): f for (_, member), f in members.items()}

    def written(self, call: Any) -> tuple[str, object] | None:
        """Return path and value if this call writes an item that can be written.

        Such a call is answered by `reply_to_write`, once it is known what became of it.
        """
        named = call.member == "SetValue" and call.interface in (BUS_ITEM, None)
        if not named or call.path not in self._writable or call.signature != "v":
            return None
        return call.path, plain(call.body[0])

    def reply_to_write(self, call: Any, code: int) -> Any:
        """Return the answer to a write."""
        return self._reply(call, "i", code)

    def answer(self, call: Any) -> Any:
        """Return the reply or the error for a method call."""
        path = call.path
        if path not in self.tree.leaves and self.tree.below(path) is None:
            return self._error(call, "UnknownObject", f"there is no item {path}")
        member = self._members.get((call.interface, call.member))
        if member is None:
            return self._unknown_method(call)
        return member(call)

    def changed(self, paths: Iterable[str]) -> Any:
        """Return the ItemsChanged signal for these paths, with the values they have now."""
        return self._message(
            message_type=self._signal,
            path="/",
            interface=BUS_ITEM,
            member="ItemsChanged",
            signature="a{sa{sv}}",
            body=[self._items(paths)],
        )

    def _items(self, paths: Iterable[str]) -> dict[str, dict[str, Any]]:
        values, variant = self._values, self._variant
        return {
            path: {
                "Value": self._wire(path, values[path]),
                "Text": variant("s", self._formats.text_of(path, values[path])),
            }
            for path in paths
        }

    def _wire(self, path: str, value: Value) -> Any:
        if value is None:
            return self._invalid
        return self._variant(self._formats.signature_of(path, value), value)

    def _get_value(self, call: Any) -> Any:
        below = self.tree.below(call.path)
        if below is None:
            return self._reply(call, "v", self._wire(call.path, self._values[call.path]))
        tree = {name: self._wire(path, self._values[path]) for path, name in below.items()}
        return self._reply(call, "v", self._variant("a{sv}", tree))

    def _get_text(self, call: Any) -> Any:
        below = self.tree.below(call.path)
        if below is None:
            return self._reply(call, "s", self._formats.text_of(call.path, self._values[call.path]))
        tree = {
            name: self._formats.text_of(path, self._values[path]) for path, name in below.items()
        }
        return self._reply(call, "v", self._variant("a{ss}", tree))

    def _set_value(self, call: Any) -> Any:
        if call.path not in self.tree.leaves:
            return self._unknown_method(call)
        return self._reply(call, "i", NOT_WRITABLE)

    def _get_items(self, call: Any) -> Any:
        if call.path != "/":
            return self._unknown_method(call)
        return self._reply(call, "a{sa{sv}}", self._items(self._values))

    def _introspect(self, call: Any) -> Any:
        return self._reply(call, "s", self.tree.introspection(call.path))

    def _reply(self, call: Any, signature: str, value: Any) -> Any:
        return self._message.new_method_return(call, signature, [value])

    def _unknown_method(self, call: Any) -> Any:
        return self._error(call, "UnknownMethod", f"{call.path} has no method {call.member}")

    def _error(self, call: Any, name: str, text: str) -> Any:
        return self._message.new_error(call, f"{_ERROR}{name}", text)


def plain(value: Any) -> object:
    """Return a received value without its wrapping; the invalid marker is None."""
    while hasattr(value, "signature"):
        value = value.value
    return None if value == [] else value
