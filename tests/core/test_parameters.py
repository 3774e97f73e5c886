"""The parameter page: presets, boards, and what each chemistry changes."""

from dataclasses import replace

import pytest

from cellwarden.model import (
    CHEMISTRIES,
    HARDWARE_MODELS,
    PARAMETERS,
    Parameters,
    broken_rules,
    preset,
)
from cellwarden.model.catalog import board_named
from cellwarden.model.parameter_table import OTHER_SETTINGS, PAGE, Form
from cellwarden.model.request import RequestKind


@pytest.mark.requirement("R6")
@pytest.mark.requirement("X24")
@pytest.mark.parametrize("capacity_ah", [5, 40, 100, 2000])
@pytest.mark.parametrize("cells", [2, 16, 32])
@pytest.mark.parametrize("chemistry", CHEMISTRIES)
def test_every_preset_keeps_every_rule(chemistry: str, cells: int, capacity_ah: float) -> None:
    assert broken_rules(preset(chemistry, cell_count=cells, design_capacity_ah=capacity_ah)) == ()


@pytest.mark.requirement("X1")
@pytest.mark.requirement("X2")
@pytest.mark.requirement("X3")
@pytest.mark.requirement("X4")
@pytest.mark.requirement("X5")
@pytest.mark.requirement("X6")
@pytest.mark.requirement("X7")
@pytest.mark.requirement("X8")
@pytest.mark.requirement("X9")
@pytest.mark.requirement("X10")
@pytest.mark.requirement("X17")
@pytest.mark.requirement("R5")
@pytest.mark.requirement("R6")
@pytest.mark.parametrize(
    ("chemistry", "over", "under", "hot", "cold", "start_v"),
    [  # column "use" of the parameter page
        ("Li-ion", (4.2, 4.1), (2.9, 3.2, 2.8), (60, 55), (0, 5), 3.9),  # X7, X12
        ("LiFePO4", (3.6, 3.4), (2.7, 3.0, 2.5), (55, 50), (0, 5), 3.4),  # X1..X4, X8, X9
        ("LTO", (2.7, 2.4), (1.8, 2.0, 1.7), (60, 55), (-20, -10), 2.4),
    ],
)
def test_one_click_sets_every_working_parameter(
    chemistry: str,
    over: tuple[float, float],
    under: tuple[float, float, float],
    hot: tuple[float, float],
    cold: tuple[float, float],
    start_v: float,
) -> None:
    p = preset(chemistry, cell_count=16, design_capacity_ah=40)
    assert (p.cell_overvoltage_v, p.cell_overvoltage_recovery_v) == over
    assert (p.cell_undervoltage_v, p.cell_undervoltage_recovery_v, p.shutdown_v) == under
    assert (p.charge_overtemperature_c, p.charge_overtemperature_recovery_c) == hot
    assert (p.discharge_overtemperature_c, p.discharge_overtemperature_recovery_c) == hot
    assert (p.charge_undertemperature_c, p.charge_undertemperature_recovery_c) == cold
    assert (p.discharge_undertemperature_c, p.discharge_undertemperature_recovery_c) == (None, None)
    assert (p.mos_overtemperature_c, p.mos_overtemperature_recovery_c) == (75, 65)  # X10
    assert (p.charge_overcurrent_delay_s, p.charge_overcurrent_release_s) == (30, 60)  # X5
    assert (p.discharge_overcurrent_delay_s, p.discharge_overcurrent_release_s) == (30, 60)  # X6
    assert (p.short_circuit_delay_s, p.short_circuit_release_s) == (0.0015, 60)
    assert (p.balance_trigger_v, p.balance_start_v) == (0.01, start_v)  # X13, X23
    assert (p.charge_current_max_a, p.discharge_current_max_a) == (20, 40)
    assert (p.balance_current_max_a, p.box_wire_resistance_ohm) == (2.0, 0)


SAME = {
    # what the person states, what the board gives, and what the manual has alike for all
    *("cell_count", "design_capacity_ah", "balance_trigger_v", "balance_current_max_a"),
    *("charge_current_max_a", "charge_current_peak_a"),
    *("discharge_current_max_a", "discharge_current_peak_a"),
    *("charge_overcurrent_delay_s", "charge_overcurrent_release_s"),
    *("discharge_overcurrent_delay_s", "discharge_overcurrent_release_s"),
    *("short_circuit_delay_s", "short_circuit_release_s"),
    *("mos_overtemperature_c", "mos_overtemperature_recovery_c", "box_wire_resistance_ohm"),
    # ours
    *("cell_overvoltage_delay_s", "cell_undervoltage_delay_s", "cell_difference_max_v"),
    *("discharge_undertemperature_c", "discharge_undertemperature_recovery_c"),
    *("temperature_difference_max_c", "low_soc_warning_percent"),
}
HOT = {
    *("charge_overtemperature_c", "charge_overtemperature_recovery_c"),
    *("discharge_overtemperature_c", "discharge_overtemperature_recovery_c"),
}
COLD = {"charge_undertemperature_c", "charge_undertemperature_recovery_c"}


