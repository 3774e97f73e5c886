"""A picture that stays in place: drawn again and again until the person has seen enough."""

import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from cellwarden.cli.screen import fit

HOME, CLEAR_LINE, CLEAR_BELOW = "\x1b[H", "\x1b[K", "\x1b[J"
OTHER_SCREEN, OWN_SCREEN = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"


def is_terminal() -> bool:
    """Return whether standard output is a terminal, where a picture can stay in place."""
    return sys.stdout.isatty()


@contextmanager
def live_screen() -> Iterator[Callable[[list[str]], None]]:
    """Give a function that shows a picture; on a terminal in place, else one after the other.

    On a terminal the last picture stays behind when it ends, in the person's own scroll-back.
    """
    if not is_terminal():
        yield _show_plain
        return
    last: list[str] = []

    def show(lines: list[str]) -> None:
        nonlocal last
        size = shutil.get_terminal_size()
        last = lines
        seen = fit(lines, size.columns)[: size.lines - 1]
        sys.stdout.write(HOME + "".join(f"{line}{CLEAR_LINE}\n" for line in seen) + CLEAR_BELOW)
        sys.stdout.flush()

    sys.stdout.write(OTHER_SCREEN)
    try:
        yield show
    finally:
        sys.stdout.write(OWN_SCREEN + "".join(f"{line}\n" for line in last))
        sys.stdout.flush()


def _show_plain(lines: list[str]) -> None:
    sys.stdout.write("\n".join([*lines, "", ""]))
    sys.stdout.flush()


def repeat(draw: Callable[[], list[str]], every_s: float) -> None:
    """Show what `draw` gives, again and again, until Ctrl-C."""
    with live_screen() as show:
        try:
            while True:
                show(draw())
                time.sleep(every_s)
        except KeyboardInterrupt:
            return
