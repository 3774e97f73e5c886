"""What a part decided once, kept in JSON beside its test: `make decisions` writes it anew."""

import json
import os
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import Path

import pytest

WRITE = "CELLWARDEN_WRITE_DECISIONS"
WIDTH = 160
"""Characters of a line of what is kept."""


def check(file: Path, name: str, found: object, digits: int = 7) -> None:
    """Compare with what is kept under this name; numbers to so many digits."""
    told = shortened(found, digits)
    if os.environ.get(WRITE):
        kept = json.loads(file.read_text()) if file.exists() else {}
        file.write_text("\n".join(lines(kept | {name: told})) + "\n")
    kept = json.loads(file.read_text())[name]
    changed = list(differences(told, kept, 2 * 10.0 ** (1 - digits)))
    assert not changed, "\n".join(
        [f"{len(changed)} numbers moved; `make decisions` keeps them:", *changed[:40]]
    )


def lines(value: object, before: str = "", comma: str = "") -> Iterator[str]:
    """Yield a value as JSON, as much as fits on each line, so that a change can be read."""
    whole = f"{before}{json.dumps(value, sort_keys=True, ensure_ascii=False)}{comma}"
    if len(whole) <= WIDTH or not isinstance(value, dict | list):
        yield whole
        return
    is_object = isinstance(value, dict)
    yield before + ("{" if is_object else "[")
    line = ""
    for n, key in enumerate(sorted(value) if is_object else range(len(value)), 1):
        name = f"{json.dumps(key, ensure_ascii=False)}: " if is_object else ""
        part = list(lines(value[key], name, "," if n < len(value) else ""))
        if line and (len(part) > 1 or len(line) + len(part[0]) >= WIDTH):
            yield line
            line = ""
        if len(part) > 1:
            yield from part
        else:
            line = f"{line} {part[0]}".strip()
    if line:
        yield line
    yield ("}" if is_object else "]") + comma


def shortened(value: object, digits: int) -> object:
    """Return a value as JSON has it: tuples, named or not, and dataclasses as lists."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, float):
        return float(f"{value:.{digits}g}")
    if isinstance(value, dict):
        return {str(k): shortened(v, digits) for k, v in value.items()}
    if is_dataclass(value):
        value = [getattr(value, field.name) for field in fields(value)]
    if isinstance(value, list | tuple | frozenset):
        return [shortened(v, digits) for v in value]
    return value


def differences(found: object, kept: object, part: float, path: str = "") -> Iterator[str]:
    """Yield where two such values differ, numbers by more than a part of themselves."""
    if isinstance(found, dict) and isinstance(kept, dict):
        for key in sorted({*found, *kept}):
            yield from differences(found.get(key), kept.get(key), part, f"{path}/{key}")
    elif isinstance(found, list) and isinstance(kept, list) and len(found) == len(kept):
        for n, (a, b) in enumerate(zip(found, kept, strict=True)):
            yield from differences(a, b, part, f"{path}/{n}")
    elif isinstance(found, float) and isinstance(kept, float | int):
        if found != pytest.approx(kept, rel=part, abs=1e-12):
            yield f"{path}: {found!r}, was {kept!r}"
    elif found != kept:
        yield f"{path}: {found!r}, was {kept!r}"
