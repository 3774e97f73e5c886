"""`cellwarden venus install|uninstall|status|log`, and `serve`, which daemontools runs."""

import argparse
import logging
import sys
import time
from collections import deque
from pathlib import Path

from cellwarden import __version__
from cellwarden.config.settings import Settings
from cellwarden.errors import CellwardenError, ConfigError
from cellwarden_victron.gx import install, logfile, ports, rc_local
from cellwarden_victron.gx.layout import Layout

LOG = logging.getLogger(__name__)

PAUSE_S = 30.0
"""Before a start that cannot succeed is tried again: daemontools itself waits only a second."""
FOLLOW_S = 0.5


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the sub-commands."""
    actions = parser.add_subparsers(
        dest="action", required=True, metavar="install|uninstall|status|log|serve"
    )
    helps = {
        "install": "install what was unpacked into /data, and start it",
        "uninstall": "end the service and remove everything",
        "status": "what is installed, whether it runs, and whether Venus obeys it",
        "log": "show the service's log",
        "serve": "run the controller, as the service does",
    }
    for name, text in helps.items():
        action = actions.add_parser(name, help=text)
        action.add_argument("--root", metavar="DIR", default="/", help="where the GX's / is")
        if name == "uninstall":
            action.add_argument(
                "--keep-data", action="store_true", help="leave the configuration and the state"
            )
        elif name == "status":
            action.add_argument("--json", action="store_true", help="print it as JSON")
        elif name == "log":
            action.add_argument("-n", type=int, default=50, metavar="LINES", help="default 50")
            action.add_argument("--follow", action="store_true", help="go on until Ctrl-C")


def run(arguments: argparse.Namespace) -> int:
    """Run the sub-command."""
    try:
        return _run(arguments, Layout(Path(arguments.root).resolve()))
    except OSError as error:
        raise ConfigError(
            f"{error.filename or 'this device'}: {error.strerror}; is /data full or read-only?"
        ) from error


def _run(arguments: argparse.Namespace, layout: Layout) -> int:
    if arguments.action == "install":
        _print(install.install(layout))
    elif arguments.action == "uninstall":
        _print(_uninstall(layout, keep_data=arguments.keep_data))
    elif arguments.action == "status":
        return _status(layout, as_json=arguments.json)
    elif arguments.action == "log":
        return _log(layout, arguments.n, follow=arguments.follow)
    else:
        return _serve(layout)
    return 0


def _print(lines: list[str]) -> None:
    for line in lines:
        print(line)


def _uninstall(layout: Layout, *, keep_data: bool) -> list[str]:
    from cellwarden_victron.gx.forget import forget  # noqa: PLC0415  # needs the D-Bus library

    where = _bus(layout)
    done = install.uninstall(layout, keep_data=keep_data)
    return done if keep_data else [*done, *forget(where)]


def _bus(layout: Layout) -> str:
    """Return the bus that the configuration names, the system's if it names none."""
    try:
        settings = _load(layout)
    except ConfigError:
        return "system"
    buses = [getattr(output.options, "bus", None) for output in settings.outputs]
    return next((bus for bus in buses if isinstance(bus, str)), "system")


def _load(layout: Layout) -> Settings:
    from cellwarden.config.reader import load  # noqa: PLC0415  # only when it runs
    from cellwarden.host import Host  # noqa: PLC0415

    return load(layout.config, Host())


# -- status and log ----------------------------------------------------------------------------


def _status(layout: Layout, *, as_json: bool) -> int:
    """Show what there is; 1 if something is missing or Venus does not obey."""
    from cellwarden.cli.show import print_json  # noqa: PLC0415  # only when it runs

    found = describe(layout)
    if as_json:
        print_json(found)
    else:
        for name, value in found.items():
            if name not in ("good", "problems"):
                print(f"{name + ':':<14} {value}")
        for problem in found["problems"]:  # type: ignore[attr-defined]  # a list, see describe
            print(f"problem: {problem}")
    return 0 if found["good"] else 1


