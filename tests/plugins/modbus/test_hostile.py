"""Slow, broken and hostile clients: they hurt nobody."""

import asyncio
import contextlib
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pymodbus.client import ModbusTcpClient

from cellwarden.model import BankState
from support.modbus_server import Serve, Served
from support.processes import started, until

Connect = Callable[[Served], ModbusTcpClient]
READ_STATUS = struct.pack(">HHHBBHH", 1, 0, 6, 1, 3, 2001, 1)


def raw(served: Served, timeout_s: float = 3.0, source: str = "127.0.0.1") -> socket.socket:
    return socket.create_connection(
        ("127.0.0.1", served.port), timeout_s, source_address=(source, 0)
    )


def ask(client: socket.socket, body: bytes, number: int = 7, unit: int = 1) -> bytes:
    """Send one request and return the answer from its function code on."""
    client.sendall(struct.pack(">HHHB", number, 0, len(body) + 1, unit) + body)
    head = exactly(client, 7)
    transaction, protocol, length, answered = struct.unpack(">HHHB", head)
    assert (transaction, protocol, answered) == (number, 0, unit)
    return exactly(client, length - 1)


def exactly(client: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        part = client.recv(count - len(data))
        if not part:
            raise ConnectionResetError
        data += part
    return data


def is_closed(client: socket.socket) -> bool:
    try:
        return client.recv(4096) == b""
    except ConnectionResetError:
        return True


# -- requests that make no sense -------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        (struct.pack(">BHH", 3, 2001, 1), b"\x03\x02\x00\x01"),
        (struct.pack(">BHH", 3, 2001, 0), b"\x83\x03"),
        (struct.pack(">BHH", 3, 2001, 126), b"\x83\x03"),
        (struct.pack(">BHH", 3, 2001, 0xFFFF), b"\x83\x03"),  # a giant count
        (struct.pack(">BHH", 3, 0xFFFF, 125), b"\x83\x02"),  # past the last address
        (struct.pack(">BHH", 4, 2000, 125), b"\x84\x02"),  # runs past the end of the map
        (struct.pack(">BH", 3, 2001), b"\x83\x03"),  # cut short
        (b"\x03", b"\x83\x03"),
        (struct.pack(">BHH", 1, 2001, 1), b"\x81\x01"),  # coils
        (struct.pack(">BHHB", 15, 0, 0x7B0, 246), b"\x8f\x01"),
        (b"\x08\x00\x04\x00\x00", b"\x88\x01"),  # diagnostics: be silent from now on
        (b"\x11", b"\x91\x01"),
        (b"\x14\x07\x06\x00\x01\x00\x00\xff\xff", b"\x94\x01"),  # files
        (struct.pack(">BHHH", 0x16, 2001, 0, 0), b"\x96\x01"),
        (struct.pack(">BHHHHB", 0x17, 2001, 1, 2060, 1, 2) + b"\0\0", b"\x97\x01"),
        (b"\x2b\x0e\x01\x00", b"\xab\x01"),
        (b"\x63abc", b"\xe3\x01"),  # no such function
        (struct.pack(">BHH", 6, 2060, 1), b"\x86\x01"),
        (struct.pack(">BHHB", 16, 2060, 1, 2) + b"\0\1", b"\x90\x01"),
        (struct.pack(">BHHB", 16, 2060, 0xFFFF, 2) + b"\0\1", b"\x90\x03"),
        (struct.pack(">BHHB", 16, 2060, 2, 4) + b"\0\1", b"\x90\x03"),  # fewer bytes than said
    ],
)
def test_a_request_gets_its_values_or_the_right_exception(
    serve: Serve, body: bytes, answer: bytes
) -> None:
    served = serve()
    with raw(served) as client:
        assert ask(client, body) == answer
        assert ask(client, struct.pack(">BHH", 3, 2001, 1)) == b"\x03\x02\x00\x01"


