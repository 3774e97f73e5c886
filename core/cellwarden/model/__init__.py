"""What crosses borders: plain frozen data, units in the names, no behaviour beyond reading it.

Current is positive while charging, `soc_percent` is 0..100, temperatures are °C, times ending in
`_s` are controller time (monotonic). None means unknown and is never 0 or an old value.
"""

from cellwarden.model.alarm import (
    Alarm,
    AlarmKind,
    AlarmSource,
    DeviceAlarm,
    Severity,
    quantity_text,
)
from cellwarden.model.catalog import CHEMISTRIES, HARDWARE_MODELS, Chemistry, HardwareModel
from cellwarden.model.limit import Limit, Limits, Reason
from cellwarden.model.parameters import PARAMETERS, Parameters, ParameterSpec, broken_rules, preset
from cellwarden.model.reading import ExternalMeasurement, Identity, LinkQuality, Reading
from cellwarden.model.request import Outcome, Request, RequestKind, Verdict
from cellwarden.model.state import (
    BankPhase,
    BankState,
    CellExtreme,
    Event,
    Finding,
    PackPhase,
    PackState,
    Quarantine,
    SensorExtreme,
)

__all__ = [
    "CHEMISTRIES",
    "HARDWARE_MODELS",
    "PARAMETERS",
    "Alarm",
    "AlarmKind",
    "AlarmSource",
    "BankPhase",
    "BankState",
    "CellExtreme",
    "Chemistry",
    "DeviceAlarm",
    "Event",
    "ExternalMeasurement",
    "Finding",
    "HardwareModel",
    "Identity",
    "Limit",
    "Limits",
    "LinkQuality",
    "Outcome",
    "PackPhase",
    "PackState",
    "ParameterSpec",
    "Parameters",
    "Quarantine",
    "Reading",
    "Reason",
    "Request",
    "RequestKind",
    "SensorExtreme",
    "Severity",
    "Verdict",
    "broken_rules",
    "preset",
    "quantity_text",
]
