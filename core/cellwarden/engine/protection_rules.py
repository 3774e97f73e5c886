"""The protections as one table: a row says what trips, what releases, how fast, and what it blocks.

Severity comes in rungs: a warning row stands before each protection row. Where the manual gives
no warning value it lies half way between the working range and the trip (ours).
"""

from collections.abc import Callable
from dataclasses import dataclass

from cellwarden.engine.view import Quantity
from cellwarden.model import AlarmKind, Parameters, Severity

Level = str | float | Callable[[Parameters], float | None]
"""A parameter's name, a number, or something worked out from the parameters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One row."""

    name: str
    """Stable: saved records name it."""
    kind: AlarmKind
    severity: Severity = Severity.PROTECTION
    quantity: Quantity
    unit: str
    above: bool
    """True: trips above the threshold; False: below."""
    at: Level
    """The threshold; None switches the row off."""
    reaches: bool = False
    """True: the threshold itself trips."""
    release: Level | None = None
    """Released beyond this on the safe side, by two readings in a row."""
    release_s: Level | None = None
    """Released after this time in s, counted from the alarm, whatever is measured (R15)."""
    delay: Level
    """Unbroken time beyond the threshold in s; at least two readings, so that one bad frame
    never trips."""
    immediate: float | None = None
    """This far beyond the threshold one reading is enough."""
    blocks_charge: bool = False
    blocks_discharge: bool = False
    releases: str
    """What ends it, `{}` being the release value."""


def between(low: str, high: str, part: float) -> Callable[[Parameters], float | None]:
    """Return the level at a part (0..1) of the way from one parameter to another.

    None where one of them is switched off.
    """

    def level(parameters: Parameters) -> float | None:
        start, end = getattr(parameters, low), getattr(parameters, high)
        if start is None or end is None:
            return None
        return float(start + part * (end - start))

    return level


def _low_soc_release(parameters: Parameters) -> float:
    return parameters.low_soc_warning_percent + 5.0


def _difference_release(parameters: Parameters) -> float:
    return 0.8 * parameters.cell_difference_max_v


TEMPERATURE_DELAY_S = 5.0
"""Sensors are slow and so is a battery; foxBMS takes 5 s too (C3)."""
WARNING_DELAY_S = 2.0
VOLTAGE_IMMEDIATE_OVER_V = 0.10  # R12
VOLTAGE_IMMEDIATE_UNDER_V = 0.20  # R12

_W = Severity.WARNING

