"""The sums behind the findings."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellwarden.diagnosis.facts import InverseCurve
from cellwarden.diagnosis.statistics import Answer, Line, Loads, keeping
from cellwarden.model import CHEMISTRIES
from cellwarden.model.catalog import interpolate


def test_a_line_gives_back_slope_and_offset() -> None:
    line = Line()
    for x in range(10):
        line = line.add(float(x), 3.0 + 0.5 * x)
    fit = line.fit()
    assert fit is not None
    assert fit.slope == pytest.approx(0.5)
    assert fit.at(0.0) == pytest.approx(3.0)
    assert fit.slope_sigma == pytest.approx(0.0, abs=1e-6)


def test_a_line_of_one_x_has_no_slope() -> None:
    line = Line()
    for y in range(10):
        line = line.add(2.0, float(y))
    assert line.fit() is None


def test_a_line_that_forgets_follows_what_is_new() -> None:
    line = Line()
    for _ in range(100):
        line = line.add(0.0, 1.0, 0.9)
    for _ in range(100):
        line = line.add(0.0, 5.0, 0.9)
    assert line.mean == pytest.approx(5.0, abs=0.001)


def test_half_is_kept_after_a_half_life() -> None:
    assert keeping(3600.0, 3600.0) == 0.5
    assert keeping(-5.0, 3600.0) == 1.0


def loads(contact_ohm: float, cell_ohm: float, *, noise_v: float = 0.0) -> Loads:
    """Return 200 steps in which one cell answers more than the middle one by these two."""
    draw, sums = random.Random(3), Loads()
    for _ in range(200):
        step_a = draw.uniform(-60.0, 60.0)
        as_cell = draw.uniform(0.8, 1.9) * step_a  # temperature and polarisation
        above_v = contact_ohm * step_a + cell_ohm * as_cell + draw.gauss(0.0, noise_v)
        sums = sums.add(as_cell, step_a, 0.00025 * as_cell, (0.0, above_v))
    return sums


def test_a_contact_is_told_from_a_cell() -> None:
    contact, cell = loads(0.0003, 0.0), loads(0.0, 0.0003)
    as_contact, as_cell = contact.share(contact.cells[1]), cell.share(cell.cells[1])
    assert as_contact is not None
    assert as_contact.contact == pytest.approx(1.0)
    assert as_contact.ohm == pytest.approx(0.0003)
    assert as_cell is not None
    assert as_cell.contact == pytest.approx(0.0, abs=1e-6)


def test_what_drowns_in_noise_says_so() -> None:
    sums = loads(0.00002, 0.0, noise_v=0.02)
    share = sums.share(sums.cells[1])
    assert share is not None
    assert share.contact_sigma > 0.5


def test_too_few_steps_say_nothing() -> None:
    assert Loads().share(Answer()) is None


def test_blocks_of_steps_add_up() -> None:
    whole = loads(0.0003, 0.0001).plus(loads(0.0001, 0.0))
    assert whole.n == 400.0
    share = whole.share(whole.cells[1])
    assert share is not None
    assert 0.00015 < share.ohm < 0.0004


@pytest.mark.parametrize("chemistry", sorted(CHEMISTRIES))
@given(soc=st.floats(0.0, 100.0))
def test_the_curve_read_backwards_gives_the_charge(chemistry: str, soc: float) -> None:
    curve = CHEMISTRIES[chemistry].ocv_v
    back, per_volt = InverseCurve(curve).soc(interpolate(curve, soc))
    assert back == pytest.approx(soc, abs=0.01)
    assert per_volt > 0.0


@given(st.lists(st.tuples(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3)), max_size=30))
def test_a_fit_is_finite_whatever_comes(samples: list[tuple[float, float]]) -> None:
    line = Line()
    for x, y in samples:
        line = line.add(x, y, 0.99)
    fit = line.fit()
    assert fit is None or all(map(math.isfinite, fit))
