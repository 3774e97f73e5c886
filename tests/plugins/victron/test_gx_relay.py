"""A heater on a relay of the GX: on a real bus, beside services that stand for Venus'."""

import asyncio
from dataclasses import replace

import pytest

from cellwarden.errors import LinkError
from cellwarden.hooks import RelayContext
from cellwarden.model import Switches
from cellwarden.runtime.audit import Audit
from cellwarden.runtime.relays import Hand, Relays
from cellwarden_victron.config import GxRelayOptions
from cellwarden_victron.relay import GxRelay
from support.hand_clock import HandClock
from support.processes import until
from support.states import bank_state, pack_state

pytestmark = pytest.mark.system

SYSTEM, SETTINGS = "com.victronenergy.system", "com.victronenergy.settings"
FIRST, SECOND = "/Relay/0/State", "/Relay/1/State"
MANUAL = 2


def venus(first=MANUAL, second=MANUAL, state=1):
    return {
        SYSTEM: {FIRST: state, SECOND: state},
        SETTINGS: {"/Settings/Relay/Function": first, "/Settings/Relay/1/Function": second},
    }


@pytest.fixture
def relay(bus, library):
    def make(**options):
        options = GxRelayOptions(**{"bus": bus.address, **options})
        return GxRelay(options, RelayContext(name="mat", pack="left"))

    return make


async def trouble(work):
    """Do something until it fails, and return how: the other process hears of things a bit late."""
    async with asyncio.timeout(10):
        while True:
            try:
                await work()
            except LinkError as error:
                return str(error)


@pytest.mark.parametrize(("number", "path"), [(1, FIRST), (2, SECOND)])
def test_it_is_opened_first_switched_read_back_and_left_open(start_gx, relay, number, path):
    gx = start_gx(venus())

    async def scenario():
        mat = relay(number=number)
        await mat.open()
        assert await mat.read() is False
        await mat.switch(True)
        assert await mat.read() is True
        await mat.close()
        await mat.close()

    asyncio.run(scenario())
    assert [gx.lines.next_line() for _ in range(3)] == [f"{path} 0", f"{path} 1", f"{path} 0"]


@pytest.mark.parametrize(
    ("function", "word"),
    [(0, "the alarm relay"), (1, "the generator's start and stop"), (4, "a temperature switch"),
     (9, "9"), (None, "unknown")],
)  # fmt: skip
def test_a_relay_with_another_function_is_left_alone_and_said_what_to_set(
    start_gx, relay, function, word
):
    gx = start_gx(venus(first=function))

    async def scenario():
        mat = relay()
        with pytest.raises(LinkError) as caught:
            await mat.open()
        await mat.close()
        assert str(caught.value) == (
            "relay mat (relay 1 of the GX): it is not ours to switch, for its function is"
            f" {word}: set it to Manual on the GX, under Settings, Relay"
        )

    asyncio.run(scenario())
    gx.say(SYSTEM, path=FIRST, value=0)
    assert not [line for _, line in gx.lines.lines if line != "ready"]


def test_a_function_that_is_changed_later_takes_the_relay_from_us(start_gx, relay):
    gx = start_gx(venus())

    async def scenario():
        mat = relay()
        await mat.open()
        gx.say(SETTINGS, path="/Settings/Relay/Function", value=1)
        assert "the generator's start and stop" in await trouble(lambda: mat.switch(True))
        assert "the generator's start and stop" in await trouble(lambda: mat.switch(False))
        await mat.close()

    asyncio.run(scenario())


def test_somebody_elses_switching_is_read(start_gx, relay):
    gx = start_gx(venus())

    async def scenario():
        mat = relay()
        await mat.open()
        for value, on in ((1, True), (0, False), (None, None)):
            gx.say(SYSTEM, path=FIRST, value=value)
            async with asyncio.timeout(10):
                while await mat.read() is not on:  # noqa: ASYNC110  # no event: another process
                    await asyncio.sleep(0.01)
        await mat.close()

    asyncio.run(scenario())


def test_a_gx_that_does_not_take_the_state_is_said(start_gx, relay):
    gx = start_gx(venus())

    async def scenario():
        mat = relay()
        await mat.open()
        gx.say(SYSTEM, refuses=True)
        assert "does not take its state (code 1)" in await trouble(lambda: mat.switch(True))
        await mat.close()

    asyncio.run(scenario())


def test_without_venus_or_without_a_bus_it_cannot_be_reached(bus, relay, python_dbus):
    async def scenario():
        mat = relay()
        with pytest.raises(LinkError, match="GetValue"):
            await mat.open()
        await mat.close()
        bus.stop()
        with pytest.raises(LinkError, match="cannot be reached"):
            await mat.open()
        with pytest.raises(LinkError, match="is not on the bus"):
            await mat.read()
        await mat.close()

    asyncio.run(scenario())


def test_a_bus_that_is_lost_is_trouble_and_not_a_defect(bus, start_gx, relay):
    start_gx(venus())

    async def scenario():
        mat = relay()
        await mat.open()
        bus.stop()
        assert await trouble(mat.read)
        await mat.close()

    asyncio.run(scenario())


def test_held_in_its_thread_it_follows_decisions_and_opens_when_they_end(start_gx, relay, tmp_path):
    """The thread that holds it, its audit log and the bus are real; the clock is moved by hand."""
    gx, clock = start_gx(venus()), HandClock()

    def decided(on: bool):
        pack = pack_state("left", switches=Switches(heat=on))
        return replace(bank_state(packs=(pack,)), at_s=clock.at_s)

    mat = relay()
    hand = Hand("mat", "left", mat, clock=clock, audit=Audit(tmp_path), dead_man_s=10.0)
    relays = Relays([hand])
    relays.start()
    until(lambda: relays.is_on("left") is False, 10.0, "the relay opened")
    relays.consider(decided(on=True))
    until(lambda: relays.is_on("left"), 10.0, "the relay closed")
    clock.at_s += 10.1  # and nobody decides
    until(lambda: relays.is_on("left") is False, 10.0, "the dead man's switch")
    relays.consider(decided(on=True))
    until(lambda: relays.is_on("left"), 10.0, "the relay closed again")
    relays.stop()
    assert relays.join(10.0)
    told = [gx.lines.next_line() for _ in range(5)]
    assert told == [f"{FIRST} {state}" for state in (0, 1, 0, 1, 0)]
