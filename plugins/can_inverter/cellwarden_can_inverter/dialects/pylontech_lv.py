"""Pylontech LV: the baseline that nearly every 48 V hybrid inverter understands.

Source: Pylontech "CAN bus protocol" V1.2, tables 1 to 5; the same layout in the sheets of
Sol-Ark V1.3 and LuxPower V04.2, and in captures of US2000, US3000 and US5000 stacks. 500 kbit/s,
11-bit identifiers, little-endian, the whole set once a second. Lengths are those of real packs.

Where public sources disagree, the vendor's sheet was taken:

- system error is bit 3 of byte 1 of 0x359, charge over-current is bit 0 of bytes 1 and 3 (some
  public emulators send 0x80 for either);
- the sheet leaves bytes 6-7 of 0x351 blank; every captured pack puts the DVL there, and so do we;
- a few clones send cell imbalance as bit 4 of bytes 1 or 3 of 0x359: the sheet has no such bit, so
  it is not sent; received, it shows up under `unknown_bits`.
"""

from cellwarden.model import AlarmKind as Kind
from cellwarden_can_inverter.dialects.kinds import (
    CHARGE_CURRENT,
    COLD,
    DISCHARGE_CURRENT,
    DOUBTED,
    HEARTBEAT,
    HOT,
    OVERVOLTAGE,
    UNDERVOLTAGE,
)
from cellwarden_can_inverter.frames import Dialect, Frame
from cellwarden_can_inverter.signals import (
    Flag,
    Text,
    any_of,
    never,
    protection,
    s16,
    u8,
    u16,
    warning,
)

LIMITS = Frame(
    can_id=0x351,
    meaning="limits",
    length=8,
    shortest=6,
    urgent=True,
    numbers=(
        #   name                        byte  per   value
        u16("charge_voltage_limit_V", 0, 10, lambda v: v.cvl_v),
        s16("charge_current_limit_A", 2, 10, lambda v: v.ccl_a, low=0),
        s16("discharge_current_limit_A", 4, 10, lambda v: v.dcl_a, low=0, magnitude=True),
        u16("discharge_voltage_limit_V", 6, 10, lambda v: v.dvl_v),
    ),
)

STATUS = Frame(
    can_id=0x359,
    meaning="protections and alarms",
    length=7,
    shortest=5,
    urgent=True,
    flags=(
        #     name                      byte bit  tells
        # protections: something was switched off
        Flag("prot_cell_over_voltage", 0, 1, protection(*OVERVOLTAGE)),
        Flag("prot_cell_under_voltage", 0, 2, protection(*UNDERVOLTAGE)),
        Flag("prot_over_temperature", 0, 3, protection(*HOT)),
        Flag("prot_under_temperature", 0, 4, protection(*COLD)),
        Flag("prot_discharge_over_current", 0, 7, protection(*DISCHARGE_CURRENT)),
        Flag("prot_charge_over_current", 1, 0, protection(*CHARGE_CURRENT)),
        Flag("prot_system_error", 1, 3, protection(*DOUBTED, Kind.CELL_DIFFERENCE)),
        # alarms: early warnings (the sheet has no bit for a warning of CELL_DIFFERENCE)
        Flag("alarm_cell_high_voltage", 2, 1, warning(*OVERVOLTAGE)),
        Flag("alarm_cell_low_voltage", 2, 2, warning(*UNDERVOLTAGE)),
        Flag("alarm_high_temperature", 2, 3, warning(*HOT)),
        Flag("alarm_low_temperature", 2, 4, warning(*COLD)),
        Flag("alarm_discharge_high_current", 2, 7, warning(*DISCHARGE_CURRENT)),
        Flag("alarm_charge_high_current", 3, 0, warning(*CHARGE_CURRENT)),
        Flag(
            "alarm_internal_comm_fail",
            3,
            3,
            any_of(warning(*DOUBTED, Kind.BMS_LOST), protection(Kind.BMS_LOST)),
        ),
    ),
    numbers=(u8("module_count", 4, lambda v: v.modules),),
    texts=(Text(name="token_text", at=5, size=2, of=lambda _: "PN", default="PN"),),
)

REQUESTS = Frame(
    can_id=0x35C,
    meaning="requests",
    length=2,
    shortest=1,
    urgent=True,
    flags=(
        Flag("charge_enable", 0, 7, lambda v: v.charge_enabled),
        Flag("discharge_enable", 0, 6, lambda v: v.discharge_enabled),
        # The sheet's I is for a pack that is nearly off, II for one that is merely low.
        Flag("request_force_charge_1", 0, 5, lambda v: v.force_charge_urgent),
        Flag("request_force_charge_2", 0, 4, lambda v: v.force_charge),
        Flag("request_full_charge", 0, 3, never),
    ),
)

CHARGE = Frame(
    can_id=0x355,
    meaning="state of charge and health",
    length=4,
    shortest=4,
    numbers=(
        u16("soc_pct", 0, 1, lambda v: v.soc_percent, high=100),
        u16("soh_pct", 2, 1, lambda v: v.soh_percent, high=100),
    ),
)

MEASUREMENTS = Frame(
    can_id=0x356,
    meaning="voltage, current, temperature",
    length=6,
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
    texts=(Text(name="manufacturer_text", at=0, size=8, of=lambda v: v.manufacturer),),
)

PYLONTECH_LV = Dialect(
    name="pylontech_lv",
    summary="Pylontech LV V1.2 on CAN, understood by nearly every 48 V hybrid inverter",
    frames=(LIMITS, STATUS, REQUESTS, CHARGE, MEASUREMENTS, MANUFACTURER),
    heard=(HEARTBEAT,),
)
