"""Cells in series: open-circuit voltage, one resistance and one RC pair each.

A cell's terminal voltage is `OCV(SoC) + u + R0 * i`, where u is the voltage of the RC pair. Its
decay over a step is exact, so the result hardly depends on the step. All cells of a pack stand in
plain lists, one entry a cell: what ages or breaks a cell later changes its entry, nothing else.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from cellwarden.model import CHEMISTRIES
from cellwarden.model.catalog import Curve, interpolate

_REFERENCE_K = 298.15  # 25 °C, the temperature that resistances are stated for
_ABSOLUTE_ZERO_C = -273.15
_SECONDS_PER_HOUR = 3600.0
_LOOP_PER_SOC = 10.0  # ours: the hysteresis turns by 1/e within a tenth of the charge


@dataclass(frozen=True, slots=True, kw_only=True)
class CellKind:
    """What a chemistry adds to the catalogue's OCV curve; ours, typical of large prismatic cells.

    A 280 Ah LiFePO4 cell then has R0 0.25 mΩ, R1 0.32 mΩ and 5.3 kJ/K, as data sheets of such
    cells have it.
    """

    r0_ohm_ah: float
    """Series resistance at 25 °C times capacity."""
    r1_ohm_ah: float
    """Resistance of the RC pair at 25 °C times capacity."""
    time_constant_s: float
    """R1 times C1."""
    activation_k: float
    """Arrhenius temperature of both resistances; 2500 K doubles them from 25 to 0 °C."""
    coulombic_efficiency: float
    heat_capacity_j_per_k_ah: float


CELL_KINDS: dict[str, CellKind] = {
    "LiFePO4": CellKind(
        r0_ohm_ah=0.070,
        r1_ohm_ah=0.090,
        time_constant_s=120.0,
        activation_k=2500.0,
        coulombic_efficiency=0.999,
        heat_capacity_j_per_k_ah=19.0,
    ),
    "Li-ion": CellKind(
        r0_ohm_ah=0.080,
        r1_ohm_ah=0.070,
        time_constant_s=60.0,
        activation_k=2500.0,
        coulombic_efficiency=0.999,
        heat_capacity_j_per_k_ah=16.0,
    ),
    "LTO": CellKind(
        r0_ohm_ah=0.025,
        r1_ohm_ah=0.020,
        time_constant_s=40.0,
        activation_k=1800.0,
        coulombic_efficiency=0.999,
        heat_capacity_j_per_k_ah=26.0,
    ),
}
"""By the catalogue's chemistry name."""


class OcvTable:
    """An OCV curve as straight pieces on an even grid, with a steep piece beyond each end.

    Inside piece j the voltage is `intercept[j] + slope[j] * x`; x counts grid steps from the edge
    of piece 0, which stands for everything below 0 %. The last piece is everything above 100 %.
    """

    STEPS = 200  # 0.5 % each: every point of the catalogue's curves lies on the grid
    STEEPEST_V_PER_PERCENT = (
        0.1  # ours: an overcharged or drained cell leaves its range at least so
    )

    def __init__(self, curve: Curve) -> None:
        per_step = 100.0 / self.STEPS
        volts = [interpolate(curve, n * per_step) for n in range(self.STEPS + 1)]
        slopes = [high - low for low, high in pairwise(volts)]
        steep = self.STEEPEST_V_PER_PERCENT * per_step
        self.slope: list[float] = [max(slopes[0], steep), *slopes, max(slopes[-1], steep)]
        # Piece j starts at x = j, where the voltage is that of grid point j - 1.
        starts = [1, *range(1, self.STEPS + 2)]
        points = [volts[0], *volts]
        self.intercept: list[float] = [
            v - slope * x for v, slope, x in zip(points, self.slope, starts, strict=True)
        ]

    def voltage_v(self, soc: float) -> float:
        """Return the relaxed voltage at a state of charge of 0..1 or beyond."""
        x = soc * self.STEPS + 1.0
        j = 0 if x < 1.0 else min(int(x), self.STEPS + 1)
        return self.intercept[j] + self.slope[j] * x


def resistance_factor(temperature_c: float, activation_k: float) -> float:
    """Return how many times a resistance at this temperature is that at 25 °C (Arrhenius)."""
    kelvin = temperature_c - _ABSOLUTE_ZERO_C
    return math.exp(activation_k * (1.0 / kelvin - 1.0 / _REFERENCE_K))


