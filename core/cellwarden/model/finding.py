"""Findings: a diagnosis of what is probably wrong, on what evidence, and what to do."""

from dataclasses import dataclass
from enum import IntEnum


class Urgency(IntEnum):
    """How much a finding matters; the order lets `max()` pick the worst."""

    NOTE = 1
    """Worth knowing."""
    SOON = 2
    """Look at it in the next days."""
    NOW = 3
    """Something is unsafe or out of work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One diagnosis."""

    code: str
    """Stable name of the rule that found it: `balance-lead-resistance`."""
    what: str
    """One line for a person."""
    evidence: str
    """What was measured, with numbers and units."""
    confidence: float
    """0..1."""
    pack: str = ""
    """Empty for the bank."""
    where: str = ""
    """`cell 7`, `wire 3`, `T1`; empty for the pack."""
    urgency: Urgency = Urgency.SOON
    procedure: str = ""
    """Name of the repair procedure to open; empty if there is none."""
    since_s: float | None = None
    """Controller time at which it was first found, in s."""
    manual_code: int | None = None
    """Error code 1-9 of the JK manual it belongs to (R48)."""
