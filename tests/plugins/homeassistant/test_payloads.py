"""The documents, judged by rules that were written down apart from the code."""

import math
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from cellwarden.model import (
    Alarm,
    AlarmKind,
    BankPhase,
    PackPhase,
    Severity,
)
from cellwarden_homeassistant import discovery
from cellwarden_homeassistant.controls import (
    ALWAYS,
    BANK_CONTROLS,
    IDENTIFIES,
    PACK_CONTROLS,
)
from cellwarden_homeassistant.entities import BANK as BANK_SENSORS
from cellwarden_homeassistant.entities import BRIDGE
from cellwarden_homeassistant.naming import Names
from cellwarden_homeassistant.pack_entities import pack_entities
from cellwarden_homeassistant.state_payload import plain
from support.homeassistant_rules import device_faults, long_names, parse, state_faults
from support.homeassistant_states import (
    alarms,
    any_pack,
    extremes,
    numbers,
    orders,
    predictions,
    state_of,
    texts,
)
from support.states import bank_state, limits, pack_state, told_bank, told_pack

NAMES = Names("Battery", "battery", "cellwarden", "homeassistant")
PACK = (*pack_entities(16, 2, 16), *PACK_CONTROLS, IDENTIFIES, *ALWAYS)
BANK = (*BANK_SENSORS, *BANK_CONTROLS, *ALWAYS)
EVERYTHING = {entity.key for entity in (*BRIDGE, *BANK, *PACK)}


def config_of(device, entities, **more):
    return discovery.encode(device, entities, expire_after_s=180, **more)


def all_devices():
    who = pack_state("left").identity
    return (
        (NAMES.bridge("0.1.0"), BRIDGE),
        (NAMES.whole_bank(), BANK),
        (NAMES.pack("snleft", "left", who), PACK),
        (NAMES.pack("snright", "right", None), pack_entities(8, 5, 0)),
    )


def test_every_device_payload_is_what_home_assistant_accepts():
    faults = {
        device.id: device_faults(device.discovery_topic, config_of(device, entities))
        for device, entities in all_devices()
    }
    assert faults == {
        "cellwarden_bridge_battery": [],
        "cellwarden_bank_battery": [],
        "cellwarden_pack_snleft": [],
        "cellwarden_pack_snright": [],
    }


def test_no_two_entities_of_all_devices_share_a_unique_id_or_an_entity_id():
    components = [
        component
        for device, entities in all_devices()
        for component in parse(config_of(device, entities))["cmps"].values()
    ]
    assert len({c["uniq_id"] for c in components}) == len(components)
    assert len({c["def_ent_id"] for c in components}) == len(components)


def test_the_packs_hang_on_the_bank_and_the_bank_on_the_controller():
    via = {d.id: parse(config_of(d, e))["dev"].get("via_device") for d, e in all_devices()}
    assert via == {
        "cellwarden_bridge_battery": None,
        "cellwarden_bank_battery": "cellwarden_bridge_battery",
        "cellwarden_pack_snleft": "cellwarden_bank_battery",
        "cellwarden_pack_snright": "cellwarden_bank_battery",
    }


