"""Numbers for why a limit is what it is, for readers that know no text. Part of our own map.

The numbers are for good: a new rule gets a new one.
"""

from cellwarden.model import AlarmKind, Limit

NONE, OTHER = 0, 999

RULES = {
    "charge voltage setting": 1,
    "charge current setting": 2,
    "discharge current setting": 3,
    "discharge voltage setting": 4,
    "temperature": 5,
    "MOSFET temperature": 6,
    "cell voltage taper": 7,
    "highest cell": 8,
    "over-voltage": 9,
    "full": 10,
    "deeply discharged cell": 11,
    "dead cell": 12,
    "the charge switch is off in the BMS": 13,
    "the charge MOSFET is off in the BMS": 14,
    "the discharge switch is off in the BMS": 15,
    "the discharge MOSFET is off in the BMS": 16,
    "highest cell held at its target": 18,
    "highest cell far above its target": 19,
    "start-up": 20,
    "waiting for a second reading that agrees": 21,
    "rising slowly": 22,
    "not raised while an input is unknown": 23,
    "too little to be of use": 24,
    "cells out of balance": 26,
    "state of charge": 27,
    "what the board carries": 28,
    "heat in a joint": 29,
    "no reading yet": 30,
    "the pack is lost": 31,
    "the pack is waited for": 32,
    "holding the limits of a lost pack": 33,
    "a pack is lost and the whole bank stops": 34,
    "the controller stops": 40,
    "the controller does not decide": 41,
    "the engine failed": 42,
    "the bank failed": 43,
}
HIGHEST_VOLTAGE = 17
"""The chemistry's own highest voltage: the rule's name has the chemistry in it."""
UNKNOWN_INPUT = 25
"""Some quantity is unknown."""

ALARM_NUMBERS = {
    AlarmKind.CELL_OVERVOLTAGE: 0,
    AlarmKind.CELL_UNDERVOLTAGE: 1,
    AlarmKind.PACK_OVERVOLTAGE: 2,
    AlarmKind.PACK_UNDERVOLTAGE: 3,
    AlarmKind.CHARGE_OVERCURRENT: 4,
    AlarmKind.DISCHARGE_OVERCURRENT: 5,
    AlarmKind.SHORT_CIRCUIT: 6,
    AlarmKind.CHARGE_OVERTEMPERATURE: 7,
    AlarmKind.CHARGE_UNDERTEMPERATURE: 8,
    AlarmKind.DISCHARGE_OVERTEMPERATURE: 9,
    AlarmKind.DISCHARGE_UNDERTEMPERATURE: 10,
    AlarmKind.MOS_OVERTEMPERATURE: 11,
    AlarmKind.CELL_DIFFERENCE: 12,
    AlarmKind.LOW_SOC: 13,
    AlarmKind.TEMPERATURE_SENSOR: 14,
    AlarmKind.CELL_COUNT: 15,
    AlarmKind.IMPLAUSIBLE_DATA: 16,
    AlarmKind.BMS_INTERNAL: 17,
    AlarmKind.BMS_LOST: 18,
    AlarmKind.SHUTDOWN: 19,
    AlarmKind.BALANCE_WIRE: 20,
    AlarmKind.BALANCE_WIRE_OPEN: 21,
    AlarmKind.WIRING: 22,
    AlarmKind.CELL_FAILURE: 23,
    AlarmKind.CURRENT_SENSOR: 24,
    AlarmKind.FET_STUCK: 25,
    AlarmKind.CHARGER_IGNORES_LIMIT: 26,
    AlarmKind.BALANCER: 27,
    AlarmKind.HEATER: 28,
    AlarmKind.SETTINGS: 29,
}
"""The bit of each alarm; as a reason it is 100 more, and 200 more where the BMS itself says it."""

_ALARMS = {kind.value: 100 + number for kind, number in ALARM_NUMBERS.items()} | {
    f"BMS: {kind.value}": 200 + number for kind, number in ALARM_NUMBERS.items()
}


def reason_code(limit: Limit | None) -> int:
    """Return the number of the binding rule; 0 for no limit, 999 for a rule without a number."""
    if limit is None:
        return NONE
    rule = limit.binding.rule
    code = RULES.get(rule) or _ALARMS.get(rule)
    if code is not None:
        return code
    if rule.startswith("highest voltage of "):
        return HIGHEST_VOLTAGE
    return UNKNOWN_INPUT if rule.endswith(" is unknown") else OTHER
