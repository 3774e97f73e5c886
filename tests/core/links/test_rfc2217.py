"""Serial ports behind RFC 2217: the Telnet part alone, then against pyserial's own server."""

import asyncio
import contextlib
import os
import socket
import tty
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cellwarden.errors import LinkError, LinkTimeout
from cellwarden.links import gateway
from cellwarden.links.rfc2217 import Rfc2217Client
from cellwarden.links.serial import SerialLink
from support.rfc2217_gateway import Rfc2217Gateway, rfc2217_gateway

WILL_COM_PORT, DO_COM_PORT = b"\xff\xfb\x2c", b"\xff\xfd\x2c"
SPEED_115200_IS_SET = b"\xff\xfa\x2c\x65\x00\x01\xc2\x00\xff\xf0"


def agreed() -> Rfc2217Client:
    client = Rfc2217Client(115200)
    client.begin()
    client.feed(DO_COM_PORT + SPEED_115200_IS_SET)
    assert client.ready
    return client


# ------------------------------------------------------------------ the Telnet part


def test_the_speed_is_set_once_the_gateway_agrees_to_talk_about_it() -> None:
    client = Rfc2217Client(115200)
    assert WILL_COM_PORT in client.begin()
    _, answer = client.feed(DO_COM_PORT)
    assert b"\xff\xfa\x2c\x01\x00\x01\xc2\x00\xff\xf0" in answer  # 115200 = 0x1C200
    assert b"\xff\xfa\x2c\x02\x08\xff\xf0" in answer  # 8 data bits
    assert b"\xff\xfa\x2c\x03\x01\xff\xf0" in answer  # no parity
    assert b"\xff\xfa\x2c\x04\x01\xff\xf0" in answer  # 1 stop bit
    assert not client.ready
    client.feed(SPEED_115200_IS_SET)
    assert client.ready


def test_an_agreement_is_answered_once_and_a_foreign_option_refused() -> None:
    client = agreed()
    assert client.feed(DO_COM_PORT) == (b"", b"")
    assert client.feed(b"\xff\xfb\x01") == (b"", b"\xff\xfe\x01")  # WILL ECHO: DONT
    assert client.feed(b"\xff\xfb\x01") == (b"", b"")
    assert client.feed(b"\xff\xfd\x18") == (b"", b"\xff\xfc\x18")  # DO TERMINAL-TYPE: WONT


def test_a_gateway_that_will_not_is_known_by_its_refusal() -> None:
    client = Rfc2217Client(115200)
    client.begin()
    client.feed(b"\xff\xfe\x2c")
    assert client.refusal == "it does not speak RFC 2217 on this port"


def test_another_speed_than_wanted_is_a_refusal() -> None:
    client = Rfc2217Client(115200)
    client.begin()
    client.feed(DO_COM_PORT + b"\xff\xfa\x2c\x65\x00\x00\x25\x80\xff\xf0")
    assert not client.ready
    assert client.refusal == "its port runs at 9600 baud and cannot do 115200"


def test_a_gateway_may_tell_the_speed_that_its_clock_really_gives() -> None:
    client = Rfc2217Client(115200)
    client.begin()
    client.feed(DO_COM_PORT + b"\xff\xfa\x2c\x65" + (115_108).to_bytes(4) + b"\xff\xf0")
    assert client.ready


def test_bytes_of_the_line_are_told_from_commands() -> None:
    client = agreed()
    assert client.feed(b"ab\xff\xffcd") == (b"ab\xffcd", b"")
    assert client.feed(b"a\xff\xf1b") == (b"ab", b"")  # NOP
    assert client.feed(b"a\xff\xfa\x2c\x6b\xff\xff\xff\xf0b") == (b"ab", b"")  # modem lines 255


def test_a_command_that_lost_its_end_does_not_swallow_the_line_for_ever() -> None:
    client = agreed()
    heard, _ = client.feed(b"\xff\xfa" + b"x" * 600)
    assert heard == b"x" * 600


@given(st.binary(max_size=60), st.integers(1, 7))
def test_whatever_travels_comes_out_as_it_went_in_whatever_its_pieces(
    data: bytes, piece: int
) -> None:
    client = agreed()
    wire = client.escape(data)
    heard = b"".join(client.feed(wire[at : at + piece])[0] for at in range(0, len(wire), piece))
    assert heard == data


@given(st.lists(st.binary(max_size=20), max_size=8))
def test_rubbish_is_never_an_error(pieces: list[bytes]) -> None:
    client = Rfc2217Client(9600)
    client.begin()
    for piece in pieces:
        client.feed(piece)


# ------------------------------------------------------------------ pyserial's server


@pytest.fixture
def line() -> Iterator[tuple[int, Rfc2217Gateway]]:
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    os.set_blocking(ours, False)
    try:
        with rfc2217_gateway(os.ttyname(theirs)) as server:
            yield ours, server
    finally:
        os.close(ours)
        os.close(theirs)


async def heard(fd: int, count: int) -> bytes:
    data = b""
    async with asyncio.timeout(5.0):
        while len(data) < count:
            with contextlib.suppress(BlockingIOError):
                data += os.read(fd, 100)
            await asyncio.sleep(0.005)
    return data


def test_every_byte_passes_both_ways_at_the_speed_that_was_asked_for(
    line: tuple[int, Rfc2217Gateway],
) -> None:
    device, server = line
    every = bytes(range(256))

    async def test() -> None:
        link = SerialLink(server.url, baudrate=57600, name="left")
        await link.open()
        assert server.baudrate == 57600
        await link.write(every)
        assert await heard(device, 256) == every
        os.write(device, every)
        assert await link.read(5.0, at_least=256, silence_s=5.0) == every
        link.discard()
        with pytest.raises(LinkTimeout):
            await link.read(0.05)
        await link.close()
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(test())


def test_a_gateway_that_hangs_up_ends_a_read_and_can_be_opened_again(
    line: tuple[int, Rfc2217Gateway],
) -> None:
    device, server = line

    async def test() -> None:
        link = SerialLink(server.url, baudrate=9600, name="left")
        await link.open()
        reading = asyncio.create_task(link.read(30.0))
        await asyncio.sleep(0.02)
        server._hang_up()
        with pytest.raises(LinkError, match="went away"):
            await reading
        await link.open()
        await link.write(b"again")
        assert await heard(device, 5) == b"again"
        await link.close()

    asyncio.run(test())


def test_a_gateway_of_bare_bytes_is_said_so_with_what_to_write_instead(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gateway, "_CONNECT_S", 0.1)

    async def test() -> None:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            port = silent.getsockname()[1]
            link = SerialLink(f"rfc2217://127.0.0.1:{port}", baudrate=9600, name="left")
            with pytest.raises(LinkError, match=f"is socket://127.0.0.1:{port}"):
                await link.open()

    asyncio.run(test())


def test_a_gateway_that_closes_at_once_is_said_so() -> None:
    async def test() -> None:
        with socket.create_server(("127.0.0.1", 0)) as server:
            server.setblocking(False)
            port = server.getsockname()[1]
            link = SerialLink(f"rfc2217://127.0.0.1:{port}", baudrate=9600, name="left")
            opening = asyncio.create_task(link.open())
            client, _ = await asyncio.get_running_loop().sock_accept(server)
            client.close()
            with pytest.raises(LinkError, match="went away"):
                await opening

    asyncio.run(test())
