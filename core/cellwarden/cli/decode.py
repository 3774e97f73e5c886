"""`cellwarden decode`: a captured frame, explained."""

import argparse
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

from cellwarden.cli import complain
from cellwarden.cli.frames import bytes_of, chunks_of
from cellwarden.cli.show import add_json, print_fields, print_json
from cellwarden.errors import ConfigError, FrameError
from cellwarden.hooks import CommandKind, ProtocolKind

if TYPE_CHECKING:
    from cellwarden.interfaces import WireProtocol

EXAMPLES = """\
examples:
  cellwarden decode jk-rs485 '4E 57 00 13 ...'
  cellwarden decode pylontech_lv 351#1402E803E8030000
  cellwarden decode jk-rs485 - < capture.txt     (one chunk a line, in the order received)
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EXAMPLES
    parser.add_argument("protocol", metavar="PROTOCOL", help="such as jk-rs485, pylontech_lv")
    parser.add_argument(
        "hex", metavar="HEX", nargs="*", help="the frame; - or nothing: standard input"
    )
    parser.add_argument("--request", metavar="HEX", help="the request that the frame answers")
    parser.add_argument("--variant", metavar="NAME", help="of the protocol, where it has several")
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """Decode and print."""
    try:
        frames = _decoded(arguments)
    except FrameError as error:
        print_json({"error": error.kind, **error.facts})
        return complain(error)
    except ConfigError as error:  # no such protocol or variant, no hex
        return complain(error, 2)
    if arguments.json:
        print_json(frames[0] if len(frames) == 1 else {"frames": frames})
        return 0
    for number, frame in enumerate(frames):
        if number:
            print()
        print_fields(frame)
    return 0


def _decoded(arguments: argparse.Namespace) -> list[dict[str, object]]:
    """Return the decoded frames, at least one; ConfigError for a call that makes no sense."""
    chunks = [chunk for line in _lines(arguments.hex) for chunk in chunks_of(line)]
    if not chunks:
        raise ConfigError(f"there is nothing to decode\n{EXAMPLES}")
    request = None if arguments.request is None else bytes_of(arguments.request)
    protocol = load_protocol(arguments.protocol)
    frames = protocol.decode(chunks, request=request, variant=arguments.variant)
    if not frames:
        raise FrameError("incomplete", "there is no whole frame in these bytes")
    return frames


def load_protocol(name: str, *, encodes: bool = False) -> "WireProtocol":
    """Return a protocol; ConfigError that lists what there is for a name that nobody offers."""
    from cellwarden.host import Host, choose  # noqa: PLC0415  # loads every plugin

    host = Host()
    kinds = {n: k for n, k in host.protocols().items() if k.encodes or not encodes}
    kind: ProtocolKind = choose("dialect" if encodes else "protocol", name, kinds, host)
    try:
        return kind.load()
    except ImportError as error:
        raise ConfigError(f"{name} needs a library that is not installed: {error}") from error


def _lines(given: list[str]) -> Iterable[str]:
    """Yield what is on the command line as one line, or the lines of standard input."""
    if given and given != ["-"]:
        yield " ".join(given)
    elif given or not sys.stdin.isatty():
        yield from sys.stdin


COMMAND = CommandKind(
    name="decode", summary="explain a captured frame", configure=configure, run=run
)
