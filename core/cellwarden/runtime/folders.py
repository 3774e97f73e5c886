"""Where state and sockets live when the configuration does not say."""

import os
import stat
from pathlib import Path

from cellwarden.errors import ConfigError

VENUS_DATA = Path("/data")
VENUS_MARK = Path("/opt/victronenergy")


def state_dir(configured: str | None) -> Path:
    """Return the folder for what must survive: `/data` on Venus OS, else by user."""
    if configured:
        return Path(configured).expanduser()
    if VENUS_MARK.is_dir() and VENUS_DATA.is_dir():
        return VENUS_DATA / "cellwarden"
    if os.geteuid() == 0:
        return Path("/var/lib/cellwarden")
    home = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(home).expanduser() / "cellwarden"


def runtime_dir(configured: str | None) -> Path:
    """Return the folder for the status socket and the volatile state, in memory if there is one."""
    if configured:
        return Path(configured).expanduser()
    if os.geteuid() == 0:
        return Path("/run/cellwarden")
    if session := os.environ.get("XDG_RUNTIME_DIR"):
        return Path(session) / "cellwarden"
    return state_dir(None) / "run"


def private(folder: Path) -> Path:
    """Make a folder that only its user can enter, or raise a ConfigError that says why not."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        status = folder.stat()
        if status.st_uid == os.geteuid() and stat.S_IMODE(status.st_mode) & 0o077:
            folder.chmod(0o700)
    except OSError as error:
        raise ConfigError(
            f"cannot use the folder {folder} ({error.strerror}): set controller.state_dir and"
            " controller.runtime_dir to folders this user may write to"
        ) from error
    if status.st_uid != os.geteuid():
        raise ConfigError(
            f"the folder {folder} belongs to another user: set controller.runtime_dir and"
            " controller.state_dir to folders of this one"
        )
    return folder
