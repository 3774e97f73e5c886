"""Victron's register list of a battery, as a GX device serves it over Modbus TCP. Pure.

Source: attributes.csv of dbus_modbustcp. A value that is not known reads 0 there, and so it does
here; what is reserved, or not known to this map, reads 65535. Cell voltages are not in that list.
"""

from collections.abc import Callable

from cellwarden.model import AlarmKind, BankPhase, BankState, CellExtreme, SensorExtreme
from cellwarden_modbus.moment import Moment, Status
from cellwarden_modbus.registers import Value
from cellwarden_modbus.table import Row, Table

INVALID = 0
RESERVED = 0xFFFF

RUNNING, ERROR, SHUTDOWN = 9, 10, 12
"""Values of `/State`."""

ALARMS: tuple[tuple[int, str, tuple[AlarmKind, ...]], ...] = (
    # register, path, which alarms of ours it shows: 0 good, 1 warning, 2 alarm
    (268, "/Alarms/LowVoltage", (AlarmKind.PACK_UNDERVOLTAGE, AlarmKind.SHUTDOWN)),
    (269, "/Alarms/HighVoltage", (AlarmKind.PACK_OVERVOLTAGE, AlarmKind.CELL_OVERVOLTAGE)),
    (272, "/Alarms/LowSoc", (AlarmKind.LOW_SOC,)),
    (273, "/Alarms/LowTemperature", (AlarmKind.DISCHARGE_UNDERTEMPERATURE,)),
    (274, "/Alarms/HighTemperature", (AlarmKind.DISCHARGE_OVERTEMPERATURE,)),
    (279, "/Alarms/HighInternalTemperature", (AlarmKind.MOS_OVERTEMPERATURE,)),
    (
        320,
        "/Alarms/HighChargeCurrent",
        (AlarmKind.CHARGE_OVERCURRENT, AlarmKind.CHARGER_IGNORES_LIMIT),
    ),
    (321, "/Alarms/HighDischargeCurrent", (AlarmKind.DISCHARGE_OVERCURRENT,)),
    (322, "/Alarms/CellImbalance", (AlarmKind.CELL_DIFFERENCE, AlarmKind.BALANCE_WIRE)),
    (
        323,
        "/Alarms/InternalFailure",
        (
            AlarmKind.CELL_COUNT,
            AlarmKind.IMPLAUSIBLE_DATA,
            AlarmKind.BMS_INTERNAL,
            AlarmKind.TEMPERATURE_SENSOR,
            AlarmKind.BALANCE_WIRE_OPEN,
            AlarmKind.WIRING,
            AlarmKind.CELL_FAILURE,
            AlarmKind.CURRENT_SENSOR,
            AlarmKind.FET_STUCK,
            AlarmKind.BALANCER,
            AlarmKind.HEATER,
            AlarmKind.SETTINGS,
        ),
    ),
    (324, "/Alarms/HighChargeTemperature", (AlarmKind.CHARGE_OVERTEMPERATURE,)),
    (325, "/Alarms/LowChargeTemperature", (AlarmKind.CHARGE_UNDERTEMPERATURE,)),
    (326, "/Alarms/LowCellVoltage", (AlarmKind.CELL_UNDERVOLTAGE,)),
    (327, "/Alarms/BmsCable", (AlarmKind.BMS_LOST,)),
    (329, "/Alarms/HighCurrent", (AlarmKind.SHORT_CIRCUIT,)),
)
"""The list has no register for a high cell voltage or a sensor fault: they are shown by the
nearest one."""


def _of(read: Callable[[BankState], Value]) -> Callable[[Moment], Value]:
    return lambda moment: read(moment.state)


def _alarm(*kinds: AlarmKind) -> Callable[[Moment], Value]:
    cable = AlarmKind.BMS_LOST in kinds

    def read(moment: Moment) -> Value:
        worst = max((a.severity.value for a in moment.state.alarms if a.kind in kinds), default=0)
        if cable and moment.status in (Status.STALE, Status.SILENT):
            return 2
        return max(worst, 1) if cable and moment.state.lost else worst

    return read


def _any_alarm(moment: Moment) -> Value:
    return max((a.severity.value for a in moment.state.alarms), default=0)


