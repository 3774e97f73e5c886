"""Planning a change of parameters: every rule, the right order, nothing needless."""

import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellwarden.model import (
    CHEMISTRIES,
    HARDWARE_MODELS,
    Parameters,
    SettingValue,
    broken_rules,
    preset,
)
from cellwarden.runtime.plan import Change, RulesBroken, bounds_of, plan, preset_changes, same
from support.writable import LFP, table_of

TABLE = table_of()
HELD: dict[str, SettingValue] = {
    name: float(value) for name in TABLE if (value := getattr(LFP, name)) is not None
}


def planned(
    changes: dict[str, float | None], held: dict[str, SettingValue] = HELD
) -> tuple[Change, ...]:
    return plan(changes, held, TABLE, LFP)


def refused(changes: dict[str, float | None]) -> tuple[str, ...]:
    with pytest.raises(RulesBroken) as caught:
        planned(changes)
    return caught.value.problems


def names(changes: tuple[Change, ...]) -> list[str]:
    return [change.setting.name for change in changes]


def test_a_change_says_register_old_and_new_value() -> None:
    (change,) = planned({"cell_overvoltage_v": 3.62})
    assert (change.before, change.wanted) == (3.6, 3.62)
    step = change.step()
    assert (step.what, step.before, step.wanted, step.unit) == (
        "cell_overvoltage_v", 3.6, 3.62, "V",
    )  # fmt: skip


def test_what_is_so_already_is_not_written() -> None:
    assert planned({"cell_overvoltage_v": 3.6}) == ()
    assert planned({"cell_overvoltage_v": 3.6000004}) == ()


@pytest.mark.requirement("R8")
@pytest.mark.parametrize(
    ("changes", "broken"),
    [
        ({"cell_overvoltage_v": 3.39}, "cell_overvoltage_recovery_v"),
        ({"cell_overvoltage_recovery_v": 3.61}, "cell_overvoltage_v"),
        ({"cell_overvoltage_recovery_v": 3.0}, "cell_undervoltage_recovery_v"),
        ({"cell_undervoltage_recovery_v": 2.7}, "cell_undervoltage_v"),
        ({"cell_undervoltage_v": 2.4}, "shutdown_v"),
        ({"shutdown_v": 2.7}, "cell_undervoltage_v"),
        ({"charge_overtemperature_c": 50.0}, "charge_overtemperature_recovery_c"),
        ({"charge_undertemperature_recovery_c": 0.0}, "charge_undertemperature_c"),
        ({"discharge_overtemperature_c": 45.0}, "discharge_overtemperature_recovery_c"),
        ({"charge_overtemperature_recovery_c": 4.0}, "charge_undertemperature_recovery_c"),
        ({"pack_overvoltage_recovery_v": 57.6}, "pack_overvoltage_v"),
        ({"pack_undervoltage_recovery_v": 43.2}, "pack_undervoltage_v"),
        ({"pack_overvoltage_v": 55.2}, "charge_voltage_v"),
        ({"pack_undervoltage_v": 48.0}, "discharge_voltage_v"),
        ({"charge_voltage_v": 3.6}, "cell_overvoltage_v"),
        ({"charge_voltage_v": 3.0}, "discharge_voltage_v"),
        ({"discharge_voltage_v": 2.7}, "cell_undervoltage_v"),
        ({"balance_start_v": 3.601}, "cell_overvoltage_v"),
        ({"charge_current_max_a": 300.0}, "charge_current_peak_a"),
    ],
)
def test_each_ordering_rule_refuses_alone(changes: dict[str, float | None], broken: str) -> None:
    problems = refused(changes)
    assert any(broken in problem and next(iter(changes)) in problem for problem in problems)


@pytest.mark.requirement("R5")
@pytest.mark.parametrize("spec", TABLE.values(), ids=lambda spec: spec.name)
def test_each_range_refuses_beyond_both_its_ends(spec) -> None:
    assert spec.minimum is not None
    assert spec.maximum is not None
    for value in (spec.minimum - spec.step, spec.maximum + spec.step):
        assert any(spec.name in problem for problem in refused({spec.name: value}))


@pytest.mark.requirement("R5")
def test_every_broken_rule_is_named_at_once() -> None:
    problems = refused(
        {"cell_overvoltage_v": 9.0, "shutdown_v": 2.9, "no_such_thing": 1.0, "cell_count": None}
    )
    text = "\n".join(problems)
    for word in ("cell_overvoltage_v", "shutdown_v", "no_such_thing", "cell_count"):
        assert word in text


