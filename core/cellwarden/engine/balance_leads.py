"""What a balancer's current does to cells and to the readings of them.

A balancer's current flows through the lead below and the lead above a cell. The drop over both
shows in that cell, the drop over one of them, the other way, in each of its neighbours.
"""

from collections.abc import Collection
from dataclasses import replace

from cellwarden.engine.soc_estimator import Moved
from cellwarden.engine.view import View, look

Pair = tuple[int, int]
"""The cells, from 0, that charge is taken from and given to."""


def ends_of(view: View) -> Pair | None:
    """Return the highest and lowest cell, from 0."""
    if view.cell_max is None or view.cell_min is None:
        return None
    return view.cell_max.cell - 1, view.cell_min.cell - 1


def moved_by(view: View, pair: Pair | None, gap_s: float) -> Moved | None:
    """Return what a balancer did to which cell in the `gap_s` before a reading.

    `pair` is what it was at work on; None: unknown, so probably the highest and the lowest.
    """
    current_a = view.reading.balance_current_a
    if not current_a:
        return None
    cells = pair or ends_of(view)
    return None if cells is None else Moved(cells[current_a > 0], current_a * gap_s)


def disturbed_by(view: View, *pairs: Pair | None) -> Collection[int]:
    """Return the cells, from 0, whose voltages a balancer at work on some pairs falsifies."""
    if not view.reading.balance_current_a:
        return ()
    return {n + by for pair in pairs if pair for n in pair for by in (-1, 0, 1)}


def undisturbed(view: View, pair: Pair | None) -> View:
    """Return what the cells would show without the balancer's current in their leads (R31).

    The same view where it is not known which cell the current is of, or what its leads have.
    """
    reading = view.reading
    current_a, ohms, cells = (
        reading.balance_current_a,
        reading.wire_resistances_ohm,
        reading.cell_voltages_v,
    )
    if not current_a or pair is None or len(ohms) != len(cells):
        return view
    n = pair[current_a > 0]
    below, above = ohms[max(n - 1, 0)], ohms[n]
    if below is None or above is None:
        return view
    drops_v = {
        n - 1: -below * current_a,
        n: (below + above) * current_a,
        n + 1: -above * current_a,
    }
    mended = tuple([v if v is None else v - drops_v.get(k, 0.0) for k, v in enumerate(cells)])
    return look(replace(reading, cell_voltages_v=mended), view.mismatch_percent)
