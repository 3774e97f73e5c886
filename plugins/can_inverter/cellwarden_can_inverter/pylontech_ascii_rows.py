"""The rows of the ASCII protocol's tables: numbers, texts and bits, one after the other. Pure.

A layout is a tuple of rows in the sheet's order; the place of each follows from those before it.
What is written fits its field: values beyond it are clamped, never wrapped.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from cellwarden.errors import FrameError


class Cursor:
    """The INFO of a frame, read from the front."""

    def __init__(self, info: bytes) -> None:
        self._info = info
        self._at = 0

    def take(self, size: int) -> bytes:
        """Return the next bytes; FrameError `length` if there are too few."""
        piece = self._info[self._at : self._at + size]
        if len(piece) < size:
            raise FrameError("length", f"{len(self._info)} bytes of INFO are too few")
        self._at += size
        return piece

    @property
    def rest(self) -> int:
        """Bytes that were not taken yet."""
        return len(self._info) - self._at

    def end(self) -> None:
        """Make sure that everything was taken; FrameError `length` if not."""
        if self.rest:
            raise FrameError("length", f"{self.rest} bytes of INFO more than there should be")


class Row(Protocol):
    """One field of a layout."""

    def read(self, cursor: Cursor) -> Mapping[str, Any]:
        """Return what the field says, by name."""

    def write(self, values: Mapping[str, Any]) -> bytes:
        """Return the field; KeyError for a value that is missing, ValueError for NaN."""


@dataclass(frozen=True, slots=True)
class Number:
    """A big-endian number: value = (count - zero) / per, in the unit that ends `name`."""

    name: str
    size: int
    """Bytes."""
    per: int = 1
    """Counts in one unit."""
    zero: int = 0
    """The count that means nought."""
    signed: bool = False
    optional: bool = False
    """All bits set stand for "not known"; read and written as None."""

    def read(self, cursor: Cursor) -> dict[str, float | int | None]:
        """Return the value under its name."""
        return {self.name: self.value(cursor.take(self.size))}

    def write(self, values: Mapping[str, Any]) -> bytes:
        """Return the field for the value of that name."""
        return self.field(values[self.name])

    def value(self, field: bytes) -> float | int | None:
        """Return what a field says."""
        if self.optional and field == b"\xff" * self.size:
            return None
        count = int.from_bytes(field, "big", signed=self.signed) - self.zero
        return count if self.per == 1 else count / self.per

    def field(self, value: float | None) -> bytes:
        """Return the field for a value; ValueError for one that cannot be sent."""
        known = value is not None and math.isfinite(value)
        if not known and self.optional:
            return b"\xff" * self.size
        if value is None or not known:
            raise ValueError(f"{self.name} = {value} cannot be sent")
        bits = 8 * self.size
        low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if self.signed else (0, (1 << bits) - 1)
        if self.optional and not self.signed:
            high -= 1  # the highest count is taken
        count = math.floor(min(max(value * self.per + self.zero + 0.5, low), high))
        return count.to_bytes(self.size, "big", signed=self.signed)


@dataclass(frozen=True, slots=True)
class Address:
    """The address of the module that an extreme comes from, as four hex digits; None unknown."""

    name: str

    def read(self, cursor: Cursor) -> dict[str, str | None]:
        """Return it as the sheet writes it."""
        field = cursor.take(2)
        return {self.name: None if field == b"\xff\xff" else field.hex().upper()}

    def write(self, values: Mapping[str, Any]) -> bytes:
        """Return the field for `0034` or None."""
        value = values[self.name]
        return b"\xff\xff" if value is None else bytes.fromhex(value)


@dataclass(frozen=True, slots=True)
class Text:
    """ASCII, left aligned, filled up with NUL."""

    name: str
    size: int

    def read(self, cursor: Cursor) -> dict[str, str]:
        """Return the text without its filling."""
        raw = cursor.take(self.size).rstrip(b"\0 ")
        return {self.name: raw.decode("ascii", "backslashreplace")}

    def write(self, values: Mapping[str, Any]) -> bytes:
        """Return the field; what is too long is cut."""
        text = values[self.name].encode("ascii", "replace")
        return bytes(text[: self.size].ljust(self.size, b"\0"))


@dataclass(frozen=True, slots=True)
class Version:
    """A version, one byte a part: `3.5`."""

    name: str
    size: int

    def read(self, cursor: Cursor) -> dict[str, str]:
        """Return the parts with dots between them."""
        return {self.name: ".".join(map(str, cursor.take(self.size)))}

    def write(self, values: Mapping[str, Any]) -> bytes:
        """Return one byte a part."""
        parts = [min(int(part), 255) for part in values[self.name].split(".")]
        return bytes([*parts, *[0] * self.size][: self.size])


@dataclass(frozen=True, slots=True)
class Status:
    """One byte of bits, each told as yes or no; the byte itself under `status_hex`."""

    bits: tuple[tuple[int, str], ...]

    def read(self, cursor: Cursor) -> dict[str, str | bool]:
        """Return the byte in hex, and each bit that has a name."""
        (byte,) = cursor.take(1)
        return {"status_hex": f"{byte:02X}"} | {n: bool(byte >> bit & 1) for bit, n in self.bits}

    def write(self, values: Mapping[str, Any]) -> bytes:
        """Return the byte."""
        return bytes([sum(1 << bit for bit, name in self.bits if values.get(name))])


@dataclass(frozen=True, slots=True)
class Flags:
    """Bytes of bits, told as the sorted names of those that are set."""

    size: int
    bits: tuple[tuple[int, int, str], ...]
    """Byte, bit, name."""

    def read(self, cursor: Cursor) -> dict[str, list[str]]:
        """Return `flags_set`, and `unknown_bits` if there are any."""
        field = cursor.take(self.size)
        names = {(byte, bit): name for byte, bit, name in self.bits}
        places = [(n, bit) for n, byte in enumerate(field) for bit in range(8) if byte >> bit & 1]
        said = {"flags_set": sorted(names[place] for place in places if place in names)}
        unknown = [f"byte{n}_bit{bit}" for n, bit in places if (n, bit) not in names]
        return said | {"unknown_bits": unknown} if unknown else said

    def write(self, values: Mapping[str, Any]) -> bytes:
        """Return the bytes for `flags_set` and `unknown_bits`."""
        wanted = {*values["flags_set"], *values.get("unknown_bits", ())}
        names = {(byte, bit): name for byte, bit, name in self.bits}
        field = bytearray(self.size)
        for byte in range(self.size):
            for bit in range(8):
                if names.get((byte, bit), f"byte{byte}_bit{bit}") in wanted:
                    field[byte] |= 1 << bit
        return bytes(field)


Layout = Sequence[Row]


def read(layout: Layout, cursor: Cursor) -> dict[str, Any]:
    """Return what the rows say, in order."""
    said: dict[str, Any] = {}
    for row in layout:
        said.update(row.read(cursor))
    return said


def write(layout: Layout, values: Mapping[str, Any]) -> bytes:
    """Return the rows, one after the other."""
    return b"".join(row.write(values) for row in layout)


def counted(number: Number, cursor: Cursor) -> Iterator[float | int | None]:
    """Yield as many numbers as the byte before them says."""
    (count,) = cursor.take(1)
    for _ in range(count):
        yield number.value(cursor.take(number.size))


def write_counted(number: Number, values: Sequence[float | None]) -> bytes:
    """Return a byte with the count, then the numbers."""
    return bytes([len(values)]) + b"".join(map(number.field, values))
