"""What an emulated device sees of a simulated pack at one moment."""

from dataclasses import dataclass
from typing import Protocol

from cellwarden.model import AlarmKind


@dataclass(frozen=True, slots=True, kw_only=True)
class PackSnapshot:
    """The true and measurable values of a simulated pack, unrounded; current + = charging."""

    at_s: float
    """Simulated time in s since the start."""
    chemistry: str
    cell_voltages_v: tuple[float, ...]
    current_a: float
    temperatures_c: tuple[float, ...]
    mos_temperature_c: float
    soc_percent: float
    """What the simulated BMS believes (its own coulomb count)."""
    true_soc_percent: float
    capacity_ah: float
    design_capacity_ah: float
    cycles: int
    cycle_charge_ah: float
    runtime_s: float
    charge_fet_on: bool
    discharge_fet_on: bool
    balancing: bool
    charge_switch_on: bool
    discharge_switch_on: bool
    balance_switch_on: bool
    protections: frozenset[AlarmKind]
    """Protections that the simulated BMS holds now."""

    @property
    def voltage_v(self) -> float:
        """Sum of the cells in V."""
        return sum(self.cell_voltages_v)


class SnapshotSource(Protocol):
    """What an emulated device needs of a pack."""

    def snapshot(self) -> PackSnapshot:
        """Return the pack as it is now."""
