"""Our line in /data/rc.local, which Venus runs late in every boot. Pure but for `apply`."""

from pathlib import Path

MARK = "# cellwarden"
SHEBANG = "#!/bin/sh\n"


def line_for(boot: Path) -> str:
    """Return the line that calls a script."""
    return f"sh {boot} {MARK}\n"


def with_line(text: str, line: str) -> str:
    """Return the file's text with our line, before an `exit` that ends it."""
    text = without_line(text) or SHEBANG
    if not text.endswith("\n"):
        text += "\n"
    lines = text.splitlines(keepends=True)
    at = len(lines)
    while at > 1 and not lines[at - 1].strip():
        at -= 1
    if at > 0 and lines[at - 1].split()[:1] == ["exit"]:
        at -= 1
    else:
        at = len(lines)
    return "".join((*lines[:at], line, *lines[at:]))


def without_line(text: str) -> str:
    """Return the file's text without our line."""
    return "".join(
        line for line in text.splitlines(keepends=True) if not line.rstrip().endswith(MARK)
    )


def has_line(path: Path) -> bool:
    """Whether our line is there."""
    return path.exists() and MARK in path.read_text()
