"""The body of a JK "4E 57" reply: identifiers with their data, to values and back.

All captures begin with the same thirteen measured values in the same order, so one struct unpacks
the identifiers and the data of that block together. Only if every identifier and cell number
stands where it must is the result used; else the body is walked one by one, with the same result.
What follows, the settings, rarely changes: it is walked once and remembered by its bytes.
"""

import struct
from collections.abc import Iterable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any, NamedTuple

from cellwarden.errors import FrameError
from cellwarden_hardware.codecs.jk_4e57_table import (
    BY_NAME,
    IDENTIFIERS,
    MAX_CELLS,
    MEASURED,
    SETTINGS,
    Form,
    Identifier,
    Value,
    current_a,
    current_count,
    temperature_c,
)

Settings = Mapping[str, Value]
"""The rows of `SETTINGS` that a frame carried, by name."""


class Measurements(NamedTuple):
    """The rows of `MEASURED` in their order, None where the frame did not carry one.

    A tuple and no dataclass because it is built at every poll on slow machines.
    """

    cell_voltages_v: tuple[float, ...] | None
    """The first is cell 1."""
    mos_temperature_c: int | None
    temperature_1_c: int | None
    temperature_2_c: int | None
    voltage_v: float | None
    current_a: float | None
    """+ charging; also None where the frame does not tell the protocol version."""
    soc_percent: int | None
    temperature_sensor_count: int | None
    cycle_count: int | None
    cycle_charge_ah: int | None
    cell_count: int | None
    alarm_bits: int | None
    status_bits: int | None
    current_raw: int | None
    """The current as sent."""


# ------------------------------------------------- the body, identifier by identifier

_FIXED = {row.id: struct.Struct(f">{row.code}") for row in IDENTIFIERS.values() if row.size}
_MEASURED_IDS = tuple(row.id for row in MEASURED)
_CELLS, _CURRENT = 0x79, 0x84
_NUMBERED_CELL = struct.Struct(">BH")

_Count = int | bytes | tuple[float, ...]


def decode_body(body: bytes, *, secrets: bool = False) -> tuple[Measurements, Settings]:
    """Return the values of a reply; FrameError `length` if the body does not fit the table.

    The parameter password is left out unless `secrets`.
    """
    return (None if secrets else _in_usual_order(body)) or _by_walk(body, secrets=secrets)


def _walk(body: bytes) -> dict[int, _Count]:
    """Return the counts by identifier; FrameError `length` if the body does not fit the table."""
    found: dict[int, _Count] = {}
    at = 0
    while at < len(body):
        number = body[at]
        row = IDENTIFIERS.get(number)
        if row is None or not row.readable:
            # Its length is not known, so neither is where the next identifier stands.
            raise FrameError("length", f"identifier {number:02X} is not known")
        if number in found:
            raise FrameError("length", f"identifier {number:02X} comes twice")
        at += 1
        try:
            if number == _CELLS:
                found[number] = _cells(body[at + 1 : at + 1 + body[at]], expected=body[at])
                at += 1 + body[at]
            else:
                (found[number],) = _FIXED[number].unpack_from(body, at)
                at += row.size
        except (struct.error, IndexError) as error:
            raise FrameError("length", f"identifier {number:02X} is cut short") from error
    return found


def _cells(data: bytes, *, expected: int) -> tuple[float, ...]:
    if len(data) != expected or expected % _NUMBERED_CELL.size:
        raise FrameError("length", f"a cell list of {expected} bytes is not possible")
    cells = list(_NUMBERED_CELL.iter_unpack(data))
    by_number = dict(cells)
    if len(cells) > MAX_CELLS or sorted(by_number) != list(range(1, len(cells) + 1)):
        raise FrameError("length", "the cell numbers have gaps, doubles or are too many")
    return tuple(by_number[n] / 1000 for n in range(1, len(cells) + 1))


def _settings(counts: Mapping[int, _Count], *, secrets: bool) -> Settings:
    settings: dict[str, Value] = {}
    for number, count in counts.items():
        row = IDENTIFIERS[number]
        if isinstance(count, tuple) or number in _MEASURED_IDS:
            continue
        if secrets or not row.secret:
            settings[row.name] = row.value(count)
    # A full set without C0 comes from the oldest firmware, which speaks version 0. A single value
    # says nothing about the version, so a current alone stays unknown.
    if len(counts) > 1:
        settings.setdefault("protocol_version", 0)
    return MappingProxyType(settings)


