"""What the protocols of `cellwarden decode` share: from hex in pieces to the frames in it."""

from collections.abc import Callable, Sequence
from typing import TypeVar

from cellwarden.errors import ConfigError, FrameError
from cellwarden_hardware.codecs.scanner import BadFrame, Framing, Scanner

Frame = TypeVar("Frame")


def hex_bytes(text: str) -> bytes:
    """Return the bytes of hex digits, with blanks or colons between them if one likes."""
    try:
        return bytes.fromhex(text.replace(":", " ").strip())
    except ValueError as error:
        raise ConfigError(
            f"{text[:40]!r} is not hex: two digits 0-9 A-F for each byte, such as A5 01 90 08"
        ) from error


def frames_in(framing: Framing[Frame], chunks: Sequence[bytes]) -> list[Frame]:
    """Return the frames of a captured stream, at least one. FrameError for the first bad one.

    Noise around good frames is what a real line sounds like; a frame that is wrong is not.
    """
    scanner = Scanner(framing)
    events = [event for chunk in chunks for event in scanner.feed(chunk)]
    events += scanner.reset()
    frames = [event for event in events if not isinstance(event, BadFrame)]
    for event in events:
        if isinstance(event, BadFrame) and (event.kind != "header" or not frames):
            raise event.error()
    if not frames:
        raise ConfigError(f"no bytes to decode: give hex digits, such as {framing.header_text}...")
    return frames


def asked(decode: Callable[[bytes], Frame], request: bytes | None) -> Frame | None:
    """Return what the request of a capture says, None without one; ConfigError if it is bad."""
    if request is None:
        return None
    try:
        return decode(request)
    except FrameError as error:
        raise ConfigError(f"the request is no good frame: {error}") from error
