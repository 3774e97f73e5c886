"""What each unit id serves, and how one request is answered from one decision.

Nothing is made before it is asked for: with no client a decision costs nothing. The registers of
a block are made once a decision, all from the same object, so that no answer mixes two.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from cellwarden_modbus import own, sunspec, victron
from cellwarden_modbus.moment import ABSENT, Moment
from cellwarden_modbus.own import OnePack


@dataclass(slots=True)
class Block:
    """A run of registers with the moment it was made of."""

    start: int
    size: int
    make: Callable[[Moment], list[int]]
    always: bool = False
    """Served even when there is no battery: it tells its own status and age."""
    aged: Callable[[list[int], Moment], None] | None = None
    """Writes into the registers what changes with every request."""
    _made_of: Moment | None = None
    _words: list[int] = field(default_factory=list)

    @property
    def end(self) -> int:
        """The first address after it."""
        return self.start + self.size

    def words(self, moment: Moment) -> list[int]:
        """Return the registers of this moment."""
        if self._made_of is not moment:
            self._words = self.make(moment)
            self._made_of = moment
        if self.aged is not None:
            self.aged(self._words, moment)
        return self._words


class Absent(Exception):  # an answer, not a mistake
    """There is no battery behind this unit now."""


class Unit:
    """One unit id; its blocks stand at rising addresses."""

    def __init__(self, blocks: tuple[Block, ...]) -> None:
        self.blocks = blocks

    def read(self, address: int, count: int, moment: Moment) -> list[int] | None:
        """Return so many registers, None where there are none; `Absent` without a battery."""
        words: list[int] = []
        for block in self.blocks:
            if block.start <= address < block.end:
                if moment.status in ABSENT and not block.always:
                    raise Absent
                at = address - block.start
                part = block.words(moment)[at : at + count]
                words += part
                address += len(part)
                count -= len(part)
                if not count:
                    return words
        return None


def bank_unit(unit: int, layout: sunspec.Layout, ages: Callable[[list[int], Moment], None]) -> Unit:
    """Return the bank's unit: Victron's registers, our own map, and the SunSpec device."""
    blocks = [Block(table.start, table.size, table.image) for table in victron.TABLES]
    blocks.append(Block(own.BANK.start, own.BANK.size, own.BANK.image, always=True, aged=ages))
    at = sunspec.BASE
    for size, make in sunspec.parts(layout, unit):
        blocks.append(Block(at, size, make))
        at += size
    return Unit(tuple(blocks))


def pack_unit(number: int, ages: Callable[[list[int], Moment], None]) -> Unit:
    """Return the unit of the pack with this number from 1."""

    def make(moment: Moment) -> list[int]:
        return own.PACK.image(OnePack(moment=moment, number=number))

    return Unit((Block(own.PACK.start, own.PACK.size, make, always=True, aged=ages),))
