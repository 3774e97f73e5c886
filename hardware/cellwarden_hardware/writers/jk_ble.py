"""Writing to a JK BMS over Bluetooth, in the layout that its device info tells."""

import time
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from typing import Protocol

from cellwarden.errors import CommandRefused
from cellwarden.model import SWITCHES, RequestKind, Setting, SettingValue
from cellwarden_hardware.codecs import jk_ble
from cellwarden_hardware.codecs import jk_ble_writes as writes
from cellwarden_hardware.codecs.jk_ble_cells import Layout
from cellwarden_hardware.codecs.jk_ble_writes import WRITES, Write
from cellwarden_hardware.jk_reading import Lasting
from cellwarden_hardware.writers import jk_frames
from cellwarden_hardware.writers.common import MAY_WRITE, Password, printable

_HEATING = "heating_switch"
_UNKNOWN = "the device has not said yet which layout its registers have"
_PASSWORD = "how a password is changed over Bluetooth is not known: use the maker's app"  # noqa: S105
_NAME = "how the name is changed over Bluetooth is not known: use the maker's app"
_ONLY_32S = frozenset(
    {RequestKind.RESTART, RequestKind.SHUTDOWN, RequestKind.CLOCK, RequestKind.HEATING_SWITCH}
)


class Line(Protocol):
    """What the driver lends its writing side."""

    @property
    def layout(self) -> Layout | None:
        """As the device info told since the link was opened; None before."""

    async def ask_settings(self) -> Lasting:
        """Return what a settings frame tells that was asked for now."""

    async def ask_device(self) -> jk_ble.DeviceInfo:
        """Return the device info, asked now, with its secrets."""

    async def tell(self, command: bytes) -> None:
        """Send a command and wait for the answer that it was taken; none is no error."""


class JkBleWriter:
    """The writing side of one pack."""

    settings_behind_write = False

    def __init__(
        self, line: Line, password: Password, wall_s: Callable[[], float] = time.time
    ) -> None:
        """`wall_s` is the clock that the BMS's is set by, in s since 1970."""
        self._line = line
        self._password = password
        self._wall_s = wall_s

    def writable(self) -> Mapping[str, Setting]:
        """Return the settings of this layout; none before it is known."""
        layout = self._line.layout
        return {} if layout is None else _TABLES[layout]

    def refusal(self, kind: RequestKind) -> str | None:
        """Return what this layout cannot do."""
        layout = self._line.layout
        if layout is None:
            return _UNKNOWN
        if kind in SWITCHES:
            missing = SWITCHES[kind] not in _TABLES[layout]
            return f"a board with layout {layout.value} has no {kind.value}" if missing else None
        return _cannot(kind, layout)

    async def log_in(self) -> None:
        """Compare the settings password with the one that the BMS tells, as its app does."""
        jk_frames.check_password(self._password, await self._line.ask_device())

    async def read_settings(
        self,
        names: Collection[str] | None = None,  # noqa: ARG002  # everything comes together
    ) -> Mapping[str, SettingValue]:
        """Return what a settings frame tells."""
        return jk_frames.held(await self._line.ask_settings())

    async def write_setting(self, name: str, value: SettingValue) -> None:
        """Send one write."""
        layout = self._known()
        if name == _HEATING:
            command = writes.control_bit_command("heating", on=value is True)
        else:
            command = _ROWS[layout][name].command(value)
        await self._line.tell(command)

    async def act(self, kind: RequestKind, value: SettingValue | None) -> str:
        """Calibrate, set the clock or the private data, restart, shut down."""
        layout = self._known()
        if kind in (RequestKind.CALIBRATE_VOLTAGE, RequestKind.CALIBRATE_CURRENT):
            table = (
                writes.CALIBRATE_VOLTAGE
                if kind is RequestKind.CALIBRATE_VOLTAGE
                else writes.CALIBRATE_CURRENT
            )
            await self._line.tell(
                writes.number_command(table[layout], round(1000 * float(value or 0)))
            )
            return "the calibration was sent"
        if kind is RequestKind.USER_DATA:
            return await self._user_data(printable(value, 13, "private text"))
        if kind is RequestKind.CLOCK:
            now_s = self._wall_s()
            await self._line.tell(
                writes.number_command(writes.SET_CLOCK, round(now_s) - writes.EPOCH_S)
            )
            return f"the clock was set to {datetime.fromtimestamp(now_s, UTC):%Y-%m-%d %H:%M} UTC"
        restart = kind is RequestKind.RESTART
        await self._line.tell(jk_ble.build_command(writes.RESTART if restart else writes.SHUT_DOWN))
        return "the BMS was told to restart" if restart else "the BMS was told to shut down"

    async def _user_data(self, text: str) -> str:
        await self._line.tell(jk_ble.build_command(writes.USER_DATA, text.encode("ascii")))
        told = (await self._line.ask_device()).values.get("user_data")
        if told != text.strip():
            raise CommandRefused("the BMS did not take the private data")
        return f"the BMS holds the private data {text}"

    def _known(self) -> Layout:
        layout = self._line.layout
        if layout is None:
            raise CommandRefused(_UNKNOWN)
        return layout


def _cannot(kind: RequestKind, layout: Layout) -> str | None:
    told = {
        RequestKind.PASSWORD: _PASSWORD,
        RequestKind.NAME: _NAME,
        RequestKind.ZERO_CURRENT: "the protocol has no command for the zero of the current",
    }
    if kind in told:
        return told[kind]
    if kind in _ONLY_32S and layout is not Layout.JK02_32S:
        return f"only boards with 32 cells have a command for it; this one has {layout.value}"
    if layout is Layout.JK04 and kind not in (RequestKind.PARAMETERS, RequestKind.PRESET):
        return f"a board with layout {layout.value} has no command for it"
    return None


def _rows(layout: Layout) -> dict[str, Write]:
    found = {}
    for name, write in WRITES[layout].items():
        if write.field.parameter in MAY_WRITE:
            found[write.field.parameter] = write
        elif name in SWITCHES.values():
            found[name] = write
    return found


def _table(layout: Layout) -> dict[str, Setting]:
    table = {name: _setting(name, write) for name, write in _ROWS[layout].items()}
    if layout is Layout.JK02_32S:
        register = f"0x{writes.control_bit_register('heating'):02X}"
        table[_HEATING] = Setting(name=_HEATING, register=register)
    return table


def _setting(name: str, write: Write) -> Setting:
    register = f"0x{write.register:02X}"
    if jk_frames.is_switch(write.field):
        return Setting(name=name, register=register)
    step, low, high = jk_frames.resolution(write.field)
    return Setting(
        name=name, register=register, unit=write.field.unit, step=step, minimum=low, maximum=high
    )


_ROWS = {layout: _rows(layout) for layout in Layout}
_TABLES = {layout: _table(layout) for layout in Layout}
