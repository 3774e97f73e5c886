"""Commands over a real Mosquitto: carried out, confirmed by what was read back, or told why not."""

import json
import time
from dataclasses import replace

import pytest

from cellwarden.model import (
    PARAMETERS,
    ChargeMode,
    Order,
    Orders,
    Outcome,
    PackPhase,
    RequestKind,
    Verdict,
    preset,
)
from cellwarden_homeassistant.controls import BANK_CONTROLS, PACK_CONTROLS
from support.gates import APPLIED, FakeGate
from support.processes import until
from support.states import pack_state, told_bank

pytestmark = pytest.mark.system

BASE = "cellwarden/battery"
BRIDGE = f"{BASE}/bridge/status"
LEFT = f"{BASE}/packs/snleft"
CONFIG = "homeassistant/device/cellwarden_pack_snleft/config"
BANK_CONFIG = "homeassistant/device/cellwarden_bank_battery/config"


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


def announced(payload):
    """The controls of a device, by key."""
    components = json.loads(payload)["cmps"]
    return {key: c for key, c in components.items() if "cmd_t" in c}


SWITCHES = {
    RequestKind.CHARGE_SWITCH: "charge_switch_on",
    RequestKind.DISCHARGE_SWITCH: "discharge_switch_on",
    RequestKind.BALANCE_SWITCH: "balance_switch_on",
    RequestKind.HEATING_SWITCH: "heating_switch_on",
}
ORDERS = {
    RequestKind.CHARGE_CURRENT_LIMIT: "charge_current_a",
    RequestKind.DISCHARGE_CURRENT_LIMIT: "discharge_current_a",
    RequestKind.TARGET_SOC: "target_soc_percent",
    RequestKind.RESERVE_SOC: "reserve_soc_percent",
    RequestKind.CHARGE_BLOCK: "charge_block",
    RequestKind.DISCHARGE_BLOCK: "discharge_block",
    RequestKind.FULL_CHARGE: "full_charge",
    RequestKind.CHARGE_EXPECTED: "charge_expected",
    RequestKind.SURPLUS: "surplus_w",
}


def obeyed(bank, request):
    """The bank after a BMS or the controller did what was asked."""
    kind, value = request.kind, request.value
    if kind in ORDERS:
        order = Order(value=float(value), who=request.who) if value else None
        return replace(bank, orders=replace(bank.orders, **{ORDERS[kind]: order}))
    if kind is RequestKind.CHARGE_MODE:
        return replace(bank, orders=replace(bank.orders, mode=ChargeMode(value)))
    if kind is RequestKind.MEMBERSHIP:
        out = bank.orders.out - {request.pack} if value else bank.orders.out | {request.pack}
        return replace(bank, orders=replace(bank.orders, out=out))
    return replace(
        bank,
        packs=tuple(
            did(pack, request) if request.pack in ("", pack.pack) else pack for pack in bank.packs
        ),
    )


def did(pack, request):
    """A pack after its BMS did what was asked."""
    if request.kind is RequestKind.RESET_SOC:
        return replace(pack, soc_percent=request.value)
    changes = {}
    if request.kind in SWITCHES:
        changes[SWITCHES[request.kind]] = request.value
    if request.kind is RequestKind.PARAMETERS:
        changes["settings"] = {**pack.reading.settings, **request.changes}
    if request.kind is RequestKind.PRESET:
        values = preset(request.value, cell_count=16, design_capacity_ah=100)
        names = (spec.name for spec in PARAMETERS)
        changes["settings"] = {
            name: value for name in names if (value := getattr(values, name)) is not None
        }
    return replace(pack, reading=replace(pack.reading, **changes))


def test_every_control_reaches_the_gate_and_shows_what_was_read_back(broker, listen, run_output):
    gate = all_open()
    listener = listen(broker)
    running = run_output(broker, told_bank(orders=Orders()), gate, publish_interval_s=60.0)

    def write(request):
        running.state = obeyed(running.state, request)
        return APPLIED

    gate.answer = write
    listener.wait(BRIDGE, b"online")
    pack = announced(listener.wait(CONFIG).payload)
    bank = announced(listener.wait(BANK_CONFIG).payload)
    assert len(pack) == len(PACK_CONTROLS) + 1  # and Identify
    assert len(bank) == len(BANK_CONTROLS)

    def ask(components, commands):
        """Give commands; wait until the state shows what each control is to show."""
        asked_s = time.monotonic()
        topic = next(iter(components.values()))["cmd_t"].partition("/set/")[0]
        for key, (payload, _) in commands.items():
            broker.publish(components[key]["cmd_t"], payload)
        shown = {key: value for key, (_, value) in commands.items() if value is not None}
        state_with(listener, f"{topic}/state", asked_s, **shown)
        until(lambda: len(listener.seen(f"{topic}/event", asked_s)) == len(commands), 5, "answers")
        told = [
            json.loads(m.payload)["event_type"] for m in listener.seen(f"{topic}/event", asked_s)
        ]
        assert set(told) <= {"applied", "identified"}

    numbers = {key: (str(c["max"]), c["max"]) for key, c in pack.items() if c["p"] == "number"}
    switches = {key: ("OFF", "OFF") for key, c in pack.items() if c["p"] == "switch"}
    others = {
        "preset": ("LTO", "LTO"),
        "set_soc": ("41", 41),
        "reset_soc": ("PRESS", None),
        "restart": ("PRESS", None),
        "identify": ("PRESS", None),
    }
    assert pack.keys() == numbers.keys() | switches.keys() | others.keys()
    ask(pack, numbers | switches)
    ask(pack, {key: others[key] for key in ("preset", "set_soc", "restart", "identify")})
    ask(pack, {"reset_soc": ("PRESS", None)})
    assert running.state.packs[0].soc_percent == 100.0
    assert running.state.packs[1].soc_percent == 64.0  # nobody asked for the other pack

    orders = {
        "charge_limit": ("20", 20.0),
        "discharge_limit": ("30", 30.0),
        "target_soc": ("80", 80),
        "reserve_soc": ("10", 10),
        "charge_block": ("ON", "ON"),
        "discharge_block": ("ON", "ON"),
        "charge_mode": ("hold", "hold"),
        "charge_expected": ("90", None),  # shown by when it ends, which this bank does not keep
        "surplus": ("800", 800),
        "full_charge": ("PRESS", None),
        "reset_soc": ("PRESS", None),
    }
    assert bank.keys() == orders.keys() | {"full_charge_end", "withdraw_orders"}
    ask(bank, orders)
    assert running.state.orders.full_charge is not None
    ask(bank, {"full_charge_end": ("PRESS", None)})
    assert running.state.orders.full_charge is None
    withdrawn_s = time.monotonic()
    ask(bank, {"withdraw_orders": ("PRESS", None)})
    state_with(
        listener, f"{BASE}/bank/state", withdrawn_s,
        charge_limit=None, discharge_limit=None, target_soc=None, reserve_soc=None,
        charge_block="OFF", discharge_block="OFF", orders="out: left",
    )  # fmt: skip
    assert {request.who for request in gate.asked} == {"homeassistant"}
    assert {request.kind for request in gate.asked} == {
        kind for c in (*PACK_CONTROLS, *BANK_CONTROLS) for kind in c.command.kinds
    }


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
