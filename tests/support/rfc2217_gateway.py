"""A serial port behind RFC 2217, served by pyserial's own `PortManager`."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from typing import Any

import serial
from serial.rfc2217 import PortManager


class _Port(serial.Serial):
    """A port whose modem lines can be asked for: a pseudo terminal has none."""

    cts = dsr = ri = cd = property(lambda _: False)


class _Connection:
    """What PortManager writes its answers to."""

    def __init__(self, client: socket.socket) -> None:
        self._client = client
        self._lock = threading.Lock()

    def write(self, data: bytes) -> None:
        with self._lock:
            self._client.sendall(data)


class Rfc2217Gateway:
    """One client at a time, on loopback; `port` is the device it makes reachable."""

    def __init__(self, port: str) -> None:
        self._serial = _Port(port, timeout=0.02)
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"rfc2217://127.0.0.1:{self._listening.getsockname()[1]}"
        self._ended = threading.Event()
        self._client: socket.socket | None = None
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    @property
    def baudrate(self) -> int:
        """What the client has set."""
        return int(self._serial.baudrate)

    def close(self) -> None:
        """Hang up."""
        self._ended.set()
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._hang_up()
        self._thread.join(5.0)
        self._serial.close()

    def _hang_up(self) -> None:
        if self._client is not None:
            with contextlib.suppress(OSError):
                self._client.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while not self._ended.is_set():
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            with client:
                self._client = client
                self._serve(client)
                self._client = None

    def _serve(self, client: socket.socket) -> None:
        connection = _Connection(client)
        manager: Any = PortManager(self._serial, connection)
        gone = threading.Event()
        reading = threading.Thread(
            target=self._from_line, args=(manager, connection, gone), daemon=True
        )
        reading.start()
        with contextlib.suppress(OSError):
            while data := client.recv(1024):
                self._serial.write(b"".join(manager.filter(data)))
        gone.set()
        reading.join(5.0)

    def _from_line(self, manager: Any, connection: _Connection, gone: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while not gone.is_set():
                if data := self._serial.read(self._serial.in_waiting or 1):
                    connection.write(b"".join(manager.escape(data)))


@contextlib.contextmanager
def rfc2217_gateway(port: str) -> Iterator[Rfc2217Gateway]:
    """Serve a port for the time of a block."""
    gateway = Rfc2217Gateway(port)
    try:
        yield gateway
    finally:
        gateway.close()
