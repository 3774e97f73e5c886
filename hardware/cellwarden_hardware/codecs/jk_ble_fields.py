"""What the bodies of the JK frames with header 55 AA EB 90 are made of: fields at fixed places.

A table of fields is compiled into one struct, so that a whole frame is unpacked at once. The same
places, less 6, are the byte offsets of the register maps of JK's Modbus.
"""

import re
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

FRAME_SIZE = 300
"""Bytes of every frame, sum included."""

Value = int | float | bool | str | tuple[int | float, ...]
"""One decoded value; tuples for one value a cell."""

_CODE = re.compile(r"(\d*)([a-zA-Z])")


class Form(Enum):
    """How a count becomes a value."""

    NUMBER = auto()
    SWITCH = auto()
    TEXT = auto()
    """Ends at the first NUL; what follows is rubbish."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field of a frame: SI value = count / per + plus."""

    at: int
    """Byte offset from the start of the frame."""
    code: str
    """struct code without byte order; `32H` is one value a cell, `16s` a text."""
    name: str
    """As `cellwarden decode` prints it."""
    unit: str = ""
    per: int = 1
    plus: int = 0
    form: Form = Form.NUMBER
    parameter: str = ""
    """The name of this setting in `cellwarden.model.parameters`, where it exists there."""
    secret: bool = False

    @property
    def size(self) -> int:
        """Bytes."""
        return struct.calcsize(f"<{self.code}")

    @property
    def count(self) -> int:
        """How many values it holds."""
        match = _CODE.fullmatch(self.code)
        assert match is not None
        number, kind = match.groups()
        return 1 if kind == "s" else int(number or 1)

    def value(self, counts: Sequence[Any]) -> Value:
        """Return the value of what was unpacked."""
        if self.form is Form.TEXT:
            return text(counts[0])
        if self.form is Form.SWITCH:
            return bool(counts[0])
        if self.count > 1:
            return tuple(self._scaled(count) for count in counts)
        return self._scaled(counts[0])

    def _scaled(self, count: int | float) -> int | float:  # noqa: PYI041  # told apart
        if isinstance(count, float):
            return round(count, 6)  # a float32 has seven digits
        return (count / self.per if self.per != 1 else count) + self.plus

    def counts(self, value: Value) -> tuple[Any, ...]:
        """Return what carries a value; the reverse of `value`."""
        if self.form is Form.TEXT:
            return (str(value).encode("ascii"),)
        several = value if isinstance(value, tuple) else (value,)
        if self.code.endswith("f"):
            return tuple(several)
        counts = [round((float(each) - self.plus) * self.per) for each in several]
        return (*counts, *[0] * (self.count - len(counts)))


class Block:
    """Fields compiled into one struct."""

    def __init__(self, fields: Iterable[Field], *, order: str = "<") -> None:
        """ValueError if two fields overlap. `order` is that of struct."""
        self.fields = tuple(sorted(fields, key=lambda field: field.at))
        layout, at, begin = [order], 0, 0
        self.slots: dict[str, slice] = {}
        """Where the counts of each field are in what `unpack` returns."""
        for field in self.fields:
            if field.at < at or field.name in self.slots:
                raise ValueError(f"{field.name} overlaps what is before it, or comes twice")
            layout.append(f"{field.at - at}x{field.code}")
            at = field.at + field.size
            self.slots[field.name] = slice(begin, begin + field.count)
            begin += field.count
        self.layout = struct.Struct("".join((*layout, f"{FRAME_SIZE - at}x")))
        self.unpack = self.layout.unpack

    def read(self, frame: bytes, *, secrets: bool = False) -> dict[str, Value]:
        """Return the values of a whole frame by name, secrets only if asked for."""
        counts = self.unpack(frame)
        return {
            field.name: field.value(counts[self.slots[field.name]])
            for field in self.fields
            if secrets or not field.secret
        }

    def pack(self, values: Mapping[str, Value]) -> bytearray:
        """Return a frame with these values and nought for all others; neither head nor sum."""
        counts: list[Any] = []
        for field in self.fields:
            empty: Value = "" if field.form is Form.TEXT else 0
            counts += field.counts(values.get(field.name, empty))
        return bytearray(self.layout.pack(*counts))


def parameters_of(fields: Iterable[Field], values: Mapping[str, Value]) -> dict[str, float]:
    """Return the values that are settings of ours, by the names of `model.parameters`."""
    return dict(_parameters(fields, values))


def _parameters(
    fields: Iterable[Field], values: Mapping[str, Value]
) -> Iterator[tuple[str, float]]:
    for field in fields:
        value = values.get(field.name)
        if field.parameter and isinstance(value, int | float):
            yield field.parameter, float(value)


_PRINTABLE = bytes(n if 0x20 <= n <= 0x7E else ord("?") for n in range(256))


def text(raw: bytes) -> str:
    """Return a text up to its first NUL, blanks around cut, what is not ASCII as `?`."""
    return raw.partition(b"\0")[0].translate(_PRINTABLE).decode("ascii").strip()
