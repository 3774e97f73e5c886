"""The servers: pymodbus' own, with a doorkeeper. The one module that opens sockets and ports.

pymodbus answers one request at a time and forgets one that came with it, keeps no count of its
connections and buffers answers that nobody reads. A `Connection` answers every whole request in
the order it came, and lets a client take neither memory nor places from others.
"""

import asyncio
import logging
import struct
from collections import Counter, deque
from typing import Any

from pymodbus.constants import ExcCodes
from pymodbus.exceptions import ModbusException, NoSuchIdException
from pymodbus.pdu import ExceptionResponse, ModbusPDU
from pymodbus.server import ModbusSerialServer, ModbusTcpServer
from pymodbus.server.requesthandler import ServerRequestHandler
from pymodbus.simulator import SimDevice

from cellwarden.errors import LinkError
from cellwarden_modbus.config import ModbusOptions

LOG = logging.getLogger(__name__)

MOST_WAITING = 32
"""Requests of one client that wait for their answer; more than that is no use of it."""
MOST_UNREAD = 65_536
"""Bytes of answers that a client has not read."""
HEADER = 7
LONGEST = 254
"""What the length field of a TCP request may say: a unit id and 253 bytes."""
GAP_S = 0.05
"""A pause on the serial line after which a new request begins. The standard says 3.5 characters;
USB adapters hold bytes back for up to 16 ms."""


class Doorkeeper:
    """Counts, and decides who has to go when there is no place left."""

    def __init__(self, most: int, idle_s: float) -> None:
        self.requests = 0
        self.refused = 0
        """Requests answered with an exception."""
        self.turned_away = 0
        self.connections: dict[Connection, None] = {}
        self._most = most
        self._idle_s = idle_s

    def admit(self, newcomer: "Connection") -> None:
        """Let a connection in; the least useful one of whoever holds the most must leave."""
        self.connections[newcomer] = None
        if len(self.connections) <= self._most:
            return
        held = Counter(connection.peer for connection in self.connections)
        victim = min(
            self.connections,
            key=lambda c: (-held[c.peer], c.requests > 0, c.last_s),
        )
        self.turned_away += 1
        victim.leave()

    def forget(self, connection: "Connection") -> None:
        """Take note that a connection has ended."""
        self.connections.pop(connection, None)

    def sweep(self, now_s: float) -> None:
        """Close what has been idle for too long (loop time)."""
        for connection in list(self.connections):
            if now_s - connection.last_s > self._idle_s:
                connection.leave()


class Connection(ServerRequestHandler):
    """One client, or the serial line."""

    def __init__(self, owner: Any, doorkeeper: Doorkeeper, *, rtu: bool) -> None:
        super().__init__(owner, None, None, None)  # type: ignore[no-untyped-call]  # pymodbus
        self._doorkeeper = doorkeeper
        self._rtu = rtu
        self._waiting: deque[ModbusPDU] = deque()
        self._worker: asyncio.Task[None] | None = None
        self._heard_s = 0.0
        self.peer = ""
        self.requests = 0
        self.last_s = self.loop.time()
        """When the last whole request came, loop time."""
        self.max_buffer_size = MOST_WAITING * (LONGEST + HEADER)

    def callback_connected(self) -> None:
        """Take a place."""
        super().callback_connected()
        peer = self.transport.get_extra_info("peername")
        self.peer = str(peer[0]) if isinstance(peer, tuple) else ""
        if not self._rtu:
            self._doorkeeper.admit(self)

    def callback_disconnected(self, exc: Exception | None) -> None:
        """Give the place back."""
        super().callback_disconnected(exc)
        self._doorkeeper.forget(self)
        if self._worker is not None:
            self._worker.cancel()

    def leave(self) -> None:
        """Close at once, without waiting for what the client has not read.

        A serial line is not closed, it only forgets: what was heard may have been noise.
        """
        self._waiting.clear()
        if not self._rtu:
            self._doorkeeper.forget(self)
            if isinstance(self.transport, asyncio.Transport):
                self.transport.abort()

    def _turn_away(self) -> None:
        self._doorkeeper.turned_away += 1
        self.leave()

    def data_received(self, data: bytes) -> None:
        """Take bytes; on the serial line a pause begins a new request."""
        if not self._rtu and len(self.recv_buffer) + len(data) > self.max_buffer_size:
            self._turn_away()  # pymodbus would forget them all without a word
            return
        if self._rtu:
            now_s = self.loop.time()
            if now_s - self._heard_s > GAP_S:
                self.recv_buffer = b""
            self._heard_s = now_s
        super().data_received(data)

    def callback_data(self, data: bytes, addr: tuple[Any, ...] | None = None) -> int:
        """Take every whole request out of the buffer and return how many bytes these were."""
        del addr
        used = 0
        while used < len(data):
            rest = data[used:]
            if not self._rtu and not _is_request(rest):
                self.leave()
                return len(data)
            try:
                taken, request = self.framer.handleFrame(rest, 0, 0)
            except (ModbusException, ValueError, IndexError, struct.error):
                self.leave()
                return len(data)
            if not taken:
                break
            used += taken
            # On a serial line other devices' exceptions pass by; a TCP client has none to send.
            if request is not None and request.function_code < 0x80:
                self._waiting.append(request)
        self._serve()
        return used

    def _serve(self) -> None:
        if not self._waiting:
            return
        self.last_s = self.loop.time()
        unread = self.transport.get_write_buffer_size()  # type: ignore[attr-defined]  # a stream's
        if len(self._waiting) > MOST_WAITING or unread > MOST_UNREAD:
            self._turn_away()
        elif self._worker is None:
            self._worker = self.loop.create_task(self._answer())
            self._worker.add_done_callback(self._answered)

    async def _answer(self) -> None:
        while self._waiting:
            request = self._waiting.popleft()
            try:
                response = await request.datastore_update(self.server.context, request.dev_id)
            except NoSuchIdException:
                if self._rtu:  # another device's: on a shared line silence is the answer
                    continue
                response = ExceptionResponse(request.function_code, ExcCodes.GATEWAY_PATH_UNAVIABLE)
            self.requests += 1
            self._doorkeeper.requests += 1
            self._doorkeeper.refused += response.isError()
            response.dev_id, response.transaction_id = request.dev_id, request.transaction_id
            if not self.is_active():  # it left while a write was at work
                return
            self.transport.write(  # type: ignore[attr-defined]  # a stream's
                self.framer.buildFrame(response)
            )

    def _answered(self, task: asyncio.Task[None]) -> None:
        self._worker = None
        if task.cancelled():
            return
        if (error := task.exception()) is not None:
            LOG.error("a request could not be answered", exc_info=error)
            self.leave()
        else:
            self._serve()


