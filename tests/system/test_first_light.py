"""First light: bytes of a JK pack on a serial port reach every ecosystem as one decision.

The controller is a process of its own; its peers are real (a D-Bus daemon, Mosquitto, a CAN bus
that crosses processes) and are asked by clients that share no code with it.
"""

import json
import re
import time
from itertools import pairwise
from typing import Any

import pytest

from support.house import CHARGE_A, DISCHARGE_A, House, wait_for
from support.processes import Lines

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]

SIX = {0x351, 0x355, 0x356, 0x359, 0x35C, 0x35E}
COMM_FAIL = 0x08  # 0x359 byte 3 bit 3: internal communication fail


def risen(limits: dict[str, Any]) -> bool:
    """Whether nothing but the packs themselves holds the currents, and how they share."""
    return all(
        limits[key]["reasons"][0].endswith("current setting")
        or "how the packs share" in limits[key]["reasons"][0]
        for key in ("charge_current", "discharge_current")
    )


def test_captured_frames_reach_every_output_with_the_same_values(house: House) -> None:
    house.run()
    wait_for(lambda: house.bank().get("phase") == "live", "the first decision")
    wait_for(lambda: house.inverter.number(0x356, 0, per=100) == 52.28, "52.28 V on CAN")
    wait_for(lambda: house.venus.items().get("/Dc/0/Voltage") == 52.28, "52.28 V on D-Bus")
    wait_for(
        lambda: any("52.28" in text for _, _, text in house.broker.messages()), "52.28 V on MQTT"
    )


