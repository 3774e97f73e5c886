"""The alarm word and the logbook codes of the JK protocols with header 55 AA EB 90.

The word is that of the cell-info frame on BLE and of Modbus register 12A0. The 24-cell layout has
bits 0 to 15 only. Bits 0 to 23 are from vendor tables, 24 to 28 from one source
(syssi/esphome-jk-bms); 29 to 31 mean nothing known. Other JK protocols number theirs differently.
"""

from collections.abc import Iterator
from functools import lru_cache

from cellwarden.model import AlarmKind, DeviceAlarm, Severity

_NEITHER, _CHARGE, _DISCHARGE, _BOTH = (False, False), (True, False), (False, True), (True, True)


def _row(
    bit: int, kind: AlarmKind, text: str, blocks: tuple[bool, bool]
) -> tuple[int, DeviceAlarm]:
    return bit, DeviceAlarm(
        kind=kind,
        severity=Severity.PROTECTION if any(blocks) else Severity.WARNING,
        blocks_charge=blocks[0],
        blocks_discharge=blocks[1],
        text=text,
    )


# fmt: off
ALARM_BITS: tuple[tuple[int, DeviceAlarm], ...] = (
    _row(0, AlarmKind.BMS_INTERNAL, "balance wire resistance", _NEITHER),
    _row(1, AlarmKind.MOS_OVERTEMPERATURE, "MOS over temperature", _BOTH),
    _row(2, AlarmKind.CELL_COUNT, "cell count differs from the setting", _BOTH),
    _row(3, AlarmKind.BMS_INTERNAL, "current sensor", _BOTH),
    # Also stands at the end of a normal charge.
    _row(4, AlarmKind.CELL_OVERVOLTAGE, "cell overvoltage", _CHARGE),
    _row(5, AlarmKind.PACK_OVERVOLTAGE, "pack overvoltage", _CHARGE),
    _row(6, AlarmKind.CHARGE_OVERCURRENT, "charge overcurrent", _CHARGE),
    _row(7, AlarmKind.SHORT_CIRCUIT, "charge short circuit", _CHARGE),
    _row(8, AlarmKind.CHARGE_OVERTEMPERATURE, "charge over temperature", _CHARGE),
    _row(9, AlarmKind.CHARGE_UNDERTEMPERATURE, "charge under temperature", _CHARGE),
    _row(10, AlarmKind.BMS_INTERNAL, "internal communication", _BOTH),
    _row(11, AlarmKind.CELL_UNDERVOLTAGE, "cell undervoltage", _DISCHARGE),
    _row(12, AlarmKind.PACK_UNDERVOLTAGE, "pack undervoltage", _DISCHARGE),
    _row(13, AlarmKind.DISCHARGE_OVERCURRENT, "discharge overcurrent", _DISCHARGE),
    _row(14, AlarmKind.SHORT_CIRCUIT, "discharge short circuit", _DISCHARGE),
    _row(15, AlarmKind.DISCHARGE_OVERTEMPERATURE, "discharge over temperature", _DISCHARGE),
    _row(16, AlarmKind.BMS_INTERNAL, "charge MOS fault", _CHARGE),
    _row(17, AlarmKind.BMS_INTERNAL, "discharge MOS fault", _DISCHARGE),
    _row(18, AlarmKind.BMS_INTERNAL, "GPS disconnected", _NEITHER),
    _row(19, AlarmKind.BMS_INTERNAL, "default password not changed", _NEITHER),
    _row(20, AlarmKind.BMS_INTERNAL, "discharge switch-on failed", _DISCHARGE),
    _row(21, AlarmKind.CHARGE_OVERTEMPERATURE, "battery over temperature", _CHARGE),
    _row(21, AlarmKind.DISCHARGE_OVERTEMPERATURE, "battery over temperature", _DISCHARGE),
    _row(22, AlarmKind.TEMPERATURE_SENSOR, "temperature sensor fault", _NEITHER),
    _row(23, AlarmKind.BMS_INTERNAL, "parallel module fault", _NEITHER),
    _row(24, AlarmKind.SHORT_CIRCUIT, "short circuit release failed", _DISCHARGE),
    _row(25, AlarmKind.DISCHARGE_OVERCURRENT, "discharge overcurrent level 2", _DISCHARGE),
    _row(26, AlarmKind.DISCHARGE_OVERCURRENT, "discharge overcurrent level 3", _DISCHARGE),
    _row(27, AlarmKind.DISCHARGE_UNDERTEMPERATURE, "discharge under temperature", _DISCHARGE),
    _row(28, AlarmKind.BMS_INTERNAL, "locked remotely by GPS", _BOTH),
)
"""(bit, what it means in our words); a bit may mean two things."""
# fmt: on


