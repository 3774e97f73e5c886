"""Requests: what a person or a system asks for, and what became of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum


class RequestKind(Enum):
    """What can be asked for.

    The first group reaches a BMS and is refused in mode `monitor`; the second is kept by the
    controller itself as `Orders` and is possible in every mode.
    """

    CHARGE_SWITCH = "charge switch"
    DISCHARGE_SWITCH = "discharge switch"
    BALANCE_SWITCH = "balance switch"
    HEATING_SWITCH = "heating switch"
    PARAMETERS = "parameters"
    """One transaction over all of `changes`."""
    PRESET = "chemistry preset"
    """`value` is a chemistry's name; changes every working parameter (R6)."""
    CALIBRATE_VOLTAGE = "voltage calibration"
    """`value` is the true pack voltage in V (R42)."""
    CALIBRATE_CURRENT = "current calibration"
    """`value` is the true current in A, positive while charging (R43)."""
    ZERO_CURRENT = "current zero"
    CLOCK = "clock"
    NAME = "name"
    """`value` is the device's new name."""
    USER_DATA = "user private data"
    """`value` is the owner's own text, at most 13 characters (R46)."""
    PASSWORD = "password"  # noqa: S105  # the name of a request, no secret
    """`value` is the new settings password (R45); it is never logged nor shown."""
    RESTART = "restart"
    SHUTDOWN = "shutdown"

    CHARGE_CURRENT_LIMIT = "charge current limit"
    """`value` in A, for the whole bank."""
    DISCHARGE_CURRENT_LIMIT = "discharge current limit"
    TARGET_SOC = "target SoC"
    """`value` in %: charging ends there."""
    RESERVE_SOC = "reserve SoC"
    """`value` in %: discharging ends there."""
    CHARGE_BLOCK = "charging off"
    """`value` True: nobody may charge until it is withdrawn."""
    DISCHARGE_BLOCK = "discharging off"
    CHARGE_MODE = "charge mode"
    """`value` is a value of `ChargeMode`."""
    FULL_CHARGE = "full charge"
    """`value` True: charge to the very end once, whatever the target; False withdraws it."""
    CHARGE_EXPECTED = "expected charge"
    """`value` in min: charging is expected to begin so long from now, and to be possible for
    `lasts_s` from then on."""
    SURPLUS = "surplus power"
    """`value` in W: generated and neither used nor stored now; it never counts for long."""
    RESET_SOC = "SoC reset"
    """`value` in %: a stated reset of one pack's estimate, or of every pack's."""
    RELEASE = "release of latched trips"
    """A person has looked at a pack, or at every pack: what is still wrong trips again."""
    MEMBERSHIP = "membership"
    """`value` False: its owner takes this pack out of the bank; True: lets it in again."""

    @property
    def reaches_bms(self) -> bool:
        """Whether something would be written to a BMS."""
        return self not in _OF_THE_CONTROLLER


_OF_THE_CONTROLLER = frozenset(
    {
        RequestKind.CHARGE_CURRENT_LIMIT,
        RequestKind.DISCHARGE_CURRENT_LIMIT,
        RequestKind.TARGET_SOC,
        RequestKind.RESERVE_SOC,
        RequestKind.CHARGE_BLOCK,
        RequestKind.DISCHARGE_BLOCK,
        RequestKind.CHARGE_MODE,
        RequestKind.FULL_CHARGE,
        RequestKind.CHARGE_EXPECTED,
        RequestKind.SURPLUS,
        RequestKind.RESET_SOC,
        RequestKind.RELEASE,
        RequestKind.MEMBERSHIP,
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Something asked for, by whom."""

    kind: RequestKind
    pack: str = ""
    """The pack's name; empty for the whole bank."""
    value: float | bool | str | None = None
    """In the unit that the kind names; None withdraws an order."""
    who: str
    """The output or command that asks, for the audit log."""
    changes: Mapping[str, float | None] = field(default_factory=dict)
    """For PARAMETERS: new values by the names of `model.PARAMETERS`."""
    lasts_s: float | None = None
    """An order ends by itself after this many s; None: it stays until withdrawn."""
    dry_run: bool = False
    """Say what would be written, and write nothing."""


class Verdict(Enum):
    """What became of a request."""

    REFUSED = "refused"
    """Nothing was written."""
    PLANNED = "planned"
    """A dry run: this is what would be written."""
    APPLIED = "applied"
    """Written and read back; an order: in effect."""
    ROLLED_BACK = "rolled back"
    """It went wrong on the way, and the device holds what it held before."""
    HALF_DONE = "half done"
    """It went wrong on the way and back: the steps say what the device holds now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One write of a request, as the device takes it."""

    what: str
    """The parameter or switch."""
    register: str = ""
    """Where it goes, as the protocol's description writes it: `0x97`."""
    before: float | bool | str | None = None
    """What the device held."""
    wanted: float | bool | str | None = None
    now: float | bool | str | None = None
    """What was read back last; None where nothing was."""
    unit: str = ""
    note: str = ""
    """What became of it, for a person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a request, and why."""

    verdict: Verdict
    reason: str
    steps: tuple[Step, ...] = ()

    @property
    def good(self) -> bool:
        """Whether what was asked for is so now."""
        return self.verdict is Verdict.APPLIED
