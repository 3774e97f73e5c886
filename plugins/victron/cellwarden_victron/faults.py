"""Alarms as Victron's error numbers, and the last of them. Pure."""

from collections.abc import Callable

from cellwarden.model import AlarmKind, BankPhase, BankState, Severity
from cellwarden_victron.rows import Fault, Own
from cellwarden_victron.sources import Value

REMEMBERED = 4
"""What Modbus has registers for."""

NO_BATTERIES = 2
ERROR_CODES: dict[AlarmKind, int] = {
    # The first that is set is shown: what is dangerous stands before what only measures.
    AlarmKind.SHORT_CIRCUIT: 27,
    AlarmKind.WIRING: 9,
    AlarmKind.CELL_FAILURE: 17,
    AlarmKind.FET_STUCK: 26,
    AlarmKind.CELL_OVERVOLTAGE: 13,
    AlarmKind.PACK_OVERVOLTAGE: 13,
    AlarmKind.CELL_UNDERVOLTAGE: 14,
    AlarmKind.PACK_UNDERVOLTAGE: 14,
    AlarmKind.SHUTDOWN: 14,
    AlarmKind.CHARGE_OVERCURRENT: 27,
    AlarmKind.DISCHARGE_OVERCURRENT: 27,
    AlarmKind.CHARGER_IGNORES_LIMIT: 27,
    AlarmKind.CHARGE_OVERTEMPERATURE: 15,
    AlarmKind.DISCHARGE_OVERTEMPERATURE: 15,
    AlarmKind.MOS_OVERTEMPERATURE: 15,
    AlarmKind.CHARGE_UNDERTEMPERATURE: 16,
    AlarmKind.DISCHARGE_UNDERTEMPERATURE: 16,
    AlarmKind.BALANCE_WIRE_OPEN: 17,
    AlarmKind.BMS_INTERNAL: 11,
    AlarmKind.CELL_COUNT: 5,
    AlarmKind.SETTINGS: 119,
    AlarmKind.CURRENT_SENSOR: 7,
    AlarmKind.TEMPERATURE_SENSOR: 7,
    AlarmKind.IMPLAUSIBLE_DATA: 7,
    AlarmKind.BALANCE_WIRE: 17,
    AlarmKind.CELL_DIFFERENCE: 17,
    AlarmKind.BALANCER: 17,
    AlarmKind.HEATER: 17,
    AlarmKind.BMS_LOST: 23,
    AlarmKind.LOW_SOC: 0,
}
"""What `/ErrorCode` says of each kind of alarm once a protection has acted."""

_CONNECTED, _TOO_WARM, _WARM, _FAULT, _TRIPPED, _TOO_LOW = range(0x100, 0x106)
_WARM_KINDS = frozenset(kind for kind, code in ERROR_CODES.items() if code == 15)
_LOW_KINDS = frozenset(kind for kind, code in ERROR_CODES.items() if code == 14)


def error_code(state: BankState) -> int:
    """Return Victron's number of the worst protection that acted, 0 while none has."""
    if state.phase in (BankPhase.SILENT, BankPhase.GONE):
        return NO_BATTERIES
    acted = {alarm.kind for alarm in state.alarms if alarm.severity is Severity.PROTECTION}
    return next((code for kind, code in ERROR_CODES.items() if kind in acted), 0)


def device_state(state: BankState) -> Value:
    """Return `/DeviceState` of the community's GUI pages."""
    acted = {alarm.kind for alarm in state.alarms if alarm.severity is Severity.PROTECTION}
    if state.phase is not BankPhase.LIVE:
        return _FAULT
    if acted & _WARM_KINDS:
        return _TOO_WARM
    if acted & _LOW_KINDS:
        return _TOO_LOW
    if acted:
        return _TRIPPED
    return _WARM if any(a.kind in _WARM_KINDS for a in state.alarms) else _CONNECTED


def with_fault(faults: tuple[Fault, ...], before: int, code: int, at_s: int) -> tuple[Fault, ...]:
    """Return the remembered faults after the error code went from `before` to `code`."""
    if code in (0, before):
        return faults
    return (Fault(code, at_s), *faults)[:REMEMBERED]


def remembered(number: int, field: str) -> Callable[[Own], Value]:
    """Return a field of one of the last faults; the newest is number 0."""

    def read(own: Own) -> Value:
        if number >= len(own.faults):
            return None
        value: int = getattr(own.faults[number], field)
        return value

    return read
