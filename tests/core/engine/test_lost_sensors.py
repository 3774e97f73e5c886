"""A sensor that dies must raise no limit: what is taken for it, and for how long."""

import pytest

from cellwarden.model import AlarmKind, Severity
from support.packs import Bench, with_cell


def settled(**changes: object) -> Bench:
    bench = Bench()
    bench.settle(60, **changes)
    return bench


def ccl_a(bench: Bench) -> float:
    return bench.state.limits.ccl_a


@pytest.mark.requirement("R25")
def test_a_warm_sensor_that_is_lost_is_taken_to_stay_as_far_from_the_others() -> None:
    """T1 was 6 K above T2, and would be still."""
    bench = settled(temperatures_c=(53.0, 47.0))
    derated_a = ccl_a(bench)
    assert 0 < derated_a < 50
    bench.settle(60, temperatures_c=(None, 47.0))
    assert ccl_a(bench) == pytest.approx(derated_a)
    assert bench.state.limits.charge_current.binding.source == "T1, lost"
    assert bench.settle(60, temperatures_c=(None, 30.0)).limits.ccl_a == 50


@pytest.mark.requirement("R25")
def test_a_cold_sensor_that_is_lost_keeps_charging_slow_until_the_others_are_warm() -> None:
    bench = settled(temperatures_c=(6.0, 9.0))
    assert ccl_a(bench) == pytest.approx(20.0)  # 0.2 C up to 10 °C (R26)
    bench.settle(60, temperatures_c=(None, 12.0))
    assert ccl_a(bench) < 50
    bench.settle(60, temperatures_c=(None, 20.0))
    assert ccl_a(bench) == 50


@pytest.mark.requirement("R25")
def test_with_no_sensor_left_discharging_stays_as_slow_as_the_last_heat_wanted_it() -> None:
    bench = settled(temperatures_c=(53.0, 53.0))
    derated_a = bench.state.limits.dcl_a
    assert 0 < derated_a < 100
    bench.settle(60, temperatures_c=(None, None))
    assert (ccl_a(bench), bench.state.limits.dcl_a) == (0, pytest.approx(derated_a))


def test_a_hot_mosfet_whose_sensor_dies_is_allowed_no_more_than_before() -> None:
    """F21 leaves half; a MOSFET at 74 °C was allowed a fifth."""
    bench = settled(mos_temperature_c=74.0)
    derated_a = ccl_a(bench)
    assert 0 < derated_a < 25
    bench.settle(60, mos_temperature_c=None)
    assert ccl_a(bench) == pytest.approx(derated_a)
    assert bench.settle(60, mos_temperature_c=40.0).limits.ccl_a == 50


def test_what_is_taken_for_a_lost_sensor_is_neither_shown_nor_trips() -> None:
    bench = settled(temperatures_c=(53.0, 47.0))
    state = bench.settle(60, temperatures_c=(None, 54.0))  # T1 would be at 60 °C
    assert state.temperature_max.temperature_c == 54.0
    assert state.reading.temperatures_c == (None, 54.0)
    tripped = {a.kind for a in state.alarms if a.severity is Severity.PROTECTION}
    assert AlarmKind.CHARGE_OVERTEMPERATURE not in tripped
    assert ccl_a(bench) == 0  # by the limit's own curve


def test_a_sensor_that_comes_back_counts_as_itself() -> None:
    bench = settled(temperatures_c=(53.0, 47.0))
    bench.settle(20, temperatures_c=(None, 47.0))
    bench.settle(60, temperatures_c=(25.0, 25.0))
    assert ccl_a(bench) == 50
    bench.settle(20, temperatures_c=(None, 25.0))
    assert ccl_a(bench) == 50


# -- what one reading is not enough for ------------------------------------------------------------


@pytest.mark.requirement("R12")
@pytest.mark.requirement("R14")
def test_one_reading_far_above_the_limit_stops_charging_but_is_not_full() -> None:
    """The trip is at once; the estimate waits until the cell has stood there for a minute."""
    bench = settled()
    soc = bench.state.soc_percent
    high = with_cell(7, 3.75, other_v=3.5)
    bench.hear(**high)
    assert bench.state.limits.ccl_a == 0
    bench.settle(90)
    assert bench.state.soc_percent == pytest.approx(soc, abs=0.1)
    bench.settle(70, current_a=20.0, **high)
    assert bench.state.soc_basis == "counting since over-voltage"


@pytest.mark.requirement("R12")
def test_one_reading_far_below_the_limit_stops_discharging_but_is_not_empty() -> None:
    bench = settled()
    soc = bench.state.soc_percent
    bench.hear(**with_cell(3, 2.45, other_v=2.9))
    assert bench.state.limits.dcl_a == 0
    bench.settle(90)
    assert bench.state.soc_percent == pytest.approx(soc, abs=0.1)
