"""Sense wires that are open or swapped, from what the cells then seem to have (F5..F7)."""

from collections.abc import Sequence
from statistics import median

SPREAD_V = 0.2
"""Cells closer together than this have no open wire between them."""
APART_V = 0.1
"""Each cell of an open wire's pair jumps away from the others by at least this much."""
WORKING_APART_V = 0.35
"""The same while a balancer works: its current drops up to 0.25 V over a lead before that locks
(R31), which shows in the cells beside it with opposite signs too (ours)."""
SUM_V = 0.03
"""Their mean stays this close to the others', since their sum is measured right (ours)."""
CLOSED_V = 0.1
DOUBLE_PART = 0.1
"""A swapped wire shows two cells as one: this close to twice the others (ours)."""
LEAST_CELLS = 4

Values = tuple[float | None, ...]


def open_wires(
    cells: Values, last: Values, before: Sequence[int], *, working: bool = False
) -> tuple[int, ...]:
    """Return the first cell (index from 0) of each pair between which the sense wire is open.

    An open wire appears at once: one cell of the pair jumps up and the other one down by as
    much. Cells that drift apart are weak and full, and stay what they are. `before` are the
    pairs that were found earlier: they stay until they agree again. `working`: a balancer does.
    """
    apart_v = WORKING_APART_V if working else APART_V
    if None in cells or len(cells) < LEAST_CELLS:
        return tuple(before)
    known: tuple[float, ...] = cells  # type: ignore[assignment]  # no None inside
    if not before and max(known) - min(known) < SPREAD_V:
        return ()
    total_v = sum(known)
    found = []
    for n in range(len(known) - 1):
        a, b = known[n], known[n + 1]
        if n in before:
            if abs(a - b) >= CLOSED_V:
                found.append(n)
            continue
        others_v = (total_v - a - b) / (len(known) - 2)
        if abs((a + b) / 2 - others_v) > SUM_V or abs(a - b) < 2 * apart_v:
            continue
        first_v, second_v = _jumps(known, last, n)
        if min(abs(first_v), abs(second_v)) >= apart_v and first_v * second_v < 0:
            found.append(n)
    return tuple(found)


def _jumps(cells: tuple[float, ...], last: Values, n: int) -> tuple[float, float]:
    """Return by how much a pair jumped, beside what all the others did; 0 if that is not known.

    A step of the current moves every cell alike, and must not count.
    """
    if len(last) != len(cells) or None in last:
        return 0.0, 0.0
    moved = [now - was for now, was in zip(cells, last, strict=True)]  # type: ignore[operator]  # no None inside
    others_v = (sum(moved) - moved[n] - moved[n + 1]) / (len(moved) - 2)
    return moved[n] - others_v, moved[n + 1] - others_v


def paired(cells: Values, pairs: Sequence[int]) -> Values:
    """Return the cells with the mean of each pair in place of its two."""
    mended = list(cells)
    for n in pairs:
        a, b = cells[n], cells[n + 1]
        if a is not None and b is not None:
            mended[n] = mended[n + 1] = (a + b) / 2
    return tuple(mended)


def swapped(cells: Values) -> tuple[int, ...]:
    """Return the cells (index from 0) that no order of right wires can show: negative or double."""
    known = [v for v in cells if v is not None and -100 < v < 100]
    if len(known) < LEAST_CELLS:
        return ()
    usual_v = median(known)
    if usual_v <= 0:
        return ()
    return tuple(
        n
        for n, v in enumerate(cells)
        if v is not None and (-100 < v < -0.1 or abs(v - 2 * usual_v) <= 2 * DOUBLE_PART * usual_v)
    )
