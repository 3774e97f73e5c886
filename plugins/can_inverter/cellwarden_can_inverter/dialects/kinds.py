"""Which alarms of ours count as one of a sheet's, and other values that several sheets share."""

from cellwarden.model import AlarmKind as Kind
from cellwarden.model import CellExtreme, SensorExtreme
from cellwarden_can_inverter.frames import Frame
from cellwarden_can_inverter.signals import Number
from cellwarden_can_inverter.view import BatteryView

OVERVOLTAGE = (Kind.CELL_OVERVOLTAGE, Kind.PACK_OVERVOLTAGE)
UNDERVOLTAGE = (Kind.CELL_UNDERVOLTAGE, Kind.PACK_UNDERVOLTAGE, Kind.SHUTDOWN, Kind.LOW_SOC)
HOT = (Kind.CHARGE_OVERTEMPERATURE, Kind.DISCHARGE_OVERTEMPERATURE, Kind.MOS_OVERTEMPERATURE)
COLD = (Kind.CHARGE_UNDERTEMPERATURE, Kind.DISCHARGE_UNDERTEMPERATURE)
DISCHARGE_CURRENT = (Kind.DISCHARGE_OVERCURRENT, Kind.SHORT_CIRCUIT)
CHARGE_CURRENT = (Kind.CHARGE_OVERCURRENT,)
BROKEN = (
    Kind.BALANCE_WIRE,
    Kind.BALANCE_WIRE_OPEN,
    Kind.WIRING,
    Kind.CELL_FAILURE,
    Kind.CURRENT_SENSOR,
    Kind.FET_STUCK,
    Kind.CHARGER_IGNORES_LIMIT,
    Kind.BALANCER,
    Kind.HEATER,
    Kind.SETTINGS,
)
"""A part needs a person; sheets have no bits of their own for most of these."""
DOUBTED = (
    Kind.TEMPERATURE_SENSOR,
    Kind.CELL_COUNT,
    Kind.IMPLAUSIBLE_DATA,
    Kind.BMS_INTERNAL,
    *BROKEN,
)
"""What the BMS measures does not arrive, or not in a shape to be believed, or a part is broken."""

IDLE_A = 0.5
"""A current below this is neither charging nor discharging: the noise of a shunt."""


def cell_max_v(view: BatteryView) -> float | None:
    """Return the highest cell in V."""
    return None if view.cell_max is None else view.cell_max.voltage_v


def cell_min_v(view: BatteryView) -> float | None:
    """Return the lowest cell in V."""
    return None if view.cell_min is None else view.cell_min.voltage_v


def cell_max_number(view: BatteryView) -> int | None:
    """Return the number of the highest cell in its pack, from 1."""
    return None if view.cell_max is None else view.cell_max.cell


def cell_min_number(view: BatteryView) -> int | None:
    """Return the number of the lowest cell in its pack, from 1."""
    return None if view.cell_min is None else view.cell_min.cell


def cell_name(extreme: CellExtreme | None) -> str | None:
    """Return which cell it is in 8 characters: `left C16`."""
    return None if extreme is None else f"{extreme.pack[:4]} C{extreme.cell}"


def sensor_name(extreme: SensorExtreme | None) -> str | None:
    """Return which sensor it is in 8 characters: `right T2`."""
    return None if extreme is None else f"{extreme.pack[:5]} {extreme.sensor}"


def direction(view: BatteryView) -> int:
    """Return +1 while charging, -1 while discharging, else 0."""
    if view.current_a is None or abs(view.current_a) < IDLE_A:
        return 0
    return 1 if view.current_a > 0 else -1


HEARTBEAT = Frame(
    can_id=0x305,
    meaning="heartbeat of the inverter",
    length=8,
    shortest=8,
    numbers=(
        Number(name="heartbeat_payload", at=0, code="<Q", per=1, low=0, high=0xFFFF_FFFF_FFFF_FFFF),
    ),
)
"""Zeros as a rule; Schneider sends it with a 29-bit identifier."""