@lru_cache(maxsize=64)
def alarms_of(bits: int) -> tuple[DeviceAlarm, ...]:
    """Return what the bits of the alarm word mean; unknown ones mean nothing here."""
    return tuple(alarm for bit, alarm in ALARM_BITS if bits >> bit & 1)


_PAIRS = (
    (0x03, "switched off by the app: charge"), (0x04, "switched on by the app: charge"),
    (0x05, "switched off by the app: discharge"), (0x06, "switched on by the app: discharge"),
    (0x07, "switched off remotely: charge"), (0x08, "switched on remotely: charge"),
    (0x09, "switched off remotely: discharge"), (0x0A, "switched on remotely: discharge"),
)  # fmt: skip
_ALARM_PAIRS = (
    "MOS over temperature", "current sensor", "coprocessor", "cell overvoltage",
    "pack overvoltage", "charge overcurrent", "charge short circuit", "charge over temperature",
    "charge under temperature", "cell undervoltage", "pack undervoltage",
    "discharge overcurrent", "discharge short circuit", "discharge over temperature",
)  # fmt: skip
_SINGLE = {
    0x01: "boot", 0x02: "shutdown", 0x27: "watchdog", 0x28: "short circuit level 2",
    0x29: "emergency on", 0x2A: "emergency off", 0x2B: "emergency ended",
    0x2C: "switched off by the app", 0x2D: "switched off by the button",
    0x2E: "discharge switch-on failed", 0x2F: "switched off by RS485",
    0x30: "charge off by CAN", 0x31: "charge on by CAN", 0x32: "discharge off by CAN",
    0x33: "discharge on by CAN", 0x34: "charge off by RS485", 0x35: "charge on by RS485",
    0x36: "discharge off by RS485", 0x37: "discharge on by RS485", 0x38: "sleep",
    0x39: "charge MOS fault", 0x3A: "discharge MOS fault", 0x3B: "time set", 0x3C: "cell count",
    0x3D: "emergency on by the button", 0x3E: "emergency off by the button",
    0x3F: "heating by the button", 0x40: "discharge overcurrent level 2",
    0x41: "discharge overcurrent level 3", 0x42: "short circuit release failed",
    0x43: "preset Li-ion", 0x44: "preset LiFePO4", 0x45: "preset LTO",
    0x46: "emergency on remotely", 0x47: "emergency off remotely",
    0x48: "discharge under temperature", 0x49: "discharge under temperature ended",
}  # fmt: skip


def _log_texts() -> Iterator[tuple[int, str]]:
    yield from _PAIRS
    for place, text in enumerate(_ALARM_PAIRS):
        yield 0x0B + 2 * place, text
        yield 0x0C + 2 * place, f"{text} ended"
    yield from _SINGLE.items()
    for cell in range(32):
        yield 0x64 + cell, f"overcharge of cell {cell + 1}"
        yield 0xC8 + cell, f"over discharge of cell {cell + 1}"


LOG_CODES: dict[int, str] = dict(_log_texts())
"""What the codes of the logbook mean; one source (syssi/esphome-jk-bms)."""