@pytest.mark.parametrize(
    "header",
    [
        b"\x00\x01\x00\x07\x00\x06\x01\x03",  # another protocol
        b"\x00\x01\x00\x00\xff\xff\x01\x03",  # a giant length
        b"\x00\x01\x00\x00\x00\x00\x01\x03",  # no length at all
        b"\x00\x01\x00\x00\x00\x06\x01\x00\x00\x00\x00\x00",  # function 0
        b"GET / HTTP/1.1\r\n\r\n",
    ],
)
def test_what_is_no_modbus_closes_the_connection(serve: Serve, header: bytes) -> None:
    with raw(serve()) as client:
        client.sendall(header)
        assert is_closed(client)


def test_an_answer_that_comes_as_a_request_is_not_answered(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    with raw(serve()) as client:
        client.sendall(b"\x00\x01\x00\x00\x00\x03\x01\x83\x02")
        assert ask(client, struct.pack(">BHH", 3, 2001, 1)) == b"\x03\x02\x00\x01"
    assert caplog.records == []


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.binary(min_size=1, max_size=300), min_size=1, max_size=4))
def test_random_bytes_break_nothing(
    one_server: Served, caplog: pytest.LogCaptureFixture, chunks: list[bytes]
) -> None:
    with raw(one_server) as client, contextlib.suppress(OSError):
        for chunk in chunks:
            client.sendall(chunk)
    with raw(one_server) as client:
        assert ask(client, struct.pack(">BHH", 3, 2001, 1)) == b"\x03\x02\x00\x01"
    assert [r for r in caplog.records if r.levelname != "DEBUG"] == []


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.integers(1, 127), st.binary(max_size=60))
def test_any_function_with_any_content_gets_an_answer_of_that_function(
    one_server: Served, caplog: pytest.LogCaptureFixture, function: int, content: bytes
) -> None:
    with raw(one_server) as client:
        answer = ask(client, bytes([function]) + content)
    assert answer[0] in (function, function | 0x80)
    assert answer[0] == function | 0x80 or function in (3, 4)
    if answer[0] & 0x80:
        assert answer[1] in (1, 2, 3)
    assert [r for r in caplog.records if r.levelname != "DEBUG"] == []


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    st.sampled_from([1, 2, 3]),
    st.integers(0, 65_535) | st.integers(250, 340) | st.integers(1990, 2090)
    | st.integers(2990, 3190) | st.integers(39_990, 40_600),
    st.integers(0, 200),
)  # fmt: skip
def test_any_range_that_is_asked_for_gives_its_values_or_the_right_exception(
    one_server: Served, unit: int, address: int, count: int
) -> None:
    served = (
        [(256, 332), (1282, 1344), (2000, 2080), (40_000, 40_581)] if unit == 1 else [(3000, 3182)]
    )
    inside = any(start <= address and address + count <= end for start, end in served)
    with raw(one_server) as client:
        answer = ask(client, struct.pack(">BHH", 3, address, count), unit=unit)
    if not 1 <= count <= 125:
        assert answer == b"\x83\x03"
    elif not inside:
        assert answer == b"\x83\x02"
    else:
        assert answer[:2] == bytes([3, 2 * count])
        assert len(answer) == 2 + 2 * count


@pytest.fixture
def one_server(serve: Serve) -> Served:
    return serve()


def test_a_request_in_single_bytes_is_one_request(serve: Serve) -> None:
    with raw(serve()) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for n in range(len(READ_STATUS)):
            client.sendall(READ_STATUS[n : n + 1])
            time.sleep(0.002)
        assert exactly(client, 11)[-2:] == b"\x00\x01"


def test_requests_that_come_together_are_all_answered_in_order(serve: Serve) -> None:
    with raw(serve()) as client:
        client.sendall(
            b"".join(struct.pack(">HHHBBHH", n, 0, 6, 1, 3, 2005 + n % 3, 1) for n in range(1, 21))
        )
        for n in range(1, 21):
            number, _, _, _, _, _, value = struct.unpack(">HHHBBBH", exactly(client, 11))
            assert (number, value) == (n, (2, 2, 0)[n % 3])


