"""The catalogue: cell chemistries and the boards of the JK active-balancer family.

Curves are tuples of (x, y), x rising, read by straight lines between the points.
"""

from dataclasses import dataclass

Curve = tuple[tuple[float, float], ...]
"""Points of a curve, x rising."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chemistry:
    """What the engine and the simulator must know of a cell chemistry."""

    name: str
    ocv_v: Curve
    """(SoC in %, relaxed cell voltage in V at 25 °C), a typical cell of the kind; no data sheet's
    own. Good for a start estimate and the simulator, not for fine work on a flat curve."""
    nominal_v: float
    """V per cell, for energy."""
    absolute_max_v: float
    """A charge voltage per cell above this is never announced, whatever is configured."""
    absolute_min_v: float
    full_current_c: float
    """Tail current, in C, below which a pack at its charge voltage counts as full."""
    charge_c_by_temperature: Curve
    """(°C, highest charge rate in C); below the first and above the last point none (R26, X9)."""
    discharge_c_by_temperature: Curve
    flat_percent: tuple[float, float] | None
    """SoC range in % where the voltage tells nearly nothing; None for a steep chemistry."""


_LIFEPO4 = Chemistry(
    name="LiFePO4",
    ocv_v=(
        (0.0, 2.60),
        (2.0, 2.90),
        (5.0, 3.10),
        (10.0, 3.20),
        (15.0, 3.225),
        (20.0, 3.25),
        (30.0, 3.28),
        (40.0, 3.293),
        (50.0, 3.298),
        (60.0, 3.306),
        (70.0, 3.328),
        (80.0, 3.333),
        (90.0, 3.337),
        (95.0, 3.342),
        (98.0, 3.36),
        (99.0, 3.40),
        (100.0, 3.50),
    ),
    nominal_v=3.2,
    absolute_max_v=3.65,
    absolute_min_v=2.50,
    full_current_c=0.05,
    # R26: under 0.1 C while hot (50..55 °C), at most 0.2 C from 0 to 10 °C.
    charge_c_by_temperature=(
        (0.0, 0.1),
        (5.0, 0.2),
        (10.0, 0.2),
        (15.0, 0.5),
        (20.0, 1.0),
        (45.0, 1.0),
        (50.0, 0.1),
        (55.0, 0.1),
    ),
    discharge_c_by_temperature=((-20.0, 0.2), (0.0, 0.5), (10.0, 1.0), (50.0, 1.0), (55.0, 0.2)),
    flat_percent=(25.0, 95.0),
)

_LI_ION = Chemistry(
    name="Li-ion",
    ocv_v=(
        (0.0, 3.00),
        (2.0, 3.20),
        (5.0, 3.35),
        (10.0, 3.45),
        (20.0, 3.55),
        (30.0, 3.60),
        (40.0, 3.64),
        (50.0, 3.69),
        (60.0, 3.78),
        (70.0, 3.88),
        (80.0, 3.97),
        (90.0, 4.07),
        (100.0, 4.18),
    ),
    nominal_v=3.65,
    absolute_max_v=4.20,
    absolute_min_v=2.80,
    full_current_c=0.05,
    charge_c_by_temperature=(
        (0.0, 0.1),
        (10.0, 0.3),
        (20.0, 1.0),
        (45.0, 1.0),
        (55.0, 0.2),
        (60.0, 0.1),
    ),
    discharge_c_by_temperature=((-20.0, 0.2), (0.0, 0.5), (10.0, 1.0), (50.0, 1.0), (60.0, 0.2)),
    flat_percent=None,
)

_LTO = Chemistry(
    name="LTO",
    ocv_v=(
        (0.0, 1.90),
        (5.0, 2.05),
        (10.0, 2.12),
        (20.0, 2.18),
        (30.0, 2.21),
        (50.0, 2.26),
        (70.0, 2.33),
        (80.0, 2.38),
        (90.0, 2.45),
        (100.0, 2.65),
    ),
    nominal_v=2.3,
    absolute_max_v=2.80,
    absolute_min_v=1.70,
    full_current_c=0.05,
    charge_c_by_temperature=((-20.0, 0.2), (0.0, 1.0), (50.0, 1.0), (60.0, 0.2)),
    discharge_c_by_temperature=((-30.0, 0.2), (0.0, 1.0), (50.0, 1.0), (60.0, 0.2)),
    flat_percent=None,
)

CHEMISTRIES: dict[str, Chemistry] = {c.name: c for c in (_LIFEPO4, _LI_ION, _LTO)}
"""By the name used in the configuration."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HardwareModel:
    """A row of the manual's model table (R1)."""

    name: str
    max_cells: int
    min_cells: tuple[int, int, int]
    """Fewest cells in series: Li-ion, LiFePO4, LTO."""
    balance_current_a: float
    internal_resistance_ohm: float
    continuous_current_a: float
    peak_current_a: float
    """Highest discharge current."""


def _board(
    name: str, cells: int, balance_a: float, resistance_mohm: float, amps: float, peak_a: float
) -> HardwareModel:
    return HardwareModel(
        name=f"JK-{name}",
        max_cells=cells,
        min_cells=(7, 8, 12),
        balance_current_a=balance_a,
        internal_resistance_ohm=resistance_mohm / 1000,
        continuous_current_a=amps,
        peak_current_a=peak_a,
    )


HARDWARE_MODELS: dict[str, HardwareModel] = {
    m.name: m
    for m in (
        # name, most cells, balance A, internal resistance mΩ, continuous A, peak A: manual, R1
        _board("BD4A17S4P", 17, 0.4, 2.8, 40, 60),
        _board("BD4A20S4P", 20, 0.4, 2.8, 40, 60),
        _board("BD4A24S4P", 24, 0.4, 2.8, 40, 60),
        _board("BD6A17S6P", 17, 0.6, 1.53, 60, 100),
        _board("BD6A20S6P", 20, 0.6, 1.53, 60, 100),
        _board("BD6A24S6P", 24, 0.6, 1.53, 60, 100),
        _board("BD6A17S8P", 17, 0.6, 1.2, 80, 150),
        _board("BD6A20S8P", 20, 0.6, 1.2, 80, 150),
        _board("BD6A24S8P", 24, 0.6, 1.2, 80, 150),
        _board("BD6A20S10P", 20, 0.6, 1.0, 100, 200),
        _board("BD6A24S10P", 24, 0.6, 1.0, 100, 200),
        _board("B1A17S12P", 17, 1.0, 0.65, 120, 250),
        _board("B1A20S12P", 20, 1.0, 0.65, 120, 250),
        _board("B1A20S15P", 20, 1.0, 0.65, 150, 300),
        _board("B1A24S15P", 24, 1.0, 0.65, 150, 300),
        _board("B2A24S15P", 24, 2.0, 0.47, 150, 300),
        _board("B2A20S20P", 20, 2.0, 0.47, 200, 350),
        _board("B2A24S20P", 24, 2.0, 0.47, 200, 350),
    )
}
"""By the maker's full name, `JK-BD4A17S4P`."""


def interpolate(curve: Curve, x: float) -> float:
    """Return y at x on a curve; beyond an end, the end's y."""
    x0, y0 = curve[0]
    if x <= x0:
        return y0
    for x1, y1 in curve:
        if x <= x1:
            return y0 + (y1 - y0) * (x - x0) / (x1 - x0) if x1 > x0 else y1
        x0, y0 = x1, y1
    return y0
