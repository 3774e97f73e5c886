"""Heat: the battery as one lump with warmer cells in its middle, and the board with its FETs."""

import math

# Ours. A pack of large cells in a closed box follows its room within a few hours.
BATTERY_TIME_CONSTANT_S = 3.0 * 3600.0
# The outermost cells rise to 85 % of the mean excess temperature, the innermost to some 109 %.
_EDGE_RISE = 0.85
# Ours: a board on its own heat spreader; about 15 K at the 200 A and 0.47 mΩ of the largest.
MOS_K_PER_W = 0.8
MOS_TIME_CONSTANT_S = 180.0


class Lump:
    """One heat capacity that loses its heat through one resistance; exact for any step."""

    def __init__(self, *, start_c: float, time_constant_s: float, k_per_w: float) -> None:
        self.temperature_c = start_c
        self.time_constant_s = time_constant_s
        self.k_per_w = k_per_w

    def advance(self, dt_s: float, *, heat_w: float, ambient_c: float) -> None:
        """Let constant heat and surroundings act for dt_s."""
        end_c = ambient_c + heat_w * self.k_per_w
        decay = math.exp(-dt_s / self.time_constant_s)
        self.temperature_c = end_c + (self.temperature_c - end_c) * decay


def rise_by_cell(cells: int) -> tuple[float, ...]:
    """Return each cell's share of the pack's temperature excess: a parabola with mean 1."""
    if cells < 3:
        return (1.0,) * cells
    middle = (cells - 1) / 2
    dip = [((k - middle) / middle) ** 2 for k in range(cells)]
    mean = sum(dip) / cells
    depth = (1.0 - _EDGE_RISE) / (1.0 - mean)
    return tuple(1.0 + depth * (mean - d) for d in dip)


def sensor_cells(cells: int) -> tuple[int, int]:
    """Return the cells, from 0, that T1 and T2 sit on: a quarter and three quarters up."""
    return max(0, cells // 4 - 1), max(0, 3 * cells // 4 - 1)
