"""A simulated pack: cells, heat and a BMS between them and the terminal."""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass

from cellwarden.model import CHEMISTRIES, HARDWARE_MODELS, Parameters, preset
from cellwarden.model.catalog import Curve
from cellwarden_hardware.simulator.balancer import Pair
from cellwarden_hardware.simulator.bms import SimulatedBms, Switch
from cellwarden_hardware.simulator.cell import CELL_KINDS, CellString
from cellwarden_hardware.simulator.heater import Heater
from cellwarden_hardware.simulator.node import Branch
from cellwarden_hardware.simulator.snapshot import PackSnapshot
from cellwarden_hardware.simulator.thermal import (
    BATTERY_TIME_CONSTANT_S,
    MOS_K_PER_W,
    MOS_TIME_CONSTANT_S,
    Lump,
    rise_by_cell,
    sensor_cells,
)

MAX_STEP_S = 5.0
"""Longest inner step; the smallest time constant of a cell is 40 s."""
CAREFUL_STEP_S = 1.0
"""Inner step while a protection's delay is running."""
BODY_DIODE_V = 0.7
# Resistances follow the temperature in steps of this; 0.25 K is below 1 % of resistance.
_RESISTANCE_STEP_K = 0.25
_UNKNOWN_BOARD_OHM = 1e-3
"""Of a board whose maker does not say; the middle of those that are known (R1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PackDesign:
    """What is built and how well; the seed draws what differs from cell to cell."""

    chemistry: str = "LiFePO4"
    cells: int = 16
    capacity_ah: float = 280.0
    """By the label."""
    seed: int | str = 1
    board: str = "JK-B2A24S20P"
    """A name of `HARDWARE_MODELS`."""
    parameters: Parameters | None = None
    """The BMS's settings; None for the chemistry's preset within the board's current."""
    health: float = 1.0
    """True capacity of the mean cell, of the label."""
    capacity_spread: float = 0.005
    """Standard deviation between cells, of the mean."""
    resistance_scale: float = 1.0
    """Mean cell resistance, of a typical cell of the chemistry."""
    resistance_spread: float = 0.05
    soc_spread_percent: float = 0.3
    """Standard deviation of the cells' SoC: the imbalance at the start."""
    start_soc_percent: float = 50.0
    start_temperature_c: float = 25.0
    ambient_offset_c: float = 0.0
    """How much warmer the place of this pack is than the room."""
    lead_resistance_ohm: float = 0.0008
    """Cables, fuse and bus bars of one pack."""
    ocv_v: Curve | None = None
    """(SoC in %, relaxed V) of these very cells; None: the catalogue's typical curve."""
    hysteresis_v: float = 0.0
    """Half the width of the hysteresis; some 8 mV for LiFePO4."""
    balance_lead_ohm: float = 0.0
    """Of each balance lead: the BMS reads a cell that it balances wrong by the drop over it."""
    heater_film_ohm: float | None = None
    """A heating film on the BMS's output; None: there is none. Its current bypasses the sensor."""
    supply_current_a: float = 0.007
    """What the BMS itself draws (R3); it bypasses its current sensor."""
    current_offset_a: float = 0.0
    """Zero error of the BMS's own charge count."""
    cycles: int = 0

    def __post_init__(self) -> None:
        """Refuse what cannot be built: ValueError, with KeyError for an unknown name."""
        board = HARDWARE_MODELS[self.board]
        _ = CHEMISTRIES[self.chemistry]
        if not 1 <= self.cells <= board.max_cells:
            message = f"{self.cells} cells: {self.board} takes 1 to {board.max_cells}"
            raise ValueError(message)
        if not (self.capacity_ah > 0.0 and self.health > 0.0 and self.resistance_scale > 0.0):
            raise ValueError("capacity, health and resistance must be greater than 0")
        if not 0.0 <= self.start_soc_percent <= 100.0:
            raise ValueError("start_soc_percent must be 0 to 100")


