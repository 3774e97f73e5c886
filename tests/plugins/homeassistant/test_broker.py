"""The output against a real Mosquitto, watched by an independent client."""

import json
import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cellwarden.errors import LinkError
from cellwarden.hooks import OutputContext
from cellwarden.model import BankPhase, PackPhase
from cellwarden_homeassistant.config import HomeAssistantOptions
from cellwarden_homeassistant.link import MqttLink
from cellwarden_homeassistant.output import HomeAssistantOutput
from support.homeassistant_rules import device_faults, state_faults
from support.processes import Lines, until
from support.states import bank_state, pack_state
from support.tools import require_tool

pytestmark = pytest.mark.system

BASE = "cellwarden/battery"
BRIDGE, BANK = f"{BASE}/bridge/status", f"{BASE}/bank/status"
LEFT, RIGHT = f"{BASE}/packs/snleft", f"{BASE}/packs/snright"
STATE_OF = {
    "homeassistant/device/cellwarden_bridge_battery/config": f"{BASE}/bridge/state",
    "homeassistant/device/cellwarden_bank_battery/config": f"{BASE}/bank/state",
    "homeassistant/device/cellwarden_pack_snleft/config": f"{LEFT}/state",
    "homeassistant/device/cellwarden_pack_snright/config": f"{RIGHT}/state",
}
"""Every discovery topic of the bank of two, and the topic its entities read."""
LOGGER = "cellwarden_homeassistant.link"


def lost(name):
    return pack_state(name, phase=PackPhase.LOST, reading=None, soc_percent=None)


def connected(running):
    return until(lambda: running.output.status()["connected"], 10, "the connection")


def test_somebody_who_subscribes_later_finds_everything_retained(broker, listen, run_output):
    running = run_output(broker)
    with_first = listen(broker)
    with_first.wait(BRIDGE, b"online")
    late = listen(broker)
    for topic, state_topic in STATE_OF.items():
        config, state = late.wait(topic), late.wait(state_topic)
        assert config.retained
        assert config.qos == 1
        assert state.retained
        assert state.qos == 0
        assert device_faults(topic, config.payload) == []
        assert state_faults(config.payload, state.payload) == []
    for topic in (BRIDGE, BANK, f"{LEFT}/status", f"{RIGHT}/status"):
        status = late.wait(topic, b"online")
        assert status.retained
        assert status.qos == 1
    assert late.topics() == {*STATE_OF, *STATE_OF.values()} | {
        BRIDGE,
        BANK,
        f"{LEFT}/status",
        f"{RIGHT}/status",
    }
    assert running.stop() < 2.0


def test_the_values_are_those_of_the_decision(broker, listen, run_output):
    listener = listen(broker)
    run_output(broker)
    pack = json.loads(listener.wait(f"{LEFT}/state").payload)
    assert (pack["voltage"], pack["current"], pack["soc"]) == (52.92, 6.0, 64.0)
    bank = json.loads(listener.wait(f"{BASE}/bank/state").payload)
    assert (bank["power"], bank["cvl"], bank["ccl"], bank["dcl"]) == (635, 55.2, 100.0, 200.0)


def test_a_lost_pack_is_offline_within_a_cycle_and_comes_back(broker, listen, run_output):
    listener = listen(broker)
    running = run_output(broker, publish_interval_s=60.0)
    listener.wait(f"{LEFT}/status", b"online")
    gone_s = time.monotonic()
    running.state = bank_state(packs=(lost("left"), pack_state("right")))
    heard = listener.wait(f"{LEFT}/status", b"offline", since_s=gone_s)
    assert heard.at_s - gone_s < 2.0
    state = listener.wait(f"{LEFT}/state", since_s=gone_s)
    assert json.loads(state.payload)["voltage"] is None
    back_s = time.monotonic()
    running.state = bank_state()
    listener.wait(f"{LEFT}/status", b"online", since_s=back_s)


def test_all_packs_lost_leaves_the_bridge_online(broker, listen, run_output):
    listener = listen(broker)
    running = run_output(broker)
    listener.wait(BRIDGE, b"online")
    running.state = bank_state(packs=(lost("left"), lost("right")), phase=BankPhase.SILENT)
    listener.wait(BANK, b"offline")
    time.sleep(0.5)
    assert [m.payload for m in listener.seen(BRIDGE)] == [b"online"]


def test_a_clean_stop_says_offline_itself(broker, listen, run_output):
    listener = listen(broker)
    running = run_output(broker)
    listener.wait(BRIDGE, b"online")
    assert running.stop() < 2.0
    listener.wait(BRIDGE, b"offline")
    for topic in (BANK, f"{LEFT}/status", f"{RIGHT}/status"):
        listener.wait(topic, b"offline")
    log = broker.log()
    assert "Received DISCONNECT from cellwarden-battery" in log
    late = listen(broker)
    assert late.wait(BRIDGE).payload == b"offline"


