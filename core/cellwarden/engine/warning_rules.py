"""The rung below each protection: rows that warn and stop nothing.

Where the manual gives no warning value it lies half way between the working range and the trip
(ours).
"""

from cellwarden.engine.rule import (
    TEMPERATURE_DELAY_S,
    WARNING_DELAY_S,
    Rule,
    between,
)
from cellwarden.engine.view import Quantity
from cellwarden.model import AlarmKind, Parameters, Severity


def _low_soc_release(parameters: Parameters) -> float:
    return parameters.low_soc_warning_percent + 5.0


def _half_way(start: float, end: float) -> float:
    return 0.5 * (start + end)


def _difference_release(parameters: Parameters) -> float:
    return 0.8 * parameters.cell_difference_max_v


_W = Severity.WARNING

WARNINGS: tuple[Rule, ...] = (
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
        name="pack over-voltage warning",
        kind=AlarmKind.PACK_OVERVOLTAGE,
        severity=_W,
        quantity=Quantity.VOLTAGE,
        unit="V",
        above=True,
        at=lambda p: _half_way(p.cell_count * p.charge_voltage_v, p.pack_overvoltage_v),
        release=lambda p: p.cell_count * p.charge_voltage_v,
        delay=WARNING_DELAY_S,
        releases="the pack is below {}",
    ),
    Rule(
        name="pack under-voltage warning",
        kind=AlarmKind.PACK_UNDERVOLTAGE,
        severity=_W,
        quantity=Quantity.VOLTAGE,
        unit="V",
        above=False,
        at=lambda p: _half_way(p.cell_count * p.discharge_voltage_v, p.pack_undervoltage_v),
        release=lambda p: p.cell_count * p.discharge_voltage_v,
        delay=WARNING_DELAY_S,
        releases="the pack is above {}",
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
    Rule(  # F20: the limits take the worst of both; the person should look
        name="battery sensors differ",
        kind=AlarmKind.TEMPERATURE_SENSOR,
        severity=_W,
        quantity=Quantity.TEMPERATURE_DIFFERENCE,
        unit="K",
        above=True,
        at="temperature_difference_max_c",
        release=lambda p: 0.8 * p.temperature_difference_max_c,
        delay=TEMPERATURE_DELAY_S,
        releases="they differ by less than {}",
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
