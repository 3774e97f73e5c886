"""A system bus of one's own, where an emulated `org.bluez` may be; the real bleak talks to it."""

import asyncio
import contextlib
import subprocess
from collections.abc import AsyncIterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from support.tools import missing, require_tool

_CONFIG = """<busconfig>
  <type>session</type>
  <listen>{address}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/>
  </policy>
</busconfig>
"""


def system_bus(folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Make a bus in a folder this process's system bus; nobody is on it yet."""
    if find_spec("bleak") is None:
        missing("bleak (the extra ble)")
    address = f"unix:path={folder}/bus"
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", address)
    (folder / "bus.conf").write_text(_CONFIG.format(address=address))
    return address


@contextlib.asynccontextmanager
async def bus_daemon(address: str) -> AsyncIterator[None]:
    """Run a dbus-daemon; bleak keeps its connection to it until it ends."""
    config = Path(address.removeprefix("unix:path=")).with_name("bus.conf")
    program = require_tool("dbus-daemon", "dbus-daemon")
    command = [program, f"--config-file={config}", "--nofork", "--print-address"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout is not None
    assert process.stdout.readline().startswith(b"unix:")
    try:
        yield
    finally:
        process.kill()
        process.communicate()
        await asyncio.sleep(0.1)
