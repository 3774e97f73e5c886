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


FINE = replace(
    SNAPSHOT,
    cell_voltages_v=(3.3004, 3.3016, 3.3021, 3.2999),
    current_a=-12.344,
    temperatures_c=(21.44, -3.2),
    mos_temperature_c=28.6,
    soc_percent=63.4,
    capacity_ah=279.6,
    cycle_charge_ah=3361.2,
    runtime_s=7265.0,
    balance_switch_on=False,
)
"""Values between the digits that protocols have, to see how they are rounded."""


class FixedPack:
    """Is `now`; its switches can be set."""

    def __init__(self, now: PackSnapshot = SNAPSHOT, /, **changes: object) -> None:
        self.now = replace(now, **changes)

    def snapshot(self) -> PackSnapshot:
        return self.now

    def set_switch(self, which: str, on: bool) -> None:
        self.now = replace(self.now, **{f"{which}_switch_on": on})
