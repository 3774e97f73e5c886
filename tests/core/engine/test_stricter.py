"""F37: after a write that went wrong the strictest of wished, held and own value counts."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cellwarden.engine.stricter import SIDES, stricter
from cellwarden.model import (
    PARAMETERS,
    AlarmKind,
    Inputs,
    Severity,
    broken_rules,
)
from support.packs import Bench, all_cells, parameters, with_cell

LFP = parameters()
WITHOUT_A_CAREFUL_SIDE = {
    # what a pack is, not what protects it
    "cell_count",
    "design_capacity_ah",
    # the hardware's own (R17), and 0 switches it off
    "short_circuit_delay_s",
    # warnings and the balancer: nothing is less safe by them
    "cell_difference_max_v",
    "temperature_difference_max_c",
    "low_soc_warning_percent",
    "balance_trigger_v",
    "balance_start_v",
    "box_wire_resistance_ohm",
}


def test_every_parameter_has_its_careful_side_or_says_why_not() -> None:
    assert set(SIDES) | WITHOUT_A_CAREFUL_SIDE == {spec.name for spec in PARAMETERS}
    assert not set(SIDES) & WITHOUT_A_CAREFUL_SIDE


@pytest.mark.parametrize(
    ("name", "value", "counts"),
    [
        ("cell_overvoltage_v", 3.55, 3.55),
        ("cell_overvoltage_v", 3.65, 3.6),
        ("cell_undervoltage_v", 2.8, 2.8),
        ("cell_undervoltage_v", 2.6, 2.7),
        ("charge_current_max_a", 20.0, 20.0),
        ("charge_current_max_a", 80.0, 50.0),
        ("charge_overcurrent_release_s", 100.0, 100.0),
        ("charge_overcurrent_delay_s", 10.0, 10.0),
        ("charge_undertemperature_c", 3.0, 3.0),
        ("charge_undertemperature_c", -20.0, 0.0),
        ("mos_overtemperature_c", 70.0, 70.0),
        ("cell_overvoltage_v", 1e300, 3.6),  # no value of this parameter
        ("cell_overvoltage_v", float("nan"), 3.6),
        ("discharge_undertemperature_c", -10.0, None),  # a protection that is off stays so
        ("cell_count", 15.0, 16),
        ("no such thing", 1.0, None),
    ],
)
def test_of_two_values_the_careful_one_counts(name: str, value: float, counts) -> None:
    tight = stricter(LFP, ((name, value),))
    assert getattr(tight, name, None) == counts
    assert broken_rules(tight) == ()


def test_recovery_and_charge_voltage_keep_their_distance() -> None:
    tight = stricter(LFP, (("cell_overvoltage_v", 3.50),))
    assert tight.cell_overvoltage_recovery_v == pytest.approx(3.30)
    assert tight.charge_voltage_v == pytest.approx(3.35)
    assert tight.pack_overvoltage_v == LFP.pack_overvoltage_v


def test_what_cannot_be_worked_with_is_left_out_alone() -> None:
    tight = stricter(LFP, (("cell_overvoltage_v", 2.0), ("charge_current_max_a", 20.0)))
    assert (tight.cell_overvoltage_v, tight.charge_current_max_a) == (3.6, 20.0)


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.sampled_from(sorted(SIDES)), st.floats(-100, 700)), max_size=6).map(tuple)
)
def test_nothing_is_ever_laxer_and_the_set_keeps_every_rule(doubtful) -> None:
    tight = stricter(LFP, doubtful)
    assert broken_rules(tight) == ()
    for name, side in SIDES.items():
        own, now = getattr(LFP, name), getattr(tight, name)
        assert own is None or side(own, now) == now


# -- in the engine -----------------------------------------------------------------------------


def doubting(*doubtful: tuple[str, float]) -> Bench:
    bench = Bench()
    bench.settle(40)
    bench.inputs = Inputs(doubtful=doubtful)
    return bench


def test_a_lower_limit_that_was_wished_and_not_written_trips_all_the_same() -> None:
    bench = doubting(("cell_overvoltage_v", 3.50))
    bench.settle(2, **with_cell(7, 3.52))
    (alarm,) = [a for a in bench.state.alarms if a.severity is Severity.PROTECTION]
    assert (alarm.kind, alarm.threshold) == (AlarmKind.CELL_OVERVOLTAGE, 3.5)
    assert bench.state.limits.ccl_a == 0


def test_it_is_told_what_is_in_doubt_and_what_ends_it() -> None:
    bench = doubting(("cell_overvoltage_v", 3.50), ("charge_current_max_a", 80.0))
    state = bench.hear()
    (alarm,) = state.alarms
    assert (alarm.kind, alarm.severity) == (AlarmKind.SETTINGS, Severity.WARNING)
    assert alarm.where == "cell_overvoltage_v may be 3.5"  # the laxer current is no doubt
    assert alarm.releases == "it is written, or somebody releases it"
    assert {e.text for e in state.events} == {
        "settings of the BMS do not fit the cells, cell_overvoltage_v may be 3.5"
    }
    assert state.parameters.cell_overvoltage_v == 3.5


def test_when_the_doubt_is_settled_the_own_settings_count_again() -> None:
    bench = doubting(("charge_current_max_a", 20.0))
    assert bench.settle(3).limits.ccl_a == 20
    bench.inputs = Inputs()
    state = bench.settle(30)
    assert state.limits.ccl_a == 50
    assert state.alarms == ()


def test_a_trip_by_the_stricter_value_stays_until_its_own_release() -> None:
    bench = doubting(("cell_overvoltage_v", 3.50))
    bench.settle(2, **with_cell(7, 3.52))
    bench.inputs = Inputs()
    bench.settle(5, **with_cell(7, 3.45))
    assert bench.state.limits.ccl_a == 0  # released below 3.400 V
    bench.settle(2, **all_cells(3.38))
    bench.settle(10, **all_cells(3.38))
    assert bench.state.alarms == ()


def test_doubts_that_change_nothing_cost_nothing() -> None:
    bench = doubting(("charge_current_max_a", 80.0))
    state = bench.settle(3)
    assert (state.limits.ccl_a, state.alarms) == (50, ())
