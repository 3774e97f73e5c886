"""SunSpec's event bits: which alarm of ours sets which. The numbers are those of 802 `Evt1`.

803 `StrEvt1` and 804 `Evt1` use the same, except that bit 24 exists in 802 only.
"""

from collections.abc import Iterable
from enum import IntEnum

from cellwarden.model import Alarm, AlarmKind, Severity


class Event(IntEnum):
    """Bit numbers."""

    COMMUNICATION_ERROR = 0
    OVER_TEMP_ALARM = 1
    OVER_TEMP_WARNING = 2
    UNDER_TEMP_ALARM = 3
    UNDER_TEMP_WARNING = 4
    OVER_CHARGE_CURRENT_ALARM = 5
    OVER_CHARGE_CURRENT_WARNING = 6
    OVER_DISCHARGE_CURRENT_ALARM = 7
    OVER_DISCHARGE_CURRENT_WARNING = 8
    OVER_VOLT_ALARM = 9
    OVER_VOLT_WARNING = 10
    UNDER_VOLT_ALARM = 11
    UNDER_VOLT_WARNING = 12
    UNDER_SOC_MIN_ALARM = 13
    UNDER_SOC_MIN_WARNING = 14
    VOLTAGE_IMBALANCE_WARNING = 17
    OTHER_ALARM = 25
    OTHER_WARNING = 26
    CONFIGURATION_ALARM = 28
    CONFIGURATION_WARNING = 29


_OVER_TEMP = (Event.OVER_TEMP_WARNING, Event.OVER_TEMP_ALARM)
_UNDER_TEMP = (Event.UNDER_TEMP_WARNING, Event.UNDER_TEMP_ALARM)
_OVER_VOLT = (Event.OVER_VOLT_WARNING, Event.OVER_VOLT_ALARM)
_UNDER_VOLT = (Event.UNDER_VOLT_WARNING, Event.UNDER_VOLT_ALARM)
_DISCHARGE = (Event.OVER_DISCHARGE_CURRENT_WARNING, Event.OVER_DISCHARGE_CURRENT_ALARM)
_CHARGE = (Event.OVER_CHARGE_CURRENT_WARNING, Event.OVER_CHARGE_CURRENT_ALARM)
_OTHER = (Event.OTHER_WARNING, Event.OTHER_ALARM)

EVENTS: dict[AlarmKind, tuple[Event, Event]] = {
    # kind: (as a warning, as a protection)
    AlarmKind.CELL_OVERVOLTAGE: _OVER_VOLT,
    AlarmKind.CELL_UNDERVOLTAGE: _UNDER_VOLT,
    AlarmKind.PACK_OVERVOLTAGE: _OVER_VOLT,
    AlarmKind.PACK_UNDERVOLTAGE: _UNDER_VOLT,
    AlarmKind.CHARGE_OVERCURRENT: _CHARGE,
    AlarmKind.DISCHARGE_OVERCURRENT: _DISCHARGE,
    AlarmKind.SHORT_CIRCUIT: _DISCHARGE,
    AlarmKind.CHARGE_OVERTEMPERATURE: _OVER_TEMP,
    AlarmKind.CHARGE_UNDERTEMPERATURE: _UNDER_TEMP,
    AlarmKind.DISCHARGE_OVERTEMPERATURE: _OVER_TEMP,
    AlarmKind.DISCHARGE_UNDERTEMPERATURE: _UNDER_TEMP,
    AlarmKind.MOS_OVERTEMPERATURE: _OVER_TEMP,
    # The imbalance has a warning bit only.
    AlarmKind.CELL_DIFFERENCE: (Event.VOLTAGE_IMBALANCE_WARNING, Event.VOLTAGE_IMBALANCE_WARNING),
    AlarmKind.LOW_SOC: (Event.UNDER_SOC_MIN_WARNING, Event.UNDER_SOC_MIN_ALARM),
    AlarmKind.TEMPERATURE_SENSOR: _OTHER,
    AlarmKind.CELL_COUNT: (Event.CONFIGURATION_WARNING, Event.CONFIGURATION_ALARM),
    AlarmKind.IMPLAUSIBLE_DATA: _OTHER,
    AlarmKind.BMS_INTERNAL: _OTHER,
    AlarmKind.BMS_LOST: (Event.COMMUNICATION_ERROR, Event.COMMUNICATION_ERROR),
    AlarmKind.SHUTDOWN: _UNDER_VOLT,
    AlarmKind.BALANCE_WIRE: _OTHER,
    AlarmKind.BALANCE_WIRE_OPEN: _OTHER,
    AlarmKind.WIRING: _OTHER,
    AlarmKind.CELL_FAILURE: _OTHER,
    AlarmKind.CURRENT_SENSOR: _OTHER,
    AlarmKind.FET_STUCK: _OTHER,
    AlarmKind.CHARGER_IGNORES_LIMIT: _CHARGE,
    AlarmKind.BALANCER: _OTHER,
    AlarmKind.HEATER: _OTHER,
    AlarmKind.SETTINGS: (Event.CONFIGURATION_WARNING, Event.CONFIGURATION_ALARM),
}


def event_word(alarms: Iterable[Alarm], *, lost: bool) -> int:
    """Return the bits of these alarms; `lost` says that telemetry is missing."""
    word = 1 << Event.COMMUNICATION_ERROR if lost else 0
    for alarm in alarms:
        word |= 1 << EVENTS[alarm.kind][alarm.severity is Severity.PROTECTION]
    return word
