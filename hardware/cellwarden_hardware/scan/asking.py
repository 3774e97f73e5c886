"""Asking with a driver, as it asks when it runs: nothing but questions."""

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Mapping

from cellwarden.clock import Clock
from cellwarden.errors import FrameError, LinkError, LinkTimeout
from cellwarden.hooks import DriverContext
from cellwarden.interfaces import Driver
from cellwarden.model import Reading
from cellwarden_hardware.kinds import all_drivers
from cellwarden_hardware.scan.found import Found

Tell = Callable[[str], None]
"""Shows a person what is being done."""

_LOST_POLLS = 3  # of one that answered before
_TELL_S = 8.0
"""Real s for a pack that answers to say who it is; that follows with later polls."""
_TELL_NO_SETTINGS = frozenset({"jk-can"})

CLOCK = Clock()
KINDS = {kind.name: kind for kind in all_drivers()}


async def ask(
    name: str,
    options: Mapping[str, object],
    *,
    timeout_s: float,
    patience: int = 2,
    hints: Mapping[str, str] | None = None,
) -> Found | None:
    """Return the pack that answers a driver with these options, None where none does.

    `patience` is how many polls may stay unanswered: the first may only wake a BMS.

    LinkError where the link cannot be opened; FrameError where only nonsense comes.
    """
    kind = KINDS[name]
    context = DriverContext(pack="scan", clock=CLOCK, timeout_s=timeout_s)
    driver: Driver = kind.build(kind.options(**options), context)
    try:
        await driver.open()
        reading = await _heard(driver, name, patience)
        layout = getattr(driver, "layout", None)
    finally:
        await driver.close()
    if reading is None:
        return None
    return Found(
        driver=name,
        options=options,
        reading=reading,
        layout=str(getattr(layout, "value", layout) or ""),
        hints=hints or {},
    )


async def _heard(driver: Driver, name: str, patience: int) -> Reading | None:
    """Poll until the pack has said all it says; None if it says nothing."""
    loop = asyncio.get_running_loop()
    until_s = loop.time() + _TELL_S
    reading: Reading | None = None
    bad: FrameError | None = None
    silent = 0
    while loop.time() < until_s:
        try:
            reading = await driver.poll()
        except LinkTimeout:
            silent += 1
        except FrameError as error:
            bad = error
            silent += 1
        else:
            silent = 0
            known = reading.identity is not None and reading.cell_voltages_v
            if known and (reading.settings or name in _TELL_NO_SETTINGS):
                break
        if silent >= (patience if reading is None else _LOST_POLLS):
            break
    if reading is None and bad is not None:
        raise bad
    return reading


def why(error: LinkError | FrameError) -> str:
    """Return what a link or a pack said, without the name that only we know."""
    return str(error).removeprefix("scan: ")


@contextlib.contextmanager
def telling(notes: list[str], place: str) -> Iterator[None]:
    """Note what goes wrong at a place, and go on."""
    try:
        yield
    except (LinkError, FrameError) as error:
        said = why(error)
        notes.append(said if place in said else f"{place}: {said}")
