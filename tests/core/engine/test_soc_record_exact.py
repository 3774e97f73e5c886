"""What of an estimate is written, and what is read again: both sides of every bound."""

import math

import pytest

from cellwarden.engine.soc_record import read_estimate, write_estimate
from support.estimates import estimate

EIGHT = write_estimate(estimate())


def record(**changes: object) -> dict[str, object]:
    return {**EIGHT, **changes}


def with_x(n: int, value: float) -> dict[str, object]:
    x = [*EIGHT["x"]]  # type: ignore[misc]
    x[n] = value
    return record(x=x)


def with_cell(n: int, value: float) -> dict[str, object]:
    cells = [[[*row] for row in cell] for cell in EIGHT["cells"]]  # type: ignore[attr-defined]
    cells[3][0][n] = value
    return record(cells=cells)


def is_refused(damaged: object, count: int = 8) -> bool:
    try:
        read_estimate(damaged, count)
    except ValueError:
        return True
    return False


def test_nine_digits_are_kept_of_each_number() -> None:
    third = estimate()._replace(mean=estimate().mean._replace(loop=1 / 3, lags=(1 / 3, 0.0, 2e-7)))
    written = write_estimate(third)
    assert written["loop"] == 0.3333
    assert written["lags"] == [0.333333333, 0.0, 2e-7]
    assert written["x"] == [0.62, 0.0004, 1.03, 0.11, 1.2, 0.009, 0.002]
    assert written["capacity_known"] is False
    cells = written["cells"]
    assert isinstance(cells, list)
    assert (len(cells), len(cells[0])) == (8, 5)
    assert cells[1][0] == [-0.002, 0.001, 0.005, 0.0003]


def test_what_was_written_is_read_again() -> None:
    again = read_estimate(record(capacity_known=True), 8)
    assert again.mean.x == (0.62, 0.0004, 1.03, 0.11, 1.2, 0.009, 0.002)
    assert (again.mean.lags, again.mean.loop) == ((0.004, -0.002, 0.003), 0.4)
    assert again.cells[1].x == (-0.002, 0.001, 0.005, 0.0003)
    assert again.cells[2].p[1][1] == pytest.approx(9e-5)
    assert again.capacity_known
    assert again.pack.soc == pytest.approx(estimate().pack.soc)
    assert (again.window.readings, again.span.windows, again.unheard_s) == (0, 0, 0.0)


@pytest.mark.parametrize("said", [None, 1, "yes", False])
def test_a_capacity_is_known_only_where_the_record_says_true(said: object) -> None:
    assert read_estimate(record(capacity_known=said), 8).capacity_known is False


@pytest.mark.parametrize(
    ("n", "value", "refused"),
    [
        (0, -0.2, False), (0, -0.21, True), (0, 1.2, False), (0, 1.21, True),
        (1, -0.01, False),  # a zero may have either sign
        (2, 0.11, False), (2, 0.1, True), (2, -1.0, True),
        (3, 0.0, False), (3, -0.001, True),
        (4, 0.0, False), (4, -0.001, True),
        (5, 0.0, False), (5, -0.001, True),
        (6, -0.01, False),
    ],
)  # fmt: skip
def test_the_mean_must_be_what_a_pack_can_be(n: int, value: float, refused: bool) -> None:
    assert is_refused(with_x(n, value)) is refused


@pytest.mark.parametrize(
    ("n", "value", "refused"),
    [
        (0, 0.89, False), (0, 0.9, True), (0, -0.89, False), (0, -0.9, True),
        (1, 0.89, False), (1, 0.9, True), (1, -0.9, True),
        (2, 0.95, False), (2, 3.99, False), (2, 4.0, True), (2, -0.89, False), (2, -0.9, True),
        (3, 0.89, False), (3, 0.9, True), (3, -0.9, True),
    ],
)  # fmt: skip
def test_a_cell_must_be_what_a_cell_can_be(n: int, value: float, refused: bool) -> None:
    assert is_refused(with_cell(n, value)) is refused


@pytest.mark.parametrize(("loop", "read"), [(0.7, 0.7), (1.5, 1.0), (-1.5, -1.0), (1, 1.0)])
def test_the_side_of_the_loop_stays_between_its_ends(loop: float, read: float) -> None:
    assert read_estimate(record(loop=loop), 8).mean.loop == read


@pytest.mark.parametrize(
    "damaged",
    [
        None,
        [],
        record(cells=None),
        record(cells=EIGHT["cells"][:7]),  # type: ignore[index]
        record(x=None),
        record(x=EIGHT["x"][:6]),  # type: ignore[index]
        record(p=EIGHT["p"][:6]),  # type: ignore[index]
        record(p=[*EIGHT["p"][:6], [0.0] * 6]),  # type: ignore[index]
        record(p=[[-1e-9, *[0.0] * 6], *EIGHT["p"][1:]]),  # type: ignore[index]
        record(p=[*EIGHT["p"][:6], [*[0.0] * 6, -1e-9]]),  # type: ignore[index]
        record(lags=[0.0, 0.0]),
        record(lags=[0.0, 0.0, True]),
        record(lags=[0.0, 0.0, "0"]),
        record(lags=[0.0, 0.0, math.inf]),
        record(loop=None),
    ],
)
def test_a_damaged_record_is_refused(damaged: object) -> None:
    assert is_refused(damaged)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"cells": []}, "estimate.cells is damaged"),
        ({"x": [1.0]}, "estimate.x is damaged"),
        ({"x": [9.0, *[1.0] * 6]}, "estimate.x is out of range"),
        ({"p": []}, "estimate.p is damaged"),
        ({"p": [[-1.0] * 7] * 7}, "estimate.p has a negative variance"),
        ({"lags": [0.0, 0.0, True]}, "estimate.lags holds True"),
        ({"loop": math.nan}, "estimate.loop holds nan"),
        ({"cells": [[]] * 8}, "estimate.cells is damaged"),
        ({"cells": [[[2.0, 0.0, 0.0, 0.0], *[[0.0] * 4] * 4]] * 8}, "estimate.cells is out of"),
        ({"cells": [[[0.0] * 4, *[[-1.0] * 4] * 4]] * 8}, "estimate.cells has a negative"),
        ({"cells": [[[0.0] * 4, *[[0.0] * 4] * 3]] * 8}, "estimate.cells is damaged"),
    ],
)
def test_the_refusal_names_what_is_damaged(changes: dict[str, object], why: str) -> None:
    with pytest.raises(ValueError, match=f"^{why}"):
        read_estimate(record(**changes), 8)


def test_no_variance_may_be_negative_but_0_is_known_for_sure() -> None:
    sure = [[0.0] * 7] * 7
    assert read_estimate(record(p=sure), 8).mean.p[6] == (0.0,) * 7
