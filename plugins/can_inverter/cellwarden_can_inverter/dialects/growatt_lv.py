"""Growatt low voltage, Rev_04 / V1.04: polled and big-endian.

Source: the vendor's sheet V1.04; dalathegreat/Battery-Emulator for the patterns of 0x311. The
inverter sends 0x301 each second, the battery answers with the whole set; a quarter of a second is
taken as its budget. 11-bit identifiers (a public project that sends 29-bit ones and little-endian
contradicts the sheet). Left at nought, for nobody tells us or the sheet is unclear: chemistry (0
is LiFePO4), module faults, the clock of 0x320 and the update state of 0x321.
"""

from collections.abc import Callable

from cellwarden.model import AlarmKind as Kind
from cellwarden_can_inverter.dialects.kinds import (
    DISCHARGE_CURRENT,
    DOUBTED,
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
    Number,
    Text,
    any_of,
    never,
    protection,
    u8,
    warning,
)
from cellwarden_can_inverter.view import BatteryView

CELLS = 16
"""Told where no pack tells its number of cells: a 48 V pack of LiFePO4."""


def _u16(
    name: str,
    at: int,
    per: int,
    of: Callable[[BatteryView], float | None],
    missing: int | None = None,
) -> Number:
    return Number(name=name, at=at, code=">H", per=per, low=0, high=0xFFFF, of=of, missing=missing)


def _s16(name: str, at: int, per: int, of: Callable[[BatteryView], float | None]) -> Number:
    return Number(name=name, at=at, code=">h", per=per, low=-0x8000, high=0x7FFF, of=of)


def _state(view: BatteryView) -> int:
    """Return 1 standby, 2 charging, 3 discharging (0 is the soft start)."""
    return (1, 2, 3)[direction(view)]


def _letter(place: int) -> Callable[[BatteryView], float]:
    return lambda view: ord(f"{view.manufacturer.upper()}XX"[place])


def _cell(number: int) -> Callable[[BatteryView], float | None]:
    def voltage_v(view: BatteryView) -> float | None:
        reading = None if view.single is None else view.single.reading
        cells = () if reading is None else reading.cell_voltages_v
        return cells[number - 1] if number <= len(cells) else None

    return voltage_v


LIMITS = Frame(
    can_id=0x311,
    meaning="limits and status",
    length=8,
    shortest=6,
    urgent=True,
    numbers=(
        _u16("charge_voltage_limit_V", 0, 10, lambda v: v.cvl_v),
        _u16("charge_current_limit_A", 2, 10, lambda v: v.ccl_a),
        _u16("discharge_current_limit_A", 4, 10, lambda v: v.dcl_a),
    ),
    bits=(  # of a 16-bit word: byte 6 holds its bits 8 to 15
        Bits("parallel_status", 6, 0, 2, lambda v: 1 if v.online > 1 else 0),
        Bits("sp_status", 6, 2, 2, _state),
        Bits("status", 7, 0, 2, _state),
        Bits("error_valid", 7, 2, 1, lambda v: int(bool(v.protections))),
        Bits("balancing", 7, 3, 1, lambda _: 0),
        Bits("sleep", 7, 4, 1, lambda _: 0),
        Bits("output_discharge", 7, 5, 1, lambda v: int(v.discharge_enabled)),
        Bits("output_charge", 7, 6, 1, lambda v: int(v.charge_enabled)),
        Bits("terminal_open", 7, 7, 1, lambda _: 0),
    ),
)

