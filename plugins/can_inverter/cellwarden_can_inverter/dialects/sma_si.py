"""SMA Sunny Island with an external BMS.

Sources: SMA FSS-ConnectingBat-TI-en-10; MG Energy Master LV guide v8. Little-endian (one public
project sends it big-endian and swaps the current limits). The inverter takes a frame no faster
than every 200 ms, ignores a value outside the ranges below without a word and keeps the last
one; 0xFFFF (unsigned) and 0x8000 (signed) mean "not told". No other identifiers are allowed on
this bus. An active alarm in 0x35A stops the inverter within about 10 s, 60 s without 0x355 too.

Its own 0x305 is no empty heartbeat: it carries what the inverter measures, the current
*negative while charging*.
"""

from cellwarden_can_inverter.dialects.byd_lv import EVENTS
from cellwarden_can_inverter.dialects.two_bit import ALARMS
from cellwarden_can_inverter.dialects.victron import MANUFACTURER
from cellwarden_can_inverter.frames import Dialect, Frame, Meter
from cellwarden_can_inverter.signals import s16, u8, u16

NOT_TOLD = 0xFFFF
NOT_TOLD_SIGNED = -0x8000

LIMITS = Frame(
    can_id=0x351,
    meaning="limits",
    length=8,
    shortest=6,
    urgent=True,
    numbers=(
        #   name                        byte  per   value             range of the sheet
        u16("charge_voltage_limit_V", 0, 10, lambda v: v.cvl_v, low=410, high=630),
        s16("charge_current_limit_A", 2, 10, lambda v: v.ccl_a, low=0, high=12_000),
        s16("discharge_current_limit_A", 4, 10, lambda v: v.dcl_a, low=0, high=12_000),
        u16("discharge_voltage_limit_V", 6, 10, lambda v: v.dvl_v, low=410, high=480),
    ),
)

CHARGE = Frame(
    can_id=0x355,
    meaning="state of charge and health",
    length=6,
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
    length=6,
    shortest=6,
    numbers=(
        s16("voltage_V", 0, 100, lambda v: v.voltage_v, low=-0x7FFF),
        s16("current_A", 2, 10, lambda v: v.current_a, low=-0x7FFF, missing=NOT_TOLD_SIGNED),
        s16(
            "temperature_C", 4, 10, lambda v: v.temperature_c, low=-0x7FFF, missing=NOT_TOLD_SIGNED
        ),
    ),
)

BATTERY = Frame(
    can_id=0x35F,
    meaning="battery type, version, total capacity",
    length=8,
    shortest=6,
    numbers=(
        u16("battery_type_raw", 0, 1, lambda _: None, missing=NOT_TOLD),
        u8("version_b2", 2, lambda _: 1),
        u8("version_b3", 3, lambda _: 0),
        u16("capacity_Ah", 4, 1, lambda v: v.capacity_ah, high=NOT_TOLD - 1, missing=NOT_TOLD),
        u16("manufacturer_id_raw", 6, 1, lambda _: None, missing=NOT_TOLD),
    ),
)

QUICK_STOP = Frame(can_id=0x00F, meaning="remote quick stop", length=0, shortest=0)

# -- what the inverter says ----------------------------------------------------------------------

INVERTER = Frame(
    can_id=0x305,
    meaning="what the inverter measures",
    length=8,
    shortest=8,
    numbers=(
        u16("inv_voltage_V", 0, 10),
        s16("inv_current_A", 2, 10),
        s16("inv_temperature_C", 4, 10),
        s16("inv_soc_pct", 6, 10),
    ),
)

STATE = Frame(
    can_id=0x306,
    meaning="state of the inverter",
    length=8,
    shortest=8,
    numbers=(
        u16("inv_soh_pct", 0, 1),
        u8("charging_procedure", 2),  # 10 = an external BMS
        u8("operating_state", 3),  # 0 none, 1 operating, 3 warning, 4 failure
        u16("error_number", 4, 1),
        u16("charge_voltage_setpoint_V", 6, 10),
    ),
)

RELAYS = Frame(
    can_id=0x307, meaning="relays", length=8, shortest=2, numbers=(u16("relay_raw", 0, 1),)
)

SMA_SI = Dialect(
    name="sma_si",
    summary="SMA Sunny Island with an external BMS",
    frames=(
        LIMITS,
        ALARMS,
        CHARGE,
        MEASUREMENTS,
        MANUFACTURER,
        BATTERY,
    ),
    heard=(INVERTER, STATE, RELAYS),
    also=(EVENTS, QUICK_STOP),
    manufacturer="SMA",
    lowest_cvl_v=41.0,
    least_gap_s=0.2,
    meter=Meter(can_id=0x305, voltage="inv_voltage_V", current="inv_current_A", charging_sign=-1),
)
