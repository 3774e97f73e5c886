"""A cell that steps by itself is measured wrong from then on (F10)."""

import random

import pytest

from cellwarden.model import Alarm, AlarmKind, Severity, preset
from support.packs import Bench

QUIET = {"balancing": False}


def cells(
    offset_v: float = 0.0, at: int = 5, base_v: float = 3.3, draw: random.Random | None = None
) -> dict[str, object]:
    """Sixteen cells with 0.5 mV of noise, one of them off by something."""
    told = [base_v + (draw.gauss(0, 0.0005) if draw else 0.0) for _ in range(16)]
    told[at - 1] += offset_v
    told = [round(v, 3) for v in told]
    return {"cell_voltages_v": tuple(told), "voltage_v": round(sum(told), 2), **QUIET}


def found(bench: Bench) -> Alarm | None:
    assert bench.state is not None
    alarms = [a for a in bench.state.alarms if a.kind is AlarmKind.IMPLAUSIBLE_DATA]
    return alarms[0] if alarms else None


def rested(**changes: object) -> Bench:
    bench = Bench()
    bench.settle(30, **{**cells(), **changes})
    return bench


@pytest.mark.parametrize("offset_v", [0.020, -0.020, 0.011, 0.3])
def test_a_cell_that_steps_by_itself_at_rest_is_named_within_ten_seconds(offset_v: float) -> None:
    bench, draw = rested(), random.Random(1)
    for _ in range(9):
        bench.hear(**cells(offset_v, draw=draw))
        assert found(bench) is None
    bench.hear(**cells(offset_v, draw=draw))
    alarm = found(bench)
    assert alarm is not None
    assert (alarm.where, alarm.severity) == ("cell 5", Severity.WARNING)
    assert alarm.blocks_balance  # no endless balancing of what is none
    assert (alarm.blocks_charge, alarm.blocks_discharge) == (False, False)


def test_it_is_said_by_how_much_the_cell_stepped() -> None:
    bench = rested()
    (quarantine,) = bench.settle(12, **cells(-0.020)).quarantined
    assert quarantine.what == "cell 5 apart"
    assert quarantine.why == "it stepped by -20 mV with nothing else moving"


def test_it_is_over_when_the_cell_steps_back() -> None:
    bench = rested()
    bench.settle(60, **cells(0.020))
    assert found(bench) is not None
    bench.settle(2, **cells())
    assert found(bench) is None


def test_it_is_over_when_somebody_releases_it_and_the_cell_counts_as_it_is() -> None:
    bench = rested()
    bench.settle(60, **cells(0.020))
    bench.memory = bench.engine.release(bench.memory, "test")
    state = bench.settle(60, **cells(0.020))
    assert state.alarms == ()


def test_it_stays_while_the_pack_is_charged_and_its_balancer_works() -> None:
    bench = rested()
    bench.settle(20, **cells(0.020))
    for n in range(300):
        bench.hear(**{**cells(0.020, base_v=3.3 + 0.0001 * n), "balancing": n % 50 > 30})
    assert found(bench) is not None


@pytest.mark.parametrize("seed", range(3))
def test_noise_is_no_step(seed: int) -> None:
    bench, draw = rested(), random.Random(seed)
    for _ in range(900):
        bench.hear(**cells(draw=draw))
    assert found(bench) is None


def test_a_spike_of_a_few_readings_is_no_step() -> None:
    bench = rested()
    for n in range(300):
        bench.hear(**cells(0.03 if n % 10 < 5 else 0.0))
        assert found(bench) is None


def test_a_cell_that_runs_away_at_its_knee_is_no_step() -> None:
    """At the end of a charge one cell may rise by 12 mV from reading to reading."""
    bench = Bench()
    bench.settle(30, **{**cells(base_v=3.40), "current_a": 20.0})
    for n in range(14):
        bench.hear(5.0 if n % 2 else 1.0, current_a=20.0, **cells(0.012 * n, base_v=3.40))
        assert found(bench) is None


@pytest.mark.parametrize("tells", [{"balancing": True}, {"balancing": None}])
def test_while_a_balancer_works_or_tells_nothing_a_step_may_be_its_own(tells) -> None:
    bench = Bench()
    bench.settle(30, **{**cells(), **tells})
    bench.settle(60, **{**cells(0.2), **tells})
    assert found(bench) is None


def test_what_a_balancer_leaves_when_it_stops_is_no_step() -> None:
    """A device may tell some seconds late that it has stopped, or early."""
    for late in (-3, -1, 0, 1, 3):
        bench = Bench()
        bench.settle(30, **cells())
        for second in range(60):
            works, told = 20 <= second < 40, 20 + late <= second < 40 + late
            bench.hear(**{**cells(0.05 if works else 0.0), "balancing": told})
        for _ in range(30):
            bench.hear(**cells())
        assert found(bench) is None


def test_a_bad_joint_that_a_load_shows_is_no_step() -> None:
    """It moves with the current, which moves too."""
    bench = Bench()
    for n in range(200):
        current_a = -40.0 if n % 20 < 10 else 0.0
        bench.hear(current_a=current_a, **cells(0.001 * current_a, base_v=3.3 + current_a / 2000))
    assert found(bench) is None


def test_a_clock_that_goes_back_changes_nothing_of_it() -> None:
    bench = rested()
    bench.settle(4, **cells(0.020))
    bench.now_s -= 3600
    bench.settle(4, **cells(0.020))
    assert found(bench) is None
    bench.settle(3, **cells(0.020))
    assert found(bench) is not None


def test_a_pack_of_two_cells_has_nobody_to_compare_with() -> None:
    bench = Bench(params=preset("LiFePO4", cell_count=2, design_capacity_ah=100))
    bench.settle(30, cell_voltages_v=(3.3, 3.3), voltage_v=6.6, **QUIET)
    bench.settle(60, cell_voltages_v=(3.32, 3.3), voltage_v=6.62, **QUIET)
    assert found(bench) is None
