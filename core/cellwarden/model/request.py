"""Requests: what a person or a system asks for, and what became of it."""

from dataclasses import dataclass
from enum import Enum


class RequestKind(Enum):
    """What can be asked for."""

    CHARGE_SWITCH = "charge switch"
    DISCHARGE_SWITCH = "discharge switch"
    BALANCE_SWITCH = "balance switch"
    PARAMETER = "parameter"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Something asked for, by whom."""

    kind: RequestKind
    pack: str
    value: float | bool
    who: str
    """The output or command that asks, for the audit log."""
    parameter: str = ""
    """The parameter's name where `kind` is PARAMETER."""


class Verdict(Enum):
    """What became of a request."""

    REFUSED = "refused"
    APPLIED = "applied"
    """Written and read back."""
    ROLLED_BACK = "rolled back"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a request, and why."""

    verdict: Verdict
    reason: str
