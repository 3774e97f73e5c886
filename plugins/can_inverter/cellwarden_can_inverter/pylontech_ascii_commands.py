"""Every command of Pylontech's RS485 protocol: what its request and its answer hold. Pure.

Sources: Pylontech RS485 V3.3 (42H to 4FH, 51H, 92H to 96H) and V3.5 (60H to 64H); captures of
US2000, US3000C and US5000 stacks. Where they disagree:

- currents of 42H, 47H and 92H count 0.1 A, those of 61H 0.01 A, whatever the worked examples say;
- current limits of 63H count 0.1 A: the sheet's example reads 0.01 A, but inverters then took
  limits ten times too high or low in the field; `pylontech_ascii_scaling` has the other way too;
- the discharge limit of 92H is negative, that of 63H positive; their request bits differ too.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cellwarden.errors import FrameError
from cellwarden_can_inverter.pylontech_ascii_rows import (
    Address,
    Cursor,
    Flags,
    Layout,
    Number,
    Row,
    Status,
    Text,
    Version,
    counted,
    read,
    write,
    write_counted,
)
from cellwarden_can_inverter.pylontech_ascii_scaling import PYLONTECH, Scaling

WHOLE_GROUP = 0xFF
"""As command byte: every pack of the group."""

ANALOG, ALARMS, PARAMETERS, VERSION, MAKER = 0x42, 0x44, 0x47, 0x4F, 0x51
BASICS, SYSTEM_ANALOG, SYSTEM_ALARMS, SYSTEM_LIMITS, SHUT_DOWN_GROUP = 0x60, 0x61, 0x62, 0x63, 0x64
LIMITS, SERIAL, SET_LIMITS, SHUT_DOWN, SOFTWARE = 0x92, 0x93, 0x94, 0x95, 0x96


def _volts(name: str) -> Number:
    return Number(name, 2, per=1000)


def _amperes(name: str, per: int = 10) -> Number:
    return Number(name, 2, per=per, signed=True)


def _celsius(name: str) -> Number:
    return Number(name, 2, per=10, zero=2731, optional=True)


COMMAND_VALUE = Number("command_value", 1)
INFO_FLAG = Number("info_flag", 1)
CELL_V = Number("cells_V", 2, per=1000, signed=True, optional=True)
SENSOR_C = _celsius("temperatures_C")

# fmt: off
SYSTEM_PARAMETERS: Layout = (
    INFO_FLAG,
    _volts("cell_high_voltage_limit_V"),
    _volts("cell_low_voltage_alarm_V"),
    _volts("cell_under_voltage_protect_V"),
    _celsius("charge_high_temperature_C"),
    _celsius("charge_low_temperature_C"),
    _amperes("charge_current_limit_A"),
    _volts("module_high_voltage_V"),
    _volts("module_low_voltage_alarm_V"),
    _volts("module_under_voltage_protect_V"),
    _celsius("discharge_high_temperature_C"),
    _celsius("discharge_low_temperature_C"),
    _amperes("discharge_current_limit_A"),
)
MAKER_INFO: Layout = (
    Text("device_name", 10), Version("software_version", 2), Text("manufacturer", 20),
)


def _spread(what: str) -> tuple[Row, ...]:
    """Return average, highest with its module, lowest with its module."""
    return (
        _celsius(f"{what}_avg_C"),
        _celsius(f"{what}_max_C"), Address(f"{what}_max_addr"),
        _celsius(f"{what}_min_C"), Address(f"{what}_min_addr"),
    )


SYSTEM_VALUES: Layout = (
    Number("voltage_V", 2, per=1000),
    _amperes("current_A", per=100),
    Number("soc_pct", 1, optional=True),
    Number("cycles_avg", 2, optional=True),
    Number("cycles_max", 2, optional=True),
    Number("soh_avg_pct", 1, optional=True),
    Number("soh_min_pct", 1, optional=True),
    Number("cell_voltage_max_V", 2, per=1000, optional=True), Address("cell_voltage_max_addr"),
    Number("cell_voltage_min_V", 2, per=1000, optional=True), Address("cell_voltage_min_addr"),
    *_spread("cell_temp"), *_spread("mos_temp"), *_spread("bms_temp"),
)
SYSTEM_FLAGS = Flags(4, (
    #   byte bit
    (0, 7, "alarm_module_high_voltage"),
    (0, 6, "alarm_module_low_voltage"),
    (0, 5, "alarm_cell_high_voltage"),
    (0, 4, "alarm_cell_low_voltage"),
    (0, 3, "alarm_cell_high_temp"),
    (0, 2, "alarm_cell_low_temp"),
    (0, 1, "alarm_mos_high_temp"),
    (0, 0, "alarm_cell_voltage_inconsistent"),
    (1, 7, "alarm_cell_temp_inconsistent"),
    (1, 6, "alarm_charge_over_current"),
    (1, 5, "alarm_discharge_over_current"),
    (1, 4, "alarm_internal_comm_error"),
    (2, 7, "prot_module_over_voltage"),
    (2, 6, "prot_module_under_voltage"),
    (2, 5, "prot_cell_over_voltage"),
    (2, 4, "prot_cell_under_voltage"),
    (2, 3, "prot_cell_over_temp"),
    (2, 2, "prot_cell_under_temp"),
    (2, 1, "prot_mos_over_temp"),
    (3, 6, "prot_charge_over_current"),
    (3, 5, "prot_discharge_over_current"),
    (3, 3, "prot_system_fault"),
))
SYSTEM_MANAGEMENT: Layout = (
    _volts("charge_voltage_limit_V"),
    _volts("discharge_voltage_limit_V"),
    Number("charge_current_raw", 2),
    Number("discharge_current_raw", 2),
    Status((
        (7, "charge_enable"), (6, "discharge_enable"),
        (5, "charge_immediately"), (4, "full_charge_request"),
    )),
)
SETPOINTS: Layout = (
    COMMAND_VALUE,
    _volts("charge_voltage_limit_V"),
    _volts("discharge_voltage_limit_V"),
    _amperes("charge_current_limit_A"),
    _amperes("discharge_current_limit_A"),
)
MANAGEMENT: Layout = (
    *SETPOINTS,
    Status((
        (7, "charge_enable"), (6, "discharge_enable"),
        (5, "charge_immediately_1"), (4, "charge_immediately_2"), (3, "full_charge_request"),
    )),
)
# fmt: on


def _read_analog(cursor: Cursor, scaling: Scaling) -> dict[str, Any]:
    said = read((INFO_FLAG, COMMAND_VALUE), cursor)
    said["modules"] = modules = []
    while cursor.rest:
        modules.append(_read_pack(cursor, scaling))
    return said


def _read_pack(cursor: Cursor, scaling: Scaling) -> dict[str, Any]:
    pack: dict[str, Any] = {
        "cells_V": list(counted(CELL_V, cursor)),
        "temperatures_C": list(counted(SENSOR_C, cursor)),
    }
    pack |= read((_amperes("current_A", scaling.pack_current), _volts("voltage_V")), cursor)
    small = _charge(2, scaling)
    remaining_ah = small.value(cursor.take(2))
    (items,) = cursor.take(1)
    if items not in (2, 4):
        raise FrameError("length", f"{items} user-defined items: there can be 2 or 4")
    total_ah = small.value(cursor.take(2))
    pack |= read((Number("cycles", 2),), cursor)
    if items == 4:
        large = _charge(3, scaling)
        remaining_ah, total_ah = large.value(cursor.take(3)), large.value(cursor.take(3))
    return {**pack, "user_items": items, "remaining_Ah": remaining_ah, "total_Ah": total_ah}


def _charge(size: int, scaling: Scaling) -> Number:
    return Number("charge_Ah", size, per=scaling.charge, optional=True)


def _write_analog(values: Mapping[str, Any], scaling: Scaling) -> bytes:
    head = write((INFO_FLAG, COMMAND_VALUE), values)
    return head + b"".join(_write_pack(pack, scaling) for pack in values["modules"])


def _write_pack(pack: Mapping[str, Any], scaling: Scaling) -> bytes:
    """Return one block; with 4 items the two-byte capacities say FFFF, as captured packs do."""
    large = pack["user_items"] == 4
    small, big = _charge(2, scaling), _charge(3, scaling)
    charges = (pack["remaining_Ah"], pack["total_Ah"])
    remaining, total = (small.field(None if large else value) for value in charges)
    return b"".join(
        (
            write_counted(CELL_V, pack["cells_V"]),
            write_counted(SENSOR_C, pack["temperatures_C"]),
            write((_amperes("current_A", scaling.pack_current), _volts("voltage_V")), pack),
            remaining + bytes([pack["user_items"]]) + total,
            write((Number("cycles", 2),), pack),
            *(big.field(value) for value in charges if large),
        )
    )


CODES = ("charge_current_code", "module_voltage_code", "discharge_current_code")
STATUSES = ("status1", "status2", "status3", "status4", "status5")


def _read_alarms(cursor: Cursor, _: Scaling) -> dict[str, Any]:
    said = read((INFO_FLAG, COMMAND_VALUE), cursor)
    modules = []
    while cursor.rest:
        pack: dict[str, Any] = {}
        for count, codes in (("cells", "cell_codes"), ("temps", "temp_codes")):
            (pack[count],) = cursor.take(1)
            bad = enumerate(cursor.take(pack[count]), 1)
            pack[codes] = {str(number): code for number, code in bad if code}
        pack |= read([Number(name, 1) for name in CODES], cursor)
        pack |= {name: cursor.take(1).hex().upper() for name in STATUSES}
        modules.append(pack)
    return said | (modules[0] if len(modules) == 1 else {"modules": modules})


def _write_alarms(values: Mapping[str, Any], _: Scaling) -> bytes:
    blocks = [write((INFO_FLAG, COMMAND_VALUE), values)]
    for pack in values.get("modules", [values]):
        for count, codes in (("cells", "cell_codes"), ("temps", "temp_codes")):
            bad = pack.get(codes, {})
            numbers = range(1, pack[count] + 1)
            blocks.append(bytes([pack[count], *(bad.get(str(n), 0) for n in numbers)]))
        blocks.append(bytes(pack.get(name, 0) for name in CODES))
        blocks.append(bytes.fromhex("".join(pack[name] for name in STATUSES)))
    return b"".join(blocks)


def _read_basics(cursor: Cursor, _: Scaling) -> dict[str, Any]:
    head = read((Text("device_name", 10), Text("manufacturer", 20)), cursor)
    head |= read((Version("software_version", 2),), cursor)
    (count,) = cursor.take(1)
    serial = Text("serial", 16)
    return head | {"serial_numbers": [serial.read(cursor)["serial"] for _ in range(count)]}


def _write_basics(values: Mapping[str, Any], _: Scaling) -> bytes:
    head = (Text("device_name", 10), Text("manufacturer", 20), Version("software_version", 2))
    serials: Sequence[str] = values["serial_numbers"]
    tail = b"".join(Text("serial", 16).write({"serial": serial}) for serial in serials)
    return write(head, values) + bytes([len(serials)]) + tail


def _read_system_limits(cursor: Cursor, _: Scaling) -> dict[str, Any]:
    return read(SYSTEM_MANAGEMENT, cursor)


def _write_system_limits(values: Mapping[str, Any], scaling: Scaling) -> bytes:
    """Return the block; limits in A (`charge_current_limit_A`) or in counts (`_raw`)."""
    raw = dict(values)
    for side in ("charge", "discharge"):
        amperes = values.get(f"{side}_current_limit_A")
        if amperes is not None:
            counts = Number(side, 2, per=scaling.system_limit).field(amperes)
            raw[f"{side}_current_raw"] = int.from_bytes(counts, "big")
    return write(SYSTEM_MANAGEMENT, raw)


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One CID2."""

    code: int
    meaning: str
    read: Callable[[Cursor, Scaling], dict[str, Any]]
    write: Callable[[Mapping[str, Any], Scaling], bytes]
    request: Layout = ()
    """What its request holds."""
    acts: bool = False
    """It asks the battery to do something; all others only ask."""

    def decode(self, info: bytes, scaling: Scaling = PYLONTECH) -> dict[str, Any]:
        """Return what an answer says; FrameError `length` if it is not this command's."""
        cursor = Cursor(info)
        said = self.read(cursor, scaling)
        cursor.end()
        return said

    def encode(self, values: Mapping[str, Any], scaling: Scaling = PYLONTECH) -> bytes:
        """Return the INFO of an answer; KeyError for a missing value, ValueError for NaN."""
        return self.write(values, scaling)

    def decode_request(self, info: bytes) -> dict[str, Any]:
        """Return what a request says; FrameError `length` if it is not this command's."""
        cursor = Cursor(info)
        said = read(self.request, cursor)
        cursor.end()
        return said

    def encode_request(self, values: Mapping[str, Any]) -> bytes:
        """Return the INFO of a request."""
        return write(self.request, values)


