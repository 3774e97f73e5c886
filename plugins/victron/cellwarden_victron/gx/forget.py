"""Taking our settings out of `com.victronenergy.settings` when Cellwarden is uninstalled."""

import asyncio
from collections.abc import Iterable

from cellwarden.errors import LinkError
from cellwarden_victron.busitem import plain
from cellwarden_victron.dbus_library import load
from cellwarden_victron.line import Line
from cellwarden_victron.settings import INTERFACE, SERVICE
from cellwarden_victron.tree import BUS_ITEM

DEVICES = "/Settings/Devices"
OURS = "cellwarden_"
TIMEOUT_S = 5.0


def ours(paths: Iterable[str]) -> list[str]:
    """Return which settings below `/Settings/Devices`, as named from there, are ours."""
    return sorted(path for path in paths if path.lstrip("/").startswith(OURS))


def forget(where: str) -> list[str]:
    """Remove device instances and custom names; return what was done, a line each."""
    try:
        removed = asyncio.run(_forget(where))
    except (LinkError, TimeoutError, ImportError) as error:
        return [f"the device's settings were not reached ({error}): {DEVICES}/{OURS}* may remain"]
    return [f"{removed} settings of the device were removed"] if removed else []


async def _forget(where: str) -> int:
    line = Line(load(), where, "uninstalling")
    try:
        async with asyncio.timeout(TIMEOUT_S):
            await line.open(TIMEOUT_S)
            if not await line.is_there(SERVICE):
                return 0
            (tree,) = await line.ask("GetValue", to=SERVICE, path=DEVICES, interface=BUS_ITEM)
            below = plain(tree)
            names = ours(below) if isinstance(below, dict) else []
            if names:
                await line.ask(
                    "RemoveSettings",
                    "as",
                    [[f"{DEVICES}/{name.lstrip('/')}" for name in names]],
                    to=SERVICE,
                    path="/",
                    interface=INTERFACE,
                )
            return len(names)
    finally:
        line.close()
