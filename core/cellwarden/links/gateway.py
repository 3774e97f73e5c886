"""Serial ports behind TCP: `socket://host:port` (bare bytes) and `rfc2217://host:port`.

Plain sockets on the running loop: pyserial's own clients sleep in close(), or read in a thread.
"""

import asyncio
import contextlib
import errno
import socket
from contextlib import ExitStack
from urllib.parse import urlsplit

from cellwarden.errors import LinkError
from cellwarden.links.rfc2217 import Rfc2217Client

_CONNECT_S = 5.0  # s, for a gateway on the local network
_DEAD_MS = 10_000  # ms without TCP acknowledgement until a gateway counts as gone
_CHUNK = 4096


class Gateway:
    """One connection; reading and writing are the caller's, on `socket`."""

    def __init__(self, connection: socket.socket, telnet: Rfc2217Client | None) -> None:
        self.socket = connection
        self._telnet = telnet

    def received(self, data: bytes) -> tuple[bytes, bytes]:
        """Return the line's bytes in what came, and what to send back for the rest."""
        return self._telnet.feed(data) if self._telnet else (data, b"")

    def to_send(self, data: bytes) -> bytes:
        """Return bytes for the line as they are sent."""
        return self._telnet.escape(data) if self._telnet else data


def problem_of(url: str) -> str | None:
    """Return what is wrong with the address of a gateway, None if nothing is."""
    parts = urlsplit(url)
    with contextlib.suppress(ValueError):
        if parts.scheme in ("socket", "rfc2217") and parts.hostname and parts.port:
            return None
    return f"{url} is neither a device path nor socket://host:port or rfc2217://host:port"


async def connect(url: str, *, baudrate: int, name: str) -> Gateway:
    """Connect; behind RFC 2217 also set the speed. LinkError with what to check."""
    if (problem := problem_of(url)) is not None:
        raise LinkError(name, problem)
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    try:
        async with asyncio.timeout(_CONNECT_S):
            connection = await _connect_any(parts.hostname, parts.port)
    except TimeoutError as error:
        message = f"{url} does not answer: is the gateway on, and on this network?"
        raise LinkError(name, message) from error
    except OSError as error:
        message = f"cannot connect to {url}: {error.strerror}; check address and port"
        raise LinkError(name, message) from error
    if parts.scheme == "socket":
        return Gateway(connection, None)
    with ExitStack() as undo:
        undo.callback(connection.close)
        telnet = await _negotiate(connection, url, baudrate, name)
        undo.pop_all()
    return Gateway(connection, telnet)


async def _negotiate(
    connection: socket.socket, url: str, baudrate: int, name: str
) -> Rfc2217Client:
    telnet = Rfc2217Client(baudrate)
    try:
        async with asyncio.timeout(_CONNECT_S):
            await _until_ready(connection, telnet)
    except TimeoutError:
        telnet.refusal = telnet.refusal or "it does not answer as RFC 2217 wants"
    except OSError as error:
        raise LinkError(name, f"{url} went away ({error.strerror})") from error
    if not telnet.ready:
        scheme_free = url.removeprefix("rfc2217://")
        raise LinkError(
            name,
            f"{url}: {telnet.refusal}; a gateway with a speed of its own is socket://{scheme_free}",
        )
    return telnet


async def _until_ready(connection: socket.socket, telnet: Rfc2217Client) -> None:
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(connection, telnet.begin())
    while not telnet.ready and not telnet.refusal:
        data = await loop.sock_recv(connection, _CHUNK)
        if not data:
            raise ConnectionResetError(errno.ECONNRESET, "the gateway closed the connection")
        _, answers = telnet.feed(data)
        await loop.sock_sendall(connection, answers)


async def _connect_any(host: str, port: int) -> socket.socket:
    """Return a connection to the first address of the host that takes one."""
    loop = asyncio.get_running_loop()
    failure: OSError | None = None
    for family, type_, protocol, _, address in await loop.getaddrinfo(
        host, port, type=socket.SOCK_STREAM
    ):
        with ExitStack() as undo:
            gateway = socket.socket(family, type_, protocol)
            undo.callback(gateway.close)
            gateway.setblocking(False)
            gateway.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            gateway.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _DEAD_MS)
            try:
                await loop.sock_connect(gateway, address)
            except OSError as error:
                failure = error
                continue
            undo.pop_all()
            return gateway
    raise failure or OSError(errno.EADDRNOTAVAIL, "no address")
