"""What is due and when, with time passed in and no broker."""

import json
from dataclasses import replace

import pytest

from cellwarden.model import (
    Alarm,
    AlarmKind,
    BankPhase,
    Identity,
    PackPhase,
    Severity,
)
from cellwarden_homeassistant.naming import Names
from cellwarden_homeassistant.publisher import OFFLINE, ONLINE, Publisher
from support.states import bank_state, limits, pack_state

BASE = "cellwarden/battery"
BRIDGE, BANK = f"{BASE}/bridge/status", f"{BASE}/bank/status"
LEFT, RIGHT = f"{BASE}/packs/snleft", f"{BASE}/packs/snright"
DISCOVERY = "homeassistant/device/cellwarden_"


def make(interval_s=5.0):
    return Publisher(Names("Battery", "battery", "cellwarden", "homeassistant"), interval_s)


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
    assert sent[f"{LEFT}/status"] == OFFLINE
    assert sent[f"{BASE}/packs/new/status"] == ONLINE


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
