"""The keys that every driver on a serial port has, or every one over Bluetooth."""

import re
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


def address_problem(address: str) -> str | None:
    """Return what is wrong with a Bluetooth address, None if nothing is."""
    if re.fullmatch(r"([0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}", address):
        return None
    return "a Bluetooth address has six bytes, such as C8:47:80:12:34:56"


def address_option() -> Any:
    """Return the field `port` of a driver over Bluetooth."""
    return option(
        help="Bluetooth address of the BMS, as `cellwarden scan`, bluetoothctl or its maker's app"
        " shows it",
        check=address_problem,
        example="C8:47:80:12:34:56",
    )


def adapter_option() -> Any:
    """Return the field `adapter`."""
    return option(
        None, help="which Bluetooth adapter of this computer, such as hci1; default the first"
    )
