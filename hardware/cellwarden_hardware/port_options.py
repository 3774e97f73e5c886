"""The keys that every driver on a serial port has."""

from typing import Any

from cellwarden.config.options import option
from cellwarden.links.gateway import problem_of
from cellwarden.links.ports import PATTERN_HELP, PORT_HELP


def port_problem(port: str) -> str | None:
    """Return what is wrong with a port, None if nothing is."""
    if "://" in port:
        return problem_of(port)
    return None if port else "a device path is wanted, such as /dev/ttyUSB0"


def port_option(more: str = "") -> Any:
    """Return the field `port`; `more` is what else there is to say."""
    return option(
        help=f"{PORT_HELP}{PATTERN_HELP}{more}", check=port_problem, example="/dev/ttyUSB0"
    )


def baudrate_option(default: int) -> Any:
    """Return the field `baudrate`."""
    return option(default, help="speed of the port", unit="baud", minimum=1200, maximum=921600)
