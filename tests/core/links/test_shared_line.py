"""One serial line for several drivers: opened once, used in turn, closed by the last."""

import asyncio
import os
import tty
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Self

import pytest

from cellwarden.errors import LinkError, LinkTimeout
from cellwarden.links.shared import SharedLine


class Terminal:
    """A pseudo terminal whose far end we hold."""

    def __enter__(self) -> Self:
        self.ours, self.theirs = os.openpty()
        tty.setraw(self.theirs)
        self.port = os.ttyname(self.theirs)
        return self

    def __exit__(self, *_: object) -> None:
        self.unplug()

    def say(self, data: bytes) -> None:
        os.write(self.ours, data)

    def unplug(self) -> None:
        for end in (self.ours, self.theirs):
            if end is not None:
                os.close(end)
        self.ours = self.theirs = None  # type: ignore[assignment]

    def line(self, name: str, **options: object) -> SharedLine:
        return SharedLine(**{"url": self.port, "baudrate": 115200, "name": name, **options})


def run(test: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(test())


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_one_port_serves_two_until_the_last_has_left() -> None:
    async def test() -> None:
        with Terminal() as terminal:
            left, right = terminal.line("left"), terminal.line("right")
            files = open_files()
            await left.open()
            opened = open_files()
            await right.open()
            assert (left.holders, right.holders) == (2, 2)
            assert open_files() == opened
            await left.close()
            async with right.turn() as link:
                terminal.say(b"hello")
                assert await link.read(1.0, at_least=5, silence_s=0.5) == b"hello"
            await right.close()
            await right.close()
            assert open_files() == files
            assert (left.holders, right.holders) == (0, 0)

    run(test)


def test_two_names_of_one_port_are_one_line(tmp_path: Path) -> None:
    async def test() -> None:
        with Terminal() as terminal:
            by_id = tmp_path / "usb-adapter"
            by_id.symlink_to(terminal.port)
            left, right = terminal.line("left"), terminal.line("right", url=str(by_id))
            await left.open()
            await right.open()
            assert left.holders == 2
            await left.close()
            await right.close()

    run(test)


def test_turns_come_one_at_a_time_in_the_order_of_asking() -> None:
    async def test() -> None:
        with Terminal() as terminal:
            lines = [terminal.line(f"pack-{n}") for n in range(4)]
            for line in lines:
                await line.open()
            story: list[str] = []

            async def ask(line: SharedLine) -> None:
                async with line.turn():
                    story.append(f"{line.name} begins")
                    await asyncio.sleep(0.005)
                    story.append(f"{line.name} ends")

            await asyncio.gather(*(ask(line) for line in lines))
            assert story == [f"pack-{n} {what}" for n in range(4) for what in ("begins", "ends")]
            for line in lines:
                await line.close()

    run(test)


def test_turns_begin_no_closer_than_the_spacing() -> None:
    async def test() -> None:
        with Terminal() as terminal:
            line = terminal.line("left")
            await line.open()
            loop = asyncio.get_running_loop()
            begun: list[float] = []
            for _ in range(3):
                async with line.turn(0.05):
                    begun.append(loop.time())
            assert begun[1] - begun[0] >= 0.05
            assert begun[2] - begun[1] >= 0.05
            await line.close()

    run(test)


def test_another_speed_on_the_same_port_is_refused_with_the_pack_that_has_it() -> None:
    async def test() -> None:
        with Terminal() as terminal:
            left, right = terminal.line("left"), terminal.line("right", baudrate=9600)
            await left.open()
            with pytest.raises(LinkError, match=r"right: .* is open at 115200 baud for left"):
                await right.open()
            assert left.holders == 1
            await left.close()

    run(test)


def test_a_port_that_is_not_there_leaves_nothing_behind() -> None:
    async def test() -> None:
        line = SharedLine("/dev/not-there", baudrate=115200, name="left")
        for _ in range(2):
            with pytest.raises(LinkError, match="left: no port /dev/not-there"):
                await line.open()
            assert line.holders == 0

    run(test)


def test_errors_name_the_holder_whose_turn_it_was() -> None:
    async def test() -> None:
        with Terminal() as terminal:
            left, right = terminal.line("left"), terminal.line("right")
            await left.open()
            await right.open()
            async with right.turn() as link:
                with pytest.raises(LinkTimeout, match=r"^right: "):
                    await link.read(0.01)
            await left.close()
            await right.close()

    run(test)


def test_a_broken_line_is_broken_for_all_and_opened_again_once_for_all() -> None:
    async def test() -> None:
        with Terminal() as first, Terminal() as second:
            left, right = first.line("left"), first.line("right")
            await left.open()
            await right.open()
            first.unplug()

            async def read(line: SharedLine) -> None:
                async with line.turn() as link:
                    await link.read(1.0)

            for line in (left, right):
                with pytest.raises(LinkError, match=f"^{line.name}: "):
                    await read(line)
            await left.close()
            await right.close()
            for line in (left, right):  # the adapter is back under another name
                line.url = second.port
                await line.open()
            second.say(b"back")
            async with left.turn() as link:
                assert await link.read(1.0, at_least=4, silence_s=0.5) == b"back"
            await left.close()
            await right.close()

    run(test)


def test_a_line_opened_again_by_one_serves_those_who_never_left() -> None:
    async def test() -> None:
        with Terminal() as terminal:
            left, right = terminal.line("left"), terminal.line("right")
            await left.open()
            await right.open()
            with pytest.raises(LinkError, match="made up"):
                async with left.turn():
                    raise LinkError("left", "made up")
            with pytest.raises(LinkError, match=r"right: .* is closed"):
                async with right.turn():
                    pass
            await left.open()
            terminal.say(b"x")
            async with right.turn() as link:
                assert await link.read(1.0) == b"x"
            await left.close()
            await right.close()

    run(test)


def test_a_silent_peer_does_not_break_the_line() -> None:
    async def test() -> None:
        with Terminal() as terminal:
            line = terminal.line("left")
            await line.open()
            with pytest.raises(LinkTimeout):
                async with line.turn() as link:
                    await link.read(0.01)
            async with line.turn():
                pass
            await line.close()

    run(test)


def test_every_listener_hears_every_byte() -> None:
    async def test() -> None:
        with Terminal() as terminal:
            left, right = terminal.line("left"), terminal.line("right")
            await left.open()
            await right.open()
            hearing = [asyncio.create_task(line.listen(1.0)) for line in (left, right)]
            await asyncio.sleep(0.02)
            terminal.say(b"for all")
            assert [await heard for heard in hearing] == [b"for all", b"for all"]
            assert await left.listen(0.01) == b""
            await left.close()
            await right.close()

    run(test)


def test_what_came_while_nobody_listened_is_too_old() -> None:
    async def test() -> None:
        with Terminal() as terminal:
            line = terminal.line("left")
            await line.open()
            terminal.say(b"old")
            await asyncio.sleep(0.01)
            assert await line.listen(0.02) == b""
            terminal.say(b"new")
            assert await line.listen(1.0) == b"new"
            await line.close()

    run(test)


def test_a_listener_that_does_not_fetch_loses_the_old_and_not_the_memory() -> None:
    line = SharedLine("/dev/any", baudrate=115200, name="left")
    for _ in range(100):
        line.overhear(bytes(1000))
    assert len(line._overheard) <= 8192


def test_a_cancelled_wait_for_a_turn_lets_the_next_go_on() -> None:
    async def test() -> None:
        with Terminal() as terminal:
            left, right = terminal.line("left"), terminal.line("right")
            await left.open()
            await right.open()

            async def wait() -> None:
                async with right.turn():
                    raise AssertionError

            async with left.turn():
                waiting = asyncio.create_task(wait())
                await asyncio.sleep(0)
                waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
            async with right.turn():
                pass
            await left.close()
            await right.close()

    run(test)


def test_an_unopened_line_has_no_turns() -> None:
    async def test() -> None:
        line = SharedLine("/dev/any", baudrate=115200, name="left")
        with pytest.raises(LinkError, match="left: /dev/any is not open"):
            async with line.turn():
                pass
        with pytest.raises(LinkError, match="not open"):
            await line.listen(0.1)

    run(test)