def _consumed_ah(state: BankState) -> Value:
    """Return what is missing to full, 0 or less; the register counts it without the sign."""
    if state.capacity_ah is None or state.remaining_ah is None:
        return None
    return min(0.0, state.remaining_ah - state.capacity_ah)


def _time_to_go_s(state: BankState) -> Value:
    current, remaining = state.current_a, state.remaining_ah
    if current is None or remaining is None or current > -0.5:  # idle: no end in sight
        return None
    return remaining / -current * 3600


def _charge_voltage_v(state: BankState) -> Value:
    return state.limits.cvl_v if state.limits else None


def _discharge_voltage_v(state: BankState) -> Value:
    return state.limits.dvl_v if state.limits else None


def _charge_current_a(state: BankState) -> Value:
    return state.limits.ccl_a if state.limits and state.charge_allowed else 0.0


def _discharge_current_a(state: BankState) -> Value:
    return state.limits.dcl_a if state.limits and state.discharge_allowed else 0.0


def _volts(extreme: CellExtreme | None) -> Value:
    return extreme.voltage_v if extreme else None


def _degrees(extreme: SensorExtreme | None) -> Value:
    return extreme.temperature_c if extreme else None


def _cell_id(state: BankState, extreme: CellExtreme | None) -> Value:
    return _place(state, extreme.pack, f"C{extreme.cell}") if extreme else None


def _sensor_id(state: BankState, extreme: SensorExtreme | None) -> Value:
    return _place(state, extreme.pack, extreme.sensor) if extreme else None


def _place(state: BankState, pack: str, within: str) -> str:
    """`C3` in a bank of one pack, `M2C3` in the second of several."""
    names = [member.pack for member in state.packs]
    return within if len(names) == 1 or pack not in names else f"M{names.index(pack) + 1}{within}"


def _cells(state: BankState) -> Value:
    counts = {len(p.reading.cell_voltages_v) for p in state.packs if p.reading is not None}
    return counts.pop() if len(counts) == 1 else None


def _balancing(state: BankState) -> Value:
    return int(any(p.reading is not None and p.reading.balancing for p in state.packs))


def _state(moment: Moment) -> Value:
    if moment.state.phase is BankPhase.STOPPING:
        return SHUTDOWN
    return RUNNING if moment.status is Status.LIVE else ERROR


def _connection(state: BankState) -> Value:
    return f"{len(state.online)} of {len(state.packs)} packs"


