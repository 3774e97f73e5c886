"""A mailbox has one slot: the newest decision, never a queue."""

import asyncio
import threading
import time

from cellwarden.clock import Clock
from cellwarden.model import BankState, ExternalMeasurement
from cellwarden.runtime.mailbox import Mailbox
from support.states import bank_state


def test_nothing_was_decided_yet() -> None:
    box = Mailbox(Clock())
    assert box.latest() is None
    assert box.age_s() is None


def test_decisions_that_came_in_between_are_skipped() -> None:
    async def scenario() -> BankState | None:
        box = Mailbox(Clock())
        box.put(bank_state(soc_percent=1.0))
        box.put(bank_state(soc_percent=2.0))
        return await box.next(1.0)

    state = asyncio.run(scenario())
    assert state is not None
    assert state.soc_percent == 2.0


def test_the_same_decision_is_given_once() -> None:
    async def scenario() -> tuple[BankState | None, BankState | None]:
        box = Mailbox(Clock())
        box.put(bank_state())
        return await box.next(1.0), await box.next(0.01)

    first, second = asyncio.run(scenario())
    assert first is not None
    assert second is None


def test_a_waiting_output_on_the_same_loop_gets_it_in_the_next_turn() -> None:
    async def scenario() -> bool:
        box = Mailbox(Clock())
        waiting = asyncio.create_task(box.next(5.0))
        await asyncio.sleep(0)
        box.put(bank_state())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        return waiting.done()

    assert asyncio.run(scenario())


def test_an_output_in_another_thread_is_woken() -> None:
    box = Mailbox(Clock())
    got: list[BankState | None] = []
    thread = threading.Thread(target=lambda: got.append(asyncio.run(box.next(5.0))))
    thread.start()
    time.sleep(0.05)
    box.put(bank_state(soc_percent=7.0))
    thread.join(5.0)
    assert [state and state.soc_percent for state in got] == [7.0]


def test_a_thread_that_hangs_collects_no_wake_ups() -> None:
    box = Mailbox(Clock())
    hanging, release = threading.Event(), threading.Event()
    ready: list[int] = []

    async def hang() -> None:
        await box.next(0.01)
        hanging.set()
        release.wait(5.0)  # blocks its loop, as a careless output does
        loop = asyncio.get_running_loop()
        ready.append(len(loop._ready))

    thread = threading.Thread(target=lambda: asyncio.run(hang()))
    thread.start()
    assert hanging.wait(5.0)
    for _ in range(1000):
        box.put(bank_state())
    release.set()
    thread.join(5.0)
    assert ready == [1]


def test_putting_after_the_output_has_ended_is_harmless() -> None:
    box = Mailbox(Clock())
    asyncio.run(box.next(0.01))
    box.put(bank_state())
    assert box.latest() is not None


def test_age_is_counted_on_the_controllers_clock() -> None:
    clock = Clock(speed=100.0)
    box = Mailbox(clock)
    box.put(bank_state(at_s=clock.now_s() - 50.0))
    age_s = box.age_s()
    assert age_s is not None
    assert 50.0 <= age_s < 150.0


def measured(source: str, voltage_v: float, heard_s: float) -> ExternalMeasurement:
    return ExternalMeasurement(
        source=source, voltage_v=voltage_v, current_a=None, heard_s=heard_s, whole_bank=False
    )


def test_of_what_is_reported_the_newest_of_each_source_is_kept_until_it_is_too_old() -> None:
    box = Mailbox(Clock())
    assert box.reported(since_s=0.0) == ()
    box.report(measured("mppt", 53.0, heard_s=1.0))
    box.report(measured("shunt", 52.9, heard_s=2.0))
    box.report(measured("mppt", 53.1, heard_s=3.0))
    assert {m.source: m.voltage_v for m in box.reported(since_s=1.5)} == {
        "mppt": 53.1,
        "shunt": 52.9,
    }
    assert [m.source for m in box.reported(since_s=2.5)] == ["mppt"]
    assert box.reported(since_s=9.0) == ()
