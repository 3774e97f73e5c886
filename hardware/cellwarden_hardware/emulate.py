"""`cellwarden emulate`: simulated packs behind emulated devices, to try an installation out."""

import argparse
import asyncio
import contextlib
import re
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from cellwarden.cli.show import print_json
from cellwarden.config.files import block
from cellwarden.errors import ConfigError
from cellwarden_hardware.simulator.bank import SimulatedBank
from cellwarden_hardware.simulator.device import EmulatedDevice
from cellwarden_hardware.simulator.registry import EMULATED, EmulatedKind

ADVANCE_S = 0.1
"""Real time from one step of the simulation to the next."""

_HOST = "127.0.0.1"  # a BMS for everybody would be a door into the house

Device = EmulatedDevice[Any]
Faults = dict[str, bool | float]


def emulate(arguments: argparse.Namespace, faults: Faults) -> None:
    """Show the ports, then run until Ctrl-C or the end of `--duration`."""
    kind = EMULATED[arguments.device]
    bank = SimulatedBank.home(
        packs=arguments.packs,
        seed=arguments.seed,
        chemistry=arguments.chemistry,
        cells=arguments.cells,
        capacity_ah=arguments.capacity,
    )
    if arguments.one_line:
        assert kind.build_line is not None  # checked before
        devices = [kind.build_line(bank.packs, bank.packs[0].bms.parameters)]
    else:
        devices = [
            kind.build(pack, pack.bms.parameters, f"pack-{number}")
            for number, pack in enumerate(bank.packs, start=1)
        ]
    for device in devices:
        for name, value in faults.items():
            setattr(device, name, value)
    asyncio.run(_serve(arguments, kind, bank, devices))


async def _serve(
    arguments: argparse.Namespace,
    kind: EmulatedKind,
    bank: SimulatedBank,
    devices: Sequence[Device],
) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    if arguments.duration is not None:
        loop.call_later(arguments.duration, stop.set)
    async with running(devices, arguments.link) as ports:
        if arguments.json:
            print_json({"device": kind.driver, "ports": ports})
        else:
            print("\n".join(_told(arguments, kind, ports)))
        sys.stdout.flush()
        await live(bank, stop, speed=arguments.speed)


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


SWITCHES = ("silent", "corrupt", "chopped", "repeated", "echo", "asleep", "wrong_address")
NUMBERS = {"late": "late_s", "reboot": "reboot_every_s", "cut": "cut_head"}


def faults_of(words: Sequence[str]) -> Faults:
    """Return what to set on a device for `corrupt`, `late=0.3` ...; ConfigError for others."""
    faults: Faults = {}
    for word in words:
        name, _, number = word.partition("=")
        if name in SWITCHES and not number:
            faults[name] = True
            continue
        if name not in NUMBERS or not re.fullmatch(r"\d+(\.\d+)?", number):
            there_is = ", ".join((*SWITCHES, "late=SECONDS", "reboot=SECONDS", "cut=BYTES"))
            raise ConfigError(f"--fault {word}: there is {there_is}")
        faults[NUMBERS[name]] = int(float(number)) if name == "cut" else float(number)
    return faults


def _told(arguments: argparse.Namespace, kind: EmulatedKind, ports: Sequence[str]) -> list[str]:
    """Return what a person needs to read the packs: their configuration."""
    lines = [
        f"# {arguments.packs} emulated pack(s), {kind.summary}; Ctrl-C ends.",
        "# This reads them:",
    ]
    for number in range(1, arguments.packs + 1):
        keys = {
            "name": f"pack-{number}",
            "driver": kind.driver,
            "port": ports[0] if arguments.one_line else ports[number - 1],
            **kind.driver_options,
            "chemistry": arguments.chemistry,
            "cells": arguments.cells,
            "capacity_ah": arguments.capacity,
        }
        if arguments.one_line:
            keys["address"] = number
        lines += ["", block("[[pack]]", keys, {}).rstrip()]
    return lines
