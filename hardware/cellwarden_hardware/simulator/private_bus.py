"""A D-Bus of one's own, as a system bus for an emulated `org.bluez`."""

import contextlib
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

_CONFIG = """<busconfig>
  <type>session</type>
  <listen>{address}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/>
  </policy>
</busconfig>
"""


def bus_address(folder: Path) -> str:
    """Return the address of the bus in a folder."""
    return f"unix:path={folder}/bus"


@contextlib.contextmanager
def private_bus(folder: Path) -> Iterator[str]:
    """Run a dbus-daemon in a folder; gives its address. FileNotFoundError if there is none."""
    program = shutil.which("dbus-daemon") or shutil.which("dbus-daemon", path="/usr/sbin:/sbin")
    if program is None:
        raise FileNotFoundError("dbus-daemon is not installed (Debian: apt install dbus-daemon)")
    address = bus_address(folder)
    config = folder / "bus.conf"
    config.write_text(_CONFIG.format(address=address))
    process = subprocess.Popen(  # noqa: S603  # a program of this system, and our own file
        [program, f"--config-file={config}", "--nofork", "--print-address"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdout is not None
    try:
        process.stdout.readline()  # it listens now
        yield address
    finally:
        process.kill()
        process.communicate()
