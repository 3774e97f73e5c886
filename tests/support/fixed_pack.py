"""A pack whose values stand in literals, for emulated devices."""

from dataclasses import replace

from cellwarden.model import AlarmKind
from cellwarden_hardware.simulator.snapshot import PackSnapshot

SNAPSHOT = PackSnapshot(
    at_s=0.0,
    chemistry="LiFePO4",
    cell_voltages_v=(3.3, 3.302, 3.298, 3.3),
    current_a=-12.3,
    temperatures_c=(21.0, -3.0),
    mos_temperature_c=29.0,
    soc_percent=63.0,
    true_soc_percent=60.0,
    capacity_ah=280.0,
    design_capacity_ah=280.0,
    cycles=12,
    cycle_charge_ah=3361.0,
    runtime_s=7260.0,
    charge_fet_on=True,
    discharge_fet_on=False,
    balancing=True,
    charge_switch_on=True,
    discharge_switch_on=True,
    balance_switch_on=True,
    protections=frozenset({AlarmKind.CELL_UNDERVOLTAGE}),
)


class FixedPack:
    """Is `now`; its switches can be set."""

    def __init__(self, **changes: object) -> None:
        self.now = replace(SNAPSHOT, **changes)

    def snapshot(self) -> PackSnapshot:
        return self.now

    def set_switch(self, which: str, on: bool) -> None:
        self.now = replace(self.now, **{f"{which}_switch_on": on})
