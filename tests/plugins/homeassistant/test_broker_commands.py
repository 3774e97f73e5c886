"""Commands over a real Mosquitto: carried out, confirmed by what was read back, or told why not."""

import json
import time
from dataclasses import replace

import pytest

from cellwarden.model import Order, Orders, Outcome, PackPhase, RequestKind, Verdict
from cellwarden_homeassistant.controls import BANK_CONTROLS, PACK_CONTROLS
from support.gates import APPLIED, FakeGate
from support.processes import until
from support.states import pack_state, told_bank

pytestmark = pytest.mark.system

BASE = "cellwarden/battery"
BRIDGE = f"{BASE}/bridge/status"
LEFT = f"{BASE}/packs/snleft"
CONFIG = "homeassistant/device/cellwarden_pack_snleft/config"


def all_open():
    writable = [c.command.parameter for c in PACK_CONTROLS if c.command.parameter]
    return FakeGate(*RequestKind, writable=writable)


def state_with(listener, topic, since_s, **wanted):
    """Wait for a state with these values, and return when it came."""

    def found():
        for message in listener.seen(topic, since_s):
            document = json.loads(message.payload)
            if all(document[key] == value for key, value in wanted.items()):
                return message
        return None

    return until(found, 8, f"{wanted} on {topic}")


def event(listener, topic, since_s):
    return json.loads(listener.wait(f"{topic}/event", since_s=since_s).payload)


def announced(listener, payload):
    components = json.loads(payload)["cmps"]
    return {c["cmd_t"]: c for c in components.values() if "cmd_t" in c}


EXAMPLES = {"switch": "ON", "button": "PRESS"}


def test_every_control_that_is_announced_reaches_the_gate(broker, listen, run_output):
    gate = all_open()
    listener = listen(broker)
    run_output(broker, told_bank(), gate)
    listener.wait(BRIDGE, b"online")
    pack = announced(listener, listener.wait(CONFIG).payload)
    bank = announced(
        listener, listener.wait("homeassistant/device/cellwarden_bank_battery/config").payload
    )
    assert len(pack) == len(PACK_CONTROLS) + 1
    assert len(bank) == len(BANK_CONTROLS)
    for topic, component in (pack | bank).items():
        command = EXAMPLES.get(component["p"]) or str(component.get("ops", [None])[0])
        if component["p"] == "number":
            command = str(component["min"])
        broker.publish(topic, command)
    wanted = [c for c in (*PACK_CONTROLS, *BANK_CONTROLS) if len(c.command.kinds) == 1]
    kinds = {(c.command.kinds[0], c.command.parameter) for c in wanted}

    def all_asked():
        seen = {(r.kind, name) for r in gate.asked for name in (*r.changes, "")}
        return kinds <= seen | {(kind, "") for kind, _ in seen}

    until(all_asked, 10, "every request")
    assert {request.who for request in gate.asked} == {"homeassistant"}


def test_a_switch_shows_what_was_read_back(broker, listen, run_output):
    gate = all_open()
    listener = listen(broker)
    running = run_output(broker, told_bank(), gate, publish_interval_s=60.0)
    listener.wait(BRIDGE, b"online")

    def write(request):
        left = running.state.packs[0]
        off = replace(left, reading=replace(left.reading, charge_switch_on=request.value))
        running.state = replace(running.state, packs=(off, *running.state.packs[1:]))
        return APPLIED

    gate.answer = write
    asked_s = time.monotonic()
    broker.publish(f"{LEFT}/set/charge_switch", "OFF")
    state = state_with(listener, f"{LEFT}/state", asked_s, charge_switch="OFF")
    assert state.at_s - asked_s < 2.0
    assert event(listener, LEFT, asked_s)["event_type"] == "applied"


def test_a_write_that_was_rolled_back_shows_the_old_value_and_says_why(broker, listen, run_output):
    gate = all_open()
    gate.answer = lambda request: Outcome(verdict=Verdict.ROLLED_BACK, reason="read back 3.600 V")
    listener = listen(broker)
    run_output(broker, told_bank(), gate, publish_interval_s=60.0)
    listener.wait(BRIDGE, b"online")
    asked_s = time.monotonic()
    broker.publish(f"{LEFT}/set/set_cell_overvoltage_v", "3.65")
    state_with(
        listener,
        f"{LEFT}/state",
        asked_s,
        set_cell_overvoltage_v=3.6,
        last_request="Cell overvoltage setting 3.65: rolled back, read back 3.600 V",
    )
    told = event(listener, LEFT, asked_s)
    assert (told["event_type"], told["reason"]) == ("rolled back", "read back 3.600 V")
    (message,) = listener.seen(f"{LEFT}/event")
    assert message.retained is False
    assert message.qos == 1


