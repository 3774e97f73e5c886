"""What can be written to a JK BMS over Bluetooth: registers of the three layouts.

The same number means different things in each: 0x21 calibrates a board with 24 cells and sets the
short-circuit delay of one with 32. Proven by recorded traffic of the maker's app: JK04 all; 32S
control bits, 0x37 and the clock; 24S 0x04, 0x1D, 0x1E, 0x26 by two projects. The rest stands in one
project's table that was made from such traffic. Lengths of 0x3A and 0x3B are as that of 0x37.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass

from cellwarden.errors import CommandRefused
from cellwarden_hardware.codecs.jk_ble import build_command
from cellwarden_hardware.codecs.jk_ble_cells import Layout
from cellwarden_hardware.codecs.jk_ble_fields import Field, Value
from cellwarden_hardware.codecs.jk_ble_settings import CONTROL_BITS, SETTINGS

_FIRST_AT, _LAST_AT = 6, 130
"""Both integer layouts: register n stands at byte offset 6 + 4 (n - 1), up to the capacity."""
_MOVED = {
    Layout.JK02_24S: {"scp_delay": 0x25, "balance_start_voltage": 0x26},
    Layout.JK02_32S: {
        "scp_delay": 0x21,
        "balance_start_voltage": 0x22,
        "heating_start": 0x37,
        "heating_stop": 0x38,
        "discharge_utp": 0x3A,
        "discharge_utp_release": 0x3B,
    },
}
_JK04 = {
    "cell_count": (0x1C, "<H"),
    "power_off_voltage": (0x20, "<f"),
    "balance_start_voltage": (0x58, "<f"),
    "balance_trigger_voltage": (0x64, "<f"),
    "max_balance_current": (0x68, "<f"),
    "balance_switch": (0x6C, "<B"),
}
_CONTROL_BIT = 0x27
"""Register of the first control bit (32S); each takes 0 or 1 in four bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
    """One setting as it is written."""

    register: int
    field: Field
    """Where it is read back."""
    code: str
    """struct code of the value."""

    def command(self, value: Value) -> bytes:
        """Return the command; CommandRefused for a value that does not fit."""
        try:
            (count,) = self.field.counts(value)
            return build_command(self.register, struct.pack(self.code, count))
        except (struct.error, ValueError, TypeError, OverflowError) as error:
            raise CommandRefused(f"{self.field.name} cannot be {value!r}: {error}") from error


def _writes(layout: Layout) -> Mapping[str, Write]:
    found: dict[str, Write] = {}
    for field in SETTINGS[layout].fields:
        register: int | None = None
        code = f"<{field.code}"
        if layout is Layout.JK04:
            register, code = _JK04.get(field.name, (None, ""))
        elif _FIRST_AT <= field.at <= _LAST_AT:
            register = 1 + (field.at - _FIRST_AT) // 4
        else:
            register = _MOVED[layout].get(field.name)
        if register is not None:
            found[field.name] = Write(register=register, field=field, code=code)
    return found


WRITES: Mapping[Layout, Mapping[str, Write]] = {layout: _writes(layout) for layout in Layout}
"""By the names of the settings' fields."""

CALIBRATE_VOLTAGE = {Layout.JK02_24S: 0x21, Layout.JK02_32S: 0x64}
"""The true pack voltage in mV."""
CALIBRATE_CURRENT = {Layout.JK02_24S: 0x24, Layout.JK02_32S: 0x67}
"""The true current in mA."""
SHUT_DOWN, RESTART, SET_CLOCK = 0x65, 0x66, 0x6C
"""Of boards with 32 cells only."""
USER_DATA = 0x9F
"""ASCII, 1 to 13 bytes; of both integer layouts."""
EPOCH_S = 1_577_836_800
"""2020-01-01 00:00 UTC, from which the clock counts, in s since 1970."""


def number_command(register: int, count: int) -> bytes:
    """Return a command with a number of four bytes; CommandRefused if it does not fit."""
    try:
        return build_command(register, struct.pack("<i" if count < 0 else "<I", count))
    except struct.error as error:
        raise CommandRefused(f"register {register:02X} cannot hold {count}") from error


def control_bit_command(name: str, *, on: bool) -> bytes:
    """Return the command that sets one control bit (32S)."""
    return number_command(_CONTROL_BIT + CONTROL_BITS.index(name), int(on))


def control_bit_register(name: str) -> int:
    """Return the register of a control bit (32S)."""
    return _CONTROL_BIT + CONTROL_BITS.index(name)
