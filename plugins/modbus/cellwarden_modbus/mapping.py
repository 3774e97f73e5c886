"""The maps as a person reads them: every register with its type, scale and value. Pure.

The same tables that make the registers describe them, so that the two cannot drift apart.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cellwarden_modbus import own, sunspec, victron
from cellwarden_modbus.config import WRITABLE
from cellwarden_modbus.registers import Value, Words
from cellwarden_modbus.sunspec_model import MARK, Model, Point, Values
from cellwarden_modbus.sunspec_tables import LITHIUM_BANK, LITHIUM_MODULE, LITHIUM_STRING
from cellwarden_modbus.table import Row, Table

Reader = Callable[[int, int, int], Words | None]
"""Gives so many registers from an address of a unit, None if they cannot be had."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One line of a map."""

    map: str
    unit_id: int
    address: int
    """Protocol address from 0, as it goes over the wire."""
    registers: int
    name: str
    type: str
    scale: str
    """What one count is."""
    unit: str
    access: str
    value: Value = None


def no_values(unit: int, address: int, count: int) -> Words | None:
    """Read nothing: for a map without a running controller."""
    del unit, address, count
    return None


def entries(
    unit: int, pack_units: Sequence[int], cells: Sequence[int], read: Reader
) -> list[Entry]:
    """Return the lines of every map; `cells` are those of each pack."""
    found: list[Entry] = []
    for table in victron.TABLES:
        found += _table("victron", unit, table, read, access=_read_only)
    found += _table("cellwarden bank", unit, own.BANK, read)
    for pack_unit in pack_units:
        found += _table("cellwarden pack", pack_unit, own.PACK, read)
    layout = sunspec.Layout(cells=tuple(cells), nominal_v=0.0)
    return [*found, *_sunspec(unit, layout, read)]


def _read_only(_: Row[Any]) -> str:
    return "R"


def _own_access(row: Row[Any]) -> str:
    return "RW" if row.writes else "R"


def _table(
    name: str,
    unit: int,
    table: Table[Any],
    read: Reader,
    access: Callable[[Row[Any]], str] = _own_access,
) -> Iterator[Entry]:
    words = _all(read, unit, table.start, table.size)
    for row in table.rows:
        if not row.name:
            continue
        at = row.at - table.start
        yield Entry(
            map=name,
            unit_id=unit,
            address=row.at,
            registers=row.size,
            name=row.name,
            type=row.type,
            scale=_scale(row.per),
            unit=row.unit,
            access=access(row),
            value=None if words is None else row.decode(words[at : at + row.size]),
        )


def _scale(per: float) -> str:
    if per == 1:
        return "1"
    return f"{1 / per:g}" if abs(per) < 1 else f"{'-' if per < 0 else ''}1/{abs(per):g}"


def _sunspec(unit: int, layout: sunspec.Layout, read: Reader) -> Iterator[Entry]:
    address = sunspec.BASE + len(MARK)
    models: list[tuple[Model, int]] = [
        (model, len(layout.cells) if model is LITHIUM_BANK else 0) for model in sunspec.MODELS
    ]
    for cells in layout.cells:
        models += [(LITHIUM_STRING, 1), (LITHIUM_MODULE, cells)]
    for model, groups in models:
        size = model.length(groups) + 2
        words = _all(read, unit, address, size)
        head, told = ({}, ({},) * groups) if words is None else model.decode(words)
        yield from _points(f"sunspec {model.number}", unit, address, model.points, head, "")
        each = (size - model.length() - 2) // groups if groups else 0
        for group in range(groups):
            at = address + model.length() + 2 + group * each
            prefix = f"{model.repeats}[{group + 1}]."
            yield from _points(
                f"sunspec {model.number}", unit, at, model.repeated, told[group], prefix
            )
        address += size


def _points(
    name: str, unit: int, address: int, points: Sequence[Point], values: Values, prefix: str
) -> Iterator[Entry]:
    for point in points:
        yield Entry(
            map=name,
            unit_id=unit,
            address=address,
            registers=point.words,
            name=prefix + point.name,
            type=point.type,
            scale=f"10^{point.sf}" if point.sf else "1",
            unit=point.unit,
            # What the standard lets a client write and nothing here acts on is shown as it behaves.
            access="RW" if f"{name.split()[1]}.{point.name}" in WRITABLE else "R",
            value=values.get(point.name),
        )
        address += point.words


def _all(read: Reader, unit: int, address: int, count: int) -> Words | None:
    """Return any number of registers, read in parts of what one request can carry."""
    words: list[int] = []
    while len(words) < count:
        part = read(unit, address + len(words), min(125, count - len(words)))
        if part is None:
            return None
        words += part
    return tuple(words)


def cells_of(bank: Mapping[str, Any] | None) -> tuple[int, ...]:
    """Return the cells of each pack in a status document; the most of them for one that is lost."""
    packs = bank["packs"] if bank else ()
    told = [len(pack["reading"]["cell_voltages_v"]) if pack["reading"] else 0 for pack in packs]
    return tuple(count or max(told, default=0) for count in told)