# -- clients that take without giving --------------------------------------------------------


def test_half_a_frame_holds_up_nobody_and_is_closed_in_the_end(
    serve: Serve, client_of: Connect, make_bank: Callable[..., BankState]
) -> None:
    served = serve(idle_timeout_s=5.0)
    served.output._doorkeeper._idle_s = 0.3
    client = client_of(served)
    with contextlib.ExitStack() as stack:
        halves = [stack.enter_context(raw(served)) for _ in range(5)]
        for half in halves:
            half.sendall(READ_STATUS[:9])
        for _ in range(10):
            assert client.read_holding_registers(2001, device_id=1).registers == [1]
            served.put(make_bank())
            time.sleep(0.05)
        served.put(make_bank())
        assert all(is_closed(half) for half in halves)
    assert client.read_holding_registers(2001, device_id=1).registers == [1]


def test_answers_that_nobody_reads_are_not_kept(serve: Serve, client_of: Connect) -> None:
    served = serve()
    client = client_of(served)
    asked = struct.pack(">HHHBBHH", 1, 0, 6, 1, 3, 40_000, 125) * 16

    def send_for_ever(deaf: socket.socket) -> None:
        while True:
            deaf.sendall(asked)
            time.sleep(0.0005)

    with raw(served) as deaf:
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        with pytest.raises(ConnectionError):  # reset or broken pipe: it was thrown out
            send_for_ever(deaf)
    assert served.output.status()["turned_away"] == 1
    assert client.read_holding_registers(2001, device_id=1).registers == [1]


def test_more_requests_at_once_than_anybody_needs_end_the_connection(serve: Serve) -> None:
    served = serve()
    with raw(served) as client:
        with contextlib.suppress(ConnectionError):
            client.sendall(READ_STATUS * 200_000)
        assert is_closed(client)
    assert served.output.status()["turned_away"] == 1


def test_ten_thousand_connections_take_no_place_of_who_asks(
    serve: Serve, client_of: Connect, make_bank: Callable[..., BankState]
) -> None:
    served = serve(max_clients=16)
    client = client_of(served)
    assert client.read_holding_registers(2001, device_id=1).registers == [1]
    before = len(list(Path("/proc/self/fd").iterdir()))
    crowd: list[socket.socket] = []
    slowest_s = 0.0
    try:
        for n in range(10_000):
            crowd.append(raw(served, 10.0))
            if n % 50 == 0:  # fewer than the queue of the port holds: a full one costs 1 s
                served.put(make_bank())
                began_s = time.monotonic()
                assert client.read_holding_registers(2001, device_id=1).registers == [1]
                slowest_s = max(slowest_s, time.monotonic() - began_s)
                assert len(served.output._doorkeeper.connections) <= 16 + 1
        until(lambda: served.output.status()["clients"] == 16, 10, "the crowd to go")
        held = len(list(Path("/proc/self/fd").iterdir())) - before - len(crowd)
        assert held <= 20  # what the server itself still has open
    finally:
        for one in crowd:
            one.close()
    assert slowest_s < 1.0
    served.put(make_bank())
    assert client.read_holding_registers(2001, device_id=1).registers == [1]


def test_a_host_that_takes_many_places_loses_its_own(serve: Serve, client_of: Connect) -> None:
    """The crowd asks, too; but it comes from another address than the client that stays."""
    served = serve(max_clients=8)
    client = client_of(served)
    assert client.read_holding_registers(2001, device_id=1).registers == [1]
    with contextlib.ExitStack() as stack:
        for _ in range(50):
            one = stack.enter_context(raw(served, source="127.0.0.2"))
            with contextlib.suppress(OSError):
                ask(one, struct.pack(">BHH", 3, 2001, 1))
        assert client.read_holding_registers(2001, device_id=1).registers == [1]
        assert served.output.status()["turned_away"] == 50 + 1 - 8