def test_an_order_is_shown_as_it_is_in_effect_with_its_end(broker, listen, run_output):
    gate = all_open()
    listener = listen(broker)
    running = run_output(broker, told_bank(orders=Orders()), gate, publish_interval_s=60.0)
    listener.wait(BRIDGE, b"online")

    def keep(request):
        order = Order(value=15.0, who=request.who)  # the controller kept less than was asked
        running.state = replace(running.state, orders=Orders(charge_current_a=order))
        return APPLIED

    gate.answer = keep
    asked_s = time.monotonic()
    broker.publish(f"{BASE}/bank/set/charge_limit", '{"value": 20, "lasts_s": 300}')
    state_with(listener, f"{BASE}/bank/state", asked_s, charge_limit=15.0)
    (request,) = gate.asked
    assert (request.kind, request.value) == (RequestKind.CHARGE_CURRENT_LIMIT, 20.0)
    assert request.lasts_s == 300.0


def test_in_mode_monitor_nothing_is_carried_out(broker, listen, run_output, caplog):
    gate = FakeGate()
    listener = listen(broker)
    run_output(broker, told_bank(), gate)
    listener.wait(BRIDGE, b"online")
    broker.publish(f"{LEFT}/set/charge_switch", "OFF")
    until(lambda: "there is no such control" in caplog.text, 5, "the log")
    assert gate.asked == []


def test_a_retained_command_is_never_carried_out(broker, listen, run_output, caplog):
    broker.publish(f"{LEFT}/set/charge_switch", "OFF", "-r")
    gate = all_open()
    listener = listen(broker)
    run_output(broker, told_bank(), gate)
    listener.wait(BRIDGE, b"online")
    until(lambda: "a retained command is not carried out" in caplog.text, 5, "the log")
    assert gate.asked == []


def test_a_lost_pack_refuses_with_the_reason(broker, listen, run_output):
    gate = all_open()
    listener = listen(broker)
    running = run_output(broker, told_bank(), gate)
    listener.wait(BRIDGE, b"online")
    lost = pack_state("left", phase=PackPhase.LOST, reading=None)
    running.state = replace(running.state, packs=(lost, running.state.packs[1]))
    listener.wait(f"{LEFT}/status", b"offline")
    asked_s = time.monotonic()
    broker.publish(f"{LEFT}/set/charge_switch", "OFF")
    told = event(listener, LEFT, asked_s)
    assert (told["event_type"], told["reason"]) == ("refused", "its BMS does not answer")
    assert gate.asked == []


def test_a_slow_gate_delays_no_state(broker, listen, run_output):
    gate = all_open()
    gate.takes_s = 3.0
    listener = listen(broker)
    running = run_output(broker, told_bank(), gate)
    listener.wait(BRIDGE, b"online")
    broker.publish(f"{LEFT}/set/charge_switch", "OFF")
    until(lambda: gate.asked, 5, "the request")
    asked_s = time.monotonic()
    running.state = told_bank(power_w=777.0)
    state = state_with(listener, f"{BASE}/bank/state", asked_s, power=777)
    assert state.at_s - asked_s < 2.5


def test_a_switch_that_is_withdrawn_is_removed_in_two_steps(
    broker, listen, run_output, monkeypatch
):
    monkeypatch.setattr("cellwarden_homeassistant.shown.WITHDRAW_AFTER_S", 0.5)
    monkeypatch.setattr("cellwarden_homeassistant.publisher.RIGHTS_EVERY_S", 0.5)
    gate = all_open()
    listener = listen(broker)
    run_output(broker, told_bank(), gate)
    listener.wait(BRIDGE, b"online")
    withdrawn_s = time.monotonic()
    gate.open -= {RequestKind.HEATING_SWITCH}

    def steps():
        heard = [json.loads(m.payload)["cmps"] for m in listener.seen(CONFIG, withdrawn_s)]
        return [components.get("heating_switch") for components in heard]

    until(lambda: len(steps()) >= 2, 8, "two documents")
    assert steps() == [{"p": "switch"}, None]


def test_a_pack_that_left_the_configuration_is_deleted_at_the_broker(broker, listen, run_output):
    listener = listen(broker)
    first = run_output(broker, told_bank())
    listener.wait(BRIDGE, b"online")
    assert first.stop() < 3.0
    gone_s = time.monotonic()
    run_output(broker, told_bank(packs=(told_bank().packs[1],)))
    listener.wait(CONFIG, b"", since_s=gone_s)
    listener.wait(f"{LEFT}/state", b"", since_s=gone_s)
    listener.wait(f"{LEFT}/status", b"", since_s=gone_s)
    late = listen(broker)
    late.wait(f"{BASE}/packs/snright/state")
    assert CONFIG not in late.topics()
    assert not {topic for topic in late.topics() if topic.startswith(LEFT)}
