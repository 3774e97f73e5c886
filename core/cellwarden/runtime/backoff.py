"""How long to wait before the next try."""

import random


class Backoff:
    """Delays that double from `first_s` to `last_s`, each with jitter of 20 % either way.

    Jitter keeps many packs that failed together (a hub, a gateway) from trying together for ever.
    """

    def __init__(self, first_s: float, last_s: float) -> None:
        self._first_s = first_s
        self._last_s = last_s
        self._next_s = first_s

    def next_s(self) -> float:
        """Return the next delay in real s."""
        delay_s = self._next_s
        self._next_s = min(delay_s * 2, self._last_s)
        return delay_s * random.uniform(0.8, 1.2)  # noqa: S311  # jitter, not a secret

    def reset(self) -> None:
        """Start again from the first delay: something worked."""
        self._next_s = self._first_s
