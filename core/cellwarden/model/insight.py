"""What the engine works out of a pack besides limits and alarms: all of it estimates or counts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum


class ChargePhase(Enum):
    """Where charging stands."""

    BULK = "bulk"
    """As much current as the limits allow."""
    ABSORPTION = "absorption"
    """At the charge voltage, until the tail current or the balancing is done."""
    FLOAT = "float"
    """Full: held at a lower voltage until rebulk."""
    BLOCKED = "blocked"
    """Nobody may charge."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CellEstimate:
    """What is known of one cell; None where it has not shown yet."""

    cell: int
    """Number from 1."""
    soc_percent: float | None = None
    soc_sigma_percent: float | None = None
    capacity_ah: float | None = None
    capacity_sigma_ah: float | None = None
    resistance_ohm: float | None = None
    """R0 at 25 °C."""
    self_discharge_a: float | None = None
    """Positive: what it loses more than the mean of its neighbours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Balancing:
    """The balancer: what it does and what the planner wants."""

    wanted: bool
    """The planner wants it on."""
    active: bool | None
    """What the device says; None where it does not tell."""
    why: str
    """What the planner rests on, or what stops it, for a person."""
    giving: int | None = None
    """Cell that gives, number from 1."""
    taking: int | None = None
    current_a: float | None = None
    """As the device reports it: negative while a cell is discharged (R29)."""
    debt_ah: tuple[float, ...] = ()
    """Of each cell, charge above (positive) or below the mean, in Ah; empty while unknown."""
    debt_sigma_ah: float | None = None
    done_in_s: float | None = None
    """Predicted time to done; None while unknown or of no use."""
    loss_wh: float | None = None
    """Predicted loss until then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heating:
    """The heater: what is wanted and what it does."""

    wanted: bool
    active: bool | None
    """What the device or the relay says."""
    why: str
    power_w: float | None = None
    """While on, from pack voltage and film resistance."""
    energy_wh: float = 0.0
    """Spent since the first start."""
    ready_in_s: float | None = None
    """Until charging is warm enough, at the rate seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimated:
    """A number with one standard deviation."""

    value: float
    sigma: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """What is to be expected; None where nothing can be said."""

    charge_power_10s_w: Estimated | None = None
    """Highest power that can be taken for 10 s without a protection."""
    charge_power_60s_w: Estimated | None = None
    discharge_power_10s_w: Estimated | None = None
    discharge_power_60s_w: Estimated | None = None
    time_to_full_s: Estimated | None = None
    """At the recent power; None while not charging."""
    time_to_empty_s: Estimated | None = None
    energy_left_wh: Estimated | None = None
    """Until empty, at the recent power."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Extreme:
    """The furthest a value ever went."""

    value: float
    where: str
    """`cell 7`, `T1`; empty for the pack."""
    runtime_s: float
    """Runtime of the pack at that moment, in s since the first start."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counters:
    """What was counted since the first start; it survives restarts."""

    runtime_s: float = 0.0
    charged_ah: float = 0.0
    discharged_ah: float = 0.0
    charged_wh: float = 0.0
    discharged_wh: float = 0.0
    cycles: float = 0.0
    """By throughput: discharged charge over capacity."""
    full_charges: int = 0
    """Charged to saturation, counted once each (R33)."""
    since_full_s: float | None = None
    """Since the last full charge, in s; None if there never was one."""
    extremes: Mapping[str, Extreme] = field(default_factory=dict)
    """`cell_voltage_max_v`, `cell_voltage_min_v`, `current_max_a`, `current_min_a`,
    `temperature_max_c`, `temperature_min_c`, `mos_temperature_max_c`, `soc_min_percent`."""
    alarms: Mapping[str, int] = field(default_factory=dict)
    """Trips by the alarm kind's text."""
    soc_bands_s: Mapping[str, float] = field(default_factory=dict)
    """Time by band, `20..40 %` and so on."""
    temperature_bands_s: Mapping[str, float] = field(default_factory=dict)
    voltage_bands_s: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Switches:
    """What the engine wants of a pack's switches; None: it leaves the switch alone.

    In mode `control` the runtime sees to it where the device can; in mode `monitor` it is
    only shown.
    """

    charge: bool | None = None
    discharge: bool | None = None
    balance: bool | None = None
    heat: bool | None = None


NO_SWITCHES = Switches()
"""The engine wants nothing."""


class Standing(Enum):
    """What part a pack plays in the bank."""

    IN = "in"
    NO_CHARGE = "blocks charging"
    NO_DISCHARGE = "blocks discharging"
    BLOCKED = "blocks both"
    BALANCING = "balancing only"
    IDLE = "carries no current"
    """The others carry everything although its BMS lets current through."""
    JOINING = "joining"
    """Answers, and waits for its voltage to come into the window."""
    WAITING = "not seen yet"
    LOST = "lost"
    HELD = "lost, its limits still count"
    OUT = "taken out"


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    """One pack's part in the bank."""

    pack: str
    standing: Standing
    why: str = ""
    """For a person; empty while it is simply in."""
    charge_share_a: float = 0.0
    """Of the bank's CCL, what this pack is expected to carry."""
    discharge_share_a: float = 0.0
    resistance_ohm: float | None = None
    """As it shows in how the packs share current, cables included."""
