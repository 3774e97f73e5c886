"""Deye's own batteries on the PCS port: the Pylontech set and what Deye adds to it.

Source: logs of real packs in Fahmula/esphome-pylontech-rs485; nearly all of it from this one
source. 0x371 holds the limits while on the grid (Victron means something else by that number: never
put both sets on one bus). 0x1n0 to 0x7n0 describe single modules, n in the last digit of the
identifier; the bank is told as one module, number 0. The sign of the current in 0x15n is not
certain: + is taken for charging.
"""

from dataclasses import replace

from cellwarden_can_inverter.dialects.kinds import HEARTBEAT, cell_max_v, cell_min_v
from cellwarden_can_inverter.dialects.pylontech_lv import (
    CHARGE,
    LIMITS,
    MEASUREMENTS,
    REQUESTS,
    STATUS,
)
from cellwarden_can_inverter.frames import Dialect, Frame
from cellwarden_can_inverter.signals import Flag, Text, never, s16, u8, u16, u32
from cellwarden_can_inverter.view import BatteryView

MINOR, SERIOUS = 1, 2
"""Fault levels of 0x40n."""


def _fault_level(view: BatteryView) -> int:
    if view.protections:
        return SERIOUS
    return MINOR if view.warnings else 0


MANUFACTURER = Frame(
    can_id=0x35E,
    meaning="manufacturer",
    length=8,
    shortest=5,
    texts=(Text(name="manufacturer_text", at=0, size=5, of=lambda v: v.manufacturer, pad=b"\0"),),
    numbers=(
        u8("byte5_raw", 5, lambda _: 0x14),  # as captured, meaning unknown
        u16("word6_raw", 6, 1, lambda _: 1000),
    ),
)

EXTREMES = Frame(
    can_id=0x361,
    meaning="extremes of cells and sensors",
    length=8,
    shortest=8,
    numbers=(
        u16("cell_voltage_max_V", 0, 1000, cell_max_v),
        u16("cell_voltage_min_V", 2, 1000, cell_min_v),
        s16("cell_temperature_max_C", 4, 10, lambda v: v.temperature_max_c),
        s16("cell_temperature_min_C", 6, 10, lambda v: v.temperature_min_c),
    ),
)

MODULES = Frame(
    can_id=0x364,
    meaning="packs in use and not",
    length=8,
    shortest=5,
    numbers=(
        u8("modules_online", 0, lambda v: v.online),
        u8("modules_blocking_charge", 1, lambda v: v.blocking_charge),
        u8("modules_blocking_discharge", 2, lambda v: v.blocking_discharge),
        u8("modules_offline", 3, lambda v: v.offline),
        u8("modules_total", 4, lambda v: v.online + v.offline),
    ),
)

ON_GRID = Frame(
    can_id=0x371,
    meaning="limits while on the grid",
    length=8,
    shortest=4,
    urgent=True,
    numbers=(
        u16("ongrid_charge_current_limit_A", 0, 10, lambda v: v.ccl_a),
        u16("ongrid_discharge_cur_limit_A", 2, 10, lambda v: v.dcl_a),
    ),
)

MODULE = (
    Frame(
        can_id=0x110,
        meaning="switches of a module",
        length=8,
        shortest=8,
        addressed=True,
        flags=(
            Flag("parallel_finish", 7, 0, lambda v: v.online > 0),
            Flag("charge_mos", 7, 4, lambda v: v.charge_enabled),
            Flag("discharge_mos", 7, 5, lambda v: v.discharge_enabled),
            Flag("precharge_mos", 7, 6, never),
            Flag("heater", 7, 7, never),
        ),
    ),
    Frame(
        can_id=0x150,
        meaning="measurements of a module",
        length=8,
        shortest=8,
        addressed=True,
        numbers=(
            u16("voltage_V", 0, 10, lambda v: v.voltage_v),
            s16("current_raw_A", 2, 10, lambda v: v.current_a),
            u16("soc_pct", 4, 10, lambda v: v.soc_percent, high=1000),
            u16("soh_pct", 6, 10, lambda v: v.soh_percent, high=1000),
        ),
    ),
    replace(EXTREMES, can_id=0x200, meaning="extremes of a module", addressed=True),
    Frame(
        can_id=0x400,
        meaning="mode and faults of a module",
        length=8,
        shortest=4,
        addressed=True,
        numbers=(
            u8("operation_mode", 0, lambda _: 0),
            u8("fault_level", 1, _fault_level),
            u16("cycle_count", 2, 1, lambda v: v.cycles, missing=0),
        ),
    ),
)

# -- sent by Deye's packs, not by us ---------------------------------------------------------------

ALSO = (
    Frame(
        can_id=0x363,
        meaning="versions",
        length=8,
        shortest=4,
        numbers=(u16("software_version_raw", 0, 1), u16("hardware_version_raw", 2, 1)),
    ),
    Frame(
        can_id=0x250,
        meaning="temperatures and greatest currents of a module",
        length=8,
        shortest=8,
        addressed=True,
        numbers=(
            s16("mos_temperature_C", 0, 10),
            s16("heater_temperature_C", 2, 10),
            u16("charge_current_max_A", 4, 1),
            u16("discharge_current_max_A", 6, 1),
        ),
    ),
    Frame(
        can_id=0x550,
        meaning="energy in and out of a module",
        length=8,
        shortest=8,
        addressed=True,
        numbers=(u32("energy_charged_kWh", 0, 1000), u32("energy_discharged_kWh", 4, 1000)),
    ),
    *(
        Frame(
            can_id=can_id,
            meaning="event counters of a module",
            length=8,
            shortest=8,
            addressed=True,
            numbers=tuple(u16(f"event_count_{first + n}", 2 * n, 1) for n in range(4)),
        )
        for can_id, first in ((0x700, 1), (0x750, 5))
    ),
)

DEYE_PCS = Dialect(
    name="deye_pcs",
    summary="Deye's own battery set on CAN (PCS port)",
    frames=(
        LIMITS,
        ON_GRID,
        replace(STATUS, length=8, texts=()),
        replace(REQUESTS, length=8),
        replace(CHARGE, length=8),
        replace(MEASUREMENTS, length=8),
        MANUFACTURER,
        EXTREMES,
        MODULES,
        *MODULE,
    ),
    heard=(HEARTBEAT,),
    also=ALSO,
    manufacturer="DY001",
)
