"""The alarm word and the logbook codes of the JK protocols with header 55 AA EB 90.

The word is that of the cell-info frame on BLE and of Modbus register 12A0. The 24-cell layout has
bits 0 to 15 only. Bits 0 to 23 are from vendor tables, 24 to 28 from one source
(syssi/esphome-jk-bms); 29 to 31 mean nothing known. Other JK protocols number theirs differently.
"""

from collections.abc import Iterator

from cellwarden.model import AlarmKind
from cellwarden_hardware.codecs.alarm_bits import BOTH, CHARGE, DISCHARGE, AlarmWord, alarm_bit

# fmt: off
ALARMS = AlarmWord((
    alarm_bit(0, AlarmKind.BALANCE_WIRE, "balance wire resistance"),
    alarm_bit(1, AlarmKind.MOS_OVERTEMPERATURE, "MOS over temperature", BOTH),
    alarm_bit(2, AlarmKind.CELL_COUNT, "cell count differs from the setting", BOTH),
    alarm_bit(3, AlarmKind.CURRENT_SENSOR, "current sensor", BOTH),
    # Also stands at the end of a normal charge.
    alarm_bit(4, AlarmKind.CELL_OVERVOLTAGE, "cell overvoltage", CHARGE),
    alarm_bit(5, AlarmKind.PACK_OVERVOLTAGE, "pack overvoltage", CHARGE),
    alarm_bit(6, AlarmKind.CHARGE_OVERCURRENT, "charge overcurrent", CHARGE),
    alarm_bit(7, AlarmKind.SHORT_CIRCUIT, "charge short circuit", CHARGE),
    alarm_bit(8, AlarmKind.CHARGE_OVERTEMPERATURE, "charge over temperature", CHARGE),
    alarm_bit(9, AlarmKind.CHARGE_UNDERTEMPERATURE, "charge under temperature", CHARGE),
    alarm_bit(10, AlarmKind.BMS_INTERNAL, "internal communication", BOTH),
    alarm_bit(11, AlarmKind.CELL_UNDERVOLTAGE, "cell undervoltage", DISCHARGE),
    alarm_bit(12, AlarmKind.PACK_UNDERVOLTAGE, "pack undervoltage", DISCHARGE),
    alarm_bit(13, AlarmKind.DISCHARGE_OVERCURRENT, "discharge overcurrent", DISCHARGE),
    alarm_bit(14, AlarmKind.SHORT_CIRCUIT, "discharge short circuit", DISCHARGE),
    alarm_bit(15, AlarmKind.DISCHARGE_OVERTEMPERATURE, "discharge over temperature", DISCHARGE),
    alarm_bit(16, AlarmKind.FET_STUCK, "charge MOS fault", CHARGE),
    alarm_bit(17, AlarmKind.FET_STUCK, "discharge MOS fault", DISCHARGE),
    alarm_bit(18, None, "GPS disconnected"),
    alarm_bit(19, None, "default password not changed"),
    alarm_bit(20, AlarmKind.FET_STUCK, "discharge switch-on failed", DISCHARGE),
    alarm_bit(21, AlarmKind.CHARGE_OVERTEMPERATURE, "battery over temperature", CHARGE),
    alarm_bit(21, AlarmKind.DISCHARGE_OVERTEMPERATURE, "battery over temperature", DISCHARGE),
    alarm_bit(22, AlarmKind.TEMPERATURE_SENSOR, "temperature sensor fault"),
    alarm_bit(23, AlarmKind.BMS_INTERNAL, "parallel module fault"),
    alarm_bit(24, AlarmKind.SHORT_CIRCUIT, "short circuit release failed", DISCHARGE),
    alarm_bit(25, AlarmKind.DISCHARGE_OVERCURRENT, "discharge overcurrent level 2", DISCHARGE),
    alarm_bit(26, AlarmKind.DISCHARGE_OVERCURRENT, "discharge overcurrent level 3", DISCHARGE),
    alarm_bit(27, AlarmKind.DISCHARGE_UNDERTEMPERATURE, "discharge under temperature", DISCHARGE),
    alarm_bit(28, AlarmKind.BMS_INTERNAL, "locked remotely by GPS", BOTH),
))
"""What each bit of the word means."""
# fmt: on


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


def log_text(code: int) -> str:
    """Return what a code of the logbook means."""
    return LOG_CODES.get(code, f"code {code:02X}; its meaning is not known")
