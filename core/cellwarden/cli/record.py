"""`cellwarden record`: what the recorder holds, and one file of it to give to somebody."""

import argparse
import time
from pathlib import Path

from cellwarden.cli.show import add_json, print_json, print_rows
from cellwarden.errors import ConfigError
from cellwarden.hooks import CommandKind

EXAMPLES = """\
examples:
  cellwarden record list
  cellwarden record export last-hours.jsonl.gz
  cellwarden record export alarm.jsonl.gz --kept 20260712-143000-cell-over-voltage
  cellwarden replay alarm.jsonl.gz          (the same decisions again)

A recording holds readings, settings and decisions: no password, no serial number, no address.
"""


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EXAMPLES
    parser.add_argument("action", choices=("list", "export"), help="what to do")
    parser.add_argument("file", metavar="FILE", nargs="?", help="export: the file to write (.gz)")
    parser.add_argument("--kept", metavar="NAME", help="export what was kept around an alarm")
    parser.add_argument("--config", metavar="FILE", help="configuration of the controller")
    parser.add_argument("--runtime-dir", metavar="DIR", help="overrides the file")
    parser.add_argument("--state-dir", metavar="DIR", help="overrides the file")
    add_json(parser)


def run(arguments: argparse.Namespace) -> int:
    """List or export."""
    from cellwarden.runtime import recorder  # noqa: PLC0415  # only when it runs

    ring, state = _folders(arguments)
    if arguments.action == "list":
        return _list(ring, state, as_json=arguments.json)
    if arguments.file is None:
        raise ConfigError("export needs the name of a file to write, such as last-hours.jsonl.gz")
    folder = ring
    if arguments.kept is not None:
        found = [p for p in recorder.kept_in(state) if p.name == arguments.kept]
        if not found:
            known = ", ".join(p.name for p in recorder.kept_in(state)) or "none"
            raise ConfigError(f"nothing is kept as {arguments.kept!r}; there is: {known}")
        folder = found[0]
    count = recorder.export(folder, Path(arguments.file))
    if arguments.json:
        print_json({"file": arguments.file, "lines": count})
    else:
        print(f"{arguments.file}: {count} lines; try `cellwarden replay {arguments.file}`")
    return 0


def _folders(arguments: argparse.Namespace) -> tuple[Path, Path]:
    """Return the ring's folder and the state folder."""
    from cellwarden.config.reader import default_path, load  # noqa: PLC0415
    from cellwarden.host import Host  # noqa: PLC0415
    from cellwarden.runtime import folders  # noqa: PLC0415
    from cellwarden.runtime.recorder import FOLDER  # noqa: PLC0415

    runtime, state, own = arguments.runtime_dir, arguments.state_dir, None
    if arguments.config is not None or (default_path().exists() and not (runtime and state)):
        options = load(arguments.config or default_path(), Host()).controller
        runtime, state = runtime or options.runtime_dir, state or options.state_dir
        own = options.recorder_dir
    return Path(own or folders.runtime_dir(runtime)) / FOLDER, folders.state_dir(state)


def _list(ring: Path, state: Path, *, as_json: bool) -> int:
    from cellwarden.runtime import recorder  # noqa: PLC0415

    parts = recorder.parts_in(ring)
    size = sum(path.stat().st_size for path in parts)
    kept = recorder.kept_in(state)
    if as_json:
        print_json(
            {
                "folder": str(ring),
                "files": len(parts),
                "bytes": size,
                "kept": [path.name for path in kept],
            }
        )
        return 0
    since = time.strftime("%H:%M", time.localtime(parts[0].stat().st_mtime)) if parts else "-"
    rows = [("running", f"{len(parts)} file(s), {size / 1e6:.1f} MB, the first of {since}")]
    rows += [("kept", path.name) for path in kept]
    print_rows(rows)
    return 0


COMMAND = CommandKind(
    name="record",
    summary="what the recorder holds; export it to one file",
    configure=configure,
    run=run,
)