def test_live_values_are_the_same_everywhere(house: House) -> None:
    house.run()
    wait_for(lambda: house.bank().get("phase") == "live", "the first decision")
    wait_for(lambda: (house.broker.state("Home") or {}).get("soc") is not None, "a state on MQTT")
    # Two packs that are not quite alike share unevenly: the sum stays below twice one pack's limit.
    wait_for(lambda: risen(house.bank()["limits"]), "limits that have risen", 30)
    time.sleep(1.5)  # and have been told

    # All six, 11 bit, each about once a second, not in one burst.
    began_s = time.monotonic()
    time.sleep(5.2)
    frames = house.inverter.frames(since_s=began_s)
    assert {frame.identifier for frame in frames} == SIX
    assert not any(frame.extended for frame in frames)
    for identifier in SIX:
        assert 5 <= sum(frame.identifier == identifier for frame in frames) <= 12
    gaps = sorted(b.at_s - a.at_s for a, b in pairwise(frames))
    assert gaps[len(gaps) // 2] > 0.01

    # The simulation moves on between two looks, so compare within what a second may change.
    bank = house.bank()
    items = house.venus.items()
    state = house.broker.state("Home")
    assert state is not None
    limits = bank["limits"]
    assert house.inverter.number(0x351, 0, per=10) == pytest.approx(
        limits["charge_voltage"]["value"], abs=0.051
    )
    assert items["/Info/MaxChargeVoltage"] == pytest.approx(
        limits["charge_voltage"]["value"], abs=0.01
    )
    for at, key, path, of_one_pack in (
        (2, "charge_current", "/Info/MaxChargeCurrent", CHARGE_A),
        (4, "discharge_current", "/Info/MaxDischargeCurrent", DISCHARGE_A),
    ):
        value = limits[key]["value"]
        assert of_one_pack < value <= 2 * of_one_pack
        assert house.inverter.number(0x351, at, per=10) == pytest.approx(value, abs=0.2)
        assert items[path] == pytest.approx(value, abs=0.2)
    assert house.inverter.number(0x355, 0, per=1) == pytest.approx(bank["soc_percent"], abs=1)
    assert items["/Soc"] == pytest.approx(bank["soc_percent"], abs=1)
    assert state["soc"] == pytest.approx(bank["soc_percent"], abs=1)
    assert house.inverter.number(0x356, 0, per=100) == pytest.approx(bank["voltage_v"], abs=0.2)
    assert items["/Dc/0/Voltage"] == pytest.approx(bank["voltage_v"], abs=0.2)
    assert items["/System/NrOfModulesOnline"] == 2
    assert items["/ProductId"] == int(items["/ProductId"])
    assert set(house.broker.discovered()) == {"Home", "Home controller", "Home left", "Home right"}


def test_one_silent_pack_is_left_out_and_comes_back(house: House) -> None:
    def dcl_a() -> float:
        return float(house.bank()["limits"]["discharge_current"]["value"])

    house.run()
    wait_for(lambda: house.bank().get("charge_allowed"), "a bank that may be charged")
    wait_for(lambda: house.venus.items().get("/System/NrOfModulesOnline") == 2, "two modules")
    wait_for(lambda: dcl_a() > DISCHARGE_A + 10, "limits that need both packs", 60)
    installed = house.venus.items()["/Capacity"]

    silent_s = time.monotonic()
    house.tell("silent 1")
    wait_for(lambda: len(house.bank()["packs"][1]["alarms"]) > 0, "the alarm of the pack")
    assert time.monotonic() - silent_s < 2.0 + 2.0  # max_age_s and a few polls
    bank = house.bank()
    right = bank["packs"][1]
    assert right["phase"] == "lost"
    assert right["reading"] is None
    assert right["soc_percent"] is None
    assert bank["phase"] == "live"
    assert bank["charge_allowed"]
    assert bank["limits"]["discharge_current"]["value"] <= DISCHARGE_A
    assert any("right" in reason for reason in bank["limits"]["discharge_current"]["reasons"])
    assert any("right: no data from the BMS" in alarm["text"] for alarm in bank["alarms"])

    # Both alarms: internal communication fail for the inverter, BmsCable for the GX.
    wait_for(lambda: (house.inverter.latest(0x359) or bytes(7))[3] & COMM_FAIL, "comm fail on CAN")
    wait_for(lambda: house.venus.items().get("/Alarms/BmsCable") == 1, "a warning on D-Bus")
    items = house.venus.items()
    assert items["/System/NrOfModulesOnline"] == 1
    assert items["/System/NrOfModulesOffline"] == 1
    wait_for(lambda: house.venus.items()["/Capacity"] < 0.6 * installed, "half the capacity", 30)
    assert (house.inverter.latest(0x359) or bytes(7))[4] == 1
    wait_for(
        lambda: (house.broker.latest_availability("Home right")) == "offline", "offline on MQTT"
    )

    house.tell("speak 1")
    wait_for(lambda: house.bank()["packs"][1]["phase"] == "online", "the pack's return", 20)
    wait_for(lambda: house.venus.items().get("/Alarms/BmsCable") == 0, "no alarm on D-Bus")
    wait_for(lambda: not (house.inverter.latest(0x359) or bytes(7))[3], "no alarm on CAN")
    wait_for(lambda: dcl_a() > DISCHARGE_A + 10, "limits that have risen again", 60)
    assert house.broker.latest_availability("Home right") == "online"


def test_all_silent_blocks_then_leaves_then_comes_back(house: House) -> None:
    house.run()
    wait_for(lambda: house.bank().get("charge_allowed"), "a bank that may be charged")
    wait_for(house.venus.present, "the service")
    cvl = house.bank()["limits"]["charge_voltage"]["value"]

    house.tell("silent 0")
    house.tell("silent 1")
    wait_for(lambda: house.bank()["phase"] == "silent", "the bank to be silent")
    since_s = time.monotonic()
    wait_for(lambda: house.inverter.latest(0x35C, since_s) == b"\0\0", "no permission on CAN")
    assert house.inverter.number(0x351, 0, per=10) == pytest.approx(cvl, abs=0.06)
    assert house.inverter.number(0x351, 2, per=10) == 0
    assert house.inverter.number(0x351, 4, per=10) == 0
    assert (house.inverter.latest(0x359) or bytes(7))[3] & COMM_FAIL
    items = house.venus.items()
    assert items["/Info/MaxChargeVoltage"] == pytest.approx(cvl, abs=0.06)
    assert items["/Info/MaxChargeCurrent"] == 0
    assert items["/Info/MaxDischargeCurrent"] == 0
    assert items["/Alarms/BmsCable"] == 2
    assert items["/Dc/0/Voltage"] is None
    assert items["/Soc"] is None

    wait_for(lambda: house.bank()["phase"] == "gone", "the bank to be gone")
    wait_for(lambda: not house.venus.present(), "the service to leave the bus")
    quiet_s = time.monotonic() + 0.5
    time.sleep(2.5)
    assert house.inverter.frames(since_s=quiet_s) == []

    house.tell("speak 0")
    house.tell("speak 1")
    wait_for(lambda: house.bank()["phase"] == "live", "the bank's return", 20)
    wait_for(lambda: house.venus.items().get("/Alarms/BmsCable") == 0, "the service's return")
    wait_for(lambda: house.inverter.latest(0x355, quiet_s + 2.5) is not None, "frames again")
    wait_for(lambda: house.bank()["charge_allowed"], "permission to charge")


def test_stopping_says_goodbye_everywhere(house: House) -> None:
    controller: Lines = house.run()
    wait_for(lambda: house.bank().get("charge_allowed"), "a bank that may be charged")
    wait_for(house.venus.present, "the service")
    wait_for(lambda: house.broker.state("Home") is not None, "a state on MQTT")

    since_s = time.monotonic()
    assert controller.end() == 0
    ended_s = time.monotonic()
    assert ended_s - since_s < 8.0
    assert house.inverter.latest(0x35C, since_s) == b"\0\0"
    assert house.inverter.number(0x351, 2, per=10, since_s=since_s) == 0
    assert not house.venus.present()
    assert "offline" in {text for _, _, text in house.broker.messages(since_s)}
    assert not (house.runtime / "status.sock").exists()
    assert "Traceback" not in house.log.read_text()
    time.sleep(1.5)
    assert house.inverter.frames(since_s=ended_s + 0.2) == []


def test_discovery_names_every_device_and_keeps_no_secret(house: House) -> None:
    house.run()
    wait_for(lambda: len(house.broker.discovered()) >= 4, "controller, bank and two packs")
    for payload in house.broker.discovered().values():
        assert payload["o"]["name"]
        for component in payload["cmps"].values():
            assert component["uniq_id"]
            assert re.fullmatch(r"[a-z_]+", component["p"])
    everything = json.dumps([text for _, _, text in house.broker.messages()])
    everything += json.dumps(house.status()) + house.log.read_text()
    assert "123456" not in everything  # the parameter password in the captured frame
