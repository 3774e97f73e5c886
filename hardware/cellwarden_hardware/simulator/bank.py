"""Packs in parallel, and the household that lives on them."""

import math
import random
from collections.abc import Sequence

from cellwarden.model import CHEMISTRIES
from cellwarden_hardware.simulator.inverter import HybridInverter, Orders
from cellwarden_hardware.simulator.node import node_voltage_v
from cellwarden_hardware.simulator.pack import PackDesign, SimulatedPack
from cellwarden_hardware.simulator.profile import DAY_S, HomeProfile

# R37: a charger this far above the pack wakes a BMS that has shut down.
_ACTIVATION_V = 5.0
# Ours: an inverter of this share of the bank's energy in an hour, 10 kW on 29 kWh.
_INVERTER_C = 0.35
# Ours: until it is told its limits, the inverter keeps this far below the packs' own.
_OWN_LIMIT_SHARE = 0.8
HOME_START_S = 7 * 3600.0
"""A home bank starts in the morning."""


class SimulatedBank:
    """Packs on one pair of bus bars; alone it rests, with a household it lives."""

    def __init__(self, packs: Sequence[SimulatedPack], profile: HomeProfile | None = None) -> None:
        if not packs:
            raise ValueError("a bank needs a pack")
        self.packs = tuple(packs)
        self.profile = profile
        self.inverter = _inverter_for(self.packs)
        self.time_s = 0.0
        """Simulated time since the start."""
        self.start_of_day_s = HOME_START_S
        """Time of day at `time_s` = 0."""
        self.current_a = 0.0
        """What flows into the whole bank, + = charging."""
        self.pv_power_w = 0.0
        """What the panels could give."""
        self.load_power_w = 0.0
        """What the household takes."""
        self._solve(0.0)

    @classmethod
    def home(
        cls,
        packs: int = 2,
        seed: int = 1,
        chemistry: str = "LiFePO4",
        cells: int = 16,
        capacity_ah: float = 280.0,
        start_soc_percent: float = 45.0,
    ) -> "SimulatedBank":
        """Return the bank of a household with panels: packs alike by the label, not in truth."""
        built = [
            SimulatedPack(_home_pack(n, seed, chemistry, cells, capacity_ah, start_soc_percent))
            for n in range(packs)
        ]
        energy_wh = packs * capacity_ah * cells * CHEMISTRIES[chemistry].nominal_v
        return cls(built, HomeProfile(seed=seed, bank_energy_wh=energy_wh))

    @property
    def time_of_day_s(self) -> float:
        """The clock on the wall: s since midnight."""
        return (self.start_of_day_s + self.time_s) % DAY_S

    @property
    def grid_power_w(self) -> float:
        """What the household takes from the grid, - = feeds in; losses aside."""
        return self.load_power_w - self.pv_power_w + self.node_voltage_v * self.current_a

    def set_limits(
        self, cvl_v: float, ccl_a: float, dcl_a: float, *, valid_s: float = 3600.0
    ) -> None:
        """Tell the inverter its limits: bank V, charge A and discharge A, both positive.

        They hold for `valid_s` of simulated time, then it idles until it is told again. The
        default suits a demo in which minutes pass between two words; real inverters wait 10..60 s.
        """
        self.inverter.tell(cvl_v=cvl_v, ccl_a=ccl_a, dcl_a=dcl_a, until_s=self.time_s + valid_s)

    def advance(self, seconds: float) -> None:
        """Let time pass in inner steps; the household, if there is one, decides the current."""
        left_s = seconds
        while left_s > 0.0:
            inner_s = min(left_s, *(pack.longest_step_s for pack in self.packs))
            self.step(inner_s, self._household_a())
            left_s -= inner_s

    def step(self, dt_s: float, demand_a: float) -> None:
        """Let one inner step pass (at most some seconds) with a demand on the whole bank.

        A demand that no pack can take or give flows only as far as the FETs let it: not at all.
        """
        self._solve(demand_a)
        switched = False
        for pack in self.packs:
            switched |= pack.carry(dt_s, pack.current_a)
        self.time_s += dt_s
        if switched:
            self._solve(demand_a)

    def _solve(self, demand_a: float) -> None:
        """Share a demand among the packs."""
        branches = [pack.branch() for pack in self.packs]
        node_v = node_voltage_v(branches, demand_a)
        self.current_a = demand_a
        if node_v is None:  # nobody can: what circulates between the packs remains
            self.current_a = 0.0
            node_v = node_voltage_v(branches, 0.0)
            assert node_v is not None
        self.node_voltage_v = node_v
        for pack, branch in zip(self.packs, branches, strict=True):
            current_a = branch.current_a(node_v)
            if current_a != pack.current_a:
                pack.impose(current_a)

    def _household_a(self) -> float:
        """Return the battery current that the household asks for now."""
        if self.profile is None:
            return 0.0
        wall_s = self.start_of_day_s + self.time_s
        self.pv_power_w = self.profile.pv_power_w(wall_s)
        self.load_power_w = self.profile.load_power_w(wall_s)
        ambient_c = self.profile.ambient_c(wall_s)
        surplus_w = self.pv_power_w - self.load_power_w
        offers = self.inverter.charges(surplus_w, self.time_s)
        for pack in self.packs:
            pack.ambient_c = ambient_c + pack.design.ambient_offset_c
            if offers and self.inverter.orders.cvl_v > pack.emf_v + _ACTIVATION_V:
                pack.offer_charge()
        return self.inverter.demand_a(
            surplus_w, self.time_s, [pack.branch() for pack in self.packs]
        )


def _home_pack(
    n: int, seed: int, chemistry: str, cells: int, capacity_ah: float, start_soc_percent: float
) -> PackDesign:
    """Design one pack of a household: a little older, warmer or fuller than the next."""
    draw = random.Random(f"pack {seed} {n}")  # noqa: S311  # a simulation, no secret
    start = start_soc_percent + draw.uniform(-1.0, 1.0)
    return PackDesign(
        chemistry=chemistry,
        cells=cells,
        capacity_ah=capacity_ah,
        seed=f"{seed} {n}",
        health=draw.uniform(0.97, 1.02),
        resistance_scale=draw.uniform(0.92, 1.12),
        start_soc_percent=min(max(start, 0.0), 100.0),
        start_temperature_c=draw.uniform(20.0, 23.0),
        ambient_offset_c=draw.uniform(-1.5, 1.5),
        # Coulomb counts drift by 1 to 2 % a day in the field.
        current_offset_a=draw.uniform(-0.0003, 0.0003) * capacity_ah,
        cycles=draw.randrange(20, 120),
    )


def _inverter_for(packs: Sequence[SimulatedPack]) -> HybridInverter:
    """Return an inverter with sane settings of its own for these packs."""
    settings = [pack.bms.parameters for pack in packs]
    cells = settings[0].cell_count
    energy_wh = sum(
        p.design_capacity_ah * p.cell_count * CHEMISTRIES[packs[0].design.chemistry].nominal_v
        for p in settings
    )
    return HybridInverter(
        Orders(
            cvl_v=cells * settings[0].charge_voltage_v,
            ccl_a=_OWN_LIMIT_SHARE * math.fsum(p.charge_current_max_a for p in settings),
            dcl_a=_OWN_LIMIT_SHARE * math.fsum(p.discharge_current_max_a for p in settings),
        ),
        cutoff_v=cells * settings[0].discharge_voltage_v,
        rated_w=_INVERTER_C * energy_wh,
    )
