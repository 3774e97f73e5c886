"""Packs in parallel: how a current is shared."""

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellwarden_hardware.simulator.node import Branch, node_voltage_v, total_current_a


def both_ways(emf_v: float, ohm: float) -> Branch:
    return Branch(emf_v, emf_v, ohm)


def test_equal_packs_share_by_resistance() -> None:
    branches = [both_ways(52.0, 0.010), both_ways(52.0, 0.005)]
    node_v = node_voltage_v(branches, -30.0)
    assert node_v == pytest.approx(51.9)
    assert [b.current_a(node_v) for b in branches] == pytest.approx([-10.0, -20.0])


def test_the_fuller_pack_charges_the_emptier_one() -> None:
    full, empty = both_ways(53.0, 0.010), both_ways(52.0, 0.010)
    node_v = node_voltage_v([full, empty], 0.0)
    assert node_v == pytest.approx(52.5)
    assert (full.current_a(node_v), empty.current_a(node_v)) == pytest.approx((-50.0, 50.0))


def test_a_pack_that_may_not_charge_leaves_all_charge_to_the_other() -> None:
    blocked, free = Branch(inf, 51.3, 0.010), both_ways(52.0, 0.010)
    node_v = node_voltage_v([blocked, free], 40.0)
    assert node_v == pytest.approx(52.4)
    assert blocked.current_a(node_v) == 0.0


def test_a_demand_in_a_direction_that_all_packs_block_has_no_answer() -> None:
    assert node_voltage_v([Branch(inf, 51.3, 0.010)], 5.0) is None
    assert node_voltage_v([Branch(52.7, -inf, 0.010)], -5.0) is None
    assert node_voltage_v([Branch(inf, -inf, 0.010)], 5.0) is None


def test_nothing_connected_shows_no_voltage() -> None:
    assert node_voltage_v([Branch(inf, -inf, 0.010)], 0.0) == 0.0


def test_between_two_dead_diodes_the_voltage_floats_in_the_middle() -> None:
    # One may only discharge (below 51 V), one only charge (above 53 V): nothing flows between.
    branches = [Branch(inf, 51.0, 0.010), Branch(53.0, -inf, 0.010)]
    assert node_voltage_v(branches, 0.0) == pytest.approx(52.0)


@st.composite
def branches(draw: st.DrawFn) -> Branch:
    emf_v = draw(st.floats(min_value=40, max_value=60))
    charge, discharge = draw(st.booleans()), draw(st.booleans())
    return Branch(
        (emf_v if discharge else emf_v + 0.7) if charge else inf,
        (emf_v if charge else emf_v - 0.7) if discharge else -inf,
        draw(st.floats(min_value=0.002, max_value=0.1)),
    )


@given(st.lists(branches(), min_size=1, max_size=6), st.floats(min_value=-500, max_value=500))
def test_the_currents_always_add_up_to_what_was_asked(
    packs: list[Branch], current_a: float
) -> None:
    node_v = node_voltage_v(packs, current_a)
    if node_v is not None:
        assert total_current_a(packs, node_v) == pytest.approx(current_a, abs=1e-6)
    elif current_a > 0:
        assert total_current_a(packs, 1000.0) < current_a
    else:
        assert total_current_a(packs, -1000.0) > current_a
