"""The log that multilog writes: TAI64N stamps turned into times. Pure but for `lines`."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

_ZERO = 2**62
_AHEAD_S = 10
"""daemontools counts TAI as UTC + 10 s and knows no leap seconds since."""
_STAMP = 25
"""`@`, 16 hex digits of seconds, 8 of nanoseconds."""


def readable(line: str) -> str:
    """Return a log line with its stamp as UTC; one without a stamp as it is."""
    stamp, _, text = line.partition(" ")
    if len(stamp) != _STAMP or not stamp.startswith("@"):
        return line
    try:
        seconds = int(stamp[1:17], 16) - _ZERO - _AHEAD_S
        milliseconds = int(stamp[17:], 16) // 1_000_000
        at = datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return line
    return f"{at:%Y-%m-%d %H:%M:%S}.{milliseconds:03d} {text}"


def lines(folder: Path) -> Iterator[str]:
    """Give every line there is, the oldest first."""
    for path in (*sorted(folder.glob("@*")), folder / "current"):
        if path.exists():
            yield from path.read_text(encoding="utf-8", errors="replace").splitlines()
