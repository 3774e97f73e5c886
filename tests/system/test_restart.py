"""A kill at any moment: the controller comes up again with its state."""

import random
import signal
import time
from pathlib import Path

import pytest

from support.house import House, configuration, wait_for
from support.processes import Lines, cellwarden

pytestmark = [pytest.mark.system, pytest.mark.timeout(400)]

KILLS = 50


def soc(house: House) -> float:
    return float(house.bank()["packs"][0]["soc_percent"])


def test_fifty_kills_and_every_restart_remembers(
    tmp_path: Path, packs: tuple[Lines, list[str]]
) -> None:
    """The captured frames say 60 %, the simulated packs that follow say 45 %.

    What was counted since the first start must win over what the BMS says now, every time.
    """
    house = House(tmp_path, *packs)
    house.config.write_text(configuration(house, can=None, bus=None, mqtt=None))
    chance = random.Random(4)
    controller = house.run()
    wait_for(lambda: house.bank().get("soc_percent") is not None, "the first SoC")
    assert soc(house) == pytest.approx(60.0, abs=0.5)
    time.sleep(0.5)  # the first decision is on its way to the disk
    last = soc(house)
    for _ in range(KILLS):
        controller.end(signal.SIGKILL)
        controller = house.run()
        if chance.random() < 0.3:  # some are killed before they could do anything
            time.sleep(chance.uniform(0.0, 0.4))
            continue
        wait_for(lambda: house.bank().get("soc_percent") is not None, "a SoC after the restart")
        assert soc(house) == pytest.approx(last, abs=0.5)
        time.sleep(chance.uniform(0.0, 0.8))
        last = soc(house)
    wait_for(lambda: house.bank().get("charge_allowed"), "a bank that may be charged")
    text = house.log.read_text()
    assert controller.end() == 0
    assert "afresh" not in text
    assert "Traceback" not in text


def test_a_state_file_of_nonsense_is_put_aside_and_said_so(
    tmp_path: Path, packs: tuple[Lines, list[str]]
) -> None:
    house = House(tmp_path, *packs)
    house.config.write_text(configuration(house, can=None, bus=None, mqtt=None))
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "state.db").write_bytes(b"nonsense" * 1000)
    controller = house.run()
    wait_for(lambda: house.bank().get("phase") == "live", "a decision all the same")
    assert "is damaged" in house.log.read_text()
    assert (tmp_path / "state" / "state.damaged").exists()
    assert controller.end() == 0


def test_a_second_controller_is_refused_with_a_clear_line(
    tmp_path: Path, packs: tuple[Lines, list[str]]
) -> None:
    house = House(tmp_path, *packs)
    house.config.write_text(configuration(house, can=None, bus=None, mqtt=None))
    controller = house.run()
    wait_for(lambda: house.bank().get("phase") == "live", "the first decision")
    log = tmp_path / "second.log"
    second = Lines(cellwarden("run", "--config", str(house.config)), log=log)
    assert second.process.wait(20) == 1
    second.end()
    assert "another controller (process" in log.read_text()
    assert house.bank()["phase"] == "live"
    assert controller.end() == 0
