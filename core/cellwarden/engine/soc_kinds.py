"""What the estimator assumes of a kind of cell until the cell itself shows more.

Typical values with wide margins; resistance, diffusion and hysteresis are learned from there.
Fitted on the reference traces (physics models of LiFePO4 and NMC cells), except LTO (ours, wide).
"""

import math
from typing import NamedTuple

KELVIN = 273.15
REFERENCE_K = 298.15
"""25 °C, at which resistances are meant."""


class CellKind(NamedTuple):
    """Rates are in C: 1.0 is the design capacity in an hour."""

    ohmic_v: float
    """V per C at 25 °C, busbars included."""
    lags: tuple[float, float, float]
    """SoC by which the surface of the electrodes runs ahead, per C, for each lag of LAGS_S."""
    ohmic_k: float
    """K: the resistance grows by exp(this · (1/T - 1/298 K))."""
    lag_k: float
    """K: lags grow, in size and time, likewise."""
    loop_v: float
    """Half width of the hysteresis."""
    loop_sigma_v: float
    curve_v: float
    """How far the typical curve of the catalogue is from that of a real cell, outside a flat part.
    """


LAGS_S = (60.0, 250.0, 1000.0)
"""Times of the three lags at 25 °C."""
LOOP_PER_SOC = 10.0
"""Hysteresis turns by 1/e within a tenth of the charge."""

KINDS = {
    "LiFePO4": CellKind(0.125, (0.06, 0.095, 0.015), 2500, 4000, 0.008, 0.004, 0.015),
    "Li-ion": CellKind(0.19, (0.03, 0.03, 0.01), 2500, 4000, 0.0, 0.001, 0.05),
    "LTO": CellKind(0.10, (0.03, 0.03, 0.01), 2500, 4000, 0.005, 0.005, 0.05),
}
"""By the names of `model.CHEMISTRIES`."""


def at_25c(kind: CellKind, temperature_k: float | None) -> float:
    """Return how many times a resistance at a temperature is that at 25 °C; 1 if unknown."""
    if temperature_k is None:
        return 1.0
    return math.exp(kind.ohmic_k * (1 / temperature_k - 1 / REFERENCE_K))