# fmt: off
_MONITOR: tuple[Row[Moment], ...] = (
    Row(256, "/Dc/0/Power", "int32", _of(lambda s: s.power_w), 1, "W"),
    Row(258, "/Dc/0/Power", "int16", _of(lambda s: s.power_w), 1, "W"),
    Row(259, "/Dc/0/Voltage", "uint16", _of(lambda s: s.voltage_v), 100, "V"),
    Row(261, "/Dc/0/Current", "int16", _of(lambda s: s.current_a), 10, "A"),
    Row(262, "/Dc/0/Temperature", "int16", _of(lambda s: s.temperature_c), 10, "°C"),
    Row(265, "/ConsumedAmphours", "uint16", _of(_consumed_ah), -10, "Ah"),
    Row(266, "/Soc", "uint16", _of(lambda s: s.soc_percent), 10, "%"),
    Row(267, "/Alarms/Alarm", "uint16", _any_alarm),
    Row(284, "/History/ChargeCycles", "uint16", _of(lambda s: s.cycles)),
    Row(303, "/TimeToGo", "uint16", _of(_time_to_go_s), 0.01, "s"),
    Row(304, "/Soh", "uint16", _of(lambda s: s.soh_percent), 10, "%"),
    Row(305, "/Info/MaxChargeVoltage", "uint16", _of(_charge_voltage_v), 10, "V"),
    Row(306, "/Info/BatteryLowVoltage", "uint16", _of(_discharge_voltage_v), 10, "V"),
    Row(307, "/Info/MaxChargeCurrent", "uint16", _of(_charge_current_a), 10, "A"),
    Row(308, "/Info/MaxDischargeCurrent", "uint16", _of(_discharge_current_a), 10, "A"),
    Row(309, "/Capacity", "uint16", _of(lambda s: s.remaining_ah), 10, "Ah"),
    Row(318, "/System/MinCellTemperature", "int16",
        _of(lambda s: _degrees(s.temperature_min)), 10, "°C"),
    Row(319, "/System/MaxCellTemperature", "int16",
        _of(lambda s: _degrees(s.temperature_max)), 10, "°C"),
    Row(330, "/ConsumedAmphours", "uint32", _of(_consumed_ah), -1, "Ah"),
    *(Row(at, path, "uint16", _alarm(*kinds)) for at, path, kinds in ALARMS),
)
_SYSTEM: tuple[Row[Moment], ...] = (
    Row(1282, "/State", "uint16", _state),
    Row(1283, "/ErrorCode", "uint16", lambda _: 0),
    Row(1285, "/Balancing", "uint16", _of(_balancing)),
    Row(1286, "/System/NrOfBatteries", "uint16", _of(lambda s: len(s.packs))),
    Row(1287, "/System/BatteriesParallel", "uint16", _of(lambda s: len(s.packs))),
    Row(1288, "/System/BatteriesSeries", "uint16", lambda _: 1),
    Row(1289, "/System/NrOfCellsPerBattery", "uint16", _of(_cells)),
    Row(1290, "/System/MinCellVoltage", "uint16", _of(lambda s: _volts(s.cell_min)), 100, "V"),
    Row(1291, "/System/MaxCellVoltage", "uint16", _of(lambda s: _volts(s.cell_max)), 100, "V"),
    Row(1297, "/Io/AllowToCharge", "uint16", _of(lambda s: int(s.charge_allowed))),
    Row(1298, "/Io/AllowToDischarge", "uint16", _of(lambda s: int(s.discharge_allowed))),
    Row(1302, "/System/NrOfModulesOffline", "uint16", _of(lambda s: len(s.packs) - len(s.online))),
    Row(1303, "/System/NrOfModulesOnline", "uint16", _of(lambda s: len(s.online))),
    Row(1304, "/System/NrOfModulesBlockingCharge", "uint16",
        _of(lambda s: sum(not p.charge_allowed for p in s.online))),
    Row(1305, "/System/NrOfModulesBlockingDischarge", "uint16",
        _of(lambda s: sum(not p.discharge_allowed for p in s.online))),
    Row(1306, "/System/MinVoltageCellId", "string", _of(lambda s: _cell_id(s, s.cell_min)),
        words=4),
    Row(1310, "/System/MaxVoltageCellId", "string", _of(lambda s: _cell_id(s, s.cell_max)),
        words=4),
    Row(1314, "/System/MinTemperatureCellId", "string",
        _of(lambda s: _sensor_id(s, s.temperature_min)), words=4),
    Row(1318, "/System/MaxTemperatureCellId", "string",
        _of(lambda s: _sensor_id(s, s.temperature_max)), words=4),
    Row(1328, "/ConnectionInformation", "string", _of(_connection), words=8),
    Row(1336, "/CustomName", "string", _of(lambda s: s.name), words=8),
)
# fmt: on

_PUBLISHED = {row.at for row in (*_MONITOR, *_SYSTEM)}


def _unknown(*registers: int) -> tuple[Row[Moment], ...]:
    """Return rows for what a GX would serve and we never know: it reads 0 there too."""
    return tuple(Row(at, "", "uint16", lambda _: None) for at in registers if at not in _PUBLISHED)


def _sorted(*rows: Row[Moment]) -> tuple[Row[Moment], ...]:
    return tuple(sorted(rows, key=lambda row: row.at))


TABLES = (
    Table(
        _sorted(*_MONITOR, *_unknown(260, 263, 264, *range(270, 302 + 1), *range(310, 318), 328)),
        gap=RESERVED,
        missing=INVALID,
    ),
    Table(
        _sorted(*_SYSTEM, *_unknown(1284, 1292, 1293, 1294, 1295, 1296, 1299, 1300, 1301),
                *_unknown(*range(1322, 1328))),
        gap=RESERVED,
        missing=INVALID,
    ),
)  # fmt: skip
"""Registers 256 to 331 and 1282 to 1343."""
