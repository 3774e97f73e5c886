"""`cellwarden encode`: the frames an inverter would be sent for a state."""

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from cellwarden.cli import complain
from cellwarden.cli.decode import load_protocol
from cellwarden.cli.show import add_json, print_json, print_rows
from cellwarden.errors import ConfigError
from cellwarden.hooks import CommandKind

EXAMPLE = """\
example:
  echo '{"pack_voltage_V": 52.8, "soc_pct": 64, "cvl_V": 56.4, ...}' |
      cellwarden encode pylontech_lv -
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EXAMPLE
    parser.add_argument("dialect", metavar="DIALECT", help="such as pylontech_lv")
    parser.add_argument("state", metavar="STATE.json", help="file with the state; - for stdin")
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Encode and print."""
    try:
        dialect = load_protocol(arguments.dialect, encodes=True)
    except ConfigError as error:
        return complain(error, 2)
    frames = dialect.encode(_state(arguments.state))
    if arguments.json:
        print_json(frames)
    elif frames:
        print_rows([_row(frame) for frame in frames])
    return 0


def _row(frame: Mapping[str, Any]) -> tuple[str, str]:
    if "data_hex" in frame:
        return str(frame.get("can_id", "")), bytes.fromhex(frame["data_hex"]).hex(" ").upper()
    return "", str(frame.get("frame_ascii", frame))


def _state(path: str) -> Mapping[str, object]:
    """Return the state in a file; ConfigError for one that cannot be read or is no state."""
    name = "standard input" if path == "-" else path
    try:
        content = sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
        state = json.loads(content, parse_constant=_refuse_constant)
    except OSError as error:
        raise ConfigError(f"{name} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{name} is no JSON: {error}") from error
    if not isinstance(state, dict):
        raise ConfigError(f'{name} must hold one JSON object, such as {{"soc_pct": 64, ...}}')
    return state


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number that could be sent")


COMMAND = CommandKind(
    name="encode",
    summary="show the frames an inverter would be sent for a state",
    configure=configure,
    run=run,
)
