"""How each row of the protection table is made to trip, and not quite: one entry a row.

A row that watches a quantity is driven by that number. A row with a signal is driven by what a
BMS would tell then: its entry here is a must, `tests/core/engine/test_protection_rows.py` fails for
a row without one.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from cellwarden.engine.protection import Row
from cellwarden.engine.view import Quantity
from cellwarden.model import AlarmKind, DeviceAlarm, Severity
from support.packs import with_cell

Changes = Mapping[str, Any]
STEP = {"V": 0.001, "A": 0.1, "°C": 0.1, "K": 0.1, "%": 0.1}
"""The least that is told of each unit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drive:
    """What is heard in one reading."""

    quantities: Mapping[Quantity, float] = field(default_factory=dict)
    changes: Changes = field(default_factory=dict)
    """Of a healthy reading."""
    ccl_a: float = 50.0
    """The charge current limit that was given out last."""

    def beside(self, other: "Drive") -> "Drive | None":
        """Return both at once; None where one number would have to be two."""
        if set(self.quantities) & set(other.quantities):
            return None
        changes: dict[str, Any] = dict(self.changes)
        for name, value in other.changes.items():
            held = changes.get(name, value)
            if held != value and not isinstance(held, dict):
                return None
            changes[name] = {**held, **value} if isinstance(held, dict) else value
        return Drive(
            quantities={**self.quantities, **other.quantities},
            changes=changes,
            ccl_a=min(self.ccl_a, other.ccl_a),
        )


QUIET = Drive()


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """One row that has a signal in place of a quantity."""

    harmless: tuple[Drive, ...]
    """Just below the threshold and at it; of something that is or is not, its absence."""
    beyond: Drive
    """Just beyond it."""
    far: Drive
    """So far beyond that other rows may be driven at the same time."""
    held: Drive | None = None
    """What keeps it, once it has tripped, and would not have made it trip."""
    free: Drive = QUIET
    """What ends it."""


def told(changes: Changes, ccl_a: float = 50.0) -> Drive:
    """Return what a BMS tells."""
    return Drive(changes=changes, ccl_a=ccl_a)


def cells(first_v: float, second_v: float) -> Drive:
    """Return two cells beside fourteen healthy ones."""
    return told({"cell_voltages_v": (first_v, second_v, *(3.3,) * 14)})


def leads(worst_ohm: float, other_ohm: float = 0.06) -> Drive:
    """Return balance leads, the fifth one the worst."""
    return told({"wire_resistances_ohm": (*(other_ohm,) * 4, worst_ohm, *(other_ohm,) * 11)})


def welded(current_a: float) -> Drive:
    """Return a charging current through a charge MOSFET that reads off."""
    return told({"charge_fet_on": False, "current_a": current_a})


def held(**settings: float) -> Drive:
    """Return what the BMS says that it is set to."""
    return told({"settings": settings})


SHORT = DeviceAlarm(
    kind=AlarmKind.SHORT_CIRCUIT,
    severity=Severity.PROTECTION,
    blocks_discharge=True,
    text="short circuit",
)