def describe(layout: Layout) -> dict[str, object]:
    """Return what is installed and how it goes; JSON types."""
    problems: list[str] = []
    installed = (layout.app / "bin/cellwarden").exists()
    if not installed:
        problems.append(f"nothing is installed in {layout.app}")
    if installed and not rc_local.has_line(layout.rc_local):
        problems.append(f"{layout.rc_local} does not start it after a boot: run install again")
    service = _service_text(layout)
    if installed and not layout.service.exists():
        problems.append(f"there is no service: sh {layout.app}/boot.sh")
    try:
        _load(layout)
        config = "good"
    except ConfigError as error:
        config = f"{len(error.problems)} mistakes"
        problems += error.problems
    victron = _victron(layout)
    advice = victron.get("advice")
    if isinstance(advice, str):
        problems.append(advice)
    return {
        "version": __version__,
        "installed": installed,
        "service": service,
        "config": config,
        "on_the_bus": victron.get("connected"),
        "dvcc_on": victron.get("dvcc_on"),
        "active_bms": victron.get("active_bms"),
        "good": not problems,
        "problems": problems,
    }


def _service_text(layout: Layout) -> str:
    if not layout.service.exists():
        return "none"
    said = layout.call("svstat", layout.service)
    return "unknown" if said is None else said.strip().removeprefix(f"{layout.service}: ")


def _victron(layout: Layout) -> dict[str, object]:
    """Return what the running controller says of its Victron output; empty if none answers."""
    from cellwarden.errors import LinkError  # noqa: PLC0415  # only when it runs
    from cellwarden.runtime.status import ask  # noqa: PLC0415

    try:
        outputs = ask(layout.runtime).get("outputs")
    except LinkError:
        return {}
    found = outputs if isinstance(outputs, dict) else {}
    return next((said for said in found.values() if "dvcc_on" in said), {})


def _log(layout: Layout, count: int, *, follow: bool) -> int:
    if not layout.log.is_dir():
        raise ConfigError(f"there is no log in {layout.log}: has the service ever run?")
    for line in deque(logfile.lines(layout.log), maxlen=max(0, count)):
        print(logfile.readable(line))
    current = layout.log / "current"
    at = current.stat().st_size if current.exists() else 0
    while follow:
        time.sleep(FOLLOW_S)
        sys.stdout.flush()
        size = current.stat().st_size if current.exists() else 0
        if size < at:  # multilog began a new file
            at = 0
        if size > at:
            with current.open(encoding="utf-8", errors="replace") as file:
                file.seek(at)
                for line in file.read(size - at).splitlines():
                    print(logfile.readable(line))
            at = size
    return 0


# -- the service -------------------------------------------------------------------------------


def _serve(layout: Layout) -> int:
    """Run the controller; what cannot succeed is said, and the next try comes after a pause."""
    from cellwarden.cli import complain  # noqa: PLC0415  # only when it runs
    from cellwarden.cli.run import log_to_stderr  # noqa: PLC0415

    log_to_stderr("info")
    try:
        from cellwarden.runtime.process import run as run_process  # noqa: PLC0415

        settings = _load(layout)
        _claim_ports(layout, settings)
        return run_process(settings)
    except ImportError as error:
        complain(
            f"this device's Python lacks something ({error}): with internet, `opkg update && opkg"
            " install python3-modules`; the next firmware update takes it away again"
        )
    except CellwardenError as error:
        complain(error)
    complain(f"the next try comes in {PAUSE_S:g} s; at once: svc -t {layout.service}")
    time.sleep(PAUSE_S)
    return 1


def _claim_ports(layout: Layout, settings: Settings) -> None:
    """Take the ports; a battery whose ports are also probed by Venus is better than none."""
    try:
        taken = ports.claim(layout, ports.serial_ports(settings))
    except OSError as error:
        LOG.warning("serial-starter could not be kept off the serial ports: %s", error)
        return
    if taken:
        LOG.info("taken from serial-starter: %s", ", ".join(taken))
