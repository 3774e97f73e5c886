"""Counters of a pack's life: what is counted, when, and what survives."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellwarden.model import AlarmKind, Counters, Extreme, PackState, preset
from support.packs import Bench, all_cells, parameters, with_cell


def counted(bench: Bench) -> Counters:
    """What is shown once it is due, with nothing flowing meanwhile."""
    insight = bench.memory.insight
    due = insight._replace(tally=insight.tally._replace(shown=None))
    bench.memory = replace(bench.memory, insight=due)
    state = bench.wait(0.0)
    assert state.counters is not None
    return state.counters


@pytest.mark.requirement("R32")
def test_runtime_charge_and_energy_are_counted_by_direction() -> None:
    bench = Bench()
    bench.hear(current_a=20.0)
    bench.settle(180, current_a=20.0)
    bench.settle(360, current_a=-10.0)
    counters = counted(bench)
    assert counters.runtime_s == pytest.approx(540)
    assert counters.charged_ah == pytest.approx(1.0, rel=0.01)
    assert counters.discharged_ah == pytest.approx(1.0, rel=0.01)
    assert counters.charged_wh == pytest.approx(52.8, rel=0.01)
    assert counters.discharged_wh == pytest.approx(52.8, rel=0.01)


def test_nothing_is_counted_over_a_silence() -> None:
    bench = Bench()
    bench.settle(10, current_a=20.0)
    before = counted(bench)
    bench.wait(600)
    bench.hear(current_a=20.0)
    assert counted(bench).runtime_s == before.runtime_s
    assert counted(bench).charged_wh == before.charged_wh


@pytest.mark.requirement("R32")
def test_cycles_by_throughput_are_the_discharged_charge_over_the_capacity() -> None:
    bench = Bench(max_age_s=30.0)
    bench.hear(current_a=-50.0)
    for _ in range(360):
        bench.hear(10.0, current_a=-50.0)
    assert counted(bench).cycles == pytest.approx(0.5, rel=0.01)


def full(bench: Bench) -> PackState:
    return bench.settle(70, current_a=1.0, soc_percent=99.0, **all_cells(3.45))


@pytest.mark.requirement("R33")
@pytest.mark.requirement("R14")
def test_a_full_charge_counts_once_however_long_it_floats() -> None:
    bench = Bench()
    full(bench)
    bench.settle(30, current_a=-1.0, **all_cells(3.40))
    full(bench)
    assert counted(bench).full_charges == 1


@pytest.mark.requirement("R33")
def test_the_next_full_charge_counts_once_the_pack_was_below_90_percent() -> None:
    bench = Bench(max_age_s=30.0)
    full(bench)
    for _ in range(80):
        bench.hear(10.0, current_a=-50.0, **all_cells(3.25))
    assert bench.state.soc_percent < 90
    full(bench)
    counters = counted(bench)
    assert counters.full_charges == 2
    assert counters.since_full_s < 20


def test_time_since_the_last_full_charge_is_unknown_until_there_was_one() -> None:
    bench = Bench()
    bench.settle(20)
    assert counted(bench).since_full_s is None
    full(bench)
    bench.settle(100, current_a=-40.0, **all_cells(3.25))
    assert 0 < counted(bench).since_full_s <= 100


def test_extremes_keep_where_and_when() -> None:
    bench = Bench()
    bench.settle(100)
    bench.hear(current_a=30.0, temperatures_c=(25.0, 31.0), **with_cell(7, 3.390))
    bench.settle(5, current_a=-40.0, temperatures_c=(12.0, 25.0), mos_temperature_c=41.0)
    extremes = counted(bench).extremes
    assert extremes["cell_voltage_max_v"] == Extreme(value=3.39, where="cell 7", runtime_s=100.0)
    assert extremes["cell_voltage_min_v"].value == 3.3
    assert extremes["current_max_a"].value == 30.0
    assert extremes["current_min_a"].value == -40.0
    assert extremes["temperature_max_c"] == Extreme(value=31.0, where="T2", runtime_s=100.0)
    assert extremes["temperature_min_c"] == Extreme(value=12.0, where="T1", runtime_s=101.0)
    assert extremes["mos_temperature_max_c"].value == 41.0
    assert extremes["soc_min_percent"].value < 60.0


def test_a_trip_is_counted_once_while_it_lasts_and_again_when_it_comes_back() -> None:
    bench = Bench()
    bench.settle(5)
    for _ in range(2):
        bench.settle(5, **with_cell(3, 3.62))
        bench.settle(20, **all_cells(3.30))
    kind = AlarmKind.CELL_OVERVOLTAGE.value
    assert counted(bench).alarms[kind] == 2


def test_time_is_counted_in_bands_of_soc_temperature_and_voltage() -> None:
    bench = Bench()
    bench.hear(soc_percent=70.0, temperatures_c=(25.0, 25.0))
    bench.settle(50, temperatures_c=(25.0, 25.0))
    bench.settle(40, temperatures_c=(25.0, 33.0), **all_cells(3.42))
    counters = counted(bench)
    assert counters.soc_bands_s["60..80 %"] == pytest.approx(90)
    assert counters.temperature_bands_s["20..30 °C"] == pytest.approx(51)
    assert counters.temperature_bands_s["30..40 °C"] == pytest.approx(39)
    assert counters.voltage_bands_s["3.26..3.38 V"] == pytest.approx(51)
    assert sum(counters.voltage_bands_s.values()) == pytest.approx(90)


def test_the_bands_cover_everything_and_follow_the_chemistry() -> None:
    bench = Bench("LTO", preset("LTO", cell_count=16, design_capacity_ah=100))
    bench.settle(20, **all_cells(2.2))
    assert list(counted(bench).voltage_bands_s) == [
        "below 1.8 V", "1.8..1.91 V", "1.91..2.02 V", "2.02..2.14 V", "2.14..2.25 V",
        "2.25..2.36 V", "2.36..2.48 V", "2.48..2.59 V", "2.59..2.7 V", "above 2.7 V",
    ]  # fmt: skip


@pytest.mark.requirement("R34")
@pytest.mark.requirement("R32")
def test_a_learned_capacity_is_told_and_told_again_when_it_moved() -> None:
    bench = Bench()
    keeper = bench.engine._insights.bookkeeper
    tally, first = keeper.learned(bench.memory.insight.tally, 96.0)
    tally, same = keeper.learned(tally, 96.5)
    _, moved = keeper.learned(tally, 94.9)
    assert first == "capacity learned: 96.0 Ah of 100 Ah"
    assert same == ""
    assert moved == "capacity learned: 94.9 Ah of 100 Ah, before 96.0 Ah"


def busy() -> Bench:
    bench = Bench()
    full(bench)
    bench.settle(5, **with_cell(3, 3.62))
    bench.settle(40, current_a=-30.0, temperatures_c=(5.0, 12.0), **all_cells(3.25))
    return bench


def test_counters_survive_a_restart() -> None:
    bench = busy()
    before = counted(bench)
    record = json.loads(json.dumps(bench.engine.record(bench.memory, bench.now_s)))
    again = Bench(memory=bench.engine.restore(record, 5.0, 100.0), now_s=5.0)
    again.hear(current_a=-30.0, soc_percent=None, temperatures_c=(12.0, 12.0), **all_cells(3.25))
    after = counted(again)
    assert after.runtime_s == before.runtime_s
    assert after.full_charges == before.full_charges == 1
    assert after.since_full_s == pytest.approx(before.since_full_s + 100.0)
    assert after.extremes == before.extremes
    assert after.alarms == before.alarms
    assert after.soc_bands_s == before.soc_bands_s
    assert after.charged_wh == before.charged_wh


def test_a_record_of_an_earlier_version_has_no_counters_and_is_read() -> None:
    bench = busy()
    record = bench.engine.record(bench.memory, bench.now_s)
    del record["insight"]
    again = Bench(memory=bench.engine.restore(record, 5.0, 100.0), now_s=5.0)
    again.hear()
    assert counted(again).full_charges == 0


def test_counters_outlast_a_change_of_the_capacity() -> None:
    bench = busy()
    record = bench.engine.record(bench.memory, bench.now_s)
    larger = Bench(params=preset("LiFePO4", cell_count=16, design_capacity_ah=120))
    with pytest.raises(ValueError, match="design_capacity_ah was 100"):
        larger.engine.restore(record, 5.0, None)
    larger.memory = larger.engine.keep_counters(larger.memory, record, None)
    larger.hear()
    assert counted(larger).full_charges == 1
    assert larger.state.soc_basis == "counting since the BMS's own SoC"


def test_counters_of_another_pack_are_not_taken() -> None:
    bench = busy()
    record = bench.engine.record(bench.memory, bench.now_s) | {"pack": "right"}
    with pytest.raises(ValueError, match="'right'"):
        bench.engine.keep_counters(bench.memory, record, None)


anything = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=3), st.just([]),
    st.just({}),
)  # fmt: skip
KEYS = (
    "runtime_s", "charged_wh", "discharged_wh", "full_charges", "armed", "since_full_s", "told_ah",
    "extremes", "alarms", "bands",
)  # fmt: skip


@given(st.dictionaries(st.sampled_from(KEYS), anything, min_size=1, max_size=2))
def test_damaged_counters_are_refused_with_a_reason_or_harmless(changes: dict) -> None:
    bench = Bench()
    bench.settle(3)
    record = bench.engine.record(bench.memory, bench.now_s)
    record["insight"]["counters"].update(changes)
    try:
        memory = bench.engine.restore(record, 5.0, None)
    except ValueError:  # nothing else may come out
        return
    again = Bench(memory=memory, now_s=5.0)
    again.hear()
    assert counted(again).runtime_s >= 0


@pytest.mark.parametrize("soc", [0.0, 37.5, 100.0])
def test_a_stated_soc_is_shown_at_once_and_told(soc: float) -> None:
    bench = Bench()
    bench.settle(5)
    bench.memory = bench.engine.reset_soc(bench.memory, soc, "the installer")
    state = bench.hear(soc_percent=60.0)
    assert state.soc_percent == pytest.approx(soc, abs=1.0)
    assert state.soc_basis == "counting since the installer"
    assert f"SoC set to {soc:g} %: the installer" in [event.text for event in state.events]


def test_a_stated_soc_is_no_excuse_for_one_that_cannot_be() -> None:
    bench = Bench()
    with pytest.raises(ValueError, match="0 to 100 %, not 130"):
        bench.engine.reset_soc(bench.memory, 130.0, "a slip")


def test_a_stated_soc_stands_before_the_first_reading() -> None:
    bench = Bench()
    bench.memory = bench.engine.reset_soc(bench.memory, 80.0, "the installer")
    assert bench.hear(soc_percent=20.0).soc_percent == pytest.approx(80.0)


def test_what_is_known_of_each_cell_is_told() -> None:
    bench = Bench(params=parameters())
    bench.settle(70)
    cells = bench.state.cells
    assert [cell.cell for cell in cells] == list(range(1, 17))
    assert all(cell.soc_percent == pytest.approx(60, abs=1.5) for cell in cells)
    assert all(cell.soc_sigma_percent > 10 for cell in cells)
    assert all(cell.capacity_ah is None and cell.resistance_ohm is None for cell in cells)
