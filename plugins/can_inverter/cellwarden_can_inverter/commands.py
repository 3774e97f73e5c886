"""`cellwarden inverter`: what an installer types beside an inverter."""

import argparse

from cellwarden.hooks import CommandKind

EXAMPLES = """\
examples:
  cellwarden inverter check --profile deye
  cellwarden inverter check --profile sma --channel can1 --allow 5 --voltage 52.3 --what-if
  cellwarden inverter check --dialect pylontech_rs485 --port /dev/ttyUSB0
  cellwarden inverter watch --profile growatt --seconds 60
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the two commands and their arguments."""
    from cellwarden.cli.show import add_json  # noqa: PLC0415  # only for who calls it

    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EXAMPLES
    commands = parser.add_subparsers(dest="action", required=True, metavar="check | watch")
    check = commands.add_parser(
        "check",
        help="listen, speak for a minute, report what the inverter makes of it",
        description="Listens, then speaks as a battery that allows nothing (0 A both ways) unless"
        " told otherwise, and reports. Exit status 0: nothing bad was found.",
    )
    _add_place(check)
    check.add_argument(
        "--seconds", type=float, default=60.0, help="how long in all, what-ifs apart (default 60)"
    )
    check.add_argument("--listen", action="store_true", help="only listen, send nothing")
    state = check.add_mutually_exclusive_group()
    state.add_argument(
        "--allow", type=float, metavar="A", help="allow this much charge and discharge; up to 50 A"
    )
    state.add_argument("--state", metavar="FILE", help="tell this state, as for `encode`")
    state.add_argument(
        "--from-controller",
        action="store_true",
        help="tell what the running controller decides; it must be on another bus",
    )
    check.add_argument(
        "--voltage",
        type=float,
        metavar="V",
        help="what a meter shows at the battery (with --allow)",
    )
    check.add_argument(
        "--what-if",
        action="store_true",
        help="also try: CCL 0, DCL 0, an alarm, a restart. Loads may lose power",
    )
    check.add_argument(
        "--step-seconds", type=float, default=10.0, help="length of each what-if (default 10)"
    )
    _add_controller(check)
    add_json(check)
    watch = commands.add_parser(
        "watch", help="show the traffic, decoded, as it comes", description="Only listens."
    )
    _add_place(watch)
    watch.add_argument("--seconds", type=float, help="end after this long (default: Ctrl-C)")
    watch.add_argument("--json", action="store_true", help="one JSON object a line for each frame")


def _add_place(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--profile", metavar="NAME", help="the inverter's make, such as deye")
    parser.add_argument(
        "--dialect", metavar="NAME", help="instead of a profile; pylontech_rs485 too"
    )
    parser.add_argument("--interface", default="socketcan", help="CAN adapter (default socketcan)")
    parser.add_argument("--channel", default="can0", help="its bus (default can0)")
    parser.add_argument("--bitrate", type=int, default=500_000, help="bit/s (default 500000)")
    parser.add_argument(
        "--bus-option",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="more of python-can's settings for the adapter; may be given several times",
    )
    parser.add_argument("--port", help="serial port for pylontech_rs485")
    parser.add_argument("--baudrate", type=int, default=9600, help="of the port (default 9600)")
    parser.add_argument(
        "--address", type=lambda text: int(text, 0), default=2, help="battery address (default 2)"
    )


def _add_controller(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--config", metavar="FILE", help="configuration of a running controller")
    parser.add_argument(
        "--runtime-dir", metavar="DIR", help="folder of its status socket; overrides the file"
    )


def run(arguments: argparse.Namespace) -> int:
    """Do one of the two."""
    if arguments.action == "check":
        from cellwarden_can_inverter.check import run as check  # noqa: PLC0415  # when it runs

        return check(arguments)
    from cellwarden_can_inverter.watch import run as watch  # noqa: PLC0415

    return watch(arguments)


INVERTER = CommandKind(
    name="inverter",
    summary="check an inverter's connection, watch what is said on its line",
    configure=configure,
    run=run,
)
