"""What the two alarm words of JK's CAN broadcast mean in our words.

They are tables of their own: BLE, Modbus and "4E 57" number their bits differently.
"""

from collections.abc import Iterator
from functools import lru_cache

from cellwarden.model import AlarmKind, DeviceAlarm
from cellwarden_hardware.codecs import jk_can
from cellwarden_hardware.codecs.alarm_bits import (
    BOTH,
    CHARGE,
    DISCHARGE,
    NEITHER,
    AlarmWord,
    alarm_bit,
    device_alarm,
    unknown,
)

# Kind and what a serious one blocks, in the order of `jk_can.ALARMS`.
_ALARMS: tuple[tuple[AlarmKind | None, tuple[bool, bool]], ...] = (
    (AlarmKind.CELL_OVERVOLTAGE, CHARGE),
    (AlarmKind.CELL_UNDERVOLTAGE, DISCHARGE),
    (AlarmKind.PACK_OVERVOLTAGE, CHARGE),
    (AlarmKind.PACK_UNDERVOLTAGE, DISCHARGE),
    (AlarmKind.CELL_DIFFERENCE, NEITHER),
    (AlarmKind.DISCHARGE_OVERCURRENT, DISCHARGE),
    (AlarmKind.CHARGE_OVERCURRENT, CHARGE),
    (AlarmKind.CHARGE_OVERTEMPERATURE, BOTH),
    (AlarmKind.CHARGE_UNDERTEMPERATURE, BOTH),
    (AlarmKind.TEMPERATURE_SENSOR, NEITHER),
    (AlarmKind.LOW_SOC, NEITHER),
    (AlarmKind.WIRING, BOTH),  # insulation
    (AlarmKind.WIRING, BOTH),  # interlock
    (None, NEITHER),  # external communication: the BMS misses its inverter, say
    (AlarmKind.BMS_INTERNAL, BOTH),
)
_SERIOUS = 1

# Behind bit 10 one bit may be missing in the numbering, so from there on each stands for two
# neighbours: blocked is what either would block.
_FAULT_MEANINGS: tuple[tuple[AlarmKind, tuple[bool, bool]], ...] = (
    (AlarmKind.BALANCE_WIRE, NEITHER),
    (AlarmKind.MOS_OVERTEMPERATURE, BOTH),
    (AlarmKind.CELL_COUNT, BOTH),
    (AlarmKind.CURRENT_SENSOR, BOTH),
    (AlarmKind.CELL_OVERVOLTAGE, CHARGE),
    (AlarmKind.PACK_OVERVOLTAGE, CHARGE),
    (AlarmKind.CHARGE_OVERCURRENT, CHARGE),
    (AlarmKind.SHORT_CIRCUIT, CHARGE),
    (AlarmKind.CHARGE_OVERTEMPERATURE, CHARGE),
    (AlarmKind.CHARGE_UNDERTEMPERATURE, CHARGE),
    (AlarmKind.BMS_INTERNAL, BOTH),
    (AlarmKind.CELL_UNDERVOLTAGE, DISCHARGE),
    (AlarmKind.PACK_UNDERVOLTAGE, DISCHARGE),
    (AlarmKind.DISCHARGE_OVERCURRENT, DISCHARGE),
    (AlarmKind.SHORT_CIRCUIT, DISCHARGE),
    (AlarmKind.DISCHARGE_OVERTEMPERATURE, DISCHARGE),
    (AlarmKind.FET_STUCK, BOTH),
    (AlarmKind.FET_STUCK, BOTH),
    (AlarmKind.FET_STUCK, BOTH),  # the last one, if a bit is missing in the numbering
)
FAULTS = AlarmWord(
    [
        alarm_bit(bit, kind, text, blocks)
        for bit, (text, (kind, blocks)) in enumerate(
            zip((*jk_can.FAULTS, jk_can.FAULTS[-1]), _FAULT_MEANINGS, strict=True)
        )
    ]
)
"""What each bit of message 18F328F4 means."""


@lru_cache(maxsize=64)
def alarms_of(alarm_bits: int, fault_bits: int) -> tuple[DeviceAlarm, ...]:
    """Return what the two alarm words mean; levels other than serious only warn."""
    return (*_levels(alarm_bits), *FAULTS.alarms_of(fault_bits))


@lru_cache(maxsize=64)
def notices_of(alarm_bits: int, fault_bits: int) -> tuple[str, ...]:
    """Return what else is set: what is no danger, and what nobody knows."""
    told = [_text(place) for place, _ in _set(alarm_bits) if _ALARMS[place][0] is None]
    beyond = alarm_bits >> 2 * len(_ALARMS) << 2 * len(_ALARMS)
    return (*told, *unknown(beyond), *FAULTS.notices_of(fault_bits))


def _levels(bits: int) -> Iterator[DeviceAlarm]:
    for place, level in _set(bits):
        kind, blocks = _ALARMS[place]
        if kind is not None:
            yield device_alarm(kind, _text(place), blocks if level == _SERIOUS else NEITHER)


def _set(bits: int) -> Iterator[tuple[int, int]]:
    """Yield place and level of each alarm that stands."""
    for place in range(len(_ALARMS)):
        if level := bits >> 2 * place & 3:
            yield place, level


def _text(place: int) -> str:
    return jk_can.ALARMS[place].replace("_", " ")
