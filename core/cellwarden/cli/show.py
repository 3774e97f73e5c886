"""How commands print: JSON for programs, aligned lines for people."""

import argparse
import json
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add the option that every command that prints data has."""
    parser.add_argument("--json", action="store_true", help="print JSON, for programs")


def print_json(document: object, *, indent: int | None = None) -> None:
    """Print a document on one line, or indented for a file that people read too."""
    print(json.dumps(document, indent=indent, default=_plain))


def _plain(value: object) -> object:
    if isinstance(value, Enum):
        return value.value
    raise TypeError(f"{value!r} has no JSON form")


def print_rows(rows: Sequence[Sequence[str]]) -> None:
    """Print rows in aligned columns, two spaces apart."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print(
            "  ".join(f"{text:{width}}" for text, width in zip(row, widths, strict=True)).rstrip()
        )


def print_fields(document: Mapping[str, object]) -> None:
    """Print one `name  value` line for each field."""
    print_rows([(name, value_text(value)) for name, value in document.items()])


def value_text(value: object) -> str:
    """Return a JSON value as people read it: lists with commas, absent values as `-`."""
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case list() | tuple():
            return ", ".join(value_text(item) for item in value) or "none"
        case dict():
            return ", ".join(_pairs(value)) or "none"
    return str(value)


def _pairs(document: Mapping[object, object]) -> Iterator[str]:
    for name, value in document.items():
        yield f"{name} {value_text(value)}"
