"""Ageing, hysteresis and what a meter shows of a simulated pack."""

import pytest

from cellwarden.engine import Engine, EngineSettings
from cellwarden.model import CHEMISTRIES
from cellwarden_hardware.simulator.ageing import Life, age
from cellwarden_hardware.simulator.cell import CellString
from cellwarden_hardware.simulator.measure import Meter
from cellwarden_hardware.simulator.pack import PackDesign, SimulatedPack, settings_of


def pack(**changes: object) -> SimulatedPack:
    return SimulatedPack(PackDesign(capacity_ah=100.0, **changes))  # type: ignore[arg-type]


def test_ten_years_of_a_home_take_a_fifth_and_leave_the_cells_unlike() -> None:
    old = pack(start_soc_percent=50.0)
    before_ohm = list(old.cells.r0_at_25c_ohm)
    age(old, Life(years=10.0))
    left = [c / 100.0 for c in old.cells.capacity_ah]
    assert 0.78 < sum(left) / 16 < 0.88
    assert min(left) < sum(left) / 16 - 0.04
    grown = [a / b for a, b in zip(old.cells.r0_at_25c_ohm, before_ohm, strict=True)]
    assert 1.3 < sum(grown) / 16 < 1.8
    socs = [q / c for q, c in zip(old.cells.charge_ah, old.cells.capacity_ah, strict=True)]
    assert 0.01 < max(socs) - min(socs) < 0.10
    assert old.bms.cycles == 2500


def test_heat_and_cycles_age_a_pack_and_no_time_ages_none() -> None:
    def left(**life: float) -> float:
        old = pack()
        age(old, Life(**life))
        return sum(old.cells.capacity_ah) / 16

    new = sum(pack().cells.capacity_ah) / 16
    assert left(years=0.0) == pytest.approx(new)
    assert left(years=5.0) > left(years=10.0)
    assert left(years=5.0, mean_c=37.0) < left(years=5.0)
    assert left(years=5.0, cycles_a_year=20.0) > left(years=5.0)
    assert new - left(years=5.0, mean_c=37.0) == pytest.approx(2 * (new - left(years=5.0)))


def test_the_same_seed_ages_the_same() -> None:
    one, two, other = pack(), pack(), pack()
    age(one, Life(years=7.0, seed=3))
    age(two, Life(years=7.0, seed=3))
    age(other, Life(years=7.0, seed=4))
    assert one.cells.capacity_ah == two.cells.capacity_ah != other.cells.capacity_ah


def rested(loop_v: float, amps: float) -> float:
    cells = CellString(
        "LiFePO4", capacity_ah=[100.0], soc=[0.5], resistance_scale=[1.0], loop_v=loop_v
    )
    for _ in range(720):
        cells.advance(10.0, amps)
    cells.charge_ah = [50.0]
    cells.advance(3600.0, 0.0)
    cells.advance(1.0, 0.0)
    return cells.voltages_v[0]


def test_hysteresis_stays_after_a_long_rest() -> None:
    assert rested(0.008, 10.0) - rested(0.008, -10.0) == pytest.approx(0.014, abs=0.002)
    assert rested(0.0, 10.0) == pytest.approx(rested(0.0, -10.0), abs=1e-6)


def test_a_meter_reads_each_cell_wrong_in_its_own_way() -> None:
    one = pack(start_soc_percent=50.0)
    meter = Meter("p", cell_noise_v=0.0, cell_offset_v=0.010)
    first, second = meter.read(one, 1.0), meter.read(one, 2.0)
    assert first.cell_voltages_v == second.cell_voltages_v
    wrong = [a - b for a, b in zip(first.cell_voltages_v, one.cells.voltages_v, strict=True)]
    assert max(wrong) > 0.004
    assert min(wrong) < -0.004
    assert max(map(abs, wrong)) <= 0.0105


def test_a_pack_aged_by_five_years_tells_its_capacity_after_one_complete_cycle() -> None:
    old = pack(start_soc_percent=60.0)
    age(old, Life(years=5.0, seed=5))
    engine = Engine(
        EngineSettings(
            pack="p",
            chemistry="LiFePO4",
            parameters=settings_of(old.design),
            max_age_s=15.0,
            ocv_v=CHEMISTRIES["LiFePO4"].ocv_v,
        )
    )
    meter, memory, now_s = Meter("p", cell_offset_v=0.0015), engine.start(0.0), 0.0

    def live(hours: float, amps: float, until_v: float) -> None:
        nonlocal memory, now_s, state
        for _ in range(round(hours * 720)):
            now_s += 5.0
            old.step(5.0, amps)
            memory, state = engine.step(memory, meter.read(old, now_s), now_s)
            extreme = max(old.cells.voltages_v) if amps > 0 else -min(old.cells.voltages_v)
            if amps and extreme >= until_v:
                return

    state = None
    live(6.0, -25.0, -2.8)
    live(1.0, 0.0, 0.0)
    live(6.0, 25.0, 3.46)
    for amps in (8.0, 4.0, 2.0):
        live(1.0, amps, 3.46)
    assert state.capacity_ah == pytest.approx(old.true_capacity_ah, rel=0.02)
    assert state.soh_percent == pytest.approx(old.true_capacity_ah, abs=2.0)
