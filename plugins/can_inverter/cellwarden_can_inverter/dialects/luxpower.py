"""LuxPower / EG4 V04.2: the Pylontech set with the extremes of cells and sensors inside.

Sources: the vendor's sheet V04.2; Sleeper85/esphome-yambms; field reports. A frame holds 0 where
an extreme is not known, as the base set does there. 0x379 is not in the sheet, SNA models read
it. 0x300 comes from the inverter and asks the battery to shut down: it is reported, never
obeyed, and is no heartbeat.
"""

from dataclasses import replace

from cellwarden_can_inverter.dialects.kinds import HEARTBEAT, cell_max_v, cell_min_v
from cellwarden_can_inverter.dialects.pylontech_lv import LIMITS, REQUESTS, STATUS
from cellwarden_can_inverter.dialects.victron import INSTALLED, MANUFACTURER
from cellwarden_can_inverter.frames import Dialect, Frame
from cellwarden_can_inverter.signals import Flag, never, s16, u16

CHARGE = Frame(
    can_id=0x355,
    meaning="state of charge and health, cells",
    length=8,
    shortest=4,
    numbers=(
        u16("soc_pct", 0, 1, lambda v: v.soc_percent, high=100),
        u16("soh_pct", 2, 1, lambda v: v.soh_percent, high=100),
        u16("cell_voltage_max_V", 4, 1000, cell_max_v, missing=0),
        u16("cell_voltage_min_V", 6, 1000, cell_min_v, missing=0),
    ),
)

MEASUREMENTS = Frame(
    can_id=0x356,
    meaning="voltage, current, temperatures",
    length=8,
    shortest=6,
    numbers=(
        s16("voltage_V", 0, 100, lambda v: v.voltage_v),
        s16("current_A", 2, 10, lambda v: v.current_a),
        s16("cell_temperature_max_C", 4, 10, lambda v: v.temperature_max_c),
        s16("cell_temperature_min_C", 6, 10, lambda v: v.temperature_min_c),
    ),
)

LUXPOWER = Dialect(
    name="luxpower",
    summary="LuxPower / EG4 V04.2 on CAN",
    frames=(
        LIMITS,
        replace(
            STATUS,
            length=8,
            numbers=(
                *STATUS.numbers,
                u16("capacity_Ah", 5, 1, lambda v: v.installed_ah, missing=0),
            ),
            texts=(),
        ),
        replace(
            REQUESTS,
            length=8,
            numbers=(u16("cycle_count", 2, 1, lambda v: v.cycles, missing=0),),
        ),
        CHARGE,
        MEASUREMENTS,
        MANUFACTURER,
        INSTALLED,
    ),
    heard=(
        HEARTBEAT,
        Frame(
            can_id=0x300,
            meaning="the inverter wants the battery off",
            length=8,
            shortest=1,
            flags=(Flag("remote_shutdown", 0, 0, never),),
            alive=False,
        ),
    ),
    manufacturer="CELLWRDN",
)
