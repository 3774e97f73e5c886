"""A heater on a switch at a real broker: told, read back, and off when we are gone."""

import asyncio
import time

import pytest

from cellwarden.errors import ConfigError, LinkError
from cellwarden.hooks import RelayContext
from cellwarden_homeassistant import mqtt_relay as module
from cellwarden_homeassistant.config import MqttRelayOptions
from cellwarden_homeassistant.mqtt_relay import MqttRelay

pytestmark = pytest.mark.system

COMMAND, STATE, STATUS = "mat/set", "mat/state", "mat/status"


def relay(broker, **options):
    facts = {
        "host": "127.0.0.1",
        "port": broker.port,
        "command_topic": COMMAND,
        "state_topic": STATE,
    }
    return MqttRelay(MqttRelayOptions(**facts | options), RelayContext(name="mat", pack="left"))


def play(broker, scenario, **options):
    async def run():
        mat = relay(broker, **options)
        try:
            await scenario(mat)
        finally:
            await mat.close()

    asyncio.run(run())


async def reads(mat, on):
    async with asyncio.timeout(10):
        while await mat.read() is not on:  # noqa: ASYNC110  # no event: another process
            await asyncio.sleep(0.01)


def commands(listener):
    return [message.payload for message in listener.seen(COMMAND)]


def test_it_is_told_off_first_then_as_ordered_and_off_at_the_end(broker, listen):
    listener = listen(broker)

    async def scenario(mat):
        await mat.open()
        assert await mat.read() is None  # nobody has said where it is
        await mat.switch(True)
        await asyncio.to_thread(broker.publish, STATE, "ON")
        await reads(mat, True)
        await asyncio.to_thread(broker.publish, STATE, "OFF")
        await reads(mat, False)

    play(broker, scenario)
    listener.wait(COMMAND, b"ON")
    assert commands(listener) == [b"OFF", b"ON", b"OFF"]
    assert not any(message.retained for message in listener.seen(COMMAND))


@pytest.mark.parametrize(
    ("options", "payload", "on"),
    [
        ({}, "on", True),
        ({"payload_on": "1", "payload_off": "0"}, "1", True),
        ({"state_key": "state"}, '{"state": "ON", "linkquality": 90}', True),
        ({"state_key": "POWER"}, '{"POWER": "off"}', False),
    ],
)
def test_states_are_read_as_their_switch_writes_them(broker, options, payload, on):
    async def scenario(mat):
        await mat.open()
        await asyncio.to_thread(broker.publish, STATE, payload)
        await reads(mat, on)

    play(broker, scenario, **options)


@pytest.mark.parametrize("payload", ["unavailable", "", "{", "[]", '{"state": 3}'])
def test_a_state_that_says_nothing_takes_the_last_one_away(broker, payload):
    async def scenario(mat):
        await mat.open()
        await asyncio.to_thread(broker.publish, STATE, '{"state": "ON"}')
        await reads(mat, True)
        await asyncio.to_thread(broker.publish, STATE, payload)
        await reads(mat, None)

    play(broker, scenario, state_key="state")


def test_a_state_that_the_broker_kept_or_that_is_old_proves_nothing(broker, monkeypatch):
    broker.publish(STATE, "ON", "-r")

    async def scenario(mat):
        await mat.open()
        await asyncio.to_thread(broker.publish, "mat/other", "x")
        assert await mat.read() is None
        await asyncio.to_thread(broker.publish, STATE, "ON")
        await reads(mat, True)
        monkeypatch.setattr(module, "STATE_COUNTS_S", 0.0)
        assert await mat.read() is None

    play(broker, scenario)


def test_with_a_last_will_of_its_own_a_state_counts_as_long_as_the_switch_is_there(
    broker, monkeypatch
):
    monkeypatch.setattr(module, "STATE_COUNTS_S", 0.0)
    broker.publish(STATE, "ON", "-r")

    async def scenario(mat):
        await mat.open()
        assert await mat.read() is None
        await asyncio.to_thread(broker.publish, STATUS, "online", "-r")
        await reads(mat, True)
        await asyncio.to_thread(broker.publish, STATUS, "offline", "-r")
        await reads(mat, None)

    play(broker, scenario, availability_topic=STATUS)


def test_a_process_that_is_gone_without_a_goodbye_leaves_the_order_off_at_the_broker(
    broker, listen
):
    listener = listen(broker)

    async def scenario(mat):
        await mat.open()
        await mat.switch(True)
        await asyncio.to_thread(listener.wait, COMMAND, b"ON")
        killed_s = time.monotonic()
        mat._link._break()  # what the broker sees of a killed process
        await asyncio.to_thread(listener.wait, COMMAND, b"OFF", since_s=killed_s)

    play(broker, scenario)


def test_without_a_broker_nothing_is_kept_for_later(broker, listen, monkeypatch):
    monkeypatch.setattr(module, "CONNECT_S", 0.3)
    broker.stop()

    async def scenario(mat):
        with pytest.raises(
            LinkError, match=f"relay mat: the broker 127.0.0.1:{broker.port} is not"
        ):
            await mat.open()
        for work in (mat.switch(True), mat.read()):
            with pytest.raises(LinkError, match="is not there"):
                await work
        await mat.close()
        with pytest.raises(LinkError, match="is not there"):
            await mat.read()

    play(broker, scenario)


def test_a_broker_that_is_lost_is_trouble_until_it_is_back(broker, listen):
    async def scenario(mat):
        await mat.open()
        await asyncio.to_thread(broker.stop)
        with pytest.raises(LinkError, match="is not there"):
            await reads(mat, True)
        await mat.close()
        await asyncio.to_thread(broker.start)
        await mat.open()
        await asyncio.to_thread(broker.publish, STATE, "OFF")
        await reads(mat, False)

    play(broker, scenario)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"state_topic": COMMAND}, "must differ"),
        ({"availability_topic": STATE}, "must differ"),
        ({"payload_off": "on"}, "payload_on and payload_off must differ"),
        ({"password_env": "X"}, "a password without username"),
        ({"ca_file": "/x"}, "tls is false"),
    ],
)
def test_a_command_that_would_pass_for_a_state_is_refused(options, words):
    facts = {"command_topic": COMMAND, "state_topic": STATE}
    with pytest.raises(ConfigError, match=words):
        MqttRelayOptions(**facts | options)


def test_a_login_that_cannot_be_read_is_said_before_anything_is_opened(broker):
    with pytest.raises(ConfigError, match="CELLWARDEN_NO_SUCH_SECRET"):
        relay(broker, username="u", password_env="CELLWARDEN_NO_SUCH_SECRET")
