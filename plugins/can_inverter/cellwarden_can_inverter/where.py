"""Which line or bus an installer's command means, and in which dialect."""

import argparse
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from cellwarden.errors import ConfigError
from cellwarden_can_inverter.check_report import RS485
from cellwarden_can_inverter.config import CanInverterOptions
from cellwarden_can_inverter.dialects import DIALECTS
from cellwarden_can_inverter.profiles import PROFILES
from cellwarden_can_inverter.rs485_config import Rs485InverterOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class Where:
    """A line or bus."""

    bus: str
    """As outputs name it in the status: `socketcan:can0`, `/dev/ttyUSB0`."""
    options: CanInverterOptions | Rs485InverterOptions


def where(arguments: argparse.Namespace) -> Where:
    """Return what the call means; ConfigError with every mistake in it."""
    problems: list[str] = []
    profile, dialect = arguments.profile, arguments.dialect
    if profile is None and dialect is None:
        problems.append(
            "say which inverter: --profile NAME, or --dialect NAME. Profiles:"
            f" {', '.join(PROFILES)}; dialects: {', '.join(DIALECTS)}, {RS485}"
        )
    problems += _unknown("profile", profile, list(PROFILES))
    problems += _unknown("dialect", dialect, [*DIALECTS, RS485])
    if dialect == RS485 and not arguments.port:
        problems.append(f"{RS485} needs --port: a serial port, or socket://host:port")
    if dialect == RS485 and profile is not None:
        problems.append(
            f"--profile {profile} is an inverter on a CAN bus: leave one of the two out"
        )
    problems += [
        f"--bus-option {e!r} must be KEY=VALUE" for e in arguments.bus_option if "=" not in e
    ]
    if problems:
        raise ConfigError(problems)
    if dialect == RS485:
        options = Rs485InverterOptions(
            port=arguments.port,
            baudrate=arguments.baudrate,
            addresses=(arguments.address,),
        )
        return Where(bus=options.port, options=options)
    can = CanInverterOptions(
        interface=arguments.interface,
        channel=arguments.channel,
        bitrate=arguments.bitrate,
        bus_options=tuple(arguments.bus_option),
        profile=profile,
        dialect=dialect,
    )
    return Where(bus=f"{can.interface}:{can.channel}", options=can)


def _unknown(what: str, name: str | None, names: list[str]) -> list[str]:
    if name is None or name in names:
        return []
    near = get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    return [f"there is no {what} {name!r}; {hint}there are: {', '.join(names)}"]


def runtime_folder(arguments: argparse.Namespace) -> Path:
    """Return the folder in which a running controller would answer."""
    from cellwarden.config.reader import default_path, load  # noqa: PLC0415  # only when asked
    from cellwarden.host import Host  # noqa: PLC0415
    from cellwarden.runtime.folders import runtime_dir  # noqa: PLC0415

    if arguments.runtime_dir:
        return runtime_dir(arguments.runtime_dir)
    path = arguments.config
    if path is None:
        if not default_path().exists():
            return runtime_dir(None)
        path = default_path()
    return runtime_dir(load(path, Host()).controller.runtime_dir)