PROCESS = """
import asyncio, sys
from dataclasses import replace
from cellwarden.clock import Clock
from cellwarden.hooks import OutputContext
from cellwarden.runtime.mailbox import Mailbox
from cellwarden_homeassistant.config import HomeAssistantOptions
from cellwarden_homeassistant.link import MqttLink
from cellwarden_homeassistant.output import HomeAssistantOutput
from support.gates import FakeGate
from support.states import bank_state

async def main():
    options = HomeAssistantOptions(host="127.0.0.1", port=int(sys.argv[1]))
    context = OutputContext(name="homeassistant", bank="Battery", state_dir="")
    mailbox = Mailbox(Clock())
    task = asyncio.create_task(HomeAssistantOutput(options, context).run(mailbox, FakeGate()))
    while not task.done():
        mailbox.put(replace(bank_state(), at_s=mailbox.clock.now_s()))
        await asyncio.sleep(0.2)
    await task

asyncio.run(main())
"""


def test_the_last_will_speaks_for_a_killed_process(broker, listen):
    listener = listen(broker)
    tests = Path(__file__).resolve().parents[2]
    path = os.pathsep.join((*sys.path, str(tests)))
    process = Lines([sys.executable, "-c", PROCESS, str(broker.port)], env={"PYTHONPATH": path})
    try:
        listener.wait(BRIDGE, b"online", timeout_s=15)
    finally:
        killed_s = time.monotonic()
        process.end(signal.SIGKILL)
    will = listener.wait(BRIDGE, b"offline", since_s=killed_s)
    assert will.at_s - killed_s < 2.0
    assert listen(broker).wait(BRIDGE).payload == b"offline"


def test_after_a_kill_a_pack_that_is_not_met_again_is_taken_offline(broker, listen, run_output):
    broker.publish(f"{LEFT}/status", "online", "-r")  # what a killed process leaves behind
    broker.publish(f"{BASE}/packs/taken_out/status", "online", "-r")
    listener = listen(broker)
    waiting = pack_state("left", phase=PackPhase.WAITING, reading=None, identity=None)
    running = run_output(broker, bank_state(packs=(waiting, pack_state("right"))))
    listener.wait(f"{LEFT}/status", b"offline")
    listener.wait(f"{BASE}/packs/taken_out/status", b"offline")
    running.state = bank_state()
    came_s = time.monotonic()
    listener.wait(f"{LEFT}/status", b"online", since_s=came_s)


def test_home_assistants_birth_is_answered_with_everything_once(broker, listen, run_output):
    listener = listen(broker)
    run_output(broker, publish_interval_s=60.0)
    listener.wait(BRIDGE, b"online")
    time.sleep(0.5)
    birth_s = time.monotonic()
    for word in ("online", "Online", "offline"):
        broker.publish("homeassistant/status", word)
    for topic in (*STATE_OF, *STATE_OF.values(), f"{LEFT}/status", BANK, BRIDGE):
        answer = listener.wait(topic, since_s=birth_s)
        assert 0.3 < answer.at_s - birth_s < 7.0
    time.sleep(1.5)
    assert len(listener.seen(BRIDGE, birth_s)) == 1


def test_a_retained_birth_is_no_news(broker, listen, run_output):
    broker.publish("homeassistant/status", "online", "-r")
    listener = listen(broker)
    run_output(broker, publish_interval_s=60.0)
    listener.wait(BRIDGE, b"online")
    time.sleep(6.5)
    assert len(listener.seen(BRIDGE)) == 1


def test_after_a_broker_restart_everything_is_there_again(broker, listen, run_output, caplog):
    caplog.set_level(logging.INFO, LOGGER)
    running = run_output(broker)
    listen(broker).wait(BRIDGE, b"online")
    before = listen(broker).wait(next(iter(STATE_OF))).payload
    broker.stop()  # and forgets what it kept
    until(lambda: not running.output.status()["connected"], 5, "the loss")
    broker.start()
    listener = listen(broker)
    for topic in (*STATE_OF, *STATE_OF.values(), BRIDGE, BANK):
        listener.wait(topic, timeout_s=15)
    assert listener.wait(next(iter(STATE_OF))).payload == before
    words = [record.getMessage() for record in caplog.records if record.name == LOGGER]
    assert [("lost" in word, word.endswith(": connected, MQTT 5")) for word in words] == [
        (False, True),
        (True, False),
        (False, True),
    ]