FAULTS = Frame(
    can_id=0x312,
    meaning="protections, warnings, make-up of the bank",
    length=8,
    shortest=4,
    urgent=True,
    flags=(
        #     name                      byte bit  tells
        Flag("prot_soft_start_fail", 0, 0, never),
        Flag("prot_module_under_voltage", 0, 1, protection(Kind.PACK_UNDERVOLTAGE)),
        Flag("prot_module_over_voltage", 0, 2, protection(Kind.PACK_OVERVOLTAGE)),
        Flag(
            "prot_cell_under_voltage",
            0,
            3,
            protection(Kind.CELL_UNDERVOLTAGE, Kind.SHUTDOWN, Kind.LOW_SOC),
        ),
        Flag("prot_cell_over_voltage", 0, 4, protection(Kind.CELL_OVERVOLTAGE)),
        Flag("prot_short_circuit", 0, 5, protection(Kind.SHORT_CIRCUIT)),
        Flag("prot_charge_over_current", 0, 6, protection(Kind.CHARGE_OVERCURRENT)),
        Flag("prot_discharge_over_current", 0, 7, protection(Kind.DISCHARGE_OVERCURRENT)),
        Flag("prot_delta_v_fail", 1, 2, protection(Kind.CELL_DIFFERENCE)),
        Flag("prot_system_error", 1, 3, protection(*DOUBTED)),
        Flag("prot_under_temperature_charge", 1, 4, protection(Kind.CHARGE_UNDERTEMPERATURE)),
        Flag("prot_under_temperature_discharge", 1, 5, protection(Kind.DISCHARGE_UNDERTEMPERATURE)),
        Flag("prot_over_temperature_charge", 1, 6, protection(Kind.CHARGE_OVERTEMPERATURE)),
        Flag(
            "prot_over_temperature_discharge",
            1,
            7,
            protection(Kind.DISCHARGE_OVERTEMPERATURE, Kind.MOS_OVERTEMPERATURE),
        ),
        Flag("alarm_module_low_voltage", 2, 1, warning(Kind.PACK_UNDERVOLTAGE)),
        Flag("alarm_module_high_voltage", 2, 2, warning(Kind.PACK_OVERVOLTAGE)),
        Flag(
            "alarm_cell_low_voltage",
            2,
            3,
            warning(Kind.CELL_UNDERVOLTAGE, Kind.SHUTDOWN, Kind.LOW_SOC),
        ),
        Flag("alarm_cell_high_voltage", 2, 4, warning(Kind.CELL_OVERVOLTAGE)),
        Flag("alarm_charge_high_current", 2, 6, warning(Kind.CHARGE_OVERCURRENT)),
        Flag("alarm_discharge_high_current", 2, 7, warning(*DISCHARGE_CURRENT)),
        Flag(
            "alarm_internal_comm_fail",
            3,
            0,
            any_of(warning(*DOUBTED, Kind.BMS_LOST), protection(Kind.BMS_LOST)),
        ),
        Flag("alarm_pack_turning_off", 3, 1, never),
        Flag("alarm_delta_v", 3, 2, warning(Kind.CELL_DIFFERENCE)),
        Flag("alarm_low_temperature_charge", 3, 4, warning(Kind.CHARGE_UNDERTEMPERATURE)),
        Flag("alarm_low_temperature_discharge", 3, 5, warning(Kind.DISCHARGE_UNDERTEMPERATURE)),
        Flag("alarm_high_temperature_charge", 3, 6, warning(Kind.CHARGE_OVERTEMPERATURE)),
        Flag(
            "alarm_high_temperature_discharge",
            3,
            7,
            warning(Kind.DISCHARGE_OVERTEMPERATURE, Kind.MOS_OVERTEMPERATURE),
        ),
    ),
    numbers=(
        u8("pack_count", 4, lambda v: v.modules, low=1, high=254),
        u8("manufacturer_code_1", 5, _letter(0)),
        u8("manufacturer_code_2", 6, _letter(1)),
        u8("cell_count", 7, lambda v: v.cell_count, low=1, high=254, missing=CELLS),
    ),
)

