"""Things that can be wrong with a simulated pack, each on its own and as bad as is wanted.

An ailment changes the pack itself (a leaking cell), what its BMS measures (an open lead), or both.
`severity` has the unit that the ailment's text names. They exist to show that each finding of the
diagnosis is found, grows with the fault, and is not found where there is only something like it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from cellwarden.model import AlarmKind, DeviceAlarm, Reading, Severity
from cellwarden_hardware.simulator.bms import Switch
from cellwarden_hardware.simulator.pack import SimulatedPack

CELL = 5
"""Index of the cell, and of the balance lead on its plus, that is ill."""


Change = Callable[[SimulatedPack, float], None]
Distort = Callable[[Reading, SimulatedPack, float], Reading]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ailment:
    """One thing that can be wrong."""

    text: str
    """What is wrong, with the unit of the severity."""
    change: Change | None = None
    """Done to the pack once, when the ailment begins."""
    distort: Distort | None = None
    """Done to every reading."""


def _weak_resistance(pack: SimulatedPack, times: float) -> None:
    cells = pack.cells
    cells.r0_at_25c_ohm[CELL] *= times
    cells.r1_at_25c_ohm[CELL] *= times
    cells.set_temperature(pack.battery.temperature_c)


def _low_capacity(pack: SimulatedPack, part: float) -> None:
    pack.cells.capacity_ah[CELL] *= part
    pack.cells.charge_ah[CELL] *= part


def _leak(pack: SimulatedPack, amps: float) -> None:
    pack.cells.extra_a[CELL] -= amps


def _apart(pack: SimulatedPack, percent: float) -> None:
    pack.cells.charge_ah[CELL] -= percent / 100.0 * pack.cells.capacity_ah[CELL]


def _no_balancer(pack: SimulatedPack, percent: float) -> None:
    _apart(pack, percent)
    pack.bms.balancer.start_v = 9.9


def _feeble_balancer(pack: SimulatedPack, percent: float) -> None:
    _apart(pack, percent)
    pack.bms.balancer.max_current_a = 0.02


def _switched_off(pack: SimulatedPack, percent: float) -> None:
    _apart(pack, percent)
    pack.set_switch(Switch.BALANCE, on=False)


def _faded(pack: SimulatedPack, part: float) -> None:
    cells = pack.cells
    cells.capacity_ah[:] = [part * ah for ah in cells.capacity_ah]
    cells.charge_ah[:] = [part * ah for ah in cells.charge_ah]


def _cells(reading: Reading, changes: Mapping[int, float]) -> Reading:
    """Return the reading with some cells' voltages changed; the pack voltage stays."""
    cells = tuple(changes.get(n, v) for n, v in enumerate(reading.cell_voltages_v))
    return replace(
        reading, cell_voltages_v=tuple(None if v is None else round(v, 3) for v in cells)
    )


def _volts(reading: Reading) -> list[float]:
    return [v for v in reading.cell_voltages_v if v is not None]


def _contact(reading: Reading, pack: SimulatedPack, ohm: float) -> Reading:
    return _cells(reading, {CELL: _volts(reading)[CELL] + ohm * pack.current_a})


def _lead(reading: Reading, pack: SimulatedPack, ohm: float) -> Reading:
    wires = list(reading.wire_resistances_ohm)
    wires[CELL] = ohm
    return replace(_lead_drop(reading, pack, ohm), wire_resistances_ohm=tuple(wires))


def _lead_unmeasured(reading: Reading, pack: SimulatedPack, ohm: float) -> Reading:
    return replace(_lead_drop(reading, pack, ohm), wire_resistances_ohm=())


def _lead_drop(reading: Reading, pack: SimulatedPack, ohm: float) -> Reading:
    """Return the drop of the lead that balances, which one cell has more and the next has less."""
    balancer = pack.bms.balancer
    into = {CELL: balancer.current_a, CELL + 1: -balancer.current_a}
    drop_v = ohm * (into.get(balancer.cell, 0.0) if balancer.cell is not None else 0.0)
    volts = _volts(reading)
    return _cells(reading, {CELL: volts[CELL] + drop_v, CELL + 1: volts[CELL + 1] - drop_v})


def _open_lead(reading: Reading, _: SimulatedPack, volts: float) -> Reading:
    v = _volts(reading)
    return _cells(reading, {CELL: v[CELL] - volts, CELL + 1: v[CELL + 1] + volts})


def _swapped(reading: Reading, _: SimulatedPack, __: float) -> Reading:
    """Leads on the plus of CELL and of the next are swapped: two, minus one, two."""
    v = _volts(reading)
    both, after = v[CELL] + v[CELL + 1], v[CELL + 1] + v[CELL + 2]
    return _cells(reading, {CELL: both, CELL + 1: -v[CELL + 1], CELL + 2: after})


