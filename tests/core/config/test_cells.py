"""Cells by their data sheets: `[cell_profile.NAME]` and the packs that name one."""

import pytest

from cellwarden.config.reader import parse
from cellwarden.config.settings import Settings
from cellwarden.errors import ConfigError
from cellwarden.model import CHEMISTRIES
from support.hosts import fake_host

PACK = """
[[pack]]
name = "left"
driver = "fake-bms"
chemistry = "Li-ion"
cells = 14
capacity_ah = 50
port = "/dev/ttyUSB0"
"""
SHEET = """
[cell_profile.high]
chemistry = "Li-ion"
voltage_max_v = 4.35
voltage_min_v = 2.75
nominal_v = 3.7
resistance_ohm = 0.0012
full_current_c = 0.03
ocv_soc_percent = [0, 50, 100]
ocv_v = [2.8, 3.7, 4.33]
charge_temperature_c = [5, 20, 45]
charge_c = [0.2, 0.7, 0.7]
discharge_temperature_c = [-20, 60]
discharge_c = [2, 3]
"""


def read(text: str) -> Settings:
    return parse(text, fake_host())


def mistakes(text: str) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        read(text)
    return caught.value.problems


def test_a_pack_that_names_a_data_sheet_is_made_of_its_cells() -> None:
    (pack,) = read(PACK + 'cell_profile = "high"' + SHEET).packs
    cell = pack.cell
    assert cell is not None
    assert (cell.name, cell.absolute_max_v, cell.absolute_min_v) == ("Li-ion", 4.35, 2.75)
    assert (cell.nominal_v, cell.resistance_ohm, cell.full_current_c) == (3.7, 0.0012, 0.03)
    assert cell.charge_c_by_temperature == ((5, 0.2), (20, 0.7), (45, 0.7))
    assert cell.discharge_c_by_temperature == ((-20, 2), (60, 3))
    assert cell.ocv_v == pack.ocv_v == ((0, 2.8), (50, 3.7), (100, 4.33))
    p = pack.parameters
    assert (p.charge_voltage_v, p.cell_overvoltage_v, p.shutdown_v) == (4.25, 4.35, 2.75)


def test_what_a_data_sheet_leaves_out_is_as_usual_for_its_chemistry() -> None:
    text = '[cell_profile.plain]\nchemistry = "Li-ion"'
    (pack,) = read(PACK + 'cell_profile = "plain"\n' + text).packs
    assert pack.cell == CHEMISTRIES["Li-ion"]
    assert pack.ocv_v is None


def test_a_curve_of_the_pack_itself_goes_before_that_of_the_sheet() -> None:
    own = 'cell_profile = "high"\nocv_soc_percent = [0, 100]\nocv_v = [3.0, 4.3]\n'
    assert read(PACK + own + SHEET).packs[0].ocv_v == ((0, 3.0), (100, 4.3))


def test_packs_without_a_sheet_are_as_before() -> None:
    (pack,) = read(PACK + SHEET).packs
    assert (pack.cell, pack.ocv_v, pack.parameters.cell_overvoltage_v) == (None, None, 4.2)


BROKEN = {
    "a sheet that is not there": (
        PACK + 'cell_profile = "hihg"' + SHEET,
        'pack[1].cell_profile ("left"): no [cell_profile.hihg]: high; did you mean high?',
    ),
    "no sheet at all": (
        PACK + 'cell_profile = "high"',
        'pack[1].cell_profile ("left"): no [cell_profile.high]: there is none in this file',
    ),
    "a sheet of another chemistry": (
        PACK.replace("Li-ion", "LiFePO4") + 'cell_profile = "high"' + SHEET,
        'pack[1].cell_profile ("left"): high is of Li-ion, this pack of LiFePO4',
    ),
    "curves of different length": (
        PACK + '[cell_profile.x]\nchemistry = "LTO"\ncharge_temperature_c = [0, 5]\ncharge_c = [1]',
        ("cell_profile.x: charge_temperature_c and charge_c must have as many values, at least 2"),
    ),
    "a curve that turns back": (
        PACK
        + '[cell_profile.x]\nchemistry = "LTO"\ndischarge_temperature_c = [5, 0]\n'
        + "discharge_c = [1, 1]",
        "cell_profile.x: discharge_temperature_c must rise",
    ),
    "a curve that does not reach the ends": (
        PACK + '[cell_profile.x]\nchemistry = "LTO"\nocv_soc_percent = [0, 90]\nocv_v = [2.0, 2.5]',
        "cell_profile.x: ocv_soc_percent must rise from 0 to 100",
    ),
    "voltages in the wrong order": (
        PACK + '[cell_profile.x]\nchemistry = "LTO"\nvoltage_max_v = 2.1',
        "cell_profile.x: nominal_v must lie between voltage_min_v = 1.7 and voltage_max_v = 2.1",
    ),
    "no chemistry": (
        PACK + "[cell_profile.x]",
        (
            "cell_profile.x.chemistry: missing: cell chemistry that it is of: what is left out is"
            ' as usual for it ("LiFePO4" or "Li-ion" or "LTO")'
        ),
    ),
    "no tables": (
        "cell_profile = 3\n" + PACK,
        "cell_profile: must be a table of tables: write [cell_profile.NAME]",
    ),
    "no table": (
        PACK + "[cell_profile]\nx = 3",
        "cell_profile.x: must be a table: write [cell_profile.NAME], its keys below",
    ),
}


@pytest.mark.parametrize(("text", "expected"), BROKEN.values(), ids=BROKEN)
def test_what_is_wrong_is_said_exactly(text: str, expected: str) -> None:
    assert mistakes(text) == (expected,)


@pytest.mark.requirement("R1")
def test_a_named_board_bounds_defaults_and_settings() -> None:
    (pack,) = read(PACK + 'model = "JK_BD6A17S6P"').packs
    assert pack.board is not None
    assert (pack.board.name, pack.parameters.discharge_current_max_a) == ("JK-BD6A17S6P", 50)
    assert pack.parameters.balance_current_max_a == 0.6
    assert mistakes(
        PACK + 'model = "JK_BD6A17S6P"\n[pack.parameters]\ncharge_current_max_a = 61'
    ) == (
        'pack[1].parameters ("left"): charge_current_max_a = 61: JK-BD6A17S6P carries at most 60 A',
    )


def test_a_word_that_is_no_board_is_refused() -> None:
    assert mistakes(PACK + 'model = "JK"') == (
        'pack[1].model ("left"): "JK": JK is no board name such as JK-B2A24S20P',
    )


def test_what_is_doubtful_is_a_warning_and_no_mistake() -> None:
    settings = read(PACK + "[pack.parameters]\ncharge_current_max_a = 5")
    assert settings.warnings == (
        (
            "pack left: charge_current_max_a = 5 is below the 10 A at which the spec tables of the"
            " boards begin"
        ),
    )
