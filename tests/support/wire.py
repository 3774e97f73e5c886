"""What every codec that looks for frames in a stream must stand."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from cellwarden.errors import FrameError
from cellwarden.interfaces import WireProtocol
from cellwarden_hardware.codecs.scanner import BadFrame, Framing, Scanner


def check_row(protocol: WireProtocol, row: dict[str, Any], *, with_request: bool = False) -> None:
    """Compare what `decode` shows of a captured frame with what stands beside it."""
    chunks = row.get("chunks_hex") or [row["frame_hex"]]
    request = bytes.fromhex(row["request_hex"]) if with_request else None
    expected = row["expected"]
    if "error" in expected:
        with pytest.raises(FrameError) as caught:
            protocol.decode(chunks, request=request)
        assert {"error": caught.value.kind, **caught.value.facts} == expected
        return
    (shown,) = protocol.decode(chunks, request=request)
    assert {name: shown.get(name) for name in expected} == expected
    assert json.loads(json.dumps(shown)) == shown


def events(framing: Framing[Any], *pieces: bytes) -> list[Any]:
    """Return what a scanner makes of a stream in these pieces, and of the silence after it."""
    scanner = Scanner(framing)
    found = [event for piece in pieces for event in scanner.feed(piece)]
    return found + scanner.reset()


def check_cuts(framing: Framing[Any], stream: bytes) -> None:
    """Check that no way to cut a stream in two, nor byte by byte, changes what is in it."""
    whole = events(framing, stream)
    for at in range(len(stream) + 1):
        assert events(framing, stream[:at], stream[at:]) == whole, at
    assert events(framing, *(bytes((byte,)) for byte in stream)) == whole


def check_truncations(decode: Callable[[bytes], object], frame: bytes) -> None:
    """Check that a frame that lacks bytes at its end is called incomplete."""
    for size in range(len(frame)):
        with pytest.raises(FrameError) as caught:
            decode(frame[:size])
        assert caught.value.kind == "incomplete", size


def flips(frame: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the frame with each single bit wrong, and the byte it is in."""
    for bit in range(8 * len(frame)):
        wrong = bytearray(frame)
        wrong[bit // 8] ^= 1 << bit % 8
        yield bit // 8, bytes(wrong)


def good(found: list[Any]) -> list[Any]:
    """Return the frames among the events."""
    return [event for event in found if not isinstance(event, BadFrame)]
