"""A simulated pack's snapshot as a driver would hand it over: for trials without a link."""

from cellwarden.model import Reading
from cellwarden_hardware.simulator.snapshot import PackSnapshot


def as_reading(snapshot: PackSnapshot, pack: str, heard_s: float) -> Reading:
    """Return the reading of a BMS that measures exactly."""
    return Reading(
        pack=pack,
        heard_s=heard_s,
        cell_voltages_v=snapshot.cell_voltages_v,
        voltage_v=snapshot.voltage_v,
        current_a=snapshot.current_a,
        temperatures_c=snapshot.temperatures_c,
        mos_temperature_c=snapshot.mos_temperature_c,
        soc_percent=snapshot.soc_percent,
        capacity_ah=snapshot.capacity_ah,
        cycles=snapshot.cycles,
        cycle_charge_ah=snapshot.cycle_charge_ah,
        runtime_s=snapshot.runtime_s,
        charge_fet_on=snapshot.charge_fet_on,
        discharge_fet_on=snapshot.discharge_fet_on,
        balancing=snapshot.balancing,
        charge_switch_on=snapshot.charge_switch_on,
        discharge_switch_on=snapshot.discharge_switch_on,
        balance_switch_on=snapshot.balance_switch_on,
    )
