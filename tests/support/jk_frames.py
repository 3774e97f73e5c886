"""The captured frames of the JK family, and how what is shown of them is compared."""

import json
from pathlib import Path

import pytest

from cellwarden.errors import FrameError
from cellwarden.interfaces import WireProtocol

HERE = Path(__file__).parents[1] / "hardware"


def rows(name: str) -> list[dict[str, object]]:
    """Return the vectors kept beside the tests."""
    return json.loads((HERE / f"{name}_frames.json").read_text())


def frame(name: str, id_: str) -> bytes:
    """Return the bytes of one vector."""
    (row,) = (row for row in rows(name) if row["id"] == id_)
    return bytes.fromhex(row["frame_hex"])


def chunks_of(row: dict[str, object]) -> list[str]:
    """Return the input of a vector as `decode` takes it."""
    chunks = row.get("chunks_hex") or [row["frame_hex"]]
    if "can_id" not in row:
        return chunks
    digits = 8 if row["extended"] else 3
    return [f"{int(row['can_id'], 16):0{digits}X}#{chunks[0]}"]


def check(protocol: WireProtocol, row: dict[str, object]) -> None:
    """Compare what is shown of a vector with what is expected of it."""
    request = bytes.fromhex(row["request_hex"]) if "request_hex" in row else None

    def decode() -> list[dict[str, object]]:
        return protocol.decode(chunks_of(row), request=request, variant=row.get("variant"))

    expected = row["expected"]
    if "error" in expected:
        with pytest.raises(FrameError) as caught:
            decode()
        assert {"error": caught.value.kind, **caught.value.facts} == expected
        return
    frames = expected.get("frames", [expected])
    shown = decode()
    assert json.loads(json.dumps(shown, allow_nan=False)) == shown
    assert len(shown) == len(frames)
    for is_, should in zip(shown, frames, strict=True):
        assert {name: is_.get(name) for name in should} == {
            name: near(value) for name, value in should.items()
        }


def near(value: object) -> object:
    """Return what equals a value within half of its last digit."""
    if isinstance(value, list):
        return [near(each) for each in value]
    if isinstance(value, float):
        digits = len(repr(value).partition(".")[2])
        return pytest.approx(value, rel=0, abs=0.5 * 10**-digits + 1e-9)
    return value
