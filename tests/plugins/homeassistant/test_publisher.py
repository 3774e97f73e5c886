"""What is due and when, with time passed in and no broker."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cellwarden.model import (
    Alarm,
    AlarmKind,
    BankPhase,
    Identity,
    PackPhase,
    RequestKind,
    Severity,
)
from cellwarden_homeassistant.answers import Answer
from cellwarden_homeassistant.controls import PACK_CONTROLS
from cellwarden_homeassistant.entity import Pace
from cellwarden_homeassistant.message import OFFLINE, ONLINE
from cellwarden_homeassistant.meter import BankMeter
from cellwarden_homeassistant.naming import Names
from cellwarden_homeassistant.publisher import Publisher
from support.gates import FakeGate
from support.homeassistant_rules import device_faults, parse, state_faults
from support.homeassistant_states import any_pack, orders, predictions
from support.states import bank_state, limits, pack_state, told_bank, told_pack

BASE = "cellwarden/battery"
BRIDGE, BANK = f"{BASE}/bridge/status", f"{BASE}/bank/status"
LEFT, RIGHT = f"{BASE}/packs/snleft", f"{BASE}/packs/snright"
DISCOVERY = "homeassistant/device/cellwarden_"


NAMES = Names("Battery", "battery", "cellwarden", "homeassistant")


def make(interval_s=5.0, gate=None, *, cells_s=5.0, slow_s=5.0):
    pacing = {Pace.CYCLE: interval_s, Pace.CELLS: cells_s, Pace.SLOW: slow_s}
    return Publisher(NAMES, pacing, gate or FakeGate(), who="homeassistant", meter=BankMeter())


def turn(publisher, state, now_s, **more):
    """Send everything that is due; return topic -> payload in the order of sending."""
    sent = {}
    for message in publisher.due(state, now_s, **more):
        assert message.topic not in sent
        publisher.sent(message, now_s)
        sent[message.topic] = message.payload
    return sent


def lost(name):
    return pack_state(name, phase=PackPhase.LOST, reading=None, soc_percent=None)


def without_serial(name):
    pack = pack_state(name)
    identity = replace(pack.identity, serial_number=None)
    return replace(pack, identity=identity)


def test_the_first_turn_tells_everything_and_availability_last():
    assert list(turn(make(), bank_state(), 0.0)) == [
        f"{BASE}/bridge/state",
        f"{BASE}/bank/state",
        f"{LEFT}/state",
        f"{RIGHT}/state",
        f"{DISCOVERY}bridge_battery/config",
        f"{DISCOVERY}bank_battery/config",
        f"{DISCOVERY}pack_snleft/config",
        f"{DISCOVERY}pack_snright/config",
        f"{LEFT}/status",
        f"{RIGHT}/status",
        BANK,
        BRIDGE,
    ]


def test_states_follow_the_interval_and_are_not_repeated_unchanged():
    publisher, bank = make(), bank_state()
    turn(publisher, bank, 0.0)
    changed = replace(bank, power_w=700.0)
    assert turn(publisher, changed, 4.9) == {}
    assert list(turn(publisher, changed, 5.0)) == [f"{BASE}/bank/state"]
    assert turn(publisher, changed, 10.0) == {}


def test_an_unchanged_state_is_repeated_every_minute():
    publisher, bank = make(), bank_state()
    turn(publisher, bank, 0.0)
    assert turn(publisher, bank, 59.0) == {}
    assert list(turn(publisher, bank, 64.0)) == [
        f"{BASE}/bridge/state",
        f"{BASE}/bank/state",
        f"{LEFT}/state",
        f"{RIGHT}/state",
    ]


ALARM = Alarm(kind=AlarmKind.CELL_OVERVOLTAGE, severity=Severity.WARNING, pack="left", since_s=1.0)


@pytest.mark.parametrize(
    "change",
    [
        {"alarms": (ALARM,)},
        {"charge_allowed": False},
        {"discharge_allowed": False},
        {"limits": limits(55.2, 0.0, 200.0, 48.0)},
        {"limits": limits(55.2, 100.0, 0.0, 48.0)},
    ],
)
def test_alarms_and_stops_do_not_wait_for_the_interval(change):
    publisher, bank = make(60.0), bank_state()
    turn(publisher, bank, 0.0)
    assert f"{BASE}/bank/state" in turn(publisher, replace(bank, **change), 0.1)


def test_a_change_of_phase_does_not_wait_for_the_interval():
    publisher, bank = make(60.0), bank_state()
    turn(publisher, bank, 0.0)
    sent = turn(publisher, replace(bank, phase=BankPhase.SILENT), 0.1)
    assert json.loads(sent[f"{BASE}/bridge/state"])["phase"] == "silent"


def test_a_smaller_limit_waits_for_the_interval():
    publisher, bank = make(60.0), bank_state()
    turn(publisher, bank, 0.0)
    smaller = replace(bank, limits=limits(55.2, 90.0, 200.0, 48.0))
    assert turn(publisher, smaller, 0.1) == {}


def test_a_lost_pack_is_offline_in_the_same_turn_and_the_bank_lives_on():
    publisher = make(60.0)
    turn(publisher, bank_state(), 0.0)
    sent = turn(publisher, bank_state(packs=(lost("left"), pack_state("right"))), 1.0)
    assert sent[f"{LEFT}/status"] == OFFLINE
    assert json.loads(sent[f"{LEFT}/state"])["voltage"] is None
    assert BANK not in sent
    assert next(iter(sent)) == f"{LEFT}/status"


def test_all_packs_lost_silences_the_banks_values_but_not_the_bridge():
    publisher = make(60.0)
    turn(publisher, bank_state(), 0.0)
    silent = bank_state(
        packs=(lost("left"), lost("right")), phase=BankPhase.SILENT, alarms=(ALARM,)
    )
    sent = turn(publisher, silent, 1.0)
    assert sent[BANK] == OFFLINE
    assert BRIDGE not in sent
    assert json.loads(sent[f"{BASE}/bank/state"])["problem"] == "ON"
    back = turn(publisher, bank_state(), 2.0)
    assert back[BANK] == ONLINE
    assert back[f"{LEFT}/status"] == ONLINE
    assert list(back)[-1] == BANK


def test_a_pack_is_announced_when_it_first_tells_its_serial_number_and_cells():
    publisher = make()
    waiting = pack_state("right", phase=PackPhase.WAITING, reading=None, identity=None)
    first = turn(publisher, bank_state(packs=(pack_state("left"), waiting)), 0.0)
    assert f"{DISCOVERY}pack_snleft/config" in first
    assert publisher.announced == ("left",)
    later = turn(publisher, bank_state(), 1.0)
    assert list(later)[-1] == f"{RIGHT}/status"
    assert publisher.announced == ("left", "right")


def test_a_bms_that_has_no_serial_number_is_announced_by_name_at_once():
    sent = turn(make(), bank_state(packs=(without_serial("left"),)), 0.0)
    assert f"{DISCOVERY}pack_battery_left/config" in sent


def test_a_bms_that_does_not_tell_who_it_is_is_announced_by_name_after_a_while():
    publisher = make()
    bank = bank_state(packs=(pack_state("left", identity=None),))
    turn(publisher, bank, 100.0)
    turn(publisher, bank, 109.9)
    assert publisher.announced == ()
    sent = turn(publisher, bank, 110.0)
    assert f"{DISCOVERY}pack_battery_left/config" in sent
    late = turn(publisher, bank_state(packs=(pack_state("left"),)), 120.0)
    assert f"{DISCOVERY}pack_snleft/config" not in late  # an id does not change while it runs


def test_two_packs_with_one_serial_number_stay_two_devices(caplog):
    identity = Identity(serial_number="SAME")
    packs = (pack_state("left", identity=identity), pack_state("right", identity=identity))
    sent = turn(make(), bank_state(packs=packs), 0.0)
    assert f"{DISCOVERY}pack_same/config" in sent
    assert f"{DISCOVERY}pack_battery_right/config" in sent
    assert "right: another pack has the serial number same too" in caplog.text


def test_another_bms_under_the_same_name_becomes_another_device():
    publisher = make(60.0)
    turn(publisher, bank_state(), 0.0)
    swapped = pack_state("left", identity=Identity(serial_number="NEW"))
    bank = bank_state(packs=(swapped, pack_state("right")))
    assert turn(publisher, bank, 1.0) == {}
    sent = turn(publisher, bank, 11.0)
    assert sent[f"{BASE}/packs/new/status"] == ONLINE
    # Home Assistant is told that the old device is no more, and nothing of it stays retained.
    assert sent[f"{DISCOVERY}pack_snleft/config"] == b""
    assert sent[f"{LEFT}/state"] == b""
    assert sent[f"{LEFT}/status"] == b""
    assert f"{LEFT}/status" not in turn(publisher, bank, 12.0)


def test_one_odd_serial_number_creates_no_device():
    publisher = make(60.0)
    turn(publisher, bank_state(), 0.0)
    odd = pack_state("left", identity=Identity(serial_number="SNl\x05ft"))
    turn(publisher, bank_state(packs=(odd, pack_state("right"))), 1.0)
    turn(publisher, bank_state(), 2.0)
    assert turn(publisher, bank_state(packs=(odd, pack_state("right"))), 13.0) == {}


def test_more_cells_and_first_values_are_announced_at_once():
    publisher, bank = make(60.0), bank_state()
    left = bank.packs[0]
    few = replace(
        left,
        reading=replace(left.reading, cell_voltages_v=(3.3, 3.3), heating=None),
    )
    first = turn(publisher, replace(bank, packs=(few,)), 0.0)
    before = json.loads(first[f"{DISCOVERY}pack_snleft/config"])["cmps"]
    assert "cell_03_voltage" not in before
    assert "heating" not in before
    more = replace(
        left,
        reading=replace(left.reading, cell_voltages_v=(3.3, 3.3, 3.3), heating=False),
    )
    second = turn(publisher, replace(bank, packs=(more,)), 60.0)
    after = json.loads(second[f"{DISCOVERY}pack_snleft/config"])["cmps"]
    assert "cell_03_voltage" in after
    assert "heating" in after
    third = turn(publisher, replace(bank, packs=(few,)), 120.0)
    assert f"{DISCOVERY}pack_snleft/config" not in third
    state = json.loads(third[f"{LEFT}/state"])
    assert state["cell_03_voltage"] is None
    assert state["heating"] is None


def test_announce_sends_everything_again_in_the_same_bytes():
    publisher, bank = make(), bank_state()
    first = turn(publisher, bank, 0.0)
    publisher.announce()
    assert turn(publisher, bank, 0.1) == first


def test_what_was_not_sent_is_due_again():
    publisher, bank = make(), bank_state()
    everything = turn(make(), bank, 0.0)
    halfway = publisher.due(bank, 0.0)
    for _ in range(3):
        publisher.sent(next(halfway), 0.0)
    publisher.announce()  # what the output does after a failure
    assert turn(publisher, bank, 0.1) == everything


def test_a_controller_that_hangs_makes_everything_unavailable_and_says_nothing_else():
    publisher, bank = make(1.0), bank_state()
    turn(publisher, bank, 0.0)
    assert turn(publisher, bank, 60.0, hung=True) == {
        f"{LEFT}/status": OFFLINE,
        f"{RIGHT}/status": OFFLINE,
        BANK: OFFLINE,
        BRIDGE: OFFLINE,
    }
    assert turn(publisher, bank, 61.0, hung=True) == {}
    back = turn(publisher, bank, 62.0)
    assert list(back)[-1] == BRIDGE
    assert back[BRIDGE] == ONLINE


def test_before_any_pack_answers_the_bridge_is_there_and_the_bank_is_not():
    waiting = pack_state("left", phase=PackPhase.WAITING, reading=None, identity=None)
    starting = bank_state(packs=(waiting,), phase=BankPhase.STARTING, limits=None)
    sent = turn(make(), starting, 0.0)
    assert sent[BANK] == OFFLINE
    assert sent[BRIDGE] == ONLINE
    assert json.loads(sent[f"{BASE}/bank/state"])["ccl"] is None
    assert json.loads(sent[f"{BASE}/bridge/state"])["phase"] == "starting"


def test_a_pack_left_online_by_an_earlier_run_is_taken_offline_until_it_is_met():
    publisher = make()
    publisher.heard_status(f"{LEFT}/status", ONLINE, retained=True)
    publisher.heard_status(f"{BASE}/packs/taken_out/status", ONLINE, retained=True)
    waiting = pack_state("left", phase=PackPhase.WAITING, reading=None, identity=None)
    sent = turn(publisher, bank_state(packs=(waiting,)), 0.0)
    assert sent[f"{LEFT}/status"] == OFFLINE
    assert sent[f"{BASE}/packs/taken_out/status"] == OFFLINE
    assert turn(publisher, bank_state(), 1.0)[f"{LEFT}/status"] == ONLINE


def test_our_own_echo_is_no_ghost():
    publisher, bank = make(), bank_state()
    turn(publisher, bank, 0.0)
    publisher.heard_status(f"{LEFT}/status", ONLINE, retained=True)
    publisher.heard_status(f"{BASE}/packs/other/status", ONLINE, retained=False)
    publisher.heard_status(BRIDGE, ONLINE, retained=False)
    assert turn(publisher, bank, 1.0) == {}


def test_a_will_that_comes_late_is_contradicted_once():
    publisher, bank = make(), bank_state()
    turn(publisher, bank, 0.0)
    publisher.heard_status(BRIDGE, OFFLINE, retained=False)
    assert turn(publisher, bank, 1.0) == {BRIDGE: ONLINE}
    turn(publisher, bank, 60.0, hung=True)
    publisher.heard_status(BRIDGE, OFFLINE, retained=False)  # the echo of our own word
    assert turn(publisher, bank, 61.0, hung=True) == {}


def test_the_farewell_ends_with_the_bridge():
    publisher = make()
    turn(publisher, bank_state(), 0.0)
    assert [(m.topic, m.payload, m.qos) for m in publisher.farewell()] == [
        (f"{LEFT}/status", OFFLINE, 1),
        (f"{RIGHT}/status", OFFLINE, 1),
        (BANK, OFFLINE, 1),
        (BRIDGE, OFFLINE, 1),
    ]


# -- what can be asked for -----------------------------------------------------------------------


def components_of(payload):
    return json.loads(payload)["cmps"]


def control_gate(*, packs=("left", "right"), writable=("cell_overvoltage_v",)):
    kinds = (RequestKind.CHARGE_SWITCH, RequestKind.HEATING_SWITCH, RequestKind.PARAMETERS)
    opened = [(kind, pack) for kind in kinds for pack in packs]
    return FakeGate(*opened, RequestKind.TARGET_SOC, writable=writable)


def test_in_mode_monitor_there_is_no_control_but_identify():
    sent = turn(make(), told_bank(), 0.0)
    shown = components_of(sent[f"{DISCOVERY}pack_snleft/config"])
    controls = {key for key, c in shown.items() if "cmd_t" in c}
    assert controls == {"identify"}
    bank = components_of(sent[f"{DISCOVERY}bank_battery/config"])
    assert not {key for key, c in bank.items() if "cmd_t" in c}


def test_only_what_the_gate_would_try_is_shown():
    sent = turn(make(gate=control_gate(packs=("left",))), told_bank(), 0.0)
    left = components_of(sent[f"{DISCOVERY}pack_snleft/config"])
    right = components_of(sent[f"{DISCOVERY}pack_snright/config"])
    assert {key for key, c in left.items() if "cmd_t" in c} == {
        "charge_switch",
        "heating_switch",
        "set_cell_overvoltage_v",
        "identify",
    }
    assert {key for key, c in right.items() if "cmd_t" in c} == {"identify"}
    bank = components_of(sent[f"{DISCOVERY}bank_battery/config"])
    assert {key for key, c in bank.items() if "cmd_t" in c} == {"target_soc"}


def test_a_switch_that_the_gate_withdraws_is_removed_in_two_steps_after_a_while():
    gate = control_gate()
    publisher = make(1.0, gate)
    turn(publisher, told_bank(), 0.0)
    gate.open -= {(RequestKind.HEATING_SWITCH, "left")}
    config = f"{DISCOVERY}pack_snleft/config"
    assert config not in turn(publisher, told_bank(), 5.0)
    assert config not in turn(publisher, told_bank(), 34.0)
    first = turn(publisher, told_bank(), 35.0)
    assert components_of(first[config])["heating_switch"] == {"p": "switch"}
    second = turn(publisher, told_bank(), 36.0)
    assert "heating_switch" not in components_of(second[config])
    assert "charge_switch" in components_of(second[config])
    assert config not in turn(publisher, told_bank(), 37.0)


def state_faults_of(publisher, sent, announced):
    """What Home Assistant could not read of the states, with what it knows by now."""
    faults = []
    for topic, payload in sent.items():
        if topic.endswith("/config"):
            announced[json.loads(payload)["stat_t"]] = payload
        elif topic in announced:
            faults += state_faults(announced[topic], payload)
    return faults


def test_the_state_holds_a_key_until_home_assistant_was_told_to_forget_it():
    gate = control_gate()
    publisher, announced, faults = make(1.0, gate), {}, []
    for now_s in range(60):
        if now_s == 10:
            gate.open.clear()
        moving = told_pack("left", power_w=float(now_s))
        sent = turn(publisher, told_bank(packs=(moving, told_pack("right"))), float(now_s))
        faults += state_faults_of(publisher, sent, announced)
    assert faults == []
    assert "charge_switch" not in components_of(announced[f"{LEFT}/state"])
    assert "charge_switch" not in json.loads(sent[f"{LEFT}/state"])


def test_the_first_state_of_a_run_holds_what_an_earlier_run_announced():
    run = make(1.0, control_gate())
    announced = {}
    assert state_faults_of(run, turn(run, told_bank(), 0.0), announced) == []
    # Now in mode monitor, and of a pack that has told little yet.
    publisher, faults = make(1.0), []
    for state, payload in announced.items():
        topic = json.loads(payload)["dev"]["ids"][0]
        publisher.heard_discovery(f"homeassistant/device/{topic}/config", payload, 0.0)
        assert state.startswith(BASE)
    for now_s in range(40):
        bank = bank_state(packs=(pack_state("left", power_w=float(now_s)), pack_state("right")))
        faults += state_faults_of(publisher, turn(publisher, bank, float(now_s)), announced)
    assert faults == []


def test_a_gate_that_refuses_for_a_moment_costs_no_entity():
    gate = control_gate()
    publisher = make(1.0, gate)
    turn(publisher, told_bank(), 0.0)
    gate.open -= {(RequestKind.HEATING_SWITCH, "left")}
    turn(publisher, told_bank(), 5.0)
    gate.open |= {(RequestKind.HEATING_SWITCH, "left")}
    turn(publisher, told_bank(), 20.0)
    gate.open -= {(RequestKind.HEATING_SWITCH, "left")}
    assert f"{DISCOVERY}pack_snleft/config" not in turn(publisher, told_bank(), 45.0)


def test_a_pack_that_does_not_answer_keeps_its_controls():
    gate = control_gate()
    publisher = make(1.0, gate)
    turn(publisher, told_bank(), 0.0)
    gate.open.clear()  # a gate refuses whatever is asked of a lost pack
    silent = told_bank(packs=(lost("left"), told_pack("right")))
    for now_s in range(1, 100, 10):
        assert f"{DISCOVERY}pack_snleft/config" not in turn(publisher, silent, float(now_s))


def test_a_number_encloses_what_the_device_holds():
    publisher = make(1.0, control_gate(writable=("charge_undertemperature_c",)))
    pack = told_pack("left")
    pack = replace(pack, reading=replace(pack.reading, settings={"charge_undertemperature_c": -41}))
    sent = turn(publisher, told_bank(packs=(pack,)), 0.0)
    number = components_of(sent[f"{DISCOVERY}pack_snleft/config"])["set_charge_undertemperature_c"]
    assert (number["min"], number["max"]) == (-41.0, 20)
    assert json.loads(sent[f"{LEFT}/state"])["set_charge_undertemperature_c"] == -41


def test_a_switch_that_moved_does_not_wait_for_the_interval():
    publisher, bank = make(60.0, control_gate()), told_bank()
    turn(publisher, bank, 0.0)
    left = bank.packs[0]
    off = replace(left, reading=replace(left.reading, charge_switch_on=False))
    sent = turn(publisher, replace(bank, packs=(off, bank.packs[1])), 0.5)
    assert json.loads(sent[f"{LEFT}/state"])["charge_switch"] == "OFF"


def refused(pack="left"):
    return Answer(pack=pack, request="Charge switch", wanted="OFF", kind="refused", reason="locked")


def test_a_refusal_is_an_event_a_line_and_the_state_once_more():
    publisher, bank = make(60.0, control_gate()), told_bank()
    turn(publisher, bank, 0.0)
    publisher.answer(refused(), 1.0)
    event, state = publisher.due(bank, 1.0)
    assert (event.topic, event.qos, event.retain) == (f"{LEFT}/event", 1, False)
    assert json.loads(event.payload) == {
        "event_type": "refused",
        "pack": "left",
        "request": "Charge switch",
        "wanted": "OFF",
        "reason": "locked",
        "steps": [],
    }
    assert state.topic == f"{LEFT}/state"
    document = json.loads(state.payload)
    assert document["charge_switch"] == "ON"
    assert document["last_request"] == "Charge switch OFF: refused, locked"


def test_an_event_is_sent_once_and_not_after_a_new_connection():
    publisher, bank = make(60.0, control_gate()), told_bank()
    turn(publisher, bank, 0.0)
    publisher.answer(refused(), 1.0)
    assert f"{LEFT}/event" in turn(publisher, bank, 1.0)
    assert f"{LEFT}/event" not in turn(publisher, bank, 2.0)
    for _ in range(1000):
        publisher.answer(refused(), 3.0)
    publisher.announce()
    assert f"{LEFT}/event" not in turn(publisher, bank, 4.0)


def test_an_applied_command_that_changed_nothing_is_confirmed_after_a_while():
    publisher, bank = make(60.0, control_gate()), told_bank()
    turn(publisher, bank, 0.0)
    applied = Answer(pack="left", request="Charge switch", wanted="ON", kind="applied", reason="")
    publisher.answer(applied, 1.0)
    assert f"{LEFT}/state" not in turn(publisher, bank, 1.0)
    assert f"{LEFT}/state" in turn(publisher, bank, 3.0)


def test_a_command_topic_leads_to_its_control_and_others_lead_nowhere():
    publisher = make(gate=control_gate())
    turn(publisher, told_bank(), 0.0)
    pack, control = publisher.control(f"{LEFT}/set/charge_switch")
    assert (pack, control.key) == ("left", "charge_switch")
    pack, control = publisher.control(f"{BASE}/bank/set/target_soc")
    assert (pack, control.key) == ("", "target_soc")
    for topic in ("bank/set/charge_limit", "packs/snleft/set/voltage", "packs/x/set/identify"):
        assert publisher.control(f"{BASE}/{topic}") is None


# -- what an earlier run left ---------------------------------------------------------------------


def earlier(*components, device="pack_snleft", state=f"{LEFT}/state"):
    document = {"stat_t": state, "cmps": {key: {"p": p} for key, p in components}}
    return f"{DISCOVERY}{device}/config", json.dumps(document).encode()


def test_a_component_of_an_earlier_version_is_removed_in_two_steps():
    publisher = make(1.0)
    publisher.heard_discovery(*earlier(("old_thing", "sensor"), ("soc", "sensor")), 0.0)
    turn(publisher, told_bank(), 0.0)
    config = f"{DISCOVERY}pack_snleft/config"
    assert config not in turn(publisher, told_bank(), 29.0)
    first = components_of(turn(publisher, told_bank(), 30.0)[config])
    assert first["old_thing"] == {"p": "sensor"}
    assert first["soc"]["p"] == "sensor"
    assert "old_thing" not in components_of(turn(publisher, told_bank(), 31.0)[config])


def test_a_component_that_changed_its_platform_is_removed_under_the_old_one_first():
    publisher = make(1.0)
    publisher.heard_discovery(*earlier(("soc", "number")), 0.0)
    turn(publisher, told_bank(), 0.0)
    config = f"{DISCOVERY}pack_snleft/config"
    first = turn(publisher, told_bank(), 30.0)
    assert components_of(first[config])["soc"] == {"p": "number"}
    assert components_of(turn(publisher, told_bank(), 31.0)[config])["soc"]["p"] == "sensor"


def test_what_an_earlier_run_had_seen_stays_announced():
    publisher = make(1.0)
    names = (("time_to_full", "sensor"), ("wire_02_resistance", "sensor"))
    publisher.heard_discovery(*earlier(*names), 0.0)
    config = f"{DISCOVERY}pack_snleft/config"
    components = components_of(turn(publisher, bank_state(), 0.0)[config])
    assert {"time_to_full", "wire_01_resistance", "wire_02_resistance"} <= components.keys()
    for now_s in (10.0, 40.0):
        assert config not in turn(publisher, bank_state(), now_s)


def test_a_pack_that_was_taken_out_of_the_configuration_is_deleted_once_all_others_are_met():
    publisher = make(1.0)
    gone = f"{BASE}/packs/sngone"
    topic, payload = earlier(("soc", "sensor"), device="pack_sngone", state=f"{gone}/state")
    publisher.heard_discovery(topic, payload, 0.0)
    publisher.heard_status(f"{gone}/status", ONLINE, retained=True)
    waiting = pack_state("right", phase=PackPhase.WAITING, reading=None, identity=None)
    first = turn(publisher, bank_state(packs=(pack_state("left"), waiting)), 0.0)
    assert first[f"{gone}/status"] == OFFLINE
    assert topic not in first
    second = turn(publisher, bank_state(), 5.0)
    assert (second[topic], second[f"{gone}/state"], second[f"{gone}/status"]) == (b"", b"", b"")
    assert topic not in turn(publisher, bank_state(), 10.0)


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\xff",
        b"[]",
        b"{}",
        b'{"stat_t": 1, "cmps": {}}',
        b'{"stat_t": "cellwarden/other/packs/x/state", "cmps": {}}',
        b'{"stat_t": "cellwarden/battery/packs/x/state", "cmps": {"a": 1}}',
        b'{"stat_t": "cellwarden/battery/packs/x/state", "cmps": {"a": {"p": 1}}}',
        b"[" * 100_000,
    ],
)
def test_a_discovery_document_that_is_none_of_ours_is_left_alone(payload):
    publisher = make(1.0)
    publisher.heard_discovery(f"{DISCOVERY}pack_x/config", payload, 0.0)
    assert f"{DISCOVERY}pack_x/config" not in turn(publisher, bank_state(), 0.0)


# -- whatever the state --------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(left=any_pack(), right=any_pack(), plans=st.tuples(orders, predictions))
def test_no_message_of_any_state_holds_what_home_assistant_could_not_read(left, right, plans):
    writable = [c.command.parameter for c in PACK_CONTROLS if c.command.parameter]
    publisher = make(1.0, FakeGate(*RequestKind, writable=writable))
    packs = (replace(left, pack="left"), replace(right, pack="right"))
    bank = told_bank(packs=packs, orders=plans[0], prediction=plans[1])
    heard = {}
    for now_s in (0.0, 20.0):  # the second time every pack is known by some name
        publisher.answer(refused(), now_s)
        heard |= turn(publisher, bank, now_s)
    for topic, payload in heard.items():
        if topic.endswith("/config"):
            assert device_faults(topic, payload) == []
            assert state_faults(payload, heard[json.loads(payload)["stat_t"]]) == []
        elif not topic.endswith("/status"):
            assert isinstance(parse(payload), dict)


# -- how often -------------------------------------------------------------------------------------


def test_cells_and_counters_keep_their_own_pace():
    publisher = make(1.0, cells_s=10.0, slow_s=60.0)

    def at(now_s, millivolts):
        pack = told_pack("left")
        reading = replace(
            pack.reading,
            cell_voltages_v=(3.0 + millivolts / 1000,) * 16,
            runtime_s=3600.0 * millivolts,
            voltage_v=50.0 + millivolts / 100,
        )
        sent = turn(publisher, bank_state(packs=(replace(pack, reading=reading),)), now_s)
        state = json.loads(sent[f"{LEFT}/state"])
        return state["voltage"], state["cell_07_voltage"], state["runtime"]

    assert at(0.0, 1) == (50.01, 3.001, 1)
    assert at(1.0, 2) == (50.02, 3.001, 1)
    assert at(10.0, 3) == (50.03, 3.003, 1)
    assert at(60.0, 4) == (50.04, 3.004, 4)


def test_a_pack_that_is_lost_shows_no_old_cell_whatever_the_pace():
    publisher = make(1.0, cells_s=600.0, slow_s=600.0)
    turn(publisher, bank_state(), 0.0)
    sent = turn(publisher, bank_state(packs=(lost("left"), pack_state("right"))), 1.0)
    assert json.loads(sent[f"{LEFT}/state"])["cell_01_voltage"] is None
