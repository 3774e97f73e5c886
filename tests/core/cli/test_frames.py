"""Frames as people type and paste them."""

import pytest

from cellwarden.cli.frames import chunks_of


@pytest.mark.parametrize(
    ("line", "chunks"),
    [
        ("", []),
        ("  \n", []),
        ("4E57", ["4E57"]),
        ("4e 57 00\n", ["4e5700"]),
        ("4E:57:00", ["4E5700"]),
        ("0x4E 0X57", ["4E57"]),
        ("351#1402E803", ["351#1402E803"]),
        ("351#14 02 E8 03", ["351#1402E803"]),
        ("0x351#1402 355#4000", ["351#1402", "355#4000"]),
        ("18FF50E5#", ["18FF50E5#"]),
        # Other notations are the protocol's business.
        ("can0  351   [2]  14 02", ["can0  351   [2]  14 02"]),
        ("(1700000000.250) can0 351#1402", ["(1700000000.250) can0 351#1402"]),
        ("14 351#02", ["14 351#02"]),
        ("~20024642E00202FD33\r", ["~20024642E00202FD33"]),
        ("4E5", ["4E5"]),
    ],
)
def test_a_line_becomes_chunks(line: str, chunks: list[str]) -> None:
    assert chunks_of(line) == chunks
