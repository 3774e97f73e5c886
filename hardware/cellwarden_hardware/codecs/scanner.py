"""Finds frames in a stream of bytes, and finds its way back after garbage, for any protocol.

A codec says how its frames begin, how long the one at a place claims to be, and what a whole one
means; the rest is the same for all.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from cellwarden.errors import FrameError

Frame = TypeVar("Frame")


@dataclass(frozen=True, slots=True, kw_only=True)
class BadFrame:
    """Bytes that are no valid frame; `kind` is one of the words of `FrameError`."""

    kind: str
    message: str
    facts: Mapping[str, object] = field(default_factory=dict)

    def error(self) -> FrameError:
        """Return the same as an exception."""
        return FrameError(self.kind, self.message, **self.facts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Framing(Generic[Frame]):
    """How the frames of a protocol look."""

    start: re.Pattern[bytes]
    """What a frame begins with; also what the end of a piece may be the beginning of."""
    header_text: str
    """The same for people: `DD`."""
    start_size: int = 1
    """Bytes of a whole start: fewer of them, when the line falls silent, are noise."""
    head: int
    """Bytes after which the size of any frame is known."""
    size: Callable[[bytes], int]
    """Return the size that a frame claims with its first `head` bytes; FrameError if that is
    not possible."""
    decode: Callable[[bytes], Frame]
    """Return what a frame of just that size says; FrameError if it is not sound."""
    shortest: int = 0
    """The fewest bytes of any frame, where they are more than `head`."""

    def only(self, data: bytes) -> Frame:
        """Return what exactly one frame says. FrameError with its kind for anything else."""
        if not self.start.match(data):
            kind = "header" if data else "incomplete"
            raise FrameError(kind, f"a frame begins with {self.header_text}")
        if len(data) < self.head:
            raise FrameError("incomplete", f"{len(data)} bytes are no frame")
        size = self.size(data)
        if len(data) < size:
            raise FrameError("incomplete", f"{len(data)} of {size} bytes")
        if len(data) > size:
            raise FrameError("length", f"{len(data)} bytes, but the frame has {size}")
        return self.decode(data)


class Scanner(Generic[Frame]):
    """The frames of a stream. How it was cut into pieces makes no difference to the events."""

    def __init__(self, framing: Framing[Frame]) -> None:
        """Look for frames that look like this."""
        self._framing = framing
        self._tail = b""
        self._skipped = 0
        self._after_bad = False

    def feed(self, data: bytes) -> list[Frame | BadFrame]:
        """Return what became complete with these bytes; the unfinished rest is kept."""
        return self._scan(self._tail + data if self._tail else data, final=False)

    def reset(self) -> list[Frame | BadFrame]:
        """Forget the unfinished rest, for instance when the line fell silent.

        Returns what was wrong with it, and the frames that a false start had hidden.
        """
        events = self._scan(self._tail, final=True)
        self._skipped, self._after_bad = 0, False
        return events

    @property
    def unfinished(self) -> bool:
        """Whether a frame has begun."""
        return bool(self._tail)

    @property
    def missing(self) -> int:
        """How many bytes must come before there can be another frame; at least 1."""
        have = len(self._tail)
        if have < self._framing.head:
            return max(self._framing.head, self._framing.shortest) - have
        return max(1, self._framing.size(self._tail) - have)

    def _scan(self, data: bytes, *, final: bool) -> list[Frame | BadFrame]:
        framing = self._framing
        events: list[Frame | BadFrame] = []
        at = 0
        while found := framing.start.search(data, at):
            start = found.start()
            if final and found.end() - start < framing.start_size:
                break
            self._skipped += start - at
            try:
                end = self._end(data, start, final=final)
                if end is None:
                    self._tail = data[start:]
                    return events
                frame = framing.decode(data[start:end])
            except FrameError as error:
                self._report_skipped(events)
                if not self._after_bad:  # else it may be the rest of the same bad frame
                    events.append(BadFrame(kind=error.kind, message=str(error), facts=error.facts))
                self._after_bad = True
                at = start + 1  # its length cannot be trusted: a good frame may follow
                continue
            self._report_skipped(events)
            events.append(frame)
            self._after_bad = False
            at = end
        self._skipped += len(data) - at
        self._tail = b""
        if final:
            self._report_skipped(events)
        return events

    def _end(self, data: bytes, start: int, *, final: bool) -> int | None:
        """Return where the frame at `start` ends, None if more must come."""
        have = len(data) - start
        if have >= self._framing.head:
            size = self._framing.size(data[start : start + self._framing.head])
            if have >= size:
                return start + size
        if final:
            raise FrameError("incomplete", f"the line fell silent after {have} bytes of a frame")
        return None

    def _report_skipped(self, events: list[Frame | BadFrame]) -> None:
        # The rest of a frame that was refused is part of that refusal.
        if self._skipped and not self._after_bad:
            message = f"{self._skipped} bytes without {self._framing.header_text}"
            events.append(BadFrame(kind="header", message=message))
        self._skipped = 0
