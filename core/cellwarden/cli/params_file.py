"""One readable TOML file for a pack's settings, to restore it or to clone it."""

import tomllib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cellwarden.config.values import toml
from cellwarden.errors import ConfigError
from cellwarden.model import SWITCHES

_FORMAT = 1


def write(document: Mapping[str, Any]) -> str:
    """Return the file for what `params show` gives."""
    when = datetime.fromtimestamp(document["at_s"], UTC)
    lines = [
        f"# Settings of the pack {document['pack']} on {when:%Y-%m-%d %H:%M} UTC.",
        "# Write them back, or to another pack: cellwarden params import PACK FILE --dry-run",
        f"format = {_FORMAT}",
        "",
        "[device]  # who it was; import does not look at it",
        *(
            f"{key} = {toml(value)}"
            for key, value in (document["identity"] or {}).items()
            if value is not None
        ),
        "",
        "[parameters]",
    ]
    rows = [row for row in document["settings"] if row["value"] is not None]
    switches = [row for row in rows if row["name"] in SWITCHES.values()]
    for row in rows:
        if row in switches:
            continue
        note = " ".join(part for part in (row["text"], row["unit"], row["register"]) if part)
        # What cannot be written is kept for the reader only.
        lines.append(f"{'' if row['writable'] else '# '}{row['name']} = {row['value']!r}  # {note}")
    lines += ["", "[switches]  # import leaves them as they are"]
    lines += [f"{row['name']} = {toml(row['value'])}" for row in switches]
    return "\n".join([*lines, ""])


def read(path: Path) -> dict[str, float]:
    """Return the parameters of a file; ConfigError, with every mistake, if it is none."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not TOML: {error}") from error
    found = data.get("format", _FORMAT)
    if found != _FORMAT:
        raise ConfigError(f"{path} has format {found!r}, this version reads {_FORMAT}")
    parameters = data.get("parameters")
    if not isinstance(parameters, dict) or not parameters:
        raise ConfigError(f"{path} has no table [parameters] with settings in it")
    problems = [
        f"{path}: {name} = {value!r} is no number"
        for name, value in parameters.items()
        if isinstance(value, bool) or not isinstance(value, int | float)
    ]
    problems += [
        f"{path}: nothing is known of [{table}]"
        for table in data
        if table not in ("format", "device", "parameters", "switches")
    ]
    if problems:
        raise ConfigError(problems)
    return {name: float(value) for name, value in parameters.items()}
