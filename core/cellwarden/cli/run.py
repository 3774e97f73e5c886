"""`cellwarden run`: the controller as a process."""

import argparse
import logging
import sys

from cellwarden.hooks import CommandKind

LOG = logging.getLogger(__name__)
LEVELS = ("debug", "info", "warning", "error")


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("--config", metavar="FILE", help="configuration file")
    parser.add_argument("--log-level", choices=LEVELS, default="info", help="default info")


def run(arguments: argparse.Namespace) -> int:
    """Run until SIGTERM or Ctrl-C."""
    from cellwarden.config.reader import default_path, load  # noqa: PLC0415  # only when it runs
    from cellwarden.host import Host  # noqa: PLC0415
    from cellwarden.runtime.process import run as run_process  # noqa: PLC0415

    log_to_stderr(arguments.log_level)
    settings = load(arguments.config or default_path(), Host())
    for line in settings.warnings:
        LOG.warning("%s", line)
    return run_process(settings)


def log_to_stderr(level: str) -> None:
    """Log lines without a time where a service manager adds its own, with one on a terminal."""
    time_format = "%(asctime)s " if sys.stderr.isatty() else ""
    logging.basicConfig(
        level=level.upper(),
        format=f"{time_format}%(levelname)-7s %(message)s",
        stream=sys.stderr,
    )
    logging.getLogger("can").setLevel(logging.ERROR)  # python-can tells each failure twice


COMMAND = CommandKind(name="run", summary="run the controller", configure=configure, run=run)
