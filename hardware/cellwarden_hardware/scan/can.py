"""Looking at CAN buses: listening only, for JK's own broadcast."""

import asyncio
import re
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from cellwarden.errors import ConfigError, LinkError
from cellwarden.links.can import CanLink
from cellwarden.links.can_frame import CanFrame
from cellwarden_hardware.codecs import jk_can
from cellwarden_hardware.scan.asking import Tell, ask, telling
from cellwarden_hardware.scan.found import Found

_ANSWER_S = 1.0
_ARPHRD_CAN = "280"  # linux/if_arp.h
_NETWORK = Path("/sys/class/net")
_SIGN = "not settled: look while the pack is charged, the current must be positive then"


def buses() -> list[str]:
    """Return the SocketCAN interfaces of this computer."""
    found = []
    for path in sorted(_NETWORK.glob("*")):
        try:
            if (path / "type").read_text().strip() == _ARPHRD_CAN:
                found.append(path.name)
        except OSError:  # it went away
            continue
    return found


_BUS = re.compile(r"(?:([a-z_]+):)?([^,]+)((?:,[^,=]+=[^,]+)*)")


def problem_of(text: str) -> str | None:
    """Return what is wrong with `--can TEXT`, None if nothing is."""
    if _BUS.fullmatch(text):
        return None
    return f"--can {text}: write a channel such as can0, or INTERFACE:CHANNEL[,KEY=VALUE ...]"


def bus_options(text: str) -> dict[str, object]:
    """Return the driver's keys for `can0` or `INTERFACE:CHANNEL[,KEY=VALUE ...]`."""
    match = _BUS.fullmatch(text)
    if match is None:
        raise ConfigError(problem_of(text) or text)
    interface, channel, more = match.groups()
    options: dict[str, object] = {"channel": channel}
    if interface:
        options["interface"] = interface
    if more:
        options["bus_options"] = tuple(more[1:].split(","))
    return options


def link_arguments(options: Mapping[str, object]) -> dict[str, Any]:
    """Return what `CanLink` is given for these keys."""
    more = options.get("bus_options", ())
    assert isinstance(more, tuple)
    return {
        "interface": options.get("interface", "socketcan"),
        "channel": options["channel"],
        "options": {
            key: int(value) if value.isdecimal() else value
            for key, _, value in (entry.partition("=") for entry in more)
        },
    }


async def look(bus: str, tell: Tell, notes: list[str], *, listen_s: float) -> list[Found]:
    """Return the packs that broadcast on a bus; what goes wrong is noted."""
    if find_spec("can") is None:
        notes.append("CAN: python-can is not installed; pip install 'cellwarden[can_inverter]'")
        return []
    options = bus_options(bus)
    tell(f"CAN {bus}: listening for {listen_s:g} s")
    found = []
    with telling(notes, bus):
        for address in await _addresses(options, listen_s):
            keys = options | ({"address": address} if address else {})
            tell(f"CAN {bus}: a JK pack at address {address}")
            each = await ask(
                "jk-can",
                keys | {"positive_current": "charging"},
                timeout_s=_ANSWER_S,
                hints={"positive_current": _SIGN},
            )
            if each is not None:
                found.append(each)
        if not found:
            notes.append(
                f"CAN {bus}: no JK pack broadcasts here (CAN protocol 0 or 6, and the bit rate)"
            )
    return found


async def _addresses(options: dict[str, object], listen_s: float) -> list[int]:
    heard: set[int] = set()

    def take(frame: CanFrame) -> None:
        known = jk_can.message_of(frame)
        if known is not None and known[0].name == "battery_status":
            heard.add(known[1])

    link = CanLink(**link_arguments(options), bitrate=250_000)
    await link.open(take)
    try:
        await asyncio.sleep(listen_s)
        link.check()
    except LinkError:
        if not heard:
            raise
    finally:
        await link.close()
    return sorted(heard)
