"""The tables of everything a battery service publishes.

One row is one D-Bus object: its path, D-Bus type, where the value comes from, who reads it, unit,
digits and pace. Types matter: Venus' system calculator dies of a `/ProductId` that is no integer.
So physics is a double, flags and counts are integers, ids of cells are strings.

Readers, by a letter: S dbus-systemcalc-py (DVCC and the system page), G gui-v2, M the register
list of dbus_modbustcp, C the community's GUI pages. MQTT and VRM take whatever is there.
"""

from dataclasses import dataclass

from cellwarden import __version__
from cellwarden.model import AlarmKind, BankState
from cellwarden_victron import details, faults, history, sources
from cellwarden_victron.controls import BANK_CONTROLS, PACK_CONTROLS, Control
from cellwarden_victron.rows import RARE_S, SLOW_S, About, Own, Path

PRODUCT_ID = 0xCE11
"""In neither table of Venus' special cases, so that CVL, CCL and DCL are obeyed as sent: with
0xB009 and its neighbours they would be overridden. Not assigned by Victron, and not one that
another project uses (0xBA77, 0xBA44)."""

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
    AlarmKind.FET_STUCK: "/Alarms/Contactor",
    AlarmKind.CHARGER_IGNORES_LIMIT: "/Alarms/HighChargeCurrent",
    AlarmKind.BALANCER: "/Alarms/InternalFailure",
    AlarmKind.HEATER: "/Alarms/InternalFailure",
    AlarmKind.SETTINGS: "/Alarms/InternalFailure",
}
"""Where each kind of alarm is shown."""


def _kinds(path: str) -> tuple[AlarmKind, ...]:
    return tuple(kind for kind, shown in ALARM_PATHS.items() if shown == path)


def _alarm(path: str) -> Path[BankState]:
    read = sources.bms_cable if path == BMS_CABLE else sources.alarm_level(*_kinds(path))
    return Path(path, "i", read, "GM", urgent="rise", by_alarms=True)


def _control(control: Control) -> Path[Own]:
    path = control.path
    return Path(path, control.kind, lambda own: own.controls.get(path), "C", control.unit)


def _named(text: str) -> sources.Read:
    return lambda _: text


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
    Path("/History/CanBeCleared", "i", lambda _: 0, "G"),
    Path("/Settings/HasTemperature", "i", lambda _: 1, "G"),
)
"""Said once, or when a person changes it."""

LIMITS: tuple[Path[BankState], ...] = (
    # A valid MaxChargeVoltage is what makes a service a BMS, and the path alone makes it the first
    # choice: a pack beside its bank has none of these.
    Path("/Info/MaxChargeVoltage", "d", sources.charge_voltage_v, "SGM", "V", 2, urgent="fall"),
    Path("/Info/MaxChargeCurrent", "d", sources.charge_current_a, "SGM", "A", 1, urgent="fall"),
    Path("/Info/MaxDischargeCurrent", "d",
         sources.discharge_current_a, "SGM", "A", 1, urgent="fall"),
    Path("/Info/BatteryLowVoltage", "d", sources.discharge_voltage_v, "SGM", "V", 2),
    Path("/Info/MaxChargeCellVoltage", "d", sources.charge_cell_voltage_v, "C", "V", 3),
    Path("/Info/ChargeRequest", "i", sources.charge_request, "SG"),
    Path("/Info/FullChargeRequest", "i", sources.full_charge_request, "G"),
)
"""Of the service that is the BMS."""