def test_a_broker_that_is_not_there_at_start_is_waited_for(make_broker, listen, run_output, caplog):
    caplog.set_level(logging.INFO, LOGGER)
    broker = make_broker("allow_anonymous true")
    running = run_output(broker)
    until(lambda: bool(running.output.status()["last_error"]), 5, "the error")
    assert "cannot be reached: [Errno 111]" in running.output.status()["last_error"]
    time.sleep(1.5)
    assert running.output.status()["published"] == 0
    broker.start()
    listen(broker).wait(BRIDGE, b"online", timeout_s=10)
    assert running.output.status()["last_error"] == ""
    levels = [record.levelname for record in caplog.records if record.name == LOGGER]
    assert levels == ["WARNING", "INFO"]


def test_stopping_without_a_broker_takes_no_time(make_broker, run_output):
    running = run_output(make_broker())
    until(lambda: bool(running.output.status()["last_error"]), 5, "the error")
    assert running.stop() < 2.5


def test_a_broker_that_stops_reading_blocks_nothing_and_nothing_piles_up(
    broker, listen, run_output
):
    listener = listen(broker)
    running = run_output(broker)
    listener.wait(BRIDGE, b"online")
    broker.pause()
    before = running.output.status()["published"]
    for watts in range(30):
        # Each is urgent and goes out at once as long as the broker takes it.
        running.state = bank_state(power_w=float(watts), charge_allowed=watts % 2 == 0)
        if watts % 5 == 0:
            packs = (lost("left"), pack_state("right"))
            running.state = bank_state(packs=packs, power_w=float(watts))
        time.sleep(0.1)
    assert running.alive
    assert running.output.status()["published"] - before < 20  # one round, then it waits
    resumed_s = time.monotonic()
    running.state = bank_state(power_w=4321.0)
    broker.resume()
    until(
        lambda: any(
            json.loads(m.payload)["power"] == 4321
            for m in listener.seen(f"{BASE}/bank/state", resumed_s)
        ),
        8,
        "the newest state",
    )


def test_stopping_is_bounded_while_the_broker_does_not_read(broker, listen, run_output):
    listener = listen(broker)
    running = run_output(broker)
    listener.wait(BRIDGE, b"online")
    broker.pause()
    running.state = bank_state(packs=(lost("left"), pack_state("right")))
    time.sleep(1.0)
    assert running.stop() < 4.5
    broker.resume()
    listener.wait(BRIDGE, b"offline")


def test_a_wrong_password_is_logged_once_and_named(make_broker, tmp_path, run_output, caplog):
    caplog.set_level(logging.INFO, LOGGER)
    users = tmp_path / "users"
    users.touch(mode=0o600)
    broker = make_broker("allow_anonymous false", f"password_file {users}")
    broker.start()
    secret = tmp_path / "secret"
    secret.write_text("wrong-and-secret\n")
    running = run_output(broker, username="cellwarden", password_file=str(secret))
    until(lambda: bool(running.output.status()["last_error"]), 5, "the refusal")
    assert "refuses username or password: Not authorized" in running.output.status()["last_error"]
    time.sleep(2.5)
    assert running.output.status()["connected"] is False
    assert [record.levelname for record in caplog.records if record.name == LOGGER] == ["ERROR"]
    assert "wrong-and-secret" not in caplog.text
    assert broker.log().count("New client connected") == 0
    assert running.stop() < 2.5


def test_the_right_password_from_a_file_is_let_in(make_broker, tmp_path, run_output):
    users = tmp_path / "users"
    users.touch(mode=0o600)
    tool = require_tool("mosquitto_passwd", "mosquitto")
    subprocess.run([tool, "-b", str(users), "cellwarden", "right"], check=True, timeout=10)
    broker = make_broker("allow_anonymous false", f"password_file {users}")
    broker.start()
    secret = tmp_path / "secret"
    secret.write_text("right\n")
    connected(run_output(broker, username="cellwarden", password_file=str(secret)))


def test_a_broker_that_was_wiped_is_filled_again_by_the_next_birth(broker, listen, run_output):
    listener = listen(broker)
    run_output(broker, publish_interval_s=60.0)
    listener.wait(BRIDGE, b"online")
    time.sleep(0.5)
    for topic in (*STATE_OF, *STATE_OF.values(), BRIDGE, BANK):
        broker.wipe(topic)
    wiped = listen(broker)
    wiped.wait(f"{RIGHT}/status")
    assert wiped.topics() == {f"{LEFT}/status", f"{RIGHT}/status"}
    birth_s = time.monotonic()
    broker.publish("homeassistant/status", "online")
    listener.wait(BRIDGE, b"online", since_s=birth_s)
    late = listen(broker)
    for topic in (*STATE_OF, *STATE_OF.values(), BRIDGE, BANK):
        assert late.wait(topic).retained


def test_another_client_that_says_we_are_offline_is_contradicted(broker, listen, run_output):
    listener = listen(broker)
    run_output(broker, publish_interval_s=60.0)
    listener.wait(BRIDGE, b"online")
    said_s = time.monotonic()
    broker.publish(BRIDGE, "offline", "-r")  # a will of an old connection that came late
    listener.wait(BRIDGE, b"offline", since_s=said_s)
    listener.wait(BRIDGE, b"online", since_s=said_s)
    time.sleep(1.0)
    assert len(listener.seen(BRIDGE, said_s)) == 2