def test_many_clients_at_once_all_get_their_own_answers(serve: Serve) -> None:
    served = serve(max_clients=32)
    wrong: list[object] = []

    def poll(n: int) -> None:
        with raw(served, 10.0) as client:
            for round_ in range(50):
                answer = ask(
                    client, struct.pack(">BHH", 3, 3100 + n % 16, 1), number=round_ + 1,
                    unit=2 + n % 2,
                )  # fmt: skip
                if answer != struct.pack(">BBH", 3, 2, 3300 + n % 16):
                    wrong.append((n, answer))

    threads = [threading.Thread(target=poll, args=(n,)) for n in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert wrong == []
    assert served.output.status()["requests"] == 24 * 50


FLOOD = """
import socket, struct, sys, threading
request = struct.pack(">HHHBBHH", 1, 0, 6, 1, 3, 40_000, 125) * 8
def flood():
    client = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
    while True:
        client.sendall(request)
        left = 8 * (9 + 250)
        while left:
            left -= len(client.recv(left))
for _ in range(4):
    threading.Thread(target=flood, daemon=True).start()
print("at work")
sys.stdin.read()
"""


def test_a_flood_of_requests_does_not_hold_up_the_control_loop(serve: Serve) -> None:
    """The control loop is this thread's; the server has its own, as the controller gives it."""

    async def control() -> list[float]:
        late_s = []
        loop = asyncio.get_running_loop()
        for _ in range(100):
            due_s = loop.time() + 0.01
            await asyncio.sleep(0.01)
            late_s.append(loop.time() - due_s)
        return late_s

    served = serve()
    interval_s = sys.getswitchinterval()
    sys.setswitchinterval(0.001)  # as runtime.process does
    try:
        with started([sys.executable, "-c", FLOOD, str(served.port)]) as flood:
            assert flood.next_line() == "at work"
            late_s = sorted(asyncio.run(control()))
    finally:
        sys.setswitchinterval(interval_s)
    assert served.output.status()["requests"] > 500  # type: ignore[operator]
    assert late_s[len(late_s) // 2] < 0.01  # a few switch intervals; 0.001 s when nothing else runs
    assert late_s[-1] < 0.3


# -- a serial line with others on it ---------------------------------------------------------


def test_noise_and_other_devices_on_the_line_are_left_alone(
    serve: Serve, line: tuple[str, str]
) -> None:
    from pymodbus.client import ModbusSerialClient
    from pymodbus.framer.rtu import FramerRTU

    def framed(body: bytes) -> bytes:
        return body + FramerRTU.compute_CRC(body).to_bytes(2, "big")

    serve(tcp=False, serial_port=line[0], baudrate=115_200)
    client = ModbusSerialClient(line[1], baudrate=115_200, timeout=0.5, retries=0)
    assert client.connect()
    assert client.socket is not None
    try:
        for noise in (
            b"\x00\xff" * 20,
            framed(b"\x07\x03\x00\x00\x00\x02"),  # somebody else is asked
            framed(b"\x07\x03\x04\x00\x01\x00\x02"),  # and answers
            framed(b"\x07\x10\x08\x0c\x00\x01"),  # the answer to a write
            framed(b"\x07\x83\x02"),  # its exception
            framed(b"\x01\x83\x02"),
            framed(b"\x01\x63\x00"),  # a function that nobody has
            framed(b"\x01\x08\x12\x34\x00\x00"),  # a sub-function that nobody has
            framed(b"\x01\x03\x07\xd1\x00\x01")[:-1],  # half a request
            framed(b"\x01\x03\x07\xd1\x00\x01")[:-1] + b"\x00",  # a wrong check sum
        ):
            client.socket.write(noise)
            time.sleep(0.1)
            assert client.socket.read(client.socket.in_waiting) == b""
            assert client.read_holding_registers(2001, device_id=1).registers == [1]
    finally:
        client.close()
