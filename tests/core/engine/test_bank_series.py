"""Packs in series: voltages add up, the weakest decides, a missing one opens the string."""

import pytest

from cellwarden.model import Standing
from support.packs import all_cells, with_cell
from support.racks import Rack, currents


@pytest.fixture
def string() -> Rack:
    """A pack of 100 Ah and one of 200 Ah, one after the other."""
    rack = Rack({"low": 100.0, "high": 200.0}, shape="series")
    rack.cycles(60)
    return rack


def test_voltages_and_their_limits_add_up(string: Rack) -> None:
    state = string.cycle()
    assert state.voltage_v == pytest.approx(105.6)
    assert state.limits.cvl_v == pytest.approx(110.4)
    assert state.limits.dvl_v == pytest.approx(96.0)


def test_the_smallest_current_limit_decides_and_names_its_pack(string: Rack) -> None:
    assert currents(string.state) == (50, 100)
    assert string.state.limits.charge_current.binding.pack == "low"
    state = string.cycle(high={"mos_temperature_c": 74.5})
    assert currents(state) == pytest.approx((10, 20))
    assert state.limits.charge_current.binding.pack == "high"


def test_every_pack_carries_the_whole_current(string: Rack) -> None:
    assert [m.charge_share_a for m in string.state.members] == [50, 50]


def test_current_is_one_and_power_adds_up(string: Rack) -> None:
    state = string.cycle(low={"current_a": 20.0}, high={"current_a": 20.2})
    assert state.current_a == pytest.approx(20.1)
    assert state.power_w == pytest.approx(52.8 * 40.2)


def test_what_can_be_used_is_what_the_emptiest_gives_and_the_fullest_takes(string: Rack) -> None:
    rack = Rack({"low": 100.0, "high": 200.0}, shape="series")
    state = rack.cycles(5, low={"soc_percent": 50.0}, high={"soc_percent": 90.0})
    # 50 Ah left in one, room for 20 Ah in the other.
    assert state.remaining_ah == pytest.approx(50.0)
    assert state.capacity_ah == pytest.approx(70.0)
    assert state.soc_percent == pytest.approx(71.43, abs=0.01)
    assert state.installed_ah == 100.0


def test_a_lost_pack_opens_the_string_whatever_the_policy(string: Rack) -> None:
    state = string.cycles(5, silent=("high",))
    assert currents(state) == (0, 0)
    binding = state.limits.charge_current.binding
    assert (binding.pack, binding.rule) == ("high", "the string is open without this pack")
    assert state.alarms[0].pack == "high"
    assert state.voltage_v is None


def test_nothing_flows_before_every_pack_was_seen() -> None:
    rack = Rack({"low": 100.0, "high": 100.0}, shape="series")
    assert currents(rack.cycles(60, silent=("low",))) == (0, 0)
    assert currents(rack.cycles(60)) == (50, 100)


def test_a_pack_in_trouble_lowers_the_sum_by_its_own_part(string: Rack) -> None:
    state = string.cycle(high=with_cell(5, 3.55))
    assert state.limits.cvl_v == pytest.approx(110.4 - 0.32)
    assert state.limits.charge_voltage.binding.pack == "high"


def test_packs_of_different_voltage_are_no_strangers_in_series(string: Rack) -> None:
    state = string.cycles(30, high=all_cells(3.40))
    assert {m.standing for m in state.members} == {Standing.IN}


def test_a_full_pack_is_no_stop_until_all_are_full(string: Rack) -> None:
    full = {"current_a": 2.0, **all_cells(3.45)}
    state = string.cycles(90, low=full, high={"current_a": 2.0, **all_cells(3.40)})
    assert string.packs[0].limits.charge_current.binding.rule == "full"
    assert state.limits.ccl_a > 0
    assert string.cycles(90, low=full, high=full).limits.ccl_a == 0
