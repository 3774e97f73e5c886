"""What the two alarm words of JK's CAN broadcast mean in our words.

They are tables of their own: BLE, Modbus and "4E 57" number their bits differently.
"""

from collections.abc import Iterator
from functools import lru_cache

from cellwarden.model import AlarmKind, DeviceAlarm, Severity
from cellwarden_hardware.codecs import jk_can

_CHARGE, _DISCHARGE, _BOTH, _NEITHER = (True, False), (False, True), (True, True), (False, False)

# Kind and what a serious one blocks, in the order of `jk_can.ALARMS`.
_ALARMS: tuple[tuple[AlarmKind, tuple[bool, bool]], ...] = (
    (AlarmKind.CELL_OVERVOLTAGE, _CHARGE),
    (AlarmKind.CELL_UNDERVOLTAGE, _DISCHARGE),
    (AlarmKind.PACK_OVERVOLTAGE, _CHARGE),
    (AlarmKind.PACK_UNDERVOLTAGE, _DISCHARGE),
    (AlarmKind.CELL_DIFFERENCE, _NEITHER),
    (AlarmKind.DISCHARGE_OVERCURRENT, _DISCHARGE),
    (AlarmKind.CHARGE_OVERCURRENT, _CHARGE),
    (AlarmKind.CHARGE_OVERTEMPERATURE, _BOTH),
    (AlarmKind.CHARGE_UNDERTEMPERATURE, _BOTH),
    (AlarmKind.TEMPERATURE_SENSOR, _NEITHER),
    (AlarmKind.LOW_SOC, _NEITHER),
    (AlarmKind.BMS_INTERNAL, _BOTH),
    (AlarmKind.BMS_INTERNAL, _BOTH),
    (AlarmKind.BMS_INTERNAL, _NEITHER),
    (AlarmKind.BMS_INTERNAL, _BOTH),
)
_SERIOUS = 1

# The same for `jk_can.FAULTS`. Behind bit 10 one bit may be missing in the numbering, so from there
# on each stands for two neighbours: blocked is what either would block.
_FAULTS: tuple[tuple[AlarmKind, tuple[bool, bool]], ...] = (
    (AlarmKind.BMS_INTERNAL, _NEITHER),
    (AlarmKind.MOS_OVERTEMPERATURE, _BOTH),
    (AlarmKind.CELL_COUNT, _BOTH),
    (AlarmKind.BMS_INTERNAL, _BOTH),
    (AlarmKind.CELL_OVERVOLTAGE, _CHARGE),
    (AlarmKind.PACK_OVERVOLTAGE, _CHARGE),
    (AlarmKind.CHARGE_OVERCURRENT, _CHARGE),
    (AlarmKind.SHORT_CIRCUIT, _CHARGE),
    (AlarmKind.CHARGE_OVERTEMPERATURE, _CHARGE),
    (AlarmKind.CHARGE_UNDERTEMPERATURE, _CHARGE),
    (AlarmKind.BMS_INTERNAL, _BOTH),
    (AlarmKind.CELL_UNDERVOLTAGE, _DISCHARGE),
    (AlarmKind.PACK_UNDERVOLTAGE, _DISCHARGE),
    (AlarmKind.DISCHARGE_OVERCURRENT, _DISCHARGE),
    (AlarmKind.SHORT_CIRCUIT, _DISCHARGE),
    (AlarmKind.DISCHARGE_OVERTEMPERATURE, _DISCHARGE),
    (AlarmKind.BMS_INTERNAL, _BOTH),
    (AlarmKind.BMS_INTERNAL, _BOTH),
)


@lru_cache(maxsize=64)
def alarms_of(alarm_bits: int, fault_bits: int) -> tuple[DeviceAlarm, ...]:
    """Return what the two alarm words mean; levels other than serious only warn."""
    return (*_levels(alarm_bits), *_faults(fault_bits))


def _levels(bits: int) -> Iterator[DeviceAlarm]:
    for place, (name, (kind, blocks)) in enumerate(zip(jk_can.ALARMS, _ALARMS, strict=True)):
        level = bits >> 2 * place & 3
        if level:
            yield _alarm(kind, name.replace("_", " "), blocks if level == _SERIOUS else _NEITHER)


def _faults(bits: int) -> Iterator[DeviceAlarm]:
    for place, (text, (kind, blocks)) in enumerate(zip(jk_can.FAULTS, _FAULTS, strict=True)):
        if bits >> place & 1:
            yield _alarm(kind, text, blocks)


def _alarm(kind: AlarmKind, text: str, blocks: tuple[bool, bool]) -> DeviceAlarm:
    return DeviceAlarm(
        kind=kind,
        severity=Severity.PROTECTION if any(blocks) else Severity.WARNING,
        blocks_charge=blocks[0],
        blocks_discharge=blocks[1],
        text=text,
    )
