"""The frame of Pylontech's RS485 protocol, `~ VER ADR CID1 CID2 LENGTH INFO CHKSUM CR`. Pure.

Between the raw bytes `~` and CR everything is hex, two characters a byte. Source: Pylontech
"RS485-protocol-pylon-low-voltage" V3.3 and V3.5, section 2; captures of US2000, US3000C, US5000.
The worked examples of V3.3 print two wrong checksums: the arithmetic below is what real packs do.
"""

from dataclasses import dataclass
from enum import IntEnum

from cellwarden.errors import FrameError

SOI, EOI = b"~", b"\r"
BATTERY = 0x46
"""CID1 of battery data."""
LONGEST_INFO = 0xFFF
"""Characters: what the 12 bits of LENID can say."""
HEADER, CHECKSUM = 12, 4
"""Characters before INFO (without `~`) and after it (without CR)."""
SHORTEST = 1 + HEADER + CHECKSUM + 1
LONGEST = SHORTEST + LONGEST_INFO
_LOOK_AHEAD = 64
"""Characters that a receiver asks for at most: a length that lies must not make it deaf."""

_HEX = frozenset(b"0123456789ABCDEFabcdef")


class Return(IntEnum):
    """What stands in the place of the command in an answer."""

    NORMAL = 0x00
    VERSION = 0x01
    CHECKSUM = 0x02
    LENGTH = 0x03
    COMMAND = 0x04
    FORMAT = 0x05
    DATA = 0x06
    ADDRESS = 0x90
    INTERNAL = 0x91
    """The battery cannot hear its own cells."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """A whole, undamaged frame."""

    address: int
    code: int
    """The command (CID2) of a request, the `Return` of an answer."""
    info: bytes = b""
    version: int = 0x20
    device: int = BATTERY
    """CID1."""

    @property
    def is_answer(self) -> bool:
        """Whether it is an answer: no command has the number of a return code."""
        return self.code in _RETURNS


_RETURNS = frozenset(Return)


class DamagedFrame(FrameError):
    """A frame that cannot be used; `answer` is what its addressee should say, None for nothing."""

    def __init__(
        self, kind: str, message: str, *, address: int | None = None, answer: Return | None = None
    ) -> None:
        super().__init__(kind, message)
        self.address = address
        self.answer = answer


def checksum(body: bytes) -> int:
    """Return the CHKSUM of the characters between `~` and CHKSUM."""
    return -sum(body) & 0xFFFF


def length_field(characters: int) -> int:
    """Return LENGTH: LENID with its check nibble before it (18 characters: D012)."""
    if not 0 <= characters <= LONGEST_INFO:
        raise ValueError(f"{characters} characters do not fit into one frame")
    nibbles = (characters >> 8) + (characters >> 4 & 15) + (characters & 15)
    return (-nibbles & 15) << 12 | characters


def encode_frame(frame: Frame) -> bytes:
    """Return the characters on the wire; ValueError if INFO is too long for one frame."""
    head = bytes((frame.version, frame.address, frame.device, frame.code))
    length = length_field(2 * len(frame.info)).to_bytes(2, "big")
    body = (head + length + frame.info).hex().upper().encode()
    return b"%s%s%04X%s" % (SOI, body, checksum(body), EOI)


def parse(body: bytes) -> Frame:
    """Return the frame whose characters stood between `~` and CR; DamagedFrame if it is none."""
    if not _HEX.issuperset(body[:HEADER]):
        raise DamagedFrame("header", "there is something other than hex in the header")
    if len(body) < HEADER + CHECKSUM:
        raise DamagedFrame("incomplete", f"{len(body)} characters are no frame")
    version, address, device, code = bytes.fromhex(body[:8].decode())
    _check(body, address)
    return Frame(
        address=address,
        code=code,
        info=bytes.fromhex(body[HEADER:-CHECKSUM].decode()),
        version=version,
        device=device,
    )


def _check(body: bytes, address: int) -> None:
    """Refuse a frame whose length or checksum is wrong, and say what to answer."""

    def damaged(kind: str, message: str, answer: Return | None) -> DamagedFrame:
        return DamagedFrame(kind, message, address=address, answer=answer)

    tail = body[-CHECKSUM:]
    sum_is_good = _HEX.issuperset(tail) and int(tail, 16) == checksum(body[:-CHECKSUM])
    length = int(body[8:HEADER], 16)
    announced, there = length & LONGEST_INFO, len(body) - HEADER - CHECKSUM
    if length != length_field(announced):
        if not sum_is_good:
            raise damaged("checksum", "length and checksum are wrong", Return.CHECKSUM)
        raise damaged("length", f"LENGTH {length:04X} contradicts itself", Return.LENGTH)
    if there != announced:
        kind = "incomplete" if there < announced else "length"
        message = f"{announced} characters of INFO are announced, {there} are there"
        raise damaged(kind, message, Return.FORMAT if sum_is_good else None)
    if not sum_is_good:
        needed = f"{checksum(body[:-CHECKSUM]):04X}"
        shown = tail.decode("ascii", "backslashreplace")
        raise damaged("checksum", f"checksum {shown} should be {needed}", Return.CHECKSUM)
    if announced % 2 or not _HEX.issuperset(body[HEADER:-CHECKSUM]):
        raise damaged("length", "INFO is no row of whole hex bytes", Return.FORMAT)


class Receiver:
    """Finds frames in what comes over a shared line, in pieces of any size."""

    def __init__(self) -> None:
        self._held = bytearray()

    def feed(self, data: bytes) -> list[Frame | DamagedFrame]:
        """Take what came; return the frames that it completes, damaged ones included."""
        heard: list[Frame | DamagedFrame] = []
        self._held += data
        while (end := self._held.find(EOI)) >= 0:
            line = bytes(self._held[:end])
            del self._held[: end + 1]
            start = line.rfind(SOI)  # a `~` always begins anew
            if start >= 0 and len(line) - start < LONGEST:
                try:
                    heard.append(parse(line[start + 1 :]))
                except DamagedFrame as damaged:
                    heard.append(damaged)
        start = self._held.rfind(SOI)
        if start < 0 or len(self._held) - start >= LONGEST:
            self._held.clear()
        else:
            del self._held[:start]
        return heard

    @property
    def idle(self) -> bool:
        """Whether no frame is half heard."""
        return not self._held

    def missing(self) -> int:
        """Return how many characters are worth waiting for before looking again, 1 or more."""
        held = bytes(self._held)
        if len(held) <= HEADER:
            return SHORTEST - len(held)
        field = held[9 : 1 + HEADER]
        if not _HEX.issuperset(field):
            return 1
        total = SHORTEST + (int(field, 16) & LONGEST_INFO)
        return min(max(total - len(held), 1), _LOOK_AHEAD)

    def discard(self) -> None:
        """Drop what is half heard: the line fell silent in the middle of it."""
        self._held.clear()
