"""Secrets by reference: a file or an environment variable that the configuration names.

They are read when they are needed and kept nowhere. No message here contains one.
"""

import os
from pathlib import Path

from cellwarden.errors import ConfigError


def one_reference(key: str, file: str | None, env: str | None) -> None:
    """Refuse two references for one secret; for a dataclass's `__post_init__`."""
    if file is not None and env is not None:
        raise ConfigError(f"{key}_file and {key}_env: give one of them, not both")


def read_secret(key: str, file: str | None, env: str | None) -> str | None:
    """Return the secret that the keys `<key>_file` and `<key>_env` point to, None for neither.

    ConfigError if it cannot be read.
    """
    if env is not None:
        try:
            return os.environ[env]
        except KeyError:
            raise ConfigError(
                f"{key}_env: the environment has no variable {env!r}; set it for the process that"
                " runs cellwarden"
            ) from None
    if file is None:
        return None
    try:
        text = Path(file).expanduser().read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ConfigError(f"{key}_file: {file!r} cannot be read ({reason})") from error
    first_line = text.partition("\n")[0].rstrip("\r")
    if not first_line:
        raise ConfigError(f"{key}_file: the first line of {file!r} is empty")
    return first_line
