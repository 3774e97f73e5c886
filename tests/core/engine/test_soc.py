"""State of charge: where it starts, how it is counted, when it is known."""

import math
from itertools import pairwise

import pytest

from cellwarden.engine import Engine, EngineSettings
from cellwarden.model import BmsSoc, Inputs, preset
from support.packs import Bench, all_cells, parameters, with_cell


def test_it_starts_from_the_bms_with_a_wide_band() -> None:
    state = Bench().hear(soc_percent=42.0)
    assert (state.soc_percent, state.soc_sigma_percent) == (42.0, pytest.approx(15.0))
    assert state.soc_basis == "counting since the BMS's own SoC"
    assert state.remaining_ah == pytest.approx(42.0)


@pytest.mark.parametrize(
    ("chemistry", "cell_v", "soc"),
    [("LiFePO4", 3.298, 50), ("LiFePO4", 2.55, 0), ("Li-ion", 3.97, 80)],
)
def test_without_one_the_voltage_gives_a_guess(chemistry: str, cell_v: float, soc: float) -> None:
    bench = Bench(chemistry, preset(chemistry, cell_count=16, design_capacity_ah=100))
    state = bench.hear(soc_percent=None, **all_cells(cell_v))
    assert state.soc_percent == pytest.approx(soc)
    assert state.soc_sigma_percent == pytest.approx(30.0)
    assert state.soc_basis == "counting since a guess from the voltage"


def test_with_nothing_to_go_by_it_is_unknown() -> None:
    bench = Bench()
    for _ in range(3):
        state = bench.hear(soc_percent=None, cell_voltages_v=(), current_a=20.0)
        known = (state.soc_percent, state.soc_sigma_percent, state.remaining_ah)
        assert known == (None, None, None)
        assert state.soc_basis == ""


def test_a_guess_gives_way_to_the_bms() -> None:
    bench = Bench()
    bench.hear(soc_percent=None)
    assert bench.hear(soc_percent=42.0).soc_percent == 42.0


def test_an_hour_at_20_a_into_100_ah_is_20_percent() -> None:
    bench = Bench()
    bench.hear(current_a=20.0)
    bench.settle(3600, current_a=20.0)
    assert bench.state.soc_percent == pytest.approx(80.0, abs=0.1)
    assert bench.memory.gauge.charged_ah == pytest.approx(20.0)
    assert bench.memory.gauge.discharged_ah == 0.0


@pytest.mark.parametrize("poll_s", [0.1, 1.0, 10.0, 30.0])
def test_the_poll_rate_does_not_change_the_count(poll_s: float) -> None:
    bench = Bench(max_age_s=60.0)
    bench.hear(current_a=-36.0)
    for _ in range(round(600 / poll_s)):
        state = bench.hear(poll_s, current_a=-36.0)
    assert state.soc_percent == pytest.approx(54.0, abs=0.01)
    assert bench.memory.gauge.discharged_ah == pytest.approx(6.0)


def test_a_demonstration_that_polls_once_a_minute_counts_over_every_gap() -> None:
    bench = Bench(max_age_s=300.0)
    bench.hear(current_a=-30.0)
    for _ in range(60):
        bench.hear(60.0, current_a=-30.0)
    assert bench.state.soc_percent == pytest.approx(30.0, abs=0.1)


def test_between_two_readings_the_current_is_taken_as_a_straight_line() -> None:
    bench = Bench(max_age_s=60.0)
    bench.hear(current_a=0.0)
    bench.hear(36.0, current_a=20.0)
    assert bench.state.soc_percent == pytest.approx(60.1)


def test_a_silence_is_not_counted_but_widens_the_band() -> None:
    bench = Bench()
    bench.hear(current_a=20.0)
    bench.wait(1199.0)
    bench.hear(1.0, current_a=20.0)
    assert bench.state.soc_percent == pytest.approx(60.0, abs=0.001)
    # Up to 0.1 C may have flowed for 20 minutes.
    assert bench.state.soc_sigma_percent == pytest.approx(15 + 3.33, abs=0.2)


def test_a_duplicate_is_not_counted_twice() -> None:
    bench = Bench()
    bench.hear(current_a=36.0)
    bench.hear(1.0, current_a=36.0)
    before = bench.state.soc_percent
    for _ in range(100):
        bench.hear(0.01, heard_s=1002.0, current_a=36.0)
    assert bench.state.soc_percent == before


