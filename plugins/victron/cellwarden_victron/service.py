"""One battery service on the bus: its items, its name, and who writes to it.

All objects first, then the name: clients look once when a name appears. Until there is room on the
line, changed items wait as a set of paths (the newest values go out, never a queue) and calls wait
in line.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from cellwarden.errors import LinkError
from cellwarden.runtime.supervisor import attempt_async
from cellwarden_victron.busitem import REFUSED, BusItems
from cellwarden_victron.dbus_library import DBusLibrary
from cellwarden_victron.items import Items, changes
from cellwarden_victron.line import Line, within
from cellwarden_victron.pace import Pace
from cellwarden_victron.rows import About
from cellwarden_victron.settings import (
    APPEARED,
    Choices,
    DeviceSettings,
    SettingsMissingError,
)
from cellwarden_victron.settings import SERVICE as SETTINGS
from cellwarden_victron.sources import Value

LOG = logging.getLogger(__name__)

NAME_PREFIX = "com.victronenergy.battery."
CUSTOM_NAME = "/CustomName"

MOST_WAITING_CALLS = 1000
"""A caller that floods the service beyond this gets no answer."""
MOST_WRITES = 8
"""Writes under way; one more is refused."""

Write = Callable[[str, object], Awaitable[int]]


class BatteryService:
    """One `com.victronenergy.battery.*` service."""

    def __init__(self, library: DBusLibrary, where: str, suffix: str, write: Write) -> None:
        """`write` is asked what becomes of a written value, and gives the code to answer."""
        self.name = NAME_PREFIX + suffix
        self.signals = 0
        """ItemsChanged signals sent."""
        self.sent_items = 0
        """Items in those signals."""
        self.values: dict[str, Value] = {}
        """What is published."""
        self.settings_found = False
        self._library = library
        self._line = Line(library, where, self.name)
        self._line.on_call = self._on_call
        self._line.on_signal = self._on_signal
        self._line.on_room = self._flush
        self._write = write
        self._settings: DeviceSettings | None = None
        self._about: About | None = None
        self._items: Items | None = None
        self._messages: BusItems | None = None
        self._writable: frozenset[str] = frozenset()
        self._pace: Pace | None = None
        self._unsent: dict[str, None] = {}
        self._waiting: deque[Any] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._writes: set[asyncio.Task[None]] = set()
        self._connections = 0
        self._choosing = asyncio.Lock()

    @property
    def connected(self) -> bool:
        """Whether the service is on the bus."""
        return self._line.connected

    def lost(self) -> str | None:
        """Return why the bus went away, None while it is there or was not asked for."""
        return self._line.lost()

    async def open(
        self,
        items: Items,
        writable: frozenset[str],
        values: dict[str, Value],
        about: About,
        unique: str,
        *,
        timeout_s: float,
        must_have_settings: bool,
    ) -> None:
        """Connect, have an instance allotted, offer every item, take the name.

        LinkError if any of that fails. Where settings are no must, it goes on without.
        """
        self.close()
        self._connections += 1
        await self._line.open(timeout_s)
        try:
            self._about = about
            self._settings = DeviceSettings(
                self._line, self._library, unique, Choices(about.device_instance, about.custom_name)
            )
            await self._find_settings(timeout_s, must=must_have_settings)
            self._show(items, writable, values)
            await within(timeout_s, self.name, self._line.take_name(self.name))
        except BaseException:
            self.close()
            raise

    def _show(self, items: Items, writable: frozenset[str], values: dict[str, Value]) -> None:
        assert self._about is not None
        self._items, self._writable = items, writable | {CUSTOM_NAME}
        self._pace = Pace(items.rows.values())
        self.values = values | items.fixed(self._about)
        self._messages = BusItems(self._library, items, self.values, self._writable)

    def closed(self, now_s: float) -> frozenset[float]:
        """Return which groups of items need not be read: they would not be told now."""
        return frozenset() if self._pace is None else self._pace.closed(now_s)

    def publish(self, values: dict[str, Value], now_s: float) -> None:
        """Announce what changed and is due, in one signal; nothing if nothing is."""
        assert self._pace is not None
        changed = changes(self.values, values)
        if changed:
            self._announce(self._pace.due(changed, self.values, now_s))

    def reshape(self, items: Items, writable: frozenset[str], values: dict[str, Value]) -> None:
        """Offer other items from now on, such as cells that were not seen before."""
        self._show(items, writable, values)
        self._announce(self.values)

    def _announce(self, told: dict[str, Value]) -> None:
        self.values.update(told)
        self._unsent.update(dict.fromkeys(told))
        self._flush()

    async def leave(self) -> None:
        """Wait until everything sent was taken, give the name back and close.

        LinkError or TimeoutError if the daemon does not play along; call `close()` then.
        """
        if self._line.connected:
            while self._unsent and self._line.connected:
                await self._line.ping()
            await self._line.give_name_back(self.name)
        self.close()

    def close(self) -> None:
        """Close the connection at once; the daemon takes the name back. May be called twice."""
        for task in self._tasks:
            task.cancel()
        self._unsent.clear()
        self._waiting.clear()
        self.settings_found = False
        self._line.close()

    # -- settings ----------------------------------------------------------------------------

    async def _find_settings(self, timeout_s: float, *, must: bool) -> None:
        settings = self._settings
        assert settings is not None
        await within(timeout_s, self.name, self._line.listen(APPEARED))
        await within(timeout_s, self.name, settings.listen())
        try:
            await within(timeout_s, self.name, settings.register(), SETTINGS)
        except LinkError as error:
            if must or not self._line.connected:
                raise
            # A battery under a number of its own choice is better than none.
            missing = isinstance(error, SettingsMissingError)
            LOG.log(
                logging.DEBUG if missing else logging.WARNING,
                "%s: the instance is as configured (%s)",
                self.name,
                error,
            )
            return
        self.settings_found = True
        self._take_choices()

    def _take_choices(self) -> bool:
        """Write the choices into what is said about this device; whether the instance changed."""
        assert self._settings is not None
        assert self._about is not None
        before, choices = self._about, self._settings.choices
        self._about = About(
            product_name=before.product_name,
            custom_name=choices.custom_name,
            connection=before.connection,
            device_instance=choices.instance,
            bluetooth=before.bluetooth,
        )
        return before.device_instance != choices.instance

    async def _settings_came(self) -> None:
        """Register again with settings that were not there, or were started anew."""
        assert self._settings is not None
        await self._settings.register()
        self.settings_found = True
        await self._apply_choices()

    async def _apply_choices(self) -> None:
        """Show what the user chose; under another instance the service appears anew."""
        async with self._choosing:
            if self._items is None or self._about is None:
                return
            renumbered = self._take_choices()
            fixed = changes(self.values, self._items.fixed(self._about))
            if renumbered:
                await self._appear_anew(fixed)
            elif fixed:
                self._announce(fixed)

    async def _appear_anew(self, fixed: dict[str, Value]) -> None:
        LOG.info("%s: device instance %s", self.name, fixed.get("/DeviceInstance"))
        try:
            await self._line.give_name_back(self.name)
            self.values.update(fixed)
            await self._line.take_name(self.name)
        except LinkError:
            self._line.close()  # connected without its name it would seem to be there
            raise

    # -- what comes in -------------------------------------------------------------------------

    def _on_signal(self, message: Any) -> None:
        if message.member == "NameOwnerChanged":
            if message.body[0] == SETTINGS and message.body[2]:
                self._in_the_background(self._settings_came())
        elif self._settings is not None and self._settings.heard(message):
            self._in_the_background(self._apply_choices())

    def _on_call(self, call: Any) -> None:
        if len(self._waiting) < MOST_WAITING_CALLS:
            self._waiting.append(call)
            self._flush()

    def _in_the_background(self, work: Coroutine[Any, Any, None]) -> None:
        _keep(self._tasks, self._guarded(work))

    async def _guarded(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except LinkError as error:
            LOG.warning("%s: %s", self.name, error)

    async def _answer_write(self, call: Any, path: str, value: object) -> None:
        """Have it written, and answer unless the connection has been lost meanwhile."""
        connection = self._connections
        code = await attempt_async(
            f"{self.name}: writing {path}", lambda: self._written(path, value), lambda _: REFUSED
        )
        if connection == self._connections:
            self._reply_to_write(call, code)

    async def _written(self, path: str, value: object) -> int:
        if path != CUSTOM_NAME:
            return await self._write(path, value)
        if self._settings is None or not self.settings_found:
            return REFUSED
        try:
            return await self._settings.rename(value)
        except LinkError as error:
            LOG.warning("%s: %s", self.name, error)
            return REFUSED

    def _reply_to_write(self, call: Any, code: int) -> None:
        if self._messages is not None and self._wants_reply(call) and self._line.connected:
            self._line.send(self._messages.reply_to_write(call, code), 1)
            self._line.settle()

    def _wants_reply(self, call: Any) -> bool:
        return not call.flags & self._library.MessageFlag.NO_REPLY_EXPECTED

    # -- what goes out -------------------------------------------------------------------------

    def _flush(self) -> None:
        """Send what waits, as far as there is room."""
        messages = self._messages
        if messages is None or not self._line.connected:
            return
        if self._unsent and self._line.has_room:
            self.signals += 1
            self.sent_items += len(self._unsent)
            self._line.send(messages.changed(self._unsent), len(self._unsent))
            self._unsent.clear()
        while self._waiting and self._line.has_room:
            self._answer(messages, self._waiting.popleft())
        self._line.settle()

    def _answer(self, messages: BusItems, call: Any) -> None:
        written = messages.written(call)
        if written is None:
            if self._wants_reply(call):
                self._line.send(messages.answer(call), messages.tree.size(call.path))
        elif len(self._writes) >= MOST_WRITES:
            self._reply_to_write(call, REFUSED)
        else:
            # Not ended with the connection: a BMS must not be left half written.
            _keep(self._writes, self._answer_write(call, *written))


def _keep(tasks: set[asyncio.Task[None]], work: Coroutine[Any, Any, None]) -> None:
    """Start work that nobody awaits, and hold on to it until it is done."""
    task = asyncio.get_running_loop().create_task(work)
    tasks.add(task)
    task.add_done_callback(tasks.discard)
