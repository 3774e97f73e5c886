"""`cellwarden diagnose` and `record` against a running controller."""

import json
import subprocess
from pathlib import Path

import pytest

from support.house import House, configuration, wait_for
from support.processes import Lines, cellwarden

pytestmark = [pytest.mark.system, pytest.mark.timeout(90)]


@pytest.fixture
def running(tmp_path: Path, packs: tuple[Lines, list[str]]):
    house = House(tmp_path, *packs)
    house.config.write_text(configuration(house, can=None, bus=None, mqtt=None))
    controller = house.run()
    wait_for(lambda: house.bank().get("phase") == "live", "the first decision")
    yield house
    assert controller.end() == 0


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        cellwarden(*arguments), capture_output=True, text=True, timeout=40, check=False
    )


def test_a_running_controller_is_diagnosed_with_curves_of_its_recorder(
    running: House, tmp_path: Path
) -> None:
    shown = run("diagnose", "--config", str(running.config), "--json")
    assert shown.returncode == 0, shown.stderr
    report = json.loads(shown.stdout)
    assert [pack["pack"] for pack in report["packs"]] == ["left", "right"]
    assert len(report["packs"][0]["cells"]) == 16

    def drawn() -> bool:
        target = tmp_path / "page.html"
        assert (
            run("diagnose", "--config", str(running.config), "--html", str(target)).returncode == 0
        )
        return "<polyline" in target.read_text(encoding="utf-8")

    wait_for(drawn, "the recorder's first lines on disk", 30.0)


def test_a_recording_of_a_running_controller_replays_to_the_same_decisions(
    running: House, tmp_path: Path
) -> None:
    target = tmp_path / "out.jsonl.gz"

    def replayed() -> bool:
        exported = run("record", "export", str(target), "--config", str(running.config))
        if exported.returncode:
            return False
        shown = run("replay", str(target))
        assert shown.returncode == 0, shown.stderr
        return int(shown.stderr.split()[0]) > 5

    wait_for(replayed, "enough decisions on disk", 40.0)
    assert "all as recorded" in run("replay", str(target), "--json").stderr
    listed = json.loads(run("record", "list", "--config", str(running.config), "--json").stdout)
    assert listed["files"] == 1
