"""The configuration file: found, read once, and checked wholly before anything is opened.

`load()` and `parse()` give `Settings` or raise one ConfigError with every mistake in the file.
"""

import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cellwarden.config.cells import read_profiles
from cellwarden.config.keys import (
    BANK_KEYS,
    CONTROLLER_HINTS,
    CONTROLLER_KEYS,
    OUTPUT_KEYS,
)
from cellwarden.config.kinds import Kinds
from cellwarden.config.packs import read_packs
from cellwarden.config.relays import read_relays
from cellwarden.config.settings import (
    BankOptions,
    ControllerOptions,
    OutputOptions,
    OutputSettings,
    Settings,
)
from cellwarden.config.tables import (
    Place,
    Problems,
    build,
    read_table,
    refuse_unknown,
    table_at,
    tables_at,
)
from cellwarden.config.values import number_text, show
from cellwarden.errors import ConfigError
from cellwarden.hooks import OutputKind
from cellwarden.host import Host

VARIABLE = "CELLWARDEN_CONFIG"
FILE_NAME = "cellwarden.toml"
VENUS_FOLDER = Path("/data/conf")
"""What Venus OS keeps over its updates; /etc is replaced by each."""
SYSTEM_FOLDER = Path("/etc")
LARGEST_FILE = 1_000_000
"""Bytes; whatever is larger is no configuration."""

_TABLES = ("controller", "bank", "pack", "cell_profile", "relay", "output")
_TOML_PLACE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")


def default_path() -> Path:
    """Return the file that is read when the command line names none.

    The first of: the environment's CELLWARDEN_CONFIG; cellwarden.toml in the current folder, if it
    is there; on Venus OS, /data/conf/cellwarden.toml; /etc/cellwarden.toml.
    """
    named = os.environ.get(VARIABLE)
    if named:
        return Path(named)
    here = Path(FILE_NAME)
    if here.exists():
        return here
    return (VENUS_FOLDER if VENUS_FOLDER.is_dir() else SYSTEM_FOLDER) / FILE_NAME


def load(path: str | Path, host: Host) -> Settings:
    """Return the settings in a file; ConfigError for a file that cannot be read or used."""
    return parse(read_text(Path(path)), host, str(path))


def parse(text: str, host: Host, source: str = "") -> Settings:
    """Return the settings in the text of a file; `source` names it in messages."""
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(_syntax(error, text, source)) from error
    except (RecursionError, ValueError) as error:
        problem = "cannot be read: nested too deep, or a number has thousands of digits"
        raise ConfigError(_in(source, problem)) from error
    return check(data, host, source)


def check(data: Mapping[str, Any], host: Host, source: str = "") -> Settings:
    """Return the settings in the data of a TOML file."""
    problems = Problems()
    refuse_unknown(data, _TABLES, Place(problems, ""), CONTROLLER_HINTS)
    controller = _read_controller(data, problems)
    profiles = read_profiles(data, problems)
    bank = _read_bank(data, problems)
    relays = read_relays(data, Kinds("relay", host.relays(), host), problems)
    packs = read_packs(
        data,
        Kinds("driver", host.drivers(), host),
        profiles,
        relays,
        problems,
        series=bank is not None and bank.shape == "series",
    )
    outputs = _read_outputs(data, Kinds("output", host.outputs(), host), problems)
    if problems.lines or controller is None or bank is None:
        raise ConfigError(tuple(problems.lines))
    return Settings(
        controller=controller, packs=packs, bank=bank, outputs=outputs, source=source, raw=data
    )


def _read_bank(data: Mapping[str, Any], problems: Problems) -> BankOptions | None:
    place = Place(problems, "bank")
    table = table_at(data, "bank", place)
    values = read_table(table, BANK_KEYS, place, elsewhere=CONTROLLER_HINTS)
    return build(BankOptions, BANK_KEYS, values, table, place)