def _plain(code: int, meaning: str, layout: Layout, *, one: bool = False) -> Command:
    return Command(
        code=code,
        meaning=meaning,
        read=lambda cursor, _: read(layout, cursor),
        write=lambda values, _: write(layout, values),
        request=(COMMAND_VALUE,) if one else (),
    )


def _order(code: int, meaning: str, request: Layout = ()) -> Command:
    return Command(
        code=code,
        meaning=meaning,
        read=lambda *_: {},
        write=lambda *_: b"",
        request=request,
        acts=True,
    )


_ONE: Layout = (COMMAND_VALUE,)
# fmt: off
COMMANDS: Mapping[int, Command] = {command.code: command for command in (
    Command(code=ANALOG, meaning="analog values", read=_read_analog, write=_write_analog,
            request=_ONE),
    Command(code=ALARMS, meaning="alarms", read=_read_alarms, write=_write_alarms, request=_ONE),
    _plain(PARAMETERS, "system parameters", SYSTEM_PARAMETERS),
    _plain(VERSION, "protocol version", ()),
    _plain(MAKER, "manufacturer", MAKER_INFO),
    Command(code=BASICS, meaning="system basics", read=_read_basics, write=_write_basics),
    _plain(SYSTEM_ANALOG, "system analog values", SYSTEM_VALUES),
    _plain(SYSTEM_ALARMS, "system alarms", (SYSTEM_FLAGS,)),
    Command(code=SYSTEM_LIMITS, meaning="system charge and discharge management",
            read=_read_system_limits, write=_write_system_limits),
    _order(SHUT_DOWN_GROUP, "shut down the group"),
    _plain(LIMITS, "charge and discharge management", MANAGEMENT, one=True),
    _plain(SERIAL, "serial number", (COMMAND_VALUE, Text("serial_number", 16)), one=True),
    _order(SET_LIMITS, "set charge and discharge management", SETPOINTS),
    _order(SHUT_DOWN, "shut down a pack", _ONE),
    _plain(SOFTWARE, "software version",
           (COMMAND_VALUE, Version("maker_version", 2), Version("mainline_version", 3)), one=True),
)}
# fmt: on
