"""Writing to a JK BMS over "4E 57".

Each write is the frame of command 05 (what it carries is not published; this is what the one known
client sends), at least 150 ms of silence, and command 02. The acknowledgement says nothing; only
what is read back counts. Boards are known that refuse single identifiers in silence.
"""

from collections.abc import Collection, Mapping
from typing import Protocol

from cellwarden.errors import CommandRefused
from cellwarden.model import SWITCHES, RequestKind, Setting, SettingValue
from cellwarden_hardware.codecs import jk_4e57
from cellwarden_hardware.codecs.jk_4e57_table import BY_NAME, Form, Identifier, Value
from cellwarden_hardware.codecs.jk_4e57_table import SETTINGS as ROWS
from cellwarden_hardware.writers.common import (
    MAY_WRITE,
    Password,
    letters_and_digits,
    printable,
    refusal_by,
)

MAKERS_PASSWORD = "123456"  # noqa: S105  # printed in the maker's manual (R45)

_CANNOT: Mapping[RequestKind, str] = {
    RequestKind.CHARGE_SWITCH: "",
    RequestKind.DISCHARGE_SWITCH: "",
    RequestKind.BALANCE_SWITCH: "",
    RequestKind.PARAMETERS: "",
    RequestKind.PRESET: "",
    RequestKind.NAME: "",
    RequestKind.PASSWORD: "",
    RequestKind.RESTART: "",
    RequestKind.HEATING_SWITCH: '"4E 57" has no identifier for the heating',
    RequestKind.CALIBRATE_VOLTAGE: '"4E 57" has no identifier for a voltage calibration',
    RequestKind.CALIBRATE_CURRENT: "what the identifiers AD and B8 do is not proven: calibrate the"
    " current over Bluetooth",
    RequestKind.ZERO_CURRENT: '"4E 57" has no identifier for the zero of the current',
    RequestKind.CLOCK: '"4E 57" has no identifier for the clock',
    RequestKind.USER_DATA: '"4E 57" has no identifier for private data',
    RequestKind.SHUTDOWN: '"4E 57" has no identifier to shut the BMS down',
}
_NAME_ID, _PASSWORD_ID, _RESTART_ID = "device_id", "parameter_password", "restart"
_TEXTS = {RequestKind.NAME: _NAME_ID, RequestKind.PASSWORD: _PASSWORD_ID}


class Line(Protocol):
    """What the driver lends its writing side."""

    async def ask(self) -> jk_4e57.Reply:
        """Return the full set, asked now."""

    async def ask_secret(self) -> str | None:
        """Return the parameter password that the BMS tells, None if it tells none."""

    async def tell(self, *frames: bytes) -> None:
        """Send frames 150 ms apart, and wait for a short answer to the last; none is no error."""


class Jk4e57Writer:
    """The writing side of one pack."""

    settings_behind_write = False

    def __init__(self, line: Line, password: Password) -> None:
        self._line = line
        self._password = password

    def writable(self) -> Mapping[str, Setting]:
        """Return every setting; there is one layout only."""
        return _TABLE

    def refusal(self, kind: RequestKind) -> str | None:
        """Return what this protocol has no identifier for."""
        return refusal_by(_CANNOT, kind)

    async def log_in(self) -> None:
        """Compare the password with the one that the BMS tells, as its app does."""
        held = await self._line.ask_secret()
        if held is not None:
            self._password.check(held)

    async def read_settings(
        self,
        names: Collection[str] | None = None,  # noqa: ARG002  # everything comes together
    ) -> Mapping[str, SettingValue]:
        """Return what a full set tells."""
        settings = (await self._line.ask()).settings
        return {
            name: value if row.form is Form.SWITCH else float(value)
            for name, row in _ROWS.items()
            if (value := settings.get(row.name)) is not None
        }

    async def write_setting(self, name: str, value: SettingValue) -> None:
        """Send one write."""
        await self._write(_ROWS[name].name, value)

    async def act(self, kind: RequestKind, value: SettingValue | None) -> str:
        """Set name or password, or restart."""
        if kind is RequestKind.RESTART:
            await self._write(_RESTART_ID, 1)
            return "the BMS was told to restart"
        if kind is RequestKind.NAME:
            return await self._name(letters_and_digits(value, BY_NAME[_NAME_ID].size))
        secret = printable(value, BY_NAME[_PASSWORD_ID].size, "password")
        await self._write(_PASSWORD_ID, secret)
        if await self._line.ask_secret() != secret:
            raise CommandRefused("the BMS did not take the new password")
        return "the BMS holds the new password: change what settings_password_file or _env names"

    async def _name(self, name: str) -> str:
        before = (await self._line.ask()).settings
        if "JK_" in str(before.get("manufacturer_id", "")):
            raise CommandRefused(
                "this board keeps its name together with its model: change it in the maker's app"
            )
        await self._write(_NAME_ID, name)
        if (await self._line.ask()).settings.get(_NAME_ID) != name:
            raise CommandRefused("the BMS did not take the new name")
        return f"the BMS is called {name}"

    async def _write(self, name: str, value: Value) -> None:
        await self._line.tell(jk_4e57.password_request(), jk_4e57.write_request(name, value))


def _rows() -> dict[str, Identifier]:
    by_name = {row.parameter: row for row in ROWS if row.parameter in MAY_WRITE}
    switches = {name: BY_NAME[name] for name in SWITCHES.values() if name in BY_NAME}
    return {name: row for name, row in (by_name | switches).items() if row.writable}


def _setting(name: str, row: Identifier) -> Setting:
    register = f"0x{row.id:02X}"
    if row.form is Form.SWITCH:
        return Setting(name=name, register=register)
    low, high = row.span or (0, 256**row.size - 1)
    step = row.times / row.per
    return Setting(
        name=name,
        register=register,
        unit=row.unit,
        step=step,
        minimum=low * step,
        maximum=high * step,
    )


_ROWS = _rows()
_TABLE: Mapping[str, Setting] = {name: _setting(name, row) for name, row in _ROWS.items()}
