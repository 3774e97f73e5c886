"""One table of the file: its unknown, missing and wrong keys, all collected."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from cellwarden.config.keys import Key
from cellwarden.config.values import BadValue, did_you_mean, read_value, show, wanted
from cellwarden.errors import ConfigError

T = TypeVar("T")

BARE_KEY = re.compile(r"[A-Za-z0-9_-]{1,40}")


@dataclass(slots=True)
class Problems:
    """The mistakes found so far, in the order of the file."""

    lines: dict[str, None] = field(default_factory=dict)
    """Each sentence once."""

    def add(self, line: str) -> None:
        """Note a mistake."""
        self.lines[line] = None


@dataclass(frozen=True, slots=True)
class Place:
    """A table: where it stands, and what its owner calls it."""

    problems: Problems
    path: str
    """`controller`, `pack[2]`."""
    name: str = ""

    def wrong(self, text: str, key: str = "") -> None:
        """Note a mistake of this table, or of one of its keys."""
        path = ".".join(part for part in (self.path, key) if part)
        label = f' ("{self.name}")' if self.name else ""
        self.problems.add(f"{path}{label}: {text}")

    def below(self, key: str) -> "Place":
        """Return the place of a table inside this one."""
        return Place(self.problems, f"{self.path}.{key}", self.name)


def key_text(name: str) -> str:
    """Return a key as it would be written: in quotes where it must be."""
    return name if BARE_KEY.fullmatch(name) else show(name)


def read_table(
    table: Mapping[str, Any],
    keys: Sequence[Key],
    place: Place,
    *,
    also: Collection[str] = (),
    elsewhere: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Return the good values by key; every mistake is noted.

    `also` are keys that somebody else reads. `elsewhere` says for keys that people put in the
    wrong table where they belong.
    """
    refuse_unknown(table, {*(key.name for key in keys), *also}, place, elsewhere or {})
    return read_known(table, keys, place)


def read_known(table: Mapping[str, Any], keys: Sequence[Key], place: Place) -> dict[str, Any]:
    """Return the good values of these keys, whatever else the table holds."""
    values = {}
    for key in keys:
        if key.name in table:
            try:
                values[key.name] = read_value(key, table[key.name])
            except BadValue as error:
                place.wrong(str(error), key.name)
        elif key.required:
            meaning = f": {key.option.help}" if key.option.help else ""
            place.wrong(f"missing{meaning} ({wanted(key)})", key.name)
    return values


def refuse_unknown(
    table: Mapping[str, Any], known: Collection[str], place: Place, elsewhere: Mapping[str, str]
) -> None:
    """Note every key that is not known here."""
    for name in table:
        if name in known:
            continue
        if name in elsewhere:
            hint = f"; {elsewhere[name]}"
        else:
            hint = did_you_mean(name, known) or f"; known here: {', '.join(sorted(known))}"
        place.wrong(f"unknown key{hint}", key_text(name))


def build(
    options: type[T],
    keys: Sequence[Key],
    values: Mapping[str, Any],
    table: Mapping[str, Any],
    place: Place,
) -> T | None:
    """Return the dataclass made of the good values, or None if one of its keys was not good.

    Rules between keys stand in its `__post_init__`, which raises ValueError or ConfigError.
    """
    if not all(key.name in values for key in keys if key.required or key.name in table):
        return None
    try:
        return options(**{key.name: values[key.name] for key in keys if key.name in values})
    except ValueError as error:
        place.wrong(str(error))
    except ConfigError as error:
        for line in error.problems:
            place.wrong(line)
    return None


def table_at(data: Mapping[str, Any], name: str, place: Place) -> Mapping[str, Any]:
    """Return the table `[name]`, empty if it is left out or is none."""
    found = data.get(name, {})
    if isinstance(found, dict):
        return found
    heading = re.sub(r"\[\d+\]", "", place.path)
    place.wrong(f"must be one table: write [{heading}] once, in single brackets")
    return {}


def tables_at(
    data: Mapping[str, Any], name: str, problems: Problems
) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Yield number (from 1) and content of each `[[name]]`."""
    found = data.get(name, [])
    place = Place(problems, name)
    if isinstance(found, dict):
        place.wrong(f"write [[{name}]] in double brackets: there may be several")
        found = [found]  # what it holds is checked all the same
    elif not isinstance(found, list):
        place.wrong(f"must be a table: write [[{name}]] in double brackets, its keys below")
        return
    for number, table in enumerate(found, start=1):
        if isinstance(table, dict):
            yield number, table
        else:
            Place(problems, f"{name}[{number}]").wrong(
                f"must be a table: write [[{name}]] in double brackets, its keys below"
            )
