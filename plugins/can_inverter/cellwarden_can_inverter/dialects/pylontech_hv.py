"""Pylontech high voltage (Force, PowerCube): polled, 29-bit identifiers.

Sources: captures and code of dalathegreat/Battery-Emulator and stuartpittaway/diyBMSv4ESP32. The
inverter asks with 0x4200, first byte 0 for the values (0x421n to 0x429n) or 2 for the identity
(0x731n to 0x734n); n is the battery's address, 0 or 1 by inverter. Currents are offset by 30000,
temperatures by 1000. The discharge limit is sent as 30000 + I, which a Growatt SPH accepted; some
packs send 30000 - I, so it is to be checked with each inverter.
"""

from cellwarden.model import AlarmKind as Kind
from cellwarden_can_inverter.dialects.kinds import (
    BROKEN,
    cell_max_number,
    cell_max_v,
    cell_min_number,
    cell_min_v,
    direction,
)
from cellwarden_can_inverter.frames import Answer, Dialect, Frame
from cellwarden_can_inverter.signals import (
    Bits,
    Flag,
    Text,
    any_of,
    never,
    protection,
    u8,
    u16,
    warning,
)
from cellwarden_can_inverter.view import BatteryView

ZERO_A = 30_000
ZERO_C = 1000
FORBIDDEN = 0xAA
SLEEP, CHARGING, DISCHARGING, IDLE = 0, 1, 2, 3

FAULTS = (
    #  bit  name               kinds
    ("cell_low_voltage", (Kind.CELL_UNDERVOLTAGE, Kind.SHUTDOWN, Kind.LOW_SOC)),  # 0
    ("cell_high_voltage", (Kind.CELL_OVERVOLTAGE,)),  # 1
    ("system_low_voltage", (Kind.PACK_UNDERVOLTAGE,)),  # 2
    ("system_high_voltage", (Kind.PACK_OVERVOLTAGE,)),  # 3
    ("charge_low_temperature", (Kind.CHARGE_UNDERTEMPERATURE,)),  # 4
    ("charge_high_temperature", (Kind.CHARGE_OVERTEMPERATURE,)),  # 5
    ("discharge_low_temperature", (Kind.DISCHARGE_UNDERTEMPERATURE,)),  # 6
    ("discharge_high_temperature", (Kind.DISCHARGE_OVERTEMPERATURE, Kind.MOS_OVERTEMPERATURE)),
    ("charge_over_current", (Kind.CHARGE_OVERCURRENT,)),  # 8
    ("discharge_over_current", (Kind.DISCHARGE_OVERCURRENT, Kind.SHORT_CIRCUIT)),  # 9
    ("module_low_voltage", ()),  # 10
    ("module_high_voltage", ()),  # 11
)


def _state(view: BatteryView) -> int:
    return (IDLE, CHARGING, DISCHARGING)[direction(view)]


MEASUREMENTS = Frame(
    can_id=0x4210,
    meaning="voltage, current, temperature, state of charge",
    length=8,
    shortest=8,
    addressed=True,
    numbers=(
        u16("voltage_V", 0, 10, lambda v: v.voltage_v),
        u16("current_A", 2, 10, lambda v: v.current_a, zero=ZERO_A),
        u16("temperature_C", 4, 10, lambda v: v.temperature_c, zero=ZERO_C),
        u8("soc_pct", 6, lambda v: v.soc_percent, high=100),
        u8("soh_pct", 7, lambda v: v.soh_percent, high=100),
    ),
)

LIMITS = Frame(
    can_id=0x4220,
    meaning="limits",
    length=8,
    shortest=8,
    urgent=True,
    addressed=True,
    numbers=(
        u16("charge_voltage_limit_V", 0, 10, lambda v: v.cvl_v),
        u16("discharge_voltage_limit_V", 2, 10, lambda v: v.dvl_v),
        u16("charge_current_limit_A", 4, 10, lambda v: v.ccl_a, zero=ZERO_A, low=ZERO_A),
        u16("discharge_current_limit_A", 6, 10, lambda v: v.dcl_a, zero=ZERO_A, low=ZERO_A),
    ),
)

