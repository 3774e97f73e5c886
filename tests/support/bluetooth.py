"""A system bus of one's own, where an emulated `org.bluez` may be; the real bleak talks to it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from cellwarden_hardware.simulator.private_bus import bus_address, private_bus
from support.tools import missing, require_tool


def system_bus(folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Make a bus in a folder this process's system bus; nobody is on it yet."""
    if find_spec("bleak") is None:
        missing("bleak (the extra ble)")
    address = bus_address(folder)
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", address)
    return address


@contextlib.asynccontextmanager
async def bus_daemon(address: str) -> AsyncIterator[None]:
    """Run a dbus-daemon; bleak keeps its connection to it until it ends."""
    require_tool("dbus-daemon", "dbus-daemon")
    with private_bus(Path(address.removeprefix("unix:path=")).parent):
        yield
    await asyncio.sleep(0.1)
