"""The capacity that the engine learns of simulated packs of any age, against the truth."""

from dataclasses import replace
from itertools import pairwise

import pytest

from cellwarden.engine import Engine, EngineSettings
from cellwarden.model import CHEMISTRIES
from cellwarden.model.catalog import interpolate
from cellwarden_hardware.simulator.ageing import Life, age
from cellwarden_hardware.simulator.measure import Meter
from cellwarden_hardware.simulator.pack import PackDesign, SimulatedPack, settings_of

LABEL_AH = 100.0
STEP_S = 10.0
KNOWN = {name: CHEMISTRIES[name].ocv_v for name in ("LiFePO4", "Li-ion")}


class Lived:
    """A pack that is worn, its meter 0.1 A off, and the engine that hears it."""

    def __init__(
        self, chemistry: str, health: float, *, own_curve: bool = True, life: Life | None = None
    ) -> None:
        self.pack = SimulatedPack(
            PackDesign(
                chemistry=chemistry,
                capacity_ah=LABEL_AH,
                health=health,
                resistance_scale=1 + 3 * (1 - health),
                capacity_spread=0.01,
                start_soc_percent=60.0,
                hysteresis_v=0.008 if chemistry == "LiFePO4" else 0.0,
            )
        )
        if life is not None:
            age(self.pack, life)
        settings = settings_of(self.pack.design)
        self.charge_v = settings.charge_voltage_v
        self.engine = Engine(
            EngineSettings(
                pack="p",
                chemistry=chemistry,
                parameters=settings,
                max_age_s=3 * STEP_S,
                ocv_v=KNOWN[chemistry] if own_curve else None,
            )
        )
        points = [(volts, soc) for soc, volts in KNOWN[chemistry]]
        self._top = interpolate(points, self.charge_v) / 100
        self.meter = Meter("p", cell_offset_v=0.0015, offset_a=0.1)
        self.memory, self.now_s = self.engine.start(0.0), 0.0
        self.state = None
        self.shown: list[float] = []

    @property
    def whole_ah(self) -> float:
        """The truth: from the emptiest cell empty to the fullest cell at the charge voltage."""
        cells = self.pack.cells
        return min(cells.charge_ah) + min(
            self._top * c - q for q, c in zip(cells.charge_ah, cells.capacity_ah, strict=True)
        )

    def hear(self, amps: float) -> None:
        self.now_s += STEP_S
        self.pack.step(STEP_S, amps)
        heard = replace(self.meter.read(self.pack, self.now_s), capacity_ah=None)
        self.memory, self.state = self.engine.step(self.memory, heard, self.now_s)
        self.shown.append(self.state.soc_percent)

    def flow(self, amps: float, hours: float) -> None:
        for _ in range(round(hours * 3600 / STEP_S)):
            self.hear(amps)

    def fill(self) -> None:
        amps, at_end_s = 25.0, 0.0
        while at_end_s < 180.0:
            self.hear(amps)
            high_v = max(self.pack.cells.voltages_v)
            if high_v >= self.charge_v:
                amps = max(0.94 * amps, 0.6)
            elif high_v < self.charge_v - 0.01:
                amps = min(1.02 * amps, 25.0)
            at_end_s = at_end_s + STEP_S if high_v >= self.charge_v - 0.01 and amps < 3 else 0.0

    def drain(self) -> None:
        while self.pack.bms.discharge_fet_on:
            self.hear(-25.0)

    def capacity(self) -> tuple[float, float]:
        """What is estimated and its sigma, in Ah."""
        whole = self.memory.gauge.estimate.pack
        return LABEL_AH * whole.usable, LABEL_AH * whole.usable_sigma

    def is_known(self, within: float) -> None:
        estimated_ah, sigma_ah = self.capacity()
        assert abs(estimated_ah - self.whole_ah) <= 2 * sigma_ah
        assert estimated_ah == pytest.approx(self.whole_ah, rel=within)


@pytest.mark.requirement("R34")
@pytest.mark.parametrize("health", [1.0, 0.8, 0.6, 0.45])
@pytest.mark.parametrize("chemistry", ["LiFePO4", "Li-ion"])
def test_full_to_empty_to_full_teaches_what_is_left_of_a_pack_of_any_age(
    chemistry: str, health: float
) -> None:
    lived = Lived(chemistry, health)
    lived.fill()
    lived.drain()
    lived.flow(0.0, 0.5)
    lived.fill()
    lived.is_known(within=0.03)
    assert lived.state.capacity_ah == pytest.approx(lived.whole_ah, rel=0.03)
    assert lived.state.soh_percent == pytest.approx(100 * health, abs=5)
    counted = 25.0 / (LABEL_AH * health) * STEP_S / 36
    steps = [abs(after - before) for before, after in pairwise(lived.shown)]
    assert max(steps) < 1.2 * counted + 1.0 * STEP_S / 60  # nobody sees a jump meanwhile


@pytest.mark.requirement("R34")
@pytest.mark.parametrize(("chemistry", "health"), [("LiFePO4", 0.8), ("Li-ion", 0.6)])
def test_partial_cycles_with_good_rests_teach_it_too(chemistry: str, health: float) -> None:
    lived = Lived(chemistry, health)
    hours = LABEL_AH * health / 20.0
    lived.fill()
    lived.flow(-20.0, 0.85 * hours)
    lived.flow(0.0, 1.5)
    lived.flow(20.0, 0.75 * hours)
    lived.flow(0.0, 1.0)
    lived.flow(-20.0, 0.75 * hours)
    lived.flow(0.0, 1.0)
    lived.is_known(within=0.03)
    assert lived.state.soh_percent == pytest.approx(100 * health, abs=4)


def test_after_ten_hard_years_with_one_cell_far_weaker_a_cycle_tells_the_truth() -> None:
    lived = Lived("LiFePO4", 1.0, life=Life(years=10.0, seed=5))
    assert lived.whole_ah < 75
    lived.fill()
    lived.drain()
    lived.flow(0.0, 0.5)
    lived.fill()
    lived.is_known(within=0.03)
    weakest = min(range(16), key=lambda n: lived.pack.cells.capacity_ah[n])
    known = [cell.capacity_ah for cell in lived.state.cells]
    assert known.index(min(known)) == weakest
    assert known[weakest] == pytest.approx(lived.pack.cells.capacity_ah[weakest], rel=0.04)


def test_without_the_cells_own_curve_an_old_pack_is_not_called_healthy() -> None:
    lived = Lived("LiFePO4", 0.6, own_curve=False)
    lived.fill()
    lived.drain()
    lived.flow(0.0, 0.5)
    lived.fill()
    estimated_ah, sigma_ah = lived.capacity()
    assert abs(estimated_ah - lived.whole_ah) <= 2 * sigma_ah
    assert lived.state.soh_percent < 75
    assert lived.memory.gauge.estimate.capacity_known
