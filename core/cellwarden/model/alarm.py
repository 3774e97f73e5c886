"""Alarms: what a protection says, in one vocabulary for every BMS, engine rule and output."""

from dataclasses import dataclass
from enum import Enum, IntEnum, auto


class Severity(IntEnum):
    """How bad it is; the order lets `max()` pick the worst."""

    WARNING = 1
    """An early sign: nothing is switched off, a limit may be reduced."""
    PROTECTION = 2
    """A protection acted: charging, discharging or both are blocked."""


class AlarmKind(Enum):
    """Which protection it is; the value is the text that people read.

    One vocabulary for what a BMS reports and what the engine finds by itself, so that an output
    maps each kind once. The error codes are those of the JK manual (requirement R48).
    """

    CELL_OVERVOLTAGE = "cell over-voltage"
    CELL_UNDERVOLTAGE = "cell under-voltage"
    PACK_OVERVOLTAGE = "pack over-voltage"
    PACK_UNDERVOLTAGE = "pack under-voltage"
    CHARGE_OVERCURRENT = "charge over-current"
    DISCHARGE_OVERCURRENT = "discharge over-current"
    SHORT_CIRCUIT = "short circuit"
    CHARGE_OVERTEMPERATURE = "over-temperature while charging"
    CHARGE_UNDERTEMPERATURE = "under-temperature while charging"
    DISCHARGE_OVERTEMPERATURE = "over-temperature while discharging"
    DISCHARGE_UNDERTEMPERATURE = "under-temperature while discharging"
    MOS_OVERTEMPERATURE = "MOSFET over-temperature"
    CELL_DIFFERENCE = "cell difference"
    LOW_SOC = "low state of charge"
    TEMPERATURE_SENSOR = "temperature sensor fault"
    CELL_COUNT = "cell count differs from the setting"
    IMPLAUSIBLE_DATA = "implausible data"
    BMS_INTERNAL = "BMS internal fault"
    BMS_LOST = "no data from the BMS"
    SHUTDOWN = "automatic shutdown voltage reached"
    BALANCE_WIRE = "balance lead resistance too high"
    BALANCE_WIRE_OPEN = "balance lead or cell lost"
    WIRING = "wiring fault"
    """Leads swapped, or current of the wrong sign: nothing may be closed."""
    CELL_FAILURE = "cell failure"
    """One cell too high and another too low at the same time (F23)."""
    CURRENT_SENSOR = "current sensor fault"
    FET_STUCK = "MOSFET does not follow its switch"
    CHARGER_IGNORES_LIMIT = "charger ignores the charge limit"
    SETTINGS = "settings of the BMS do not fit the cells"
    BALANCER = "balancer fault"
    HEATER = "heater fault"

    @property
    def manual_code(self) -> int | None:
        """The error code 1-9 of the JK manual, None where the manual has none (R48, X19)."""
        return _MANUAL_CODES.get(self)


_MANUAL_CODES = {
    AlarmKind.CELL_UNDERVOLTAGE: 1,
    AlarmKind.PACK_UNDERVOLTAGE: 1,
    AlarmKind.CELL_OVERVOLTAGE: 2,
    AlarmKind.PACK_OVERVOLTAGE: 2,
    AlarmKind.CHARGE_OVERCURRENT: 3,
    AlarmKind.DISCHARGE_OVERCURRENT: 3,
    AlarmKind.MOS_OVERTEMPERATURE: 4,
    AlarmKind.CHARGE_OVERTEMPERATURE: 5,
    AlarmKind.DISCHARGE_OVERTEMPERATURE: 5,
    AlarmKind.SHORT_CIRCUIT: 6,
    AlarmKind.BMS_INTERNAL: 7,
    AlarmKind.BALANCE_WIRE: 8,
    AlarmKind.CELL_COUNT: 9,
    AlarmKind.BALANCE_WIRE_OPEN: 9,
}


class AlarmSource(Enum):
    """Who raised an alarm."""

    ENGINE = auto()
    DEVICE = auto()
    """The BMS itself reported it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alarm:
    """One active alarm with its evidence and what would end it."""

    kind: AlarmKind
    severity: Severity
    pack: str
    since_s: float
    """Controller time at which it was raised, in s."""
    blocks_charge: bool = False
    blocks_discharge: bool = False
    blocks_balance: bool = False
    """Balancing cannot start (R31)."""
    source: AlarmSource = AlarmSource.ENGINE
    where: str = ""
    """The cell, sensor or link it is about, such as `cell 7` or `T1`; empty for the pack."""
    value: float | None = None
    """What was measured when it was raised, in `unit`."""
    threshold: float | None = None
    unit: str = ""
    releases: str = ""
    """What ends it, for a person: `all cells below 3.400 V`."""

    @property
    def text(self) -> str:
        """One line for a person: `left: cell over-voltage, cell 7 at 3.652 V (limit 3.600 V)`."""
        parts = [f"{self.pack}: {self.kind.value}"]
        if self.value is not None:
            at = f"{self.where} at " if self.where else ""
            parts.append(f", {at}{quantity_text(self.value, self.unit)}")
        elif self.where:
            parts.append(f", {self.where}")
        if self.threshold is not None:
            parts.append(f" (limit {quantity_text(self.threshold, self.unit)})")
        return "".join(parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceAlarm:
    """One alarm bit that a BMS set, in our words."""

    kind: AlarmKind
    severity: Severity
    blocks_charge: bool = False
    blocks_discharge: bool = False
    text: str = ""
    """The maker's own name for the bit."""


_DIGITS = {"V": 3, "A": 1, "°C": 1, "K": 1, "ohm": 3, "%": 1, "s": 1, "W": 0, "Ah": 1}


def quantity_text(value: float, unit: str) -> str:
    """Return a value as people read it: `3.652 V`, `-5.0 °C`, `12 s`."""
    number = f"{value:.{_DIGITS[unit]}f}" if unit in _DIGITS else f"{value:g}"
    return f"{number} {unit}".rstrip()