@pytest.mark.requirement("R6")
@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("LiFePO4", "Li-ion", SAME | COLD),
        ("LiFePO4", "LTO", SAME),
        ("Li-ion", "LTO", SAME | HOT),  # 60/55 °C for both
    ],
)
def test_another_chemistry_changes_all_that_the_manual_gives_by_chemistry(
    one: str, other: str, same: set[str]
) -> None:
    first, second = (
        preset(chemistry, cell_count=16, design_capacity_ah=40) for chemistry in (one, other)
    )
    names = {spec.name for spec in PARAMETERS}
    assert {n for n in names if getattr(first, n) == getattr(second, n)} == same


@pytest.mark.requirement("X17")
@pytest.mark.parametrize("name", ["lithium iron", "Lithium Iron", "ternary"])
def test_no_preset_goes_by_the_name_that_the_app_gives_to_another(name: str) -> None:
    """Its button 'lithium iron' sets the ternary values: nobody shall take that for LiFePO4."""
    with pytest.raises(KeyError):
        preset(name, cell_count=16, design_capacity_ah=100)
    assert set(CHEMISTRIES) == {"Li-ion", "LiFePO4", "LTO"}


@pytest.mark.requirement("R27")
@pytest.mark.requirement("X23")
@pytest.mark.parametrize(("capacity_ah", "trigger_v"), [(49.9, 0.01), (50, 0.005), (280, 0.005)])
def test_from_50_ah_on_the_balance_trigger_is_5_mv(capacity_ah: float, trigger_v: float) -> None:
    p = preset("Li-ion", cell_count=14, design_capacity_ah=capacity_ah)
    assert p.balance_trigger_v == trigger_v


@pytest.mark.requirement("R28")
@pytest.mark.requirement("X26")
@pytest.mark.parametrize(
    ("board", "capacity_ah", "charge_a", "discharge_a", "balance_a", "peaks_a"),
    [
        ("JK-BD4A17S4P", 100, 40, 40, 0.4, (60, 60)),
        ("JK-B2A24S20P", 20, 10, 20, 2.0, (17.5, 350)),
        ("JK-B2A24S20P", 5, 2.5, 5, 0.5, (4.375, 350)),
        ("JK-B2A24S20P", 1000, 200, 200, 2.0, (350, 350)),
        ("JK-B2A8S20P", 1000, 200, 200, 2.0, (350, 350)),  # its peak is not known
    ],
)
def test_currents_follow_the_capacity_within_the_board(
    board: str,
    capacity_ah: float,
    charge_a: float,
    discharge_a: float,
    balance_a: float,
    peaks_a: tuple[float, float],
) -> None:
    p = preset(
        "LiFePO4", cell_count=8, design_capacity_ah=capacity_ah, board=HARDWARE_MODELS[board]
    )
    assert (p.charge_current_max_a, p.discharge_current_max_a) == (charge_a, discharge_a)
    assert p.balance_current_max_a == balance_a
    assert (p.charge_current_peak_a, p.discharge_current_peak_a) == peaks_a
    assert broken_rules(p) == ()


def test_what_is_derived_follows_what_is_set() -> None:
    p = preset(
        "LiFePO4",
        cell_count=16,
        design_capacity_ah=100,
        overrides={"cell_overvoltage_v": 3.65, "discharge_current_max_a": 150.0},
    )
    assert (p.pack_overvoltage_v, p.pack_undervoltage_v) == (58.4, 43.2)
    assert (p.pack_overvoltage_recovery_v, p.pack_undervoltage_recovery_v) == (54.4, 48.0)
    assert p.discharge_current_peak_a == 262.5


def test_a_data_sheet_moves_the_voltages_by_what_its_limits_differ() -> None:
    sheet = replace(CHEMISTRIES["Li-ion"], absolute_max_v=4.35, absolute_min_v=2.75)
    p = preset("Li-ion", cell_count=14, design_capacity_ah=50, cell=sheet)
    assert (p.cell_overvoltage_v, p.cell_overvoltage_recovery_v) == (4.35, 4.25)
    assert (p.charge_voltage_v, p.pack_overvoltage_v) == (4.25, 60.9)
    assert (p.cell_undervoltage_v, p.cell_undervoltage_recovery_v) == (2.85, 3.15)
    assert (p.shutdown_v, p.discharge_voltage_v) == (2.75, 3.15)
    assert broken_rules(p) == ()


def test_the_table_and_the_dataclass_name_the_same_parameters() -> None:
    assert [spec.name for spec in PARAMETERS] == list(Parameters.__slots__)
    assert all(spec.form is Form.NUMBER for spec in PARAMETERS)


@pytest.mark.requirement("R5")
@pytest.mark.requirement("R46")
@pytest.mark.requirement("R47")
def test_the_page_has_switches_texts_and_calibrations_too() -> None:
    assert {spec.name: spec.asked_by for spec in OTHER_SETTINGS} == {
        "charge_switch": RequestKind.CHARGE_SWITCH,
        "discharge_switch": RequestKind.DISCHARGE_SWITCH,
        "balance_switch": RequestKind.BALANCE_SWITCH,
        "user_private_data": RequestKind.NAME,
        "device_name": RequestKind.NAME,
        "voltage_calibration_v": RequestKind.CALIBRATE_VOLTAGE,
        "current_calibration_a": RequestKind.CALIBRATE_CURRENT,
    }
    assert next(s.maximum for s in PAGE if s.name == "user_private_data") == 13
    assert len({spec.name for spec in PAGE}) == len(PAGE)