CELL_VOLTAGES = Frame(
    can_id=0x4230,
    meaning="extremes of the cells",
    length=8,
    shortest=8,
    addressed=True,
    numbers=(
        u16("cell_voltage_max_V", 0, 1000, cell_max_v),
        u16("cell_voltage_min_V", 2, 1000, cell_min_v),
        u16("cell_vmax_index", 4, 1, cell_max_number, missing=0),
        u16("cell_vmin_index", 6, 1, cell_min_number, missing=0),
    ),
)

CELL_TEMPERATURES = Frame(
    can_id=0x4240,
    meaning="extremes of the sensors",
    length=8,
    shortest=8,
    addressed=True,
    numbers=(
        u16("cell_temperature_max_C", 0, 10, lambda v: v.temperature_max_c, zero=ZERO_C),
        u16("cell_temperature_min_C", 2, 10, lambda v: v.temperature_min_c, zero=ZERO_C),
        u16("cell_tmax_index", 4, 1, lambda _: None, missing=0),
        u16("cell_tmin_index", 6, 1, lambda _: None, missing=0),
    ),
)

STATUS = Frame(
    can_id=0x4250,
    meaning="state, errors, alarms, protections",
    length=8,
    shortest=8,
    urgent=True,
    addressed=True,
    bits=(Bits("status", 0, 0, 3, _state),),
    numbers=(u16("cycle_period", 1, 1, lambda v: v.cycles, missing=0),),
    flags=(
        Flag("request_force_charge", 0, 3, lambda v: v.force_charge or v.force_charge_urgent),
        Flag("request_balance_charge", 0, 4, never),
        Flag("error_voltage_sensor", 3, 0, protection(Kind.CELL_COUNT, Kind.IMPLAUSIBLE_DATA)),
        Flag("error_temperature_sensor", 3, 1, protection(Kind.TEMPERATURE_SENSOR)),
        Flag(
            "error_internal_comm",
            3,
            2,
            any_of(warning(Kind.BMS_LOST), protection(Kind.BMS_LOST)),
        ),
        Flag("error_input_over_voltage", 3, 3, never),
        Flag("error_reversed", 3, 4, protection(Kind.WIRING)),
        Flag("error_relay", 3, 5, protection(Kind.FET_STUCK)),
        Flag("error_cell_damage", 3, 6, protection(Kind.CELL_FAILURE)),
        Flag("error_other", 3, 7, protection(Kind.BMS_INTERNAL, Kind.CELL_DIFFERENCE, *BROKEN)),
        *(
            Flag(f"alarm_{name}", 4 + bit // 8, bit % 8, warning(*kinds))
            for bit, (name, kinds) in enumerate(FAULTS)
        ),
        *(
            Flag(f"prot_{name}", 6 + bit // 8, bit % 8, protection(*kinds))
            for bit, (name, kinds) in enumerate(FAULTS)
        ),
    ),
)

MODULE_VOLTAGES = Frame(
    can_id=0x4260,
    meaning="extremes of the modules' voltages",
    length=8,
    shortest=8,
    addressed=True,
    numbers=(
        u16("module_voltage_max_V", 0, 1000),
        u16("module_voltage_min_V", 2, 1000),
        u16("module_vmax_index", 4, 1),
        u16("module_vmin_index", 6, 1),
    ),
)

MODULE_TEMPERATURES = Frame(
    can_id=0x4270,
    meaning="extremes of the modules' temperatures",
    length=8,
    shortest=8,
    addressed=True,
    numbers=(
        u16("module_temperature_max_C", 0, 10, lambda v: v.temperature_max_c, zero=ZERO_C),
        u16("module_temperature_min_C", 2, 10, lambda v: v.temperature_min_c, zero=ZERO_C),
        u16("module_tmax_index", 4, 1, lambda _: None, missing=0),
        u16("module_tmin_index", 6, 1, lambda _: None, missing=0),
    ),
)

FORBIDDANCES = Frame(
    can_id=0x4280,
    meaning="what is forbidden",
    length=8,
    shortest=2,
    urgent=True,
    addressed=True,
    numbers=(
        u8("charge_forbidden", 0, lambda v: 0 if v.charge_enabled else FORBIDDEN),
        u8("discharge_forbidden", 1, lambda v: 0 if v.discharge_enabled else FORBIDDEN),
    ),
)

MORE_ERRORS = Frame(
    can_id=0x4290, meaning="further errors: none", length=8, shortest=0, addressed=True
)

VERSIONS = Frame(
    can_id=0x7310,
    meaning="versions",
    length=8,
    shortest=6,
    addressed=True,
    numbers=(
        u8("hardware_version", 0, lambda _: 1),
        u8("hardware_major", 2, lambda _: 1),
        u8("hardware_minor", 3, lambda _: 0),
        u8("software_major", 4, lambda _: 1),
        u8("software_minor", 5, lambda _: 0),
    ),
)

MAKE_UP = Frame(
    can_id=0x7320,
    meaning="cells, modules, nominal voltage, capacity",
    length=8,
    shortest=8,
    addressed=True,
    numbers=(
        u16("series_cells", 0, 1, lambda v: v.cell_count),
        u8("module_count", 2, lambda v: v.modules),
        u8("cells_per_module", 3, lambda v: v.cell_count),
        u16("nominal_voltage_V", 4, 1, lambda v: v.voltage_v),  # the measured one stands in
        u16("capacity_Ah", 6, 1, lambda v: v.installed_ah),
    ),
)

NAMES = tuple(
    Frame(
        can_id=can_id,
        meaning=f"name, {half} half",
        length=8,
        shortest=1,
        addressed=True,
        texts=(
            Text(
                name=name,
                at=0,
                size=8,
                of=(lambda v: v.manufacturer) if half == "first" else (lambda _: ""),
                pad=b"\0",
            ),
        ),
    )
    for can_id, half, name in (
        (0x7330, "first", "manufacturer_text"),
        (0x7340, "second", "manufacturer2_text"),
    )
)

POLL = Frame(
    can_id=0x4200,
    meaning="the inverter asks",
    length=8,
    shortest=1,
    numbers=(u8("poll_code", 0), u8("poll_byte7", 7)),
)

SLEEP_WAKE = Frame(
    can_id=0x8200,
    meaning="sleep (55) or wake (AA)",
    length=8,
    shortest=1,
    numbers=(u8("sleep_wake_code", 0),),
)

COMMAND = Frame(
    can_id=0x8210,
    meaning="charge (byte 0 AA) or discharge (byte 1 AA)",
    length=8,
    shortest=2,
    numbers=(u8("charge_command_code", 0), u8("discharge_command_code", 1)),
)

VALUES = (
    LIMITS,
    STATUS,
    FORBIDDANCES,
    MEASUREMENTS,
    CELL_VOLTAGES,
    CELL_TEMPERATURES,
    MODULE_TEMPERATURES,
    MORE_ERRORS,
)
IDENTITY = (VERSIONS, MAKE_UP, *NAMES)

PYLONTECH_HV = Dialect(
    name="pylontech_hv",
    summary="Pylontech HV (Force, PowerCube) on CAN: answers the inverter's polls",
    frames=(*VALUES, *IDENTITY),
    also=(MODULE_VOLTAGES,),
    heard=(POLL, SLEEP_WAKE, COMMAND),
    extended=True,
    answers=(
        Answer(can_id=0x4200, byte0=0, frames=VALUES),
        Answer(can_id=0x4200, byte0=2, frames=IDENTITY),
    ),
)