MEASUREMENTS = Frame(
    can_id=0x313,
    meaning="voltage, current, temperature, state of charge",
    length=8,
    shortest=7,
    numbers=(
        _s16("voltage_V", 0, 100, lambda v: v.voltage_v),
        _s16("current_A", 2, 10, lambda v: v.current_a),
        _s16("cell_temperature_max_C", 4, 10, lambda v: v.temperature_max_c),
        u8("soc_pct", 6, lambda v: v.soc_percent, high=100),
    ),
    bits=(
        Bits("soh_pct", 7, 0, 7, lambda v: min(max(round(v.soh_percent), 0), 100)),
        Bits("soh_flag", 7, 7, 1, lambda _: 1),
    ),
)

CAPACITY = Frame(
    can_id=0x314,
    meaning="capacity and wear",
    length=8,
    shortest=8,
    numbers=(
        _u16("remaining_capacity_Ah", 0, 100, lambda v: v.remaining_ah),
        _u16("full_capacity_Ah", 2, 100, lambda v: v.capacity_ah),
        _u16(
            "cell_delta_V",
            4,
            1000,
            lambda v: (
                v.cell_max.voltage_v - v.cell_min.voltage_v
                if v.cell_max is not None and v.cell_min is not None
                else None
            ),
            missing=0,
        ),
        _u16("cycle_count", 6, 1, lambda v: v.cycles, missing=0),
    ),
)

CELL_VOLTAGES = tuple(
    Frame(
        can_id=0x315 + n,
        meaning=f"cells {4 * n + 1} to {4 * n + 4} of a single pack",
        length=8,
        shortest=8,
        numbers=tuple(
            # without its first cell the frame is left out, a pack may end with any of the others
            _u16(f"cell_{cell}_V", 2 * k, 1000, _cell(cell), missing=0 if k else None)
            for k, cell in enumerate(range(4 * n + 1, 4 * n + 5))
        ),
    )
    for n in range(4)
)

EXTREMES = Frame(
    can_id=0x319,
    meaning="enables, requests, extremes of the cells",
    length=8,
    shortest=1,
    urgent=True,
    bits=(Bits("chemistry", 0, 0, 2, lambda _: 0),),
    flags=(
        Flag("request_force_charge_2", 0, 4, lambda v: v.force_charge),
        Flag("request_force_charge_1", 0, 5, lambda v: v.force_charge_urgent),
        Flag("discharge_enable", 0, 6, lambda v: v.discharge_enabled),
        Flag("charge_enable", 0, 7, lambda v: v.charge_enabled),
    ),
    numbers=(
        _u16("cell_voltage_max_V", 1, 1000, cell_max_v, missing=0),
        _u16("cell_voltage_min_V", 3, 1000, cell_min_v, missing=0),
        u8("cell_vmax_index", 5, cell_max_number, missing=0),
        u8("cell_vmin_index", 6, cell_min_number, missing=0),
        u8("fault_pack_id", 7, lambda _: 0),
    ),
)

MAKER = Frame(
    can_id=0x320,
    meaning="maker, versions, clock",
    length=8,
    shortest=4,
    texts=(
        Text(
            name="manufacturer_text",
            at=0,
            size=2,
            of=lambda v: f"{v.manufacturer.upper()}XX"[:2],
        ),
    ),
    numbers=(
        u8("hardware_version", 2, lambda _: 1, low=1, high=9),
        u8("software_version", 3, lambda _: 1, low=1, high=9),
    ),
)

UPDATE = Frame(can_id=0x321, meaning="state of an update: none", length=8, shortest=0)

POLL = Frame(can_id=0x301, meaning="the inverter asks", length=8, shortest=0)

FRAMES = (LIMITS, FAULTS, EXTREMES, MEASUREMENTS, CAPACITY, *CELL_VOLTAGES, MAKER, UPDATE)

GROWATT_LV = Dialect(
    name="growatt_lv",
    summary="Growatt LV V1.04 on CAN: answers the inverter's polls",
    frames=FRAMES,
    heard=(POLL,),
    answers=(Answer(can_id=0x301, byte0=None, frames=FRAMES),),
    manufacturer="CW",
)
