"""Readings: what one poll of one pack heard, before anybody has judged it."""

from collections.abc import Mapping
from dataclasses import dataclass

from cellwarden.model.alarm import DeviceAlarm


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who answered, as far as the device tells."""

    manufacturer: str | None = None
    model: str | None = None
    serial_number: str | None = None
    hardware_version: str | None = None
    firmware_version: str | None = None
    name: str | None = None
    """What the owner called it, where the device keeps a name."""
    production_date: str | None = None
    """`2024-05-16`, or `2024-05` where no day is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEntry:
    """One line of the logbook that a BMS keeps."""

    runtime_s: float
    """When, by the device's own count of running time, in s; see `Reading.runtime_s`."""
    code: int
    """As the device numbers it."""
    text: str
    """What the code means; says so where nobody knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One consistent moment of one pack, stamped when the last byte was heard.

    `None` stands where the device does not know or does not tell; it is never 0. Current is
    positive while charging. Cells and sensors are in the device's order, the first is number 1.
    """

    pack: str
    """The pack's name in the configuration."""
    heard_s: float
    """Controller time in s."""
    cell_voltages_v: tuple[float | None, ...] = ()
    voltage_v: float | None = None
    current_a: float | None = None
    temperatures_c: tuple[float | None, ...] = ()
    """Battery sensors T1, T2 ... in order."""
    mos_temperature_c: float | None = None
    soc_percent: float | None = None
    """What the BMS believes, 0..100."""
    soh_percent: float | None = None
    capacity_ah: float | None = None
    """Full capacity that the BMS learned, in Ah."""
    remaining_ah: float | None = None
    cycles: int | None = None
    cycle_charge_ah: float | None = None
    """Discharged charge since the first start, in Ah."""
    runtime_s: float | None = None
    charge_fet_on: bool | None = None
    """What is really on now, as the device reports it."""
    discharge_fet_on: bool | None = None
    balancing: bool | None = None
    heating: bool | None = None
    heating_current_a: float | None = None
    """What flows through the BMS's heating output."""
    charge_switch_on: bool | None = None
    """What its owner wants on; a protection may hold the FET open all the same."""
    discharge_switch_on: bool | None = None
    balance_switch_on: bool | None = None
    heating_switch_on: bool | None = None
    balance_current_a: float | None = None
    wire_resistances_ohm: tuple[float | None, ...] = ()
    alarms: tuple[DeviceAlarm, ...] = ()
    alarm_bits: int | None = None
    """The alarm word as sent, unknown bits included."""
    notices: tuple[str, ...] = ()
    """What the alarm word says besides alarms: what is no danger, and bits that nobody knows."""
    logbook: tuple[LogEntry, ...] = ()
    """What the BMS remembers, newest first; empty where it keeps none or was not asked yet."""
    settings: Mapping[str, float] | None = None
    """Settings the device holds, by the names of `model.parameters`; never a secret."""
    identity: Identity | None = None
    """None until the device has told all it tells; a serial number missing then has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalMeasurement:
    """What somebody else measured, such as the inverter or a shunt."""

    source: str
    """The name of the output that heard it, and where it hears several, which one: `victron:
    solarcharger.ttyO1`."""
    voltage_v: float
    """At the other's own terminals: the cables to the bank lie between."""
    current_a: float | None
    """Positive while charging; None where only the voltage is known."""
    whole_bank: bool = True
    """`current_a` is all that flows into or out of the bank; False: one device's part of it."""
    by_shunt: bool = False
    """Its owner says that this is a shunt in the bank's own lead: good enough to count by."""
    heard_s: float
    """Controller time in s."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surplus:
    """What is generated and neither used nor stored, as somebody measured it."""

    source: str
    """The name of the output that heard it."""
    surplus_w: float
    """What is fed into the grid, without what a battery gives to it; never negative."""
    heard_s: float
    """Controller time in s."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkQuality:
    """How well a device has been answering since the controller started."""

    connected: bool = False
    asked: int = 0
    answered: int = 0
    bad: int = 0
    """Frames that were refused: wrong sum, cut, nonsense."""
    last_answer_s: float | None = None
    """Controller time of the last good answer, in s: its age is the link's."""
    last_error: str = ""
    last_error_s: float | None = None
    """Controller time of the last error, in s."""
