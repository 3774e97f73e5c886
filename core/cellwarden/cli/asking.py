"""Asking the controller that runs: the two options that say which, and its folder."""

import argparse
from pathlib import Path


def add_running(parser: argparse.ArgumentParser) -> None:
    """Add the options that name a running controller."""
    parser.add_argument("--config", metavar="FILE", help="configuration of the controller to ask")
    parser.add_argument(
        "--runtime-dir", metavar="DIR", help="folder of its status socket; overrides the file"
    )


def runtime_folder(arguments: argparse.Namespace) -> Path:
    """Return the folder of the controller that `add_running`'s options name."""
    from cellwarden.runtime.folders import runtime_dir  # noqa: PLC0415  # only when it runs

    return runtime_dir(arguments.runtime_dir or _configured(arguments.config))


def running(arguments: argparse.Namespace) -> dict[str, object]:
    """Return the status document of that controller. LinkError if none answers."""
    from cellwarden.runtime.status import ask  # noqa: PLC0415

    return ask(runtime_folder(arguments))


def _configured(path: str | None) -> str | None:
    """Return the runtime folder that the configuration names, None if there is no file."""
    from cellwarden.config.reader import default_path, load  # noqa: PLC0415
    from cellwarden.host import Host  # noqa: PLC0415

    if path is None and not default_path().exists():
        return None
    return load(path or default_path(), Host()).controller.runtime_dir
