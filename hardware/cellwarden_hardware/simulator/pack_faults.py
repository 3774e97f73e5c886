"""What can be wrong with a pack or with what its BMS measures: one switch for each fault.

`FaultyPack` is a simulated pack whose readings are measured as a BMS measures (noise, digits) and
then spoilt. Faults of the line between BMS and controller stand in `faults`.
"""

import math
import random
from dataclasses import dataclass, replace

from cellwarden.model import AlarmKind, DeviceAlarm, Reading, Severity
from cellwarden_hardware.simulator.as_reading import as_reading
from cellwarden_hardware.simulator.bms import Switch
from cellwarden_hardware.simulator.pack import SimulatedPack

CELL_NOISE_V = 0.0005
CURRENT_NOISE_A = 0.03
WIRE_OHM = 0.06
"""Of a good balance lead, as boards report it."""
OPEN_WIRE_V = 0.7
"""How far the cells beside an open wire diverge."""


@dataclass(slots=True, kw_only=True)
class PackFaults:
    """The switches; they may be changed at any time. Cells, wires and sensors count from 1."""

    frozen_cell: int | None = None
    frozen: bool = False
    """Frames still come, all of them the same."""
    silent: bool = False
    not_a_number: bool = False
    """Cells and current come as NaN and infinity."""
    cell_reads_v: tuple[tuple[int, float], ...] = ()
    """(cell, what is read of it)."""
    open_wire: int | None = None
    swapped_wire: int | None = None
    """This wire and the next one."""
    wire_ohm: tuple[int, float] | None = None
    busbar_ohm: tuple[int, float] | None = None
    """(cell, resistance of a bad joint that is measured with it)."""
    cell_offset_v: tuple[int, float] | None = None
    sum_error: float = 0.0
    """Part by which the pack voltage is measured too high."""
    current_reads_a: float | None = None
    current_reversed: bool = False
    current_offset_a: float = 0.0
    current_gain: float = 1.0
    sensor_reads_c: tuple[int, float | None] | None = None
    sensors_lost: bool = False
    mos_sensor_lost: bool = False
    short_circuit: bool = False
    """The BMS says so."""
    welded: bool = False
    """Both MOSFETs conduct whatever the BMS commands and reports."""
    charge_fet_dead: bool = False
    """It reads off although its switch is on."""
    balancer_stuck: bool = False
    """It balances with its switch off."""
    clockless: bool = False
    """The BMS tells no runtime."""
    settings: dict[str, float] | None = None
    """What the BMS says that it is set to."""
    cells_told: int | None = None
    """Only so many cells are told."""
    capacity_reads_ah: float | None = None
    soc_reads_percent: float | None = None
    garbage: bool = False
    """Every number is any number of its usual size, the checksum right."""


class FaultyPack:
    """A simulated pack, read as through a BMS, with faults."""

    def __init__(self, pack: SimulatedPack, name: str, seed: int = 1) -> None:
        self.pack = pack
        self.faults = PackFaults()
        self._name = name
        self._draw = random.Random(seed)  # noqa: S311  # a simulation, no secret
        self._last: Reading | None = None

    def step(self, dt_s: float, demand_a: float) -> None:
        """Let a demand act for dt_s."""
        if self.faults.welded:
            self.pack.carry(dt_s, demand_a)
            self.pack.impose(demand_a)
        else:
            self.pack.step(dt_s, demand_a)

    def open_switches(self) -> None:
        """Command both MOSFETs off."""
        for which in (Switch.CHARGE, Switch.DISCHARGE):
            self.pack.set_switch(which, on=False)

    def read(self, now_s: float) -> Reading | None:
        """Return what is heard now, None if nothing is."""
        faults = self.faults
        if faults.silent:
            return None
        if faults.frozen and self._last is not None:
            return replace(self._last, heard_s=now_s)
        reading = self._measured(now_s)
        spoilt = _spoilt(reading, faults, self._last)
        self._last = spoilt
        return self._any(spoilt) if faults.garbage else spoilt

    def _measured(self, now_s: float) -> Reading:
        exact = as_reading(self.pack.snapshot(), self._name, now_s)
        draw = self._draw
        cells = tuple(
            round((v or 0.0) + draw.gauss(0.0, CELL_NOISE_V), 3) for v in exact.cell_voltages_v
        )
        current_a = (exact.current_a or 0.0) + draw.gauss(0.0, CURRENT_NOISE_A)
        return replace(
            exact,
            cell_voltages_v=cells,
            voltage_v=round(sum(cells), 2),
            current_a=round(current_a, 2),
            temperatures_c=tuple(round(t or 0.0, 1) for t in exact.temperatures_c),
            mos_temperature_c=round(exact.mos_temperature_c or 0.0, 1),
            wire_resistances_ohm=(WIRE_OHM,) * len(cells),
            runtime_s=float(int(exact.runtime_s or 0.0)),
        )

    def _any(self, reading: Reading) -> Reading:
        draw = self._draw
        return replace(
            reading,
            cell_voltages_v=tuple(draw.uniform(1.0, 5.0) for _ in reading.cell_voltages_v),
            voltage_v=draw.uniform(16.0, 80.0),
            current_a=draw.uniform(-400.0, 400.0),
            temperatures_c=tuple(draw.uniform(-40.0, 120.0) for _ in reading.temperatures_c),
            mos_temperature_c=draw.uniform(-40.0, 150.0),
            soc_percent=draw.uniform(0.0, 100.0),
        )


