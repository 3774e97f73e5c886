"""What stands beside a recording: the JSON of the same name, as a data sheet would say it."""

import csv
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from cellwarden.errors import ConfigError
from cellwarden.model import CHEMISTRIES, Parameters, broken_rules, preset

CHEMISTRY_NAMES = {"lfp": "LiFePO4", "nmc": "Li-ion", "lto": "LTO"} | {
    name.lower(): name for name in CHEMISTRIES
}
"""What recordings call the chemistries, in lower case."""
SUFFIXES = (".gz", ".csv", ".jsonl", ".ndjson", ".json")

Curve = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A pack as its owner would describe it; nothing that only the truth knows."""

    chemistry: str
    """A name of `model.CHEMISTRIES`."""
    parameters: Parameters
    ocv_v: Curve | None = None
    """(SoC in %, V) of this very cell, if the sheet has it."""
    tail_current_a: float | None = None
    start_soc_percent: float | None = None
    """What a restarted BMS would say."""


def sheet_path(recording: Path) -> Path:
    """Return where the JSON of a recording lies: `pack.csv.gz` has `pack.json`."""
    name = recording.name
    for suffix in SUFFIXES:
        name = name.removesuffix(suffix) or name
    return recording.with_name(f"{name}.json")


def read_sheet(path: Path, base: Parameters | None = None, chemistry: str | None = None) -> Sheet:
    """Return the sheet in a file; ConfigError with every mistake.

    With `base` and `chemistry` (from a configuration file) those are used, and only the curve,
    the tail current and the start value are taken from the sheet.
    """
    try:
        document = json.loads(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{path} is no JSON: {error}") from error
    if not isinstance(document, dict):
        raise ConfigError(f"{path} must hold one JSON object")
    return _Sheet(path, document).read(base, chemistry)


class _Sheet:
    """Reads one document and collects what is wrong with it."""

    def __init__(self, path: Path, document: Mapping[str, Any]) -> None:
        self._path = path
        self._document = document
        self._problems: list[str] = []

    def read(self, base: Parameters | None, chemistry: str | None) -> Sheet:
        if base is None or chemistry is None:
            chemistry = self._chemistry()
            base = self._parameters(chemistry)
        sheet_ocv = self._ocv()
        tail_a = self._number("tail_current_a", 0.0, 1000.0, required=False)
        start = self._number("soc_hint_wrong", 0.0, 1.0, required=False)
        if self._problems or base is None or chemistry is None:
            raise ConfigError(self._problems)
        return Sheet(
            chemistry=chemistry,
            parameters=base,
            ocv_v=sheet_ocv,
            tail_current_a=tail_a,
            start_soc_percent=None if start is None else 100 * start,
        )

    def _wrong(self, key: str, why: str) -> None:
        self._problems.append(f"{self._path}: {key} {why}")

    def _number(self, key: str, low: float, high: float, *, required: bool = True) -> float | None:
        value = self._document.get(key)
        if value is None and not required:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            self._wrong(key, f"= {value!r} is no number")
            return None
        if not low <= value <= high:
            self._wrong(key, f"= {value:g} is outside {low:g}..{high:g}")
            return None
        return float(value)

    def _chemistry(self) -> str | None:
        name = self._document.get("chemistry")
        found = CHEMISTRY_NAMES.get(name.lower()) if isinstance(name, str) else None
        if found is None:
            self._wrong("chemistry", f"= {name!r} is none of LFP, NMC, LTO")
        return found

    def _parameters(self, chemistry: str | None) -> Parameters | None:
        cells = self._number("n_cells", 2, 32)
        nominal_ah = self._number("nominal_ah", 5, 2000)
        charge_v = self._number("v_charge_limit", 1.2, 4.35, required=False)
        if chemistry is None or cells is None or nominal_ah is None:
            return None
        overrides = {} if charge_v is None else _around(charge_v, chemistry)
        parameters = preset(
            chemistry, cell_count=int(cells), design_capacity_ah=nominal_ah, overrides=overrides
        )
        for line in broken_rules(parameters):
            self._problems.append(f"{self._path}: {line}")
        return parameters

    def _ocv(self) -> Curve | None:
        """Return the curve in the sheet or in the file it names; None if it has neither."""
        table = self._document.get("ocv_table")
        if isinstance(table, str):
            return self._ocv_file(self._path.with_name(table))
        if table is not None:
            return self._table(table, "ocv_table")
        named = self._document.get("parameter_set")
        beside = self._path.with_name(f"ocv_{named}.csv") if isinstance(named, str) else None
        return self._ocv_file(beside) if beside is not None and beside.exists() else None

    def _ocv_file(self, path: Path) -> Curve | None:
        try:
            with path.open(newline="", encoding="utf-8") as file:
                rows = list(csv.reader(file))[1:]
            columns = [[float(row[0]) for row in rows], [float(row[1]) for row in rows]]
        except OSError as error:
            self._wrong("ocv_table", f"names {path.name}, which cannot be read: {error.strerror}")
            return None
        except (ValueError, IndexError):
            self._wrong("ocv_table", f"names {path.name}, which has no two columns of numbers")
            return None
        return self._table(columns, path.name)

    def _table(self, table: object, name: str) -> Curve | None:
        match table:
            case [list(socs), list(volts)] if len(socs) == len(volts) >= 2 and all(
                isinstance(x, int | float) and math.isfinite(x) for x in [*socs, *volts]
            ):
                rising = all(a < b for a, b in pairwise(socs))
                if rising and min(socs) >= 0 and max(socs) <= 1 and min(volts) > 0:
                    return tuple(
                        (100.0 * float(s), float(v)) for s, v in zip(socs, volts, strict=True)
                    )
        self._wrong(name, "must be [[SoC rising from 0 to 1], [V]], two lists of the same length")
        return None


def _around(charge_v: float, chemistry: str) -> dict[str, float]:
    """Return the charge voltage and an over-voltage protection that lies above it."""
    trip_v = preset(chemistry, cell_count=16, design_capacity_ah=100).cell_overvoltage_v
    return {
        "charge_voltage_v": charge_v,
        "cell_overvoltage_v": min(max(trip_v, charge_v + 0.05), 4.35),
    }
