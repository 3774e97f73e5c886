"""A command over MQTT goes through the gate to the BMS and comes back as what was read."""

import json
import subprocess

import pytest

from support.house import House, wait_for
from support.processes import at_broker
from support.tools import require_tool

pytestmark = [pytest.mark.system, pytest.mark.timeout(120)]

OUTPUT = '[[output]]\nplugin = "homeassistant"\n'


def in_control(house: House, may_ask: str) -> None:
    """Let the controller write, and this output ask for so much."""
    text = house.config.read_text()
    text = text.replace("[controller]\n", '[controller]\nmode = "control"\n')
    house.config.write_text(text.replace(OUTPUT, f'{OUTPUT}may_ask = "{may_ask}"\n'))
    house.run()


def control(house: House, device: str, key: str) -> dict:
    """Wait for a control and return its discovery."""
    wait_for(lambda: components(house, device).get(key), f"{key} of {device}", 30)
    return components(house, device)[key]


def components(house: House, device: str) -> dict:
    return dict(house.broker.discovered().get(device, {}).get("cmps", {}))


def command(house: House, component: dict, payload: str) -> None:
    tool = require_tool("mosquitto_pub", "mosquitto-clients")
    where = [*at_broker(house.broker.port), "-t", component["cmd_t"], "-m", payload, "-q", "1"]
    subprocess.run([tool, *where], check=True, timeout=10)


def events(house: House, device: str) -> list[dict]:
    topic = components(house, device)["request"]["stat_t"]
    return [json.loads(text) for _, where, text in house.broker.messages() if where == topic]


def test_a_switch_and_a_setting_reach_the_bms_and_show_what_it_holds(house: House) -> None:
    in_control(house, "settings")
    switch = control(house, "Home left", "charge_switch")
    wait_for(lambda: (house.broker.state("Home left") or {}).get("charge_switch") == "ON", "ON", 30)
    command(house, switch, "OFF")
    wait_for(lambda: house.broker.state("Home left")["charge_switch"] == "OFF", "OFF", 15)
    assert house.broker.state("Home right")["charge_switch"] == "ON"
    wait_for(lambda: events(house, "Home left"), "the answer")  # may come after the state
    assert [event["event_type"] for event in events(house, "Home left")] == ["applied"]

    number = control(house, "Home left", "set_balance_trigger_v")
    command(house, number, "0.012")
    wait_for(lambda: house.broker.state("Home left")["set_balance_trigger_v"] == 0.012, "12 mV", 20)


def test_an_order_from_an_automation_reaches_the_inverter_with_its_reason(house: House) -> None:
    in_control(house, "orders")
    number = control(house, "Home", "charge_limit")
    command(house, number, '{"value": 7, "lasts_s": 60}')
    wait_for(lambda: (house.broker.state("Home") or {}).get("charge_limit") == 7, "the order", 20)
    wait_for(lambda: house.inverter.number(0x351, 2, per=10) == 7, "7 A on CAN", 30)
    wait_for(lambda: "homeassistant" in house.broker.state("Home")["ccl_reason"], "the reason")
    assert "charge_switch" not in components(house, "Home left")
