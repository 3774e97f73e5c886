"""Pylontech V1.3 and "V2": the base set with finer SoC, pairs of alarms and the cells' extremes.

Sources: a capture of a US5000 with newer firmware (V1.3: 351, 355 with 6 bytes, 356, 35A, 35E,
35F, and no 359 or 35C), and the "PYLON V2" set of Sleeper85/esphome-yambms, reported to work with
GoodWe, Solis, SRNE (setting UZE), Studer and Schneider. We send the union of the two: no
identifier means two things in it. The bits for cell imbalance in 0x359 are those of the "Li
Residential" sheet; bytes 6-7 of 0x355 and 0x356 stay 0, for sources disagree on them.
"""

from dataclasses import replace

from cellwarden.model import AlarmKind as Kind
from cellwarden_can_inverter.dialects.kinds import HEARTBEAT
from cellwarden_can_inverter.dialects.pylontech_lv import (
    CHARGE,
    LIMITS,
    MANUFACTURER,
    MEASUREMENTS,
    REQUESTS,
    STATUS,
)
from cellwarden_can_inverter.dialects.two_bit import ALARMS
from cellwarden_can_inverter.dialects.victron import CELLS, EXTREMES, INSTALLED, MODULES
from cellwarden_can_inverter.frames import Dialect, Frame
from cellwarden_can_inverter.signals import Flag, Text, protection, u8, u16, warning

STATUS_V2 = replace(
    STATUS,
    length=8,
    flags=(
        *STATUS.flags,
        Flag("prot_cell_imbalance", 1, 4, protection(Kind.CELL_DIFFERENCE)),
        Flag("alarm_cell_imbalance", 3, 4, warning(Kind.CELL_DIFFERENCE)),
    ),
)

CHARGE_V2 = replace(
    CHARGE,
    length=8,
    numbers=(*CHARGE.numbers, u16("soc_hires_pct", 4, 100, lambda v: v.soc_percent, high=10_000)),
)

BATTERY = Frame(
    can_id=0x35F,
    meaning="version and capacity",
    length=8,
    shortest=6,
    texts=(Text(name="chemistry_text", at=0, size=2, of=lambda _: "LI", default="LI"),),
    numbers=(
        u8("version_b2", 2, lambda _: 1),
        u8("version_b3", 3, lambda _: 3),  # the version of the protocol that is spoken
        u16("capacity_Ah", 4, 1, lambda v: v.capacity_ah),
    ),
)

PYLONTECH_PLUS = Dialect(
    name="pylontech_plus",
    summary="Pylontech V1.3 / V2 on CAN: Solis, GoodWe, Studer, Schneider, SRNE",
    frames=(
        LIMITS,
        STATUS_V2,
        REQUESTS,
        ALARMS,
        CHARGE_V2,
        replace(MEASUREMENTS, length=8),
        MANUFACTURER,
        BATTERY,
        MODULES,
        EXTREMES,
        *CELLS,
        INSTALLED,
    ),
    heard=(HEARTBEAT,),
)