def _spoilt(reading: Reading, faults: PackFaults, last: Reading | None) -> Reading:
    """Return a reading as the faults make it."""
    cells = _cells(reading, faults, last)
    current_a = (reading.current_a or 0.0) * faults.current_gain + faults.current_offset_a
    if faults.current_reversed:
        current_a = -current_a
    if faults.current_reads_a is not None:
        current_a = faults.current_reads_a
    changes: dict[str, object] = {"cell_voltages_v": cells, "current_a": current_a}
    changes |= _pack(reading, faults, cells)
    if faults.not_a_number:
        changes |= {
            "cell_voltages_v": (math.nan, math.inf, *cells[2:]),
            "voltage_v": -math.inf,
            "current_a": math.nan,
        }
    return replace(reading, **changes)  # type: ignore[arg-type]  # fields of a reading by name


def _cells(reading: Reading, faults: PackFaults, last: Reading | None) -> tuple[float | None, ...]:
    cells = [v or 0.0 for v in reading.cell_voltages_v]
    if faults.busbar_ohm is not None:
        number, ohm = faults.busbar_ohm
        cells[number - 1] += ohm * (reading.current_a or 0.0)
    if faults.cell_offset_v is not None:
        number, volts = faults.cell_offset_v
        cells[number - 1] += volts
    if faults.frozen_cell is not None and last is not None:
        cells[faults.frozen_cell - 1] = last.cell_voltages_v[faults.frozen_cell - 1] or 0.0
    if faults.open_wire is not None:
        cells[faults.open_wire - 1] += OPEN_WIRE_V
        cells[faults.open_wire] -= OPEN_WIRE_V
    if faults.swapped_wire is not None:
        n = faults.swapped_wire - 1
        first_v, second_v, third_v = cells[n : n + 3]
        cells[n : n + 3] = [first_v + second_v, -second_v, second_v + third_v]
    for number, volts in faults.cell_reads_v:
        cells[number - 1] = volts
    return tuple(round(v, 3) for v in cells[: faults.cells_told])


def _pack(
    reading: Reading, faults: PackFaults, cells: tuple[float | None, ...]
) -> dict[str, object]:
    """Return what the faults change of everything but cells and current."""
    changes: dict[str, object] = {
        "voltage_v": round(sum(v or 0.0 for v in cells) * (1 + faults.sum_error), 2)
    }
    if faults.wire_ohm is not None:
        number, ohm = faults.wire_ohm
        wires = list(reading.wire_resistances_ohm)
        wires[number - 1] = ohm
        changes["wire_resistances_ohm"] = tuple(wires)
    if faults.sensor_reads_c is not None:
        number, degrees = faults.sensor_reads_c
        sensors = list(reading.temperatures_c)
        sensors[number - 1] = degrees
        changes["temperatures_c"] = tuple(sensors)
    if faults.sensors_lost:
        changes["temperatures_c"] = (None,) * len(reading.temperatures_c)
    if faults.mos_sensor_lost:
        changes["mos_temperature_c"] = None
    if faults.short_circuit:
        changes["alarms"] = (_SHORT,)
    if faults.charge_fet_dead:
        changes["charge_fet_on"] = False
    if faults.balancer_stuck:
        changes |= {"balancing": True, "balance_switch_on": False, "balance_current_a": 1.0}
    if faults.clockless:
        changes["runtime_s"] = None
    told = {
        "settings": faults.settings,
        "capacity_ah": faults.capacity_reads_ah,
        "soc_percent": faults.soc_reads_percent,
    }
    changes |= {name: value for name, value in told.items() if value is not None}
    return changes


_SHORT = DeviceAlarm(
    kind=AlarmKind.SHORT_CIRCUIT,
    severity=Severity.PROTECTION,
    blocks_discharge=True,
    text="short circuit",
)