def _is_request(data: bytes) -> bool:
    """Whether bytes can be the beginning of a request by TCP: protocol 0 and a length that fits."""
    if len(data) < HEADER - 1:
        return True
    _, protocol, length = struct.unpack_from(">HHH", data)
    return bool(protocol == 0 and 2 <= length <= LONGEST)


class TcpServer(ModbusTcpServer):
    """Serves on a TCP port."""

    def __init__(
        self,
        devices: list[SimDevice],
        requests: list[type[ModbusPDU]],
        options: ModbusOptions,
        doorkeeper: Doorkeeper,
    ) -> None:
        super().__init__(devices, address=(options.host, options.port), custom_pdu=requests)
        self.name = f"tcp://{options.host}:{options.port}"
        self._doorkeeper = doorkeeper

    def callback_new_connection(self) -> Connection:
        """Return the protocol of a new client."""
        return Connection(self, self._doorkeeper, rtu=False)

    async def stop(self) -> None:
        """Close the port and every connection."""
        await self.shutdown()  # type: ignore[no-untyped-call]  # pymodbus

    async def start(self) -> None:
        """Listen; LinkError if that cannot be."""
        try:
            await self.serve_forever(background=True)
        except RuntimeError as error:
            raise LinkError(
                self.name,
                "cannot listen: the address is not this machine's, another program has the port,"
                " or it is below 1024 and this user may not use it (try port = 1502)",
            ) from error


class SerialServer(ModbusSerialServer):
    """Serves RTU on a serial port."""

    def __init__(
        self,
        devices: list[SimDevice],
        requests: list[type[ModbusPDU]],
        options: ModbusOptions,
        doorkeeper: Doorkeeper,
    ) -> None:
        assert options.serial_port is not None
        super().__init__(
            devices,
            port=options.serial_port,
            baudrate=options.baudrate,
            parity=options.parity[0].upper(),
            stopbits=1,
            ignore_missing_devices=True,
            custom_pdu=requests,
        )
        self.name = options.serial_port
        self._doorkeeper = doorkeeper

    def callback_new_connection(self) -> Connection:
        """Return the protocol of the line."""
        return Connection(self, self._doorkeeper, rtu=True)

    @property
    def is_up(self) -> bool:
        """Whether the port is open."""
        return bool(self.active_connections)

    async def stop(self) -> None:
        """Close the port."""
        await self.shutdown()  # type: ignore[no-untyped-call]  # pymodbus

    async def start(self) -> None:
        """Open the port; LinkError if that cannot be."""
        try:
            await self.serve_forever(background=True)
        except RuntimeError as error:
            raise LinkError(self.name, "the serial port cannot be opened") from error