@pytest.mark.requirement("R23")
def test_only_the_mosfet_temperatures_are_for_nobody_to_change() -> None:
    assert {spec.name for spec in PAGE if not spec.writable} == {
        "mos_overtemperature_c",
        "mos_overtemperature_recovery_c",
    }


@pytest.mark.requirement("R1")
def test_the_catalogue_is_the_table_of_the_manual() -> None:
    rows = [
        (
            m.name.removeprefix("JK-"),
            m.balance_current_a,
            m.internal_resistance_ohm,
            m.continuous_current_a,
            m.peak_current_a,
        )
        for m in HARDWARE_MODELS.values()
        if m.max_cells > 8
    ]
    assert rows == [
        ("BD4A17S4P", 0.4, 0.0028, 40, 60),
        ("BD4A20S4P", 0.4, 0.0028, 40, 60),
        ("BD4A24S4P", 0.4, 0.0028, 40, 60),
        ("BD6A17S6P", 0.6, 0.00153, 60, 100),
        ("BD6A20S6P", 0.6, 0.00153, 60, 100),
        ("BD6A24S6P", 0.6, 0.00153, 60, 100),
        ("BD6A17S8P", 0.6, 0.0012, 80, 150),
        ("BD6A20S8P", 0.6, 0.0012, 80, 150),
        ("BD6A24S8P", 0.6, 0.0012, 80, 150),
        ("BD6A20S10P", 0.6, 0.001, 100, 200),
        ("BD6A24S10P", 0.6, 0.001, 100, 200),
        ("B1A17S12P", 1.0, 0.00065, 120, 250),
        ("B1A20S12P", 1.0, 0.00065, 120, 250),
        ("B1A20S15P", 1.0, 0.00065, 150, 300),
        ("B1A24S15P", 1.0, 0.00065, 150, 300),
        ("B2A24S15P", 2.0, 0.00047, 150, 300),
        ("B2A20S20P", 2.0, 0.00047, 200, 350),
        ("B2A24S20P", 2.0, 0.00047, 200, 350),
    ]
    assert {m.min_cells for m in HARDWARE_MODELS.values() if m.max_cells > 8} == {(7, 8, 12)}


@pytest.mark.requirement("R2")
@pytest.mark.parametrize("name", HARDWARE_MODELS)
def test_the_name_of_a_board_says_what_its_row_says(name: str) -> None:
    row = HARDWARE_MODELS[name]
    balance, rest = name.removeprefix("JK-").lstrip("BD").split("A")
    cells, tens = rest.removesuffix("P").split("S")
    assert row.balance_current_a == int(balance) / (10 if name.startswith("JK-BD") else 1)
    assert (row.max_cells, row.continuous_current_a) == (int(cells), 10 * int(tens))


@pytest.mark.requirement("R2")
@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("JK-B2A24S20P", "JK-B2A24S20P"),
        ("JK_B2A24S20P", "JK-B2A24S20P"),
        (" b2a24s20p ", "JK-B2A24S20P"),
        ("JK-BD6A17S6P", "JK-BD6A17S6P"),
    ],
)
def test_a_board_is_found_however_its_name_is_written(written: str, name: str) -> None:
    assert board_named(written) is HARDWARE_MODELS[name]


@pytest.mark.requirement("R2")
def test_of_a_board_without_a_row_only_what_its_name_says_is_known() -> None:
    board = board_named("JK_PB2A16S20P")
    assert (board.name, board.max_cells, board.balance_current_a) == ("JK-PB2A16S20P", 16, 2.0)
    assert (board.continuous_current_a, board.peak_current_a) == (200, None)
    small = HARDWARE_MODELS["JK-BD4A8S4P"]
    assert (small.max_cells, small.balance_current_a, small.continuous_current_a) == (8, 0.4, 40)
    assert (small.peak_current_a, small.internal_resistance_ohm) == (None, None)


@pytest.mark.parametrize("name", ["", "JK", "B2A24S20", "JBD-SP15S020", "JK-B2A24S20P extra"])
def test_what_is_no_name_of_a_board_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="is no board name such as JK-B2A24S20P"):
        board_named(name)


@pytest.mark.requirement("R35")
@pytest.mark.requirement("R36")
def test_boards_say_what_a_heating_film_may_draw() -> None:
    by_power = {m.name: m.heater_power_max_w for m in HARDWARE_MODELS.values()}
    assert by_power["JK-B2A24S20P"] == 200
    assert by_power["JK-B2A8S20P"] == 100
    without = {name for name, power_w in by_power.items() if power_w is None}
    assert without == {f"JK-BD6A{cells}S{p}P" for cells in (17, 20, 24) for p in (6, 8)}
