"""A file tree that looks like a GX device, and the archive for it."""

import contextlib
import os
import stat
import subprocess
import sys
from functools import cache
from pathlib import Path

from support.tools import REPOSITORY, missing, require_tool

DAEMONTOOLS = ("svc", "svok", "svstat", "multilog", "softlimit")

RC_LOCAL = "#!/bin/sh\n\nsh /data/other/start.sh\nexit 0\n"


@cache
def archive() -> Path:
    """Return the archive for a GX, built now; its wheels are fetched once and kept."""
    builder = REPOSITORY / "plugins" / "victron" / "venus" / "build.py"
    out = REPOSITORY / "build" / "tested-venus"
    done = subprocess.run(
        [sys.executable, builder, "--out", out], check=False, capture_output=True, text=True
    )
    if done.returncode:
        missing(f"the archive for a GX, or a wheel for it ({done.stderr.strip()[-300:]})")
    (path,) = out.glob("*.tar.gz")
    return path


@cache
def venus_python() -> str:
    """Return a Python 3.12, as Venus OS has it, where there is one; else that of the tests."""
    pyenv = sorted(Path("~/.pyenv/versions").expanduser().glob("3.12.*/bin/python3.12"))
    for python in ("python3.12", *map(str, pyenv)):
        command = [python, "-c", "import sqlite3, sys; print(sys.executable)"]
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            return subprocess.check_output(
                command, stderr=subprocess.DEVNULL, text=True, timeout=20
            ).strip()
    return os.path.realpath(sys.executable)


class Gx:
    """The tree, with the device's tools: real daemontools, and scripts that note their calls."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._calls = root.with_name("calls.txt")
        for folder in (
            "data/conf", "service", "opt/victronenergy/serial-starter", "opt/victronenergy/service",
            "usr/bin", "var/log", "run", "dev",
        ):  # fmt: skip
            (root / folder).mkdir(parents=True)
        rc_local = root / "data/rc.local"
        rc_local.write_text(RC_LOCAL)
        rc_local.chmod(0o644)
        # Nothing but Python's own library: -S leaves out what is installed on this machine.
        self._script("usr/bin/python3", f'exec "{venus_python()}" -S "$@"')
        self._script("usr/bin/udevadm", f'echo "udevadm $*" >> "{self._calls}"')
        self._script(
            "opt/victronenergy/serial-starter/stop-tty.sh", f'echo "stop-tty $*" >> "{self._calls}"'
        )

    def _script(self, path: str, line: str) -> None:
        (self.root / path).write_text(f"#!/bin/sh\n{line}\n")
        (self.root / path).chmod(0o755)

    def with_daemontools(self) -> "Gx":
        for name in DAEMONTOOLS:
            (self.root / "usr/bin" / name).symlink_to(require_tool(name, "daemontools"))
        return self

    def path(self, path: str) -> Path:
        return self.root / path

    def calls(self) -> list[str]:
        """Return what the device's tools were told since the last time."""
        if not self._calls.exists():
            return []
        lines = self._calls.read_text().splitlines()
        self._calls.unlink()
        return lines

    def environment(self) -> dict[str, str]:
        """Return that of the device: its tools, and busybox for the rest."""
        applets = self.root.with_name("applets")
        if not applets.exists():
            applets.mkdir()
            busybox = require_tool("busybox", "busybox")
            for name in ("cat", "chmod", "date", "dirname", "mkdir", "mv", "rm", "sed", "sh",
                         "sleep", "tar", "gzip"):  # fmt: skip
                (applets / name).symlink_to(busybox)
        return {"PATH": f"{self.root}/usr/bin:{applets}", "HOME": str(self.root)}

    def sh(self, *words: str | Path) -> subprocess.CompletedProcess[str]:
        """Run a script of the device with busybox' shell."""
        return subprocess.run(
            [require_tool("busybox", "busybox"), "sh", *map(str, words)],
            env=self.environment(), capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip

    def unpack(self) -> None:
        done = subprocess.run(
            [require_tool("busybox", "busybox"), "tar", "xzf", archive(), "-C", self.path("data")],
            check=True,
        )
        assert done.returncode == 0

    def everything(self) -> dict[str, tuple[int, str]]:
        """Return every file and folder with its mode and what is in it."""
        found = {}
        for path in sorted(self.root.rglob("*")):
            if path.is_symlink():
                content = f"link to {path.readlink()}"
            else:
                content = path.read_text() if path.is_file() else "folder"
            found[str(path.relative_to(self.root))] = (stat.S_IMODE(path.lstat().st_mode), content)
        return found
