"""The table of everything the battery service publishes.

One row is one D-Bus object: its path, D-Bus type, where the value comes from, who reads it, unit
and digits. Types matter: Venus' system calculator dies of a `/ProductId` that is no integer. So
physics is a double, flags and counts are integers, ids of cells are strings.

Readers, by a letter: S dbus-systemcalc-py (DVCC and the system page), G gui-v2, M the register
list of dbus_modbustcp, C the community's GUI pages. MQTT and VRM take whatever is there.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from cellwarden import __version__
from cellwarden.model import AlarmKind, BankState
from cellwarden_victron import sources
from cellwarden_victron.sources import Value

PRODUCT_ID = 0xCE11
"""In neither table of Venus' special cases, so that CVL, CCL and DCL are obeyed as sent: with
0xB009 and its neighbours they would be overridden. Not assigned by Victron, and not one that
another project uses (0xBA77, 0xBA44)."""

Source = TypeVar("Source")


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What never changes while the service is up."""

    product_name: str
    custom_name: str
    connection: str
    device_instance: int
    bluetooth: bool = False


@dataclass(frozen=True, slots=True)
class Path(Generic[Source]):
    """One published item."""

    path: str
    kind: Literal["i", "d", "s"]
    """The D-Bus type while the value is known; the invalid marker has a type of its own."""
    read: Callable[[Source], Value]
    readers: str = ""
    unit: str = ""
    digits: int = 0
    """Decimals of a double: what is rounded away makes no traffic."""


BMS_CABLE = "/Alarms/BmsCable"

ALARM_PATHS: dict[AlarmKind, str] = {
    AlarmKind.CELL_OVERVOLTAGE: "/Alarms/HighCellVoltage",
    AlarmKind.CELL_UNDERVOLTAGE: "/Alarms/LowCellVoltage",
    AlarmKind.PACK_OVERVOLTAGE: "/Alarms/HighVoltage",
    AlarmKind.PACK_UNDERVOLTAGE: "/Alarms/LowVoltage",
    AlarmKind.CHARGE_OVERCURRENT: "/Alarms/HighChargeCurrent",
    AlarmKind.DISCHARGE_OVERCURRENT: "/Alarms/HighDischargeCurrent",
    AlarmKind.SHORT_CIRCUIT: "/Alarms/HighCurrent",
    AlarmKind.CHARGE_OVERTEMPERATURE: "/Alarms/HighChargeTemperature",
    AlarmKind.CHARGE_UNDERTEMPERATURE: "/Alarms/LowChargeTemperature",
    AlarmKind.DISCHARGE_OVERTEMPERATURE: "/Alarms/HighTemperature",
    AlarmKind.DISCHARGE_UNDERTEMPERATURE: "/Alarms/LowTemperature",
    AlarmKind.MOS_OVERTEMPERATURE: "/Alarms/HighInternalTemperature",
    AlarmKind.CELL_DIFFERENCE: "/Alarms/CellImbalance",
    AlarmKind.LOW_SOC: "/Alarms/LowSoc",
    AlarmKind.TEMPERATURE_SENSOR: "/Alarms/BatteryTemperatureSensor",
    AlarmKind.CELL_COUNT: "/Alarms/InternalFailure",
    AlarmKind.IMPLAUSIBLE_DATA: "/Alarms/InternalFailure",
    AlarmKind.BMS_INTERNAL: "/Alarms/InternalFailure",
    AlarmKind.BMS_LOST: BMS_CABLE,
    AlarmKind.SHUTDOWN: "/Alarms/LowVoltage",
    AlarmKind.BALANCE_WIRE: "/Alarms/CellImbalance",
    AlarmKind.BALANCE_WIRE_OPEN: "/Alarms/InternalFailure",
    AlarmKind.WIRING: "/Alarms/InternalFailure",
    AlarmKind.CELL_FAILURE: "/Alarms/InternalFailure",
    AlarmKind.CURRENT_SENSOR: "/Alarms/InternalFailure",
    AlarmKind.FET_STUCK: "/Alarms/InternalFailure",
    AlarmKind.CHARGER_IGNORES_LIMIT: "/Alarms/HighChargeCurrent",
    AlarmKind.BALANCER: "/Alarms/InternalFailure",
    AlarmKind.HEATER: "/Alarms/InternalFailure",
}
"""Where each kind of alarm is shown."""


def _alarm(path: str) -> Path[BankState]:
    kinds = (kind for kind, shown in ALARM_PATHS.items() if shown == path)
    read = sources.bms_cable if path == BMS_CABLE else sources.alarm_level(*kinds)
    return Path(path, "i", read, "GM")


# fmt: off
FIXED: tuple[Path[About], ...] = (
    Path("/Mgmt/ProcessName", "s", lambda _: "cellwarden"),
    Path("/Mgmt/ProcessVersion", "s", lambda _: __version__),
    # Shown as "<product> on <connection>"; without both Venus does not take it for a battery.
    Path("/ProductName", "s", lambda about: about.product_name, "SG"),
    Path("/Mgmt/Connection", "s", lambda about: about.connection, "SG"),
    Path("/Mgmt/InsecureConnection", "i", lambda about: int(about.bluetooth), "S"),
    Path("/DeviceInstance", "i", lambda about: about.device_instance, "SG"),
    Path("/ProductId", "i", lambda _: PRODUCT_ID, "SG"),
    Path("/CustomName", "s", lambda about: about.custom_name, "SGM"),
    Path("/FirmwareVersion", "s", lambda _: __version__, "G"),
    Path("/Connected", "i", lambda _: 1, "SG"),
)
"""Said once."""

