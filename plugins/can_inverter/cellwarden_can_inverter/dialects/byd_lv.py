"""BYD Battery-Box, low voltage (B-Box, LVL, LVS): Victron's layout, as one pack was captured.

Source: capture in dfch/BydCanProtocol. Every frame has 8 bytes, the set comes each 0.9 to 1.0 s;
reserved pairs of 0x35A hold 2 (idle is AA in every byte). BYD sends the name first; we send the
limits first, so that nothing is told under new limits with old alarms. The polled protocol of
the high-voltage towers is another one.
"""

from dataclasses import replace

from cellwarden_can_inverter.dialects.kinds import HEARTBEAT
from cellwarden_can_inverter.dialects.pylontech_lv import LIMITS
from cellwarden_can_inverter.dialects.two_bit import ALARMS
from cellwarden_can_inverter.dialects.victron import (
    CELLS,
    ENERGY,
    EXTREMES,
    IDENTITY,
    IMMEDIATE,
    INSTALLED,
    MANUFACTURER,
    MEASUREMENTS,
    MODULES,
    NUL,
    PRESENT,
    SERIALS,
)
from cellwarden_can_inverter.frames import Dialect, Frame
from cellwarden_can_inverter.signals import Flag, Text, never, u8, u16

RESERVED = bytes.fromhex("000000A8000000A8")
"""Pairs 13 to 15 of 0x35A."""

CHARGE = Frame(
    can_id=0x355,
    meaning="state of charge and health",
    length=8,
    shortest=4,
    numbers=(
        u16("soc_pct", 0, 1, lambda v: v.soc_percent, high=100),
        u16("soh_pct", 2, 1, lambda v: v.soh_percent, high=100),
    ),
)

EVENTS = Frame(
    can_id=0x35B,
    meaning="events",
    length=8,
    shortest=1,
    flags=tuple(
        Flag(name, 0, bit, never)
        for bit, name in enumerate(
            (
                "event_soc_recalibration_start",
                "event_soc_recalibration_stop",
                "event_power_limitation_start",
                "event_power_limitation_stop",
                "event_preventive_shutdown",
            )
        )
    ),
)
"""Bits as in SMA's sheet; the captured pack sent zeros only."""

BATTERY = Frame(
    can_id=0x35F,
    meaning="chemistry, version and capacity",
    length=8,
    shortest=6,
    texts=(Text(name="chemistry_text", at=0, size=2, of=lambda _: "Li", default="Li"),),
    numbers=(
        u8("version_b2", 2, lambda _: 1),
        u8("version_b3", 3, lambda _: 0),
        u16("capacity_available_Ah", 4, 1, lambda v: v.remaining_ah),
    ),
)

PRODUCT = Frame(
    can_id=0x382,
    meaning="product",
    length=8,
    shortest=1,
    texts=(Text(name="product_text", at=0, size=8, of=lambda _: "PREMIUM", pad=NUL),),
)

BYD_LV = Dialect(
    name="byd_lv",
    summary="BYD Battery-Box LV on CAN",
    frames=(
        LIMITS,
        replace(ALARMS, fill=RESERVED),
        CHARGE,
        MEASUREMENTS,
        MANUFACTURER,
        PRODUCT,
        BATTERY,
        EVENTS,
        IMMEDIATE,
        MODULES,
        EXTREMES,
        *CELLS,
        INSTALLED,
    ),
    heard=(HEARTBEAT, PRESENT, IDENTITY),
    also=(ENERGY, *SERIALS),
    manufacturer="BYD",
)
