"""Victron CAN-bus BMS (low voltage), for a GX device with the 500 kbit/s profile.

The protocol is under a non-disclosure agreement; this is what captures of BYD, Pytes, Seplos,
Discover and CAN-SMART packs agree on. Every identifier must come at least every 1 to 2 s, or the
GX drops the battery. Temperatures of the extremes are whole Kelvin, °C + 273.

A GX acts on the name in 0x35E: `PYLON` and `BYD` bring caps of the charge voltage that nobody
else gets, so the name told is none of the two. Where sources disagree:

- capacity in 0x35F is what is available now (Victron, BYD, Pytes), not the total (SMA, GoodWe);
- energy in 0x378 is in 0.1 kWh (BYD, Pytes), not 0.01 (MG); we do not send it.
"""

from cellwarden_can_inverter.dialects.kinds import (
    HEARTBEAT,
    cell_max_v,
    cell_min_v,
    cell_name,
    sensor_name,
)
from cellwarden_can_inverter.dialects.pylontech_lv import LIMITS
from cellwarden_can_inverter.dialects.two_bit import ALARMS
from cellwarden_can_inverter.frames import Dialect, Frame
from cellwarden_can_inverter.signals import Bits, Number, Text, s16, u8, u16, u32

NAME = "CELLWRDN"
"""Cellwarden in the eight characters that there are."""
NUL = b"\0"

CHARGE = Frame(
    can_id=0x355,
    meaning="state of charge and health",
    length=8,
    shortest=4,
    numbers=(
        u16("soc_pct", 0, 1, lambda v: v.soc_percent, high=100),
        u16("soh_pct", 2, 1, lambda v: v.soh_percent, high=100),
        u16("soc_hires_pct", 4, 100, lambda v: v.soc_percent, high=10_000),
    ),
)

MEASUREMENTS = Frame(
    can_id=0x356,
    meaning="voltage, current, temperature",
    length=8,
    shortest=6,
    numbers=(
        s16("voltage_V", 0, 100, lambda v: v.voltage_v),
        s16("current_A", 2, 10, lambda v: v.current_a),
        s16("temperature_C", 4, 10, lambda v: v.temperature_c),
    ),
)

MANUFACTURER = Frame(
    can_id=0x35E,
    meaning="manufacturer",
    length=8,
    shortest=1,
    texts=(Text(name="manufacturer_text", at=0, size=8, of=lambda v: v.manufacturer, pad=NUL),),
)

BATTERY = Frame(
    can_id=0x35F,
    meaning="product, version and capacity",
    length=8,
    shortest=6,
    numbers=(
        u16("product_id", 0, 1, lambda _: 0),
        u8("version_b2", 2, lambda _: 1),
        u8("version_b3", 3, lambda _: 0),
        u16("capacity_available_Ah", 4, 1, lambda v: v.remaining_ah),
    ),
)

NAMES = (
    Frame(
        can_id=0x370,
        meaning="name, first half",
        length=8,
        shortest=1,
        texts=(Text(name="bms_name_text", at=0, size=8, of=lambda _: "Cellward", pad=NUL),),
    ),
    Frame(
        can_id=0x371,
        meaning="name, second half",
        length=8,
        shortest=1,
        texts=(Text(name="bms_name2_text", at=0, size=8, of=lambda _: "en", pad=NUL),),
    ),
)

MODULES = Frame(
    can_id=0x372,
    meaning="packs in use and not",
    length=8,
    shortest=8,
    numbers=(
        u16("modules_online", 0, 1, lambda v: v.online),
        u16("modules_blocking_charge", 2, 1, lambda v: v.blocking_charge),
        u16("modules_blocking_discharge", 4, 1, lambda v: v.blocking_discharge),
        u16("modules_offline", 6, 1, lambda v: v.offline),
    ),
)

EXTREMES = Frame(
    can_id=0x373,
    meaning="extremes of cells and sensors",
    length=8,
    shortest=8,
    numbers=(
        u16("cell_voltage_min_V", 0, 1000, cell_min_v),
        u16("cell_voltage_max_V", 2, 1000, cell_max_v),
        Number(
            name="cell_temperature_min_K", at=4, code="<H", per=1, low=0, high=0xFFFF,
            of=lambda v: None if v.temperature_min_c is None else v.temperature_min_c + 273,
        ),
        Number(
            name="cell_temperature_max_K", at=6, code="<H", per=1, low=0, high=0xFFFF,
            of=lambda v: None if v.temperature_max_c is None else v.temperature_max_c + 273,
        ),
    ),
)  # fmt: skip

