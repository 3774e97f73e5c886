"""What a BMS would tell of a simulated pack: noise and steps instead of the truth."""

import random
from dataclasses import dataclass

from cellwarden.model import Reading
from cellwarden_hardware.simulator.pack import SimulatedPack


@dataclass
class Meter:
    """How a BMS reads a pack: rounded, with noise, drawn from a seed."""

    name: str
    seed: int | str = 1
    cell_noise_v: float = 0.0007
    cell_offset_v: float = 0.0
    """Each cell is read wrong by something fixed within this."""
    current_noise_a: float = 0.05
    offset_a: float = 0.0
    """Zero error of the sensor, in all it tells."""

    def __post_init__(self) -> None:
        """Begin the noise."""
        self._offsets_v: list[float] = []
        self._draw = random.Random(f"meter {self.seed}")  # noqa: S311  # a simulation, no secret

    def read(self, pack: SimulatedPack, now_s: float) -> Reading:
        """Return one reading: 1 mV, 0.1 A, 0.1 °C."""
        said, noise = pack.snapshot(), self._draw.gauss
        while len(self._offsets_v) < len(said.cell_voltages_v):
            self._offsets_v.append(self._draw.uniform(-self.cell_offset_v, self.cell_offset_v))
        cells = tuple(
            [
                round(v + offset_v + noise(0.0, self.cell_noise_v), 3)
                for v, offset_v in zip(said.cell_voltages_v, self._offsets_v, strict=True)
            ]
        )
        balancer, p = pack.bms.balancer, pack.bms.parameters
        current_a = said.current_a + self.offset_a
        if said.charge_fet_on or said.discharge_fet_on:
            current_a += noise(0.0, self.current_noise_a)
        return Reading(
            pack=self.name,
            heard_s=now_s,
            cell_voltages_v=cells,
            voltage_v=round(sum(cells), 2),
            current_a=round(current_a, 1),
            temperatures_c=tuple(round(t + noise(0.0, 0.05), 1) for t in said.temperatures_c),
            mos_temperature_c=round(said.mos_temperature_c, 1),
            soc_percent=said.soc_percent,
            capacity_ah=said.capacity_ah,
            cycles=said.cycles,
            cycle_charge_ah=said.cycle_charge_ah,
            runtime_s=said.runtime_s,
            charge_fet_on=said.charge_fet_on,
            discharge_fet_on=said.discharge_fet_on,
            balancing=said.balancing,
            heating=pack.heater is not None and pack.heater.closed,
            heating_current_a=round(pack.heater_w / sum(cells), 3),
            charge_switch_on=said.charge_switch_on,
            discharge_switch_on=said.discharge_switch_on,
            balance_switch_on=said.balance_switch_on,
            balance_current_a=balancer.current_a if balancer.cell is not None else 0.0,
            wire_resistances_ohm=tuple(
                (pack.design.balance_lead_ohm or 0.004) + 0.0005 * (n % 3)
                for n in range(len(cells))
            ),
            settings={
                "cell_count": p.cell_count,
                "design_capacity_ah": p.design_capacity_ah,
                "cell_overvoltage_v": p.cell_overvoltage_v,
                "cell_overvoltage_recovery_v": p.cell_overvoltage_recovery_v,
                "cell_undervoltage_v": p.cell_undervoltage_v,
                "cell_undervoltage_recovery_v": p.cell_undervoltage_recovery_v,
                "balance_trigger_v": p.balance_trigger_v,
                "balance_start_v": p.balance_start_v,
                "balance_current_max_a": min(
                    pack.board.balance_current_a, 0.1 * p.design_capacity_ah
                ),
                "charge_undertemperature_c": p.charge_undertemperature_c,
            },
        )