MOVING: tuple[Path[BankState], ...] = (
    Path("/HardwareVersion", "s", sources.common("hardware_version"), "G", every_s=SLOW_S),
    Path("/Manufacturer", "s", sources.common("manufacturer"), "G", every_s=SLOW_S),
    Path("/DeviceName", "s", sources.common("model"), "G", every_s=SLOW_S),
    Path("/Serial", "s", sources.serial_number, "G", every_s=SLOW_S),
    # Measurements. Venus does not compute a battery's power by itself.
    Path("/Dc/0/Voltage", "d", lambda s: s.voltage_v, "SGM", "V", 2),
    Path("/Dc/0/Current", "d", lambda s: s.current_a, "SGM", "A", 1),
    Path("/Dc/0/Power", "d", lambda s: s.power_w, "SGM", "W"),
    Path("/Dc/0/Temperature", "d", lambda s: s.temperature_c, "SGM", "°C", 1, SLOW_S),
    Path("/Soc", "d", lambda s: s.soc_percent, "SGM", "%", 1, SLOW_S),
    Path("/Soh", "d", lambda s: s.soh_percent, "GM", "%", 1, RARE_S),
    Path("/InstalledCapacity", "d", lambda s: s.installed_ah, "SG", "Ah", 1, SLOW_S),
    Path("/Capacity", "d", lambda s: s.remaining_ah, "SGM", "Ah", 1, SLOW_S),
    Path("/ConsumedAmphours", "d", sources.consumed_ah, "SGM", "Ah", 1, SLOW_S),
    Path("/TimeToGo", "i", sources.time_to_go_s, "SGM", "s", 0, RARE_S),
    # Why the limits are what they are.
    Path("/Info/ChargeMode", "s", sources.charge_mode, "C"),
    Path("/Info/ChargeModeDebug", "s", sources.chain_of(lambda x: x.charge_voltage), "C"),
    Path("/Info/ChargeLimitation", "s", sources.reason_of(lambda x: x.charge_current), "C"),
    Path("/Info/DischargeLimitation", "s", sources.reason_of(lambda x: x.discharge_current), "C"),
    Path("/Info/HeatingPower", "d", details.heating_power_w, "C", "W", 0, SLOW_S),
    Path("/Info/HeatingCurrent", "d", details.heating_current_a, "C", "A", 1, SLOW_S),
    Path("/Info/HeatingTemperatureStart", "d",
         details.parameter("charge_undertemperature_c"), "C", "°C", 1, RARE_S),
    Path("/Info/HeatingTemperatureStop", "d",
         details.parameter("charge_undertemperature_recovery_c"), "C", "°C", 1, RARE_S),
    # Extremes.
    Path("/System/MinCellVoltage", "d",
         sources.voltage_v(lambda s: s.cell_min), "SGM", "V", 3, SLOW_S),
    Path("/System/MinVoltageCellId", "s",
         sources.cell_id(lambda s: s.cell_min), "GM", every_s=SLOW_S),
    Path("/System/MaxCellVoltage", "d",
         sources.voltage_v(lambda s: s.cell_max), "SGM", "V", 3, SLOW_S),
    Path("/System/MaxVoltageCellId", "s",
         sources.cell_id(lambda s: s.cell_max), "GM", every_s=SLOW_S),
    Path("/System/MinCellTemperature", "d",
         sources.temperature_c(lambda s: s.temperature_min), "GM", "°C", 1, SLOW_S),
    Path("/System/MinTemperatureCellId", "s",
         sources.sensor_id(lambda s: s.temperature_min), "GM", every_s=SLOW_S),
    Path("/System/MaxCellTemperature", "d",
         sources.temperature_c(lambda s: s.temperature_max), "GM", "°C", 1, SLOW_S),
    Path("/System/MaxTemperatureCellId", "s",
         sources.sensor_id(lambda s: s.temperature_max), "GM", every_s=SLOW_S),
    Path("/System/MOSTemperature", "d", sources.warmest_mos_c, "C", "°C", 1, SLOW_S),
    Path("/Voltages/Diff", "d", sources.cell_difference_v, "C", "V", 3, SLOW_S),
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
    # Switches: for information, Venus obeys the current limits.
    Path("/Balancing", "i", details.balancing, "GM", every_s=SLOW_S),
    Path("/Heating", "i", details.heating, "C"),
    Path("/Io/AllowToCharge", "i", sources.charge_allowed, "GM", urgent="fall"),
    Path("/Io/AllowToDischarge", "i", sources.discharge_allowed, "GM", urgent="fall"),
    Path("/Io/AllowToBalance", "i", sources.any_pack("balance_switch_on"), "C"),
    Path("/Io/AllowToHeat", "i", sources.any_pack("heating_switch_on"), "C"),
    # State, errors and alarms.
    Path("/State", "i", sources.venus_state, "GM", urgent="any"),
    Path("/DeviceState", "i", faults.device_state, "C", by_alarms=True),
    Path("/ErrorCode", "i", faults.error_code, "GM", by_alarms=True),
    Path("/ConnectionInformation", "s", sources.connection_information, "GM"),
    *(_alarm(path) for path in dict.fromkeys(ALARM_PATHS.values())),
    # History: charge that was drawn is negative.
    Path("/History/ChargeCycles", "i", lambda s: s.cycles, "GM", every_s=RARE_S),
    Path("/History/AutomaticSyncs", "i", history.full_charges, "GM", every_s=RARE_S),
    Path("/History/DeepestDischarge", "d", history.deepest_ah, "GM", "Ah", 1, RARE_S),
    Path("/History/TotalAhDrawn", "d", history.drawn_ah, "GM", "Ah", 0, RARE_S),
    Path("/History/TimeSinceLastFullCharge", "i", history.since_full_s, "GM", "s", 0, RARE_S),
    Path("/History/MinimumCellVoltage", "d",
         history.lowest("cell_voltage_min_v"), "GM", "V", 3, RARE_S),
    Path("/History/MaximumCellVoltage", "d",
         history.highest("cell_voltage_max_v"), "GM", "V", 3, RARE_S),
    Path("/History/MinimumTemperature", "d",
         history.lowest("temperature_min_c"), "G", "°C", 1, RARE_S),
    Path("/History/MaximumTemperature", "d",
         history.highest("temperature_max_c"), "G", "°C", 1, RARE_S),
    Path("/History/LowVoltageAlarms", "i", history.trips(
        AlarmKind.CELL_UNDERVOLTAGE, AlarmKind.PACK_UNDERVOLTAGE), "GM", every_s=RARE_S),
    Path("/History/HighVoltageAlarms", "i", history.trips(
        AlarmKind.CELL_OVERVOLTAGE, AlarmKind.PACK_OVERVOLTAGE), "GM", every_s=RARE_S),
    Path("/History/DischargedEnergy", "d", history.discharged_kwh, "GM", "kWh", 1, RARE_S),
    Path("/History/ChargedEnergy", "d", history.charged_kwh, "GM", "kWh", 1, RARE_S),
)
"""Read from every new state: of the bank, or of one pack as if it were one."""

