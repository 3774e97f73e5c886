"""Writing the configuration file: a new one, or tables added to one that is there.

Whole or not at all: what is half written never has the file's name.
"""

import os
import tempfile
import tomllib
from collections.abc import Mapping
from pathlib import Path

from cellwarden.config.reader import parse, read_text
from cellwarden.config.values import toml
from cellwarden.errors import ConfigError
from cellwarden.host import Host

MODE = 0o644
"""Of a new file; it holds no secrets, and the service that reads it may be another user."""


def block(heading: str, keys: Mapping[str, object], comments: Mapping[str, str]) -> str:
    """Return a table of the file; a comment stands behind its key."""
    lines = [heading]
    for key, value in keys.items():
        line = f"{key} = {toml(value)}"
        lines.append(f"{line}  # {comments[key]}" if key in comments else line)
    return "\n".join(lines) + "\n"


def write_new(path: Path, text: str) -> None:
    """Write a file that does not exist yet."""
    if os.path.lexists(path):
        raise ConfigError(f"{path} exists and is left as it is: name another, or move it away")
    _write(path, text.encode(), MODE, None)


def add(path: Path, text: str, host: Host) -> None:
    """Add tables at the end of a file, which keeps all it has; a new one if there is none.

    ConfigError, and the file left as it is, where it is broken or would not be good with them.
    """
    if not os.path.lexists(path):
        parse(text, host, str(path))
        write_new(path, text)
        return
    file = path.resolve()  # what a link leads to, not the link
    before = read_text(file)
    _refuse_broken(path, before)
    end = "\r\n" if "\r\n" in before else "\n"
    gap = "" if not before.strip() else end if before.endswith("\n") else end * 2
    more = gap + text.replace("\n", end)
    try:
        parse(before + more, host, str(path))
    except ConfigError as error:
        raise ConfigError(
            [*error.problems, f"{path} is left as it is: correct it, then try again"]
        ) from error
    content = file.read_bytes()  # with the byte order mark that some editors begin a file with
    status = file.stat()
    _write(file, content + more.encode(), status.st_mode & 0o7777, (status.st_uid, status.st_gid))


def _refuse_broken(path: Path, text: str) -> None:
    try:
        tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        raise ConfigError(
            f"{path} is no good TOML and is left as it is ({error}): correct it first"
        ) from error


def _write(path: Path, content: bytes, mode: int, owner: tuple[int, int] | None) -> None:
    temporary = ""
    try:
        with tempfile.NamedTemporaryFile(
            "wb", dir=path.parent, prefix=f".{path.name}.", delete=False
        ) as file:
            temporary = file.name
            file.write(content)
            file.flush()
            os.fchmod(file.fileno(), mode)
            if owner is not None and owner != (os.geteuid(), os.getegid()):
                os.fchown(file.fileno(), *owner)
            os.fsync(file.fileno())
        Path(temporary).rename(path)
    except OSError as error:
        if temporary:
            Path(temporary).unlink(missing_ok=True)
        raise ConfigError(f"{path} cannot be written: {error.strerror}") from error
