"""What a call of the command line gives."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Called:
    """What a call printed and returned."""

    status: int
    out: str
    err: str


Call = Callable[..., Called]
