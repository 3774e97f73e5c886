"""One classic CAN frame, and the ways people write it down. Pure: no bus, no library."""

import re
from dataclasses import dataclass

from cellwarden.errors import FrameError

LONGEST = 8
"""Bytes in a classic CAN frame (ISO 11898-1); CAN FD is not spoken here."""

_STAMP = r"(?:\(\d+(?:\.\d+)?\)\s+)?"
# `351#1402`, `can0 351#1402`, `(1700000000.250) can0 351#1402 T`: cansend, and candump -L.
_COMPACT = re.compile(_STAMP + r"(?:\S+\s+)?([0-9A-Fa-f]+)#([0-9A-Fa-f.]*)(?:\s+[RT])?")
# `can0  351   [8]  14 02 74 0E 74 0E CC 01   '..t.t...'`: candump, also with -x and -a.
_COLUMNS = re.compile(
    _STAMP + r"\S+\s+(?:[RT]X\s+\S\s+\S\s+)?([0-9A-Fa-f]+)\s+\[(\d+)\]\s*((?:[0-9A-Fa-f]{2}\s*)*)"
    r"(?:'.*')?"
)


@dataclass(frozen=True, slots=True)
class CanFrame:
    """A data frame: identifier, up to 8 bytes, and whether the identifier has 29 bits."""

    can_id: int
    data: bytes
    extended: bool = False

    @property
    def text(self) -> str:
        """As candump logs it, `351#1402740E740ECC01`; a 29-bit identifier has eight digits."""
        return f"{self.can_id:0{8 if self.extended else 3}X}#{self.data.hex().upper()}"


def parse_frame(line: str) -> CanFrame:
    """Return the frame of a line in candump's or cansend's notation.

    An identifier of eight digits has 29 bits, one of up to three has 11. FrameError: `header` for
    a line that is no frame, `incomplete` for half a byte, `length` for more than 8 bytes or a
    count in brackets that does not match.
    """
    text = line.strip()
    if match := _COMPACT.fullmatch(text):
        digits, payload = match[1], match[2].replace(".", "")
        declared = None
    elif match := _COLUMNS.fullmatch(text):
        digits, payload = match[1], "".join(match[3].split())
        declared = int(match[2])
    else:
        raise FrameError(
            "header", f"not a CAN frame: {text!r}; write 351#1402E803 or candump's output"
        )
    if len(payload) % 2:
        raise FrameError("incomplete", f"{text!r} ends in the middle of a byte")
    data = bytes.fromhex(payload)
    if len(data) > LONGEST:
        raise FrameError("length", f"{len(data)} bytes: a CAN frame has at most {LONGEST}")
    if declared is not None and declared != len(data):
        raise FrameError("length", f"[{declared}] is announced, {len(data)} bytes follow")
    can_id, extended = int(digits, 16), len(digits) == 8
    if can_id > (0x1FFF_FFFF if extended else 0x7FF):
        raise FrameError(
            "header",
            f"{digits} is no identifier: 11 bits are written 000 to 7FF, 29 bits with eight digits",
        )
    return CanFrame(can_id, data, extended)
