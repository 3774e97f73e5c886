"""Rows for faults of cells, wires, MOSFETs, chargers and settings; their signals are below them.

A signal looks at the whole scene and gives one number that is held against the row's threshold.
"""

from functools import lru_cache

from cellwarden.engine.rule import GOOD, TEMPERATURE_DELAY_S, Rule, Scene, Signal
from cellwarden.model import AlarmKind, Parameters, Severity

LEAST_STRAY_A = 1.0
STRAY_C = 0.01
"""Less current than both of these is noise of a sensor, not a current (ours)."""
FET_DELAY_S = 10.0
"""F26: a MOSFET may take this long to follow; a status that lags must not raise an alarm (ours)."""
IGNORED_S = 30.0  # F40
SHORT_RELEASES = 3  # R17
IGNORED_RELEASES = 3
WIRE_WARN_OHM = 0.150  # R31
WIRE_LOCK_OHM = 0.200  # R31
WIRE_LOCK_V = 0.25  # R31: what a wire may lose at the balance current
WIRE_LEAST_OHM = 0.030
"""The BMS's value is rough (R31): below this no wire is called bad, however good the others are
(ours)."""
SETTINGS_MARGIN_V = 0.05
"""Above what the chemistry stands; a setting rounded up is no other chemistry (ours)."""


def _stray_a(parameters: Parameters) -> float:
    return max(LEAST_STRAY_A, STRAY_C * parameters.design_capacity_ah)


def _cell_failure(scene: Scene) -> Signal | None:
    """Give by how far one cell is above its limit while another is below (F23)."""
    lowest, highest = scene.view.cell_min, scene.view.cell_max
    if lowest is None or highest is None:
        return None
    p = scene.parameters
    over_v = highest.voltage_v - p.cell_overvoltage_v
    under_v = p.cell_undervoltage_v - lowest.voltage_v
    if over_v <= 0 or under_v <= 0:
        return GOOD
    return Signal(min(over_v, under_v), f"cells {highest.cell} and {lowest.cell}")


def _short_circuit(scene: Scene) -> Signal | None:
    """Say whether the BMS reports a short circuit: only hardware is fast enough to (R17)."""
    for alarm in scene.view.reading.alarms:
        if alarm.kind is AlarmKind.SHORT_CIRCUIT:
            return Signal(1.0, alarm.text)
    return GOOD


def _fet_conducts(scene: Scene) -> Signal | None:
    """Give the current that flows through a MOSFET that reads off (F25).

    Through the charge MOSFET's body diode a pack can be discharged, and the reverse: only the
    direction that the open one should stop counts.
    """
    reading = scene.view.reading
    current_a = reading.current_a
    if current_a is None:
        return None
    if reading.charge_fet_on is False and current_a > 0:
        return Signal(current_a, "charge MOSFET")
    if reading.discharge_fet_on is False and current_a < 0:
        return Signal(-current_a, "discharge MOSFET", current_a)
    return GOOD


def _fet_ignores(scene: Scene) -> Signal | None:
    """Say whether a MOSFET reads off while its switch is on and nothing explains it (F26)."""
    reading = scene.view.reading
    charge = reading.charge_switch_on is True and reading.charge_fet_on is False
    discharge = reading.discharge_switch_on is True and reading.discharge_fet_on is False
    if not charge and not discharge:
        return GOOD
    blocks_charge, blocks_discharge = scene.blocked
    if charge and not blocks_charge:
        return Signal(1.0, "charge MOSFET")
    if discharge and not blocks_discharge:
        return Signal(1.0, "discharge MOSFET")
    return GOOD


def _charger_ignores(scene: Scene) -> Signal | None:
    """Give the charging current while the charge current limit is 0 (F40)."""
    if scene.ccl_a > 0:
        return GOOD
    current_a = scene.view.reading.current_a
    return None if current_a is None else Signal(current_a)


def _ignored_a(p: Parameters) -> float:
    """Above the tail of a full pack, which a charger that holds the voltage still gives."""
    return max(2.0, 0.06 * p.design_capacity_ah)


