"""Plots as inline SVG: bars and lines, sized by the page, coloured by its style sheet."""

import math
from collections.abc import Sequence
from html import escape

WIDTH, HEIGHT = 640, 200
LEFT, RIGHT, TOP, BOTTOM = 64, 12, 12, 26
Values = Sequence[float | None]


def bars(
    values: Values,
    *,
    unit: str,
    label: str,
    digits: int,
    marked: frozenset[int] = frozenset(),
    from_zero: bool = True,
    line: float | None = None,
) -> str:
    """Return one bar (or, not from zero, one dot) for each value, numbered from 1; empty for none.

    `marked` are indices that stand out; `line` is a threshold to draw.
    """
    known = [v for v in values if v is not None]
    if not known:
        return ""
    low, high = _range([*known, *([line] if line is not None else [])], from_zero=from_zero)
    slot = (WIDTH - LEFT - RIGHT) / len(values)
    zero_y = _y(min(max(0.0, low), high), low, high)
    parts = [_axis(low, high, unit, digits)]
    for n, value in enumerate(values):
        x = LEFT + n * slot
        parts.append(
            f'<text class="tick" x="{x + slot / 2:.1f}" y="{HEIGHT - 8}"'
            f' text-anchor="middle">{n + 1}</text>'
        )
        if value is None:
            continue
        y = _y(value, low, high)
        title = f"<title>{n + 1}: {value:.{digits}f} {escape(unit)}</title>"
        mark = " marked" if n in marked else ""
        if not from_zero:  # a bar that does not begin at 0 would lie about its length
            parts.append(
                f'<circle class="dot{mark}" cx="{x + slot / 2:.1f}" cy="{y:.1f}" r="5">{title}'
                "</circle>"
            )
            continue
        top, tall = min(y, zero_y), max(abs(y - zero_y), 1.0)
        parts.append(
            f'<rect class="bar{mark}" x="{x + slot * 0.15:.1f}" y="{top:.1f}"'
            f' width="{slot * 0.7:.1f}" height="{tall:.1f}">{title}</rect>'
        )
    if line is not None:
        parts.append(_threshold(_y(line, low, high)))
    return _svg(parts, label)


def lines(
    times_h: Sequence[float],
    series: Sequence[tuple[str, Values]],
    *,
    unit: str,
    label: str,
    digits: int,
) -> str:
    """Return curves over hours, each with its name; empty for fewer than two points."""
    known = [v for _, values in series for v in values if v is not None]
    if len(times_h) < 2 or not known or times_h[-1] <= times_h[0]:
        return ""
    low, high = _range(known, from_zero=False)
    first, wide = times_h[0], times_h[-1] - times_h[0]
    parts = [_axis(low, high, unit, digits)]
    for part in range(5):
        ago = _ago(wide * (1.0 - part / 4), wide)
        x = LEFT + (WIDTH - LEFT - RIGHT) * part / 4
        anchor = "start" if part == 0 else "end" if part == 4 else "middle"
        text = "now" if part == 4 else ago
        parts.append(
            f'<text class="tick" x="{x:.1f}" y="{HEIGHT - 8}" text-anchor="{anchor}">{text}</text>'
        )
    for number, (name, values) in enumerate(series):
        points: list[str] = []
        pieces = [points]
        for hour, value in zip(times_h, values, strict=True):
            if value is None:
                points = []
                pieces.append(points)
                continue
            x = LEFT + (WIDTH - LEFT - RIGHT) * (hour - first) / wide
            points.append(f"{x:.1f},{_y(value, low, high):.1f}")
        parts += [
            f'<polyline class="curve c{number}" points="{" ".join(piece)}"/>'
            for piece in pieces
            if len(piece) > 1
        ]
        parts.append(
            f'<text class="name c{number}" x="{LEFT + 8 + 110 * number}" y="{TOP + 10}">'
            f"{escape(name)}</text>"
        )
    return _svg(parts, label)


def _range(values: Sequence[float], *, from_zero: bool) -> tuple[float, float]:
    low, high = min(values), max(values)
    if from_zero:
        low, high = min(low, 0.0), max(high, 0.0)
    room = 0.08 * (high - low) or 0.01 * abs(high) or 1.0
    return (low if from_zero and low == 0.0 else low - room), high + room


def _y(value: float, low: float, high: float) -> float:
    return TOP + (HEIGHT - TOP - BOTTOM) * (high - value) / (high - low)


def _axis(low: float, high: float, unit: str, digits: int) -> str:
    """Return grid lines at round values."""
    rough = (high - low) / 4.0
    tens = 10.0 ** math.floor(math.log10(rough))
    step = next(tens * times for times in (1.0, 2.0, 2.5, 5.0, 10.0) if tens * times >= rough)
    first = math.ceil(low / step)
    # So many digits that no two lines have the same number.
    digits = max(digits, -math.floor(math.log10(step) - 1e-9) if step < 1.0 else 0)
    ticks = [n * step for n in range(first, math.floor(high / step) + 1)]
    parts = []
    for value in ticks:
        y = _y(value, low, high)
        text = f"{value:.{digits}f}{' ' + escape(unit) if value is ticks[-1] else ''}"
        parts.append(
            f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
            f'<text class="tick" x="{LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{text}</text>'
        )
    return "".join(parts)


def _ago(hours: float, span_h: float) -> str:
    """Return how long ago, in a unit that suits the whole span."""
    for unit, per_h in (("h", 1.0), ("min", 60.0)):
        if span_h * per_h >= 2.0:
            return f"-{hours * per_h:.1f} {unit}"
    return f"-{hours * 3600.0:.0f} s"


def _threshold(y: float) -> str:
    return f'<line class="limit" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'


def _svg(parts: Sequence[str], label: str) -> str:
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(label)}">'
        f"{''.join(parts)}</svg>"
    )
