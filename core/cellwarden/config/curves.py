"""Curves of the file: two lists, the second one's values at each of the first's."""

from itertools import pairwise

from cellwarden.model.catalog import Curve


def curve(x: tuple[float, ...], y: tuple[float, ...]) -> Curve | None:
    """Return the points of a curve, None if the file has none."""
    return tuple(zip(x, y, strict=True)) or None


def curve_problem(
    x_name: str, x: tuple[float, ...], y_name: str, y: tuple[float, ...]
) -> str | None:
    """Return what is wrong with a curve given as two lists, None if nothing is."""
    if len(x) != len(y) or len(x) == 1:
        return f"{x_name} and {y_name} must have as many values, at least 2"
    if any(a >= b for a, b in pairwise(x)):
        return f"{x_name} must rise"
    return None
