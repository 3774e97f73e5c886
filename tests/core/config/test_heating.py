"""`[pack.heating]`: a film that its output would not bear is refused, with what it takes."""

import pytest

from cellwarden.config.heating import read_heater
from cellwarden.config.tables import Place, Problems
from cellwarden.engine import HeaterSettings
from cellwarden.model import Parameters, preset
from cellwarden.model.catalog import board_named


def parameters(cells: int) -> Parameters:
    return preset("LiFePO4", cell_count=cells, design_capacity_ah=280)


def read(
    heating: object, cells: int = 16, board: str | None = None
) -> tuple[HeaterSettings | None, list[str]]:
    problems = Problems()
    heater = read_heater(
        {"heating": heating},
        parameters(cells),
        None if board is None else board_named(board),
        Place(problems, "pack[1]"),
    )
    return heater, list(problems.lines)


@pytest.mark.requirement("R36")
@pytest.mark.parametrize(
    ("cells", "board", "ohm", "least"),
    [
        (16, None, 19.2, None),
        (16, None, 19.1, "19.2 ohm"),
        (24, "JK-B2A24S20P", 37.4, None),
        (24, "JK-B2A24S20P", 37.2, "37.3 ohm"),
        (8, "JK-B2A8S20P", 9.6, None),
        (8, "JK-B2A8S20P", 9.5, "9.6 ohm"),
    ],
)
def test_a_film_of_too_little_resistance_is_refused(
    cells: int, board: str | None, ohm: float, least: str | None
) -> None:
    heater, lines = read({"film_ohm": ohm}, cells, board)
    assert (heater is None) is (least is not None)
    assert [least in line for line in lines] == ([True] if least else [])


@pytest.mark.requirement("R36")
@pytest.mark.parametrize(
    ("heating", "least"),
    [
        ({"film_ohm": 19.2, "relay": "heater"}, None),
        ({"film_ohm": 19.1, "relay": "heater"}, "3 A and 200 W, so at least 19.2 ohm"),
        ({"film_ohm": 11.6, "relay": "heater", "most_a": 5.0, "most_w": 500.0}, None),
        (
            {"film_ohm": 11.4, "relay": "heater", "most_a": 5.0, "most_w": 500.0},
            "5 A and 500 W, so at least 11.5 ohm",
        ),
        ({"film_ohm": 20.0, "relay": "heater", "most_w": 100.0}, "100 W, so at least 33.2 ohm"),
    ],
)
def test_on_a_relay_the_limits_are_the_same_until_its_owner_says_what_it_bears(
    heating: dict[str, object], least: str | None
) -> None:
    heater, lines = read(heating)
    assert [least in line for line in lines] == ([True] if least else [])
    assert (heater is None) is (least is not None)
    if heater is not None:
        assert heater.relay


def test_what_the_mains_feed_has_a_power_and_no_resistance() -> None:
    heater, lines = read({"mains_w": 250.0, "relay": "heater"})
    assert lines == []
    assert heater is not None
    assert (heater.film_ohm, heater.power_w(None)) == (None, 250.0)
    assert heater.too_much(57.6) is None


@pytest.mark.requirement("R36")
def test_the_smaller_board_bears_half_of_the_power() -> None:
    heater, _ = read({"film_ohm": 40.0}, 8, "JK-B2A8S20P")
    assert heater is not None
    assert heater.most_w == 100


@pytest.mark.requirement("R35")
def test_a_board_without_a_heating_output_needs_a_relay() -> None:
    heater, lines = read({"film_ohm": 20.0}, board="JK-BD6A20S8P")
    assert heater is None
    assert "JK-BD6A20S8P has no heating output: name the relay that switches it" in lines[0]
    heater, lines = read({"film_ohm": 20.0, "relay": "heater"}, board="JK-BD6A20S8P")
    assert lines == []
    assert heater is not None
    assert (heater.most_a, heater.most_w) == (3.0, 200.0)


@pytest.mark.parametrize(
    ("heating", "word"),
    [
        ({}, "give film_ohm"),
        ({"film_ohm": 20.0, "mains_w": 60.0, "relay": "heater"}, "one of them"),
        ({"mains_w": 60.0}, "mains_w is for a heater on a relay: add relay"),
        ({"film_ohm": 20.0, "most_a": 5.0}, "most_a is for a heater on a relay: add relay"),
        ({"film_ohm": 20.0, "charge_from": "09:30"}, "belong together"),
        ({"film_ohm": 20.0, "charge_from": "09:30", "charge_until": "09:30"}, "are the same"),
        ({"film_ohm": 20.0, "charge_from": "9:30", "charge_until": "17:00"}, 'such as "09:30"'),
        ({"film_ohm": 20.0, "charge_from": "24:00", "charge_until": "17:00"}, 'such as "09:30"'),
        ([], "must be one table"),
    ],
)
def test_mistakes_are_said(heating: object, word: str) -> None:
    heater, lines = read(heating)
    assert heater is None
    assert any(word in line for line in lines)


def test_no_table_is_no_heater() -> None:
    assert read_heater({}, parameters(16), None, Place(Problems(), "pack[1]")) is None


def test_a_key_that_is_not_known_is_said() -> None:
    _, lines = read({"film_ohm": 20.0, "soc_floor": 30})
    assert lines == ["pack[1].heating.soc_floor: unknown key; did you mean soc_floor_percent?"]
