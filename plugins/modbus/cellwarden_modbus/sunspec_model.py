"""What a SunSpec model is, and how its points become registers and back. Pure.

A model is ID, L, then L registers; some end in a block that repeats once a string, module or cell.
Scale factors are points of the same model: value = count * 10^factor.
"""

from dataclasses import dataclass

from cellwarden_modbus.registers import (
    KINDS,
    Value,
    Words,
    decode,
    decode_text,
    encode,
    encode_text,
)

END = (0xFFFF, 0)
"""What stands after the last model."""
MARK = (0x5375, 0x6E53)
"""`SunS`, what stands before the first one."""

Values = dict[str, Value]


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One number of a model."""

    name: str
    type: str
    """A name in `registers.KINDS`, or `string`."""
    words: int
    sf: str | None
    """The point that holds its scale factor."""
    unit: str
    optional: bool
    writable: bool


def point(  # noqa: D103  # the docstring is `Point`
    name: str,
    type: str,  # noqa: A002  # SunSpec's word
    *,
    sf: str | None = None,
    unit: str = "",
    words: int | None = None,
    optional: bool = False,
    writable: bool = False,
) -> Point:
    return Point(
        name=name,
        type=type,
        words=KINDS[type].words if words is None else words,
        sf=sf,
        unit=unit,
        optional=optional,
        writable=writable,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One model: its fixed points and those that repeat."""

    number: int
    title: str
    points: tuple[Point, ...]
    repeats: str = ""
    """The repeating group's name."""
    repeated: tuple[Point, ...] = ()

    def length(self, groups: int = 0) -> int:
        """Return L: the registers after ID and L."""
        fixed, each = (sum(p.words for p in points) for points in (self.points, self.repeated))
        return fixed - 2 + groups * each

    def offset(self, name: str, group: int | None = None) -> int:
        """Return where a point stands, counted from ID; in a repeated group, counted from 0."""
        at = 0
        if group is not None:
            at = self.length(group) + 2
        for one in self.points if group is None else self.repeated:
            if one.name == name:
                return at
            at += one.words
        raise KeyError(name)

    def encode(self, values: Values, groups: tuple[Values, ...] = ()) -> list[int]:
        """Return the model's registers, ID and L included. What is not given is not implemented.

        `values` holds the scale factors too; a point whose factor is not given is not implemented.
        """
        head = values | {"ID": self.number, "L": self.length(len(groups))}
        words: list[int] = []
        for points, given in ((self.points, head), *((self.repeated, g) for g in groups)):
            for point in points:
                words += _encode(point, given, head)
        return words

    def decode(self, words: Words) -> tuple[Values, tuple[Values, ...]]:
        """Return the values, scaled, and those of each repeated group."""
        at, head = _decode(self.points, words, 0, {})
        groups = []
        while self.repeated and at < len(words):
            at, group = _decode(self.repeated, words, at, head)
            groups.append(group)
        return head, tuple(groups)


def _encode(point: Point, given: Values, head: Values) -> Words:
    value = given.get(point.name)
    if point.type == "string":
        return encode_text(value if isinstance(value, str) else None, point.words)
    if point.sf is not None:
        factor = head.get(point.sf)
        if value is None or factor is None:
            return encode(KINDS[point.type], None)
        value = float(value) / 10.0 ** int(factor)
    return encode(KINDS[point.type], None if value is None else float(value))


def _decode(points: tuple[Point, ...], words: Words, at: int, head: Values) -> tuple[int, Values]:
    raw: Values = {}
    for point in points:
        part = words[at : at + point.words]
        raw[point.name] = (
            decode_text(part) if point.type == "string" else decode(KINDS[point.type], part)
        )
        at += point.words
    factors = head | raw
    return at, {
        p.name: _scaled(raw[p.name], None if p.sf is None else factors[p.sf]) for p in points
    }


def _scaled(value: Value, factor: Value) -> Value:
    if factor is None or value is None or isinstance(value, str):
        return value
    exponent = int(factor)
    if exponent >= 0:
        return value * int(10**exponent)
    return value / 10.0**-exponent
