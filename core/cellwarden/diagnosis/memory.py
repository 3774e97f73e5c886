"""What a diagnosis remembers: frozen data, a bounded number of sums for each pack."""

from typing import NamedTuple

from cellwarden.diagnosis.statistics import Line, Loads
from cellwarden.model import Finding


class Sample(NamedTuple):
    """The last reading that was looked at."""

    at_s: float
    current_a: float
    cells_v: tuple[float, ...]
    told_v: tuple[float | None, ...]
    """As the BMS told them; the engine puts right what an open lead spoils."""
    middle_v: float
    """Median of the cells."""
    balancing: bool
    balance_a: float
    balanced: int
    """Index of the cell that the balancer works on, -1 for none or unknown."""
    temperature_c: float | None


class Begin(NamedTuple):
    """Where a load step begins."""

    sample: Sample
    slow_a: float


class Track(NamedTuple):
    """A value that has not changed, and by how much others did meanwhile."""

    value: float
    since_s: float
    low: float
    high: float
    """Range of what it should have followed, since then."""


class Region(NamedTuple):
    """How far each cell was from the middle one, in % of SoC, in one part of the charge."""

    last_s: float | None = None
    middle_percent: Line = Line()
    cells: tuple[Line, ...] = ()
    """Over days since the origin."""


class Full(NamedTuple):
    """What was counted from one full charge to the next."""

    days: float
    net_ah: float
    """Charged minus discharged, as the BMS's current says."""
    moved_ah: float


class Heat(NamedTuple):
    """The heater's state and the temperature when it began."""

    on: bool
    since_s: float
    start_c: float
    step_a: float | None
    """Change of the pack current when it was switched on."""
    highest_c: float


LOW, MIDDLE, HIGH = range(3)
REGION_NAMES = ("nearly empty", "in the middle", "nearly full")


class PackStats(NamedTuple):
    """Everything remembered of one pack."""

    origin_s: float
    looked_s: float | None = None
    last: Sample | None = None
    slow_a: float = 0.0
    """The current as a cell's polarisation follows it."""
    begin: Begin | None = None
    block: Loads = Loads()
    """Load steps since the last block was full."""
    closed: Loads = Loads()
    """The last full block."""
    lasting: Loads = Loads()
    """All blocks before that one."""
    mismatch: Line = Line()
    """Pack voltage minus sum of cells in V, over the current in A."""
    resting: Line = Line()
    """The current shown while both FETs are off."""
    regions: tuple[Region, Region, Region] = (Region(), Region(), Region())
    spread: Line = Line()
    """Charge between fullest and emptiest cell in % at the top, over days."""
    balance_ah: tuple[float, ...] = ()
    """What the balancer gave each cell, - where it took."""
    balancing_s: float = 0.0
    seen_s: float = 0.0
    """Time with readings."""
    wires: tuple[Line, ...] = ()
    """Of each lead from the first cell's plus on: ohm in each opposite step of its two cells."""
    runtime_s: float | None = None
    reboots_s: tuple[float, ...] = ()
    sensors: tuple[Track | None, ...] = ()
    frozen: Track | None = None
    """All cell voltages unchanged; the value is their sum, what should move it is the current."""
    heat: Heat | None = None
    net_ah: float = 0.0
    moved_ah: float = 0.0
    full_s: float | None = None
    was_full: bool = False
    full_percent: float = 100.0
    """Where a full charge ends on the curve; the charge voltage may lie below the cells' own."""
    capacity: Line = Line()
    """In Ah, counted from full to nearly empty."""
    fulls: tuple[Full, ...] = ()

    @property
    def recent(self) -> Loads:
        """The load steps of the last days; none of them is among the lasting ones."""
        return self.closed.plus(self.block)


class Held(NamedTuple):
    """A clue and since when it has been there."""

    since_s: float
    seen_s: float
    shown: bool
    finding: Finding


class Run(NamedTuple):
    """One device's own voltage against the BMS's, in V over the bank current in A."""

    source: str
    line: Line = Line()
    current: Line = Line()
    """The device's current over the BMS's."""


class DiagnosisMemory(NamedTuple):
    """Everything a diagnosis remembers."""

    at_s: float | None = None
    """Controller time of the last look at the bank."""
    packs: tuple[PackStats, ...] = ()
    runs: tuple[Run, ...] = ()
    held: dict[tuple[str, str, str], Held] = {}  # noqa: RUF012  # replaced, never changed
    """(pack, code, where) → clue; replaced as a whole, never changed in place."""
    findings: tuple[Finding, ...] = ()
    """What holds now, the most urgent first."""
