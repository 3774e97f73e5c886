"""The alarm bits of 44H and 62H, and which alarms of Cellwarden set them. Pure."""

from collections.abc import Sequence
from typing import Any

from cellwarden.model import Alarm, PackState, Reading, Severity
from cellwarden.model import AlarmKind as Kind
from cellwarden_can_inverter.dialects.kinds import DOUBTED
from cellwarden_can_inverter.signals import any_of, protection, warning
from cellwarden_can_inverter.view import BatteryView

HOT = (Kind.CHARGE_OVERTEMPERATURE, Kind.DISCHARGE_OVERTEMPERATURE)
COLD = (Kind.CHARGE_UNDERTEMPERATURE, Kind.DISCHARGE_UNDERTEMPERATURE)
PACK_LOW = (Kind.PACK_UNDERVOLTAGE, Kind.SHUTDOWN, Kind.LOW_SOC)
DISCHARGE_CURRENT = (Kind.DISCHARGE_OVERCURRENT, Kind.SHORT_CIRCUIT)

# fmt: off
SYSTEM = (
    #  62H: early warnings
    ("alarm_module_high_voltage", warning(Kind.PACK_OVERVOLTAGE)),
    ("alarm_module_low_voltage", warning(*PACK_LOW)),
    ("alarm_cell_high_voltage", warning(Kind.CELL_OVERVOLTAGE)),
    ("alarm_cell_low_voltage", warning(Kind.CELL_UNDERVOLTAGE)),
    ("alarm_cell_high_temp", warning(*HOT)),
    ("alarm_cell_low_temp", warning(*COLD)),
    ("alarm_mos_high_temp", warning(Kind.MOS_OVERTEMPERATURE)),
    ("alarm_cell_voltage_inconsistent", warning(Kind.CELL_DIFFERENCE)),
    ("alarm_charge_over_current", warning(Kind.CHARGE_OVERCURRENT)),
    ("alarm_discharge_over_current", warning(*DISCHARGE_CURRENT)),
    ("alarm_internal_comm_error",
     any_of(warning(*DOUBTED, Kind.BMS_LOST), protection(Kind.BMS_LOST))),
    #  62H: something was switched off
    ("prot_module_over_voltage", protection(Kind.PACK_OVERVOLTAGE)),
    ("prot_module_under_voltage", protection(*PACK_LOW)),
    ("prot_cell_over_voltage", protection(Kind.CELL_OVERVOLTAGE)),
    ("prot_cell_under_voltage", protection(Kind.CELL_UNDERVOLTAGE)),
    ("prot_cell_over_temp", protection(*HOT)),
    ("prot_cell_under_temp", protection(*COLD)),
    ("prot_mos_over_temp", protection(Kind.MOS_OVERTEMPERATURE)),
    ("prot_charge_over_current", protection(Kind.CHARGE_OVERCURRENT)),
    ("prot_discharge_over_current", protection(*DISCHARGE_CURRENT)),
    ("prot_system_fault", protection(*DOUBTED, Kind.CELL_DIFFERENCE)),
)
STATUS_1 = (
    (7, frozenset({Kind.PACK_UNDERVOLTAGE, Kind.SHUTDOWN})),
    (6, frozenset({Kind.CHARGE_OVERTEMPERATURE})),
    (5, frozenset({Kind.DISCHARGE_OVERTEMPERATURE, Kind.MOS_OVERTEMPERATURE})),
    (4, frozenset(DISCHARGE_CURRENT)),
    (2, frozenset({Kind.CHARGE_OVERCURRENT})),
    (1, frozenset({Kind.CELL_UNDERVOLTAGE})),
    (0, frozenset({Kind.PACK_OVERVOLTAGE, Kind.CELL_OVERVOLTAGE})),
)
"""44H, protections. The sheet has no bit for a cell's over-voltage: bit 0 stops the charging."""
# fmt: on

BELOW, ABOVE, OTHER = 0x01, 0x02, 0xF0
"""Status bytes of 44H; 0 is normal."""
_CODES = {
    Kind.CELL_OVERVOLTAGE: ABOVE,
    Kind.CELL_UNDERVOLTAGE: BELOW,
    Kind.CHARGE_OVERTEMPERATURE: ABOVE,
    Kind.DISCHARGE_OVERTEMPERATURE: ABOVE,
    Kind.CHARGE_UNDERTEMPERATURE: BELOW,
    Kind.DISCHARGE_UNDERTEMPERATURE: BELOW,
    Kind.TEMPERATURE_SENSOR: OTHER,
}
FLOWING_A = 0.1
"""A: from here on the sheet calls it charging or discharging."""
CELL_RANGE_V = (1.0, 4.2)
"""V: a cell beyond it is an error (Status 4 and 5)."""


