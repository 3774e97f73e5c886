"""What a scan is doing, for the person who waits."""

import time
from types import TracebackType
from typing import Self, TextIO

_EVERY_S = 0.1
_CLEAR = "\r\x1b[K"


class Progress:
    """One line that changes on a terminal; a line for each new thing elsewhere, unless quiet."""

    def __init__(self, stream: TextIO, *, quiet: bool) -> None:
        self._stream = stream
        self._terminal = stream.isatty()
        self._quiet = quiet and not self._terminal
        self._told: dict[str, str] = {}
        self._shown_s = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._terminal:
            self._stream.write(_CLEAR)
            self._stream.flush()

    def tell(self, text: str) -> None:
        """Show what is being done; `place: what`."""
        place, _, what = text.partition(": ")
        if self._terminal:
            self._told[place] = what
            now_s = time.monotonic()
            if now_s - self._shown_s >= _EVERY_S:
                self._shown_s = now_s
                shown = "   ".join(f"{p}: {w}" for p, w in self._told.items())
                self._stream.write(_CLEAR + shown[:100])
                self._stream.flush()
        elif not self._quiet and self._told.get(place) != what.partition(" at address")[0]:
            self._told[place] = what.partition(" at address")[0]
            self._stream.write(f"{place}: {self._told[place]}\n")
            self._stream.flush()
