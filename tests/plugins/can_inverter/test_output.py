"""The output on real buses: an inverter in another process, an adapter that is pulled out."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from itertools import pairwise
from typing import Any, cast

import can
import pytest

from cellwarden.clock import Clock
from cellwarden.interfaces import Gate
from cellwarden.model import BankPhase, BankState
from cellwarden.runtime.mailbox import Mailbox
from cellwarden_can_inverter.config import CanInverterOptions
from cellwarden_can_inverter.output import CanInverterOutput
from support.can_far_end import FarEnd
from support.flaky_can import Adapter
from support.multicast import free_channel
from support.states import bank_state, limits

GATE = cast("Gate", None)  # this output asks for nothing
SET = [0x351, 0x359, 0x35C, 0x355, 0x356, 0x35E]


class Stage:
    """An output at work, fed by hand."""

    def __init__(self, options: CanInverterOptions, clock: Clock) -> None:
        self.clock = clock
        self.feed = Mailbox(clock)
        self.output = CanInverterOutput(options)
        self.task = asyncio.create_task(self.output.run(self.feed, GATE))

    def decide(self, **changes: object) -> BankState:
        state = bank_state(at_s=self.clock.now_s(), **changes)
        self.feed.put(state)
        return state

    @property
    def status(self) -> Any:
        return self.output.status()


@asynccontextmanager
async def stage(speed: float = 1.0, **options: Any) -> AsyncIterator[Stage]:
    acting = Stage(CanInverterOptions(**options), Clock(speed))
    try:
        yield acting
    finally:
        acting.task.cancel()
        with suppress(asyncio.CancelledError):
            await acting.task


def on_multicast(inverter: FarEnd, **options: Any) -> dict[str, Any]:
    return {
        "interface": "udp_multicast",
        "channel": inverter.group,
        "bus_options": (f"port={inverter.port}",),
        **options,
    }


async def until(condition: Callable[[], object], within_s: float = 3.0) -> None:
    end_s = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < end_s, f"it did not happen within {within_s} s"
        await asyncio.sleep(0.01)


def test_another_process_hears_six_frames_each_second_spaced_in_order_and_11_bit(
    inverter: FarEnd,
) -> None:
    async def scene() -> None:
        async with stage(**on_multicast(inverter)) as s:
            s.decide()
            await asyncio.sleep(3.5)

    asyncio.run(scene())
    heard = inverter.heard[:24]
    assert [h.can_id for h in heard] == SET * 4
    assert {h.extended for h in heard} == {False}
    starts = [h.at_s for h in inverter.of(0x351)]
    assert [b - a for a, b in pairwise(starts)][:3] == pytest.approx([1.0, 1.0, 1.0], abs=0.1)
    first = [h.at_s for h in heard[:6]]
    assert [b - a for a, b in pairwise(first)] == pytest.approx([0.02] * 5, abs=0.015)
    assert [h.data.hex().upper() for h in heard[:6]] == [
        "2802E803D007E001",
        "0000000002504E",
        "C000",
        "40006200",
        "AC147800DC00",
        "50594C4F4E202020",
    ]


def test_a_reduction_reaches_the_inverter_at_once(inverter: FarEnd) -> None:
    async def scene() -> float:
        async with stage(**on_multicast(inverter)) as s:
            s.decide()
            await until(lambda: len(inverter.heard) == 6)
            await asyncio.sleep(0.2)
            decided_s = time.monotonic()
            s.decide(limits=limits(55.2, 100.0, 0.0, 48.0))
            await until(lambda: len(inverter.heard) == 9)
            return decided_s

    decided_s = asyncio.run(scene())
    limits_, status, requests = inverter.heard[6:9]
    assert (limits_.can_id, limits_.data.hex()) == (0x351, "2802e8030000e001")
    assert status.can_id == 0x359
    assert (requests.can_id, requests.data.hex()) == (0x35C, "8000")
    assert limits_.at_s - decided_s < 0.1


def test_the_heartbeat_of_the_inverter_is_watched(inverter: FarEnd) -> None:
    async def scene() -> tuple[Any, Any]:
        async with stage(**on_multicast(inverter)) as s:
            await until(lambda: s.status["link"] == "up")
            before = s.status
            inverter.say("305#0000000000000000")
            inverter.say("00000305#0100000000000000")
            await until(lambda: s.status["heartbeats"] == 2)
            return before, s.status

    before, after = asyncio.run(scene())
    assert (before["inverter"], before["heartbeat_age_s"]) == ("never seen", None)
    assert (after["inverter"], after["heartbeat_payload"]) == ("seen", "0100000000000000")
    assert 0 <= after["heartbeat_age_s"] < 2


def test_a_heartbeat_that_stops_is_reported_and_the_frames_go_on(
    inverter: FarEnd, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    async def scene() -> Any:
        options = on_multicast(inverter, heartbeat_timeout_s=0.3, period_s=0.2)
        async with stage(**options) as s:
            s.decide()
            await until(lambda: inverter.heard)
            inverter.say("305#0000000000000000")
            await until(lambda: s.status["inverter"] == "seen")
            await until(lambda: s.status["inverter"] == "not seen")
            silent = len(inverter.heard)
            await until(lambda: len(inverter.heard) > silent + 6)
            return s.status

    assert asyncio.run(scene())["sending"] is True
    said = [(r.levelname, r.message) for r in caplog.records if "inverter" in r.message]
    where = f"on udp_multicast:{inverter.group}"
    assert said == [
        ("INFO", f"can_inverter: inverter seen {where}"),
        ("WARNING", f"can_inverter: inverter not seen {where}"),
    ]


def test_a_second_battery_on_the_bus_is_reported_once(
    inverter: FarEnd, caplog: pytest.LogCaptureFixture
) -> None:
    async def scene() -> Any:
        async with stage(**on_multicast(inverter, period_s=0.2)) as s:
            s.decide()
            await until(lambda: len(inverter.heard) > 12)  # our own echo is no second battery
            assert s.status["second_sender"] == {}
            inverter.say("351#1402740E740ECC01")
            inverter.say("351#1402740E740ECC01")
            inverter.say("356#6C140400DC00")
            await until(lambda: len(s.status["second_sender"]) == 2)
            return s.status["second_sender"]

    assert asyncio.run(scene()) == {"0x351": 2, "0x356": 1}
    assert [r.levelname for r in caplog.records if "another battery" in r.message] == ["WARNING"]


def test_stopping_says_goodbye_and_returns(inverter: FarEnd) -> None:
    async def scene() -> float:
        async with stage(**on_multicast(inverter, period_s=0.3)) as s:
            s.decide()
            await until(lambda: len(inverter.heard) >= 6)
            stopped_s = time.monotonic()
            s.decide(phase=BankPhase.STOPPING)
            await asyncio.wait_for(s.task, 3.0)
            assert s.status["link"] == "down"
            await asyncio.sleep(0.5)
            return stopped_s

    stopped_s = asyncio.run(scene())
    words = [h for h in inverter.of(0x35C) if h.at_s > stopped_s]
    assert [h.data.hex() for h in words] == ["0000", "0000", "0000"]
    assert words[-1].at_s - words[0].at_s == pytest.approx(0.6, abs=0.1)
    last_limits = inverter.of(0x351)[-1]
    assert last_limits.data.hex() == "280200000000e001"


def test_gone_is_silence(inverter: FarEnd) -> None:
    async def scene() -> int:
        async with stage(**on_multicast(inverter, period_s=0.2)) as s:
            s.decide()
            await until(lambda: len(inverter.heard) >= 6)
            s.decide(phase=BankPhase.GONE)
            await asyncio.sleep(0.1)
            said = len(inverter.heard)
            await asyncio.sleep(0.6)
            assert s.status["sending"] is False
            return said

    assert asyncio.run(scene()) == len(inverter.heard)


def test_a_cancelled_output_leaves_nothing_allowed(inverter: FarEnd) -> None:
    async def scene() -> None:
        async with stage(**on_multicast(inverter)) as s:
            s.decide()
            await until(lambda: len(inverter.heard) == 6)
        await until(lambda: len(inverter.heard) == 9)

    asyncio.run(scene())
    assert [(h.can_id, h.data.hex()) for h in inverter.heard[6:]] == [
        (0x351, "280200000000e001"),
        (0x359, "0000000002504e"),
        (0x35C, "0000"),
    ]


# -- other dialects ---------------------------------------------------------------------------


def test_two_inverters_on_two_buses_are_told_the_same_bank_in_their_own_dialects(
    inverter: FarEnd,
) -> None:
    other = FarEnd(*free_channel())

    async def scene() -> None:
        sma = on_multicast(inverter, profile="sma", period_s=0.3)
        victron = on_multicast(other, profile="victron", period_s=0.3)
        async with stage(**sma) as one, stage(**victron) as two:
            one.decide()
            two.decide()
            await until(lambda: len(inverter.heard) >= 6 and len(other.heard) >= 16)
            one.decide(limits=limits(55.2, 100.0, 0.0, 48.0))
            two.decide(limits=limits(55.2, 100.0, 0.0, 48.0))
            await until(lambda: len(inverter.of(0x351)) >= 2 and len(other.of(0x351)) >= 2)

    try:
        asyncio.run(scene())
    finally:
        other.close()
    assert inverter.of(0x351)[0].data == other.of(0x351)[0].data
    assert inverter.of(0x35E)[0].data == b"SMA\0\0\0\0\0"
    assert other.of(0x35E)[0].data == b"CELLWRDN"
    assert inverter.of(0x373) == []
    assert other.of(0x373)[0].data.hex().upper() == "E40CF30C26012801"
    for bus in (inverter, other):
        assert bus.of(0x351)[1].data.hex().upper() == "2802E8030000E001"


def test_what_an_sma_measures_is_reported_as_an_external_measurement(inverter: FarEnd) -> None:
    async def scene() -> tuple[Any, Any, float]:
        async with stage(**on_multicast(inverter, profile="sma", period_s=0.2)) as s:
            s.decide()
            await until(lambda: inverter.heard)
            assert s.feed.reported(0.0) == ()
            inverter.say("305#1302CFFEE600DE03")
            inverter.say("306#64000A0100003002")
            await until(lambda: s.feed.reported(0.0) and s.status["heartbeats"] == 2)
            return s.feed.reported(0.0)[0], s.status, s.clock.now_s()

    reported, status, now_s = asyncio.run(scene())
    assert reported.source == "can_inverter"
    assert (reported.voltage_v, reported.current_a) == (53.1, 30.5)
    assert 0 <= now_s - reported.heard_s < 2
    assert status["inverter_says"]["charge_voltage_setpoint_V"] == 56.0
    assert set(status["inverter_ages_s"]) == {"0x305", "0x306"}


def test_a_victron_is_named_in_the_status(inverter: FarEnd) -> None:
    async def scene() -> Any:
        async with stage(**on_multicast(inverter, profile="victron", period_s=0.2)) as s:
            s.decide()
            await until(lambda: inverter.heard)
            inverter.say("307#1234567856494300")
            await until(lambda: s.status["inverter_name"])
            return s.status

    assert asyncio.run(scene())["inverter_name"] == "Victron GX"


def test_a_growatt_that_asks_is_answered_within_a_quarter_second(inverter: FarEnd) -> None:
    async def scene() -> list[float]:
        asked_s = []
        async with stage(**on_multicast(inverter, profile="growatt")) as s:
            s.decide()
            await until(lambda: s.status["link"] == "up")
            await asyncio.sleep(0.3)
            assert inverter.heard == []
            for count in range(1, 5):
                asked_s.append(time.monotonic())
                inverter.say("301#1122334455667788")
                await until(lambda n=count: len(inverter.heard) == 7 * n)
                await asyncio.sleep(0.1)
            status = s.status
        assert (status["inverter"], status["sets_sent"]) == ("seen", 4)
        return asked_s

    asked_s = asyncio.run(scene())
    for asked, answer in zip(asked_s, inverter.of(0x311), strict=True):
        assert answer.at_s - asked < 0.1
        assert answer.data.hex().upper() == "022803E807D00962"
    for asked, answer in zip(asked_s, inverter.of(0x321), strict=True):
        assert answer.at_s - asked < 0.25


def test_a_growatt_hears_the_goodbye_as_long_as_it_asks(inverter: FarEnd) -> None:
    async def scene() -> None:
        async with stage(**on_multicast(inverter, profile="growatt", period_s=0.3)) as s:
            s.decide()
            await until(lambda: s.status["link"] == "up")
            inverter.say("301#1122334455667788")
            await until(lambda: len(inverter.heard) == 7)
            s.decide(phase=BankPhase.STOPPING)
            inverter.say("301#1122334455667788")
            await asyncio.wait_for(s.task, 3.0)

    asyncio.run(scene())
    first, last = inverter.of(0x311)
    assert first.data.hex().upper() == "022803E807D00962"
    assert last.data.hex().upper() == "0228000000000902"


def test_a_value_that_does_not_fit_is_logged_once(
    inverter: FarEnd, caplog: pytest.LogCaptureFixture
) -> None:
    async def scene() -> Any:
        async with stage(**on_multicast(inverter, profile="sma", period_s=0.2)) as s:
            s.decide(limits=limits(68.0, 1500.0, 200.0, 48.0))
            await until(lambda: len(inverter.of(0x351)) >= 4)
            return s.status

    status = asyncio.run(scene())
    assert status["clamped"] == ["charge_current_limit_A", "charge_voltage_limit_V"]
    (message,) = (r.message for r in caplog.records if "beyond" in r.message)
    assert message == (
        "can_inverter: beyond what sma_si can be told, sent as its limit:"
        " charge_current_limit_A, charge_voltage_limit_V"
    )


# -- an adapter that comes and goes ----------------------------------------------------------

USB: dict[str, Any] = {"interface": "flaky", "channel": "usb0", "period_s": 0.2, "spacing_s": 0.005}


def test_an_adapter_that_goes_and_comes_back_is_told_once_each_and_the_frames_go_on(
    adapter: Adapter, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    async def scene() -> None:
        async with stage(**USB) as s:
            s.decide()
            await until(lambda: len(adapter.sent) >= 12)
            adapter.present = False
            await until(lambda: s.status["link_losses"] >= 2)
            adapter.sent.clear()
            assert s.status["link"] == "down"
            assert "No such device" in s.status["last_error"]
            adapter.present = True
            await until(lambda: len(adapter.sent) >= 12, within_s=5.0)
            assert s.status["link"] == "up"

    asyncio.run(scene())
    assert [m.arbitration_id for m in adapter.sent[:6]] == SET
    assert [r.levelname for r in caplog.records] == ["WARNING", "INFO"]
    assert "flaky:usb0" in caplog.records[0].message
    assert caplog.records[1].message == "can_inverter: flaky:usb0 is back, frames go on"
    assert adapter.opened == adapter.closed


def test_a_polled_battery_answers_again_after_its_adapter_was_pulled(adapter: Adapter) -> None:
    poll = can.Message(arbitration_id=0x301, is_extended_id=False, data=bytes(8))

    async def scene() -> None:
        async with stage(**USB, profile="growatt") as s:
            s.decide()
            await until(lambda: s.status["link"] == "up")
            adapter.incoming.put(poll)
            await until(lambda: len(adapter.sent) == 7)
            adapter.present = False
            adapter.incoming.put(poll)
            await until(lambda: s.status["link_losses"] >= 1)
            adapter.sent.clear()
            adapter.present = True
            await until(lambda: s.status["link"] == "up", within_s=5.0)
            adapter.incoming.put(poll)
            await until(lambda: len(adapter.sent) == 7)

    asyncio.run(scene())
    assert [m.arbitration_id for m in adapter.sent][:3] == [0x311, 0x312, 0x319]


def test_an_adapter_that_is_not_there_at_start_is_waited_for(adapter: Adapter) -> None:
    adapter.present = False

    async def scene() -> None:
        async with stage(**USB) as s:
            s.decide()
            await until(lambda: s.status["link_losses"] == 1)
            adapter.present = True
            await until(lambda: len(adapter.sent) >= 6)

    asyncio.run(scene())
    assert [m.arbitration_id for m in adapter.sent[:6]] == SET


def test_without_a_bus_stopping_ends_at_once(adapter: Adapter) -> None:
    adapter.present = False

    async def scene() -> float:
        async with stage(**USB) as s:
            s.decide()
            await until(lambda: s.status["link_losses"] == 2)
            began_s = time.monotonic()
            s.decide(phase=BankPhase.STOPPING)
            await asyncio.wait_for(s.task, 3.0)
            return time.monotonic() - began_s

    assert asyncio.run(scene()) < 0.3


def test_a_bus_that_breaks_during_the_goodbye_ends_it(adapter: Adapter) -> None:
    async def scene() -> None:
        async with stage(**USB) as s:
            s.decide()
            await until(lambda: len(adapter.sent) >= 6)
            s.decide(phase=BankPhase.STOPPING)
            adapter.present = False
            await asyncio.wait_for(s.task, 1.0)

    asyncio.run(scene())


def test_a_bus_that_breaks_before_anything_is_said_is_found_too(adapter: Adapter) -> None:
    async def scene() -> None:
        async with stage(**USB) as s:
            await until(lambda: s.status["link"] == "up")
            adapter.incoming.put(can.CanOperationError("Failed to receive"))
            await until(lambda: s.status["link_losses"] == 1)
            await until(lambda: adapter.opened == 2)

    asyncio.run(scene())


def test_the_output_can_be_started_again(adapter: Adapter) -> None:
    async def scene() -> None:
        async with stage(**USB) as s:
            s.decide()
            await until(lambda: len(adapter.sent) >= 6)
            s.task.cancel()
            await asyncio.gather(s.task, return_exceptions=True)
            adapter.sent.clear()
            s.task = asyncio.create_task(s.output.run(s.feed, GATE))
            await until(lambda: len(adapter.sent) >= 6)

    asyncio.run(scene())
    assert [m.arbitration_id for m in adapter.sent[:6]] == SET


def test_on_a_fast_clock_the_period_and_the_ages_stay_real(adapter: Adapter) -> None:
    async def scene() -> None:
        async with stage(speed=1000.0, **USB) as s:
            s.decide()
            await asyncio.sleep(0.9)  # 900 s of the battery's day

    asyncio.run(scene())
    allowed = [m for m in adapter.sent if m.arbitration_id == 0x35C and m.data[0] == 0xC0]
    assert 4 <= len(allowed) <= 5


def test_the_status_shows_the_frames_as_sent(adapter: Adapter) -> None:
    async def scene() -> Any:
        async with stage(**USB) as s:
            s.decide()
            await until(lambda: len(adapter.sent) >= 6)
            return s.status

    status = asyncio.run(scene())
    assert status["frames"][0] == "351#2802E803D007E001"
    assert (status["bus"], status["dialect"]) == ("flaky:usb0", "pylontech_lv")
    assert status["frames_sent"] >= 6
