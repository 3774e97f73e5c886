"""Looking at a serial line: first only listening, then asking in one protocol after the other."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from cellwarden.errors import FrameError
from cellwarden.links.shared import SharedLine
from cellwarden_hardware.codecs import daly, jk_modbus
from cellwarden_hardware.scan.asking import Tell, ask, telling
from cellwarden_hardware.scan.found import Found

_ANSWER_S = 0.4
"""A board answers within 0.1 s; a driver asks some questions twice within this."""
MASTER_CYCLE_S = 5.0
"""A JK pack at address 0 polls all others once in 4.4 s: so long nothing may be asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One protocol to ask in."""

    driver: str
    baudrate: int
    addresses: Sequence[int] = ()
    """Those to try, where the protocol has any."""


PROBES = (
    # In the order in which one protocol's questions do no harm to a board of the others.
    Probe(driver="jk-rs485", baudrate=115_200),
    Probe(driver="jk-modbus", baudrate=115_200, addresses=range(1, 16)),
    Probe(driver="jbd", baudrate=9_600),
    Probe(driver="daly", baudrate=9_600, addresses=range(1, daly.MOST_BOARDS + 1)),
)


async def look(
    port: str, tell: Tell, notes: list[str], *, listen_s: float = MASTER_CYCLE_S
) -> list[Found]:
    """Return the packs on a port, all of one protocol; what goes wrong is noted."""
    found: list[Found] = []
    with telling(notes, port):
        tell(f"{port}: listening")
        masters = await _overheard(port, listen_s)
        if masters:
            return await _listening(port, masters, tell, notes)
        for probe in PROBES:
            found = await _asking(port, probe, tell, notes)
            if found:
                break
    return found


async def _overheard(port: str, listen_s: float) -> list[int]:
    """Return the JK packs that a master on the line makes answer, by address."""
    line = SharedLine(port, baudrate=PROBES[0].baudrate, name="scan")
    await line.open()
    decoder = jk_modbus.Decoder()
    addresses: set[int] = set()
    loop = asyncio.get_running_loop()
    until_s = loop.time() + listen_s
    try:
        while (left_s := until_s - loop.time()) > 0:
            for event in decoder.feed(await line.listen(left_s)):
                if isinstance(event, jk_modbus.Answer) and event.register == jk_modbus.STATUS:
                    addresses.add(event.address)
    finally:
        await line.close()
    return sorted(addresses)


async def _listening(
    port: str, addresses: Sequence[int], tell: Tell, notes: list[str]
) -> list[Found]:
    """Hear every pack as the master makes it answer; on such a line nothing is asked."""
    tell(f"{port}: a pack is the master of this line; listening to {len(addresses)}")
    heard: dict[int, Found | None] = {}
    hints = {"listen_only": "a pack of this line asks the others; [controller] max_age_s = 15"}

    async def hear(address: int) -> None:
        options = {"port": port, "address": address, "listen_only": True}
        with telling(notes, port):
            heard[address] = await ask("jk-modbus", options, timeout_s=_ANSWER_S, hints=hints)

    await asyncio.gather(*map(hear, addresses))
    return [each for _, each in sorted(heard.items()) if each is not None]


async def _asking(port: str, probe: Probe, tell: Tell, notes: list[str]) -> list[Found]:
    """Ask every address; once more those that were silent, where anybody answered."""
    line = SharedLine(port, baudrate=probe.baudrate, name="scan")
    if not probe.addresses:
        found = await _ask(port, probe, None, tell, notes, patience=2)
        return [] if found is None else [found]
    await line.open()  # held, so that it is not opened anew for each of them
    heard: dict[int, Found] = {}
    try:
        patience = 2  # the first question wakes whoever sleeps on this line
        for _ in range(2):
            for address in probe.addresses:
                if address in heard:
                    continue
                each = await _ask(port, probe, address, tell, notes, patience=patience)
                patience = 1
                if each is not None:
                    heard[address] = each
            if not heard:
                break
    finally:
        await line.close()
    return [heard[address] for address in sorted(heard)]


async def _ask(
    port: str,
    probe: Probe,
    address: int | None,
    tell: Tell,
    notes: list[str],
    *,
    patience: int,
) -> Found | None:
    at = "" if address is None else f" at address {address}"
    tell(f"{port}: asking as {probe.driver}{at}")
    options: dict[str, object] = {"port": port}
    if address is not None:
        options["address"] = address
    try:
        return await ask(probe.driver, options, timeout_s=_ANSWER_S, patience=patience)
    except FrameError as error:
        notes.append(f"{port}: answers as {probe.driver}{at}, but badly ({error})")
        return None
