"""The parameter page: presets, ranges, ordering."""

from dataclasses import replace

import pytest

from cellwarden.model import CHEMISTRIES, PARAMETERS, Parameters, broken_rules, preset


@pytest.mark.parametrize("chemistry", CHEMISTRIES)
def test_every_preset_keeps_every_rule(chemistry: str) -> None:
    assert broken_rules(preset(chemistry, cell_count=16, design_capacity_ah=100)) == ()


def test_the_lifepo4_preset_is_that_of_the_manual() -> None:
    p = preset("LiFePO4", cell_count=16, design_capacity_ah=40)
    assert (p.cell_overvoltage_v, p.cell_overvoltage_recovery_v) == (3.6, 3.4)
    assert (p.cell_undervoltage_v, p.cell_undervoltage_recovery_v, p.shutdown_v) == (2.7, 3.0, 2.5)
    assert (p.charge_overtemperature_c, p.charge_undertemperature_c) == (55, 0)
    assert p.balance_trigger_v == 0.01


def test_from_50_ah_on_the_balance_trigger_is_5_mv() -> None:
    assert preset("Li-ion", cell_count=14, design_capacity_ah=50).balance_trigger_v == 0.005


def test_the_table_and_the_dataclass_name_the_same_parameters() -> None:
    assert [spec.name for spec in PARAMETERS] == list(Parameters.__slots__)


def test_every_broken_rule_is_named() -> None:
    good = preset("LiFePO4", cell_count=16, design_capacity_ah=100)
    bad = replace(good, cell_overvoltage_v=3.3, mos_overtemperature_c=40.0)
    assert broken_rules(bad) == (
        "mos_overtemperature_c = 40 is outside 50..110 °C",
        "cell_overvoltage_v = 3.3 must be greater than cell_overvoltage_recovery_v = 3.4",
        "mos_overtemperature_c = 40 must be greater than mos_overtemperature_recovery_c = 65",
        "cell_overvoltage_v = 3.3 must be greater than charge_voltage_v = 3.45",
    )


def test_a_parameter_that_is_no_number_is_refused() -> None:
    good = preset("LiFePO4", cell_count=16, design_capacity_ah=100)
    assert "shutdown_v = nan is outside 1.2..4.35 V" in broken_rules(
        replace(good, shutdown_v=float("nan"))
    )
