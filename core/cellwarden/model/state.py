"""States: what the engine decided. Every output gets the same object."""

from dataclasses import dataclass
from enum import Enum

from cellwarden.model.alarm import Alarm, Severity
from cellwarden.model.finding import Finding
from cellwarden.model.insight import (
    NO_SWITCHES,
    Balancing,
    CellEstimate,
    ChargePhase,
    Counters,
    Heating,
    Membership,
    Prediction,
    Switches,
)
from cellwarden.model.limit import Limits
from cellwarden.model.orders import NO_ORDERS, Orders
from cellwarden.model.parameters import Parameters
from cellwarden.model.reading import ExternalMeasurement, Identity, LinkQuality, Reading


class PackPhase(Enum):
    """Where a pack stands."""

    WAITING = "waiting"
    """Nothing usable was heard since the start."""
    ONLINE = "online"
    LOST = "lost"
    """It was online, and nothing usable was heard for longer than the configured age."""


class BankPhase(Enum):
    """Where the whole bank stands; this is what an output's own life follows."""

    STARTING = "starting"
    """No pack has given a usable reading yet: outputs announce nothing."""
    LIVE = "live"
    SILENT = "silent"
    """Every pack is lost: limits are 0 A with a sane CVL, and the alarms say why."""
    GONE = "gone"
    """Silent for too long: outputs leave the ecosystem in its own "BMS gone" state."""
    STOPPING = "stopping"
    """The controller ends: outputs say goodbye (limits 0 A, then "BMS gone") and return."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CellExtreme:
    """The highest or lowest cell."""

    pack: str
    cell: int
    """Number from 1."""
    voltage_v: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SensorExtreme:
    """The warmest or coldest battery sensor."""

    pack: str
    sensor: str
    """`T1`, `T2` ..."""
    temperature_c: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantine:
    """A value that was not believed, and why."""

    what: str
    """`cell 3`, `current`, `T1`, `reading`."""
    value: str
    """As it came, for a person."""
    why: str
    since_s: float
    until_s: float
    """Not believed again before this controller time, in s."""
    measured: float | None = None
    """The number as it came, for a diagnosis; None for what is no number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that changed in one step, for the log: a trip, a release, a reset."""

    at_s: float
    pack: str
    text: str
    severity: Severity | None = None
    """None for good news."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PackState:
    """The engine's answer for one pack.

    Every measured value here was believed. While the pack is not ONLINE they are None, whatever
    was heard before: a reading that is too old is not a reading.
    """

    pack: str
    at_s: float
    """Controller time of this decision, in s."""
    phase: PackPhase
    reading: Reading | None
    """The newest believed reading; None unless ONLINE."""
    age_s: float | None
    """Since the newest believed reading, in s; None if there never was one."""
    limits: Limits
    charge_allowed: bool
    discharge_allowed: bool
    alarms: tuple[Alarm, ...] = ()
    soc_percent: float | None = None
    soc_sigma_percent: float | None = None
    """One standard deviation of `soc_percent`."""
    soc_basis: str = ""
    """What the SoC rests on, for a person."""
    soh_percent: float | None = None
    capacity_ah: float | None = None
    remaining_ah: float | None = None
    power_w: float | None = None
    """Positive while charging."""
    cell_min: CellExtreme | None = None
    cell_max: CellExtreme | None = None
    cell_sum_v: float | None = None
    temperature_min: SensorExtreme | None = None
    temperature_max: SensorExtreme | None = None
    quarantined: tuple[Quarantine, ...] = ()
    findings: tuple[Finding, ...] = ()
    events: tuple[Event, ...] = ()
    """What changed in this very step."""
    identity: Identity | None = None
    link: LinkQuality | None = None
    chemistry: str = ""
    """A name of `CHEMISTRIES`."""
    parameters: Parameters | None = None
    """What the engine works with; `reading.settings` is what the device holds."""
    charge_phase: ChargePhase | None = None
    switches: Switches = NO_SWITCHES
    """What the engine wants of the device."""
    balancing: Balancing | None = None
    heating: Heating | None = None
    prediction: Prediction | None = None
    counters: Counters | None = None
    cells: tuple[CellEstimate, ...] = ()
    """What is known of each cell, in order; empty while nothing is."""

    @property
    def error_codes(self) -> tuple[int, ...]:
        """The manual's error codes 1-9 that are set now, in order (R48)."""
        codes = {alarm.kind.manual_code for alarm in self.alarms}
        return tuple(sorted(code for code in codes if code is not None))

    @property
    def cell_average_v(self) -> float | None:
        """Mean of the cells in V; None unless every cell is known (R32)."""
        if self.cell_sum_v is None or self.reading is None:
            return None
        return self.cell_sum_v / len(self.reading.cell_voltages_v)

    @property
    def cell_difference_v(self) -> float | None:
        """Highest minus lowest cell in V."""
        if self.cell_min is None or self.cell_max is None:
            return None
        return self.cell_max.voltage_v - self.cell_min.voltage_v


@dataclass(frozen=True, slots=True, kw_only=True)
class BankState:
    """All packs as one battery, one consistent moment; what every output is given.

    Sums and extremes are over the packs that are ONLINE. `limits` is None only while STARTING:
    a limit that nobody has decided is not announced.
    """

    name: str
    at_s: float
    """Controller time of this decision, in s."""
    phase: BankPhase
    packs: tuple[PackState, ...]
    """In the configuration's order, lost ones included."""
    limits: Limits | None
    charge_allowed: bool
    discharge_allowed: bool
    alarms: tuple[Alarm, ...] = ()
    """Of every pack and of the bank, the most severe first."""
    data_age_s: float | None = None
    """Age of the oldest reading in use, in s; of the newest ever heard once none is in use."""
    voltage_v: float | None = None
    current_a: float | None = None
    power_w: float | None = None
    soc_percent: float | None = None
    soc_sigma_percent: float | None = None
    soh_percent: float | None = None
    capacity_ah: float | None = None
    """Full capacity of the packs that are in, in Ah."""
    remaining_ah: float | None = None
    installed_ah: float | None = None
    """Design capacity of all configured packs, lost ones included, in Ah."""
    temperature_c: float | None = None
    """Mean of the battery sensors."""
    cell_min: CellExtreme | None = None
    cell_max: CellExtreme | None = None
    temperature_min: SensorExtreme | None = None
    temperature_max: SensorExtreme | None = None
    cycles: int | None = None
    """Of the most cycled pack."""
    external: tuple[ExternalMeasurement, ...] = ()
    """What inverters measure at the bank's terminals; none of it is too old."""
    charge_phase: ChargePhase | None = None
    members: tuple[Membership, ...] = ()
    """Each pack's part, in the configuration's order."""
    orders: Orders = NO_ORDERS
    """What people and systems asked for, as far as it is in effect."""
    prediction: Prediction | None = None
    findings: tuple[Finding, ...] = ()
    """Of the bank itself, such as circulating current; a pack's own stand in its state."""
    events: tuple[Event, ...] = ()
    """What changed for the bank in this very step."""

    @property
    def online(self) -> tuple[PackState, ...]:
        """The packs whose values are in use."""
        return tuple(p for p in self.packs if p.phase is PackPhase.ONLINE)

    @property
    def lost(self) -> tuple[PackState, ...]:
        """The packs that went silent."""
        return tuple(p for p in self.packs if p.phase is PackPhase.LOST)
