"""Plots: what stands on their axes."""

import re

import pytest

from cellwarden.cli import svg

TICK = re.compile(r'text-anchor="end">([^<]*)<')


def test_no_two_lines_of_an_axis_have_the_same_number() -> None:
    drawn = svg.bars([3.2921, 3.2929], unit="V", label="cells", digits=3, from_zero=False)
    ticks = TICK.findall(drawn)
    assert len(ticks) >= 3
    assert len(set(ticks)) == len(ticks)
    assert ticks[-1].endswith(" V")


@pytest.mark.parametrize(
    ("span_h", "first"), [(48.0, "-48.0 h"), (0.5, "-30.0 min"), (0.005, "-18 s")]
)
def test_the_time_axis_has_a_unit_that_suits(span_h: float, first: str) -> None:
    drawn = svg.lines([0.0, span_h], [("a", [1.0, 2.0])], unit="A", label="x", digits=1)
    assert f">{first}<" in drawn
    assert ">now<" in drawn