def _lost(reading: Reading, _: SimulatedPack, volts: float) -> Reading:
    return _cells(reading, {CELL: volts})


def _sensor(reading: Reading, value: float | None) -> Reading:
    return replace(reading, temperatures_c=(value, *reading.temperatures_c[1:]))


def _off_voltage(reading: Reading, _: SimulatedPack, part: float) -> Reading:
    assert reading.voltage_v is not None
    return replace(reading, voltage_v=round(reading.voltage_v * (1.0 + part), 2))


def _off_current(reading: Reading, _: SimulatedPack, amps: float) -> Reading:
    assert reading.current_a is not None
    return replace(reading, current_a=round(reading.current_a + amps, 1))


def _reversed(reading: Reading, _: SimulatedPack, __: float) -> Reading:
    assert reading.current_a is not None
    return replace(reading, current_a=-reading.current_a)


def _alarm(kind: AlarmKind) -> Distort:
    told = DeviceAlarm(kind=kind, severity=Severity.PROTECTION, text="as sent by the BMS")

    def distort(reading: Reading, _: SimulatedPack, severity: float) -> Reading:
        return replace(reading, alarms=(told,)) if severity else reading

    return distort


def _setting(name: str) -> Distort:
    def distort(reading: Reading, _: SimulatedPack, value: float) -> Reading:
        return replace(reading, settings={**(reading.settings or {}), name: value})

    return distort


def _drifted(reading: Reading, _: SimulatedPack, percent: float) -> Reading:
    told = reading.soc_percent or 0.0
    return replace(reading, soc_percent=told + percent if told + percent <= 100 else told - percent)


AILMENTS: dict[str, Ailment] = {
    "weak cell, resistance": Ailment(text="times the resistance", change=_weak_resistance),
    "weak cell, capacity": Ailment(text="part of its capacity that is left", change=_low_capacity),
    "weak cell, leak": Ailment(text="self-discharge in A", change=_leak),
    "bad connection": Ailment(text="ohm in a bus bar", distort=_contact),
    "balance lead": Ailment(text="ohm, measured by the BMS too", distort=_lead),
    "balance lead, not measured": Ailment(
        text="ohm, with a cell that is balanced by it",
        change=lambda pack, _: _apart(pack, 4.0),
        distort=_lead_unmeasured,
    ),
    "open lead": Ailment(text="V by which its cells read apart", distort=_open_lead),
    "swapped leads": Ailment(text="no unit", distort=_swapped),
    "lost cell": Ailment(text="V that are left of it", distort=_lost),
    "sensor missing": Ailment(text="no unit", distort=lambda r, _, __: _sensor(r, None)),
    "sensor at a value": Ailment(text="°C that it shows", distort=lambda r, _, t: _sensor(r, t)),
    "sensor off": Ailment(
        text="K that it shows too much",
        distort=lambda r, _, k: _sensor(r, round((r.temperatures_c[0] or 0.0) + k, 1)),
    ),
    "no sensor": Ailment(text="no unit", distort=lambda r, _, __: replace(r, temperatures_c=())),
    "current offset": Ailment(text="A", distort=_off_current),
    "current reversed": Ailment(text="no unit", distort=_reversed),
    "voltage off": Ailment(text="part of the pack voltage", distort=_off_voltage),
    "cells apart": Ailment(text="% that a cell lacks", change=_apart),
    "balancer dead": Ailment(text="% that a cell lacks", change=_no_balancer),
    "balancer feeble": Ailment(text="% that a cell lacks", change=_feeble_balancer),
    "balancer switched off": Ailment(text="% that a cell lacks", change=_switched_off),
    "faded": Ailment(text="part of the capacity that is left", change=_faded),
    "soc drifted": Ailment(text="%", distort=_drifted),
    "over-voltage set": Ailment(text="V", distort=_setting("cell_overvoltage_v")),
    "under-voltage set": Ailment(text="V", distort=_setting("cell_undervoltage_v")),
    "recovery set": Ailment(text="V", distort=_setting("cell_overvoltage_recovery_v")),
    "capacity set": Ailment(text="Ah", distort=_setting("design_capacity_ah")),
    "cell count set": Ailment(text="cells", distort=_setting("cell_count")),
    **{
        f"alarm: {kind.value}": Ailment(text="1: told by the BMS", distort=_alarm(kind))
        for kind in AlarmKind
    },
}
"""By name. Those that need a story of their own (restarts, heaters, chargers) are told by tests."""
