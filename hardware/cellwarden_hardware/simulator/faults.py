"""How an emulated device misbehaves: the same switches whatever its link."""

import asyncio
import time
from random import Random

_OFF_S = 3.0


class Faults:
    """Faults that may be changed at any time, also by `cellwarden emulate --fault`."""

    def __init__(self) -> None:
        self.silent = False
        self.corrupt = False
        """One bit of each answer is wrong."""
        self.corrupt_share = 0.0
        """Share of answers, 0..1, in which one byte is another."""
        self.chopped = False
        """An answer comes in small pieces."""
        self.repeated = False
        """Every answer comes twice."""
        self.echo = False
        """The line gives every request back first, as half duplex adapters do."""
        self.cut_head = 0
        """Bytes missing at the start of an answer, as from an adapter that turns too slowly."""
        self.cut_tail = 0
        """Bytes missing at its end."""
        self.asleep = False
        """The next request only wakes it."""
        self.wrong_address = False
        """Answers carry the address of another, where the protocol has addresses."""
        self.reboot_every_s = 0.0
        """So often it is off for 3 s, at most half of the time; 0 never."""
        self.late_s = 0.0
        """Real time from a request to its answer."""
        self.other_master = False
        """Somebody else asks on the same line, just before each answer."""
        self._begun_s = time.monotonic()  # the loop's clock
        self._noise = Random(1)  # noqa: S311  # a line's noise

    @property
    def rebooting(self) -> bool:
        """Whether it is off just now."""
        every_s = self.reboot_every_s
        if not every_s:
            return False
        since_s = asyncio.get_running_loop().time() - self._begun_s
        return since_s % every_s < min(_OFF_S, every_s / 2)

    @property
    def says_nothing(self) -> bool:
        """Whether nothing is said now."""
        return self.silent or self.rebooting

    def spoilt(self, answer: bytes) -> bytes:
        """Return what is left of an answer on its way."""
        if self.corrupt:
            answer = one_bit_wrong(answer)
        if self.corrupt_share and self._noise.random() < self.corrupt_share:
            answer = one_byte_wrong(answer, self._noise)
        return answer[self.cut_head : len(answer) - self.cut_tail]


def one_bit_wrong(answer: bytes) -> bytes:
    """Return an answer with a wrong bit in its middle."""
    middle = len(answer) // 2
    return answer[:middle] + bytes((answer[middle] ^ 1,)) + answer[middle + 1 :]


def one_byte_wrong(answer: bytes, noise: Random) -> bytes:
    """Return an answer in which some byte is another."""
    place = noise.randrange(len(answer))
    other = answer[place] ^ noise.randrange(1, 256)
    return answer[:place] + bytes((other,)) + answer[place + 1 :]
