"""Cell information of JK BMS (frame type 02) in its three layouts.

The two integer layouts, JK02 with room for 24 or 32 cells, carry the same fields: those behind
the cells move by 16 bytes, those behind the wire resistances by 32. Each is one struct, and one
pass scales what it gives. JK04 is another device: floats, and neither current nor SoC.
"""

from collections.abc import Callable, Iterable
from enum import Enum
from operator import itemgetter, truediv
from typing import Any, NamedTuple

from cellwarden.errors import FrameError
from cellwarden_hardware.codecs.jk_ble_fields import Block, Field, Form

ABSENT_C = -200.0
"""What a temperature sensor shows that is not there."""


class Layout(Enum):
    """Which numbers stand where; the device-info frame tells."""

    JK04 = "JK04"
    JK02_24S = "JK02_24S"
    JK02_32S = "JK02_32S"


class CellInfo(NamedTuple):
    """What changes from frame to frame; None where the layout has no such field.

    A tuple and no dataclass because it is built several times a second on slow machines. The
    order is that of the tables: scaled numbers, plain ones, switches, then what only 32S has.
    """

    cell_voltages_v: tuple[float | None, ...] = ()
    """The first is cell 1; None for a gap in the cells that the BMS says are there."""
    wire_resistances_ohm: tuple[float | None, ...] = ()
    cell_voltage_average_v: float | None = None
    cell_voltage_delta_v: float | None = None
    mos_temperature_c: float | None = None
    temperature_1_c: float | None = None
    temperature_2_c: float | None = None
    temperature_at_254_c: float | None = None
    """This and the next two by their place in 32S: sources disagree on the sensors' numbers."""
    temperature_at_256_c: float | None = None
    temperature_at_258_c: float | None = None
    voltage_v: float | None = None
    power_magnitude_w: float | None = None
    """Without a sign."""
    current_a: float | None = None
    """+ charging."""
    balance_current_a: float | None = None
    """Negative while charge is taken from the highest cell."""
    remaining_capacity_ah: float | None = None
    full_capacity_ah: float | None = None
    """As learned; the setting is another field."""
    cycle_capacity_ah: float | None = None
    charge_sensor_voltage_v: float | None = None
    discharge_sensor_voltage_v: float | None = None
    voltage_coarse_v: float | None = None
    heating_current_a: float | None = None
    cell_mask: int | None = None
    cell_max_number: int | None = None
    """The first cell is 1."""
    cell_min_number: int | None = None
    wire_warning_mask: int | None = None
    alarms: int | None = None
    balance_state: int | None = None
    """0 off, 1 charging the low cell, 2 discharging the high cell."""
    soc_percent: int | None = None
    cycle_count: int | None = None
    soh_percent: int | None = None
    user_alarm: int | None = None
    runtime_s: int | None = None
    discharge_ocp_release_s: int | None = None
    """This and the next five: how long until the protection is released."""
    discharge_scp_release_s: int | None = None
    charge_ocp_release_s: int | None = None
    charge_scp_release_s: int | None = None
    uvp_release_s: int | None = None
    ovp_release_s: int | None = None
    temperature_sensor_present: int | None = None
    """Bits: 0 MOSFETs, 1 to 5 sensors 1 to 5."""
    emergency_countdown_s: int | None = None
    current_correction: int | None = None
    voltage_correction: float | None = None
    time_until_sleep_s: int | None = None
    precharge: bool | None = None
    charge_mos: bool | None = None
    discharge_mos: bool | None = None
    precharging: bool | None = None
    balancer_working: bool | None = None
    heating: bool | None = None
    charger_plugged: bool | None = None
    parallel_limiter: bool | None = None
    system_ticks_s: float | None = None
    clock_s: int | None = None
    """Seconds since 2020-01-01; the time zone is not known."""
    log_entries: int | None = None
    battery_type: int | None = None
    """0 LiFePO4, 1 Li-ion, 2 LTO."""
    charge_status_time_s: int | None = None
    """Valid from software 15 on, as is the next."""
    charge_status: int | None = None
    """0 bulk, 1 absorption, 2 float."""
    dry_contacts: int | None = None
    """Bit 1 DRY1, bit 2 DRY2."""


def _f(at: int, code: str, name: str, unit: str = "", per: int = 1, plus: int = 0) -> Field:
    return Field(at=at, code=code, name=name, unit=unit, per=per, plus=plus)


def _b(at: int, name: str) -> Field:
    return Field(at=at, code="B", name=name, form=Form.SWITCH)


