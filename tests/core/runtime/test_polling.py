"""Polling of one pack: open, ask, count, back off, come back; one line when it goes, one back."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

import pytest

from cellwarden.clock import Clock
from cellwarden.errors import FrameError, LinkError, LinkTimeout
from cellwarden.model import Reading
from cellwarden.runtime import polling
from cellwarden.runtime.polling import Poller

READING = Reading(pack="left", heard_s=1.0)


class ScriptedDriver:
    """Gives what the script says: a reading, or an exception to raise."""

    def __init__(self, *script: Reading | Exception, opens: tuple[Exception, ...] = ()) -> None:
        self.script = list(script)
        self.opens = list(opens)
        self.opened = self.closed = 0

    async def open(self) -> None:
        if self.opens:
            raise self.opens.pop(0)
        self.opened += 1

    async def poll(self) -> Reading:
        await asyncio.sleep(0)
        answer = self.script.pop(0) if self.script else READING
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def close(self) -> None:
        self.closed += 1


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(polling.Backoff, "next_s", lambda _: 0.001)


def play(driver: ScriptedDriver, turns: int) -> tuple[list[Reading | None], Poller]:
    heard: list[Reading | None] = []

    async def scenario() -> Poller:
        poller = Poller("left", driver, Clock(), lambda _, reading: heard.append(reading))
        task = asyncio.create_task(poller.run())
        async with asyncio.timeout(5):
            while len(heard) < turns:
                poller.take_turn()
                await asyncio.sleep(0.001)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return poller

    return heard, asyncio.run(scenario())


def test_every_turn_is_answered_once() -> None:
    driver = ScriptedDriver(READING, LinkTimeout("left", "silent"), READING)
    heard, poller = play(driver, 3)
    assert heard == [READING, None, READING]
    quality = poller.quality()
    assert (quality.asked, quality.answered, quality.bad) == (3, 2, 0)
    assert quality.last_error == "left: silent"


def test_a_bad_frame_is_counted_and_the_port_stays_open() -> None:
    driver = ScriptedDriver(FrameError("checksum", "sum is wrong"), READING)
    heard, poller = play(driver, 2)
    assert heard == [None, READING]
    assert poller.quality().bad == 1
    assert driver.opened == 1


def test_a_broken_link_is_closed_and_opened_again() -> None:
    driver = ScriptedDriver(LinkError("left", "cable pulled"), READING)
    heard, _ = play(driver, 2)
    assert heard == [None, READING]
    assert driver.opened == 2


def test_a_mute_pack_has_its_port_reopened() -> None:
    silent = [LinkTimeout("left", "silent") for _ in range(5)]
    driver = ScriptedDriver(*silent, READING)
    heard, _ = play(driver, 6)
    assert heard == [None] * 5 + [READING]
    assert driver.opened == 2


def test_a_port_that_is_not_there_yet_is_tried_again() -> None:
    driver = ScriptedDriver(opens=(LinkError("left", "no such port"),) * 3)
    heard, _ = play(driver, 1)
    assert heard == [READING]
    assert driver.opened == 1


def test_a_person_is_told_once_when_it_goes_and_once_when_it_is_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    silent = [LinkTimeout("left", "silent") for _ in range(8)]
    play(ScriptedDriver(*silent, READING, READING), 10)
    told = [(record.levelname, record.getMessage()) for record in caplog.records]
    assert told == [("WARNING", "no data: left: silent"), ("INFO", "left: answers again")]


def test_a_single_missed_poll_tells_nobody(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    play(ScriptedDriver(READING, LinkTimeout("left", "silent"), READING), 3)
    assert caplog.records == []


def test_no_turn_is_taken_while_the_last_question_is_open() -> None:
    async def scenario(check: Callable[[Poller], Awaitable[None]]) -> None:
        class Slow(ScriptedDriver):
            async def poll(self) -> Reading:
                await asyncio.sleep(60)
                return READING

        poller = Poller("left", Slow(), Clock(), lambda *_: None)
        task = asyncio.create_task(poller.run())
        await check(poller)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def check(poller: Poller) -> None:
        assert not poller.take_turn()  # not open yet
        await asyncio.sleep(0.01)
        assert poller.take_turn()
        await asyncio.sleep(0.01)
        assert not poller.take_turn()

    asyncio.run(scenario(check))


def test_stopping_closes_the_link() -> None:
    driver = ScriptedDriver(READING)
    play(driver, 1)
    assert driver.closed == 1
