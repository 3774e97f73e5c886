"""Flat register tables: one row is one number at one address. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from cellwarden_modbus.registers import (
    KINDS,
    Value,
    Words,
    decode,
    decode_text,
    encode,
    encode_text,
)

Source = TypeVar("Source")


@dataclass(frozen=True, slots=True)
class Row(Generic[Source]):
    """One number: `value = count / per`."""

    at: int
    """Protocol address of its first register, from 0."""
    name: str
    type: str
    """A name in `registers.KINDS`, or `string`."""
    read: Callable[[Source], Value]
    per: float = 1
    unit: str = ""
    words: int = 0
    """Of a string; the other types have their own."""
    writes: str = ""
    """What a write to it asks for: a name in `writes.SWITCHES`; empty for what is read-only."""

    @property
    def size(self) -> int:
        """Registers it takes."""
        return self.words or KINDS[self.type].words

    def encode(self, source: Source, missing: int | None = None) -> Words:
        """Return its registers; `missing` replaces the type's own marker for the unknown."""
        value = self.read(source)
        if self.type == "string":
            return encode_text(value if isinstance(value, str) else None, self.size)
        number = None if value is None else float(value)
        return encode(KINDS[self.type], number, self.per, missing=missing)

    def decode(self, words: Words) -> Value:
        """Return the value in its registers, None for the type's own marker."""
        if self.type == "string":
            return decode_text(words)
        return decode(KINDS[self.type], words, self.per)


class Table(Generic[Source]):
    """Rows at rising addresses as one block; what lies between them holds `gap`."""

    def __init__(
        self,
        rows: Sequence[Row[Source]],
        *,
        size: int | None = None,
        gap: int = 0xFFFF,
        missing: int | None = None,
    ) -> None:
        self.rows = tuple(rows)
        self.start = self.rows[0].at
        last = self.rows[-1]
        self.size = last.at + last.size - self.start if size is None else size
        self._gap = gap
        self._missing = missing

    def image(self, source: Source) -> list[int]:
        """Return every register of the block."""
        words = [self._gap] * self.size
        for row in self.rows:
            at = row.at - self.start
            words[at : at + row.size] = row.encode(source, self._missing)
        return words
