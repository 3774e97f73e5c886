"""The commands that the hardware brings to the command line; what they run is imported late."""

import argparse

from cellwarden.cli import complain
from cellwarden.cli.show import add_json
from cellwarden.errors import ConfigError
from cellwarden.hooks import CommandKind
from cellwarden.model import CHEMISTRIES
from cellwarden_hardware.simulator.registry import EMULATED, NODES, RADIOS


def _configure_demo(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("--packs", type=int, default=2, help="1 to 16 simulated packs (default 2)")
    parser.add_argument(
        "--speed",
        type=float,
        default=720.0,
        help="how many times faster than real (1 to 2000); default 720: a day in two minutes",
    )
    parser.add_argument("--seed", type=int, default=1, help="same seed, same weather and cells")
    parser.add_argument(
        "--chemistry", choices=tuple(CHEMISTRIES), default="LiFePO4", help="default LiFePO4"
    )
    parser.add_argument("--cells", type=int, default=16, help="cells in series (default 16)")
    parser.add_argument("--capacity", type=float, default=280.0, help="Ah of a pack (default 280)")
    parser.add_argument(
        "--no-can", action="store_true", help="leave the inverter's CAN bus out of the picture"
    )
    parser.add_argument(
        "--output",
        action="append",
        default=[],
        metavar="NAME[:KEY=VALUE,...]",
        help="turn another output on, such as homeassistant:host=127.0.0.1 or victron:bus=session;"
        " may be given several times",
    )
    parser.add_argument("--duration", type=float, help="end after this many real seconds")


def _run_demo(arguments: argparse.Namespace) -> int:
    problems = _wrong_sizes(arguments)
    if problems:
        return complain(ConfigError(problems), status=2)
    from cellwarden_hardware.demo import show_demo  # noqa: PLC0415  # only when it runs

    show_demo(arguments)
    return 0


def _wrong_sizes(arguments: argparse.Namespace) -> list[str]:
    return [
        message
        for bad, message in (
            (not 1 <= arguments.packs <= 16, "--packs takes 1 to 16"),
            (not 1 <= arguments.speed <= 2000, "--speed takes 1 to 2000"),
            (not 2 <= arguments.cells <= 32, "--cells takes 2 to 32"),
            (not 5 <= arguments.capacity <= 2000, "--capacity takes 5 to 2000 Ah"),
            (arguments.duration is not None and not arguments.duration > 0, "--duration takes > 0"),
        )
        if bad
    ]


DEMO = CommandKind(
    name="demo",
    summary="show a simulated bank: nothing to install, nothing to plug in",
    configure=_configure_demo,
    run=_run_demo,
)


_DEVICES = (*EMULATED, *RADIOS, *NODES)


def _configure_emulate(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("device", metavar="DEVICE", choices=_DEVICES, help=", ".join(_DEVICES))
    parser.add_argument(
        "--link",
        default="pty",
        metavar="LINK",
        help="serial: pty (default); PATH, a name for the pseudo terminal (PATH-1, PATH-2 ... for"
        " several packs); tcp:PORT, as behind a gateway on this machine (PORT, PORT+1 ...)."
        " Bluetooth: bus:ADDRESS, a D-Bus; default one of its own. CAN:"
        " INTERFACE:CHANNEL[,KEY=VALUE ...]; default a multicast bus of this machine",
    )
    parser.add_argument("--packs", type=int, default=1, help="1 to 16, a port each (default 1)")
    parser.add_argument(
        "--one-line",
        action="store_true",
        help="all packs on one line, with addresses 1, 2 ... (jk-modbus, daly)",
    )
    parser.add_argument(
        "--speed", type=float, default=1.0, help="times faster than real (1 to 2000; default 1)"
    )
    parser.add_argument("--seed", type=int, default=1, help="same seed, same weather and cells")
    parser.add_argument(
        "--chemistry", choices=tuple(CHEMISTRIES), default="LiFePO4", help="default LiFePO4"
    )
    parser.add_argument("--cells", type=int, default=16, help="cells in series (default 16)")
    parser.add_argument("--capacity", type=float, default=280.0, help="Ah of a pack (default 280)")
    parser.add_argument(
        "--misbehave",
        "--fault",
        action="append",
        default=[],
        metavar="HOW",
        help="silent, corrupt, chopped, repeated, echo, asleep, wrong_address, other_master,"
        " late=SECONDS, reboot=SECONDS (off so often), cut=BYTES, cut_end=BYTES, noisy=SHARE of"
        " answers with a wrong byte; may be given several times",
    )
    parser.add_argument("--duration", type=float, help="end after this many real seconds")
    add_json(parser)


def _run_emulate(arguments: argparse.Namespace) -> int:
    problems = _wrong_sizes(arguments)
    kind = EMULATED.get(arguments.device)
    if arguments.one_line and (kind is None or kind.build_line is None):
        problems.append(f"--one-line: {arguments.device} has no addresses; leave it out")
    if problems:
        return complain(ConfigError(problems), status=2)
    from cellwarden_hardware.emulate import (  # noqa: PLC0415  # only when it runs
        emulate,
        faults_of,
        tcp_port,
    )

    try:
        faults = faults_of(arguments.misbehave)
        if arguments.link.startswith("tcp:"):
            tcp_port(arguments.link)
    except ConfigError as error:
        return complain(error, status=2)
    emulate(arguments, faults)
    return 0


EMULATE = CommandKind(
    name="emulate",
    summary="be a BMS on a port of its own, to try an installation out",
    configure=_configure_emulate,
    run=_run_emulate,
)


def _configure_scan(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "--serial", action="append", default=[], metavar="PORT",
        help="look at this serial port; with any of these four only at what is named",
    )  # fmt: skip
    parser.add_argument(
        "--tcp", action="append", default=[], metavar="URL",
        help="look behind this gateway: socket://host:port or rfc2217://host:port",
    )  # fmt: skip
    parser.add_argument(
        "--ble", nargs="*", metavar="ADDRESS", help="look at Bluetooth, or at these addresses only"
    )
    parser.add_argument(
        "--can", nargs="*", metavar="CHANNEL",
        help="look at the CAN buses, or at these: can0, or INTERFACE:CHANNEL[,KEY=VALUE ...]",
    )  # fmt: skip
    parser.add_argument(
        "--wait",
        type=float,
        metavar="SECONDS",
        help="how long to listen on each link (default 5 on a line, 8 to the air, 2.5 to CAN)",
    )
    parser.add_argument(
        "--write", action="store_true", help="add what answered to the configuration file"
    )
    parser.add_argument("--config", metavar="FILE", help="which file; default as `cellwarden run`")
    add_json(parser)


def _run_scan(arguments: argparse.Namespace) -> int:
    if arguments.wait is not None and not 0.1 <= arguments.wait <= 60:
        return complain("--wait takes 0.1 to 60 s", status=2)
    from cellwarden_hardware.scan.command import run  # noqa: PLC0415  # only when it runs

    return run(arguments)


SCAN = CommandKind(
    name="scan",
    summary="look for BMSs on every link, and write the configuration that reads them",
    configure=_configure_scan,
    run=_run_scan,
)
