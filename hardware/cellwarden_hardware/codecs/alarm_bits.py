"""Alarm words: which bit means what, in one shape for every protocol.

A bit that is set is always told: as an alarm in our words, as a notice where it is no danger, and
as a notice with its number where nobody knows what it means.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from cellwarden.model import AlarmKind, DeviceAlarm, Severity

NEITHER, CHARGE, DISCHARGE, BOTH = (False, False), (True, False), (False, True), (True, True)
"""What a bit blocks: (charge, discharge)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmBit:
    """One meaning of a bit; a bit may have two."""

    bit: int
    text: str
    """The maker's own name for it."""
    alarm: DeviceAlarm | None
    """None for what is worth knowing, but no danger."""


def alarm_bit(
    bit: int, kind: AlarmKind | None, text: str, blocks: tuple[bool, bool] = NEITHER
) -> AlarmBit:
    """Return a row of a table: what blocks anything is a protection, the rest a warning.

    Without a `kind` it is a notice.
    """
    alarm = None if kind is None else device_alarm(kind, text, blocks)
    return AlarmBit(bit=bit, text=text, alarm=alarm)


def device_alarm(kind: AlarmKind, text: str, blocks: tuple[bool, bool]) -> DeviceAlarm:
    """Return an alarm that says what it blocks."""
    return DeviceAlarm(
        kind=kind,
        severity=Severity.PROTECTION if any(blocks) else Severity.WARNING,
        blocks_charge=blocks[0],
        blocks_discharge=blocks[1],
        text=text,
    )


class AlarmWord:
    """The table of one protocol's alarm word."""

    def __init__(self, rows: Sequence[AlarmBit], *, silent: int = 0) -> None:
        """Take the rows; bits of the mask `silent` say nothing, such as a switch among alarms."""
        self.rows = tuple(rows)
        self._known = silent
        for row in rows:
            self._known |= 1 << row.bit
        # Words repeat from poll to poll.
        self.alarms_of = lru_cache(maxsize=64)(self._alarms_of)
        self.notices_of = lru_cache(maxsize=64)(self._notices_of)

    def _alarms_of(self, bits: int) -> tuple[DeviceAlarm, ...]:
        """Return what the bits mean in our words."""
        return tuple(
            row.alarm for row in self.rows if bits >> row.bit & 1 and row.alarm is not None
        )

    def _notices_of(self, bits: int) -> tuple[str, ...]:
        """Return what else is set: what is no danger, and what nobody knows."""
        told = [row.text for row in self.rows if bits >> row.bit & 1 and row.alarm is None]
        return (*told, *unknown(bits & ~self._known))


def unknown(bits: int, what: str = "alarm bit") -> tuple[str, ...]:
    """Return a notice for each bit whose meaning is not known."""
    return tuple(
        f"{what} {bit} is set; its meaning is not known"
        for bit in range(bits.bit_length())
        if bits >> bit & 1
    )
