"""A clock that tests move by hand."""

from cellwarden.clock import Clock


class HandClock(Clock):
    """Shows `at_s`, and nothing else moves it."""

    def __init__(self) -> None:
        super().__init__()
        self.at_s = 1000.0

    def now_s(self) -> float:
        return self.at_s
