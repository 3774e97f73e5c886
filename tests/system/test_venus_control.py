"""What is written on the GX goes through the gate to the BMS, and comes back as what was read."""

from pathlib import Path

import pytest

from support import faulty_plugin
from support.house import House, wait_for, whole_house
from support.processes import Lines

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]

OUTPUT = '[[output]]\nplugin = "victron"\n'
LEFT = "com.victronenergy.battery.cellwarden_left"
RIGHT = "com.victronenergy.battery.cellwarden_right"


def running(house: House, **mode: str) -> None:
    text = house.config.read_text()
    for key, value in mode.items():
        text = text.replace("[controller]\n", f'[controller]\n{key} = "{value}"\n')
    house.config.write_text(text.replace(OUTPUT, f"{OUTPUT}packs = true\n"))
    house.run()
    for name in (None, LEFT, RIGHT):
        wait_for(lambda name=name: house.venus.ask("owned", name=name), f"{name}", 30)


def shown(house: House, path: str, name: str | None = None) -> object:
    kind, value = house.venus.ask("call", path=path, member="GetValue", name=name)["value"]
    return None if kind == "ai" else value


def write(house: House, path: str, value: int, name: str | None = None) -> int:
    reply = house.venus.ask("set_value", path=path, value=value, kind="Int32", name=name)
    return int(reply["value"][1])


def test_the_switch_of_one_bms_is_thrown_and_the_other_stays(house: House) -> None:
    running(house, mode="control")
    off = "/Settings/ForceDischargingOff"
    wait_for(lambda: shown(house, off, LEFT) == 0, "the switch", 20)
    assert write(house, off, 1, LEFT) == 0
    wait_for(lambda: shown(house, off, LEFT) == 1, "the switch off", 15)
    wait_for(lambda: shown(house, "/Io/AllowToDischarge", LEFT) == 0, "a blocked pack", 15)
    wait_for(lambda: shown(house, "/System/NrOfModulesBlockingDischarge") == 1, "the count", 15)
    assert shown(house, off, RIGHT) == 0


def test_charging_is_forced_off_in_monitor_mode_too_and_the_bms_is_not_touched(
    house: House,
) -> None:
    running(house)
    wait_for(lambda: (shown(house, "/Info/MaxChargeCurrent") or 0) > 0, "a charge limit", 30)
    assert write(house, "/Settings/ForceChargingOff", 1) == 0
    wait_for(lambda: shown(house, "/Info/MaxChargeCurrent") == 0, "no charging", 15)
    wait_for(lambda: shown(house, "/Settings/ForceChargingOff") == 1, "the order", 15)
    assert "victron" in str(shown(house, "/Info/ChargeLimitation"))
    # In mode monitor nothing is written to a BMS: the switch is not even offered.
    assert shown(house, "/Settings/ForceChargingOff", LEFT) is None
    assert write(house, "/Settings/ForceChargingOff", 1, LEFT) == 2
    assert write(house, "/Settings/ForceChargingOff", 0) == 0
    wait_for(lambda: (shown(house, "/Info/MaxChargeCurrent") or 0) > 0, "charging again", 30)


def test_a_process_that_hangs_is_ended_and_its_battery_leaves_the_bus(
    tmp_path: Path, packs: tuple[Lines, list[str]]
) -> None:
    more = '\n[[output]]\nplugin = "faulty-control"\nname = "broken"\nfault = "hangs"\n'
    hang = tmp_path / "hang"
    with whole_house(tmp_path, packs, more=more) as house:
        text = house.config.read_text()
        house.config.write_text(text.replace("[controller]\n", "[controller]\nwatchdog_s = 3\n"))
        site = faulty_plugin.install(tmp_path / "site")
        controller = house.run(environment={**site, "FAULTY_HANG": str(hang)})
        wait_for(house.venus.present, "the service", 30)
        hang.touch()
        # Until then Venus would go on obeying the last limits: it has no age check.
        wait_for(lambda: not house.venus.present(), "the name to be released", 15)
        assert controller.process.wait(5) == 70
        assert "the control loop has stood still for 3 s" in house.log.read_text()