def settings_of(design: PackDesign) -> Parameters:
    """Return the settings of a design's BMS."""
    if design.parameters is not None:
        return design.parameters
    return preset(
        design.chemistry,
        cell_count=design.cells,
        design_capacity_ah=design.capacity_ah,
        board=HARDWARE_MODELS[design.board],
    )


def _draw_cells(design: PackDesign) -> CellString:
    """Draw the cells, balanced at the top but for the imbalance asked for."""
    draw = random.Random(f"cells {design.seed}")  # noqa: S311  # a simulation, no secret

    def spread(sigma: float) -> float:
        return max(0.2, 1.0 + max(-3.0, min(3.0, draw.gauss(0.0, 1.0))) * sigma)

    mean_ah = design.capacity_ah * design.health
    capacity_ah = [mean_ah * spread(design.capacity_spread) for _ in range(design.cells)]
    missing_ah = mean_ah * (1.0 - design.start_soc_percent / 100.0)
    imbalance = design.soc_spread_percent / 100.0
    return CellString(
        design.chemistry,
        capacity_ah=capacity_ah,
        soc=[
            min(max(1.0 - missing_ah / c + draw.gauss(0.0, imbalance), 0.0), 1.0)
            for c in capacity_ah
        ],
        resistance_scale=[
            design.resistance_scale * spread(design.resistance_spread) for _ in capacity_ah
        ],
        ocv_v=design.ocv_v,
        loop_v=design.hysteresis_v,
    )