@pytest.mark.requirement("R8")
def test_the_resulting_set_is_judged_not_each_value_alone() -> None:
    changes = planned({"cell_overvoltage_v": 3.38, "cell_overvoltage_recovery_v": 3.3,
                       "charge_voltage_v": 3.25, "balance_start_v": 3.2})  # fmt: skip
    assert set(names(changes)) == {
        "cell_overvoltage_v", "cell_overvoltage_recovery_v", "charge_voltage_v", "balance_start_v",
    }  # fmt: skip


def test_what_falls_goes_from_the_bottom_up_and_what_rises_from_the_top_down() -> None:
    down = planned({"cell_undervoltage_v": 2.45, "shutdown_v": 2.3})
    assert names(down) == ["shutdown_v", "cell_undervoltage_v"]
    up = planned({"cell_undervoltage_v": 2.95, "shutdown_v": 2.8})
    assert names(up) == ["cell_undervoltage_v", "shutdown_v"]


def test_a_rule_that_the_device_broke_before_does_not_forbid_what_is_not_its_business() -> None:
    held: dict[str, SettingValue] = {**HELD, "shutdown_v": 2.9}
    assert names(planned({"charge_current_max_a": 20.0}, held)) == ["charge_current_max_a"]


def test_a_rule_that_the_device_broke_before_can_be_mended() -> None:
    held: dict[str, SettingValue] = {**HELD, "shutdown_v": 2.9}
    assert names(planned({"shutdown_v": 2.5}, held)) == ["shutdown_v"]


def test_what_the_device_does_not_hold_is_no_rule_for_it() -> None:
    held = {name: value for name, value in HELD.items() if name != "cell_overvoltage_recovery_v"}
    assert names(planned({"cell_overvoltage_v": 3.46}, held)) == ["cell_overvoltage_v"]


def test_a_value_between_two_steps_is_rounded_and_said_so() -> None:
    (change,) = planned({"cell_overvoltage_v": 3.6206})
    assert change.wanted == 3.621
    assert "3.6206" in change.step().note


def test_values_that_become_equal_by_rounding_are_refused() -> None:
    assert refused({"shutdown_v": 2.6996, "cell_undervoltage_v": 2.7004}) != ()


@pytest.mark.parametrize("value", [float("nan"), float("inf"), True, "3.6", [3.6]])
def test_what_is_no_number_is_refused(value) -> None:
    (problem,) = refused({"cell_overvoltage_v": value})
    assert "must be a number" in problem


def test_before_the_layout_is_known_nothing_is_planned() -> None:
    with pytest.raises(RulesBroken, match="has not said yet which layout"):
        plan({"cell_overvoltage_v": 3.62}, HELD, {}, LFP)


def test_a_value_that_the_device_does_not_tell_could_not_be_undone() -> None:
    held = {name: value for name, value in HELD.items() if name != "shutdown_v"}
    with pytest.raises(RulesBroken, match="could not be undone"):
        plan({"shutdown_v": 2.4}, held, TABLE, LFP)


@pytest.mark.requirement("R6")
@pytest.mark.parametrize("to", CHEMISTRIES)
@pytest.mark.parametrize("of", CHEMISTRIES)
def test_a_preset_changes_every_working_parameter_and_keeps_what_is_wired(of: str, to: str) -> None:
    before = preset(of, cell_count=16, design_capacity_ah=100)
    after = preset(to, cell_count=16, design_capacity_ah=100)
    held: dict[str, SettingValue] = {
        name: float(value) for name in TABLE if (value := getattr(before, name)) is not None
    }
    changes = plan(preset_changes(after, held, TABLE), held, TABLE, before)
    for change in changes:
        held[change.setting.name] = change.wanted
    for name in TABLE:
        if getattr(after, name) is not None:
            assert held[name] == pytest.approx(getattr(after, name), abs=1e-9), name


def test_a_preset_takes_the_nearest_that_a_register_can_hold() -> None:
    table = {"balance_trigger_v": replace(TABLE["balance_trigger_v"], minimum=0.01)}
    assert preset_changes(LFP, {"balance_trigger_v": 0.02}, table) == {"balance_trigger_v": 0.01}


