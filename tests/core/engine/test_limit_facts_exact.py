"""The numbers that a pack's limits begin with, from its settings."""

import pytest

from cellwarden.engine.limit_facts import bounds
from cellwarden.model import CHEMISTRIES, Parameters
from support.packs import parameters

CELL = CHEMISTRIES["LiFePO4"]


def of(**changes: float):
    return bounds(CELL, parameters(**changes))


def test_a_16_cell_pack_of_100_ah() -> None:
    b = of()
    assert (b.cells, b.cell_target_v) == (16, 3.45)
    assert (b.cvl.rule, b.cvl.value) == ("charge voltage setting", pytest.approx(55.2))
    assert (b.ccl.rule, b.ccl.value) == ("charge current setting", 50.0)
    assert (b.dcl.rule, b.dcl.value) == ("discharge current setting", 100)
    assert (b.dvl.rule, b.dvl.value) == ("discharge voltage setting", 48.0)
    assert (b.cell_overvoltage_v, b.cell_low_v, b.cell_undervoltage_v) == (3.6, 3.0, 2.7)
    assert (b.shutdown_v, b.nominal_v) == (2.5, pytest.approx(51.2))
    assert (b.mos_warm_c, b.mos_hot_c) == (70.0, 75)
    assert (b.warm_c, b.hot_c) == (52.5, 55)
    assert (b.float_v, b.tail_a, b.balance_trigger_v) == (3.375, 5.0, 0.005)
    assert b.charge_curve[0] == (0.0, 0.1)
    assert b.discharge_curve[0] == (-20.0, 0.2)


@pytest.mark.parametrize(
    ("set_v", "rule", "pack_v"),
    [
        (3.55, "charge voltage setting", 56.8),
        (3.65, "charge voltage setting", 58.4),
        (3.70, "highest voltage of LiFePO4", 58.4),
    ],
)
def test_no_setting_charges_beyond_what_the_chemistry_stands(set_v, rule, pack_v) -> None:
    b = bounds(CELL, Parameters(**{**fields(parameters()), "charge_voltage_v": set_v}))
    assert (b.cvl.rule, b.cvl.value) == (rule, pytest.approx(pack_v))
    assert b.cell_target_v == min(set_v, 3.65)


def test_nor_discharges_below_what_it_stands() -> None:
    b = bounds(CELL, Parameters(**{**fields(parameters()), "discharge_voltage_v": 2.4}))
    assert b.dvl.value == pytest.approx(40.0)  # 16 · 2.5 V
    assert b.cell_low_v == 2.4


def test_float_is_never_above_the_charge_voltage() -> None:
    b = bounds(CELL, Parameters(**{**fields(parameters()), "charge_voltage_v": 3.35}))
    assert b.float_v == 3.35


def test_heat_counts_from_half_way_and_the_lower_of_both_is_hot() -> None:
    b = of(discharge_overtemperature_c=60.0, mos_overtemperature_c=85.0)
    assert (b.hot_c, b.warm_c, b.mos_warm_c) == (55, 52.5, 75.0)
    assert of(discharge_overtemperature_c=53.0).hot_c == 53.0


def fields(of_pack: Parameters) -> dict[str, float]:
    names = type(of_pack).__dataclass_fields__
    return {name: getattr(of_pack, name) for name in names}
