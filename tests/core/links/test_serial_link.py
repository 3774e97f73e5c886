"""The serial link over real pseudo terminals and real TCP sockets."""

import asyncio
import contextlib
import errno
import os
import tty
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from cellwarden.errors import LinkError, LinkTimeout
from cellwarden.links import gateway
from cellwarden.links import serial as links
from cellwarden.links.serial import SerialLink


class Pty:
    def __init__(self) -> None:
        self.ours, self.theirs = os.openpty()
        tty.setraw(self.theirs)
        self.path = os.ttyname(self.theirs)

    def unplug(self) -> None:
        os.close(self.ours)
        os.close(self.theirs)
        self.ours = -1


@pytest.fixture
def pty() -> Iterator[Pty]:
    pair = Pty()
    yield pair
    if pair.ours >= 0:
        pair.unplug()


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def run(test: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(test())


@contextlib.asynccontextmanager
async def opened(url: str):
    link = SerialLink(url, baudrate=115200, name="left")
    await link.open()
    try:
        yield link
    finally:
        await link.close()


def test_what_is_written_arrives_and_what_comes_is_read(pty: Pty) -> None:
    async def test() -> None:
        async with opened(pty.path) as link:
            await link.write(b"\x4e\x57\x00\x0a\x0d\x11\x13")
            assert os.read(pty.ours, 100) == b"\x4e\x57\x00\x0a\x0d\x11\x13"
            os.write(pty.ours, b"\x00\x03\x0d\xff")
            assert await link.read(1.0) == b"\x00\x03\x0d\xff"

    run(test)


def test_silence_is_a_timeout(pty: Pty) -> None:
    async def test() -> None:
        async with opened(pty.path) as link:
            with pytest.raises(LinkTimeout, match=r"no answer on .* within 0.02 s"):
                await link.read(0.02)

    run(test)


def test_a_read_waits_until_there_is_enough(pty: Pty) -> None:
    async def test() -> None:
        async with opened(pty.path) as link:
            reading = asyncio.create_task(link.read(1.0, at_least=4, silence_s=1.0))
            for byte in (b"a", b"b", b"c", b"d"):
                await asyncio.sleep(0.005)
                assert not reading.done()
                os.write(pty.ours, byte)
            assert await reading == b"abcd"

    run(test)


def test_a_read_ends_when_the_line_falls_silent_before_there_is_enough(pty: Pty) -> None:
    async def test() -> None:
        async with opened(pty.path) as link:
            os.write(pty.ours, b"ab")
            assert await link.read(5.0, at_least=4, silence_s=0.02) == b"ab"

    run(test)


def test_nobody_listens_while_the_rest_of_a_frame_is_on_the_wire(
    pty: Pty, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = []
    take = SerialLink._take

    def counted(link: SerialLink, fd: int) -> bytes:
        looks.append(fd)
        return take(link, fd)

    monkeypatch.setattr(SerialLink, "_take", counted)

    async def test() -> None:
        link = SerialLink(pty.path, baudrate=9600, name="left")
        await link.open()
        reading = asyncio.create_task(link.read(1.0, at_least=290, silence_s=1.0))
        for size in (100, 50, 50):  # 190 bytes take 0.198 s at 9600 baud
            await asyncio.sleep(0.005)
            os.write(pty.ours, bytes(size))
        await asyncio.sleep(0.005)
        assert len(looks) == 1
        os.write(pty.ours, bytes(90))
        assert len(await reading) == 290
        assert len(looks) == 2
        await link.close()

    run(test)


def test_discarding_throws_away_what_has_come(pty: Pty) -> None:
    async def test() -> None:
        async with opened(pty.path) as link:
            link.discard()
            os.write(pty.ours, b"old")
            await asyncio.sleep(0.01)
            link.discard()
            os.write(pty.ours, b"new")
            assert await link.read(1.0) == b"new"

    run(test)


def test_an_unplugged_port_ends_a_pending_read_at_once(pty: Pty) -> None:
    async def test() -> None:
        async with opened(pty.path) as link:
            reading = asyncio.create_task(link.read(30.0))
            await asyncio.sleep(0.01)
            pty.unplug()
            with pytest.raises(LinkError, match="went away"):
                await asyncio.wait_for(reading, 1.0)
            with pytest.raises(LinkError, match="went away"):
                await link.write(b"x")
            with pytest.raises(LinkError, match="went away"):
                link.discard()

    run(test)


def test_closing_ends_a_pending_read(pty: Pty) -> None:
    async def test() -> None:
        async with opened(pty.path) as link:
            reading = asyncio.create_task(link.read(30.0))
            await asyncio.sleep(0.01)
            await link.close()
            with pytest.raises(LinkError, match="was closed"):
                await reading
            with pytest.raises(LinkError, match="is not open"):
                await link.read(1.0)

    run(test)


def test_nothing_is_left_after_a_cancelled_read_and_after_closing(pty: Pty) -> None:
    async def test() -> None:
        loop = asyncio.get_running_loop()
        watched, files = len(loop._selector.get_map()), open_files()
        async with opened(pty.path) as link:
            reading = asyncio.create_task(link.read(30.0))
            await asyncio.sleep(0.01)
            reading.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reading
        await link.close()
        assert len(loop._selector.get_map()) == watched
        assert open_files() == files

    run(test)


def test_bytes_that_nobody_asked_for_wake_us_once_and_wait_for_the_next_read(pty: Pty) -> None:
    async def test() -> None:
        loop = asyncio.get_running_loop()
        watched = len(loop._selector.get_map())
        async with opened(pty.path) as link:
            os.write(pty.ours, b"asked for")
            assert await link.read(1.0) == b"asked for"
            assert len(loop._selector.get_map()) == watched + 1  # ready for the next answer
            os.write(pty.ours, b"noise")
            while len(loop._selector.get_map()) > watched:  # noqa: ASYNC110  # nothing tells of it
                await asyncio.sleep(0.001)
            assert await link.read(1.0) == b"noise"

    run(test)


def test_a_closed_link_opens_again(pty: Pty) -> None:
    async def test() -> None:
        async with opened(pty.path) as link:
            await link.close()
            await link.open()
            await link.open()
            os.write(pty.ours, b"here")
            assert await link.read(1.0) == b"here"

    run(test)


def test_two_reads_at_once_are_a_mistake_of_ours(pty: Pty) -> None:
    async def test() -> None:
        async with opened(pty.path) as link:
            reading = asyncio.create_task(link.read(0.05))
            await asyncio.sleep(0)
            with pytest.raises(RuntimeError):
                await link.read(0.05)
            with pytest.raises(LinkTimeout):
                await reading

    run(test)


def test_a_line_that_takes_no_bytes_is_a_timeout(pty: Pty, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(links, "_WRITE_S", 0.05)

    async def test() -> None:
        async with opened(pty.path) as link:
            with pytest.raises(LinkTimeout, match="takes no bytes"):
                await link.write(bytes(200_000))

    run(test)


def test_a_line_that_is_full_for_a_moment_gets_the_rest_later(pty: Pty) -> None:
    async def test() -> None:
        async with opened(pty.path) as link:
            writing = asyncio.create_task(link.write(bytes(50_000)))
            taken = 0
            os.set_blocking(pty.ours, False)
            while taken < 50_000:
                with contextlib.suppress(BlockingIOError):
                    taken += len(os.read(pty.ours, 4096))
                await asyncio.sleep(0)
            await writing

    run(test)


def test_a_port_in_use_says_so(pty: Pty) -> None:
    async def test() -> None:
        async with opened(pty.path):
            with pytest.raises(LinkError, match="in use by another program"):
                await SerialLink(pty.path, baudrate=115200, name="right").open()

    run(test)


def test_a_port_that_is_not_there_lists_those_that_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(links, "serial_ports", lambda: ["/dev/serial/by-id/usb-FTDI"])

    async def test() -> None:
        with pytest.raises(
            LinkError, match="left: no port /dev/ttyNOPE; there is: /dev/serial/by-id/usb-FTDI"
        ):
            await SerialLink("/dev/ttyNOPE", baudrate=115200, name="left").open()

    run(test)


def test_no_port_at_all_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(links, "serial_ports", list)

    async def test() -> None:
        with pytest.raises(LinkError, match="no serial port is plugged in"):
            await SerialLink("/dev/ttyNOPE", baudrate=115200, name="left").open()

    run(test)


def test_ports_are_listed_without_failing() -> None:
    assert all(port.startswith("/dev/") for port in links.serial_ports())


def test_a_port_that_is_not_allowed_names_the_group() -> None:
    denied = PermissionError(errno.EACCES, "Permission denied")
    assert "group dialout" in links._why_not_opened("/dev/ttyUSB0", denied)


def test_a_file_is_no_port(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch()

    async def test() -> None:
        with pytest.raises(LinkError, match="cannot open"):
            await SerialLink(str(path), baudrate=115200, name="left").open()

    run(test)


@pytest.mark.parametrize(
    "url", ["telnet://host:1", "socket://host", "rfc2217://:x", "socket://h:0", "socket://h:x"]
)
def test_other_urls_are_refused(url: str) -> None:
    async def test() -> None:
        with pytest.raises(LinkError, match="neither a device path nor socket://host:port"):
            await SerialLink(url, baudrate=115200, name="left").open()

    run(test)


def test_a_gateway_is_read_and_written_and_its_end_is_noticed() -> None:
    async def test() -> None:
        closing = asyncio.Event()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write((await reader.readexactly(3)).upper())
            await closing.wait()
            writer.close()
            await writer.wait_closed()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server, opened(f"socket://127.0.0.1:{port}") as link:
            await link.write(b"abc")
            assert await link.read(1.0, at_least=3, silence_s=1.0) == b"ABC"
            link.discard()
            closing.set()
            with pytest.raises(LinkError, match="went away"):
                await link.read(30.0)
            await link.close()

    run(test)


def test_a_gateway_that_refuses_says_what_to_check() -> None:
    async def test() -> None:
        server = await asyncio.start_server(lambda r, w: None, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        server.close()
        await server.wait_closed()
        with pytest.raises(LinkError, match="check address and port"):
            await SerialLink(f"socket://127.0.0.1:{port}", baudrate=115200, name="left").open()

    run(test)


def test_a_gateway_that_does_not_answer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    async def for_ever(host: str, port: int) -> None:
        await asyncio.sleep(60)

    monkeypatch.setattr(gateway, "_connect_any", for_ever)
    monkeypatch.setattr(gateway, "_CONNECT_S", 0.02)

    async def test() -> None:
        with pytest.raises(LinkError, match="is the gateway on"):
            await SerialLink("socket://192.0.2.1:1", baudrate=115200, name="left").open()

    run(test)