# Places as in 32S.
CELLS = (
    _f(6, "32H", "cell_voltages", "V", 1000),
    _f(80, "32H", "wire_resistances", "ohm", 1000),
)
SCALED = (
    _f(74, "H", "cell_voltage_average", "V", 1000),
    _f(76, "H", "cell_voltage_delta", "V", 1000),
    _f(144, "h", "mos_temperature", "°C", 10),
    _f(162, "h", "temperature_1", "°C", 10),
    _f(164, "h", "temperature_2", "°C", 10),
    _f(254, "h", "temperature_at_254", "°C", 10),
    _f(256, "h", "temperature_at_256", "°C", 10),
    _f(258, "h", "temperature_at_258", "°C", 10),
    _f(150, "I", "voltage", "V", 1000),
    _f(154, "I", "power_magnitude", "W", 1000),
    _f(158, "i", "current", "A", 1000),
    _f(170, "h", "balance_current", "A", 1000),
    _f(174, "i", "remaining_capacity", "Ah", 1000),  # signed in the vendor's register table
    _f(178, "I", "full_capacity", "Ah", 1000),
    _f(186, "I", "cycle_capacity", "Ah", 1000),
    _f(222, "H", "charge_sensor_voltage", "V", 1000),
    _f(224, "H", "discharge_sensor_voltage", "V", 1000),
    _f(234, "H", "voltage_coarse", "V", 100),
    _f(236, "h", "heating_current", "A", 1000),
)
PLAIN = (
    _f(70, "I", "cell_mask"),
    _f(78, "B", "cell_max_number", plus=1),
    _f(79, "B", "cell_min_number", plus=1),
    _f(146, "I", "wire_warning_mask"),
    _f(166, "I", "alarms"),
    _f(172, "B", "balance_state"),
    _f(173, "B", "soc", "%"),
    _f(182, "I", "cycle_count"),
    _f(190, "B", "soh", "%"),
    _f(192, "H", "user_alarm"),
    _f(194, "I", "runtime", "s"),
    _f(202, "H", "discharge_ocp_release", "s"),
    _f(204, "H", "discharge_scp_release", "s"),
    _f(206, "H", "charge_ocp_release", "s"),
    _f(208, "H", "charge_scp_release", "s"),
    _f(210, "H", "uvp_release", "s"),
    _f(212, "H", "ovp_release", "s"),
    _f(214, "B", "temperature_sensor_present"),
    _f(218, "H", "emergency_countdown", "s"),
    _f(220, "H", "current_correction"),
    _f(226, "f", "voltage_correction"),
    _f(270, "I", "time_until_sleep", "s"),
)
SWITCHES = (
    _b(191, "precharge"),
    _b(198, "charge_mos"),
    _b(199, "discharge_mos"),
    _b(200, "precharging"),
    _b(201, "balancer_working"),
    _b(215, "heating"),
    _b(245, "charger_plugged"),
    _b(274, "parallel_limiter"),
)
ONLY_32S_SCALED = (_f(246, "I", "system_ticks", "s", 10),)
ONLY_32S = (
    _f(262, "I", "clock", "s"),
    _f(266, "I", "log_entries"),
    _f(275, "B", "battery_type"),
    _f(278, "H", "charge_status_time", "s"),
    _f(280, "B", "charge_status"),
    _f(281, "B", "dry_contacts"),
)

NAMES = tuple(
    field.name for field in (*CELLS, *SCALED, *PLAIN, *SWITCHES, *ONLY_32S_SCALED, *ONLY_32S)
)
"""The fields of `CellInfo` in its order, as `cellwarden decode` prints them."""

_TEMPERATURES = slice(4, 10)  # in CellInfo
_AT = {name: place for place, name in enumerate(NAMES)}
_NUMBERS = tuple(_AT[n] for n in ("cell_max_number", "cell_min_number"))
_MASK, _SOC, _BALANCE = _AT["cell_mask"], _AT["soc"], _AT["balance_state"]


def _in_24s(field: Field) -> Field:
    """Return where a field of 32S is in 24S."""
    at, code = field.at, field.code
    if field.name == "mos_temperature":
        at = 134
    elif field.name == "alarms":  # 16 bits only: the balance current follows at once
        at, code = 136, "H"
    elif code == "32H":
        at, code = (at if at < 70 else at - 16), "24H"
    else:
        at -= 16 if at < 80 else 32
    return Field(
        at=at, code=code, name=field.name, unit=field.unit, per=field.per, plus=field.plus,
        form=field.form,
    )  # fmt: skip


