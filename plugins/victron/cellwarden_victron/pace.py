"""When changes are told. Pure: time is passed in.

Venus works on what it hears once a second, its limits every three. So one signal a second is
enough, except for what must not wait: a limit that falls, an alarm that rises. What nobody steers
by goes out less often still, together, so that it makes no signals of its own in between.
"""

from collections.abc import Iterable, Mapping

from cellwarden.model import BankState
from cellwarden_victron.rows import About, Own, Path
from cellwarden_victron.sources import Value

SIGNAL_EVERY_S = 1.0
EARLY_S = 0.2
"""A cycle that comes this much early is not put off to the next; the mean stays one a second."""


class Pace:
    """Holds changes back until it is their time."""

    def __init__(self, rows: Iterable[Path[About] | Path[BankState] | Path[Own]]) -> None:
        rows = tuple(rows)
        self._every_s = {row.path: row.every_s for row in rows if row.every_s}
        self._urgent = {row.path: row.urgent for row in rows if row.urgent}
        self._open_s: dict[float, float] = dict.fromkeys(self._every_s.values(), float("-inf"))
        self._signal_s = float("-inf")

    def due(
        self, changed: Mapping[str, Value], published: Mapping[str, Value], now_s: float
    ) -> dict[str, Value]:
        """Return the changes to tell now; the others are changes still next time."""
        urgent = any(
            self._is_urgent(path, published.get(path), value)
            for path, value in changed.items()
            if path in self._urgent
        )
        if not urgent and now_s < self._signal_s - EARLY_S:
            return {}
        told = {
            path: value
            for path, value in changed.items()
            if self._is_open(path, now_s) or value is None or published.get(path) is None
        }
        if told:
            self._signal_s = max(self._signal_s, now_s - EARLY_S) + SIGNAL_EVERY_S
            for every_s in {self._every_s[path] for path in told if path in self._every_s}:
                self._open_s[every_s] = now_s + every_s - EARLY_S
        return told

    def closed(self, now_s: float) -> frozenset[float]:
        """Return which groups' changes would not be told now, by their `every_s`."""
        return frozenset(every_s for every_s, open_s in self._open_s.items() if now_s < open_s)

    def _is_open(self, path: str, now_s: float) -> bool:
        every_s = self._every_s.get(path)
        return every_s is None or now_s >= self._open_s[every_s]

    def _is_urgent(self, path: str, before: Value, value: Value) -> bool:
        kind = self._urgent[path]
        if kind == "any" or before is None or value is None:
            return True
        assert not isinstance(before, str)
        assert not isinstance(value, str)
        return value < before if kind == "fall" else value > before