def test_an_exception_in_a_callback_leaves_the_connection_at_work(
    broker, listen, run_output, monkeypatch, caplog
):
    def broken(*_):
        raise ValueError("a defect")

    monkeypatch.setattr("cellwarden_homeassistant.link.Heard", broken)
    listener = listen(broker)
    running = run_output(broker)
    listener.wait(BRIDGE, b"online")
    broker.publish("homeassistant/status", "online")
    until(lambda: "a defect" in caplog.text, 5, "the log")
    said_s = time.monotonic()
    running.state = bank_state(power_w=1234.0)
    listener.wait(f"{BASE}/bank/state", since_s=said_s)


def test_a_round_that_breaks_off_is_sent_again_in_full(broker, listen, run_output, monkeypatch):
    publish, calls = MqttLink.publish, []

    def flaky(link, message):
        calls.append(message.topic)
        return len(calls) != 6 and publish(link, message)

    monkeypatch.setattr(MqttLink, "publish", flaky)
    listener = listen(broker)
    run_output(broker, publish_interval_s=60.0)
    listener.wait(BRIDGE, b"online")
    assert calls[6:] == [*calls[:6], *calls[12:]]
    assert len(calls) == 6 + 12


def test_a_network_thread_that_ended_is_noticed(broker, run_output, monkeypatch):
    running = run_output(broker)
    connected(running)
    link = running.output._link
    link._client.loop_stop()
    # loop_stop ends it, as a defect of the library would.
    until(lambda: running.error is not None, 10, "the error")
    assert isinstance(running.error, LinkError)
    assert "the network thread ended" in str(running.error)
    running.error = None


def test_the_status_tells_of_the_broker(broker, run_output):
    running = run_output(broker)
    connected(running)
    until(lambda: running.output.status()["published"] >= 12, 5, "the first round")
    status = dict(running.output.status())
    assert status.pop("published") >= 12
    assert status == {
        "broker": f"127.0.0.1:{broker.port}",
        "connected": True,
        "protocol": "5",
        "announced_packs": ["left", "right"],
        "last_error": "",
    }
    running.stop()
    assert running.output.status()["connected"] is False


def test_before_it_runs_the_status_is_plain():
    context = OutputContext(name="homeassistant", bank="電池", state_dir="")
    output = HomeAssistantOutput(HomeAssistantOptions(), context)
    assert output.status() == {
        "broker": "localhost:1883",
        "connected": False,
        "protocol": "",
        "published": 0,
        "announced_packs": [],
        "last_error": "",
    }


def test_stopping_is_bounded_when_not_a_byte_more_can_be_sent(make_peer, run_output):
    many = tuple(pack_state(f"pack {n}") for n in range(300))
    running = run_output(make_peer(), bank_state(packs=many), protocol="3.1.1")
    until(lambda: running.output.status()["published"] > 900, 10, "the first round")
    time.sleep(2.0)
    published = running.output.status()["published"]
    assert published == 4 + 2 + 3 * 300  # the first round, and nothing on top of it
    assert running.alive
    assert running.stop() < 4.5


def test_a_broker_that_lets_us_read_nothing_is_still_published_to(make_peer, run_output, caplog):
    running = run_output(make_peer(granted=0x80), protocol="3.1.1")
    until(lambda: running.output.status()["published"] == 12, 5, "the first round")
    assert "lets us read none or not all of our topics" in caplog.text


def test_a_broker_that_is_not_ready_is_tried_again_soon(make_peer, run_output, caplog):
    caplog.set_level(logging.DEBUG, LOGGER)
    running = run_output(make_peer(welcome=3), protocol="3.1.1")
    until(lambda: caplog.text.count("refuses the connection: Server unavailable") >= 2, 8, "two")
    assert [r.levelname for r in caplog.records if r.levelno > logging.DEBUG] == ["WARNING"]
    running.stop()


def test_a_controller_that_hangs_shows_as_unavailable(broker, listen, run_output, monkeypatch):
    monkeypatch.setattr("cellwarden_homeassistant.output.HANG_AFTER_S", 1.0)
    listener = listen(broker)
    running = run_output(broker)
    listener.wait(BRIDGE, b"online")
    time.sleep(0.5)  # a second decision tells what a cycle is
    running.state, hung_s = None, time.monotonic()
    assert listener.wait(BRIDGE, b"offline", since_s=hung_s).at_s - hung_s < 4.0
    listener.wait(f"{LEFT}/status", b"offline")
    running.state, back_s = bank_state(), time.monotonic()
    listener.wait(BRIDGE, b"online", since_s=back_s)
