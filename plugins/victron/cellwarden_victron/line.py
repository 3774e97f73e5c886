"""One connection to the bus, and the pace at which it sends.

Both D-Bus libraries tear a connection down when the socket's buffer is full. So no more is on its
way than fits: every message takes from a credit, and when the credit is used up a Ping to the
daemon asks whether everything before it was taken. Until the answer comes, whoever has something to
send waits for `on_room`.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from cellwarden.errors import LinkError
from cellwarden_victron.dbus_library import Bus, DBusLibrary, connect

CREDIT_BYTES = 32 * 1024
"""On its way at once. The smallest socket buffer of a GX holds five times as much."""
MESSAGE_BYTES = 1024
"""Counted for each message besides its items: the kernel's own book-keeping included."""
ITEM_BYTES = 192
"""Counted for each item: path, value and text of the longest kind, on average."""

DAEMON = "org.freedesktop.DBus"
_PEER = "org.freedesktop.DBus.Peer"
_DO_NOT_QUEUE = 4
_NAME_IS_OURS = (1, 4)


class Line:
    """A connection that is opened, used and closed again and again."""

    def __init__(self, library: DBusLibrary, where: str, who: str) -> None:
        self.on_call: Callable[[Any], None] | None = None
        self.on_signal: Callable[[Any], None] = lambda _: None
        self.on_room: Callable[[], None] = lambda: None
        """Called when there is room to send again."""
        self._library = library
        self._where = where
        self._who = who
        self._bus: Bus | None = None
        self._credit = CREDIT_BYTES
        self._ping_serial: int | None = None

    @property
    def connected(self) -> bool:
        """Whether there is a bus."""
        return self._bus is not None and self._bus.connected

    @property
    def has_room(self) -> bool:
        """Whether something may be sent now."""
        return self.connected and self._credit > 0

    def lost(self) -> str | None:
        """Return why the bus went away, None while it is there or was not asked for."""
        if self._bus is None or self._bus.connected:
            return None
        return self._bus.cause()

    async def open(self, timeout_s: float) -> None:
        """Connect. LinkError if that fails."""
        self.close()
        self._credit, self._ping_serial = CREDIT_BYTES, None
        self._bus = await connect(self._library, self._where, timeout_s)
        self._bus.add_message_handler(self._on_message)

    def close(self) -> None:
        """Close at once; the daemon takes every name back. May be called twice."""
        bus, self._bus = self._bus, None
        if bus is not None:
            bus.close()

    # -- calls -------------------------------------------------------------------------------

    async def ask(
        self,
        member: str,
        signature: str = "",
        body: list[Any] | None = None,
        *,
        to: str = DAEMON,
        path: str = "/org/freedesktop/DBus",
        interface: str = DAEMON,
    ) -> list[Any]:
        """Call somebody and return what came back; LinkError if nothing did, or an error."""
        bus = self._bus
        if bus is None or not bus.connected:
            raise LinkError(self._who, "is not on the bus")
        call = self._library.Message(
            destination=to, path=path, interface=interface, member=member,
            signature=signature, body=body or [],
        )  # fmt: skip
        try:
            reply = await bus.call(call)
        except self._library.failures as error:
            raise LinkError(self._who, f"the bus was lost: {error}") from error
        if reply is None or reply.message_type is not self._library.MessageType.METHOD_RETURN:
            why = "the bus was lost" if reply is None else " ".join(map(str, reply.body))
            raise LinkError(self._who, f"{member}: {why}")
        answer: list[Any] = reply.body
        return answer

    async def ping(self) -> None:
        """Return once the daemon has taken everything sent before."""
        await self.ask("Ping", interface=_PEER)

    async def listen(self, rule: str) -> None:
        """Hear the signals that a match rule names, as long as this connection lasts."""
        await self.ask("AddMatch", "s", [rule])

    async def is_there(self, name: str) -> bool:
        """Return whether somebody owns a name."""
        return bool((await self.ask("NameHasOwner", "s", [name]))[0])

    async def take_name(self, name: str) -> None:
        """Take a name or raise LinkError."""
        (answer,) = await self.ask("RequestName", "su", [name, _DO_NOT_QUEUE])
        if answer not in _NAME_IS_OURS:
            raise LinkError(
                name,
                "another process on this bus has this name; end it, or choose another"
                " `service` for this output",
            )

    async def give_name_back(self, name: str) -> None:
        """Release a name."""
        await self.ask("ReleaseName", "s", [name])

    # -- the pace ----------------------------------------------------------------------------

    def send(self, message: Any, items: int) -> None:
        """Send without waiting; the caller looks at `has_room` first."""
        if self._bus is None:
            return
        self._credit -= MESSAGE_BYTES + items * ITEM_BYTES
        self._bus.send(message)

    def settle(self) -> None:
        """Ask for new credit if it is used up; call it after sending."""
        bus = self._bus
        if bus is None or not bus.connected or self._credit > 0 or self._ping_serial is not None:
            return
        self._ping_serial = bus.next_serial()
        bus.send(
            self._library.Message(
                destination=DAEMON, path="/org/freedesktop/DBus", interface=_PEER, member="Ping",
                serial=self._ping_serial,
            )
        )  # fmt: skip

    def _on_message(self, message: Any) -> bool | None:
        kinds = self._library.MessageType
        if message.message_type is kinds.METHOD_CALL and self.on_call is not None:
            self.on_call(message)
            return True
        if message.message_type is kinds.SIGNAL:
            self.on_signal(message)
            return None
        if self._ping_serial is not None and message.reply_serial == self._ping_serial:
            self._ping_serial, self._credit = None, CREDIT_BYTES
            self.on_room()
            return True
        return None


async def within(
    timeout_s: float, who: str, work: Awaitable[None], silent: str = "the D-Bus daemon"
) -> None:
    """Await `work`, for so long; LinkError that names who was silent after that."""
    try:
        async with asyncio.timeout(timeout_s):
            await work
    except TimeoutError as error:
        raise LinkError(who, f"{silent} does not answer") from error