class _Jk02:
    """One of the two integer layouts."""

    def __init__(
        self,
        cells: int,
        move: Callable[[Field], Field],
        only_scaled: tuple[Field, ...],
        only: tuple[Field, ...],
    ) -> None:
        groups = [
            [move(field) for field in group]
            for group in (CELLS, SCALED, PLAIN, SWITCHES, only_scaled, only)
        ]
        self.cells = cells
        self.block = Block(field for group in groups for field in group)
        slots = self.block.slots
        self.wires_at = slots["wire_resistances"].start
        self.mask_at = slots["cell_mask"].start
        self.scaled = self._picked(groups[1])
        self.pers = tuple(field.per for field in groups[1])
        self.plain = self._picked(groups[2])
        self.switches = self._picked(groups[3])
        self.only = self._picked((*groups[4], *groups[5])) if only else None

    def _picked(self, fields: Iterable[Field]) -> Callable[[tuple[Any, ...]], tuple[Any, ...]]:
        return itemgetter(*(self.block.slots[field.name].start for field in fields))

    def read(self, frame: bytes) -> CellInfo:
        """Return what a whole frame says; FrameError if its parts contradict each other."""
        counts = self.block.unpack(frame)
        mask: int = counts[self.mask_at]
        count = mask.bit_length()
        if count > self.cells or any(counts[count : self.cells]):
            raise FrameError(
                "wrong_frame_type", "cells that are not there have voltages: another layout?"
            )
        wires_at = self.wires_at
        cells: list[Any] = [cell / 1000 for cell in counts[:count]]
        wires: list[Any] = [wire / 1000 for wire in counts[wires_at : wires_at + count]]
        if mask & (mask + 1):  # a gap
            for place in range(count):
                if not mask >> place & 1:
                    cells[place] = wires[place] = None
        values: list[Any] = [
            tuple(cells),
            tuple(wires),
            *map(truediv, self.scaled(counts), self.pers),
            *self.plain(counts),
            *map(bool, self.switches(counts)),
        ]
        highest, lowest = _NUMBERS
        values[highest] += 1
        values[lowest] += 1
        if ABSENT_C in values[_TEMPERATURES]:
            values[_TEMPERATURES] = [
                None if celsius == ABSENT_C else celsius for celsius in values[_TEMPERATURES]
            ]
        # An 8-bit sum fits a damaged frame by chance once in 256.
        extremes = max(values[highest], values[lowest])
        if values[_SOC] > 100 or values[_BALANCE] > 2 or extremes > self.cells:
            raise FrameError("checksum", "the sum fits, but its values are impossible")
        if self.only is None:
            return CellInfo(*values)
        ticks, *rest = self.only(counts)
        return CellInfo._make((*values, ticks / 10, *rest))


_READERS = {
    Layout.JK02_24S: _Jk02(24, _in_24s, (), ()),
    Layout.JK02_32S: _Jk02(32, lambda field: field, ONLY_32S_SCALED, ONLY_32S),
}

JK04 = Block(
    (
        _f(6, "24f", "cell_voltages", "V"),
        _f(102, "24f", "wire_resistances", "ohm"),
        _f(202, "f", "cell_voltage_average", "V"),
        _f(206, "f", "cell_voltage_delta", "V"),
        _f(214, "I", "cell_mask"),
        _f(220, "B", "balance_state"),
        _f(222, "f", "balance_current", "A"),
        _f(286, "I", "runtime", "s"),
    )
)
# Bytes that are no floats are mostly far outside of what a cell can have; absent ones have 0.
_LEAST_V, _MOST_V = 0.001, 10.0


def read_cells(frame: bytes, layout: Layout) -> CellInfo:
    """Return what a frame of type 02 with a good sum says.

    FrameError `wrong_frame_type` where it cannot be of this layout.
    """
    reader = _READERS.get(layout)
    return _read_jk04(frame) if reader is None else reader.read(frame)


def _read_jk04(frame: bytes) -> CellInfo:
    every: tuple[float, ...] = JK04.unpack(frame)[JK04.slots["cell_voltages"]]
    if not all(volts == 0.0 or _LEAST_V <= volts < _MOST_V for volts in every):  # nor NaN
        raise FrameError("wrong_frame_type", "the cell voltages are no floats: another layout?")
    values: dict[str, Any] = JK04.read(frame)
    count = max((n for n, volts in enumerate(every, start=1) if volts), default=0)
    cells = values["cell_voltages"][:count]
    return CellInfo(
        cell_voltages_v=cells,
        wire_resistances_ohm=values["wire_resistances"][:count],
        cell_voltage_average_v=values["cell_voltage_average"],
        cell_voltage_delta_v=values["cell_voltage_delta"],
        voltage_v=sum(cells),
        balance_current_a=values["balance_current"],
        cell_mask=values["cell_mask"],
        balance_state=values["balance_state"],
        runtime_s=values["runtime"],
    )