def test_the_band_grows_with_time_and_with_charge() -> None:
    bench = Bench(max_age_s=60.0)
    for _ in range(4):
        bench.hear(30.0, current_a=1.0, **all_cells(3.45))
    bands = [bench.state.soc_sigma_percent]
    for current_a in (0.0, -10.0):
        for _ in range(600):
            bench.hear(30.0, current_a=current_a)
        bands.append(bench.state.soc_sigma_percent)
    assert bands[0] > 0.9
    assert bands[1] == pytest.approx(1.4, abs=0.5)  # 0.12 A for five hours
    assert bands[2] == pytest.approx(5.0, abs=1.0)  # 50 Ah of a capacity known to 10 %


def test_a_current_unknown_at_one_end_takes_that_of_the_other() -> None:
    bench = Bench(max_age_s=60.0)
    bench.hear(current_a=36.0)
    bench.hear(10.0, current_a=None)
    assert bench.state.soc_percent == pytest.approx(60.1, abs=0.001)
    bench.hear(10.0, current_a=36.0)
    assert bench.state.soc_percent == pytest.approx(60.2, abs=0.001)


def test_an_unknown_current_widens_the_band_quickly() -> None:
    bench = Bench(max_age_s=600.0)
    bench.hear(current_a=None)
    bench.hear(180.0, current_a=None)
    assert bench.state.soc_percent == pytest.approx(60.0, abs=0.001)
    assert bench.state.soc_sigma_percent == pytest.approx(15 + 2.5, abs=0.2)


def test_once_the_band_is_wider_than_20_the_bms_is_asked_again() -> None:
    bench = Bench(max_age_s=600.0)
    bench.hear(current_a=None)
    bench.hear(340.0, current_a=None, soc_percent=33.0)
    assert bench.state.soc_percent == pytest.approx(60.0, abs=0.001)
    bench.hear(60.0, current_a=None, soc_percent=33.0)
    assert bench.memory.gauge.estimated_percent == pytest.approx(33.0)
    assert bench.state.soc_basis == "counting since the BMS's own SoC"
    assert bench.state.soc_percent > 59  # nobody sees it jump, and the band reaches to it
    assert bench.state.soc_percent - 2 * bench.state.soc_sigma_percent < 33
    bench.settle(2000, soc_percent=33.0)
    assert bench.state.soc_percent == pytest.approx(33.0, abs=0.5)


def test_with_nobody_to_ask_the_band_ends_at_30() -> None:
    bench = Bench(max_age_s=600.0)
    bench.hear(current_a=None)
    for _ in range(10):
        bench.hear(360.0, current_a=None, soc_percent=None)
    assert bench.state.soc_percent == pytest.approx(60.0, abs=0.001)
    assert bench.state.soc_sigma_percent == 30.0


def test_a_minute_at_charge_voltage_with_a_small_current_is_full() -> None:
    bench = Bench()
    bench.hear(current_a=4.9, **all_cells(3.44))
    for _ in range(59):
        assert bench.hear(current_a=4.9, **all_cells(3.44)).soc_percent < 61
    state = bench.hear(current_a=4.9, **all_cells(3.44))
    assert bench.memory.gauge.full
    assert bench.memory.gauge.estimated_percent == pytest.approx(100.0, abs=0.5)
    assert state.soc_basis == "counting since a full charge"
    assert [e.text for e in state.events] == ["SoC 100 %, counting since a full charge"]


def test_what_is_shown_climbs_to_100_without_a_jump_and_its_band_says_so() -> None:
    bench = Bench()
    bench.settle(61, current_a=1.0, soc_percent=90.0, **all_cells(3.45))
    shown = [bench.state.soc_percent]
    for _ in range(15):
        state = bench.settle(60, current_a=1.0, **all_cells(3.45))
        shown.append(state.soc_percent)
        assert state.soc_percent + 2 * state.soc_sigma_percent >= 99.5
    steps = [after - before for before, after in pairwise(shown)]
    assert max(steps) < 0.9  # % a minute
    assert shown[-1] == 100.0


@pytest.mark.parametrize(
    ("cell_v", "current_a"), [(3.43, 0.0), (3.45, 5.0), (3.45, None)], ids=["low", "tail", "blind"]
)
def test_without_voltage_or_tail_current_it_is_not_full(cell_v, current_a) -> None:
    bench = Bench()
    bench.settle(200, current_a=current_a, **all_cells(cell_v))
    assert not bench.memory.gauge.full


def test_an_interrupted_minute_starts_anew() -> None:
    bench = Bench()
    for _ in range(4):
        bench.settle(50, current_a=1.0, **all_cells(3.45))
        bench.settle(1, current_a=1.0, **all_cells(3.40))
    assert not bench.memory.gauge.full


