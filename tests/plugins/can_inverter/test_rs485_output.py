"""The RS485 output on a real pseudo terminal, polled by an inverter written from the sheet."""

import asyncio
import logging
import os
import select
import time
import tty
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, cast

import pytest

from cellwarden.clock import Clock
from cellwarden.interfaces import Gate
from cellwarden.model import BankPhase
from cellwarden.runtime.mailbox import Mailbox
from cellwarden_can_inverter.rs485_config import Rs485InverterOptions
from cellwarden_can_inverter.rs485_output import Rs485InverterOutput
from support.states import bank_state, limits

GATE = cast("Gate", None)  # this output asks for nothing


class Inverter:
    """The master of a line, with its own arithmetic. Blocking: call it in a thread."""

    def __init__(self) -> None:
        self.line, self._theirs = os.openpty()
        tty.setraw(self._theirs)
        self.port = os.ttyname(self._theirs)

    def say(self, text: str) -> None:
        os.write(self.line, text.encode())

    def hear(self, timeout_s: float = 0.4) -> str:
        """Return what comes up to a CR, or until nothing comes any more."""
        heard, end_s = b"", time.monotonic() + timeout_s
        while not heard.endswith(b"\r") and (left_s := end_s - time.monotonic()) > 0:
            if select.select([self.line], [], [], left_s)[0]:
                heard += os.read(self.line, 1)
        return heard.decode()

    @staticmethod
    def frame(address: int, cid2: int, info: str = "", version: int = 0x20) -> str:
        n = len(info)
        check = (16 - (n // 256 + n // 16 % 16 + n % 16) % 16) % 16
        text = f"{version:02X}{address:02X}46{cid2:02X}{check:X}{n:03X}{info}"
        return f"~{text}{(65536 - sum(text.encode())) % 65536:04X}\r"

    def ask(self, address: int, cid2: int, info: str = "") -> str | None:
        """Return the INFO of the answer, `RTN xx` for a refusal, None for silence."""
        self.say(self.frame(address, cid2, info))
        heard = self.hear()
        if not heard:
            return None
        assert (heard[0], heard[-1]) == ("~", "\r")
        assert heard[3:7] == f"{address:02X}46"
        text = heard[1:-5]
        assert int(heard[-5:-1], 16) == (65536 - sum(text.encode())) % 65536
        length = int(heard[9:13], 16)
        assert length & 0xFFF == len(heard) - 18
        assert sum(int(c, 16) for c in heard[9:13]) % 16 == 0
        return heard[13:-5] if heard[7:9] == "00" else f"RTN {heard[7:9]}"

    def limits(self, address: int = 2) -> tuple[float, float, float, str] | None:
        """Return CVL in V, CCL and DCL in A, and the status byte of 63H."""
        info = self.ask(address, 0x63)
        if info is None:
            return None
        cvl, _, ccl, dcl = (int(info[n : n + 4], 16) for n in range(0, 16, 4))
        return cvl / 1000, ccl / 10, dcl / 10, info[16:]

    def close(self) -> None:
        for end in (self.line, self._theirs):
            with suppress(OSError):
                os.close(end)


@pytest.fixture
def master() -> Iterator[Inverter]:
    one = Inverter()
    yield one
    one.close()


class Stage:
    """An output at work, fed by hand."""

    def __init__(self, options: Rs485InverterOptions) -> None:
        self.clock = Clock()
        self.feed = Mailbox(self.clock)
        self.output = Rs485InverterOutput(options)
        self.task = asyncio.create_task(self.output.run(self.feed, GATE))

    def decide(self, **changes: object) -> None:
        self.feed.put(bank_state(at_s=self.clock.now_s(), **changes))

    @property
    def status(self) -> Any:
        return self.output.status()


@asynccontextmanager
async def stage(master: Inverter, **options: Any) -> AsyncIterator[Stage]:
    acting = Stage(Rs485InverterOptions(port=options.pop("port", master.port), **options))
    await until(lambda: acting.status["link"] == "up" or acting.status["link_losses"])
    try:
        yield acting
    finally:
        acting.task.cancel()
        with suppress(asyncio.CancelledError):
            await acting.task


async def until(condition: Callable[[], object], within_s: float = 3.0) -> None:
    end_s = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < end_s, f"it did not happen within {within_s} s"
        await asyncio.sleep(0.01)


def play(scene: Any) -> Any:
    return asyncio.run(scene())


def test_an_inverter_reads_limits_measurements_and_alarms(master: Inverter) -> None:
    async def scene() -> None:
        async with stage(master) as s:
            s.decide()
            asked = asyncio.to_thread
            assert await asked(master.limits) == (55.2, 100.0, 200.0, "C0")
            info = await asked(master.ask, 2, 0x61)
            assert (int(info[:4], 16), int(info[4:8], 16), int(info[8:10], 16)) == (52920, 1200, 64)
            assert await asked(master.ask, 2, 0x62) == "00000000"
            info = await asked(master.ask, 2, 0x42, "02")
            assert info[:6] == "000210"  # flag, command, 16 cells
            assert [int(info[n : n + 4], 16) for n in (6, 66)] == [3300, 3315]
            info = await asked(master.ask, 2, 0x92, "02")
            assert info == "02D7A0BB8003E8F830C0"
            assert await asked(master.ask, 2, 0x4F) == ""
            assert s.status["polled"] == {
                "63": 1, "61": 1, "62": 1, "42": 1, "92": 1, "4F": 1,
            }  # fmt: skip

    play(scene)


def test_several_packs_at_addresses_of_their_own_and_silence_at_all_others(
    master: Inverter,
) -> None:
    async def scene() -> None:
        async with stage(master, addresses=(0x12, 0x13)) as s:
            s.decide()

            def round_of_polls() -> dict[int, str | None]:
                return {a: master.ask(a, 0x92) for a in (0x00, 0x02, 0x12, 0x13, 0x14, 0x22)}

            answers = await asyncio.to_thread(round_of_polls)
            assert {a: bool(said) for a, said in answers.items()} == {
                0x00: False, 0x02: False, 0x12: True, 0x13: True, 0x14: False, 0x22: False,
            }  # fmt: skip
            assert answers[0x13] == "13D7A0BB8001F4FC18C0"  # half of 100 A and 200 A each
            assert s.status["for_others"] == 4

    play(scene)


def test_the_voltronic_probe_finds_the_battery(master: Inverter) -> None:
    async def scene() -> None:
        async with stage(master) as s:
            s.decide()

            def probe() -> list[str]:
                heard = []
                for frame in ("~0052464F0000FD95\r", "~0002464F0000FD9A\r", "~0012464F0000FD99\r"):
                    master.say(frame)
                    heard.append(master.hear())
                return heard

            assert await asyncio.to_thread(probe) == ["", "~200246000000FDB2\r", ""]

    play(scene)


def test_answers_come_within_100_ms_and_never_before_5_ms(master: Inverter) -> None:
    async def scene() -> list[float]:
        async with stage(master, baudrate=115200) as s:
            s.decide()

            def timed() -> list[float]:
                took = []
                for _ in range(20):
                    for cid2 in (0x42, 0x61, 0x63):
                        asked_s = time.monotonic()
                        master.say(master.frame(2, cid2))
                        assert select.select([master.line], [], [], 1.0)[0]
                        took.append(time.monotonic() - asked_s)
                        assert master.hear().endswith("\r")
                return took

            return await asyncio.to_thread(timed)

    took = sorted(play(scene))
    assert took[0] >= 0.005
    assert took[len(took) // 2] < 0.03
    assert took[int(0.95 * len(took))] < 0.1  # a busy machine may hold one up


def test_half_a_request_is_forgotten_and_noise_passes_by(master: Inverter) -> None:
    async def scene() -> None:
        async with stage(master) as s:
            s.decide()

            def disturbed() -> list[object]:
                master.say("~2002464")
                time.sleep(0.3)
                master.say("\x00\xff??")
                first = master.limits()
                master.say("~20024663")
                time.sleep(0.3)
                master.say("0000FDA9\r")  # the rest, too late
                assert master.hear() == ""
                master.say("~20024663")  # broken off, and the next one follows at once
                return [first, master.limits()]

            assert await asyncio.to_thread(disturbed) == [(55.2, 100.0, 200.0, "C0")] * 2

    play(scene)


def test_a_damaged_request_gets_the_code_that_says_what_is_wrong(master: Inverter) -> None:
    async def scene() -> None:
        async with stage(master) as s:
            s.decide()

            def damaged() -> list[str]:
                heard = []
                for frame in ("~20024642E002020000\r", "~20024642E00302FD32\r"):
                    master.say(frame)
                    heard.append(master.hear()[1:9])
                return heard

            assert await asyncio.to_thread(damaged) == ["20024602", "20024603"]
            assert s.status["damaged"] == 2

    play(scene)


def test_a_request_that_was_given_up_is_not_answered_late(master: Inverter) -> None:
    async def scene() -> None:
        async with stage(master) as s:
            s.decide()
            master.say(master.frame(2, 0x42) + master.frame(2, 0x63))
            heard = await asyncio.to_thread(master.hear)
            assert heard[9:13] == "D012"  # 63H only
            assert await asyncio.to_thread(master.hear) == ""
            assert s.status["answers_sent"] == 1

    play(scene)


def test_an_adapter_that_hears_itself_does_no_harm(master: Inverter) -> None:
    async def scene() -> None:
        async with stage(master) as s:
            s.decide()

            def echoing() -> str:
                master.say(master.frame(2, 0x63))
                said = master.hear()
                master.say(said)
                return master.hear()

            assert await asyncio.to_thread(echoing) == ""
            assert s.status["second_sender"] == {}
            assert s.status["answers_sent"] == 1

    play(scene)


def test_a_second_battery_at_our_address_is_reported_once(
    master: Inverter, caplog: pytest.LogCaptureFixture
) -> None:
    async def scene() -> Any:
        async with stage(master, addresses=(2, 3)) as s:
            s.decide()
            for _ in range(2):
                master.say("~20024600B01402D002AFC80000FCE040F93F\r")
                await asyncio.sleep(0.15)
            master.say("~20034600B01403D002AFC80000FE8E40F933\r")
            await until(lambda: s.status["second_sender"] == {"0x02": 2, "0x03": 1})

    play(scene)
    assert [r.levelname for r in caplog.records if "another battery" in r.message] == ["WARNING"]


def test_the_life_of_a_bank_on_the_line(master: Inverter) -> None:
    async def scene() -> None:
        async with stage(master) as s:
            asked = asyncio.to_thread
            s.decide(phase=BankPhase.STARTING)
            assert await asked(master.ask, 2, 0x4F) is None
            s.decide()
            assert await asked(master.limits) == (55.2, 100.0, 200.0, "C0")
            s.decide(phase=BankPhase.SILENT, limits=limits(55.2, 0, 0, 48.0), voltage_v=None)
            assert await asked(master.limits) == (55.2, 0.0, 0.0, "00")
            assert await asked(master.ask, 2, 0x62) == "00100000"
            assert await asked(master.ask, 2, 0x61) == "RTN 91"
            s.decide(phase=BankPhase.GONE)
            assert await asked(master.limits) is None
            s.decide()
            assert await asked(master.limits) == (55.2, 100.0, 200.0, "C0")
            s.decide(phase=BankPhase.STOPPING)
            assert await asked(master.limits) == (55.2, 0.0, 0.0, "00")
            stopped_s = time.monotonic()
            await asyncio.wait_for(s.task, 6.0)
            assert time.monotonic() - stopped_s < 4.0
            assert await asked(master.limits) is None

    play(scene)


def test_a_controller_that_hangs_allows_nothing_and_then_falls_silent(master: Inverter) -> None:
    async def scene() -> None:
        async with stage(master) as s:
            s.feed.put(bank_state(at_s=s.clock.now_s() - 11))
            assert await asyncio.to_thread(master.limits) == (55.2, 0.0, 0.0, "00")
            s.feed.put(bank_state(at_s=s.clock.now_s() - 61))
            assert await asyncio.to_thread(master.limits) is None
            await until(lambda: s.status["sending"] is False)

    play(scene)


def test_a_port_that_goes_and_comes_back_is_told_once_each(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    first, second = Inverter(), Inverter()
    port = tmp_path / "rs485"
    port.symlink_to(first.port)

    async def scene() -> None:
        async with stage(first, port=str(port)) as s:
            s.decide()
            assert await asyncio.to_thread(first.limits) is not None
            first.close()
            port.unlink()
            await until(lambda: s.status["link_losses"] >= 2, within_s=4.0)
            assert (s.status["link"], s.status["sending"]) == ("down", False)
            port.symlink_to(second.port)
            await until(lambda: s.status["link"] == "up", within_s=6.0)
            s.decide()
            assert await asyncio.to_thread(second.limits) == (55.2, 100.0, 200.0, "C0")

    play(scene)
    second.close()
    said = [r for r in caplog.records if "inverter" not in r.message.replace("rs485_inverter", "")
            or "gets no answer" in r.message]  # fmt: skip
    assert [r.levelname for r in said] == ["WARNING", "INFO"]
    assert said[1].message == f"rs485_inverter: {port} is back"


def test_without_a_port_stopping_ends_at_once(tmp_path: Path, master: Inverter) -> None:
    async def scene() -> float:
        async with stage(master, port=str(tmp_path / "none")) as s:
            s.decide()
            began_s = time.monotonic()
            s.decide(phase=BankPhase.STOPPING)
            await asyncio.wait_for(s.task, 3.0)
            assert "no port" in s.status["last_error"]
            return time.monotonic() - began_s

    assert play(scene) < 0.5


def test_an_inverter_that_comes_and_goes_is_seen(
    master: Inverter, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)

    async def scene() -> None:
        async with stage(master, heartbeat_timeout_s=0.2) as s:
            s.decide()
            assert s.status["inverter"] == "never seen"
            await asyncio.to_thread(master.limits)
            await until(lambda: s.status["inverter"] == "seen")
            await until(lambda: any("not seen" in r.message for r in caplog.records))
            assert s.status["inverter"] == "not seen"
            assert s.status["heartbeat_age_s"] >= 0.2

    play(scene)


def test_a_charge_voltage_beyond_the_protocol_is_an_error_that_says_so(
    master: Inverter, caplog: pytest.LogCaptureFixture
) -> None:
    async def scene() -> None:
        async with stage(master) as s:
            s.decide(limits=limits(100.8, 10.0, 10.0, 80.0))
            assert await asyncio.to_thread(master.limits) is None
            await until(lambda: "65.5 V" in s.status["last_error"])

    play(scene)
    assert [r.levelname for r in caplog.records if "65.5 V" in r.message] == ["ERROR"]
