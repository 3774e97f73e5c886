"""Which sense lead goes where: the pin table of the JK boards' plugs P1 and P2 (R39, R40).

Lead n goes to the plus of cell n, from negative to positive. The boards are made for up to 24
cells; with fewer, the leads above the last cell are joined as the manual's drawing for that count
shows (there are drawings for 13 to 24 cells).
"""

from dataclasses import dataclass
from enum import Enum
from html import escape

MOST_CELLS = 24
DRAWN = range(13, 25)
"""Cell counts that the manual has a drawing for (R39)."""
P1_PINS = 15
"""Pin 1 is B-, pins 2 to 15 are B1 to B14 (R40)."""
P2_PINS = 11
"""Pins 1 to 10 are B15 to B24, pin 11 is B+, the supply (R40)."""


class Use(Enum):
    """What a pin is for."""

    MINUS = "pack minus"
    CELL = "cell"
    TOP = "above the last cell"
    SUPPLY = "supply"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pin:
    """One pin of a sense plug."""

    plug: str
    """`P1` or `P2`."""
    number: int
    """From 1."""
    lead: str
    """`B-`, `B1` to `B24`, `B+`."""
    use: Use
    goes_to: str
    """Where its lead belongs, for a person."""


def pin_table(cells: int) -> tuple[Pin, ...]:
    """Return every pin of both plugs for a cell count, in the order of the plugs.

    ValueError for a count that a board cannot have (2 to 24).
    """
    if not 2 <= cells <= MOST_CELLS:
        raise ValueError(f"{cells} cells: the plugs are made for 2 to {MOST_CELLS}")
    pins = [_pin("P1", 1, "B-", Use.MINUS, "pack minus: the minus of cell 1")]
    for n in range(1, MOST_CELLS + 1):
        plug, number = ("P1", n + 1) if n < P1_PINS else ("P2", n - P1_PINS + 1)
        if n <= cells:
            end = f" (pack plus); {_top(cells)}" if n == cells < MOST_CELLS else ""
            pins.append(_pin(plug, number, f"B{n}", Use.CELL, f"plus of cell {n}{end}"))
        else:
            pins.append(_pin(plug, number, f"B{n}", Use.TOP, _top(cells)))
    pins.append(_pin("P2", P2_PINS, "B+", Use.SUPPLY, "pack plus, a lead of its own"))
    return tuple(pins)


def _top(cells: int) -> str:
    if cells in DRAWN:
        return f"as the manual's drawing for {cells} cells shows"
    return f"ask the maker: the manual has no drawing for {cells} cells"


def _pin(plug: str, number: int, lead: str, use: Use, goes_to: str) -> Pin:
    return Pin(plug=plug, number=number, lead=lead, use=use, goes_to=goes_to)


# -- as a drawing -----------------------------------------------------------------------------

_ROW, _TOP_SPACE, _WIDTH = 22, 64, 640
_COLOURS = {Use.MINUS: "#222222", Use.CELL: "#1f6fb2", Use.TOP: "#9a9a9a", Use.SUPPLY: "#c0392b"}


def as_svg(cells: int, title: str) -> str:
    """Return a drawing: the two plugs on the left, the string of cells on the right.

    It stands alone, with no script and nothing from elsewhere.
    """
    pins = pin_table(cells)
    height = _TOP_SPACE + _ROW * (len(pins) + 2)
    size = f'width="{_WIDTH}" height="{height}"'
    font = 'font-family="sans-serif" font-size="12"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" {size} {font}>',
        f'<rect {size} fill="#ffffff"/>',
        _text(16, 24, title, size=16, bold=True),
        _text(16, 44, "Check every lead with a meter before the plug goes in.", colour="#c0392b"),
    ]
    y = _TOP_SPACE
    place: dict[str, int] = {}
    plug = ""
    for pin in pins:
        if pin.plug != plug:
            plug = pin.plug
            parts.append(_text(16, y + 15, plug, bold=True))
            y += _ROW
        place[pin.lead] = y + _ROW // 2
        parts += _drawn(pin, y)
        y += _ROW
    parts += _string(cells, place)
    parts.append("</svg>")
    return "\n".join(parts)


def _drawn(pin: Pin, y: int) -> list[str]:
    colour = _COLOURS[pin.use]
    return [
        f'<rect x="16" y="{y + 2}" width="34" height="18" rx="3" fill="{colour}"/>',
        _text(33, y + 15, str(pin.number), colour="#ffffff", middle=True),
        _text(58, y + 15, pin.lead, bold=True),
        _text(96, y + 15, pin.goes_to, colour="#444444"),
    ]


def _string(cells: int, place: dict[str, int]) -> list[str]:
    """Draw each cell between the leads that measure it."""
    parts = []
    below = place["B-"]
    for n in range(1, cells + 1):
        above = place[f"B{n}"]
        middle = (below + above) // 2
        box = f'x="520" y="{min(below, above) + 3}" width="86" height="{abs(above - below) - 6}"'
        parts += [
            f'<line x1="330" y1="{above}" x2="520" y2="{above}" stroke="#1f6fb2"/>',
            f'<rect {box} rx="4" fill="#e8f1fa" stroke="#1f6fb2"/>',
            _text(563, middle + 4, f"cell {n}", middle=True),
        ]
        below = above
    parts.append(
        f'<line x1="330" y1="{place["B-"]}" x2="520" y2="{place["B-"]}" stroke="#222222"/>'
    )
    return parts


def _text(
    x: int,
    y: int,
    text: str,
    *,
    size: int = 12,
    bold: bool = False,
    colour: str = "#222222",
    middle: bool = False,
) -> str:
    weight = ' font-weight="bold"' if bold else ""
    anchor = ' text-anchor="middle"' if middle else ""
    return (
        f'<text x="{x}" y="{y}" font-size="{size}" fill="{colour}"{weight}{anchor}>'
        f"{escape(text)}</text>"
    )
