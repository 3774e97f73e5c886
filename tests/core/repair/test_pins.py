"""The pin table of the sense plugs, as text and as a drawing (R39, R40)."""

import xml.etree.ElementTree as ET

import pytest

from cellwarden.repair.pins import Use, as_svg, pin_table

pytestmark = [pytest.mark.requirement("R39"), pytest.mark.requirement("R40")]


def leads(cells: int) -> dict[str, tuple[str, int, Use]]:
    return {p.lead: (p.plug, p.number, p.use) for p in pin_table(cells)}


@pytest.mark.requirement("X21")
def test_the_pins_are_those_of_the_manual() -> None:
    found = leads(24)
    assert found["B-"] == ("P1", 1, Use.MINUS)
    assert found["B1"] == ("P1", 2, Use.CELL)
    assert found["B14"] == ("P1", 15, Use.CELL)
    assert found["B15"] == ("P2", 1, Use.CELL)
    assert found["B24"] == ("P2", 10, Use.CELL)
    assert found["B+"] == ("P2", 11, Use.SUPPLY)
    assert len(found) == 26


def test_leads_above_the_last_cell_follow_the_drawing_for_that_count() -> None:
    pins = {p.lead: p for p in pin_table(16)}
    assert pins["B15"].goes_to == "plus of cell 15"
    assert pins["B16"].goes_to == (
        "plus of cell 16 (pack plus); as the manual's drawing for 16 cells shows"
    )
    assert pins["B17"].use is Use.TOP
    assert pins["B17"].goes_to == "as the manual's drawing for 16 cells shows"


def test_where_the_manual_has_no_drawing_it_says_so() -> None:
    pins = {p.lead: p for p in pin_table(8)}
    assert pins["B9"].goes_to == "ask the maker: the manual has no drawing for 8 cells"


@pytest.mark.parametrize("cells", [1, 0, 25, -3])
def test_a_count_that_no_board_has_is_refused(cells: int) -> None:
    with pytest.raises(ValueError, match="made for 2 to 24"):
        pin_table(cells)


@pytest.mark.parametrize("cells", range(2, 25))
def test_the_drawing_is_whole_and_stands_alone(cells: int) -> None:
    text = as_svg(cells, "Pack <left> & right")
    root = ET.fromstring(text)
    words = [e.text for e in root.iter("{http://www.w3.org/2000/svg}text")]
    assert [w for w in words if w and w.startswith("cell ")] == [
        f"cell {n}" for n in range(1, cells + 1)
    ]
    assert "Pack <left> & right" in words
    for foreign in ("<script", "href", "url("):
        assert foreign not in text