def _by_walk(body: bytes, *, secrets: bool) -> tuple[Measurements, Settings]:
    counts = _walk(body)
    settings = _settings(counts, secrets=secrets)
    raw = counts.get(_CURRENT)
    values: list[Any] = []
    for row in MEASURED:
        count = counts.get(row.id)
        if row.form is Form.CURRENT and isinstance(count, int):
            values.append(current_a(count, settings.get("protocol_version")))
        else:
            values.append(count if isinstance(count, tuple | None) else row.value(count))
    return Measurements._make([*values, raw]), settings


# ------------------------------------------------------------- the usual order at once


class _UsualOrder:
    """The measured block of a pack with this many cells: (number, value) over and over."""

    __slots__ = ("layout", "numbers", "size")

    def __init__(self, cells: int) -> None:
        fixed = "".join(f"B{row.code}" for row in MEASURED[1:])
        self.layout = struct.Struct(">BB" + "BH" * cells + fixed)
        self.numbers = (_CELLS, *range(1, cells + 1), *_MEASURED_IDS[1:])
        self.size = self.layout.size


_USUAL_ORDER = {3 * cells: _UsualOrder(cells) for cells in range(1, MAX_CELLS + 1)}


def _in_usual_order(body: bytes) -> tuple[Measurements, Settings] | None:
    """Return the values, or None if they are not in the usual order; the walk then decides."""
    usual = _USUAL_ORDER.get(body[1]) if len(body) > 1 else None
    if usual is None or len(body) < usual.size:
        return None
    pairs = usual.layout.unpack_from(body)
    if pairs[::2] != usual.numbers:
        return None
    _, *cells, mos, t1, t2 = pairs[1:-17:2]
    voltage, current, soc, sensors, cycles, charge, count, alarms, status = pairs[-17::2]
    settings = _settings_of(body[usual.size :])
    measured = Measurements(
        tuple([cell / 1000 for cell in cells]),
        temperature_c(mos),
        temperature_c(t1),
        temperature_c(t2),
        voltage / 100,
        current_a(current, settings["protocol_version"]),
        soc,
        sensors,
        cycles,
        charge,
        count,
        alarms,
        status,
        current,
    )
    return measured, settings


@lru_cache(maxsize=32)  # one entry for each pack and minute of `runtime`; 5 KiB each
def _settings_of(body: bytes) -> Settings:
    """Return the settings that follow the measured block, which had every measured identifier."""
    counts = dict.fromkeys(_MEASURED_IDS, 0) | (rest := _walk(body))
    if len(counts) < len(_MEASURED_IDS) + len(rest):
        raise FrameError("length", "an identifier comes twice")
    return _settings(counts, secrets=False)


# ------------------------------------------------------------------ to bytes


def build_body(
    values: Mapping[str, Value | tuple[float, ...]], only: Iterable[int] | None = None
) -> bytes:
    """Return identifiers and data of these values, by the names of the table, in its order.

    `only` picks identifiers. The current is written for `protocol_version`, missing means 0.
    KeyError for an unknown name, ValueError for a value that does not fit.
    """
    wanted = {BY_NAME[name].id for name in values}
    if only is not None:
        wanted &= set(only)
    version = values.get("protocol_version", 0)
    return b"".join(
        bytes((row.id,)) + _data(row, values[row.name], version)
        for row in (*MEASURED, *SETTINGS)
        if row.id in wanted
    )


def _data(row: Identifier, value: Value | tuple[float, ...], version: object) -> bytes:
    if isinstance(value, tuple):
        pairs = [_NUMBERED_CELL.pack(n, round(v * 1000)) for n, v in enumerate(value, start=1)]
        return bytes((len(pairs) * _NUMBERED_CELL.size,)) + b"".join(pairs)
    if row.form is Form.CURRENT:
        return struct.pack(">H", current_count(float(value), version))
    return row.data(value)