RULES: tuple[Rule, ...] = (
    Rule(  # R11
        name="cell over-voltage",
        kind=AlarmKind.CELL_OVERVOLTAGE,
        quantity=Quantity.CELL_MAX,
        unit="V",
        above=True,
        at="cell_overvoltage_v",
        release="cell_overvoltage_recovery_v",
        delay="cell_overvoltage_delay_s",
        immediate=VOLTAGE_IMMEDIATE_OVER_V,
        blocks_charge=True,
        releases="all cells are below {}",
    ),
    Rule(  # R10
        name="cell under-voltage",
        kind=AlarmKind.CELL_UNDERVOLTAGE,
        quantity=Quantity.CELL_MIN,
        unit="V",
        above=False,
        at="cell_undervoltage_v",
        release="cell_undervoltage_recovery_v",
        delay="cell_undervoltage_delay_s",
        immediate=VOLTAGE_IMMEDIATE_UNDER_V,
        blocks_discharge=True,
        releases="all cells are above {}",
    ),
    Rule(  # R13; the BMS itself needs activation then, so the alarm stays until it has charged
        name="automatic shutdown",
        kind=AlarmKind.SHUTDOWN,
        quantity=Quantity.CELL_MIN,
        unit="V",
        above=False,
        at="shutdown_v",
        reaches=True,
        release="cell_undervoltage_recovery_v",
        delay="cell_undervoltage_delay_s",
        immediate=VOLTAGE_IMMEDIATE_UNDER_V,
        blocks_discharge=True,
        releases="all cells are above {}",
    ),
    Rule(  # R15
        name="charge over-current",
        kind=AlarmKind.CHARGE_OVERCURRENT,
        quantity=Quantity.CURRENT,
        unit="A",
        above=True,
        at="charge_current_max_a",
        release_s="charge_overcurrent_release_s",
        delay="charge_overcurrent_delay_s",
        blocks_charge=True,
        releases="{} have passed since the alarm",
    ),
    Rule(  # R16
        name="discharge over-current",
        kind=AlarmKind.DISCHARGE_OVERCURRENT,
        quantity=Quantity.CURRENT,
        unit="A",
        above=False,
        at=lambda p: -p.discharge_current_max_a,
        release_s="discharge_overcurrent_release_s",
        delay="discharge_overcurrent_delay_s",
        blocks_discharge=True,
        releases="{} have passed since the alarm",
    ),
    Rule(  # R20; at rest too: an inverter must not even start
        name="charge over-temperature",
        kind=AlarmKind.CHARGE_OVERTEMPERATURE,
        quantity=Quantity.TEMPERATURE_MAX,
        unit="°C",
        above=True,
        at="charge_overtemperature_c",
        release="charge_overtemperature_recovery_c",
        delay=TEMPERATURE_DELAY_S,
        blocks_charge=True,
        releases="all sensors are below {}",
    ),
    Rule(  # R21; at rest too
        name="charge under-temperature",
        kind=AlarmKind.CHARGE_UNDERTEMPERATURE,
        quantity=Quantity.TEMPERATURE_MIN,
        unit="°C",
        above=False,
        at="charge_undertemperature_c",
        release="charge_undertemperature_recovery_c",
        delay=TEMPERATURE_DELAY_S,
        blocks_charge=True,
        releases="all sensors are above {}",
    ),
    Rule(  # R22
        name="discharge over-temperature",
        kind=AlarmKind.DISCHARGE_OVERTEMPERATURE,
        quantity=Quantity.TEMPERATURE_MAX,
        unit="°C",
        above=True,
        at="discharge_overtemperature_c",
        release="discharge_overtemperature_recovery_c",
        delay=TEMPERATURE_DELAY_S,
        blocks_discharge=True,
        releases="all sensors are below {}",
    ),
    Rule(  # R24
        name="discharge under-temperature",
        kind=AlarmKind.DISCHARGE_UNDERTEMPERATURE,
        quantity=Quantity.TEMPERATURE_MIN,
        unit="°C",
        above=False,
        at="discharge_undertemperature_c",
        release="discharge_undertemperature_recovery_c",
        delay=TEMPERATURE_DELAY_S,
        blocks_discharge=True,
        releases="all sensors are above {}",
    ),
    Rule(  # R23
        name="MOSFET over-temperature",
        kind=AlarmKind.MOS_OVERTEMPERATURE,
        quantity=Quantity.MOS_TEMPERATURE,
        unit="°C",
        above=True,
        at="mos_overtemperature_c",
        release="mos_overtemperature_recovery_c",
        delay=TEMPERATURE_DELAY_S,
        blocks_charge=True,
        blocks_discharge=True,
        releases="it is below {}",
    ),
    Rule(  # F11; two readings that agree on the contradiction
        name="sum of cells",
        kind=AlarmKind.IMPLAUSIBLE_DATA,
        quantity=Quantity.SUM_MISMATCH,
        unit="%",
        above=True,
        at=3.0,
        release=2.5,
        delay=0.0,
        blocks_charge=True,
        blocks_discharge=True,
        releases="cells and pack voltage agree within {}",
    ),
    Rule(
        name="cell over-voltage warning",
        kind=AlarmKind.CELL_OVERVOLTAGE,
        severity=_W,
        quantity=Quantity.CELL_MAX,
        unit="V",
        above=True,
        at=between("charge_voltage_v", "cell_overvoltage_v", 0.5),
        release=between("charge_voltage_v", "cell_overvoltage_v", 0.25),
        delay=WARNING_DELAY_S,
        releases="all cells are below {}",
    ),
    Rule(
        name="cell under-voltage warning",
        kind=AlarmKind.CELL_UNDERVOLTAGE,
        severity=_W,
        quantity=Quantity.CELL_MIN,
        unit="V",
        above=False,
        at=between("discharge_voltage_v", "cell_undervoltage_v", 0.5),
        release=between("discharge_voltage_v", "cell_undervoltage_v", 0.25),
        delay=WARNING_DELAY_S,
        releases="all cells are above {}",
    ),
    Rule(
        name="charge over-current warning",
        kind=AlarmKind.CHARGE_OVERCURRENT,
        severity=_W,
        quantity=Quantity.CURRENT,
        unit="A",
        above=True,
        at="charge_current_max_a",
        release=lambda p: 0.98 * p.charge_current_max_a,
        delay=WARNING_DELAY_S,
        releases="the current is below {}",
    ),
    Rule(
        name="discharge over-current warning",
        kind=AlarmKind.DISCHARGE_OVERCURRENT,
        severity=_W,
        quantity=Quantity.CURRENT,
        unit="A",
        above=False,
        at=lambda p: -p.discharge_current_max_a,
        release=lambda p: -0.98 * p.discharge_current_max_a,
        delay=WARNING_DELAY_S,
        releases="the current is above {}",
    ),
    Rule(
        name="charge over-temperature warning",
        kind=AlarmKind.CHARGE_OVERTEMPERATURE,
        severity=_W,
        quantity=Quantity.TEMPERATURE_MAX,
        unit="°C",
        above=True,
        at=between("charge_overtemperature_recovery_c", "charge_overtemperature_c", 0.5),
        release="charge_overtemperature_recovery_c",
        delay=TEMPERATURE_DELAY_S,
        releases="all sensors are below {}",
    ),
    Rule(
        name="charge under-temperature warning",
        kind=AlarmKind.CHARGE_UNDERTEMPERATURE,
        severity=_W,
        quantity=Quantity.TEMPERATURE_MIN,
        unit="°C",
        above=False,
        at=between("charge_undertemperature_recovery_c", "charge_undertemperature_c", 0.5),
        release="charge_undertemperature_recovery_c",
        delay=TEMPERATURE_DELAY_S,
        releases="all sensors are above {}",
    ),
    Rule(
        name="discharge over-temperature warning",
        kind=AlarmKind.DISCHARGE_OVERTEMPERATURE,
        severity=_W,
        quantity=Quantity.TEMPERATURE_MAX,
        unit="°C",
        above=True,
        at=between("discharge_overtemperature_recovery_c", "discharge_overtemperature_c", 0.5),
        release="discharge_overtemperature_recovery_c",
        delay=TEMPERATURE_DELAY_S,
        releases="all sensors are below {}",
    ),
    Rule(
        name="discharge under-temperature warning",
        kind=AlarmKind.DISCHARGE_UNDERTEMPERATURE,
        severity=_W,
        quantity=Quantity.TEMPERATURE_MIN,
        unit="°C",
        above=False,
        at=between("discharge_undertemperature_recovery_c", "discharge_undertemperature_c", 0.5),
        release="discharge_undertemperature_recovery_c",
        delay=TEMPERATURE_DELAY_S,
        releases="all sensors are above {}",
    ),
    Rule(  # X10: trip 75, warn 70, recover 65
        name="MOSFET over-temperature warning",
        kind=AlarmKind.MOS_OVERTEMPERATURE,
        severity=_W,
        quantity=Quantity.MOS_TEMPERATURE,
        unit="°C",
        above=True,
        at=between("mos_overtemperature_recovery_c", "mos_overtemperature_c", 0.5),
        release="mos_overtemperature_recovery_c",
        delay=TEMPERATURE_DELAY_S,
        releases="it is below {}",
    ),
    Rule(
        name="cell difference",
        kind=AlarmKind.CELL_DIFFERENCE,
        severity=_W,
        quantity=Quantity.CELL_DIFFERENCE,
        unit="V",
        above=True,
        at="cell_difference_max_v",
        release=_difference_release,
        delay=WARNING_DELAY_S,
        releases="it is below {}",
    ),
    Rule(  # F11
        name="sum of cells warning",
        kind=AlarmKind.IMPLAUSIBLE_DATA,
        severity=_W,
        quantity=Quantity.SUM_MISMATCH,
        unit="%",
        above=True,
        at=1.0,
        release=0.8,
        delay=10.0,
        releases="cells and pack voltage agree within {}",
    ),
    Rule(
        name="low SoC",
        kind=AlarmKind.LOW_SOC,
        severity=_W,
        quantity=Quantity.SOC,
        unit="%",
        above=False,
        at="low_soc_warning_percent",
        release=_low_soc_release,
        delay=WARNING_DELAY_S,
        releases="it is above {}",
    ),
)
