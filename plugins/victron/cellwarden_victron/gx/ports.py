"""Serial ports: taking them away from Venus' serial-starter, and giving them back.

serial-starter tries Victron's own programs on every tty that appears. A udev rule that says
`VE_SERVICE=ignore` keeps it off a port, also when the adapter is plugged in again; `stop-tty.sh`
ends what it runs there now. Both are conventions of the community, and gone after a boot, so that
they are made anew whenever the service starts.
"""

import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from cellwarden.config.settings import Settings
from cellwarden_victron.gx.layout import Layout

_BY_ID = re.compile(r"/dev/serial/by-id/usb-(?P<serial>.+)-if\d\d(-port\d+)?")
_TTY = re.compile(r"/dev/(?P<tty>tty[A-Za-z0-9]+)")
_HEAD = "# Made by Cellwarden when it starts: these ports are its own.\n"


def serial_ports(settings: Settings) -> tuple[str, ...]:
    """Return the serial ports that a configuration names, each once."""
    options = [pack.driver_options for pack in settings.packs]
    options += [output.options for output in settings.outputs]
    named = [getattr(option, "port", None) for option in options]
    ports = [port for port in named if isinstance(port, str) and port.startswith("/dev/")]
    return tuple(dict.fromkeys(ports))


def rule(port: str) -> str | None:
    """Return the udev rule for a port, None for a name that udev cannot be told."""
    if by_id := _BY_ID.fullmatch(port):
        which = f'ENV{{ID_SERIAL}}=="{by_id["serial"]}"'
    elif tty := _TTY.fullmatch(port):
        which = f'KERNEL=="{tty["tty"]}"'
    else:
        return None
    return f'ACTION=="add|change", SUBSYSTEM=="tty", {which}, ENV{{VE_SERVICE}}="ignore"\n'


def claim(layout: Layout, ports: Iterable[str]) -> tuple[str, ...]:
    """Take these ports, and give back those that were taken before; return their tty names."""
    ports = tuple(ports)
    rules = "".join(filter(None, map(rule, ports)))
    path = layout.udev_rules
    before = path.read_text() if path.exists() else ""
    wanted = _HEAD + "".join(f"# {tty_of(layout, port)}\n" for port in ports) + rules
    if before != wanted:
        release(layout)
        if not rules:
            return ()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(wanted)
        layout.call("udevadm", "control", "--reload")
    taken = tuple(filter(None, (tty_of(layout, port) for port in ports)))
    for tty in taken:
        layout.call("stop-tty.sh", tty)
    return taken


def release(layout: Layout) -> None:
    """Let serial-starter have every port again that was taken from it."""
    path = layout.udev_rules
    if not path.exists():
        return
    ttys = re.findall(r"^# (tty\w+)$", path.read_text(), re.MULTILINE)
    path.unlink()
    with suppress(OSError):
        path.parent.rmdir()  # only if nobody else has rules there
    layout.call("udevadm", "control", "--reload")
    for tty in ttys:
        layout.call(
            "udevadm", "trigger", "--action=add", "--subsystem-match=tty", f"--sysname-match={tty}"
        )


def tty_of(layout: Layout, port: str) -> str:
    """Return the tty behind a port, whatever link names it; empty if it is not plugged in."""
    path = layout.root / port.removeprefix("/")
    resolved = Path(path.resolve()) if path.is_symlink() else path
    return resolved.name if resolved.name.startswith("tty") else ""
