"""What decisions rest on, as a table: which alarm its absence raises, and what is left without it.

Such an input may be unknown for a while, during which no limit rises; past its hold time it is a
fault, with an alarm and what is left of the limits.
"""

from typing import NamedTuple

from cellwarden.model import AlarmKind


class Essential(NamedTuple):
    """Something decisions rest on, and what is left of the limits without it."""

    name: str
    kind: AlarmKind
    charge: float
    """Part of the charge current that is left, 0..1."""
    discharge: float
    returns: str
    """What ends it, for a person."""


def _essential(name: str, kind: AlarmKind, charge: float, discharge: float) -> Essential:
    return Essential(name, kind, charge, discharge, f"the {name} is known again")


CELL_VOLTAGE = _essential("voltage of every cell", AlarmKind.IMPLAUSIBLE_DATA, 0.0, 0.0)
CELL_COUNT = Essential(  # R7
    "cell count", AlarmKind.CELL_COUNT, 0.0, 0.0, "the BMS reports as many cells as are set"
)
LOST_CELL = _essential("voltage of every cell", AlarmKind.BALANCE_WIRE_OPEN, 0.0, 0.0)  # F5
OPEN_WIRE = Essential(  # F6
    "voltage beside an open wire", AlarmKind.BALANCE_WIRE_OPEN, 0.5, 0.5, "its cells agree again"
)
SWAPPED_WIRES = Essential(  # F7
    "wiring", AlarmKind.WIRING, 0.0, 0.0, "every cell reads what a cell can have"
)
FROZEN_CELL = Essential(  # F1
    "voltage of a cell that stands still", AlarmKind.IMPLAUSIBLE_DATA, 0.5, 0.5, "it moves again"
)
LONE_CELL = Essential(  # F10
    "voltage of a cell that stepped alone",
    AlarmKind.IMPLAUSIBLE_DATA,
    1.0,
    1.0,
    "it steps back, or somebody releases it",
)
REVERSED = Essential(  # F13
    "sign of the current",
    AlarmKind.WIRING,
    0.0,
    0.0,
    "the voltage follows the current again, or somebody releases it",
)
FROZEN_SENSOR = Essential(  # F19
    "battery temperature", AlarmKind.TEMPERATURE_SENSOR, 1.0, 1.0, "it moves again"
)
CURRENT = _essential("current", AlarmKind.CURRENT_SENSOR, 0.5, 0.5)  # F12
ONE_SENSOR = _essential("battery temperature", AlarmKind.TEMPERATURE_SENSOR, 1.0, 1.0)  # F19
ALL_SENSORS = _essential("battery temperature", AlarmKind.TEMPERATURE_SENSOR, 0.0, 1.0)  # R25
MOS_SENSOR = _essential("MOSFET temperature", AlarmKind.TEMPERATURE_SENSOR, 0.5, 0.5)  # F21

ESSENTIALS = (
    CELL_VOLTAGE,
    LOST_CELL,
    CELL_COUNT,
    OPEN_WIRE,
    SWAPPED_WIRES,
    FROZEN_CELL,
    LONE_CELL,
    CURRENT,
    REVERSED,
    ONE_SENSOR,
    ALL_SENSORS,
    FROZEN_SENSOR,
    MOS_SENSOR,
)


class Missing(NamedTuple):
    """An essential that is unknown."""

    essential: Essential
    where: str
    """Which cells or sensors."""
    since_s: float
    bad: bool
    """A value came and was not believed; False where the device told nothing."""
