"""The user's choices in `com.victronenergy.settings`: device instance and custom name.

Venus keeps them for ever by a device's unique name; the user may change both on the GX at any time.
"""

from dataclasses import dataclass
from typing import Any

from cellwarden.errors import LinkError
from cellwarden_victron.busitem import NOT_WRITABLE, plain
from cellwarden_victron.line import Line
from cellwarden_victron.tree import BUS_ITEM

SERVICE = "com.victronenergy.settings"
APPEARED = f"type='signal',member='NameOwnerChanged',arg0='{SERVICE}'"
INTERFACE = "com.victronenergy.Settings"
_CLASS = "battery"


@dataclass(frozen=True, slots=True)
class Choices:
    """What stands in the settings."""

    instance: int
    custom_name: str


class SettingsMissingError(LinkError):
    """Nobody offers settings on this bus, or not yet."""


class DeviceSettings:
    """The settings of one device."""

    def __init__(self, line: Line, library: Any, unique: str, wish: Choices) -> None:
        """`unique` is made of letters, digits and `_`, and begins with a letter."""
        self._line = line
        self._variant = library.Variant
        self._branch = f"/Settings/Devices/{unique}"
        self._instance = f"{self._branch}/ClassAndVrmInstance"
        self._custom_name = f"{self._branch}/CustomName"
        self._wish = wish
        self.choices = wish

    async def register(self) -> None:
        """Have an instance allotted and the name kept; then `choices` are what stands there."""
        if not await self._line.is_there(SERVICE):
            raise SettingsMissingError(SERVICE, "is not on the bus")
        wanted = (
            (self._instance, f"{_CLASS}:{self._wish.instance}"),
            (self._custom_name, self._wish.custom_name),
        )
        answer = await self._line.ask(
            "AddSettings",
            "aa{sv}",
            [
                [
                    {"path": self._variant("s", path), "default": self._variant("s", default)}
                    for path, default in wanted
                ]
            ],
            to=SERVICE,
            path="/",
            interface=INTERFACE,
        )
        for (path, _), said in zip(wanted, answer[0], strict=False):
            error = plain(said.get("error"))
            if error:
                raise LinkError(SERVICE, f"{path} was refused (error {error})")
            self._take(path, plain(said.get("value")))

    async def listen(self) -> None:
        """Hear of changes, in both forms that Venus has."""
        for where in (f"path_namespace='{self._branch}'", "path='/'"):
            await self._line.listen(
                f"type='signal',sender='{SERVICE}',interface='{BUS_ITEM}',{where}"
            )

    def heard(self, message: Any) -> bool:
        """Take what a signal says; return whether a choice changed."""
        before = self.choices
        if message.interface != BUS_ITEM or not message.body:
            return False
        if message.member == "PropertiesChanged":
            self._take(message.path, plain(message.body[0].get("Value")))
        elif message.member == "ItemsChanged":
            for path, item in message.body[0].items():
                self._take(path, plain(item.get("Value")))
        return self.choices != before

    async def rename(self, name: object) -> int:
        """Write another custom name; return the code for the writer."""
        if not isinstance(name, str):
            return NOT_WRITABLE
        answer = await self._line.ask(
            "SetValue",
            "v",
            [self._variant("s", name)],
            to=SERVICE,
            path=self._custom_name,
            interface=BUS_ITEM,
        )
        return int(answer[0])

    def _take(self, path: str, value: object) -> None:
        if path == self._custom_name and isinstance(value, str):
            self.choices = Choices(self.choices.instance, value)
        elif path == self._instance and isinstance(value, str):
            kind, _, number = value.partition(":")
            if kind == _CLASS and number.isdecimal():
                self.choices = Choices(int(number), self.choices.custom_name)