class SimulatedPack:
    """One pack that lives from step to step; + = charging everywhere.

    What it truly is stands in `cells` and `battery`; what its BMS makes of it in `bms`.
    """

    def __init__(self, design: PackDesign) -> None:
        self.design = design
        self.board = HARDWARE_MODELS[design.board]
        self.time_s = 0.0
        self.max_step_s = MAX_STEP_S
        """Longest inner step; whoever simulates days of calm may take longer ones."""
        self.current_a = 0.0
        self.heater_w = 0.0
        """What the heating film gave in the last step."""
        self.heater = None if design.heater_film_ohm is None else Heater(design.heater_film_ohm)
        self.balancer_took_wh = 0.0
        """What the balancer took out of cells, since the start; the rest of it is heat."""
        self.balancer_gave_wh = 0.0
        self.ambient_c = design.start_temperature_c
        """Around the pack; stays so until somebody, such as a bank with a room, sets it."""
        self.cells = _draw_cells(design)
        heat_capacity = CELL_KINDS[design.chemistry].heat_capacity_j_per_k_ah * design.capacity_ah
        self.battery = Lump(
            start_c=design.start_temperature_c,
            time_constant_s=BATTERY_TIME_CONSTANT_S,
            k_per_w=BATTERY_TIME_CONSTANT_S / (heat_capacity * design.cells),
        )
        self.mos = Lump(
            start_c=design.start_temperature_c,
            time_constant_s=MOS_TIME_CONSTANT_S,
            k_per_w=MOS_K_PER_W,
        )
        rise = rise_by_cell(design.cells)
        self._sensor_rise = tuple(rise[k] for k in sensor_cells(design.cells))
        self._board_ohm = self.board.internal_resistance_ohm or _UNKNOWN_BOARD_OHM
        self._series_ohm = self._board_ohm + design.lead_resistance_ohm
        self._follow_temperature()
        self.bms = SimulatedBms(
            settings_of(design),
            self.board,
            design.chemistry,
            soc_percent=design.start_soc_percent,
            current_offset_a=design.current_offset_a,
            cycles=design.cycles,
        )

    @property
    def resistance_ohm(self) -> float:
        """Cells, FETs and leads together, without the RC pairs."""
        return self.cells.total_r0_ohm + self._series_ohm

    @property
    def emf_v(self) -> float:
        """The voltage behind `resistance_ohm`: OCV and polarisation of all cells."""
        return sum(self.cells.emf_v)

    @property
    def terminal_voltage_v(self) -> float:
        """The voltage at the pack's lugs, outside FETs and leads, at the present current."""
        return self.emf_v + self.current_a * self.resistance_ohm + self._diode_v(self.current_a)

    @property
    def temperatures_c(self) -> tuple[float, ...]:
        """The two battery sensors, T1 and T2."""
        excess_k = self.battery.temperature_c - self.ambient_c
        return tuple(self.ambient_c + excess_k * rise for rise in self._sensor_rise)

    @property
    def true_soc_percent(self) -> float:
        """What the weakest cell can give, of that plus what the fullest cell can take."""
        give_ah, take_ah = self.cells.usable()
        usable_ah = give_ah + take_ah
        return 100.0 * give_ah / usable_ah if usable_ah > 0.0 else 0.0

    @property
    def true_capacity_ah(self) -> float:
        """What can be used from the emptiest cell empty to the fullest cell full."""
        return sum(self.cells.usable())

    @property
    def measured_v(self) -> Sequence[float]:
        """What the BMS's sense inputs see of each cell."""
        balancer, volts = self.bms.balancer, self.cells.voltages_v
        if balancer.cell is None or not self.design.balance_lead_ohm:
            return volts
        # Both leads of the cell carry the balance current; its neighbours share one each.
        drop_v, n = self.design.balance_lead_ohm * balancer.current_a, balancer.cell
        seen = list(volts)
        seen[n] += 2 * drop_v
        if n > 0:
            seen[n - 1] -= drop_v
        if n + 1 < len(seen):
            seen[n + 1] -= drop_v
        return seen

    def switch_heater(self, on: bool, /) -> None:
        """Switch the heating film, if there is one."""
        if self.heater is not None:
            self.heater.ordered = on

    def balance_cells(self, giving: int | None, taking: int | None) -> None:
        """Take charge from one cell and give it to another, numbers from 1; None: rest."""
        balancer = self.bms.balancer
        balancer.obeys = True
        balancer.orders = None if giving is None or taking is None else Pair(giving - 1, taking - 1)

    def branch(self) -> Branch:
        """Return the pack as the terminal sees it now."""
        emf_v = self.emf_v
        charge, discharge = self.bms.charge_fet_on, self.bms.discharge_fet_on
        up_v = emf_v if discharge else emf_v + BODY_DIODE_V
        down_v = emf_v if charge else emf_v - BODY_DIODE_V
        return Branch(
            up_v if charge else math.inf, down_v if discharge else -math.inf, self.resistance_ohm
        )

    def allowed_a(self, demand_a: float) -> float:
        """Return what the FETs let through: an open one blocks its own direction only."""
        blocked = (demand_a > 0.0 and not self.bms.charge_fet_on) or (
            demand_a < 0.0 and not self.bms.discharge_fet_on
        )
        return 0.0 if blocked else demand_a

    def set_switch(self, which: Switch | str, on: bool) -> None:
        """Set one of the BMS's switches; it acts at once."""
        self.bms.set_switch(Switch(which), on=on)
        self.impose(self.allowed_a(self.current_a))

    @property
    def parameters(self) -> Parameters:
        """The BMS's settings."""
        return self.bms.parameters

    def set_parameter(self, name: str, value: float) -> None:
        """Change one of the BMS's settings."""
        self.bms.set_parameter(name, value)

    def offer_charge(self) -> None:
        """Let a charger's voltage stand at the terminal: it wakes a BMS that had shut down."""
        if not self.bms.awake:
            self.bms.activate()

    def step(self, dt_s: float, demand_a: float) -> None:
        """Let a demand act for dt_s, in inner steps; what flows is up to the FETs."""
        if demand_a > 0.0:
            self.offer_charge()
        left_s = dt_s
        while left_s > 0.0:
            inner_s = min(left_s, self.longest_step_s)
            if self.carry(inner_s, self.allowed_a(demand_a)):
                self.impose(self.allowed_a(demand_a))
            left_s -= inner_s

    @property
    def longest_step_s(self) -> float:
        """How long an inner step may be now."""
        return CAREFUL_STEP_S if self.bms.protections.pending else self.max_step_s

    def carry(self, dt_s: float, current_a: float) -> bool:
        """Carry this current, whatever the FETs say, for one inner step; True if a FET switched.

        After True the current must be decided again, with `impose()`.
        """
        self.time_s += dt_s
        self.current_a = current_a
        supply_a = self.design.supply_current_a if self.bms.awake else 0.0
        heater_a = 0.0 if self.heater is None else self.heater.current_a(self.emf_v)
        self.heater_w = heater_a * self.emf_v
        self.cells.advance(dt_s, current_a - supply_a - heater_a)
        self._account(dt_s)
        self._warm(dt_s)
        return self._sense(dt_s)

    def impose(self, current_a: float) -> None:
        """Change the current now, with no time passing."""
        self.current_a = current_a
        self.cells.settle(current_a)

    def snapshot(self) -> PackSnapshot:
        """Return the pack as it is now."""
        bms = self.bms
        return PackSnapshot(
            at_s=self.time_s,
            chemistry=self.design.chemistry,
            cell_voltages_v=tuple(self.measured_v),
            current_a=self.current_a,
            temperatures_c=self.temperatures_c,
            mos_temperature_c=self.mos.temperature_c,
            soc_percent=bms.soc_percent,
            true_soc_percent=self.true_soc_percent,
            capacity_ah=bms.capacity_ah,
            design_capacity_ah=self.design.capacity_ah,
            cycles=bms.cycles,
            cycle_charge_ah=bms.cycle_charge_ah,
            runtime_s=bms.runtime_s,
            charge_fet_on=bms.charge_fet_on,
            discharge_fet_on=bms.discharge_fet_on,
            balancing=bms.balancer.cell is not None,
            charge_switch_on=bms.switches[Switch.CHARGE],
            discharge_switch_on=bms.switches[Switch.DISCHARGE],
            balance_switch_on=bms.switches[Switch.BALANCE],
            protections=bms.held,
        )

    def _sense(self, dt_s: float) -> bool:
        """Let the BMS measure and act: the one place where truth becomes a measurement."""
        balancer = self.bms.balancer
        cell, extra_a = balancer.cell, balancer.current_a
        switched = self.bms.observe(
            dt_s,
            self.measured_v,
            self.current_a,
            self.temperatures_c,
            self.mos.temperature_c,
        )
        if balancer.cell != cell or balancer.current_a != extra_a:
            if cell is not None:
                self.cells.extra_a[cell] -= extra_a
            if balancer.cell is not None:
                self.cells.extra_a[balancer.cell] += balancer.current_a
        return switched

    def _account(self, dt_s: float) -> None:
        balancer = self.bms.balancer
        if balancer.cell is None:
            return
        energy_wh = self.cells.voltages_v[balancer.cell] * balancer.current_a * dt_s / 3600.0
        if energy_wh < 0.0:
            self.balancer_took_wh -= energy_wh
        else:
            self.balancer_gave_wh += energy_wh

    def _warm(self, dt_s: float) -> None:
        self.battery.advance(
            dt_s, heat_w=self.cells.heat_w + self.heater_w, ambient_c=self.ambient_c
        )
        board_w = self._board_ohm * self.current_a**2
        board_w += self._diode_v(self.current_a) * self.current_a
        self.mos.advance(dt_s, heat_w=board_w, ambient_c=self.ambient_c)
        if abs(self.battery.temperature_c - self._resistance_c) > _RESISTANCE_STEP_K:
            self._follow_temperature()

    def _follow_temperature(self) -> None:
        self._resistance_c = self.battery.temperature_c
        self.cells.set_temperature(self._resistance_c)

    def _diode_v(self, current_a: float) -> float:
        """Return the drop over the body diode of an open FET, with the current's sign."""
        if current_a > 0.0 and not self.bms.discharge_fet_on:
            return BODY_DIODE_V
        if current_a < 0.0 and not self.bms.charge_fet_on:
            return -BODY_DIODE_V
        return 0.0