CHAINS = [
    "cell_overvoltage_v", "cell_overvoltage_recovery_v", "cell_undervoltage_recovery_v",
    "cell_undervoltage_v", "shutdown_v", "charge_voltage_v", "discharge_voltage_v",
    "balance_start_v",
]  # fmt: skip


@st.composite
def good_sets(draw) -> dict[str, SettingValue]:
    """Draw cell voltages of a device that keep every rule."""
    volts = sorted(
        draw(st.lists(st.integers(1300, 4200), min_size=7, max_size=7, unique=True)), reverse=True
    )
    ovp, ovpr, charge, discharge, uvpr, uvp, off = (volt / 1000 for volt in volts)
    if uvpr > discharge > uvp:
        uvpr, discharge = discharge, uvpr
    return {
        "cell_overvoltage_v": ovp,
        "cell_overvoltage_recovery_v": ovpr,
        "charge_voltage_v": charge,
        "discharge_voltage_v": discharge,
        "cell_undervoltage_recovery_v": uvpr,
        "cell_undervoltage_v": uvp,
        "shutdown_v": off,
        "balance_start_v": draw(st.integers(1300, int(ovp * 1000))) / 1000,
    }


def rules_of(held: dict[str, SettingValue]) -> tuple[str, ...]:
    parameters: Parameters = replace(LFP, **held)  # type: ignore[arg-type]
    # The pack's own voltages are not part of this device.
    return tuple(line for line in broken_rules(parameters) if "pack_" not in line)


@pytest.mark.requirement("R8")
@given(good_sets(), good_sets())
def test_no_state_on_the_way_from_one_good_set_to_another_breaks_a_rule(
    before: dict[str, SettingValue], after: dict[str, SettingValue]
) -> None:
    table = {name: TABLE[name] for name in CHAINS}
    changes = plan({name: float(value) for name, value in after.items()}, before, table, LFP)
    held = dict(before)
    for change in changes:
        held[change.setting.name] = change.wanted
        assert rules_of(held) == ()
    assert all(same(TABLE[name], held[name], after[name]) for name in CHAINS)


def test_every_order_of_asking_gives_the_same_plan() -> None:
    wanted = {"cell_undervoltage_v": 2.45, "shutdown_v": 2.3, "cell_overvoltage_v": 3.65}
    for order in itertools.permutations(wanted):
        changes = planned({name: wanted[name] for name in order})
        assert names(changes).index("shutdown_v") < names(changes).index("cell_undervoltage_v")


@pytest.mark.requirement("R18")
@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"charge_current_max_a": 61.0}, "the board JK-BD6A20S6P does not carry more"),
        ({"discharge_current_max_a": 61.0}, "the board JK-BD6A20S6P does not carry more"),
        ({"balance_current_max_a": 0.7}, "the board JK-BD6A20S6P does not carry more"),
        ({"cell_count": 21.0}, "has no leads for more"),
        ({"cell_overvoltage_v": 3.7}, "LiFePO4 by the configuration does not stand more"),
        ({"shutdown_v": 2.45}, "LiFePO4 by the configuration does not stand less"),
    ],
)
def test_what_cells_and_board_do_not_stand_is_refused_whatever_the_register_holds(
    changes: dict[str, float | None], why: str
) -> None:
    bounds = bounds_of(LFP, CHEMISTRIES["LiFePO4"], HARDWARE_MODELS["JK-BD6A20S6P"])
    with pytest.raises(RulesBroken, match=why):
        plan(changes, HELD, TABLE, LFP, bounds)


def test_what_the_configuration_allows_beyond_the_chemistry_may_be_written() -> None:
    daring = replace(LFP, cell_overvoltage_v=3.75)
    bounds = bounds_of(daring, CHEMISTRIES["LiFePO4"], None)
    held: dict[str, SettingValue] = {**HELD, "cell_overvoltage_v": 3.75}
    assert names(plan({"cell_overvoltage_v": 3.7}, held, TABLE, daring, bounds)) == [
        "cell_overvoltage_v"
    ]


def test_what_a_device_holds_already_can_be_written_back_whatever_it_is() -> None:
    """An exported file can be imported on the device that it came from."""
    held: dict[str, SettingValue] = {**HELD, "cell_difference_max_v": 0.0, "shutdown_v": 2.9}
    assert plan({name: float(value) for name, value in held.items()}, held, TABLE, LFP) == ()
