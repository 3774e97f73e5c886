"""The parameter page: ranges, order, and one message for each broken rule."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cellwarden.model import (
    CHEMISTRIES,
    PARAMETERS,
    Parameters,
    broken_rules,
    preset,
)

CELL_V, RELEASE_S, HOT_C, COLD_C = (1.2, 4.35), (2, 600), (30, 80), (-30, 20)
MANUAL = {  # the page of the manual, units as ours; X10, X11, X13
    "cell_count": (2, 32),
    "design_capacity_ah": (5, 2000),
    "balance_trigger_v": (0.003, 1),
    "cell_undervoltage_v": CELL_V,
    "cell_undervoltage_recovery_v": CELL_V,
    "cell_overvoltage_v": CELL_V,
    "cell_overvoltage_recovery_v": CELL_V,
    "shutdown_v": CELL_V,
    "charge_current_max_a": (1, 1000),
    "charge_overcurrent_delay_s": (2, 600),
    "charge_overcurrent_release_s": RELEASE_S,
    "discharge_current_max_a": (1, 1000),
    "discharge_overcurrent_delay_s": (2, 600),
    "discharge_overcurrent_release_s": RELEASE_S,
    "short_circuit_delay_s": (0, 1),
    "short_circuit_release_s": RELEASE_S,
    "balance_current_max_a": (0.3, 10),
    "balance_start_v": CELL_V,
    "charge_overtemperature_c": HOT_C,
    "charge_overtemperature_recovery_c": HOT_C,
    "discharge_overtemperature_c": HOT_C,
    "discharge_overtemperature_recovery_c": HOT_C,
    "charge_undertemperature_c": COLD_C,
    "charge_undertemperature_recovery_c": COLD_C,
    "mos_overtemperature_c": (50, 110),
    "mos_overtemperature_recovery_c": (50, 110),
    "box_wire_resistance_ohm": (0, 2000),
}
"""What the manual leaves to the model (cells, currents) is bounded by the board besides."""
OURS = {
    "charge_voltage_v": CELL_V,
    "discharge_voltage_v": CELL_V,
    "cell_overvoltage_delay_s": (0, 60),
    "cell_undervoltage_delay_s": (0, 60),
    "pack_overvoltage_v": (2.4, 150),
    "pack_overvoltage_recovery_v": (2.4, 150),
    "pack_undervoltage_v": (2.4, 150),
    "pack_undervoltage_recovery_v": (2.4, 150),
    "cell_difference_max_v": (0.01, 1),
    "charge_current_peak_a": (1, 2000),
    "discharge_current_peak_a": (1, 2000),
    "discharge_undertemperature_c": (-40, 20),
    "discharge_undertemperature_recovery_c": (-40, 25),
    "temperature_difference_max_c": (5, 40),
    "low_soc_warning_percent": (0, 80),
}
"""Not in the manual."""


@pytest.mark.requirement("R5")
def test_every_parameter_is_of_the_manual_s_page_or_ours_with_its_range() -> None:
    assert {s.name: (s.minimum, s.maximum) for s in PARAMETERS} == MANUAL | OURS
    assert not set(MANUAL) & set(OURS)


@pytest.mark.requirement("R5")
@pytest.mark.parametrize(("name", "span"), [*MANUAL.items(), *OURS.items()])
def test_both_ends_of_a_range_are_inside_and_beyond_them_nothing(
    name: str, span: tuple[float, float]
) -> None:
    good = preset("LiFePO4", cell_count=16, design_capacity_ah=100)

    def outside(value: float) -> list[str]:
        rules = broken_rules(replace(good, **{name: value}))  # type: ignore[arg-type]
        return [rule for rule in rules if rule.startswith(f"{name} =") and "outside" in rule]

    low, high = span
    assert outside(low) == outside(high) == []
    assert len(outside(low - 1e-4)) == len(outside(high + 1e-4)) == 1


ORDER = [  # R8, the pack's own alike; the last three are ours
    ("cell_overvoltage_v", "cell_overvoltage_recovery_v"),
    ("cell_overvoltage_recovery_v", "cell_undervoltage_recovery_v"),
    ("cell_undervoltage_recovery_v", "cell_undervoltage_v"),
    ("cell_undervoltage_v", "shutdown_v"),
    ("pack_overvoltage_v", "pack_overvoltage_recovery_v"),
    ("pack_overvoltage_recovery_v", "pack_undervoltage_recovery_v"),
    ("pack_undervoltage_recovery_v", "pack_undervoltage_v"),
    ("charge_overtemperature_c", "charge_overtemperature_recovery_c"),
    ("charge_overtemperature_recovery_c", "charge_undertemperature_recovery_c"),
    ("charge_undertemperature_recovery_c", "charge_undertemperature_c"),
    ("discharge_overtemperature_c", "discharge_overtemperature_recovery_c"),
    ("discharge_overtemperature_recovery_c", "discharge_undertemperature_recovery_c"),
    ("discharge_undertemperature_recovery_c", "discharge_undertemperature_c"),
    ("mos_overtemperature_c", "mos_overtemperature_recovery_c"),
    ("cell_overvoltage_v", "charge_voltage_v"),
    ("charge_voltage_v", "discharge_voltage_v"),
    ("discharge_voltage_v", "cell_undervoltage_v"),
]
NOT_ABOVE = [
    ("charge_current_max_a", "charge_current_peak_a"),
    ("discharge_current_max_a", "discharge_current_peak_a"),
    ("balance_start_v", "cell_overvoltage_v"),  # X13
]


@pytest.mark.requirement("R8")
@pytest.mark.parametrize(("higher", "lower"), ORDER)
def test_two_equal_values_break_the_order(higher: str, lower: str) -> None:
    good = replace(
        preset("LiFePO4", cell_count=16, design_capacity_ah=100),
        discharge_undertemperature_c=-20.0,
        discharge_undertemperature_recovery_c=-15.0,
    )
    assert broken_rules(good) == ()
    value = getattr(good, lower)
    assert (
        f"{higher} = {value:g} must be greater than {lower} = {value:g}"
        in broken_rules(replace(good, **{higher: value}))  # type: ignore[arg-type]
    )


@st.composite
def any_settings(draw: st.DrawFn) -> Parameters:
    """A good set with a few values changed to anything, in range or not."""
    chemistry = draw(st.sampled_from(sorted(CHEMISTRIES)))
    good = replace(
        preset(chemistry, cell_count=16, design_capacity_ah=100),
        discharge_undertemperature_c=-20.0,
        discharge_undertemperature_recovery_c=-15.0,
    )
    spans = MANUAL | OURS
    names = draw(st.lists(st.sampled_from(sorted(spans)), max_size=8, unique=True))
    changes = {}
    for name in names:
        low, high = spans[name]
        changes[name] = draw(st.floats(low - 0.1 * (high - low), high + 0.1 * (high - low)))
    return replace(good, **changes)  # type: ignore[arg-type]


@pytest.mark.requirement("R5")
@pytest.mark.requirement("R8")
@settings(max_examples=150)
@given(any_settings())
def test_each_broken_rule_gives_one_message_and_nothing_else_does(p: Parameters) -> None:
    def value(name: str) -> float:
        return getattr(p, name)  # type: ignore[no-any-return]  # every one is set

    expected = {
        f"{name} = {value(name):g} is outside {low:g}..{high:g}"
        for name, (low, high) in (MANUAL | OURS).items()
        if not low <= value(name) <= high
    }
    expected |= {
        f"{higher} = {value(higher):g} must be greater than {lower} = {value(lower):g}"
        for higher, lower in ORDER
        if value(higher) <= value(lower)
    }
    expected |= {
        f"{lower} = {value(lower):g} must not be greater than {higher} = {value(higher):g}"
        for lower, higher in NOT_ABOVE
        if value(lower) > value(higher)
    }
    top_v, bottom_v = p.cell_count * p.charge_voltage_v, p.cell_count * p.discharge_voltage_v
    if p.pack_overvoltage_v <= top_v:
        expected.add(
            f"pack_overvoltage_v = {p.pack_overvoltage_v:g} must be greater than cell_count x"
            f" charge_voltage_v = {top_v:g}"
        )
    if p.pack_undervoltage_v >= bottom_v:
        expected.add(
            f"pack_undervoltage_v = {p.pack_undervoltage_v:g} must be less than cell_count x"
            f" discharge_voltage_v = {bottom_v:g}"
        )
    units = {spec.unit for spec in PARAMETERS if spec.unit}
    told = [
        rule.rsplit(" ", 1)[0] if "outside" in rule and rule.rsplit(" ", 1)[1] in units else rule
        for rule in broken_rules(p)
    ]
    assert len(told) == len(set(told))
    assert set(told) == expected


@pytest.mark.requirement("R8")
def test_every_broken_rule_is_named_once() -> None:
    good = preset("LiFePO4", cell_count=16, design_capacity_ah=100)
    bad = replace(good, cell_overvoltage_v=3.3, mos_overtemperature_c=40.0)
    assert broken_rules(bad) == (
        "mos_overtemperature_c = 40 is outside 50..110 °C",
        "cell_overvoltage_v = 3.3 must be greater than cell_overvoltage_recovery_v = 3.4",
        "mos_overtemperature_c = 40 must be greater than mos_overtemperature_recovery_c = 65",
        "cell_overvoltage_v = 3.3 must be greater than charge_voltage_v = 3.45",
        "balance_start_v = 3.4 must not be greater than cell_overvoltage_v = 3.3",
    )


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        (
            {"charge_current_peak_a": 49.0},
            "charge_current_max_a = 50 must not be greater than charge_current_peak_a = 49",
        ),
        (
            {"discharge_current_peak_a": 99.0},
            "discharge_current_max_a = 100 must not be greater than discharge_current_peak_a = 99",
        ),
        (
            {"pack_overvoltage_v": 55.2},
            "pack_overvoltage_v = 55.2 must be greater than cell_count x charge_voltage_v = 55.2",
        ),
        (
            {"pack_undervoltage_v": 48.0, "pack_undervoltage_recovery_v": 49.0},
            "pack_undervoltage_v = 48 must be less than cell_count x discharge_voltage_v = 48",
        ),
        (
            {"discharge_undertemperature_c": -20.0},
            "discharge_undertemperature_c needs discharge_undertemperature_recovery_c",
        ),
        (
            {"discharge_undertemperature_recovery_c": -20.0},
            "discharge_undertemperature_recovery_c needs discharge_undertemperature_c",
        ),
    ],
)
def test_values_that_contradict_each_other_are_named(changes: dict[str, float], rule: str) -> None:
    good = preset("LiFePO4", cell_count=16, design_capacity_ah=100)
    assert broken_rules(replace(good, **changes)) == (rule,)  # type: ignore[arg-type]


def test_a_parameter_that_is_no_number_is_refused() -> None:
    good = preset("LiFePO4", cell_count=16, design_capacity_ah=100)
    assert "shutdown_v = nan is outside 1.2..4.35 V" in broken_rules(
        replace(good, shutdown_v=float("nan"))
    )
