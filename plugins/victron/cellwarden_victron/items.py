"""From a decision to published values, and from values to text. Pure: no bus, no clock."""

from collections.abc import Callable, Container, Mapping, Sequence
from math import isfinite

from cellwarden.model import BankState
from cellwarden_victron.paths import FIXED, Shape, moving_rows, own_rows
from cellwarden_victron.rows import About, Own, Path
from cellwarden_victron.sources import Value

INVALID_SIGNATURE = "ai"
"""The D-Bus type of the invalid marker; its value is the empty array."""
INVALID_TEXT = "---"

HOLD = 0.7
"""A measured value is told anew when it is further than this part of its last digit from what was
told. With 0.5, plain rounding, one that lies between two digits would flap with its noise."""


BY_ALARMS = -1.0
"""The group of rows that change only with the alarms and with the packs that answer."""

_Row = Path[About] | Path[BankState] | Path[Own]


class Items:
    """Everything that a service of one shape publishes, ready to be read.

    Rows are read in groups, one for each `every_s`, so that a cycle looks only at what may be told.
    """

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        moving, own = moving_rows(shape), own_rows(shape)
        self.rows: dict[str, _Row] = {
            row.path: row for rows in (FIXED, moving, own) for row in rows
        }
        groups: dict[float, list[Path[BankState]]] = {}
        for row in moving:
            groups.setdefault(BY_ALARMS if row.by_alarms else row.every_s, []).append(row)
        self._groups = {key: _Group(rows) for key, rows in groups.items()}
        self._own = [(r.path, r.read, r.digits if r.kind == "d" else None) for r in own]
        self._formats = {path: _format(row) for path, row in self.rows.items()}

    def fixed(self, about: About) -> dict[str, Value]:
        """Return what changes only by a person's hand."""
        values = {row.path: row.read(about) for row in FIXED}
        return {path: _clean(v) if isinstance(v, str) else v for path, v in values.items()}

    def moving(
        self,
        state: BankState,
        own: Own,
        published: Mapping[str, Value] | None = None,
        *,
        without: Container[float] = (),
    ) -> dict[str, Value]:
        """Return what this decision publishes, rounded; the groups `without` are left out.

        A measured value that lies near what is published stays what it is.
        """
        values: dict[str, Value] = {}
        before = {} if published is None else published
        for key, group in self._groups.items():
            if key not in without:
                group.read(state, before, values)
        for path, read, digits in self._own:
            value = read(own)
            if digits is not None and isinstance(value, (float, int)):
                value = round(value, digits) + 0.0
            values[path] = value
        return values

    def text_of(self, path: str, value: Value) -> str:
        """Return a value as a person reads it: `53.10V`; the invalid marker is `---`."""
        return INVALID_TEXT if value is None else str(self._formats[path](value))

    def signature_of(self, path: str, value: Value) -> str:
        """Return the D-Bus type under which a value is sent."""
        return INVALID_SIGNATURE if value is None else self.rows[path].kind


class _Group:
    """Rows that are read together, sorted by what has to be done with a value."""

    def __init__(self, rows: Sequence[Path[BankState]]) -> None:
        self._doubles = [
            (r.path, r.read, r.digits, 0.0 if r.urgent else HOLD * 10.0**-r.digits)
            for r in rows
            if r.kind == "d"
        ]
        self._integers = [(r.path, r.read) for r in rows if r.kind == "i"]
        self._strings = [(r.path, r.read) for r in rows if r.kind == "s"]

    def read(self, state: BankState, before: Mapping[str, Value], values: dict[str, Value]) -> None:
        """Put the group's values into `values`."""
        for path, read, digits, hold in self._doubles:
            value = read(state)
            if not isinstance(value, (float, int)) or not isfinite(value):
                values[path] = None
                continue
            last = before.get(path)
            if isinstance(last, float) and abs(value - last) <= hold:
                values[path] = last
            else:
                # + 0.0 makes an integer a double and a negative zero a zero.
                values[path] = round(value, digits) + 0.0
        for path, read in self._integers:
            values[path] = read(state)
        for path, read in self._strings:
            text = read(state)
            values[path] = _clean(text) if isinstance(text, str) else None


def _format(row: _Row) -> Callable[[Value], str]:
    number = f"{{:.{row.digits}f}}" if row.kind == "d" else "{}"
    return (number + row.unit).format


def changes(published: Mapping[str, Value], values: Mapping[str, Value]) -> dict[str, Value]:
    """Return the values that differ from what is published."""
    return {path: value for path, value in values.items() if published.get(path) != value}


def _clean(text: str) -> str:
    """Drop what D-Bus cannot carry: a BMS may have put anything into its serial number.

    The daemon cuts the connection of whoever sends a NUL or broken Unicode.
    """
    if text.isprintable():
        return text
    return "".join(c for c in text if c.isprintable())
