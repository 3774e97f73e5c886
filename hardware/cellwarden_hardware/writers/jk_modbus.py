"""Writing to a JK BMS of the PB series over RS485 Modbus.

Settings stand at 0x1000 + byte offset, two words each. The commands from 0x1600 on (presets,
calibration, clock) are not used: the maker's two documents give them different registers, and a
calibration of the one is a preset of the other.
"""

import struct
from collections.abc import Collection, Mapping
from typing import Protocol

from cellwarden.errors import CommandRefused
from cellwarden.model import SWITCHES, RequestKind, Setting, SettingValue
from cellwarden_hardware.codecs.jk_ble import DeviceInfo, Settings
from cellwarden_hardware.codecs.jk_ble_cells import Layout
from cellwarden_hardware.codecs.jk_ble_fields import Field
from cellwarden_hardware.codecs.jk_ble_settings import CONTROL_BITS, SETTINGS
from cellwarden_hardware.jk_reading import lasting_of
from cellwarden_hardware.writers import jk_frames
from cellwarden_hardware.writers.common import MAY_WRITE, Password, refusal_by

_BASE, _BODY_AT = 0x1000, 6
_LAST_AT = 0x84 + _BODY_AT
"""Writes up to here are seen in the wild; of those behind it only the control bits are used."""
_CONTROL_BITS = 0x1114
_HEATING = "heating_switch"
_DISPUTED = (
    "the maker's two documents give this command different registers (a calibration of one is a"
    " preset of the other): do it over Bluetooth"
)
_CANNOT: Mapping[RequestKind, str] = {
    **dict.fromkeys(SWITCHES, ""),
    RequestKind.PARAMETERS: "",
    RequestKind.PRESET: "",
    RequestKind.CALIBRATE_VOLTAGE: _DISPUTED,
    RequestKind.CALIBRATE_CURRENT: _DISPUTED,
    RequestKind.CLOCK: _DISPUTED,
    RequestKind.SHUTDOWN: _DISPUTED,
    RequestKind.ZERO_CURRENT: "JK's Modbus has no register for the zero of the current",
    RequestKind.RESTART: "JK's Modbus has no register to restart the BMS",
    RequestKind.NAME: "JK's Modbus has no register for the name",
    RequestKind.USER_DATA: "JK's Modbus has no register for the private data",
    RequestKind.PASSWORD: "JK's Modbus has no register for a password",
}
_LISTENS = "listen_only is set: on a bus with another master nothing may be sent"


class Line(Protocol):
    """What the driver lends its writing side."""

    listen_only: bool

    async def ask_settings(self) -> Settings:
        """Return a settings frame, asked now."""

    async def ask_device(self) -> DeviceInfo:
        """Return the device info, asked now, with its secrets."""

    async def write_registers(self, register: int, data: bytes) -> None:
        """Write words and wait for the acknowledgement; CommandRefused for an exception."""


class JkModbusWriter:
    """The writing side of one pack."""

    settings_behind_write = False

    def __init__(self, line: Line, password: Password) -> None:
        self._line = line
        self._password = password

    def writable(self) -> Mapping[str, Setting]:
        """Return every setting; there is one register map."""
        return {} if self._line.listen_only else _TABLE

    def refusal(self, kind: RequestKind) -> str | None:
        """Return what there is no register for."""
        return _LISTENS if self._line.listen_only else refusal_by(_CANNOT, kind)

    async def log_in(self) -> None:
        """Compare the settings password with the one that the BMS tells, as its app does."""
        jk_frames.check_password(self._password, await self._line.ask_device())

    async def read_settings(
        self,
        names: Collection[str] | None = None,  # noqa: ARG002  # everything comes together
    ) -> Mapping[str, SettingValue]:
        """Return what a settings frame tells."""
        return jk_frames.held(lasting_of(await self._line.ask_settings()))

    async def write_setting(self, name: str, value: SettingValue) -> None:
        """Write one setting."""
        if name == _HEATING:
            await self._heating(on=value is True)
            return
        field = _FIELDS[name]
        try:
            data = struct.pack(f">{field.code}", *field.counts(value))
        except (struct.error, ValueError, TypeError) as error:
            raise CommandRefused(f"{name} cannot be {value!r}: {error}") from error
        await self._line.write_registers(_BASE + field.at - _BODY_AT, data)

    async def act(self, kind: RequestKind, value: SettingValue | None) -> str:  # noqa: ARG002
        """Refuse: there is nothing of that kind."""
        raise CommandRefused(self.refusal(kind) or "nothing to do")

    async def _heating(self, *, on: bool) -> None:
        """Change one bit of the word that holds all control bits."""
        word = int(str((await self._line.ask_settings()).values["control_bits"]))
        mask = 1 << CONTROL_BITS.index("heating")
        await self._line.write_registers(
            _CONTROL_BITS, struct.pack(">H", word | mask if on else word & ~mask)
        )


def _fields() -> dict[str, Field]:
    found = {}
    for field in SETTINGS[Layout.JK02_32S].fields:
        name = field.parameter if field.parameter in MAY_WRITE else field.name
        if field.at <= _LAST_AT and name in (MAY_WRITE | set(SWITCHES.values())):
            found[name] = field
    return found


def _setting(name: str, field: Field) -> Setting:
    register = f"0x{_BASE + field.at - _BODY_AT:04X}"
    if jk_frames.is_switch(field):
        return Setting(name=name, register=register)
    step, low, high = jk_frames.resolution(field)
    return Setting(
        name=name, register=register, unit=field.unit, step=step, minimum=low, maximum=high
    )


_FIELDS = _fields()
_TABLE: Mapping[str, Setting] = {
    **{name: _setting(name, field) for name, field in _FIELDS.items()},
    _HEATING: Setting(name=_HEATING, register=f"0x{_CONTROL_BITS:04X} bit 0"),
}
