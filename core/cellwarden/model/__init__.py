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
from cellwarden.model.finding import Finding, Urgency
from cellwarden.model.inputs import NO_INPUTS, BmsSoc, Inputs
from cellwarden.model.insight import (
    Balancing,
    CellEstimate,
    ChargePhase,
    Counters,
    Estimated,
    Extreme,
    Heating,
    Membership,
    Prediction,
    Standing,
    Switches,
)
from cellwarden.model.limit import Limit, Limits, Reason
from cellwarden.model.orders import NO_ORDERS, ChargeMode, Order, Orders
from cellwarden.model.parameter_rules import broken_rules
from cellwarden.model.parameter_table import PARAMETERS, ParameterSpec
from cellwarden.model.parameters import Parameters, preset
from cellwarden.model.reading import (
    ExternalMeasurement,
    Identity,
    LinkQuality,
    LogEntry,
    Reading,
    Surplus,
)
from cellwarden.model.request import Outcome, Request, RequestKind, Step, Verdict
from cellwarden.model.setting import SWITCHES, Setting, SettingValue
from cellwarden.model.silence import blocked, without_measurements
from cellwarden.model.state import (
    BankPhase,
    BankState,
    CellExtreme,
    Event,
    PackPhase,
    PackState,
    Quarantine,
    SensorExtreme,
)

__all__ = [
    "CHEMISTRIES",
    "HARDWARE_MODELS",
    "NO_INPUTS",
    "NO_ORDERS",
    "PARAMETERS",
    "SWITCHES",
    "Alarm",
    "AlarmKind",
    "AlarmSource",
    "Balancing",
    "BankPhase",
    "BankState",
    "BmsSoc",
    "CellEstimate",
    "CellExtreme",
    "ChargeMode",
    "ChargePhase",
    "Chemistry",
    "Counters",
    "DeviceAlarm",
    "Estimated",
    "Event",
    "ExternalMeasurement",
    "Extreme",
    "Finding",
    "HardwareModel",
    "Heating",
    "Identity",
    "Inputs",
    "Limit",
    "Limits",
    "LinkQuality",
    "LogEntry",
    "Membership",
    "Order",
    "Orders",
    "Outcome",
    "PackPhase",
    "PackState",
    "ParameterSpec",
    "Parameters",
    "Prediction",
    "Quarantine",
    "Reading",
    "Reason",
    "Request",
    "RequestKind",
    "SensorExtreme",
    "Setting",
    "SettingValue",
    "Severity",
    "Standing",
    "Step",
    "Surplus",
    "Switches",
    "Urgency",
    "Verdict",
    "blocked",
    "broken_rules",
    "preset",
    "quantity_text",
    "without_measurements",
]
