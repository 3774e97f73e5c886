"""Settings beside the board that is to keep them: what it cannot do, and what is doubtful."""

from dataclasses import replace

import pytest

from cellwarden.model import CHEMISTRIES, HARDWARE_MODELS, preset
from cellwarden.model.catalog import board_named
from cellwarden.model.doubts import board_rules, doubts

BIG = HARDWARE_MODELS["JK-B2A24S20P"]
SMALL = HARDWARE_MODELS["JK-BD4A17S4P"]
GOOD = preset("LiFePO4", cell_count=16, design_capacity_ah=100, board=BIG)


@pytest.mark.requirement("R1")
@pytest.mark.parametrize("board", HARDWARE_MODELS.values(), ids=lambda board: board.name)
def test_the_preset_of_a_board_is_within_the_board(board: object) -> None:
    p = preset("LiFePO4", cell_count=8, design_capacity_ah=2000, board=board)  # type: ignore[arg-type]
    assert board_rules(board, p) == ()  # type: ignore[arg-type]


@pytest.mark.requirement("R1")
@pytest.mark.requirement("R18")
@pytest.mark.requirement("R28")
@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"cell_count": 18}, "cell_count = 18: JK-BD4A17S4P takes at most 17"),
        (
            {"charge_current_max_a": 41.0},
            "charge_current_max_a = 41: JK-BD4A17S4P carries at most 40 A",
        ),
        (
            {"discharge_current_max_a": 40.1},
            "discharge_current_max_a = 40.1: JK-BD4A17S4P carries at most 40 A",
        ),
        (
            {"charge_current_peak_a": 61.0},
            "charge_current_peak_a = 61: JK-BD4A17S4P stands peaks of at most 60 A",
        ),
        (
            {"discharge_current_peak_a": 60.5},
            "discharge_current_peak_a = 60.5: JK-BD4A17S4P stands peaks of at most 60 A",
        ),
        (
            {"balance_current_max_a": 0.5},
            "balance_current_max_a = 0.5: JK-BD4A17S4P balances with at most 0.4 A",
        ),
    ],
)
def test_what_a_board_cannot_do_is_named(changes: dict[str, float], rule: str) -> None:
    p = preset("LiFePO4", cell_count=16, design_capacity_ah=100, board=SMALL)
    assert board_rules(SMALL, replace(p, **changes)) == (rule,)  # type: ignore[arg-type]


def test_a_board_of_which_only_the_name_is_known_bounds_what_the_name_says() -> None:
    board = board_named("JK-PB2A16S20P")
    p = replace(GOOD, cell_count=17, discharge_current_peak_a=1000.0)
    assert board_rules(board, p) == ("cell_count = 17: JK-PB2A16S20P takes at most 16",)


@pytest.mark.parametrize("chemistry", CHEMISTRIES)
def test_a_preset_for_a_fitting_board_is_beyond_doubt(chemistry: str) -> None:
    p = preset(chemistry, cell_count=14, design_capacity_ah=100, board=BIG)
    assert doubts(CHEMISTRIES[chemistry], p, BIG) == ()


@pytest.mark.parametrize(
    ("chemistry", "changes", "doubt"),
    [
        pytest.param(
            "LiFePO4",
            {"charge_current_max_a": 9.9},
            "charge_current_max_a = 9.9 is below the 10 A at which the spec tables of the boards"
            " begin",
            marks=pytest.mark.requirement("X11"),
        ),
        pytest.param(
            "LiFePO4",
            {"discharge_current_max_a": 101.0},
            "discharge_current_max_a = 101 is more than the 1 C that the cells take at best: the"
            " limit stays below it",
            id="more than the cells take",
        ),
        pytest.param(
            "LiFePO4",
            {"balance_current_max_a": 10.5},
            "balance_current_max_a = 10.5 is more than 0.1 C = 10 A",
            marks=pytest.mark.requirement("R28"),
        ),
        pytest.param(
            "Li-ion",
            {"charge_undertemperature_c": -20.0},
            "charge_undertemperature_c = -20: charging Li-ion cells below 0 °C plates lithium;"
            " only with the cell's data sheet in hand",
            marks=pytest.mark.requirement("X12"),
        ),
        pytest.param(
            "LiFePO4",
            {"balance_start_v": 1.5},
            "balance_start_v = 1.5 lies below 3.342 V, where the voltage of LiFePO4 tells nearly"
            " nothing of the charge",
            marks=pytest.mark.requirement("X13"),
        ),
        pytest.param(
            "LiFePO4",
            {"cell_count": 7, "shutdown_v": 2.9},
            "cell_count = 7: the maker's table has JK-B2A24S20P with at least 8 cells of LiFePO4",
            marks=pytest.mark.requirement("X15"),
        ),
        pytest.param(
            "Li-ion",
            {"cell_count": 24, "cell_overvoltage_v": 4.17},
            "cell_overvoltage_v = 4.17: 24 cells then have 100.1 V, and the boards are made for"
            " 100 V: up to 4.17 V a cell",
            marks=[pytest.mark.requirement("X16"), pytest.mark.requirement("R3")],
        ),
        pytest.param(
            "Li-ion",
            {"cell_count": 7, "shutdown_v": 2.8},
            "shutdown_v = 2.8: 7 cells then have 19.6 V, and the boards need 20 V: 2.86 V a cell",
            marks=[pytest.mark.requirement("X16"), pytest.mark.requirement("R3")],
        ),
    ],
)
def test_what_is_allowed_and_yet_doubtful_is_named(
    chemistry: str, changes: dict[str, float], doubt: str
) -> None:
    p = replace(preset(chemistry, cell_count=14, design_capacity_ah=100, board=BIG), **changes)  # type: ignore[arg-type]
    assert doubts(CHEMISTRIES[chemistry], p, BIG) == (doubt,)


@pytest.mark.requirement("X12")
def test_lto_may_be_charged_in_the_cold() -> None:
    p = preset("LTO", cell_count=20, design_capacity_ah=100)
    assert (p.charge_undertemperature_c, doubts(CHEMISTRIES["LTO"], p)) == (-20, ())


@pytest.mark.requirement("R2")
def test_of_a_board_without_a_row_it_is_said_that_only_its_name_is_checked() -> None:
    p = preset("LiFePO4", cell_count=4, design_capacity_ah=100)
    assert doubts(CHEMISTRIES["LiFePO4"], p, HARDWARE_MODELS["JK-B2A8S20P"]) == (
        "JK-B2A8S20P has no row in the maker's table: only what its name says is checked",
    )
