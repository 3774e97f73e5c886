"""The controller's clock: the only place where time is read.

Everything counts in controller seconds. On a real system they are real seconds; a demonstration
runs the same code on a faster clock, so that a day passes in minutes and every delay, age and
integral stays consistent.
"""

import time


class Clock:
    """A monotonic clock that may run faster than real time."""

    def __init__(self, speed: float = 1.0) -> None:
        if not speed > 0:
            raise ValueError("speed must be greater than 0")
        self.speed = speed
        self._zero_s = time.monotonic()

    def now_s(self) -> float:
        """Return controller time in s; it never goes back and starts near real monotonic time."""
        real_s = time.monotonic()
        if self.speed == 1.0:
            return real_s
        return self._zero_s + (real_s - self._zero_s) * self.speed

    def real_s(self, duration_s: float) -> float:
        """Return how long a controller duration takes in real seconds, for timers."""
        return duration_s / self.speed
