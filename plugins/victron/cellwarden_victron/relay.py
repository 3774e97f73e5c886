"""A heater on one of the relays of a GX device.

The relay belongs to whatever function is set for it on the GX: alarm, generator, tank pump,
temperature. Only while that is "manual" is it ours to switch; else it is left alone, also when
letting go of it. A connection of its own, in the relays' own thread: the bus of the battery
service must not wait for it, nor it for a control loop that hangs.

The relay keeps its state when this process ends without a goodbye. Its service manager starts the
process again within seconds, and the first thing then is to open it.
"""

from typing import Any

from cellwarden.errors import LinkError
from cellwarden.hooks import RelayContext
from cellwarden_victron.busitem import plain
from cellwarden_victron.config import GxRelayOptions
from cellwarden_victron.dbus_library import load
from cellwarden_victron.line import Line
from cellwarden_victron.neighbours import SYSTEM
from cellwarden_victron.settings import SERVICE as SETTINGS
from cellwarden_victron.tree import BUS_ITEM

FUNCTION = {1: "/Settings/Relay/Function", 2: "/Settings/Relay/1/Function"}
"""By the number on the device."""
STATE = {1: "/Relay/0/State", 2: "/Relay/1/State"}
MANUAL = 2
FUNCTIONS = {
    -1: "disabled",
    0: "the alarm relay",
    1: "the generator's start and stop",
    3: "a tank pump",
    4: "a temperature switch",
    5: "a generator's helper",
}
OPEN_S = 3.0
"""Real s to connect."""


class GxRelay:
    """One relay of the GX that this process runs on."""

    def __init__(self, options: GxRelayOptions, context: RelayContext) -> None:
        self._number = options.number
        self._name = f"relay {context.name} (relay {options.number} of the GX)"
        library = load()
        self._variant = library.Variant
        self._line = Line(library, options.bus, self._name)

    async def open(self) -> None:
        """Connect, and open the relay. LinkError if it is not ours to switch."""
        await self._line.open(OPEN_S)
        await self.switch(False)

    async def switch(self, on: bool, /) -> None:
        """Write its state, if its function is manual; nobody told us if that has changed."""
        await self._must_be_manual()
        body = [self._variant("i", int(on))]
        (code,) = await self._ask(SYSTEM, STATE[self._number], "SetValue", "v", body)
        if code != 0:
            raise LinkError(self._name, f"the GX does not take its state (code {code})")

    async def read(self) -> bool | None:
        """Return its state; None while the GX has none for it."""
        state = await self._value(SYSTEM, STATE[self._number])
        return bool(state) if state in (0, 1) else None

    async def close(self) -> None:
        """Open the relay if it is ours, and leave the bus."""
        try:
            if self._line.connected:
                await self.switch(False)
        except LinkError:
            return
        finally:
            self._line.close()

    async def _must_be_manual(self) -> None:
        function = await self._value(SETTINGS, FUNCTION[self._number])
        if function == MANUAL:
            return
        now = FUNCTIONS.get(function, str(function)) if isinstance(function, int) else "unknown"
        raise LinkError(
            self._name,
            f"it is not ours to switch, for its function is {now}: set it to Manual on the GX,"
            " under Settings, Relay",
        )

    async def _value(self, service: str, path: str) -> object:
        (value,) = await self._ask(service, path, "GetValue")
        return plain(value)

    async def _ask(
        self, service: str, path: str, member: str, signature: str = "", body: Any = None
    ) -> list[Any]:
        return await self._line.ask(
            member, signature, body, to=service, path=path, interface=BUS_ITEM
        )
