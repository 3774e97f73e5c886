"""Frames made of rows, and dialects made of frames: one encoder and one decoder for all. Pure."""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cellwarden.errors import FrameError
from cellwarden.links.can_frame import CanFrame
from cellwarden_can_inverter.signals import Flag, Number, Text
from cellwarden_can_inverter.view import BatteryView


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
    urgent: bool = False
    """Sent at once when less is allowed than before."""

    def encode_view(self, view: BatteryView) -> bytes | None:
        """Return the payload for a view; None if a number in it is not known."""
        data = bytearray(self.length)
        for number in self.numbers:
            value = number.of(view)
            if value is None:
                return None
            struct.pack_into(number.code, data, number.at, number.count(value))
        for flag in self.flags:
            if flag.on(view):
                data[flag.byte] |= 1 << flag.bit
        for text in self.texts:
            _write(text, text.of(view), data)
        return bytes(data)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """Everything that one kind of inverter understands."""

    name: str
    summary: str
    frames: tuple[Frame, ...]
    """What we send, in the order of sending, the urgent ones first."""
    heard: tuple[Frame, ...] = ()
    """What the inverter sends; also accepted with a 29-bit identifier (Schneider does that)."""

    def encode(self, view: BatteryView, *, urgent_only: bool = False) -> list[CanFrame]:
        """Return the frames for a view, without those that would hold an unknown value."""
        return [
            CanFrame(frame.can_id, data)
            for frame in self.frames
            if (frame.urgent or not urgent_only) and (data := frame.encode_view(view)) is not None
        ]

    def find(self, can_id: int, *, extended: bool) -> Frame | None:
        """Return the frame with that identifier, None if the dialect has none."""
        for frame in self.heard if extended else (*self.frames, *self.heard):
            if frame.can_id == can_id:
                return frame
        return None


def encode(frame: Frame, values: Mapping[str, Any]) -> bytes:
    """Return the payload for values by signal name, `flags_set` for the flags.

    KeyError for a number that is missing, ValueError for NaN, infinity or a name that this frame
    does not have.
    """
    data = bytearray(frame.length)
    for number in frame.numbers:
        struct.pack_into(number.code, data, number.at, number.count(values[number.name]))
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
            said[number.name] = count if number.per == 1 else count / number.per
    for text in frame.texts:
        if text.at < len(data):
            raw = data[text.at : text.at + text.size]
            said[text.name] = raw.rstrip(b"\0 ").decode("ascii", "backslashreplace")
    if frame.flags:
        said.update(_decode_flags(frame, data))
    return said


def _decode_flags(frame: Frame, data: bytes) -> dict[str, list[str]]:
    names = {(flag.byte, flag.bit): flag.name for flag in frame.flags}
    is_set = [
        (byte, bit)
        for byte in sorted({flag.byte for flag in frame.flags})
        if byte < len(data)
        for bit in range(8)
        if data[byte] >> bit & 1
    ]
    said = {"flags_set": sorted(names[place] for place in is_set if place in names)}
    unknown = [f"byte{byte}_bit{bit}" for byte, bit in is_set if (byte, bit) not in names]
    if unknown:
        said["unknown_bits"] = unknown
    return said


def _write(text: Text, value: str, data: bytearray) -> None:
    data[text.at : text.at + text.size] = value.encode("ascii")[: text.size].ljust(text.size)