SIGNALS: dict[str, Signal] = {
    "cell failure": Signal(
        harmless=(cells(3.60, 2.65), cells(3.65, 2.70), cells(3.60, 2.70)),
        beyond=cells(3.601, 2.699),
        far=cells(3.65, 2.65),
    ),
    "short circuit": Signal(
        harmless=(QUIET,), beyond=told({"alarms": (SHORT,)}), far=told({"alarms": (SHORT,)})
    ),
    "MOSFET conducts while off": Signal(
        harmless=(welded(0.9), welded(1.0), welded(-50.0)), beyond=welded(1.1), far=welded(7.0)
    ),
    "settings of the BMS": Signal(
        harmless=(held(cell_overvoltage_v=3.65), held(cell_overvoltage_v=3.699)),
        beyond=held(cell_overvoltage_v=3.701),
        far=held(cell_overvoltage_v=4.2),
        free=held(cell_overvoltage_v=3.65),
    ),
    "cell count setting": Signal(
        harmless=(held(cell_count=16.0),),
        beyond=held(cell_count=15.0),
        far=held(cell_count=15.0),
        free=held(cell_count=16.0),
    ),
    "charger ignores the limit": Signal(
        harmless=(
            told({"current_a": 5.9}, 0.0),
            told({"current_a": 6.0}, 0.0),
            told({"current_a": 40.0}, 0.1),
        ),
        beyond=told({"current_a": 6.1}, 0.0),
        far=told({"current_a": 7.0}, 0.0),
    ),
    "balance lead": Signal(
        harmless=(leads(0.124, 0.1), leads(0.125, 0.1)),
        beyond=leads(0.126, 0.1),
        far=leads(0.5),
        held=leads(0.115, 0.1),
    ),
    "balance lead warning": Signal(
        harmless=(leads(0.119), leads(0.120)),
        beyond=leads(0.121),
        far=leads(0.5),
        held=leads(0.110),
    ),
    "MOSFET stays off": Signal(
        harmless=(QUIET, told({"charge_fet_on": False, "charge_switch_on": False})),
        beyond=told({"charge_fet_on": False}),
        far=told({"charge_fet_on": False}),
    ),
}
"""By the name of the row; for 16 LiFePO4 cells of 100 Ah and a balancer of 2 A."""


def of_quantity(row: Row, beyond: float) -> Drive:
    """Return the quantity of a row so many steps of its unit beyond the threshold."""
    assert row.rule.quantity is not None
    at = row.shown_threshold + row.sign * beyond * STEP[row.rule.unit]
    return Drive(quantities={row.rule.quantity: at})


def harmless(row: Row) -> tuple[Drive, ...]:
    """Return what is just below the threshold of a row, and at it."""
    if row.rule.quantity is None:
        return SIGNALS[row.rule.name].harmless
    return of_quantity(row, -1), of_quantity(row, -1 if row.rule.reaches else 0)


def beyond(row: Row) -> Drive:
    """Return what is just beyond the threshold of a row."""
    if row.rule.quantity is None:
        return SIGNALS[row.rule.name].beyond
    return of_quantity(row, 0 if row.rule.reaches else 1)


def far(row: Row) -> Drive:
    """Return what trips a row whatever else is driven."""
    return SIGNALS[row.rule.name].far if row.rule.quantity is None else of_quantity(row, 1)


def keeping(row: Row) -> Drive | None:
    """Return what does not release a row that has tripped, though it would not trip it."""
    if row.rule.quantity is None:
        return SIGNALS[row.rule.name].held
    if row.release is None:
        return None
    return Drive(quantities={row.rule.quantity: row.sign * row.release})


def free(row: Row) -> Drive:
    """Return what is just on the good side of the release of a row."""
    if row.rule.quantity is None:
        return SIGNALS[row.rule.name].free
    if row.release is None:
        return of_quantity(row, -100)
    return Drive(quantities={row.rule.quantity: row.sign * (row.release - STEP[row.rule.unit])})


HIGH_CELL, LOW_CELL = 7, 3


def as_told(quantity: Quantity, value: float) -> Changes:
    """Return the changes of a healthy reading that show a value of a quantity."""
    if quantity is Quantity.CELL_MAX:
        return with_cell(HIGH_CELL, value, other_v=max(value - 0.2, 3.3))
    if quantity in (Quantity.CELL_MIN, Quantity.CELL_DIFFERENCE):
        low_v = value if quantity is Quantity.CELL_MIN else 3.3 - value
        return with_cell(LOW_CELL, low_v)
    if quantity is Quantity.SUM_MISMATCH:
        return {"voltage_v": 52.8 / (1 + value / 100)}
    if quantity is Quantity.VOLTAGE:
        return {"voltage_v": value, "cell_voltages_v": (value / 16,) * 16}
    if quantity is Quantity.TEMPERATURE_DIFFERENCE:
        return {"temperatures_c": (25.0, 25.0 + value)}
    return {
        Quantity.CURRENT: {"current_a": value},
        Quantity.TEMPERATURE_MAX: {"temperatures_c": (25.0, value)},
        Quantity.TEMPERATURE_MIN: {"temperatures_c": (value, 25.0)},
        Quantity.MOS_TEMPERATURE: {"mos_temperature_c": value},
        Quantity.SOC: {"soc_percent": value},
    }[quantity]
