"""Writing to a JBD board.

MOSFETs are switched by a command of their own. All else stands in a memory that is read and written
in factory mode only; leaving it with "save" makes a write last. It is never stayed in longer than
one request of the gate takes.
"""

from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from typing import Protocol

from cellwarden.errors import CommandRefused, FrameError, WrongPassword
from cellwarden.model import RequestKind, Setting, SettingValue
from cellwarden_hardware.codecs import jbd
from cellwarden_hardware.codecs.jbd_table import BY_NAME, FUNCTION_BITS, Form, Register
from cellwarden_hardware.codecs.jbd_table import SETTINGS as ROWS
from cellwarden_hardware.writers.common import MAY_WRITE, Password, refusal_by

_CHARGE, _DISCHARGE, _BALANCE = "charge_switch", "discharge_switch", "balance_switch"
_CANNOT: Mapping[RequestKind, str] = {
    RequestKind.CHARGE_SWITCH: "",
    RequestKind.DISCHARGE_SWITCH: "",
    RequestKind.BALANCE_SWITCH: "",
    RequestKind.PARAMETERS: "",
    RequestKind.PRESET: "",
    RequestKind.CALIBRATE_CURRENT: "",
    RequestKind.ZERO_CURRENT: "",
    RequestKind.HEATING_SWITCH: "JBD boards of this protocol switch no heating",
    RequestKind.CALIBRATE_VOLTAGE: "a JBD board is calibrated cell by cell, not as a"
    " whole: use the maker's program",
    RequestKind.CLOCK: "JBD boards have no clock",
    RequestKind.NAME: "a JBD board has no register for a name that its owner gives",
    RequestKind.USER_DATA: "a JBD board has no register for private data",
    RequestKind.PASSWORD: "how a password is set on a JBD board is not published",
    RequestKind.RESTART: "what the reset command of a JBD board carries is not published",
    RequestKind.SHUTDOWN: "a JBD board has no command to shut down",
}
_FUNCTIONS = BY_NAME["function_bits"]
_BALANCE_BIT = 1 << FUNCTION_BITS.index("balance")
_ZERO, _CHARGE_GAIN, _DISCHARGE_GAIN = (
    BY_NAME[name]
    for name in (
        "calibrate_zero_current",
        "calibrate_charge_current",
        "calibrate_discharge_current",
    )
)


class Line(Protocol):
    """What the driver lends its writing side."""

    async def ask_basic(self) -> jbd.Basic:
        """Return register 03, asked now."""

    async def ask_register(self, register: int) -> bytes:
        """Return a register's bytes; FrameError `device_error` if the board refuses."""

    async def tell(self, request: bytes, register: int) -> None:
        """Send a write and wait for its reply; FrameError `device_error` if the board refuses."""


