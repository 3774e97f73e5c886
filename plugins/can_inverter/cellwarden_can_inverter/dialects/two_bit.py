"""0x35A, alarms and warnings in pairs of bits: SMA, Victron, BYD, Pytes, Pylontech V1.3.

Alarms stand in bytes 0-3, warnings in the same order in bytes 4-7. 1 is active, 2 is fine, 0 is
"cannot tell", which is what we say of the contactor. SMA wants an alarm taken back with a 2, so a
pair that we know is never left at 0. Pair 1 is *high* voltage and pair 2 *low*: captures of BYD
and Pytes packs show it, one public project has them the other way round.
"""

from cellwarden.model import AlarmKind as Kind
from cellwarden_can_inverter.dialects.kinds import (
    CHARGE_CURRENT,
    DOUBTED,
    OVERVOLTAGE,
    UNDERVOLTAGE,
)
from cellwarden_can_inverter.frames import Frame
from cellwarden_can_inverter.signals import Pair, protection, warning

KINDS: tuple[tuple[str, tuple[Kind, ...]], ...] = (
    # name                what raises it                                            place
    ("general", tuple(Kind)),  # 0
    ("high_voltage", OVERVOLTAGE),  # 1
    ("low_voltage", UNDERVOLTAGE),  # 2
    ("high_temp", (Kind.DISCHARGE_OVERTEMPERATURE, Kind.MOS_OVERTEMPERATURE)),  # 3
    ("low_temp", (Kind.DISCHARGE_UNDERTEMPERATURE,)),  # 4
    ("high_temp_charge", (Kind.CHARGE_OVERTEMPERATURE,)),  # 5
    ("low_temp_charge", (Kind.CHARGE_UNDERTEMPERATURE,)),  # 6
    ("high_current", (Kind.DISCHARGE_OVERCURRENT,)),  # 7
    ("high_charge_current", CHARGE_CURRENT),  # 8
    ("contactor", ()),  # 9
    ("short_circuit", (Kind.SHORT_CIRCUIT,)),  # 10
    ("bms_internal", (*DOUBTED, Kind.BMS_LOST)),  # 11
    ("cell_imbalance", (Kind.CELL_DIFFERENCE,)),  # 12
)  # 13 to 15 are reserved

ALARMS = Frame(
    can_id=0x35A,
    meaning="alarms and warnings",
    length=8,
    shortest=4,
    urgent=True,
    pairs=(
        *(
            Pair(f"alarm_{name}", k, protection(*kinds) if kinds else None)
            for k, (name, kinds) in enumerate(KINDS)
        ),
        *(
            Pair(f"warn_{name}", 16 + k, warning(*kinds) if kinds else None)
            for k, (name, kinds) in enumerate(KINDS)
        ),
    ),
)
