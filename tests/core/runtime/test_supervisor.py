"""What raises is logged by name and started again; neighbours go on."""

import asyncio
import logging
import threading

import pytest

from cellwarden.runtime.supervisor import TelemetryThread, attempt, keep_running


def test_what_raises_is_started_again(caplog: pytest.LogCaptureFixture) -> None:
    starts = 0

    async def run() -> None:
        nonlocal starts
        starts += 1
        if starts < 3:
            raise RuntimeError("broken")

    asyncio.run(keep_running("output x", run, finished=lambda: starts == 3, first_s=0.001))
    assert starts == 3
    assert "output x failed (RuntimeError: broken)" in caplog.text


def test_what_ends_by_itself_is_started_again() -> None:
    starts = 0

    async def run() -> None:
        nonlocal starts
        starts += 1

    asyncio.run(keep_running("output x", run, finished=lambda: starts == 2, first_s=0.001))
    assert starts == 2


def test_a_loop_of_failures_does_not_fill_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    starts = 0

    async def run() -> None:
        nonlocal starts
        starts += 1
        raise RuntimeError("broken")

    asyncio.run(
        keep_running("x", run, finished=lambda: starts == 50, first_s=0.0001, last_s=0.0002)
    )
    assert len(caplog.records) == 3
    assert sum(record.exc_info is not None for record in caplog.records) == 1


def test_cancelling_ends_it_at_once() -> None:
    async def scenario() -> bool:
        task = asyncio.create_task(
            keep_running("x", lambda: asyncio.sleep(60), finished=lambda: False)
        )
        await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        return task.cancelled()

    assert asyncio.run(scenario())


def test_an_attempt_that_raises_gives_the_safe_answer_with_the_reason() -> None:
    def broken() -> str:
        raise ZeroDivisionError("oh")

    assert attempt("engine", broken, lambda reason: f"safe: {reason}") == (
        "safe: ZeroDivisionError: oh"
    )


def test_a_telemetry_thread_that_blocks_does_not_hold_up_the_end() -> None:
    release = threading.Event()

    async def run() -> None:
        release.wait(10.0)

    thread = TelemetryThread("x", run, finished=lambda: True)
    thread.start()
    assert not thread.join(0.05)
    release.set()
    assert thread.join(5.0)
