"""Recorded readings: CSV or JSON lines, `.gz` too, one row a moment.

Columns, in any order: `t_s`; `current_a`, + = charging; `mos_on` 0 or 1, both switches; cell
voltages `v01_mv`, `v02_mv` ...; temperatures `t1_c`, `t2_c` ...; `mos_c`; `soc_percent`, what the
BMS said. Any other column is not read, those of the truth least of all.
"""

import contextlib
import gzip
import json
import math
import re
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from cellwarden.errors import ConfigError
from cellwarden.model import Reading

_CELL = re.compile(r"v(\d\d)_mv")
_SENSOR = re.compile(r"t(\d{1,2})_c")
_PLAIN = ("t_s", "current_a", "mos_on", "mos_c", "soc_percent")
GZIP_MAGIC = b"\x1f\x8b"

Row = dict[str, float | None]


class Recording:
    """An opened recording; iterate to get its readings, in the file's order."""

    def __init__(self, path: Path, pack: str, start_soc_percent: float | None = None) -> None:
        self.path = path
        self._pack = pack
        self._start = start_soc_percent

    def __iter__(self) -> Iterator[Reading]:
        try:
            with _text(self.path) as lines:
                yield from self._readings(lines)
        except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise ConfigError(f"{self.path} cannot be read: {reason}") from error

    def _readings(self, lines: Iterator[str]) -> Iterator[Reading]:
        first = next(lines, "").strip()
        if not first:
            raise ConfigError(f"{self.path} is empty")
        if first.startswith("{"):
            rows = self._json_rows(first, lines)
        else:
            rows = self._csv_rows(first.split(","), lines)
        start = self._start
        cells: Sequence[str] = ()
        sensors: Sequence[str] = ()
        seen: object = None
        for row in rows:
            if row.keys() != seen:
                seen = row.keys()
                cells = sorted(name for name in row if _CELL.fullmatch(name))
                sensors = sorted(name for name in row if _SENSOR.fullmatch(name))
            yield _reading(self._pack, row, cells, sensors, start)
            start = None

    def _csv_rows(self, header: list[str], lines: Iterator[str]) -> Iterator[Row]:
        names = [name.strip() for name in header]
        if "t_s" not in names:
            raise ConfigError(f"{self.path}: there is no column t_s in its first line")
        wanted = [(n, name) for n, name in enumerate(names) if _known(name)]
        for number, line in enumerate(lines, 2):
            fields = line.rstrip("\r\n").split(",")
            if len(fields) != len(names):
                if not line.strip():
                    continue
                raise ConfigError(
                    f"{self.path}, line {number}: {len(fields)} fields, the first line has"
                    f" {len(names)}"
                )
            try:
                yield {name: float(fields[n]) if fields[n] else None for n, name in wanted}
            except ValueError as error:
                raise ConfigError(f"{self.path}, line {number}: {error}") from error

    def _json_rows(self, first: str, lines: Iterator[str]) -> Iterator[Row]:
        for number, line in enumerate(_chain(first, lines), 1):
            if not line.strip():
                continue
            try:
                document = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise ConfigError(f"{self.path}, line {number} is no JSON: {error}") from error
            if not isinstance(document, dict):
                raise ConfigError(f"{self.path}, line {number} is no JSON object")
            row: Row = {}
            for name, value in document.items():
                if not _known(name):
                    continue
                if value is not None and not isinstance(value, bool | int | float):
                    raise ConfigError(f"{self.path}, line {number}: {name} is no number")
                row[name] = None if value is None else float(value)
            if row.get("t_s") is None:
                raise ConfigError(f"{self.path}, line {number}: t_s is missing")
            yield row


def open_recording(path: Path, pack: str, start_soc_percent: float | None = None) -> Recording:
    """Return a recording; ConfigError if there is no such file.

    `start_soc_percent` is put into the first reading, as a BMS would tell it after a restart.
    """
    if not path.is_file():
        raise ConfigError(f"{path} is no file")
    return Recording(path, pack, start_soc_percent)


def _known(name: str) -> bool:
    return name in _PLAIN or bool(_CELL.fullmatch(name) or _SENSOR.fullmatch(name))


def _chain(first: str, lines: Iterator[str]) -> Iterator[str]:
    yield first
    yield from lines


def _reading(
    pack: str, row: Row, cells: Sequence[str], sensors: Sequence[str], start: float | None
) -> Reading:
    on = row.get("mos_on")
    switched = None if on is None else on != 0
    told = row.get("soc_percent")
    time_s = row["t_s"]
    return Reading(
        pack=pack,
        heard_s=math.nan if time_s is None else time_s,  # refused by the engine
        cell_voltages_v=tuple(_volts(row[name]) for name in cells),
        current_a=row.get("current_a"),
        temperatures_c=tuple(row[name] for name in sensors),
        mos_temperature_c=row.get("mos_c"),
        soc_percent=told if start is None else start,
        charge_fet_on=switched,
        discharge_fet_on=switched,
    )


def _volts(millivolts: float | None) -> float | None:
    return None if millivolts is None else millivolts / 1000


@contextlib.contextmanager
def _text(path: Path) -> Iterator[Iterator[str]]:
    """Open a file as lines of text, unpacked if it is gzip."""
    with path.open("rb") as raw:
        packed = raw.read(2) == GZIP_MAGIC
    if packed:
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            yield iter(lines)
    else:
        with path.open(encoding="utf-8") as lines:
            yield iter(lines)
