"""What a rule of the table is, and what it is given to look at."""

from collections.abc import Callable, Iterable
from typing import NamedTuple

from cellwarden.diagnosis.facts import PackFacts
from cellwarden.diagnosis.memory import PackStats
from cellwarden.diagnosis.observe import told_cells
from cellwarden.model import AlarmKind, PackState, Reading, Urgency


class Look(NamedTuple):
    """One pack now, and what was learned of it."""

    facts: PackFacts
    state: PackState
    stats: PackStats
    now_s: float

    @property
    def reading(self) -> Reading:
        """The believed reading; only rules for a pack that is heard may ask."""
        assert self.state.reading is not None
        return self.state.reading

    def told_cells(self) -> tuple[float | None, ...]:
        """Return every cell's voltage as the BMS told it, believed or not."""
        return told_cells(self.state)

    def has_alarm(self, *kinds: AlarmKind) -> bool:
        """Return whether one of these alarms is raised."""
        return any(alarm.kind in kinds for alarm in self.state.alarms)


class Clue(NamedTuple):
    """What a rule found now."""

    what: str
    evidence: str
    confidence: float
    urgency: Urgency = Urgency.SOON
    where: str = ""
    procedure: str | None = None
    """Instead of the rule's own."""


class Rule(NamedTuple):
    """One row: one thing that can be wrong."""

    code: str
    """Stable name."""
    means: str
    """What is wrong then, in a few words."""
    rests_on: str
    """What is looked at, with the thresholds."""
    found_within: str
    """How long it takes until it is found."""
    procedure: str
    find: Callable[[Look], Iterable[Clue]]
    hold_s: float = 0.0
    """It must have been there for so long."""
    manual_code: int | None = None
    unheard: bool = False
    """It looks at packs that are not heard, too."""


def by_size(value: float, soon: float, now: float) -> Urgency:
    """Return an urgency that grows with a value."""
    if value >= now:
        return Urgency.NOW
    return Urgency.SOON if value >= soon else Urgency.NOTE


def sureness(sigmas: float, least: float, *, most: float = 0.97) -> float:
    """Return a confidence from how many sigma a value lies out; `least` sigma give 0.6."""
    if sigmas <= least:
        return 0.6
    return round(min(most, 1.0 - 0.4 * least / sigmas), 2)