CELLS = (
    Frame(
        can_id=0x374,
        meaning="which cell is the lowest",
        length=8,
        shortest=1,
        texts=(
            Text(
                name="cell_vmin_id_text", at=0, size=8, of=lambda v: cell_name(v.cell_min), pad=NUL
            ),
        ),
    ),
    Frame(
        can_id=0x375,
        meaning="which cell is the highest",
        length=8,
        shortest=1,
        texts=(
            Text(
                name="cell_vmax_id_text", at=0, size=8, of=lambda v: cell_name(v.cell_max), pad=NUL
            ),
        ),
    ),
    Frame(
        can_id=0x376,
        meaning="which sensor is the coldest",
        length=8,
        shortest=1,
        texts=(
            Text(
                name="cell_tmin_id_text",
                at=0,
                size=8,
                of=lambda v: sensor_name(v.temperature_min),
                pad=NUL,
            ),
        ),
    ),
    Frame(
        can_id=0x377,
        meaning="which sensor is the warmest",
        length=8,
        shortest=1,
        texts=(
            Text(
                name="cell_tmax_id_text",
                at=0,
                size=8,
                of=lambda v: sensor_name(v.temperature_max),
                pad=NUL,
            ),
        ),
    ),
)

INSTALLED = Frame(
    can_id=0x379,
    meaning="installed capacity",
    length=8,
    shortest=2,
    numbers=(u16("installed_capacity_Ah", 0, 1, lambda v: v.installed_ah),),
)

# -- of other batteries, not sent ------------------------------------------------------------

EVENTS = Frame(can_id=0x35B, meaning="events", length=8, shortest=1)

IMMEDIATE = Frame(
    can_id=0x360,
    meaning="request to be charged at once",
    length=8,
    shortest=1,
    bits=(Bits("charge_immediately", 0, 0, 8, lambda v: 0xFF if v.force_charge_urgent else 0),),
)

ENERGY = Frame(
    can_id=0x378,
    meaning="energy in and out since ever",
    length=8,
    shortest=8,
    numbers=(u32("energy_charged_kWh", 0, 10), u32("energy_discharged_kWh", 4, 10)),
)

SERIALS = (
    Frame(
        can_id=0x380,
        meaning="serial number, first half",
        length=8,
        shortest=1,
        texts=(Text(name="serial_text", at=0, size=8, pad=NUL),),
    ),
    Frame(
        can_id=0x381,
        meaning="serial number, second half",
        length=8,
        shortest=1,
        texts=(Text(name="serial2_text", at=0, size=8, pad=NUL),),
    ),
)

PRODUCT = Frame(
    can_id=0x382,
    meaning="product",
    length=8,
    shortest=1,
    texts=(Text(name="product_text", at=0, size=8, of=lambda _: NAME, pad=NUL),),
)

# -- what a GX says ----------------------------------------------------------------------------

PRESENT = Frame(
    can_id=0x306,
    meaning="the GX has a battery",
    length=8,
    shortest=0,
    numbers=(Number(name="present_payload", at=0, code="<Q", per=1, low=0, high=2**64 - 1),),
)

IDENTITY = Frame(
    can_id=0x307,
    meaning="who the GX is",
    length=8,
    shortest=7,
    numbers=(u32("ident_magic", 0, 1),),
    texts=(Text(name="ident_text", at=4, size=3),),
)

VICTRON = Dialect(
    name="victron",
    summary="Victron CAN-bus BMS (500 kbit/s) for a GX device",
    frames=(
        LIMITS,
        ALARMS,
        CHARGE,
        MEASUREMENTS,
        MANUFACTURER,
        BATTERY,
        IMMEDIATE,
        *NAMES,
        MODULES,
        EXTREMES,
        *CELLS,
        INSTALLED,
        PRODUCT,
    ),
    heard=(HEARTBEAT, PRESENT, IDENTITY),
    also=(EVENTS, ENERGY, *SERIALS),
    manufacturer=NAME,
)
