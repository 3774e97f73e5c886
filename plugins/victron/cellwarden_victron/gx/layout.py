"""Where everything lies on a GX device, and the device's own tools."""

import logging
import subprocess
from dataclasses import dataclass
from pathlib import Path

from cellwarden.errors import ConfigError

LOG = logging.getLogger(__name__)

TOOL_FOLDERS = (
    "usr/bin",
    "bin",
    "usr/sbin",
    "sbin",
    "opt/victronenergy/serial-starter",
)
TOOL_S = 20.0
"""How long a tool of the device may take."""


@dataclass(frozen=True, slots=True)
class Layout:
    """A GX device whose file tree begins at `root`; `/` on the device itself."""

    root: Path

    @property
    def app(self) -> Path:
        """The program; survives firmware updates as all of /data does."""
        return self.root / "data/apps/cellwarden"

    @property
    def config(self) -> Path:
        """The configuration."""
        return self.root / "data/conf/cellwarden.toml"

    @property
    def state(self) -> Path:
        """What must survive a restart."""
        return self.root / "data/cellwarden"

    @property
    def runtime(self) -> Path:
        """The status socket and what may be lost."""
        return self.root / "run/cellwarden"

    @property
    def rc_local(self) -> Path:
        """Run late in every boot."""
        return self.root / "data/rc.local"

    @property
    def service(self) -> Path:
        """What svscan starts; in memory."""
        return self.root / "service/cellwarden"

    @property
    def log(self) -> Path:
        """Multilog's folder."""
        return self.root / "var/log/cellwarden"

    @property
    def udev_rules(self) -> Path:
        """Rules that last until the next boot; the last in order, so that they win."""
        return self.root / "run/udev/rules.d/zz-cellwarden.rules"

    @property
    def is_device_itself(self) -> bool:
        """Whether this is the machine we run on, and not a tree somewhere in it."""
        return self.root == Path("/")

    def check(self) -> None:
        """Raise ConfigError if this is no GX device."""
        for folder in ("data", "service", "opt/victronenergy"):
            if not (self.root / folder).is_dir():
                raise ConfigError(
                    f"{self.root} is no GX device with Venus OS: there is no {self.root / folder}"
                )

    def tool(self, name: str) -> Path | None:
        """Return a program of the device, None if it has none of this name."""
        for folder in TOOL_FOLDERS:
            path = self.root / folder / name
            if path.exists():
                return path
        return None

    def call(self, name: str, *arguments: object) -> str | None:
        """Run a tool of the device; return what it printed, None if it is missing or failed."""
        path = self.tool(name)
        if path is None:
            LOG.debug("this device has no %s", name)
            return None
        try:
            done = subprocess.run(  # noqa: S603  # a tool of the device, and our own arguments
                [str(path), *map(str, arguments)],
                capture_output=True,
                text=True,
                timeout=TOOL_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            LOG.warning("%s: %s", name, error)
            return None
        if done.returncode:
            LOG.debug("%s: status %d, %s", name, done.returncode, done.stderr.strip())
            return None
        return done.stdout