def system_flags(view: BatteryView) -> list[str]:
    """Return the names of the bits of 62H that are set."""
    return [name for name, on in SYSTEM if on(view)]


def face(packs: Sequence[PackState]) -> PackState | None:
    """Return the pack whose cells are shown: the one whose cells are furthest apart."""
    return max(packs, key=lambda pack: pack.cell_difference_v or 0.0, default=None)


def sensors_of(reading: Reading) -> tuple[float | None, ...]:
    """Return the temperatures in the protocol's order: BMS board, T1, T2 ...; empty for none."""
    board_c = reading.mos_temperature_c
    return (board_c, *reading.temperatures_c) if reading.temperatures_c or board_c else ()


def alarm_block(
    packs: Sequence[PackState], view: BatteryView, *, whole_bank: bool
) -> dict[str, Any]:
    """Return one block of 44H: of one pack, or with `whole_bank` of all as one battery."""
    shown = face(packs)
    reading = shown.reading if shown else None
    cells = reading.cell_voltages_v if reading else ()
    named = shown.alarms if shown else ()
    alarms = [alarm for pack in packs for alarm in pack.alarms]
    acted = {alarm.kind for alarm in alarms if alarm.severity is Severity.PROTECTION}
    raised = {alarm.kind for alarm in alarms}
    if whole_bank:
        acted |= view.protections
        raised |= view.protections | view.warnings
    return {
        "cells": len(cells),
        "temps": len(sensors_of(reading)) if reading else 0,
        "cell_codes": _codes(named, "cell "),
        # T1 of the pack is the protocol's sensor 2.
        "temp_codes": {str(int(n) + 1): code for n, code in _codes(named, "T").items()},
        "charge_current_code": ABOVE if Kind.CHARGE_OVERCURRENT in raised else 0,
        "module_voltage_code": _voltage_code(raised),
        "discharge_current_code": 0 if raised.isdisjoint(DISCHARGE_CURRENT) else ABOVE,
        "status1": _hex(bit for bit, kinds in STATUS_1 if not kinds.isdisjoint(acted)),
        "status2": _hex(_switched_on(packs, view)),
        "status3": _hex(_doing(packs, view, whole_bank=whole_bank)),
        "status4": _hex(_wrong_cells(cells[:8])),
        "status5": _hex(_wrong_cells(cells[8:16])),
    }


def _codes(alarms: Sequence[Alarm], before: str) -> dict[str, int]:
    """Return the codes of what alarms name: `cell 7` and `T2` by their numbers."""
    named = [(a.where.removeprefix(before), a) for a in alarms if a.where.startswith(before)]
    return {n: _CODES[a.kind] for n, a in named if a.kind in _CODES and n.isdecimal()}


def _voltage_code(raised: set[Kind]) -> int:
    if Kind.PACK_OVERVOLTAGE in raised:
        return ABOVE
    return 0 if raised.isdisjoint({Kind.PACK_UNDERVOLTAGE, Kind.SHUTDOWN}) else BELOW


def _switched_on(packs: Sequence[PackState], view: BatteryView) -> list[int]:
    """Return the bits of Status 2: battery in use, discharge and charge MOSFET on."""
    readings = [pack.reading for pack in packs if pack.reading is not None]
    charge = [r.charge_fet_on for r in readings if r.charge_fet_on is not None]
    discharge = [r.discharge_fet_on for r in readings if r.discharge_fet_on is not None]
    discharge_on = any(discharge) if discharge else view.discharge_enabled
    charge_on = any(charge) if charge else view.charge_enabled
    return [bit for bit, on in ((3, bool(packs)), (2, discharge_on), (1, charge_on)) if on]


def _doing(packs: Sequence[PackState], view: BatteryView, *, whole_bank: bool) -> list[int]:
    """Return the bits of Status 3: charging, discharging, heater, fully charged."""
    reading = packs[0].reading if packs else None
    current_a = view.current_a if whole_bank or reading is None else reading.current_a
    soc_percent = view.soc_percent if whole_bank or not packs else packs[0].soc_percent
    return [
        bit
        for bit, on in (
            (7, current_a is not None and current_a > FLOWING_A),
            (6, current_a is not None and current_a < -FLOWING_A),
            (5, any(pack.reading is not None and pack.reading.heating for pack in packs)),
            (3, soc_percent is not None and soc_percent >= 99.5),
        )
        if on
    ]


def _wrong_cells(cells: Sequence[float | None]) -> list[int]:
    low_v, high_v = CELL_RANGE_V
    return [
        n for n, cell_v in enumerate(cells) if cell_v is not None and not low_v <= cell_v <= high_v
    ]


def _hex(bits: Any) -> str:
    return f"{sum(1 << bit for bit in bits):02X}"
