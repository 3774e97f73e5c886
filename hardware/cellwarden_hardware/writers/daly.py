"""Writing to a Daly board over the A5 protocol: its two MOSFETs and its clock.

How its parameters are written is not published. The board tells what each MOSFET does, not what
its owner wants of it: while a protection holds one open it cannot be seen to be switched on.
"""

import time
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Protocol

from cellwarden.errors import CommandRefused
from cellwarden.model import RequestKind, Setting, SettingValue
from cellwarden_hardware.codecs import daly_table as table
from cellwarden_hardware.codecs.daly_table import Value
from cellwarden_hardware.writers.common import refusal_by

_PARAMETERS = "how the parameters of a Daly board are written is not published: use its own program"
_NOTHING = "a Daly board has no published command for it"
_CANNOT: Mapping[RequestKind, str] = {
    RequestKind.CHARGE_SWITCH: "",
    RequestKind.DISCHARGE_SWITCH: "",
    RequestKind.CLOCK: "",
    RequestKind.PARAMETERS: _PARAMETERS,
    RequestKind.PRESET: _PARAMETERS,
    **dict.fromkeys(
        (
            RequestKind.BALANCE_SWITCH,
            RequestKind.HEATING_SWITCH,
            RequestKind.CALIBRATE_VOLTAGE,
            RequestKind.CALIBRATE_CURRENT,
            RequestKind.ZERO_CURRENT,
            RequestKind.NAME,
            RequestKind.USER_DATA,
            RequestKind.PASSWORD,
            RequestKind.RESTART,
            RequestKind.SHUTDOWN,
        ),
        _NOTHING,
    ),
}
_COMMANDS = {"charge_switch": table.CHARGE_MOS, "discharge_switch": table.DISCHARGE_MOS}
_TABLE: Mapping[str, Setting] = {
    name: Setting(name=name, register=f"0x{command:02X}") for name, command in _COMMANDS.items()
}
_TAKEN = 1


class Line(Protocol):
    """What the driver lends its writing side."""

    async def ask_values(self, command: int) -> dict[str, Value]:
        """Return the values of one reply."""

    async def switch(self, command: int, *, on: bool) -> None:
        """Send a switch command and wait for its reply."""

    async def set_clock(self, now: datetime, soc_percent: float) -> int:
        """Send the clock with the SoC that goes with it, and return the first byte of the reply."""


class DalyWriter:
    """The writing side of one board."""

    settings_behind_write = False

    def __init__(self, line: Line, wall_s: Callable[[], float] = time.time) -> None:
        """`wall_s` is the clock that the BMS's is set by, in s since 1970."""
        self._line = line
        self._wall_s = wall_s

    def writable(self) -> Mapping[str, Setting]:
        """Return the two switches."""
        return _TABLE

    def refusal(self, kind: RequestKind) -> str | None:
        """Return what is not published."""
        return refusal_by(_CANNOT, kind)

    async def log_in(self) -> None:
        """Do nothing: there is no password on these commands."""

    async def read_settings(
        self,
        names: Collection[str] | None = None,  # noqa: ARG002  # both come together
    ) -> Mapping[str, SettingValue]:
        """Return what the MOSFETs do."""
        values = await self._line.ask_values(table.SWITCHES)
        return {
            "charge_switch": bool(values["charge_mos"]),
            "discharge_switch": bool(values["discharge_mos"]),
        }

    async def write_setting(self, name: str, value: SettingValue) -> None:
        """Send one switch command."""
        await self._line.switch(_COMMANDS[name], on=value is True)

    async def act(self, kind: RequestKind, value: SettingValue | None) -> str:  # noqa: ARG002
        """Set the clock; the same command carries the SoC, which stays what the board says."""
        if kind is not RequestKind.CLOCK:
            raise CommandRefused(self.refusal(kind) or "nothing to do")
        soc = (await self._line.ask_values(table.SUMS))["soc"]
        assert isinstance(soc, int | float)  # by the table
        now = datetime.fromtimestamp(self._wall_s())  # noqa: DTZ006  # the board's is a wall clock
        if await self._line.set_clock(now, float(soc)) != _TAKEN:
            raise CommandRefused("the board did not take the clock")
        return f"the board took the clock, {now:%Y-%m-%d %H:%M}, this computer's local time"