def test_a_pack_payload_in_full():
    device = NAMES.pack("snleft", "left", pack_state("left").identity)
    payload = long_names(parse(config_of(device, PACK)))
    assert payload["device"] == {
        "identifiers": ["cellwarden_pack_snleft"],
        "name": "Battery left",
        "manufacturer": "JK",
        "model": "JK-B2A20S20P",
        "serial_number": "SNleft",
        "sw_version": "11.26",
        "via_device": "cellwarden_bank_battery",
    }
    assert payload["state_topic"] == "cellwarden/battery/packs/snleft/state"
    assert payload["availability"] == [
        {"topic": "cellwarden/battery/bridge/status"},
        {"topic": "cellwarden/battery/packs/snleft/status"},
    ]
    assert payload["availability_mode"] == "all"
    assert payload["components"]["cell_03_voltage"] == {
        "platform": "sensor",
        "unique_id": "cellwarden_pack_snleft_cell_03_voltage",
        "default_entity_id": "sensor.battery_left_cell_03_voltage",
        "name": "Cell 03 voltage",
        "value_template": "{{ value_json.cell_03_voltage }}",
        "expire_after": 180,
        "device_class": "voltage",
        "unit_of_measurement": "V",
        "state_class": "measurement",
        "suggested_display_precision": 3,
        "entity_category": "diagnostic",
    }
    assert payload["components"]["wire_16_resistance"]["enabled_by_default"] is False
    assert payload["components"]["charge_switch"] == {
        "platform": "switch",
        "unique_id": "cellwarden_pack_snleft_charge_switch",
        "default_entity_id": "switch.battery_left_charge_switch",
        "name": "Charge switch",
        "value_template": "{{ value_json.charge_switch }}",
        "icon": "mdi:battery-plus",
        "command_topic": "cellwarden/battery/packs/snleft/set/charge_switch",
        "qos": 1,
        "message_expiry_interval": 10,
    }
    assert payload["components"]["set_cell_overvoltage_v"] == {
        "platform": "number",
        "unique_id": "cellwarden_pack_snleft_set_cell_overvoltage_v",
        "default_entity_id": "number.battery_left_set_cell_overvoltage_v",
        "name": "Cell overvoltage setting",
        "value_template": "{{ value_json.set_cell_overvoltage_v }}",
        "device_class": "voltage",
        "unit_of_measurement": "V",
        "min": 1.2,
        "max": 4.35,
        "step": 0.001,
        "mode": "box",
        "entity_category": "config",
        "enabled_by_default": False,
        "command_topic": "cellwarden/battery/packs/snleft/set/set_cell_overvoltage_v",
        "qos": 1,
        "message_expiry_interval": 10,
    }
    assert payload["components"]["ccl"]["json_attributes_template"] == (
        "{{ {'reason': value_json.ccl_reason} | tojson }}"
    )
    assert payload["components"]["request"]["state_topic"] == (
        "cellwarden/battery/packs/snleft/event"
    )
    assert payload["components"]["request"]["event_types"] == [
        "applied",
        "refused",
        "rolled back",
        "half done",
        "identified",
    ]


def test_a_component_that_is_to_go_is_named_with_nothing_but_its_platform():
    device, entities = all_devices()[2]
    payload = config_of(device, entities, removed={"heating_switch": "switch"})
    assert device_faults(device.discovery_topic, payload) == []
    assert parse(payload)["cmps"]["heating_switch"] == {"p": "switch"}


def test_what_the_controller_says_of_a_pack_does_not_depend_on_its_bms():
    device = NAMES.pack("snleft", "left", None)
    components = parse(config_of(device, PACK))["cmps"]
    bridge_only = [{"t": "cellwarden/battery/bridge/status"}]
    own = {key for key, component in components.items() if component.get("avty") == bridge_only}
    assert {"problem", "alarms", "ccl", "ccl_reason", "dcl", "dcl_reason", "reachable"} <= own
    assert not {"voltage", "current", "soc", "cell_01_voltage", "charge_fet"} & own


def test_the_same_device_gives_the_same_bytes():
    device, entities = all_devices()[2]
    assert config_of(device, reversed(entities)) == config_of(device, entities)


def test_no_key_is_hidden_by_a_method_of_a_dictionary():
    # A template reads value_json.items as the method, not as the key.
    assert not EVERYTHING & set(dir(dict))


def test_a_pack_state_in_full():
    document = parse(state_of(pack_entities(2, 1, 1), pack_state("left")))
    assert document["voltage"] == 52.92
    assert document["current"] == 6.0
    assert document["power"] == 318
    assert document["soc"] == 64.0
    assert document["bms_soc"] == 63
    assert document["charging"] == "ON"
    assert document["cell_01_voltage"] == 3.3
    assert document["cell_02_voltage"] == 3.301
    assert document["cell_difference"] == 15
    assert document["temperature_01"] == 21.0
    assert document["wire_01_resistance"] is None
    assert document["charge_fet"] == "ON"
    assert document["balancing"] == "OFF"
    assert document["heating"] is None
    assert document["problem"] == "OFF"
    assert document["alarms"] == "none"
    assert document["ccl"] == 50.0
    assert document["ccl_reason"] == "charge current setting"
    assert document["reachable"] == "ON"
    assert document["link_quality"] == 99.0
    assert document["findings"] == "none"
    assert document["error_codes"] == "none"