@lru_cache(maxsize=64)  # rough values that rarely change
def _worst(told: tuple[float | None, ...]) -> tuple[float, int, float]:
    """Return the highest resistance in ohm, its lead's number, and the pack's median."""
    known = sorted(r for r in told if r is not None)
    if not known:
        return 0.0, 0, 0.0
    return known[-1], told.index(known[-1]) + 1, known[len(known) // 2]


def _lead(scene: Scene, part: float, least_ohm: float, alone_ohm: float) -> Signal:
    """Give the worst lead against the lower of two limits (R31).

    One is `part` times the pack's median, at least `least_ohm`; the other one holds alone.
    """
    worst_ohm, number, median_ohm = _worst(scene.view.reading.wire_resistances_ohm)
    if worst_ohm < WIRE_LEAST_OHM:
        return GOOD
    limit_ohm = min(max(part * median_ohm, least_ohm), alone_ohm)
    return Signal(worst_ohm / limit_ohm, f"wire {number}", worst_ohm, limit_ohm)


def _wire_high(scene: Scene) -> Signal | None:
    """Give the worst lead against twice the median or 150 mΩ, whichever is less."""
    return _lead(scene, 2.0, WIRE_LEAST_OHM, WIRE_WARN_OHM)


def _wire_locks(scene: Scene) -> Signal | None:
    """Give the worst lead against three times the median, or what it loses while balancing."""
    most_a = scene.parameters.balance_current_max_a
    told_a = _held(scene, "balance_current_max_a", 0.01, most_a)
    return _lead(scene, 3.0, WIRE_LOCK_OHM, WIRE_LOCK_V / (told_a or most_a))


def _held(scene: Scene, name: str, low: float, high: float) -> float | None:
    """Return a setting that the device tells, None if it tells none that can be."""
    held = scene.view.reading.settings
    told = None if held is None else held.get(name)
    return told if told is not None and low <= told <= high else None


def _settings(scene: Scene) -> Signal | None:
    """Give by how much the device would overcharge a cell of this chemistry (F38)."""
    told_v = _held(scene, "cell_overvoltage_v", 0.5, 10.0)
    if told_v is None:
        return None
    most_v = max(scene.stands_v, scene.parameters.cell_overvoltage_v)
    return Signal(told_v - most_v, "cell over-voltage in the BMS", told_v, most_v)


def _cell_count(scene: Scene) -> Signal | None:
    """Give by how many cells the device's setting differs from what is wired (R7, F39)."""
    told = _held(scene, "cell_count", 0, 255)
    if told is None:
        return None
    wired = scene.parameters.cell_count
    return Signal(abs(told - wired), "set in the BMS", told, wired)


FAULTS: tuple[Rule, ...] = (
    Rule(  # F23
        name="cell failure",
        kind=AlarmKind.CELL_FAILURE,
        signal=_cell_failure,
        unit="V",
        at=0.0,
        delay="cell_overvoltage_delay_s",
        latched=True,
        blocks_charge=True,
        blocks_discharge=True,
        releases="somebody has looked at the cells and releases it",
    ),
    Rule(  # R17, F18
        name="short circuit",
        kind=AlarmKind.SHORT_CIRCUIT,
        signal=_short_circuit,
        unit="",
        at=0.5,
        immediate=0.0,
        delay=0.0,
        release_s="short_circuit_release_s",
        waits=True,
        latches_after=SHORT_RELEASES,
        blocks_charge=True,
        blocks_discharge=True,
        releases="{} have passed and the BMS reports none",
    ),
    Rule(  # F25
        name="MOSFET conducts while off",
        kind=AlarmKind.FET_STUCK,
        signal=_fet_conducts,
        unit="A",
        at=_stray_a,
        delay=FET_DELAY_S,
        latched=True,
        blocks_charge=True,
        blocks_discharge=True,
        releases="the BMS is mended and somebody releases it",
    ),
    Rule(  # F38
        name="settings of the BMS",
        kind=AlarmKind.SETTINGS,
        signal=_settings,
        unit="V",
        at=SETTINGS_MARGIN_V,
        release=SETTINGS_MARGIN_V,
        delay=0.0,
        blocks_charge=True,
        releases="the BMS holds settings of the right chemistry",
    ),
    Rule(  # R7, F39
        name="cell count setting",
        kind=AlarmKind.CELL_COUNT,
        signal=_cell_count,
        unit="",
        at=0.5,
        release=0.5,
        delay=0.0,
        blocks_charge=True,
        blocks_discharge=True,
        releases="the BMS is set to the cells that are wired",
    ),
    Rule(  # F40
        name="charger ignores the limit",
        kind=AlarmKind.CHARGER_IGNORES_LIMIT,
        signal=_charger_ignores,
        unit="A",
        at=_ignored_a,
        delay=IGNORED_S,
        release_s=60.0,
        waits=True,
        latches_after=IGNORED_RELEASES,
        blocks_charge=True,
        releases="{} have passed without a charging current",
    ),
    Rule(  # R31
        name="balance lead",
        kind=AlarmKind.BALANCE_WIRE,
        signal=_wire_locks,
        unit="ohm",
        at=1.0,
        release=0.9,
        delay=TEMPERATURE_DELAY_S,
        blocks_balance=True,
        releases="its resistance is near that of the others",
    ),
    Rule(  # R31
        name="balance lead warning",
        kind=AlarmKind.BALANCE_WIRE,
        severity=Severity.WARNING,
        signal=_wire_high,
        unit="ohm",
        at=1.0,
        release=0.9,
        delay=TEMPERATURE_DELAY_S,
        releases="its resistance is near that of the others",
    ),
    Rule(  # F26
        name="MOSFET stays off",
        kind=AlarmKind.FET_STUCK,
        severity=Severity.WARNING,
        signal=_fet_ignores,
        unit="",
        at=0.5,
        release=0.5,
        delay=FET_DELAY_S,
        releases="it follows its switch",
    ),
)
