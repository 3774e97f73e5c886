"""Device information (frame type 03) and the logbook (type 05) of JK BMS.

The device information says which layout all other frames have. Both passcodes stand in it in the
clear; they are left out unless asked for.
"""

import re
import struct
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from cellwarden_hardware.codecs.jk_ble_cells import Layout
from cellwarden_hardware.codecs.jk_ble_fields import Block, Field, Form, Value


def _t(at: int, size: int, name: str, *, secret: bool = False) -> Field:
    return Field(at=at, code=f"{size}s", name=name, form=Form.TEXT, secret=secret)


def _f(at: int, code: str, name: str, unit: str = "", per: int = 1) -> Field:
    return Field(at=at, code=code, name=name, unit=unit, per=per)


_ALL = (
    _t(6, 16, "model"),
    _t(22, 8, "hardware_version"),
    _t(30, 8, "software_version"),
    _f(38, "I", "uptime", "s"),
    _f(42, "I", "power_on_count"),
    _t(46, 16, "device_name"),
    _t(62, 16, "device_passcode", secret=True),
    _t(78, 8, "manufacturing_date"),  # yymmdd
    # 11 bytes: what follows is a passcode of older units ("0000") or rubbish.
    _t(86, 11, "serial_number"),
    _t(102, 16, "user_data"),
    _t(118, 16, "setup_passcode", secret=True),
)
_ONLY_32S = (  # valid from software 14 on
    _t(134, 16, "user_data_2"),
    _f(184, "B", "uart1_protocol"),
    _f(185, "B", "can_protocol"),
    _f(186, "I", "uart1_protocols_mask"),
    _f(202, "I", "can_protocols_mask"),
    _f(218, "B", "uart2_protocol"),
    _f(219, "I", "uart2_protocols_mask"),
    _f(234, "B", "buzzer_trigger"),
    _f(235, "B", "dry1_trigger"),
    _f(236, "B", "dry2_trigger"),
    _f(238, "i", "buzzer_on_value"),
    _f(242, "i", "buzzer_off_value"),
    _f(246, "i", "dry1_on_value"),
    _f(250, "i", "dry1_off_value"),
    _f(254, "i", "dry2_on_value"),
    _f(258, "i", "dry2_off_value"),
    _f(262, "I", "data_store_period", "s"),
    _f(266, "B", "charge_voltage_time", "h", 10),
    _f(267, "B", "float_voltage_time", "h", 10),
    _f(269, "B", "emergency_duration", "min"),
    _f(270, "B", "uart3_protocol"),
    _f(271, "I", "uart3_protocols_mask"),
    _f(278, "B", "rebulk_soc", "%"),
)

DEVICE = Block(_ALL)
DEVICE_32S = Block((*_ALL, *_ONLY_32S))
SECRETS = frozenset(field.name for field in DEVICE_32S.fields if field.secret)
"""Names of the fields that hold a passcode."""

UART_PROTOCOLS = (
    "4G-GPS (4E 57)", "JK RS485 Modbus V1.0", "NIU", "tower V1.1", "PACE", "Pylon LV RS485 3.5",
    "Growatt", "Voltronic", "tower V2", "WOW", "LCD V2", "custom 1", "custom 2",
    "JK Modbus at 9600", "Pylon at 9600", "PB LCD or internal", "LIN",
)  # fmt: skip
"""What UART1, UART2 and UART3 may speak, by number."""
CAN_PROTOCOLS = (
    "JK 250K V2.0", "Deye", "Pylon 1.2", "Growatt", "Victron", "Megarevo", "JK 500K V2.0",
    "INVT", "GoodWe", "SMA (FSS)", "MUST", "Luxpower", "custom 1", "custom 2",
)  # fmt: skip
"""What the CAN port may speak, by number."""
TRIGGERS = (
    "off", "low SoC", "pack overvoltage", "pack undervoltage", "cell overvoltage",
    "cell undervoltage", "charge overcurrent", "discharge overcurrent",
    "battery over temperature", "MOS over temperature", "system alarm",
    "battery low temperature", "remote", "above SoC", "MOS abnormal",
)  # fmt: skip
"""What may drive buzzer and dry contacts, by number."""

_JK04_BALANCER = "JK-B5A24S"
"""Speaks JK04 though its software 8.0.3M looks like one of 24S."""


def layout_of(model: str, software: str) -> Layout | None:
    """Return the layout that a device of this model and software version has, None if unknown."""
    leading = re.match(r"\d+", software)
    major = int(leading[0]) if leading else 0
    if model.replace("_", "-").startswith(_JK04_BALANCER) or major == 3:
        return Layout.JK04
    if major >= 11:
        return Layout.JK02_32S
    return Layout.JK02_24S if major >= 4 else None


def read_device(
    frame: bytes, *, secrets: bool = False
) -> tuple[Layout | None, Mapping[str, Value]]:
    """Return the layout of the device and what it says of itself in a frame of type 03."""
    values = DEVICE.read(frame, secrets=secrets)
    layout = layout_of(str(values["model"]), str(values["software_version"]))
    if layout is Layout.JK02_32S:
        values = DEVICE_32S.read(frame, secrets=secrets)
    return layout, values


class LogEntry(NamedTuple):
    """One line of the logbook."""

    time_since_start_s: int
    code: int
    """See `jk_ble_alarms.LOG_CODES`."""


_ENTRY = struct.Struct("<IB")
_ENTRIES_AT = 11
MAX_ENTRIES = 50


def read_logbook(frame: bytes) -> tuple[int, tuple[LogEntry, ...]]:
    """Return how many entries a frame of type 05 announces, and those it carries."""
    (count,) = struct.unpack_from("<I", frame, 6)
    carried = min(count, MAX_ENTRIES)
    entries = tuple(
        LogEntry(*_ENTRY.unpack_from(frame, _ENTRIES_AT + _ENTRY.size * place))
        for place in range(carried)
    )
    return count, entries


def write_logbook(entries: Sequence[LogEntry], body: bytearray) -> None:
    """Put a logbook's entries into the body of a frame of type 05, as many as it carries."""
    struct.pack_into("<I", body, 6, len(entries))
    for place, entry in enumerate(entries[:MAX_ENTRIES]):
        _ENTRY.pack_into(body, _ENTRIES_AT + _ENTRY.size * place, *entry)
