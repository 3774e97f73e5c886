"""Frames made of rows, and dialects made of frames: one encoder and one decoder for all. Pure."""

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from typing import Any

from cellwarden.errors import FrameError
from cellwarden.links.can_frame import CanFrame
from cellwarden_can_inverter.signals import Bits, Flag, Number, Pair, Text
from cellwarden_can_inverter.view import LOWEST_CVL_V, BatteryView


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """One identifier: how many bytes are sent and what stands where."""

    can_id: int
    meaning: str
    """For a person: `limits`."""
    length: int
    """Bytes that we send (the DLC)."""
    shortest: int
    """Bytes without which a received frame says nothing useful."""
    numbers: tuple[Number, ...] = ()
    flags: tuple[Flag, ...] = ()
    texts: tuple[Text, ...] = ()
    pairs: tuple[Pair, ...] = ()
    bits: tuple[Bits, ...] = ()
    fill: bytes = b""
    """What stands in bytes that no row fills; zeros where it ends."""
    urgent: bool = False
    """Sent at once when less is allowed than before."""
    addressed: bool = False
    """The low four bits of the identifier are a battery's address."""
    alive: bool = True
    """Heard from an inverter, it is a sign of life."""

    def encode_view(self, view: BatteryView, clamped: set[str] | None = None) -> bytes | None:
        """Return the payload for a view; None if something in it is not known.

        The names of numbers that did not fit are added to `clamped`.
        """
        data = bytearray(self.fill.ljust(self.length, b"\0"))
        if not _write_numbers(self.numbers, view, data, clamped):
            return None
        for flag in self.flags:
            if flag.on(view):
                data[flag.byte] |= 1 << flag.bit
        for pair in self.pairs:
            if pair.on is not None:
                _write_pair(pair, 1 if pair.on(view) else 2, data)
        for bits in self.bits:
            data[bits.byte] |= (bits.of(view) & bits.mask) << bits.bit
        for text in self.texts:
            told = text.of(view)
            if told is None:
                return None
            _write(text, told, data)
        return bytes(data)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a polled battery sends, and when."""

    can_id: int
    """The inverter's question."""
    byte0: int | None
    """First byte of the question; None: any."""
    frames: tuple[Frame, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Meter:
    """Where an inverter tells what it measures at the battery's terminals."""

    can_id: int
    voltage: str
    """Names of the signals, in V and A."""
    current: str
    charging_sign: int
    """-1: the current is negative while charging."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """Everything that one kind of inverter understands."""

    name: str
    summary: str
    frames: tuple[Frame, ...]
    """What we send, in the order of sending, the urgent ones first."""
    heard: tuple[Frame, ...] = ()
    """What the inverter sends; also accepted with a 29-bit identifier (Schneider does that)."""
    also: tuple[Frame, ...] = ()
    """Of the sheet, and understood when another battery sends it, but not sent by us."""
    extended: bool = False
    """All identifiers have 29 bits."""
    answers: tuple[Answer, ...] = ()
    """Not empty: nothing is sent unless the inverter asks."""
    answer_within_s: float = 0.25
    """Real s from the question to the last frame of the answer."""
    least_gap_s: float = 0.0
    """The inverter takes the same frame no faster than this, real s."""
    manufacturer: str = "PYLON"
    """The name that is told unless the configuration gives another."""
    lowest_cvl_v: float = LOWEST_CVL_V
    """The lowest charge voltage that the inverter takes."""
    meter: Meter | None = None

    def encode(
        self, view: BatteryView, *, urgent_only: bool = False, clamped: set[str] | None = None
    ) -> list[CanFrame]:
        """Return the frames for a view, without those that would hold an unknown value.

        The names of numbers that did not fit their field are added to `clamped`.
        """
        return self.encode_frames(
            [f for f in self.frames if f.urgent] if urgent_only else self.frames, view, clamped
        )

    def encode_frames(
        self,
        frames: Sequence[Frame],
        view: BatteryView,
        clamped: set[str] | None = None,
    ) -> list[CanFrame]:
        """Return these frames of the dialect for a view."""
        return [
            CanFrame(frame.can_id, data, self.extended)
            for frame in frames
            if (data := frame.encode_view(view, clamped)) is not None
        ]

    def find(self, can_id: int, *, extended: bool) -> Frame | None:
        """Return the frame with that identifier, None if the dialect has none."""
        if extended == self.extended:
            candidates = (*self.frames, *self.also, *self.heard)
        elif extended:
            candidates = self.heard
        else:
            return None
        for frame in candidates:
            if frame.can_id == can_id:
                return frame
        for frame in candidates:
            if frame.addressed and frame.can_id & ~0xF == can_id & ~0xF:
                return frame
        return None

    def answer(self, question: CanFrame) -> Answer | None:
        """Return the answer to a frame of the inverter, None if it is no question."""
        for answer in self.answers:
            if answer.can_id == question.can_id and (
                answer.byte0 is None or question.data[:1] == bytes([answer.byte0])
            ):
                return answer
        return None

    def varied(
        self, *, whole_frames: bool = False, voltage_per: int | None = None, address: int = 0
    ) -> "Dialect":
        """Return this dialect as one inverter wants it.

        `whole_frames` makes every frame 8 bytes long, `voltage_per` are the counts in 1 V of the
        pack voltage in 0x356, `address` goes into identifiers that carry one.
        """

        def vary(frame: Frame) -> Frame:
            numbers = tuple(
                replace(number, per=voltage_per)
                if voltage_per and (frame.can_id, number.name) == (0x356, "voltage_V")
                else number
                for number in frame.numbers
            )
            return replace(
                frame,
                length=8 if whole_frames else frame.length,
                can_id=frame.can_id | address if frame.addressed else frame.can_id,
                numbers=numbers,
            )

        return replace(
            self,
            frames=tuple(map(vary, self.frames)),
            answers=tuple(replace(a, frames=tuple(map(vary, a.frames))) for a in self.answers),
        )


def encode(frame: Frame, values: Mapping[str, Any]) -> bytes:
    """Return the payload for values by signal name, `flags_set` and `two_bit` for bits.

    KeyError for a number that is missing, ValueError for NaN, infinity or a name that this frame
    does not have.
    """
    data = bytearray(frame.fill.ljust(frame.length, b"\0"))
    for number in frame.numbers:
        struct.pack_into(number.code, data, number.at, number.count(values[number.name]))
    for bits in frame.bits:
        data[bits.byte] |= (int(values[bits.name]) & bits.mask) << bits.bit
    told = values.get("two_bit", {})
    for count, how in ((1, "active"), (2, "inactive_ok")):
        pairs = {pair.name: pair for pair in frame.pairs}
        for name in told.get(how, ()):
            _write_pair(pairs[name], count, data)
    flags = {flag.name: flag for flag in frame.flags}
    for name in values.get("flags_set", ()):
        if name not in flags:
            raise ValueError(f"0x{frame.can_id:03X} has no flag {name!r}")
        data[flags[name].byte] |= 1 << flags[name].bit
    for text in frame.texts:
        _write(text, values.get(text.name, text.default), data)
    return bytes(data)


def decode(frame: Frame, data: bytes) -> dict[str, Any]:
    """Return what a payload says, by signal name; signals beyond its end are absent.

    `flags_set` lists the flags that are 1, sorted; bits that the dialect has no name for stand in
    `unknown_bits` as `byte1_bit4`. FrameError `length` if there is too little to be useful.
    """
    if len(data) < frame.shortest:
        raise FrameError(
            "length",
            f"0x{frame.can_id:03X} ({frame.meaning}): {len(data)} bytes, at least"
            f" {frame.shortest} are needed",
        )
    said: dict[str, Any] = {}
    for number in frame.numbers:
        if number.at + struct.calcsize(number.code) <= len(data):
            (count,) = struct.unpack_from(number.code, data, number.at)
            said[number.name] = number.value(count)
    for bits in frame.bits:
        if bits.byte < len(data):
            said[bits.name] = data[bits.byte] >> bits.bit & bits.mask
    for text in frame.texts:
        if text.at < len(data):
            raw = data[text.at : text.at + text.size]
            said[text.name] = raw.rstrip(b"\0 ").decode("ascii", "backslashreplace")
    if frame.flags:
        said.update(_decode_flags(frame, data))
    if frame.pairs:
        said["two_bit"] = {
            "active": _pairs_that_are(1, frame, data),
            "inactive_ok": _pairs_that_are(2, frame, data),
        }
    return said


def _pairs_that_are(count: int, frame: Frame, data: bytes) -> list[str]:
    return sorted(
        pair.name
        for pair in frame.pairs
        if pair.place // 4 < len(data)
        and data[pair.place // 4] >> 2 * (pair.place % 4) & 0b11 == count
    )


def _decode_flags(frame: Frame, data: bytes) -> dict[str, list[str]]:
    names = {(flag.byte, flag.bit): flag.name for flag in frame.flags}
    other = {(b.byte, b.bit + n) for b in frame.bits for n in range(b.width)}
    is_set = [
        (byte, bit)
        for byte in sorted({flag.byte for flag in frame.flags})
        if byte < len(data)
        for bit in range(8)
        if data[byte] >> bit & 1
    ]
    said = {"flags_set": sorted(names[place] for place in is_set if place in names)}
    unknown = [
        f"byte{byte}_bit{bit}"
        for byte, bit in is_set
        if (byte, bit) not in other and (byte, bit) not in names
    ]
    if unknown:
        said["unknown_bits"] = unknown
    return said


def _write_numbers(
    numbers: tuple[Number, ...], view: BatteryView, data: bytearray, clamped: set[str] | None
) -> bool:
    """Write the numbers; return False if one is not known and nothing stands in for it."""
    for number in numbers:
        value = number.of(view)
        if value is None or not isfinite(value):
            if number.missing is None:
                return False
            count = number.missing
        else:
            count = number.count(value)
            if clamped is not None and count != number.nearest(value):
                clamped.add(number.name)
        struct.pack_into(number.code, data, number.at, count)
    return True


def _write(text: Text, value: str, data: bytearray) -> None:
    raw = value.encode("ascii", "replace")[: text.size]
    data[text.at : text.at + text.size] = raw.ljust(text.size, text.pad)


def _write_pair(pair: Pair, count: int, data: bytearray) -> None:
    data[pair.place // 4] |= count << 2 * (pair.place % 4)
