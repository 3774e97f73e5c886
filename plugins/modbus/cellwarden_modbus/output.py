"""The output: serves the newest decision until the controller stops.

It runs in a thread of its own, although a PLC may steer by it: whoever reaches the port decides how
much work there is, and a thread is what keeps that away from the drivers and the inverter's bus.
"""

import asyncio
import logging
from collections.abc import Mapping

from cellwarden.errors import LinkError
from cellwarden.hooks import OutputContext
from cellwarden.interfaces import Feed, Gate
from cellwarden.model import BankPhase, BankState
from cellwarden.runtime.backoff import Backoff
from cellwarden_modbus.config import ModbusOptions
from cellwarden_modbus.pdus import requests
from cellwarden_modbus.server import Doorkeeper, SerialServer, TcpServer
from cellwarden_modbus.service import Service

LOG = logging.getLogger(__name__)

TURN_S = 5.0
"""Longest time between two looks at idle clients and the serial port, real s."""


class ModbusOutput:
    """The bank as a Modbus device."""

    def __init__(self, options: ModbusOptions, context: OutputContext) -> None:
        self._options = options
        self._who = f"output {context.name}"
        self._doorkeeper = Doorkeeper(options.max_clients, options.idle_timeout_s)
        self._tcp: TcpServer | None = None
        self._serial: SerialServer | None = None
        self._backoff = Backoff(1.0, 30.0)
        self._retry_at: float | None = None
        self._last_error = ""
        # It tells each bad request of each client at levels that are a person's business.
        logging.getLogger("pymodbus").setLevel(logging.CRITICAL)

    async def run(self, feed: Feed, gate: Gate) -> None:
        """Serve until the controller stops; LinkError if the TCP port cannot be had."""
        state = await feed.next()
        assert state is not None
        service = Service(self._options, feed.clock, gate, self._who, state)
        try:
            if self._options.tcp:
                server = TcpServer(
                    service.devices(),
                    requests(service, rtu=False),
                    self._options,
                    self._doorkeeper,
                )
                await server.start()
                self._tcp = server
                LOG.info("%s is served", server.name)
            await self._serve(feed, service, state)
        finally:
            await self._close(service)

    def status(self) -> Mapping[str, object]:
        """Return how the servers stand."""
        options, doorkeeper = self._options, self._doorkeeper
        return {
            "tcp": f"{options.host}:{options.port}" if options.tcp else None,
            "serial_port": options.serial_port,
            "unit": options.unit,
            "first_pack_unit": options.first_pack_unit,
            "listening": self._tcp is not None,
            "serial_open": self._serial is not None and self._serial.is_up,
            "clients": len(doorkeeper.connections),
            "requests": doorkeeper.requests,
            "refused": doorkeeper.refused,
            "turned_away": doorkeeper.turned_away,
            "allow_writes": list(options.allow_writes),
            "last_error": self._last_error,
        }

    async def _serve(self, feed: Feed, service: Service, state: BankState | None) -> None:
        now_s = asyncio.get_running_loop().time
        while True:
            if state is not None:
                service.decided(state)
                if state.phase is BankPhase.STOPPING:
                    await asyncio.sleep(self._options.stop_hold_s)
                    return
            self._doorkeeper.sweep(now_s())
            if self._options.serial_port is not None:
                await self._keep_serial(service, now_s())
            state = await feed.next(TURN_S)

    async def _keep_serial(self, service: Service, now_s: float) -> None:
        """Open the serial port, again and again if it must be."""
        if self._serial is not None:
            if self._serial.is_up:
                return
            await self._serial.stop()
            self._serial = None
            self._failed(f"{self._options.serial_port} was lost", now_s)
        if self._retry_at is not None and now_s < self._retry_at:
            return
        server = SerialServer(
            service.devices(), requests(service, rtu=True), self._options, self._doorkeeper
        )
        try:
            await server.start()
        except LinkError as error:
            await server.stop()
            self._failed(str(error), now_s)
            return
        self._serial = server
        self._retry_at = None
        self._backoff.reset()
        LOG.info("%s is served", server.name)

    def _failed(self, error: str, now_s: float) -> None:
        """Remember the error and when to try again; the first of a row is a warning."""
        LOG.log(logging.WARNING if self._retry_at is None else logging.DEBUG, "%s", error)
        self._last_error = error
        self._retry_at = now_s + self._backoff.next_s()

    async def _close(self, service: Service) -> None:
        for connection in list(self._doorkeeper.connections):
            connection.leave()
        for server in (self._tcp, self._serial):
            if server is not None:
                await server.stop()
        self._tcp = self._serial = None
        await service.finish()
        await asyncio.sleep(0)  # lets what was closed tell so
