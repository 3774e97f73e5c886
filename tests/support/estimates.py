"""What is known of a pack, in literals: no two numbers are alike."""

from cellwarden.engine import kalman
from cellwarden.engine.alarms import Alarms
from cellwarden.engine.soc_cells import Cell, pack
from cellwarden.engine.soc_curve import OcvCurve
from cellwarden.engine.soc_estimator import Estimate
from cellwarden.engine.soc_kinds import KINDS
from cellwarden.engine.soc_mean import Climate, Mean
from cellwarden.engine.view import View, look
from cellwarden.model import (
    CHEMISTRIES,
    Parameters,
    preset,
)
from support.packs import reading

CURVE = OcvCurve(CHEMISTRIES["LiFePO4"].ocv_v)
STEEP = OcvCurve(CHEMISTRIES["Li-ion"].ocv_v)
KIND = KINDS["LiFePO4"]
NO_ALARMS = Alarms(watches=())
COLD = Climate(1.9, 2.8, 0.64)
MILD = Climate(1.0, 1.0, 0.0)


def matrix(size: int, *, scale: float = 1e-4) -> kalman.Matrix:
    """A covariance with no two entries alike, heavy on its diagonal."""
    return tuple(
        tuple(
            scale * ((2.0 + i) if i == j else 0.1 * (1 + i + j) + 0.01 * i * j)
            for j in range(size)
        )
        for i in range(size)
    )  # fmt: skip


def mean(soc: float = 0.62, **changes: object) -> Mean:
    plain = Mean(
        x=(soc, 0.0004, 1.03, 0.11, 1.2, 0.009, 0.002),
        p=matrix(7),
        lags=(0.004, -0.002, 0.003),
        loop=0.4,
    )
    return plain._replace(**changes)


CELLS = tuple(
    Cell(
        (0.004 * n - 0.006, 0.003 * n - 0.002, 0.011 - 0.006 * n, 0.0003 * n),
        matrix(4, scale=1e-5 * (1 + n)),
    )
    for n in range(4)
)


def parameters(chemistry: str = "LiFePO4") -> Parameters:
    return preset(chemistry, cell_count=8, design_capacity_ah=120)


def view(heard_s: float, *cells_v: float | None, **changes: object) -> View:
    told = {"cell_voltages_v": cells_v, "voltage_v": None, **changes}
    return look(reading(heard_s, **told))


def estimate(soc: float = 0.62) -> Estimate:
    cells = (*CELLS, *CELLS)
    return Estimate(mean(soc), cells, pack(mean(soc), cells))


def vars_of(thing: object) -> dict[str, object]:
    return {name: getattr(thing, name) for name in thing.__slots__}  # type: ignore[attr-defined]