@pytest.mark.parametrize("poll_s", [0.5, 5.0, 30.0])
def test_full_takes_a_minute_at_any_poll_rate(poll_s: float) -> None:
    bench = Bench(max_age_s=60.0)
    bench.hear(poll_s, current_a=1.0, **all_cells(3.45))
    start_s = bench.now_s
    while not bench.memory.gauge.full:
        bench.hear(poll_s, current_a=1.0, **all_cells(3.45))
        assert bench.now_s < start_s + 100
    assert bench.now_s - start_s == pytest.approx(60.0)


@pytest.mark.requirement("R14")
def test_an_over_voltage_trip_whose_cell_stays_high_is_full_and_nobody_sees_a_jump() -> None:
    bench = Bench()
    bench.settle(2, **all_cells(3.55))
    bench.settle(2, current_a=20.0, **with_cell(7, 3.61, 3.55))
    assert bench.state.soc_percent < 61
    bench.settle(59, current_a=6.0, **with_cell(7, 3.55, 3.50))
    assert not bench.memory.gauge.full
    bench.settle(2, current_a=6.0, **with_cell(7, 3.55, 3.50))
    assert bench.state.soc_basis == "counting since over-voltage"
    assert bench.memory.gauge.full
    assert bench.memory.gauge.estimated_percent > 97
    assert bench.state.soc_percent < 62
    assert bench.state.soc_percent + 2 * bench.state.soc_sigma_percent > 97
    bench.settle(3600, **all_cells(3.45))
    assert bench.state.soc_percent == 100.0


def test_an_over_voltage_trip_that_a_bad_contact_made_says_nothing_of_the_charge() -> None:
    bench = Bench()
    bench.settle(4, current_a=40.0, **with_cell(7, 3.62, 3.33))
    bench.settle(120, **with_cell(7, 3.31, 3.31))
    assert bench.state.soc_percent == pytest.approx(60.0, abs=0.1)
    assert bench.state.soc_basis == "counting since the BMS's own SoC"
    assert not bench.memory.gauge.full


def test_an_under_voltage_trip_whose_cells_stay_low_is_empty_and_nobody_sees_a_jump() -> None:
    bench = Bench()
    bench.settle(2, **all_cells(2.75))
    bench.settle(2, current_a=-20.0, **with_cell(7, 2.69, 2.75))
    assert bench.state.soc_percent > 59
    bench.settle(62, **with_cell(7, 2.80, 2.85))
    assert bench.state.soc_basis == "counting since empty (under-voltage)"
    assert bench.memory.gauge.empty
    assert bench.memory.gauge.estimated_percent < 4
    assert bench.state.soc_percent > 58
    assert bench.state.soc_percent - 2 * bench.state.soc_sigma_percent < 4
    shown = [bench.settle(60, **with_cell(7, 2.80, 2.85)).soc_percent for _ in range(80)]
    assert max(a - b for a, b in pairwise(shown)) < 1.0
    assert shown[-1] == 0.0


@pytest.mark.parametrize("rest_v", [3.30, 3.22])
def test_one_low_reading_under_load_is_no_empty_pack(rest_v: float) -> None:
    bench = Bench()
    bench.settle(60, current_a=-40.0, **all_cells(3.25))
    before = bench.state.soc_percent
    bench.settle(3, current_a=-40.0, **with_cell(7, 2.55, 3.25))  # a loose bus bar: it trips
    assert bench.state.alarms
    bench.settle(180, **all_cells(rest_v))
    assert bench.state.soc_percent == pytest.approx(before, abs=0.2)
    assert not bench.memory.gauge.empty
    assert bench.state.soc_basis == "counting since the BMS's own SoC"


def test_one_cell_that_stays_low_makes_the_pack_empty_but_not_its_neighbours() -> None:
    bench = Bench()
    low = with_cell(7, 2.65, 3.29)
    bench.settle(4, current_a=-2.0, **low)
    bench.settle(1200, **low)
    assert bench.memory.gauge.empty
    assert bench.state.soc_percent < 46  # from 60, at 0.8 % a minute
    low_soc, *others = sorted(cell.soc_percent for cell in bench.state.cells)
    assert bench.state.cells[6].soc_percent == low_soc
    assert min(others) - low_soc > 30
    assert min(others) > 50


def test_counting_alone_shows_neither_100_nor_0() -> None:
    bench = Bench(max_age_s=600.0)
    bench.hear(current_a=50.0, soc_percent=95.0)
    for _ in range(10):
        bench.hear(360.0, current_a=50.0, soc_percent=95.0)
    assert bench.state.soc_percent == 99.0
    bench = Bench(max_age_s=600.0)
    bench.hear(current_a=-50.0, soc_percent=5.0)
    for _ in range(10):
        bench.hear(360.0, current_a=-50.0, soc_percent=5.0)
    assert bench.state.soc_percent == 1.0