def test_everything_that_the_engine_works_out_of_a_pack_is_shown():
    document = parse(state_of(PACK, told_pack("left"), bank=told_bank()))
    expected = {
        "charge_phase": "absorption",
        "error_codes": "2",
        "balance_wanted": "ON",
        "balance_reason": "cell 16 is 15 mV above the lowest",
        "balance_cells": "cell 16 gives, cell 1 takes",
        "balance_current": -1.25,
        "balance_spread": 1.0,
        "balance_time": 1.5,
        "balance_loss": 0.012,
        "heating": "OFF",
        "heating_wanted": "ON",
        "heating_reason": "3 °C is too cold to charge",
        "heating_power": 82,
        "heating_energy": 1.5,
        "heating_time": 10,
        "charge_power_10s": 2600,
        "discharge_power_60s": 5000,
        "time_to_full": 121,
        "time_to_empty": 600,
        "energy_left": 3.28,
        "energy_charged": 66.6,
        "energy_discharged": 63.21,
        "charge_in": 1300.5,
        "charge_out": 1234.0,
        "counted_cycles": 12.3,
        "full_charges": 5,
        "since_full": 1.5,
        "trips": 3,
        "ever_cell_max": 3.651,
        "ever_cell_min": 2.811,
        "ever_charge": 61.0,
        "ever_discharge": -130.5,
        "ever_hot": 41.0,
        "ever_cold": -3.5,
        "ever_mos_hot": 66.0,
        "ever_empty": 7.5,
        "cell_16_soc": 64.6,
        "cell_16_capacity": 101.0,
        "cell_16_resistance": 0.31,
        "cell_16_self_discharge": 2.1,
        "wire_03_resistance": 52.0,
        "findings": "left wire 3: balance lead too long or loose",
        "finding_urgent": "OFF",
        "repair": "balance-lead",
        "evidence": "wire 3 at 0.310 ohm (80 %)",
        "charge_share": 40.0,
        "discharge_share": 90.0,
        "standing": "in",
        "standing_reason": "none",
        "alarm_word": "0x0004",
        "notices": "bit 13: not known",
        "log_line": "balancer on, after 1.0 h of running",
        "in_bank": "ON",
        "heating_switch": "ON",
        "set_cell_overvoltage_v": 3.6,
        "set_charge_current_max_a": 50.0,
        "set_cell_undervoltage_v": None,
        "set_soc": 64,
        "preset": "LiFePO4",
        "last_request": "none",
    }
    assert {key: document[key] for key in expected} == expected


def test_a_preset_is_shown_only_while_the_device_holds_it():
    mixed = told_pack("left")
    changed = replace(mixed.reading, settings={**mixed.reading.settings, "cell_overvoltage_v": 3.5})
    document = parse(state_of(PACK, replace(mixed, reading=changed)))
    assert document["preset"] is None
    assert document["set_cell_overvoltage_v"] == 3.5


def test_everything_that_is_known_of_the_bank_is_shown():
    document = parse(state_of(BANK, told_bank(), charged_wh=1234.5, discharged_wh=1000.0))
    expected = {
        "charge_phase": "bulk",
        "time_to_full": 121,
        "energy_charged": 1.234,
        "energy_discharged": 1.0,
        "findings": "current circulates between packs; left wire 3: balance lead too long or"
        " loose; right wire 3: balance lead too long or loose",
        "finding_urgent": "ON",
        "orders": "charge current 20.0 A (homeassistant); target 80.0 % (web)",
        "orders_end": 10,
        "charge_limit": 20.0,
        "discharge_limit": None,
        "target_soc": 80,
        "charge_block": "OFF",
        "charge_mode": "automatic",
        "full_charge_ordered": "OFF",
    }
    assert {key: document[key] for key in expected} == expected
    bridge = parse(state_of(BRIDGE, told_bank()))
    assert bridge["inverter_link"] == "ON"
    assert bridge["inverter"] == "victron"
    assert bridge["inverter_voltage"] == 52.8
    assert bridge["inverter_current"] == 11.6
    assert bridge["online_since"] == "2026-11-26T06:00:00+00:00"


def test_a_lost_pack_shows_its_alarm_and_its_limits_and_no_old_value():
    gone = Alarm(
        kind=AlarmKind.BMS_LOST, severity=Severity.PROTECTION, pack="left", since_s=1.0,
        blocks_charge=True, blocks_discharge=True, value=12.0, unit="s",
    )  # fmt: skip
    pack = pack_state(
        "left", phase=PackPhase.LOST, reading=None, alarms=(gone,), soc_percent=None, power_w=None,
        limits=limits(55.2, 0.0, 0.0, 48.0), cell_min=None, cell_max=None, remaining_ah=None,
        temperature_min=None, temperature_max=None,
    )  # fmt: skip
    document = parse(state_of(PACK, pack))
    assert document["reachable"] == "OFF"
    assert document["problem"] == "ON"
    assert document["protection"] == "ON"
    assert document["alarms"] == "left: no data from the BMS, 12.0 s"
    assert document["ccl"] == 0.0
    assert document["dcl"] == 0.0
    for key in ("voltage", "current", "power", "soc", "cell_01_voltage", "temperature_01"):
        assert document[key] is None


