"""The service on the bus: its connection, its name, and the pace at which it sends.

Both D-Bus libraries tear a connection down when the socket's buffer is full. So no more is on its
way than fits: every message takes from a credit, and when the credit is used up a Ping to the
daemon asks whether everything before it was taken. Until the answer comes, changed items wait as a
set of paths (the newest values go out, never a queue) and calls wait in line.
"""

import asyncio
from collections import deque
from collections.abc import Iterable
from typing import Any

from cellwarden.errors import LinkError
from cellwarden_victron.busitem import BusItems
from cellwarden_victron.dbus_library import Bus, DBusLibrary, connect
from cellwarden_victron.items import changes
from cellwarden_victron.sources import Value
from cellwarden_victron.tree import Tree

NAME_PREFIX = "com.victronenergy.battery."

CREDIT_BYTES = 32 * 1024
"""On its way at once. The smallest socket buffer of a GX holds five times as much."""
MESSAGE_BYTES = 1024
"""Counted for each message besides its items: the kernel's own book-keeping included."""
ITEM_BYTES = 192
"""Counted for each item: path, value and text of the longest kind, on average."""
MOST_WAITING_CALLS = 1000
"""A caller that floods the service beyond this gets no answer."""

_DAEMON = "org.freedesktop.DBus"
_DO_NOT_QUEUE = 4
_NAME_IS_OURS = (1, 4)


class BatteryService:
    """One `com.victronenergy.battery.*` service: all objects first, then the name."""

    def __init__(self, library: DBusLibrary, where: str, suffix: str, paths: Iterable[str]) -> None:
        self.name = NAME_PREFIX + suffix
        self.signals = 0
        """ItemsChanged signals sent."""
        self.items = 0
        """Items in those signals."""
        self._library = library
        self._where = where
        self._bus: Bus | None = None
        self._values: dict[str, Value] = dict.fromkeys(paths)
        self._tree = Tree(self._values)
        self._messages = BusItems(library, self._tree, self._values)
        self._credit = CREDIT_BYTES
        self._ping_serial: int | None = None
        self._unsent: dict[str, None] = {}
        self._waiting: deque[Any] = deque()

    @property
    def connected(self) -> bool:
        """Whether the service is on the bus."""
        return self._bus is not None and self._bus.connected

    def lost(self) -> str | None:
        """Return why the bus went away, None while it is there or was not asked for."""
        if self._bus is None or self._bus.connected:
            return None
        return self._bus.cause()

    async def open(self, values: dict[str, Value], timeout_s: float) -> None:
        """Connect, offer every item, then take the name. LinkError if any of that fails."""
        self.close()
        self._values.update(values)
        self._credit, self._ping_serial = CREDIT_BYTES, None
        self._bus = bus = await connect(self._library, self._where, timeout_s)
        try:
            bus.add_message_handler(self._on_message)
            async with asyncio.timeout(timeout_s):
                await self._take_name(bus)
        except BaseException as error:
            self.close()
            if isinstance(error, TimeoutError):
                raise LinkError(self.name, "the D-Bus daemon does not answer") from error
            raise

    async def _take_name(self, bus: Bus) -> None:
        reply = await self._ask(bus, "RequestName", "su", [self.name, _DO_NOT_QUEUE])
        if reply.body[0] not in _NAME_IS_OURS:
            raise LinkError(
                self.name,
                "another process on this bus has this name; end it, or choose another"
                " `service` for this output",
            )

    def publish(self, values: dict[str, Value]) -> None:
        """Announce what changed, in one signal; nothing if nothing did."""
        changed = changes(self._values, values)
        if not changed:
            return
        self._values.update(changed)
        self._unsent.update(dict.fromkeys(changed))
        self._flush()

    async def leave(self) -> None:
        """Wait until everything sent was taken, give the name back and close.

        LinkError or TimeoutError if the daemon does not play along; call `close()` then.
        """
        bus = self._bus
        if bus is not None and bus.connected:
            while self._unsent:
                await self._ask(bus, "Ping", "", [], "org.freedesktop.DBus.Peer")
            await self._ask(bus, "ReleaseName", "s", [self.name])
        self.close()

    def close(self) -> None:
        """Close the connection at once; the daemon takes the name back. May be called twice."""
        bus, self._bus = self._bus, None
        self._unsent.clear()
        self._waiting.clear()
        if bus is not None:
            bus.close()

    async def _ask(
        self, bus: Bus, member: str, signature: str, body: list[Any], interface: str = _DAEMON
    ) -> Any:
        """Call the daemon and return its reply; LinkError if there is none or it refuses."""
        call = self._daemon_call(member, interface, signature=signature, body=body)
        try:
            reply = await bus.call(call)
        except self._library.failures as error:
            raise LinkError(self.name, f"the bus was lost: {error}") from error
        if reply is None or reply.message_type is not self._library.MessageType.METHOD_RETURN:
            why = "the bus was lost" if reply is None else " ".join(map(str, reply.body))
            raise LinkError(self.name, f"{member}: {why}")
        return reply

    def _daemon_call(self, member: str, interface: str, **more: Any) -> Any:
        return self._library.Message(
            destination=_DAEMON,
            path="/org/freedesktop/DBus",
            interface=interface,
            member=member,
            **more,
        )

    # -- the pace ----------------------------------------------------------------------------

    def _on_message(self, message: Any) -> bool | None:
        if message.message_type is self._library.MessageType.METHOD_CALL:
            if len(self._waiting) < MOST_WAITING_CALLS:
                self._waiting.append(message)
                self._flush()
            return True
        if self._ping_serial is not None and message.reply_serial == self._ping_serial:
            self._ping_serial, self._credit = None, CREDIT_BYTES
            self._flush()
            return True
        return None

    def _flush(self) -> None:
        """Send what waits, as far as the credit goes."""
        bus = self._bus
        if bus is None or not bus.connected:
            return
        if self._unsent and self._credit > 0:
            self.signals += 1
            self.items += len(self._unsent)
            self._post(bus, self._messages.changed(self._unsent), len(self._unsent))
            self._unsent.clear()
        while self._waiting and self._credit > 0:
            call = self._waiting.popleft()
            if not call.flags & self._library.MessageFlag.NO_REPLY_EXPECTED:
                self._post(bus, self._messages.answer(call), self._tree.size(call.path))
        if self._credit <= 0 and self._ping_serial is None:
            self._ping_serial = bus.next_serial()
            bus.send(
                self._daemon_call("Ping", "org.freedesktop.DBus.Peer", serial=self._ping_serial)
            )

    def _post(self, bus: Bus, message: Any, items: int) -> None:
        self._credit -= MESSAGE_BYTES + items * ITEM_BYTES
        bus.send(message)