def test_a_start_at_100_may_stay_there() -> None:
    bench = Bench()
    bench.settle(10, current_a=1.0, soc_percent=100.0)
    assert bench.state.soc_percent == 100.0


def test_the_learned_capacity_counts_and_gives_the_health() -> None:
    bench = Bench()
    bench.hear(capacity_ah=80.0, current_a=36.0)
    bench.hear(1.0, capacity_ah=80.0, current_a=36.0)
    assert bench.state.capacity_ah == 80.0
    assert bench.state.soh_percent == pytest.approx(80.0)
    assert bench.state.soc_percent == pytest.approx(60.0125)


def test_health_is_at_most_100_and_else_what_the_bms_says() -> None:
    assert Bench().hear(capacity_ah=104.0).soh_percent == 100.0
    assert Bench().hear(capacity_ah=None, soh_percent=93.0).soh_percent == 93.0
    assert Bench().hear(capacity_ah=None).soh_percent is None
    assert Bench().hear(capacity_ah=None).capacity_ah == 100.0


def test_a_capacity_ten_times_too_large_changes_nothing() -> None:
    bench = Bench()
    bench.hear()
    state = bench.hear(capacity_ah=1000.0)
    assert (state.soc_percent, state.capacity_ah) == (pytest.approx(60.0), 100.0)


def test_while_the_cells_are_unknown_full_is_not_judged() -> None:
    bench = Bench(params=parameters())
    bench.settle(70, current_a=1.0, **all_cells(3.45))
    assert bench.memory.gauge.full
    bench.hear(cell_voltages_v=())
    assert bench.memory.gauge.full


def test_a_pack_that_trips_empty_is_so_whatever_current_is_told_in_that_reading() -> None:
    """The BMS goes on to say 60 %."""
    bench = Bench()
    for n in range(60):
        spike = 2.697 > 2.75 - 0.003 * n > 2.694
        told_a = 101.0 if spike else -30.0
        bench.hear(current_a=told_a, **all_cells(round(2.75 - 0.003 * n, 3)))
    bench.settle(60, **all_cells(2.6))
    assert bench.memory.gauge.empty
    assert bench.memory.gauge.estimated_percent < 6


def test_charge_is_counted_by_a_shunt_where_there_is_one() -> None:
    bench = Bench()
    bench.hear(current_a=0.0)
    bench.inputs = Inputs(shunt_current_a=36.0)
    for _ in range(100):
        bench.hear(current_a=-36.0)
    assert bench.memory.gauge.charged_ah == pytest.approx(1.0, rel=0.01)
    assert bench.memory.gauge.discharged_ah == 0.0
    assert bench.state.reading.current_a == -36.0


@pytest.mark.parametrize("nonsense_a", [math.nan, math.inf, 1e300, 400.1])
def test_a_shunt_that_tells_nonsense_is_not_counted_by(nonsense_a: float) -> None:
    bench = Bench()
    bench.hear(current_a=-36.0)
    bench.inputs = Inputs(shunt_current_a=nonsense_a)
    for _ in range(100):
        bench.hear(current_a=-36.0)
    assert bench.memory.gauge.discharged_ah == pytest.approx(1.0)


def told_by(bms_soc: BmsSoc) -> Bench:
    bench = Bench(max_age_s=30.0)
    bench.engine = Engine(EngineSettings("left", "LiFePO4", parameters(), 30.0, bms_soc=bms_soc))
    bench.memory = bench.engine.start(bench.now_s)
    return bench


def test_a_soc_of_the_bms_that_is_to_be_ignored_is_ignored() -> None:
    bench = told_by(BmsSoc.IGNORE)
    state = bench.hear(soc_percent=90.0, **all_cells(3.298))
    assert state.soc_basis == "counting since a guess from the voltage"
    assert state.soc_percent == pytest.approx(50.0)


def test_a_bms_that_is_trusted_holds_the_estimate_without_a_jump() -> None:
    bench = told_by(BmsSoc.TRUST)
    shown = [bench.hear(10.0, soc_percent=60.0).soc_percent]
    shown += [bench.hear(10.0, soc_percent=70.0).soc_percent for _ in range(200)]
    assert bench.state.soc_basis == "counting, held by the BMS's own SoC"
    assert bench.state.soc_sigma_percent < 6
    assert shown[-1] == pytest.approx(70.0, abs=5.5)
    assert max(b - a for a, b in pairwise(shown)) < 0.2


def test_otherwise_a_bms_that_changes_its_mind_changes_nothing() -> None:
    bench = told_by(BmsSoc.START)
    bench.hear(10.0, soc_percent=60.0)
    for _ in range(200):
        state = bench.hear(10.0, soc_percent=90.0)
    assert state.soc_percent == pytest.approx(60.0, abs=0.5)