def test_a_bank_says_which_alarm_it_is_and_which_packs_are_lost():
    alarm = Alarm(kind=AlarmKind.BMS_LOST, severity=Severity.WARNING, pack="left", since_s=1.0)
    lost = pack_state("left", phase=PackPhase.LOST, reading=None, alarms=(alarm,))
    bank = bank_state(packs=(lost, pack_state("right")), alarms=(alarm,))
    document = parse(state_of(BANK, bank))
    assert document["problem"] == "ON"
    assert document["protection"] == "OFF"
    assert document["alarm_bms_lost"] == "ON"
    assert document["alarm_cell_overvoltage"] == "OFF"
    bridge = parse(state_of(BRIDGE, bank))
    assert bridge["phase"] == "live"
    assert bridge["packs_online"] == 1
    assert bridge["packs_lost"] == 1
    assert bridge["lost_packs"] == "left"


def test_charging_and_discharging_power_are_never_negative():
    giving = parse(state_of(BANK, bank_state(power_w=-635.4)))
    assert (giving["power"], giving["charging_power"], giving["discharging_power"]) == (
        -635,
        0,
        635,
    )
    taking = parse(state_of(BANK, bank_state(power_w=635.4)))
    assert (taking["power"], taking["charging_power"], taking["discharging_power"]) == (635, 635, 0)


def test_limits_that_nobody_decided_are_unknown():
    document = parse(state_of(BANK, bank_state(limits=None, phase=BankPhase.STARTING)))
    assert document["cvl"] is None
    assert document["ccl"] is None
    assert document["ccl_reason"] is None


def test_values_are_published_rounded_and_in_home_assistants_words():
    assert plain(3.30049, 3) == 3.3
    assert plain(-0.001, 2) == 0.0
    assert math.copysign(1.0, plain(-0.001, 2)) == 1.0
    assert plain(635.5, 0) == 636
    assert isinstance(plain(635.5, 0), int)
    assert plain(True, None) == "ON"
    assert plain(False, None) == "OFF"
    assert plain(None, 2) is None


def test_what_is_no_number_of_a_battery_is_unknown():
    for value in (math.nan, math.inf, -math.inf, 1e300, -1.1e9):
        assert plain(value, 2) is None
        assert plain(value, 0) is None


def test_a_number_outside_what_its_entity_can_have_is_unknown():
    document = parse(state_of(PACK, pack_state("left", soc_percent=101.0, soh_percent=-1.0)))
    assert document["soc"] is None
    assert document["soh"] is None
    assert parse(state_of(PACK, pack_state("left", soc_percent=100.04)))["soc"] == 100.0


def test_text_is_one_printable_line_that_fits():
    assert plain("a\x00b\n c\ud800", None) == "a b c"
    assert plain(" \n ", None) is None
    assert plain("é" * 255, None) == "é" * 255
    assert plain("é" * 256, None) == "é" * 254 + "…"


@settings(max_examples=60, deadline=None)
@given(pack=any_pack(), draw_orders=orders, line=st.none() | texts)
def test_any_pack_state_can_be_read_by_every_entity(pack, draw_orders, line):
    device = NAMES.pack("key", "left", pack.identity)
    config = config_of(device, PACK)
    assert device_faults(device.discovery_topic, config) == []
    bank = bank_state(packs=(pack,), orders=draw_orders)
    assert state_faults(config, state_of(PACK, pack, bank=bank, last_request=line)) == []


@settings(max_examples=60, deadline=None)
@given(
    packs=st.lists(any_pack(), max_size=2),
    phase=st.sampled_from(BankPhase),
    values=st.lists(numbers, min_size=9, max_size=9),
    alarms=alarms,
    ends=st.tuples(extremes, extremes),
    cycles=st.none() | st.integers(),
    plans=st.tuples(orders, predictions),
    energies=st.tuples(numbers, numbers),
)
def test_any_bank_state_can_be_read_by_every_entity(
    packs, phase, values, alarms, ends, cycles, plans, energies
):
    bank = bank_state(
        packs=tuple(packs), phase=phase, alarms=alarms, cell_min=ends[0],
        cell_max=ends[1], cycles=cycles, voltage_v=values[0], current_a=values[1],
        power_w=values[2], soc_percent=values[3],
        soh_percent=values[4], remaining_ah=values[5], temperature_c=values[6],
        data_age_s=values[7], installed_ah=values[8], limits=None, orders=plans[0],
        prediction=plans[1],
    )  # fmt: skip
    for device, entities in all_devices()[:2]:
        config = config_of(device, entities)
        state = state_of(entities, bank, charged_wh=energies[0], discharged_wh=energies[1])
        assert state_faults(config, state) == []