def _read_controller(data: Mapping[str, Any], problems: Problems) -> ControllerOptions | None:
    place = Place(problems, "controller")
    table = table_at(data, "controller", place)
    values = read_table(table, CONTROLLER_KEYS, place, elsewhere=CONTROLLER_HINTS)
    options = build(ControllerOptions, CONTROLLER_KEYS, values, table, place)
    if options is not None:
        _check_times(options, place)
    return options


def _check_times(options: ControllerOptions, place: Place) -> None:
    """Note times that would call a healthy pack silent, or a silent one gone before it is lost."""
    max_age_s, poll_s = options.effective_max_age_s, options.poll_interval_s
    if max_age_s < 2 * poll_s:
        place.wrong(
            f"{number_text(max_age_s)} s is less than two polls (poll_interval_s ="
            f" {number_text(poll_s)}): one late answer would take the pack out; give it"
            f" {number_text(2 * poll_s)} s or more",
            "max_age_s",
        )
    if options.gone_after_s <= max_age_s:
        place.wrong(
            f"{number_text(options.gone_after_s)} s must be more than max_age_s ="
            f" {number_text(max_age_s)} s, after which a pack is lost",
            "gone_after_s",
        )


def _read_outputs(
    data: Mapping[str, Any], kinds: Kinds[OutputKind], problems: Problems
) -> tuple[OutputSettings, ...]:
    """Return the outputs that are good and enabled; every mistake is noted, also of the others."""
    outputs: list[OutputSettings] = []
    names: dict[str, int] = {}
    for number, table in tables_at(data, "output", problems):
        name = table.get("name", table.get("plugin"))
        named = isinstance(name, str) and 0 < len(name) <= 32 and name.isprintable()
        place = Place(problems, f"output[{number}]", str(name) if named else "")
        output = _read_output(table, kinds, place)
        if named and names.setdefault(str(name), number) != number:
            place.wrong(f"output[{names[str(name)]}] has the same name: give each its own", "name")
        if output is not None:
            outputs.append(output)
    return tuple(outputs)


def _read_output(
    table: Mapping[str, Any], kinds: Kinds[OutputKind], place: Place
) -> OutputSettings | None:
    found = kinds.read(table, "plugin", OutputOptions, OUTPUT_KEYS, place, CONTROLLER_HINTS)
    if found is None:
        return None
    kind, common, options = found
    if not common.enabled:
        return None
    return OutputSettings(
        name=common.name or kind.name, output=kind, options=options, may_ask=common.may_ask
    )


def read_text(path: Path) -> str:
    """Return the text of a file; ConfigError for one that cannot be read."""
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_FILE + 1)
    except FileNotFoundError as error:
        raise ConfigError(
            f"there is no configuration file {path}: write one with `cellwarden config init {path}`"
        ) from error
    except IsADirectoryError as error:
        raise ConfigError(
            f"{path} is a folder: name the file in it, such as {path / FILE_NAME}"
        ) from error
    except PermissionError as error:
        raise ConfigError(
            f"{path} may not be read by this user: change its permissions, or run as its owner"
        ) from error
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    if len(content) > LARGEST_FILE:
        raise ConfigError(f"{path} is larger than {LARGEST_FILE} bytes: that is no configuration")
    try:
        return content.decode("utf-8-sig")  # some editors begin a file with a byte order mark
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}, line {line}: not UTF-8 text; save the file as UTF-8") from error


def _syntax(error: tomllib.TOMLDecodeError, text: str, source: str) -> str:
    """Return the parser's complaint with its place first and the line that it is about last."""
    lines = text.replace("\r\n", "\n").split("\n")
    line, column = len(lines), len(lines[-1]) + 1
    complaint = str(error)
    if found := _TOML_PLACE.search(complaint):
        complaint = complaint[: found.start()]
        if found[1]:
            line, column = int(found[1]), int(found[2])
    about = show(lines[line - 1].strip())
    return _in(source, f"line {line}, column {column}: {complaint}: {about}")


def _in(source: str, text: str) -> str:
    return f"{source}: {text}" if source else text
