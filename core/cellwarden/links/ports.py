"""The serial ports of this machine by name, without opening one."""

from glob import glob
from pathlib import Path

PORT_HELP = (
    "serial port, best by its name in /dev/serial/by-id; or behind a gateway: socket://host:port,"
    " or rfc2217://host:port, whose speed we set"
)
PATTERN_HELP = "; with serial_number also a pattern such as /dev/ttyUSB*"
"""For drivers whose BMS tells a number: the pack is searched for on every port that fits."""

_KINDS = ("ttyUSB*", "ttyACM*", "ttyAMA*", "ttyXR*")
"""USB adapters, USB modems, the UART of a Raspberry Pi, Exar's USB adapters."""


def serial_ports() -> list[str]:
    """Return the serial ports, each once, by the name that survives replugging if it has one."""
    by_id = sorted(str(path) for path in Path("/dev/serial/by-id").glob("*"))
    named = {str(Path(path).resolve()) for path in by_id}
    plain = sorted(str(path) for kind in _KINDS for path in Path("/dev").glob(kind))
    return by_id + [path for path in plain if path not in named]


def is_pattern(port: str) -> bool:
    """Return whether a port is a pattern that several may fit."""
    return "://" not in port and any(letter in port for letter in "*?[")


def matching(pattern: str) -> list[str]:
    """Return the ports that fit a pattern, each device once."""
    found: dict[Path, str] = {}
    for path in sorted(glob(pattern)):  # noqa: PTH207  # a pattern of a whole path
        found.setdefault(Path(path).resolve(), path)
    return list(found.values())
