"""Fixtures of the system tests; what they are made of is in `support.house`."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.house import CAPTURED, House, whole_house
from support.processes import Lines, started


@pytest.fixture
def packs(tmp_path: Path) -> Iterator[tuple[Lines, list[str]]]:
    """Two emulated JK packs in a process of their own: three captured frames, then they live."""
    play = tmp_path / "play.json"
    play.write_text(json.dumps([CAPTURED] * 3))
    command = [
        sys.executable, "-m", "cellwarden_hardware.simulator",
        "--packs", "2", "--seed", "7", "--capacity", "110", "--play", str(play),
    ]  # fmt: skip
    with started(command) as process:
        yield process, json.loads(process.next_line())["ports"]


@pytest.fixture
def house(tmp_path: Path, packs: tuple[Lines, list[str]]) -> Iterator[House]:
    """A house with all outputs on."""
    with whole_house(tmp_path, packs) as house:
        yield house