class CellString:
    """The cells of one pack in series, at rest to begin with.

    `current_a` is what flows through all of them; `extra_a[k]` flows through cell k alone: the
    balancer, a leak. Both count + while charging.
    """

    def __init__(
        self,
        chemistry: str,
        *,
        capacity_ah: Sequence[float],
        soc: Sequence[float],
        resistance_scale: Sequence[float],
        ocv_v: Curve | None = None,
        loop_v: float = 0.0,
    ) -> None:
        """Take one value a cell; `soc` is 0..1, `resistance_scale` is 1 for a typical cell.

        `ocv_v` is the curve of (SoC in %, V) where it is not the chemistry's typical one, `loop_v`
        half the width of the hysteresis.
        """
        self.kind = CELL_KINDS[chemistry]
        self.ocv = OcvTable(ocv_v or CHEMISTRIES[chemistry].ocv_v)
        self.capacity_ah = list(capacity_ah)
        self.charge_ah = [s * c for s, c in zip(soc, capacity_ah, strict=True)]
        self.extra_a = [0.0] * len(self.capacity_ah)
        self.loop_v = loop_v
        self._side = [0.0] * len(self.capacity_ah)
        """Of the hysteresis loop, -1 after discharging, 1 after charging."""
        self.heat_w = 0.0
        """Heat of the last step, all cells together."""
        # Whoever changes these two must call `set_temperature()` for it to act.
        self.r0_at_25c_ohm = [
            self.kind.r0_ohm_ah * scale / c
            for scale, c in zip(resistance_scale, capacity_ah, strict=True)
        ]
        self.r1_at_25c_ohm = [
            self.kind.r1_ohm_ah * scale / c
            for scale, c in zip(resistance_scale, capacity_ah, strict=True)
        ]
        self._polarisation_v = [0.0] * len(self.capacity_ah)
        self.emf_v = [
            self.ocv.voltage_v(q / c) for q, c in zip(self.charge_ah, self.capacity_ah, strict=True)
        ]
        """What each cell would show without its R0: OCV and polarisation."""
        self.voltages_v = list(self.emf_v)
        self.set_temperature(25.0)

    def set_temperature(self, temperature_c: float) -> None:
        """Set the resistances to those at a temperature."""
        factor = resistance_factor(temperature_c, self.kind.activation_k)
        self.r0_ohm = [r * factor for r in self.r0_at_25c_ohm]
        self.r1_ohm = [r * factor for r in self.r1_at_25c_ohm]
        self.total_r0_ohm = sum(self.r0_ohm)

    def advance(self, dt_s: float, current_a: float) -> None:
        """Let a constant current flow for dt_s."""
        intercept, slope, top = self.ocv.intercept, self.ocv.slope, self.ocv.STEPS + 1
        steps = float(self.ocv.STEPS)
        decay = math.exp(-dt_s / self.kind.time_constant_s)
        rise = 1.0 - decay
        hours = dt_s / _SECONDS_PER_HOUR
        hours_in = hours * self.kind.coulombic_efficiency
        charge, polarisation, emf = self.charge_ah, self._polarisation_v, self.emf_v
        heat_w = 0.0
        # The one hot loop of the simulator: no calls but int(), everything in locals.
        for k, (extra, capacity, r0, r1) in enumerate(
            zip(self.extra_a, self.capacity_ah, self.r0_ohm, self.r1_ohm, strict=True)
        ):
            i = current_a + extra
            charge[k] = q = charge[k] + i * (hours_in if i > 0.0 else hours)
            polarisation[k] = u = decay * polarisation[k] + rise * r1 * i
            heat_w += r0 * i * i + u * u / r1
            x = q / capacity * steps + 1.0
            j = 0 if x < 1.0 else int(x) if x < top else top
            emf[k] = intercept[j] + slope[j] * x + u
        self.heat_w = heat_w
        if self.loop_v:
            self._turn(hours, current_a)
        self.settle(current_a)

    def _turn(self, hours: float, current_a: float) -> None:
        """Turn the hysteresis with the charge that flowed, and add what it shows."""
        for k, (extra, capacity) in enumerate(zip(self.extra_a, self.capacity_ah, strict=True)):
            moved = (current_a + extra) * hours / capacity
            keep = math.exp(-_LOOP_PER_SOC * abs(moved))
            self._side[k] = keep * self._side[k] + math.copysign(1.0 - keep, moved)
            self.emf_v[k] += self.loop_v * self._side[k]

    def rest(self) -> None:
        """Let everything but the hysteresis decay: as after days at rest."""
        self._polarisation_v = [0.0] * len(self.capacity_ah)
        self.emf_v = [
            self.ocv.voltage_v(q / c) + self.loop_v * side
            for q, c, side in zip(self.charge_ah, self.capacity_ah, self._side, strict=True)
        ]
        self.settle(0.0)

    def settle(self, current_a: float) -> None:
        """Set the terminal voltages to those at this current, with no time passing."""
        self.voltages_v = [
            e + r * (current_a + extra)
            for e, r, extra in zip(self.emf_v, self.r0_ohm, self.extra_a, strict=True)
        ]

    def usable(self) -> tuple[float, float]:
        """Return (Ah the weakest cell can still give, Ah the fullest can still take)."""
        give = min(self.charge_ah)
        take = min(c - q for q, c in zip(self.charge_ah, self.capacity_ah, strict=True))
        return give, take
