"""A bank of several makes, each behind its own emulated device, in processes of their own."""

import tomllib
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from support.processes import cellwarden, started, status, until

pytestmark = pytest.mark.system

MAKES = ("daly", "jbd", "jk-modbus")


@pytest.fixture
def config(tmp_path: Path) -> Iterator[Path]:
    """A file that reads one pack of each make, as the emulated devices themselves propose it."""
    lines = [
        "[controller]",
        f'state_dir = "{tmp_path / "state"}"',
        f'runtime_dir = "{tmp_path / "run"}"',
    ]
    with ExitStack() as stack:
        for make in MAKES:
            process = stack.enter_context(
                started(cellwarden("emulate", make, "--link", str(tmp_path / make)))
            )
            while "capacity_ah" not in lines[-1]:
                lines.append(process.next_line().replace("pack-1", make))
            lines.append("")
        file = tmp_path / "cellwarden.toml"
        file.write_text("\n".join(lines))
        assert len(tomllib.loads(file.read_text())["pack"]) == len(MAKES)
        yield file


def packs(config: Path) -> dict[str, Any]:
    bank = (status(config.parent / "run") or {}).get("bank") or {}
    return {pack["pack"]: pack for pack in bank.get("packs", [])}


def online(config: Path) -> list[str]:
    return [name for name, pack in packs(config).items() if pack["phase"] == "online"]


def test_three_makes_are_one_bank(config: Path) -> None:
    with started(cellwarden("run", "--config", str(config))):
        until(lambda: online(config) == list(MAKES), 30.0, "three packs online")
        found = packs(config)
    assert {len(pack["reading"]["cell_voltages_v"]) for pack in found.values()} == {16}


def test_another_pack_than_the_one_that_was_meant_is_not_heard(config: Path) -> None:
    wrong = config.read_text().replace('name = "daly"', 'name = "daly"\nserial_number = "4711"')
    config.write_text(wrong)
    log = config.with_suffix(".log")
    with started(cellwarden("run", "--config", str(config)), log=log) as process:
        until(lambda: online(config) == ["jbd", "jk-modbus"], 30.0, "the other two online")
        until(lambda: "expected 4711" in log.read_text(), 10.0, "the message")
        assert online(config) == ["jbd", "jk-modbus"]
        assert process.end() == 0
    assert "another pack is on its port" in log.read_text()
