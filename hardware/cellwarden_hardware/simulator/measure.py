"""What a BMS would tell of a simulated pack: noise and steps instead of the truth."""

import random

from cellwarden.model import Reading
from cellwarden_hardware.simulator.pack import SimulatedPack


class Meter:
    """Reads one pack as a board does: each cell with its own offset, noise, whole millivolts.

    The defaults are those of the reference traces: offsets within 1.5 mV, 0.7 mV of noise, 0.05 A.
    """

    def __init__(
        self,
        pack: SimulatedPack,
        name: str,
        *,
        seed: int | str = 1,
        offset_v: float = 0.0015,
        noise_v: float = 0.0007,
        noise_a: float = 0.05,
        tells_soc: bool = True,
    ) -> None:
        self.pack = pack
        self.name = name
        self._draw = random.Random(f"meter {seed}")  # noqa: S311  # a simulation, no secret
        self._offsets_v = [self._draw.uniform(-offset_v, offset_v) for _ in pack.cells.voltages_v]
        self._noise_v = noise_v
        self._noise_a = noise_a
        self._tells_soc = tells_soc

    def read(self, now_s: float) -> Reading:
        """Return a reading of the pack as it is now, stamped `now_s`."""
        said, gauss = self.pack.snapshot(), self._draw.gauss
        cells_v = tuple(
            round(volts + offset_v + gauss(0.0, self._noise_v), 3)
            for volts, offset_v in zip(said.cell_voltages_v, self._offsets_v, strict=True)
        )
        return Reading(
            pack=self.name,
            heard_s=now_s,
            cell_voltages_v=cells_v,
            voltage_v=round(sum(cells_v), 2),
            current_a=round(
                said.current_a + self.pack.design.current_offset_a + gauss(0.0, self._noise_a), 2
            ),
            temperatures_c=tuple(round(t, 1) for t in said.temperatures_c),
            mos_temperature_c=round(said.mos_temperature_c, 1),
            soc_percent=said.soc_percent if self._tells_soc else None,
            cycles=said.cycles,
            charge_fet_on=said.charge_fet_on,
            discharge_fet_on=said.discharge_fet_on,
            charge_switch_on=said.charge_switch_on,
            discharge_switch_on=said.discharge_switch_on,
            balance_switch_on=said.balance_switch_on,
            balancing=said.balancing,
            heating=None if self.pack.heater is None else self.pack.heater.closed,
            balance_current_a=self.pack.bms.balancer.current_a,
        )
