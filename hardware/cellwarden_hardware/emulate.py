"""`cellwarden emulate`: simulated packs behind emulated devices, to try an installation out."""

import argparse
import asyncio
import contextlib
import re
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from cellwarden.cli.show import print_json
from cellwarden.config.files import block
from cellwarden.errors import ConfigError
from cellwarden_hardware import emulate_links as links
from cellwarden_hardware.simulator.bank import SimulatedBank
from cellwarden_hardware.simulator.device import EmulatedDevice
from cellwarden_hardware.simulator.registry import EMULATED, NODES, RADIOS, EmulatedKind

ADVANCE_S = 0.1
"""Real time from one step of the simulation to the next."""

_HOST = "127.0.0.1"  # a BMS for everybody would be a door into the house

Device = EmulatedDevice[Any]
Faults = dict[str, bool | float]


def emulate(arguments: argparse.Namespace, faults: Mapping[str, bool | float]) -> None:
    """Show what reads the packs, then run until Ctrl-C or the end of `--duration`."""
    bank = SimulatedBank.home(
        packs=arguments.packs,
        seed=arguments.seed,
        chemistry=arguments.chemistry,
        cells=arguments.cells,
        capacity_ah=arguments.capacity,
    )
    asyncio.run(_serve(arguments, bank, faults))


async def _serve(
    arguments: argparse.Namespace, bank: SimulatedBank, faults: Mapping[str, bool | float]
) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    if arguments.duration is not None:
        loop.call_later(arguments.duration, stop.set)
    async with _emulated(arguments, bank, faults) as (keys, bus):
        if arguments.json:
            print_json(_document(arguments.device, keys, bus))
        else:
            print("\n".join(_told(arguments, keys, bus)))
        sys.stdout.flush()
        await live(bank, stop, speed=arguments.speed)


@contextlib.asynccontextmanager
async def _emulated(
    arguments: argparse.Namespace, bank: SimulatedBank, faults: Mapping[str, bool | float]
) -> AsyncIterator[tuple[list[links.Options], str]]:
    """Have the packs where `--link` says; gives each one's keys, and a D-Bus if there is one."""
    driver, link = arguments.device, arguments.link
    if driver in RADIOS:
        async with links.in_the_air(driver, bank, link, faults) as (keys, bus):
            yield keys, bus
    elif driver in NODES:
        async with links.on_a_bus(driver, bank, link, faults) as keys:
            yield keys, ""
    else:
        kind = EMULATED[driver]
        devices = _on_lines(kind, bank, one_line=arguments.one_line)
        for device in devices:
            links.set_faults(device, faults)
        async with running(devices, link) as ports:
            one_line = arguments.one_line
            options = kind.driver_options
            yield links.keys_of_lines(ports, len(bank.packs), options, one_line=one_line), ""


def _on_lines(kind: EmulatedKind, bank: SimulatedBank, *, one_line: bool) -> list[Device]:
    if one_line:
        assert kind.build_line is not None  # checked before
        return [kind.build_line(bank.packs, bank.packs[0].bms.parameters)]
    return [
        kind.build(pack, pack.bms.parameters, f"pack-{number}")
        for number, pack in enumerate(bank.packs, start=1)
    ]


@contextlib.asynccontextmanager
async def running(devices: Sequence[Device], link: str) -> AsyncIterator[list[str]]:
    """Start devices on `pty`, PATH or `tcp:PORT`, yield their ports, and stop them at the end.

    PATH is another name for the pseudo terminal; several get PATH-1, PATH-2 ..., or the TCP ports
    from PORT on. ConfigError where that cannot be.
    """
    async with contextlib.AsyncExitStack() as stack:
        ports = []
        for number, device in enumerate(devices):
            stack.push_async_callback(device.stop)
            try:
                ports.append(await _started(device, link, number, several=len(devices) > 1))
            except OSError as error:
                raise ConfigError(
                    f"--link {link}: {error.strerror}; give a name or port that is free"
                ) from error
        yield ports


async def _started(device: Device, link: str, number: int, *, several: bool) -> str:
    if link == "pty":
        await device.start()
        return device.port
    if link.startswith("tcp:"):
        await device.serve(_HOST, tcp_port(link) + number)
        return device.port
    path = f"{link}-{number + 1}" if several else link
    await device.start(Path(path))
    return path


def tcp_port(link: str) -> int:
    """Return the port of `tcp:PORT`; ConfigError for what is none."""
    text = link.removeprefix("tcp:")
    if not text.isdecimal() or not 1 <= int(text) <= 65_000:
        raise ConfigError(f"--link {link}: write tcp: and a port, 1 to 65000")
    return int(text)


async def live(bank: SimulatedBank, stop: asyncio.Event, *, speed: float) -> None:
    """Let the packs live, so many times faster than real, until told to stop."""
    while not stop.is_set():
        bank.advance(ADVANCE_S * speed)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(ADVANCE_S):
                await stop.wait()


SWITCHES = (
    "silent", "corrupt", "chopped", "repeated", "echo", "asleep", "wrong_address", "other_master",
)  # fmt: skip
NUMBERS = {
    "late": "late_s",
    "reboot": "reboot_every_s",
    "cut": "cut_head",
    "cut_end": "cut_tail",
    "noisy": "corrupt_share",
}
FAULTS_TEXT = ", ".join(
    (*SWITCHES, "late=SECONDS", "reboot=SECONDS", "cut=BYTES", "cut_end=BYTES", "noisy=SHARE")
)


def faults_of(words: Sequence[str]) -> Faults:
    """Return what to set on a device for `corrupt`, `late=0.3` ...; ConfigError for others."""
    faults: Faults = {}
    for word in words:
        name, _, number = word.partition("=")
        if name in SWITCHES and not number:
            faults[name] = True
            continue
        if name not in NUMBERS or not re.fullmatch(r"\d+(\.\d+)?", number):
            raise ConfigError(f"--misbehave {word}: there is {FAULTS_TEXT}")
        whole = name in ("cut", "cut_end")
        faults[NUMBERS[name]] = int(float(number)) if whole else float(number)
    return faults


def _document(device: str, keys: Sequence[Mapping[str, object]], bus: str) -> dict[str, object]:
    """Return what programs are told: the ports in order, each once, and every pack's keys."""
    ports = dict.fromkeys(str(own["port"]) for own in keys if "port" in own)
    told: dict[str, object] = {"device": device, "ports": list(ports), "packs": list(keys)}
    return told | ({"system_bus": bus} if bus else {})


def _told(
    arguments: argparse.Namespace, keys: Sequence[Mapping[str, object]], bus: str
) -> list[str]:
    """Return what a person needs to read the packs: their configuration."""
    summary = (EMULATED | RADIOS | NODES)[arguments.device].summary
    lines = [f"# {arguments.packs} emulated pack(s), {summary}; Ctrl-C ends."]
    if bus:
        lines.append(f"# They are on a system bus of their own: DBUS_SYSTEM_BUS_ADDRESS={bus}")
    lines.append("# This reads them:")
    for number, own in enumerate(keys, start=1):
        table = {
            "name": f"pack-{number}",
            "driver": arguments.device,
            **own,
            "chemistry": arguments.chemistry,
            "cells": arguments.cells,
            "capacity_ah": arguments.capacity,
        }
        lines += ["", block("[[pack]]", table, {}).rstrip()]
    return lines
