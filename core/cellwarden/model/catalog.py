"""The catalogue: cell chemistries and the boards of the JK active-balancer family.

Curves are tuples of (x, y), x rising, read by straight lines between the points.
"""

import re
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
    float_v: float
    """What a full cell is held at: above its rest voltage by little, so that nothing is used from
    it and nothing ages it (ours)."""
    charge_c_by_temperature: Curve
    """(°C, highest charge rate in C); below the first and above the last point none (R26, X9)."""
    discharge_c_by_temperature: Curve
    flat_percent: tuple[float, float] | None
    """SoC range in % where the voltage tells nearly nothing; None for a steep chemistry."""
    resistance_ohm: float | None = None
    """Of one cell at 25 °C, from its data sheet; None: typical for its capacity."""


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
    float_v=3.375,
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
    float_v=4.07,
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
    float_v=2.50,
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
    """Fewest cells in series by the table: Li-ion, LiFePO4, LTO."""
    balance_current_a: float
    internal_resistance_ohm: float | None
    """None where the maker does not say."""
    continuous_current_a: float
    """Either way; also the end of the range in which over-current can be set."""
    peak_current_a: float | None
    """Highest discharge current; None where the maker does not say."""
    heater_power_max_w: float | None = None
    """What a heating film may draw (R36); None: the board has no heating output (R35)."""


HEATER_CURRENT_MAX_A, HEATER_POWER_MAX_W = 3.0, 200.0
"""R36: of every board that has a heating output; one small board bears less power."""
OVERCURRENT_LEAST_A = 10.0
"""X11: below this the spec table of the boards does not go."""


def least_film_ohm(
    highest_v: float,
    most_w: float = HEATER_POWER_MAX_W,
    most_a: float = HEATER_CURRENT_MAX_A,
) -> float:
    """Return the least resistance of a heating film at the highest pack voltage, in Ω (R36)."""
    return max(highest_v / most_a, highest_v * highest_v / most_w)


def _board(
    name: str, cells: int, balance_a: float, resistance_mohm: float, amps: float, peak_a: float
) -> HardwareModel:
    return HardwareModel(
        name=f"JK-{name}",
        max_cells=cells,
        min_cells=(7, 8, 12),
        balance_current_a=balance_a,
        internal_resistance_ohm=round(resistance_mohm / 1000, 6),
        continuous_current_a=amps,
        peak_current_a=peak_a,
        heater_power_max_w=None if name.endswith(("S6P", "S8P")) else HEATER_POWER_MAX_W,  # R35
    )


def _small_board(name: str, heater_w: float | None) -> HardwareModel:
    """Return an 8-cell board: the manual has no table row for it, only its name (R2)."""
    balance_a, cells, amps = _by_name(name)
    return HardwareModel(
        name=f"JK-{name}",
        max_cells=cells,
        min_cells=(2, 2, 2),
        balance_current_a=balance_a,
        internal_resistance_ohm=None,
        continuous_current_a=amps,
        peak_current_a=None,
        heater_power_max_w=heater_w,
    )


_NAME = re.compile(r"(?:JK[-_ ]?)?(P?BD?)(\d+)A(\d+)S(\d+)P", re.IGNORECASE)


def _by_name(name: str) -> tuple[float, int, float]:
    """Return balance current in A, most cells and continuous current in A, as a name says them.

    `D4A` is 0.4 A and `2A` is 2 A; `20P` is 200 A (R2).
    """
    found = _NAME.fullmatch(name)
    if found is None:
        raise ValueError(f"{name} is no board name such as JK-B2A24S20P")
    tenths = found[1].upper().endswith("D")
    return int(found[2]) / (10 if tenths else 1), int(found[3]), 10.0 * int(found[4])


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
        # Only in figures and in the heating rule (R2, R36).
        _small_board("BD4A8S4P", 200.0),
        _small_board("B1A8S10P", 200.0),
        _small_board("B1A8S20P", 200.0),
        _small_board("B2A8S20P", 100.0),
    )
}
"""By the maker's full name, `JK-BD4A17S4P`."""


def board_named(name: str) -> HardwareModel:
    """Return the board of a name as people and devices write it: `JK_B2A24S20P`, `b2a24s20p`.

    Of a board that is not in the catalogue only what its name says is known (R2). ValueError for
    what is no name of a board.
    """
    balance_a, cells, amps = _by_name(name.strip())
    found = _NAME.fullmatch(name.strip())
    assert found is not None
    family, balance = found[1].upper(), int(found[2])
    full = f"JK-{family}{balance}A{cells}S{int(found[4])}P"
    return HARDWARE_MODELS.get(full) or HardwareModel(
        name=full,
        max_cells=cells,
        min_cells=(2, 2, 2),
        balance_current_a=balance_a,
        internal_resistance_ohm=None,
        continuous_current_a=amps,
        peak_current_a=None,
    )


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
