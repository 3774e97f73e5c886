"""Frames as people type and paste them: hex with spaces or colons, CAN as `351#1402E803`.

What is recognised is brought into one form. Anything else is left to the protocol, which may know
more notations and says best what it wants.
"""

import re

from cellwarden.errors import ConfigError

_BETWEEN = re.compile(r"0[xX]|:")
_HEX = re.compile(r"[0-9A-Fa-f]+")
_CAN = re.compile(r"[0-9A-Fa-f]+#[0-9A-Fa-f]*|[0-9A-Fa-f]+")


def chunks_of(line: str) -> list[str]:
    """Return the chunks on one line: all of it is one, but each CAN frame is one of its own."""
    words = _BETWEEN.sub(" ", line).split()
    if all(_HEX.fullmatch(word) for word in words):
        return ["".join(words)] if words else []
    if not ("#" in words[0] and all(_CAN.fullmatch(word) for word in words)):
        return [line.strip()]
    chunks: list[str] = []
    for word in words:
        if "#" in word:
            chunks.append(word)
        else:  # goes on with the bytes of the frame before it
            chunks[-1] += word
    return chunks


def bytes_of(text: str) -> bytes:
    """Return the bytes of hex digits; ConfigError if they are none."""
    digits = "".join(_BETWEEN.sub(" ", text).split())
    if not _HEX.fullmatch(digits) or len(digits) % 2:
        raise ConfigError(f"{text!r} is no hex: write two digits for each byte, such as 4E 57 00")
    return bytes.fromhex(digits)