MOVING: tuple[Path[BankState], ...] = (
    Path("/HardwareVersion", "s", sources.common("hardware_version"), "G"),
    Path("/Manufacturer", "s", sources.common("manufacturer"), "G"),
    Path("/DeviceName", "s", sources.common("model"), "G"),
    Path("/Serial", "s", sources.serial_number, "G"),
    # Measurements. Venus does not compute a battery's power by itself.
    Path("/Dc/0/Voltage", "d", lambda s: s.voltage_v, "SGM", "V", 2),
    Path("/Dc/0/Current", "d", lambda s: s.current_a, "SGM", "A", 2),
    Path("/Dc/0/Power", "d", lambda s: s.power_w, "SGM", "W"),
    Path("/Dc/0/Temperature", "d", lambda s: s.temperature_c, "SGM", "°C", 1),
    Path("/Soc", "d", lambda s: s.soc_percent, "SGM", "%", 1),
    Path("/Soh", "d", lambda s: s.soh_percent, "GM", "%", 1),
    Path("/InstalledCapacity", "d", lambda s: s.installed_ah, "SG", "Ah", 1),
    Path("/Capacity", "d", lambda s: s.remaining_ah, "SGM", "Ah", 1),
    Path("/ConsumedAmphours", "d", sources.consumed_ah, "SGM", "Ah", 1),
    Path("/TimeToGo", "i", sources.time_to_go_s, "SGM", "s"),
    # Limits. A valid MaxChargeVoltage is what makes this service a BMS.
    Path("/Info/MaxChargeVoltage", "d", sources.charge_voltage_v, "SGM", "V", 2),
    Path("/Info/MaxChargeCurrent", "d", sources.charge_current_a, "SGM", "A", 1),
    Path("/Info/MaxDischargeCurrent", "d", sources.discharge_current_a, "SGM", "A", 1),
    Path("/Info/BatteryLowVoltage", "d", sources.discharge_voltage_v, "SGM", "V", 2),
    Path("/Info/ChargeMode", "s", sources.reason_of(lambda x: x.charge_voltage), "C"),
    Path("/Info/ChargeLimitation", "s", sources.reason_of(lambda x: x.charge_current), "C"),
    Path("/Info/DischargeLimitation", "s", sources.reason_of(lambda x: x.discharge_current), "C"),
    # Extremes.
    Path("/System/MinCellVoltage", "d", sources.voltage_v(lambda s: s.cell_min), "SGM", "V", 3),
    Path("/System/MinVoltageCellId", "s", sources.cell_id(lambda s: s.cell_min), "GM"),
    Path("/System/MaxCellVoltage", "d", sources.voltage_v(lambda s: s.cell_max), "SGM", "V", 3),
    Path("/System/MaxVoltageCellId", "s", sources.cell_id(lambda s: s.cell_max), "GM"),
    Path("/System/MinCellTemperature", "d",
         sources.temperature_c(lambda s: s.temperature_min), "GM", "°C", 1),
    Path("/System/MinTemperatureCellId", "s", sources.sensor_id(lambda s: s.temperature_min), "GM"),
    Path("/System/MaxCellTemperature", "d",
         sources.temperature_c(lambda s: s.temperature_max), "GM", "°C", 1),
    Path("/System/MaxTemperatureCellId", "s", sources.sensor_id(lambda s: s.temperature_max), "GM"),
    Path("/System/MOSTemperature", "d", sources.warmest_mos_c, "C", "°C", 1),
    Path("/Voltages/Diff", "d", sources.cell_difference_v, "C", "V", 3),
    # Counts.
    Path("/System/NrOfCellsPerBattery", "i", sources.cells_per_battery, "GM"),
    Path("/System/NrOfBatteries", "i", lambda s: len(s.packs), "GM"),
    Path("/System/BatteriesParallel", "i", lambda s: len(s.packs), "GM"),
    Path("/System/BatteriesSeries", "i", lambda _: 1, "GM"),
    Path("/System/NrOfModulesOnline", "i", lambda s: len(s.online), "GM"),
    Path("/System/NrOfModulesOffline", "i", lambda s: len(s.packs) - len(s.online), "GM"),
    Path("/System/NrOfModulesBlockingCharge", "i",
         lambda s: sum(not p.charge_allowed for p in s.online), "GM"),
    Path("/System/NrOfModulesBlockingDischarge", "i",
         lambda s: sum(not p.discharge_allowed for p in s.online), "GM"),
    Path("/History/ChargeCycles", "i", lambda s: s.cycles, "GM"),
    # Switches: for information, Venus obeys the current limits.
    Path("/Balancing", "i", sources.any_pack("balancing"), "GM"),
    Path("/Heating", "i", sources.any_pack("heating"), "C"),
    Path("/Io/AllowToCharge", "i", sources.charge_allowed, "GM"),
    Path("/Io/AllowToDischarge", "i", sources.discharge_allowed, "GM"),
    Path("/Io/AllowToBalance", "i", sources.any_pack("balance_switch_on"), "C"),
    # State and alarms.
    Path("/State", "i", sources.venus_state, "GM"),
    Path("/ConnectionInformation", "s", sources.connection_information, "GM"),
    *(_alarm(path) for path in dict.fromkeys(ALARM_PATHS.values())),
)
"""Read from every new state."""
# fmt: on

_ALL: tuple[Path[About] | Path[BankState], ...] = (*FIXED, *MOVING)
BY_PATH = {row.path: row for row in _ALL}