OWN: tuple[Path[Own], ...] = (
    Path("/CurrentAvg", "d", lambda own: own.current_avg_a, "C", "A", 1, SLOW_S),
    *(
        row
        for n in range(faults.REMEMBERED)
        for row in (
            Path(f"/Diagnostics/LastErrors/{n + 1}/Error", "i", faults.remembered(n, "code"), "GM"),
            Path(f"/Diagnostics/LastErrors/{n + 1}/Time", "i", faults.remembered(n, "at_s"), "GM"),
        )
    ),
)
"""What the output itself remembers."""


def cell_rows(cells: int, sensors: int) -> tuple[Path[BankState], ...]:
    """Return the rows of one pack's cells and sensors, numbered from 1."""
    return (
        Path("/Voltages/Sum", "d", lambda s: s.packs[0].cell_sum_v, "C", "V", 2, SLOW_S),
        *(
            row
            for n in range(cells)
            for row in (
                Path(f"/Voltages/Cell{n + 1}", "d", details.cell_v(n), "C", "V", 3, SLOW_S),
                Path(f"/Balances/Cell{n + 1}", "i", details.cell_balances(n), "C", every_s=SLOW_S),
            )
        ),
        *(
            row
            for n in range(min(sensors, 4))
            for row in (
                Path(f"/System/Temperature{n + 1}", "d",
                     details.sensor_c(n), "C", "°C", 1, SLOW_S),
                Path(f"/System/Temperature{n + 1}Name", "s", _named(f"T{n + 1}"), "C",
                     by_alarms=True),
            )
        ),
    )


def module_rows(number: int) -> tuple[Path[BankState], ...]:
    """Return the diagnostics of one of several packs; the first is module 0."""
    at = f"/Diagnostics/Module{number}"

    def of(read: sources.ReadPack) -> sources.Read:
        return lambda s: read(s.packs[number]) if number < len(s.packs) else None

    def level(kinds: tuple[AlarmKind, ...]) -> sources.ReadPack:
        return lambda pack: sources.worst(pack.alarms, kinds)

    return (
        Path(f"{at}/Id", "s", of(lambda p: p.pack), "G", by_alarms=True),
        Path(f"{at}/Standing", "s", sources.standing(number)),
        Path(f"{at}/Voltage", "d", of(sources.pack_voltage_v), "", "V", 2, SLOW_S),
        Path(f"{at}/Current", "d", of(sources.pack_current_a), "", "A", 1, SLOW_S),
        Path(f"{at}/Soc", "d", of(lambda p: p.soc_percent), "", "%", 1, SLOW_S),
        *(
            Path(at + path, "i",
                 of(sources.pack_cable if path == BMS_CABLE else level(_kinds(path))), "G",
                 by_alarms=True)
            for path in dict.fromkeys(ALARM_PATHS.values())
        ),
    )
# fmt: on


@dataclass(frozen=True, slots=True)
class Shape:
    """What decides which items a service has."""

    bms: bool
    """It is the BMS, and not a pack beside its bank."""
    packs: int
    cells: int = 0
    """Of its only pack; a bank of several shows none."""
    sensors: int = 0


def shape_of(state: BankState, *, bms: bool, known: Shape | None = None) -> Shape:
    """Return the shape that this state has; never smaller than the one known before."""
    if len(state.packs) != 1:
        return Shape(bms=bms, packs=len(state.packs))
    reading = state.packs[0].reading
    cells = 0 if reading is None else len(reading.cell_voltages_v)
    sensors = 0 if reading is None else len(reading.temperatures_c)
    if known is not None:
        cells, sensors = max(cells, known.cells), max(sensors, known.sensors)
    return Shape(bms=bms, packs=1, cells=cells, sensors=sensors)


def moving_rows(shape: Shape) -> tuple[Path[BankState], ...]:
    """Return the rows that are read from a state of this shape."""
    rows = (*LIMITS, *MOVING) if shape.bms else MOVING
    if shape.packs == 1:
        return (*rows, *cell_rows(shape.cells, shape.sensors))
    return (*rows, *(row for n in range(shape.packs) for row in module_rows(n)))


def controls_of(shape: Shape) -> tuple[Control, ...]:
    """Return what can be written at a service of this shape."""
    return BANK_CONTROLS if shape.bms else PACK_CONTROLS


def own_rows(shape: Shape) -> tuple[Path[Own], ...]:
    """Return the rows of what the output itself knows."""
    return (*OWN, *(_control(control) for control in controls_of(shape)))