class JbdWriter:
    """The writing side of one pack."""

    settings_behind_write = True

    def __init__(self, line: Line, password: Password) -> None:
        self._line = line
        self._password = password

    def writable(self) -> Mapping[str, Setting]:
        """Return every setting; there is one memory map."""
        return _TABLE

    def refusal(self, kind: RequestKind) -> str | None:
        """Return what such a board cannot do."""
        return refusal_by(_CANNOT, kind)

    async def log_in(self) -> None:
        """Give the password to a board that wants one; most want none."""
        password = self._password.read()
        if password is None:
            return
        try:
            request = jbd.password_request(password)
        except (CommandRefused, ValueError) as error:
            raise WrongPassword("the password of a JBD board has six digits") from error
        try:
            await self._line.tell(request, jbd.USE_PASSWORD)
        except FrameError as error:
            if error.kind != "device_error":
                raise
            raise WrongPassword("the BMS refuses the configured settings password") from error

    async def read_settings(
        self, names: Collection[str] | None = None
    ) -> Mapping[str, SettingValue]:
        """Return the switches from register 03, and all else from the memory."""
        wanted = set(_TABLE if names is None else names)
        held: dict[str, SettingValue] = {}
        if wanted & {_CHARGE, _DISCHARGE}:
            held |= switches_of(await self._line.ask_basic())
        wanted -= {_CHARGE, _DISCHARGE}
        if not wanted:
            return held
        async with self._factory_mode(save=False):
            for name in sorted(wanted):
                row = _FUNCTIONS if name == _BALANCE else _ROWS.get(name)
                if row is not None:
                    held |= await self._read(name, row)
        return held

    async def _read(self, name: str, row: Register) -> dict[str, SettingValue]:
        try:
            value = row.value(await self._line.ask_register(row.number))
        except FrameError as error:
            if error.kind != "device_error":
                raise
            return {}  # this board has no such register
        assert isinstance(value, int | float)  # by the table
        return {name: bool(int(value) & _BALANCE_BIT) if name == _BALANCE else float(value)}

    async def write_setting(self, name: str, value: SettingValue) -> None:
        """Send one write: both MOSFETs together, or one register of the memory."""
        if name in (_CHARGE, _DISCHARGE):
            held = switches_of(await self._line.ask_basic())
            other = _DISCHARGE if name == _CHARGE else _CHARGE
            if other not in held:
                raise CommandRefused(
                    "both switches are sent together, and while a protection holds the other"
                    " MOSFET open the board does not tell what its owner wants of it: try again"
                    " when the protection has gone"
                )
            wanted = {**held, name: value}
            request = jbd.mos_request(
                charge=wanted[_CHARGE] is True, discharge=wanted[_DISCHARGE] is True
            )
            await self._line.tell(request, jbd.MOS)
            return
        async with self._factory_mode(save=True):
            if name == _BALANCE:
                bits = _FUNCTIONS.value(await self._line.ask_register(_FUNCTIONS.number))
                assert isinstance(bits, int)
                bits = bits | _BALANCE_BIT if value is True else bits & ~_BALANCE_BIT
                await self._write(_FUNCTIONS, bits)
            else:
                await self._write(_ROWS[name], value)

    async def act(self, kind: RequestKind, value: SettingValue | None) -> str:
        """Calibrate the current."""
        async with self._factory_mode(save=True):
            if kind is RequestKind.ZERO_CURRENT:
                await self._write(_ZERO, 0)
            else:
                true_a = float(value or 0.0)
                await self._write(_CHARGE_GAIN if true_a > 0 else _DISCHARGE_GAIN, true_a)
        return "the board took the calibration"

    async def _write(self, row: Register, value: SettingValue) -> None:
        try:
            data = row.data(value)
        except ValueError as error:
            raise CommandRefused(str(error)) from error
        await self._tell(jbd.write_request(row.number, data), row.number, row.name)

    @asynccontextmanager
    async def _factory_mode(self, *, save: bool) -> AsyncIterator[None]:
        """Enter the factory mode, and leave it whatever happens; saved only if nothing did."""
        try:
            await self._line.tell(jbd.enter_factory_request(), jbd.ENTER_FACTORY)
        except FrameError as error:
            if error.kind != "device_error":
                raise
            raise WrongPassword(
                "the board refuses the factory mode: give its password by settings_password_file"
                " or settings_password_env in its [[pack]]"
            ) from error
        good = False
        try:
            yield
            good = True
        finally:
            request = jbd.leave_factory_request(save=save and good)
            await self._tell(request, jbd.LEAVE_FACTORY, "leaving the factory mode")

    async def _tell(self, request: bytes, register: int, what: str) -> None:
        try:
            await self._line.tell(request, register)
        except FrameError as error:
            if error.kind != "device_error":
                raise
            raise CommandRefused(f"the board refuses {what}: {error}") from error


def switches_of(basic: jbd.Basic) -> dict[str, SettingValue]:
    """Return what its owner wants of the MOSFETs, without those that the board does not tell."""
    told = {
        _CHARGE: jbd.switch_of(basic, fet_on=basic.charge_mos),
        _DISCHARGE: jbd.switch_of(basic, fet_on=basic.discharge_mos),
    }
    return {name: on for name, on in told.items() if on is not None}


def _rows() -> dict[str, Register]:
    return {row.parameter: row for row in ROWS if row.parameter in MAY_WRITE}


def _setting(name: str, row: Register) -> Setting:
    ends = sorted(float(row.value(count) or 0) for count in _ends(row))
    per = 10 if row.form is Form.KELVIN else abs(row.per)
    return Setting(
        name=name,
        register=f"0x{row.number:02X}",
        unit=row.unit,
        step=1 / per,
        minimum=ends[0],
        maximum=ends[1],
    )


def _ends(row: Register) -> tuple[bytes, bytes]:
    if row.form is Form.SIGNED:
        return b"\x80\x00", b"\x7f\xff"
    return b"\x00\x00", b"\xff\xff"


_ROWS = _rows()
_TABLE: Mapping[str, Setting] = {
    **{name: _setting(name, row) for name, row in _ROWS.items()},
    _CHARGE: Setting(name=_CHARGE, register="0xE1"),
    _DISCHARGE: Setting(name=_DISCHARGE, register="0xE1"),
    _BALANCE: Setting(name=_BALANCE, register="0x2D bit 2"),
}
