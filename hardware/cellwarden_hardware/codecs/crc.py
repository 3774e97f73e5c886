"""CRC-16 as Modbus uses it."""


def _row(byte: int) -> int:
    crc = byte
    for _ in range(8):
        crc = crc >> 1 ^ 0xA001 if crc & 1 else crc >> 1
    return crc


_TABLE = tuple(map(_row, range(256)))


def crc16_modbus(data: bytes) -> int:
    """Return the CRC (polynomial 8005 reflected, start FFFF), which frames carry low byte first."""
    crc = 0xFFFF
    for byte in data:
        crc = crc >> 8 ^ _TABLE[(crc ^ byte) & 0xFF]
    return crc
